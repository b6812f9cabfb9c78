import { decodeError } from '../errors.ts';

/**
 * Reads the presentation language of TLS (RFC 9846, Section 3) from a byte array without copying: what it
 * returns are views of the input. Every read past the end throws `decode_error`.
 */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #what: string;
  #at: number;

  /** @param what names the structure in error messages, e.g. `clientHello`. */
  constructor(bytes: Uint8Array, what: string, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#what = what;
    this.#at = start;
    this.#end = end;
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** Offset of the next byte in the array that the reader was made with. */
  get offset(): number {
    return this.#at;
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  u16(): number {
    const at = this.#take(2);
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number);
  }

  u24(): number {
    const at = this.#take(3);
    const b = this.#bytes;
    return ((b[at] as number) << 16) | ((b[at + 1] as number) << 8) | (b[at + 2] as number);
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  /** `length` bytes, as a view. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A vector with a one-byte length, `opaque x<min..max>`. */
  vector8(min = 0, max = 0xff): Uint8Array {
    return this.#vector(this.u8(), min, max);
  }

  /** A vector with a two-byte length. */
  vector16(min = 0, max = 0xffff): Uint8Array {
    return this.#vector(this.u16(), min, max);
  }

  /** A vector with a three-byte length. */
  vector24(min = 0, max = 0xffffff): Uint8Array {
    return this.#vector(this.u24(), min, max);
  }

  /** A vector with a two-byte length, to be read by itself: no view is made of it. */
  nested16(what: string, min = 0): Reader {
    const length = this.u16();
    this.#checkLength(length, min, 0xffff);
    const at = this.#take(length);
    return new Reader(this.#bytes, what, at, at + length);
  }

  /** A vector of two-byte numbers with a length of `lengthBytes` bytes; `min` counts numbers. */
  u16List(lengthBytes: 1 | 2, min = 1): number[] {
    const length = lengthBytes === 1 ? this.u8() : this.u16();
    this.#checkLength(length, min * 2, lengthBytes === 1 ? 0xff : 0xffff);
    let at = this.#take(length);
    if (length % 2 !== 0) throw this.error('a list of two-byte values has an odd length');
    const bytes = this.#bytes;
    const list = new Array<number>(length / 2);
    for (let i = 0; i < list.length; i++, at += 2) {
      list[i] = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    }
    return list;
  }

  /** All bytes that are left, as a view. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** Throws unless every byte was read. */
  end(): void {
    if (this.#at !== this.#end) throw this.error(`${this.remaining} bytes follow where it should end`);
  }

  /** A `decode_error` that names the structure. */
  error(problem: string): Error {
    return decodeError(`${this.#what}: ${problem}`);
  }

  #vector(length: number, min: number, max: number): Uint8Array {
    this.#checkLength(length, min, max);
    return this.bytes(length);
  }

  #checkLength(length: number, min: number, max: number): void {
    if (length >= min && length <= max) return;
    throw this.error(`a vector has ${length} bytes, where ${min} to ${max} are allowed`);
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) {
      throw this.error(`it ends ${length - (this.#end - at)} bytes too early`);
    }
    this.#at = at + length;
    return at;
  }
}
