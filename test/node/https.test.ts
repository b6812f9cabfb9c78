import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import http from 'node:http';
import nodeHttps from 'node:https';
import net, { type AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import https from '../../src/node/https.ts';
import tls from '../../src/node/tls.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';
import { execArgv, moduleLiteral } from '../helpers/process.ts';

const identity = testIdentity('ecdsa-p256');
const credentials = { key: identity.keyPem, cert: identity.chainPem };
const limit = { timeout: 30_000 };

async function serve(
  t: TestContext,
  listener: RequestListener,
  options: nodeHttps.ServerOptions = {},
): Promise<number> {
  const server = https.createServer({ ...credentials, ...options }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function body(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

function get(
  from: typeof nodeHttps,
  options: nodeHttps.RequestOptions,
): Promise<{ text: string; socket: TLSSocket; reused: boolean; resumed: boolean }> {
  return new Promise((resolve, reject) => {
    const request = from.get({ host: '127.0.0.1', servername: 'localhost', ca: rootPem, ...options }, (response) => {
      const socket = response.socket as TLSSocket;
      const resumed = socket.isSessionReused();
      body(response).then((text) => resolve({ text, socket, reused: request.reusedSocket, resumed }), reject);
    });
    request.on('error', reject);
  });
}

test('a server for node:https, a client for its own server', limit, async (t) => {
  const port = await serve(t, (request, response) => {
    assert.equal((request.socket as TLSSocket).encrypted, true);
    response.end(`you asked for ${request.url}`);
  });
  for (const from of [nodeHttps, https]) {
    const { text } = await get(from, { port, path: '/a', agent: new from.Agent() });
    assert.equal(text, 'you asked for /a');
  }
});

test('each entry does by itself', limit, async () => {
  for (const [entry, call] of [
    ['tls', 'createServer({})'],
    ['https', 'createServer({})'],
    ['https', 'get("https://127.0.0.1:1").on("error", () => {})'],
    ['register', ''],
  ]) {
    const file = moduleLiteral(`src/node/${entry}.ts`);
    const program =
      call === '' ? `import ${file}; console.log('ok')` : `import it from ${file}; it.${call}; console.log('ok')`;
    const { stdout } = await promisify(execFile)(process.execPath, [...execArgv, '--input-type=module', '-e', program]);
    assert.equal(stdout, 'ok\n');
  }
});

test('the server is all that programs take it for', limit, async (t) => {
  const server = https.createServer(credentials);
  assert.ok(server instanceof https.Server);
  assert.ok(server instanceof tls.Server);
  assert.ok(server instanceof net.Server);
  assert.equal(server.keepAliveTimeout, http.createServer().keepAliveTimeout);
  const called = (https.Server as unknown as (options: object) => unknown)(credentials);
  assert.ok(called instanceof https.Server);
  t.after(() => server.close());
});

test('the agent keeps connections, and resumes sessions of those it has closed', limit, async (t) => {
  const port = await serve(t, (_request, response) => response.end('x'));
  const keeping = new https.Agent({ keepAlive: true });
  t.after(() => keeping.destroy());
  assert.equal((await get(https, { port, agent: keeping })).reused, false);
  await new Promise(setImmediate);
  assert.equal((await get(https, { port, agent: keeping })).reused, true);
  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    const agent = new https.Agent({ maxVersion });
    assert.equal((await get(https, { port, agent })).resumed, false);
    assert.equal((await get(https, { port, agent })).resumed, true, maxVersion);
  }
});

test('a server that speaks before it is asked is not asked again on that connection', limit, async (t) => {
  const good = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood';
  const server = tls.createServer(credentials, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(good);
      setTimeout(() => socket.write(good.replace(/good/, 'evil')), 20);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const agent = new https.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const { socket } = await get(https, { port, agent });
  await once(socket, 'close');
  const second = await get(https, { port, agent });
  assert.deepEqual([second.text, second.reused], ['good', false]);
});

test('connections under other rules are other connections', () => {
  const agent = new https.Agent() as unknown as { getName(options: object): string };
  const base = { host: 'a', port: 1 };
  const names = [
    {},
    { pfx: Buffer.from('one') },
    { pfx: Buffer.from('two') },
    { checkServerIdentity: () => undefined },
    { rejectUnauthorized: false },
    { servername: 'b' },
    { ca: 'c' },
  ].map((options) => agent.getName({ ...base, ...options }));
  assert.equal(new Set(names).size, names.length);
});

test('an upgrade hands over the socket', limit, async (t) => {
  const server = https.createServer(credentials);
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const request = https.get({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    servername: 'localhost',
    ca: rootPem,
    agent: false,
    headers: { connection: 'Upgrade', upgrade: 'echo' },
  });
  const [, socket] = (await once(request, 'upgrade')) as [unknown, TLSSocket];
  socket.write('ping');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.equal(answer.toString(), 'ping');
  socket.destroy();
});

test('a large body in both directions, with slow readers', limit, async (t) => {
  const size = 3 << 20;
  const port = await serve(t, async (request, response) => {
    let received = 0;
    for await (const chunk of request) received += (chunk as Buffer).length;
    response.end(Buffer.alloc(received, 1));
  });
  const request = https.request({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca: rootPem,
    method: 'POST',
    agent: false,
  });
  request.end(Buffer.alloc(size, 2));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let received = 0;
  for await (const chunk of response) {
    received += (chunk as Buffer).length;
    if (received % 5 === 0) await new Promise(setImmediate);
  }
  assert.equal(received, size);
});

test('plain HTTP to a TLS port: clientError, and the server goes on', limit, async (t) => {
  const port = await serve(t, (_request, response) => response.end('x'));
  const plain = http.get({ host: '127.0.0.1', port });
  const [error] = (await once(plain, 'error')) as [Error & { code: string }];
  assert.ok(error.code === 'ECONNRESET' || error.code === 'HPE_INVALID_CONSTANT', error.code);
  assert.equal((await get(https, { port, agent: new https.Agent() })).text, 'x');
});
