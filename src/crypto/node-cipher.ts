import {
  type CipherGCM,
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type DecipherGCM,
  type KeyObject,
} from 'node:crypto';
import { zeroize } from '../bytes/bytes.ts';
import { plain, preferKeyObjects } from './node-hash.ts';
import { letGo } from './node-memory.ts';
import type { Aead, AeadName, BlockCipher, CbcName } from './provider.ts';

const tagLength = 16;
const tagOption = { authTagLength: tagLength } as const;

const aeads: Readonly<Record<AeadName, { readonly algorithm: string; readonly keyLength: number }>> = {
  aes128gcm: { algorithm: 'aes-128-gcm', keyLength: 16 },
  aes256gcm: { algorithm: 'aes-256-gcm', keyLength: 32 },
  chacha20poly1305: { algorithm: 'chacha20-poly1305', keyLength: 32 },
};

const cbcs: Readonly<Record<CbcName, { readonly algorithm: string; readonly keyLength: number }>> = {
  aes128cbc: { algorithm: 'aes-128-cbc', keyLength: 16 },
  aes256cbc: { algorithm: 'aes-256-cbc', keyLength: 32 },
};

/**
 * An AEAD of OpenSSL. The key is an array of ours, wiped by `destroy`; from Node 22 on a KeyObject, where that is
 * cheaper, in memory that OpenSSL wipes when it frees it.
 */
export function createAead(name: AeadName, key: Uint8Array): Aead {
  return new NodeAead(name, key);
}

/**
 * Where a key stands while OpenSSL takes it over; wiped after each use. The key itself stays a small array on the heap,
 * which a native call would move off it for good: a fifth of a microsecond saved, and memory of every idle connection.
 */
const keyPlaces: Readonly<Record<number, Uint8Array>> = { 16: new Uint8Array(16), 32: new Uint8Array(32) };

let missing: readonly AeadName[] | undefined;

/** The AEADs that the runtime has not: Bun's `node:crypto` lacks ChaCha20-Poly1305. */
export function missingAeads(): readonly AeadName[] | undefined {
  missing ??= hasAead('chacha20poly1305') ? [] : ['chacha20poly1305'];
  return missing.length === 0 ? undefined : missing;
}

function hasAead(name: AeadName): boolean {
  const { algorithm, keyLength } = aeads[name];
  try {
    createCipheriv(algorithm as CipherGCMTypes, new Uint8Array(keyLength), new Uint8Array(12), tagOption);
    return true;
  } catch {
    return false;
  }
}

class NodeAead implements Aead {
  readonly keyLength: number;
  readonly tagLength = tagLength;
  readonly #algorithm: CipherGCMTypes;
  #key: KeyObject | Uint8Array | undefined;

  constructor(name: AeadName, key: Uint8Array) {
    const { algorithm, keyLength } = aeads[name];
    if (key.length !== keyLength) throw new RangeError(`a key of ${name} has ${keyLength} bytes, not ${key.length}`);
    this.keyLength = keyLength;
    // The types know chacha20-poly1305 by another name only; the calls are the same.
    this.#algorithm = algorithm as CipherGCMTypes;
    this.#key = preferKeyObjects ? createSecretKey(key) : key.slice();
  }

  seal(nonce: Uint8Array, additionalData: Uint8Array, plaintext: Uint8Array, out: Uint8Array, at: number): number {
    const key = this.#liveKey();
    const cipher: CipherGCM = createCipheriv(this.#algorithm, key, nonce, tagOption);
    if (key instanceof Uint8Array) zeroize(key);
    cipher.setAAD(additionalData);
    const ciphertext = cipher.update(plaintext);
    out.set(ciphertext, at);
    letGo(ciphertext);
    cipher.final();
    out.set(cipher.getAuthTag(), at + plaintext.length);
    return plaintext.length + tagLength;
  }

  open(nonce: Uint8Array, additionalData: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
    const bodyLength = ciphertext.length - tagLength;
    if (bodyLength < 0) return undefined;
    const key = this.#liveKey();
    const decipher: DecipherGCM = createDecipheriv(this.#algorithm, key, nonce, tagOption);
    if (key instanceof Uint8Array) zeroize(key);
    decipher.setAAD(additionalData);
    decipher.setAuthTag(ciphertext.subarray(bodyLength));
    const plaintext = decipher.update(ciphertext.subarray(0, bodyLength));
    try {
      decipher.final();
    } catch {
      // Unauthenticated plaintext may not survive, not even as garbage.
      plaintext.fill(0);
      return undefined;
    }
    return plain(plaintext);
  }

  destroy(): void {
    if (this.#key instanceof Uint8Array) zeroize(this.#key);
    this.#key = undefined;
  }

  #liveKey(): KeyObject | Uint8Array {
    const key = this.#key;
    if (key === undefined) throw new Error('this AEAD key was destroyed');
    if (!(key instanceof Uint8Array)) return key;
    const place = keyPlaces[this.keyLength] as Uint8Array;
    place.set(key);
    return place;
  }
}

/** AES-CBC of OpenSSL, without padding. */
export function createCbc(name: CbcName, key: Uint8Array): BlockCipher {
  const { algorithm, keyLength } = cbcs[name];
  if (key.length !== keyLength) throw new RangeError(`a key of ${name} has ${keyLength} bytes, not ${key.length}`);
  let object: KeyObject | undefined = createSecretKey(key);
  const liveKey = (): KeyObject => {
    if (object === undefined) throw new Error('this block cipher key was destroyed');
    return object;
  };
  return {
    encrypt(iv, data) {
      const cipher = createCipheriv(algorithm, liveKey(), iv).setAutoPadding(false);
      const output = plain(cipher.update(data));
      cipher.final();
      return output;
    },
    decrypt(iv, data) {
      const decipher = createDecipheriv(algorithm, liveKey(), iv).setAutoPadding(false);
      const output = plain(decipher.update(data));
      decipher.final();
      return output;
    },
    destroy() {
      object = undefined;
    },
  };
}
