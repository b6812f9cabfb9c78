/** Certificates as the objects that `getPeerCertificate()` gives. */
import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls';
import type { ContextState } from './secure-context.ts';
import { trustStoreOf } from './verify.ts';

type LegacyObject = DetailedPeerCertificate & { issuerCertificate?: DetailedPeerCertificate };

/**
 * The legacy object of the first certificate; with `detailed`, its issuers hang on it as `issuerCertificate`, up to one
 * that is its own issuer. Empty for an empty chain.
 */
export function peerCertificateObject(
  chain: readonly Uint8Array[],
  detailed: boolean,
  context: ContextState,
): PeerCertificate | DetailedPeerCertificate {
  const [first, ...others] = chain;
  if (first === undefined) return {} as PeerCertificate;
  const leaf = new X509Certificate(first);
  const object = legacyObject(leaf);
  if (!detailed) return object;
  const pool = others.map((der) => new X509Certificate(der));
  let current = leaf;
  let currentObject = object;
  for (let depth = 0; depth < 32; depth++) {
    if (current.checkIssued(current)) {
      currentObject.issuerCertificate = currentObject;
      break;
    }
    const issuer =
      pool.find((candidate) => current.checkIssued(candidate)) ??
      trustStoreOf(context)
        .issuersOf(current)
        .find(({ x509 }) => current.checkIssued(x509))?.x509;
    if (issuer === undefined) break;
    const issuerObject = legacyObject(issuer);
    currentObject.issuerCertificate = issuerObject;
    current = issuer;
    currentObject = issuerObject;
  }
  return object;
}

/** The issuer of a certificate, out of the rest of its chain or the trusted ones. */
export function issuerOf(
  certificate: X509Certificate,
  chain: readonly Uint8Array[],
  context: ContextState,
): X509Certificate | undefined {
  for (const der of chain.slice(1)) {
    const candidate = new X509Certificate(der);
    if (certificate.checkIssued(candidate)) return candidate;
  }
  if (certificate.checkIssued(certificate)) return certificate;
  return trustStoreOf(context)
    .issuersOf(certificate)
    .find(({ x509 }) => certificate.checkIssued(x509))?.x509;
}

function legacyObject(certificate: X509Certificate): LegacyObject {
  return certificate.toLegacyObject() as LegacyObject;
}
