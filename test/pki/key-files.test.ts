import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createKeyFileCrypto } from '../../src/crypto/node-key-files.ts';
import { derContext, derInteger, derOctetString, derOid, derSequence } from '../../src/pki/der/writer.ts';
import { decodePrivateKey, encodePem, encodePkcs12, encodePrivateKey, oids, openPkcs12 } from '../../src/pki/index.ts';
import { testCertificate, testKey } from './support.ts';

const crypto = createKeyFileCrypto();
const folder = mkdtempSync(join(tmpdir(), 'handfast-keys-'));
after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

function openssl(...words: string[]): string {
  return execFileSync('openssl', words, { encoding: 'utf8', timeout: 30_000, stdio: ['ignore', 'pipe', 'pipe'] });
}
const skip = ((): string | false => {
  try {
    openssl('version');
    return false;
  } catch {
    return 'no openssl on this machine';
  }
})();

const keys: Record<string, KeyObject> = {
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ed25519: generateKeyPairSync('ed25519').privateKey,
};
const pkcs8 = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'der' });
const same = (der: Uint8Array, key: KeyObject) =>
  assert.ok(createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' }).equals(key));

describe('private keys', () => {
  it('are read in all their forms', () => {
    for (const [name, key] of Object.entries(keys)) {
      same(decodePrivateKey(key.export({ type: 'pkcs8', format: 'pem' }) as string), key);
      same(decodePrivateKey(pkcs8(key)), key);
      if (name === 'ed25519') continue;
      const type = name === 'ec' ? 'sec1' : 'pkcs1';
      same(decodePrivateKey(key.export({ type, format: 'pem' }) as string), key);
      same(decodePrivateKey(new Uint8Array(key.export({ type, format: 'der' } as never) as Buffer)), key);
    }
  });

  it('are encrypted, by scrypt and by PBKDF2, so that Node and we ourselves read them', () => {
    const key = keys['ec'] as KeyObject;
    for (const choice of [{ scrypt: { n: 1024, r: 8, p: 1 } }, { derivation: 'pbkdf2', iterations: 1000 }] as const) {
      const pem = encodePrivateKey(pkcs8(key), { passphrase: 'Pässword', crypto, ...choice });
      assert.ok(createPrivateKey({ key: pem, passphrase: 'Pässword' }).equals(key));
      same(decodePrivateKey(pem, { passphrase: 'Pässword', crypto }), key);
      assert.throws(() => decodePrivateKey(pem, { passphrase: 'x', crypto }), { code: 'ERR_TLS_PASSPHRASE' });
      assert.throws(() => decodePrivateKey(pem), { code: 'ERR_TLS_PASSPHRASE' });
    }
  });

  it('of Node with every AES and hash are read', () => {
    const key = keys['rsa'] as KeyObject;
    for (const cipher of ['aes-128-cbc', 'aes-192-cbc', 'aes-256-cbc']) {
      const pem = key.export({ type: 'pkcs8', format: 'pem', cipher, passphrase: 'secret' }) as string;
      same(decodePrivateKey(pem, { passphrase: 'secret', crypto }), key);
    }
  });

  it('are refused with advice', () => {
    assert.throws(() => decodePrivateKey('no PEM at all'), { code: 'ERR_TLS_KEY_FILE', message: /no private key/ });
    assert.throws(() => decodePrivateKey(encodePem('CERTIFICATE', Uint8Array.of(1))), /but CERTIFICATE/);
    assert.throws(() => decodePrivateKey(encodePem('PRIVATE KEY', Uint8Array.of(0x30, 0))), {
      code: 'ERR_TLS_KEY_FILE',
    });
    // Triple-DES is read where the provider has it.
    const old = tripleDes(keys['ec'] as KeyObject);
    const { decryptTripleDesCbc: _, ...without } = crypto;
    assert.throws(() => decodePrivateKey(old, { passphrase: 'x', crypto: without }), {
      code: 'ERR_TLS_KEY_FILE',
      message: /openssl pkcs8/,
    });
  });

  it('encrypted with Triple-DES are read', () => {
    const key = keys['ec'] as KeyObject;
    same(decodePrivateKey(tripleDes(key), { passphrase: 'x', crypto }), key);
    assert.throws(() => decodePrivateKey(tripleDes(key), { passphrase: 'y', crypto }), { code: 'ERR_TLS_PASSPHRASE' });
  });
});

function tripleDes(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem', cipher: 'des-ede3-cbc', passphrase: 'x' }) as string;
}

describe('PKCS#12', () => {
  it('files of OpenSSL are read, and OpenSSL reads ours', { skip }, async () => {
    const authority = { name: 'CA', key: testKey() };
    const caDer = await testCertificate({ ...authority, issuer: authority, ca: true });
    const key = testKey();
    const leafDer = await testCertificate({ name: 'leaf', key, issuer: authority });
    writeFileSync(path('leaf.pem'), encodePem('CERTIFICATE', leafDer));
    writeFileSync(path('ca.pem'), encodePem('CERTIFICATE', caDer));
    writeFileSync(path('key.pem'), encodePem('PRIVATE KEY', pkcs8(key.privateKey)));
    openssl(
      'pkcs12',
      '-export',
      '-in',
      path('leaf.pem'),
      '-inkey',
      path('key.pem'),
      '-certfile',
      path('ca.pem'),
      '-name',
      'mein Schlüssel',
      '-passout',
      'pass:geheim',
      '-out',
      path('theirs.p12'),
    );
    const theirs = openPkcs12(readFileSync(path('theirs.p12')), 'geheim', crypto);
    same(theirs.keys[0]?.der as Uint8Array, key.privateKey);
    assert.deepEqual(
      theirs.certificates.map(({ der }) => Buffer.from(der)),
      [Buffer.from(leafDer), Buffer.from(caDer)],
    );
    assert.deepEqual(theirs.keys[0]?.localKeyId, theirs.certificates[0]?.localKeyId);
    assert.throws(() => openPkcs12(readFileSync(path('theirs.p12')), 'falsch', crypto), { code: 'ERR_TLS_PASSPHRASE' });

    const ours = encodePkcs12(
      { key: pkcs8(key.privateKey), certificates: [leafDer, caDer], friendlyName: 'Schlüssel' },
      'geheim',
      crypto,
      { iterations: 1000 },
    );
    writeFileSync(path('ours.p12'), ours);
    const text = openssl('pkcs12', '-in', path('ours.p12'), '-passin', 'pass:geheim', '-nodes');
    assert.match(text, /BEGIN PRIVATE KEY/);
    assert.equal(text.match(/BEGIN CERTIFICATE/g)?.length, 2);
    const again = openPkcs12(ours, 'geheim', crypto);
    assert.equal(again.keys[0]?.friendlyName, 'Schlüssel');
    assert.deepEqual(again.certificates.length, 2);
  });

  it('of old programs are read: Triple-DES and SHA-1, contents inside contents, no integrity check', {
    skip,
  }, async () => {
    const key = testKey();
    const der = await testCertificate({ name: 'leaf', key, issuer: { name: 'CA', key } });
    writeFileSync(path('old.pem'), encodePem('CERTIFICATE', der) + encodePem('PRIVATE KEY', pkcs8(key.privateKey)));
    const words = ['pkcs12', '-export', '-in', path('old.pem'), '-out', path('old.p12'), '-macalg', 'sha1'];
    const scheme = 'PBE-SHA1-3DES';
    openssl(...words, '-keypbe', scheme, '-certpbe', scheme, '-passout', 'pass:geheim');
    const old = readFileSync(path('old.p12'));
    const { keys: read, certificates } = openPkcs12(old, 'geheim', crypto);
    same(read[0]?.der as Uint8Array, key.privateKey);
    assert.deepEqual(Buffer.from(certificates[0]?.der as Uint8Array), Buffer.from(der));
    assert.throws(() => openPkcs12(old, 'falsch', crypto), { code: 'ERR_TLS_PASSPHRASE' });

    openssl(...words, '-keypbe', scheme, '-certpbe', scheme, '-passout', 'pass:geheim', '-nomac');
    const bare = readFileSync(path('old.p12'));
    assert.throws(() => openPkcs12(bare, 'geheim', crypto), { code: 'ERR_TLS_KEY_FILE', message: /integrity/ });
    assert.equal(openPkcs12(bare, 'geheim', crypto, { allowUnauthenticated: true }).keys.length, 1);

    const bag = (type: string, value: Uint8Array) => derSequence(derOid(type), derContext(0, value));
    let bags = derSequence(bag(oids.keyBag, pkcs8(key.privateKey)));
    const file = () => {
      const contents = derSequence(bag(oids.data, derOctetString(bags)));
      return derSequence(derInteger(3), bag(oids.data, derOctetString(contents)));
    };
    for (let depth = 1; depth <= 8; depth++) {
      same(openPkcs12(file(), '', crypto, { allowUnauthenticated: true }).keys[0]?.der as Uint8Array, key.privateKey);
      bags = derSequence(bag(oids.safeContentsBag, bags));
    }
    assert.throws(() => openPkcs12(file(), '', crypto, { allowUnauthenticated: true }), { code: 'ERR_TLS_KEY_FILE' });
  });

  it('broken files are refused', () => {
    const ours = encodePkcs12({ certificates: [] }, '', crypto, { iterations: 1 });
    assert.deepEqual(openPkcs12(ours, '', crypto), { keys: [], certificates: [] });
    for (let length = 0; length < ours.length; length += 7) {
      assert.throws(() => openPkcs12(ours.subarray(0, length), '', crypto), { code: 'ERR_TLS_KEY_FILE' });
    }
    const changed = Uint8Array.from(ours);
    changed[60] = (changed[60] as number) ^ 1;
    assert.throws(() => openPkcs12(changed, '', crypto), /passphrase|doesn't parse|isn't/);
  });
});
