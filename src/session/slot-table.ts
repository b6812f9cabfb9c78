/**
 * A hash table from 32-bit hashes to slot numbers, in one typed array: open addressing with linear probing, at most
 * half full. It holds no keys; the caller says by `same` whether a slot is the one that is meant.
 */
export class SlotTable {
  /** Slot plus one; 0 is empty. */
  #slots = new Int32Array(128);
  #hashes = new Uint32Array(128);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The slot with this hash of which `same` is true, or -1. */
  find(hash: number, same: (slot: number) => boolean): number {
    const mask = this.#slots.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = (this.#slots[at] as number) - 1;
      if (slot < 0) return -1;
      if (this.#hashes[at] === hash && same(slot)) return slot;
    }
  }

  add(hash: number, slot: number): void {
    if (2 * (this.#size + 1) > this.#slots.length) this.#grow();
    this.#insert(hash, slot);
    this.#size++;
  }

  remove(hash: number, slot: number): void {
    const mask = this.#slots.length - 1;
    let at = hash & mask;
    while (this.#slots[at] !== slot + 1) {
      if (this.#slots[at] === 0) return;
      at = (at + 1) & mask;
    }
    this.#size--;
    // Entries behind the hole move up where a search from their own place would otherwise stop at the hole.
    for (let next = (at + 1) & mask; this.#slots[next] !== 0; next = (next + 1) & mask) {
      const home = (this.#hashes[next] as number) & mask;
      if (((next - home) & mask) < ((next - at) & mask)) continue;
      this.#slots[at] = this.#slots[next] as number;
      this.#hashes[at] = this.#hashes[next] as number;
      at = next;
    }
    this.#slots[at] = 0;
  }

  #insert(hash: number, slot: number): void {
    const mask = this.#slots.length - 1;
    let at = hash & mask;
    while (this.#slots[at] !== 0) at = (at + 1) & mask;
    this.#slots[at] = slot + 1;
    this.#hashes[at] = hash;
  }

  #grow(): void {
    const [slots, hashes] = [this.#slots, this.#hashes];
    this.#slots = new Int32Array(2 * slots.length);
    this.#hashes = new Uint32Array(2 * slots.length);
    for (let at = 0; at < slots.length; at++) {
      const slot = (slots[at] as number) - 1;
      if (slot >= 0) this.#insert(hashes[at] as number, slot);
    }
  }
}

/** FNV-1a over the code units of a text, 32 bits, begun with a seed. */
export function hashText(text: string, seed: number): number {
  let hash = (seed ^ 0x811c9dc5) >>> 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
