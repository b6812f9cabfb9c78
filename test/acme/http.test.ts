import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { acmeListener, publishListener } from '../../src/acme/http.ts';
import { parseCertificateList } from '../../src/pki/crl.ts';
import { acmeService } from './helpers/service.ts';

test('the listeners serve what is theirs, pass on what is not, and take no more than they said', async (t) => {
  const { service, ca } = await acmeService(t);
  const acme = acmeListener(service, (request, response) => {
    response.writeHead(418);
    response.end(request.url);
  });
  const publish = publishListener(service, '/ca');
  const server = createServer((request, response) =>
    request.url?.startsWith('/ca/') ? publish(request, response) : acme(request, response),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const directory = await fetch(`${base}/acme/directory`);
  assert.equal(directory.status, 200);
  assert.equal(directory.headers.get('content-type'), 'application/json');
  assert.match(directory.headers.get('link') ?? '', /rel="index"/);
  const nonce = await fetch(`${base}/acme/new-nonce`, { method: 'HEAD' });
  assert.equal(nonce.status, 200);
  assert.match(nonce.headers.get('replay-nonce') ?? '', /^[\w-]{22}$/);
  assert.equal((await fetch(`${base}/acmex`)).status, 418);
  const refused = await fetch(`${base}/acme/new-account`, {
    method: 'POST',
    headers: { 'content-type': 'application/jose+json' },
    body: '{}',
  });
  assert.equal(refused.status, 400);
  assert.equal(refused.headers.get('content-type'), 'application/problem+json');
  const large = await fetch(`${base}/acme/new-account`, { method: 'POST', body: 'x'.repeat(300_000) });
  assert.equal(large.status, 413);
  const crl = await fetch(`${base}/ca/issuing-1.crl`);
  assert.equal(crl.headers.get('content-type'), 'application/pkix-crl');
  assert.equal(parseCertificateList(new Uint8Array(await crl.arrayBuffer())).entries, 0);
  assert.equal((await fetch(`${base}/ca/issuing-1.key`)).status, 404);
  assert.equal((await fetch(`${base}/ca/authority.json`)).status, 404);
  assert.deepEqual(
    new Uint8Array(await (await fetch(`${base}/ca/root.crt`)).arrayBuffer()),
    new Uint8Array(ca.root.der),
  );
});
