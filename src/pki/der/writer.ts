import { concat, fromText, noBytes } from '../../bytes/bytes.ts';
import { encodeOid } from './oid.ts';
import { contextPrimitiveTag, contextTag, tags } from './reader.ts';

/** One element: tag, shortest length, content (X.690, Section 10.1). */
export function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  return derList(tag, content);
}

/** As {@link der}, for content of any number of parts (a call has room for some ten thousand arguments). */
export function derList(tag: number, content: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of content) length += part.length;
  const size = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 4;
  const bytes = new Uint8Array(2 + size + length);
  bytes[0] = tag;
  bytes[1] = size === 0 ? length : 0x80 | size;
  for (let i = 0; i < size; i++) bytes[2 + i] = length >>> (8 * (size - 1 - i));
  let at = 2 + size;
  for (const part of content) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A SEQUENCE of encoded elements. */
export const derSequence = (...elements: readonly Uint8Array[]): Uint8Array => der(tags.sequence, ...elements);

/** A SET OF: its elements in ascending order of their encodings (X.690, Section 11.6). */
export const derSet = (...elements: readonly Uint8Array[]): Uint8Array =>
  der(tags.set, ...[...elements].sort(compareBytes));

/** An INTEGER from a number, a bigint, or the big-endian bytes of a non-negative number. */
export function derInteger(value: number | bigint | Uint8Array, tag: number = tags.integer): Uint8Array {
  return der(tag, value instanceof Uint8Array ? unsignedContent(value) : signedContent(BigInt(value)));
}

/** An ENUMERATED. */
export const derEnumerated = (value: number): Uint8Array => derInteger(value, tags.enumerated);

/** A BOOLEAN. */
export const derBoolean = (value: boolean): Uint8Array => der(tags.boolean, Uint8Array.of(value ? 0xff : 0));

/** NULL. */
export const derNull = (): Uint8Array => der(tags.null);

/** An OBJECT IDENTIFIER from its dotted form. */
export const derOid = (text: string): Uint8Array => der(tags.oid, encodeOid(text));

/** An OCTET STRING. */
export const derOctetString = (...content: readonly Uint8Array[]): Uint8Array => der(tags.octetString, ...content);

/** A BIT STRING that is a whole number of bytes. */
export const derBitString = (content: Uint8Array): Uint8Array => der(tags.bitString, Uint8Array.of(0), content);

/** A named bit list: bit `n` of `bits` is bit `n` of the list; trailing zero bits are removed (X.690, Section 11.2.2). */
export function derNamedBits(bits: number, tag: number = tags.bitString): Uint8Array {
  if (bits === 0) return der(tag, Uint8Array.of(0));
  const count = 32 - Math.clz32(bits);
  const content = new Uint8Array(1 + Math.ceil(count / 8));
  content[0] = (8 - (count % 8)) % 8;
  for (let i = 0; i < count; i++) {
    if ((bits & (1 << i)) !== 0) content[1 + (i >> 3)] = (content[1 + (i >> 3)] as number) | (0x80 >> (i & 7));
  }
  return der(tag, content);
}

/** A UTF8String. */
export const derUtf8 = (text: string): Uint8Array => der(tags.utf8String, fromText(text));

/** A PrintableString where the text allows it, a UTF8String otherwise. */
export const derText = (text: string): Uint8Array =>
  der(/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text) ? tags.printableString : tags.utf8String, fromText(text));

/** An IA5String. Throws where the text is not ASCII. */
export const derIa5 = (text: string): Uint8Array => der(tags.ia5String, asciiBytes(text));

/** A Time: UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280, Section 4.1.2.5). `ms` since 1970; seconds count. */
export function derTime(ms: number): Uint8Array {
  const digits = timeDigits(ms);
  const year = Number(digits.slice(0, 4));
  return year >= 1950 && year < 2050
    ? der(tags.utcTime, fromText(`${digits.slice(2)}Z`))
    : der(tags.generalizedTime, fromText(`${digits}Z`));
}

/** A GeneralizedTime from milliseconds since 1970 (RFC 5280, Section 4.1.2.5.2); fractions of a second are cut. */
export const derGeneralizedTime = (ms: number): Uint8Array => der(tags.generalizedTime, fromText(`${timeDigits(ms)}Z`));

/** `[n]` EXPLICIT, or IMPLICIT over a constructed type with the content given. */
export const derContext = (n: number, ...content: readonly Uint8Array[]): Uint8Array => der(contextTag(n), ...content);

/** `[n]` IMPLICIT over a primitive type. */
export const derContextPrimitive = (n: number, content: Uint8Array = noBytes): Uint8Array =>
  der(contextPrimitiveTag(n), content);

/** Bytes of a text that must be ASCII. */
export function asciiBytes(text: string): Uint8Array {
  if (!/^[\x20-\x7e]*$/.test(text)) throw new RangeError(`"${text}" has characters outside ASCII`);
  return fromText(text);
}

/** Order of two encodings, as SET OF and DER compare them (X.690, Section 11.6). */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}

function unsignedContent(bytes: Uint8Array): Uint8Array {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at++;
  const trimmed = bytes.length === 0 ? Uint8Array.of(0) : bytes.subarray(at);
  return (trimmed[0] as number) >= 0x80 ? concat(Uint8Array.of(0), trimmed) : trimmed;
}

function signedContent(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.unshift(Number(rest & 0xffn));
    rest >>= 8n;
  } while (!((rest === 0n && (bytes[0] as number) < 0x80) || (rest === -1n && (bytes[0] as number) >= 0x80)));
  return Uint8Array.from(bytes);
}

function timeDigits(ms: number): string {
  const digits = new Date(ms)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/[^0-9]/g, '');
  if (digits.length !== 14) throw new RangeError(`the time ${ms} is outside the years 0000 to 9999`);
  return digits;
}
