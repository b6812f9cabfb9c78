import type { HashName, KeyType, SignatureAlgorithm } from './provider.ts';

/** A SignatureScheme (RFC 9846, Section 4.2.3) and what it means. */
export interface SignatureScheme {
  readonly code: number;
  /** The RFC's name, e.g. `ecdsa_secp256r1_sha256`. */
  readonly name: string;
  readonly algorithm: SignatureAlgorithm;
  /** Keys that may make it in TLS 1.3, where an ECDSA scheme names its curve. For TLS 1.2 see {@link schemeFitsKey}. */
  readonly keyTypes: readonly KeyType[];
  /** Whether it may sign a CertificateVerify of TLS 1.3. */
  readonly tls13: boolean;
  /** Whether it may sign in TLS 1.2 (ServerKeyExchange, CertificateVerify). */
  readonly tls12: boolean;
}

/** SignatureScheme codes by the RFC's names. */
export const signatureSchemeCodes = {
  rsa_pkcs1_sha1: 0x0201,
  ecdsa_sha1: 0x0203,
  rsa_pkcs1_sha256: 0x0401,
  ecdsa_secp256r1_sha256: 0x0403,
  rsa_pkcs1_sha384: 0x0501,
  ecdsa_secp384r1_sha384: 0x0503,
  rsa_pkcs1_sha512: 0x0601,
  ecdsa_secp521r1_sha512: 0x0603,
  rsa_pss_rsae_sha256: 0x0804,
  rsa_pss_rsae_sha384: 0x0805,
  rsa_pss_rsae_sha512: 0x0806,
  ed25519: 0x0807,
  ed448: 0x0808,
  rsa_pss_pss_sha256: 0x0809,
  rsa_pss_pss_sha384: 0x080a,
  rsa_pss_pss_sha512: 0x080b,
  mldsa44: 0x0904,
  mldsa65: 0x0905,
  mldsa87: 0x0906,
} as const;

export type SignatureSchemeName = keyof typeof signatureSchemeCodes;

const hashLengths: Readonly<Record<HashName, number>> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };
const ecKeys: readonly KeyType[] = ['p256', 'p384', 'p521'];
const codes = signatureSchemeCodes;

function ecdsa(name: SignatureSchemeName, hash: HashName, keyTypes: readonly KeyType[], tls13 = true): SignatureScheme {
  return { code: codes[name], name, algorithm: { kind: 'ecdsa', hash }, keyTypes, tls13, tls12: true };
}

function pss(name: SignatureSchemeName, hash: HashName, keyType: KeyType): SignatureScheme {
  // "The length of the Salt MUST be equal to the length of the output of the digest algorithm."
  const algorithm = { kind: 'rsaPss', hash, saltLength: hashLengths[hash] } as const;
  return { code: codes[name], name, algorithm, keyTypes: [keyType], tls13: true, tls12: true };
}

function pkcs1(name: SignatureSchemeName, hash: HashName): SignatureScheme {
  // "… not defined for use in signed TLS handshake messages" of TLS 1.3, only in certificates.
  return {
    code: codes[name],
    name,
    algorithm: { kind: 'rsaPkcs1', hash },
    keyTypes: ['rsa'],
    tls13: false,
    tls12: true,
  };
}

function edwards(name: 'ed25519' | 'ed448'): SignatureScheme {
  return { code: codes[name], name, algorithm: { kind: name }, keyTypes: [name], tls13: true, tls12: true };
}

function mldsa(name: 'mldsa44' | 'mldsa65' | 'mldsa87'): SignatureScheme {
  return { code: codes[name], name, algorithm: { kind: name }, keyTypes: [name], tls13: true, tls12: false };
}

/** Every scheme this stack knows, in the order in which it prefers them. */
export const signatureSchemes: readonly SignatureScheme[] = [
  ecdsa('ecdsa_secp256r1_sha256', 'sha256', ['p256']),
  edwards('ed25519'),
  ecdsa('ecdsa_secp384r1_sha384', 'sha384', ['p384']),
  ecdsa('ecdsa_secp521r1_sha512', 'sha512', ['p521']),
  edwards('ed448'),
  pss('rsa_pss_rsae_sha256', 'sha256', 'rsa'),
  pss('rsa_pss_rsae_sha384', 'sha384', 'rsa'),
  pss('rsa_pss_rsae_sha512', 'sha512', 'rsa'),
  pss('rsa_pss_pss_sha256', 'sha256', 'rsaPss'),
  pss('rsa_pss_pss_sha384', 'sha384', 'rsaPss'),
  pss('rsa_pss_pss_sha512', 'sha512', 'rsaPss'),
  mldsa('mldsa44'),
  mldsa('mldsa65'),
  mldsa('mldsa87'),
  pkcs1('rsa_pkcs1_sha256', 'sha256'),
  pkcs1('rsa_pkcs1_sha384', 'sha384'),
  pkcs1('rsa_pkcs1_sha512', 'sha512'),
  ecdsa('ecdsa_sha1', 'sha1', ecKeys, false),
  pkcs1('rsa_pkcs1_sha1', 'sha1'),
];

const byCode = new Map(signatureSchemes.map((scheme) => [scheme.code, scheme]));

/** The scheme of a code, or `undefined` for one this stack does not know. */
export function signatureScheme(code: number): SignatureScheme | undefined {
  return byCode.get(code);
}

/**
 * Offered and accepted unless configured otherwise. No SHA-1; no ML-DSA, which not every runtime can verify.
 */
export const defaultSignatureSchemes: readonly number[] = signatureSchemes
  .filter(({ algorithm }) => !('hash' in algorithm && algorithm.hash === 'sha1') && !algorithm.kind.startsWith('mldsa'))
  .map(({ code }) => code);

/**
 * Whether a key may make signatures of the scheme in a protocol version. In TLS 1.3 an ECDSA scheme binds the curve;
 * in TLS 1.2 it names only the hash (RFC 9846, Section 4.2.3).
 *
 * @param bits size of the key: an RSA key can be too small for a scheme.
 */
export function schemeFitsKey(
  scheme: SignatureScheme,
  keyType: KeyType,
  bits: number,
  version: 0x0303 | 0x0304,
): boolean {
  if (version === 0x0304 ? !scheme.tls13 : !scheme.tls12) return false;
  const { algorithm } = scheme;
  if (algorithm.kind === 'ecdsa' && version === 0x0303) return ecKeys.includes(keyType);
  if (!scheme.keyTypes.includes(keyType)) return false;
  if (algorithm.kind === 'rsaPss') {
    // RFC 8017, Section 9.1.1: emLen >= hLen + sLen + 2.
    return Math.ceil((bits - 1) / 8) >= hashLengths[algorithm.hash] + algorithm.saltLength + 2;
  }
  // RFC 8017, Section 9.2: emLen >= tLen + 11, where a DigestInfo has up to 19 bytes before the hash.
  if (algorithm.kind === 'rsaPkcs1') return Math.ceil(bits / 8) >= hashLengths[algorithm.hash] + 30;
  return true;
}

/** Codes of the schemes that a key can make in a protocol version, most preferred first. */
export function schemesForKey(keyType: KeyType, bits: number, version: 0x0303 | 0x0304 = 0x0304): number[] {
  return signatureSchemes
    .filter((scheme) => schemeFitsKey(scheme, keyType, bits, version))
    .sort((a, b) => Number(b.keyTypes.includes(keyType)) - Number(a.keyTypes.includes(keyType)))
    .map(({ code }) => code);
}
