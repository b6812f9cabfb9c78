/** What BoringSSL's runner found, as tests of our own: each of these once went wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../src/bytes/bytes.ts';
import type { Credential } from '../../src/handshake/config.ts';
import type { CredentialQuery } from '../../src/handshake/host.ts';
import { chooseCredential } from '../../src/handshake/negotiate.ts';
import { Transcript } from '../../src/handshake/transcript.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { createPair, crypto, testCredential } from './pair.ts';

test('a transcript that early data hashed with SHA-256 hashes with SHA-384 for another suite', () => {
  const transcript = new Transcript(crypto);
  const message = Uint8Array.of(1, 0, 0, 1, 7);
  transcript.add(message);
  assert.equal(toHex(transcript.hash('sha256')), toHex(crypto.hash('sha256', message)));
  assert.equal(toHex(transcript.hash('sha384')), toHex(crypto.hash('sha384', message)));
  assert.equal(toHex(transcript.hash('sha256')), toHex(crypto.hash('sha256', message)));
});

const ecdsaSha256 = 0x0403;
const pssSha256 = 0x0804;

function query(credentials: readonly Credential[], extra: Partial<CredentialQuery>): CredentialQuery {
  return {
    role: 'server',
    version: 0x0303,
    serverName: undefined,
    signatureSchemes: [ecdsaSha256, pssSha256],
    certificateSignatureSchemes: [ecdsaSha256, pssSha256],
    certificateTypes: ['x509'],
    delegatedSchemes: [],
    authentication: ['ecdsa', 'rsa'],
    groups: ['x25519', 'secp256r1'],
    certificateAuthorities: [],
    credentials,
    ...extra,
  };
}

test('an RSA key that no accepted scheme fits is chosen for static RSA only', () => {
  const rsa = testCredential('rsa');
  const signer = { ...rsa.signer, decryptRaw: () => undefined };
  const credential = { ...rsa, signer };
  const schemes = { signatureSchemes: [ecdsaSha256] };
  assert.equal(chooseCredential(query([credential], schemes)), undefined);
  assert.equal(chooseCredential(query([credential], { ...schemes, staticRsa: true })), credential);
});

test('in TLS 1.2 the curve of an ECDSA certificate is one that the client supports; in TLS 1.3 the scheme says it', () => {
  const p256 = testCredential('ecdsa-p256');
  assert.equal(chooseCredential(query([p256], { groups: ['x25519'] })), undefined);
  assert.equal(chooseCredential(query([p256], { groups: ['x25519', 'secp256r1'] })), p256);
  assert.equal(chooseCredential(query([p256], { groups: ['x25519'], version: 0x0304 })), p256);
});

test('a credential that must match an issuer is shown to a peer that names one of its issuers', () => {
  const issuer = Uint8Array.of(0x30, 0);
  const own = { ...testCredential('rsa'), issuers: [issuer], mustMatchIssuer: true };
  assert.equal(chooseCredential(query([own], {})), undefined);
  assert.equal(chooseCredential(query([own], { certificateAuthorities: [Uint8Array.of(0x30, 1, 5)] })), undefined);
  assert.equal(chooseCredential(query([own], { certificateAuthorities: [issuer] })), own);
});

test('no record is larger than maxSendFragment, and all that was written arrives', async () => {
  const maxSendFragment = 512;
  const pair = createPair({ server: { maxSendFragment, credentials: [testCredential('rsa')] } });
  await pair.run();
  const before = pair.sent.server;
  pair.server.write(new Uint8Array(2048).fill(7));
  await pair.run();
  assert.equal(pair.received.client.length, 2048);
  // Four records, each with a header of 5 bytes, a content type and a tag of 16.
  assert.equal(pair.sent.server - before, 2048 + 4 * (5 + 1 + 16));
});

for (const maxVersion of [0x0303, 0x0304] as const) {
  test(`a client that is told to verifies the chain of a resumed session again (${maxVersion.toString(16)})`, async () => {
    const store = new MemoryStore({ clock: { now: Date.now } });
    const server = {
      sessions: new ServerSessions({ crypto, store }),
      credentials: [testCredential('rsa')],
      maxVersion,
    };
    const first = createPair({ server });
    await first.run();
    const session = first.client.takeSessions().at(-1);
    assert.ok(session);
    let asked = 0;
    const verifyPeer = ({ chain }: { chain: readonly Uint8Array[] }) => {
      asked++;
      assert.equal(toHex(chain[0] as Uint8Array), toHex(testCredential('rsa').chain[0] as Uint8Array));
      return undefined;
    };
    for (const verifyResumed of [false, true]) {
      const again = createPair({ server, client: { sessions: [session], verifyPeer, verifyResumed } });
      await again.run();
      if (verifyResumed && maxVersion === 0x0304) break;
      assert.ok(again.client.info.resumed);
      assert.equal(asked, verifyResumed ? 1 : 0);
    }
  });
}

test('ML-KEM-1024 alone exchanges keys in TLS 1.3, and is not offered in TLS 1.2', async () => {
  const groups = ['MLKEM1024'] as const;
  const pair = createPair({ client: { groups }, server: { groups } });
  await pair.run();
  assert.equal(pair.client.error, undefined);
  assert.equal(pair.client.info.group, 'MLKEM1024');
  const old = createPair({ client: { groups, maxVersion: 0x0303 }, server: { groups } });
  await old.run();
  assert.equal(old.client.connected, false);
});
