import { connect, type Socket } from 'node:net';
import type { CommandLine } from './flags.ts';

/** The TCP connection to the runner, as bytes that arrive and a wait for more of them. */
export class WireEndpoint {
  #socket: Socket;
  #chunks: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #woken = false;
  #held: Uint8Array[] | undefined;
  /** The runner has closed its side, or the connection broke. */
  ended = false;

  /** Connects to the runner and introduces itself with the id of the test. */
  static open(line: CommandLine): Promise<WireEndpoint> {
    const socket = connect({
      port: line.port,
      host: line.ipv6 ? '::1' : '127.0.0.1',
      noDelay: true,
      allowHalfOpen: true,
    });
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        const id = Buffer.alloc(8);
        id.writeBigUInt64LE(line.shimId);
        socket.write(id);
        resolve(new WireEndpoint(socket));
      });
    });
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#chunks.push(new Uint8Array(chunk));
      this.wake();
    });
    const end = () => {
      this.ended = true;
      this.wake();
    };
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', end);
  }

  /** The next bytes, at most `limit`; `undefined` where none have arrived. */
  take(limit: number): Uint8Array | undefined {
    const chunk = this.#chunks[0];
    if (chunk === undefined) return undefined;
    if (chunk.length <= limit) {
      this.#chunks.shift();
      return chunk;
    }
    this.#chunks[0] = chunk.subarray(limit);
    return chunk.subarray(0, limit);
  }

  /** Something has changed: {@link changed} resolves. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Resolves when bytes have arrived, the peer has closed, or {@link wake} was called since the last wait. */
  async changed(): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#woken = false;
  }

  write(bytes: Uint8Array): void {
    if (this.#held !== undefined) this.#held.push(bytes);
    else if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  /** Lets one byte of what is written from now on through, and keeps the rest until {@link release}. */
  holdAfterOneByte(bytes: Uint8Array): void {
    this.write(bytes.subarray(0, 1));
    this.#held = [bytes.subarray(1)];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const bytes of held) this.write(bytes);
  }

  /** Sends what is left, closes this side, and reads until the runner has closed its own; at most five seconds. */
  async close(): Promise<void> {
    this.release();
    if (this.#socket.destroyed) return;
    this.#socket.end();
    this.#socket.resume();
    const limit = setTimeout(() => {
      this.ended = true;
      this.wake();
    }, 5000);
    while (!this.ended) await this.changed();
    clearTimeout(limit);
    this.#socket.destroy();
  }
}
