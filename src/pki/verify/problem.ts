import { type AlertName, CertificateError } from '../../errors.ts';

/** Codes of refused certificates, each with the alert that the peer is told (RFC 9846, Section 6.2). */
export const certificateProblems = {
  ERR_TLS_CERT_NONE: 'badCertificate',
  ERR_TLS_CERT_CHAIN_LENGTH: 'badCertificate',
  ERR_TLS_CERT_UNKNOWN_CA: 'unknownCa',
  ERR_TLS_CERT_SELF_SIGNED: 'unknownCa',
  ERR_TLS_CERT_DISTRUSTED: 'unknownCa',
  ERR_TLS_CERT_EXPIRED: 'certificateExpired',
  ERR_TLS_CERT_NOT_YET_VALID: 'certificateExpired',
  ERR_TLS_CERT_SIGNATURE: 'badCertificate',
  ERR_TLS_CERT_SIGNATURE_ALGORITHM: 'unsupportedCertificate',
  ERR_TLS_CERT_KEY: 'unsupportedCertificate',
  ERR_TLS_CERT_VERSION: 'unsupportedCertificate',
  ERR_TLS_CERT_CRITICAL_EXTENSION: 'unsupportedCertificate',
  ERR_TLS_CERT_PROFILE: 'badCertificate',
  ERR_TLS_CERT_NOT_A_CA: 'badCertificate',
  ERR_TLS_CERT_PATH_LENGTH: 'badCertificate',
  ERR_TLS_CERT_KEY_USAGE: 'badCertificate',
  ERR_TLS_CERT_PURPOSE: 'unsupportedCertificate',
  ERR_TLS_CERT_NAME_CONSTRAINTS: 'badCertificate',
  ERR_TLS_CERT_POLICY: 'badCertificate',
  ERR_TLS_CERT_BUDGET: 'badCertificate',
  ERR_TLS_CERT_NAME: 'badCertificate',
  ERR_TLS_CERT_REVOKED: 'certificateRevoked',
  ERR_TLS_CERT_REVOCATION_UNKNOWN: 'certificateUnknown',
  ERR_TLS_CERT_CRL: 'certificateUnknown',
  ERR_TLS_CERT_OCSP: 'badCertificateStatusResponse',
  ERR_TLS_CERT_MUST_STAPLE: 'badCertificateStatusResponse',
  ERR_TLS_CERT_SCT: 'badCertificate',
} as const satisfies Readonly<Record<`ERR_TLS_CERT_${string}`, AlertName>>;

/** A code of {@link certificateProblems}. */
export type CertificateProblem = keyof typeof certificateProblems;

/** @param rfc the section of the rule, e.g. `RFC 5280, Section 4.2.1.9`. It is also spelled in the message. */
export function problem(code: CertificateProblem, message: string, rfc?: string, cause?: unknown): CertificateError {
  return new CertificateError(code, certificateProblems[code], rfc === undefined ? message : `${message} (${rfc})`, {
    rfc,
    phase: 'certificate',
    cause,
  });
}

/** A moment for messages, without milliseconds. */
export function formatTime(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString().replace('.000Z', 'Z') : String(ms);
}
