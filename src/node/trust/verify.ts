/**
 * Whether a peer's chain leads to a trusted certificate, judged as node:tls judges it (OpenSSL's rules, and Node's codes
 * for what is wrong): programs and private authorities that work with Node go on working. `handfast/pki` has the strict
 * verification (RFC 5280, CA/B Forum) for those who want it.
 */
import type { KeyObject } from 'node:crypto';
import { CertificateError } from '../../errors.ts';
import type { SignatureIdentifier } from '../../pki/algorithm.ts';
import { contextTag, DerReader, tags } from '../../pki/der/reader.ts';
import { keyUsageBits } from '../../pki/extensions.ts';
import { type Certificate, oids } from '../../pki/index.ts';
import { createBudget, defaultLimits } from '../../pki/verify/budget.ts';
import { prepareCommonNames, prepareConstraints, prepareNames, violation } from '../../pki/verify/name-constraints.ts';
import { checkOcspResponse } from '../../pki/verify/ocsp-check.ts';
import { processed } from '../../pki/verify/profile.ts';
import { nodeCrypto } from '../base/key-signer.ts';
import type { CodedError } from '../base/node-errors.ts';
import type { ContextState } from '../context/secure-context.ts';
import { type TrustStore, trustStoreOf } from './authorities.ts';
import { type KnownCertificate, knownCertificate } from './known-certificate.ts';
import { revocationProblem } from './revocation-lists.ts';

/** Node's codes and OpenSSL's words. */
const messages = {
  UNABLE_TO_GET_ISSUER_CERT: 'unable to get issuer certificate',
  UNABLE_TO_GET_CRL: 'unable to get certificate CRL',
  CERT_SIGNATURE_FAILURE: 'certificate signature failure',
  CRL_SIGNATURE_FAILURE: 'CRL signature failure',
  CERT_NOT_YET_VALID: 'certificate is not yet valid',
  CERT_HAS_EXPIRED: 'certificate has expired',
  ERROR_IN_CERT_NOT_BEFORE_FIELD: "format error in certificate's notBefore field",
  ERROR_IN_CERT_NOT_AFTER_FIELD: "format error in certificate's notAfter field",
  CRL_NOT_YET_VALID: 'CRL is not yet valid',
  CRL_HAS_EXPIRED: 'CRL has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'self-signed certificate in certificate chain',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unable to get local issuer certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unable to verify the first certificate',
  CERT_CHAIN_TOO_LONG: 'certificate chain too long',
  CERT_REVOKED: 'certificate revoked',
  INVALID_CA: 'invalid CA certificate',
  PATH_LENGTH_EXCEEDED: 'path length constraint exceeded',
  INVALID_PURPOSE: 'unsuitable certificate purpose',
  CERT_REJECTED: 'certificate rejected',
  CA_MD_TOO_WEAK: 'CA signature digest algorithm too weak',
  EE_KEY_TOO_SMALL: 'EE certificate key too weak',
  PERMITTED_VIOLATION: 'permitted subtree violation',
  OCSP_VERIFY_NEEDED: 'OCSP verification needed',
  OCSP_VERIFY_FAILED: 'OCSP verification failed',
  UNHANDLED_CRITICAL_EXTENSION: 'unhandled critical extension',
  UNHANDLED_CRITICAL_CRL_EXTENSION: 'unhandled critical CRL extension',
  KEYUSAGE_NO_CRL_SIGN: 'key usage does not include CRL signing',
} as const;

/** What may be wrong with a chain. */
export type VerifyFault = keyof typeof messages;

/** Faults for which Node has no code. */
const uncoded: ReadonlySet<VerifyFault> = new Set([
  'UNHANDLED_CRITICAL_EXTENSION',
  'UNHANDLED_CRITICAL_CRL_EXTENSION',
  'KEYUSAGE_NO_CRL_SIGN',
]);

function verifyErrorOf(fault: VerifyFault, cause?: unknown): CodedError {
  const error = new Error(messages[fault], cause === undefined ? undefined : { cause }) as CodedError;
  error.code = uncoded.has(fault) ? 'UNSPECIFIED' : fault;
  return error;
}

const maxDepth = 100;
const maxSignatures = 200;

export interface VerifyRequest {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly context: ContextState;
  /** Who showed the chain. */
  readonly peer: 'server' | 'client';
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The option `revocation`, and the OCSP response that the server stapled. */
  readonly staple?: { readonly mode: RevocationMode; readonly response: Uint8Array | undefined } | undefined;
}

/**
 * Whether a server has to prove that its certificate is not revoked, by a stapled OCSP response. `stapled`: a response that is
 * there has to be good, and it has to be there where the certificate says so (must-staple, RFC 7633). `required`: it has to
 * be there.
 */
export type RevocationMode = 'stapled' | 'required';

/** `null` where the chain holds; else the error with Node's code. Never throws. */
export function verifyPeer(request: VerifyRequest): CodedError | null {
  const [leaf, ...others] = request.chain;
  if (leaf === undefined) return verifyErrorOf('UNABLE_TO_GET_ISSUER_CERT');
  try {
    const pool: KnownCertificate[] = [];
    for (const der of others.slice(0, maxDepth)) {
      try {
        pool.push(knownCertificate(der));
      } catch {
        // Not needed, perhaps; where it is, its place in the path stays empty.
      }
    }
    const { code, path } = judge(knownCertificate(leaf), pool, request);
    return code === undefined ? stapleProblem(path, request) : verifyErrorOf(code);
  } catch (error) {
    return verifyErrorOf('CERT_REJECTED', error);
  }
}

function judge(
  leaf: KnownCertificate,
  pool: readonly KnownCertificate[],
  request: VerifyRequest,
): { readonly code: VerifyFault | undefined; readonly path: readonly KnownCertificate[] } {
  const store = trustStoreOf(request.context);
  const { path, trusted } = buildPath(leaf, pool, store, request);
  const last = path.at(-1)!;
  let code: VerifyFault | undefined;
  if (!trusted) {
    if (isSelfSigned(last)) code = path.length === 1 ? 'DEPTH_ZERO_SELF_SIGNED_CERT' : 'SELF_SIGNED_CERT_IN_CHAIN';
    else code = store.has(last) ? 'UNABLE_TO_GET_ISSUER_CERT' : 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
  }
  // As in OpenSSL under Node, what is found last is what is told: the time overrides the rest.
  code = extensionProblem(path, request) ?? code;
  if (request.context.crls.length > 0) code = revocationProblem(path, request.context, request.now) ?? code;
  // A leaf alone, also one that is trusted but no root: there is nobody's key to verify it with.
  if (!trusted && path.length === 1 && !isSelfSigned(last)) code = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';
  for (let i = path.length - 1; i >= 0; i--) code = timeProblem(path[i]!, request.now) ?? code;
  return { code, path };
}

/** RFC 7633: the feature of a certificate that has to come with a stapled response. */
const statusRequest = 5;

/** Judges the stapled response, where that was asked for. A certificate that is trusted by itself has no issuer to ask. */
function stapleProblem([leaf, issuer]: readonly KnownCertificate[], { staple, now }: VerifyRequest): CodedError | null {
  if (staple === undefined || issuer === undefined) return null;
  if (leaf?.own === undefined || issuer.own === undefined) return verifyErrorOf('OCSP_VERIFY_FAILED');
  const { response, mode } = staple;
  if (response === undefined) {
    const demanded = mode === 'required' || leaf.own.decoded.tlsFeature?.includes(statusRequest) === true;
    return demanded ? verifyErrorOf('OCSP_VERIFY_NEEDED') : null;
  }
  try {
    checkOcspResponse({ response, certificate: leaf.own, issuer: issuer.own, now, crypto: nodeCrypto() });
    return null;
  } catch (error) {
    const revoked = error instanceof CertificateError && error.code === 'ERR_TLS_CERT_REVOKED';
    return verifyErrorOf(revoked ? 'CERT_REVOKED' : 'OCSP_VERIFY_FAILED', error);
  }
}

function isSelfSigned(certificate: KnownCertificate): boolean {
  return certificate.selfIssued && certificate.isSignedBy(certificate);
}

interface BuiltPath {
  path: KnownCertificate[];
  trusted: boolean;
}

function buildPath(
  leaf: KnownCertificate,
  pool: readonly KnownCertificate[],
  store: TrustStore,
  request: VerifyRequest,
): BuiltPath {
  let signatures = 0;
  let best: KnownCertificate[] = [leaf];
  const partial = request.context.partialChains;

  function extend(path: KnownCertificate[]): KnownCertificate[] | undefined {
    const last = path.at(-1)!;
    if (path.length > best.length) best = path;
    if (store.has(last) && (partial || last.selfIssued)) return path;
    // An authority that changed its key has certified the new one with the old one: self-issued, and not the end.
    if (path.length > maxDepth || (last.selfIssued && last.isIssuedBy(last))) return undefined;
    const used = new Set(path.map(({ digest }) => digest));
    // Trusted ones first, and those that are valid now before those that are not.
    const candidates = [...store.issuersOf(last), ...pool.filter(({ x509 }) => x509.subject === last.x509.issuer)]
      .filter((candidate) => !used.has(candidate.digest) && last.isIssuedBy(candidate))
      .sort((a, b) => Number(validNow(b, request.now)) - Number(validNow(a, request.now)));
    for (const candidate of candidates) {
      if (++signatures > maxSignatures) return undefined;
      if (!last.isSignedBy(candidate)) continue;
      const whole = extend([...path, candidate]);
      if (whole !== undefined) return whole;
    }
    return undefined;
  }

  const whole = extend([leaf]);
  return whole === undefined ? { path: best, trusted: false } : { path: whole, trusted: true };
}

function validNow(certificate: KnownCertificate, now: number): boolean {
  return timeProblem(certificate, now) === undefined;
}

function timeProblem({ notBefore, notAfter }: KnownCertificate, now: number): VerifyFault | undefined {
  // What is no time is neither before nor after any.
  if (Number.isNaN(notBefore)) return 'ERROR_IN_CERT_NOT_BEFORE_FIELD';
  if (Number.isNaN(notAfter)) return 'ERROR_IN_CERT_NOT_AFTER_FIELD';
  if (now < notBefore) return 'CERT_NOT_YET_VALID';
  if (now > notAfter) return 'CERT_HAS_EXPIRED';
  return undefined;
}

/** Purposes that let a certificate be used, as OpenSSL sees them: anyExtendedKeyUsage is none, Server Gated Cryptography is. */
const purposes: Readonly<Record<VerifyRequest['peer'], readonly string[]>> = {
  server: [oids.serverAuth, '1.3.6.1.4.1.311.10.3.3', '2.16.840.1.113730.4.1'],
  client: [oids.clientAuth],
};

/** Extensions that may be critical: those that OpenSSL processes, or has nothing to process of in TLS. */
const understood: ReadonlySet<string> = new Set([
  ...[...processed].filter((oid) => oid !== oids.tlsFeature),
  oids.ocspNoCheck,
  '2.16.840.1.113730.1.1', // Netscape's certificate type
]);

function extensionProblem(path: readonly KnownCertificate[], request: VerifyRequest): VerifyFault | undefined {
  let found: VerifyFault | undefined;
  const accepted = purposes[request.peer];
  let below = 0;
  path.forEach((certificate, depth) => {
    const { x509, own } = certificate;
    const top = depth === path.length - 1;
    const usages = x509.keyUsage as string[] | undefined;
    if (usages !== undefined && !usages.some((usage) => accepted.includes(usage))) found = 'INVALID_PURPOSE';
    if (isWeakKey(x509.publicKey)) found = 'EE_KEY_TOO_SMALL';
    if (own === undefined) {
      // What this stack can't read at all is nothing to build trust on, unless it is trusted itself, and without limits.
      if (!top || (depth > 0 && x509.raw.includes(nameConstraintsOid))) found = 'CERT_REJECTED';
      return;
    }
    for (const { oid, critical } of own.extensions.values()) {
      const stapling = oid === oids.tlsFeature && request.staple !== undefined;
      if (critical && !understood.has(oid) && !stapling) found = 'UNHANDLED_CRITICAL_EXTENSION';
    }
    if (!top && hasWeakDigest(own.signatureAlgorithm)) found = 'CA_MD_TOO_WEAK';
    const { basicConstraints, keyUsage } = own.decoded;
    // A lenient reading leaves out what it can't make out. What limits a certificate isn't passed over.
    if (isUnread(own, oids.keyUsage, keyUsage)) found = depth === 0 ? 'INVALID_PURPOSE' : 'INVALID_CA';
    if (isUnread(own, oids.nameConstraints, own.decoded.nameConstraints)) found = 'CERT_REJECTED';
    if (depth === 0) {
      if (keyUsage !== undefined && !fitsLeaf(keyUsage, request.peer)) found = 'INVALID_PURPOSE';
    } else {
      if (!mayIssue(own, certificate, top)) found = 'INVALID_CA';
      const limit = basicConstraints?.pathLength;
      if (limit !== undefined && below > limit) found = 'PATH_LENGTH_EXCEEDED';
    }
    if (depth > 0 && !own.selfIssued) below++;
  });
  return nameProblem(path) ?? found;
}

/** OpenSSL's security level 1: 80 bits, for which RSA needs 1024 and a curve 160. */
function isWeakKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  if (asymmetricKeyType === 'rsa' || asymmetricKeyType === 'rsa-pss')
    return (asymmetricKeyDetails?.modulusLength ?? 0) < 1024;
  // Names of curves say their size: prime256v1, secp112r1, sect163k1.
  return asymmetricKeyType === 'ec' && Number(/\d{3}/.exec(asymmetricKeyDetails?.namedCurve ?? '')?.[0] ?? 0) < 160;
}

/** Signatures that this stack doesn't make or verify by itself, and OpenSSL does: with SHA-224, SHA-512/t and SHA-3, and DSA. */
const otherSignatures: ReadonlySet<string> = new Set([
  ...['1.2.840.113549.1.1.14', '1.2.840.113549.1.1.15', '1.2.840.113549.1.1.16', '1.2.840.10045.4.3.1'],
  ...[1, 2, 9, 10, 11, 12, 13, 14, 15, 16].map((n) => `2.16.840.1.101.3.4.3.${n}`),
]);
/** Digests in the parameters of RSASSA-PSS that are long enough: SHA-2. */
const strongDigests: ReadonlySet<string> = new Set([
  ...[oids.sha256, oids.sha384, oids.sha512],
  ...[4, 5, 6].map((n) => `2.16.840.1.101.3.4.2.${n}`),
]);

/**
 * Whether a signature was made over a digest that can be forged (OpenSSL's security level 1: under 80 bits). What is not known
 * to be strong is weak: MD5 is among it.
 */
function hasWeakDigest({ algorithm, oid, raw }: SignatureIdentifier): boolean {
  if (algorithm !== undefined) return 'hash' in algorithm && algorithm.hash === 'sha1';
  if (oid !== oids.rsaPss) return !otherSignatures.has(oid);
  try {
    // A salt of another length than the digest's, or two digests: RFC 4055, Section 3.1.
    const fields = new DerReader(raw, 'signature').enter(tags.sequence, 'SEQUENCE');
    fields.oid('algorithm');
    const parameters = fields.enter(tags.sequence, 'parameters');
    if (!parameters.optional(contextTag(0))) return true; // SHA-1
    return !strongDigests.has(parameters.inside('hash').enter(tags.sequence, 'AlgorithmIdentifier').oid('hash'));
  } catch {
    return true;
  }
}

function fitsLeaf(keyUsage: number, peer: 'server' | 'client'): boolean {
  const { digitalSignature, keyEncipherment, keyAgreement } = keyUsageBits;
  return (
    (keyUsage &
      (peer === 'server' ? digitalSignature | keyEncipherment | keyAgreement : digitalSignature | keyAgreement)) !==
    0
  );
}

/** OBJECT IDENTIFIER of nameConstraints, encoded. */
const nameConstraintsOid = Buffer.of(6, 3, 0x55, 0x1d, 0x1e);

const isUnread = (own: Certificate, oid: string, decoded: unknown): boolean =>
  decoded === undefined && own.extensions.has(oid);

/** OpenSSL's X509_check_ca: a CA by basicConstraints; a root also by keyUsage alone, or self-signed of the time before extensions. */
function mayIssue(own: Certificate, certificate: KnownCertificate, top: boolean): boolean {
  const { basicConstraints, keyUsage } = own.decoded;
  if (keyUsage !== undefined && (keyUsage & keyUsageBits.keyCertSign) === 0) return false;
  if (basicConstraints !== undefined) return basicConstraints.ca;
  if (!top || own.extensions.has(oids.basicConstraints)) return false;
  return own.version === 1 ? certificate.isIssuedBy(certificate) : keyUsage !== undefined;
}

function nameProblem(path: readonly KnownCertificate[]): VerifyFault | undefined {
  for (let depth = 1; depth < path.length; depth++) {
    const constraints = path[depth]!.own?.decoded.nameConstraints;
    if (constraints === undefined) continue;
    const prepared = prepareConstraints(constraints);
    const budget = createBudget(defaultLimits);
    for (const [below, { own }] of path.slice(0, depth).entries()) {
      // RFC 5280, Section 6.1.3 (b): self-issued certificates but the leaf are exempt.
      if (own === undefined || (below > 0 && own.selfIssued)) continue;
      // One name that can't be read hides the others, which the check of the host name sees.
      if (isUnread(own, oids.subjectAltName, own.decoded.subjectAltName)) return 'PERMITTED_VIOLATION';
      const names = below > 0 ? prepareNames(own) : [...prepareNames(own), ...prepareCommonNames(own)];
      if (violation(prepared, names, budget) !== undefined) return 'PERMITTED_VIOLATION';
    }
  }
  return undefined;
}
