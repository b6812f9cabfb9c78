import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { certificateId } from '../../src/acme/certificates.ts';
import { base64url, bodyOf, headerOf, type Order, problemOf, request, TestClient } from './helpers/client.ts';
import { acmeService } from './helpers/service.ts';

describe('revocation and renewal', () => {
  test('the account that ordered it, the key, and an account that controls all names may revoke', async (t) => {
    const { service, ca } = await acmeService(t);
    const client = await new TestClient(service).register();
    const revoke = (who: TestClient, der: Uint8Array, reason?: number) =>
      who.post('/revoke-cert', { certificate: base64url(der), ...(reason === undefined ? {} : { reason }) });
    const first = await client.enrol('a.test', 'b.test');
    const stranger = await new TestClient(service).register();
    assert.equal(problemOf(await revoke(stranger, first.der)), 'unauthorized');
    assert.equal(problemOf(await revoke(new TestClient(service), first.der)), 'unauthorized');
    assert.equal(problemOf(await revoke(client, first.der, 2)), 'badRevocationReason');
    assert.equal(problemOf(await revoke(client, first.der, 7)), 'badRevocationReason');
    assert.equal((await revoke(client, first.der, 1)).status, 200);
    assert.equal(problemOf(await revoke(client, first.der)), 'alreadyRevoked');
    assert.equal(ca.list()[0]?.revoked?.reason, 'keyCompromise');

    const second = await client.enrol('a.test', 'b.test');
    const { body } = await stranger.order('a.test');
    await stranger.prove(body);
    assert.equal(problemOf(await revoke(stranger, second.der)), 'unauthorized', 'one name of two');
    const rest = await stranger.order('b.test');
    await stranger.prove(rest.body);
    assert.equal((await revoke(stranger, second.der)).status, 200);

    const order = await client.order('a.test');
    await client.prove(order.body);
    const { csr, key } = await request(['a.test']);
    await client.finalize(order.body, csr);
    const third = ca.list().at(-1)?.certificate as Uint8Array;
    assert.equal((await revoke(new TestClient(service, key), third)).status, 200);
    assert.equal((await revoke(client, Uint8Array.of(0x30, 0))).status, 400);
    assert.equal((await revoke(client, ca.root.der)).status, 404);
  });

  test('renewal information: a window in the last third, in the past once it is revoked (RFC 9773)', async (t) => {
    const { service, ca } = await acmeService(t);
    const client = await new TestClient(service).register();
    const { der } = await client.enrol('a.test');
    const get = async () => {
      const response = await service.handle({ method: 'GET', path: `/renewal-info/${certificateId(der)}` });
      assert.equal(headerOf(response, 'retry-after'), '21600');
      const { suggestedWindow } = bodyOf(response) as { suggestedWindow: { start: string; end: string } };
      return { start: Date.parse(suggestedWindow.start), end: Date.parse(suggestedWindow.end) };
    };
    const { start, end } = await get();
    const record = ca.list()[0];
    assert.ok(start < end && start > Date.now() && end < (record?.notAfter as number));
    await ca.revoke(record?.serial as string);
    assert.ok((await get()).end <= Date.now());
    const unknown = certificateId(ca.issuer.certificate.der);
    assert.equal((await service.handle({ method: 'GET', path: `/renewal-info/${unknown}` })).status, 404);
    assert.equal((await service.handle({ method: 'GET', path: '/renewal-info/x.y.z' })).status, 404);
  });

  test('an order replaces a certificate once', async (t) => {
    const { service, ca } = await acmeService(t);
    const client = await new TestClient(service).register();
    const { der } = await client.enrol('a.test');
    const replaces = certificateId(der);
    const order = (who: TestClient, value: string, name = 'a.test') =>
      who.post('/new-order', { identifiers: [{ type: 'dns', value: name }], replaces: value });
    const stranger = await new TestClient(service).register();
    assert.equal(problemOf(await order(stranger, replaces)), 'unauthorized');
    assert.equal(problemOf(await order(client, replaces, 'other.test')), 'malformed');
    assert.equal(problemOf(await order(client, 'AAAA.AAAA')), 'malformed');
    const both = await Promise.all([order(client, replaces), order(client, replaces)]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [201, 409]);
    const body = bodyOf(both.find(({ status }) => status === 201) as (typeof both)[0]) as Order;
    await client.prove(body);
    await client.finalize(body, (await request(['a.test'])).csr);
    assert.equal(ca.replacedBy(ca.list()[0]?.serial as string), ca.list()[1]?.serial);
    assert.equal(problemOf(await order(client, replaces)), 'alreadyReplaced');
  });
});

describe('after a restart', () => {
  test('accounts, orders and certificates are there; what was half done is finished', async (t) => {
    let hang = true;
    const options = {
      validators: {
        'http-01': () => (hang ? new Promise<void>(() => {}) : Promise.resolve()),
        'dns-01': async () => {},
      },
    };
    const first = await acmeService(t, options);
    const client = await new TestClient(first.service).register();
    const done = await client.enrol('*.a.test');
    const { url, body } = await client.order('b.test');
    const authorization = bodyOf(await client.post(body.authorizations[0] as string)) as {
      challenges: { type: string; url: string }[];
    };
    const challenge = authorization.challenges.find(({ type }) => type === 'http-01');
    assert.equal((bodyOf(await client.post(challenge?.url as string, {})) as Order).status, 'processing');
    await first.close();
    hang = false;
    const second = await acmeService(t, { ...options, folder: first.folder });
    const again = new TestClient(second.service, client.key);
    again.kid = client.kid;
    assert.equal((await again.post(done.order.certificate as string)).body, done.pem);
    let order = bodyOf(await again.post(url)) as Order;
    for (let i = 0; i < 2000 && order.status !== 'ready'; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      order = bodyOf(await again.post(url)) as Order;
    }
    assert.equal(order.status, 'ready');
    const { csr } = await request(['b.test']);
    assert.equal((bodyOf(await again.finalize(body, csr)) as Order).status, 'valid');
  });

  test('the journal is rewritten without what is over, and all that matters is still there', async (t) => {
    let time = Date.now();
    const options = { authority: { now: () => time }, compactFrom: 10 };
    const first = await acmeService(t, options);
    const client = await new TestClient(first.service).register({ contact: ['mailto:ann@corp.test'] });
    for (let i = 0; i < 10; i++) await client.order('over.test');
    time += 9 * 24 * 3_600_000;
    const kept = await client.enrol('a.test');
    const open = await client.order('b.test');
    const failing = await client.order('c.test');
    await client.post(failing.body.authorizations[0] as string, { status: 'deactivated' });
    const gone = await new TestClient(first.service).register();
    await gone.post(gone.kid as string, { status: 'deactivated' });
    const lines = () => readFileSync(join(first.folder, 'acme.jsonl'), 'utf8').trim().split('\n').length;
    const before = lines();
    const seen = async (who: TestClient) =>
      [
        await who.post(kept.order.certificate as string),
        await who.post(kept.order.finalize.replace('/finalize', '')),
        await who.post(open.url),
        await who.post(open.body.authorizations[0] as string),
        await who.post(failing.url),
        await who.post(client.kid as string),
      ].map(({ status, body }) => [status, body]);
    const then = await seen(client);
    await first.close();
    const second = await acmeService(t, { ...options, folder: first.folder });
    assert.ok(lines() < before, `${lines()} of ${before} lines`);
    const again = new TestClient(second.service, client.key);
    again.kid = client.kid;
    assert.deepEqual(await seen(again), then);
    assert.equal(problemOf(await new TestClient(second.service, gone.key).post('/new-account', {})), 'unauthorized');
    await again.prove(open.body);
    assert.equal((bodyOf(await again.post(open.url)) as Order).status, 'ready');
  });
});
