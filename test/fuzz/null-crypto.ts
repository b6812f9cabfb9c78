/**
 * Cryptography that does nothing, for fuzzing: every hash and MAC has one value, every signature is right, and
 * "protected" records are plaintext with a tag of zeros. What a fuzzer changes so reaches the code behind it. Two sides with
 * the same options always exchange the same bytes.
 */
import type { Aead, CryptoProvider, GroupName, HashName, KeyExchange, PublicKey } from '../../src/crypto/provider.ts';
import { illegalParameter } from '../../src/errors.ts';

const hashLengths: Record<HashName, number> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };
const tagLength = 16;

function aead(keyLength: number): Aead {
  return {
    keyLength,
    tagLength,
    seal(_nonce, _additionalData, plaintext, out, at) {
      out.set(plaintext, at);
      out.fill(0, at + plaintext.length, at + plaintext.length + tagLength);
      return plaintext.length + tagLength;
    },
    open: (_nonce, _additionalData, ciphertext) =>
      ciphertext.length < tagLength ? undefined : ciphertext.slice(0, ciphertext.length - tagLength),
    destroy() {},
  };
}

const shareLengths: Partial<Record<GroupName, number>> = { x25519: 32, secp256r1: 65 };

function exchange(group: GroupName, length: number): KeyExchange {
  const share = new Uint8Array(length).fill(4);
  const agree = (other: Uint8Array) => {
    if (other.length !== length) throw illegalParameter('ERR_TLS_KEY_SHARE', `a share of ${group} has ${length} bytes`);
    return new Uint8Array(32).fill(7);
  };
  return {
    group,
    clientShareLength: length,
    serverShareLength: length,
    generate: () => ({ group, share, finish: agree, destroy() {} }),
    respond: (other) => ({ share, secret: agree(other) }),
    importKeyPair: () => ({ group, publicKey: share, agree, destroy() {} }),
  };
}

const exchanges = new Map(
  Object.entries(shareLengths).map(([group, length]) => [group, exchange(group as GroupName, length)]),
);

export const nullCrypto: CryptoProvider = {
  name: 'null',
  random: (size) => new Uint8Array(size).fill(0x11),
  hash: (name) => new Uint8Array(hashLengths[name]).fill(0x3c),
  hmac: (name) => new Uint8Array(hashLengths[name]).fill(0x5a),
  prepareHmac: (name) => ({ sign: () => new Uint8Array(hashLengths[name]).fill(0x5a), destroy() {} }),
  createAead: (name) => aead(name === 'aes128gcm' ? 16 : 32),
  createCbc: () => ({ encrypt: (_iv, data) => data.slice(), decrypt: (_iv, data) => data.slice(), destroy() {} }),
  keyExchange: (group) => exchanges.get(group),
  importPublicKey(spki): PublicKey {
    const rsa = spki.length > 200;
    return {
      type: rsa ? 'rsa' : 'p256',
      bits: rsa ? 2048 : 256,
      verify: () => true,
      encryptPkcs1: (plaintext) => paddedPremaster(plaintext),
    };
  },
  importPrivateKey() {
    throw new Error('the null cryptography has no private keys');
  },
};

/** RSAES-PKCS1-v1_5 padding without RSA: static RSA handshakes find their premaster secret in it. */
function paddedPremaster(plaintext: Uint8Array): Uint8Array {
  const block = new Uint8Array(256).fill(0xff);
  block[0] = 0;
  block[1] = 2;
  block[255 - plaintext.length] = 0;
  block.set(plaintext, 256 - plaintext.length);
  return block;
}
