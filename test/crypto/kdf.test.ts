import assert from 'node:assert/strict';
import { createHmac, hkdfSync } from 'node:crypto';
import test, { describe } from 'node:test';
import fc from 'fast-check';
import { concat, fromHex, fromText, noBytes, toHex } from '../../src/bytes/bytes.ts';
import { hashLength, hkdfExpand, hkdfExpandLabel, hkdfExtract } from '../../src/crypto/hkdf.ts';
import { prf12 } from '../../src/crypto/prf12.ts';
import { providers } from '../helpers/crypto.ts';

for (const crypto of providers) {
  describe(crypto.name, () => {
    const hashes = ['sha256', 'sha384'] as const;

    test('HKDF gives the values of RFC 5869, Appendix A.1', () => {
      const prk = hkdfExtract(crypto, 'sha256', fromHex('000102030405060708090a0b0c'), new Uint8Array(22).fill(0x0b));
      assert.equal(toHex(prk), '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5');
      const okm = hkdfExpand(crypto, 'sha256', prk, fromHex('f0f1f2f3f4f5f6f7f8f9'), 42);
      assert.equal(toHex(okm), '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865');
    });

    test('HKDF agrees with node:crypto for any salt, info and length', () => {
      fc.assert(
        fc.property(
          fc.constantFrom(...hashes),
          fc.uint8Array({ maxLength: 80 }),
          fc.uint8Array({ minLength: 1, maxLength: 80 }),
          fc.uint8Array({ maxLength: 80 }),
          fc.integer({ min: 1, max: 300 }),
          (hash, salt, ikm, info, length) => {
            const expected = toHex(new Uint8Array(hkdfSync(hash, ikm, salt, info, length)));
            const prk = hkdfExtract(crypto, hash, salt, ikm);
            assert.equal(toHex(hkdfExpand(crypto, hash, prk, info, length)), expected);
            const prepared = crypto.prepareHmac(hash, prk);
            assert.equal(toHex(hkdfExpand(crypto, hash, prepared, info, length)), expected);
          },
        ),
        { numRuns: 60 },
      );
    });

    test('HKDF-Expand refuses more than 255 blocks', () => {
      assert.throws(() => hkdfExpand(crypto, 'sha256', new Uint8Array(32), noBytes, 255 * 32 + 1), RangeError);
    });

    test('HKDF-Expand-Label gives the key schedule of RFC 8448, Section 3', () => {
      const zeros = new Uint8Array(32);
      const earlySecret = hkdfExtract(crypto, 'sha256', zeros, zeros);
      assert.equal(toHex(earlySecret), '33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a');
      const emptyHash = crypto.hash('sha256', noBytes);
      const derived = hkdfExpandLabel(crypto, 'sha256', earlySecret, 'derived', emptyHash, 32);
      assert.equal(toHex(derived), '6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba');
      const shared = fromHex('8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d');
      const handshakeSecret = hkdfExtract(crypto, 'sha256', derived, shared);
      assert.equal(toHex(handshakeSecret), '1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac');
      const serverSecret = fromHex('b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38');
      assert.equal(
        toHex(hkdfExpandLabel(crypto, 'sha256', serverSecret, 'key', noBytes, 16)),
        '3fce516009c21727d0f2e4e86ee403bc',
      );
      assert.equal(
        toHex(hkdfExpandLabel(crypto, 'sha256', serverSecret, 'iv', noBytes, 12)),
        '5d313eb2671276ee13000b30',
      );
    });

    test('HKDF-Expand-Label encodes HkdfLabel as RFC 9846, Section 7.1, says, also beyond one block', () => {
      fc.assert(
        fc.property(
          fc.constantFrom(...hashes),
          fc.stringMatching(/^[a-z ]{1,12}$/),
          fc.uint8Array({ maxLength: 64 }),
          fc.integer({ min: 1, max: 200 }),
          (hash, label, context, length) => {
            const secret = crypto.random(hashLength(hash));
            const name = fromText(`tls13 ${label}`);
            const info = concat(
              new Uint8Array([length >> 8, length, name.length]),
              name,
              new Uint8Array([context.length]),
              context,
            );
            assert.equal(
              toHex(hkdfExpandLabel(crypto, hash, secret, label, context, length)),
              toHex(hkdfExpand(crypto, hash, secret, info, length)),
            );
          },
        ),
        { numRuns: 60 },
      );
    });

    test('HKDF-Expand-Label refuses a label that does not fit its length byte', () => {
      assert.throws(
        () => hkdfExpandLabel(crypto, 'sha256', new Uint8Array(32), 'x'.repeat(250), noBytes, 16),
        RangeError,
      );
      assert.equal(hkdfExpandLabel(crypto, 'sha256', new Uint8Array(32), 'x'.repeat(249), noBytes, 16).length, 16);
    });

    test('the PRF of TLS 1.2 gives the published SHA-256 test vector', () => {
      const output = prf12(
        crypto,
        'sha256',
        fromHex('9bbe436ba940f017b17652849a71db35'),
        'test label',
        fromHex('a0ba9f936cda311827a6f796ffd5198c'),
        100,
      );
      assert.equal(
        toHex(output),
        'e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a' +
          '6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab' +
          '4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701' +
          '87347b66',
      );
    });

    test('the PRF of TLS 1.2 with SHA-384 follows the definition, whatever the length', () => {
      const secret = crypto.random(48);
      const seed = crypto.random(64);
      const labelled = concat(fromText('key expansion'), seed);
      const hmac = (data: Uint8Array) => new Uint8Array(createHmac('sha384', secret).update(data).digest());
      const blocks: Uint8Array[] = [];
      for (let a = hmac(labelled), i = 0; i < 4; i++, a = hmac(a)) blocks.push(hmac(concat(a, labelled)));
      const expected = toHex(concat(...blocks));
      for (const length of [1, 47, 48, 49, 96, 104, 192]) {
        const output = prf12(crypto, 'sha384', secret, 'key expansion', seed, length);
        assert.equal(toHex(output), expected.slice(0, 2 * length), `${length} bytes`);
      }
    });
  });
}
