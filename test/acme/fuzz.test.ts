import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { AcmeResponse } from '../../src/acme/request.ts';
import { TlsError } from '../../src/errors.ts';
import { base64url, jws, type Order, request, TestClient } from './helpers/client.ts';
import { acmeService } from './helpers/service.ts';

const numRuns = Number(process.env['HANDFAST_FUZZ_ROUNDS'] ?? 150);

/** An answer is right whatever was asked, as long as the server did not fail. */
function wellFormed(response: AcmeResponse): void {
  assert.ok(response.status >= 200 && response.status < 500, `${response.status} ${response.body}`);
  if (response.status < 400) return;
  assert.equal(response.headers['content-type'], 'application/problem+json');
  assert.match((JSON.parse(response.body) as { type: string }).type, /^urn:ietf:params:acme:error:[A-Za-z]+$/);
}

describe('whatever a client sends, the server answers', () => {
  test('any bytes, any JSON, anywhere', async (t) => {
    const { service } = await acmeService(t);
    const part = fc.oneof(
      fc.base64String(),
      fc.string(),
      fc.jsonValue().map((value) => base64url(JSON.stringify(value))),
    );
    const body = fc.oneof(
      fc.uint8Array(),
      fc.record({ protected: part, payload: part, signature: part }).map((value) => Buffer.from(JSON.stringify(value))),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
    );
    const path = fc.oneof(
      fc.constantFrom('/new-account', '/new-order', '/order/x/finalize', '/renewal-info/a.b', '/revoke-cert', '/'),
      fc.webPath(),
      fc.string().map((text) => `/${text}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('POST', 'GET', 'HEAD', 'PUT'), path, body, async (method, where, bytes) => {
        wellFormed(await service.handle({ method, path: where, contentType: 'application/jose+json', body: bytes }));
      }),
      { numRuns },
    );
  });

  test('any header and any payload, well signed', async (t) => {
    const { service } = await acmeService(t);
    const client = await new TestClient(service).register();
    const { body: order } = await client.order('a.test');
    const targets = [
      '/new-order',
      '/key-change',
      '/revoke-cert',
      '/new-account',
      (client.kid as string).slice(service.baseUrl.length),
      ...[order.finalize, ...order.authorizations].map((url) => url.slice(service.baseUrl.length)),
    ];
    const fields = [
      'identifiers',
      'contact',
      'status',
      'csr',
      'certificate',
      'reason',
      'replaces',
      'profile',
      'protected',
      'payload',
      'signature',
      'externalAccountBinding',
    ];
    const value = fc.oneof(
      fc.jsonValue(),
      fc.array(
        fc.record({
          type: fc.constantFrom('dns', 'ip', 'x'),
          value: fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6(), fc.string()),
        }),
      ),
    );
    const payload = fc.oneof(
      fc.dictionary(fc.constantFrom(...fields), value),
      fc.jsonValue().map((it) => ({ it })),
    );
    const header = fc.dictionary(fc.constantFrom('alg', 'kid', 'jwk', 'crit', 'url', 'b64'), fc.jsonValue(), {
      maxKeys: 2,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...targets),
        payload,
        fc.oneof(fc.constant({}), header),
        async (path, what, changed) => {
          const url = service.baseUrl + path;
          const own = path === '/new-account' ? { jwk: client.key.jwk } : { kid: client.kid };
          const full = { alg: 'ES256', nonce: await client.nonce(), url, ...own, ...changed };
          wellFormed(await client.send(path, jws(client.key, full, what as object)));
        },
      ),
      { numRuns },
    );
  });

  test('changed requests for certificates', async (t) => {
    const { service } = await acmeService(t);
    const client = await new TestClient(service).register();
    const { body } = await client.order('a.test');
    await client.prove(body);
    const { csr } = await request(['a.test']);
    await fc.assert(
      fc.asyncProperty(fc.nat(csr.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = csr.slice();
        changed[at] = (changed[at] as number) ^ change;
        const response = await client.finalize(body, changed);
        wellFormed(response);
        assert.notEqual(response.status, 200, `byte ${at} changed by ${change} was accepted`);
      }),
      { numRuns },
    );
    assert.equal((JSON.parse((await client.finalize(body, csr)).body) as Order).status, 'valid');
  });
});

test('whatever names are asked for, the authority issues a certificate that verifies, or says why not', async (t) => {
  const { ca } = await acmeService(t, { authority: { permitted: 'any' } });
  const name = fc.oneof(
    fc.domain(),
    fc.ipV4(),
    fc.ipV6(),
    fc.emailAddress(),
    fc.webUrl(),
    fc.string(),
    fc.domain().map((host) => `*.${host}`),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(name, { maxLength: 4 }), fc.constantFrom('server', 'client'), async (names, profile) => {
      try {
        await ca.issue({ names, profile, publicKey: ca.issuer.signer.publicKey });
      } catch (error) {
        assert.ok(error instanceof TlsError, String(error));
        assert.match(error.code, /^ERR_TLS_CA_(?:NAME|LINT)$/, error.message);
      }
    }),
    { numRuns },
  );
});
