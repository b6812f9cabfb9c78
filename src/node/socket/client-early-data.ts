import type { Connection } from '../../engine/connection.ts';
import { asBytes } from './outgoing.ts';

/**
 * What a client's socket sends with its first flight (0-RTT) where the session allows it: the option `earlyData`, or with
 * `true` the write that waits for the handshake. What the server does not take goes first of all after the handshake.
 */
export class ClientEarlyData {
  readonly #connection: Connection;
  readonly #chunks: readonly Uint8Array[];
  #sent = false;
  /** Bytes of it. */
  readonly size: number;
  /** Whether it is a write, which is still there to be done after the handshake. */
  readonly isWrite: boolean;

  constructor(connection: Connection, option: Uint8Array | string | true, write: readonly Uint8Array[]) {
    this.#connection = connection;
    this.isWrite = option === true;
    this.#chunks = option === true ? write : [asBytes(option, 'utf8')];
    this.size = this.#chunks.reduce((sum, { length }) => sum + length, 0);
  }

  /** Whether the server has taken it. */
  get accepted(): boolean {
    return this.#sent && this.#connection.connected && this.#connection.info.earlyData === 'accepted';
  }

  /** Sends it behind the ClientHello: all of it or nothing. */
  send(): void {
    if (!this.#connection.writable || this.#connection.earlyDataAllowance < this.size) return;
    this.#write();
    this.#sent = true;
  }

  /** After the handshake: sends what was not taken, but for a write, which its stream repeats. */
  repeat(): void {
    if (!this.isWrite && !this.accepted) this.#write();
  }

  #write(): void {
    for (const chunk of this.#chunks) this.#connection.write(chunk);
  }
}
