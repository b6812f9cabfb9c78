import { equal } from '../../bytes/bytes.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';
import type { CertificateError } from '../../errors.ts';
import { type Certificate, parseCertificate } from '../certificate.ts';
import { oids } from '../der/oid.ts';
import { keyUsageBits } from '../extensions.ts';
import { nameKey } from '../name.ts';
import { type BasicOcspResponse, certIdMatches, type OcspResponse, parseOcspResponse, publicKeyBits } from '../ocsp.ts';
import { type Budget, createBudget, defaultLimits } from './budget.ts';
import { formatTime, problem } from './problem.ts';
import { clockSkew } from './revocation.ts';

/** A stapled answer, and what it must be about. */
export interface OcspCheck {
  /** DER. */
  readonly response: Uint8Array;
  readonly certificate: Certificate;
  readonly issuer: Certificate;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly crypto: CryptoProvider;
  /** The nonce that was sent, where the answer must hold it. Stapled answers have none. */
  readonly nonce?: Uint8Array;
  readonly budget?: Budget;
}

/** What an accepted answer says. */
export interface OcspGood {
  /** Milliseconds since 1970: until then the answer may be kept. */
  readonly nextUpdate: number;
}

/**
 * Judges an OCSP answer about one certificate (RFC 6960, Section 3.2): it is about this certificate of this issuer,
 * signed by the issuer or by whom the issuer delegated, fresh, and says `good`. Throws `ERR_TLS_CERT_REVOKED` or
 * `ERR_TLS_CERT_OCSP` (alert `bad_certificate_status_response`).
 */
export function checkOcspResponse(check: OcspCheck): OcspGood {
  const { certificate, issuer, now, crypto, nonce } = check;
  const basic = successful(check);
  const about = basic.responses.filter(({ certId }) => certIdMatches(certId, certificate, issuer, crypto));
  // Of several answers about it the worst counts.
  const single = about.find(({ status }) => status.kind === 'revoked') ?? about[0];
  if (single === undefined) throw refused(certificate, 'it is about another certificate', 'RFC 6960, Section 3.2');
  const critical = basic.unknownCritical ?? single.unknownCritical;
  if (critical !== undefined)
    throw refused(certificate, `it has the critical extension ${critical}`, 'RFC 6960, Section 4.4');
  verifySignature(basic, check);
  if (nonce !== undefined && (basic.nonce === undefined || !equal(nonce, basic.nonce))) {
    throw refused(certificate, 'it does not hold the nonce of the request', 'RFC 9654, Section 2.1');
  }
  const { status, thisUpdate, nextUpdate } = single;
  if (status.kind === 'revoked') {
    throw problem(
      'ERR_TLS_CERT_REVOKED',
      `the certificate ${certificate} was revoked on ${formatTime(status.revocationTime)}${
        status.reason === undefined ? '' : ` (${status.reason})`
      }, says its issuer by OCSP; it must be replaced`,
      'RFC 6960, Section 2.2',
    );
  }
  if (status.kind === 'unknown')
    throw refused(certificate, 'the responder does not know the certificate', 'RFC 6960, Section 2.2');
  if (thisUpdate > now + clockSkew || basic.producedAt > now + clockSkew) {
    throw refused(
      certificate,
      `it is from the future (${formatTime(Math.max(thisUpdate, basic.producedAt))})`,
      'RFC 6960, Section 4.2.2.1',
    );
  }
  if (nextUpdate === undefined)
    throw refused(certificate, 'it does not say how long it holds', 'RFC 5019, Section 2.2.4');
  if (now > nextUpdate) {
    throw refused(certificate, `it held until ${formatTime(nextUpdate)}`, 'RFC 6960, Section 4.2.2.1');
  }
  return { nextUpdate };
}

function successful({ response, certificate }: OcspCheck): BasicOcspResponse {
  let parsed: OcspResponse;
  try {
    parsed = parseOcspResponse(response);
  } catch (error) {
    throw refused(certificate, `it doesn't parse: ${(error as Error).message}`, 'RFC 6960, Section 4.2.1', error);
  }
  if (parsed.status !== 'successful')
    throw refused(certificate, `the responder answered "${parsed.status}"`, 'RFC 6960, Section 4.2.1');
  return parsed.basic;
}

function verifySignature(basic: BasicOcspResponse, check: OcspCheck): void {
  const { certificate, issuer, crypto } = check;
  const budget = check.budget ?? createBudget(defaultLimits);
  const { algorithm, oid } = basic.signatureAlgorithm;
  if (algorithm === undefined || ('hash' in algorithm && algorithm.hash === 'sha1')) {
    throw refused(certificate, `it is signed with ${oid}, which isn't accepted`, 'RFC 9155');
  }
  const signer = isResponder(basic, issuer, crypto) ? issuer : delegate(basic, check, budget);
  budget.signature();
  if (!crypto.importPublicKey(signer.spki).verify(algorithm, basic.tbs, basic.signature)) {
    throw refused(certificate, `its signature by ${signer} is wrong`, 'RFC 6960, Section 3.2');
  }
}

/** Extensions of a responder's certificate that may be critical. */
const understood: ReadonlySet<string> = new Set([
  oids.basicConstraints,
  oids.keyUsage,
  oids.extendedKeyUsage,
  oids.subjectAltName,
  oids.certificatePolicies,
  oids.ocspNoCheck,
]);

function isResponder({ responder }: BasicOcspResponse, certificate: Certificate, crypto: CryptoProvider): boolean {
  return 'name' in responder
    ? nameKey(responder.name) === certificate.subjectKey
    : equal(responder.keyHash, crypto.hash('sha1', publicKeyBits(certificate.spki)));
}

// RFC 6960, Section 4.2.2.2: the delegate's certificate is issued directly by the CA that issued the one in question,
// with id-kp-OCSPSigning in extKeyUsage.
function delegate(basic: BasicOcspResponse, check: OcspCheck, budget: Budget): Certificate {
  const { certificate, issuer, crypto, now } = check;
  const rfc = 'RFC 6960, Section 4.2.2.2';
  for (const der of basic.certificates) {
    let signer: Certificate;
    try {
      signer = parseCertificate(der);
    } catch {
      continue;
    }
    if (!isResponder(basic, signer, crypto)) continue;
    if (signer.issuerKey !== issuer.subjectKey)
      throw refused(certificate, `its signer ${signer} has another issuer`, rfc);
    if (signer.decoded.extendedKeyUsage?.includes(oids.ocspSigning) !== true) {
      throw refused(certificate, `its signer ${signer} is not for OCSP: extKeyUsage lacks OCSPSigning`, rfc);
    }
    const { keyUsage } = signer.decoded;
    if (keyUsage !== undefined && (keyUsage & keyUsageBits.digitalSignature) === 0) {
      throw refused(certificate, `its signer ${signer} may not sign: keyUsage lacks digitalSignature`, rfc);
    }
    for (const { oid, critical } of signer.extensions.values()) {
      if (critical && !understood.has(oid))
        throw refused(certificate, `its signer ${signer} has the critical extension ${oid}`, 'RFC 5280, Section 4.2');
    }
    if (now < signer.notBefore || Math.floor(now / 1000) * 1000 > signer.notAfter) {
      throw refused(certificate, `the certificate of its signer ${signer} is not valid now`, rfc);
    }
    const { algorithm } = signer.signatureAlgorithm;
    const weak = algorithm === undefined || ('hash' in algorithm && algorithm.hash === 'sha1');
    budget.signature();
    if (weak || !crypto.importPublicKey(issuer.spki).verify(algorithm, signer.tbs, signer.signature)) {
      throw refused(certificate, `the certificate of its signer ${signer} is not signed by the issuer`, rfc);
    }
    return signer;
  }
  throw refused(certificate, 'it is signed neither by the issuer nor by a delegate whose certificate it holds', rfc);
}

function refused(certificate: Certificate, why: string, rfc: string, cause?: unknown): CertificateError {
  return problem(
    'ERR_TLS_CERT_OCSP',
    `the OCSP answer about ${certificate} is refused: ${why}; the server must fetch a fresh one from its CA`,
    rfc,
    cause,
  );
}
