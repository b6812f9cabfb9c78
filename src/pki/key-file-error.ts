import { ConfigError } from '../errors.ts';

export type KeyFileHash = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/**
 * What encrypted key files need beside the `CryptoProvider`. `createKeyFileCrypto()` of the Node shell provides it from
 * `node:crypto`; everything is synchronous, as such files are read once, at start.
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
}

/** Costs of scrypt (RFC 7914, Section 2). */
export interface ScryptCost {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** Iterations of a key derivation that a file may ask for: some seconds of work. */
export const maxIterations = 10_000_000;

/** A key file that can't be used: `ERR_TLS_KEY_FILE`. */
export function keyFileError(message: string, cause?: unknown): ConfigError {
  return new ConfigError(message, { code: 'ERR_TLS_KEY_FILE', cause });
}

/** A passphrase that doesn't open the file: `ERR_TLS_PASSPHRASE`. */
export function passphraseError(message: string): ConfigError {
  return new ConfigError(message, { code: 'ERR_TLS_PASSPHRASE' });
}
