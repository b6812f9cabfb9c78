import { PeerError } from '../errors.ts';
import type { CommonHandshakeConfig } from '../handshake/config.ts';
import type { Expectation, Flow } from '../handshake/flow.ts';
import type { Established } from '../handshake/result.ts';
import type { HandshakeMessage } from '../wire/handshake-type.ts';
import { tls13 } from '../wire/versions.ts';
import { type AskedRequest, Flows, type Task, waitsFor } from './flows.ts';
import { excessHandshakeData, type RecordLayer } from './record-layer.ts';

/** Exchanges after the handshake that may wait for the host at one time. */
const maxTasks = 16;

/**
 * Decides which flow takes a message: the handshake, and afterwards the exchange that waits for it or a new one. The
 * connection is made here, when the flow of the handshake is done. It bounds what a peer may send, and throws where a
 * message may not come.
 */
export class Dispatcher {
  readonly #config: CommonHandshakeConfig;
  readonly #records: RecordLayer;
  readonly #role: 'server' | 'client';
  readonly #flows = new Flows();
  #handshake: Task | undefined;
  #messages = 0;
  #keyUpdates = 0;
  #lateMessages = 0;
  /** What the handshake agreed on, once it is done. */
  established: Established | undefined = undefined;
  /** The Finished of the peer, with its header. */
  receivedFinished: Uint8Array | undefined = undefined;

  constructor(config: CommonHandshakeConfig, records: RecordLayer, role: 'server' | 'client') {
    this.#config = config;
    this.#records = records;
    this.#role = role;
  }

  /** Whether a message has come. */
  get receivedAny(): boolean {
    return this.#messages > 0;
  }

  /** Input waits while the handshake waits for the host; afterwards only what a flow itself waits for does. */
  get waitsForHost(): boolean {
    return this.established === undefined && this.#handshake?.wait?.for === 'host';
  }

  /** Whether the handshake waits for the ChangeCipherSpec of TLS 1.2. */
  get waitsForChangeCipherSpec(): boolean {
    return this.#handshake !== undefined && waitsFor(this.#handshake, 'changeCipherSpec');
  }

  /** Starts the handshake. */
  start(handshake: Flow<Established>): void {
    this.#handshake = this.#flows.begin(handshake);
  }

  /** Starts an exchange of a connection that is made. */
  begin(exchange: Flow<void>): void {
    this.#flows.begin(exchange);
  }

  /** Gives the message that comes next to the flow that waits for it; after the handshake also to a new one. */
  dispatch(message: HandshakeMessage): void {
    this.#messages++;
    if (this.established === undefined && this.#messages > this.#config.limits.handshakeMessages) {
      throw new PeerError('ERR_TLS_TOO_MANY_MESSAGES', 'unexpectedMessage', 'too many messages in one handshake');
    }
    const waiting = this.#flows.waitingFor(message.type);
    if (waiting === undefined) {
      if (this.#isIdleHelloRequest(message)) return this.#records.assembler.take(message);
      const optional = this.#flows.waitingForOptional();
      if (optional !== undefined) return this.#resume(optional, undefined);
    }
    this.#records.traceMessage('received', message.type, message.raw, this.#records.readEpoch);
    if (waiting !== undefined) {
      this.#records.assembler.take(message);
      if (message.type === 'finished' && this.established === undefined) this.receivedFinished = message.raw.slice();
      return this.#resume(waiting, message);
    }
    // "All of the client's messages for a given response MUST appear consecutively on the wire with no intervening
    // messages of other types." (RFC 9846, Section 4.6.2)
    const inside = this.#flows.insideSequence();
    if (this.established === undefined || inside !== undefined)
      throw unexpected(message.type, inside ?? this.#handshake);
    this.#records.assembler.take(message);
    if (message.type === 'keyUpdate') this.#countKeyUpdate();
    this.#countLateMessage();
    this.#flows.begin(this.established.receive(message));
  }

  /** The ChangeCipherSpec that the handshake waits for has come. */
  changeCipherSpec(): void {
    this.#resume(this.#handshake as Task, undefined);
  }

  /** Application data has come: messages may come again. */
  resetCounts(): void {
    this.#keyUpdates = 0;
    this.#lateMessages = 0;
  }

  /** The next request that the host was not asked yet; from now on it counts as asked. */
  nextRequest(): AskedRequest | undefined {
    return this.#flows.nextRequest();
  }

  /** Gives a flow the answer of the host, or its failure. An id that nobody waits for is passed over. */
  settle(id: number, value: unknown, failure: { readonly error: unknown } | undefined): void {
    const task = this.#flows.asking(id);
    if (task === undefined) return;
    if (failure === undefined) return this.#resume(task, value);
    this.#flows.resumeWithError(task, failure.error);
    this.#resumed(task);
  }

  /** Ends all flows, and wipes the secrets. */
  end(): void {
    this.#flows.end();
    this.established?.destroy();
  }

  #resume(task: Task, value: unknown): void {
    this.#flows.resume(task, value);
    this.#resumed(task);
  }

  /** The connection is made once the flow of the handshake is done. */
  #resumed(task: Task): void {
    if (task.done && task === this.#handshake) this.#establish(task.result as Established);
  }

  #establish(established: Established): void {
    if (this.#records.assembler.buffered) {
      established.destroy();
      throw excessHandshakeData();
    }
    this.established = established;
    this.#handshake = undefined;
    this.#records.endHandshake();
    this.#config.trace?.({ kind: 'connected' });
    // Taken out: what has run its course holds much that an idle connection does not need.
    for (const flow of established.due.splice(0)) this.#flows.begin(flow);
  }

  /**
   * A HelloRequest "will be ignored by the client if the client is currently negotiating a session", and does not count
   * for the transcript (RFC 5246, Section 7.4.1.1). TLS 1.3 has none.
   */
  #isIdleHelloRequest({ type, body }: HandshakeMessage): boolean {
    if (type !== 'helloRequest' || this.#role !== 'client' || this.established !== undefined) return false;
    return this.#records.version !== tls13 && this.#config.minVersion < tls13 && body.length === 0;
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
    if (++this.#lateMessages <= this.#config.limits.handshakeMessages && this.#flows.waitingForHost < maxTasks) return;
    throw new PeerError(
      'ERR_TLS_TOO_MANY_MESSAGES',
      'unexpectedMessage',
      'too many messages after the handshake without application data between them',
    );
  }
}

function unexpected(type: Expectation, task: Task | undefined): PeerError {
  const wait = task?.wait;
  const expected = wait?.for === 'message' ? wait.expected.join(' or ') : 'nothing';
  return new PeerError(
    'ERR_TLS_UNEXPECTED_MESSAGE',
    'unexpectedMessage',
    `the message ${type} came where ${expected} may come`,
    { phase: 'handshake', rfc: 'RFC 9846, Section 4' },
  );
}
