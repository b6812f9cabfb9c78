import {
  constants,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  sign as signOnce,
  verify as verifyOnce,
} from 'node:crypto';
import { ConfigError } from '../errors.ts';
import {
  algorithmFits,
  badPublicKey,
  cannotSign,
  checkedRsaBits,
  fixedBits,
  readSpki,
  rememberingImport,
  unsupportedPublicKey,
} from './key-types.ts';
import { plain } from './node-hash.ts';
import type { KeyType, PrivateKey, PublicKey, SignatureAlgorithm } from './provider.ts';

/** A public key from its SubjectPublicKeyInfo (DER); see {@link CryptoProvider.importPublicKey}. */
export const importPublicKey = rememberingImport(
  (spki) => Buffer.from(spki.buffer, spki.byteOffset, spki.length).toString('latin1'),
  parsePublicKey,
);

function parsePublicKey(spki: Uint8Array): PublicKey {
  const { type, parameters, key } = readSpki(spki);
  const object = importByType(type, spki, parameters, key);
  const bits = fixedBits[type] ?? checkedRsaBits(object.asymmetricKeyDetails?.modulusLength ?? 0);
  return {
    type,
    bits,
    verify(algorithm, data, signature) {
      if (!algorithmFits(algorithm, type)) return false;
      // RFC 8017, Section 8.1.2: the signature is as long as the modulus. OpenSSL lets PSS drop leading zeros.
      if ((type === 'rsa' || type === 'rsaPss') && signature.length !== Math.ceil(bits / 8)) return false;
      try {
        const digest = 'hash' in algorithm ? algorithm.hash : null;
        return verifyOnce(digest, data, keyInput(object, algorithm), signature);
      } catch {
        // OpenSSL throws for some malformed signatures, and for hashes that an RSA-PSS key excludes.
        return false;
      }
    },
    encryptPkcs1(plaintext) {
      return plain(publicEncrypt({ key: object, padding: constants.RSA_PKCS1_PADDING }, plaintext));
    },
  };
}

/** A private key from PKCS#8 (DER). Throws {@link ConfigError} `ERR_TLS_PRIVATE_KEY`. */
export function importPrivateKey(pkcs8: Uint8Array): PrivateKey {
  const parse = () => createPrivateKey({ key: pkcs8 as Buffer, format: 'der', type: 'pkcs8' });
  let object: KeyObject;
  try {
    try {
      object = parse();
    } catch {
      // Up to Node 20 an error that another call left in OpenSSL's queue fails a good key, once.
      object = parse();
    }
  } catch (cause) {
    const problem = 'the private key is not an unencrypted PKCS#8 key in DER of a type that this runtime supports';
    throw new ConfigError(problem, { code: 'ERR_TLS_PRIVATE_KEY', cause });
  }
  const type = keyTypeOfObject(object);
  if (type === undefined) {
    const problem = `private keys of the type ${object.asymmetricKeyType} cannot sign in TLS`;
    throw new ConfigError(problem, { code: 'ERR_TLS_PRIVATE_KEY_UNSUPPORTED' });
  }
  const bits = fixedBits[type] ?? object.asymmetricKeyDetails?.modulusLength ?? 0;
  const publicKey = plain(createPublicKey(object).export({ format: 'der', type: 'spki' }));
  return {
    type,
    bits,
    publicKey,
    sign(algorithm, data) {
      if (!algorithmFits(algorithm, type)) throw cannotSign(algorithm, type);
      try {
        return plain(signOnce('hash' in algorithm ? algorithm.hash : null, data, keyInput(object, algorithm)));
      } catch (cause) {
        throw cannotSign(algorithm, type, cause);
      }
    },
    decryptRaw(ciphertext) {
      if (type !== 'rsa' || ciphertext.length !== Math.ceil(bits / 8)) return undefined;
      try {
        return plain(privateDecrypt({ key: object, padding: constants.RSA_NO_PADDING }, ciphertext));
      } catch {
        // Not below the modulus.
        return undefined;
      }
    },
  };
}

function importByType(type: KeyType, spki: Uint8Array, parameters: Uint8Array, key: Uint8Array): KeyObject {
  if (type === 'rsa') {
    // The inner RSAPublicKey: OpenSSL finds its way through a SubjectPublicKeyInfo twenty times slower.
    const object = tryImport(key, 'pkcs1');
    if (object !== undefined) return object;
  }
  if (type === 'ed25519' && key.length === 32 && parameters.length === 0) {
    const object = tryImportEd25519(key);
    if (object !== undefined) return object;
  }
  // EC keys as JWK gain nothing: OpenSSL 3 converts such a key on its first use, which costs what DER costs.
  const object = tryImport(spki, 'spki');
  if (object !== undefined && keyTypeOfObject(object) === type) return object;
  if (type.startsWith('mldsa')) {
    throw unsupportedPublicKey('this runtime has no ML-DSA (Node.js has it from 24.6 on), or the key is malformed');
  }
  throw badPublicKey(`the public key is no valid key of the type ${type}`);
}

function tryImport(der: Uint8Array, type: 'pkcs1' | 'spki'): KeyObject | undefined {
  try {
    return createPublicKey({ key: der as Buffer, format: 'der', type });
  } catch {
    return undefined;
  }
}

function tryImportEd25519(key: Uint8Array): KeyObject | undefined {
  try {
    const x = Buffer.from(key.buffer, key.byteOffset, key.length).toString('base64url');
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function keyTypeOfObject(object: KeyObject): KeyType | undefined {
  // The types of Node 20 do not know the names that Node 24 adds.
  const name: string | undefined = object.asymmetricKeyType;
  switch (name) {
    case 'rsa':
      return 'rsa';
    case 'rsa-pss':
      return 'rsaPss';
    case 'ec': {
      const curve = object.asymmetricKeyDetails?.namedCurve;
      if (curve === 'prime256v1') return 'p256';
      if (curve === 'secp384r1') return 'p384';
      return curve === 'secp521r1' ? 'p521' : undefined;
    }
    case 'ed25519':
      return 'ed25519';
    case 'ed448':
      return 'ed448';
    case 'ml-dsa-44':
      return 'mldsa44';
    case 'ml-dsa-65':
      return 'mldsa65';
    case 'ml-dsa-87':
      return 'mldsa87';
    default:
      return undefined;
  }
}

function keyInput(
  key: KeyObject,
  algorithm: SignatureAlgorithm,
): KeyObject | { key: KeyObject; padding: number; saltLength?: number } {
  if (algorithm.kind === 'rsaPss') {
    return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: algorithm.saltLength };
  }
  if (algorithm.kind === 'rsaPkcs1') return { key, padding: constants.RSA_PKCS1_PADDING };
  return key;
}
