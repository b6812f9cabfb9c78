/** Clients that hold a connection and do nothing with it, and what is left of connections when a server ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { createCounters, type ServerCounters } from '../../src/cli/server/counters.ts';
import { loadCredential } from '../../src/cli/server/local-authority.ts';
import { endRaw, endWith, type Handler, SecureServer } from '../../src/cli/server/secure-server.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

const crypto = createNodeCrypto();
const { chainFile, keyFile } = testIdentity('ecdsa-p256');

const handler: Handler = (request, response) => {
  const { url } = request;
  if (url === '/late') setTimeout(() => endWith(response, 'late'), 900);
  else if (url === '/big') endWith(response, Buffer.alloc(64 << 20));
  else if (url === '/upload') (request as NodeJS.ReadableStream).resume().on('end', () => endWith(response, 'done'));
  else endWith(response, 'here');
};

async function listen(): Promise<{ server: SecureServer; port: number; counters: ServerCounters }> {
  const { credential } = await loadCredential(crypto, chainFile, keyFile, {});
  const counters = createCounters();
  const server = new SecureServer({
    tls: () => ({ crypto, credentials: [credential], alpnProtocols: ['h2', 'http/1.1'] }),
    counters,
    handler,
    upgrade: (_, client) => endRaw(client, 421),
    headTimeout: 400,
    idleTimeout: 400,
  });
  const [bound] = await server.listen(0, ['127.0.0.1']);
  after(() => server.close(0));
  return { server, port: bound?.port as number, counters };
}

const { port } = await listen();
const trust = { host: '127.0.0.1', servername: 'localhost', ca: rootPem };

function open(alpn: string, at = port): TLSSocket {
  return connect({ ...trust, port: at, ALPNProtocols: [alpn] }).on('error', () => {});
}

/** How long it takes until the other side ends, in ms; `Infinity` for more than three seconds. */
async function lasts(socket: TLSSocket, first: string, again?: string): Promise<number> {
  const start = performance.now();
  const timer = again === undefined ? undefined : setInterval(() => socket.write(again), 100);
  socket.write(first);
  const ended = new Promise<number>((done) => {
    socket.on('close', () => done(performance.now() - start));
    setTimeout(() => done(Number.POSITIVE_INFINITY), 3000).unref();
  });
  const time = await ended;
  clearInterval(timer);
  socket.destroy();
  return time;
}

const head = (line: string, more = '') => `${line} HTTP/1.1\r\nhost: localhost\r\n${more}\r\n`;

describe('a client that does nothing is not waited for', () => {
  const cases: [what: string, alpn: string, first: string, again?: string][] = [
    ['sends no request', 'http/1.1', ''],
    ['sends a head line by line, for ever', 'http/1.1', 'GET / HTTP/1.1\r\n', 'x: y\r\n'],
    ['sends no more of a body', 'http/1.1', head('POST /upload', 'content-length: 1000\r\n')],
    ['keeps a connection', 'http/1.1', head('GET /')],
    ['speaks no HTTP/2, though it said so', 'h2', ''],
  ];
  for (const [what, alpn, first, again] of cases)
    test(`who ${what}`, async () => {
      const socket = open(alpn);
      socket.resume();
      assert.ok((await lasts(socket, first, again)) < 2500);
    });

  test('who does not read the answer', async () => {
    const { port: at, counters } = await listen();
    const socket = open('http/1.1', at);
    socket.write(head('GET /big'));
    await once(socket, 'readable');
    assert.equal(counters.connections, 1);
    for (let i = 0; i < 50 && counters.connections > 0; i++) await new Promise((done) => setTimeout(done, 50));
    assert.equal(counters.connections, 0);
    socket.destroy();
  });

  test('nor is the TCP connection of who does not read kept for what it does not take', async () => {
    const { server, counters } = await listen();
    const tcp = createTcp();
    const accepted = new Promise<Socket>((done) => tcp.once('connection', done));
    await once(tcp.listen(0, '127.0.0.1'), 'listening');
    after(() => tcp.close());
    const socket = open('http/1.1', (tcp.address() as AddressInfo).port);
    const transport = await accepted;
    after(() => transport.destroy());
    server.accept(transport);
    socket.write(head('GET /big'));
    await once(socket, 'readable');
    for (let i = 0; i < 160 && !transport.destroyed; i++) await new Promise((done) => setTimeout(done, 50));
    assert.deepEqual([counters.connections, transport.destroyed], [0, true]);
    socket.destroy();
  });

  test('who keeps a connection open whose upgrade was refused', async () => {
    const { port: at, counters } = await listen();
    const halfOpen = { ...trust, port: at, allowHalfOpen: true };
    const socket = connect(halfOpen).on('error', () => {});
    socket.resume().write(head('GET /', 'connection: upgrade\r\nupgrade: x\r\n'));
    await once(socket, 'end');
    for (let i = 0; i < 80 && counters.connections > 0; i++) await new Promise((done) => setTimeout(done, 50));
    assert.equal(counters.connections, 0);
    socket.destroy();
  });

  test('who keeps an HTTP/2 connection, and is told so', async () => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, trust);
    let told: number | undefined;
    session.on('goaway', (code) => (told = code));
    const closed = new Promise((done) => session.on('close', done));
    session.request({ ':path': '/' }).resume();
    await closed;
    assert.equal(told, 0);
  });
});

describe('who waits for an answer is not taken for one who does nothing', () => {
  test('over HTTP/1.1', async () => {
    const socket = open('http/1.1');
    socket.write(head('GET /late'));
    let heard = '';
    for await (const part of socket) if ((heard += part).endsWith('late')) break;
    assert.match(heard, / 200 /);
  });

  test('over HTTP/2', async () => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, trust);
    let heard = '';
    for await (const part of session.request({ ':path': '/late' })) heard += part;
    session.destroy();
    assert.equal(heard, 'late');
  });

  test('nor is a long upload that moves', async () => {
    const socket = open('http/1.1');
    socket.write(head('POST /upload', 'content-length: 12\r\n'));
    const timer = setInterval(() => socket.write('x'), 100);
    let heard = '';
    for await (const part of socket) if ((heard += part).endsWith('done')) break;
    clearInterval(timer);
    assert.match(heard, / 200 /);
  });
});

test('a server that ends does not wait for idle connections', async () => {
  const { server, port: at } = await listen();
  const socket = open('http/1.1', at);
  socket.write(head('GET /'));
  for await (const part of socket) if (String(part).endsWith('here')) break;
  const start = performance.now();
  await server.close(5000);
  assert.ok(performance.now() - start < 2000);
});
