import { AlertReceivedError, PeerError, TlsError } from '../errors.ts';
import type { CommonHandshakeConfig } from '../handshake/config.ts';
import type { RecordOutput } from '../handshake/context.ts';
import type { Expectation, Flow } from '../handshake/flow.ts';
import type { HostRequest } from '../handshake/host.ts';
import type { Established } from '../handshake/result.ts';
import { contentTypes } from '../record/content-type.ts';
import type { PlaintextRecord } from '../record/record-reader.ts';
import type { ClientSession } from '../session/client-session.ts';
import { encodeAlert } from '../wire/alert.ts';
import type { HandshakeMessage } from '../wire/handshake-type.ts';
import { tls13 } from '../wire/versions.ts';
import { AlertReader } from './alerts.ts';
import { type ConnectionInfo, connectionInfo } from './connection-info.ts';
import { Flows, type Task, waitsFor } from './flows.ts';
import { excessHandshakeData, RecordLayer } from './record-layer.ts';

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

/** Exchanges after the handshake that may wait for the host at one time. */
const maxTasks = 16;

const needsInput: Progress = { state: 'needsInput' };
const connectedProgress: Progress = { state: 'connected' };

/**
 * One TLS connection without any I/O: bytes of the transport go in by {@link receive}, bytes for it come out by
 * {@link takeOutgoing}, and {@link advance} does the work and says what is waited for.
 *
 * The engine owns records and alerts; the handshake is a flow that it drives. Nothing that a peer does makes a
 * method throw: the connection becomes `closed` with an error, and its alert waits in the output.
 */
export abstract class Connection {
  protected readonly role: 'server' | 'client';
  readonly #config: CommonHandshakeConfig;
  readonly #records: RecordLayer;
  readonly #alerts: AlertReader;
  readonly #flows = new Flows();
  #handshake: Task | undefined;
  #established: Established | undefined;
  #started = false;
  #incoming: Uint8Array[] = [];
  #progress: Progress = needsInput;
  #error: TlsError | undefined;
  #closed = false;
  #peerClosed = false;
  #writeClosed = false;
  #sentCloseNotify = false;
  #transportEnded = false;
  #receivedMessages = 0;
  #keyUpdates = 0;
  #lateMessages = 0;

  protected constructor(config: CommonHandshakeConfig, role: 'server' | 'client') {
    this.#config = config;
    this.role = role;
    this.#records = new RecordLayer(config, role);
    this.#alerts = new AlertReader(config.limits.warningAlerts);
  }

  /** The flow of the handshake. */
  protected abstract start(output: RecordOutput): Flow<Established>;

  /** Whether the handshake is done. */
  get connected(): boolean {
    return this.#established !== undefined;
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
    return { sent: this.#records.sentFinished?.subarray(4), received: this.#receivedFinished?.subarray(4) };
  }
  #receivedFinished: Uint8Array | undefined;

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

  /** Takes bytes of the transport. They are read by `advance`; until then views of them may be kept. */
  receive(bytes: Uint8Array): void {
    // "Any data received after a closure alert has been received MUST be ignored." (RFC 9846, Section 6.1)
    if (this.#closed || this.#peerClosed || bytes.length === 0) return;
    this.#records.reader.push(bytes);
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
    const asked = this.#flows.nextRequest();
    if (asked !== undefined) return { state: 'needsHost', id: asked.id, request: asked.request };
    return this.#established === undefined ? needsInput : connectedProgress;
  }

  /** Answers a request of the host. An answer that comes after the end of the connection is dropped. */
  answer(id: number, value: unknown): void {
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
    if (!this.writable)
      throw stateError('write', this.#closed || this.#writeClosed ? 'is closed' : 'is not connected yet');
    if (this.role === 'client' && this.#records.earlyDataLeft !== undefined) {
      if (plaintext.length > this.#records.earlyDataLeft) {
        throw stateError('write', `takes only ${this.#records.earlyDataLeft} more bytes of early data`);
      }
      this.#records.earlyDataLeft -= plaintext.length;
    }
    this.#answerKeyUpdate();
    if (
      this.#records.version === tls13 &&
      this.#established !== undefined &&
      this.#records.writer.recordsUntilLimit < 1024
    ) {
      // "Implementations MUST rekey or close before the limits" (RFC 9846, Section 5.5).
      this.#established.updateKeys(false);
    }
    this.#records.writer.write(contentTypes.applicationData, plaintext);
  }

  /** This side writes no more, and still reads: sends close_notify, before the handshake is done once it is. */
  closeWrite(): void {
    if (this.#writeClosed || this.#closed) return;
    this.#writeClosed = true;
    if (this.#established === undefined) return;
    this.#sendCloseNotify();
    if (this.#peerClosed) this.#finish();
  }

  /** Ends the connection: with close_notify, or with the alert of an error. */
  close(error?: TlsError): void {
    if (this.#closed) return;
    if (error !== undefined) return this.#fail(error);
    this.#writeClosed = true;
    this.#sendCloseNotify();
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

  /** Keying material for a program (RFC 9846, Section 7.5; RFC 5705). */
  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Uint8Array {
    const established = this.#connected('exportKeyingMaterial');
    // The secrets are wiped by then: what came out would be known to anybody.
    if (this.#closed) throw stateError('exportKeyingMaterial', 'is closed');
    return established.exportKeyingMaterial(length, label, context);
  }

  /** TLS 1.3: writes under new keys, and asks the peer for the same where `requestPeer`. */
  updateKeys(requestPeer = false): void {
    if (this.#writeClosed || this.#closed) throw stateError('updateKeys', 'is closed');
    this.#connected('updateKeys').updateKeys(requestPeer);
  }

  /** TLS 1.3 server: asks for the client's certificate now (RFC 9846, Section 4.6.2). */
  requestClientCertificate(): void {
    const established = this.#connected('requestClientCertificate');
    if (this.#writeClosed || this.#closed) throw stateError('requestClientCertificate', 'is closed');
    try {
      this.#flows.begin(established.requestClientCertificate());
    } catch (error) {
      // A call that does not fit this connection is the program's mistake; the connection goes on.
      if (error instanceof TlsError && misuse.includes(error.code)) throw error;
      this.#fail(error);
    }
  }

  #connected(call: string): Established {
    if (this.#established === undefined) throw stateError(call, 'is not connected yet');
    return this.#established;
  }

  /** Runs until input, or the host's answer, is needed. */
  #run(): void {
    if (!this.#started) {
      this.#started = true;
      this.#handshake = this.#flows.begin(this.start(this.#records));
    }
    while (!this.#closed && !this.#waitsForHost()) {
      const message = this.#peerClosed ? undefined : this.#records.assembler.peek();
      if (message !== undefined) {
        this.#dispatch(message);
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

  /** Input waits while the handshake does; afterwards only what a flow itself waits for does. */
  #waitsForHost(): boolean {
    return this.#established === undefined && this.#handshake?.wait?.for === 'host';
  }

  /** Goes on with a flow. */
  #resume(task: Task, value: unknown): void {
    this.#flows.resume(task, value);
    this.#resumed(task);
  }

  /** The connection is made once the flow of the handshake is done. */
  #resumed(task: Task): void {
    if (task.done && task === this.#handshake) this.#establish(task.result as Established);
  }

  #settle(id: number, value: unknown, failure: { readonly error: unknown } | undefined): void {
    const task = this.#closed ? undefined : this.#flows.asking(id);
    if (task === undefined) return;
    try {
      if (failure === undefined) this.#flows.resume(task, value);
      else this.#flows.resumeWithError(task, failure.error);
      this.#resumed(task);
    } catch (error) {
      this.#fail(error);
    }
  }

  #establish(established: Established): void {
    if (this.#records.assembler.buffered) throw excessHandshakeData();
    this.#established = established;
    this.#records.handshakeDone = true;
    this.#handshake = undefined;
    this.#records.writable = true;
    this.#records.earlyDataLeft = undefined;
    this.#config.trace?.({ kind: 'connected' });
    // Taken out: what has run its course holds much that an idle connection does not need.
    for (const flow of established.due.splice(0)) this.#flows.begin(flow);
    if (this.#writeClosed && !this.#closed) this.#sendCloseNotify();
  }

  /** Gives a message to the flow that waits for it; after the handshake also to a new one. */
  #dispatch(message: HandshakeMessage): void {
    this.#receivedMessages++;
    if (this.#established === undefined && this.#receivedMessages > this.#config.limits.handshakeMessages) {
      throw new PeerError('ERR_TLS_TOO_MANY_MESSAGES', 'unexpectedMessage', 'too many messages in one handshake');
    }
    const waiting = this.#flows.waitingFor(message.type);
    if (waiting === undefined) {
      const optional = this.#flows.waitingForOptional();
      if (optional !== undefined) return this.#resume(optional, undefined);
    }
    this.#records.traceMessage('received', message.type, message.raw, this.#records.readEpoch);
    if (waiting !== undefined) {
      this.#records.assembler.take(message);
      if (message.type === 'finished' && this.#established === undefined) this.#receivedFinished = message.raw.slice();
      return this.#resume(waiting, message);
    }
    // "All of the client's messages for a given response MUST appear consecutively on the wire with no intervening
    // messages of other types." (RFC 9846, Section 4.6.2)
    const inside = this.#flows.insideSequence();
    if (this.#established === undefined || inside !== undefined) throw this.#unexpected(message.type, inside);
    this.#records.assembler.take(message);
    if (message.type === 'keyUpdate') this.#countKeyUpdate();
    this.#countLateMessage();
    this.#flows.begin(this.#established.receive(message));
  }

  #countKeyUpdate(): void {
    const { keyUpdates } = this.#config.limits;
    if (++this.#keyUpdates <= keyUpdates) return;
    throw new PeerError(
      'ERR_TLS_TOO_MANY_KEY_UPDATES',
      'unexpectedMessage',
      `more than ${keyUpdates} key updates without application data between them`,
    );
  }

  /** Messages after the handshake cost this side work and memory: they are bounded like those in it. */
  #countLateMessage(): void {
    if (++this.#lateMessages <= this.#config.limits.handshakeMessages && this.#flows.open < maxTasks) return;
    throw new PeerError(
      'ERR_TLS_TOO_MANY_MESSAGES',
      'unexpectedMessage',
      'too many messages after the handshake without application data between them',
    );
  }

  #unexpected(type: Expectation, task = this.#handshake): PeerError {
    const wait = task?.wait;
    const expected = wait?.for === 'message' ? wait.expected.join(' or ') : 'nothing';
    return new PeerError(
      'ERR_TLS_UNEXPECTED_MESSAGE',
      'unexpectedMessage',
      `the message ${type} came where ${expected} may come`,
      { phase: 'handshake', rfc: 'RFC 9846, Section 4' },
    );
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
    if (this.#handshakeWaits('changeCipherSpec')) throw unexpectedRecord('a handshake record', 'changeCipherSpec');
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
    } else if (this.#established === undefined) {
      throw unexpectedRecord('application data', 'a handshake message');
    }
    if (fragment.length === 0) return;
    this.#keyUpdates = 0;
    this.#lateMessages = 0;
    this.#incoming.push(fragment);
  }

  #readAlert(fragment: Uint8Array): void {
    const phase = this.#established === undefined ? 'handshake' : 'connected';
    const { alert, meaning } = this.#alerts.read(fragment, this.#records.version === tls13, phase);
    this.#config.trace?.({
      kind: 'alert',
      direction: 'received',
      level: alert.level,
      alert: alert.name ?? alert.description,
    });
    if (meaning === 'ignored') return;
    this.#receivedCloseNotify = true;
    this.#peerClosed = true;
    if (this.#established === undefined) {
      throw new AlertReceivedError(alert.description, phase);
    }
    if (this.#writeClosed) this.#finish();
  }

  #readChangeCipherSpec({ fragment, protected: wasProtected }: PlaintextRecord): void {
    const isOne = fragment.length === 1 && fragment[0] === 1;
    if (this.#handshakeWaits('changeCipherSpec')) {
      if (this.#records.assembler.buffered)
        throw unexpectedRecord('changeCipherSpec', 'the rest of a handshake message');
      if (!isOne) throw badChangeCipherSpec();
      const task = this.#handshake as Task;
      this.#records.traceMessage('received', 'changeCipherSpec', fragment, this.#records.readEpoch);
      return this.#resume(task, undefined);
    }
    // "An implementation may receive an unencrypted record of type change_cipher_spec … at any time after the first
    // ClientHello message has been sent or received and before the peer's Finished" (RFC 9846, Section 5).
    const inHandshake = this.#established === undefined && (this.role === 'client' || this.#receivedMessages > 0);
    const tolerated =
      inHandshake && !wasProtected && (this.#records.version === tls13 || this.#records.version === undefined);
    if (!tolerated || (this.role === 'client' && this.#records.version === undefined)) {
      throw unexpectedRecord('changeCipherSpec', 'another record');
    }
    if (!isOne) throw badChangeCipherSpec();
  }

  #handshakeWaits(expectation: Expectation): boolean {
    return this.#handshake !== undefined && waitsFor(this.#handshake, expectation);
  }

  #endOfTransport(): void {
    if (this.#established === undefined) {
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
    answer();
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
    this.#closed = true;
    this.#progress = this.#error === undefined ? { state: 'closed' } : { state: 'closed', error: this.#error };
    this.#flows.end();
    this.#established?.destroy();
    this.#records.destroy();
    this.#config.trace?.(this.#error === undefined ? { kind: 'closed' } : { kind: 'closed', error: this.#error.code });
  }
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
