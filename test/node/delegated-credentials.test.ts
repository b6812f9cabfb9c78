/** The options `delegatedCredential` and `acceptDelegatedCredentials` (RFC 9345). */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { encodePem } from '../../src/bytes/pem.ts';
import type { HandfastConnectOptions } from '../../src/node/socket/tls-connect.ts';
import type { HandfastServerOptions } from '../../src/node/socket/tls-server.ts';
import type { TLSSocket } from '../../src/node/socket/tls-socket.ts';
import tls, { createDelegatedCredential } from '../../src/node/tls.ts';
import { oids } from '../../src/pki/der/oid.ts';
import { derNull } from '../../src/pki/der/writer.ts';
import { dns, type TestCertificate, testCertificate, testKey } from '../pki/support.ts';

const validity = { notBefore: Date.now() - 3_600_000, notAfter: Date.now() + 86_400_000 };
const rootKey = testKey();
const issuer = { name: 'root', key: rootKey };
const root = encodePem(
  'CERTIFICATE',
  await testCertificate({ name: 'root', key: rootKey, issuer, ca: true, ...validity }),
);
const certificateKey = testKey();

async function certified(more: Partial<TestCertificate> = {}): Promise<string> {
  const usage = { oid: oids.delegationUsage, value: derNull() };
  const names = dns('localhost');
  const der = await testCertificate({ key: certificateKey, issuer, names, more: [usage], ...validity, ...more });
  return encodePem('CERTIFICATE', der);
}

const cert = await certified();
const key = certificateKey.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
const own = generateKeyPairSync('ed25519');
const credential = createDelegatedCredential({ cert, key, publicKey: own.publicKey, seconds: 3600 });

async function visit(t: TestContext, server: HandfastServerOptions, client: HandfastConnectOptions) {
  const listener = tls.createServer(server, (socket) => {
    socket.on('error', () => {});
    socket.end('hello');
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => listener.close());
  const { port } = listener.address() as AddressInfo;
  const options = { host: '127.0.0.1', port, servername: 'localhost', ca: root, ...client };
  const socket = tls.connect(options) as unknown as TLSSocket;
  let scheme: number | undefined;
  socket.once('secureConnect', () => {
    scheme = socket.connection?.info.peerSignatureScheme;
  });
  let text = '';
  for await (const chunk of socket) text += chunk;
  return { text, scheme, authorized: socket.authorized };
}

const ed25519 = 0x0807;
const ecdsa = 0x0403;
const delegating: HandfastServerOptions = { cert, key, delegatedCredential: { credential, key: own.privateKey } };

test('a server with one, and clients that take it or not', async (t) => {
  const taken = await visit(t, delegating, { acceptDelegatedCredentials: true });
  assert.deepEqual(taken, { text: 'hello', scheme: ed25519, authorized: true });
  const plain = await visit(t, delegating, {});
  assert.deepEqual(plain, { text: 'hello', scheme: ecdsa, authorized: true });
  const old = await visit(t, delegating, { acceptDelegatedCredentials: true, maxVersion: 'TLSv1.2' });
  assert.deepEqual(old, { text: 'hello', scheme: ecdsa, authorized: true });
});

test('it may sign in the thread pool, and sigalgs bound what is taken', async (t) => {
  const pooled = await visit(t, { ...delegating, signInThreadPool: true }, { acceptDelegatedCredentials: true });
  assert.equal(pooled.scheme, ed25519);
  const sigalgs = 'ecdsa_secp256r1_sha256';
  const bounded = await visit(t, delegating, { acceptDelegatedCredentials: true, sigalgs } as HandfastConnectOptions);
  assert.equal(bounded.scheme, ecdsa);
});

test('the certificate is verified as ever', async (t) => {
  const refused = visit(t, delegating, { acceptDelegatedCredentials: true, servername: 'other.example' });
  await assert.rejects(refused, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
});

test('a client with one; one for a client is none for a server', async (t) => {
  const forClient = createDelegatedCredential({ cert, key, publicKey: own.publicKey, seconds: 60, role: 'client' });
  const delegatedCredential = { credential: forClient, key: own.privateKey };
  const server = { cert, key, ca: root, requestCert: true, acceptDelegatedCredentials: true };
  const taken = await visit(t, server, { cert, key, delegatedCredential } as HandfastConnectOptions);
  assert.equal(taken.text, 'hello');
  const mistaken = await visit(t, { cert, key, delegatedCredential }, { acceptDelegatedCredentials: true });
  assert.equal(mistaken.scheme, ecdsa);
});

test('what the options cannot be is named', async () => {
  const refuse = (options: HandfastServerOptions, message: RegExp) =>
    assert.throws(() => tls.createSecureContext(options), { code: 'ERR_INVALID_ARG_VALUE', message });
  const other = generateKeyPairSync('ed25519');
  refuse({ ...delegating, delegatedCredential: { credential, key: other.privateKey } }, /not the one of the delegated/);
  refuse({ delegatedCredential: { credential, key: own.privateKey } }, /options\.cert/);
  refuse({ ...delegating, delegatedCredential: { credential: Buffer.alloc(4), key: own.privateKey } }, /parse/);
  const bare = await certified({ more: [] });
  const make = (more: object) => () =>
    createDelegatedCredential({ cert, key, publicKey: own.publicKey, seconds: 60, ...more });
  assert.throws(make({ cert: bare }), /DelegationUsage/);
  assert.throws(make({ seconds: 604_801 }), /seven days/);
  assert.throws(make({ key: own.privateKey }), /certificate's/);
});
