import assert from 'node:assert/strict';
import { once } from 'node:events';
import http, { type IncomingMessage, type RequestOptions } from 'node:http';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import test, { type TestContext } from 'node:test';
import { needsProxy, readProxy } from '../../src/node/http/https-proxy.ts';
import https from '../../src/node/https.ts';
import type { TLSSocket } from '../../src/node/socket/tls-socket.ts';
import tls from '../../src/node/tls.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

const identity = testIdentity('ecdsa-p256');
const credentials = { key: identity.keyPem, cert: identity.chainPem };
const limit = { timeout: 30_000 };

async function listening(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Duplex>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A proxy that connects to wherever it is asked, or answers with `answer` instead. */
async function startProxy(t: TestContext, secure = false, answer?: string): Promise<{ port: number; asked: object[] }> {
  const asked: object[] = [];
  const proxy = secure ? https.createServer(credentials) : http.createServer();
  proxy.on('connect', ({ url, headers }: IncomingMessage, client: Duplex) => {
    asked.push({ url, ...headers });
    client.on('error', () => {});
    if (answer !== undefined) {
      client.end(answer);
      return;
    }
    const server = net.connect(Number((url as string).split(':').at(-1)), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(server).pipe(client);
    });
    server.on('error', () => client.destroy());
    client.on('close', () => server.destroy());
  });
  return { port: await listening(t, proxy), asked };
}

const site = (t: TestContext) =>
  listening(
    t,
    https.createServer(credentials, (_request, response) => response.end('x')),
  );

type Agent = InstanceType<typeof https.Agent>;

async function get(
  agent: Agent,
  port: number,
  more: RequestOptions = {},
): Promise<{ text: string; socket: TLSSocket; reused: boolean }> {
  const request = https.get({ host: 'localhost', port, ca: rootPem, agent, ...more } as https.RequestOptions);
  let reused = false;
  request.once('response', ({ socket }) => {
    reused = (socket as TLSSocket).isSessionReused();
  });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const socket = response.socket as unknown as TLSSocket;
  let text = '';
  for await (const chunk of response) text += chunk;
  return { text, socket, reused };
}

/** The option is not in the types of Node 20. */
function agentWith(proxyEnv: Record<string, string>, more: object = {}): Agent {
  return new https.Agent({ ...more, proxyEnv } as ConstructorParameters<typeof https.Agent>[0]);
}

for (const secure of [false, true]) {
  test(`requests go through ${secure ? 'an HTTPS' : 'a'} proxy, in a tunnel, and resume`, limit, async (t) => {
    tls.setDefaultCACertificates([rootPem]); // No option says by whom the proxy itself is trusted.
    const port = await site(t);
    const proxy = await startProxy(t, secure);
    const agent = agentWith({ https_proxy: `http${secure ? 's' : ''}://me:p%40ss@localhost:${proxy.port}` });
    const first = await get(agent, port);
    assert.equal(first.text, 'x');
    assert.equal(first.socket.authorized, true);
    const second = await get(agent, port);
    assert.equal(second.reused, true);
    const authorization = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
    const headers = { host: `localhost:${port}`, 'proxy-authorization': authorization };
    assert.deepEqual(
      proxy.asked,
      Array.from({ length: 2 }, () => ({ url: headers.host, ...headers })),
    );
  });
}

test('hosts of NO_PROXY are reached without it, and a kept connection is used again', limit, async (t) => {
  const port = await site(t);
  const proxy = await startProxy(t);
  const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
  await get(agentWith({ ...env, NO_PROXY: 'localhost' }), port);
  assert.equal(proxy.asked.length, 0);
  const keeping = agentWith(env, { keepAlive: true });
  t.after(() => keeping.destroy());
  await get(keeping, port);
  await new Promise(setImmediate);
  await get(keeping, port);
  assert.deepEqual(proxy.asked, [
    { url: `localhost:${port}`, host: `localhost:${port}`, 'proxy-connection': 'keep-alive' },
  ]);
});

test('what a proxy does wrong is an error of the request', limit, async (t) => {
  const port = await site(t);
  const failure = async (answer: string, more: RequestOptions = {}) => {
    const proxy = await startProxy(t, false, answer);
    const agent = agentWith({ HTTPS_PROXY: `http://me:secret@127.0.0.1:${proxy.port}` });
    const request = https.get({ host: 'localhost', port, agent, ...more });
    const [error] = (await once(request, 'error')) as [NodeJS.ErrnoException & { statusCode?: number }];
    assert.equal(error.code, 'ERR_PROXY_TUNNEL');
    assert.doesNotMatch(error.message, /secret/);
    return error;
  };
  assert.equal((await failure('HTTP/1.1 407 No\r\n\r\n')).statusCode, 407);
  assert.match((await failure('HTTP/1.1 200')).message, /ended/);
  assert.match((await failure(`HTTP/1.1 200 OK\r\na: ${'b'.repeat(99)}\r\n\r\n`, { maxHeaderSize: 50 })).message, /50/);
  assert.match((await failure('HTTP/1.1 200 OK\r\n\r\nhello')).message, /ahead/);
});

test('a proxy that does not answer is waited for no longer than the request says', limit, async (t) => {
  const port = await listening(t, net.createServer());
  const agent = agentWith({ HTTPS_PROXY: `http://127.0.0.1:${port}` });
  const request = https.get({ host: 'localhost', agent, timeout: 20 });
  await assert.rejects(once(request, 'response'), { code: 'ERR_PROXY_TUNNEL', proxyTunnelTimeout: 20 });
});

test('the variables read as Node reads them', () => {
  assert.equal(readProxy({ HTTP_PROXY: 'http://a' }), undefined);
  assert.equal(readProxy({ HTTPS_PROXY: 'socks5://a' }), undefined);
  assert.throws(() => readProxy({ HTTPS_PROXY: 'http://' }), { code: 'ERR_PROXY_INVALID_CONFIG' });
  assert.throws(() => readProxy({ HTTPS_PROXY: 'http://a\r\nb' }), { code: 'ERR_PROXY_INVALID_CONFIG' });
  assert.throws(() => agentWith({ https_proxy: 'http://a:b:c' }), { code: 'ERR_PROXY_INVALID_CONFIG' });
  assert.equal(readProxy({ https_proxy: 'http://[::1]' })?.host, '::1');
  assert.equal(readProxy({ https_proxy: 'http://a' })?.port, 80);
  assert.equal(readProxy({ https_proxy: 'https://a' })?.port, 443);
  const goesThrough = (host: string, no_proxy: string, port = 443) =>
    needsProxy(readProxy({ HTTPS_PROXY: 'http://proxy', no_proxy })!, { host, port, keep: false });
  for (const [host, list, through] of [
    ['a.test', '', true],
    ['a.test', '*', false],
    ['A.test', 'b.test, a.TEST', false],
    ['a.test', 'a.test:443', false],
    ['a.test', 'a.test:444', true],
    ['test', '.test', false],
    ['a.test', '.test', false],
    ['atest', '.test', true],
    ['a.test', '*.test', false],
    ['test', '*.test', true],
    ['10.0.0.7', '10.0.0.1-10.0.0.9', false],
    ['10.0.1.7', '10.0.0.1-10.0.0.9', true],
  ] as const) {
    assert.equal(goesThrough(host, list), through, `${host} and "${list}"`);
  }
});
