/** Options and methods of `node:tls` that came with Node 22 to 26: Handfast has them on every version, as far as Node lets it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { constants, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { TLSSocket } from '../../src/node/socket/tls-socket.ts';
import tls from '../../src/node/tls.ts';
import { rootFile, rootPem, testIdentity } from '../helpers/pki.ts';
import { execArgv, moduleLiteral } from '../helpers/process.ts';

const identity = testIdentity('ecdsa-p256');
const credentials = { key: identity.keyPem, cert: identity.chainPem };
const trusting = { ca: rootPem, servername: 'localhost' };
const limit = { timeout: 30_000 };

async function listen(
  t: TestContext,
  options: tls.TlsOptions = {},
): Promise<{ port: number; server: ReturnType<typeof tls.createServer> }> {
  const server = tls.createServer({ ...credentials, ...options }, (socket) => socket.on('error', () => {}).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, server };
}

/** What a socket of Node has noted for when it has a handle. */
function noted(socket: net.Socket, name: string): unknown {
  const key = Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === name);
  return key === undefined ? undefined : (socket as unknown as Record<symbol, unknown>)[key];
}

test('connect hands noDelay and keepAlive to the network', limit, async (t) => {
  const { port } = await listen(t);
  const options = { port, ...trusting, noDelay: true, keepAlive: true, keepAliveInitialDelay: 7000 };
  const client = tls.connect(options) as unknown as TLSSocket;
  const transport = client.netTransport!;
  assert.equal(noted(transport, 'kSetNoDelay'), true);
  assert.equal(noted(transport, 'kSetKeepAlive'), true);
  assert.equal(noted(transport, 'kSetKeepAliveInitialDelay'), 7);
  await once(client, 'secureConnect');
  client.destroy();
});

const marks = 'setTypeOfService' in net.Socket.prototype;

test('the type of service is set before there is a connection, and read from it afterwards', limit, async (t) => {
  const { port } = await listen(t);
  const early = new tls.TLSSocket(null as unknown as net.Socket) as unknown as TLSSocket;
  assert.equal(early.getTypeOfService(), 0);
  assert.equal(early.setTypeOfService(0x10), early);
  assert.equal(early.getTypeOfService(), 0x10);
  assert.throws(() => early.setTypeOfService(256), { code: 'ERR_OUT_OF_RANGE' });
  assert.throws(() => early.setTypeOfService('8' as unknown as number), { code: 'ERR_INVALID_ARG_TYPE' });
  early.destroy();
  const client = tls.connect({
    port,
    ...trusting,
    typeOfService: 0x10,
  }) as unknown as TLSSocket;
  await once(client, 'secureConnect');
  if (marks) assert.equal(client.getTypeOfService(), 0x10);
  client.setTypeOfService(0x08);
  assert.equal(client.getTypeOfService(), 0x08);
  client.destroy();
});

/** Runs a few lines with `tls` in a Node of their own; gives what they print. */
function inChild(lines: string, flags: readonly string[], env: Record<string, string>): string {
  const code = `import tls from ${moduleLiteral('src/node/tls.ts')};\n${lines}`;
  const { NODE_EXTRA_CA_CERTS, ...rest } = process.env;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...execArgv, ...flags, '--input-type=module', '--eval', code],
    { env: { ...rest, ...env }, encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

/** Connects to a server whose root only the file of SSL_CERT_FILE holds. */
const connectToOurs = `
import { readFileSync } from 'node:fs';
const server = tls.createServer({ key: readFileSync(process.env.KEY), cert: readFileSync(process.env.CERT) });
server.listen(0, '127.0.0.1', () => {
  const client = tls.connect({ port: server.address().port, servername: 'localhost' });
  client.on('secureConnect', () => tell(tls.getCACertificates().length - tls.getCACertificates('bundled').length));
  client.on('error', (error) => tell(error.code));
});
const tell = (what) => { console.log(what); process.exit(); };
`;

test('without ca, the flags and variables of Node say who is trusted', { timeout: 60_000 }, (t) => {
  const empty = mkdtempSync(join(tmpdir(), 'handfast-'));
  t.after(() => rmdirSync(empty));
  const env = { SSL_CERT_FILE: rootFile, SSL_CERT_DIR: empty, KEY: identity.keyFile, CERT: identity.chainFile };
  assert.equal(inChild(connectToOurs, [], { ...env, NODE_USE_SYSTEM_CA: '1' }), '1');
  assert.equal(Number(inChild(connectToOurs, ['--use-openssl-ca'], env)), 1 - tls.rootCertificates.length);
});

test('getCACertificates and setDefaultCACertificates, as in Node 22', () => {
  const before = tls.getCACertificates();
  assert.equal(tls.getCACertificates('default'), before);
  assert.ok(Object.isFrozen(before));
  assert.equal(tls.getCACertificates('bundled'), tls.rootCertificates);
  assert.throws(() => tls.getCACertificates(null as unknown as 'default'), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => tls.getCACertificates('none' as 'default'), { code: 'ERR_INVALID_ARG_VALUE' });
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  assert.throws(() => tls.setDefaultCACertificates([rootPem, broken]), { code: 'ERR_OSSL_PEM_ASN1_LIB' });
  assert.throws(() => tls.setDefaultCACertificates(['nothing']), { code: 'ERR_CRYPTO_OPERATION_FAILED' });
  assert.equal(tls.getCACertificates(), before);
  tls.setDefaultCACertificates([rootPem, Buffer.from(rootPem)]);
  assert.deepEqual(tls.getCACertificates(), [rootPem.slice(rootPem.indexOf('-----BEGIN')).trimEnd()]);
  tls.setDefaultCACertificates([]);
  assert.deepEqual(tls.getCACertificates(), []);
  tls.setDefaultCACertificates(before);
  assert.equal(
    tls.getCACertificates().length,
    new Set(before.map((pem) => new X509Certificate(pem).fingerprint256)).size,
  );
});

test('what a callback of the server throws ends that connection, and tlsClientError tells it', limit, async (t) => {
  const thrown = new Error('of the program');
  const fail = () => {
    throw thrown;
  };
  for (const [options, code] of [
    [{ ALPNCallback: () => 'none of them' }, 'ERR_TLS_ALPN_CALLBACK_INVALID_RESULT'],
    [{ ALPNCallback: fail }, undefined],
    [{ SNICallback: fail }, undefined],
  ] as [tls.TlsOptions, string | undefined][]) {
    const { port, server } = await listen(t, options);
    const client = tls.connect({ port, ...trusting, ALPNProtocols: ['a'] });
    client.on('error', () => {});
    const [error] = (await once(server, 'tlsClientError')) as [NodeJS.ErrnoException];
    if (code === undefined) assert.equal(error, thrown);
    else assert.equal(error.code, code);
    client.destroy();
  }
});

test('what a listener for sessions throws is an error of the server, and costs the session only', limit, async (t) => {
  const { port, server } = await listen(t, { secureOptions: constants.SSL_OP_NO_TICKET, maxVersion: 'TLSv1.2' });
  const thrown: unknown[] = [];
  server.on('error', (error) => thrown.push(error.message));
  server.on('newSession', () => {
    throw new Error('new');
  });
  server.on('resumeSession', () => {
    throw new Error('resume');
  });
  const client = tls.connect({ port, ...trusting });
  await once(client, 'secureConnect');
  assert.equal(client.isSessionReused(), false);
  client.destroy();
  // A client that could speak TLS 1.3 sends a session ID that nobody has given it.
  assert.deepEqual(thrown, ['resume', 'new']);
});

test('options are judged as Node 24 and 26 judge them', () => {
  assert.throws(() => tls.connect({ checkServerIdentity: null as never }), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => tls.connect({ minDHSize: 0 }), { code: 'ERR_OUT_OF_RANGE' });
  const compressed = (certificateCompression: unknown, more: object = {}) =>
    tls.createSecureContext({ ...more, certificateCompression } as tls.SecureContextOptions);
  assert.throws(() => compressed('zlib'), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => compressed(['gzip']), /must be 'zlib', 'brotli', or 'zstd'/);
  assert.throws(() => compressed(['zlib', 'zlib', 'zlib', 'zlib']), /at most 3/);
  assert.throws(() => compressed(['zlib'], { maxVersion: 'TLSv1.2' }), /TLSv1\.3/);
  compressed([], { maxVersion: 'TLSv1.2' });
});

test('an IP address as server name is refused from Node 25 on', () => {
  const call = () => tls.connect({ port: 1, servername: '127.0.0.1' }).on('error', () => {});
  if (Number.parseInt(process.versions.node, 10) < 25) call().destroy();
  else assert.throws(call, { code: 'ERR_INVALID_ARG_VALUE' });
});

test('lists of ALPN protocols are judged as the Node that runs judges them', () => {
  for (const list of [[''], ['h2', ''], Buffer.of(0), Buffer.of(2, 0x61), Buffer.of(1, 0x61, 0x62, 0x62)]) {
    const convert = () => tls.convertALPNProtocols(list as string[], {});
    if (Number.parseInt(process.versions.node, 10) < 24) convert();
    else assert.throws(convert, { code: 'ERR_INVALID_ARG_VALUE' });
  }
  const out: { ALPNProtocols?: Buffer } = {};
  tls.convertALPNProtocols(Buffer.of(1, 0x61, 2, 0x62, 0x63), out);
  assert.deepEqual(out.ALPNProtocols, Buffer.of(1, 0x61, 2, 0x62, 0x63));
});

test('addCACert adds to the default authorities where a context has none of its own', limit, async (t) => {
  const { port } = await listen(t);
  const secureContext = tls.createSecureContext();
  const { context } = secureContext as unknown as { context: { ca?: unknown[]; addCACert(pem: string): void } };
  context.addCACert(rootPem);
  assert.equal(context.ca?.length, tls.getCACertificates().length + 1);
  const client = tls.connect({ port, servername: 'localhost', secureContext });
  await once(client, 'secureConnect');
  assert.equal(client.authorized, true);
  client.destroy();
});
