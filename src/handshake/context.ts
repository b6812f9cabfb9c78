import { toHex } from '../bytes/bytes.ts';
import type { CipherSuite } from '../crypto/cipher-suites.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { ClientSession } from '../session/client-session.ts';
import { frameMessage, type HandshakeType } from '../wire/handshake-type.ts';
import type { ProtocolVersion } from '../wire/versions.ts';
import type { CommonHandshakeConfig } from './config.ts';
import type { Flow } from './flow.ts';
import type { EarlyExporter } from './key-schedule.ts';
import type { Decision, Epoch } from './trace.ts';
import type { Transcript } from './transcript.ts';

/** New keys for one direction, and what they come from. */
export type KeyChange =
  | {
      readonly version: 0x0304;
      readonly suite: CipherSuite;
      readonly epoch: Epoch;
      /** RFC name of the traffic secret, for the trace. */
      readonly secretName: string;
      readonly trafficSecret: Uint8Array;
    }
  | KeyChange12;

/** The keys of one direction in TLS 1.2. The record layer wipes them once it has them. */
export interface KeyChange12 {
  readonly version: 0x0303;
  readonly suite: CipherSuite;
  readonly epoch: 'application';
  readonly secretName: 'masterSecret';
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  readonly macKey: Uint8Array | undefined;
  readonly encryptThenMac: boolean;
}

/** What a handshake tells the engine to do with records. Nothing here answers. */
export interface RecordOutput {
  /** Queues a handshake message with its header; messages of one flight share records. */
  sendMessage(type: HandshakeType, raw: Uint8Array): void;
  sendChangeCipherSpec(): void;
  setWriteKeys(change: KeyChange): void;
  /** Refused by the engine while a part of a handshake message is buffered. */
  setReadKeys(change: KeyChange): void;
  /** The version is settled: record versions are checked from now on, and TLS 1.3 ignores ChangeCipherSpec. */
  setVersion(version: ProtocolVersion): void;
  /** The largest plaintext that the peer takes, and that it may send (RFC 8449). */
  setRecordSizeLimits(sending: number | undefined, receiving: number | undefined): void;
  /** Skips early data that was refused (RFC 9846, Section 4.2.10). */
  skipEarlyData(mode: 'untilClientHello' | 'trialDecryption'): void;
  /** Server: what comes under the current read keys is early data, up to so many bytes. Client: it may be sent. */
  beginEarlyData(limit: number, exporter: EarlyExporter): void;
  endEarlyData(accepted: boolean): void;
  /** Sends the answer to a KeyUpdate request before the next application data, and only one for several requests. */
  answerKeyUpdate(send: () => void): void;
  /** A session that the client can offer later. */
  newSession(session: ClientSession): void;
  /** Server, TLS 1.2: what forgets the stored session of this connection, should a fatal alert end it. */
  onFatalAlert(forget: () => void): void;
  /** The server has sent its Finished: it may send application data before the client's (0.5-RTT). */
  allowWriting(): void;
}

/** The part of {@link RecordOutput} that takes messages. */
export type MessageOutput = Pick<RecordOutput, 'sendMessage'>;

/** A {@link HandshakeContext} for what sends messages and changes no keys. */
export type MessageContext<C extends CommonHandshakeConfig = CommonHandshakeConfig> = Omit<
  HandshakeContext<C>,
  'output' | 'secrets'
> & { readonly output: MessageOutput };

/** What every part of a handshake needs. */
export interface HandshakeContext<C extends CommonHandshakeConfig = CommonHandshakeConfig> {
  readonly config: C;
  readonly crypto: CryptoProvider;
  readonly output: RecordOutput;
  /** What {@link wipingSecrets} wipes. */
  readonly secrets: KeptSecrets;
}

/** The context of a new handshake. */
export function handshakeContext<C extends CommonHandshakeConfig>(
  config: C,
  output: RecordOutput,
): HandshakeContext<C> {
  return { config, crypto: config.crypto, output, secrets: { untilEnd: [], untilFailure: [] } };
}

/** An object with secrets. To be told twice is no harm. */
export interface Destroyable {
  destroy(): void;
}

/** Notes secrets that are wiped when the handshake ends, however it ends. */
export function untilEnd<T extends Destroyable>({ secrets }: HandshakeContext, secret: T): T {
  secrets.untilEnd.push(secret);
  return secret;
}

/** Notes secrets that outlive the handshake where it succeeds, and are wiped where it does not. */
export function untilFailure<T extends Destroyable>({ secrets }: HandshakeContext, secret: T): T {
  secrets.untilFailure.push(secret);
  return secret;
}

/** Runs a handshake, and wipes its secrets once it is over: finished, failed, or dropped by the engine. */
export function* wipingSecrets<C extends HandshakeContext, T>(context: C, handshake: (context: C) => Flow<T>): Flow<T> {
  const { untilEnd, untilFailure } = context.secrets;
  let done = false;
  try {
    const result = yield* handshake(context);
    done = true;
    return result;
  } finally {
    // Taken out, for the connection goes on with this context.
    for (const secret of untilEnd.splice(0)) secret.destroy();
    for (const secret of untilFailure.splice(0)) if (!done) secret.destroy();
  }
}

interface KeptSecrets {
  readonly untilEnd: Destroyable[];
  readonly untilFailure: Destroyable[];
}

/** Frames a message, adds it to the transcript and queues it. */
export function sendMessage(
  context: { readonly output: MessageOutput },
  transcript: Transcript,
  type: HandshakeType,
  body: Uint8Array,
): Uint8Array {
  const raw = frameMessage(type, body);
  transcript.add(raw);
  context.output.sendMessage(type, raw);
  return raw;
}

/** Notes a decision with its reason in the trace. */
export function decide(
  context: Pick<HandshakeContext, 'config'>,
  about: Decision,
  choice: string,
  reason: string,
): void {
  context.config.trace?.({ kind: 'decision', about, choice, reason });
}

/** Writes a line of the key log, where one was asked for (RFC 9850). */
export function logSecret(
  context: HandshakeContext,
  label: string,
  clientRandom: Uint8Array,
  secret: Uint8Array,
): void {
  context.config.keyLog?.(`${label} ${toHex(clientRandom)} ${toHex(secret)}`);
}

/** A number of four random bytes. */
export function randomU32({ random }: CommonHandshakeConfig): number {
  const [a = 0, b = 0, c = 0, d = 0] = random(4);
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}
