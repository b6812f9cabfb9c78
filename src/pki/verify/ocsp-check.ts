import { equal } from '../../bytes/bytes.ts';
import { checkOptions } from '../../bytes/check.ts';
import type { CryptoProvider, SignatureAlgorithm } from '../../crypto/provider.ts';
import type { CertificateError } from '../../errors.ts';
import { type Certificate, parseCertificate } from '../certificate.ts';
import { ocspRules } from '../check-arguments.ts';
import { oids } from '../der/oid.ts';
import { keyUsageBits } from '../extensions.ts';
import { nameKey } from '../name.ts';
import {
  type BasicOcspResponse,
  certIdMatches,
  type OcspResponse,
  parseOcspResponse,
  publicKeyBits,
  type SingleResponse,
} from '../ocsp.ts';
import { type Budget, createBudget, defaultLimits } from './budget.ts';
import { publicKeyOf } from './issuer-cache.ts';
import { formatTime, problem } from './problem.ts';
import { keyProblem } from './profile.ts';
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
  /** Least size of a delegate's RSA key in bits; 2048. */
  readonly minRsaBits?: number | undefined;
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
  checkOptions(check, 'the options of checkOcspResponse', ocspRules, [
    'response',
    'certificate',
    'issuer',
    'now',
    'crypto',
  ]);
  const { certificate, issuer, now, crypto, nonce } = check;
  const basic = successful(check);
  const about = basic.responses.filter(({ certId }) => certIdMatches(certId, certificate, issuer, crypto));
  // Of several answers about it the worst counts, and of several good ones the last.
  const single =
    about.find(({ status }) => status.kind === 'revoked') ??
    about.find(({ status }) => status.kind === 'unknown') ??
    about.reduce<SingleResponse | undefined>(
      (last, one) => (last === undefined || one.thisUpdate > last.thisUpdate ? one : last),
      undefined,
    );
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
  const { certificate, crypto } = check;
  const budget = check.budget ?? createBudget(defaultLimits);
  const { algorithm, oid } = basic.signatureAlgorithm;
  if (algorithm === undefined || ('hash' in algorithm && algorithm.hash === 'sha1')) {
    throw refused(certificate, `it is signed with ${oid}, which isn't accepted`, 'RFC 9155');
  }
  let refusal: CertificateError | undefined;
  for (const { signer, problem: wrong } of signers(basic, check, budget)) {
    if (wrong === undefined) {
      budget.signature();
      if (verifies(signer, algorithm, basic, crypto)) return;
    }
    refusal ??= wrong ?? refused(certificate, `its signature by ${signer} is wrong`, 'RFC 6960, Section 3.2');
  }
  throw (
    refusal ??
    refused(
      certificate,
      'it is signed neither by the issuer nor by a delegate whose certificate it holds',
      'RFC 6960, Section 4.2.2.2',
    )
  );
}

/** Whether it is the signer's signature; a key that can't be used verifies nothing. */
function verifies(
  signer: Certificate,
  algorithm: SignatureAlgorithm,
  { tbs, signature }: Pick<Certificate, 'tbs' | 'signature'>,
  crypto: CryptoProvider,
): boolean {
  try {
    return publicKeyOf(signer, crypto).verify(algorithm, tbs, signature);
  } catch {
    return false;
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

/**
 * Who may have signed, by name or key: the issuer, and whoever came along, of whom there may be several of one name while a
 * delegate's key changes. With each goes what speaks against it.
 */
function* signers(
  basic: BasicOcspResponse,
  check: OcspCheck,
  budget: Budget,
): Generator<{ signer: Certificate; problem: CertificateError | undefined }> {
  const { issuer, crypto } = check;
  if (isResponder(basic, issuer, crypto)) yield { signer: issuer, problem: undefined };
  for (const der of basic.certificates) {
    if (equal(der, issuer.der)) continue;
    let signer: Certificate;
    try {
      signer = parseCertificate(der);
    } catch {
      continue;
    }
    if (isResponder(basic, signer, crypto)) yield { signer, problem: delegateProblem(signer, check, budget) };
  }
}

// RFC 6960, Section 4.2.2.2: the delegate's certificate is issued directly by the CA that issued the one in question,
// with id-kp-OCSPSigning in extKeyUsage.
function delegateProblem(signer: Certificate, check: OcspCheck, budget: Budget): CertificateError | undefined {
  const { certificate, issuer, crypto, now } = check;
  const wrong = (told: string, rfc = 'RFC 6960, Section 4.2.2.2') => refused(certificate, told, rfc);
  if (signer.issuerKey !== issuer.subjectKey) return wrong(`its signer ${signer} has another issuer`);
  if (signer.decoded.extendedKeyUsage?.includes(oids.ocspSigning) !== true) {
    return wrong(`its signer ${signer} is not for OCSP: extKeyUsage lacks OCSPSigning`);
  }
  const { keyUsage } = signer.decoded;
  if (keyUsage !== undefined && (keyUsage & keyUsageBits.digitalSignature) === 0) {
    return wrong(`its signer ${signer} may not sign: keyUsage lacks digitalSignature`);
  }
  for (const { oid, critical } of signer.extensions.values()) {
    if (critical && !understood.has(oid))
      return wrong(`its signer ${signer} has the critical extension ${oid}`, 'RFC 5280, Section 4.2');
  }
  if (now < signer.notBefore || Math.floor(now / 1000) * 1000 > signer.notAfter) {
    return wrong(`the certificate of its signer ${signer} is not valid now`);
  }
  const weakKey = keyProblem(signer, `its signer ${signer}`, { minRsaBits: check.minRsaBits ?? 2048 });
  if (weakKey !== undefined) return wrong(weakKey.message);
  const { algorithm } = signer.signatureAlgorithm;
  if (algorithm === undefined || ('hash' in algorithm && algorithm.hash === 'sha1')) {
    return wrong(`the certificate of its signer ${signer} is signed with an algorithm that isn't accepted`, 'RFC 9155');
  }
  budget.signature();
  return verifies(issuer, algorithm, signer, crypto)
    ? undefined
    : wrong(`the certificate of its signer ${signer} is not signed by the issuer`);
}

function refused(certificate: Certificate, why: string, rfc: string, cause?: unknown): CertificateError {
  return problem(
    'ERR_TLS_CERT_OCSP',
    `the OCSP answer about ${certificate} is refused: ${why}; the server must fetch a fresh one from its CA`,
    rfc,
    cause,
  );
}
