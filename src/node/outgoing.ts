/** Plaintext on its way to the engine: what a program writes becomes pieces of a good size. */

/** Plaintext that is encrypted in one go; more would only make the peak of memory higher. */
export const slab = 1 << 18;

/** From here on a copy costs more than a record. */
const largeChunk = 1 << 16;

/**
 * Small pieces, such as the head and the body of an answer or the frames of HTTP/2, are joined, so that they fill records:
 * a record costs more than a copy. Large ones stay as they are.
 */
export function joinSmall(chunks: readonly { chunk: Buffer | string; encoding: BufferEncoding }[]): Uint8Array[] {
  const joined: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  let size = 0;
  const join = (): void => {
    if (small.length > 0) joined.push(small.length === 1 ? small[0]! : Buffer.concat(small, size));
    small = [];
    size = 0;
  };
  for (const { chunk, encoding } of chunks) {
    const bytes = asBytes(chunk, encoding);
    if (bytes.length >= largeChunk || size + bytes.length > slab) join();
    small.push(bytes);
    size += bytes.length;
    if (bytes.length >= largeChunk) join();
  }
  join();
  return joined;
}

/** What was written, as bytes. */
export function asBytes(chunk: Buffer | string, encoding: BufferEncoding): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
}
