/** One real Redis behind a proxy that is not kind: what a fleet says, how soon, and that it comes back by itself. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { connectRedis, nodeTimers } from '../../src/node/redis/connection.ts';
import { createRedisFleet, type RedisFleet } from '../../src/node/redis/fleet.ts';
import { RedisStore } from '../../src/node/redis/store.ts';
import { ResilientStore } from '../../src/session/resilient-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { freePort } from '../helpers/listening.ts';
import { policy, someState } from '../session/helpers.ts';
import { ChaosProxy } from './chaos-proxy.ts';
import { noRedis, RedisServer, startCluster, until } from './redis-server.ts';

const crypto = createNodeCrypto();
const bytes = (length: number) => new Uint8Array(randomBytes(length));
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const deadlineMs = 200;
const limit = { skip: noRedis, timeout: 60_000 };

/** A node of a fleet, and what it does with a session. */
async function node(url: string, fleetKeys: readonly Uint8Array[], more: object = {}) {
  const connection = await connectRedis({ url, ...more });
  const times = { rotateEvery: 4, keepFor: 8, pollEvery: 0.2 };
  const fleet = createRedisFleet({ crypto, connection, fleetKeys, deadlineMs, ...times });
  await fleet.ready(3000);
  const sessions = new ServerSessions({ crypto, store: fleet.store, keyring: fleet.keyring });
  return { connection, fleet, sessions };
}

type Node = Awaited<ReturnType<typeof node>>;

const keep = (on: Node, sessionId: Uint8Array) => {
  const now = Date.now();
  return on.sessions.storeSession({ sessionId, state: someState(now, { version: 0x0303 }), now });
};
const find = async (on: Node, sessionId: Uint8Array) =>
  on.sessions.lookupSession({ version: 0x0303, policy, now: Date.now(), sessionId });
const current = ({ keyring }: RedisFleet) => keyring.describe().find((key) => key.role === 'current');

describe('a Redis behind a bad network', { skip: noRedis, timeout: 240_000 }, () => {
  const fleetKeys = [bytes(32)];
  let server: RedisServer;
  let proxy: ChaosProxy;
  let near: Node;
  let far: Node;

  before(async () => {
    server = new RedisServer(await freePort());
    await server.start();
    proxy = await new ChaosProxy(server.port).listen();
    near = await node(server.url, fleetKeys);
    far = await node(proxy.url, fleetKeys);
  });

  after(async () => {
    await Promise.all([near?.fleet.close(), far?.fleet.close()]);
    proxy?.close();
    await server?.close();
  });

  /** While something is wrong each call ends in time, with a reason; then sessions resume again. */
  async function survives(start: () => void): Promise<Set<string>> {
    const id = bytes(32);
    await until(async () => (await keep(near, id)) && 'state' in (await find(far, id)));
    // What was asked twice is answered twice.
    await pause(100);
    start();
    const reasons = new Set<string>();
    for (let round = 0; round < 12; round++) {
      const began = performance.now();
      const found = await find(far, id);
      const took = performance.now() - began;
      assert.ok(took < deadlineMs + 150, `${took} ms`);
      reasons.add('miss' in found ? found.miss : 'hit');
      await keep(far, bytes(32));
    }
    proxy.heal();
    await until(async () => (await keep(near, id)) && 'state' in (await find(far, id)), 15_000);
    await until(() => current(far.fleet)?.name === current(near.fleet)?.name, 15_000);
    assert.equal(current(far.fleet)?.origin, 'fleet');
    return reasons;
  }

  const replies = {
    loading: '-LOADING Redis is loading the dataset in memory',
    busy: '-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
    'no authentication': '-NOAUTH Authentication required.',
    'no permission': "-NOPERM User x has no permissions to run the 'get' command",
    'cluster down': '-CLUSTERDOWN The cluster is down',
    moved: '-MOVED 1 127.0.0.1:1',
    ask: '-ASK 1 127.0.0.1:1',
    'read only': "-READONLY You can't write against a read only replica.",
    full: "-OOM command not allowed when used memory > 'maxmemory'.",
    'no script': '-NOSCRIPT No matching script. Please use EVAL.',
    integer: ':42',
    list: '*2\r\n$1\r\na\r\n$1\r\nb',
    'a status': '+OK',
    'an empty value': '$0\r\n',
    'a value of 64 KiB': `$65536\r\n${'x'.repeat(65_536)}`,
    'what is no reply': 'HTTP/1.1 400 Bad Request\r\n\r\n',
    'a reply of a length that is none': '$-7',
    'a promise of a gigabyte': '$1000000000\r\nx',
  };
  for (const [name, reply] of Object.entries(replies)) {
    test(`promise 5: every answer is ${name}`, async () => {
      const reasons = await survives(() => {
        proxy.answer = () => reply;
      });
      assert.ok(!reasons.has('hit'), [...reasons].join());
    });
  }

  for (const after of [0, 1, 7, 40, 200]) {
    test(`promise 5: replies are cut after ${after} bytes, and the connection stays`, async () => {
      await survives(() => {
        proxy.silentAfter = after;
        proxy.reset();
      });
    });
    test(`promise 5: connections are reset after ${after} bytes of replies`, async () => {
      await survives(() => {
        proxy.resetAfter = after;
        proxy.reset();
      });
    });
  }

  test('promise 5: a slow Redis is asked hardly more often than a fast one', async () => {
    const id = bytes(32);
    await until(async () => (await keep(near, id)) && 'state' in (await find(far, id)));
    proxy.latency = 120;
    proxy.count('GET');
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 20 }, () => find(far, id)));
    }
    const asked = proxy.count('GET');
    proxy.heal();
    assert.ok(asked <= 1.2 * 400, `${asked} questions for 400 look-ups`);
  });

  test('promise 5: a process that was busy has the answer before the deadline counts', async () => {
    const id = bytes(32);
    await until(async () => (await keep(near, id)) && 'state' in (await find(near, id)));
    const asked = find(near, id);
    await new Promise((resolve) => setImmediate(resolve));
    const end = performance.now() + 3 * deadlineMs;
    while (performance.now() < end) {
      // The answer comes meanwhile, but nobody reads it.
    }
    assert.ok('state' in (await asked));
  });
});

test('promise 5: a password that becomes right: the connection comes by itself', limit, async (t) => {
  const server = new RedisServer(await freePort());
  await server.start();
  t.after(() => server.close());
  server.cli('CONFIG', 'SET', 'requirepass', 'secret');
  const at = (password: string) => `redis://:${password}@127.0.0.1:${server.port}`;
  const fleetKeys = [bytes(32)];
  const wrong = await node(at('wrong'), fleetKeys);
  t.after(() => wrong.fleet.close());
  const id = bytes(32);
  assert.equal(current(wrong.fleet)?.origin, 'local');
  assert.equal(await keep(wrong, id), false);
  server.cli('-a', 'secret', 'CONFIG', 'SET', 'requirepass', 'wrong');
  await until(async () => (await keep(wrong, id)) && current(wrong.fleet)?.origin === 'fleet', 15_000);
});

test('promise 5: commands that a user may not run are refused, and the breaker stays closed', limit, async (t) => {
  const server = new RedisServer(await freePort());
  await server.start();
  t.after(() => server.close());
  // Many a server gives its users all but this; INFO is part of it, and claims ask for that.
  server.cli('ACL', 'SETUSER', 'few', 'on', '>pw', '~*', '+@all', '-@dangerous', '-getdel');
  const few = await node(`redis://few:pw@127.0.0.1:${server.port}`, [bytes(32)]);
  t.after(() => few.fleet.close());
  const id = bytes(32);
  await until(async () => keep(few, id));
  for (let i = 0; i < 20; i++) {
    await Promise.resolve(few.fleet.store.take('t:x')).catch(() => {});
    await Promise.resolve(few.fleet.store.claim(`e:${i}`, 1000)).catch(() => {});
  }
  assert.equal(few.fleet.resilient.breaker, 'closed');
  assert.ok('state' in (await find(few, id)));
});

test('the rights that docs/resumption.md names are enough', limit, async (t) => {
  const guide = readFileSync(join(dirname(fileURLToPath(import.meta.url)), '../../docs/resumption.md'), 'utf8');
  const rights = /ACL SETUSER handfast ([^\n]+)/.exec(guide)?.[1]?.split(' ') ?? [];
  assert.ok(rights.length > 10);
  const server = new RedisServer(await freePort());
  await server.start();
  t.after(() => server.close());
  assert.equal(
    server.cli('ACL', 'SETUSER', 'handfast', 'on', '>pw', ...rights.filter((each) => /^[+~]/.test(each))),
    'OK',
  );
  const one = await node(`redis://handfast:pw@127.0.0.1:${server.port}`, [bytes(32)]);
  t.after(() => one.fleet.close());
  const id = bytes(32);
  await until(async () => (await keep(one, id)) && current(one.fleet)?.origin === 'fleet');
  assert.ok('state' in (await find(one, id)));
  await one.sessions.forgetSession(id);
  assert.deepEqual(await find(one, id), { miss: 'notFound' });
  assert.equal(await one.fleet.store.take('t:x'), undefined);
  await one.fleet.store.claim('e:x', 10);
  await until(async () => (await one.fleet.store.claim(`e:${Math.random()}`, 10)) === 'fresh');
  // From Redis 7.2 on the client library says its name, and goes on where it may not.
  const refused = [...server.cli('ACL', 'LOG').matchAll(/\nobject\n(.*)\n/g)].map(([, what]) => what);
  assert.deepEqual(
    refused.filter((what) => what !== 'client|setinfo' && what !== 'client'),
    [],
  );
});

for (const kind of ['server', 'cluster'] as const) {
  test(`a fleet that was closed stays closed, though its ${kind} was never there`, { timeout: 60_000 }, async (t) => {
    const proxy = await new ChaosProxy(1).listen();
    t.after(() => proxy.close());
    const connection = await connectRedis(kind === 'server' ? { url: proxy.url } : { cluster: [proxy.url] });
    const fleet = createRedisFleet({ crypto, connection, fleetKeys: [bytes(32)] });
    await fleet.ready(100);
    await fleet.close();
    await pause(200);
    const before = proxy.accepted;
    assert.ok(before > 0);
    await pause(2500);
    assert.equal(proxy.accepted, before);
  });
}

describe('a Redis Cluster that has lost a master for good', { skip: noRedis, timeout: 120_000 }, () => {
  test('promise 5: sessions of the other masters resume all the same', async (t) => {
    const servers = await startCluster();
    t.after(() => Promise.all(servers.map((each) => each.close())));
    const connection = await connectRedis({ cluster: servers.map((each) => each.url) });
    t.after(() => connection.close());
    const redis = new RedisStore({ connection });
    const store = new ResilientStore(redis, { clock: { now: Date.now }, timers: nodeTimers, deadlineMs: 500 });
    const value = bytes(100);
    const keys = Array.from({ length: 90 }, (_, i) => `key ${i}`);
    const ask = async (key: string) => {
      try {
        return (await store.get(key)) !== undefined;
      } catch {
        return false;
      }
    };
    await until(async () => {
      await Promise.all(keys.map((key) => redis.put(key, value, 100).catch(() => {})));
      return (await Promise.all(keys.map(ask))).every(Boolean);
    });
    // The second has no replica.
    await servers[1]?.kill();
    await pause(500);
    const alive: string[] = [];
    for (const key of keys) {
      const answer = await redis.get(key).then(Boolean, () => false);
      if (answer) alive.push(key);
    }
    assert.ok(alive.length > 30 && alive.length < 90, `${alive.length} of ${keys.length}`);
    let [asked, hits] = [0, 0];
    const end = Date.now() + 5000;
    while (Date.now() < end) {
      const mixed = keys.map((key) => ({ key, at: Math.random() })).sort((one, other) => one.at - other.at);
      const all = await Promise.all(mixed.map(async ({ key }) => ({ key, hit: await ask(key) })));
      for (const { key, hit } of all) if (alive.includes(key)) [asked, hits] = [asked + 1, hits + Number(hit)];
      await pause(5);
    }
    console.log(`# a cluster without one of its masters: ${hits} of ${asked} sessions of the others are found`);
    assert.ok(hits >= 0.75 * asked, `${hits} of ${asked}`);
  });
});
