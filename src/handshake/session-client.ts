import { cipherSuite } from '../crypto/cipher-suites.ts';
import type { TranscriptHash } from '../crypto/provider.ts';
import { type ClientSession, clientSessionEnd } from '../session/client-session.ts';
import { tls12, tls13 } from '../wire/versions.ts';
import { takesSession } from './certificate-types.ts';
import type { ClientHandshakeConfig } from './config.ts';
import { decide, type HandshakeContext } from './context.ts';

/**
 * Most bytes of tickets in a ClientHello. A server may give tickets of 64 KiB, and all extensions have to fit into as much;
 * with Encrypted Client Hello twice, and beside a cookie.
 */
export const maxTicketBytes = 16_384;

/** Why a client does not offer a session that it was given; `undefined` where it can. */
export function offerProblem(config: ClientHandshakeConfig, session: ClientSession): string | undefined {
  const { state, ticket, hidden } = session;
  if (clientSessionEnd(session) <= config.now()) return 'its time is over';
  if (!takesSession(config, state)) return 'the server proved itself by a type of certificate that is not taken now';
  if (ticket.length > maxTicketBytes) return 'its ticket is too long';
  if (state.version === tls12) {
    if (config.minVersion > tls12 || config.ech !== undefined) return 'it is of TLS 1.2, which is not offered';
    // "The client SHOULD NOT offer an abbreviated handshake to resume a session that does not use an extended master
    // secret." (RFC 7627, Section 5.3)
    if (state.extendedMasterSecret || config.resumeWithoutExtendedMasterSecret) return undefined;
    return 'it has no extended master secret';
  }
  if (config.maxVersion < tls13) return 'it is of TLS 1.3, which is not offered';
  // A ticket in clear would tell which hidden connection it comes from.
  if (hidden && config.ech === undefined) return 'its connection was hidden, and this one is not';
  const suite = cipherSuite(state.cipherSuite);
  if (ticket.length === 0 || suite === undefined) return 'it names no ticket and suite that could be offered';
  return offersHash(config.cipherSuites, suite.hash) ? undefined : `no suite with ${suite.hash} is offered`;
}

/** Whether a TLS 1.3 suite with this hash is offered. */
export function offersHash(suites: readonly number[], hash: TranscriptHash): boolean {
  return suites.some((code) => {
    const suite = cipherSuite(code);
    return suite?.version === tls13 && suite.hash === hash;
  });
}

/** Tells the trace of the sessions that do not go out. */
export function noteUnoffered({ config }: HandshakeContext<ClientHandshakeConfig>): void {
  if (config.trace === undefined) return;
  for (const session of config.sessions) {
    const problem = offerProblem(config, session);
    if (problem !== undefined) decide({ config }, 'resumption', 'not offered', problem);
  }
}
