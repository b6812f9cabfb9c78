import type { HashName, KeyType, SignatureAlgorithm } from '../crypto/provider.ts';
import { oids } from './der/oid.ts';
import { contextTag, DerReader, tags } from './der/reader.ts';
import { derContext, derInteger, derNull, derOid, derSequence } from './der/writer.ts';

/** An AlgorithmIdentifier of a signature. */
export interface SignatureIdentifier {
  readonly oid: string;
  /** `undefined` where this stack doesn't know the algorithm, or its parameters are not the prescribed ones. */
  readonly algorithm: SignatureAlgorithm | undefined;
  /** The whole encoding, as a view. */
  readonly raw: Uint8Array;
}

const noParameters: Readonly<Record<string, SignatureAlgorithm>> = {
  [oids.ecdsaWithSha1]: { kind: 'ecdsa', hash: 'sha1' },
  [oids.ecdsaWithSha256]: { kind: 'ecdsa', hash: 'sha256' },
  [oids.ecdsaWithSha384]: { kind: 'ecdsa', hash: 'sha384' },
  [oids.ecdsaWithSha512]: { kind: 'ecdsa', hash: 'sha512' },
  [oids.ed25519]: { kind: 'ed25519' },
  [oids.ed448]: { kind: 'ed448' },
  [oids.mldsa44]: { kind: 'mldsa44' },
  [oids.mldsa65]: { kind: 'mldsa65' },
  [oids.mldsa87]: { kind: 'mldsa87' },
};

const nullParameters: Readonly<Record<string, SignatureAlgorithm>> = {
  [oids.sha1WithRsa]: { kind: 'rsaPkcs1', hash: 'sha1' },
  [oids.sha256WithRsa]: { kind: 'rsaPkcs1', hash: 'sha256' },
  [oids.sha384WithRsa]: { kind: 'rsaPkcs1', hash: 'sha384' },
  [oids.sha512WithRsa]: { kind: 'rsaPkcs1', hash: 'sha512' },
};

const hashOids: Readonly<Record<string, HashName>> = {
  [oids.sha1]: 'sha1',
  [oids.sha256]: 'sha256',
  [oids.sha384]: 'sha384',
  [oids.sha512]: 'sha512',
};

const hashLengths = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 } as const;

/**
 * Reads the AlgorithmIdentifier of a signature (RFC 5280, Section 4.1.1.2; parameters by RFC 4055, 5758, 8410, 9881).
 */
export function readSignatureIdentifier(reader: DerReader, field: string): SignatureIdentifier {
  reader.expect(tags.sequence, field);
  const raw = reader.raw();
  const fields = reader.inside(field);
  const oid = fields.oid('algorithm');
  return { oid, algorithm: algorithmOf(oid, fields), raw };
}

function algorithmOf(oid: string, fields: DerReader): SignatureAlgorithm | undefined {
  const plain = noParameters[oid];
  if (plain !== undefined) return fields.more ? undefined : plain; // RFC 5758, 8410, 9881: parameters are absent
  const withNull = nullParameters[oid];
  if (withNull !== undefined) {
    fields.null('parameters'); // RFC 4055, Section 5: "the parameters MUST be NULL"
    fields.done();
    return withNull;
  }
  if (oid === oids.rsaPss) return pssParameters(fields);
  if (fields.more) fields.next();
  fields.done();
  return undefined;
}

// RFC 4055, Section 3.1. Equal hashes for message and mask, the salt as long as the hash: what RFC 9846 and every CA use.
function pssParameters(fields: DerReader): SignatureAlgorithm | undefined {
  if (!fields.more) return undefined;
  const parameters = fields.enter(tags.sequence, 'RSASSA-PSS parameters');
  const hash = parameters.optional(contextTag(0)) ? hashOf(parameters.inside('hashAlgorithm')) : 'sha1';
  let maskHash: HashName | undefined = 'sha1';
  if (parameters.optional(contextTag(1))) {
    const explicit = parameters.inside('maskGenAlgorithm');
    const mask = explicit.enter(tags.sequence, 'AlgorithmIdentifier');
    explicit.done();
    if (mask.oid('algorithm') !== oids.mgf1) return undefined;
    maskHash = hashOf(mask);
  }
  let saltLength = 20;
  if (parameters.optional(contextTag(2))) {
    const explicit = parameters.inside('saltLength');
    saltLength = explicit.smallInteger('saltLength', 512);
    explicit.done();
  }
  if (parameters.more) return undefined; // trailerField: 1 is the default, nothing else exists
  fields.done();
  if (hash === undefined || hash !== maskHash || saltLength !== hashLengths[hash]) return undefined;
  return { kind: 'rsaPss', hash, saltLength };
}

function hashOf(explicit: DerReader): HashName | undefined {
  const identifier = explicit.enter(tags.sequence, 'AlgorithmIdentifier');
  explicit.done();
  const oid = identifier.oid('algorithm');
  if (identifier.more) identifier.null('parameters');
  identifier.done();
  return hashOids[oid];
}

/** The AlgorithmIdentifier of a signature algorithm, encoded (RFC 4055, 5758, 8410, 9881). */
export function encodeSignatureAlgorithm(algorithm: SignatureAlgorithm): Uint8Array {
  for (const [oid, known] of Object.entries(noParameters)) if (same(known, algorithm)) return derSequence(derOid(oid));
  for (const [oid, known] of Object.entries(nullParameters)) {
    if (same(known, algorithm)) return derSequence(derOid(oid), derNull());
  }
  if (algorithm.kind !== 'rsaPss') throw new RangeError(`no identifier for ${JSON.stringify(algorithm)}`);
  const hashOid = Object.keys(hashOids).find((oid) => hashOids[oid] === algorithm.hash) as string;
  const hash = derSequence(derOid(hashOid), derNull());
  return derSequence(
    derOid(oids.rsaPss),
    derSequence(
      derContext(0, hash),
      derContext(1, derSequence(derOid(oids.mgf1), hash)),
      derContext(2, derInteger(algorithm.saltLength)),
    ),
  );
}

function same(a: SignatureAlgorithm, b: SignatureAlgorithm): boolean {
  return a.kind === b.kind && ('hash' in a ? a.hash : '') === ('hash' in b ? b.hash : '');
}

/** What a SubjectPublicKeyInfo holds, as far as the bytes tell. */
export interface PublicKeyInfo {
  /** `undefined` where the algorithm, the curve or its encoding is not one of this stack's. */
  readonly type: KeyType | undefined;
  /** Bits of the RSA modulus or of the curve; 0 where unknown. */
  readonly bits: number;
  /** Dotted algorithm, and the curve behind it. */
  readonly oid: string;
  /** RSA: the public exponent where it fits 32 bits. */
  readonly exponent?: number;
}

const curves: Readonly<Record<string, readonly [KeyType, number]>> = {
  [oids.p256]: ['p256', 256],
  [oids.p384]: ['p384', 384],
  [oids.p521]: ['p521', 521],
};

const otherKeys: Readonly<Record<string, readonly [KeyType, bits: number, length: number]>> = {
  [oids.ed25519]: ['ed25519', 256, 32],
  [oids.ed448]: ['ed448', 456, 57],
  [oids.mldsa44]: ['mldsa44', 1312 * 8, 1312],
  [oids.mldsa65]: ['mldsa65', 1952 * 8, 1952],
  [oids.mldsa87]: ['mldsa87', 2592 * 8, 2592],
};

/** Reads a SubjectPublicKeyInfo (RFC 5280, Section 4.1.2.7). Throws `ERR_TLS_DER` where it does not parse. */
export function readPublicKeyInfo(spki: Uint8Array): PublicKeyInfo {
  const outer = new DerReader(spki, 'subjectPublicKeyInfo');
  const fields = outer.enter(tags.sequence, 'SEQUENCE');
  outer.done();
  const algorithm = fields.enter(tags.sequence, 'algorithm');
  const oid = algorithm.oid('algorithm');
  const key = fields.bitString('subjectPublicKey');
  fields.done();
  if (oid === oids.rsaEncryption || oid === oids.rsaPss) {
    if (oid === oids.rsaEncryption) algorithm.null('parameters'); // RFC 3279, Section 2.3.1: "MUST have ASN.1 type NULL"
    return rsaInfo(oid, key);
  }
  if (oid === oids.ecPublicKey) {
    // RFC 5480, Section 2.1.1: "specifiedCurve ... MUST NOT be used in PKIX"
    if (algorithm.peek() !== tags.oid) return { type: undefined, bits: 0, oid: `${oid} with an explicit curve` };
    const curve = algorithm.oid('namedCurve');
    algorithm.done();
    const known = curves[curve];
    const size = known === undefined ? 0 : Math.ceil(known[1] / 8);
    // An uncompressed point, as RFC 9846, Section 4.2.8.2 and the CAs have it.
    if (known === undefined || key.length !== 2 * size + 1 || key[0] !== 4)
      return { type: undefined, bits: 0, oid: `${oid} ${curve}` };
    return { type: known[0], bits: known[1], oid: `${oid} ${curve}` };
  }
  const other = otherKeys[oid];
  if (other === undefined || algorithm.more || key.length !== other[2]) return { type: undefined, bits: 0, oid };
  return { type: other[0], bits: other[1], oid };
}

function rsaInfo(oid: string, key: Uint8Array): PublicKeyInfo {
  const outer = new DerReader(key, 'RSAPublicKey');
  const fields = outer.enter(tags.sequence, 'SEQUENCE');
  outer.done();
  const modulus = fields.integer('modulus');
  const publicExponent = fields.integer('publicExponent');
  fields.done();
  const first = modulus[0] === 0 ? 1 : 0;
  const bits = (modulus.length - first) * 8 - (Math.clz32(modulus[first] ?? 0) - 24);
  if ((modulus[0] as number) >= 0x80 || (publicExponent[0] as number) >= 0x80) throw fields.error('a negative number');
  let exponent: number | undefined = 0;
  if (publicExponent.length > 5) exponent = undefined;
  else for (const byte of publicExponent) exponent = (exponent as number) * 256 + byte;
  return { type: oid === oids.rsaPss ? 'rsaPss' : 'rsa', bits, oid, exponent };
}
