/** What `handfast/redis` is given, looked at first: a `ConfigError` says what to give instead. */
import {
  bytes,
  callable,
  check,
  checkOptions,
  fields,
  having,
  list,
  positive,
  type Rules,
  text,
} from '../../bytes/check.ts';
import { ConfigError } from '../../errors.ts';
import type { RedisOptions } from './connection.ts';
import type { RedisFleetOptions } from './fleet.ts';
import type { RedisRingOptions } from './keyring.ts';
import type { RedisStoreOptions } from './store.ts';

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
