import { cbc, gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { zeroize } from '../bytes/bytes.ts';
import type { Aead, AeadName, BlockCipher, CbcName } from './provider.ts';

const tagLength = 16;

/** A cipher with its key, nonce and additional data: it serves for one record. */
type AeadFunction = typeof gcm | typeof chacha20poly1305;

const aeads: Readonly<Record<AeadName, { readonly cipher: AeadFunction; readonly keyLength: number }>> = {
  aes128gcm: { cipher: gcm, keyLength: 16 },
  aes256gcm: { cipher: gcm, keyLength: 32 },
  chacha20poly1305: { cipher: chacha20poly1305, keyLength: 32 },
};

const cbcKeyLengths: Readonly<Record<CbcName, number>> = { aes128cbc: 16, aes256cbc: 32 };

/** An AEAD in JavaScript. ChaCha20-Poly1305 is the better choice here: see docs/decisions/0009-portable-crypto.md. */
export function createAead(name: AeadName, key: Uint8Array): Aead {
  return new PortableAead(name, key);
}

class PortableAead implements Aead {
  readonly keyLength: number;
  readonly tagLength = tagLength;
  readonly #cipher: AeadFunction;
  #key: Uint8Array | undefined;

  constructor(name: AeadName, key: Uint8Array) {
    const { cipher, keyLength } = aeads[name];
    this.#key = checkedKey(name, key, keyLength);
    this.keyLength = keyLength;
    this.#cipher = cipher;
  }

  seal(nonce: Uint8Array, additionalData: Uint8Array, plaintext: Uint8Array, out: Uint8Array, at: number): number {
    // Not straight into `out`: records begin anywhere, and both ciphers are slow on what is not aligned.
    const sealed = this.#cipher(this.#liveKey(), nonce, additionalData).encrypt(plaintext);
    out.set(sealed, at);
    return sealed.length;
  }

  open(nonce: Uint8Array, additionalData: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
    const key = this.#liveKey();
    if (ciphertext.length < tagLength) return undefined;
    const cipher = this.#cipher(key, nonce, additionalData);
    try {
      return cipher.decrypt(ciphertext);
    } catch {
      // The tag is compared before anything is decrypted.
      return undefined;
    }
  }

  destroy(): void {
    zeroize(this.#key);
    this.#key = undefined;
  }

  #liveKey(): Uint8Array {
    if (this.#key === undefined) throw new Error('this AEAD key was destroyed');
    return this.#key;
  }
}

/** AES-CBC in JavaScript, without padding. */
export function createCbc(name: CbcName, key: Uint8Array): BlockCipher {
  let own: Uint8Array | undefined = checkedKey(name, key, cbcKeyLengths[name]);
  const cipher = (iv: Uint8Array) => {
    if (own === undefined) throw new Error('this block cipher key was destroyed');
    return cbc(own, iv, { disablePadding: true });
  };
  return {
    encrypt: (iv, data) => cipher(iv).encrypt(data),
    decrypt: (iv, data) => cipher(iv).decrypt(data),
    destroy() {
      zeroize(own);
      own = undefined;
    },
  };
}

/** A copy of the key, which the caller may wipe. */
function checkedKey(name: AeadName | CbcName, key: Uint8Array, length: number): Uint8Array {
  if (key.length !== length) throw new RangeError(`a key of ${name} has ${length} bytes, not ${key.length}`);
  return new Uint8Array(key);
}
