import { TlsError } from '../errors.ts';

/** Bytes of a record header: type, version, length (RFC 9846, Section 5.1). */
export const headerLength = 5;

/** Most bytes of content in a record: 2^14 (RFC 9846, Section 5.1). */
export const maxContentLength = 16384;

/** "The length MUST NOT exceed 2^14 + 2048" (RFC 5246, Section 6.2.3). */
export const maxCiphertextLength12 = maxContentLength + 2048;

/** Opens the records of one direction under one key. */
export interface ReadProtection {
  readonly version: 0x0303 | 0x0304;
  /** Most bytes that a fragment may have on the wire (RFC 9846, Section 5.2; RFC 5246, Section 6.2.3). */
  readonly maxCiphertextLength: number;
  /**
   * Opens a record and counts it.
   *
   * @param record header and fragment.
   * @param mayOverwrite whether the record may be decrypted in its place.
   * @returns the content (TLS 1.2) or the TLSInnerPlaintext (TLS 1.3) in an array of its own, or in the record's where
   *   that is allowed; `undefined`, and nothing is counted, where it does not authenticate.
   */
  open(record: Uint8Array, mayOverwrite?: boolean): Uint8Array | undefined;
  /** Zeroizes what is owned. The object may not be used afterwards. */
  destroy(): void;
}

/** Seals the records of one direction under one key. */
export interface WriteProtection {
  readonly version: 0x0303 | 0x0304;
  /** Records that may still be sealed before the key should be replaced (RFC 9846, Section 5.5); else `Infinity`. */
  readonly recordsUntilLimit: number;
  /** Bytes that a record with so much content takes on the wire, with its header. */
  recordLength(contentLength: number, padding: number): number;
  /**
   * Seals a record and counts it: writes header and fragment into `out` from `at`.
   *
   * @param padding zeros to add (TLS 1.3; ignored in TLS 1.2).
   * @returns bytes written, `recordLength(content.length, padding)`.
   */
  seal(type: number, content: Uint8Array, padding: number, out: Uint8Array, at: number): number;
  /** Zeroizes what is owned. The object may not be used afterwards. */
  destroy(): void;
}

function put32(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
}

/**
 * An IV of 12 bytes, or the 4 of GCM's fixed part, as numbers: an idle connection has two, and an array takes six times
 * the memory.
 */
export class RecordIv {
  first: number;
  second: number;
  third: number;

  constructor(iv: Uint8Array) {
    const part = (at: number) =>
      ((iv[at] as number) << 24) |
      ((iv[at + 1] as number) << 16) |
      ((iv[at + 2] as number) << 8) |
      (iv[at + 3] as number);
    this.first = part(0);
    this.second = part(4);
    this.third = part(8);
  }

  /** Writes the first four bytes. */
  writeFixed(nonce: Uint8Array): void {
    put32(nonce, 0, this.first);
  }

  destroy(): void {
    this.first = 0;
    this.second = 0;
    this.third = 0;
  }
}

/** The sequence number of a direction: 64 bits in two halves, since a BigInt for each record is slow. */
export class SequenceNumber {
  #high: number;
  #low: number;

  /** @param high and `low` 32 bits each; records start at 0. */
  constructor(high = 0, low = 0) {
    this.#high = high;
    this.#low = low;
  }

  /** Writes the eight bytes, most significant first. */
  writeTo(out: Uint8Array, at: number): void {
    put32(out, at, this.#high);
    put32(out, at + 4, this.#low);
  }

  /** The nonce of a record: the number, padded on the left to 12 bytes, XOR the IV (RFC 9846, Section 5.3). */
  nonceTo(nonce: Uint8Array, iv: RecordIv): void {
    put32(nonce, 0, iv.first);
    put32(nonce, 4, iv.second ^ this.#high);
    put32(nonce, 8, iv.third ^ this.#low);
  }

  /** Throws once the numbers are used up: "Sequence numbers … MUST NOT wrap" (RFC 9846, Section 5.3). */
  check(): void {
    if (this.#low !== 0xffffffff || this.#high !== 0xffffffff) return;
    throw new TlsError(
      'ERR_TLS_SEQUENCE_OVERFLOW',
      'internalError',
      'the sequence numbers of this key are used up; the connection must be made anew',
      { phase: 'record', rfc: 'RFC 9846, Section 5.3' },
    );
  }

  /** Goes on to the next number. */
  advance(): void {
    if (this.#low === 0xffffffff) {
      this.#low = 0;
      this.#high++;
    } else {
      this.#low++;
    }
  }
}

/** Writes a record header. Protected records always carry the version of TLS 1.2. */
export function writeHeader(out: Uint8Array, at: number, type: number, version: number, length: number): void {
  out[at] = type;
  out[at + 1] = version >>> 8;
  out[at + 2] = version;
  out[at + 3] = length >>> 8;
  out[at + 4] = length;
}

/** Writes `seq_num + type + version + length`, what MAC and AEAD of TLS 1.2 authenticate besides the data. */
export function writeAdditionalData(out: Uint8Array, sequence: SequenceNumber, type: number, length: number): void {
  sequence.writeTo(out, 0);
  writeHeader(out, 8, type, 0x0303, length);
}

/** Bytes of {@link writeAdditionalData}. */
export const additionalDataLength = 13;
