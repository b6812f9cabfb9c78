import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { createKeyFileCrypto } from '../../crypto/node-key-files.ts';
import { encodePrivateKey } from '../../pki/private-key.ts';
import { caError } from '../error.ts';

/** Keys that an authority makes. */
export type NewKeyType = 'p256' | 'p384' | 'p521' | 'ed25519' | 'rsa2048' | 'rsa3072' | 'rsa4096';

/** A fresh key pair: PKCS#8 and SubjectPublicKeyInfo, both DER. */
export function generateKey(type: NewKeyType): { pkcs8: Uint8Array; spki: Uint8Array } {
  const { publicKey, privateKey } =
    type === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : type === 'p256' || type === 'p384' || type === 'p521'
        ? generateKeyPairSync('ec', { namedCurve: { p256: 'P-256', p384: 'P-384', p521: 'P-521' }[type] })
        : generateKeyPairSync('rsa', { modulusLength: Number(type.slice(3)) });
  return {
    pkcs8: new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' })),
    spki: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })),
  };
}

/**
 * A PKCS#8 key as PEM; with a passphrase as EncryptedPrivateKeyInfo: PBES2 with PBKDF2-HMAC-SHA256 (600,000 rounds, what
 * OWASP's password storage guide asks for) and AES-256-CBC (RFC 8018), which every tool reads.
 */
export function keyToPem(pkcs8: Uint8Array, passphrase?: string): string {
  if (passphrase === undefined) return encodePrivateKey(pkcs8);
  checkPassphrase(passphrase);
  return encodePrivateKey(pkcs8, {
    passphrase,
    crypto: createKeyFileCrypto(),
    derivation: 'pbkdf2',
    iterations: 600_000,
  });
}

/** Throws `ERR_TLS_CA_PASSPHRASE` for one that guessing finds at once. */
function checkPassphrase(passphrase: string): void {
  if (passphrase.length < 12) {
    throw caError(
      'ERR_TLS_CA_PASSPHRASE',
      'the passphrase has fewer than 12 characters; take four or more random words',
    );
  }
}

/**
 * The PKCS#8 (DER) of a key in PEM. Throws `ERR_TLS_CA_PASSPHRASE` where it is encrypted and the passphrase is missing
 * or wrong, `ERR_TLS_CA_KEY` where it is no key.
 */
export function keyFromPem(pem: string, where: string, passphrase?: string): Uint8Array {
  const encrypted = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem);
  if (encrypted && passphrase === undefined) {
    throw caError('ERR_TLS_CA_PASSPHRASE', `${where} is encrypted: its passphrase is needed`);
  }
  try {
    const key = createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
    return new Uint8Array(key.export({ format: 'der', type: 'pkcs8' }));
  } catch (error) {
    if (encrypted)
      throw caError('ERR_TLS_CA_PASSPHRASE', `the passphrase of ${where} is wrong, or the file is damaged`, error);
    throw caError('ERR_TLS_CA_KEY', `${where} holds no private key that can be read`, error);
  }
}
