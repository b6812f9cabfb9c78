import type { RingChannel, RingReading } from '../../session/fleet-keyring.ts';
import { checkRedisRing } from './check-options.ts';
import type { RedisConnection } from './connection.ts';
import { redisScript } from './script.ts';

export interface RedisRingOptions {
  readonly connection: RedisConnection;
  /** The name of the ring; nodes with the same name share keys. Default `default`. */
  readonly name?: string;
  /** Before every key; default `hf:`. */
  readonly prefix?: string;
}

/**
 * Keys that hold something else than they should (someone wrote into our prefix) are dropped: nodes restore the ring.
 */
const preamble = `
local function sane(key, kind)
  local found = redis.call('TYPE', key)['ok']
  if found ~= 'none' and found ~= kind then redis.call('DEL', key) end
end
sane(KEYS[1], 'hash')
sane(KEYS[2], 'zset')
sane(KEYS[3], 'hash')
local rev = tonumber(redis.call('HGET', KEYS[1], 'rev')) or 0
local epoch = redis.call('HGET', KEYS[1], 'epoch') or ''
`;

/** ARGV: node, epoch, acknowledged revision, lease in ms (0: leave). */
const syncScript = redisScript(`${preamble}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local node, lease, ack = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[3])
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
  redis.call('HDEL', KEYS[3], dead)
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
if lease > 0 then
  if ARGV[2] ~= epoch then ack = 0 end
  if ack > rev then ack = rev end
  redis.call('ZADD', KEYS[2], now + lease, node)
  redis.call('HSET', KEYS[3], node, ack)
else
  redis.call('ZREM', KEYS[2], node)
  redis.call('HDEL', KEYS[3], node)
end
-- Where the leases were lost (evicted), what dead nodes acknowledged would stay for ever: the living tell it again.
if redis.call('HLEN', KEYS[3]) > redis.call('ZCARD', KEYS[2]) then
  redis.call('DEL', KEYS[3])
  if lease > 0 then redis.call('HSET', KEYS[3], node, ack) end
end
local nodes = redis.call('ZCARD', KEYS[2])
-- Once all living nodes had a revision, it stays good: who joins later reads it before it serves.
local granted = math.min(tonumber(redis.call('HGET', KEYS[1], 'granted')) or 0, rev)
local hold = tonumber(redis.call('HGET', KEYS[1], 'hold')) or 0
-- Only then are all nodes looked at, by who may be the last one: there may be thousands.
if granted < rev and ack == rev and now >= hold and nodes > 0 and redis.call('HLEN', KEYS[3]) == nodes then
  local least = rev
  for _, each in ipairs(redis.call('HVALS', KEYS[3])) do least = math.min(least, tonumber(each) or 0) end
  if least > granted then
    granted = least
    redis.call('HSET', KEYS[1], 'granted', granted)
  end
end
return {epoch, rev, redis.call('HGET', KEYS[1], 'doc') or '', now, granted, nodes}
`);

/** ARGV: expected epoch, expected revision, new epoch, document, for how many ms nothing new is granted. */
const proposeScript = redisScript(`${preamble}
if epoch ~= ARGV[1] or rev ~= tonumber(ARGV[2]) then return 0 end
if epoch ~= ARGV[3] then redis.call('HDEL', KEYS[1], 'granted') end
if tonumber(ARGV[5]) > 0 then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', KEYS[1], 'hold', now + tonumber(ARGV[5]))
end
redis.call('HSET', KEYS[1], 'rev', rev + 1, 'epoch', ARGV[3], 'doc', ARGV[4])
return 1
`);

/** The channel of a `FleetKeyring` through Redis or Valkey. Its three keys share one slot of a cluster. */
export function redisRingChannel(options: RedisRingOptions): RingChannel {
  checkRedisRing(options);
  const { connection, name = 'default', prefix = 'hf:' } = options;
  const slot = `${prefix}{ring:${name}}`;
  const keys = [slot, `${slot}:leases`, `${slot}:acks`];
  return {
    sync: async ({ node, epoch, ack, leaseMs }) =>
      readReply(await syncScript.run(connection, keys, [node, epoch, String(ack), String(Math.ceil(leaseMs))])),
    propose: async (expected, epoch, document, holdMs) => {
      const bytes = Buffer.from(document);
      const args = [expected.epoch, String(expected.revision), epoch, bytes, String(Math.ceil(holdMs))];
      return (await proposeScript.run(connection, keys, args)) === 1;
    },
  };
}

function readReply(reply: unknown): RingReading {
  if (!Array.isArray(reply)) throw new TypeError('Redis gave an answer of a type that nobody asked for');
  const [epoch, revision, document, now, acknowledged, nodes] = reply as unknown[];
  if (!(epoch instanceof Uint8Array) || !(document instanceof Uint8Array)) {
    throw new TypeError('Redis gave an answer of a type that nobody asked for');
  }
  const numbers = [revision, now, acknowledged, nodes].map(Number);
  if (!numbers.every(Number.isSafeInteger)) throw new TypeError('Redis gave numbers that are none');
  return {
    epoch: Buffer.from(epoch).toString('latin1'),
    revision: numbers[0] as number,
    document,
    now: numbers[1] as number,
    acknowledged: numbers[2] as number,
    nodes: numbers[3] as number,
  };
}
