import { concat } from '../bytes/bytes.ts';
import { contentTypes } from './content-type.ts';
import { headerLength, maxContentLength, type WriteProtection, writeHeader } from './protection.ts';
import { allocateOutput, recordsPerSlab, releaseOutput } from './slab-pool.ts';

/** Up to here the chunks of several writes are joined into one by {@link RecordWriter.take}. */
const joinLimit = 32 * 1024;

/** Room for a flight: records of a handshake come one after another, and go out as one array. */
const flightLength = 2048;

/** Where the messages of a flight are put together; filled and read within one call. */
let gathered: Uint8Array | undefined;

/**
 * The writing half of the record layer (RFC 9846, Section 5; RFC 5246, Section 6): messages and data in, records out.
 *
 * Handshake bytes wait until {@link RecordWriter.flush}, or anything that must come after them, so that the messages
 * of a flight share records. What is given to the writer is kept as a view until then: leave it alone.
 */
export class RecordWriter {
  #protection: WriteProtection | undefined;
  #recordVersion = 0x0303;
  #maxFragment = maxContentLength;
  #padding: ((contentLength: number) => number) | undefined;
  #handshake: Uint8Array[] = [];
  #handshakeBytes = 0;
  #output: Uint8Array[] = [];
  #outputBytes = 0;
  /** The array that records are written into, behind those of `#output`, and how much of it is used. */
  #flight: Uint8Array | undefined;
  #flightBytes = 0;

  /** Bytes that {@link take} would return, and handshake bytes that still wait to be flushed. */
  get pendingBytes(): number {
    return this.#outputBytes + this.#flightBytes + this.#handshakeBytes;
  }

  /** Records that may still be written before the key should be replaced (RFC 9846, Section 5.5); else `Infinity`. */
  get recordsUntilLimit(): number {
    return this.#protection?.recordsUntilLimit ?? Infinity;
  }

  /** Whether records are protected now. */
  get isProtected(): boolean {
    return this.#protection !== undefined;
  }

  /**
   * The keys of the records from here on, or none again (a second ClientHello after early data). What waits is written
   * under the former keys first; they are destroyed.
   */
  setProtection(protection: WriteProtection | undefined): void {
    this.flush();
    this.#protection?.destroy();
    this.#protection = protection;
  }

  /**
   * Most bytes of content, padding included, in a record; at most 2^14. For a record_size_limit of `n` that the peer
   * sent it is `n` in TLS 1.2, and `n - 1` in TLS 1.3, where the content type counts (RFC 8449, Section 4).
   */
  setMaxFragment(bytes: number): void {
    if (!(bytes >= 1 && bytes <= maxContentLength))
      throw new RangeError(`a record holds 1 to 16384 bytes, not ${bytes}`);
    this.flush();
    this.#maxFragment = bytes;
  }

  /** Zeros to add to a record with so many bytes of content (TLS 1.3; RFC 9846, Section 5.4). Cut to what fits. */
  setPadding(policy: ((contentLength: number) => number) | undefined): void {
    this.#padding = policy;
  }

  /** The version in the headers of unprotected records: 0x0301 for a first ClientHello, else 0x0303. */
  setRecordVersion(version: number): void {
    this.flush();
    this.#recordVersion = version;
  }

  /** Adds a handshake message, or several, to the flight. */
  handshake(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#handshake.push(bytes);
    this.#handshakeBytes += bytes.length;
  }

  /** Writes the handshake bytes that wait. */
  flush(): void {
    if (this.#handshakeBytes === 0) return;
    const messages = this.#handshake;
    const [only] = messages;
    const bytes = messages.length === 1 && only !== undefined ? only : gather(messages, this.#handshakeBytes);
    this.#handshake = [];
    this.#handshakeBytes = 0;
    this.#writeRecords(contentTypes.handshake, bytes);
  }

  /**
   * Writes data of any other type, behind the handshake bytes that wait, in as many records as it takes. Empty data
   * gives an empty record. In TLS 1.3 change_cipher_spec goes unprotected (RFC 9846, Section 5).
   */
  write(type: number, bytes: Uint8Array): void {
    this.flush();
    this.#writeRecords(type, bytes);
  }

  /**
   * What is to be sent, in order; the caller owns the arrays. Handshake bytes that were not flushed are not among
   * them. A flight, or a small message, is one array.
   */
  take(): Uint8Array[] {
    this.#endFlight();
    const output = this.#output;
    if (output.length === 0) return [];
    this.#output = [];
    const bytes = this.#outputBytes;
    this.#outputBytes = 0;
    return output.length > 1 && bytes <= joinLimit ? [concat(...output)] : output;
  }

  /**
   * Gives an array that {@link take} returned back once its bytes are sent, so that bulk writes can use it again. Not
   * to be called is no leak; to touch the array afterwards is a mistake.
   */
  release(bytes: Uint8Array): void {
    releaseOutput(bytes);
  }

  /** Drops the keys and what waits. */
  destroy(): void {
    this.#protection?.destroy();
    this.#protection = undefined;
    this.#handshake = [];
    this.#handshakeBytes = 0;
  }

  #writeRecords(type: number, bytes: Uint8Array): void {
    const protection = this.#protection;
    if (protection === undefined || (protection.version === 0x0304 && type === contentTypes.changeCipherSpec)) {
      this.#writePlain(type, bytes);
      return;
    }
    const fragment = this.#maxFragment;
    // "Alert messages … MUST NOT be fragmented across records" (RFC 9846, Section 5.1), however small they are to be.
    if (bytes.length <= fragment || type === contentTypes.alert) {
      const padding = this.#paddingFor(bytes.length);
      const length = protection.recordLength(bytes.length, padding);
      const out = this.#room(type, length);
      protection.seal(type, bytes, padding, out, this.#flightBytes);
      this.#flightBytes += length;
      return;
    }
    const perSlab = fragment * recordsPerSlab;
    for (let start = 0; start < bytes.length; start += perSlab) {
      this.#writeSlab(protection, type, bytes, start, Math.min(start + perSlab, bytes.length));
    }
  }

  #writeSlab(protection: WriteProtection, type: number, bytes: Uint8Array, start: number, end: number): void {
    const fragment = this.#maxFragment;
    // Full records are all alike, and a policy is asked once for each length.
    const fullPadding = this.#paddingFor(fragment);
    const lastLength = (end - start) % fragment;
    const fullRecords = (end - start - lastLength) / fragment;
    const lastPadding = lastLength === 0 ? 0 : this.#paddingFor(lastLength);
    let size = fullRecords * protection.recordLength(fragment, fullPadding);
    if (lastLength > 0) size += protection.recordLength(lastLength, lastPadding);
    const out = allocateOutput(size);
    let at = 0;
    let from = start;
    for (; from + fragment <= end; from += fragment) {
      at += protection.seal(type, bytes.subarray(from, from + fragment), fullPadding, out, at);
    }
    if (from < end) protection.seal(type, bytes.subarray(from, end), lastPadding, out, at);
    this.#endFlight();
    this.#emit(out);
  }

  #writePlain(type: number, bytes: Uint8Array): void {
    const fragment = type === contentTypes.alert ? maxContentLength : this.#maxFragment;
    const records = Math.max(1, Math.ceil(bytes.length / fragment));
    const out = this.#room(type, bytes.length + records * headerLength);
    let at = this.#flightBytes;
    for (let from = 0, i = 0; i < records; i++, from += fragment) {
      const part = records === 1 ? bytes : bytes.subarray(from, from + fragment);
      writeHeader(out, at, type, this.#recordVersion, part.length);
      out.set(part, at + headerLength);
      at += headerLength + part.length;
    }
    this.#flightBytes = at;
  }

  #paddingFor(contentLength: number): number {
    if (this.#padding === undefined || this.#protection?.version !== 0x0304) return 0;
    const zeros = Math.floor(this.#padding(contentLength));
    return Math.max(0, Math.min(zeros, this.#maxFragment - contentLength));
  }

  /** The array to write `length` bytes of records into, from `#flightBytes` on. */
  #room(type: number, length: number): Uint8Array {
    const flight = this.#flight;
    if (flight !== undefined && this.#flightBytes + length <= flight.length) return flight;
    this.#endFlight();
    // More follows a record of the handshake; data and alerts go alone.
    const isHandshake = type === contentTypes.handshake || type === contentTypes.changeCipherSpec;
    const room = allocateOutput(isHandshake && length < flightLength ? flightLength : length);
    this.#flight = room;
    return room;
  }

  #endFlight(): void {
    const flight = this.#flight;
    if (flight === undefined) return;
    this.#flight = undefined;
    const length = this.#flightBytes;
    this.#flightBytes = 0;
    if (length > 0) this.#emit(length === flight.length ? flight : flight.subarray(0, length));
  }

  #emit(bytes: Uint8Array): void {
    this.#output.push(bytes);
    this.#outputBytes += bytes.length;
  }
}

/** The messages of a flight in one array, which the next flight overwrites. */
function gather(messages: readonly Uint8Array[], length: number): Uint8Array {
  if (length > maxContentLength) return concat(...messages);
  gathered ??= new Uint8Array(maxContentLength);
  let at = 0;
  for (const message of messages) {
    gathered.set(message, at);
    at += message.length;
  }
  return gathered.subarray(0, length);
}
