/** The fuzz targets: the whole engine in both roles with null and real protection, and every decoder of src/wire. */
import { concat } from '../../src/bytes/bytes.ts';
import { hpkeTagLength } from '../../src/crypto/hpke.ts';
import type { Connection } from '../../src/engine/connection.ts';
import { TlsError } from '../../src/errors.ts';
import { decodeClientSession, encodeClientSession } from '../../src/session/client-session.ts';
import { decodeSessionState, encodeSessionState } from '../../src/session/state.ts';
import { decodeAlert } from '../../src/wire/alert.ts';
import {
  decodeCertificate12,
  decodeCertificate13,
  decodeRawPublicKey12,
  encodeRawPublicKey12,
} from '../../src/wire/certificate.ts';
import { decodeCertificateRequest12, decodeCertificateRequest13 } from '../../src/wire/certificate-request.ts';
import { decodeCertificateStatus } from '../../src/wire/certificate-status.ts';
import { decodeCertificateVerify } from '../../src/wire/certificate-verify.ts';
import { decodeClientHello } from '../../src/wire/client-hello.ts';
import { decodeClientKeyExchangeEcdhe, decodeClientKeyExchangeRsa } from '../../src/wire/client-key-exchange.ts';
import { decodeCompressedCertificate } from '../../src/wire/compressed-certificate.ts';
import { decodeDelegatedCredential, encodeDelegatedCredential } from '../../src/wire/delegated-credential.ts';
import { decodeEchConfigList, encodeEchConfigList } from '../../src/wire/ech-config.ts';
import { decodeEchOuter, expandClientHelloInner } from '../../src/wire/encrypted-client-hello.ts';
import { decodeEncryptedExtensions } from '../../src/wire/encrypted-extensions.ts';
import { decodeKeyUpdate } from '../../src/wire/key-update.ts';
import { decodeNewSessionTicket12, decodeNewSessionTicket13 } from '../../src/wire/new-session-ticket.ts';
import {
  decodeHelloRetryRequest,
  decodeServerHello12,
  decodeServerHello13,
  outlineServerHello,
} from '../../src/wire/server-hello.ts';
import { decodeServerKeyExchange } from '../../src/wire/server-key-exchange.ts';
import { tls12 } from '../../src/wire/versions.ts';
import { mutateBytes, mutateList } from './mutate.ts';
import type { Random } from './random.ts';
import { echConfig, Runner, record, type Scenario, type Side, scenarios } from './scenarios.ts';

/** What went wrong in one execution. */
export class Crash extends Error {
  readonly input: unknown;
  constructor(message: string, input: unknown, cause?: unknown) {
    super(message, { cause });
    this.input = input;
  }
}

/** A record with its content in the clear. */
interface Piece {
  readonly type: number;
  readonly version: number;
  /** Bytes before the content (explicit nonce or IV) and after it (inner content type, MAC, tag). */
  readonly before: Uint8Array;
  readonly content: Uint8Array;
  readonly after: Uint8Array;
}

function splitRecords(bytes: Uint8Array, scenario: Scenario): Piece[] {
  const pieces: Piece[] = [];
  let protectedFrom = false;
  for (let at = 0; at + 5 <= bytes.length; ) {
    const [type, high, low] = bytes.subarray(at) as unknown as [number, number, number];
    const length = ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number);
    const fragment = bytes.slice(at + 5, at + 5 + length);
    const isInner = scenario.client.maxVersion !== tls12 && type === 23;
    const before = protectedFrom && !isInner ? scenario.overhead.before : 0;
    const after = isInner ? 17 : protectedFrom ? scenario.overhead.after : 0;
    pieces.push({
      type,
      version: (high << 8) | low,
      before: fragment.slice(0, before),
      content: fragment.slice(before, Math.max(before, fragment.length - after)),
      after: fragment.slice(Math.max(before, fragment.length - after)),
    });
    if (type === 20 && scenario.client.maxVersion === tls12) protectedFrom = true;
    at += 5 + length;
  }
  return pieces;
}

function joinRecord({ type, version, before, content, after }: Piece): Uint8Array {
  const length = before.length + content.length + after.length;
  return concat(Uint8Array.of(type, version >>> 8, version, length >>> 8, length), before, content, after);
}

/** Handshake messages with their headers. */
function splitMessages(content: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at + 4 <= content.length; ) {
    const length =
      ((content[at + 1] as number) << 16) | ((content[at + 2] as number) << 8) | (content[at + 3] as number);
    messages.push(content.slice(at, at + 4 + length));
    at += 4 + length;
  }
  return messages;
}

function isHandshake({ type, after }: Piece): boolean {
  return type === 22 || (type === 23 && after.length === 17 && after[0] === 22);
}

interface Seed {
  readonly scenario: Scenario;
  readonly side: Side;
  readonly pieces: readonly Piece[];
}

/** The undisturbed run of every scenario, for both sides. */
export const seeds: readonly Seed[] = scenarios.flatMap((scenario) => {
  const received = record(scenario);
  return (['client', 'server'] as const).map((side) => ({
    scenario,
    side,
    pieces: splitRecords(received[side], scenario),
  }));
});

const allPieces = seeds.flatMap(({ pieces }) => pieces);
const allMessages = allPieces.filter(isHandshake).flatMap(({ content }) => splitMessages(content));

/** A changed transcript, as bytes for one side. */
export interface EngineInput {
  readonly scenario: string;
  readonly side: Side;
  readonly chunks: readonly Uint8Array[];
}

function mutateMessage(random: Random, message: Uint8Array): Uint8Array {
  if (message.length < 4 || random.oneIn(20)) return mutateBytes(random, message, allMessages);
  const body = mutateBytes(random, message.subarray(4), allMessages);
  const changed = concat(message.subarray(0, 4), body);
  changed[1] = body.length >>> 16;
  changed[2] = body.length >>> 8;
  changed[3] = body.length;
  return changed;
}

function mutatePiece(random: Random, piece: Piece): Piece {
  if (isHandshake(piece) && !random.oneIn(8)) {
    const messages = mutateList(
      random,
      splitMessages(piece.content),
      (each) => mutateMessage(random, each),
      allMessages,
    );
    return { ...piece, content: concat(...messages) };
  }
  switch (random.below(6)) {
    case 0:
      return { ...piece, type: random.oneIn(2) ? 20 + random.below(5) : random.below(256) };
    case 1:
      return { ...piece, version: random.oneIn(2) ? 0x0300 + random.below(6) : random.below(0x10000) };
    case 2:
      return { ...piece, after: mutateBytes(random, piece.after) };
    case 3:
      return { ...piece, before: mutateBytes(random, piece.before) };
    default:
      return { ...piece, content: mutateBytes(random, piece.content) };
  }
}

/** Changes one transcript. */
export function mutateSeed(random: Random, seed: Seed): EngineInput {
  let pieces = [...seed.pieces];
  const times = 1 + (random.oneIn(4) ? random.below(3) : 0);
  for (let i = 0; i < times; i++) pieces = mutateList(random, pieces, (piece) => mutatePiece(random, piece), allPieces);
  let chunks = pieces.map(joinRecord);
  if (random.oneIn(10)) chunks = [mutateBytes(random, concat(...chunks))];
  else if (random.oneIn(4)) chunks = [concat(...chunks)];
  return { scenario: seed.scenario.name, side: seed.side, chunks };
}

const byName = new Map(scenarios.map((scenario) => [scenario.name, scenario]));

/** Gives a side its input; returns how it ended. Throws a {@link Crash} for anything but a `TlsError` of the peer's making. */
export function runEngine(input: EngineInput): string {
  const scenario = byName.get(input.scenario);
  if (scenario === undefined) throw new Error(`no scenario ${input.scenario}`);
  const runner = new Runner(scenario, input.side);
  const { connection } = runner;
  try {
    runner.turn();
    for (const chunk of input.chunks) {
      connection.receive(chunk.slice());
      runner.turn();
    }
    connection.receiveEnd();
    runner.turn();
    connection.close();
    runner.turn();
  } catch (error) {
    throw new Crash(`${input.scenario}, ${input.side}: something was thrown`, input, error);
  }
  return outcome(connection, input);
}

function outcome(connection: Connection, input: unknown): string {
  const { error } = connection;
  if (!connection.closed) throw new Crash('the connection did not close', input);
  if (error === undefined) return 'closed';
  if (!(error instanceof TlsError)) throw new Crash('the error is no TlsError', input, error);
  // An injected part (here the null decompression) may fail by itself; what else is thrown inside is a bug.
  if (error.code === 'ERR_TLS_INTERNAL')
    throw new Crash(`an internal error: ${error.message}`, input, error.cause ?? error);
  return `${error.code} ${error.alert} ${error.message.replace(/\d+|0x[0-9a-f]+/g, '#').slice(0, 60)}`;
}

const decoders: Readonly<Record<string, { type: number; decode: (body: Uint8Array) => unknown }>> = {
  clientHello: { type: 1, decode: decodeClientHello },
  serverHello13: { type: 2, decode: decodeServerHello13 },
  serverHello12: { type: 2, decode: decodeServerHello12 },
  helloRetryRequest: { type: 2, decode: decodeHelloRetryRequest },
  serverHelloOutline: { type: 2, decode: outlineServerHello },
  newSessionTicket13: { type: 4, decode: decodeNewSessionTicket13 },
  newSessionTicket12: { type: 4, decode: decodeNewSessionTicket12 },
  encryptedExtensions: { type: 8, decode: decodeEncryptedExtensions },
  certificate13: { type: 11, decode: (body) => decodeCertificate13(body, 16) },
  certificate12: { type: 11, decode: (body) => decodeCertificate12(body, 16) },
  serverKeyExchange: { type: 12, decode: decodeServerKeyExchange },
  certificateRequest13: { type: 13, decode: decodeCertificateRequest13 },
  certificateRequest12: { type: 13, decode: decodeCertificateRequest12 },
  certificateVerify: { type: 15, decode: decodeCertificateVerify },
  clientKeyExchangeEcdhe: { type: 16, decode: decodeClientKeyExchangeEcdhe },
  clientKeyExchangeRsa: { type: 16, decode: decodeClientKeyExchangeRsa },
  certificateStatus: { type: 22, decode: decodeCertificateStatus },
  keyUpdate: { type: 24, decode: decodeKeyUpdate },
  compressedCertificate: { type: 25, decode: decodeCompressedCertificate },
  alert: { type: -1, decode: decodeAlert },
  // Sessions are opened from storage: what does not decode is `undefined` there, and never throws.
  sessionState: { type: -2, decode: neverThrows(decodeSessionState) },
  clientSession: { type: -3, decode: neverThrows(decodeClientSession) },
  echConfigList: { type: -4, decode: decodeEchConfigList },
  echOuter: { type: -5, decode: decodeEchOuter },
  rawPublicKey12: { type: -7, decode: decodeRawPublicKey12 },
  delegatedCredential: { type: -8, decode: decodeDelegatedCredential },
  clientHelloInner: { type: -6, decode: (body) => decodeClientHello(expandClientHelloInner(body, outerHello)) },
};

function neverThrows(decode: (bytes: Uint8Array) => unknown): (bytes: Uint8Array) => unknown {
  return (bytes) => {
    try {
      return decode(bytes);
    } catch (error) {
      throw new Error('this decoder may not throw', { cause: error });
    }
  };
}

/** A clientHello with an encrypted one inside, and that one as it was encrypted: under the null cryptography in clear. */
const outerHello = allMessages
  .filter((message) => message[0] === 1)
  .map((message) => message.subarray(4))
  .find((body) => decodeClientHello(body).extensions.encryptedClientHello !== undefined) as Uint8Array;
const outerEch = decodeClientHello(outerHello).extensions.encryptedClientHello as Uint8Array;

const bodies = allMessages.map((message) => ({ type: message[0] as number, body: message.subarray(4) }));
const sessions = scenarios.flatMap(({ client }) => client.sessions ?? []);
const stored: Readonly<Record<number, readonly (Uint8Array | undefined)[]>> = {
  [-1]: [Uint8Array.of(2, 40)],
  [-2]: sessions.map(({ state }) => encodeSessionState(state)),
  [-3]: sessions.map(encodeClientSession),
  [-4]: [encodeEchConfigList([echConfig, echConfig])],
  [-5]: [outerEch],
  [-7]: [encodeRawPublicKey12(new Uint8Array(91).fill(0x30))],
  [-8]: [
    encodeDelegatedCredential({
      validTime: 86_400,
      dcCertVerifyAlgorithm: 0x0403,
      subjectPublicKeyInfo: new Uint8Array(91).fill(0x30),
      algorithm: 0x0804,
      signature: new Uint8Array(256).fill(9),
    }),
  ],
  [-6]: [decodeEchOuter(outerEch).payload.subarray(0, -hpkeTagLength)],
};

/** Every decoder with the bodies that it accepts. */
export const decoderTargets = Object.entries(decoders).map(([name, { type, decode }]) => {
  const own = bodies.filter((each) => each.type === type).map(({ body }) => body);
  return { name, decode, seeds: [...own, ...(stored[type] ?? [])].filter((seed) => seed !== undefined) };
});

const allBodies = bodies.map(({ body }) => body);

/** One changed body through one decoder; returns how it ended. */
export function runDecoder(random: Random): string {
  const { name, decode, seeds: own } = random.pick(decoderTargets);
  const input = mutateBytes(random, random.pick(own), allBodies);
  try {
    decode(input);
    return `${name} accepts`;
  } catch (error) {
    if (error instanceof TlsError && error.code !== 'ERR_TLS_INTERNAL') return `${name} ${error.code}`;
    throw new Crash(`${name}: something else than a TlsError was thrown`, { decoder: name, body: input }, error);
  }
}
