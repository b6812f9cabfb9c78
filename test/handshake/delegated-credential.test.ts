/** Delegated credentials (RFC 9345): a certificate lets another key speak for some days. */
import assert from 'node:assert/strict';
import * as nodeCrypto from 'node:crypto';
import { describe, test } from 'node:test';
import type { ClientOptions, ServerOptions } from '../../src/engine/config.ts';
import { createDelegatedCredential, delegatedCredential } from '../../src/engine/delegated-credential.ts';
import { localSigner } from '../../src/engine/signer.ts';
import type { Credential } from '../../src/handshake/config.ts';
import type { TraceEvent } from '../../src/handshake/trace.ts';
import { extension } from '../../src/pki/build.ts';
import { oids } from '../../src/pki/der/oid.ts';
import { derNull } from '../../src/pki/der/writer.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import {
  type DelegatedCredential,
  decodeDelegatedCredential,
  encodeDelegatedCredential,
} from '../../src/wire/delegated-credential.ts';
import { tls12 } from '../../src/wire/versions.ts';
import { now, type TestCertificate, testCertificate, testKey } from '../pki/support.ts';
import { createPair, crypto, matrix, type Pair, testCredential } from './pair.ts';

const ecdsaP256 = 0x0403;
const ecdsaP384 = 0x0503;
const day = 86_400;
const usage = { oid: oids.delegationUsage, value: derNull() };
const certificateKey = testKey('p256');
const issuer = { name: 'issuer', key: testKey('p256') };

function privateKey({ privateKey: key }: ReturnType<typeof testKey>) {
  return crypto.importPrivateKey(new Uint8Array(key.export({ format: 'der', type: 'pkcs8' })));
}

const ownKey = privateKey(certificateKey);
const delegatedKeys = { p256: privateKey(testKey('p256')), p384: privateKey(testKey('p384')) };
const certified = (more: Partial<TestCertificate> = {}) =>
  testCertificate({ key: certificateKey, issuer, more: [usage], ...more });
const certificate = await certified();

interface Forgery {
  certificate?: Uint8Array;
  role?: 'server' | 'client';
  /** Who shows it, right or wrong. */
  shownBy?: 'server' | 'client';
  seconds?: number;
  key?: keyof typeof delegatedKeys;
  /** Changes what was signed. */
  change?: Partial<DelegatedCredential>;
}

/** A credential with a delegation that may break any rule. */
function delegated({
  certificate: der = certificate,
  role = 'server',
  key = 'p256',
  ...more
}: Forgery = {}): Credential {
  const delegatedKey = delegatedKeys[key];
  const { seconds = day, change = {}, shownBy = 'server' } = more;
  const good = createDelegatedCredential(crypto, {
    certificate,
    key: ownKey,
    publicKey: delegatedKey.publicKey,
    role,
    seconds,
    now,
  });
  const credential = encodeDelegatedCredential({ ...decodeDelegatedCredential(good), ...change });
  const scheme = change.dcCertVerifyAlgorithm ?? (key === 'p256' ? ecdsaP256 : ecdsaP384);
  const delegation = { credential, role: shownBy, scheme, algorithm: ecdsaP256, notAfter: now + 1e12 };
  return { chain: [der], signer: localSigner(delegatedKey), delegation };
}

const plain: Credential = { chain: [certificate], signer: localSigner(ownKey), identity: 'plain' };
const asking: Partial<ClientOptions> = { now: () => now, delegatedCredentialSchemes: [ecdsaP256, ecdsaP384] };
const serving = (...credentials: Credential[]): Partial<ServerOptions> => ({ now: () => now, credentials });

async function meet(
  client: Partial<ClientOptions>,
  server: Partial<ServerOptions>,
): Promise<Pair & { said: string[] }> {
  const said: string[] = [];
  const trace = (event: TraceEvent) => {
    if (event.kind === 'decision' && event.about === 'credential') said.push(event.choice);
  };
  const pair = createPair({ client: { ...client, trace }, server });
  await pair.run();
  return { ...pair, said };
}

function assertConnected({ client, server }: Pair): void {
  for (const side of [client, server]) assert.equal(side.error, undefined, side.error?.stack);
}

matrix((delivery, hostKind, label) => {
  test(`a server shows one to who asks: ${label}`, async () => {
    const pair = createPair({ client: asking, server: serving(delegated(), plain) }, delivery, hostKind);
    await pair.run();
    assertConnected(pair);
    assert.equal(pair.client.info.peerSignatureScheme, ecdsaP256);
  });
});

test('who does not ask, asks for other schemes, or speaks TLS 1.2, gets the certificate alone', async () => {
  const server = serving(delegated({ key: 'p384' }), plain);
  assert.deepEqual((await meet(asking, server)).said, ['delegated']);
  for (const client of [
    { now: () => now },
    { ...asking, delegatedCredentialSchemes: [ecdsaP256] },
    { ...asking, maxVersion: tls12 },
  ] as const) {
    const pair = await meet(client, server);
    assertConnected(pair);
    assert.deepEqual(pair.said, []);
    assert.equal(pair.client.info.peerSignatureScheme, ecdsaP256);
  }
});

test('one that is for clients is not shown by a server', async () => {
  const pair = await meet(asking, serving(delegated({ shownBy: 'client' }), plain));
  assertConnected(pair);
  assert.deepEqual(pair.said, []);
});

test('one whose time is over is not shown', async () => {
  const over = delegated();
  const credential = { ...over, delegation: { ...over.delegation!, notAfter: now } };
  assert.deepEqual((await meet(asking, serving(credential, plain))).said, []);
});

describe('a client refuses', () => {
  const keyUsage = { [oids.keyUsage]: extension.keyUsage('keyAgreement') };
  const refused: readonly (readonly [string, () => Promise<Forgery> | Forgery, RegExp])[] = [
    ['one whose time is over', () => ({ change: { validTime: day - 1 } }), /time is over/],
    ['more than seven days', () => ({ change: { validTime: 8 * day + 1 } }), /seven days/],
    ['another signature', () => ({ change: { signature: new Uint8Array(70) } }), /does not verify/],
    ['one for the other role', () => ({ role: 'client' }), /does not verify/],
    ['one of another certificate', async () => ({ certificate: await certified() }), /does not verify/],
    ['a changed time', () => ({ change: { validTime: day + 100 } }), /does not verify/],
    ['a scheme that was not offered', () => ({ change: { algorithm: 0x0203 } }), /0x203, which was not offered/],
    ['no DelegationUsage', async () => ({ certificate: await certified({ more: [] }) }), /DelegationUsage/],
    [
      'a critical DelegationUsage',
      async () => ({ certificate: await certified({ more: [{ ...usage, critical: true }] }) }),
      /DelegationUsage/,
    ],
    ['no digitalSignature', async () => ({ certificate: await certified({ replace: keyUsage }) }), /digitalSignature/],
    [
      'no key usage at all',
      async () => ({ certificate: await certified({ replace: { [oids.keyUsage]: undefined } }) }),
      /digitalSignature/,
    ],
  ];
  for (const [what, forge, message] of refused) {
    test(what, async () => {
      const { client } = await meet(asking, serving(delegated(await forge())));
      assert.equal(client.error?.code, 'ERR_TLS_DELEGATED_CREDENTIAL');
      assert.equal(client.error.alert, 'illegalParameter');
      assert.match(client.error.message, message);
    });
  }

  test('a CertificateVerify of another scheme than the credential names', async () => {
    const credential = delegated({ key: 'p384' });
    const signer = { ...localSigner(ownKey), schemes: [ecdsaP256] };
    const delegation = { ...credential.delegation!, scheme: ecdsaP256 };
    const { client } = await meet(asking, serving({ ...credential, signer, delegation }));
    assert.equal(client.error?.code, 'ERR_TLS_SIGNATURE_SCHEME');
    assert.equal(client.error.alert, 'illegalParameter');
  });

  test('the key of the certificate in the place of the delegated one', async () => {
    const { client } = await meet(asking, serving({ ...delegated(), signer: localSigner(ownKey) }));
    assert.equal(client.error?.code, 'ERR_TLS_SIGNATURE');
  });

  test('one that it did not ask for', async () => {
    const schemes = [ecdsaP256];
    const trace = (event: TraceEvent) => {
      // Once the ClientHello is out, this client has never asked.
      if (event.kind === 'message') schemes.length = 0;
    };
    const pair = createPair({
      client: { ...asking, delegatedCredentialSchemes: schemes, trace },
      server: serving(delegated()),
    });
    await pair.run();
    assert.equal(pair.client.error?.code, 'ERR_TLS_UNSOLICITED_DELEGATION');
    assert.equal(pair.client.error.alert, 'unexpectedMessage');
  });

  test('and a server does not show one that was not asked for, whatever its host says', async () => {
    const server = { ...serving(), selectCredential: () => delegated() };
    assert.equal((await meet({ now: () => now }, server)).server.error?.code, 'ERR_TLS_NO_SIGNATURE_SCHEME');
  });
});

test('a session ends with the credential', async () => {
  const clock = { now: () => now };
  const sessions = new ServerSessions({ crypto, store: new MemoryStore({ clock }) });
  const pair = await meet(asking, { ...serving(delegated()), sessions });
  assertConnected(pair);
  const [session] = pair.client.takeSessions();
  assert.equal(session?.state.peerNotAfter, now + 1000 * day);
});

test('a client with one, asked by a server that takes them', async () => {
  const credential = delegated({ role: 'client', shownBy: 'client' });
  const server: Partial<ServerOptions> = {
    ...serving(plain),
    clientCertificate: 'require',
    verifyPeer: () => undefined,
  };
  const client = { now: () => now, credentials: [credential] };
  const takes = { ...server, delegatedCredentialSchemes: [ecdsaP256] };
  assertConnected(await meet(client, takes));
  assert.equal((await meet(client, server)).server.error?.code, 'ERR_TLS_CERTIFICATE_REQUIRED');
  const wrong = await meet({ ...client, credentials: [delegated({ shownBy: 'client' })] }, takes);
  assert.equal(wrong.server.error?.code, 'ERR_TLS_DELEGATED_CREDENTIAL');
});

test('the signature is over what RFC 9345, Section 4 says', () => {
  const publicKey = delegatedKeys.p256.publicKey;
  const bytes = createDelegatedCredential(crypto, { certificate, key: ownKey, publicKey, seconds: day, now });
  // Put together by hand: u32 valid_time, u16 scheme, u24 key, u16 algorithm, u16 signature.
  const cut = 4 + 2 + 3 + publicKey.length + 2;
  const view = Buffer.from(bytes);
  assert.equal(view.readUInt32BE(0), 2 * day);
  assert.equal(view.readUInt16BE(4), ecdsaP256);
  assert.equal(view.readUIntBE(6, 3), publicKey.length);
  assert.equal(view.readUInt16BE(cut), bytes.length - cut - 2);
  const signed = Buffer.concat([
    Buffer.alloc(64, ' '),
    Buffer.from('TLS, server delegated credentials\0'),
    certificate,
    view.subarray(0, cut),
  ]);
  const key = nodeCrypto.createPublicKey({ key: Buffer.from(certificateKey.spki), format: 'der', type: 'spki' });
  assert.ok(nodeCrypto.verify('sha256', signed, key, view.subarray(cut + 2)));
});

test('a credential that nobody would take is refused when it is made', async () => {
  const publicKey = delegatedKeys.p256.publicKey;
  const base = { certificate, key: ownKey, publicKey, seconds: day, now };
  const make = (change: Partial<typeof base>) => () => createDelegatedCredential(crypto, { ...base, ...change });
  const bare = await certified({ more: [] });
  assert.throws(make({ certificate: bare }), /DelegationUsage/);
  assert.throws(make({ seconds: 7 * day + 1 }), /seven days/);
  assert.throws(make({ key: delegatedKeys.p256 }), /certificate's/);
  assert.throws(make({ publicKey: privateKey(testKey('rsa')).publicKey }), /may not be delegated to/);
  const bytes = make({})();
  assert.equal(delegatedCredential(crypto, [certificate], bytes, delegatedKeys.p256).delegation.scheme, ecdsaP256);
  assert.throws(() => delegatedCredential(crypto, [certificate], bytes, delegatedKeys.p384), {
    code: 'ERR_TLS_CONFIG_DELEGATED_KEY',
  });
  assert.throws(() => delegatedCredential(crypto, [certificate], bytes, delegatedKeys.p256, 'client'), /signed/);
  assert.throws(() => delegatedCredential(crypto, [certificate], bytes.subarray(1), delegatedKeys.p256), /parse/);
  assert.throws(() => delegatedCredential(crypto, testCredential('ecdsa-p256').chain, bytes, delegatedKeys.p256));
});
