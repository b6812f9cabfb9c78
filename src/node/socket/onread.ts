import type { Readable } from 'node:stream';
import type { TlsSocketOptions } from './tls-types.ts';

type OnRead = NonNullable<TlsSocketOptions['onread']>;

/** The option `onread`: plaintext goes into the program's own buffer, and waits here while the program does not want it. */
export class OnReadTarget {
  readonly #option: OnRead;
  #buffer: Uint8Array | undefined;
  /** What waits; `undefined` while nothing is held back. */
  #held: Uint8Array[] | undefined;

  constructor(option: OnRead) {
    this.#option = option;
  }

  /** Whether plaintext is held back. */
  get holds(): boolean {
    return this.#held !== undefined;
  }

  /** Whether plaintext waits. */
  get waiting(): boolean {
    return this.#held !== undefined && this.#held.length > 0;
  }

  /**
   * Hands out a chunk, or keeps it where the stream is paused; the program may pause it in between.
   * @returns whether more may come.
   */
  deliver(chunk: Uint8Array, stream: Readable): boolean {
    const { callback } = this.#option;
    let rest = chunk;
    while (rest.length > 0) {
      if (stream.isPaused()) this.#held ??= [];
      if (this.#held !== undefined) {
        this.#held.push(rest);
        return false;
      }
      this.#buffer ??= this.#next();
      const target = this.#buffer;
      const size = Math.min(target.length, rest.length);
      target.set(rest.subarray(0, size));
      rest = rest.subarray(size);
      const goOn = callback.call(stream, size, target);
      this.#buffer = this.#next();
      if (goOn === false) this.#held = [];
    }
    return this.#held === undefined;
  }

  /** Hands out what waits. @returns whether more may come. */
  release(stream: Readable): boolean {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const chunk of held) this.deliver(chunk, stream);
    return this.#held === undefined;
  }

  #next(): Uint8Array {
    const { buffer } = this.#option;
    return typeof buffer === 'function' ? buffer() : buffer;
  }
}
