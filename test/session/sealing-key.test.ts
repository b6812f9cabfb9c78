import assert from 'node:assert/strict';
import test from 'node:test';
import { fromText } from '../../src/bytes/bytes.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import type { AeadName, CryptoProvider } from '../../src/crypto/provider.ts';
import { createSealingKey, sealOverhead } from '../../src/session/sealing-key.ts';

/** A provider with a preference, which tells the AEADs that were made. */
function provider(preferredAead: AeadName | undefined): { crypto: CryptoProvider; made: AeadName[] } {
  const node = createNodeCrypto({ accelerator: false });
  const made: AeadName[] = [];
  const createAead: CryptoProvider['createAead'] = (name, key) => {
    made.push(name);
    return node.createAead(name, key);
  };
  return { crypto: { ...node, preferredAead, createAead }, made };
}

const secret = Uint8Array.from({ length: 32 }, (_, i) => i * 7);
const context = fromText('context');

test('a value is sealed by the cipher that costs least, and opened by every provider', () => {
  for (const [preferred, expected] of [
    [undefined, 'aes256gcm'],
    ['chacha20poly1305', 'chacha20poly1305'],
  ] as const) {
    const { crypto, made } = provider(preferred);
    const sealing = createSealingKey(crypto, secret, 'test');
    for (let i = 0; i < 32; i++) {
      const value = crypto.random(i);
      const sealed = sealing.seal(context, value);
      assert.equal(sealed.length, value.length + sealOverhead);
      assert.deepEqual(sealing.open(context, sealed), value);
      for (const other of [undefined, 'chacha20poly1305'] as const) {
        assert.deepEqual(createSealingKey(provider(other).crypto, secret, 'test').open(context, sealed), value);
      }
    }
    assert.deepEqual([...new Set(made)], [expected]);
  }
});

test('neither another cipher, nor any other byte, context, purpose or key opens it', () => {
  for (const preferred of [undefined, 'chacha20poly1305'] as const) {
    const { crypto } = provider(preferred);
    const sealing = createSealingKey(crypto, secret, 'test');
    const sealed = sealing.seal(context, fromText('value'));
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice();
      // At the first byte this is the bit that names the cipher.
      changed[at]! ^= 0x80;
      assert.equal(sealing.open(context, changed), undefined, `byte ${at}`);
    }
    assert.equal(sealing.open(fromText('other'), sealed), undefined);
    assert.equal(sealing.open(context, sealed.subarray(0, sealOverhead - 1)), undefined);
    assert.equal(createSealingKey(crypto, secret, 'other').open(context, sealed), undefined);
    assert.equal(createSealingKey(crypto, secret.slice().reverse(), 'test').open(context, sealed), undefined);
  }
});
