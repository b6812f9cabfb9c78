import { equal } from '../../bytes/bytes.ts';
import type { CryptoProvider, PublicKey } from '../../crypto/provider.ts';
import { type Certificate, parseCertificate } from '../certificate.ts';
import type { TrustAnchors } from './anchors.ts';

/**
 * Intermediates that stood in an accepted path are kept with the trust anchors: the next chain of the same CA costs one
 * signature, the leaf's, instead of one for each certificate. What depends on the moment (validity, revocation, the
 * names below) is judged anew each time.
 */
const maxKept = 256;

const caches = new WeakMap<TrustAnchors, Map<string, Certificate>>();
const goodLinks = new WeakMap<Certificate, WeakSet<Certificate>>();
const keys = new WeakMap<Certificate, PublicKey>();

/** The kept certificate with this encoding. */
export function keptIssuer(anchors: TrustAnchors, der: Uint8Array): Certificate | undefined {
  const cache = caches.get(anchors);
  if (cache === undefined) return undefined;
  const key = keyOf(der);
  const found = cache.get(key);
  if (found === undefined || !equal(found.der, der)) return undefined;
  // Least recently used first.
  cache.delete(key);
  cache.set(key, found);
  return found;
}

/** Keeps the intermediates of an accepted path (leaf first, anchor last), as copies: the peer's bytes aren't ours. */
export function keepIssuers(anchors: TrustAnchors, path: readonly Certificate[]): void {
  if (path.length < 3) return;
  let cache = caches.get(anchors);
  if (cache === undefined) {
    cache = new Map();
    caches.set(anchors, cache);
  }
  let issuer = path[path.length - 1] as Certificate;
  for (let i = path.length - 2; i > 0; i--) {
    const certificate = path[i] as Certificate;
    const key = keyOf(certificate.der);
    let kept = cache.get(key);
    if (kept === undefined || !equal(kept.der, certificate.der)) {
      kept = parseCertificate(certificate.der.slice());
      if (cache.size >= maxKept) cache.delete(cache.keys().next().value as string);
      cache.set(key, kept);
    }
    noteGoodLink(kept, issuer);
    issuer = kept;
  }
}

/** Whether the certificate's signature was found good under the issuer's key. */
export const isGoodLink = (certificate: Certificate, issuer: Certificate): boolean =>
  goodLinks.get(certificate)?.has(issuer) === true;

/** Remembers that the certificate's signature was found good under the issuer's key. */
export function noteGoodLink(certificate: Certificate, issuer: Certificate): void {
  const known = goodLinks.get(certificate);
  if (known === undefined) goodLinks.set(certificate, new WeakSet([issuer]));
  else known.add(issuer);
}

/** The imported public key of a certificate; imported once. Throws as the provider does. */
export function publicKeyOf(certificate: Certificate, crypto: CryptoProvider): PublicKey {
  let key = keys.get(certificate);
  if (key === undefined) {
    key = crypto.importPublicKey(certificate.spki);
    keys.set(certificate, key);
  }
  return key;
}

// The end of the signature is as good as random; the encodings are compared behind it.
function keyOf(der: Uint8Array): string {
  return String.fromCharCode(...der.subarray(-24));
}
