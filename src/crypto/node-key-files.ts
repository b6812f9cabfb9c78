import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  pbkdf2Sync,
  randomBytes,
  scryptSync,
} from 'node:crypto';
import type { KeyFileCrypto } from './key-files.ts';

/** What encrypted PKCS#8 and PKCS#12 files need (`handfast/pki`), from `node:crypto`. */
export function createKeyFileCrypto(): KeyFileCrypto {
  return {
    random: (size) => randomBytes(size),
    hash: (name, data) => createHash(name).update(data).digest(),
    hmac: (name, key, data) => createHmac(name, key).update(data).digest(),
    pbkdf2: (hash, password, salt, iterations, size) => pbkdf2Sync(password, salt, iterations, size, hash),
    scrypt: (password, salt, { n, r, p }, size) =>
      scryptSync(password, salt, size, { N: n, r, p, maxmem: 128 * r * (n + p + 2) + (1 << 20) }),
    encryptAesCbc: (key, iv, plaintext) => {
      const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, iv);
      return Buffer.concat([cipher.update(plaintext), cipher.final()]);
    },
    decryptAesCbc: (key, iv, ciphertext) => opened(`aes-${key.length * 8}-cbc`, key, iv, ciphertext),
    decryptTripleDesCbc: (key, iv, ciphertext) => opened('des-ede3-cbc', key, iv, ciphertext),
  };
}

function opened(cipher: string, key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
  const decipher = createDecipheriv(cipher, key, iv);
  try {
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch {
    return undefined;
  }
}
