/**
 * Many small values of different lengths in a few large arrays: values are cut into blocks of 64 bytes that are
 * chained by index. A million small arrays would cost several times their contents in headers, and the garbage
 * collector its time.
 */
export class BlockArena {
  readonly #slabs: Uint8Array[] = [];
  /** For each block the next one of its value or of the free list; -1 ends. */
  #next = new Int32Array(0);
  #free = -1;
  #used = 0;

  /** Blocks in use. */
  get used(): number {
    return this.#used;
  }

  /** Keeps a copy; returns the index of its first block, or -1 for an empty value. */
  add(value: Uint8Array): number {
    let first = -1;
    let last = -1;
    for (let at = 0; at < value.length; at += blockBytes) {
      const block = this.#take();
      this.#slab(block).set(value.subarray(at, at + blockBytes), offsetOf(block));
      if (last < 0) first = block;
      else this.#next[last] = block;
      last = block;
    }
    if (last >= 0) this.#next[last] = -1;
    return first;
  }

  /** A copy of `length` bytes from `offset` on of the value that begins at a block. */
  read(first: number, offset: number, length: number): Uint8Array {
    const value = new Uint8Array(length);
    let block = first;
    let skip = offset;
    for (; skip >= blockBytes; skip -= blockBytes) block = this.#next[block] as number;
    for (let at = 0; at < length; block = this.#next[block] as number, skip = 0) {
      const from = offsetOf(block) + skip;
      const size = Math.min(blockBytes - skip, length - at);
      value.set(this.#slab(block).subarray(from, from + size), at);
      at += size;
    }
    return value;
  }

  /** Whether a value begins with the code units of a text (Latin-1). */
  startsWith(first: number, text: string): boolean {
    for (let at = 0, block = first; at < text.length; at += blockBytes, block = this.#next[block] as number) {
      const slab = this.#slab(block);
      const from = offsetOf(block) - at;
      const end = Math.min(text.length, at + blockBytes);
      for (let i = at; i < end; i++) if (slab[from + i] !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Zeroizes a value and gives its blocks back. */
  remove(first: number): void {
    for (let block = first; block >= 0; ) {
      const next = this.#next[block] as number;
      const from = offsetOf(block);
      this.#slab(block).fill(0, from, from + blockBytes);
      this.#next[block] = this.#free;
      this.#free = block;
      this.#used--;
      block = next;
    }
  }

  #take(): number {
    if (this.#free < 0) this.#grow();
    const block = this.#free;
    this.#free = this.#next[block] as number;
    this.#used++;
    return block;
  }

  #grow(): void {
    const from = this.#slabs.length * blocksInSlab;
    this.#slabs.push(new Uint8Array(blocksInSlab * blockBytes));
    if (from + blocksInSlab > this.#next.length) {
      const next = new Int32Array(Math.max(from + blocksInSlab, 2 * this.#next.length));
      next.set(this.#next);
      this.#next = next;
    }
    for (let block = from + blocksInSlab - 1; block >= from; block--) {
      this.#next[block] = this.#free;
      this.#free = block;
    }
  }

  #slab(block: number): Uint8Array {
    return this.#slabs[Math.floor(block / blocksInSlab)] as Uint8Array;
  }
}

/** Size of a block, in bytes. */
const blockBytes = 64;
const blocksInSlab = 1024;

function offsetOf(block: number): number {
  return (block % blocksInSlab) * blockBytes;
}

/** Bytes that a value of `length` takes up in whole blocks. */
export function arenaBytes(length: number): number {
  return Math.ceil(length / blockBytes) * blockBytes;
}
