import { check, text } from '../bytes/check.ts';
import type { CryptoProvider, KeyType, SignatureAlgorithm } from '../crypto/provider.ts';
import type { Signer as TbsSigner } from '../pki/build.ts';
import { caError } from './error.ts';

/**
 * A key that signs. The `PrivateKey` of a crypto provider is one; so is anything that asks an HSM, a KMS or a card:
 * `sign` may answer with a promise. An authority checks each signature before it uses it.
 */
export interface Signer {
  readonly type: KeyType;
  /** SubjectPublicKeyInfo (DER) of the matching public key. */
  readonly publicKey: Uint8Array;
  /** The signature in the form of X.509: DER for ECDSA. */
  sign(algorithm: SignatureAlgorithm, data: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** The algorithm with which a key signs certificates, CRLs and OCSP answers: a hash as strong as the key. */
export function signatureAlgorithmOf(type: KeyType): SignatureAlgorithm {
  check(text, type, 'signatureAlgorithmOf: type');
  switch (type) {
    case 'p256':
      return { kind: 'ecdsa', hash: 'sha256' };
    case 'p384':
      return { kind: 'ecdsa', hash: 'sha384' };
    case 'p521':
      return { kind: 'ecdsa', hash: 'sha512' };
    case 'rsa':
      return { kind: 'rsaPkcs1', hash: 'sha256' };
    case 'rsaPss':
      return { kind: 'rsaPss', hash: 'sha256', saltLength: 32 };
    default:
      return { kind: type };
  }
}

/**
 * A signer for the builders of `pki`, which verifies what comes back: a signer that fails or lies must not get a
 * certificate out. Its `sign` throws `ERR_TLS_CA_SIGNER`.
 */
export function checkedSigner(crypto: CryptoProvider, signer: Signer): TbsSigner {
  const algorithm = signatureAlgorithmOf(signer.type);
  const publicKey = crypto.importPublicKey(signer.publicKey);
  return {
    algorithm,
    async sign(data) {
      let signature: Uint8Array;
      try {
        signature = await signer.sign(algorithm, data);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw caError('ERR_TLS_CA_SIGNER', `the signer failed: ${why}`, error);
      }
      if (!publicKey.verify(algorithm, data, signature)) {
        throw caError('ERR_TLS_CA_SIGNER', 'the signer returned a signature that its public key does not verify');
      }
      return signature;
    },
  };
}
