import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { connectRedis, nodeTimers, type RedisConnection } from '../../src/node/redis/connection.ts';
import { createRedisFleet, type RedisFleet } from '../../src/node/redis/fleet.ts';
import { redisRingChannel } from '../../src/node/redis/keyring.ts';
import { RedisStore } from '../../src/node/redis/store.ts';
import { ResilientStore } from '../../src/session/resilient-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import type { IssuedTicket } from '../../src/session/resumption-request.ts';
import { SealedStore } from '../../src/session/sealed-store.ts';
import type { ClaimAnswer } from '../../src/session/store.ts';
import { StoreError } from '../../src/session/store.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { freePort } from '../helpers/listening.ts';
import { policy, someState } from '../session/helpers.ts';
import { noRedis, RedisServer, startCluster, until } from './redis-server.ts';

const crypto = createNodeCrypto();
const bytes = (length: number) => new Uint8Array(randomBytes(length));

async function storeOn(options: {
  url?: string;
  cluster?: string[];
}): Promise<{ store: RedisStore; connection: RedisConnection }> {
  const connection = await connectRedis({ ...options, commandTimeoutMs: 1000 });
  const store = new RedisStore({ connection });
  await until(() =>
    store.prepare().then(
      () => true,
      () => false,
    ),
  );
  return { store, connection };
}

/** How many of many concurrent claims on several nodes were `fresh`. */
async function freshClaims(stores: readonly RedisStore[], key: string, ttl: number): Promise<number> {
  const claims: Promise<ClaimAnswer>[] = [];
  for (let i = 0; i < 25; i++) for (const store of stores) claims.push(store.claim(key, ttl));
  return (await Promise.all(claims)).filter((answer) => answer === 'fresh').length;
}

describe('a single Redis server', { skip: noRedis }, () => {
  let server: RedisServer;
  let a: { store: RedisStore; connection: RedisConnection };
  let b: { store: RedisStore; connection: RedisConnection };

  before(async () => {
    server = new RedisServer(await freePort());
    await server.start();
    a = await storeOn({ url: server.url });
    b = await storeOn({ url: server.url });
  });

  after(async () => {
    a.connection.close();
    b.connection.close();
    await server.close();
  });

  test('what one node puts, another gets, byte for byte', async () => {
    const value = bytes(500);
    await a.store.put('one', value, 10);
    assert.deepEqual(new Uint8Array((await b.store.get('one')) as Uint8Array), value);
    await b.store.delete('one');
    assert.equal(await a.store.get('one'), undefined);
    await a.store.put('short', value, 1);
    await until(async () => (await a.store.get('short')) === undefined, 5000);
  });

  test('promise 7: of many that take at once on two nodes, one gets it', async () => {
    for (let round = 0; round < 20; round++) {
      await a.store.put(`take ${round}`, bytes(100), 10);
      const takes = Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? a : b).store.take(`take ${round}`));
      const got = (await Promise.all(takes)).filter((value) => value !== undefined);
      assert.equal(got.length, 1);
    }
  });

  test('promise 7: of many that claim at once on two nodes, one is first', async () => {
    // Longer than the claims of a round take on a busy machine: one that is over is fresh again.
    await until(async () => (await a.store.claim(`warm ${Math.random()}`, 3000)) === 'fresh');
    for (let round = 0; round < 20; round++) {
      assert.equal(await freshClaims([a.store, b.store], `claim ${round}`, 3000), 1);
    }
  });

  test('promise 5: after a flush claims are in doubt for their time, and then good again', async () => {
    await until(async () => (await a.store.claim(`warm ${Math.random()}`, 300)) === 'fresh');
    server.cli('FLUSHALL');
    assert.equal(await a.store.claim('after flush', 300), 'doubtful');
    assert.equal(await b.store.claim('after flush', 300), 'seen');
    await new Promise((resolve) => setTimeout(resolve, 350));
    assert.equal(await a.store.claim('after flush', 300), 'fresh', 'the mark of this slot is old enough now');
  });

  test('promise 7: a node whose clock is minutes late does not take recorded early data again', async () => {
    // After the flush the marks are made anew, and have to be as old as claims live.
    await a.store.prepare();
    await new Promise((resolve) => setTimeout(resolve, 1300));
    const window = { toleranceMs: 100, clockSkewMs: 1000 };
    const keyring = new TicketKeyring({ crypto, clock: { now: Date.now }, timers: nodeTimers });
    const fleetKeys = [bytes(32)];
    const nodes = [a, b].map(({ store }) => {
      const timed = new ResilientStore(store, { clock: { now: Date.now }, timers: nodeTimers, deadlineMs: 1000 });
      const sealed = new SealedStore(timed, { crypto, fleetKeys });
      return new ServerSessions({ crypto, store: sealed, keyring, maxEarlyDataSize: 1000, freshness: window });
    });
    const now = Date.now();
    const context = new Uint8Array(32).fill(1);
    const state = someState(now, { maxEarlyDataSize: 1000, ticketAgeAdd: 0, earlyDataContext: context });
    const { ticket } = (await (nodes[0] as ServerSessions).sealTicket({ state, now })) as IssuedTicket;
    const claim = async (i: number, at: number) =>
      nodes[i]?.claimEarlyData({ identity: ticket, state, obfuscatedTicketAge: 0, context, now: at });
    assert.deepEqual(await claim(0, now), { accepted: true });
    assert.deepEqual(await claim(1, now), { accepted: false, refusal: 'replay' });
    // The claim has ended with the window, and for all but the late node the ClientHello is stale.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.deepEqual(await claim(0, Date.now()), { accepted: false, refusal: 'stale' });
    assert.deepEqual(await claim(1, now), { accepted: false, refusal: 'doubtful' });
    keyring.close();
  });

  test('promise 8: what dead nodes acknowledged does not stay, also where the leases were lost', async () => {
    const ring = redisRingChannel({ connection: a.connection, name: 'crowd' });
    for (let i = 0; i < 300; i++) await ring.sync({ node: `node ${i}`, epoch: '', ack: 0, leaseMs: 60_000 });
    const size = () => Number(server.cli('HLEN', 'hf:{ring:crowd}:acks'));
    assert.equal(size(), 300);
    server.cli('DEL', 'hf:{ring:crowd}:leases');
    const reading = await ring.sync({ node: 'node 7', epoch: '', ack: 0, leaseMs: 200 });
    assert.equal(reading.nodes, 1);
    assert.equal(size(), 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await ring.sync({ node: 'node 8', epoch: '', ack: 0, leaseMs: 60_000 });
    assert.equal(size(), 1);
  });

  test('promise 5: eviction puts claims in doubt', async () => {
    await until(async () => (await a.store.claim(`warm ${Math.random()}`, 200)) === 'fresh');
    server.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    const used = Number(/used_memory:(\d+)/.exec(server.cli('INFO', 'memory'))?.[1]);
    server.cli('CONFIG', 'SET', 'maxmemory', String(used + 200_000));
    for (let i = 0; i < 400; i++) await a.store.put(`fill ${i}`, bytes(2000), 100);
    assert.ok(Number(/evicted_keys:(\d+)/.exec(server.cli('INFO', 'stats'))?.[1]) > 0);
    assert.equal(await a.store.claim('after eviction', 60_000), 'doubtful');
    server.cli('CONFIG', 'SET', 'maxmemory', '0');
    server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  });

  test('promise 5: a full server refuses, and says so', async () => {
    server.cli('CONFIG', 'SET', 'maxmemory', '1');
    await assert.rejects(a.store.put('x', bytes(10), 10), (error) => error instanceof StoreError && error.answered);
    server.cli('CONFIG', 'SET', 'maxmemory', '0');
  });

  test('promise 5: a value of another type is refused, not a crash', async () => {
    server.cli('LPUSH', 'hf:s:list', 'x');
    await assert.rejects(a.store.get('list'), (error) => error instanceof StoreError && error.answered);
  });

  test('promise 5: a restart is noticed: calls fail at once meanwhile, claims are in doubt afterwards', async () => {
    await until(async () => (await a.store.claim(`warm ${Math.random()}`, 2000)) === 'fresh');
    await server.kill();
    await until(() =>
      a.store.get('x').then(
        () => false,
        (error) => error instanceof StoreError,
      ),
    );
    await server.start();
    let first: ClaimAnswer | undefined;
    await until(async () => {
      first = await a.store.claim('after restart', 2000).catch(() => undefined);
      return first !== undefined;
    });
    assert.equal(first, 'doubtful');
    await until(async () => (await a.store.claim(`again ${Math.random()}`, 2000).catch(() => undefined)) === 'fresh');
  });
});

describe('a fleet over a single Redis server', { skip: noRedis }, () => {
  const fleetKeys = [bytes(32)];
  const sessionId = bytes(32);
  let server: RedisServer;
  let nodes: { fleet: RedisFleet; sessions: ServerSessions }[];

  const deadlineMs = 100;

  before(async () => {
    server = new RedisServer(await freePort());
    await server.start();
    nodes = await Promise.all(
      [1, 2, 3].map(async () => {
        const connection = await connectRedis({ url: server.url, commandTimeoutMs: 1000 });
        const fleet = createRedisFleet({
          crypto,
          connection,
          fleetKeys,
          rotateEvery: 2,
          keepFor: 8,
          pollEvery: 0.1,
          deadlineMs,
        });
        await fleet.ready(5000);
        const { store, keyring } = fleet;
        return { fleet, sessions: new ServerSessions({ crypto, store, keyring, tls13Tickets: 'singleUse' }) };
      }),
    );
  });

  after(async () => {
    await Promise.all(nodes.map(({ fleet }) => fleet.close()));
    await server.close();
  });

  const sessionsOf = (i: number) => (nodes[i] as { sessions: ServerSessions }).sessions;
  const keep = () =>
    sessionsOf(0).storeSession({ sessionId, state: someState(Date.now(), { version: 0x0303 }), now: Date.now() });
  const find = async (i: number) =>
    sessionsOf(i).lookupSession({ version: 0x0303, policy, now: Date.now(), sessionId });

  /** A TLS 1.2 ticket of each node opens on each node. */
  const ticketsOpen = async () => {
    for (const [i] of nodes.entries()) {
      const state = someState(Date.now(), { version: 0x0303 });
      const { ticket } = (await sessionsOf(i).sealTicket({ state, now: Date.now() })) as IssuedTicket;
      for (const [j] of nodes.entries()) {
        const found = await sessionsOf(j).openTicket({ version: 0x0303, policy, now: Date.now(), ticket });
        if ('miss' in found) return false;
      }
    }
    return true;
  };

  test('promise 4: an ID and a ticket of one node resume on every other, through rotations', async () => {
    assert.equal(await keep(), true);
    const keys = new Set<string>();
    for (let round = 0; round < 12; round++) {
      for (const [i] of nodes.entries()) assert.ok('state' in (await find(i)), `session ID on node ${i}`);
      assert.ok(await ticketsOpen(), `round ${round}`);
      const current = nodes[0]?.fleet.keyring.describe().find((key) => key.role === 'current');
      assert.equal(current?.origin, 'fleet');
      keys.add(current?.name as string);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    assert.ok(keys.size >= 3, `${keys.size} keys in 6 s`);
  });

  test('promise 7: a TLS 1.3 ticket is used once in the fleet', async () => {
    const { ticket } = (await sessionsOf(0).sealTicket({
      state: someState(Date.now()),
      now: Date.now(),
    })) as IssuedTicket;
    const asked = nodes.flatMap((_, i) =>
      Array.from({ length: 10 }, () =>
        sessionsOf(i).lookupPsk({ version: 0x0304, policy, now: Date.now(), identity: ticket }),
      ),
    );
    const found = (await Promise.all(asked)).filter((answer) => 'secret' in answer);
    assert.equal(found.length, 1);
  });

  test('promise 6: nothing in Redis can be read as a secret, an ID or a name', async () => {
    const state = someState(Date.now(), { version: 0x0303, serverName: 'needle.example.org' });
    await sessionsOf(0).storeSession({ sessionId, state, now: Date.now() });
    let dump = '';
    for (const key of server.cli('KEYS', '*').split('\n')) {
      const type = server.cli('TYPE', key);
      const read = { string: ['GET', key], hash: ['HGETALL', key], zset: ['ZRANGE', key, '0', '-1'] }[type];
      assert.ok(read, `a key of type ${type}`);
      dump += `${key}\n${server.raw(...read)}\n`;
    }
    assert.match(dump, /hf:s:/);
    assert.doesNotMatch(dump, /needle|example/);
    assert.ok(!dump.includes(Buffer.from(sessionId).toString('hex')));
    const latin1 = (secret: Uint8Array) => Buffer.from(secret).toString('latin1');
    assert.ok(!dump.includes(latin1(sessionId.subarray(0, 12))));
    assert.ok(!dump.includes(latin1(state.secret.subarray(0, 12))));
  });

  test('promise 5: Redis paused: misses within the deadline; continued: hits again by itself', async () => {
    await keep();
    server.pause();
    const start = performance.now();
    const first = await find(1);
    const took = performance.now() - start;
    assert.deepEqual(first, { miss: 'storeTimeout' });
    assert.ok(took >= deadlineMs - 5, `a deadline of ${deadlineMs} ms ended after ${took} ms`);
    for (let i = 0; i < 10; i++) assert.ok('miss' in (await find(1)));
    assert.deepEqual(await find(1), { miss: 'storeUnavailable' });
    assert.equal(nodes[1]?.fleet.resilient.breaker, 'open');
    assert.ok(await ticketsOpen(), 'tickets need no Redis');
    server.resume();
    await until(async () => 'state' in (await find(1)));
    assert.equal(nodes[1]?.fleet.resilient.breaker, 'closed');
  });

  test('promise 5: Redis filled with garbage: misses with a reason, and the ring is mended', async () => {
    await keep();
    for (const key of server.cli('KEYS', '*').split('\n')) {
      const type = server.cli('TYPE', key);
      if (type === 'string') server.cli('SET', key, randomBytes(80).toString('base64'));
      else if (type === 'hash') server.cli('HSET', key, 'doc', 'garbage', 'rev', 'x');
      else server.cli('SET', key, 'not a set');
    }
    assert.deepEqual(await find(2), { miss: 'malformed' });
    assert.deepEqual(await find(2), { miss: 'notFound' }, 'what was garbage is gone');
    await keep();
    assert.ok('state' in (await find(2)));
    await new Promise((resolve) => setTimeout(resolve, 6000));
    assert.ok(await ticketsOpen());
    const current = nodes[0]?.fleet.keyring.describe().find((key) => key.role === 'current');
    assert.equal(current?.origin, 'fleet');
  });

  test('promise 5: Redis killed and started again, empty: tickets go on, IDs come back, nothing throws', async () => {
    await server.kill();
    for (let i = 0; i < 8; i++) assert.ok('miss' in (await find(0)));
    assert.ok(await ticketsOpen());
    assert.equal(await keep(), false);
    await server.start();
    await until(async () => (await keep()) && 'state' in (await find(2)));
    await until(() => nodes.every(({ fleet }) => fleet.fleet.status.revision > 0));
    await new Promise((resolve) => setTimeout(resolve, 3000));
    assert.ok(await ticketsOpen());
  });

  test('promise 4: a server starts while Redis is down, with local keys, and joins when it is back', async () => {
    const port = await freePort();
    const late = new RedisServer(port);
    const connection = await connectRedis({ url: late.url });
    const fleet = createRedisFleet({ crypto, connection, fleetKeys, rotateEvery: 2, keepFor: 8, pollEvery: 0.1 });
    await fleet.ready(200);
    const current = () => fleet.keyring.describe().find((key) => key.role === 'current');
    assert.equal(current()?.origin, 'local');
    await late.start();
    await until(() => current()?.origin === 'fleet');
    await fleet.close();
    await late.close();
  });
});

describe('a Redis Cluster of three masters', { skip: noRedis }, () => {
  let servers: RedisServer[];
  let connection: RedisConnection;
  let fleet: RedisFleet;
  let sessions: ServerSessions;

  before(async () => {
    servers = await startCluster();
    connection = await connectRedis({ cluster: servers.map((server) => server.url), commandTimeoutMs: 1000 });
    fleet = createRedisFleet({
      crypto,
      connection,
      fleetKeys: [bytes(32)],
      rotateEvery: 2,
      keepFor: 8,
      pollEvery: 0.1,
      // The machine may be busy: here it is not the deadline that is tested.
      deadlineMs: 2000,
    });
    await fleet.ready(5000);
    sessions = new ServerSessions({ crypto, store: fleet.store, keyring: fleet.keyring });
  });

  after(async () => {
    await fleet?.close();
    await Promise.all((servers ?? []).map((server) => server.close()));
  });

  const ids = Array.from({ length: 60 }, () => bytes(32));
  const keep = async () => {
    const now = Date.now();
    const kept = ids.map((sessionId) =>
      sessions.storeSession({ sessionId, state: someState(now, { version: 0x0303 }), now }),
    );
    return (await Promise.all(kept)).filter((yes) => yes).length;
  };
  const find = async () => {
    const asked = ids.map((sessionId) =>
      sessions.lookupSession({ version: 0x0303, policy, now: Date.now(), sessionId }),
    );
    return (await Promise.all(asked)).filter((found) => 'state' in found).length;
  };

  test('sessions live on every node of the cluster, and the ring works', async () => {
    await until(async () => (await keep()) === ids.length);
    assert.equal(await find(), ids.length);
    const sizes = servers.slice(0, 3).map((server) => Number(server.cli('DBSIZE')));
    assert.ok(
      sizes.every((size) => size > 5),
      sizes.join(', '),
    );
    assert.equal(fleet.keyring.describe().find((key) => key.role === 'current')?.origin, 'fleet');
  });

  test('promise 5: a failover costs misses and no errors; 0-RTT claims are in doubt for a while on the new master', async () => {
    const store = new RedisStore({ connection });
    await store.prepare();
    const ttl = 4000;
    await until(async () => (await store.claim(`warm ${Math.random()}`, ttl)) === 'fresh');
    await (servers[0] as RedisServer).kill();
    const answers: Record<ClaimAnswer, number> = { fresh: 0, seen: 0, doubtful: 0 };
    await until(async () => {
      await find();
      return (servers[3] as RedisServer).cli('ROLE').startsWith('master');
    });
    await until(async () => (await keep()) === ids.length);
    assert.equal(await find(), ids.length, 'the hit rate is back');
    for (let i = 0; i < 40; i++) {
      const answer = await store.claim(`after failover ${i}`, ttl).catch(() => 'doubtful' as const);
      answers[answer]++;
    }
    assert.ok(answers.doubtful > 0, JSON.stringify(answers));
    await until(async () => (await store.claim(`again ${Math.random()}`, ttl).catch(() => undefined)) === 'fresh');
  });
});
