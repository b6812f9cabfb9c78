/** What existing programs see of node:tls and node:https beyond what is documented: codes, order of events, types. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import net from 'node:net';
import test, { type TestContext } from 'node:test';
import type { TlsOptions } from 'node:tls';
import https from '../../src/node/https.ts';
import tls from '../../src/node/tls.ts';
import { testIdentity } from '../helpers/pki.ts';

const identity = testIdentity('ecdsa-p256');
const rsa = testIdentity('rsa');
const credentials = { key: identity.keyPem, cert: identity.chainPem };
const limit = { timeout: 30_000 };

async function listen(
  t: TestContext,
  server: Server,
): Promise<{ port: number; host: string; rejectUnauthorized: false }> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => {});
    sockets.add(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, host: '127.0.0.1', rejectUnauthorized: false };
}

const secure = (t: TestContext, options: TlsOptions = {}) =>
  listen(
    t,
    tls.createServer({ ...credentials, ...options }, (socket) => socket.on('error', () => {}).end('x')),
  );

type Coded = Error & Record<string, unknown>;

test('a handshake that fails under a write is EPROTO, as in Node, with the words of OpenSSL', limit, async (t) => {
  const to = await listen(
    t,
    http.createServer((_request, response) => response.end('plain')),
  );
  const [plain] = (await once(https.get(to), 'error')) as [Coded];
  assert.deepEqual([plain['code'], plain['errno'], plain['syscall']], ['EPROTO', -71, 'write']);
  assert.match(plain.message, /^write EPROTO error:0A00010B:SSL routines::wrong version number: /);
  const [silent] = (await once(tls.connect(to), 'error')) as [Coded];
  assert.equal(silent['code'], 'ERR_SSL_WRONG_VERSION_NUMBER');

  const only13 = await secure(t, { minVersion: 'TLSv1.3' });
  const [refused] = (await once(https.get({ ...only13, maxVersion: 'TLSv1.2' }), 'error')) as [Coded];
  assert.match(refused.message, /error:0A00042E:SSL routines::tlsv1 alert protocol version: SSL alert number 70: /);
});

test('a request that could not be made does not count as sent', limit, async () => {
  const closed = net.createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, 'close');
  const seen: string[] = [];
  const request = https.get({ port, host: '127.0.0.1' });
  for (const event of ['finish', 'error', 'close']) request.on(event, () => seen.push(event));
  await new Promise((resolve) => request.on('close', resolve));
  assert.deepEqual(seen, ['error', 'close']);

  const socket = tls.connect({ port, host: '127.0.0.1' });
  const failure = new Promise<Coded>((resolve) => socket.write('x', (error) => resolve(error as Coded)));
  socket.on('error', () => seen.push('socket'));
  assert.equal((await failure)['code'], 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION');
  assert.equal(seen.at(-1), 'socket');
});

test('tlsClientError knows whose connection it was', limit, async (t) => {
  const server = tls.createServer(credentials);
  const { port } = await listen(t, server);
  const told = once(server, 'tlsClientError') as Promise<[Coded, Socket]>;
  net
    .connect(port, '127.0.0.1')
    .on('error', () => {})
    .end('GET / HTTP/1.1\r\n\r\n');
  const [error, socket] = await told;
  assert.equal(error['code'], 'ERR_SSL_HTTP_REQUEST');
  assert.deepEqual([socket.remoteAddress, socket.destroyed, socket.pending], ['127.0.0.1', true, true]);
});

test('a server that says goodbye in the handshake ends it: ECONNRESET', limit, async (t) => {
  const to = await listen(
    t,
    net.createServer((socket) => socket.once('data', () => socket.write(Buffer.from('15030300020100', 'hex')))),
  );
  const [error] = (await once(tls.connect(to), 'error')) as [Coded];
  assert.equal(error['code'], 'ECONNRESET');
  assert.match(error.message, /disconnected before secure TLS connection/);
});

test('before the handshake and after the end a socket tells what Node tells', limit, async (t) => {
  const fresh = new tls.TLSSocket(new net.Socket());
  assert.deepEqual([fresh.getProtocol(), fresh.getCipher(), fresh.getEphemeralKeyInfo()], ['TLSv1.3', undefined, {}]);
  assert.throws(() => (fresh as unknown as { setSession(session: unknown): void }).setSession(5), {
    code: 'ERR_INVALID_ARG_TYPE',
    message: 'Session must be a buffer',
  });
  const socket = tls.connect(await secure(t));
  socket.setTimeout(20_000);
  socket.resume();
  await once(socket, 'close');
  assert.deepEqual([socket.getProtocol(), socket.pending, socket.timeout], [null, true, 20_000]);
});

test('of an ECDSA and an RSA certificate TLS 1.3 shows the first, TLS 1.2 that of the suite', limit, async (t) => {
  const to = await secure(t, {
    key: [rsa.keyPem, identity.keyPem],
    cert: [rsa.chainPem, identity.chainPem],
  });
  const bitsOf = async (options: object) => {
    const socket = tls.connect({ ...to, ...options });
    await once(socket, 'secureConnect');
    const { bits } = socket.getPeerCertificate();
    socket.destroy();
    return bits;
  };
  assert.equal(await bitsOf({}), 256);
  assert.equal(await bitsOf({ sigalgs: 'RSA-PSS+SHA256' }), 2048);
  assert.equal(await bitsOf({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }), 2048);
});

test(
  'a context of SNICallback without a certificate, and an error that is none, refuse the client',
  limit,
  async (t) => {
    const refusal = async (SNICallback: TlsOptions['SNICallback']) => {
      const server = tls.createServer({ ...credentials, SNICallback });
      const to = await listen(t, server);
      tls.connect({ ...to, servername: 'a.example' }).on('error', () => {});
      const [error] = (await once(server, 'tlsClientError')) as [Coded];
      return error;
    };
    const empty = await refusal((_name, done) => done(null, tls.createSecureContext()));
    assert.match(empty.message, /passed a null parameter|no suitable signature algorithm/);
    assert.equal((await refusal((_name, done) => done('no' as never))).message, 'no');
  },
);

test('a callback of onread has its socket as this', limit, async (t) => {
  const to = await secure(t);
  let resolve!: (value: unknown) => void;
  const promise = new Promise((done) => {
    resolve = done;
  });
  const socket = tls.connect({
    ...to,
    onread: {
      buffer: Buffer.alloc(16),
      callback(this: unknown) {
        resolve(this);
        return true;
      },
    },
  } as never);
  assert.equal(await promise, socket);
  socket.destroy();
});

test('what a closed socket and an empty context say is what node:tls says', limit, async (t) => {
  const to = await secure(t);
  const socket = tls.connect(to).resume();
  await once(socket, 'close');
  assert.throws(() => socket.exportKeyingMaterial(8, 'label', Buffer.alloc(0)), { code: 'ERR_TLS_INVALID_STATE' });
  const server = tls.createServer(credentials);
  for (const empty of [undefined, null]) server.addContext('empty.example', empty as never);
});
