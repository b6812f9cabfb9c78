import { zeroize } from '../bytes/bytes.ts';
import { PeerError, TlsError } from '../errors.ts';
import type { CommonHandshakeConfig } from '../handshake/config.ts';
import type { KeyChange, RecordOutput } from '../handshake/context.ts';
import type { Expectation } from '../handshake/flow.ts';
import type { EarlyExporter } from '../handshake/key-schedule.ts';
import type { Direction, Epoch } from '../handshake/trace.ts';
import { contentTypes } from '../record/content-type.ts';
import { createReadProtection12, createWriteProtection12 } from '../record/protection12.ts';
import { createReadProtection13, createWriteProtection13 } from '../record/protection13.ts';
import { RecordReader } from '../record/record-reader.ts';
import { RecordWriter } from '../record/record-writer.ts';
import type { ClientSession } from '../session/client-session.ts';
import type { HandshakeType } from '../wire/handshake-type.ts';
import { type ProtocolVersion, tls12, tls13 } from '../wire/versions.ts';
import { describeMessage } from './describe.ts';
import { MessageAssembler } from './message-assembler.ts';

const changeCipherSpec = Uint8Array.of(1);
const maxContent = 2 ** 14;

/** Sessions that wait for the program to take them; a server may send tickets without end. */
const maxSessions = 32;

/** What the handshake tells the engine to do with records, done: messages out, keys in, limits set. */
export class RecordLayer implements RecordOutput {
  readonly reader = new RecordReader();
  readonly writer = new RecordWriter();
  readonly assembler: MessageAssembler;
  /** Sessions that the server gave. */
  readonly sessions: ClientSession[] = [];
  version: ProtocolVersion | undefined;
  readEpoch: Epoch = 'none';
  writeEpoch: Epoch = 'none';
  /** Whether application data may be written. */
  writable = false;
  /** Bytes of early data that may still be read (server) or written (client); `undefined` outside early data. */
  earlyDataLeft: number | undefined;
  /** The exporter of early data that was sent, or taken. */
  earlyExporter: EarlyExporter | undefined;
  /** Sends the KeyUpdate that the peer asked for. */
  keyUpdateAnswer: (() => void) | undefined;
  /** The Finished of this side, with its header. */
  sentFinished: Uint8Array | undefined;
  readonly #config: CommonHandshakeConfig;
  readonly #role: 'server' | 'client';
  /** From then on what is written answers no flight. */
  #handshakeDone = false;
  #forgetSession: (() => void) | undefined;
  #sentChangeCipherSpec = false;
  #writeEnded = false;
  #destroyed = false;
  /** Most content of a record: what this side wants, and what the peer takes. */
  #ownFragment = maxContent;
  #peerFragment = maxContent;
  /** What record_size_limit of this side says, once the peer knows. */
  #receiveLimit: number | undefined;

  constructor(config: CommonHandshakeConfig, role: 'server' | 'client') {
    this.#config = config;
    this.#role = role;
    this.assembler = new MessageAssembler(config.limits.handshakeMessage);
    if (config.maxSendFragment !== undefined) this.setMaxFragment(config.maxSendFragment);
  }

  sendMessage(type: HandshakeType, raw: Uint8Array): void {
    this.#checkAlive();
    // Nothing follows close_notify (RFC 9846, Section 6.1): a ticket that is sealed too late is not sent.
    if (this.#writeEnded) return;
    // A flight is answered when all of it has been read: what is left over came too early.
    if (!this.#handshakeDone && this.assembler.buffered) throw excessHandshakeData();
    this.traceMessage('sent', type, raw, this.writeEpoch);
    this.#checkAlive();
    if (type === 'finished' && !this.#handshakeDone) this.sentFinished = raw.slice();
    if (type !== 'clientHello' || this.version !== undefined) return this.writer.handshake(raw);
    // Only the first ClientHello is marked as TLS 1.0, for old middleboxes (RFC 9846, Section 5.1).
    this.writer.setRecordVersion(0x0301);
    this.writer.handshake(raw);
    this.writer.setRecordVersion(tls12);
  }

  sendChangeCipherSpec(): void {
    this.#checkAlive();
    if (this.version !== tls12) {
      if (this.#sentChangeCipherSpec) return;
      this.#sentChangeCipherSpec = true;
    }
    this.traceMessage('sent', 'changeCipherSpec', changeCipherSpec, this.writeEpoch);
    this.#checkAlive();
    this.writer.write(contentTypes.changeCipherSpec, changeCipherSpec);
  }

  setWriteKeys(change: KeyChange): void {
    this.#checkAlive();
    const { crypto } = this.#config;
    const { suite } = change;
    if (change.version === tls13) {
      this.writer.setProtection(createWriteProtection13(crypto, suite, change.trafficSecret));
    } else {
      this.writer.setProtection(createWriteProtection12(crypto, suite, change));
      zeroize(change.key, change.iv, change.macKey);
    }
    this.writeEpoch = change.epoch;
    this.#traceKeys('sent', change);
  }

  setReadKeys(change: KeyChange): void {
    this.#checkAlive();
    if (this.assembler.buffered) throw excessHandshakeData();
    const { crypto } = this.#config;
    const { suite } = change;
    if (change.version === tls13) {
      this.reader.setProtection(createReadProtection13(crypto, suite, change.trafficSecret));
    } else {
      this.reader.setProtection(createReadProtection12(crypto, suite, change));
      zeroize(change.key, change.iv, change.macKey);
    }
    this.readEpoch = change.epoch;
    if (change.epoch !== 'earlyData' && this.#receiveLimit !== undefined) {
      this.reader.setPlaintextLimit(this.#receiveLimit);
    }
    this.#traceKeys('received', change);
  }

  setVersion(version: ProtocolVersion): void {
    this.version = version;
    this.writer.setRecordVersion(tls12);
  }

  setRecordSizeLimits(sending: number | undefined, receiving: number | undefined): void {
    // In TLS 1.3 the limit counts the content type too (RFC 8449, Section 4).
    const type = this.version === tls13 ? 1 : 0;
    if (sending !== undefined) {
      this.#peerFragment = Math.min(sending - type, maxContent);
      this.setMaxFragment(this.#ownFragment);
    }
    if (receiving === undefined) return;
    this.#receiveLimit = Math.min(receiving, maxContent + type);
    // Early data was sent by a client that had not heard the limit yet.
    if (this.readEpoch !== 'earlyData') this.reader.setPlaintextLimit(this.#receiveLimit);
  }

  /** Most bytes of content in a record, as far as the peer takes them. */
  setMaxFragment(bytes: number): void {
    this.writer.setMaxFragment(Math.min(bytes, this.#peerFragment));
    this.#ownFragment = bytes;
  }

  skipEarlyData(mode: 'untilClientHello' | 'trialDecryption'): void {
    this.reader.skipEarlyData({ mode, maxBytes: this.#config.limits.skippedEarlyData });
  }

  beginEarlyData(limit: number, exporter: EarlyExporter): void {
    this.earlyDataLeft = limit;
    this.earlyExporter = exporter;
    if (this.#role === 'client') this.writable = true;
  }

  endEarlyData(accepted: boolean): void {
    this.earlyDataLeft = undefined;
    if (this.#role === 'server') return;
    this.writable = false;
    if (accepted) return;
    this.#dropEarlyExporter();
    // A second ClientHello goes out in the clear; otherwise handshake keys follow at once.
    this.writer.setProtection(undefined);
    this.writeEpoch = 'none';
  }

  allowWriting(): void {
    this.writable = true;
  }

  /** The handshake is done: application data may be written, and what was early no longer counts. */
  endHandshake(): void {
    this.#handshakeDone = true;
    this.writable = true;
    this.earlyDataLeft = undefined;
  }

  answerKeyUpdate(send: () => void): void {
    this.keyUpdateAnswer ??= send;
  }

  newSession(session: ClientSession): void {
    this.sessions.push(session);
    if (this.sessions.length > maxSessions) zeroize(this.sessions.shift()?.state.secret);
  }

  onFatalAlert(forget: () => void): void {
    this.#forgetSession = forget;
  }

  /**
   * A fatal alert was sent or received: "Servers and clients MUST forget any session-identifiers, keys, and secrets
   * associated with a failed connection." (RFC 5246, Section 7.2.2)
   */
  forgetSessions(): void {
    for (const { state } of this.sessions.splice(0)) zeroize(state.secret);
    this.#forgetSession?.();
    this.#forgetSession = undefined;
  }

  /** Tells the trace of a message, where there is one. */
  traceMessage(direction: Direction, type: Expectation, raw: Uint8Array, epoch: Epoch): void {
    const { trace } = this.#config;
    if (trace === undefined) return;
    const fields = describeMessage(type, raw, this.version ?? tls12);
    trace({ kind: 'message', direction, type, epoch, raw: raw.slice(), fields });
  }

  /** close_notify has gone: no message follows it. */
  endWriting(): void {
    this.#writeEnded = true;
  }

  /** Drops keys and input. What was sealed before can still be taken. */
  destroy(): void {
    this.#destroyed = true;
    this.#dropEarlyExporter();
    this.reader.destroy();
    this.assembler.clear();
    this.writer.destroy();
  }

  #dropEarlyExporter(): void {
    this.earlyExporter?.destroy();
    this.earlyExporter = undefined;
  }

  /**
   * A program may close the connection inside one of its own functions that a flow calls (a trace, an ALPN callback).
   * The flow ends here then: without keys, what it sends next would go out in the clear.
   */
  #checkAlive(): void {
    if (this.#destroyed) throw new TlsError('ERR_TLS_STATE', 'internalError', 'the connection was closed meanwhile');
  }

  #traceKeys(direction: Direction, { epoch, suite, secretName }: KeyChange): void {
    this.#config.trace?.({ kind: 'keyChange', direction, epoch, cipherSuite: suite.name, secret: secretName });
  }
}

/** Handshake bytes that follow where the keys change, or where an answer is due (RFC 9846, Section 5.1). */
export function excessHandshakeData(): PeerError {
  return new PeerError(
    'ERR_TLS_EXCESS_HANDSHAKE_DATA',
    'unexpectedMessage',
    'handshake data follows where the keys change or an answer is due',
    { phase: 'handshake', rfc: 'RFC 9846, Section 5.1' },
  );
}
