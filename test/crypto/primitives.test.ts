import assert from 'node:assert/strict';
import { createCipheriv, createHash, createHmac } from 'node:crypto';
import test, { describe } from 'node:test';
import fc from 'fast-check';
import { concat, fromHex, fromText, noBytes, toHex } from '../../src/bytes/bytes.ts';
import { providers } from '../helpers/crypto.ts';

for (const crypto of providers) {
  describe(crypto.name, () => {
    test('random gives the size asked for, never the same bytes, and nothing that the caller can change afterwards', () => {
      for (const size of [0, 1, 32, 1024, 1025, 20000]) assert.equal(crypto.random(size).length, size);
      const seen = new Set<string>();
      // Far more than the pool holds, in sizes that do not divide it.
      for (let i = 0; i < 3000; i++) seen.add(toHex(crypto.random(24)));
      assert.equal(seen.size, 3000);
      const first = crypto.random(32);
      assert.equal(first.buffer.byteLength, 32, 'the pool must not be reachable from what was handed out');
    });

    test('hash and HMAC agree with node:crypto and give plain arrays', () => {
      const data = crypto.random(300);
      const key = crypto.random(40);
      for (const name of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
        assert.equal(toHex(crypto.hash(name, data)), createHash(name).update(data).digest('hex'));
        const expected = createHmac(name, key).update(data).digest('hex');
        assert.equal(toHex(crypto.hmac(name, key, data)), expected);
        assert.equal(toHex(crypto.prepareHmac(name, key).sign(data)), expected);
        assert.equal(Object.getPrototypeOf(crypto.hash(name, data)), Uint8Array.prototype);
        assert.equal(Object.getPrototypeOf(crypto.hmac(name, key, data)), Uint8Array.prototype);
      }
      assert.equal(crypto.hmac('sha256', noBytes, data).length, 32);
      assert.equal(crypto.prepareHmac('sha256', noBytes).sign(data).length, 32);
    });

    test('HMAC agrees with node:crypto for keys and data around every block boundary', () => {
      fc.assert(
        fc.property(
          fc.constantFrom('sha1', 'sha256', 'sha384', 'sha512'),
          fc.oneof(fc.integer({ min: 0, max: 200 }), fc.constantFrom(63, 64, 65, 127, 128, 129)),
          fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(1023, 1024, 1025, 16384 + 13)),
          (name, keyLength, dataLength) => {
            const key = crypto.random(keyLength);
            const data = crypto.random(dataLength);
            const expected = createHmac(name, key).update(data).digest('hex');
            assert.equal(toHex(crypto.hmac(name, key, data)), expected);
            const prepared = crypto.prepareHmac(name, key);
            key.fill(0);
            // Twice: nothing of the first may be left in the second.
            assert.equal(toHex(prepared.sign(data)), expected);
            assert.equal(toHex(prepared.sign(data)), expected);
          },
        ),
        { numRuns: 200 },
      );
    });

    test('a prepared key outlives the bytes it was made from, and not its own destruction', () => {
      const key = new Uint8Array(32).fill(1);
      const hmac = crypto.prepareHmac('sha256', key);
      const aead = crypto.createAead('aes256gcm', key);
      const before = toHex(hmac.sign(noBytes));
      const out = new Uint8Array(16);
      aead.seal(new Uint8Array(12), noBytes, noBytes, out, 0);
      key.fill(0);
      assert.equal(toHex(hmac.sign(noBytes)), before);
      const again = new Uint8Array(16);
      aead.seal(new Uint8Array(12), noBytes, noBytes, again, 0);
      assert.deepEqual(again, out);
      hmac.destroy();
      aead.destroy();
      assert.throws(() => hmac.sign(noBytes), /destroyed/);
      assert.throws(() => aead.open(new Uint8Array(12), noBytes, out), /destroyed/);
    });

    test('AES-128-GCM gives test case 4 of the GCM specification', () => {
      const aead = crypto.createAead('aes128gcm', fromHex('feffe9928665731c6d6a8f9467308308'));
      const plaintext = fromHex(
        'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
          '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
      );
      const out = new Uint8Array(plaintext.length + 16);
      const additionalData = fromHex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
      assert.equal(aead.seal(fromHex('cafebabefacedbaddecaf888'), additionalData, plaintext, out, 0), out.length);
      assert.equal(
        toHex(out),
        '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e' +
          '21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091' +
          '5bc94fbc3221a5db94fae95ae7121a47',
      );
    });

    test('ChaCha20-Poly1305 gives the value of RFC 8439, Section 2.8.2', () => {
      const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
      const aead = crypto.createAead('chacha20poly1305', key);
      const plaintext = fromText(
        "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
      );
      const out = new Uint8Array(plaintext.length + 16);
      aead.seal(fromHex('070000004041424344454647'), fromHex('50515253c0c1c2c3c4c5c6c7'), plaintext, out, 0);
      assert.equal(toHex(out.subarray(0, 16)), 'd31a8d34648e60db7b86afbc53ef7ec2');
      assert.equal(toHex(out.subarray(-16)), '1ae10b594f09e26a7e902ecbd0600691');
    });

    test('an AEAD opens what it sealed, and nothing that was changed in one bit', () => {
      for (const [name, keyLength] of [
        ['aes128gcm', 16],
        ['aes256gcm', 32],
        ['chacha20poly1305', 32],
      ] as const) {
        const aead = crypto.createAead(name, crypto.random(keyLength));
        assert.equal(aead.keyLength, keyLength);
        const nonce = crypto.random(12);
        const additionalData = crypto.random(5);
        for (const length of [0, 1, 100, 16385]) {
          const plaintext = crypto.random(length);
          const out = new Uint8Array(length + 30).fill(0xee);
          assert.equal(aead.seal(nonce, additionalData, plaintext, out, 7), length + 16);
          assert.ok(out.subarray(0, 7).every((byte) => byte === 0xee));
          assert.ok(out.subarray(length + 23).every((byte) => byte === 0xee));
          const sealed = out.slice(7, length + 23);
          const opened = aead.open(nonce, additionalData, sealed);
          assert.deepEqual(opened, plaintext);
          assert.equal(aead.open(nonce, noBytes, sealed), undefined);
          assert.equal(aead.open(crypto.random(12), additionalData, sealed), undefined);
          for (const at of [0, length >> 1, sealed.length - 1]) {
            sealed[at] = (sealed[at] as number) ^ 0x10;
            assert.equal(aead.open(nonce, additionalData, sealed), undefined, `${name}, byte ${at} of ${length}`);
            sealed[at] = (sealed[at] as number) ^ 0x10;
          }
        }
        for (let length = 0; length < 16; length++) {
          assert.equal(aead.open(nonce, additionalData, new Uint8Array(length)), undefined);
        }
        assert.throws(() => crypto.createAead(name, new Uint8Array(keyLength - 1)), RangeError);
      }
    });

    test('CBC encrypts and decrypts whole blocks as OpenSSL does', () => {
      for (const [name, algorithm, keyLength] of [
        ['aes128cbc', 'aes-128-cbc', 16],
        ['aes256cbc', 'aes-256-cbc', 32],
      ] as const) {
        const key = crypto.random(keyLength);
        const iv = crypto.random(16);
        const data = crypto.random(64);
        const cbc = crypto.createCbc(name, key);
        const cipher = createCipheriv(algorithm, key, iv).setAutoPadding(false);
        const expected = concat(cipher.update(data), cipher.final());
        const encrypted = cbc.encrypt(iv, data);
        assert.deepEqual(encrypted, expected);
        assert.deepEqual(cbc.decrypt(iv, encrypted), data);
        cbc.destroy();
        assert.throws(() => cbc.decrypt(iv, encrypted), /destroyed/);
        assert.throws(() => crypto.createCbc(name, new Uint8Array(5)), RangeError);
      }
    });
  });
}
