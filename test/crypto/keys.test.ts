import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import test from 'node:test';
import fc from 'fast-check';
import { concat, fromHex } from '../../src/bytes/bytes.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import type { SignatureAlgorithm } from '../../src/crypto/provider.ts';
import { splitSpki } from '../../src/crypto/spki.ts';
import { CertificateError, ConfigError, TlsError } from '../../src/errors.ts';

const crypto = createNodeCrypto();
const data = crypto.random(200);

interface DerPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** Encoded in the generation: `export()` of a freshly generated KeyObject can deadlock in Node. */
function generate(type: string, options: object = {}): DerPair {
  const pair = (generateKeyPairSync as unknown as (type: string, options: object) => DerPair)(type, {
    ...options,
    publicKeyEncoding: { format: 'der', type: 'spki' },
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
  });
  return { publicKey: new Uint8Array(pair.publicKey), privateKey: new Uint8Array(pair.privateKey) };
}

const rsa = generate('rsa', { modulusLength: 2048 });

const cases: readonly [type: string, bits: number, pair: DerPair, algorithms: readonly SignatureAlgorithm[]][] = [
  [
    'rsa',
    2048,
    rsa,
    [
      { kind: 'rsaPkcs1', hash: 'sha1' },
      { kind: 'rsaPkcs1', hash: 'sha256' },
      { kind: 'rsaPss', hash: 'sha256', saltLength: 32 },
      { kind: 'rsaPss', hash: 'sha512', saltLength: 64 },
    ],
  ],
  ['rsaPss', 2048, generate('rsa-pss', { modulusLength: 2048 }), [{ kind: 'rsaPss', hash: 'sha384', saltLength: 48 }]],
  ['p256', 256, generate('ec', { namedCurve: 'P-256' }), [{ kind: 'ecdsa', hash: 'sha256' }]],
  ['p384', 384, generate('ec', { namedCurve: 'P-384' }), [{ kind: 'ecdsa', hash: 'sha384' }]],
  ['p521', 521, generate('ec', { namedCurve: 'P-521' }), [{ kind: 'ecdsa', hash: 'sha512' }]],
  ['ed25519', 256, generate('ed25519'), [{ kind: 'ed25519' }]],
  ['ed448', 456, generate('ed448'), [{ kind: 'ed448' }]],
];

test('keys of every type sign, and verify only the very signature over the very data', () => {
  for (const [type, bits, pair, algorithms] of cases) {
    const privateKey = crypto.importPrivateKey(pair.privateKey);
    const publicKey = crypto.importPublicKey(pair.publicKey);
    assert.equal(privateKey.type, type);
    assert.equal(publicKey.type, type);
    assert.equal(privateKey.bits, bits);
    assert.equal(publicKey.bits, bits);
    assert.deepEqual(privateKey.publicKey, pair.publicKey);
    for (const algorithm of algorithms) {
      const signature = privateKey.sign(algorithm, data);
      assert.equal(publicKey.verify(algorithm, data, signature), true, type);
      assert.equal(publicKey.verify(algorithm, data.subarray(1), signature), false);
      assert.equal(publicKey.verify(algorithm, data, signature.subarray(1)), false);
      assert.equal(publicKey.verify(algorithm, data, new Uint8Array(0)), false);
      const changed = signature.slice();
      changed[changed.length - 3] = (changed[changed.length - 3] as number) ^ 4;
      assert.equal(publicKey.verify(algorithm, data, changed), false);
    }
  }
});

test('a key verifies no signature of a kind it cannot make, and signs none', () => {
  const kinds = new Map(cases.flatMap(([, , , algorithms]) => algorithms.map((a) => [a.kind, a] as const)));
  for (const [type, , pair, algorithms] of cases) {
    const able = new Set(algorithms.map(({ kind }) => kind));
    const privateKey = crypto.importPrivateKey(pair.privateKey);
    const publicKey = crypto.importPublicKey(pair.publicKey);
    for (const [kind, algorithm] of kinds) {
      if (able.has(kind)) continue;
      assert.equal(publicKey.verify(algorithm, data, new Uint8Array(64)), false, `${type} ${kind}`);
      assert.throws(
        () => privateKey.sign(algorithm, data),
        (error) => error instanceof TlsError && error.code === 'ERR_TLS_SIGN' && error.alert === 'internalError',
      );
    }
  }
});

test('a PSS signature with another salt length is no signature of the scheme', () => {
  const signature = crypto
    .importPrivateKey(rsa.privateKey)
    .sign({ kind: 'rsaPss', hash: 'sha256', saltLength: 20 }, data);
  const publicKey = crypto.importPublicKey(rsa.publicKey);
  assert.equal(publicKey.verify({ kind: 'rsaPss', hash: 'sha256', saltLength: 32 }, data, signature), false);
  assert.equal(publicKey.verify({ kind: 'rsaPss', hash: 'sha256', saltLength: 20 }, data, signature), true);
});

test('an RSA signature without its leading zero byte is refused (RFC 8017, Section 8.1.2)', () => {
  const pair = generate('rsa', { modulusLength: 1024 });
  const privateKey = crypto.importPrivateKey(pair.privateKey);
  const publicKey = crypto.importPublicKey(pair.publicKey);
  for (const algorithm of [
    { kind: 'rsaPss', hash: 'sha256', saltLength: 32 },
    { kind: 'rsaPkcs1', hash: 'sha256' },
  ] as const) {
    // One signature in 256 begins with zero.
    for (let message = crypto.random(32); ; message = crypto.random(32)) {
      const signature = privateKey.sign(algorithm, message);
      if (signature[0] !== 0) continue;
      assert.equal(publicKey.verify(algorithm, message, signature), true);
      assert.equal(publicKey.verify(algorithm, message, signature.subarray(1)), false);
      break;
    }
  }
});

function refused(spki: Uint8Array, code: string, alert: string): void {
  assert.throws(
    () => crypto.importPublicKey(spki),
    (error) => {
      assert.ok(error instanceof CertificateError, String(error));
      assert.deepEqual([error.code, error.alert], [code, alert]);
      return true;
    },
  );
}

test('public keys that do not parse, and types that are unknown, have an error of their own', () => {
  refused(new Uint8Array(0), 'ERR_TLS_PUBLIC_KEY', 'badCertificate');
  refused(fromHex('3003020100'), 'ERR_TLS_PUBLIC_KEY', 'badCertificate');
  refused(rsa.publicKey.subarray(0, 100), 'ERR_TLS_PUBLIC_KEY', 'badCertificate');
  refused(concat(rsa.publicKey, new Uint8Array(1)), 'ERR_TLS_PUBLIC_KEY', 'badCertificate');
  const [, , p256] = cases[2] as (typeof cases)[number];
  const offCurve = p256.publicKey.slice();
  offCurve[offCurve.length - 1] = (offCurve[offCurve.length - 1] as number) ^ 1;
  refused(offCurve, 'ERR_TLS_PUBLIC_KEY', 'badCertificate');
  refused(generate('x25519').publicKey, 'ERR_TLS_PUBLIC_KEY_UNSUPPORTED', 'unsupportedCertificate');
  refused(
    generate('ec', { namedCurve: 'secp256k1' }).publicKey,
    'ERR_TLS_PUBLIC_KEY_UNSUPPORTED',
    'unsupportedCertificate',
  );
  refused(
    generate('dsa', { modulusLength: 1024 }).publicKey,
    'ERR_TLS_PUBLIC_KEY_UNSUPPORTED',
    'unsupportedCertificate',
  );
});

test('an RSA key with parameters other than NULL is refused', () => {
  const at = rsa.publicKey.indexOf(0x05, 15);
  const changed = rsa.publicKey.slice();
  assert.deepEqual([...changed.subarray(at, at + 2)], [5, 0]);
  changed[at] = 0x04;
  refused(changed, 'ERR_TLS_PUBLIC_KEY', 'badCertificate');
});

test('whatever bytes come as a public key, the outcome is a key or a TlsError', () => {
  const originals = cases.map(([, , pair]) => pair.publicKey);
  fc.assert(
    fc.property(
      fc.constantFrom(...originals),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 4 }),
      fc.nat(),
      (original, changes, cut) => {
        const spki = original.slice(0, changes.length === 0 ? cut % original.length : original.length);
        for (const [at, change] of changes) {
          const index = at % Math.min(spki.length, 40);
          spki[index] = (spki[index] as number) ^ change;
        }
        try {
          crypto.importPublicKey(spki).verify({ kind: 'ecdsa', hash: 'sha256' }, data, new Uint8Array(70));
        } catch (error) {
          assert.ok(error instanceof TlsError, String(error));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('splitSpki refuses lengths that are not in the shortest form', () => {
  const [, , ed] = cases[5] as (typeof cases)[number];
  assert.equal(splitSpki(ed.publicKey)?.key.length, 32);
  const longForm = concat(fromHex('3081'), ed.publicKey.subarray(1));
  assert.equal(splitSpki(longForm), undefined);
  assert.equal(splitSpki(concat(fromHex('3080'), ed.publicKey.subarray(2))), undefined);
});

test('private keys that cannot be used are a ConfigError', () => {
  for (const bad of [new Uint8Array(0), crypto.random(50), rsa.publicKey]) {
    assert.throws(
      () => crypto.importPrivateKey(bad),
      (error) => error instanceof ConfigError && error.code === 'ERR_TLS_PRIVATE_KEY',
    );
  }
  assert.throws(
    () => crypto.importPrivateKey(generate('x25519').privateKey),
    (error) => error instanceof ConfigError && error.code === 'ERR_TLS_PRIVATE_KEY_UNSUPPORTED',
  );
});

test('raw RSA decryption gives the padded block, and undefined for what is no ciphertext', () => {
  const privateKey = crypto.importPrivateKey(rsa.privateKey);
  const secret = crypto.random(48);
  const sealed = crypto.importPublicKey(rsa.publicKey).encryptPkcs1(secret);
  const block = privateKey.decryptRaw(sealed);
  assert.ok(block !== undefined);
  assert.equal(block.length, 256);
  assert.deepEqual([...block.subarray(0, 2)], [0, 2]);
  assert.deepEqual(block.slice(-48), secret);
  assert.equal(block[256 - 49], 0);
  assert.equal(privateKey.decryptRaw(sealed.subarray(1)), undefined);
  assert.equal(privateKey.decryptRaw(new Uint8Array(256).fill(0xff)), undefined);
  const [, , p256] = cases[2] as (typeof cases)[number];
  assert.equal(crypto.importPrivateKey(p256.privateKey).decryptRaw(sealed), undefined);
});

const mldsa = ((): DerPair | undefined => {
  try {
    return generate('ml-dsa-65');
  } catch {
    return undefined;
  }
})();

test('ML-DSA signs where the runtime has it; elsewhere its keys are unsupported, not malformed', () => {
  if (mldsa === undefined) {
    const header = fromHex('308207b2300b0609608648016503040312038207a100');
    refused(concat(header, new Uint8Array(1952)), 'ERR_TLS_PUBLIC_KEY_UNSUPPORTED', 'unsupportedCertificate');
    return;
  }
  const publicKey = crypto.importPublicKey(mldsa.publicKey);
  assert.equal(publicKey.type, 'mldsa65');
  const signature = crypto.importPrivateKey(mldsa.privateKey).sign({ kind: 'mldsa65' }, data);
  assert.equal(signature.length, 3309);
  assert.equal(publicKey.verify({ kind: 'mldsa65' }, data, signature), true);
  assert.equal(publicKey.verify({ kind: 'mldsa44' }, data, signature), false);
});

test('an imported key is found again, also after many others, and a near miss is another key', () => {
  const [, , pair] = cases[2] as (typeof cases)[number];
  const first = crypto.importPublicKey(pair.publicKey);
  assert.equal(crypto.importPublicKey(pair.publicKey.slice()), first);
  const others = Array.from({ length: 120 }, () => generate('ed25519'));
  for (const other of others) crypto.importPublicKey(other.publicKey);
  const again = crypto.importPublicKey(pair.publicKey);
  assert.notEqual(again, first, 'the cache is bounded');
  const signature = crypto.importPrivateKey(pair.privateKey).sign({ kind: 'ecdsa', hash: 'sha256' }, data);
  assert.equal(again.verify({ kind: 'ecdsa', hash: 'sha256' }, data, signature), true);
  const [a, b] = others;
  assert.ok(a !== undefined && b !== undefined);
  const signed = crypto.importPrivateKey(a.privateKey).sign({ kind: 'ed25519' }, data);
  assert.equal(crypto.importPublicKey(a.publicKey).verify({ kind: 'ed25519' }, data, signed), true);
  assert.equal(crypto.importPublicKey(b.publicKey).verify({ kind: 'ed25519' }, data, signed), false);
});
