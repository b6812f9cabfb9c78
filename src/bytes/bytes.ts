/** An array of no bytes. */
export const noBytes = new Uint8Array(0);

/** Whether a value is a Uint8Array, be it of another realm (a frame, a `vm` context, Jest). */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || Object.prototype.toString.call(value) === '[object Uint8Array]';
}

/** Joins arrays into a new one. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Whether two public values are equal. For secrets and authenticators use {@link constantTimeEqual}. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether two values of public length are equal, in a time that depends on the length only. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** Overwrites secrets with zeros. */
export function zeroize(...secrets: readonly (Uint8Array | undefined)[]): void {
  for (const secret of secrets) if (secret !== undefined) wipe(secret);
}

/** Keys are short: for them `fill`, a call out of JavaScript, takes longer than a loop. */
function wipe(secret: Uint8Array): void {
  if (secret.length > 64) secret.fill(0);
  else for (let i = 0; i < secret.length; i++) secret[i] = 0;
}

const hexDigits = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += hexDigits[byte];
  return text;
}

/** Bytes from hexadecimal; white space is ignored. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw new RangeError('not a string of hexadecimal digit pairs');
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

const utf8Encoder = new TextEncoder();

/** Bytes of a string in UTF-8. */
export function fromText(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  // Names and labels are ASCII and short: the loop takes half the time of the encoder's call.
  for (let i = 0; i < bytes.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return utf8Encoder.encode(text);
    bytes[i] = code;
  }
  return bytes;
}

/** A string whose code units are the bytes (Latin-1), for host names, ALPN and other ASCII. */
export function toLatin1(bytes: Uint8Array): string {
  // Not by TextDecoder: its call costs more than the loop, and its `latin1` is windows-1252 by the standard.
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i] as number);
  return text;
}
