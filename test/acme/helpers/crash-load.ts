/** Orders and revokes without end and says on standard output what was answered; it is there to be killed. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openAcmeService } from '../../../src/acme/service.ts';
import { openAuthority } from '../../../src/ca/index.ts';
import { base64url, bodyOf, type ClientKey, type Order, request, TestClient } from './client.ts';

const folder = process.argv[2] as string;
const jwk = JSON.parse(readFileSync(join(folder, 'account.json'), 'utf8'));
const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
const { crv, kty, x, y } = jwk;
const key: ClientKey = { alg: 'ES256', privateKey, jwk: { crv, kty, x, y } };

const ca = await openAuthority({ folder });
const met = async () => {};
const service = await openAcmeService({
  ca,
  folder,
  baseUrl: 'https://ca.test/acme',
  validators: { 'http-01': met, 'dns-01': met, 'tls-alpn-01': met },
});
writeSync(1, 'ready\n');

const worker = async (n: number): Promise<void> => {
  const client = new TestClient(service, key);
  const found = await client.post('/new-account', {});
  client.kid = found.headers['location'] as string;
  const { csr } = await request([`w${n}.test`]);
  for (let i = 0; ; i++) {
    const { url, body } = await client.order(`w${n}.test`);
    writeSync(1, `ordered ${url}\n`);
    await client.prove(body);
    writeSync(1, `ready ${url}\n`);
    const order = bodyOf(await client.finalize(body, csr)) as Order;
    writeSync(1, `issued ${order.certificate}\n`);
    if (i % 2 === 0) continue;
    const { body: pem } = await client.post(order.certificate as string);
    const der = Buffer.from((pem.split('-----')[2] as string).replace(/\s/g, ''), 'base64');
    const answer = await client.post('/revoke-cert', { certificate: base64url(der), reason: 1 });
    if (answer.status === 200) writeSync(1, `revoked ${order.certificate}\n`);
  }
};
await Promise.all(Array.from({ length: 6 }, (_, n) => worker(n)));
