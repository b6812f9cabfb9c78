import { zeroize } from '../bytes/bytes.ts';
import { cipherSuite } from '../crypto/cipher-suites.ts';
import { hashLength } from '../crypto/hkdf.ts';
import type { TranscriptHash } from '../crypto/provider.ts';
import type { ClientSession } from '../session/client-session.ts';
import { type PskBinding, pskBinding, servesVersion } from '../session/psk-importer.ts';
import { tls13 } from '../wire/versions.ts';
import type { ClientContext, Offer } from './client.ts';
import { decide, logSecret, untilEnd } from './context.ts';
import { EarlySecrets } from './key-schedule.ts';
import { earlyKeys } from './keys13.ts';
import { maxTicketBytes, offerProblem, offersHash } from './session-client.ts';
import type { Transcript } from './transcript.ts';

/** One PSK that the client offers, with its part of the key schedule. */
export interface OfferedPsk {
  readonly identity: Uint8Array;
  readonly obfuscatedTicketAge: number;
  readonly hash: TranscriptHash;
  readonly binderLength: number;
  readonly kind: 'res' | 'ext' | 'imp';
  readonly early: EarlySecrets;
  /** The session, for a resumption PSK. */
  readonly session: ClientSession | undefined;
  /** What its sessions are bound to, for an external PSK and for a session that one made. */
  readonly psk: PskBinding | undefined;
  readonly maxEarlyData: number;
  /** Begins 0-RTT under this PSK, which must be the first (RFC 9846, Section 4.2.10). */
  beginEarlyData(context: ClientContext, offer: Offer, transcript: Transcript): void;
}

/** The PSKs of a ClientHello: unexpired TLS 1.3 sessions, then external ones. */
export function offeredPsks(context: ClientContext): OfferedPsk[] {
  const { config, crypto } = context;
  if (config.maxVersion < tls13) return [];
  const now = config.now();
  const psks: OfferedPsk[] = [];
  let room = maxTicketBytes;
  for (const session of config.sessions) {
    const { state, ticket } = session;
    const suite = cipherSuite(state.cipherSuite);
    if (state.version !== tls13 || suite === undefined || offerProblem(config, session) !== undefined) continue;
    if (ticket.length > room) {
      decide(context, 'resumption', 'not offered', 'the tickets before it leave no room');
      continue;
    }
    room -= ticket.length;
    psks.push({
      identity: ticket,
      obfuscatedTicketAge: obfuscatedTicketAge(session, now),
      hash: suite.hash,
      binderLength: hashLength(suite.hash),
      kind: 'res',
      early: untilEnd(context, new EarlySecrets(crypto, suite.hash, state.secret)),
      session,
      psk: state.psk,
      maxEarlyData: canRepeat(config, session) ? state.maxEarlyDataSize : 0,
      beginEarlyData,
    });
  }
  for (const psk of config.externalPsks) {
    const { identity, secret, hash, imported } = psk;
    if (!servesVersion(psk, tls13) || !offersHash(config.cipherSuites, hash)) continue;
    psks.push({
      identity,
      obfuscatedTicketAge: 0,
      hash,
      binderLength: hashLength(hash),
      kind: imported ? 'imp' : 'ext',
      early: untilEnd(context, new EarlySecrets(crypto, hash, secret)),
      session: undefined,
      psk: pskBinding(crypto, identity, secret),
      maxEarlyData: 0,
      beginEarlyData,
    });
  }
  return psks;
}

/** The PSKs of a second ClientHello: those of the hash that the server chose, with the age that their tickets have now. */
export function retriedPsks(psks: readonly OfferedPsk[], hash: TranscriptHash, now: number): OfferedPsk[] {
  return psks
    .filter((psk) => psk.hash === hash)
    .map((psk) =>
      psk.session === undefined ? psk : { ...psk, obfuscatedTicketAge: obfuscatedTicketAge(psk.session, now) },
    );
}

/** RFC 9846, Section 4.2.11.1. */
function obfuscatedTicketAge({ state }: ClientSession, now: number): number {
  return (Math.max(0, now - state.issuedAt) + state.ticketAgeAdd) % 2 ** 32;
}

/** Early data is for the suite and the application protocol of the session: both must be on offer again. */
function canRepeat({ cipherSuites, alpnProtocols }: ClientContext['config'], { state }: ClientSession): boolean {
  const { cipherSuite: suite, alpnProtocol } = state;
  return cipherSuites.includes(suite) && (alpnProtocol === undefined || alpnProtocols.includes(alpnProtocol));
}

/** Fills in the binders at the end of an encoded ClientHello (RFC 9846, Section 4.2.11.2). */
export function writeBinders(raw: Uint8Array, psks: readonly OfferedPsk[], transcript: Transcript): void {
  if (psks.length === 0) return;
  let list = 2;
  for (const { binderLength } of psks) list += 1 + binderLength;
  const truncated = raw.subarray(0, raw.length - list);
  let at = truncated.length + 2;
  for (const { early, hash, kind, binderLength } of psks) {
    raw.set(early.binder(kind, transcript.hashWith(hash, truncated)), at + 1);
    at += 1 + binderLength;
  }
}

function beginEarlyData(this: OfferedPsk, context: ClientContext, { hello }: Offer, transcript: Transcript): void {
  const suite = cipherSuite(this.session?.state.cipherSuite ?? 0);
  if (suite === undefined) return;
  const secret = this.early.clientEarlyTrafficSecret(transcript.hash(this.hash));
  try {
    logSecret(context, 'CLIENT_EARLY_TRAFFIC_SECRET', hello.random, secret);
    if (hello.legacySessionId.length > 0) context.output.sendChangeCipherSpec();
    context.output.setWriteKeys(earlyKeys(suite, secret));
  } finally {
    zeroize(secret);
  }
  const exporter = this.early.earlyExporter(transcript.hash(this.hash));
  context.output.beginEarlyData(this.maxEarlyData, exporter);
  logSecret(context, 'EARLY_EXPORTER_SECRET', hello.random, exporter.secret);
  decide(context, 'earlyData', 'offered', 'the first ticket allows it');
}
