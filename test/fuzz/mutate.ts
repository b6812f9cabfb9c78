/** Changes of bytes, of TLS structures, and of the order of messages. */
import { concat } from '../../src/bytes/bytes.ts';
import type { Random } from './random.ts';

const interesting = [0, 1, 2, 3, 4, 0x10, 0x14, 0x17, 0x1d, 0x20, 0x40, 0x7f, 0x80, 0xfe, 0xff];

/** One to a few changes of a byte string; the result is a new array. */
export function mutateBytes(random: Random, input: Uint8Array, others: readonly Uint8Array[] = []): Uint8Array {
  let bytes: Uint8Array = input.slice();
  const times = 1 + (random.oneIn(3) ? random.below(4) : 0);
  for (let i = 0; i < times; i++) bytes = mutateOnce(random, bytes, others);
  return bytes;
}

function mutateOnce(random: Random, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const length = bytes.length;
  if (length === 0) return Uint8Array.of(random.pick(interesting));
  const at = random.below(length);
  switch (random.below(9)) {
    case 0:
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      return bytes;
    case 1:
      bytes[at] = random.pick(interesting);
      return bytes;
    case 2:
      bytes[at] = random.below(256);
      return bytes;
    case 3: {
      // A two-byte value: a code, a group, a length.
      if (at + 1 >= length) return bytes;
      const value = random.oneIn(2) ? random.pick(interesting) : random.below(0x10000);
      bytes[at] = value >>> 8;
      bytes[at + 1] = value;
      return bytes;
    }
    case 4:
      return bytes.slice(0, at);
    case 5:
      return resize(
        random,
        bytes,
        at,
        new Uint8Array(1 + random.below(random.oneIn(8) ? 600 : 12)).fill(random.pick(interesting)),
        0,
      );
    case 6:
      return resize(random, bytes, at, new Uint8Array(0), Math.min(length - at, 1 + random.below(12)));
    case 7: {
      // A piece of its own, elsewhere.
      const from = random.below(length);
      const piece = bytes.slice(from, Math.min(length, from + 1 + random.below(40)));
      return resize(random, bytes, at, piece, random.oneIn(2) ? 0 : Math.min(length - at, piece.length));
    }
    default: {
      const other = others.length > 0 ? random.pick(others) : bytes;
      if (other.length === 0) return bytes;
      const from = random.below(other.length);
      const piece = other.slice(from, Math.min(other.length, from + 1 + random.below(60)));
      return resize(random, bytes, at, piece, Math.min(length - at, random.below(40)));
    }
  }
}

/** Puts `piece` in the place of `removed` bytes, and most times makes the lengths around it right again. */
function resize(random: Random, bytes: Uint8Array, at: number, piece: Uint8Array, removed: number): Uint8Array {
  const delta = piece.length - removed;
  const changed = concat(bytes.subarray(0, at), piece, bytes.subarray(at + removed));
  if (delta === 0 || random.oneIn(4)) return changed;
  for (let offset = 0; offset < at; offset++) {
    for (const size of [2, 1, 3]) {
      if (offset + size > at) continue;
      const end = offset + size + read(bytes, offset, size);
      // Whatever reads like a length of a vector that ends where something ends, and holds the place.
      if (end < at + removed || end > bytes.length || end === offset + size) continue;
      if (end !== bytes.length && !random.oneIn(3)) continue;
      write(changed, offset, size, Math.max(0, end - offset - size + delta));
      offset += size - 1;
      break;
    }
  }
  return changed;
}

function read(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + (bytes[at + i] as number);
  return value;
}

function write(bytes: Uint8Array, at: number, size: number, value: number): void {
  for (let i = 0; i < size; i++) bytes[at + i] = value >>> (8 * (size - 1 - i));
}

/** Changes a list: an element gone, doubled, moved, replaced by one from elsewhere, or changed itself. */
export function mutateList<T>(
  random: Random,
  list: readonly T[],
  change: (element: T) => T,
  others: readonly T[],
): T[] {
  const changed = [...list];
  if (changed.length === 0) return [random.pick(others)];
  const at = random.below(changed.length);
  switch (random.below(12)) {
    case 0:
      changed.splice(at, 1);
      return changed;
    case 1:
      changed.splice(at, 0, changed[at] as T);
      return changed;
    case 2: {
      const [moved] = changed.splice(at, 1);
      changed.splice(random.below(changed.length + 1), 0, moved as T);
      return changed;
    }
    case 3:
      changed.splice(at, 0, random.pick(others));
      return changed;
    case 4:
      changed[at] = random.pick(others);
      return changed;
    default:
      changed[at] = change(changed[at] as T);
      return changed;
  }
}
