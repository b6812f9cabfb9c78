import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import test, { type TestContext } from 'node:test';
import nodeTls from 'node:tls';
import tls from '../../src/node/tls.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

type Tls = Pick<typeof nodeTls, 'connect' | 'createServer'>;

const identity = testIdentity('ecdsa-p256');
const credentials = { key: identity.keyPem, cert: identity.chainPem };
const limit = { timeout: 30_000 };

/** A server on a port of its own that ends with the test; what it was asked to do with each socket. */
async function listen(
  t: TestContext,
  from: Tls,
  options: nodeTls.TlsOptions,
  serve: (socket: nodeTls.TLSSocket) => void,
): Promise<{ port: number; server: nodeTls.Server }> {
  const server = from.createServer({ ...credentials, ...options }, (socket) => {
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, server };
}

function echo(socket: nodeTls.TLSSocket): void {
  socket.pipe(socket);
}

async function readAll(socket: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const pairs: [string, Tls, Tls][] = [
  ['handfast to handfast', tls, tls],
  ['node:tls to handfast', tls, nodeTls],
  ['handfast to node:tls', nodeTls, tls],
];

for (const [name, serving, connecting] of pairs) {
  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    test(`${name}, ${maxVersion}: a megabyte there and back, ALPN, SNI, identity`, limit, async (t) => {
      const { port } = await listen(t, serving, { ALPNProtocols: ['a', 'b'] }, echo);
      const client = connecting.connect({
        host: '127.0.0.1',
        port,
        ca: rootPem,
        servername: 'localhost',
        ALPNProtocols: ['b'],
        maxVersion,
      });
      await once(client, 'secureConnect');
      assert.equal(client.authorized, true);
      assert.equal(client.getProtocol(), maxVersion);
      assert.equal(client.alpnProtocol, 'b');
      assert.equal(client.getPeerCertificate().subject.CN, 'localhost');
      const sent = Buffer.alloc(1 << 20, 'handfast');
      client.end(sent);
      assert.ok((await readAll(client)).equals(sent));
    });

    test(`${name}, ${maxVersion}: a session resumes`, limit, async (t) => {
      const { port } = await listen(t, serving, {}, (socket) => socket.end('x'));
      const options = { host: '127.0.0.1', port, ca: rootPem, servername: 'localhost', maxVersion };
      const first = connecting.connect(options);
      const [session] = (await Promise.all([once(first, 'session'), readAll(first)]))[0] as [Buffer];
      const second = connecting.connect({ ...options, session });
      await once(second, 'secureConnect');
      assert.equal(second.isSessionReused(), true);
      assert.equal(second.authorized, true);
      await readAll(second);
    });
  }
}

test('a TLSSocket is a net.Socket to its users', limit, async (t) => {
  const { port } = await listen(t, tls, {}, echo);
  const client = tls.connect({ host: '127.0.0.1', port, ca: rootPem, servername: 'localhost' });
  assert.ok(client instanceof net.Socket);
  assert.ok(client instanceof tls.TLSSocket);
  assert.equal(client.encrypted, true);
  assert.equal(client.connecting, true);
  await once(client, 'secureConnect');
  assert.equal(client.connecting, false);
  assert.equal(client.remotePort, port);
  assert.equal(client.remoteAddress, '127.0.0.1');
  assert.equal((client.address() as AddressInfo).address, '127.0.0.1');
  assert.equal(client.setNoDelay(true), client);
  assert.equal(client.setKeepAlive(true, 1000), client);
  assert.equal(client.unref().ref(), client);
  client.write('hello');
  const [answer] = (await once(client, 'data')) as [Buffer];
  assert.equal(answer.toString(), 'hello');
  assert.equal(client.bytesRead, 5);
  assert.equal(client.bytesWritten, 5);
  client.destroySoon();
  await once(client, 'close');
});

test(
  'setKeepAlive hands on whatever this version of Node takes, now or when there is a transport',
  limit,
  async (t) => {
    const given: unknown[][] = [];
    t.mock.method(net.Socket.prototype, 'setKeepAlive', function (this: net.Socket, ...args: unknown[]) {
      given.push(args);
      return this;
    });
    const { port } = await listen(t, tls, {}, echo);
    const client = tls.connect({ host: '127.0.0.1', port, ca: rootPem, servername: 'localhost' });
    client.setKeepAlive(true, 1000);
    await once(client, 'secureConnect');
    const setKeepAlive = client.setKeepAlive as (...args: unknown[]) => unknown;
    setKeepAlive.call(client, { enable: true, initialDelay: 5, interval: 6, count: 7 });
    client.destroy();
    assert.deepEqual(given.at(0), [true, 1000]);
    assert.deepEqual(given.at(-1), [{ enable: true, initialDelay: 5, interval: 6, count: 7 }]);
  },
);

test('a socket that was destroyed is silent: its idle timer went with it', limit, async (t) => {
  const { port } = await listen(t, tls, {}, echo);
  const socket = tls.connect({ host: '127.0.0.1', port, ca: rootPem, servername: 'localhost' });
  await once(socket, 'secureConnect');
  let late = 0;
  socket.on('timeout', () => late++);
  socket.setTimeout(50);
  socket.destroy();
  await once(socket, 'close');
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal(late, 0);
});

test('a certificate of a stranger and a wrong name have the codes of Node', limit, async (t) => {
  const { port } = await listen(t, tls, {}, echo);
  const refused = async (options: nodeTls.ConnectionOptions) => {
    const client = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ...options });
    const [error] = (await once(client, 'error')) as [Error & { code: string }];
    return error.code;
  };
  assert.equal(await refused({ servername: 'wrong.test', ca: rootPem }), 'ERR_TLS_CERT_ALTNAME_INVALID');
  assert.equal(await refused({}), 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY');
  assert.equal(await refused({ ca: testIdentity('stranger').chainPem }), 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY');
});

test('a peer that is refused gets neither Finished nor a certificate', limit, async (t) => {
  let secured = 0;
  const { port } = await listen(t, nodeTls, { requestCert: true, rejectUnauthorized: false }, () => secured++);
  const own = testIdentity('client-ecdsa-p256');
  const client = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', key: own.keyPem, cert: own.chainPem });
  await once(client, 'error');
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(secured, 0);
});

test('client certificates: trusted, unknown, none', limit, async (t) => {
  const own = testIdentity('client-ecdsa-p256');
  const seen: [boolean, unknown][] = [];
  const { port } = await listen(t, tls, { requestCert: true, rejectUnauthorized: false, ca: rootPem }, (socket) => {
    seen.push([socket.authorized, socket.authorizationError]);
    socket.end();
  });
  const stranger = testIdentity('stranger');
  for (const shown of [own, stranger, undefined]) {
    const options = shown === undefined ? {} : { key: shown.keyPem, cert: shown.chainPem };
    await readAll(tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca: rootPem, ...options }));
  }
  assert.deepEqual(seen[0], [true, null]);
  assert.equal(seen[1]?.[0], false);
  assert.deepEqual(seen[2], [false, 'UNABLE_TO_GET_ISSUER_CERT']);
});

test('addContext chooses by name, whatever its case; SNICallback may answer later', limit, async (t) => {
  const rsa = testIdentity('rsa');
  const { port, server } = await listen(t, tls, {}, (socket) => socket.end());
  server.addContext('*.example.test', { key: rsa.keyPem, cert: rsa.chainPem });
  const keyOf = async (at: number, servername: string) => {
    const client = tls.connect({ host: '127.0.0.1', port: at, servername, ca: rootPem });
    await once(client, 'secureConnect');
    const type = client.getPeerX509Certificate()?.publicKey.asymmetricKeyType;
    await readAll(client);
    return type;
  };
  assert.equal(await keyOf(port, 'localhost'), 'ec');
  assert.equal(await keyOf(port, 'WWW.Example.test'), 'rsa');
  const context = tls.createSecureContext({ key: rsa.keyPem, cert: rsa.chainPem });
  const SNICallback: nodeTls.TlsOptions['SNICallback'] = (_name, done) => setImmediate(() => done(null, context));
  const late = await listen(t, tls, { SNICallback }, (socket) => socket.end());
  assert.equal(await keyOf(late.port, 'localhost'), 'rsa');
});

test('STARTTLS: a socket that has talked before, on both sides', limit, async (t) => {
  const context = tls.createSecureContext(credentials);
  const server = net.createServer((raw) => {
    raw.once('data', (hello) => {
      assert.equal(hello.toString(), 'STARTTLS\n');
      raw.write('OK\n');
      const secured = new tls.TLSSocket(raw, { isServer: true, secureContext: context });
      secured.pipe(secured);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const raw = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  raw.write('STARTTLS\n');
  await once(raw, 'data');
  const client = tls.connect({ socket: raw, ca: rootPem, servername: 'localhost' });
  client.end('secret');
  assert.equal((await readAll(client)).toString(), 'secret');
  assert.equal(client.authorized, true);
});

/** Two Duplexes, joined. */
function duplexPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const make = (other: number): Duplex =>
    new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        ends[other]?.push(chunk);
        setImmediate(done);
      },
      final(done) {
        ends[other]?.push(null);
        done();
      },
    });
  ends.push(make(1), make(0));
  return ends as [Duplex, Duplex];
}

test('over any Duplex', limit, async () => {
  const [left, right] = duplexPair();
  const server = new tls.TLSSocket(right, { isServer: true, secureContext: tls.createSecureContext(credentials) });
  server.pipe(server);
  const client = tls.connect({ socket: left, ca: rootPem, servername: 'localhost' });
  client.end('through a pipe');
  assert.equal((await readAll(client)).toString(), 'through a pipe');
});

test('backpressure: who does not read makes the writer wait', limit, async (t) => {
  const { port, server } = await listen(t, tls, {}, () => {});
  const client = tls.connect({ host: '127.0.0.1', port, ca: rootPem, servername: 'localhost' });
  const [[socket]] = (await Promise.all([once(server, 'secureConnection'), once(client, 'secureConnect')])) as [
    [nodeTls.TLSSocket],
    [],
  ];
  const block = Buffer.alloc(1 << 16);
  let written = 0;
  while (client.write(block) && written < 1000) written++;
  assert.ok(written < 1000);
  const pending = new Promise((resolve) => client.once('drain', resolve));
  for (; written < 400; written++) client.write(block);
  await new Promise((resolve) => setTimeout(resolve, 100));
  // Everything between the two programs is full, and what is left waits in the writer.
  assert.ok(client.writableLength > 0);
  socket.resume();
  await pending;
  client.end();
  await once(client, 'close');
});

test('a connection that ends before its handshake: ECONNRESET, as in Node', limit, async (t) => {
  const silent = net.createServer((socket) => socket.end());
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => silent.close());
  const client = tls.connect({ host: '127.0.0.1', port: (silent.address() as AddressInfo).port });
  const [error] = (await once(client, 'error')) as [Error & { code: string }];
  assert.equal(error.code, 'ECONNRESET');
  assert.match(error.message, /before secure TLS connection was established/);

  const { port, server } = await listen(t, tls, {}, echo);
  const raw = net.connect(port, '127.0.0.1', () => raw.end());
  raw.resume();
  const [reset] = (await once(server, 'tlsClientError')) as [Error & { code: string }];
  assert.equal(reset.code, 'ECONNRESET');
});

test(
  "a peer that speaks no TLS, and alerts, have OpenSSL's codes and the engine's error as cause",
  limit,
  async (t) => {
    const { port, server } = await listen(t, tls, { minVersion: 'TLSv1.3' }, echo);
    const plain = net.connect(port, '127.0.0.1', () => plain.write('GET / HTTP/1.1\r\n\r\n'));
    plain.on('error', () => {});
    const [error] = (await once(server, 'tlsClientError')) as [Error & { code: string }];
    assert.equal(error.code, 'ERR_SSL_HTTP_REQUEST');
    assert.ok(error.cause instanceof Error);

    const old = nodeTls.connect({ host: '127.0.0.1', port, maxVersion: 'TLSv1.2' });
    const [[mine], [theirs]] = (await Promise.all([once(server, 'tlsClientError'), once(old, 'error')])) as [
      [Error & { code: string }],
      [Error & { code: string }],
    ];
    assert.equal(mine.code, 'ERR_SSL_UNSUPPORTED_PROTOCOL');
    assert.equal(theirs.code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');

    const alerted = tls.connect({ host: '127.0.0.1', port, maxVersion: 'TLSv1.2' });
    const [alert] = (await once(alerted, 'error')) as [Error & { code: string; cause?: { alert?: string } }];
    assert.equal(alert.code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    assert.equal(alert.cause?.alert, 'protocolVersion');
  },
);

test('newSession and resumeSession: a store of the program, in TLS 1.2 and in TLS 1.3', limit, async (t) => {
  const { constants } = await import('node:crypto');
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const store = new Map<string, Buffer>();
    const { port, server } = await listen(t, tls, { secureOptions: constants.SSL_OP_NO_TICKET }, (socket) =>
      socket.end('x'),
    );
    server.on('newSession', (id: Buffer, data: Buffer, done: () => void) => {
      store.set(id.toString('hex'), data);
      setImmediate(done);
    });
    let asked = 0;
    server.on('resumeSession', (id: Buffer, done: (error: Error | null, data: Buffer | null) => void) => {
      asked++;
      setImmediate(() => done(null, store.get(id.toString('hex')) ?? null));
    });
    const options = { host: '127.0.0.1', port, ca: rootPem, servername: 'localhost', maxVersion };
    const first = tls.connect(options);
    const [[session]] = (await Promise.all([once(first, 'session'), readAll(first)])) as [[Buffer], Buffer];
    const second = tls.connect({ ...options, session });
    await once(second, 'secureConnect');
    assert.equal(second.isSessionReused(), true, maxVersion);
    await readAll(second);
    assert.ok(store.size > 0 && asked > 0, maxVersion);
  }
});

test('a store that answers with an error, or never, costs a full handshake', limit, async (t) => {
  const { constants } = await import('node:crypto');
  const { port, server } = await listen(
    t,
    tls,
    { secureOptions: constants.SSL_OP_NO_TICKET, maxVersion: 'TLSv1.2' },
    (socket) => socket.end('x'),
  );
  server.on('newSession', (_id: Buffer, _data: Buffer, done: () => void) => done());
  server.on('resumeSession', (_id: Buffer, done: (error: Error | null, data: Buffer | null) => void) =>
    done(new Error('down'), null),
  );
  const options = { host: '127.0.0.1', port, ca: rootPem, servername: 'localhost' };
  const first = tls.connect(options);
  const [[session]] = (await Promise.all([once(first, 'session'), readAll(first)])) as [[Buffer], Buffer];
  const second = tls.connect({ ...options, session });
  await once(second, 'secureConnect');
  assert.equal(second.isSessionReused(), false);
  assert.equal((await readAll(second)).toString(), 'x');
});

test('a session timeout of one second gives tickets too, also where a millisecond has passed', limit, async (t) => {
  const { port } = await listen(t, tls, { sessionTimeout: 1 }, (socket) => socket.end('x'));
  for (let i = 0; i < 60; i++) {
    const client = nodeTls.connect({
      host: '127.0.0.1',
      port,
      ca: rootPem,
      servername: 'localhost',
      maxVersion: 'TLSv1.2',
    });
    client.resume();
    await once(client, 'secureConnect');
    assert.notEqual(client.getTLSTicket(), undefined);
    await once(client, 'close');
  }
});

test('a session is offered only under the name that it was verified for', limit, async (t) => {
  const { port } = await listen(t, tls, {}, (socket) => socket.end('x'));
  const options = { host: '127.0.0.1', port, ca: rootPem };
  const first = tls.connect({ ...options, servername: 'localhost' });
  const [[session]] = (await Promise.all([once(first, 'session'), readAll(first)])) as [[Buffer], Buffer];
  const other = tls.connect({ ...options, servername: 'example.test', session });
  await once(other, 'secureConnect');
  assert.equal(other.isSessionReused(), false);
  await readAll(other);
});

test('a stapled OCSP response reaches the client', limit, async (t) => {
  const { port, server } = await listen(t, tls, {}, (socket) => socket.end());
  server.on(
    'OCSPRequest',
    (certificate: Buffer, _issuer: Buffer, done: (error: Error | null, response: Buffer) => void) => {
      assert.ok(certificate.length > 0);
      done(null, Buffer.from('an answer'));
    },
  );
  const client = tls.connect({ host: '127.0.0.1', port, ca: rootPem, servername: 'localhost', requestOCSP: true });
  const [response] = (await once(client, 'OCSPResponse')) as [Buffer];
  assert.equal(response.toString(), 'an answer');
  await readAll(client);
});

test('both sides export the same keying material, and log the same secrets', limit, async (t) => {
  let exported: Buffer | undefined;
  const serverLines: string[] = [];
  const { port, server } = await listen(t, tls, {}, (socket) => {
    exported = socket.exportKeyingMaterial(32, 'EXPERIMENTAL test', Buffer.from('context'));
    socket.end();
  });
  server.on('keylog', (line: Buffer) => serverLines.push(line.toString()));
  const client = tls.connect({ host: '127.0.0.1', port, ca: rootPem, servername: 'localhost' });
  const clientLines: string[] = [];
  client.on('keylog', (line: Buffer) => clientLines.push(line.toString()));
  await once(client, 'secureConnect');
  const own = client.exportKeyingMaterial(32, 'EXPERIMENTAL test', Buffer.from('context'));
  await readAll(client);
  assert.ok(exported?.equals(own));
  assert.ok(clientLines.length >= 5);
  assert.deepEqual(clientLines.sort(), serverLines.sort());
});

test('what can not be honoured is refused with advice; what only adds to the rest is passed over', () => {
  assert.throws(() => tls.createSecureContext({ privateKeyEngine: 'e', privateKeyIdentifier: 'k' }), {
    code: 'ERR_CRYPTO_CUSTOM_ENGINE_NOT_SUPPORTED',
  });
  assert.throws(() => tls.createSecureContext({ ecdhCurve: 'secp256k1' }), { code: 'ERR_CRYPTO_OPERATION_FAILED' });
  assert.throws(() => tls.createSecureContext({ ecdhCurve: 'secp256k1:P-255' }), /Handfast has no "P-255"/);
  tls.createSecureContext({ ecdhCurve: 'secp256k1:prime256v1' });
  tls.createSecureContext({ ciphers: 'DHE-RSA-AES256-GCM-SHA384' });
  assert.throws(() => tls.createSecureContext({ ciphers: 'DHE-RSA-AES257-GCM-SHA384' }), {
    code: 'ERR_SSL_NO_CIPHER_MATCH',
  });
  // What can't be honoured is refused, and never passed over.
  assert.throws(() => tls.createSecureContext({ secureOptions: 0x4000_0000 * 2 - 1 }), { code: 'ERR_TLS_CONFIG' });
  assert.throws(() => tls.createServer({ ...credentials, dhparam: 'auto' }), {
    code: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM',
    message: /dhparam.*ECDHE is used/,
  });
});

test('a key that lives elsewhere signs through a callback, now or later', limit, async (t) => {
  const { createSigner } = await import('../../src/node/base/key-signer.ts');
  const { createPrivateKey } = await import('node:crypto');
  const signer = createSigner(createPrivateKey(identity.keyPem));
  let signed = 0;
  const sign = async (scheme: number, data: Uint8Array): Promise<Uint8Array> => {
    signed++;
    await new Promise((resolve) => setTimeout(resolve, 5));
    return signer.sign(scheme, data);
  };
  const server = tls.createServer({ cert: identity.chainPem, sign }, (socket) => socket.end('x'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const client = nodeTls.connect({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    ca: rootPem,
    servername: 'localhost',
  });
  assert.equal((await readAll(client)).toString(), 'x');
  assert.equal(signed, 1);
});

test(
  'handshakeTimeout is for the whole handshake: a client that sends a byte now and then is not waited for',
  limit,
  async (t) => {
    const { port, server } = await listen(t, tls, { handshakeTimeout: 150 }, echo);
    const failed = once(server, 'tlsClientError') as Promise<[NodeJS.ErrnoException]>;
    const client = net.connect(port, '127.0.0.1');
    client.on('error', () => {});
    // The header of a ClientHello of 512 bytes, which never ends.
    const hello = Buffer.concat([Buffer.from('16030102000100 01fc0303'.replace(' ', ''), 'hex'), Buffer.alloc(400)]);
    let sent = 0;
    const drip = setInterval(() => client.write(hello.subarray(sent, ++sent)), 20);
    t.after(() => clearInterval(drip));
    assert.equal((await failed)[0].code, 'ERR_TLS_HANDSHAKE_TIMEOUT');
    assert.ok(sent < hello.length, 'it was still sending');
  },
);
