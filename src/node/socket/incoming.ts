import type { Duplex } from 'node:stream';
import { OnReadTarget } from './onread.ts';
import type { TlsSocketOptions } from './tls-types.ts';
import { pauseReading, resumeReading } from './transport.ts';

/**
 * Plaintext on its way to the program: into its stream, or into its own buffer (`onread`). While the program does not want
 * more, its transport is paused.
 */
export class Incoming {
  readonly #socket: Duplex & { readonly transport: Duplex | undefined };
  readonly #onread: OnReadTarget | undefined;
  #ended = false;
  #endDue = false;
  /** Whether the stream is full: the transport is paused until it asks for more. */
  full = false;

  constructor(socket: Duplex & { readonly transport: Duplex | undefined }, onread: TlsSocketOptions['onread']) {
    this.#socket = socket;
    this.#onread = onread ? new OnReadTarget(onread) : undefined;
  }

  /** Whether the end was pushed: nothing is taken any more. */
  get ended(): boolean {
    return this.#ended;
  }

  deliver(chunk: Uint8Array): void {
    if (this.#onread !== undefined) {
      if (!this.#onread.deliver(chunk, this.#socket)) this.pause();
      return;
    }
    if (this.#socket.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) return;
    this.full = true;
    this.pause();
  }

  /** No more comes: the end, once the program has what waits. */
  end(): void {
    if (this.#ended || this.#socket.destroyed) return;
    if (this.#onread?.waiting) {
      this.#endDue = true;
      return;
    }
    this.#ended = true;
    this.#socket.push(null);
    this.#socket.read(0);
    // From here on only the end of the transport can come.
    this.resume();
  }

  /** The stream has room again. */
  drained(): void {
    if (!this.full) return;
    this.full = false;
    this.resume();
  }

  /** The program goes on: it gets first what its `onread` has not had yet. */
  release(): void {
    if (!this.#onread?.holds || !this.#onread.release(this.#socket)) return;
    this.resume();
    if (this.#endDue) this.end();
  }

  pause(): void {
    const { transport } = this.#socket;
    if (transport !== undefined) pauseReading(transport);
  }

  resume(): void {
    const { transport } = this.#socket;
    if (transport !== undefined) resumeReading(transport);
  }
}
