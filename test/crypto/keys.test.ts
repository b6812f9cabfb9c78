import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import test, { describe } from 'node:test';
import fc from 'fast-check';
import { concat, fromHex, toHex } from '../../src/bytes/bytes.ts';
import type { CryptoProvider, PrivateKey, SignatureAlgorithm } from '../../src/crypto/provider.ts';
import { splitSpki } from '../../src/crypto/spki.ts';
import { CertificateError, ConfigError, TlsError } from '../../src/errors.ts';
import { portableWithRsaKeys, providers } from '../helpers/crypto.ts';

const data = new Uint8Array(randomBytes(200));

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

const mldsa = ((): DerPair | undefined => {
  try {
    return generate('ml-dsa-65');
  } catch {
    return undefined;
  }
})();

/** PKCS#8 of an ML-DSA-65 key as its seed alone (RFC 9881, Section 6). */
function mldsaSeed(seed: Uint8Array): Uint8Array {
  return concat(fromHex('3034020100300b060960864801650304031204228020'), seed);
}

for (const crypto of providers) {
  describe(crypto.name, () => {
    const signing = crypto.name === 'portable' ? portableWithRsaKeys() : crypto;
    const privateKeyOf = (pair: DerPair): PrivateKey => signing.importPrivateKey(pair.privateKey);

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

    test('keys of every type sign, and verify only the very signature over the very data', () => {
      for (const [type, bits, pair, algorithms] of cases) {
        const privateKey = privateKeyOf(pair);
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
        const privateKey = privateKeyOf(pair);
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
      const signature = privateKeyOf(rsa).sign({ kind: 'rsaPss', hash: 'sha256', saltLength: 20 }, data);
      const publicKey = crypto.importPublicKey(rsa.publicKey);
      assert.equal(publicKey.verify({ kind: 'rsaPss', hash: 'sha256', saltLength: 32 }, data, signature), false);
      assert.equal(publicKey.verify({ kind: 'rsaPss', hash: 'sha256', saltLength: 20 }, data, signature), true);
    });

    test('an RSA signature without its leading zero byte is refused (RFC 8017, Section 8.1.2)', () => {
      const pair = generate('rsa', { modulusLength: 1024 });
      const privateKey = privateKeyOf(pair);
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
      const privateKey = privateKeyOf(rsa);
      const secret = new Uint8Array(randomBytes(48));
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
      assert.equal(privateKeyOf(p256).decryptRaw(sealed), undefined);
    });

    test('ML-DSA signs where the provider has it; elsewhere its keys are unsupported, not malformed', () => {
      if (mldsa === undefined && crypto.name !== 'portable') {
        const header = fromHex('308207b2300b0609608648016503040312038207a100');
        refused(concat(header, new Uint8Array(1952)), 'ERR_TLS_PUBLIC_KEY_UNSUPPORTED', 'unsupportedCertificate');
        return;
      }
      const privateKey = crypto.importPrivateKey(mldsa?.privateKey ?? mldsaSeed(randomBytes(32)));
      assert.equal(privateKey.type, 'mldsa65');
      const publicKey = crypto.importPublicKey(mldsa?.publicKey ?? privateKey.publicKey);
      assert.equal(publicKey.type, 'mldsa65');
      assert.deepEqual(privateKey.publicKey, mldsa?.publicKey ?? privateKey.publicKey);
      const signature = privateKey.sign({ kind: 'mldsa65' }, data);
      assert.equal(signature.length, 3309);
      for (const { importPublicKey } of mldsa === undefined ? [crypto] : providers) {
        const key = importPublicKey(privateKey.publicKey);
        assert.equal(key.verify({ kind: 'mldsa65' }, data, signature), true);
        assert.equal(key.verify({ kind: 'mldsa65' }, data.subarray(1), signature), false);
        assert.equal(key.verify({ kind: 'mldsa65' }, data, signature.subarray(1)), false);
        assert.equal(key.verify({ kind: 'mldsa44' }, data, signature), false);
      }
    });

    test('an imported key is found again, also after many others, and a near miss is another key', () => {
      const [, , pair] = cases[2] as (typeof cases)[number];
      const first = crypto.importPublicKey(pair.publicKey);
      assert.equal(crypto.importPublicKey(pair.publicKey.slice()), first);
      const others = Array.from({ length: 120 }, () => generate('ed25519'));
      for (const other of others) crypto.importPublicKey(other.publicKey);
      const again = crypto.importPublicKey(pair.publicKey);
      assert.notEqual(again, first, 'the cache is bounded');
      const signature = privateKeyOf(pair).sign({ kind: 'ecdsa', hash: 'sha256' }, data);
      assert.equal(again.verify({ kind: 'ecdsa', hash: 'sha256' }, data, signature), true);
      const [a, b] = others;
      assert.ok(a !== undefined && b !== undefined);
      const signed = privateKeyOf(a).sign({ kind: 'ed25519' }, data);
      assert.equal(crypto.importPublicKey(a.publicKey).verify({ kind: 'ed25519' }, data, signed), true);
      assert.equal(crypto.importPublicKey(b.publicKey).verify({ kind: 'ed25519' }, data, signed), false);
    });
  });
}

test('splitSpki refuses lengths that are not in the shortest form', () => {
  const [, , ed] = cases[5] as (typeof cases)[number];
  assert.equal(splitSpki(ed.publicKey)?.key.length, 32);
  const longForm = concat(fromHex('3081'), ed.publicKey.subarray(1));
  assert.equal(splitSpki(longForm), undefined);
  assert.equal(splitSpki(concat(fromHex('3080'), ed.publicKey.subarray(2))), undefined);
});

test('every provider verifies what the other signed, by every kind of key', () => {
  const [node, portable] = providers;
  assert.ok(node !== undefined && portable !== undefined);
  for (const [type, , pair, algorithms] of cases) {
    for (const algorithm of algorithms) {
      const signature = node.importPrivateKey(pair.privateKey).sign(algorithm, data);
      assert.equal(portable.importPublicKey(pair.publicKey).verify(algorithm, data, signature), true, type);
      if (type.startsWith('rsa')) continue;
      const own = portable.importPrivateKey(pair.privateKey).sign(algorithm, data);
      assert.equal(node.importPublicKey(pair.publicKey).verify(algorithm, data, own), true, type);
    }
  }
});

test('both providers read a public key the same, and give the same error for the same bytes', () => {
  const outcome = (provider: CryptoProvider, spki: Uint8Array) => {
    try {
      const { type, bits } = provider.importPublicKey(spki);
      return `${type} ${bits}`;
    } catch (error) {
      assert.ok(error instanceof TlsError);
      return `${error.code} ${error.alert}`;
    }
  };
  const [node, portable] = providers;
  assert.ok(node !== undefined && portable !== undefined);
  const originals = cases.map(([, , pair]) => pair.publicKey);
  fc.assert(
    fc.property(fc.constantFrom(...originals), fc.nat(), fc.integer({ min: 0, max: 255 }), (original, at, change) => {
      const spki = original.slice();
      // The header and the algorithm, or what an EC point or a modulus begins with.
      const index = at % Math.min(spki.length, 36);
      spki[index] = (spki[index] as number) ^ change;
      const [ours, theirs] = [outcome(portable, spki), outcome(node, spki)];
      // OpenSSL takes negative and even moduli, and verifies nothing by them.
      if (theirs.startsWith('rsa') && ours === 'ERR_TLS_PUBLIC_KEY badCertificate') return;
      assert.equal(ours, theirs, toHex(spki));
    }),
    { numRuns: 2000 },
  );
});

test('a point in hybrid form is no public key (RFC 5480, Section 2.2)', () => {
  const [, , { publicKey }] = cases[2] as (typeof cases)[number];
  const hybrid = publicKey.slice();
  hybrid[26] = 6 + ((hybrid[hybrid.length - 1] as number) & 1);
  for (const { importPublicKey } of providers) {
    assert.throws(
      () => importPublicKey(hybrid),
      (error) => error instanceof CertificateError && error.code === 'ERR_TLS_PUBLIC_KEY',
    );
  }
});

test('an RSA-PSS key that names a hash and a salt verifies no signature with others (RFC 4055, Section 3.1)', () => {
  const pair = generate('rsa-pss', {
    modulusLength: 1024,
    hashAlgorithm: 'sha256',
    mgf1HashAlgorithm: 'sha256',
    saltLength: 24,
  });
  for (const { importPublicKey } of providers) {
    const publicKey = importPublicKey(pair.publicKey);
    assert.equal(publicKey.type, 'rsaPss');
    const algorithm = { kind: 'rsaPss', hash: 'sha256', saltLength: 32 } as const;
    const signature = portableWithRsaKeys().importPrivateKey(pair.privateKey).sign(algorithm, data);
    assert.equal(publicKey.verify(algorithm, data, signature), true);
    assert.equal(publicKey.verify({ ...algorithm, hash: 'sha1' }, data, signature), false);
    assert.equal(publicKey.verify({ ...algorithm, saltLength: 20 }, data, signature), false);
  }
});

test('an RSA private key is refused by the portable provider, with a word on what signs instead', () => {
  for (const type of ['rsa', 'rsa-pss']) {
    const { privateKey } = generate(type, { modulusLength: 1024 });
    assert.throws(
      () => providers[1]?.importPrivateKey(privateKey),
      (error) =>
        error instanceof ConfigError &&
        error.code === 'ERR_TLS_PRIVATE_KEY_UNSUPPORTED' &&
        error.message.includes('webCryptoSigner'),
    );
  }
});

test('RSA keys whose verification would take a peer-chosen time are refused', () => {
  const der = (tag: number, ...parts: Uint8Array[]) => {
    const contents = concat(...parts);
    return concat(Uint8Array.of(tag, 0x82, contents.length >> 8, contents.length), contents);
  };
  const spki = (modulusBytes: number, exponent: Uint8Array) => {
    const modulus = new Uint8Array(modulusBytes + 1).fill(0xff);
    modulus[0] = 0;
    const key = der(0x30, der(0x02, modulus), concat(Uint8Array.of(2, exponent.length), exponent));
    return der(0x30, fromHex('300d06092a864886f70d0101010500'), der(0x03, new Uint8Array(1), key));
  };
  const portable = providers[1];
  const unsupported = (error: unknown) =>
    error instanceof CertificateError && error.code === 'ERR_TLS_PUBLIC_KEY_UNSUPPORTED';
  assert.throws(() => portable?.importPublicKey(spki(1025, Uint8Array.of(1, 0, 1))), unsupported);
  assert.throws(() => portable?.importPublicKey(spki(512, new Uint8Array(9).fill(1))), unsupported);
  assert.equal(portable?.importPublicKey(spki(512, Uint8Array.of(1, 0, 1))).bits, 4096);
});
