import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test, { describe } from 'node:test';
import { fromHex, fromText, noBytes, toHex } from '../../src/bytes/bytes.ts';
import {
  deriveHpkeKey,
  hpkeAeads,
  hpkeKdfs,
  hpkeKems,
  hpkeKeyExchange,
  hpkeSuite,
  setupBaseReceiver,
  setupBaseSender,
} from '../../src/crypto/hpke.ts';
import type { GroupName, StaticKeyPair } from '../../src/crypto/provider.ts';
import { PeerError } from '../../src/errors.ts';
import { providers } from '../helpers/crypto.ts';

interface Vector {
  kem: number;
  kdf: number;
  aead: number;
  info: string;
  ikmE: string;
  ikmR: string;
  skR: string;
  pkR: string;
  enc: string;
  ciphertexts: string;
}

const file = new URL('../vectors/rfc9180.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] };

/** The inputs of the accumulated vectors: SHAKE128 of nothing, cut into pieces that begin with their length. */
function* inputs(): Generator<Uint8Array> {
  const stream = createHash('shake128', { outputLength: 600_000 }).digest();
  for (let at = 0; ; ) {
    const length = stream[at] as number;
    yield new Uint8Array(stream.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
}

for (const crypto of providers) {
  describe(crypto.name, () => {
    function keyPair(kem: number, privateKey: Uint8Array): StaticKeyPair {
      const pair = hpkeKeyExchange(crypto, kem)?.importKeyPair(privateKey);
      assert.ok(pair !== undefined);
      return pair;
    }

    test('the vectors of RFC 9180: derived keys, encapsulated key, 1,000 messages each', () => {
      assert.equal(vectors.length, 12);
      for (const vector of vectors) {
        const suite = hpkeSuite(vector.kem, vector.kdf, vector.aead);
        assert.ok(suite !== undefined);
        const recipient = keyPair(vector.kem, deriveHpkeKey(crypto, vector.kem, fromHex(vector.ikmR)));
        assert.equal(toHex(recipient.publicKey), vector.pkR);
        assert.equal(toHex(keyPair(vector.kem, fromHex(vector.skR)).publicKey), vector.pkR);
        const ephemeral = keyPair(vector.kem, deriveHpkeKey(crypto, vector.kem, fromHex(vector.ikmE)));
        const info = fromHex(vector.info);
        const sender = setupBaseSender(crypto, suite, recipient.publicKey, info, ephemeral);
        assert.equal(toHex(sender.enc), vector.enc);
        const receiver = setupBaseReceiver(crypto, suite, recipient, sender.enc, info);

        const source = inputs();
        const all = createHash('shake128', { outputLength: 16 });
        for (let i = 0; i < 1000; i++) {
          const additionalData = source.next().value as Uint8Array;
          const plaintext = source.next().value as Uint8Array;
          const ciphertext = sender.context.seal(additionalData, plaintext);
          all.update(ciphertext);
          const opened = receiver.open(additionalData, ciphertext);
          assert.ok(opened !== undefined);
          assert.equal(toHex(opened), toHex(plaintext));
        }
        assert.equal(all.digest('hex'), vector.ciphertexts, `${suite.group} ${suite.hash} ${suite.cipher}`);
      }
    });

    test('every suite goes both ways; what was changed does not open, and the next message still does', () => {
      for (const kem of Object.values(hpkeKems)) {
        for (const kdf of Object.values(hpkeKdfs)) {
          for (const aead of Object.values(hpkeAeads)) {
            const suite = hpkeSuite(kem, kdf, aead);
            assert.ok(suite !== undefined);
            const recipient = keyPair(kem, deriveHpkeKey(crypto, kem, crypto.random(32)));
            const info = fromText('info');
            const { enc, context } = setupBaseSender(crypto, suite, recipient.publicKey, info);
            const receiver = setupBaseReceiver(crypto, suite, recipient, enc, info);
            const sealed = context.seal(fromText('aad'), fromText('text'));
            const changed = sealed.slice();
            changed[0] = (changed[0] as number) ^ 1;
            assert.equal(receiver.open(fromText('aad'), changed), undefined);
            assert.equal(receiver.open(noBytes, sealed), undefined);
            assert.deepEqual(receiver.open(fromText('aad'), sealed), fromText('text'));
            assert.equal(receiver.open(fromText('aad'), sealed), undefined, 'a message opens once');
            context.destroy();
            receiver.destroy();
            assert.throws(() => receiver.open(fromText('aad'), sealed));
          }
        }
      }
    });

    test('unknown codes have no suite; a KEM without a key pair of its own has no key exchange', () => {
      assert.equal(hpkeSuite(0x6666, 1, 1), undefined);
      assert.equal(hpkeSuite(0x0020, 0x1111, 1), undefined);
      assert.equal(hpkeSuite(0x0020, 1, 0xffff), undefined);
      assert.equal(hpkeKeyExchange(crypto, 0x6666), undefined);
      const bare = {
        ...crypto,
        keyExchange: (group: GroupName) => ({ ...crypto.keyExchange(group), importKeyPair: undefined }),
      };
      assert.equal(hpkeKeyExchange(bare as unknown as typeof crypto, hpkeKems.x25519), undefined);
    });

    test('what is no public key is refused with illegal_parameter, what is no private key with a RangeError', () => {
      for (const [kem, length] of [
        [hpkeKems.x25519, 32],
        [hpkeKems.secp256r1, 65],
      ] as const) {
        const suite = hpkeSuite(kem, hpkeKdfs.sha256, hpkeAeads.aes128gcm);
        assert.ok(suite !== undefined);
        const recipient = keyPair(kem, deriveHpkeKey(crypto, kem, crypto.random(32)));
        for (const enc of [noBytes, new Uint8Array(length - 1), new Uint8Array(length)]) {
          assert.throws(
            () => setupBaseReceiver(crypto, suite, recipient, enc, noBytes),
            (error) => error instanceof PeerError && error.alert === 'illegalParameter',
          );
          assert.throws(() => setupBaseSender(crypto, suite, enc, noBytes), PeerError);
        }
        assert.throws(() => keyPair(kem, new Uint8Array(31)), RangeError);
        recipient.destroy();
        assert.throws(() => recipient.agree(recipient.publicKey), /destroyed/);
      }
      assert.throws(() => keyPair(hpkeKems.secp256r1, new Uint8Array(32)), RangeError);
      assert.throws(() => keyPair(hpkeKems.secp256r1, new Uint8Array(32).fill(0xff)), RangeError);
    });
  });
}
