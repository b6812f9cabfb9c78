import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import https from '../../src/node/https.ts';
import type { HandfastConnectOptions } from '../../src/node/socket/tls-connect.ts';
import type { TLSSocket } from '../../src/node/socket/tls-socket.ts';
import tls from '../../src/node/tls.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

// RFC 8470: requests in early data.

const identity = testIdentity('ecdsa-p256');
const limit = { timeout: 20_000 };

interface Seen {
  method: string | undefined;
  url: string | undefined;
  /** What the header Early-Data said. */
  early: unknown;
  /** Whether the handshake was done. */
  secure: boolean;
  body: string;
}

/** A server that takes early data and tells what each request was like. */
async function listen(t: TestContext, listener: RequestListener, options: object = {}) {
  const seen: Seen[] = [];
  const given: https.ServerOptions = { key: identity.keyPem, cert: identity.chainPem, maxEarlyData: 4096, ...options };
  const server = https.createServer(given, (request, response) => {
    const entry: Seen = {
      method: request.method,
      url: request.url,
      early: request.headers['early-data'],
      secure: (request.socket as unknown as TLSSocket)._secureEstablished,
      body: '',
    };
    seen.push(entry);
    request.on('data', (chunk) => {
      entry.body += String(chunk);
    });
    request.on('end', () => listener(request, response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen, server };
}

const agentOptions = { ca: rootPem, servername: 'localhost', earlyData: true, keepAlive: false };

/** One request; resolves with the status, the body and whether early data was accepted on its first connection. */
async function ask(agent: https.Agent, port: number, path: string, method = 'GET', body?: string) {
  const request = https.request({ host: '127.0.0.1', port, path, method, agent });
  let socket: TLSSocket | undefined;
  request.once('socket', (given) => {
    socket = given as unknown as TLSSocket;
  });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const answer = { status: response.statusCode, body: String(Buffer.concat(chunks)), early: socket?.earlyDataAccepted };
  if (!request.closed) await once(request, 'close');
  return answer;
}

test('a safe request on a new connection goes with the first flight, and is marked', limit, async (t) => {
  const { port, seen } = await listen(t, (_request, response) => response.end('answer'));
  const agent = new https.Agent(agentOptions);
  assert.deepEqual(await ask(agent, port, '/1'), { status: 200, body: 'answer', early: false });
  assert.deepEqual(await ask(agent, port, '/2'), { status: 200, body: 'answer', early: true });
  assert.deepEqual(await ask(agent, port, '/3', 'POST', 'data'), { status: 200, body: 'answer', early: false });
  assert.deepEqual(seen, [
    { method: 'GET', url: '/1', early: undefined, secure: true, body: '' },
    { method: 'GET', url: '/2', early: '1', secure: false, body: '' },
    { method: 'POST', url: '/3', early: undefined, secure: true, body: 'data' },
  ]);
});

test('a connection that was resumed gives a fresh ticket, for early data once more', limit, async (t) => {
  const { port } = await listen(t, (_request, response) => response.end('answer'));
  const agent = new https.Agent({ ...agentOptions, keepAlive: true });
  t.after(() => agent.destroy());
  const { _sessionCache } = agent as unknown as { _sessionCache: { map: Record<string, Buffer> } };
  const early: unknown[] = [];
  for (let i = 0; i < 4; i++) {
    const [before] = Object.values(_sessionCache.map);
    early.push((await ask(agent, port, '/')).early);
    while (Object.values(_sessionCache.map)[0] === before) await new Promise((resolve) => setTimeout(resolve, 5));
    agent.destroy();
  }
  assert.deepEqual(early, [false, true, true, true]);
});

test('a request in early data knows that its session goes on', limit, async (t) => {
  const reused: boolean[] = [];
  const { port } = await listen(t, (request, response) => {
    reused.push((request.socket as unknown as TLSSocket).isSessionReused());
    response.end('answer');
  });
  const agent = new https.Agent(agentOptions);
  await ask(agent, port, '/1');
  assert.equal((await ask(agent, port, '/2')).early, true);
  assert.deepEqual(reused, [false, true]);
});

test('425 is answered by the same request after a handshake', limit, async (t) => {
  const { port, seen } = await listen(t, (request, response) => {
    response.statusCode = request.headers['early-data'] === '1' ? 425 : 200;
    response.end(String(request.headers['x-mark']));
  });
  const agent = new https.Agent(agentOptions);
  await ask(agent, port, '/1');
  const request = https.get({ host: '127.0.0.1', port, path: '/2', agent, headers: { 'x-mark': 'kept' } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  assert.equal(request.listenerCount('close'), 0);
  response.setEncoding('utf8');
  assert.equal((await once(response, 'data'))[0], 'kept');
  await once(request, 'close');
  assert.deepEqual(
    seen.map(({ url, early, secure }) => [url, early, secure]),
    [
      ['/1', undefined, true],
      ['/2', '1', false],
      ['/2', undefined, true],
    ],
  );
});

test('early data that is refused is sent once more, after the handshake', limit, async (t) => {
  const { port, seen } = await listen(t, (_request, response) => response.end('answer'));
  const agent = new https.Agent({ ...agentOptions, maxCachedSessions: 1 });
  await ask(agent, port, '/1');
  const cache = agent as unknown as { _sessionCache: { map: Record<string, Buffer> } };
  const [[key, ticket]] = Object.entries(cache._sessionCache.map) as [[string, Buffer]];
  assert.equal((await ask(agent, port, '/2')).early, true);
  cache._sessionCache.map[key] = ticket;
  // A ticket serves once.
  assert.deepEqual(await ask(agent, port, '/3'), { status: 200, body: 'answer', early: false });
  assert.deepEqual(
    seen.map(({ url, early }) => [url, early]),
    [
      ['/1', undefined],
      ['/2', '1'],
      ['/3', undefined],
    ],
  );
});

/** A client that sends what it likes in early data. */
async function raw(port: number, session: Buffer | undefined, text: string) {
  const options: HandfastConnectOptions = {
    host: '127.0.0.1',
    port,
    ca: rootPem,
    servername: 'localhost',
    earlyData: text,
  };
  const client = tls.connect({ ...options, ALPNProtocols: ['http/1.1'], ...(session && { session }) });
  const fresh = once(client, 'session') as Promise<[Buffer]>;
  let answer = '';
  for await (const chunk of client) answer += String(chunk);
  return { answer, accepted: (client as unknown as TLSSocket).earlyDataAccepted, session: (await fresh)[0] };
}

const post = (path: string) =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 4\r\n\r\ndata`;

test('an unsafe request in early data waits for the handshake', limit, async (t) => {
  const { port, seen } = await listen(t, (_request, response) => response.end('done'));
  const { session } = await raw(port, undefined, post('/1'));
  const second = await raw(port, session, post('/2'));
  assert.equal(second.accepted, true);
  assert.match(second.answer, /^HTTP\/1\.1 200 OK\r\n/);
  assert.deepEqual(seen, [
    { method: 'POST', url: '/1', early: undefined, secure: true, body: 'data' },
    { method: 'POST', url: '/2', early: undefined, secure: true, body: 'data' },
  ]);
});

test('without maxEarlyData no early data is taken; `earlyData` of a request is a boolean', limit, async (t) => {
  const { port, seen } = await listen(t, (_request, response) => response.end('x'), { maxEarlyData: undefined });
  const agent = new https.Agent(agentOptions);
  await ask(agent, port, '/1');
  assert.equal((await ask(agent, port, '/2')).early, false);
  assert.deepEqual(
    seen.map(({ early }) => early),
    [undefined, undefined],
  );
  const options = { host: '127.0.0.1', port, earlyData: 'GET / HTTP/1.1' };
  assert.throws(() => https.get(options as unknown as https.RequestOptions), { code: 'ERR_INVALID_ARG_TYPE' });
});
