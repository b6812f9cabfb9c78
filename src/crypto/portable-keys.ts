import { ed448 } from '@noble/curves/ed448.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { ml_dsa44, ml_dsa65, ml_dsa87 } from '@noble/post-quantum/ml-dsa.js';
import { toLatin1 } from '../bytes/bytes.ts';
import { algorithmFits, badPublicKey, fixedBits, readSpki, rememberingImport } from './key-types.ts';
import { hash } from './portable-hash.ts';
import { importRsaKey } from './portable-rsa.ts';
import type { KeyType, PublicKey, SignatureAlgorithm } from './provider.ts';

/** The key types that are not RSA, by the functions that serve them. */
export const ecdsaCurves = { p256, p384, p521 } as const;
export const edwardsCurves = { ed25519, ed448 } as const;
export const mlDsas = { mldsa44: ml_dsa44, mldsa65: ml_dsa65, mldsa87: ml_dsa87 } as const;

/** A public key from its SubjectPublicKeyInfo (DER); see {@link CryptoProvider.importPublicKey}. */
export const importPublicKey = rememberingImport(toLatin1, parsePublicKey);

function parsePublicKey(spki: Uint8Array): PublicKey {
  const { type, parameters, key: view } = readSpki(spki);
  // The key outlives the certificate that it stands in.
  const key = view.slice();
  if (type === 'rsa' || type === 'rsaPss') {
    const rsa = importRsaKey(key, type === 'rsaPss' ? parameters : undefined);
    return {
      type,
      bits: rsa.bits,
      verify: (algorithm, data, signature) => algorithmFits(algorithm, type) && rsa.verify(algorithm, data, signature),
      encryptPkcs1: (plaintext) => rsa.encryptPkcs1(plaintext),
    };
  }
  if (!isValidKey(type, parameters, key)) throw badPublicKey(`the public key is no valid key of the type ${type}`);
  return {
    type,
    bits: fixedBits[type] ?? 0,
    verify(algorithm, data, signature) {
      if (!algorithmFits(algorithm, type)) return false;
      try {
        return verifySignature(type, key, algorithm, data, signature);
      } catch {
        // Malformed signatures of some kinds throw.
        return false;
      }
    },
    encryptPkcs1() {
      throw new TypeError(`a key of the type ${type} encrypts nothing`);
    },
  };
}

type OtherKeyType = Exclude<KeyType, 'rsa' | 'rsaPss'>;

function isValidKey(type: OtherKeyType, parameters: Uint8Array, key: Uint8Array): boolean {
  switch (type) {
    case 'p256':
    case 'p384':
    case 'p521':
      return ecdsaCurves[type].utils.isValidPublicKey(key);
    case 'ed25519':
    case 'ed448':
      // RFC 8410, Section 3: "the parameters MUST be absent". Whether it is a point shows when it verifies.
      return parameters.length === 0 && key.length === edwardsCurves[type].lengths.publicKey;
    default:
      return parameters.length === 0 && key.length === mlDsas[type].lengths.publicKey;
  }
}

function verifySignature(
  type: OtherKeyType,
  key: Uint8Array,
  algorithm: SignatureAlgorithm,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  switch (type) {
    case 'p256':
    case 'p384':
    case 'p521': {
      if (algorithm.kind !== 'ecdsa') return false;
      // Half of all signatures in certificates have a high s: its ban is a rule of blockchains.
      const options = { prehash: false, lowS: false, format: 'der' } as const;
      return ecdsaCurves[type].verify(signature, hash(algorithm.hash, data), key, options);
    }
    case 'ed25519':
    case 'ed448':
      // RFC 8032, not the laxer rules of ZIP 215.
      return edwardsCurves[type].verify(signature, data, key, { zip215: false });
    default:
      return mlDsas[type].verify(signature, data, key);
  }
}
