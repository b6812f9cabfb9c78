import {
  mgf1,
  PKCS1_KEM,
  PKCS1_SHA1,
  PKCS1_SHA256,
  PKCS1_SHA384,
  PKCS1_SHA512,
  PSS,
  type PublicKey as RsaNumbers,
} from 'micro-rsa-dsa-dh/rsa.js';
import { equal, noBytes, toHex } from '../bytes/bytes.ts';
import { badPublicKey, checkedRsaBits, unsupportedPublicKey } from './key-types.ts';
import { hashes } from './portable-hash.ts';
import type { HashName, SignatureAlgorithm } from './provider.ts';
import { type DerElement, element } from './spki.ts';

/** The public operations of RSA (RFC 8017). Nothing in them is secret but what `encryptPkcs1` encrypts. */
export interface RsaPublicKey {
  readonly bits: number;
  verify(algorithm: SignatureAlgorithm, data: Uint8Array, signature: Uint8Array): boolean;
  encryptPkcs1(plaintext: Uint8Array): Uint8Array;
}

const pkcs1 = { sha1: PKCS1_SHA1, sha256: PKCS1_SHA256, sha384: PKCS1_SHA384, sha512: PKCS1_SHA512 } as const;

/** What an RSA-PSS key allows (RFC 4055, Section 3.1). */
interface PssRules {
  /** `undefined` for a hash that this stack does not know. */
  readonly hash: HashName | undefined;
  readonly smallestSalt: number;
}

/**
 * A public key from its RSAPublicKey (DER). Throws like `importPublicKey`.
 *
 * @param parameters those of an RSA-PSS key, empty where it has none.
 */
export function importRsaKey(der: Uint8Array, parameters: Uint8Array = noBytes): RsaPublicKey {
  const { n, e, bits } = readRsaKey(der);
  const numbers = { n, e };
  const rules = parameters.length === 0 ? undefined : readPssRules(parameters);
  return {
    bits,
    verify(algorithm, data, signature) {
      try {
        return verifyRsa(numbers, rules, algorithm, data, signature);
      } catch {
        // A key too short for the hash, or a number that does not fit the encoded message.
        return false;
      }
    },
    encryptPkcs1: (plaintext) => PKCS1_KEM.encrypt(numbers, plaintext),
  };
}

function verifyRsa(
  key: RsaNumbers,
  rules: PssRules | undefined,
  algorithm: SignatureAlgorithm,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (algorithm.kind === 'rsaPkcs1') return pkcs1[algorithm.hash].verify(key, data, signature);
  if (algorithm.kind !== 'rsaPss') return false;
  const { hash: name, saltLength } = algorithm;
  if (rules !== undefined && (rules.hash !== name || saltLength < rules.smallestSalt)) return false;
  return PSS(hashes[name], mgf1(hashes[name]), saltLength).verify(key, data, signature);
}

/** Exponents that a peer may choose freely (bits), and the modulus up to which it may: OpenSSL's bounds. */
const largestExponent = 64;
const smallModulus = 3072;

/** RSAPublicKey (RFC 8017, Appendix A.1.1). */
function readRsaKey(der: Uint8Array): RsaNumbers & { bits: number } {
  const outer = element(der, 0, 0x30);
  const modulus = outer === undefined ? undefined : positiveInteger(der, outer.start);
  const exponent = modulus === undefined ? undefined : positiveInteger(der, modulus.end);
  if (modulus === undefined || exponent === undefined || exponent.end !== outer?.end || outer.end !== der.length) {
    throw badPublicKey('the RSA public key does not parse');
  }
  // A verification takes as many steps as the exponent has bits, and the peer chooses it.
  const bits = checkedRsaBits(bitLength(der, modulus));
  if (bits > smallModulus && bitLength(der, exponent) > largestExponent) {
    const problem = `public exponents of more than ${largestExponent} bits are not supported with moduli of ${bits} bits`;
    throw unsupportedPublicKey(problem);
  }
  const n = toNumber(der, modulus);
  const e = toNumber(der, exponent);
  // RFC 8017, Section 3.1: the modulus is a product of odd primes, the exponent lies between 3 and n - 1.
  if ((n & 1n) === 0n || e < 3n || (e & 1n) === 0n || e >= n) throw badPublicKey('the RSA public key is no valid one');
  return { n, e, bits };
}

/** An INTEGER in the shortest form, above zero, without the byte for its sign. */
function positiveInteger(der: Uint8Array, at: number): DerElement | undefined {
  const found = element(der, at, 0x02);
  if (found === undefined || found.start === found.end) return undefined;
  const first = der[found.start] as number;
  if (first >= 0x80) return undefined;
  if (first > 0) return found;
  const start = found.start + 1;
  return start < found.end && (der[start] as number) >= 0x80 ? { start, end: found.end } : undefined;
}

function bitLength(der: Uint8Array, { start, end }: DerElement): number {
  return 8 * (end - start) - Math.clz32(der[start] as number) + 24;
}

function toNumber(der: Uint8Array, { start, end }: DerElement): bigint {
  return BigInt(`0x${toHex(der.subarray(start, end))}`);
}

const hashNames: Readonly<Record<string, HashName>> = {
  '2b0e03021a': 'sha1',
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
};

const mgf1Oid = '2a864886f70d010108';

/** RSASSA-PSS-params (RFC 8017, Appendix A.2.3) in an RSA-PSS key. */
function readPssRules(parameters: Uint8Array): PssRules {
  const malformed = () => badPublicKey('the parameters of the RSA-PSS public key do not parse');
  const outer = element(parameters, 0, 0x30);
  if (outer === undefined || outer.end !== parameters.length) throw malformed();
  let hash: HashName | undefined = 'sha1';
  let maskHash: HashName | undefined = 'sha1';
  let smallestSalt = 20;
  let at = outer.start;
  const field = (tag: number): Uint8Array | undefined => {
    const found = element(parameters, at, tag);
    if (found === undefined) return undefined;
    at = found.end;
    return parameters.subarray(found.start, found.end);
  };
  const hashField = field(0xa0);
  if (hashField !== undefined) hash = hashNames[algorithmOf(hashField, malformed).oid];
  const maskField = field(0xa1);
  if (maskField !== undefined) {
    const { oid, parameters: inner } = algorithmOf(maskField, malformed);
    maskHash = oid === mgf1Oid ? hashNames[algorithmOf(inner, malformed).oid] : undefined;
  }
  const saltField = field(0xa2);
  if (saltField !== undefined) {
    const salt = element(saltField, 0, 0x02);
    if (salt === undefined || salt.end !== saltField.length || salt.end - salt.start > 3) throw malformed();
    smallestSalt = Number(toNumber(saltField, salt));
  }
  const trailer = field(0xa3);
  // trailerFieldBC, the only one there is.
  if (trailer !== undefined && !equal(trailer, Uint8Array.of(2, 1, 1))) throw malformed();
  if (at !== outer.end) throw malformed();
  return { hash: hash === maskHash ? hash : undefined, smallestSalt };
}

/** An AlgorithmIdentifier: the OID's contents as hex, and what follows it. */
function algorithmOf(bytes: Uint8Array, malformed: () => Error): { oid: string; parameters: Uint8Array } {
  const outer = element(bytes, 0, 0x30);
  const oid = outer === undefined ? undefined : element(bytes, outer.start, 0x06);
  if (outer === undefined || oid === undefined || outer.end !== bytes.length || oid.end > outer.end) throw malformed();
  return { oid: toHex(bytes.subarray(oid.start, oid.end)), parameters: bytes.subarray(oid.end, outer.end) };
}
