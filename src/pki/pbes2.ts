import { fromText, zeroize } from '../bytes/bytes.ts';
import type { KeyFileCrypto, KeyFileHash, ScryptCost } from '../crypto/key-files.ts';
import { oids } from './der/oid.ts';
import { type DerReader, tags } from './der/reader.ts';
import { derInteger, derNull, derOctetString, derOid, derSequence } from './der/writer.ts';
import { keyFileError, maxIterations } from './key-file-error.ts';
import { bmpPassphrase, derivePkcs12, pkcs12Purpose } from './pkcs12-kdf.ts';

/** How to encrypt: AES-256-CBC under a key derived by scrypt or PBKDF2 (RFC 8018, Section 6.2; RFC 7914). */
export interface EncryptionChoice {
  readonly derivation?: 'scrypt' | 'pbkdf2';
  /** PBKDF2 with HMAC-SHA-256; 600,000. */
  readonly iterations?: number;
  /** n = 2^17, r = 8, p = 1: 128 MiB and about a third of a second. */
  readonly scrypt?: ScryptCost;
}

const defaultScrypt: ScryptCost = { n: 1 << 17, r: 8, p: 1 };

const prf: Readonly<Record<string, KeyFileHash>> = {
  [oids.hmacSha1]: 'sha1',
  [oids.hmacSha256]: 'sha256',
  [oids.hmacSha384]: 'sha384',
  [oids.hmacSha512]: 'sha512',
};

const ciphers: Readonly<Record<string, { keySize: number; blockSize: number }>> = {
  [oids.aes128Cbc]: { keySize: 16, blockSize: 16 },
  [oids.aes192Cbc]: { keySize: 24, blockSize: 16 },
  [oids.aes256Cbc]: { keySize: 32, blockSize: 16 },
  [oids.tripleDesCbc]: { keySize: 24, blockSize: 8 },
};

const advice = 'convert it with "openssl pkcs8 -topk8 -v2 aes256" or "openssl pkcs12 -export" of OpenSSL 3';

/**
 * Decrypts what an AlgorithmIdentifier of passphrase-based encryption stands before; `algorithm` stands inside it. Reads
 * PBES2 (RFC 8018, Section 6.2) and, where the provider has Triple-DES, the pbeWithSHAAnd3-KeyTripleDES-CBC that PKCS#12
 * files were written with before (RFC 7292, Appendix C). Single DES and RC2 are read nowhere.
 * @returns `undefined` where the passphrase is wrong. Throws `ERR_TLS_KEY_FILE` for other schemes.
 */
export function decryptByPassphrase(
  algorithm: DerReader,
  ciphertext: Uint8Array,
  passphrase: string,
  crypto: KeyFileCrypto,
): Uint8Array | undefined {
  const scheme = algorithm.oid('encryption scheme');
  const parameters = algorithm.enter(tags.sequence, 'parameters');
  algorithm.done();
  if (scheme === oids.pbes2) return decryptPbes2(parameters, ciphertext, passphrase, crypto);
  if (scheme === oids.pbeWithSha1AndTripleDes) return decryptPkcs12Pbe(parameters, ciphertext, passphrase, crypto);
  throw keyFileError(`the file is encrypted by the old scheme ${scheme}; ${advice}`);
}

function decryptPbes2(
  parameters: DerReader,
  ciphertext: Uint8Array,
  passphrase: string,
  crypto: KeyFileCrypto,
): Uint8Array | undefined {
  const derivation = parameters.enter(tags.sequence, 'key derivation');
  const encryption = parameters.enter(tags.sequence, 'encryption');
  parameters.done();
  const identifier = encryption.oid('cipher');
  const cipher = ciphers[identifier];
  if (cipher === undefined) {
    throw keyFileError(
      `the file is encrypted with ${identifier}, which is neither AES nor Triple-DES in CBC mode; ${advice}`,
    );
  }
  const iv = encryption.octetString('initialization vector');
  encryption.done();
  if (iv.length !== cipher.blockSize) throw keyFileError('the initialization vector of the file has a wrong length');
  const decrypt = decryption(cipher.blockSize, ciphertext, crypto);
  const key = deriveKey(derivation, passphrase, cipher.keySize, crypto);
  try {
    return decrypt(key, iv);
  } finally {
    zeroize(key);
  }
}

/** RFC 7292, Appendix C: key and initialization vector come from the passphrase by the derivation of Appendix B. */
function decryptPkcs12Pbe(
  parameters: DerReader,
  ciphertext: Uint8Array,
  passphrase: string,
  crypto: KeyFileCrypto,
): Uint8Array | undefined {
  const salt = parameters.octetString('salt');
  const iterations = parameters.smallInteger('iterations', maxIterations);
  parameters.done();
  const decrypt = decryption(8, ciphertext, crypto);
  const from = { password: bmpPassphrase(passphrase), salt, iterations };
  const key = derivePkcs12('sha1', pkcs12Purpose.key, from, 24, crypto);
  const iv = derivePkcs12('sha1', pkcs12Purpose.initializationVector, from, 8, crypto);
  try {
    return decrypt(key, iv);
  } finally {
    zeroize(key);
  }
}

/** The cipher with this block size, once what it is to decrypt was looked at. */
function decryption(
  blockSize: number,
  ciphertext: Uint8Array,
  crypto: KeyFileCrypto,
): (key: Uint8Array, iv: Uint8Array) => Uint8Array | undefined {
  if (ciphertext.length === 0 || ciphertext.length % blockSize !== 0)
    throw keyFileError('the encrypted part of the file has a wrong length');
  if (blockSize === 16) return (key, iv) => crypto.decryptAesCbc(key, iv, ciphertext);
  if (crypto.decryptTripleDesCbc === undefined)
    throw keyFileError(`the file is encrypted with Triple-DES, which isn't available here; ${advice}`);
  return (key, iv) => crypto.decryptTripleDesCbc?.(key, iv, ciphertext);
}

function deriveKey(derivation: DerReader, passphrase: string, keySize: number, crypto: KeyFileCrypto): Uint8Array {
  const kind = derivation.oid('key derivation');
  const fields = derivation.enter(tags.sequence, 'parameters');
  derivation.done();
  const password = fromText(passphrase);
  const salt = fields.octetString('salt');
  if (kind === oids.pbkdf2) {
    const iterations = fields.smallInteger('iterations', maxIterations);
    const size = fields.peek() === tags.integer ? fields.smallInteger('key length', 64) : keySize;
    let hash: KeyFileHash | undefined = 'sha1';
    if (fields.more) {
      const identifier = fields.enter(tags.sequence, 'PRF');
      const oid = identifier.oid('PRF');
      if (identifier.more) identifier.null('parameters');
      identifier.done();
      hash = prf[oid];
      if (hash === undefined) throw keyFileError(`the key of the file is derived with ${oid}, which isn't supported`);
    }
    fields.done();
    if (size !== keySize || iterations < 1)
      throw fields.error('the key length does not fit the cipher, or there are no iterations');
    return crypto.pbkdf2(hash, password, salt, iterations, keySize);
  }
  if (kind !== oids.scrypt) throw keyFileError(`the key of the file is derived by ${kind}, which isn't supported`);
  const n = fields.smallInteger('cost', 1 << 22);
  const r = fields.smallInteger('block size', 64);
  const p = fields.smallInteger('parallelization', 64);
  if (fields.more && fields.smallInteger('key length', 64) !== keySize)
    throw fields.error('the key length does not fit the cipher');
  fields.done();
  // 128 * n * r bytes of memory.
  if (n < 2 || (n & (n - 1)) !== 0 || r < 1 || p < 1 || n * r > 1 << 23) {
    throw keyFileError('the file asks for a scrypt cost that is no power of two, or needs more than 1 GiB');
  }
  return crypto.scrypt(password, salt, { n, r, p }, keySize);
}

/** Encrypts by PBES2 (RFC 8018, Section 6.2); returns the AlgorithmIdentifier and the ciphertext. */
export function encryptPbes2(
  plaintext: Uint8Array,
  passphrase: string,
  crypto: KeyFileCrypto,
  choice: EncryptionChoice = {},
): { algorithm: Uint8Array; ciphertext: Uint8Array } {
  const salt = crypto.random(16);
  const iv = crypto.random(16);
  const password = fromText(passphrase);
  const { iterations = 600_000, scrypt = defaultScrypt } = choice;
  const byScrypt = (choice.derivation ?? 'scrypt') === 'scrypt';
  const key = byScrypt
    ? crypto.scrypt(password, salt, scrypt, 32)
    : crypto.pbkdf2('sha256', password, salt, iterations, 32);
  const derivation = byScrypt
    ? derSequence(
        derOid(oids.scrypt),
        derSequence(derOctetString(salt), derInteger(scrypt.n), derInteger(scrypt.r), derInteger(scrypt.p)),
      )
    : derSequence(
        derOid(oids.pbkdf2),
        derSequence(derOctetString(salt), derInteger(iterations), derSequence(derOid(oids.hmacSha256), derNull())),
      );
  const algorithm = derSequence(
    derOid(oids.pbes2),
    derSequence(derivation, derSequence(derOid(oids.aes256Cbc), derOctetString(iv))),
  );
  const ciphertext = crypto.encryptAesCbc(key, iv, plaintext);
  zeroize(key);
  return { algorithm, ciphertext };
}
