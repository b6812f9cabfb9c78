import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import test from 'node:test';
import nodeTls from 'node:tls';
import { cipherInfo, getCiphers, parseCiphers } from '../../src/node/context/ciphers.ts';
import { describeClientHello } from '../../src/node/socket/client-hello.ts';
import type { TLSSocket } from '../../src/node/socket/tls-socket.ts';
import tls from '../../src/node/tls.ts';
import { checkServerIdentity } from '../../src/node/trust/check-server-identity.ts';
import { listening } from '../helpers/listening.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

const identity = testIdentity('ecdsa-p256');
const credentials = { key: identity.keyPem, cert: identity.chainPem };
const limit = { timeout: 30_000 };

test('cipher lists read as OpenSSL reads them', () => {
  const names = (list: string) => parseCiphers(list).codes.map((code) => cipherInfo(code).name);
  const tls13 = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'];
  assert.deepEqual(names('ECDHE-RSA-AES128-GCM-SHA256'), [...tls13, 'ECDHE-RSA-AES128-GCM-SHA256']);
  assert.deepEqual(names('TLS_AES_128_GCM_SHA256'), ['TLS_AES_128_GCM_SHA256']);
  assert.equal(parseCiphers('TLS_AES_128_GCM_SHA256').tls12, false);
  assert.deepEqual(names('ECDHE+AESGCM:!aRSA:TLS_AES_128_GCM_SHA256'), [
    'TLS_AES_128_GCM_SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
  ]);
  const high = names('HIGH:!aNULL:!kRSA');
  assert.ok(high.includes('ECDHE-RSA-AES256-SHA384') && !high.includes('AES256-SHA'));
  assert.equal(names('HIGH:+AES256').at(-1)?.includes('AES256'), true);
  assert.equal(parseCiphers('HIGH:@SECLEVEL=2').securityLevel, 2);
  for (const list of ['FOO', 'aes256-sha', 'HIGH:@STRENGHT', 'TLS_NOT_A_CIPHER']) {
    assert.throws(() => parseCiphers(list), { code: 'ERR_SSL_NO_CIPHER_MATCH', library: 'SSL routines' });
  }
});

test('every suite has the names that node:tls gives it', () => {
  const native = new Set(nodeTls.getCiphers());
  // OpenSSL lacks the suites of RFC 8442; it would name them so.
  const own = new Set(['ecdhe-psk-aes128-gcm-sha256', 'ecdhe-psk-aes256-gcm-sha384']);
  for (const name of getCiphers()) assert.ok(native.has(name) || own.has(name), name);
});

test('host names are compared as Node compares them, international ones in their ASCII form', () => {
  type Certificate = Parameters<typeof checkServerIdentity>[1];
  const certificate = (subjectaltname: string, CN?: string) =>
    ({ subject: { CN }, subjectaltname }) as unknown as Certificate;
  const fits = (host: string, names: string) => checkServerIdentity(host, certificate(names)) === undefined;
  assert.equal(fits('a.example.test', 'DNS:*.example.test'), true);
  assert.equal(fits('A.Example.Test.', 'DNS:a.example.test'), true);
  assert.equal(fits('a.b.example.test', 'DNS:*.example.test'), false);
  assert.equal(fits('example.test', 'DNS:*.test'), false);
  assert.equal(fits('bücher.example.test', 'DNS:xn--bcher-kva.example.test'), true);
  assert.equal(fits('::1', 'IP Address:0:0:0:0:0:0:0:1'), true);
  assert.equal(fits('127.0.0.1', 'DNS:127.0.0.1'), false);
  assert.equal(fits('a.test', 'DNS:"a.test, DNS:b.test"'), false);
  const wrong = checkServerIdentity('b', certificate('DNS:a', 'b'));
  assert.equal(wrong?.code, 'ERR_TLS_CERT_ALTNAME_INVALID');
  assert.equal(wrong?.host, 'b');
  assert.throws(() => checkServerIdentity('a', certificate('DNS:"')), { code: 'ERR_TLS_CERT_ALTNAME_FORMAT' });
});

/** Connects, and reads to the end: whether the session was taken, and the last one that came. */
async function visit(port: number, session?: Buffer): Promise<{ reused: boolean; session: Buffer | undefined }> {
  const client = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca: rootPem, session });
  const sessions: Buffer[] = [];
  client.on('session', (fresh: Buffer) => sessions.push(fresh));
  await once(client, 'secureConnect');
  const reused = client.isSessionReused();
  client.resume();
  await once(client, 'close');
  return { reused, session: sessions.at(-1) };
}

/** A client that has something to say with its first flight. */
function earlyClient(port: number, session: Buffer | undefined, earlyData: string) {
  return tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca: rootPem, session, earlyData });
}

/** What a client of node:tls says first. */
async function helloOf(options: nodeTls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = nodeTls.connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, ...options });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const [record] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return record.subarray(5);
}

test('JA3 and JA4 of a ClientHello', limit, async () => {
  const named = describeClientHello(
    await helloOf({
      servername: 'localhost',
      ciphers: 'TLS_AES_128_GCM_SHA256',
      ALPNProtocols: ['h2', 'http/1.1'],
      minVersion: 'TLSv1.3',
    }),
  );
  assert.match(named.ja4, /^t13d\d{4}h2_[0-9a-f]{12}_[0-9a-f]{12}$/);
  assert.match(named.ja3, /^771,4865(-255)?,[\d-]+,[\d-]+,[\d-]*$/);
  assert.match(named.ja3Hash, /^[0-9a-f]{32}$/);
  const plain = describeClientHello(await helloOf({ maxVersion: 'TLSv1.2' }));
  assert.match(plain.ja4, /^t12i\d{4}00_/);
});

test(
  'a program sees the ClientHello, asks for client certificates by name, and signs in the thread pool',
  limit,
  async (t) => {
    const hellos: (string | undefined)[] = [];
    const server = tls.createServer({ ...credentials, signInThreadPool: true }, (socket) => {
      hellos.push((socket as unknown as TLSSocket).getClientHello()?.ja4);
      socket.end(String(socket.authorized));
      setImmediate(() => hellos.push((socket as unknown as TLSSocket).getClientHello()?.ja4));
    });
    server.addContext('example.test', {
      ...credentials,
      ca: rootPem,
      requestCert: true,
    } as nodeTls.SecureContextOptions);
    const port = await listening(t, server);
    const own = testIdentity('client-ecdsa-p256');
    const ask = async (servername: string) => {
      const client = nodeTls.connect({
        host: '127.0.0.1',
        port,
        servername,
        ca: rootPem,
        key: own.keyPem,
        cert: own.chainPem,
      });
      let text = '';
      for await (const chunk of client) text += chunk;
      return text;
    };
    assert.equal(await ask('localhost'), 'false');
    assert.equal(await ask('example.test'), 'true');
    assert.match(hellos[0] ?? '', /^t13d/);
    assert.ok(hellos.includes(undefined), 'an idle connection does not keep it');
  },
);

for (const name of ['rsa', 'rsa-pss', 'ed25519', 'ecdsa-p384'] as const) {
  test(`signing in the thread pool with ${name}`, limit, async (t) => {
    const { keyPem: key, chainPem: cert } = testIdentity(name);
    const server = tls.createServer({ key, cert, signInThreadPool: true }, (socket) => socket.end('x'));
    const port = await listening(t, server);
    for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
      const client = nodeTls.connect({
        host: '127.0.0.1',
        port,
        servername: 'localhost',
        ca: rootPem,
        maxVersion,
      });
      await once(client, 'secureConnect');
      assert.equal(client.authorized, true);
      client.destroy();
    }
  });
}

test('setSecureContext swaps the certificate while connections go on', limit, async (t) => {
  const server = tls.createServer(credentials, (socket) => socket.pipe(socket));
  const port = await listening(t, server);
  const options = {
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca: rootPem,
  };
  const before = tls.connect(options);
  await once(before, 'secureConnect');
  const rsa = testIdentity('rsa');
  server.setSecureContext({ key: rsa.keyPem, cert: rsa.chainPem });
  const after = tls.connect(options);
  await once(after, 'secureConnect');
  assert.equal(before.getPeerX509Certificate()?.publicKey.asymmetricKeyType, 'ec');
  assert.equal(after.getPeerX509Certificate()?.publicKey.asymmetricKeyType, 'rsa');
  before.write('still there');
  assert.equal(String((await once(before, 'data'))[0]), 'still there');
  before.destroy();
  after.destroy();
});

test("ticket keys: servers with the same ones open each other's tickets, new ones void the old", limit, async (t) => {
  const make = async () => {
    const server = tls.createServer(credentials, (socket) => socket.end('x'));
    return { server, port: await listening(t, server) };
  };
  const [one, two] = [await make(), await make()];
  two.server.setTicketKeys(one.server.getTicketKeys());
  const { session } = await visit(one.port);
  assert.equal((await visit(two.port, session)).reused, true);
  two.server.setTicketKeys(randomBytes(48));
  assert.equal((await visit(two.port, session)).reused, false);
});

test('sessions of a fleet: two servers share a store, and a ticket serves once', limit, async (t) => {
  const { MemoryStore, ServerSessions } = await import('../../src/session/index.ts');
  const { nodeCrypto } = await import('../../src/node/base/key-signer.ts');
  const store = new MemoryStore({ clock: { now: () => Date.now() } });
  const make = async (): Promise<number> => {
    const sessions = new ServerSessions({ crypto: nodeCrypto(), store, tls13Tickets: 'singleUse' });
    const server = tls.createServer({ ...credentials, identity: 'www', sessions }, (socket) => socket.end('x'));
    return listening(t, server);
  };
  const ports = [await make(), await make()];
  const { session } = await visit(ports[0]!);
  assert.ok(session);
  const second = await visit(ports[1]!, session);
  assert.equal(second.reused, true);
  assert.equal((await visit(ports[0]!, session)).reused, false);
  // Who resumed has got a fresh one.
  assert.equal((await visit(ports[0]!, second.session)).reused, true);
});

test(
  'early data: with the first flight, once a ticket, and after the handshake where it is refused',
  limit,
  async (t) => {
    const early: string[] = [];
    const server = tls.createServer({ ...credentials, maxEarlyData: 1000 }, (socket) => {
      socket.on('data', (data: Buffer) => socket.write(`late ${data}`));
    });
    server.on('earlyData', (socket: nodeTls.TLSSocket) => {
      socket.once('data', (data: Buffer) => {
        early.push(String(data));
        socket.write(`early ${data}`);
      });
    });
    const port = await listening(t, server);
    const ask = async (session: Buffer | undefined) => {
      const client = earlyClient(port, session, 'hello');
      const sessions: Buffer[] = [];
      client.on('session', (fresh: Buffer) => sessions.push(fresh));
      const [answer] = (await once(client, 'data')) as [Buffer];
      const accepted = (client as unknown as TLSSocket).earlyDataAccepted;
      client.destroy();
      return { answer: String(answer), accepted, session: sessions[0] };
    };
    const first = await ask(undefined);
    assert.equal(first.answer, 'late hello');
    const second = await ask(first.session);
    assert.deepEqual([second.answer, second.accepted], ['early hello', true]);
    const replayed = await ask(first.session);
    assert.deepEqual([replayed.answer, replayed.accepted], ['late hello', false]);
    assert.deepEqual(early, ['hello']);
  },
);

test('early data goes only to a server that this connection would trust', limit, async (t) => {
  const early: string[] = [];
  const server = tls.createServer({ ...credentials, maxEarlyData: 1000 }, (socket) => {
    socket.on('error', () => {});
    socket.end('x');
  });
  server.on('tlsClientError', () => {});
  server.on('earlyData', (socket: nodeTls.TLSSocket) => {
    socket.once('data', (data: Buffer) => early.push(String(data)));
  });
  const port = await listening(t, server);
  const at = { host: '127.0.0.1', port, servername: 'localhost' };
  const session = async () => {
    const client = tls.connect({ ...at, rejectUnauthorized: false });
    const [fresh] = (await once(client, 'session')) as [Buffer];
    client.destroy();
    return fresh;
  };
  const otherwise = new Error('this is not who was meant');
  const refusals = [
    { code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', options: {} },
    { code: undefined, options: { ca: rootPem, checkServerIdentity: () => otherwise } },
  ];
  for (const { code, options } of refusals) {
    const client = tls.connect({ ...at, ...options, session: await session(), earlyData: 'a secret' });
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
    if (code === undefined) assert.equal(error, otherwise);
    else assert.equal(error.code, code);
  }
  assert.deepEqual(early, [], 'the server was not trusted when it was told');
  const trusting = tls.connect({ ...at, ca: rootPem, session: await session(), earlyData: 'for you' });
  await once(trusting, 'data');
  trusting.destroy();
  assert.deepEqual(early, ['for you']);
});

test('a server that has closed wipes its ticket keys; listening again it resumes as before', limit, async (t) => {
  const { nodeTimers } = await import('../../src/node/socket/server-sessions.ts');
  const cleared = t.mock.method(nodeTimers, 'clear');
  const keys = randomBytes(48);
  for (const ticketKeys of [undefined, keys]) {
    const server = tls.createServer({ ...credentials, ...(ticketKeys && { ticketKeys }) }, (socket) => socket.end('x'));
    const first = await visit(await listening(t, server));
    cleared.mock.resetCalls();
    server.close();
    await once(server, 'close');
    // Keys that the program has given do not rotate: a ring of them alone has no timer.
    const timed = ticketKeys === undefined;
    assert.equal(cleared.mock.callCount() > 0, timed, 'the timer of the key ring would keep it for ever');
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const again = await visit(port, first.session);
    assert.equal(again.reused, ticketKeys !== undefined, 'keys that the program has given are there again');
    assert.equal((await visit(port, again.session ?? first.session)).reused, true);
  }
});

test('a client whose identity check never ends keeps a few tickets, however many a server sends', limit, async (t) => {
  const { MemoryStore, ServerSessions } = await import('../../src/session/index.ts');
  const { nodeCrypto } = await import('../../src/node/base/key-signer.ts');
  const store = new MemoryStore({ clock: Date });
  const sessions = new ServerSessions({ crypto: nodeCrypto(), store, tls13Tickets: 'singleUse', ticketCount: 30 });
  const server = tls.createServer({ ...credentials, sessions }, (socket) => socket.on('error', () => {}).write('x'));
  const port = await listening(t, server);
  const transport = net.connect(port, '127.0.0.1');
  await once(transport, 'connect');
  // As in Node, nobody but `tls.connect` says that the identity is in order.
  const client = new tls.TLSSocket(transport, { servername: 'localhost', isServer: false } as nodeTls.TLSSocketOptions);
  (client as unknown as TLSSocket)._start();
  await once(client, 'data');
  let told = 0;
  client.on('session', () => told++);
  (client as unknown as TLSSocket).negotiation.releaseSessions(client as unknown as TLSSocket);
  client.destroy();
  assert.equal(told, 8);
});

test('early data that is too long for its ticket goes after the handshake', limit, async (t) => {
  const server = tls.createServer({ ...credentials, maxEarlyData: 4 }, (socket) => socket.pipe(socket));
  const port = await listening(t, server);
  let session: Buffer | undefined;
  for (let visit = 0; visit < 2; visit++) {
    const client = earlyClient(port, session, 'hello');
    const ticket = once(client, 'session') as Promise<[Buffer]>;
    const [answer] = (await once(client, 'data')) as [Buffer];
    assert.equal(String(answer), 'hello');
    assert.equal((client as unknown as TLSSocket).earlyDataAccepted, false);
    assert.equal(client.isSessionReused(), visit === 1);
    [session] = await ticket;
    client.destroy();
  }
});

test(
  'early data under ticket keys that others may have is refused, unless the program says that nobody else takes any',
  limit,
  async (t) => {
    const keys = randomBytes(48);
    const reasons: string[] = [];
    const { write } = process.stderr;
    t.after(() => {
      process.stderr.write = write;
    });
    process.stderr.write = ((text: string) => {
      const refused = /earlyData: rejected \((\w+)\)/.exec(text);
      if (refused !== null) reasons.push(refused[1]!);
      return true;
    }) as typeof write;
    const early = { ...credentials, maxEarlyData: 1000, enableTrace: true };
    for (const options of [
      { ...early, ticketKeys: keys },
      { ...early, ticketKeys: keys, replayRecord: 'complete' },
      early,
    ] as const) {
      const server = tls.createServer(options, (socket) => socket.on('error', () => {}).write('x'));
      const port = await listening(t, server);
      // Asked for them, the server has to think that somebody else has got them.
      if (options === early) server.getTicketKeys();
      let session: Buffer | undefined;
      for (let visit = 0; visit < 2; visit++) {
        const client = earlyClient(port, session, 'x');
        const ticket = once(client, 'session') as Promise<[Buffer]>;
        await once(client, 'data');
        [session] = await ticket;
        assert.equal((client as unknown as TLSSocket).earlyDataAccepted, false);
        client.destroy();
      }
    }
    // With `complete` it is the age of the register that counts: keys from outside may be older.
    assert.deepEqual(reasons, ['recordNotShared', 'doubtful', 'recordNotShared']);
    const wrong = { ...credentials, replayRecord: 'x' } as unknown as nodeTls.TlsOptions;
    assert.throws(() => tls.createServer(wrong), { code: 'ERR_INVALID_ARG_VALUE' });
  },
);

test('keys, certificates and lists that can not be read are named', limit, async (t) => {
  const { key, cert } = credentials as { key: string; cert: string };
  const block = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n/.exec(cert)![0];
  const damaged = block.replace(/\n.{8}(?==*\n?-----END)/, '\n');
  const cut = damaged === block ? block.replace(/.{4}\n-----END/, '\n-----END') : damaged;
  const make = (options: nodeTls.SecureContextOptions) => () => tls.createSecureContext(options);
  assert.throws(make({ key, cert: block + cut }), {
    code: 'ERR_OSSL_ASN1_NESTED_ASN1_ERROR',
    message: /certificate 2 of 2 \(.+\) in options\.cert is malformed: .* past the end/,
  });
  assert.throws(make({ key, cert: [block, cut] }), {
    message: /the certificate \(.+\) in options\.cert\[1\] is malformed/,
  });
  assert.throws(make({ key, cert: block.slice(0, 200) }), {
    code: 'ERR_OSSL_PEM_BAD_END_LINE',
    message: /options\.cert: the PEM block "CERTIFICATE" in line 1 has no line/,
  });
  assert.throws(make({ key: key.replace(/\n.{9}/, '\n'), cert }), { message: /the key in options\.key can't be read/ });
  const list = '-----BEGIN X509 CRL-----\nMAAA\n-----END X509 CRL-----\n';
  assert.throws(make({ crl: list }), { message: /^Failed to parse CRL: list 1 of 1 in options\.crl: / });
  // As in Node the rest of `ca` is trusted all the same; but it is said.
  const warnings: string[] = [];
  const onWarning = (warning: Error) => warnings.push(warning.message);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  const port = await listening(
    t,
    tls.createServer(credentials, (socket) => socket.end('x')),
  );
  const ca = [rootPem, cut, block.slice(0, 200)];
  const client = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca });
  await once(client, 'secureConnect');
  client.destroy();
  await new Promise((resolve) => setImmediate(resolve));
  assert.match(warnings.join('\n'), /option "ca" is not trusted: certificate 2 of 2 \(.+\) is malformed/);
  assert.match(warnings.join('\n'), /not trusted: the PEM block "CERTIFICATE" in line 1 has no line/);
});

test("connections of one server share the engine's options, whatever the server asks for", limit, async (t) => {
  for (const options of [{}, { ALPNProtocols: ['h2', 'http/1.1'] }, { requestCert: true, rejectUnauthorized: false }]) {
    const shared: unknown[] = [];
    const server = tls.createServer({ ...credentials, ...options }, (socket) => {
      const { context } = (socket as unknown as TLSSocket).negotiation;
      const known = context.derived.get(server) as Map<string, unknown> | undefined;
      shared.push(...(known?.values() ?? []));
      socket.on('error', () => {});
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    for (let i = 0; i < 3; i++) {
      const client = nodeTls.connect({
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: rootPem,
        ALPNProtocols: ['h2'],
      });
      await Promise.all([once(client, 'secureConnect'), once(server, 'secureConnection')]);
      client.destroy();
    }
    assert.equal(shared.length, 3);
    assert.equal(new Set(shared).size, 1);
  }
});
