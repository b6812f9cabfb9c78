import { noBytes } from '../bytes/bytes.ts';
import { illegalParameter, PeerError } from '../errors.ts';
import { type HandshakeMessage, handshakeTypeName } from '../wire/handshake-type.ts';

/** Puts handshake messages together from the fragments that records carry (RFC 9846, Section 5.1). */
export class MessageAssembler {
  readonly #maxLength: number;
  #bytes: Uint8Array = noBytes;
  /** The buffer that `#bytes` begins in, with room behind it, once there was more than one fragment. */
  #buffer: Uint8Array | undefined;

  /** @param maxLength the longest message body that is taken, in bytes. */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** Whether bytes of a message, complete or not, are waiting. */
  get buffered(): boolean {
    return this.#bytes.length > 0;
  }

  /**
   * Adds the content of a handshake record; the bytes are kept as a view while they are the only ones. The buffer
   * doubles, so that the work is linear in the input: a peer may send a message in records of one byte each.
   */
  push(fragment: Uint8Array): void {
    const have = this.#bytes.length;
    if (have === 0) {
      this.#bytes = fragment;
      this.#buffer = undefined;
      return;
    }
    const need = have + fragment.length;
    if (this.#buffer === undefined || need > this.#buffer.length) {
      this.#buffer = new Uint8Array(2 * need);
      this.#buffer.set(this.#bytes);
    }
    this.#buffer.set(fragment, have);
    this.#bytes = this.#buffer.subarray(0, need);
  }

  /** The next message without taking it; `undefined` while it is not complete. */
  peek(): HandshakeMessage | undefined {
    const bytes = this.#bytes;
    if (bytes.length < 4) return undefined;
    const length = ((bytes[1] as number) << 16) | ((bytes[2] as number) << 8) | (bytes[3] as number);
    if (length > this.#maxLength) {
      throw illegalParameter(
        'ERR_TLS_HANDSHAKE_TOO_LARGE',
        `a handshake message of ${length} bytes, where ${this.#maxLength} are allowed`,
      );
    }
    if (bytes.length < 4 + length) return undefined;
    const type = handshakeTypeName(bytes[0] as number);
    if (type === undefined || type === 'messageHash') {
      throw new PeerError(
        'ERR_TLS_UNEXPECTED_MESSAGE',
        'unexpectedMessage',
        `a handshake message of the unknown type ${bytes[0]}`,
        { rfc: 'RFC 9846, Section 4' },
      );
    }
    const raw = bytes.subarray(0, 4 + length);
    return { type, body: raw.subarray(4), raw };
  }

  /** Drops what waits. */
  clear(): void {
    this.#bytes = noBytes;
    this.#buffer = undefined;
  }

  /** Takes the message that {@link peek} showed. */
  take(message: HandshakeMessage): void {
    this.#bytes = this.#bytes.length === message.raw.length ? noBytes : this.#bytes.subarray(message.raw.length);
    // What is left, and what was given out, is no longer written to.
    this.#buffer = undefined;
  }
}
