/** Fleets of other names in one Redis have nothing in common. No Redis is needed. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import type { RedisArgument, RedisConnection } from '../../src/node/redis/connection.ts';
import { createRedisFleet } from '../../src/node/redis/fleet.ts';

/** As much of Redis as sessions need. */
function fakeRedis(): RedisConnection & { readonly keys: Set<string> } {
  const values = new Map<string, unknown>();
  const keys = new Set<string>();
  return {
    keys,
    command: async (key: string, [name, , value]: readonly RedisArgument[]) => {
      if (name === 'SET') {
        keys.add(key);
        values.set(key, value);
        return 'OK';
      }
      if (name === 'GET') return values.get(key) ?? null;
      throw new Error('not here');
    },
    onConnect: () => {},
    close: () => {},
  };
}

test('a session of one fleet is not found by another that shares its Redis and its keys', async () => {
  const connection = fakeRedis();
  const common = { crypto: createNodeCrypto(), connection, fleetKeys: [new Uint8Array(randomBytes(32))] };
  const fleets = [undefined, 'shop', 'shop', 'bank'].map((name) =>
    createRedisFleet({ ...common, ...(name === undefined ? {} : { name }) }),
  );
  const [unnamed, shop, shopToo, bank] = fleets as [
    (typeof fleets)[0],
    (typeof fleets)[0],
    (typeof fleets)[0],
    (typeof fleets)[0],
  ];
  await shop.store.put('i:01', Uint8Array.of(1, 2, 3), 60);
  assert.deepEqual(await shopToo.store.get('i:01'), Uint8Array.of(1, 2, 3));
  assert.equal(await bank.store.get('i:01'), undefined);
  assert.equal(await unnamed.store.get('i:01'), undefined);
  await unnamed.store.put('i:02', Uint8Array.of(4), 60);
  assert.ok(
    [...connection.keys].some((key) => key.startsWith('hf:s:')),
    'those without a name stay where they were',
  );
  await Promise.all(fleets.map((fleet) => fleet.close()));
});
