import { headerLength, maxContentLength } from './protection.ts';

/** Records that share one output buffer when much is written at once. */
export const recordsPerSlab = 16;

/** Room for that many full records of any protection: content type and tag, or IV, MAC and padding. */
const slabLength = recordsPerSlab * (headerLength + maxContentLength + 96);

/** Slabs that wait to be used again: 1 MiB for the whole process. */
const maxIdle = 4;
const idle: ArrayBuffer[] = [];

/**
 * An array of `length` bytes for records; what it holds is undefined. Large ones come from the slabs that were given
 * back: fresh memory costs the kernel a page fault for every 4 KiB, a tenth of what encrypting into it costs.
 */
export function allocateOutput(length: number): Uint8Array {
  if (length <= slabLength / 2 || length > slabLength) return new Uint8Array(length);
  return new Uint8Array(idle.pop() ?? new ArrayBuffer(slabLength), 0, length);
}

/** Gives an array back that nobody reads any more. Arrays that are no slab are ignored. */
export function releaseOutput(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer.byteLength !== slabLength || bytes.byteOffset !== 0 || !(buffer instanceof ArrayBuffer)) return;
  // Given back twice it would carry two streams at once.
  if (idle.length < maxIdle && !idle.includes(buffer)) idle.push(buffer);
}
