import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { headerOf, macJws, problemOf, TestClient } from './helpers/client.ts';
import { acmeService } from './helpers/service.ts';

describe('accounts that nobody vouches for', () => {
  test('are counted by the network that they come from; an account that is there is no new one', async (t) => {
    const { service } = await acmeService(t, { limits: { accountsPerHour: 2 } });
    const from = (address: string | undefined) => Object.assign(new TestClient(service), { address });
    const first = await from('192.0.2.1').register();
    await from('::ffff:192.0.2.1').register();
    const refused = await from('192.0.2.1').post('/new-account', {});
    assert.deepEqual([refused.status, problemOf(refused)], [429, 'rateLimited']);
    assert.ok(Number(headerOf(refused, 'retry-after')) > 3500);
    await from('192.0.2.2').register();
    const again = Object.assign(new TestClient(service, first.key), { address: '192.0.2.1' });
    assert.equal((await again.post('/new-account', {})).status, 200);
    assert.equal((await first.post(first.kid as string)).status, 200);
    await from('2001:db8::1').register();
    await from('2001:db8::ffff:1').register();
    assert.equal(problemOf(await from('2001:db8:0:0:9::1').post('/new-account', {})), 'rateLimited');
    await from('2001:db8:0:1::1').register();
  });

  test('are limited in all; those with a binding are not counted', async (t) => {
    const macKey = Buffer.alloc(32, 7);
    const { service } = await acmeService(t, {
      limits: { accounts: 2 },
      externalAccounts: { required: false, key: () => macKey },
    });
    await new TestClient(service).register();
    await new TestClient(service).register();
    assert.equal(problemOf(await new TestClient(service).post('/new-account', {})), 'rateLimited');
    const bound = new TestClient(service);
    const header = { alg: 'HS256', kid: 'ann', url: bound.url('/new-account') };
    await bound.register({ externalAccountBinding: macJws(macKey, header, bound.key.jwk) });
  });
});
