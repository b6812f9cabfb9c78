import { createHash, createHmac, createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto';
import { fromText } from '../bytes/bytes.ts';
import { fromBase64Url, toBase64Url } from './base64url.ts';
import { AcmeProblem } from './problem.ts';

/** Signature algorithms that account keys may use. */
export const jwsAlgorithms = ['ES256', 'ES384', 'ES512', 'RS256', 'EdDSA'] as const;
/** One of {@link jwsAlgorithms}. */
export type JwsAlgorithm = (typeof jwsAlgorithms)[number];

/** A public key as RFC 7517 writes it, with its required members alone, in the order of RFC 7638. */
export type Jwk = Readonly<Record<string, string>>;

/** The public key of an account (RFC 8555, Section 6.2). */
export interface AccountKey {
  readonly jwk: Jwk;
  /** base64url of the SHA-256 of the key (RFC 7638). */
  readonly thumbprint: string;
  readonly key: KeyObject;
  readonly algorithms: readonly JwsAlgorithm[];
}

/** A flattened JWS whose header was read; the signature is checked by {@link verifyJws}. */
export interface Jws {
  readonly header: {
    readonly alg: string;
    readonly nonce?: string;
    readonly url: string;
    readonly kid?: string;
    readonly jwk?: unknown;
  };
  readonly payload: Uint8Array;
  /** The text that is signed. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

const malformed = (detail: string) => new AcmeProblem('malformed', detail);

/** Reads a flattened JWS (RFC 7515, Section 7.2.2; RFC 8555, Section 6.2). Throws `malformed`. */
export function readJws(value: unknown): Jws {
  const jws = recordOf(value, 'the request');
  const { protected: protectedText, payload, signature } = jws;
  if (typeof protectedText !== 'string' || typeof payload !== 'string' || typeof signature !== 'string') {
    throw malformed('the request is no flattened JWS with protected, payload and signature');
  }
  // RFC 8555, Section 6.2: "The JWS Unprotected Header MUST NOT be used", "MUST NOT have multiple signatures".
  if (jws['header'] !== undefined || jws['signatures'] !== undefined) {
    throw malformed('the JWS has an unprotected header, or more than one signature');
  }
  const headerBytes = fromBase64Url(protectedText);
  const payloadBytes = fromBase64Url(payload);
  const signatureBytes = fromBase64Url(signature);
  if (headerBytes === undefined || payloadBytes === undefined || signatureBytes === undefined) {
    throw malformed('a part of the JWS is no base64url without padding');
  }
  const header = recordOf(parseJson(headerBytes), 'the protected header');
  const { alg, nonce, url, kid, jwk, crit } = header;
  if (crit !== undefined) throw malformed('the protected header has critical parameters, of which none are known');
  if (typeof alg !== 'string' || typeof url !== 'string') throw malformed('the protected header lacks alg or url');
  if (nonce !== undefined && typeof nonce !== 'string') throw malformed('the nonce is no string');
  if (kid !== undefined && typeof kid !== 'string') throw malformed('the kid is no string');
  return {
    header: { alg, url, ...(nonce === undefined ? {} : { nonce }), ...(kid === undefined ? {} : { kid }), jwk },
    payload: payloadBytes,
    signed: fromText(`${protectedText}.${payload}`),
    signature: signatureBytes,
  };
}

/** Throws `malformed` or `badSignatureAlgorithm` unless the signature is that of the key. */
export function verifyJws(jws: Jws, account: Pick<AccountKey, 'key' | 'algorithms'>): void {
  const { alg } = jws.header;
  if (!(jwsAlgorithms as readonly string[]).includes(alg)) {
    throw new AcmeProblem('badSignatureAlgorithm', `the algorithm ${JSON.stringify(alg)} is not accepted`, {
      more: { algorithms: jwsAlgorithms },
    });
  }
  if (!account.algorithms.includes(alg as JwsAlgorithm)) throw malformed(`the key cannot make signatures of ${alg}`);
  const hash = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`;
  const valid = verify(hash, jws.signed, { key: account.key, dsaEncoding: 'ieee-p1363' }, jws.signature);
  if (!valid) throw malformed('the signature of the request is wrong');
}

/** Throws `unauthorized` unless the JWS is authenticated with this MAC key (HS256): external account binding. */
export function verifyMac(jws: Jws, macKey: Uint8Array): void {
  if (jws.header.alg !== 'HS256') throw malformed('the external account binding is not signed with HS256');
  const expected = createHmac('sha256', macKey).update(jws.signed).digest();
  if (expected.length !== jws.signature.length || !timingSafeEqual(expected, jws.signature)) {
    throw new AcmeProblem('unauthorized', 'the external account binding is not signed with the key of its kid');
  }
}

const curves: Readonly<Record<string, { size: number; algorithm: JwsAlgorithm }>> = {
  'P-256': { size: 32, algorithm: 'ES256' },
  'P-384': { size: 48, algorithm: 'ES384' },
  'P-521': { size: 66, algorithm: 'ES512' },
};

/** Takes a JWK. Throws `badPublicKey` for one that is weak or of a kind that is not accepted. */
export function importJwk(value: unknown): AccountKey {
  const input = recordOf(value, 'the jwk');
  const { jwk, algorithms } = requiredMembers(input);
  let key: KeyObject;
  try {
    key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
  } catch (error) {
    throw new AcmeProblem('badPublicKey', 'the jwk is no valid public key', { cause: error });
  }
  const { modulusLength: bits, publicExponent = 3n } = key.asymmetricKeyDetails ?? {};
  if (publicExponent < 3n || publicExponent % 2n === 0n) {
    throw new AcmeProblem('badPublicKey', 'an RSA key whose exponent is even or below 3');
  }
  if (bits !== undefined && (bits < 2048 || bits > 8192)) {
    throw new AcmeProblem('badPublicKey', `an RSA key of ${bits} bits, where 2048 to 8192 are accepted`);
  }
  const thumbprint = toBase64Url(createHash('sha256').update(JSON.stringify(jwk)).digest());
  return { jwk, thumbprint, key, algorithms };
}

function requiredMembers(input: Readonly<Record<string, unknown>>): { jwk: Jwk; algorithms: readonly JwsAlgorithm[] } {
  const text = (name: string, size?: number): string => {
    const value = input[name];
    const bytes = typeof value === 'string' ? fromBase64Url(value) : undefined;
    if (bytes === undefined || (size !== undefined && bytes.length !== size)) {
      throw new AcmeProblem('badPublicKey', `the member "${name}" of the jwk is missing or wrong`);
    }
    return value as string;
  };
  const { kty, crv } = input;
  // RFC 7638, Section 3.2: the required members in lexicographic order.
  if (kty === 'EC' && typeof crv === 'string' && Object.hasOwn(curves, crv)) {
    const { size, algorithm } = curves[crv] as (typeof curves)[string];
    return { jwk: { crv, kty, x: text('x', size), y: text('y', size) }, algorithms: [algorithm] };
  }
  if (kty === 'OKP' && crv === 'Ed25519') return { jwk: { crv, kty, x: text('x', 32) }, algorithms: ['EdDSA'] };
  if (kty === 'RSA') return { jwk: { e: shortest(text('e')), kty, n: shortest(text('n')) }, algorithms: ['RS256'] };
  throw new AcmeProblem('badPublicKey', 'account keys are P-256, P-384, P-521, Ed25519 or RSA');
}

// RFC 7518, Section 2: "the minimum number of octets needed to represent the value". One key has one thumbprint, and one
// account, however many zeros a client writes before its numbers.
function shortest(number: string): string {
  const bytes = fromBase64Url(number) as Uint8Array;
  const first = bytes.findIndex((byte) => byte !== 0);
  return first > 0 ? toBase64Url(bytes.subarray(first)) : number;
}

/** The JSON of a payload; `{}` is not the same as the empty payload of a POST-as-GET. Throws `malformed`. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw malformed('what should be JSON is none');
  }
}

/** An object, not an array nor null. Throws `malformed`. */
export function recordOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(`${what} is no JSON object`);
  return value as Readonly<Record<string, unknown>>;
}
