/** Certificates as the objects that `getPeerCertificate()` gives. */
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls';
import type { ContextState } from '../context/secure-context.ts';
import { trustStoreOf } from './authorities.ts';
import { type KnownCertificate, knownCertificate } from './known-certificate.ts';

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
  const leaf = knownCertificate(first);
  const object = legacyObject(leaf);
  if (!detailed) return object;
  const pool = others.map(knownCertificate);
  let current = leaf;
  let currentObject = object;
  for (let depth = 0; depth < 32; depth++) {
    if (current.isIssuedBy(current)) {
      currentObject.issuerCertificate = currentObject;
      break;
    }
    const issuer =
      pool.find((candidate) => current.isIssuedBy(candidate)) ??
      trustStoreOf(context)
        .issuersOf(current)
        .find((candidate) => current.isIssuedBy(candidate));
    if (issuer === undefined) break;
    const issuerObject = legacyObject(issuer);
    currentObject.issuerCertificate = issuerObject;
    current = issuer;
    currentObject = issuerObject;
  }
  return object;
}

/** The issuer of the first certificate, out of the rest of its chain or the trusted ones. */
export function issuerOf(
  [leaf, ...others]: readonly Uint8Array[],
  context: ContextState,
): KnownCertificate | undefined {
  if (leaf === undefined) return undefined;
  const certificate = knownCertificate(leaf);
  const isIssuer = (candidate: KnownCertificate) => certificate.isIssuedBy(candidate);
  const shown = others.map(knownCertificate).find(isIssuer);
  if (shown !== undefined) return shown;
  return isIssuer(certificate) ? certificate : trustStoreOf(context).issuersOf(certificate).find(isIssuer);
}

function legacyObject({ x509 }: KnownCertificate): LegacyObject {
  return x509.toLegacyObject() as LegacyObject;
}
