import { toHex } from '../bytes/bytes.ts';
import { CertificateError, TlsError } from '../errors.ts';
import type { KeyType, PublicKey, SignatureAlgorithm } from './provider.ts';
import { splitSpki } from './spki.ts';

/** Longer RSA keys are refused: a verification grows with the square of the length, and the peer chooses it. */
const largestRsaBits = 8192;

/** The size that {@link PublicKey.bits} reports for keys whose type fixes it. For ML-DSA: that of the public key. */
export const fixedBits: Readonly<Partial<Record<KeyType, number>>> = {
  p256: 256,
  p384: 384,
  p521: 521,
  ed25519: 256,
  ed448: 456,
  mldsa44: 10496,
  mldsa65: 15616,
  mldsa87: 20736,
};

/** What a SubjectPublicKeyInfo says of its key, as views. */
export interface SpkiKey {
  readonly type: KeyType;
  /** The algorithm's parameters, with tag and length; empty where they are absent. */
  readonly parameters: Uint8Array;
  /** The BIT STRING's bytes. */
  readonly key: Uint8Array;
}

/** Takes a SubjectPublicKeyInfo apart. Throws as {@link CryptoProvider.importPublicKey} says. */
export function readSpki(spki: Uint8Array): SpkiKey {
  const parts = splitSpki(spki);
  if (parts === undefined) throw badPublicKey('the public key is not a SubjectPublicKeyInfo in DER');
  const { algorithm, parameters, key } = parts;
  const type = keyTypeOf(toHex(algorithm), parameters);
  if (type === undefined) {
    throw unsupportedPublicKey(`public keys of the algorithm ${toHex(algorithm)} (OID in DER) are not supported`);
  }
  // RFC 3279, Section 2.3.1: "The parameters field MUST have ASN.1 type NULL".
  if (type === 'rsa' && toHex(parameters) !== '0500') {
    throw badPublicKey('the parameters of an RSA public key are not NULL');
  }
  const first = key[0] ?? 0;
  if ((type === 'p256' || type === 'p384' || type === 'p521') && (first < 2 || first > 4)) {
    // RFC 5480, Section 2.2: "The public key MUST be rejected if any other value is included in the first octet."
    throw badPublicKey('the EC public key is a point neither in compressed nor in uncompressed form');
  }
  return { type, parameters, key };
}

/** The size of an RSA modulus, unless it is longer than is supported. */
export function checkedRsaBits(bits: number): number {
  if (bits <= largestRsaBits) return bits;
  throw unsupportedPublicKey(`RSA keys of more than ${largestRsaBits} bits are not supported; this has ${bits}`);
}

const maxImported = 100;

/**
 * An import that keeps the keys that were imported last, most recent at the end. A client sees the same few servers and
 * certificate authorities again and again, and OpenSSL needs longer to import an EC key (and to prepare its first use)
 * than to verify with it. The keys are public and never change, so that all connections can share them.
 *
 * @param nameOf the bytes as a string.
 */
export function rememberingImport(
  nameOf: (spki: Uint8Array) => string,
  parse: (spki: Uint8Array) => PublicKey,
): (spki: Uint8Array) => PublicKey {
  const imported = new Map<string, PublicKey>();
  return (spki) => {
    const name = nameOf(spki);
    const known = imported.get(name);
    const key = known ?? parse(spki);
    if (known !== undefined) imported.delete(name);
    else if (imported.size >= maxImported) imported.delete(imported.keys().next().value ?? '');
    imported.set(name, key);
    return key;
  };
}

const curves: Readonly<Record<string, KeyType>> = {
  '06082a8648ce3d030107': 'p256',
  '06052b81040022': 'p384',
  '06052b81040023': 'p521',
};

/** Key types by the OID (contents, hex) of the AlgorithmIdentifier. */
export function keyTypeOf(oid: string, parameters: Uint8Array): KeyType | undefined {
  switch (oid) {
    case '2a8648ce3d0201':
      return curves[toHex(parameters)];
    case '2a864886f70d010101':
      return 'rsa';
    case '2a864886f70d01010a':
      return 'rsaPss';
    case '2b6570':
      return 'ed25519';
    case '2b6571':
      return 'ed448';
    case '608648016503040311':
      return 'mldsa44';
    case '608648016503040312':
      return 'mldsa65';
    case '608648016503040313':
      return 'mldsa87';
    default:
      return undefined;
  }
}

/** Whether a key of the type can make signatures of the kind, whatever the protocol says about them. */
export function algorithmFits(algorithm: SignatureAlgorithm, type: KeyType): boolean {
  switch (algorithm.kind) {
    case 'ecdsa':
      return type === 'p256' || type === 'p384' || type === 'p521';
    case 'rsaPkcs1':
      return type === 'rsa';
    case 'rsaPss':
      return type === 'rsa' || type === 'rsaPss';
    default:
      return algorithm.kind === type;
  }
}

/** The error for a public key that does not parse. */
export function badPublicKey(problem: string): CertificateError {
  return new CertificateError('ERR_TLS_PUBLIC_KEY', 'badCertificate', problem);
}

/** The error for a public key of a type that is not known or not supported. */
export function unsupportedPublicKey(problem: string): CertificateError {
  return new CertificateError('ERR_TLS_PUBLIC_KEY_UNSUPPORTED', 'unsupportedCertificate', problem);
}

/** The error for a signature that a key cannot make. */
export function cannotSign(algorithm: SignatureAlgorithm, type: KeyType, cause?: unknown): TlsError {
  const problem = `a key of the type ${type} cannot make this signature (${JSON.stringify(algorithm)})`;
  return new TlsError('ERR_TLS_SIGN', 'internalError', problem, cause === undefined ? {} : { cause });
}
