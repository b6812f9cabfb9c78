import { equal } from '../../bytes/bytes.ts';
import type { CertificateError } from '../../errors.ts';
import type { Certificate } from '../certificate.ts';
import { oids } from '../der/oid.ts';
import { keyUsageBits } from '../extensions.ts';
import { formatTime, problem } from './problem.ts';

/** What the chain is to prove: a server's name, or a client's right to connect. */
export type Purpose = 'server' | 'client';

/** What single certificates must be. */
export interface CertificateRules {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly purpose: Purpose;
  /** Least size of RSA keys. */
  readonly minRsaBits: number;
  /** Key identifiers must be there (RFC 5280, Sections 4.2.1.1 and 4.2.1.2). */
  readonly requireKeyIdentifiers: boolean;
}

/**
 * The place of a certificate in a path. A leaf that is its own anchor is `trustedLeaf`; an anchor whose form a root
 * program has judged is `vettedAnchor`.
 */
export type Role = 'leaf' | 'trustedLeaf' | 'intermediate' | 'anchor' | 'vettedAnchor';

/** Critical extensions that the verification processes or that carry nothing to process in TLS. */
export const processed: ReadonlySet<string> = new Set([
  oids.basicConstraints,
  oids.keyUsage,
  oids.extendedKeyUsage,
  oids.subjectAltName,
  oids.nameConstraints,
  oids.certificatePolicies,
  oids.policyMappings,
  oids.policyConstraints,
  oids.inhibitAnyPolicy,
  oids.crlDistributionPoints,
  oids.tlsFeature,
]);

// "Conforming CAs MUST mark this extension as non-critical."
const neverCritical: ReadonlyMap<string, readonly [name: string, rfc: string]> = new Map([
  [oids.authorityKeyIdentifier, ['authorityKeyIdentifier', 'RFC 5280, Section 4.2.1.1']],
  [oids.subjectKeyIdentifier, ['subjectKeyIdentifier', 'RFC 5280, Section 4.2.1.2']],
  [oids.authorityInfoAccess, ['authorityInfoAccess', 'RFC 5280, Section 4.2.2.1']],
  [oids.freshestCrl, ['freshestCRL', 'RFC 5280, Section 4.2.1.15']],
  [oids.subjectInfoAccess, ['subjectInfoAccess', 'RFC 5280, Section 4.2.2.2']],
]);

// "Conforming CAs MUST mark this extension as critical." So it is with nameConstraints; the CA/B Forum lets them be
// non-critical, and they are enforced either way.
const mustBeCritical = [
  [oids.policyConstraints, 'policyConstraints', 'RFC 5280, Section 4.2.1.11'],
  [oids.inhibitAnyPolicy, 'inhibitAnyPolicy', 'RFC 5280, Section 4.2.1.14'],
] as const;

const purposeOid = { server: oids.serverAuth, client: oids.clientAuth } as const;
const purposeName = { server: 'TLS servers (serverAuth)', client: 'TLS clients (clientAuth)' } as const;

/** Everything about a certificate that doesn't depend on its neighbours in a path; `undefined` where nothing is wrong. */
export function certificateProblem(
  certificate: Certificate,
  role: Role,
  rules: CertificateRules,
): CertificateError | undefined {
  return (
    validityProblem(certificate, role, rules.now) ??
    formProblem(certificate, role, rules) ??
    (role === 'leaf' || role === 'trustedLeaf'
      ? leafProblem(certificate, role, rules)
      : authorityProblem(certificate, role, rules))
  );
}

const roleNames = {
  leaf: 'certificate',
  trustedLeaf: 'certificate',
  intermediate: 'intermediate certificate',
  anchor: 'trusted root',
  vettedAnchor: 'trusted root',
} as const;

function validityProblem(certificate: Certificate, role: Role, now: number): CertificateError | undefined {
  // Times in certificates are whole seconds, and notAfter is the last second that counts.
  const second = Math.floor(now / 1000) * 1000;
  if (second > certificate.notAfter) {
    const advice = role === 'anchor' || role === 'vettedAnchor' ? 'update the trust store' : 'renew it';
    return problem(
      'ERR_TLS_CERT_EXPIRED',
      `the ${roleNames[role]} ${certificate} expired on ${formatTime(certificate.notAfter)}; ${advice}, or set the clock, which says ${formatTime(second)}`,
      'RFC 5280, Section 4.1.2.5',
    );
  }
  if (second < certificate.notBefore) {
    return problem(
      'ERR_TLS_CERT_NOT_YET_VALID',
      `the ${roleNames[role]} ${certificate} is valid from ${formatTime(certificate.notBefore)} on, and the clock says ${formatTime(second)}; check the clock`,
      'RFC 5280, Section 4.1.2.5',
    );
  }
  return undefined;
}

function formProblem(certificate: Certificate, role: Role, rules: CertificateRules): CertificateError | undefined {
  const what = `the ${roleNames[role]} ${certificate}`;
  if (certificate.version !== 3) {
    return problem(
      'ERR_TLS_CERT_VERSION',
      `${what} is of version ${certificate.version}; only version 3 can say what it is for: have it issued again`,
      'RFC 5280, Section 4.1.2.1',
    );
  }
  for (const { oid, critical } of certificate.extensions.values()) {
    if (!critical || processed.has(oid)) continue;
    const known = neverCritical.get(oid);
    if (known !== undefined) return wrong(what, `marks ${known[0]} critical, which is forbidden`, known[1]);
    return problem(
      'ERR_TLS_CERT_CRITICAL_EXTENSION',
      `${what} has the critical extension ${oid}, which isn't understood here: it was issued for another application; have one issued without it`,
      'RFC 5280, Section 4.2',
    );
  }
  return (
    keyProblem(certificate, what, rules) ??
    (role === 'leaf' || role === 'intermediate' ? signatureAlgorithmProblem(certificate, what) : undefined) ??
    (rules.requireKeyIdentifiers && role !== 'trustedLeaf' && role !== 'vettedAnchor'
      ? keyIdentifierProblem(certificate, role, what)
      : undefined)
  );
}

/** Why a key is none that is accepted: of another kind, too small, with a bad exponent. @param what is said to have it. */
export function keyProblem(
  certificate: Certificate,
  what: string,
  rules: Pick<CertificateRules, 'minRsaBits'>,
): CertificateError | undefined {
  let info: Certificate['publicKeyInfo'];
  try {
    info = certificate.publicKeyInfo;
  } catch (error) {
    return problem(
      'ERR_TLS_CERT_KEY',
      `${what} has a public key that doesn't parse: ${(error as Error).message}; have it issued again with a fresh key`,
      'RFC 5280, Section 4.1.2.7',
      error,
    );
  }
  const { type, bits, exponent } = info;
  if (type === undefined) {
    return problem(
      'ERR_TLS_CERT_KEY',
      `${what} has a public key of the kind ${info.oid}, which isn't accepted; use P-256, RSA of 2048 bits or more, or Ed25519`,
      'CA/B Forum Baseline Requirements, Section 6.1.5',
    );
  }
  if (type !== 'rsa' && type !== 'rsaPss') return undefined;
  if (bits < rules.minRsaBits || bits > 16384 || bits % 8 !== 0) {
    return problem(
      'ERR_TLS_CERT_KEY',
      `${what} has an RSA key of ${bits} bits; ${rules.minRsaBits} to 16384, divisible by 8, are accepted: have it issued again with a fresh key`,
      'CA/B Forum Baseline Requirements, Section 6.1.5',
    );
  }
  if (exponent === undefined || exponent < 3 || exponent % 2 === 0) {
    return problem(
      'ERR_TLS_CERT_KEY',
      `${what} has an RSA key with an exponent that is even, below 3 or above 32 bits; have it issued again with a fresh key`,
      'CA/B Forum Baseline Requirements, Section 6.1.6',
    );
  }
  return undefined;
}

function signatureAlgorithmProblem(certificate: Certificate, what: string): CertificateError | undefined {
  const { algorithm, oid } = certificate.signatureAlgorithm;
  if (algorithm === undefined) {
    return problem(
      'ERR_TLS_CERT_SIGNATURE_ALGORITHM',
      `${what} is signed with ${oid}, which isn't accepted; have it signed with ECDSA, Ed25519, or RSA with SHA-256 or longer`,
      'RFC 9846, Section 4.4.2.2',
    );
  }
  if ('hash' in algorithm && algorithm.hash === 'sha1') {
    return problem(
      'ERR_TLS_CERT_SIGNATURE_ALGORITHM',
      `${what} is signed with SHA-1, which can be forged; have it issued again`,
      'RFC 9155',
    );
  }
  return undefined;
}

function keyIdentifierProblem(certificate: Certificate, role: Role, what: string): CertificateError | undefined {
  const { authorityKeyIdentifier, subjectKeyIdentifier } = certificate.decoded;
  const rfc = 'RFC 5280, Section 4.2.1.1';
  if (authorityKeyIdentifier === undefined) {
    // "The keyIdentifier field ... MUST be included in all certificates generated by conforming CAs", but self-signed ones.
    return certificate.selfIssued ? undefined : missingKeyId(what, 'has no authorityKeyIdentifier', rfc);
  }
  if (authorityKeyIdentifier.keyIdentifier === undefined) {
    return missingKeyId(what, 'has an authorityKeyIdentifier without keyIdentifier', rfc);
  }
  const own = role === 'anchor' && certificate.selfIssued && subjectKeyIdentifier !== undefined;
  if (own && !equal(authorityKeyIdentifier.keyIdentifier, subjectKeyIdentifier)) {
    return wrong(what, 'is self-signed and names another key than its own in authorityKeyIdentifier', rfc);
  }
  return undefined;
}

function authorityProblem(certificate: Certificate, role: Role, rules: CertificateRules): CertificateError | undefined {
  const what = `the ${roleNames[role]} ${certificate}`;
  const { basicConstraints, keyUsage, extendedKeyUsage, subjectKeyIdentifier } = certificate.decoded;
  if (basicConstraints?.ca !== true) {
    return problem(
      'ERR_TLS_CERT_NOT_A_CA',
      `${what} may not issue certificates: basicConstraints ${basicConstraints === undefined ? 'is missing' : 'says cA FALSE'}; have the certificate below issued by a CA`,
      'RFC 5280, Section 4.2.1.9',
    );
  }
  const strictForm = role !== 'vettedAnchor';
  if (strictForm && certificate.extensions.get(oids.basicConstraints)?.critical !== true) {
    return wrong(what, 'is a CA whose basicConstraints is not marked critical', 'RFC 5280, Section 4.2.1.9');
  }
  // "Conforming CAs MUST include this extension in certificates that contain public keys that are used to validate digital
  // signatures on other public key certificates or CRLs." Roots are trusted by decision, and old ones lack it.
  if (keyUsage === undefined && role === 'intermediate')
    return wrong(what, 'is a CA without keyUsage', 'RFC 5280, Section 4.2.1.3');
  if (keyUsage !== undefined && (keyUsage & keyUsageBits.keyCertSign) === 0) {
    return problem(
      'ERR_TLS_CERT_KEY_USAGE',
      `${what} may not sign certificates: keyUsage lacks keyCertSign; its CA must issue it again`,
      'RFC 5280, Section 4.2.1.3',
    );
  }
  if (certificate.subject.length <= 2) return wrong(what, 'is a CA without a subject', 'RFC 5280, Section 4.1.2.6');
  if (strictForm && rules.requireKeyIdentifiers && subjectKeyIdentifier === undefined) {
    return missingKeyId(what, 'is a CA without subjectKeyIdentifier', 'RFC 5280, Section 4.2.1.2');
  }
  for (const [oid, name, rfc] of mustBeCritical) {
    if (certificate.extensions.get(oid)?.critical === false) return wrong(what, `does not mark ${name} critical`, rfc);
  }
  if (extendedKeyUsage === undefined) return undefined;
  // An intermediate that somebody trusts by itself may be limited: the limit holds then.
  if (role === 'anchor' && certificate.selfIssued) {
    return wrong(
      what,
      'limits itself by extKeyUsage, which a root may not have',
      'CA/B Forum Baseline Requirements, Section 7.1.2.1.2',
    );
  }
  if (!extendedKeyUsage.includes(purposeOid[rules.purpose]) && !extendedKeyUsage.includes(oids.anyExtendedKeyUsage)) {
    return problem(
      'ERR_TLS_CERT_PURPOSE',
      `${what} may not issue certificates for ${purposeName[rules.purpose]}: extKeyUsage lists others; take one from a CA for this purpose`,
      'RFC 5280, Section 4.2.1.12',
    );
  }
  return undefined;
}

const { digitalSignature, keyEncipherment, keyAgreement, keyCertSign } = keyUsageBits;

function leafProblem(certificate: Certificate, role: Role, rules: CertificateRules): CertificateError | undefined {
  const what = `the certificate ${certificate}`;
  const { basicConstraints, keyUsage, extendedKeyUsage, nameConstraints, subjectAltName } = certificate.decoded;
  const ca = basicConstraints?.ca === true;
  if (keyUsage !== undefined) {
    if (((keyUsage & keyCertSign) !== 0) !== ca) {
      const told = ca
        ? 'is a CA by basicConstraints but not by keyUsage'
        : 'is a CA by keyUsage but not by basicConstraints';
      return wrong(what, told, 'RFC 5280, Section 4.2.1.9');
    }
    const useful = rules.purpose === 'server' ? digitalSignature | keyEncipherment | keyAgreement : digitalSignature;
    // A CA in the place of a leaf (see docs/decisions/0003) rarely has the bit.
    if (!ca && (keyUsage & useful) === 0) {
      return problem(
        'ERR_TLS_CERT_KEY_USAGE',
        `${what} may not be used in TLS: keyUsage lacks digitalSignature; have it issued again for TLS`,
        'RFC 5280, Section 4.2.1.3',
      );
    }
  }
  if (nameConstraints !== undefined && !ca) {
    return wrong(what, 'has nameConstraints, which only a CA may have', 'RFC 5280, Section 4.2.1.10');
  }
  const purpose = purposeOid[rules.purpose];
  const any = extendedKeyUsage?.includes(oids.anyExtendedKeyUsage) === true;
  // Baseline Requirements, Section 7.1.2.7.10: "any" has no place in a server certificate.
  if (extendedKeyUsage !== undefined && (!extendedKeyUsage.includes(purpose) || (any && rules.purpose === 'server'))) {
    return problem(
      'ERR_TLS_CERT_PURPOSE',
      `${what} is not for ${purposeName[rules.purpose]}: extKeyUsage ${any ? 'says "any"' : 'lists other purposes'}; have it issued for this purpose`,
      'RFC 5280, Section 4.2.1.12',
    );
  }
  if (role === 'trustedLeaf') return undefined;
  if (certificate.extensions.get(oids.extendedKeyUsage)?.critical === true && rules.purpose === 'server') {
    return wrong(
      what,
      'marks extKeyUsage critical, which server certificates may not',
      'CA/B Forum Baseline Requirements, Section 7.1.2.7.6',
    );
  }
  const critical = certificate.extensions.get(oids.subjectAltName)?.critical === true;
  if (certificate.subject.length <= 2) {
    if (subjectAltName === undefined || !critical) {
      return wrong(what, 'has neither a subject nor a critical subjectAltName', 'RFC 5280, Section 4.2.1.6');
    }
  } else if (critical && rules.purpose === 'server') {
    return wrong(
      what,
      'marks subjectAltName critical although it has a subject',
      'CA/B Forum Baseline Requirements, Section 7.1.2.7.12',
    );
  }
  return undefined;
}

function wrong(what: string, told: string, rfc: string): CertificateError {
  return problem('ERR_TLS_CERT_PROFILE', `${what} ${told}; its CA must issue it again`, rfc);
}

function missingKeyId(what: string, told: string, rfc: string): CertificateError {
  return problem(
    'ERR_TLS_CERT_PROFILE',
    `${what} ${told}; its CA must issue it again (openssl: "authorityKeyIdentifier = keyid", "subjectKeyIdentifier = hash"), ` +
      'or set `policy.requireKeyIdentifiers` to false',
    rfc,
  );
}
