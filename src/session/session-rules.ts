/** What a server's resumption is set up with, and what that must hold together. */
import type { CryptoProvider } from '../crypto/provider.ts';
import { ConfigError } from '../errors.ts';
import { checkServerSessions } from './check-options.ts';
import type { SessionEvent } from './counters.ts';
import type { FreshnessWindow } from './early-data.ts';
import type { ExternalPsk } from './psk-importer.ts';
import { maxLifetimeSeconds, type SessionState } from './state.ts';
import type { SessionStore } from './store.ts';
import type { TicketKeyring } from './ticket-keyring.ts';
import type { Awaitable } from './timer.ts';

/** How TLS 1.3 tickets are made. */
export type TicketMode =
  /** The ticket is the sealed state: no memory here; it can be used again until it expires (but for early data). */
  | 'stateless'
  /** The ticket is a handle into the store; it can be used again. */
  | 'stateful'
  /** The ticket is a handle that is taken out of the store with its first use, atomically over the fleet. */
  | 'singleUse'
  | 'none';

export interface ServerSessionsConfig {
  readonly crypto: CryptoProvider;
  /** Needed for TLS 1.2 tickets and stateless TLS 1.3 tickets. */
  readonly keyring?: TicketKeyring | undefined;
  /** Needed for session IDs, stateful and single-use tickets, and early data. */
  readonly store?: SessionStore | undefined;
  /** TLS 1.2 by session ID; default: on where there is a store. */
  readonly sessionIds?: boolean | undefined;
  /** TLS 1.2 by ticket (RFC 5077); default: on where there is a key ring. */
  readonly tls12Tickets?: boolean | undefined;
  /** Default: `stateless` where there is a key ring, else `singleUse` where there is a store, else `none`. */
  readonly tls13Tickets?: TicketMode | undefined;
  /** Tickets sent after a full TLS 1.3 handshake where the client does not ask for a number (RFC 9149); default 2. */
  readonly ticketCount?: number | undefined;
  /** The most tickets sent on one connection to a client that asks for a number; default 8, or `ticketCount` where that is more. */
  readonly maxTickets?: number | undefined;
  /** Seconds that a session lives from its first full authentication; default one day, at most seven. */
  readonly lifetime?: number | undefined;
  /** Bytes of early data to allow; 0 (the default) for none. */
  readonly maxEarlyDataSize?: number | undefined;
  readonly freshness?: Partial<FreshnessWindow> | undefined;
  /**
   * A `store` in this process can't tell that another process took early data of the same ticket. So where the ticket's
   * key came from outside (a file, another process, a fleet), and others may have it too, such a store refuses early
   * data: `recordNotShared`. `complete` says that its record is whole all the same: nobody else takes early data under
   * these keys at the same time.
   */
  readonly replayRecord?: 'complete' | undefined;
  /**
   * Asked for every session with a client certificate, key or PSK before it is handed out: whether that client is still welcome
   * (revocation). `false` ends the session; so does an error.
   */
  readonly acceptPeer?: ((state: SessionState, now: number) => Awaitable<boolean>) | undefined;
  /**
   * External PSKs by their identity, with the imported identities of RFC 9258 in TLS 1.3. In TLS 1.2 a PSK counts that is
   * for it ({@link ExternalPsk.tls12}). Asked again when a session that a PSK made is to go on: it does as long as the PSK
   * is known and its key the same.
   */
  readonly externalPsk?:
    | ((identity: Uint8Array, version: 0x0303 | 0x0304) => Awaitable<ExternalPsk | undefined>)
    | undefined;
  readonly observe?: ((event: SessionEvent) => void) | undefined;
}

/** What is issued, and for how long: the configuration with its defaults. */
export interface SessionRules {
  readonly sessionIds: boolean;
  readonly tls12Tickets: boolean;
  readonly tls13Tickets: TicketMode;
  readonly lifetime: number;
  readonly ticketCount: number;
  readonly maxTickets: number;
  readonly maxEarlyDataSize: number;
}

/** Throws a `ConfigError` (`ERR_TLS_SESSION_CONFIG`) where something is missing or out of its bounds. */
export function sessionRules(config: ServerSessionsConfig): SessionRules {
  checkServerSessions(config);
  const { keyring, store } = config;
  const ticketCount = config.ticketCount ?? 2;
  const rules: SessionRules = {
    sessionIds: config.sessionIds ?? store !== undefined,
    tls12Tickets: config.tls12Tickets ?? keyring !== undefined,
    tls13Tickets:
      config.tls13Tickets ?? (keyring !== undefined ? 'stateless' : store !== undefined ? 'singleUse' : 'none'),
    lifetime: config.lifetime ?? 86_400,
    ticketCount,
    maxTickets: config.maxTickets ?? Math.max(8, ticketCount),
    maxEarlyDataSize: config.maxEarlyDataSize ?? 0,
  };
  checkParts(rules, config);
  checkLifetime(rules);
  return rules;
}

function checkParts(
  { sessionIds, tls12Tickets, tls13Tickets, maxEarlyDataSize }: SessionRules,
  { keyring, store }: ServerSessionsConfig,
): void {
  if ((sessionIds || tls13Tickets === 'stateful' || tls13Tickets === 'singleUse') && !store) {
    throw configError('session IDs and stateful tickets need a store: give `store`, e.g. a MemoryStore');
  }
  if ((tls12Tickets || tls13Tickets === 'stateless') && !keyring) {
    throw configError('sealed tickets need keys: give `keyring`, a TicketKeyring');
  }
  if (maxEarlyDataSize > 0 && !store) {
    throw configError('early data needs a store that remembers which tickets were used: give `store`');
  }
  if (store === undefined) return;
  if (!store.traits.bounded) {
    throw configError('a store without a deadline could hang handshakes: wrap it in a ResilientStore');
  }
  if (!store.traits.local && !store.traits.sealed) {
    throw configError('what leaves the process must be encrypted: wrap the store in a SealedStore');
  }
}

function checkLifetime({ lifetime }: SessionRules): void {
  if (lifetime >= 1 && lifetime <= maxLifetimeSeconds) return;
  throw configError(`a session lifetime of ${lifetime} s is outside 1 to ${maxLifetimeSeconds} (RFC 9846, 4.6.1)`);
}

function configError(message: string): ConfigError {
  return new ConfigError(message, { code: 'ERR_TLS_SESSION_CONFIG' });
}
