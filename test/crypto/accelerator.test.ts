import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { fromHex, noBytes, toHex } from '../../src/bytes/bytes.ts';
import { cipherSuite, defaultCipherSuites, preferAead } from '../../src/crypto/cipher-suites.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { accelerate, accelerator, agreesWithOpenssl, type Sodium } from '../../src/crypto/node-accelerator.ts';
import { opensslX25519 } from '../../src/crypto/node-key-exchange.ts';
import type { TlsError } from '../../src/errors.ts';
import { execArgv, moduleLiteral } from '../helpers/process.ts';
import { sodium as installed, withoutSodium } from '../helpers/sodium.ts';

const skip = withoutSodium;
const sodium = installed as Sodium;
const native = accelerate('sodium-native', sodium);
const openssl = createNodeCrypto({ accelerator: false });

test('ChaCha20-Poly1305 gives the value of RFC 8439, Section 2.8.2', { skip }, () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
  const plaintext = new TextEncoder().encode(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  );
  const out = new Uint8Array(plaintext.length + 16);
  const aead = native.createChaCha20Poly1305(key);
  aead.seal(fromHex('070000004041424344454647'), fromHex('50515253c0c1c2c3c4c5c6c7'), plaintext, out, 0);
  assert.equal(toHex(out.subarray(0, 16)), 'd31a8d34648e60db7b86afbc53ef7ec2');
  assert.equal(toHex(out.subarray(-16)), '1ae10b594f09e26a7e902ecbd0600691');
});

test('ChaCha20-Poly1305 is that of OpenSSL, at every length around what is kept on the heap, and for whole records', {
  skip,
}, () => {
  const key = openssl.random(32);
  const [ours, theirs] = [native.createChaCha20Poly1305(key), openssl.createAead('chacha20poly1305', key)];
  key.fill(0);
  for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 1024, 16384 + 1]) {
    const nonce = openssl.random(12);
    const header = openssl.random(13);
    const plaintext = openssl.random(length);
    const sealed = new Uint8Array(length + 20);
    assert.equal(ours.seal(nonce, header, plaintext, sealed, 3), length + 16);
    const expected = new Uint8Array(length + 20);
    theirs.seal(nonce, header, plaintext, expected, 3);
    assert.deepEqual(sealed, expected, `${length} bytes, and nothing around them`);
    const ciphertext = sealed.subarray(3, -1);
    const before = ciphertext.slice();
    assert.deepEqual(ours.open(nonce, header, ciphertext), plaintext);
    assert.deepEqual(ciphertext, before, 'what is not ours is left alone');
    for (let at = 0; at < ciphertext.length; at += Math.max(1, length >> 3)) {
      const changed = ciphertext.slice();
      changed[at]! ^= 0x80;
      assert.equal(ours.open(nonce, header, changed), undefined, `byte ${at} of ${length}`);
      assert.equal(ours.open(nonce, header, changed.slice(), true), undefined);
    }
    assert.equal(ours.open(nonce, noBytes, ciphertext), undefined);
    const opened = ours.open(nonce, header, ciphertext, true);
    assert.deepEqual(opened, plaintext);
    if (length > 64) assert.equal(opened?.buffer, sealed.buffer, 'decrypted in its place');
  }
  assert.equal(ours.open(openssl.random(12), noBytes, new Uint8Array(15)), undefined, 'shorter than a tag');
});

test('short plaintexts do not share memory', { skip }, () => {
  const aead = native.createChaCha20Poly1305(openssl.random(32));
  const nonce = new Uint8Array(12);
  const sealed = [1, 2].map((byte) => {
    const out = new Uint8Array(4 + 16);
    aead.seal(nonce, noBytes, new Uint8Array(4).fill(byte), out, 0);
    return out;
  });
  const [first, second] = sealed.map((ciphertext) => aead.open(nonce, noBytes, ciphertext, true));
  assert.deepEqual(first, new Uint8Array(4).fill(1));
  assert.deepEqual(second, new Uint8Array(4).fill(2));
  assert.equal(first?.buffer.byteLength, 4);
});

test('a wrong nonce, key or place is an error here, not an abort of the process in libsodium', { skip }, () => {
  assert.throws(() => native.createChaCha20Poly1305(new Uint8Array(16)), RangeError);
  const aead = native.createChaCha20Poly1305(new Uint8Array(32));
  assert.throws(() => aead.seal(new Uint8Array(8), noBytes, new Uint8Array(4), new Uint8Array(20), 0));
  assert.throws(() => aead.seal(new Uint8Array(12), noBytes, new Uint8Array(4), new Uint8Array(20), 1));
  assert.throws(() => aead.open(new Uint8Array(8), noBytes, new Uint8Array(20)), RangeError);
  aead.destroy();
  assert.throws(() => aead.open(new Uint8Array(12), noBytes, new Uint8Array(20)), /destroyed/);
});

test('X25519 agrees with OpenSSL, wipes its scalar, and refuses the points of small order', { skip }, () => {
  const { x25519 } = native;
  for (let i = 0; i < 20; i++) {
    const [ours, theirs] = [x25519.generate(), opensslX25519.generate()];
    assert.deepEqual(ours.agree(theirs.share), theirs.agree(ours.share));
  }
  const scalar = fromHex('77076d0a7318a57d3c16c17251b26645d82ccf1b1a0bb2b03a7a6b8c2c5c2a2a').slice();
  assert.deepEqual(x25519.import(scalar).share, opensslX25519.import(scalar).share);
  const pair = x25519.generate();
  const peer = opensslX25519.generate().share;
  const secret = pair.agree(peer);
  pair.destroy?.();
  assert.notDeepEqual(pair.agree(peer), secret, 'nothing is left of the private key');
  for (const point of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31))]) {
    assert.throws(
      () => x25519.generate().agree(point),
      (error: TlsError) => error.code === 'ERR_TLS_KEY_SHARE' && error.alert === 'illegalParameter',
    );
  }
});

test('a library that computes something else, or accepts forgeries, is not used', { skip }, () => {
  assert.ok(agreesWithOpenssl(native));
  const broken = (part: Partial<Sodium>): boolean => agreesWithOpenssl(accelerate('broken', { ...sodium, ...part }));
  assert.equal(broken({ crypto_scalarmult: (secret) => secret.fill(1) }), false);
  assert.equal(broken({ crypto_scalarmult_base: (share) => share.fill(9) }), false);
  assert.equal(broken({ crypto_aead_chacha20poly1305_ietf_encrypt: () => 0 }), false);
  assert.equal(broken({ crypto_aead_chacha20poly1305_ietf_decrypt: () => 0 }), false);
  assert.equal(broken({ crypto_scalarmult: undefined as never }), false);
});

test('a provider says what it stands on, and the environment turns the accelerator off', { skip }, () => {
  assert.equal(openssl.name, 'node:crypto');
  assert.equal(openssl.preferredAead, undefined);
  const ask = (setting: string): string =>
    execFileSync(
      process.execPath,
      [
        ...execArgv,
        '--input-type=module',
        '--eval',
        `import { createNodeCrypto } from ${moduleLiteral('src/crypto/node.ts')};
         const { name, preferredAead } = createNodeCrypto();
         console.log(name, preferredAead);`,
      ],
      { encoding: 'utf8', env: { ...process.env, HANDFAST_ACCELERATOR: setting } },
    ).trim();
  assert.match(ask('on'), /^node:crypto, sodium-native \d+\.\d+\.\d+ chacha20poly1305$/);
  assert.equal(ask('off'), 'node:crypto undefined');
  assert.equal(accelerator() === undefined, process.env['HANDFAST_ACCELERATOR'] === 'off');
});

test('suites of the preferred AEAD come first in their version; nothing else moves', () => {
  assert.deepEqual(preferAead(defaultCipherSuites, undefined), defaultCipherSuites);
  const names = preferAead(defaultCipherSuites, 'chacha20poly1305').map((code) => cipherSuite(code)?.name);
  assert.deepEqual(names, [
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  ]);
});
