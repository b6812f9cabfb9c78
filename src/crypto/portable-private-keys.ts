import { concat, equal, fromHex, toHex } from '../bytes/bytes.ts';
import { ConfigError } from '../errors.ts';
import { algorithmFits, cannotSign, fixedBits, keyTypeOf } from './key-types.ts';
import { hash } from './portable-hash.ts';
import { ecdsaCurves, edwardsCurves, mlDsas } from './portable-keys.ts';
import type { KeyType, PrivateKey, SignatureAlgorithm } from './provider.ts';
import { element } from './spki.ts';

type SigningKeyType = Exclude<KeyType, 'rsa' | 'rsaPss'>;

/** SubjectPublicKeyInfo up to the key itself. */
const spkiPrefixes: Readonly<Record<SigningKeyType, string>> = {
  p256: '3059301306072a8648ce3d020106082a8648ce3d030107034200',
  p384: '3076301006072a8648ce3d020106052b81040022036200',
  p521: '30819b301006072a8648ce3d020106052b8104002303818600',
  ed25519: '302a300506032b6570032100',
  ed448: '3043300506032b6571033a00',
  mldsa44: '30820532300b06096086480165030403110382052100',
  mldsa65: '308207b2300b0609608648016503040312038207a100',
  mldsa87: '30820a32300b060960864801650304031303820a2100',
};

/** What a private key computes. */
interface SigningKey {
  /** As it stands in a SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  sign(algorithm: SignatureAlgorithm, data: Uint8Array): Uint8Array;
}

/**
 * A private key from PKCS#8 (DER). Throws {@link ConfigError} `ERR_TLS_PRIVATE_KEY`, for types that cannot sign here
 * (RSA among them) `ERR_TLS_PRIVATE_KEY_UNSUPPORTED`.
 */
export function importPrivateKey(pkcs8: Uint8Array): PrivateKey {
  const { type, contents } = readPkcs8(pkcs8);
  let key: SigningKey | undefined;
  try {
    key = signingKey(type, contents);
  } catch (cause) {
    throw badPrivateKey(cause);
  }
  if (key === undefined) throw badPrivateKey();
  const { publicKey, sign } = key;
  return {
    type,
    bits: fixedBits[type] ?? 0,
    publicKey: concat(fromHex(spkiPrefixes[type]), publicKey),
    sign(algorithm, data) {
      if (!algorithmFits(algorithm, type)) throw cannotSign(algorithm, type);
      try {
        return sign(algorithm, data);
      } catch (cause) {
        throw cannotSign(algorithm, type, cause);
      }
    },
    decryptRaw: () => undefined,
  };
}

/** OneAsymmetricKey (RFC 5958, Section 2): the type and the contents of `privateKey`. */
function readPkcs8(der: Uint8Array): { type: SigningKeyType; contents: Uint8Array } {
  const outer = element(der, 0, 0x30);
  const version = outer === undefined ? undefined : element(der, outer.start, 0x02);
  const identifier = version === undefined ? undefined : element(der, version.end, 0x30);
  const oid = identifier === undefined ? undefined : element(der, identifier.start, 0x06);
  const key = identifier === undefined ? undefined : element(der, identifier.end, 0x04);
  if (outer === undefined || identifier === undefined || oid === undefined || key === undefined) throw badPrivateKey();
  // Attributes and the public key may follow.
  if (outer.end !== der.length || oid.end > identifier.end || key.end > outer.end) throw badPrivateKey();
  const name = toHex(der.subarray(oid.start, oid.end));
  const type = keyTypeOf(name, der.subarray(oid.end, identifier.end));
  if (type === 'rsa' || type === 'rsaPss') {
    throw unsupported(
      'RSA private keys do not sign in JavaScript, where the time it takes tells of the key: ' +
        'import the key into Web Crypto and give webCryptoSigner(key) of handfast/portable as the signer, or use an ECDSA key',
    );
  }
  if (type === undefined) throw unsupported(`private keys of the algorithm ${name} (OID in DER) cannot sign in TLS`);
  return { type, contents: der.subarray(key.start, key.end) };
}

/** The key, or `undefined` where the contents are none. May throw for some that are none. */
function signingKey(type: SigningKeyType, contents: Uint8Array): SigningKey | undefined {
  switch (type) {
    case 'p256':
    case 'p384':
    case 'p521':
      return ecdsaKey(ecdsaCurves[type], contents);
    case 'ed25519':
    case 'ed448': {
      // CurvePrivateKey ::= OCTET STRING (RFC 8410, Section 7).
      const curve = edwardsCurves[type];
      const secret = octets(contents, 0, 0x04);
      if (secret === undefined || contents.length !== secret.length + 2) return undefined;
      return { publicKey: curve.getPublicKey(secret), sign: (_, data) => curve.sign(data, secret) };
    }
    default:
      return mlDsaKey(mlDsas[type], contents);
  }
}

/** ECPrivateKey (RFC 5915, Section 3). */
function ecdsaKey(curve: (typeof ecdsaCurves)['p256'], contents: Uint8Array): SigningKey | undefined {
  const outer = element(contents, 0, 0x30);
  const version = outer === undefined ? undefined : element(contents, outer.start, 0x02);
  const scalar = version === undefined ? undefined : octets(contents, version.end, 0x04);
  const length = curve.lengths.secretKey as number;
  if (outer?.end !== contents.length || scalar === undefined || scalar.length > length) return undefined;
  const secret = new Uint8Array(length);
  secret.set(scalar, length - scalar.length);
  return {
    publicKey: curve.getPublicKey(secret, false),
    sign(algorithm, data) {
      if (algorithm.kind !== 'ecdsa') throw cannotSign(algorithm, 'p256');
      // Fresh randomness beside RFC 6979's: what takes its time differs each time, and a fault repeats no nonce.
      const options = { prehash: false, lowS: false, format: 'der', extraEntropy: true } as const;
      return curve.sign(hash(algorithm.hash, data), secret, options);
    },
  };
}

/** ML-DSA-PrivateKey (RFC 9881, Section 6): the seed, the expanded key, or both. */
function mlDsaKey(dsa: (typeof mlDsas)['mldsa44'], contents: Uint8Array): SigningKey | undefined {
  const both = element(contents, 0, 0x30);
  const seed = both === undefined ? octets(contents, 0, 0x80) : octets(contents, both.start, 0x04);
  const expanded =
    both === undefined
      ? octets(contents, 0, 0x04)
      : octets(contents, both.start + 2 + (dsa.lengths.seed as number), 0x04);
  if (seed === undefined) {
    return expanded && { publicKey: dsa.getPublicKey(expanded), sign: (_, data) => dsa.sign(data, expanded) };
  }
  const { publicKey, secretKey } = dsa.keygen(seed);
  // "the seed and the expandedKey … MUST be checked for consistency" where both are there.
  if (both !== undefined && (expanded === undefined || !equal(expanded, secretKey))) return undefined;
  return { publicKey, sign: (_, data) => dsa.sign(data, secretKey) };
}

/** A copy of the contents of the element at `at`. */
function octets(der: Uint8Array, at: number, tag: number): Uint8Array | undefined {
  const found = element(der, at, tag);
  return found && der.slice(found.start, found.end);
}

function badPrivateKey(cause?: unknown): ConfigError {
  const problem = 'the private key is not an unencrypted PKCS#8 key in DER of a type that this provider supports';
  return new ConfigError(problem, { code: 'ERR_TLS_PRIVATE_KEY', cause });
}

function unsupported(problem: string): ConfigError {
  return new ConfigError(problem, { code: 'ERR_TLS_PRIVATE_KEY_UNSUPPORTED' });
}
