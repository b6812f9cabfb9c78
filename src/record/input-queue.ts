import { noBytes } from '../bytes/bytes.ts';
import { headerLength } from './protection.ts';

/** Chunks that wait one by one. */
const maxChunks = 256;

/**
 * Cuts a stream of byte chunks into records. A record that lies whole in one chunk is given out as a view of it; only
 * one that spans chunks is copied, each byte once, so that the work is linear in the input however it is chunked.
 */
export class InputQueue {
  /** The chunk being read, and where. */
  #chunk: Uint8Array = noBytes;
  #at = 0;
  /** Chunks behind it, from `#next` on. */
  #queue: Uint8Array[] | undefined;
  #next = 0;
  #queuedBytes = 0;
  #borrowed = false;
  /** The first bytes of a record that spans chunks. It grows with what arrives, not with what a header claims. */
  #partial: Uint8Array = noBytes;
  #have = 0;

  /** Bytes not given out yet. */
  get length(): number {
    return this.#have + (this.#chunk.length - this.#at) + this.#queuedBytes;
  }

  /** Whether what is taken may be overwritten: all arrays that were pushed are ours. */
  get mayOverwrite(): boolean {
    return !this.#borrowed;
  }

  /** Adds bytes. They are kept as a view until they are given out, or {@link detach} is called. */
  push(bytes: Uint8Array, mayOverwrite: boolean): void {
    if (bytes.length === 0) return;
    if (!mayOverwrite) this.#borrowed = true;
    if (this.#at === this.#chunk.length && this.#queuedBytes === 0) {
      this.#chunk = bytes;
      this.#at = 0;
      return;
    }
    this.#queue ??= [];
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    // A chunk costs far more memory than a byte does: many small ones become one.
    if (this.#queue.length - this.#next >= maxChunks) this.detach();
  }

  /** Copies the five bytes of the next record's header; `false` while they are not all there. */
  readHeader(header: Uint8Array): boolean {
    const chunk = this.#chunk;
    const at = this.#at;
    if (this.#have === 0 && at + headerLength <= chunk.length) {
      for (let i = 0; i < headerLength; i++) header[i] = chunk[at + i] as number;
      return true;
    }
    const bytes = this.#peek(headerLength);
    if (bytes === undefined) return false;
    header.set(bytes);
    return true;
  }

  /** Takes the next `length` bytes, header included, or `undefined` while they are not all there. */
  take(length: number): Uint8Array | undefined {
    const bytes = this.#peek(length);
    if (bytes === undefined) return undefined;
    if (this.#have > 0) {
      // #peek never gathers more than it was asked for, and it is asked for whole records in the end.
      this.#partial = noBytes;
      this.#have = 0;
    } else {
      this.#at += length;
    }
    return bytes;
  }

  /** Copies what is left of the pushed arrays, so that the caller may use them for something else. */
  detach(): void {
    const left = this.#chunk.length - this.#at + this.#queuedBytes;
    if (left === 0) {
      this.#chunk = noBytes;
      this.#at = 0;
      return;
    }
    const copy = new Uint8Array(left);
    copy.set(this.#chunk.subarray(this.#at));
    let at = this.#chunk.length - this.#at;
    for (const chunk of this.#queue?.slice(this.#next) ?? []) {
      copy.set(chunk, at);
      at += chunk.length;
    }
    this.#queue = undefined;
    this.#next = 0;
    this.#queuedBytes = 0;
    this.#chunk = copy;
    this.#at = 0;
  }

  /** Drops what was pushed. */
  clear(): void {
    this.#chunk = noBytes;
    this.#at = 0;
    this.#queue = undefined;
    this.#next = 0;
    this.#queuedBytes = 0;
    this.#partial = noBytes;
    this.#have = 0;
  }

  #peek(length: number): Uint8Array | undefined {
    if (this.#have === 0) {
      const end = this.#at + length;
      if (end <= this.#chunk.length) return this.#chunk.subarray(this.#at, end);
    }
    while (this.#have < length) {
      if (this.#at === this.#chunk.length && !this.#nextChunk()) return undefined;
      const count = Math.min(length - this.#have, this.#chunk.length - this.#at);
      this.#reserve(this.#have + count, length);
      this.#partial.set(this.#chunk.subarray(this.#at, this.#at + count), this.#have);
      this.#have += count;
      this.#at += count;
    }
    return this.#partial.subarray(0, length);
  }

  #nextChunk(): boolean {
    const chunk = this.#queue?.[this.#next];
    if (chunk === undefined) {
      this.#chunk = noBytes;
      this.#at = 0;
      return false;
    }
    this.#next++;
    this.#queuedBytes -= chunk.length;
    this.#chunk = chunk;
    this.#at = 0;
    if (this.#next === this.#queue?.length) {
      this.#queue = undefined;
      this.#next = 0;
    }
    return true;
  }

  #reserve(need: number, wanted: number): void {
    if (need <= this.#partial.length) return;
    const capacity = Math.min(wanted, Math.max(512, 2 * need));
    const larger = new Uint8Array(capacity);
    larger.set(this.#partial.subarray(0, this.#have));
    this.#partial = larger;
  }
}
