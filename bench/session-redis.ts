/**
 * What a session lookup costs the server's CPU: from memory, through Redis with seal, deadline and breaker, and a
 * bare GET of the client library, with its own settings and with ours. `node --import tsx bench/session-redis.ts
 * [lookups]`; starts a redis-server of its own. The three take turns in one run.
 */
import { randomBytes } from 'node:crypto';
import { createClient } from '@redis/client';
import { createNodeCrypto } from '../src/crypto/node.ts';
import { connectRedis, nodeTimers } from '../src/node/redis/connection.ts';
import { RedisStore } from '../src/node/redis/store.ts';
import { MemoryStore } from '../src/session/memory-store.ts';
import { ResilientStore } from '../src/session/resilient-store.ts';
import { ServerSessions } from '../src/session/resumption.ts';
import { SealedStore } from '../src/session/sealed-store.ts';
import { sessionState } from '../src/session/state.ts';
import { RedisServer, until } from '../test/fleet/redis-server.ts';
import { freePort } from '../test/helpers/listening.ts';

const lookups = Number(process.argv[2] ?? 5_000);
const rounds = 7;
const parallel = 16;
const crypto = createNodeCrypto();
const clock = { now: () => Date.now() };
const policy = new Uint8Array(32).fill(1);
const sessionId = new Uint8Array(randomBytes(32));

const server = new RedisServer(await freePort());
await server.start();
const connection = await connectRedis({ url: server.url });
const redis = new RedisStore({ connection });
await until(() =>
  redis.prepare().then(
    () => true,
    () => false,
  ),
);

const usual = createClient({ url: server.url });
usual.on('error', () => {});
await usual.connect();

const fleetKeys = [new Uint8Array(randomBytes(32))];
const resilient = () => new ResilientStore(redis, { clock, timers: nodeTimers, deadlineMs: 1000 });
const local = new SealedStore(new MemoryStore({ clock }), { crypto, fleetKeys });
const ways = {
  memory: new ServerSessions({ crypto, store: new MemoryStore({ clock }) }),
  'memory, sealed': new ServerSessions({ crypto, store: local }),
  redis: new ServerSessions({ crypto, store: new SealedStore(resilient(), { crypto, fleetKeys }) }),
};
const state = sessionState({
  version: 0x0303,
  cipherSuite: 0xc02b,
  secret: new Uint8Array(randomBytes(48)),
  policyDigest: policy,
  createdAt: Date.now(),
  lifetime: 3600,
  serverName: 'www.example.org',
});
for (const sessions of Object.values(ways)) await sessions.storeSession({ sessionId, state, now: Date.now() });
await redis.put('bare', new Uint8Array(200), 3600);

const look = (sessions: ServerSessions) => async () => {
  const found = await sessions.lookupSession({ version: 0x0303, policy, now: Date.now(), sessionId });
  if ('miss' in found) throw new Error(found.miss);
};
const jobs: Record<string, () => Promise<unknown>> = {
  memory: look(ways.memory),
  'memory, sealed': look(ways['memory, sealed']),
  redis: look(ways.redis),
  'GET of @redis/client, as is': () => usual.get('hf:s:bare'),
  'GET, with our settings': () => connection.command('hf:s:bare', ['GET', 'hf:s:bare'], true),
};

async function cpuMicroseconds(job: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  const worker = async () => {
    for (let i = 0; i < lookups / parallel; i++) await job();
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / lookups;
}

const taken: Record<string, number[]> = Object.fromEntries(Object.keys(jobs).map((name) => [name, []]));
for (let round = 0; round <= rounds; round++) {
  for (const [name, job] of Object.entries(jobs)) {
    const cost = await cpuMicroseconds(job);
    if (round > 0) taken[name]?.push(cost);
  }
}
const median = (list: number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] as number;
const cost = Object.fromEntries(Object.entries(taken).map(([name, list]) => [name, median(list)]));
for (const [name, value] of Object.entries(cost))
  console.log(`${name.padEnd(28)} ${value.toFixed(1).padStart(7)} µs of CPU a lookup`);
const more = (cost['redis'] as number) - (cost['memory'] as number);
console.log(`through Redis instead of memory: ${more.toFixed(1)} µs more, with seal, deadline, hedge and breaker`);
usual.destroy();
connection.close();
await server.close();
