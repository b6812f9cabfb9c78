import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createPortableCrypto } from '../../src/crypto/portable.ts';
import { type WebCryptoKey, webCryptoSigner } from '../../src/engine/web-crypto-signer.ts';
import { ConfigError } from '../../src/errors.ts';
import { createPair, type Pair } from '../handshake/pair.ts';
import { verifyWithTestRoot } from '../helpers/engine.ts';
import { type IdentityName, testIdentity } from '../helpers/pki.ts';

const crypto = createPortableCrypto();

type Import = { name: string; hash?: string; namedCurve?: string };

/** The key of an identity in Web Crypto, never to leave it. */
function importKey(name: IdentityName, algorithm: Import): Promise<WebCryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', testIdentity(name).key, algorithm, false, ['sign']);
}

/** In TLS 1.2 the client's groups bound the curves of certificates, too. */
const groups = ['x25519', 'secp256r1', 'secp384r1', 'secp521r1'] as const;

const pss = { name: 'RSA-PSS', hash: 'SHA-256' };
const pkcs1 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };

/** Web Crypto signs on a thread of its own: goes on until both sides are connected, or one has failed. */
async function settled(pair: Pair): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    await pair.run();
    if (pair.client.error !== undefined || (pair.client.connected && pair.server.connected)) return;
    await delay(2);
  }
}

describe('webCryptoSigner', () => {
  const cases: readonly [IdentityName, readonly Import[]][] = [
    ['ecdsa-p256', [{ name: 'ECDSA', namedCurve: 'P-256' }]],
    ['ecdsa-p384', [{ name: 'ECDSA', namedCurve: 'P-384' }]],
    ['ecdsa-p521', [{ name: 'ECDSA', namedCurve: 'P-521' }]],
    ['ed25519', [{ name: 'Ed25519' }]],
    ['rsa', [pss, pkcs1]],
    ['rsa', [pkcs1]],
  ];
  for (const [name, imports] of cases) {
    test(`a server of the portable engine signs with ${name} (${imports.map((i) => i.name).join(', ')})`, async () => {
      const keys = await Promise.all(imports.map((algorithm) => importKey(name, algorithm)));
      const credentials = [{ chain: testIdentity(name).chain, signer: webCryptoSigner(...keys) }];
      for (const version of [0x0304, 0x0303] as const) {
        const pair = createPair({
          client: { crypto, maxVersion: version, minVersion: version, verifyPeer: verifyWithTestRoot, groups },
          server: { crypto, credentials, groups },
        });
        await settled(pair);
        // PKCS #1 v1.5 signs nothing in TLS 1.3.
        const expected = version === 0x0303 || imports.some((algorithm) => algorithm !== pkcs1);
        assert.equal(pair.client.connected && pair.server.connected, expected);
      }
    });
  }

  test('a key that cannot sign in TLS, or several keys in one, are a ConfigError', async () => {
    const ecdsa = await importKey('ecdsa-p256', { name: 'ECDSA', namedCurve: 'P-256' });
    const rsa = await importKey('rsa', pss);
    const { publicKey } = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    const agrees = await webcrypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits']);
    for (const keys of [[], [ecdsa, rsa], [publicKey], [(agrees as { privateKey: WebCryptoKey }).privateKey]]) {
      assert.throws(() => webCryptoSigner(...keys), ConfigError);
    }
    await assert.rejects(async () => webCryptoSigner(ecdsa).sign(0x0804, new Uint8Array(1)), ConfigError);
  });
});
