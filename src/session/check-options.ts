/** What is wrong with the parts of resumption is told when they are made, and not by the first session. */
import {
  anything,
  bytes,
  callable,
  check,
  checkOptions,
  fields,
  flag,
  having,
  list,
  named,
  notNegative,
  oneOf,
  positive,
  type Rule,
  type Rules,
  text,
  time,
  whole,
} from '../bytes/check.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { ClientSessionCacheOptions } from './client-cache.ts';
import type { FreshnessWindow } from './early-data.ts';
import type { FleetKeyringOptions } from './fleet-keyring.ts';
import type { MemoryStoreOptions } from './memory-store.ts';
import type { ResilientStoreOptions } from './resilient-store.ts';
import type { SealedStoreOptions } from './sealed-store.ts';
import type { ServerSessionsConfig } from './session-rules.ts';
import type { SessionStore } from './store.ts';
import type { TicketKey, TicketKeyringOptions } from './ticket-keyring.ts';

const code = 'ERR_TLS_SESSION_CONFIG';

export const cryptography: Rule = having(
  ['hash', 'hmac', 'random'],
  'createNodeCrypto() of handfast/pki/node, or createPortableCrypto() of handfast/portable',
);
const clock = having(['now'], 'a clock: { now: Date.now }');
const timers = having(['set', 'clear'], 'timers: { set(callback, milliseconds), clear(handle) }');
const keyring = having(['seal', 'open', 'describe'], 'new TicketKeyring(…)');
const channel = having(['sync', 'propose'], 'a RingChannel, such as redisRingChannel(…) of handfast/redis');
const count = whole(1, Number.MAX_SAFE_INTEGER);
/** The nonce that makes the PSK of each ticket another one is a byte. */
const ticketCount = whole(0, 255);
const fleetKeys = list(bytes);

const store: Rule = (value, name) => {
  having(['get', 'take', 'put', 'delete', 'claim'], 'a SessionStore, such as new MemoryStore(…)')(value, name);
  fields((value as SessionStore).traits, `${name}.traits`);
};

const ticketKey: Rules<TicketKey> = {
  name: bytes,
  secret: bytes,
  sealFrom: time,
  sealUntil: time,
  openUntil: time,
  origin: oneOf('fleet', 'imported', 'local'),
};

const freshness: Rules<FreshnessWindow> = { toleranceMs: positive, clockSkewMs: notNegative };

const keyringRules: Rules<TicketKeyringOptions> = {
  crypto: cryptography,
  clock,
  timers,
  rotation: oneOf('local', 'supplied'),
  rotateEvery: positive,
  keepFor: positive,
  label: text,
  keys: list(named(ticketKey)),
  observe: callable,
};

const memoryRules: Rules<MemoryStoreOptions> = {
  clock,
  timers,
  maxEntries: count,
  maxBytes: count,
  claimsSince: time,
  seed: whole(0, 0xffff_ffff),
};

const resilientRules: Rules<ResilientStoreOptions> = {
  clock,
  timers,
  deadlineMs: positive,
  hedgeAfterMs: notNegative,
  hedgeStore: store,
  failuresToOpen: count,
  cooldownMs: positive,
  maxCooldownMs: positive,
  maxPending: count,
  observe: callable,
  observeBreaker: callable,
};

// `FleetKeys` looks at the keys.
const sealedRules: Rules<SealedStoreOptions> = { crypto: cryptography, fleetKeys: anything };

const fleetRules: Rules<FleetKeyringOptions> = {
  crypto: cryptography,
  clock,
  timers,
  channel,
  keyring,
  node: text,
  name: text,
  fleetKeys: anything,
  rotateEvery: positive,
  keepFor: positive,
  pollEvery: positive,
  leaseFor: positive,
  observe: callable,
};

const sessionRules: Rules<ServerSessionsConfig> = {
  crypto: cryptography,
  keyring,
  store,
  sessionIds: flag,
  tls12Tickets: flag,
  tls13Tickets: oneOf('stateless', 'stateful', 'singleUse', 'none'),
  ticketCount,
  maxTickets: ticketCount,
  lifetime: positive,
  maxEarlyDataSize: whole(0, 0xffff_ffff),
  freshness: named(freshness),
  replayRecord: oneOf('complete'),
  acceptPeer: callable,
  externalPsk: callable,
  observe: callable,
};

const cacheRules: Rules<ClientSessionCacheOptions> = {
  maxPolicies: count,
  maxSessionsPerPolicy: count,
  maxBytes: count,
};

/** Each of these throws `ConfigError` `ERR_TLS_SESSION_CONFIG`: which option, what it is, and what to give. */
export function checkTicketKeyring(options: TicketKeyringOptions): void {
  checkOptions(options, 'the options of a TicketKeyring', keyringRules, ['crypto', 'clock'], code);
}

/** A key that is given to a ring: `ERR_TLS_TICKET_KEY`. */
export function checkTicketKey(key: TicketKey): void {
  const required = ['name', 'secret', 'sealFrom', 'sealUntil', 'openUntil', 'origin'];
  checkOptions(key, 'the fields of a ticket key', ticketKey, required, 'ERR_TLS_TICKET_KEY');
}

export function checkMemoryStore(options: MemoryStoreOptions): void {
  checkOptions(options, 'the options of a MemoryStore', memoryRules, ['clock'], code);
}

export function checkResilientStore(inner: SessionStore, options: ResilientStoreOptions): void {
  check(store, inner, 'the store of a ResilientStore', code);
  checkOptions(options, 'the options of a ResilientStore', resilientRules, ['clock', 'timers'], code);
}

export function checkSealedStore(inner: SessionStore, options: SealedStoreOptions): void {
  check(store, inner, 'the store of a SealedStore', code);
  checkOptions(options, 'the options of a SealedStore', sealedRules, ['crypto'], code);
}

export function checkFleetKeyring(options: FleetKeyringOptions): void {
  const required = ['crypto', 'clock', 'timers', 'channel', 'keyring'];
  checkOptions(options, 'the options of a FleetKeyring', fleetRules, required, code);
}

export function checkServerSessions(config: ServerSessionsConfig): void {
  checkOptions(config, 'the options of ServerSessions', sessionRules, ['crypto'], code);
}

export function checkClientSessionCache(options: ClientSessionCacheOptions): void {
  checkOptions(options, 'the options of a ClientSessionCache', cacheRules, [], code);
}

/** The secrets of a fleet: `ERR_TLS_FLEET_KEY`. */
export function checkFleetSecrets(secrets: readonly Uint8Array[]): void {
  check(fleetKeys, secrets, 'fleetKeys', 'ERR_TLS_FLEET_KEY');
}

/** The file of {@link importTicketKeyFile}, and its times: `ERR_TLS_TICKET_KEY`. */
export function checkTicketKeyFile(file: Uint8Array, times: object): void {
  check(bytes, file, 'importTicketKeyFile: file', 'ERR_TLS_TICKET_KEY');
  const { sealFrom, sealUntil, openUntil } = ticketKey;
  checkOptions(times, 'the times of a ticket key file', { sealFrom, sealUntil, openUntil }, [], 'ERR_TLS_TICKET_KEY');
}

const transcriptHash = oneOf('sha256', 'sha384');

/** An external PSK, and the hashes that it is imported for: `ERR_TLS_PSK`. */
export function checkPskSource(source: object, targets?: readonly unknown[]): void {
  const rules = { identity: bytes, secret: bytes, context: bytes, hash: transcriptHash, tls12: oneOf('only', 'also') };
  checkOptions(source, 'the parts of an external PSK', rules, ['identity', 'secret'], 'ERR_TLS_PSK');
  if (targets !== undefined) check(list(transcriptHash), targets, 'importPsk: targets', 'ERR_TLS_PSK');
}

/** Cryptography that is given to a function by itself. */
export function checkCrypto(provider: CryptoProvider, name: string): void {
  check(cryptography, provider, name, code);
}
