export type KeyFileHash = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/**
 * What encrypted key files need beside the `CryptoProvider`: PKCS#8 (RFC 5958, RFC 8018) and PKCS#12 (RFC 7292).
 * `createKeyFileCrypto()` provides it from `node:crypto`; everything is synchronous, as such files are read once, at start.
 */
export interface KeyFileCrypto {
  random(size: number): Uint8Array;
  hash(name: KeyFileHash, data: Uint8Array): Uint8Array;
  hmac(name: KeyFileHash, key: Uint8Array, data: Uint8Array): Uint8Array;
  pbkdf2(hash: KeyFileHash, password: Uint8Array, salt: Uint8Array, iterations: number, size: number): Uint8Array;
  scrypt(password: Uint8Array, salt: Uint8Array, cost: ScryptCost, size: number): Uint8Array;
  /** AES-CBC with PKCS#7 padding, by the size of the key (16, 24 or 32 bytes). */
  encryptAesCbc(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** `undefined` where the padding is wrong. */
  decryptAesCbc(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined;
  /**
   * Triple-DES in CBC mode (24-byte key), to read files that were written before AES; nothing is written with it.
   * Without it such files are refused. `undefined` where the padding is wrong.
   */
  decryptTripleDesCbc?(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined;
}

/** Costs of scrypt (RFC 7914, Section 2). */
export interface ScryptCost {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}
