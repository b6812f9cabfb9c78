import {
  type ClaimAnswer,
  type ClaimClock,
  type SessionStore,
  StoreError,
  type StoreTraits,
} from '../../session/store.ts';
import { checkRedisStore } from './check-options.ts';
import type { RedisArgument, RedisConnection } from './connection.ts';
import { redisScript } from './script.ts';

export interface RedisStoreOptions {
  readonly connection: RedisConnection;
  /** Before every key; default `hf:`. */
  readonly prefix?: string;
}

/** In how many slots claims live; each has its mark. */
const claimShards = 16;

/**
 * Claims a key once, and knows since when the register is whole. The mark beside the claims says which run of which
 * server has kept them, how many keys that server had evicted, and since when. Another run (restart, failover, slot
 * moved), another count or no mark at all (flushed) means that claims may be lost: from then on every new claim is in
 * doubt for one time to live. ARGV[2] is the caller's clock, ARGV[3] how far it may be from ours: where it is further, what it
 * takes for fresh may be older than any claim. Returns 0 fresh, 1 seen, 2 doubtful. With an empty ARGV[1] it only looks
 * after the mark.
 */
const claimScript = redisScript(`
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or '?'
local evicted = string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)') or '?'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local id = run .. ':' .. evicted
local mark = redis.pcall('GET', KEYS[2])
local since = nil
if type(mark) == 'string' then
  local marked, at = string.match(mark, '^([^|]*)|(%d+)$')
  if marked == id then since = tonumber(at) end
end
if since == nil or since > now then
  since = now
  redis.call('SET', KEYS[2], id .. '|' .. string.format('%d', now))
end
if ARGV[1] == '' then return 2 end
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 1 end
if now - since < tonumber(ARGV[1]) then return 2 end
if ARGV[2] and math.abs(now - tonumber(ARGV[2])) > tonumber(ARGV[3]) then return 2 end
return 0
`);

/**
 * Sessions in Redis or Valkey (6.2 or later), on a single server or a cluster. It neither seals nor bounds: wrap it as
 * `new SealedStore(new ResilientStore(new RedisStore(…)))`, or use `createRedisFleet`.
 *
 * `take` is GETDEL, atomic. `claim` notices by itself when the server restarted, failed over, was flushed or evicted
 * keys, and is then doubtful for one time to live. Use a memory policy that doesn't evict (`noeviction`) where 0-RTT
 * matters.
 */
export class RedisStore implements SessionStore {
  readonly traits: StoreTraits = { local: false, bounded: false, sealed: false };
  readonly #connection: RedisConnection;
  readonly #prefix: string;

  constructor(options: RedisStoreOptions) {
    checkRedisStore(options);
    this.#connection = options.connection;
    this.#prefix = options.prefix ?? 'hf:';
  }

  /**
   * Starts the clock of the replay register, so that the first 0-RTT after a start isn't refused longer than needed.
   */
  async prepare(): Promise<void> {
    const shards = Array.from({ length: claimShards }, (_, shard) => this.#claimMark(shard));
    await Promise.all(shards.map((mark) => claimScript.run(this.#connection, [mark, mark], [''])));
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return readValue(await this.#send(this.#key(key), ['GET', this.#key(key)], true));
  }

  async take(key: string): Promise<Uint8Array | undefined> {
    return readValue(await this.#send(this.#key(key), ['GETDEL', this.#key(key)]));
  }

  async put(key: string, value: Uint8Array, ttlSeconds: number): Promise<void> {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    await this.#send(this.#key(key), ['SET', this.#key(key), bytes, 'EX', String(ttlSeconds)]);
  }

  async delete(key: string): Promise<void> {
    await this.#send(this.#key(key), ['DEL', this.#key(key)]);
  }

  async claim(key: string, ttlMilliseconds: number, clock?: ClaimClock): Promise<ClaimAnswer> {
    const mark = this.#claimMark(shardOf(key));
    const args = [String(Math.ceil(ttlMilliseconds))];
    if (clock !== undefined) args.push(String(Math.floor(clock.now)), String(clock.maxSkewMs));
    const answer = await claimScript.run(this.#connection, [`${mark}:${key}`, mark], args).catch(rethrow);
    return answer === 0 ? 'fresh' : answer === 1 ? 'seen' : 'doubtful';
  }

  #key(key: string): string {
    return `${this.#prefix}s:${key}`;
  }

  #claimMark(shard: number): string {
    return `${this.#prefix}c{${shard.toString(16)}}`;
  }

  #send(key: string, args: readonly RedisArgument[], readonly = false): Promise<unknown> {
    return this.#connection.command(key, args, readonly).catch(rethrow);
  }
}

function shardOf(key: string): number {
  let sum = 0;
  for (let i = 0; i < key.length; i++) sum = (31 * sum + key.charCodeAt(i)) >>> 0;
  return sum % claimShards;
}

function readValue(reply: unknown): Uint8Array | undefined {
  if (reply === null) return undefined;
  if (reply instanceof Uint8Array) return reply;
  throw new StoreError('storeError', 'Redis gave an answer of a type that nobody asked for', { answered: true });
}

/**
 * Errors by which a server that is well refuses one call: full, read-only replica, another type under the key, full
 * disk, a command that the user may not run, by itself or in a script.
 */
const refusals = /^(OOM|WRONGTYPE|READONLY|MISCONF|NOREPLICAS|NOPERM)\b|ACL failure|can't run this command/;

function rethrow(error: unknown): never {
  const answered = error instanceof Error && refusals.test(error.message);
  throw new StoreError('storeError', `Redis: ${error instanceof Error ? error.message : 'failed'}`, {
    cause: error,
    answered,
  });
}
