import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../helpers/listening.ts';
import { handfast, start, temporaryFolder } from './run.ts';

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly status: number;
}

test('handfast ca acme limits accounts over HTTP/2 too, where a request has no socket', async () => {
  const home = temporaryFolder();
  await handfast(home, ['ca', 'init']);
  const port = await freePort();
  const running = start(home, ['ca', 'acme', '--port', String(port)]);
  await running.until(/ACME directory/);
  const session = connect(`https://localhost:${port}`, { ca: readFileSync(join(home, 'ca', 'root.pem')) });
  const ask = (method: string, path: string, body?: string) =>
    new Promise<Answer>((resolve, reject) => {
      const stream = session.request({ ':method': method, ':path': path, 'content-type': 'application/jose+json' });
      stream.on('response', (headers) => resolve({ headers, status: Number(headers[':status']) }));
      stream.on('error', reject);
      stream.resume();
      stream.end(body);
    });
  const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const url = `https://localhost:${port}/acme/new-account`;
  let { headers } = await ask('HEAD', '/acme/new-nonce');
  const register = async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const nonce = headers['replay-nonce'];
    const head = base64({ alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }), nonce, url });
    const payload = base64({});
    const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
    const signature = sign('sha256', Buffer.from(`${head}.${payload}`), key).toString('base64url');
    const answer = await ask('POST', '/acme/new-account', JSON.stringify({ protected: head, payload, signature }));
    headers = answer.headers;
    return answer.status;
  };
  const statuses: number[] = [];
  for (let i = 0; i < 101; i++) statuses.push(await register());
  session.close();
  assert.deepEqual([statuses.filter((status) => status === 201).length, statuses.at(-1)], [100, 429]);
  assert.ok(Number(headers['retry-after']) > 0);
  assert.equal(await running.end(), 0);
});
