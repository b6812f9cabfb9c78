import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type Connection, drive, type Host } from '../../index.ts';

/** Plaintext that is encrypted in one go. */
const slab = 1 << 18;

/** Header, content type and tag of a record of TLS 1.3. */
const recordOverhead = 5 + 1 + 16;

/**
 * TLS over a TCP socket as a stream of plaintext. Thinner than the drop-in for `node:tls`: it shows the engine's
 * connection itself, so that the commands can tell how a handshake went. Emits `secure` once the handshake is done.
 */
export class EngineSocket extends Duplex {
  readonly connection: Connection;
  readonly transport: Socket;
  /** For programs that ask whether a connection is protected, e.g. HTTP frameworks. */
  readonly encrypted = true;
  /** Sees all plaintext, both ways. */
  watcher: { received(bytes: Uint8Array): void; sent(bytes: Uint8Array): void } | undefined;
  /** Whether what is written before the handshake is done goes out as early data (client), as far as it fits. */
  readonly #sendEarly: boolean;
  /** What early data took on the wire so far. */
  earlyBytes = 0;
  readonly #host: Host;
  readonly #wake = () => this.#pump();
  #secured = false;
  #pumping = false;
  #again = false;
  #ended = false;
  #full = false;
  #pending: { chunk: Uint8Array; done: (error?: Error | null) => void } | undefined;
  #pendingFinal: ((error?: Error | null) => void) | undefined;
  /** What went out as early data: it is sent again where the server did not take it. */
  #earlySent: Uint8Array[] = [];

  constructor(transport: Socket, connection: Connection, host: Host, options: { readonly sendEarly?: boolean } = {}) {
    super({ allowHalfOpen: true });
    this.#sendEarly = options.sendEarly ?? false;
    this.transport = transport;
    this.connection = connection;
    this.#host = host;
    transport.on('data', (bytes) => {
      connection.receive(bytes);
      this.#pump();
    });
    transport.on('end', () => {
      connection.receiveEnd();
      this.#pump();
      // TCP said no more without close_notify: nothing can follow.
      this.#pushEnd();
    });
    transport.on('error', (error) => this.destroy(error));
    transport.on('close', () => this.destroy());
  }

  /** Begins the handshake. */
  start(): this {
    this.#pump();
    return this;
  }

  /** Whether the handshake is done. Requests that come before are early data (0-RTT). */
  get secured(): boolean {
    return this.#secured;
  }

  get remoteAddress(): string | undefined {
    return this.transport.remoteAddress;
  }
  get remotePort(): number | undefined {
    return this.transport.remotePort;
  }
  get localPort(): number | undefined {
    return this.transport.localPort;
  }
  get localAddress(): string | undefined {
    return this.transport.localAddress;
  }

  setTimeout(milliseconds: number, callback?: () => void): this {
    this.transport.setTimeout(milliseconds);
    if (callback !== undefined) this.once('timeout', callback);
    if (milliseconds > 0 && this.transport.listenerCount('timeout') === 0) {
      this.transport.on('timeout', () => this.emit('timeout'));
    }
    return this;
  }
  setNoDelay(on?: boolean): this {
    this.transport.setNoDelay(on);
    return this;
  }
  setKeepAlive(on?: boolean, delay?: number): this {
    this.transport.setKeepAlive(on, delay);
    return this;
  }
  ref(): this {
    this.transport.ref();
    return this;
  }
  unref(): this {
    this.transport.unref();
    return this;
  }

  override _read(): void {
    this.#full = false;
    if (this.connection.wantsMoreInput) this.transport.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.watcher?.sent(chunk);
    const allowance = this.#secured ? 0 : this.connection.earlyDataAllowance;
    if (allowance > 0 && this.#sendEarly && chunk.length <= allowance) {
      this.#earlySent.push(chunk.slice());
      this.earlyBytes += chunk.length + recordOverhead * Math.ceil(chunk.length / 16_384);
      this.connection.write(chunk);
      return this.#flush(done);
    }
    if (!this.connection.writable || allowance > 0) {
      if (this.connection.closed) done(this.connection.error ?? cutError());
      else this.#pending = { chunk, done };
      return;
    }
    for (let at = 0; at < chunk.length; at += slab) this.connection.write(chunk.subarray(at, at + slab));
    this.#flush(done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.#secured && !this.connection.closed) {
      this.#pendingFinal = done;
      return;
    }
    this.connection.closeWrite();
    this.#flush();
    this.transport.end(() => done());
    if (this.transport.destroyed) done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.connection.closed) this.connection.close();
    if (!this.transport.destroyed) {
      this.#flush();
      if (this.connection.error === undefined) {
        // What was written goes out, unless the other side takes nothing.
        this.transport.setTimeout(lastWordsTime, () => this.transport.destroy());
        this.transport.destroySoon();
      } else linger(this.transport);
    }
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.done(error ?? cutError());
    this.#pendingFinal?.();
    this.#pendingFinal = undefined;
    done(error);
  }

  #pump(): void {
    if (this.#pumping) {
      this.#again = true;
      return;
    }
    this.#pumping = true;
    try {
      do {
        this.#again = false;
        drive(this.connection, this.#host, this.#wake);
        if (this.connection.connected && !this.#secured) this.#finish();
        for (const chunk of this.connection.takeApplicationData()) this.#deliver(chunk);
      } while (this.#again);
    } finally {
      this.#pumping = false;
    }
    if (!this.destroyed) this.#flush();
    if (this.connection.closed) this.#closed();
    else if (this.connection.peerClosed) this.#pushEnd();
    else if (!this.connection.wantsMoreInput) this.transport.pause();
    else if (!this.#full) this.transport.resume();
  }

  #finish(): void {
    this.#secured = true;
    const again = this.#earlySent;
    this.#earlySent = [];
    if (this.connection.info.earlyData === 'rejected') for (const chunk of again) this.connection.write(chunk);
    this.emit('secure');
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending !== undefined) this._write(pending.chunk, '', pending.done);
    const final = this.#pendingFinal;
    this.#pendingFinal = undefined;
    if (final !== undefined) this._final(final);
  }

  #deliver(chunk: Uint8Array): void {
    if (this.destroyed || this.#ended) return;
    if (!this.#secured) this.emit('early');
    this.watcher?.received(chunk);
    if (!this.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) {
      this.#full = true;
      this.transport.pause();
    }
  }

  #closed(): void {
    const { error } = this.connection;
    if (error !== undefined) this.destroy(error);
    else this.#pushEnd();
  }

  #pushEnd(): void {
    if (this.#ended || this.destroyed) return;
    this.#ended = true;
    this.push(null);
  }

  #flush(done?: (error?: Error | null) => void): void {
    const out = this.connection.takeOutgoing();
    const { transport } = this;
    if (out.length === 0 || !transport.writable) {
      done?.(transport.writable ? null : (this.connection.error ?? cutError()));
      return;
    }
    const last = out.pop() as Uint8Array;
    transport.cork();
    for (const bytes of out) transport.write(bytes, () => this.connection.release(bytes));
    const room = transport.write(last, () => this.connection.release(last));
    transport.uncork();
    if (done === undefined) return;
    if (room) done();
    else {
      const settle = () => {
        transport.off('drain', settle);
        transport.off('close', settle);
        done();
      };
      transport.once('drain', settle);
      transport.once('close', settle);
    }
  }
}

/** How long the other side may take nothing of what was written before the connection was given up, in ms. */
const lastWordsTime = 5000;

/** How long a connection that failed is read from after its alert, in ms. */
const lingerTime = 1000;

/**
 * Ends a connection so that the alert arrives: closed over data that nobody read, TCP would reset it, and the other
 * side would lose what it had not read either.
 */
function linger(transport: Socket): void {
  transport.removeAllListeners('data');
  transport.resume();
  transport.end();
  const timer = setTimeout(() => transport.destroy(), lingerTime).unref();
  transport.once('close', () => clearTimeout(timer));
}

function cutError(): NodeJS.ErrnoException {
  return Object.assign(new Error('the other side cut the connection'), { code: 'ECONNRESET' });
}
