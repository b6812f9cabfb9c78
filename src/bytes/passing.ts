/** Arrays of up to this length share a block; a quarter of it is the longest that does. */
const blockLength = 8192;

let block = new Uint8Array(0);
let at = 0;

/**
 * An array of zeros for bytes that somebody copies soon: a part of a block that all connections share, since memory of
 * its own costs a microsecond where a view costs a tenth. Each part is given out once, and the block goes when nobody
 * holds a part of it any more. Not for secrets; not for what is kept, or handed to a program, whose `buffer` it would see.
 */
export function passingBytes(length: number): Uint8Array {
  if (length > blockLength / 4) return new Uint8Array(length);
  if (at + length > block.length) {
    block = new Uint8Array(blockLength);
    at = 0;
  }
  const bytes = block.subarray(at, at + length);
  at += length;
  return bytes;
}
