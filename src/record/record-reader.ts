import { type AlertName, type ErrorCode, PeerError } from '../errors.ts';
import { contentTypes, isContentType } from './content-type.ts';
import { foreignProtocolError } from './foreign-protocol.ts';
import { InputQueue } from './input-queue.ts';
import { headerLength, maxContentLength, type ReadProtection } from './protection.ts';

/** A record with its protection taken off. */
export interface PlaintextRecord {
  /** The (inner) content type: one of {@link contentTypes}. */
  readonly type: number;
  /**
   * The content. An array of its own if the record was protected; else, and where pushed arrays may be overwritten, a
   * view of what was pushed, valid as long as the caller leaves that alone.
   */
  readonly fragment: Uint8Array;
  /** The version in the record header. */
  readonly version: number;
  /** Whether it was protected. In TLS 1.3 a change_cipher_spec never is. */
  readonly protected: boolean;
}

/** How records of rejected early data are recognised (RFC 9846, Section 4.2.10). */
export interface SkipEarlyData {
  /**
   * `untilClientHello`, after HelloRetryRequest: unprotected application_data records are dropped.
   * `trialDecryption`, after the rejection: records that do not open are dropped until one does.
   */
  readonly mode: 'untilClientHello' | 'trialDecryption';
  /**
   * Most bytes that are dropped. What a record takes beyond its content does not count: a client may send what its ticket
   * allows in records as small as it likes. A record without content counts for one byte.
   */
  readonly maxBytes: number;
}

/**
 * Consecutive records without content, after which the peer is taken for an attacker: they cost us work, and it
 * nothing.
 */
const maxEmptyRecords = 32;

const { applicationData } = contentTypes;

/** Bytes of a record with one alert in the clear; a protected one is longer by its tag. */
const plainAlert = headerLength + 2;

/** Bytes of a protected record beyond its content: header, content type and tag. */
const skippedOverhead = headerLength + 1 + 16;

/** The header of the record that is being read; filled and used within one call. */
const header = new Uint8Array(headerLength);

/**
 * The reading half of the record layer (RFC 9846, Section 5; RFC 5246, Section 6): bytes in, plaintext records out.
 *
 * A record is opened only when it is asked for, so that keys set between two calls of {@link next} count for the
 * next record. Errors are final: the reader may not be used after it threw.
 */
export class RecordReader {
  readonly #input = new InputQueue();
  #protection: ReadProtection | undefined;
  #plaintextLimit: number | undefined;
  /** The longest plaintext under the current keys. */
  #longest = 0;
  #first = true;
  #emptyRecords = 0;
  #skip: SkipEarlyData | undefined;
  #skippedBytes = 0;
  /** Whether a protected record of the peer was opened: from then on it has keys of its own. */
  #opened = false;

  /** Bytes that were pushed and did not come out yet. */
  get bufferedBytes(): number {
    return this.#input.length;
  }

  /**
   * Whether bytes are left that {@link next} has not turned into a record. After `next()` returned `undefined` it
   * means that the input ends inside a record.
   */
  get midRecord(): boolean {
    return this.#input.length > 0;
  }

  /** Whether records are protected now. */
  get isProtected(): boolean {
    return this.#protection !== undefined;
  }

  /**
   * Adds input. The array is kept, not copied: leave it alone until {@link next} returned `undefined`; for good where it
   * `mayOverwrite`, that is where records may be decrypted in their place.
   */
  push(bytes: Uint8Array, mayOverwrite = false): void {
    this.#input.push(bytes, mayOverwrite);
  }

  /** Copies what is still needed of the pushed arrays: for a caller that reads into one buffer again and again. */
  detach(): void {
    this.#input.detach();
  }

  /** The keys of the records from here on. The former keys are destroyed. */
  setProtection(protection: ReadProtection): void {
    this.#protection?.destroy();
    this.#protection = protection;
    this.#longest = 0;
  }

  /**
   * The limit that we sent in record_size_limit (RFC 8449): bytes of TLSInnerPlaintext in TLS 1.3, that is with content
   * type and padding; of content in TLS 1.2. It holds for protected records only: for those to come, and for those that came
   * under the current keys, for a server says in a protected record that it knows the limit. Throws `ERR_TLS_RECORD_OVERFLOW`.
   */
  setPlaintextLimit(limit: number): void {
    this.#plaintextLimit = limit;
    if (this.#longest > limit) throw tooLong(this.#longest, limit);
  }

  /** Drops rejected early data from here on. It ends by itself with the first record that is none. */
  skipEarlyData(skip: SkipEarlyData): void {
    this.#skip = skip;
  }

  /** Ends {@link skipEarlyData}. */
  stopSkipping(): void {
    this.#skip = undefined;
  }

  /**
   * The next record, or `undefined` until more input is pushed. Throws {@link PeerError}:
   * `ERR_TLS_RECORD_VERSION`, `ERR_TLS_HTTP_REQUEST`, `ERR_TLS_HTTP_PROXY_REQUEST`, `ERR_TLS_HTTP_RESPONSE`,
   * `ERR_TLS_SSLV2`, `ERR_TLS_RECORD_OVERFLOW`, `ERR_TLS_BAD_RECORD_MAC`, `ERR_TLS_UNEXPECTED_RECORD`,
   * `ERR_TLS_OUTER_RECORD_TYPE`, `ERR_TLS_EMPTY_RECORD`, `ERR_TLS_TOO_MANY_EMPTY_RECORDS`,
   * `ERR_TLS_TOO_MUCH_SKIPPED_EARLY_DATA`.
   */
  next(): PlaintextRecord | undefined {
    for (;;) {
      if (!this.#input.readHeader(header)) return undefined;
      const type = header[0] as number;
      const version = ((header[1] as number) << 8) | (header[2] as number);
      const length = ((header[3] as number) << 8) | (header[4] as number);
      this.#checkHeader(type, version, length);
      const bytes = this.#input.take(headerLength + length);
      if (bytes === undefined) return undefined;
      this.#first = false;
      const record = this.#open(bytes, type, version);
      if (record !== undefined) return record;
    }
  }

  /** Drops input and keys. */
  destroy(): void {
    this.#protection?.destroy();
    this.#protection = undefined;
    this.#input.clear();
  }

  #checkHeader(type: number, version: number, length: number): void {
    const protection = this.#protection;
    // "MUST be ignored for all purposes" (RFC 9846, Section 5.1) as long as anything is negotiable at all.
    const unprotected = protection === undefined || (protection.version === 0x0304 && type !== applicationData);
    if (unprotected ? version >>> 8 !== 3 : version !== 0x0303) {
      if (this.#first) throw foreignProtocolError(header);
      const problem = `a record says version 0x${version.toString(16).padStart(4, '0')}`;
      throw recordError('ERR_TLS_RECORD_VERSION', 'protocolVersion', problem, '5.1');
    }
    if (!isContentType(type)) {
      const problem = `a record has the unknown content type ${type}`;
      throw recordError('ERR_TLS_UNEXPECTED_RECORD', 'unexpectedMessage', problem, '5');
    }
    // Early data that is skipped comes protected while we still have no keys.
    const skipping = this.#skip !== undefined && type === contentTypes.applicationData;
    const plainLimit = skipping ? maxContentLength + 256 : maxContentLength;
    const limit = protection?.maxCiphertextLength ?? plainLimit;
    if (length > limit) throw overflow(`a record of ${length} bytes came; at most ${limit} are allowed`);
  }

  #open(bytes: Uint8Array, type: number, version: number): PlaintextRecord | undefined {
    const protection = this.#protection;
    if (protection === undefined) {
      if (type === contentTypes.applicationData && this.#skip !== undefined) return this.#skipRecord(bytes);
      return this.#plain(bytes, type, version);
    }
    // TLS 1.3 sends change_cipher_spec unprotected; whether it may come now is for the engine to judge.
    if (protection.version === 0x0304 && type === contentTypes.changeCipherSpec)
      return this.#plain(bytes, type, version);

    // A client that refuses the server's first flight may have no keys to say so under.
    if (protection.version === 0x0304 && type === contentTypes.alert && !this.#opened && bytes.length === plainAlert)
      return this.#plain(bytes, type, version);

    const opened = protection.open(bytes, this.#input.mayOverwrite);
    if (opened === undefined) {
      if (this.#skip?.mode === 'trialDecryption' && type === contentTypes.applicationData)
        return this.#skipRecord(bytes);
      throw recordError('ERR_TLS_BAD_RECORD_MAC', 'badRecordMac', 'a record does not authenticate', '5.2');
    }
    this.#skip = undefined;
    this.#opened = true;
    return protection.version === 0x0304 ? this.#inner(opened, type, version) : this.#opened12(opened, type, version);
  }

  /** An unprotected record. */
  #plain(bytes: Uint8Array, type: number, version: number): PlaintextRecord {
    const fragment = bytes.subarray(headerLength);
    if (type !== contentTypes.changeCipherSpec) {
      // What is dropped as early data ends with the second ClientHello; change_cipher_spec may come before it.
      this.#skip = undefined;
      if (fragment.length > maxContentLength) throw overflow(`an unprotected record has ${fragment.length} bytes`);
    }
    this.#countEmpty(type, type === contentTypes.changeCipherSpec || fragment.length === 0);
    return { type, fragment, version, protected: false };
  }

  #opened12(fragment: Uint8Array, type: number, version: number): PlaintextRecord {
    const limit = this.#plaintextLimit ?? maxContentLength;
    if (fragment.length > limit) throw overflow(`a record has ${fragment.length} bytes of content, more than ${limit}`);
    this.#countEmpty(type, fragment.length === 0);
    return { type, fragment, version, protected: true };
  }

  /** Takes content type and padding off a TLSInnerPlaintext (RFC 9846, Section 5.4). */
  #inner(inner: Uint8Array, outerType: number, version: number): PlaintextRecord {
    const limit = this.#plaintextLimit ?? maxContentLength + 1;
    if (inner.length > limit) throw tooLong(inner.length, limit);
    if (inner.length > this.#longest) this.#longest = inner.length;
    if (outerType !== applicationData) {
      const problem = `a protected record has the outer content type ${outerType} instead of application_data`;
      throw recordError('ERR_TLS_OUTER_RECORD_TYPE', 'decodeError', problem, '5.2');
    }
    let end = inner.length - 1;
    while (end >= 0 && inner[end] === 0) end--;
    if (end < 0) {
      // "If a receiving implementation does not find a non-zero octet in the cleartext, it MUST terminate the
      // connection with an "unexpected_message" alert."
      const problem = 'a protected record holds nothing but padding';
      throw recordError('ERR_TLS_EMPTY_INNER_PLAINTEXT', 'unexpectedMessage', problem, '5.4');
    }
    const type = inner[end] as number;
    if (type === contentTypes.changeCipherSpec || !isContentType(type)) {
      const problem = `a protected record has the content type ${type}`;
      throw recordError('ERR_TLS_UNEXPECTED_RECORD', 'unexpectedMessage', problem, '5');
    }
    if (end === 0 && type !== contentTypes.applicationData) {
      const problem = `a record of the content type ${type} has no content`;
      throw recordError('ERR_TLS_EMPTY_RECORD', 'unexpectedMessage', problem, '5.4');
    }
    this.#countEmpty(type, end === 0);
    return { type, fragment: inner.subarray(0, end), version, protected: true };
  }

  #skipRecord(bytes: Uint8Array): undefined {
    this.#skippedBytes += Math.max(1, bytes.length - skippedOverhead);
    if (this.#skippedBytes <= (this.#skip?.maxBytes ?? 0)) return undefined;
    const problem = `the peer sent more early data (${this.#skippedBytes} bytes) than is dropped after its rejection`;
    throw recordError('ERR_TLS_TOO_MUCH_SKIPPED_EARLY_DATA', 'unexpectedMessage', problem, '4.2.10');
  }

  #countEmpty(type: number, empty: boolean): void {
    if (!empty) {
      // Warnings have a limit of their own; they don't make room for more empty records.
      if (type !== contentTypes.alert) this.#emptyRecords = 0;
      return;
    }
    if (++this.#emptyRecords <= maxEmptyRecords) return;
    const problem = `the peer sent more than ${maxEmptyRecords} records without content in a row`;
    throw recordError('ERR_TLS_TOO_MANY_EMPTY_RECORDS', 'unexpectedMessage', problem, '5.1');
  }
}

function tooLong(length: number, limit: number): PeerError {
  return overflow(`a record has ${length} bytes of content, type and padding, more than ${limit}`);
}

function overflow(problem: string): PeerError {
  return recordError('ERR_TLS_RECORD_OVERFLOW', 'recordOverflow', problem, '5.1');
}

function recordError(code: ErrorCode, alert: AlertName, problem: string, section: string): PeerError {
  return new PeerError(code, alert, problem, { phase: 'record', rfc: `RFC 9846, Section ${section}` });
}
