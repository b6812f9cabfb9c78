import type { CryptoProvider } from '../crypto/provider.ts';
import { readPublicKeyInfo } from '../pki/algorithm.ts';
import { type CertificateTemplate, type ExtensionInput, extension } from '../pki/build.ts';
import type { Certificate } from '../pki/certificate.ts';
import { oids } from '../pki/der/oid.ts';
import { formatGeneralName, type GeneralName } from '../pki/general-name.ts';
import { commonName, encodeName } from '../pki/name.ts';
import { parseCertificateRequest, verifyCertificateRequest } from '../pki/request.ts';
import { caError } from './error.ts';
import { keyIdentifierOf, newKeyIdentifier, newSerialNumber, type PublishedAt } from './hierarchy.ts';
import type { Profile } from './profiles.ts';

/** noRevAvail (RFC 9608): a NULL. */
const noRevAvail: ExtensionInput = { oid: oids.noRevAvail, value: Uint8Array.of(5, 0) };

/** Longest commonName (RFC 5280, Appendix A.1: ub-common-name). */
const maxCommonName = 64;

/** Names in one certificate. */
const maxNames = 100;

/** What an end-entity certificate is to hold. */
export interface LeafRequest {
  readonly names: readonly GeneralName[];
  readonly spki: Uint8Array;
  readonly profile: Profile;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Milliseconds from now; the profile's where absent. */
  readonly lifetime: number | undefined;
}

/**
 * What a certificate under this issuer will say. Throws `ERR_TLS_CA_NAME`, `ERR_TLS_CA_KEY` or `ERR_TLS_CA_LIFETIME`
 * where the profile does not allow it.
 */
export function leafTemplate(
  crypto: CryptoProvider,
  issuer: Certificate,
  published: PublishedAt | undefined,
  request: LeafRequest,
): CertificateTemplate {
  const { names, spki, profile } = request;
  checkNames(names, profile);
  checkPublicKey(spki);
  const label = subjectText(names);
  const revocable = profile.revocation === 'published' && published !== undefined;
  return {
    serialNumber: newSerialNumber(crypto),
    issuer: issuer.subject,
    subject: encodeName(label === undefined ? [] : [['CN', label]]),
    ...validity(issuer, request),
    spki,
    extensions: [
      extension.basicConstraints(false),
      extension.keyUsage('digitalSignature'),
      extension.extendedKeyUsage(...profile.purposes.map((purpose) => oids[purpose])),
      extension.subjectKeyIdentifier(newKeyIdentifier(crypto, spki)),
      extension.authorityKeyIdentifier(keyIdentifierOf(issuer)),
      // RFC 5280, Section 4.2.1.6: "If the subject field contains an empty sequence, then ... MUST be marked critical"
      extension.subjectAltName(names, label === undefined),
      ...(revocable ? [extension.crlDistributionPoints(published.crl)] : []),
      ...(published === undefined
        ? []
        : [
            extension.authorityInfoAccess({
              ...(revocable ? { ocsp: [published.ocsp] } : {}),
              caIssuers: [published.certificate],
            }),
          ]),
      ...(profile.revocation === 'none' ? [noRevAvail] : []),
      ...(profile.mustStaple ? [extension.mustStaple()] : []),
    ],
  };
}

/**
 * The certificate of a delegated OCSP signer (RFC 6960, Section 4.2.2.2), which nobody checks for revocation: it is
 * short-lived.
 */
export function responderTemplate(
  crypto: CryptoProvider,
  issuer: Certificate,
  spki: Uint8Array,
  now: number,
  lifetime: number,
): CertificateTemplate {
  const second = Math.floor(now / 1000) * 1000;
  return {
    serialNumber: newSerialNumber(crypto),
    issuer: issuer.subject,
    subject: encodeName([['CN', `${commonName(issuer.subject) ?? 'Authority'} - OCSP`]]),
    notBefore: Math.max(second - 300_000, issuer.notBefore),
    notAfter: Math.min(second + lifetime, issuer.notAfter),
    spki,
    extensions: [
      extension.basicConstraints(false),
      extension.keyUsage('digitalSignature'),
      extension.extendedKeyUsage(oids.ocspSigning),
      extension.ocspNoCheck(),
      extension.subjectKeyIdentifier(newKeyIdentifier(crypto, spki)),
      extension.authorityKeyIdentifier(keyIdentifierOf(issuer)),
    ],
  };
}

function validity(issuer: Certificate, request: LeafRequest): { notBefore: number; notAfter: number } {
  const { profile, now, lifetime = profile.lifetime } = request;
  if (!(lifetime >= 1000 && lifetime <= profile.maxLifetime)) {
    throw caError(
      'ERR_TLS_CA_LIFETIME',
      `a lifetime of ${lifetime} ms was asked for; the profile "${profile.name}" allows up to ${profile.maxLifetime}`,
    );
  }
  const second = Math.floor(now / 1000) * 1000;
  const notBefore = Math.max(second - profile.backdate, issuer.notBefore);
  // Both ends are valid seconds: the last one is not counted twice. Backdating may not stretch the limit.
  const end = Math.min(second + Math.floor(lifetime / 1000) * 1000, notBefore + profile.maxLifetime) - 1000;
  const notAfter = Math.min(end, issuer.notAfter);
  if (notAfter <= now) {
    throw caError('ERR_TLS_CA_ENDED', `the issuer ${issuer} has expired: make a new intermediate, or a new authority`);
  }
  return { notBefore, notAfter };
}

function checkNames(names: readonly GeneralName[], profile: Profile): void {
  if (names.length === 0) throw caError('ERR_TLS_CA_NAME', 'a certificate needs at least one name');
  if (names.length > maxNames) throw caError('ERR_TLS_CA_NAME', `${names.length} names, where ${maxNames} are allowed`);
  for (const name of names) {
    if (!(profile.names as readonly string[]).includes(name.kind)) {
      throw caError(
        'ERR_TLS_CA_NAME',
        `${formatGeneralName(name)}: the profile "${profile.name}" allows names of the kinds ${profile.names.join(', ')}`,
      );
    }
  }
}

/** Refuses keys that verifiers refuse: unknown types, RSA under 2048 bits or with a bad exponent. */
export function checkPublicKey(spki: Uint8Array): void {
  const info = readPublicKeyInfo(spki);
  if (info.type === undefined) {
    throw caError(
      'ERR_TLS_CA_KEY',
      `keys of the kind ${info.oid} are not supported: take P-256, P-384, Ed25519 or RSA`,
    );
  }
  if (info.type !== 'rsa' && info.type !== 'rsaPss') return;
  if (info.bits < 2048 || info.bits > 8192) {
    throw caError('ERR_TLS_CA_KEY', `an RSA key of ${info.bits} bits, where 2048 to 8192 are allowed`);
  }
  if (info.exponent === undefined || info.exponent < 65537 || info.exponent % 2 === 0) {
    throw caError('ERR_TLS_CA_KEY', 'an RSA key with an unusual exponent: take 65537');
  }
}

// The first DNS name, as a label for people; a program looks at subjectAltName. An address is no label: where a certificate
// has no DNS name, OpenSSL and GnuTLS take a commonName of digits and dots for one, and the constraints refuse it.
function subjectText(names: readonly GeneralName[]): string | undefined {
  for (const name of names) {
    const text = name.kind === 'dns' || name.kind === 'email' ? name.value : undefined;
    if (text !== undefined && text.length <= maxCommonName) return text;
  }
  return undefined;
}

/** What a request (PKCS#10, RFC 2986) asks for. */
export interface RequestedLeaf {
  readonly spki: Uint8Array;
  /** What subjectAltName asks for. */
  readonly names: readonly GeneralName[];
  readonly commonName: string | undefined;
}

/**
 * Key and names of a request (PKCS#10). Nothing else of what it asks for is taken. Throws `ERR_TLS_CA_CSR` where it
 * isn't signed by its own key.
 */
export function readRequest(crypto: CryptoProvider, csr: Uint8Array): RequestedLeaf {
  try {
    const request = parseCertificateRequest(csr);
    checkPublicKey(request.spki);
    if (verifyCertificateRequest(request, crypto)) {
      return {
        spki: request.spki.slice(),
        names: request.decoded.subjectAltName ?? [],
        commonName: commonName(request.subject),
      };
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw caError('ERR_TLS_CA_CSR', `the certificate request is refused: ${why}`, error);
  }
  throw caError('ERR_TLS_CA_CSR', 'the certificate request is not signed by the key that it asks a certificate for');
}
