import { isBytes, noBytes, zeroize } from '../bytes/bytes.ts';
import { AlertReceivedError, PeerError, TlsError } from '../errors.ts';
import type { CommonHandshakeConfig } from '../handshake/config.ts';
import type { RecordOutput } from '../handshake/context.ts';
import type { Flow } from '../handshake/flow.ts';
import type { HostRequest, HostRequests } from '../handshake/host.ts';
import type { Established } from '../handshake/result.ts';
import { contentTypes } from '../record/content-type.ts';
import type { PlaintextRecord } from '../record/record-reader.ts';
import type { ClientSession } from '../session/client-session.ts';
import { encodeAlert } from '../wire/alert.ts';
import { tls13 } from '../wire/versions.ts';
import { AlertReader } from './alerts.ts';
import { type ConnectionInfo, connectionInfo } from './connection-info.ts';
import { Dispatcher } from './dispatcher.ts';
import { exporting } from './exporting.ts';
import { RecordLayer } from './record-layer.ts';

/** What a connection waits for. */
export type Progress =
  /** Bytes of the transport: call `receive`. */
  | { readonly state: 'needsInput' }
  /** The host: call `answer` or `fail` with this id. Each request is reported once. */
  | { readonly state: 'needsHost'; readonly id: number; readonly request: HostRequest }
  /** The handshake is done; application data flows. */
  | { readonly state: 'connected' }
  /** It is over: send what `takeOutgoing` holds, then close the transport. */
  | { readonly state: 'closed'; readonly error?: TlsError };

const misuse: readonly string[] = ['ERR_TLS_NO_POST_HANDSHAKE_AUTH', 'ERR_TLS_STATE'];

const needsInput: Progress = { state: 'needsInput' };
const connectedProgress: Progress = { state: 'connected' };

/**
 * One TLS connection without any I/O: bytes of the transport go in by {@link receive}, bytes for it come out by
 * {@link takeOutgoing}, and {@link advance} does the work and says what is waited for.
 *
 * The engine owns records and alerts; the handshake is a flow that it drives. Nothing that a peer does makes a
 * method throw: the connection becomes `closed` with an error, and its alert waits in the output. The same comes of a `trace`,
 * or another function of the program's, that throws.
 */
export abstract class Connection {
  protected readonly role: 'server' | 'client';
  readonly #config: CommonHandshakeConfig;
  readonly #records: RecordLayer;
  readonly #alerts: AlertReader;
  readonly #dispatcher: Dispatcher;
  #started = false;
  #incoming: Uint8Array[] = [];
  #progress: Progress = needsInput;
  #error: TlsError | undefined;
  #closed = false;
  #peerClosed = false;
  #writeClosed = false;
  #sentCloseNotify = false;
  #transportEnded = false;

  protected constructor(config: CommonHandshakeConfig, role: 'server' | 'client') {
    this.#config = config;
    this.role = role;
    this.#records = new RecordLayer(config, role);
    this.#dispatcher = new Dispatcher(config, this.#records, role);
    this.#alerts = new AlertReader(config.limits.warningAlerts);
  }

  /** The flow of the handshake. */
  protected abstract start(output: RecordOutput): Flow<Established>;

  /** Whether the handshake is done. */
  get connected(): boolean {
    return this.#dispatcher.established !== undefined;
  }

  /** Whether the connection is over, in both directions. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether the peer has sent close_notify, or its transport has ended: no more data comes. */
  get peerClosed(): boolean {
    return this.#peerClosed;
  }

  /** Whether the transport ended without close_notify: what came last may be cut off by somebody. */
  get truncated(): boolean {
    return this.#transportEnded && !this.#receivedCloseNotify;
  }
  #receivedCloseNotify = false;

  /** The verify_data of both Finished messages of the handshake (tls-unique; RFC 5929, Section 3). */
  get finished(): { readonly sent: Uint8Array | undefined; readonly received: Uint8Array | undefined } {
    return { sent: this.#records.sentFinished?.subarray(4), received: this.#dispatcher.receivedFinished?.subarray(4) };
  }

  /** What ended the connection, where it was not close_notify. */
  get error(): TlsError | undefined {
    return this.#error;
  }

  /**
   * Whether a fatal alert, sent or received, ended it. A client then forgets the sessions that it took from here, and the
   * TLS 1.2 session that it offered (RFC 5246, Section 7.2.2); a server has forgotten its own.
   */
  get failed(): boolean {
    // An end without any alert is no reason to forget (RFC 5246, Section 7.2.1).
    return this.#error !== undefined && this.#error.code !== 'ERR_TLS_CONNECTION_ENDED';
  }

  /** Whether `write` may be called: after the handshake, or before it for early data. */
  get writable(): boolean {
    return this.#records.writable && !this.#writeClosed && !this.#closed;
  }

  /** Bytes of early data that a client may still send; 0 where it may send none. */
  get earlyDataAllowance(): number {
    return this.role === 'client' && !this.connected ? (this.#records.earlyDataLeft ?? 0) : 0;
  }

  /** `false` asks the transport to pause: the host has not answered, and enough input waits. */
  get wantsMoreInput(): boolean {
    return this.#peerClosed || this.#records.reader.bufferedBytes < this.#config.limits.pendingInput;
  }

  /** What was agreed. Throws before `connected`. */
  get info(): ConnectionInfo {
    return connectionInfo(this.#connected('info'));
  }

  /**
   * Takes bytes of the transport, which `advance` reads. Views of them may be kept for longer, while a message of the
   * handshake is not whole: who uses a buffer again hands over a copy.
   *
   * @param mayOverwrite gives the array away: it is nobody else's, and records may be decrypted in their place, which
   *   spares an array for each. Plaintext is then a view of it.
   */
  receive(bytes: Uint8Array, mayOverwrite = false): void {
    // "Any data received after a closure alert has been received MUST be ignored." (RFC 9846, Section 6.1)
    if (this.#closed || this.#peerClosed) return;
    checkBytes(bytes, 'receive');
    if (bytes.length > 0) this.#records.reader.push(plain(bytes), mayOverwrite);
  }

  /** The transport has ended: no more bytes come. */
  receiveEnd(): void {
    this.#transportEnded = true;
  }

  /** Does what can be done now, and says what is waited for. */
  advance(): Progress {
    if (this.#closed) return this.#progress;
    try {
      this.#run();
    } catch (error) {
      this.#fail(error);
    }
    if (this.#closed) return this.#progress;
    const asked = this.#dispatcher.nextRequest();
    if (asked !== undefined) return { state: 'needsHost', id: asked.id, request: asked.request };
    return this.connected ? connectedProgress : needsInput;
  }

  /** Answers a request of the host. An answer that comes after the end of the connection is dropped. */
  answer(id: number, value: unknown): void {
    if (this.#closed) wipeSession(value);
    this.#settle(id, value, undefined);
  }

  /** Lets a request of the host fail: the handshake ends with `error` where it is a `TlsError`, else with internal_error. */
  fail(id: number, error: unknown): void {
    this.#settle(id, undefined, { error });
  }

  /**
   * Encrypts application data; it comes out by `takeOutgoing`. Before the handshake is done this is early data (client)
   * or 0.5-RTT data (server). Throws `ERR_TLS_STATE` where nothing may be written now.
   */
  write(plaintext: Uint8Array): void {
    checkBytes(plaintext, 'write');
    if (!this.writable)
      throw stateError('write', this.#closed || this.#writeClosed ? 'is closed' : 'is not connected yet');
    if (this.role === 'client' && this.#records.earlyDataLeft !== undefined) {
      if (plaintext.length > this.#records.earlyDataLeft) {
        throw stateError('write', `takes only ${this.#records.earlyDataLeft} more bytes of early data`);
      }
      this.#records.earlyDataLeft -= plaintext.length;
    }
    this.#answerKeyUpdate();
    if (this.#records.version === tls13 && this.#records.writer.recordsUntilLimit < 1024) {
      // "Implementations MUST rekey or close before the limits" (RFC 9846, Section 5.5).
      this.#orFail(() => this.#dispatcher.established?.updateKeys(false));
    }
    if (!this.#closed) this.#records.writer.write(contentTypes.applicationData, plaintext);
  }

  /** This side writes no more, and still reads: sends close_notify, before the handshake is done once it is. */
  closeWrite(): void {
    if (this.#writeClosed || this.#closed) return;
    this.#writeClosed = true;
    if (!this.connected) return;
    this.#orFail(() => this.#sendCloseNotify());
    if (this.#peerClosed) this.#finish();
  }

  /** Ends the connection: with close_notify, or with the alert of an error. */
  close(error?: TlsError): void {
    if (this.#closed) return;
    if (error !== undefined) return this.#fail(error);
    this.#writeClosed = true;
    this.#orFail(() => this.#sendCloseNotify());
    this.#finish();
  }

  /** Bytes for the transport, in order; empty where there are none. */
  takeOutgoing(): Uint8Array[] {
    this.#records.writer.flush();
    return this.#records.writer.take();
  }

  /**
   * Gives back an array of `takeOutgoing` once the transport has sent it and nobody else holds it: bulk writes use its
   * memory again. Not needed; never call it for bytes that somebody may still read.
   */
  release(bytes: Uint8Array): void {
    this.#records.writer.release(bytes);
  }

  /** Decrypted application data, in order; empty where there is none. */
  takeApplicationData(): Uint8Array[] {
    const data = this.#incoming;
    if (data.length === 0) return [];
    this.#incoming = [];
    return data;
  }

  /** Limits the plaintext of each record that is sent from now on; 1 to 16384 bytes. */
  setMaxFragment(bytes: number): void {
    this.#records.setMaxFragment(bytes);
  }

  /** Client: sessions that the server has given since the last call. */
  takeSessions(): ClientSession[] {
    return this.#records.sessions.splice(0);
  }

  /**
   * Keying material for a program (RFC 9846, Section 7.5; RFC 5705). Throws `ERR_TLS_EXPORTER` for what cannot be given: in
   * TLS 1.3 more than 255 times the hash, or a label of more than 249 bytes; in TLS 1.2 a context of more than 65,535.
   */
  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Uint8Array {
    const established = this.#connected('exportKeyingMaterial');
    // The secrets are wiped by then: what came out would be known to anybody.
    if (this.#closed) throw stateError('exportKeyingMaterial', 'is closed');
    return exporting('exportKeyingMaterial', length, () => established.exportKeyingMaterial(length, label, context));
  }

  /**
   * Keying material that goes with early data (RFC 9846, Section 7.5), from the first flight on, also before `connected`.
   * Throws `ERR_TLS_STATE` where no early data was sent (client) or taken (server), and once it is known to be refused.
   * Like early data, it has no forward secrecy, and a replay gives the same.
   */
  exportEarlyKeyingMaterial(length: number, label: string, context: Uint8Array = noBytes): Uint8Array {
    const { earlyExporter } = this.#records;
    if (earlyExporter === undefined) throw stateError('exportEarlyKeyingMaterial', 'has no early data');
    return exporting('exportEarlyKeyingMaterial', length, () => earlyExporter.export(length, label, context));
  }

  /** TLS 1.3: writes under new keys, and asks the peer for the same where `requestPeer`. */
  updateKeys(requestPeer = false): void {
    if (this.#writeClosed || this.#closed) throw stateError('updateKeys', 'is closed');
    const established = this.#connected('updateKeys');
    this.#orFail(() => established.updateKeys(requestPeer));
  }

  /** TLS 1.3 server: asks for the client's certificate now (RFC 9846, Section 4.6.2). */
  requestClientCertificate(): void {
    const established = this.#connected('requestClientCertificate');
    if (this.#writeClosed || this.#closed) throw stateError('requestClientCertificate', 'is closed');
    this.#orFail(() => this.#dispatcher.begin(established.requestClientCertificate()));
  }

  #connected(call: string): Established {
    const { established } = this.#dispatcher;
    if (established === undefined) throw stateError(call, 'is not connected yet');
    return established;
  }

  /** Runs until input, or the host's answer, is needed. */
  #run(): void {
    if (!this.#started) {
      this.#started = true;
      this.#dispatcher.start(this.start(this.#records));
    }
    while (!this.#closed && !this.#dispatcher.waitsForHost) {
      const message = this.#peerClosed ? undefined : this.#records.assembler.peek();
      if (message !== undefined) {
        this.#dispatcher.dispatch(message);
        this.#sendDueCloseNotify();
        continue;
      }
      const record = this.#peerClosed ? undefined : this.#records.reader.next();
      if (record === undefined) {
        if (this.#transportEnded) this.#endOfTransport();
        break;
      }
      this.#readRecord(record);
    }
  }

  #settle(id: number, value: unknown, failure: { readonly error: unknown } | undefined): void {
    if (this.#closed) return;
    try {
      this.#dispatcher.settle(id, value, failure);
      this.#sendDueCloseNotify();
    } catch (error) {
      this.#fail(error);
    }
  }

  #readRecord(record: PlaintextRecord): void {
    if (record.type !== contentTypes.alert && record.fragment.length > 0) this.#alerts.reset();
    switch (record.type) {
      case contentTypes.handshake:
        return this.#readHandshake(record.fragment);
      case contentTypes.applicationData:
        return this.#readApplicationData(record.fragment);
      case contentTypes.alert:
        return this.#readAlert(record.fragment);
      case contentTypes.changeCipherSpec:
        return this.#readChangeCipherSpec(record);
    }
  }

  #readHandshake(fragment: Uint8Array): void {
    if (this.#dispatcher.waitsForChangeCipherSpec) throw unexpectedRecord('a handshake record', 'changeCipherSpec');
    if (fragment.length === 0 && this.#records.version === tls13) {
      throw new PeerError('ERR_TLS_UNEXPECTED_RECORD', 'unexpectedMessage', 'an empty handshake record', {
        rfc: 'RFC 9846, Section 5.1',
      });
    }
    this.#records.assembler.push(fragment);
  }

  #readApplicationData(fragment: Uint8Array): void {
    if (this.#records.assembler.buffered) throw unexpectedRecord('application data', 'the rest of a handshake message');
    if (this.#records.readEpoch === 'earlyData' && this.#records.earlyDataLeft !== undefined) {
      this.#records.earlyDataLeft -= fragment.length;
      if (this.#records.earlyDataLeft < 0) {
        throw new PeerError(
          'ERR_TLS_TOO_MUCH_EARLY_DATA',
          'unexpectedMessage',
          'more early data than the ticket allows',
          { rfc: 'RFC 9846, Section 4.6.1' },
        );
      }
    } else if (!this.connected) {
      throw unexpectedRecord('application data', 'a handshake message');
    }
    if (fragment.length === 0) return;
    this.#dispatcher.resetCounts();
    this.#incoming.push(fragment);
  }

  #readAlert(fragment: Uint8Array): void {
    const phase = !this.connected ? 'handshake' : 'connected';
    const { alert, meaning } = this.#alerts.read(fragment, this.#records.version === tls13, phase);
    this.#config.trace?.({
      kind: 'alert',
      direction: 'received',
      level: alert.level,
      alert: alert.name ?? alert.description,
    });
    if (meaning === 'ignored') {
      // "if a handshake message is split over two or more records, there MUST NOT be any other records between them"
      // (RFC 9846, Section 5.1). TLS 1.2 says nothing of it.
      if (this.#records.version === tls13 && this.#records.assembler.buffered) {
        throw unexpectedRecord('an alert', 'the rest of a handshake message');
      }
      return;
    }
    this.#receivedCloseNotify = true;
    this.#peerClosed = true;
    if (!this.connected) {
      throw new AlertReceivedError(alert.description, phase);
    }
    if (this.#writeClosed) this.#finish();
  }

  #readChangeCipherSpec({ fragment, protected: wasProtected }: PlaintextRecord): void {
    const isOne = fragment.length === 1 && fragment[0] === 1;
    if (this.#dispatcher.waitsForChangeCipherSpec) {
      if (this.#records.assembler.buffered)
        throw unexpectedRecord('changeCipherSpec', 'the rest of a handshake message');
      if (!isOne) throw badChangeCipherSpec();
      this.#records.traceMessage('received', 'changeCipherSpec', fragment, this.#records.readEpoch);
      return this.#dispatcher.changeCipherSpec();
    }
    // "An implementation may receive an unencrypted record of type change_cipher_spec … at any time after the first
    // ClientHello message has been sent or received and before the peer's Finished" (RFC 9846, Section 5).
    const inHandshake = !this.connected && (this.role === 'client' || this.#dispatcher.receivedAny);
    const tolerated =
      inHandshake && !wasProtected && (this.#records.version === tls13 || this.#records.version === undefined);
    if (!tolerated || (this.role === 'client' && this.#records.version === undefined)) {
      throw unexpectedRecord('changeCipherSpec', 'another record');
    }
    if (!isOne) throw badChangeCipherSpec();
  }

  #endOfTransport(): void {
    if (!this.connected) {
      throw new PeerError(
        'ERR_TLS_CONNECTION_ENDED',
        'internalError',
        'the peer closed the connection before the handshake was done',
        { phase: 'handshake' },
      );
    }
    this.#peerClosed = true;
    if (this.#writeClosed) this.#finish();
  }

  /**
   * Answers the peer's requests for new keys before the next application data (RFC 9846, Section 4.6.3). A side that
   * is silent has nothing to protect by them: one answer serves all that was asked, and nothing piles up here.
   */
  #answerKeyUpdate(): void {
    const answer = this.#records.keyUpdateAnswer;
    if (answer === undefined) return;
    this.#records.keyUpdateAnswer = undefined;
    this.#orFail(answer);
  }

  /** close_notify that was asked for before the handshake was done goes once it is. */
  #sendDueCloseNotify(): void {
    if (this.#writeClosed && this.connected && !this.#closed) this.#sendCloseNotify();
  }

  #sendCloseNotify(): void {
    if (this.#sentCloseNotify) return;
    this.#sentCloseNotify = true;
    this.#sendAlert('closeNotify');
    this.#records.endWriting();
  }

  #sendAlert(name: Parameters<typeof encodeAlert>[0]): void {
    const alert = encodeAlert(name);
    this.#records.writer.write(contentTypes.alert, alert);
    this.#config.trace?.({ kind: 'alert', direction: 'sent', level: alert[0] as number, alert: name });
  }

  /** What fails inside a call of the program, a trace of its own among it, ends the connection. */
  #orFail(action: () => void): void {
    try {
      action();
    } catch (error) {
      // A call that does not fit this connection is the program's mistake; the connection goes on.
      if (!this.#closed && error instanceof TlsError && misuse.includes(error.code)) throw error;
      this.#fail(error);
    }
  }

  /** The one place where an error becomes an alert (RFC 9846, Section 6.2). */
  #fail(cause: unknown): void {
    if (this.#closed) return;
    const error = asTlsError(cause);
    this.#error = error;
    if (this.failed) this.#records.forgetSessions();
    const silent = error instanceof AlertReceivedError || !this.failed;
    if (!silent && !this.#sentCloseNotify) {
      try {
        this.#sendAlert(error.alert);
      } catch {
        // The write keys are exhausted or gone: the connection ends without an alert.
      }
    }
    this.#finish();
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#progress = this.#error === undefined ? { state: 'closed' } : { state: 'closed', error: this.#error };
    this.#dispatcher.end();
    this.#records.destroy();
    try {
      this.#config.trace?.(
        this.#error === undefined ? { kind: 'closed' } : { kind: 'closed', error: this.#error.code },
      );
    } catch {
      // All is done, and the connection has no error to end with any more.
    }
  }
}

/** Text, or an ArrayBuffer, would be taken for nothing, or for zeros. */
function checkBytes(value: Uint8Array, call: string): void {
  if (!isBytes(value)) throw new TypeError(`${call}: give a Uint8Array (text: new TextEncoder().encode(text))`);
}

/** A view that is no Buffer, whose `slice` would share memory where this stack means a copy. */
function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A session that was found too late is nobody's: as the flow that asked for it would have, this wipes its secret. */
function wipeSession(answer: unknown): void {
  if (typeof answer !== 'object' || answer === null || !('state' in answer)) return;
  zeroize((answer as Extract<HostRequests['lookupSession']['answer'], { state: unknown }>).state?.secret);
}

function stateError(call: string, problem: string): TlsError {
  return new TlsError('ERR_TLS_STATE', 'internalError', `${call}: the connection ${problem}`);
}

function unexpectedRecord(what: string, expected: string): PeerError {
  return new PeerError('ERR_TLS_UNEXPECTED_RECORD', 'unexpectedMessage', `${what} came where ${expected} may come`, {
    rfc: 'RFC 9846, Section 5',
  });
}

function badChangeCipherSpec(): PeerError {
  return new PeerError(
    'ERR_TLS_CHANGE_CIPHER_SPEC',
    'unexpectedMessage',
    'a changeCipherSpec record is not the single byte 1',
    { rfc: 'RFC 9846, Section 5' },
  );
}

/** Whatever is thrown becomes the one error type; what is not from this stack is an internal error. */
function asTlsError(cause: unknown): TlsError {
  if (cause instanceof TlsError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new TlsError('ERR_TLS_INTERNAL', 'internalError', `the host or the engine failed: ${message}`, { cause });
}
