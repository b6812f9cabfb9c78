/** What the entries for Node beside the drop-ins are given, looked at first: a `ConfigError` says what to give instead. */
import {
  bytes,
  callable,
  check,
  checkOptions,
  fields,
  having,
  kind,
  list,
  oneOf,
  positive,
  type Rule,
  type Rules,
  text,
} from '../bytes/check.ts';
import { ConfigError } from '../errors.ts';
import { anchorInput } from '../pki/check-arguments.ts';
import type { TrustStoreOptions } from './context/trust-store.ts';
import type { MeterLike } from './metrics-otel.ts';
import type { Watched } from './metrics-readings.ts';
import type { RedisOptions } from './redis/connection.ts';
import type { RedisFleetOptions } from './redis/fleet.ts';
import type { RedisRingOptions } from './redis/keyring.ts';
import type { RedisStoreOptions } from './redis/store.ts';

const crypto = having(['hash', 'hmac', 'random'], 'createNodeCrypto() of handfast/pki/node');
const connection = having(
  ['command', 'onConnect', 'close'],
  'await connectRedis({ url }), or redisConnection({ client })',
);

const redis: Rules<RedisOptions> = {
  url: text,
  cluster: list(text),
  username: text,
  password: text,
  commandTimeoutMs: positive,
  connectTimeoutMs: positive,
  onError: callable,
};

const fleet: Rules<RedisFleetOptions> = {
  crypto,
  connection,
  fleetKeys: list(bytes),
  name: text,
  prefix: text,
  rotateEvery: positive,
  keepFor: positive,
  pollEvery: positive,
  leaseFor: positive,
  deadlineMs: positive,
  now: callable,
  observeStore: callable,
  observeBreaker: callable,
  observeFleet: callable,
  observeKey: callable,
};

const redisStore: Rules<RedisStoreOptions> = { connection, prefix: text };
const redisRing: Rules<RedisRingOptions> = { connection, name: text, prefix: text };

const counters: Rule = (value, name) => {
  const { hits } = fields(fields(value, name)['counters'], `${name}.counters`);
  fields(hits, `${name}.counters.hits`);
};

const watched: Rules<Watched> = {
  sessions: (value, name) => {
    const given = fields(value, name);
    // One ServerSessions has its counters itself; of several each has a name.
    if ('counters' in given && 'hits' in fields(given['counters'], `${name}.counters`)) return;
    for (const [each, one] of Object.entries(given)) counters(one, `${name}.${each}`);
  },
  keyring: having(['describe'], 'new TicketKeyring(…)'),
  store: kind('new ResilientStore(…)', (value) => typeof (value as { breaker?: unknown } | null)?.breaker === 'string'),
  memory: kind(
    'new MemoryStore(…)',
    (value) => typeof (value as { evictions?: unknown } | null)?.evictions === 'number',
  ),
  fleet: kind('new FleetKeyring(…)', (value) => typeof (value as { status?: unknown } | null)?.status === 'object'),
  now: callable,
};

const trustStore: Rules<TrustStoreOptions> = {
  roots: list(oneOf('node', 'system')),
  extra: list(anchorInput),
  env: fields,
  platform: text,
  systemFiles: list(text),
  native: fields,
};

export function checkRedisOptions(options: RedisOptions): void {
  checkOptions(options, 'the options of connectRedis', redis);
  if (options.url !== undefined && options.cluster !== undefined) {
    throw new ConfigError('connectRedis: give url, or cluster, and not both');
  }
}

/** A client or a cluster of `@redis/client`. */
export function checkRedisClient(of: unknown): void {
  const { client, cluster } = fields(of, 'the argument of redisConnection');
  const methods = having(['sendCommand', 'on', 'destroy'], 'a client of @redis/client: redisConnection({ client })');
  check(methods, client ?? cluster, cluster === undefined ? 'client' : 'cluster');
}

export function checkRedisFleet(options: RedisFleetOptions): void {
  checkOptions(options, 'the options of createRedisFleet', fleet, ['crypto', 'connection', 'fleetKeys']);
}

export function checkRedisStore(options: RedisStoreOptions): void {
  checkOptions(options, 'the options of a RedisStore', redisStore, ['connection']);
}

export function checkRedisRing(options: RedisRingOptions): void {
  checkOptions(options, 'the options of redisRingChannel', redisRing, ['connection']);
}

/** What is to be counted: a misspelt part would be missing from the figures. */
export function checkWatched(value: Watched): void {
  checkOptions(value, 'what is watched', watched);
}

export function checkMeter(meter: MeterLike): void {
  const methods = ['createObservableCounter', 'createObservableGauge', 'createHistogram'];
  check(having(methods, "a Meter: metrics.getMeter('handfast') of @opentelemetry/api"), meter, 'meter');
}

export function checkTrustStore(options: TrustStoreOptions): void {
  checkOptions(options, 'the options of loadTrustStore', trustStore, [], 'ERR_TLS_TRUST_STORE');
}
