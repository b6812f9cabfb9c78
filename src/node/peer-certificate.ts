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

function legacyObject(certificate: X509Certificate): LegacyObject {
  return certificate.toLegacyObject() as LegacyObject;
}
