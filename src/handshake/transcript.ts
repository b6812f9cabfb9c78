import { noBytes } from '../bytes/bytes.ts';
import type { CryptoProvider, TranscriptHash } from '../crypto/provider.ts';
import { frameMessage } from '../wire/handshake-type.ts';

/** Most handshakes have shorter transcripts. */
const firstLength = 4096;

/**
 * Buffers of finished handshakes, for the next ones: memory of that size costs several microseconds. Nobody sees what a
 * former handshake left in one, for only what was added since is ever read.
 */
const idle: Uint8Array<ArrayBuffer>[] = [];
const maxIdle = 32;

function giveBack(buffer: Uint8Array<ArrayBuffer>): void {
  if (buffer.length === firstLength && idle.length < maxIdle) idle.push(buffer);
}

/**
 * All handshake messages so far, in one buffer, hashed once a point (RFC 9846, Section 4.4.1). The bytes are kept:
 * the hash function isn't known before the ServerHello, and TLS 1.2 client authentication signs the messages
 * themselves.
 */
export class Transcript {
  readonly #crypto: CryptoProvider;
  #bytes = idle.pop() ?? new Uint8Array(firstLength);
  #length = 0;
  #hashed: Uint8Array | undefined;
  #hashedBy: TranscriptHash | undefined;

  constructor(crypto: CryptoProvider) {
    this.#crypto = crypto;
  }

  /** Adds a message with its header. */
  add(raw: Uint8Array): void {
    this.#hashed = undefined;
    const length = this.#length + raw.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      larger.set(this.bytes());
      giveBack(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(raw, this.#length);
    this.#length = length;
  }

  /** The hash of all messages so far. */
  hash(name: TranscriptHash): Uint8Array {
    // Early data may have had another hash than the suite that the server then chooses.
    if (this.#hashed === undefined || this.#hashedBy !== name) {
      this.#hashed = this.#crypto.hash(name, this.bytes());
      this.#hashedBy = name;
    }
    return this.#hashed;
  }

  /** The hash of all messages so far and `next`, which is not added: a ClientHello without its binders. */
  hashWith(name: TranscriptHash, next: Uint8Array): Uint8Array {
    if (this.#length === 0) return this.#crypto.hash(name, next);
    const all = new Uint8Array(this.#length + next.length);
    all.set(this.bytes());
    all.set(next, this.#length);
    return this.#crypto.hash(name, all);
  }

  /** The messages so far, as a view. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Puts message_hash in the place of the first ClientHello, after a HelloRetryRequest (RFC 9846, Section 4.4.1). */
  replaceWithMessageHash(name: TranscriptHash): void {
    const message = frameMessage('messageHash', this.hash(name));
    this.#length = 0;
    this.add(message);
  }

  /** A copy that goes its own way: each post-handshake authentication continues the same transcript. */
  fork(): Transcript {
    const copy = new Transcript(this.#crypto);
    copy.add(this.bytes());
    return copy;
  }

  /** Lets go of the messages. */
  drop(): void {
    giveBack(this.#bytes);
    this.#bytes = noBytes;
    this.#length = 0;
    this.#hashed = undefined;
  }
}
