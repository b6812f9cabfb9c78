import { passingBytes } from './passing.ts';

/** Writes the presentation language of TLS (RFC 9846, Section 3) into one growing buffer. */
export class Writer {
  #bytes: Uint8Array;
  #length = 0;

  /** @param capacity bytes to start with, or an array to start in; a good guess saves a copy. */
  constructor(capacity: number | Uint8Array = 256) {
    this.#bytes = typeof capacity === 'number' ? new Uint8Array(capacity) : capacity;
  }

  /** A writer of a message that is copied soon; see {@link passingBytes}. */
  static passing(capacity: number): Writer {
    return new Writer(passingBytes(capacity));
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    // The buffer may be another one after it has grown.
    const at = this.#grow(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
    return this;
  }

  u24(value: number): this {
    return this.u8(value >>> 16).u16(value & 0xffff);
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value & 0xffff);
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** An opaque vector with a one-byte length. */
  vector8(bytes: Uint8Array): this {
    return this.u8(checked(bytes.length, 0xff)).bytes(bytes);
  }

  /** An opaque vector with a two-byte length. */
  vector16(bytes: Uint8Array): this {
    return this.u16(checked(bytes.length, 0xffff)).bytes(bytes);
  }

  /** An opaque vector with a three-byte length. */
  vector24(bytes: Uint8Array): this {
    return this.u24(checked(bytes.length, 0xffffff)).bytes(bytes);
  }

  /** Reserves a length field of `size` bytes and returns its mark for {@link close}. */
  open(size: 1 | 2 | 3): number {
    return this.#grow(size);
  }

  /** Fills in the length field reserved by {@link open} with the bytes written since. */
  close(mark: number, size: 1 | 2 | 3): this {
    const length = checked(this.#length - mark - size, 2 ** (8 * size) - 1);
    for (let i = 0; i < size; i++) this.#bytes[mark + i] = length >>> (8 * (size - 1 - i));
    return this;
  }

  /** A vector of two-byte numbers with a length of `lengthBytes` bytes. */
  u16List(lengthBytes: 1 | 2, list: readonly number[]): this {
    const mark = this.open(lengthBytes);
    for (const value of list) this.u16(value);
    return this.close(mark, lengthBytes);
  }

  /** What was written, as a view of the buffer: write no more after it. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(by: number): number {
    const at = this.#length;
    const need = at + by;
    if (need > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(need, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#length = need;
    return at;
  }
}

function checked(length: number, max: number): number {
  if (length > max) throw new RangeError(`a vector of ${length} bytes does not fit its length field (max ${max})`);
  return length;
}
