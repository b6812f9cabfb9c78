/**
 * Certificates that peers showed, read once. A client meets the same servers and authorities again, and OpenSSL takes hundreds
 * of microseconds to read a certificate and to check its signature; neither can come out another way the next time.
 * Whether a certificate is valid now, trusted and for this peer is judged anew for each connection.
 */
import { X509Certificate } from 'node:crypto';
import { toLatin1 } from '../../bytes/bytes.ts';
import { allLeniencies, type Certificate, parseCertificate } from '../../pki/certificate.ts';
import { nodeCrypto } from '../base/key-signer.ts';
import { isFor } from './check-server-identity.ts';

/** A certificate as OpenSSL reads it, with what this stack reads of it. */
export class KnownCertificate {
  readonly x509: X509Certificate;
  /** `undefined` where this stack can't read it, leniently as it is here. */
  readonly own: Certificate | undefined;
  /** What tells it from others: SHA-256 of the whole, as Latin-1. */
  readonly digest: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly #issued = new WeakMap<KnownCertificate, boolean>();
  readonly #signed = new WeakMap<KnownCertificate, boolean>();
  readonly #hosts = new Map<string, boolean>();

  /** @throws an error of OpenSSL where it can't read the certificate. */
  constructor(der: Uint8Array) {
    this.x509 = new X509Certificate(der);
    this.digest = digestOf(der);
    this.notBefore = Date.parse(this.x509.validFrom);
    this.notAfter = Date.parse(this.x509.validTo);
    try {
      this.own = parseCertificate(der, { leniencies: allLeniencies });
    } catch {
      this.own = undefined;
    }
  }

  get selfIssued(): boolean {
    return this.x509.issuer === this.x509.subject;
  }

  /** Whether it is for the host name, by the rules of `checkServerIdentity`. */
  isFor(host: string): boolean {
    let answer = this.#hosts.get(host);
    if (answer === undefined) {
      if (this.#hosts.size >= 16) this.#hosts.clear();
      this.#hosts.set(host, (answer = isFor(host, this.x509.toLegacyObject())));
    }
    return answer;
  }

  /** Whether this names `issuer` as its issuer (X509_check_issued); says nothing of the signature. */
  isIssuedBy(issuer: KnownCertificate): boolean {
    let issued = this.#issued.get(issuer);
    if (issued === undefined) this.#issued.set(issuer, (issued = this.x509.checkIssued(issuer.x509)));
    return issued;
  }

  /** Whether the key of `issuer` signed this. */
  isSignedBy(issuer: KnownCertificate): boolean {
    let signed = this.#signed.get(issuer);
    if (signed === undefined) this.#signed.set(issuer, (signed = this.x509.verify(issuer.x509.publicKey)));
    return signed;
  }
}

/** {@link KnownCertificate.digest} of a certificate that need not be read. */
export function digestOf(der: Uint8Array): string {
  return toLatin1(nodeCrypto().hash('sha256', der));
}

const kept = 200;
/** Larger certificates are read anew each time: what a peer can fill here is bounded by 200 × 8 KiB. */
const largestKept = 8192;
/** By the bytes of the certificate; the one that was asked for least recently first. */
const known = new Map<string, KnownCertificate>();

/**
 * The certificate of a peer.
 *
 * @throws an error of OpenSSL where it can't read the certificate.
 */
export function knownCertificate(der: Uint8Array): KnownCertificate {
  if (der.length > largestKept) return new KnownCertificate(der);
  const key = Buffer.from(der.buffer, der.byteOffset, der.length).toString('latin1');
  let certificate = known.get(key);
  if (certificate === undefined) {
    // A copy: the array may be a part of a larger one.
    certificate = new KnownCertificate(der.slice());
    if (known.size >= kept) known.delete(known.keys().next().value as string);
  } else {
    known.delete(key);
  }
  known.set(key, certificate);
  return certificate;
}
