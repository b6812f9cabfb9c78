import { zeroize } from '../bytes/bytes.ts';
import { type CipherSuite, cipherSuite } from '../crypto/cipher-suites.ts';
import { PeerError } from '../errors.ts';
import type { MissReason } from '../session/miss-reason.ts';
import { isAnonymous, type SessionState } from '../session/state.ts';
import type { ClientHello } from '../wire/client-hello.ts';
import { tls12 } from '../wire/versions.ts';
import { clientTakesSession } from './certificate-types.ts';
import { decide } from './context.ts';
import { type Flow, request } from './flow.ts';
import type { SessionLookup } from './host.ts';
import { missed, type ServerContext } from './server.ts';

/** A TLS 1.2 session that can go on. */
export interface SessionOffer {
  readonly state: SessionState;
  readonly kind: 'sessionId' | 'ticket';
  /** Whether the client gets a fresh ticket. */
  readonly renew: boolean;
  readonly suite: CipherSuite;
}

/** Looks for the session that the client names by ticket or by ID; a named reason where there is none. */
export function* resumableSession(
  context: ServerContext,
  hello: ClientHello,
  extendedMasterSecret: boolean,
): Flow<SessionOffer | { miss: string }> {
  const { config } = context;
  const ticket = hello.extensions.sessionTicket;
  const hasTicket = ticket !== undefined && ticket.length > 0;
  const byTicket = hasTicket && config.resumption.ticket;
  if (hasTicket && !byTicket) missed(context, 'ticket', 'disabled');
  const byId = !byTicket && config.resumption.sessionId && hello.legacySessionId.length > 0;
  if (!byTicket && !byId) return { miss: 'notOffered' };
  const binding = {
    version: tls12,
    serverName: hello.extensions.serverName,
    config,
    cipherSuites: hello.cipherSuites.filter((code) => config.cipherSuites.includes(code)),
    extendedMasterSecret,
    misfit: (state: SessionState) => misfit(context, hello, extendedMasterSecret, state),
  } as const;
  const found: SessionLookup = byTicket
    ? yield* request('openTicket', { ticket, binding })
    : yield* request('lookupSession', { sessionId: hello.legacySessionId, binding });
  const miss = 'miss' in found ? found.miss : misfit(context, hello, extendedMasterSecret, found.state);
  if (miss !== undefined && 'state' in found) zeroize(found.state.secret);
  if (miss === 'emsMissing') throw resumedWithoutEms();
  if (miss !== undefined || 'miss' in found) {
    decide(context, 'resumption', 'miss', miss ?? 'unknown');
    return { miss: miss ?? 'unknown' };
  }
  const kind = byTicket ? 'ticket' : 'sessionId';
  const suite = cipherSuite(found.state.cipherSuite) as CipherSuite;
  return { state: found.state, kind, renew: byTicket && found.renew === true, suite };
}

/** Why a session that was found may not go on under this ClientHello. */
function misfit(
  { config }: ServerContext,
  hello: ClientHello,
  extendedMasterSecret: boolean,
  state: SessionState,
): MissReason | undefined {
  if (state.version !== tls12) return 'versionMismatch';
  if (!hello.cipherSuites.includes(state.cipherSuite)) return 'cipherMismatch';
  if (!config.cipherSuites.includes(state.cipherSuite)) return 'cipherMismatch';
  if (state.psk !== undefined && config.psk === undefined) return 'policyMismatch';
  if (state.serverName !== hello.extensions.serverName) return 'policyMismatch';
  if (config.clientCertificate === 'require' && isAnonymous(state)) return 'policyMismatch';
  if (!clientTakesSession(hello, state)) return 'policyMismatch';
  if (state.extendedMasterSecret && !extendedMasterSecret) return 'emsMissing';
  if (!state.extendedMasterSecret && extendedMasterSecret) return 'emsMismatch';
  // "If neither the original session nor the new ClientHello uses the extension, the server SHOULD abort the handshake"
  // or go on with a full one (RFC 7627, Section 5.3).
  if (!state.extendedMasterSecret && !config.resumeWithoutExtendedMasterSecret) return 'emsAbsent';
  return undefined;
}

/**
 * "If the original session used the "extended_master_secret" extension but the new ClientHello does not contain it,
 * the server MUST abort the abbreviated handshake." (RFC 7627, Section 5.3)
 */
function resumedWithoutEms(): PeerError {
  return new PeerError(
    'ERR_TLS_RESUMED_WITHOUT_EMS',
    'handshakeFailure',
    'clientHello: it resumes a session with the extended master secret, but does not offer the extension',
    { rfc: 'RFC 7627, Section 5.3' },
  );
}

/** TLS 1.2 has no certificate_required alert: handshake_failure (RFC 5246, Section 7.4.6). */
export function requireClientCertificate12({ config }: ServerContext): void {
  if (config.clientCertificate !== 'require') return;
  throw new PeerError(
    'ERR_TLS_CERTIFICATE_REQUIRED',
    'handshakeFailure',
    'the client showed no certificate, and this server requires one',
    { rfc: 'RFC 5246, Section 7.4.6' },
  );
}
