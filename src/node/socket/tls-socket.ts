/**
 * `TLSSocket`: TLS over a `net.Socket` or any Duplex. To its users it is a `net.Socket` (`instanceof` too): it is one
 * without a handle of its own, whose stream hooks (`_read`, `_write`, `_writev`, `_final`, `_destroy`) and whose view of
 * the connection are those of the transport under it.
 */
import { Socket } from 'node:net';
import { addAbortSignal, type Duplex } from 'node:stream';
import type { Connection } from '../../engine/connection.ts';
import { AlertReceivedError, type TlsError } from '../../errors.ts';
import {
  type CodedError,
  closedBeforeConnection,
  invalidArgType,
  nodeError,
  refusedByProgram,
  toNodeError,
  writeFailed,
} from '../base/node-errors.ts';
import { ClientEarlyData } from './client-early-data.ts';
import { createConnection } from './connection-setup.ts';
import { Incoming } from './incoming.ts';
import { Negotiation } from './negotiation.ts';
import { asBytes, encryptAll, givePlace, joinSmall, sendOutgoing, takePlace } from './outgoing.ts';
import { checkedOptions, contextOf } from './socket-options.ts';
import { TlsDetails } from './tls-details.ts';
import type { InternalServer, TlsSocketOptions } from './tls-types.ts';
import { traceAll } from './trace-text.ts';
import { closeTransport, isSent, startReading, stopReading, type WriteDone } from './transport.ts';

interface PendingWrite {
  chunks: Uint8Array[];
  done: (error?: Error | null) => void;
}

/** Milliseconds that tickets wait for the first application data. */
const ticketDelay = 5;

/** Node's `tls.TLSSocket`. */
export class TLSSocket extends TlsDetails {
  encrypted!: true;
  authorized = false;
  authorizationError!: Error;
  alpnProtocol: string | false | null = null;
  servername: string | false | null = null;
  secureConnecting = true;
  server: InternalServer | undefined;
  /** As in Node; programs look at them though they are not documented. */
  _tlsOptions: TlsSocketOptions;
  _secureEstablished = false;
  _controlReleased = false;
  _requestCert: boolean;
  _rejectUnauthorized: boolean;
  /** Everything that the handshake learns, and the hooks of this connection. Not for users. */
  readonly negotiation: Negotiation;

  readonly #incoming: Incoming;
  #connection: Connection | undefined;
  #started = false;
  #pumping = false;
  #ticketTimer: NodeJS.Timeout | undefined;
  #handshakeTimer: NodeJS.Timeout | undefined;
  #pumpAgain = false;
  #transportEnded = false;
  #pendingWrite: PendingWrite | undefined;
  #pendingFinal: ((error?: Error | null) => void) | undefined;
  #resetting = false;
  /** Server: whether the program was told of early data. */
  #toldOfEarlyData = false;
  /** Client: what goes with the first flight. */
  #early: ClientEarlyData | undefined;

  constructor(socket?: Duplex | null, options: TlsSocketOptions = {}) {
    if (socket && typeof socket.pause !== 'function') throw invalidArgType('socket', 'Duplex', socket);
    const tlsOptions = checkedOptions(options);
    const { context } = contextOf(tlsOptions);
    super({
      allowHalfOpen: socket ? socket.allowHalfOpen : tlsOptions.allowHalfOpen,
      highWaterMark: tlsOptions.highWaterMark,
    });
    this.encrypted = true;
    this.authorizationError = null as unknown as Error;
    this._tlsOptions = tlsOptions;
    this.server = tlsOptions.server;
    this._requestCert = !!tlsOptions.requestCert || !tlsOptions.isServer;
    this._rejectUnauthorized = !!tlsOptions.rejectUnauthorized;
    this.negotiation = new Negotiation(context);
    this.negotiation.tracing = tlsOptions.enableTrace ?? traceAll();
    this.#incoming = new Incoming(this, tlsOptions.onread);
    this.on('error', this._tlsError);
    if (!tlsOptions.isServer && tlsOptions.session) this.setSession(tlsOptions.session);
    if (tlsOptions.handshakeTimeout !== undefined && tlsOptions.handshakeTimeout > 0)
      this.#startHandshakeTimer(tlsOptions.handshakeTimeout);
    if (socket) this.#wrap(socket);
    else this.connecting = true;
    if (tlsOptions.pauseOnConnect) this.pause();
    if (tlsOptions.signal) addAbortSignal(tlsOptions.signal, this);
    // A server starts by itself, after its owner has had the turn to set listeners.
    if (tlsOptions.isServer) process.nextTick(start, this);
  }

  // ---- the transport ----

  /** Takes a socket that is there already: what it still has to send goes first, what comes from now on is TLS. */
  #wrap(socket: Duplex): void {
    this.adopt(socket);
    // The readers of the time before TLS must not see ciphertext.
    if (socket instanceof Socket && (!this._tlsOptions.isServer || socket.listenerCount('data') > 0)) {
      socket.removeAllListeners('data');
      socket.removeAllListeners('readable');
    }
  }

  /** The transport has failed. */
  transportFailed(error: Error): void {
    if (this.negotiation.bridged) {
      // Node's wrapper must see its write answered before it hears of the error. That a server has gone is no error of a session.
      this.transport?.destroy();
      const { code } = error as CodedError;
      const gone = !this._tlsOptions.isServer && (code === 'ECONNRESET' || code === 'EPIPE');
      setImmediate(() => setImmediate(() => this.destroy(gone ? undefined : error)));
      return;
    }
    // The peer may close while something of the handshake (a ticket) is on its way: that is no error of the program's.
    if ((error as CodedError).code === 'EPIPE' && !this.writableNeedDrain && this.writableLength === 0) {
      this.destroy();
      return;
    }
    // Destroyed by it, and not only told of it: the write that fails with it must not be a second error.
    if (this._controlReleased) this.destroy(error);
    else this._emitTLSError(error);
  }

  protected connectionFailed(error: Error): void {
    if (this.negotiation.bridged) this.transportFailed(error);
    else this.destroy(error);
  }

  /** Starts the handshake; for sockets that connect by themselves, once they are connected. */
  _start(): void {
    if (this.#started) return;
    if (this.connecting) {
      this.once('connect', this._start);
      return;
    }
    const transport = this.transport;
    if (transport === undefined || this.destroyed) return;
    this.#started = true;
    if (transport.writableEnded) {
      // Nobody would hear of it otherwise: nothing can be sent, so nothing is answered.
      const ended = nodeError('ERR_STREAM_WRITE_AFTER_END', 'write after end');
      process.nextTick(() => this.destroy(ended));
      return;
    }
    // Nothing was written that could go early: none is offered.
    if (this._tlsOptions.earlyData === true && this.#pendingWrite === undefined) this._tlsOptions.earlyData = undefined;
    const { earlyData } = this._tlsOptions;
    try {
      this.#connection = createConnection(this, () => this.#pump());
    } catch (error) {
      this._hadError = true;
      process.nextTick(() => this.destroy(toNodeError(error)));
      return;
    }
    startReading(transport);
    if (earlyData !== undefined && !this._tlsOptions.isServer) {
      this.negotiation.drive();
      this.#early = new ClientEarlyData(this.#connection, earlyData, this.#pendingWrite?.chunks ?? []);
      this.#early.send();
    }
    this.#pump();
  }

  // ---- the engine ----

  #pump(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (this.#pumping) {
      this.#pumpAgain = true;
      return;
    }
    this.#pumping = true;
    const wasSecure = this._secureEstablished;
    try {
      do {
        this.#pumpAgain = false;
        this.negotiation.drive();
        this.negotiation.collectSessions();
        if (connection.connected && !this._secureEstablished && !this.destroyed && this.negotiation.sealing === 0)
          this.#finishHandshake(connection);
        this.#deliver(connection);
      } while (this.#pumpAgain);
    } finally {
      this.#pumping = false;
      // After the events: what their listeners wrote goes out with the handshake's last flight, in one write.
      if (connection.error !== undefined && this.negotiation.silent(connection.error)) connection.takeOutgoing();
      if (!wasSecure && this._secureEstablished && this.#mayHoldTickets(connection)) this.#holdTickets(connection);
      else this.#flush(connection);
    }
    if (connection.closed) this.#closed(connection);
    else if (connection.peerClosed) this.#incoming.end();
    else if (!connection.wantsMoreInput) this.#incoming.pause();
    else if (!this.#incoming.full) this.#incoming.resume();
  }

  #finishHandshake(connection: Connection): void {
    const { info } = connection;
    this.alpnProtocol = info.alpnProtocol ?? false;
    if (this.servername === null) this.servername = info.serverName ?? false;
    if (!this._tlsOptions.isServer && this._tlsOptions.requestOCSP) {
      this.emit('OCSPResponse', info.ocspResponse === undefined ? null : Buffer.from(info.ocspResponse));
      if (this.destroyed) return;
    }
    this._finishInit();
    this.negotiation.releaseHello();
  }

  _finishInit(): void {
    if (this.destroyed) return;
    this._secureEstablished = true;
    this.#endHandshakeTimer();
    const early = this.#early;
    early?.repeat();
    this.emit('secure');
    const write = this.#pendingWrite;
    if (write !== undefined && !this.destroyed) {
      this.#pendingWrite = undefined;
      if (early?.isWrite && early.accepted) {
        this.plaintextWritten += early.size;
        write.done();
      } else {
        this.#encrypt(write.chunks, write.done);
      }
    }
    const final = this.#pendingFinal;
    if (final !== undefined && !this.destroyed && this.#pendingWrite === undefined) {
      this.#pendingFinal = undefined;
      this._final(final);
    }
  }

  #deliver(connection: Connection): void {
    // Sessions first: who gets the first answer may ask for the session.
    this.negotiation.deliverSessions(this);
    for (const chunk of connection.takeApplicationData()) this.#deliverChunk(chunk);
    if (this._tlsOptions.isServer) this.#tellOfEarlyData(connection);
  }

  #deliverChunk(chunk: Uint8Array): void {
    if (this.destroyed || this.#incoming.ended || chunk.length === 0) return;
    this.plaintextRead += chunk.length;
    this.#incoming.deliver(chunk);
  }

  /**
   * Client: what is written before the handshake starts may go with its first flight (0-RTT), and can then be replayed
   * by who records it. For `handfast/https`.
   */
  _offerEarlyWrites(): void {
    if (!this.#started) this._tlsOptions.earlyData = true;
  }

  /** Whether the option `earlyData` (client) or the beginning of the data (server) went with the first flight, and was taken. */
  get earlyDataAccepted(): boolean {
    const connection = this.#connection;
    if (connection === undefined) return false;
    if (!this._tlsOptions.isServer) return this.#early?.accepted ?? false;
    return connection.connected ? connection.info.earlyData === 'accepted' : this.#toldOfEarlyData;
  }

  /** Server: what has come before the handshake is done is early data; the program may answer it at once. */
  #tellOfEarlyData(connection: Connection): void {
    if (this._secureEstablished || this.#toldOfEarlyData || this.plaintextRead === 0 || !connection.writable) return;
    this.#toldOfEarlyData = true;
    this.server?.emit('earlyData', this);
  }

  /** The engine has closed: with an error, or after both sides' close_notify. */
  #closed(connection: Connection): void {
    const { error } = connection;
    if (
      error === undefined ||
      this._hadError ||
      this.destroyed ||
      isOrdinaryEnd(error, this._secureEstablished, this.#transportEnded)
    ) {
      this.#incoming.end();
      return;
    }
    this._hadError = true;
    // `tlsClientError` comes when the transport is gone: asked once, it knows its peer's address from then on.
    if (this._tlsOptions.isServer && !this._secureEstablished) void this.remoteAddress;
    let shown = toNodeError(error);
    if (!this._secureEstablished && this.#pendingWrite !== undefined && !refusedByProgram(error))
      shown = writeFailed(shown);
    if (this._secureEstablished) this._emitTLSError(shown);
    this.destroy(this._secureEstablished ? undefined : shown);
  }

  /** A server that has just finished a TLS 1.3 handshake has nothing to send but tickets. */
  #mayHoldTickets(connection: Connection): boolean {
    return this._tlsOptions.isServer === true && !connection.closed && connection.info.version === 0x0304;
  }

  /** Tickets wait a moment for the first answer, to go out in one write with it; a silent server sends them alone. */
  #holdTickets(connection: Connection): void {
    this.#ticketTimer = setTimeout(() => this.#flush(connection), ticketDelay);
    this.#ticketTimer.unref();
  }

  #flush(connection: Connection, done?: WriteDone): void {
    if (this.#ticketTimer !== undefined) {
      clearTimeout(this.#ticketTimer);
      this.#ticketTimer = undefined;
    }
    sendOutgoing(connection, this.transport, done);
  }

  // ---- the stream hooks ----

  override _read(): void {
    this.#incoming.drained();
  }

  override resume(): this {
    super.resume();
    this.#incoming.release();
    return this;
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#encrypt([asBytes(chunk, encoding)], done);
  }

  override _writev(
    chunks: { chunk: Buffer | string; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    if (!this.#encryptsNow) {
      this.#encrypt(joinSmall(chunks), done);
      return;
    }
    const place = takePlace();
    try {
      this.#encrypt(joinSmall(chunks, place), done);
    } finally {
      givePlace(place);
    }
  }

  /** Whether what is written now is encrypted at once. */
  get #encryptsNow(): boolean {
    return this._secureEstablished || (this.#toldOfEarlyData && this.#connection?.writable === true);
  }

  #encrypt(chunks: Uint8Array[], done: (error?: Error | null) => void): void {
    const connection = this.#connection;
    if (connection === undefined || !this.#encryptsNow) {
      this.#pendingWrite = { chunks, done };
      // As in Node, a client that was not told to start does so with its first byte.
      if (!this.#started) this._start();
      return;
    }
    if (connection.closed) {
      done(nodeError('EPIPE', 'write EPIPE: the TLS connection is closed'));
      return;
    }
    this._unrefTimer();
    for (const chunk of chunks) this.plaintextWritten += chunk.length;
    encryptAll(connection, this.transport, chunks);
    // An error would end the stream under Node's wrapper at once: the wrapper hears of it from the transport.
    this.#flush(connection, this.negotiation.bridged ? () => done() : done);
  }

  override _final(done: (error?: Error | null) => void): void {
    const connection = this.#connection;
    const transport = this.transport;
    if (transport === undefined || transport.destroyed) {
      done();
      return;
    }
    if ((connection === undefined || !this._secureEstablished) && !this.#transportEnded && !connection?.closed) {
      this.#pendingFinal = done;
      if (!this.#started) this._start();
      return;
    }
    if (connection !== undefined && !connection.closed) {
      connection.closeWrite();
      this.#flush(connection);
    }
    if (this.readableEnded && connection?.closed && connection.error === undefined && isSent(transport)) {
      // Both sides have said close_notify, and the program has read all: what follows is the end of this socket, and closing
      // the transport ends that too.
      done();
      return;
    }
    transport.end(() => done());
    // Whoever ended this socket need not read it: the peer's end has to be noticed all the same.
    if (!this.#incoming.full) this.#incoming.resume();
  }

  override destroy(error?: Error): this {
    // A timer that is left would hold everything of this socket until it runs out, and later it cannot be taken back.
    const { timeout } = this;
    if (timeout && !this.destroyed) {
      super.setTimeout(0);
      (this as { timeout?: number }).timeout = timeout;
    }
    return super.destroy(error);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { connecting } = this;
    this.connecting = false;
    clearTimeout(this.#ticketTimer);
    this.#endHandshakeTimer();
    const hadError = error !== null && error !== undefined;
    const connection = this.#connection;
    const transport = this.transport;
    if (connection !== undefined) {
      // An alert that the engine has ready still goes out.
      // What else is ready, does not: a peer that is refused must not see this side's Finished or certificate.
      if (connection.error !== undefined) this.#flush(connection);
      else connection.takeOutgoing();
      if (!connection.closed) connection.close();
    }
    const write = this.#pendingWrite;
    this.#pendingWrite = undefined;
    this.#pendingFinal = undefined;
    const finish = () => {
      this.dropHandle();
      this.emit('close', hadError);
      if (connecting) write?.done(closedBeforeConnection());
    };
    // The stream emits the error first, then this the end. What waited to be written hears of it when the program has:
    // a request of http counts as sent where its write comes back before.
    done(error);
    if (write !== undefined && !connecting) {
      const failure = (error as CodedError | null)?.code === 'EPROTO' ? error : canceled(error);
      process.nextTick(write.done, failure);
    }
    if (transport === undefined || transport.closed) {
      process.nextTick(finish);
    } else {
      stopReading(transport);
      transport.once('close', finish);
      closeTransport(transport, this.#resetting);
    }
  }

  override resetAndDestroy(): this {
    this.#resetting = true;
    return this.destroy();
  }

  /** The transport has ended. */
  transportEnded(): void {
    if (this.#transportEnded) return;
    this.#transportEnded = true;
    const connection = this.#connection;
    if (connection !== undefined && !connection.closed) {
      connection.receiveEnd();
      this.#pump();
    }
    this.#incoming.end();
    const final = this.#pendingFinal;
    if (final !== undefined) {
      this.#pendingFinal = undefined;
      this._final(final);
    }
  }

  /** The transport has closed. */
  transportClosed(): void {
    if (this.#transportEnded || (this.negotiation.bridged && this.transport?.errored)) return;
    const { errored } = this.transport as Duplex;
    this.destroy(errored ?? undefined);
  }

  /** Bytes of the transport; whether they are nobody else's. */
  transportData(chunk: Buffer | string, fresh: boolean): void {
    const connection = this.#connection;
    if (connection === undefined || this.destroyed || connection.closed) return;
    if (typeof chunk === 'string' || this.transport?.readableObjectMode) {
      this.destroy(nodeError('ERR_STREAM_WRAP', 'Stream has StringDecoder set or is in objectMode'));
      return;
    }
    this._unrefTimer();
    connection.receive(chunk, fresh);
    this.#pump();
  }

  /** For those who answer the engine later. */
  wake(): void {
    this.#pump();
  }

  /** The engine's connection, once the handshake has started. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  // ---- errors before the connection belongs to the program ----

  /** A limit for all of the handshake, not for each pause in it: who sends a byte now and then may not keep it open for ever. */
  #startHandshakeTimer(milliseconds: number): void {
    this.#handshakeTimer = setTimeout(() => this._handleTimeout(), milliseconds);
    this.#handshakeTimer.unref();
  }

  #endHandshakeTimer(): void {
    if (this.#handshakeTimer === undefined) return;
    clearTimeout(this.#handshakeTimer);
    this.#handshakeTimer = undefined;
    // As in Node, whose limit of the handshake is the socket's own timeout.
    (this as { timeout?: number }).timeout = 0;
  }

  _handleTimeout(): void {
    this._emitTLSError(nodeError('ERR_TLS_HANDSHAKE_TIMEOUT', 'TLS handshake timeout'));
  }

  _emitTLSError(error: Error): void {
    const shown = this._tlsError(error);
    if (shown) this.emit('error', shown);
  }

  _tlsError(error: Error): Error | null {
    this.emit('_tlsError', error);
    return this._controlReleased ? error : null;
  }

  _releaseControl(): boolean {
    if (this._controlReleased) return false;
    this._controlReleased = true;
    this.removeListener('error', this._tlsError);
    return true;
  }

  _destroySSL(): void {
    this.#connection?.close();
  }
}

function canceled(cause: Error | null): Error {
  return nodeError('ECANCELED', 'write ECANCELED', Error, cause ?? undefined);
}

function start(socket: TLSSocket): void {
  socket._start();
}

/** Ends that are no errors of the program's, as in Node. */
function isOrdinaryEnd(error: TlsError, secure: boolean, transportEnded: boolean): boolean {
  const isAlert = error instanceof AlertReceivedError;
  // After the handshake: the transport has ended without close_notify, with half a record, say.
  if (secure) return transportEnded && !isAlert;
  // Before it is done: the peer has gone, or says goodbye.
  return isAlert ? error.alertCode === 0 : transportEnded && error.code === 'ERR_TLS_CONNECTION_ENDED';
}
