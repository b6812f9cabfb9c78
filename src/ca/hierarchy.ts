import type { CryptoProvider } from '../crypto/provider.ts';
import { buildCertificate, type ExtensionInput, extension, ipRange } from '../pki/build.ts';
import { type Certificate, parseCertificate } from '../pki/certificate.ts';
import { oids } from '../pki/der/oid.ts';
import type { GeneralName } from '../pki/general-name.ts';
import { encodeName } from '../pki/name.ts';
import { publicKeyBits } from '../pki/ocsp.ts';
import { caError } from './error.ts';
import { checkedSigner, type Signer } from './signer.ts';

/** Where an issuer publishes: the URLs that stand in the certificates it signs. */
export interface PublishedAt {
  readonly crl: string;
  readonly ocsp: string;
  readonly certificate: string;
}

/** When a certificate is valid, in milliseconds since 1970. Whole seconds count. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * A serial number of 16 random bytes, of which 126 bits are random: "non-sequential ... greater than zero ... at least
 * 64 bits of output from a CSPRNG" (CA/Browser Forum Baseline Requirements, Section 7.1). The first byte is never 0 and
 * below 0x80, so that all have the same length.
 */
export function newSerialNumber(crypto: CryptoProvider): Uint8Array {
  const serial = crypto.random(16);
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40;
  return serial;
}

/** Key identifier: the leftmost 160 bits of the SHA-256 of the public key (RFC 7093, Section 2, method 1). */
export function newKeyIdentifier(crypto: CryptoProvider, spki: Uint8Array): Uint8Array {
  return crypto.hash('sha256', publicKeyBits(spki)).slice(0, 20);
}

/** The subjectKeyIdentifier of an issuer. Throws `ERR_TLS_CA_CONFIG` where it has none. */
export function keyIdentifierOf(issuer: Certificate): Uint8Array {
  const id = issuer.decoded.subjectKeyIdentifier;
  if (id === undefined) throw caError('ERR_TLS_CA_CONFIG', `the issuer ${issuer} has no subjectKeyIdentifier`);
  return id;
}

/** A self-signed root: keyCertSign and cRLSign, and name constraints where `permitted` has any. */
export async function makeRoot(
  crypto: CryptoProvider,
  signer: Signer,
  about: Validity & { readonly name: string; readonly permitted: readonly GeneralName[] },
): Promise<Certificate> {
  const subject = encodeName([['CN', about.name]]);
  const { notBefore, notAfter } = about;
  const der = await buildCertificate(
    {
      serialNumber: newSerialNumber(crypto),
      issuer: subject,
      subject,
      notBefore,
      notAfter,
      spki: signer.publicKey,
      extensions: [
        extension.basicConstraints(true),
        extension.keyUsage('keyCertSign', 'crlSign'),
        extension.subjectKeyIdentifier(newKeyIdentifier(crypto, signer.publicKey)),
        ...constraints(about.permitted),
      ],
    },
    checkedSigner(crypto, signer),
  );
  return parseCertificate(der);
}

/**
 * An intermediate: no further one below it (path length 0), for TLS servers and clients only, for the permitted names
 * only.
 */
export async function makeIntermediate(
  crypto: CryptoProvider,
  rootSigner: Signer,
  about: Validity & {
    readonly root: Certificate;
    readonly name: string;
    readonly spki: Uint8Array;
    readonly permitted: readonly GeneralName[];
    readonly published: PublishedAt | undefined;
  },
): Promise<Certificate> {
  const { root, published } = about;
  const der = await buildCertificate(
    {
      serialNumber: newSerialNumber(crypto),
      issuer: root.subject,
      subject: encodeName([['CN', about.name]]),
      notBefore: Math.max(about.notBefore, root.notBefore),
      notAfter: Math.min(about.notAfter, root.notAfter),
      spki: about.spki,
      extensions: [
        extension.basicConstraints(true, 0),
        extension.keyUsage('keyCertSign', 'crlSign'),
        // No ocspSigning: it would let the intermediate answer for the root's certificates.
        extension.extendedKeyUsage(oids.serverAuth, oids.clientAuth),
        ...constraints(about.permitted),
        extension.subjectKeyIdentifier(newKeyIdentifier(crypto, about.spki)),
        extension.authorityKeyIdentifier(keyIdentifierOf(root)),
        ...(published === undefined
          ? []
          : [
              extension.crlDistributionPoints(published.crl),
              extension.authorityInfoAccess({ caIssuers: [published.certificate] }),
            ]),
      ],
    },
    checkedSigner(crypto, rootSigner),
  );
  return parseCertificate(der);
}

/**
 * The permitted names, and of names that are hosts nothing else: a kind that is not among the permitted ones would be free
 * (RFC 5280, Section 4.2.1.10: "Restrictions apply only when the specified name form is present"), so that it is excluded
 * as a whole, as the Baseline Requirements, Section 7.1.2.10.8 have it.
 */
function constraints(permitted: readonly GeneralName[]): ExtensionInput[] {
  if (permitted.length === 0) return [];
  const excluded = [...allNames, ...allAddresses].filter(({ kind }) => !permitted.some((name) => name.kind === kind));
  return [extension.nameConstraints(permitted, excluded)];
}

const allNames: readonly GeneralName[] = [{ kind: 'dns', value: '' }];
const allAddresses: readonly GeneralName[] = [ipRange('0.0.0.0/0'), ipRange('::/0')];
