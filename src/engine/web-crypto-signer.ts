import { check, kind } from '../bytes/check.ts';
import type { KeyType } from '../crypto/provider.ts';
import { schemesForKey, signatureScheme } from '../crypto/signature-schemes.ts';
import { ConfigError } from '../errors.ts';
import type { Signer } from '../handshake/config.ts';
import { tls12, tls13 } from '../wire/versions.ts';

/** What is read of a `CryptoKey`: those of every runtime fit. */
export interface WebCryptoKey {
  readonly type: string;
  readonly algorithm: { readonly name: string };
  readonly usages: readonly string[];
}

/** The parameters of Web Crypto beside the name of the algorithm, where the key has them. */
interface KeyAlgorithm {
  readonly name: string;
  readonly namedCurve?: string;
  readonly modulusLength?: number;
  readonly hash?: { readonly name: string };
}

const curveTypes: Readonly<Record<string, KeyType>> = { 'P-256': 'p256', 'P-384': 'p384', 'P-521': 'p521' };
const hashNames = { sha1: 'SHA-1', sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512' } as const;

const cryptoKey = kind('a private CryptoKey of crypto.subtle with the usage "sign"', (value) => {
  const { algorithm, usages } = (value ?? {}) as Partial<WebCryptoKey>;
  return typeof algorithm?.name === 'string' && Array.isArray(usages);
});

/** One `CryptoKey` and the schemes that it can make. */
interface Capability {
  readonly key: WebCryptoKey;
  readonly type: KeyType;
  readonly schemes: readonly number[];
}

/**
 * A signer whose private key lives in Web Crypto, extractable or not: signatures are made by native code, in constant
 * time. It is how RSA keys sign where there is no `node:crypto`. A signature is a promise; drive the connection so that
 * it may wait, as `drive` does.
 *
 * @param keys private keys for `ECDSA`, `Ed25519`, `RSA-PSS` or `RSASSA-PKCS1-v1_5` with the usage `sign`. Web Crypto binds
 *   an RSA key to one padding and one hash: give the same key several times, imported for each that is to be offered, best
 *   first. TLS 1.3 takes RSA-PSS alone.
 *
 * Throws {@link ConfigError} for keys of other kinds.
 */
export function webCryptoSigner(...keys: readonly WebCryptoKey[]): Signer {
  for (const key of keys) check(cryptoKey, key, 'a key of webCryptoSigner');
  const capabilities = keys.map(capabilityOf);
  const [first] = capabilities;
  if (first === undefined) throw new ConfigError('webCryptoSigner needs a key');
  if (capabilities.some(({ type }) => type !== first.type)) {
    throw new ConfigError(
      'the keys of webCryptoSigner are of several types: they must be one key, imported several times',
    );
  }
  return {
    keyType: first.type,
    schemes: [...new Set(capabilities.flatMap(({ schemes }) => schemes))],
    async sign(code, data) {
      const scheme = signatureScheme(code);
      const found = capabilities.find(({ schemes }) => schemes.includes(code));
      if (scheme === undefined || found === undefined) {
        throw new ConfigError(`no key of this signer makes the signature scheme 0x${code.toString(16)}`);
      }
      const { algorithm } = scheme;
      const signature = await sign(found.key, data, {
        name: found.key.algorithm.name,
        ...('hash' in algorithm ? { hash: hashNames[algorithm.hash] } : {}),
        ...('saltLength' in algorithm ? { saltLength: algorithm.saltLength } : {}),
      });
      return algorithm.kind === 'ecdsa' ? encodeEcdsaSignature(signature) : signature;
    },
  };
}

function capabilityOf(key: WebCryptoKey): Capability {
  if (key.type !== 'private' || !key.usages.includes('sign')) {
    throw new ConfigError('a key of webCryptoSigner is a private CryptoKey with the usage "sign"');
  }
  const algorithm: KeyAlgorithm = key.algorithm;
  const { type, bits } = typeOf(algorithm);
  const schemes = [...new Set([...schemesForKey(type, bits, tls13), ...schemesForKey(type, bits, tls12)])];
  return { key, type, schemes: type === 'rsa' ? schemes.filter((code) => isRsaScheme(code, algorithm)) : schemes };
}

function typeOf({ name, namedCurve, modulusLength }: KeyAlgorithm): { type: KeyType; bits: number } {
  const curve = curveTypes[namedCurve ?? ''];
  if (name === 'ECDSA' && curve !== undefined) return { type: curve, bits: Number(curve.slice(1)) };
  if (name === 'Ed25519') return { type: 'ed25519', bits: 256 };
  if (name === 'RSA-PSS' || name === 'RSASSA-PKCS1-v1_5') return { type: 'rsa', bits: modulusLength ?? 0 };
  throw new ConfigError(`keys of Web Crypto for ${name} cannot sign in TLS`);
}

function isRsaScheme(code: number, { name, hash }: KeyAlgorithm): boolean {
  const algorithm = signatureScheme(code)?.algorithm;
  if (algorithm?.kind !== (name === 'RSA-PSS' ? 'rsaPss' : 'rsaPkcs1')) return false;
  return hashNames[algorithm.hash] === hash?.name;
}

/** The part of `crypto.subtle` that signs, with keys as they are described here. */
interface SubtleSign {
  sign(algorithm: object, key: WebCryptoKey, data: Uint8Array): Promise<ArrayBuffer>;
}

async function sign(key: WebCryptoKey, data: Uint8Array, algorithm: object): Promise<Uint8Array> {
  const subtle = globalThis.crypto.subtle as unknown as SubtleSign;
  return new Uint8Array(await subtle.sign(algorithm, key, data));
}

/** Web Crypto gives r and s one behind the other; TLS wants an Ecdsa-Sig-Value in DER (RFC 3279, Section 2.2.3). */
function encodeEcdsaSignature(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2;
  const numbers = [...derInteger(signature.subarray(0, half)), ...derInteger(signature.subarray(half))];
  // Two numbers of P-521 take more than 127 bytes, and never more than 255.
  return Uint8Array.of(0x30, ...(numbers.length > 0x7f ? [0x81] : []), numbers.length, ...numbers);
}

function derInteger(bytes: Uint8Array): number[] {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at++;
  const digits = [...bytes.subarray(at)];
  if ((digits[0] as number) >= 0x80) digits.unshift(0);
  return [0x02, digits.length, ...digits];
}
