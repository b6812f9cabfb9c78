const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const sextets = new Int8Array(256).fill(-1);
for (let i = 0; i < 64; i++) sextets[alphabet.charCodeAt(i)] = i;

/** Base64 with padding (RFC 4648, Section 4). */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += alphabet[group >> 18] as string;
    text += alphabet[(group >> 12) & 63] as string;
    text += left > 1 ? (alphabet[(group >> 6) & 63] as string) : '=';
    text += left > 2 ? (alphabet[group & 63] as string) : '=';
  }
  return text;
}

/**
 * Bytes of a Base64 text; white space is ignored, padding is required, unused bits must be zero. `undefined` where the
 * text is anything else. Not constant-time: PEM keys are read once, at start.
 */
export function fromBase64(text: string): Uint8Array | undefined {
  const out = new Uint8Array(Math.floor((text.length * 3) / 4) + 3);
  let length = 0;
  let group = 0;
  let count = 0;
  let padding = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x20 || (code >= 0x09 && code <= 0x0d)) continue;
    if (code === 0x3d) {
      padding++;
      continue;
    }
    const value = code < 256 ? (sextets[code] as number) : -1;
    if (value < 0 || padding > 0) return undefined;
    group = (group << 6) | value;
    if (++count % 4 !== 0) continue;
    out[length++] = group >> 16;
    out[length++] = group >> 8;
    out[length++] = group;
    group = 0;
  }
  const rest = count % 4;
  if (rest === 1 || padding !== (rest === 0 ? 0 : 4 - rest)) return undefined;
  if (rest === 2) {
    if ((group & 0x0f) !== 0) return undefined;
    out[length++] = group >> 4;
  } else if (rest === 3) {
    if ((group & 0x03) !== 0) return undefined;
    out[length++] = group >> 10;
    out[length++] = group >> 2;
  }
  return out.slice(0, length);
}
