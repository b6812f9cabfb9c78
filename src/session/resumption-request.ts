/** What a handshake asks of {@link ServerSessions} and is answered, and when a session that was found fits it. */

import { equal, isBytes } from '../bytes/bytes.ts';
import { check, kind, object } from '../bytes/check.ts';
import type { TranscriptHash } from '../crypto/provider.ts';
import type { EarlyDataRefusal, MissReason } from './miss-reason.ts';
import type { ExternalPsk } from './psk-importer.ts';
import { pskHash, type SessionState, sessionEnd } from './state.ts';

/** What the new handshake is, for the comparison with the session. */
export interface SessionExpectation {
  readonly version: 0x0303 | 0x0304;
  /**
   * The digest of the policy of this connection; as a function where it depends on the session (its cipher's hash,
   * EMS).
   */
  readonly policy: Uint8Array | ((state: SessionState) => Uint8Array);
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** TLS 1.3: the hash of the cipher suite; `undefined` where there is a suite for each. */
  readonly cipherHash?: TranscriptHash | undefined;
  /** TLS 1.2: the suites that the client offers and this server allows. The session's must be one of them. */
  readonly cipherSuites?: readonly number[] | undefined;
  /** TLS 1.2: whether the new handshake uses the extended master secret. */
  readonly extendedMasterSecret?: boolean | undefined;
  /** What else the handshake asks of a session that was found: why it may not go on with it. */
  readonly misfit?: ((state: SessionState) => MissReason | undefined) | undefined;
}

/** A session to resume; `renew`: its ticket was sealed under an older key, so send a fresh one. */
export interface FoundSession {
  readonly state: SessionState;
  readonly renew: boolean;
}

/** A PSK to resume with, or an external one. */
export interface FoundPsk {
  readonly secret: Uint8Array;
  readonly hash: TranscriptHash;
  /** Label of the binder key: RFC 9846, Section 7.1; RFC 9258, Section 6 for `imp binder`. */
  readonly binderLabel: 'res binder' | 'ext binder' | 'imp binder';
  /** Resumption PSKs only. */
  readonly state?: SessionState | undefined;
}

export interface Miss {
  readonly miss: MissReason;
}

/** A ticket to send; `lifetime` in seconds is honest: the server will open it for that long. */
export interface IssuedTicket {
  readonly ticket: Uint8Array;
  readonly lifetime: number;
}

export interface EarlyDataRequest {
  /** The PSK identity (ticket) as the client sent it. */
  readonly identity: Uint8Array;
  readonly state: SessionState;
  readonly obfuscatedTicketAge: number;
  /** `earlyDataContext` of the new connection. */
  readonly context: Uint8Array;
  readonly now: number;
}

export type EarlyDataAnswer =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly refusal: EarlyDataRefusal };

/** How far the clocks of a fleet may be apart for its sessions, in ms. */
const maxClockSkew = 300_000;

const anExpectation = kind('a SessionExpectation, with its policy', (value) => {
  const { policy } = (value ?? {}) as Partial<SessionExpectation>;
  return typeof policy === 'function' || isBytes(policy);
});

/** Why this state may not be resumed by this handshake, or `undefined` where it may. */
export function compare(state: SessionState, expected: SessionExpectation): MissReason | undefined {
  check(object, state, 'compare: state');
  check(anExpectation, expected, 'compare: expected');
  const { now } = expected;
  if (state.version !== expected.version) return 'versionMismatch';
  if (state.peerNotAfter !== undefined && now >= state.peerNotAfter) return 'clientCertificateExpired';
  if (now >= sessionEnd(state)) return 'expired';
  // A clock that ran ahead would make it live longer, by as much.
  if (state.createdAt - now > maxClockSkew) return 'notYet';
  if (expected.cipherHash !== undefined && pskHash(state) !== expected.cipherHash && state.version === 0x0304) {
    return 'cipherMismatch';
  }
  if (expected.cipherSuites !== undefined && !expected.cipherSuites.includes(state.cipherSuite))
    return 'cipherMismatch';
  if (expected.extendedMasterSecret !== undefined && state.extendedMasterSecret !== expected.extendedMasterSecret) {
    return state.extendedMasterSecret ? 'emsMissing' : 'emsMismatch';
  }
  const policy = typeof expected.policy === 'function' ? expected.policy(state) : expected.policy;
  if (!equal(policy, state.policyDigest)) return 'policyMismatch';
  return expected.misfit?.(state);
}

/** The PSK of a session that was found. */
export function asPsk(found: FoundSession | Miss): FoundPsk | Miss {
  if ('miss' in found) return found;
  const { state } = found;
  return { secret: state.secret, hash: pskHash(state), binderLabel: 'res binder', state };
}

/** An external PSK as what a look-up finds. */
export function asExternal({ secret, hash, imported }: ExternalPsk): FoundPsk {
  return { secret, hash, binderLabel: imported ? 'imp binder' : 'ext binder' };
}
