import { CertificateError } from '../../errors.ts';
import { oidText } from './oid.ts';
import { parseGeneralizedTime, parseUtcTime } from './time.ts';

/** The tags that X.509 uses (X.690, Section 8), with the constructed bit where DER prescribes it. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag of `[n]` where the content is constructed (EXPLICIT, or IMPLICIT over a SEQUENCE). */
export const contextTag = (n: number): number => 0xa0 | n;
/** The tag of `[n]` IMPLICIT over a primitive type. */
export const contextPrimitiveTag = (n: number): number => 0x80 | n;

/** A structure that is not what DER or its schema prescribes: `ERR_TLS_DER`, alert `bad_certificate`. */
export function derError(message: string, rfc = 'X.690, Section 10'): CertificateError {
  return new CertificateError('ERR_TLS_DER', 'badCertificate', message, { rfc });
}

/**
 * Reads strict DER from a byte array without copying and without recursion: one reader stands in one constructed
 * value, and {@link DerReader.enter} makes the reader of a value inside it. Every method throws `ERR_TLS_DER` where
 * the bytes are not the one canonical encoding: indefinite or non-minimal lengths, high tag numbers, non-minimal
 * integers, booleans other than 00 and FF, padding bits that are set, bytes behind the end.
 */
export class DerReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly what: string;
  /** Offset of the next element. */
  at: number;
  /** Offsets of the element that was read last: its tag, its content and its end. */
  head = 0;
  start = 0;
  stop = 0;

  /** @param what names the structure in messages. */
  constructor(bytes: Uint8Array, what: string, at = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.what = what;
    this.at = at;
    this.end = end;
  }

  /** Whether another element follows. */
  get more(): boolean {
    return this.at < this.end;
  }

  /** The tag of the next element, or -1 at the end. */
  peek(): number {
    return this.at < this.end ? (this.bytes[this.at] as number) : -1;
  }

  /** Reads the header of the next element, whatever it is, and steps over it. Returns its tag. */
  next(): number {
    const { bytes, end } = this;
    let at = this.at;
    if (at + 2 > end) throw this.error('it ends inside an element');
    const tag = bytes[at] as number;
    if ((tag & 0x1f) === 0x1f) throw this.error('a tag number above 30 stands here, which X.509 never uses');
    this.head = at;
    let length = bytes[at + 1] as number;
    at += 2;
    if (length >= 0x80) {
      const size = length & 0x7f;
      if (size === 0) throw this.error('an indefinite length, which DER forbids');
      if (size > 4) throw this.error('a length field of more than 4 bytes');
      if (at + size > end) throw this.error('it ends inside a length field');
      length = 0;
      for (let i = 0; i < size; i++) length = length * 256 + (bytes[at + i] as number);
      if (length < 0x80 || bytes[at] === 0) throw this.error('a length that is not in its shortest form');
      at += size;
    }
    if (length > end - at) throw this.error(`an element runs ${length - (end - at)} bytes past the end`);
    this.start = at;
    this.stop = at + length;
    this.at = at + length;
    return tag;
  }

  /** Reads an element of this tag; `field` names it in the error. */
  expect(tag: number, field: string): void {
    if (this.at >= this.end) throw this.error(`${field} is missing`);
    if (this.bytes[this.at] !== tag)
      throw this.error(`${field} has the tag ${hexByte(this.bytes[this.at])}, not ${hexByte(tag)}`);
    this.next();
  }

  /** Reads an element where the next one has this tag. */
  optional(tag: number): boolean {
    if (this.at >= this.end || this.bytes[this.at] !== tag) return false;
    this.next();
    return true;
  }

  /** A reader of the content of the next element, which must have this tag. */
  enter(tag: number, field: string): DerReader {
    this.expect(tag, field);
    return this.inside(field);
  }

  /** A reader of the content of the element that was read last. */
  inside(field: string): DerReader {
    const what = field === 'SEQUENCE' ? this.what : `${this.what}, ${field}`;
    return new DerReader(this.bytes, what, this.start, this.stop);
  }

  /** Content of the element that was read last, as a view. */
  value(): Uint8Array {
    return this.bytes.subarray(this.start, this.stop);
  }

  /** The element that was read last with its header, as a view. */
  raw(): Uint8Array {
    return this.bytes.subarray(this.head, this.stop);
  }

  /** Throws unless everything was read. */
  done(): void {
    if (this.at !== this.end) throw this.error(`${this.end - this.at} bytes follow where it should end`);
  }

  /** Two's complement content of an INTEGER in its shortest form, as a view. */
  integer(field: string, tag: number = tags.integer): Uint8Array {
    this.expect(tag, field);
    return this.checkedInteger(field);
  }

  /** An INTEGER from 0 to `max` (at most 2^31 - 1). */
  smallInteger(field: string, max = 0x7fffffff, tag: number = tags.integer): number {
    const value = this.integer(field, tag);
    if ((value[0] as number) >= 0x80) throw this.error(`${field} is negative`);
    let number = 0;
    for (const byte of value) {
      number = number * 256 + byte;
      if (number > max) throw this.error(`${field} is larger than ${max}`);
    }
    return number;
  }

  /** Content of the INTEGER (or `[n]` IMPLICIT INTEGER) that was read last, checked. */
  checkedInteger(field: string): Uint8Array {
    const { bytes, start, stop } = this;
    if (start === stop) throw this.error(`${field} is an INTEGER without content`);
    if (stop - start > 1) {
      const first = bytes[start] as number;
      const second = bytes[start + 1] as number;
      if ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)) {
        throw this.error(`${field} is an INTEGER that is not in its shortest form`);
      }
    }
    return bytes.subarray(start, stop);
  }

  boolean(field: string): boolean {
    this.expect(tags.boolean, field);
    return this.checkedBoolean(field);
  }

  /** Value of the BOOLEAN (or `[n]` IMPLICIT BOOLEAN) that was read last. */
  checkedBoolean(field: string): boolean {
    const value = this.bytes[this.start];
    if (this.stop - this.start !== 1 || (value !== 0 && value !== 0xff)) {
      throw this.error(`${field} is a BOOLEAN that is neither 00 nor FF`);
    }
    return value === 0xff;
  }

  /** A BOOLEAN DEFAULT FALSE: absent or TRUE, for DER forbids to encode a default. */
  optionalTrue(field: string): boolean {
    if (this.peek() !== tags.boolean) return false;
    if (!this.boolean(field)) throw this.error(`${field} encodes its default value FALSE`);
    return true;
  }

  /** An OBJECT IDENTIFIER in dotted form. */
  oid(field: string): string {
    this.expect(tags.oid, field);
    return oidText(this.bytes, this.start, this.stop);
  }

  octetString(field: string): Uint8Array {
    this.expect(tags.octetString, field);
    return this.value();
  }

  null(field: string): void {
    this.expect(tags.null, field);
    if (this.start !== this.stop) throw this.error(`${field} is a NULL with content`);
  }

  /** A BIT STRING that is a whole number of bytes (keys and signatures). */
  bitString(field: string): Uint8Array {
    this.expect(tags.bitString, field);
    if (this.start === this.stop) throw this.error(`${field} is a BIT STRING without its count of unused bits`);
    if (this.bytes[this.start] !== 0) throw this.error(`${field} is a BIT STRING that is not a whole number of bytes`);
    return this.bytes.subarray(this.start + 1, this.stop);
  }

  /**
   * A named bit list of up to 24 bits; bit `n` of the result is bit `n` of the list.
   * @param untrimmed lets trailing zero bits through (old trust anchors).
   */
  namedBits(field: string, tag: number = tags.bitString, untrimmed = false): number {
    this.expect(tag, field);
    const { bytes, start, stop } = this;
    if (start === stop) throw this.error(`${field} is a BIT STRING without its count of unused bits`);
    const unused = bytes[start] as number;
    const size = stop - start - 1;
    if (unused > 7 || (size === 0 && unused !== 0)) throw this.error(`${field} counts ${unused} unused bits`);
    if (size > 3) throw this.error(`${field} has more bits than are named`);
    if (size === 0) return 0;
    const last = bytes[stop - 1] as number;
    if ((last & ((1 << unused) - 1)) !== 0) throw this.error(`${field} has padding bits that are set`);
    if ((last & (1 << unused)) === 0 && !untrimmed)
      throw this.error(`${field} keeps trailing zero bits, which DER removes`);
    let bits = 0;
    for (let i = 0; i < size * 8; i++) {
      if (((bytes[start + 1 + (i >> 3)] as number) & (0x80 >> (i & 7))) !== 0) bits |= 1 << i;
    }
    return bits;
  }

  /**
   * A Time (RFC 5280, Section 4.1.2.5): UTCTime through 2049, GeneralizedTime from 2050, in milliseconds since 1970.
   * @param anyForm lets GeneralizedTime before 2050 through (old trust anchors).
   */
  time(field: string, anyForm = false): number {
    const tag = this.next();
    const ms =
      tag === tags.utcTime
        ? parseUtcTime(this.bytes, this.start, this.stop)
        : tag === tags.generalizedTime
          ? parseGeneralizedTime(this.bytes, this.start, this.stop)
          : undefined;
    if (ms === undefined) {
      throw this.error(`${field} is not a UTCTime YYMMDDHHMMSSZ or GeneralizedTime YYYYMMDDHHMMSSZ`);
    }
    if (tag === tags.generalizedTime && ms < firstOf2050 && !anyForm) {
      throw this.error(`${field} is a GeneralizedTime before 2050, where RFC 5280, Section 4.1.2.5 prescribes UTCTime`);
    }
    return ms;
  }

  /** A GeneralizedTime of any year (OCSP), in milliseconds since 1970. */
  generalizedTime(field: string): number {
    this.expect(tags.generalizedTime, field);
    const ms = parseGeneralizedTime(this.bytes, this.start, this.stop);
    if (ms === undefined) throw this.error(`${field} is not a GeneralizedTime YYYYMMDDHHMMSSZ`);
    return ms;
  }

  error(problem: string): CertificateError {
    return derError(`${this.what}: ${problem}`);
  }
}

const firstOf2050 = Date.UTC(2050, 0, 1);

function hexByte(byte: number | undefined): string {
  return `0x${(byte ?? 0).toString(16).padStart(2, '0')}`;
}
