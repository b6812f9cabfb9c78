import { check } from '../bytes/check.ts';
import { decodePem, encodePem } from '../bytes/pem.ts';
import type { KeyFileCrypto } from '../crypto/key-files.ts';
import { checkKeyFileOptions, der as isDer, file as isFile } from './check-arguments.ts';
import { oids } from './der/oid.ts';
import { contextTag, DerReader, tags } from './der/reader.ts';
import { derInteger, derNull, derOctetString, derOid, derSequence } from './der/writer.ts';
import { keyFileError, passphraseError } from './key-file-error.ts';
import { decryptByPassphrase, type EncryptionChoice, encryptPbes2 } from './pbes2.ts';

/** How an encrypted key file is opened. */
export interface KeyFileOptions {
  readonly passphrase?: string;
  /** Needed for encrypted keys. */
  readonly crypto?: KeyFileCrypto;
}

/**
 * The private key of a PEM text or of DER, as PKCS#8 (RFC 5958) for `CryptoProvider.importPrivateKey`. Takes PKCS#8,
 * encrypted or not, and the older forms of EC (RFC 5915) and RSA (RFC 8017) keys. In a PEM text the first key counts;
 * certificates and parameters beside it are passed over.
 *
 * Throws `ConfigError`: `ERR_TLS_KEY_FILE` where there is no key or an unknown form, `ERR_TLS_PASSPHRASE` where the
 * passphrase is missing or wrong.
 */
export function decodePrivateKey(file: string | Uint8Array, options: KeyFileOptions = {}): Uint8Array {
  check(isFile, file, 'decodePrivateKey: file');
  checkKeyFileOptions(options, 'decodePrivateKey');
  if (file instanceof Uint8Array) return decodeDerKey(file, options);
  let blocks: ReturnType<typeof decodePem>;
  try {
    blocks = decodePem(file);
  } catch (error) {
    throw keyFileError(`the key file is no PEM: ${(error as Error).message}`, error);
  }
  for (const { label, bytes } of blocks) {
    switch (label) {
      case 'PRIVATE KEY':
        return parsed(() => checkedPkcs8(bytes));
      case 'ENCRYPTED PRIVATE KEY':
        return parsed(() => decryptPkcs8(bytes, options));
      case 'EC PRIVATE KEY':
        return parsed(() => fromSec1(bytes));
      case 'RSA PRIVATE KEY':
        return parsed(() => fromPkcs1(bytes));
      default:
    }
  }
  const labels = blocks.map(({ label }) => label).join(', ');
  throw keyFileError(`the file holds no private key${labels === '' ? '' : `, but ${labels}`}`);
}

/** PKCS#8 (RFC 5958) as a PEM text; with a passphrase as "ENCRYPTED PRIVATE KEY" (AES-256, scrypt by default). */
export function encodePrivateKey(pkcs8: Uint8Array, options: KeyFileOptions & EncryptionChoice = {}): string {
  check(isDer, pkcs8, 'encodePrivateKey: pkcs8');
  checkKeyFileOptions(options, 'encodePrivateKey');
  const { passphrase, crypto } = options;
  if (passphrase === undefined) return encodePem('PRIVATE KEY', pkcs8);
  if (crypto === undefined)
    throw keyFileError('encrypting a key needs `crypto` (createKeyFileCrypto of the Node shell)');
  const { algorithm, ciphertext } = encryptPbes2(pkcs8, passphrase, crypto, options);
  return encodePem('ENCRYPTED PRIVATE KEY', derSequence(algorithm, derOctetString(ciphertext)));
}

function parsed(read: () => Uint8Array): Uint8Array {
  try {
    return read();
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_TLS_DER') throw error;
    throw keyFileError(`the private key doesn't parse: ${(error as Error).message}`, error);
  }
}

function decodeDerKey(der: Uint8Array, options: KeyFileOptions): Uint8Array {
  return parsed(() => {
    const fields = new DerReader(der, 'private key').enter(tags.sequence, 'SEQUENCE');
    if (fields.peek() === tags.sequence) return decryptPkcs8(der, options);
    fields.smallInteger('version', 1);
    if (fields.peek() === tags.sequence) return checkedPkcs8(der);
    return fields.peek() === tags.octetString ? fromSec1(der) : fromPkcs1(der);
  });
}

/** Reads EncryptedPrivateKeyInfo (RFC 5958, Section 3). */
export function decryptPkcs8(der: Uint8Array, { passphrase, crypto }: KeyFileOptions): Uint8Array {
  const outer = new DerReader(der, 'encrypted private key');
  const fields = outer.enter(tags.sequence, 'SEQUENCE');
  outer.done();
  const algorithm = fields.enter(tags.sequence, 'algorithm');
  const ciphertext = fields.octetString('data');
  fields.done();
  if (passphrase === undefined) throw passphraseError('the private key is encrypted: give `passphrase`');
  if (crypto === undefined)
    throw keyFileError('reading an encrypted key needs `crypto` (createKeyFileCrypto of the Node shell)');
  const plaintext = decryptByPassphrase(algorithm, ciphertext, passphrase, crypto);
  if (plaintext === undefined) throw wrongPassphrase();
  try {
    return checkedPkcs8(plaintext);
  } catch {
    throw wrongPassphrase(); // one wrong passphrase in 256 leaves padding that looks right
  }
}

const wrongPassphrase = () => passphraseError('the passphrase does not open the private key');

/** Checks the frame of OneAsymmetricKey (RFC 5958, Section 2); what is inside is the crypto provider's. */
export function checkedPkcs8(der: Uint8Array): Uint8Array {
  const outer = new DerReader(der, 'private key');
  const fields = outer.enter(tags.sequence, 'SEQUENCE');
  outer.done();
  fields.smallInteger('version', 1);
  fields.expect(tags.sequence, 'algorithm');
  fields.inside('algorithm').oid('algorithm');
  fields.octetString('key');
  fields.optional(contextTag(0)); // attributes
  if (fields.more) fields.next(); // publicKey
  fields.done();
  return der;
}

// RFC 5915, Section 3: the curve stands in [0], which PKCS#8 has in its algorithm.
function fromSec1(der: Uint8Array): Uint8Array {
  const outer = new DerReader(der, 'EC private key');
  const fields = outer.enter(tags.sequence, 'SEQUENCE');
  outer.done();
  if (fields.smallInteger('version', 1) !== 1) throw fields.error('the version is not 1');
  fields.octetString('key');
  if (!fields.optional(contextTag(0))) throw fields.error('it does not name its curve');
  const explicit = fields.inside('curve');
  const curve = explicit.oid('curve');
  explicit.done();
  return derSequence(derInteger(0), derSequence(derOid(oids.ecPublicKey), derOid(curve)), derOctetString(der));
}

function fromPkcs1(der: Uint8Array): Uint8Array {
  const outer = new DerReader(der, 'RSA private key');
  const fields = outer.enter(tags.sequence, 'SEQUENCE');
  outer.done();
  if (fields.smallInteger('version', 1) !== 0) throw fields.error('a key of more than two primes');
  for (const field of [
    'modulus',
    'publicExponent',
    'privateExponent',
    'prime1',
    'prime2',
    'exponent1',
    'exponent2',
    'coefficient',
  ]) {
    fields.integer(field);
  }
  fields.done();
  return derSequence(derInteger(0), derSequence(derOid(oids.rsaEncryption), derNull()), derOctetString(der));
}
