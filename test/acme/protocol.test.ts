import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { AcmeProblem } from '../../src/acme/problem.ts';
import type { Signer } from '../../src/ca/index.ts';
import { generateKey } from '../../src/ca/storage/keys.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import {
  base64url,
  bodyOf,
  clientKey,
  headerOf,
  jws,
  macJws,
  type Order,
  problemOf,
  request,
  TestClient,
  thumbprint,
} from './helpers/client.ts';
import { acmeService } from './helpers/service.ts';

describe('requests', () => {
  test('are answered with a fresh nonce and a link to the directory; the directory names everything', async (t) => {
    const { service } = await acmeService(t, { termsOfService: 'https://ca.test/terms' });
    const directory = bodyOf(await service.handle({ method: 'GET', path: '/directory' })) as Record<string, unknown>;
    for (const name of ['newNonce', 'newAccount', 'newOrder', 'revokeCert', 'keyChange', 'renewalInfo']) {
      assert.match(String(directory[name]), /^https:\/\/ca\.test\/acme\//, name);
    }
    assert.deepEqual((directory['meta'] as Record<string, unknown>)['termsOfService'], 'https://ca.test/terms');
    assert.equal((await service.handle({ method: 'HEAD', path: '/new-nonce' })).status, 200);
    const nonce = await service.handle({ method: 'GET', path: '/new-nonce' });
    assert.equal(nonce.status, 204);
    assert.equal(nonce.headers['cache-control'], 'no-store');
    assert.deepEqual(nonce.headers['link'], ['<https://ca.test/acme/directory>;rel="index"']);
  });

  for (const alg of ['ES256', 'ES384', 'ES512', 'RS256', 'EdDSA']) {
    test(`signed with ${alg} are taken`, async (t) => {
      const { service } = await acmeService(t);
      const client = await new TestClient(service, clientKey(alg)).register();
      assert.equal((await client.post(client.kid as string)).status, 200);
    });
  }

  test('a nonce is good once', async (t) => {
    const { service } = await acmeService(t);
    const client = await new TestClient(service).register();
    const nonce = await client.nonce();
    assert.equal((await client.post(client.kid as string, '', { nonce })).status, 200);
    assert.equal(problemOf(await client.post(client.kid as string, '', { nonce })), 'badNonce');
    assert.equal(problemOf(await client.post(client.kid as string, '', { nonce: 'bm9uZQ' })), 'badNonce');
    assert.equal((await client.post(client.kid as string)).status, 200, 'the nonce of the refusal is good');
  });

  test('what is wrong with a JWS is refused', async (t) => {
    const { service } = await acmeService(t);
    const client = await new TestClient(service).register();
    const account = client.kid as string;
    const path = account.slice(service.baseUrl.length);
    const header = async () => ({ alg: 'ES256', nonce: await client.nonce(), url: account, kid: account });
    const good = jws(client.key, await header(), '');
    const refused = async (body: object, type = 'malformed', contentType?: string) =>
      assert.equal(problemOf(await client.send(path, body, contentType)), type, JSON.stringify(body));
    await refused(good, 'malformed', 'application/json');
    await refused([]);
    await refused({ ...good, protected: undefined });
    await refused({ ...good, header: {} });
    await refused({ ...good, signatures: [] });
    await refused({ ...good, signature: `${good['signature']}=` });
    const other = clientKey();
    await refused(jws(other, await header(), ''));
    await refused(jws(client.key, { ...(await header()), url: `${account}x` }, ''), 'unauthorized');
    await refused(jws(client.key, { ...(await header()), alg: 'none' }, ''), 'badSignatureAlgorithm');
    await refused(jws(client.key, { ...(await header()), alg: 'HS256' }, ''), 'badSignatureAlgorithm');
    await refused(jws(client.key, { ...(await header()), alg: 'RS256' }, ''));
    await refused(jws(client.key, { ...(await header()), jwk: client.key.jwk }, ''));
    await refused(jws(client.key, { ...(await header()), kid: undefined }, ''));
    await refused(jws(client.key, { ...(await header()), kid: `${account}x` }, ''), 'accountDoesNotExist');
    await refused(jws(client.key, { ...(await header()), crit: ['b64'], b64: false }, ''));
    await refused(jws(client.key, { ...(await header()), nonce: undefined }, ''), 'badNonce');
    await refused({ ...jws(client.key, await header(), ''), payload: base64url('{}') });
    const problem = bodyOf(await client.send(path, jws(client.key, { ...(await header()), alg: 'none' }, '')));
    assert.ok((problem as { algorithms: string[] }).algorithms.includes('ES256'));
    assert.equal((await service.handle({ method: 'GET', path })).status, 405);
    assert.equal((await client.post('/nothing', {})).status, 404);
  });

  test('weak or foreign keys make no account', async (t) => {
    const { service } = await acmeService(t);
    const key = clientKey();
    for (const jwk of [
      { ...key.jwk, x: base64url(Buffer.alloc(32, 1)) },
      { ...key.jwk, crv: 'secp256k1' },
      { ...key.jwk, crv: 'P-384' },
      { kty: 'oct', k: 'AAAA' },
      { kty: 'RSA', e: 'AQAB', n: base64url(Buffer.alloc(128, 0xff)) },
    ]) {
      const client = new TestClient(service, key);
      assert.equal(problemOf(await client.post('/new-account', {}, { jwk })), 'badPublicKey', JSON.stringify(jwk));
    }
  });
});

describe('accounts', () => {
  test('are made once for a key, found again, changed and deactivated', async (t) => {
    const { service } = await acmeService(t);
    const client = new TestClient(service);
    assert.equal(problemOf(await client.post('/new-account', { onlyReturnExisting: true })), 'accountDoesNotExist');
    await client.register({ contact: ['mailto:ann@corp.test'] });
    const account = client.kid as string;
    const again = new TestClient(service, client.key);
    const found = await again.post('/new-account', {});
    assert.equal(found.status, 200);
    assert.equal(headerOf(found, 'location'), account);
    const changed = await client.post(account, { contact: ['mailto:bob@corp.test'] });
    assert.deepEqual((bodyOf(changed) as { contact: string[] }).contact, ['mailto:bob@corp.test']);
    assert.equal(problemOf(await client.post(account, { contact: ['tel:+1'] })), 'unsupportedContact');
    assert.equal(problemOf(await client.post(account, { contact: ['mailto:a@b.test,c@d.test'] })), 'invalidContact');
    const { body } = await client.order('a.test');
    assert.equal((bodyOf(await client.post(account, { status: 'deactivated' })) as Order).status, 'deactivated');
    assert.equal(problemOf(await client.post(body.authorizations[0] as string)), 'unauthorized');
    assert.equal(problemOf(await again.post('/new-account', {})), 'unauthorized');
  });

  test('two at once with one key are one account', async (t) => {
    const { service } = await acmeService(t);
    const key = clientKey();
    const clients = Array.from({ length: 8 }, () => new TestClient(service, key));
    const responses = await Promise.all(clients.map((client) => client.post('/new-account', {})));
    assert.equal(new Set(responses.map((response) => headerOf(response, 'location'))).size, 1);
    assert.equal(responses.filter(({ status }) => status === 201).length, 1);
  });

  test('terms of service are agreed to', async (t) => {
    const { service } = await acmeService(t, { termsOfService: 'https://ca.test/terms' });
    const client = new TestClient(service);
    assert.equal(problemOf(await client.post('/new-account', {})), 'userActionRequired');
    await client.register({ termsOfServiceAgreed: true });
  });

  test('external account binding: required, checked, and good for one account', async (t) => {
    const macKey = Buffer.alloc(32, 7);
    const { service } = await acmeService(t, {
      externalAccounts: { required: true, key: (kid) => (kid === 'ann' ? macKey : undefined) },
    });
    const bind = (
      client: TestClient,
      kid = 'ann',
      key: Uint8Array = macKey,
      header: object = {},
      jwk = client.key.jwk,
    ) =>
      client.post('/new-account', {
        externalAccountBinding: macJws(key, { alg: 'HS256', kid, url: client.url('/new-account'), ...header }, jwk),
      });
    const client = new TestClient(service);
    assert.equal(problemOf(await client.post('/new-account', {})), 'externalAccountRequired');
    assert.equal(problemOf(await bind(client, 'bob')), 'unauthorized');
    assert.equal(problemOf(await bind(client, 'ann', Buffer.alloc(32, 8))), 'unauthorized');
    assert.equal(problemOf(await bind(client, 'ann', macKey, { url: client.url('/elsewhere') })), 'malformed');
    assert.equal(problemOf(await bind(client, 'ann', macKey, { alg: 'none' })), 'malformed');
    assert.equal(problemOf(await bind(client, 'ann', macKey, {}, clientKey().jwk)), 'malformed');
    assert.equal((await bind(client)).status, 201);
    assert.equal(problemOf(await bind(new TestClient(service))), 'unauthorized');
  });

  test('change their key; the old one is no good afterwards', async (t) => {
    const { service } = await acmeService(t);
    const client = await new TestClient(service).register();
    const other = await new TestClient(service).register();
    const url = client.url('/key-change');
    const change = (fresh = clientKey(), header: object = {}, payload: object = {}) =>
      client.post(
        '/key-change',
        jws(
          fresh,
          { alg: fresh.alg, jwk: fresh.jwk, url, ...header },
          { account: client.kid, oldKey: client.key.jwk, ...payload },
        ),
      );
    assert.equal((await change(other.key)).status, 409);
    assert.equal(problemOf(await change(clientKey(), { url: `${url}x` })), 'malformed');
    assert.equal(problemOf(await change(clientKey(), { jwk: other.key.jwk })), 'malformed');
    assert.equal(problemOf(await change(clientKey(), {}, { account: other.kid })), 'malformed');
    assert.equal(problemOf(await change(clientKey(), {}, { oldKey: other.key.jwk })), 'malformed');
    const fresh = clientKey('ES384');
    assert.equal((await change(fresh)).status, 200);
    assert.equal(problemOf(await client.post(client.kid as string)), 'malformed', 'the old key');
    client.key = fresh;
    assert.equal((await client.post(client.kid as string)).status, 200);
    // Two at once, signed with the same old key: the second comes too late.
    const changes = await Promise.all([change(clientKey()), change(clientKey())]);
    assert.deepEqual(changes.map(({ status }) => status).sort(), [200, 400]);
  });

  test('an RSA key is one key, however its numbers are written', async (t) => {
    const { service } = await acmeService(t);
    const key = clientKey('RS256');
    const first = await new TestClient(service, key).register();
    const { n = '' } = key.jwk;
    const writings: readonly Record<string, string>[] = [
      { n: base64url(Buffer.concat([Buffer.alloc(2), Buffer.from(n, 'base64url')])) },
      { e: 'AAEAAQ' },
    ];
    for (const more of writings) {
      const response = await new TestClient(service, { ...key, jwk: { ...key.jwk, ...more } }).post('/new-account', {});
      assert.equal(response.status, 200);
      assert.equal(response.headers['location'], first.kid);
    }
    for (const e of ['AQ', 'Ag']) {
      const weak = new TestClient(service, { ...key, jwk: { ...key.jwk, e } });
      assert.equal(problemOf(await weak.post('/new-account', {})), 'badPublicKey', e);
    }
  });

  test('see nothing of each other', async (t) => {
    const { service } = await acmeService(t);
    const client = await new TestClient(service).register();
    const stranger = await new TestClient(service).register();
    const { order } = await client.enrol('a.test');
    const challenge = (
      bodyOf(await client.post(order.authorizations[0] as string)) as { challenges: { url: string }[] }
    ).challenges[0];
    const urls = [
      order.authorizations[0],
      order.finalize,
      order.finalize.replace('/finalize', ''),
      client.kid,
      challenge?.url,
    ];
    for (const url of urls) assert.equal((await stranger.post(url as string, '')).status, 404, url);
    assert.equal(problemOf(await stranger.post(order.certificate as string)), 'unauthorized');
    const list = bodyOf(await client.post(`${client.kid}/orders`)) as { orders: string[] };
    assert.equal(list.orders.length, 1);
    assert.equal((await stranger.post(`${client.kid}/orders`)).status, 404);
  });
});

describe('orders', () => {
  test('lead to a certificate for names, addresses and wildcards', async (t) => {
    const { service } = await acmeService(t);
    const client = await new TestClient(service).register();
    for (const names of [['a.test', 'b.test', '10.0.0.7', 'fd00::7'], ['*.a.test']]) {
      const { pem, order } = await client.enrol(...names);
      const certificate = new X509Certificate(pem);
      assert.equal(certificate.subjectAltName?.split(', ').length, names.length);
      assert.equal(pem.match(/BEGIN CERTIFICATE/g)?.length, 2);
      assert.equal(order.identifiers.length, names.length);
    }
  });

  test('ask the validator with the key authorization', async (t) => {
    const asked: unknown[] = [];
    const { service } = await acmeService(t, {
      validators: {
        'http-01': async (input) => void asked.push(input),
        'dns-01': async (input) => void asked.push(input),
      },
    });
    const client = await new TestClient(service).register();
    await client.enrol('a.test');
    await client.enrol('*.b.test');
    assert.equal(asked.length, 2);
    for (const [i, value] of ['a.test', 'b.test'].entries()) {
      const { identifier, token, keyAuthorization } = asked[i] as {
        identifier: object;
        token: string;
        keyAuthorization: string;
      };
      assert.deepEqual(identifier, { type: 'dns', value });
      assert.equal(keyAuthorization, `${token}.${thumbprint(client.key)}`);
      assert.equal(Buffer.from(token, 'base64url').length, 16);
    }
  });

  test('offer the challenges that fit', async (t) => {
    const { service } = await acmeService(t);
    const client = await new TestClient(service).register();
    const { body } = await client.order('a.test', '*.a.test', '10.0.0.1');
    const offered = await Promise.all(
      body.authorizations.map(async (url) => {
        const { challenges } = bodyOf(await client.post(url)) as { challenges: { type: string; token: string }[] };
        assert.equal(new Set(challenges.map(({ token }) => token)).size, challenges.length);
        return challenges.map(({ type }) => type).sort();
      }),
    );
    assert.deepEqual(offered, [['dns-01', 'http-01', 'tls-alpn-01'], ['dns-01'], ['http-01', 'tls-alpn-01']]);
  });

  test('sites of one account that do not answer keep no other account waiting', async (t) => {
    let answer = () => {};
    const silent = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let atOnce = 0;
    const { service } = await acmeService(t, {
      limits: { validations: 4 },
      validators: {
        'http-01': async ({ identifier }) => {
          if (identifier.value !== 'silent.test') return;
          atOnce++;
          await silent;
        },
      },
    });
    const greedy = await new TestClient(service).register();
    const orders = await Promise.all(Array.from({ length: 10 }, () => greedy.order('silent.test')));
    const proofs = orders.map(({ body }) => greedy.prove(body));
    const other = await new TestClient(service).register();
    assert.deepEqual(await other.prove((await other.order('a.test')).body), ['valid']);
    assert.equal(atOnce, 2);
    answer();
    assert.deepEqual((await Promise.all(proofs)).flat(), Array(10).fill('valid'));
  });

  test('a challenge that fails makes the order invalid and says why; attempts are repeated', async (t) => {
    let attempts = 0;
    const { service } = await acmeService(t, {
      retryDelays: [1, 1],
      validators: {
        'http-01': async () => {
          attempts++;
          throw new AcmeProblem('incorrectResponse', 'it says something else');
        },
        'tls-alpn-01': async () => {
          if (++attempts < 5) throw new Error('refused');
        },
      },
    });
    const client = await new TestClient(service).register();
    const { url, body } = await client.order('a.test');
    assert.deepEqual(await client.prove(body), ['invalid']);
    assert.equal(attempts, 3);
    const order = bodyOf(await client.post(url)) as Order;
    assert.equal(order.status, 'invalid');
    assert.match(order.error?.type ?? '', /incorrectResponse/);
    assert.equal(problemOf(await client.finalize(body, (await request(['a.test'])).csr)), 'orderNotReady');
    const second = await client.order('a.test');
    assert.deepEqual(await client.prove(second.body, 'tls-alpn-01'), ['valid']);
    assert.equal(attempts, 5);
  });

  test('names that the authority may not certify are refused at once, each with its reason', async (t) => {
    const { service } = await acmeService(t);
    const client = await new TestClient(service).register();
    const order = (...values: string[]) =>
      client.post('/new-order', {
        identifiers: values.map((value) => ({ type: /^[\d.]+$/.test(value) ? 'ip' : 'dns', value })),
      });
    const refused = await order('a.test', 'example.com', '8.8.8.8');
    assert.equal(problemOf(refused), 'rejectedIdentifier');
    const { subproblems } = bodyOf(refused) as { subproblems: { identifier: { value: string } }[] };
    assert.deepEqual(
      subproblems.map(({ identifier }) => identifier.value),
      ['example.com', '8.8.8.8'],
    );
    for (const value of ['', 'a..test', '*.*.test', 'a.*.test', '*', '10.0.0', 'a b']) {
      assert.equal(problemOf(await order(value)), 'rejectedIdentifier', value);
    }
    assert.equal(problemOf(await client.post('/new-order', { identifiers: [] })), 'malformed');
    assert.equal(
      problemOf(await client.post('/new-order', { identifiers: [{ type: 'email', value: 'a@b' }] })),
      'unsupportedIdentifier',
    );
    const many = Array.from({ length: 101 }, (_, i) => ({ type: 'dns', value: `h${i}.test` }));
    assert.equal(problemOf(await client.post('/new-order', { identifiers: many })), 'malformed');
    assert.equal(
      problemOf(await client.post('/new-order', { identifiers: [{ type: 'dns', value: 'a.test' }], notAfter: 'x' })),
      'malformed',
    );
  });

  test('the request must be for exactly the names of the order, and for a key of its own', async (t) => {
    const { service } = await acmeService(t);
    const client = await new TestClient(service).register();
    const { body } = await client.order('a.test', 'b.test');
    assert.equal(problemOf(await client.finalize(body, (await request(['a.test', 'b.test'])).csr)), 'orderNotReady');
    await client.prove(body);
    for (const names of [['a.test'], ['a.test', 'b.test', 'c.test'], ['a.test', 'c.test']]) {
      assert.equal(problemOf(await client.finalize(body, (await request(names)).csr)), 'badCSR', names.join());
    }
    const { csr } = await request(['a.test', 'b.test'], client.key);
    assert.equal(problemOf(await client.finalize(body, csr)), 'badCSR', 'the account key');
    const forged = (await request(['a.test', 'b.test'])).csr.slice();
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
    assert.equal(problemOf(await client.finalize(body, forged)), 'badCSR');
    assert.equal(problemOf(await client.finalize(body, Uint8Array.of(1))), 'badCSR');
    const good = await request(['b.test', 'a.test']);
    const both = await Promise.all([client.finalize(body, good.csr), client.finalize(body, good.csr)]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 403], 'an order is finalized once');
  });

  test('expire, and open ones are limited', async (t) => {
    let time = Date.now();
    const { service } = await acmeService(t, { authority: { now: () => time }, limits: { openOrders: 2 } });
    const client = await new TestClient(service).register();
    const { url } = await client.order('a.test');
    await client.order('a.test');
    const refused = await client.post('/new-order', { identifiers: [{ type: 'dns', value: 'a.test' }] });
    assert.equal(problemOf(refused), 'rateLimited');
    assert.equal(headerOf(refused, 'retry-after'), '3600');
    time += 8 * 24 * 3_600_000;
    assert.equal((bodyOf(await client.post(url)) as Order).status, 'invalid');
    const order = { identifiers: [{ type: 'dns', value: 'a.test' }] };
    const atOnce = await Promise.all(Array.from({ length: 10 }, () => client.post('/new-order', order)));
    assert.equal(atOnce.filter(({ status }) => status === 201).length, 2, 'also of many at once');
  });

  test('an authorization can be given up', async (t) => {
    const { service } = await acmeService(t);
    const client = await new TestClient(service).register();
    const { url, body } = await client.order('a.test');
    const [authorization] = body.authorizations as [string];
    assert.equal((bodyOf(await client.post(authorization, { status: 'deactivated' })) as Order).status, 'deactivated');
    assert.equal((bodyOf(await client.post(url)) as Order).status, 'invalid');
  });

  test('wait for a signer that is away for a moment, and end where it stays away', async (t) => {
    const crypto = createNodeCrypto();
    const key = crypto.importPrivateKey(generateKey('p256').pkcs8);
    let away = 0;
    const issuingSigner: Signer = {
      type: key.type,
      publicKey: key.publicKey,
      sign: async (algorithm, data) => {
        if (away-- > 0) throw new Error('the HSM does not answer');
        return key.sign(algorithm, data);
      },
    };
    const { service, ca } = await acmeService(t, { retryDelays: [20, 20], authority: { issuingSigner } });
    const client = await new TestClient(service).register();
    const finalize = async (times: number) => {
      const { url, body } = await client.order('a.test');
      await client.prove(body);
      away = times;
      let response = await client.finalize(body, (await request(['a.test'])).csr);
      assert.equal((bodyOf(response) as Order).status, 'processing');
      assert.equal(headerOf(response, 'retry-after'), '1');
      for (let i = 0; i < 2000 && (bodyOf(response) as Order).status === 'processing'; i++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        response = await client.post(url);
      }
      return (bodyOf(response) as Order).status;
    };
    assert.equal(await finalize(2), 'valid');
    assert.equal(await finalize(9), 'invalid');
    assert.deepEqual(
      ca.list().map(({ status }) => status),
      ['failed', 'failed', 'issued', 'failed', 'failed', 'failed'],
    );
    away = 0;
  });

  test('name a profile', async (t) => {
    const { service, ca } = await acmeService(t);
    const client = await new TestClient(service).register();
    const identifiers = [{ type: 'dns', value: 'a.test' }];
    assert.equal(problemOf(await client.post('/new-order', { identifiers, profile: 'client' })), 'invalidProfile');
    const body = bodyOf(await client.post('/new-order', { identifiers, profile: 'short-lived' })) as Order;
    await client.prove(body);
    await client.finalize(body, (await request(['a.test'])).csr);
    assert.equal(ca.list().at(-1)?.profile, 'short-lived');
  });
});
