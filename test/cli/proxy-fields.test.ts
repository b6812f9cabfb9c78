/** What the app is told by fields of the proxy and by the PROXY protocol, and how the app itself is verified. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { parseProxyHeader } from '../../src/cli/proxy/proxy-protocol.ts';
import { rootFile, testIdentity } from '../helpers/pki.ts';
import { type Running, rawRequest, start, temporaryFolder } from './run.ts';

const identity = testIdentity('ecdsa-p256');
const [cert, key] = [readFileSync(identity.chainFile), readFileSync(identity.keyFile)];
const names: unknown[] = [];
const app = createServer({ cert, key }, (request, response) => {
  names.push((request.socket as unknown as { servername: unknown }).servername);
  response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers }));
});
await once(app.listen(0, 'localhost'), 'listening');
const to = `https://localhost:${(app.address() as AddressInfo).port}`;
after(() => app.close());

async function startProxy(
  ...words: string[]
): Promise<Running & { ask(text: string): Promise<string>; port: number; ca: Buffer }> {
  const home = temporaryFolder();
  const running = start(home, ['proxy', '--listen', '127.0.0.1:0', '--metrics', 'off', ...words], {
    env: { NODE_EXTRA_CA_CERTS: rootFile },
  });
  const port = Number((await running.until(/\(port (\d+)\)/))[1]);
  const ca = readFileSync(join(home, 'ca', 'root.pem'));
  return { ...running, port, ca, ask: (text) => rawRequest(port, ca, text) };
}

const get = (host: string, more = '', target = '/') =>
  `GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n${more}\r\n`;
const forged = 'x-real-ip: 6.6.6.6\r\nX-Forwarded-Prefix: /evil\r\nx_forwarded_scheme: http\r\nearly-data: 1\r\n';

describe('what the app is told', () => {
  test('an app behind HTTPS is asked for by its own name, and verified by it, whatever host the client names', async () => {
    const proxy = await startProxy('--to', to);
    assert.match(await proxy.ask(get('other.test')), /^HTTP\/1\.1 200 .*"host":"other\.test"/s);
    assert.deepEqual([...new Set(names)], ['localhost']);
    await proxy.end();
  });

  test('fields that apps take for those of a proxy are dropped, and kept from another proxy alone', async () => {
    const proxy = await startProxy('--to', to);
    assert.doesNotMatch(await proxy.ask(get('localhost', forged)), /6\.6\.6\.6|evil|scheme|early-data/);
    await proxy.end();
    const behind = await startProxy('--to', to, '--trust-forwarded');
    const heard = await behind.ask(get('localhost', forged));
    assert.match(heard, /"early-data":"1"/, 'who marked it as early data knows (RFC 8470, Section 5.1)');
    assert.match(heard, /"x-forwarded-prefix":"\/evil"/);
    await behind.end();
  });

  test('a folder of an app is not left; a host may end with a dot; OPTIONS * is for the whole app', async () => {
    const proxy = await startProxy('--to', `a.test=${to}/shop/`);
    for (const path of ['/../admin', '/x/%2e%2E/../admin', '/..', '/..\\admin', '/..%2fadmin', '/a?b', '/a/..b/?/../c'])
      assert.match(
        await proxy.ask(get('A.test.:8443', '', path)),
        path === '/a?b' || path.endsWith('/../c')
          ? new RegExp(`"url":"/shop${path.replace('?', '\\?')}"`)
          : /^HTTP\/1\.1 400 /,
        path,
      );
    assert.match(await proxy.ask(get('a.test').replace('GET /', 'OPTIONS *')), /"url":"\*"/);
    assert.match(await proxy.ask(get('b.test')), /^HTTP\/1\.1 421 /);
    await proxy.end();
  });

  test('a client over HTTP/2 can not open connections to apps without end', async () => {
    const proxy = await startProxy('--to', to);
    const session = connectHttp2(`https://127.0.0.1:${proxy.port}`, { ca: proxy.ca, servername: 'localhost' });
    const [settings] = (await once(session, 'remoteSettings')) as [{ maxConcurrentStreams?: number }];
    session.destroy();
    assert.equal(settings.maxConcurrentStreams, 128);
    await proxy.end();
  });
});

test('the PROXY protocol names addresses of its family, and nothing else', () => {
  const read = (text: string) => parseProxyHeader(Buffer.from(`PROXY ${text}\r\n`));
  for (const [text, address] of [
    ['TCP4 192.0.2.7 127.0.0.1 1 65535', '192.0.2.7'],
    ['TCP6 2001:db8::1 ::1 1 2', '2001:db8::1'],
    ['UNKNOWN', undefined],
    ['UNKNOWN ff ff 1 2 and more', undefined],
  ] as const)
    assert.deepEqual(read(text), { length: text.length + 8, address }, text);
  for (const text of [
    ...['TCP4 ::1 ::1 1 2', 'TCP6 1.1.1.1 1.1.1.1 1 2', 'TCP4 999.1.1.1 1.1.1.1 1 2', 'TCP4 ...... 1.1.1.1 1 2'],
    ...['TCP4 010.1.1.1 1.1.1.1 1 2', 'TCP4 1.1.1.1 x 1 2', 'TCP4 1.1.1.1 1.1.1.1 65536 2', 'TCP4 1.1.1.1 1.1.1.1 1'],
    ...['TCP4 1.1.1.1 1.1.1.1 1 2 3', 'TCP4  1.1.1.1 1.1.1.1 1 2', 'UDP4 1.1.1.1 1.1.1.1 1 2', ''],
  ])
    assert.equal(read(text), 'wrong', text);
});
