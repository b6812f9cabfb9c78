import { headerLength, maxContentLength } from './protection.ts';

/** Most records that share one output buffer when much is written at once. */
export const recordsPerSlab = 16;

/** Room for a full record of any protection: content type and tag, or IV, MAC and padding. */
const recordRoom = headerLength + maxContentLength + 96;

/** Slabs that wait to be used again: of one, two, four, eight and sixteen records. */
const idle: readonly ArrayBuffer[][] = [[], [], [], [], []];

/** Most slabs of a size, and most bytes of all, that wait in the whole process. */
const maxIdle = 64;
const maxIdleBytes = 16 << 20;
let idleBytes = 0;

/**
 * An array of `length` bytes for records; what it holds is undefined. From half a record on it comes from the slabs that were
 * given back: fresh memory costs the kernel a page fault for every 4 KiB, and the garbage collector counts it.
 */
export function allocateOutput(length: number): Uint8Array {
  if (length < recordRoom / 2 || length > recordsPerSlab * recordRoom) return new Uint8Array(length);
  const size = 32 - Math.clz32(Math.ceil(length / recordRoom) - 1);
  const slab = idle[size]?.pop();
  if (slab === undefined) return new Uint8Array(new ArrayBuffer(recordRoom << size), 0, length);
  idleBytes -= slab.byteLength;
  return new Uint8Array(slab, 0, length);
}

/** Gives an array back that nobody reads any more. Arrays that are no slab are ignored. */
export function releaseOutput(bytes: Uint8Array): void {
  const { buffer } = bytes;
  const records = buffer.byteLength / recordRoom;
  if (bytes.byteOffset !== 0 || !(buffer instanceof ArrayBuffer) || !Number.isInteger(records)) return;
  const size = 31 - Math.clz32(records);
  const slabs = idle[size];
  if (slabs === undefined || records !== 1 << size) return;
  if (slabs.length >= maxIdle || idleBytes + buffer.byteLength > maxIdleBytes) return;
  // Given back twice it would carry two streams at once.
  if (slabs.includes(buffer)) return;
  slabs.push(buffer);
  idleBytes += buffer.byteLength;
}
