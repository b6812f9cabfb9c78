import { check, fields, text as isText } from '../bytes/check.ts';
import type { SignatureAlgorithm } from '../crypto/provider.ts';
import { encodeSignatureAlgorithm } from './algorithm.ts';
import { checkCertificateTemplate, signer as isSigner } from './check-arguments.ts';
import { oids } from './der/oid.ts';
import { derError } from './der/reader.ts';
import {
  asciiBytes,
  derBitString,
  derBoolean,
  derContext,
  derContextPrimitive,
  derIa5,
  derInteger,
  derNamedBits,
  derOctetString,
  derOid,
  derSequence,
  derTime,
} from './der/writer.ts';
import { keyUsageBits } from './extensions.ts';
import { encodeGeneralName, encodeGeneralNames, type GeneralName } from './general-name.ts';
import { parseIp } from './ip.ts';

/** Whoever holds the private key. It may answer at once or later (an HSM, a KMS). */
export interface Signer {
  readonly algorithm: SignatureAlgorithm;
  sign(data: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** An extension to write. */
export interface ExtensionInput {
  readonly oid: string;
  readonly critical?: boolean;
  /** Content of extnValue: the DER of the extension. */
  readonly value: Uint8Array;
}

/** What a certificate is to say (RFC 5280, Section 4.1.2); the signer adds the algorithm. */
export interface CertificateTemplate {
  /** 1 to 20 octets, big-endian, positive. RFC 5280, Section 4.1.2.2; give at least 64 random bits. */
  readonly serialNumber: Uint8Array;
  /** Encoded Names (`encodeName`). */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Milliseconds since 1970; seconds count. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Encoded SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly extensions: readonly ExtensionInput[];
}

/** Encodes and signs a certificate of version 3 (RFC 5280, Section 4.1). */
export async function buildCertificate(template: CertificateTemplate, signer: Signer): Promise<Uint8Array> {
  check(isSigner, signer, 'buildCertificate: signer');
  return signed(encodeTbsCertificate(template, signer.algorithm), signer);
}

/** TBSCertificate: what is signed (RFC 5280, Section 4.1). */
export function encodeTbsCertificate(template: CertificateTemplate, algorithm: SignatureAlgorithm): Uint8Array {
  checkCertificateTemplate(template);
  fields(algorithm, 'encodeTbsCertificate: algorithm');
  const { serialNumber } = template;
  if (serialNumber.length === 0 || serialNumber.length > 20 || serialNumber.every((byte) => byte === 0)) {
    throw new RangeError('a serial number has 1 to 20 octets and is not zero');
  }
  return derSequence(
    derContext(0, derInteger(2)),
    derInteger(serialNumber),
    encodeSignatureAlgorithm(algorithm),
    template.issuer,
    derSequence(derTime(template.notBefore), derTime(template.notAfter)),
    template.subject,
    template.spki,
    ...(template.extensions.length === 0 ? [] : [derContext(3, encodeExtensions(template.extensions))]),
  );
}

/** `SEQUENCE { tbs, signatureAlgorithm, signature }`: certificates, requests and lists are all signed so. */
export async function signed(tbs: Uint8Array, signer: Signer, ...trailing: Uint8Array[]): Promise<Uint8Array> {
  const signature = await signer.sign(tbs);
  if (signature.length === 0) throw derError('the signer answered with an empty signature');
  return derSequence(tbs, encodeSignatureAlgorithm(signer.algorithm), derBitString(signature), ...trailing);
}

/** Extensions as a SEQUENCE (RFC 5280, Section 4.2). */
export function encodeExtensions(extensions: readonly ExtensionInput[]): Uint8Array {
  return derSequence(
    ...extensions.map(({ oid, critical = false, value }) =>
      derSequence(derOid(oid), ...(critical ? [derBoolean(true)] : []), derOctetString(value)),
    ),
  );
}

/** Writers of the extensions that a CA needs, each with the criticality that RFC 5280 prescribes. */
export const extension = {
  basicConstraints: (ca: boolean, pathLength?: number): ExtensionInput => ({
    oid: oids.basicConstraints,
    critical: true,
    value: derSequence(
      ...(ca ? [derBoolean(true)] : []),
      ...(pathLength === undefined ? [] : [derInteger(pathLength)]),
    ),
  }),

  keyUsage: (...uses: readonly (keyof typeof keyUsageBits)[]): ExtensionInput => ({
    oid: oids.keyUsage,
    critical: true,
    value: derNamedBits(uses.reduce((bits, use) => bits | keyUsageBits[use], 0)),
  }),

  /** @param purposes dotted, e.g. `oids.serverAuth`. */
  extendedKeyUsage: (...purposes: readonly string[]): ExtensionInput => ({
    oid: oids.extendedKeyUsage,
    value: derSequence(...purposes.map(derOid)),
  }),

  /** @param critical must be so where the subject is empty (RFC 5280, Section 4.2.1.6). */
  subjectAltName: (names: readonly GeneralName[], critical = false): ExtensionInput => ({
    oid: oids.subjectAltName,
    critical,
    value: encodeGeneralNames(names),
  }),

  /** Bases: `dns` and `email` domains, `ip` of 8 or 32 octets (see {@link ipRange}), `directory` names. */
  nameConstraints: (permitted: readonly GeneralName[], excluded: readonly GeneralName[] = []): ExtensionInput => ({
    oid: oids.nameConstraints,
    critical: true,
    value: derSequence(
      ...(permitted.length === 0
        ? []
        : [derContext(0, ...permitted.map((name) => derSequence(encodeGeneralName(name))))]),
      ...(excluded.length === 0
        ? []
        : [derContext(1, ...excluded.map((name) => derSequence(encodeGeneralName(name))))]),
    ),
  }),

  subjectKeyIdentifier: (id: Uint8Array): ExtensionInput => ({
    oid: oids.subjectKeyIdentifier,
    value: derOctetString(id),
  }),

  authorityKeyIdentifier: (id: Uint8Array): ExtensionInput => ({
    oid: oids.authorityKeyIdentifier,
    value: derSequence(derContextPrimitive(0, id)),
  }),

  certificatePolicies: (...policies: readonly string[]): ExtensionInput => ({
    oid: oids.certificatePolicies,
    value: derSequence(...policies.map((policy) => derSequence(derOid(policy)))),
  }),

  crlDistributionPoints: (...uris: readonly string[]): ExtensionInput => ({
    oid: oids.crlDistributionPoints,
    value: derSequence(...uris.map((uri) => derSequence(derContext(0, derContext(0, uriName(uri)))))),
  }),

  authorityInfoAccess: (places: {
    readonly ocsp?: readonly string[];
    readonly caIssuers?: readonly string[];
  }): ExtensionInput => ({
    oid: oids.authorityInfoAccess,
    value: derSequence(
      ...(places.ocsp ?? []).map((uri) => derSequence(derOid(oids.ocsp), uriName(uri))),
      ...(places.caIssuers ?? []).map((uri) => derSequence(derOid(oids.caIssuers), uriName(uri))),
    ),
  }),

  /** RFC 7633: the server must staple an OCSP answer. */
  mustStaple: (): ExtensionInput => ({ oid: oids.tlsFeature, value: derSequence(derInteger(5)) }),

  /** RFC 8737, Section 3: the answer to a tls-alpn-01 challenge. @param digest SHA-256 of the key authorization. */
  acmeIdentifier: (digest: Uint8Array): ExtensionInput => ({
    oid: oids.acmeIdentifier,
    critical: true,
    value: derOctetString(digest),
  }),

  /** RFC 6960, Section 4.2.2.2.1: the responder's certificate needs no revocation check. */
  ocspNoCheck: (): ExtensionInput => ({ oid: oids.ocspNoCheck, value: Uint8Array.of(5, 0) }),

  netscapeComment: (text: string): ExtensionInput => ({ oid: '2.16.840.1.113730.1.13', value: derIa5(text) }),
};

const uriName = (uri: string): Uint8Array => derContextPrimitive(6, asciiBytes(uri));

/** The base of an IP name constraint from `192.0.2.0/24` or `2001:db8::/32`. Host bits are cleared. */
export function ipRange(cidr: string): GeneralName {
  check(isText, cidr, 'ipRange: cidr');
  const [text = '', prefixText] = cidr.split('/');
  const address = parseIp(text);
  const prefix = Number(prefixText ?? (address?.length ?? 0) * 8);
  if (address === undefined || !Number.isInteger(prefix) || prefix < 0 || prefix > address.length * 8) {
    throw new RangeError(`${cidr} is no address range such as 192.0.2.0/24`);
  }
  const value = new Uint8Array(address.length * 2);
  for (let i = 0; i < address.length; i++) {
    const bits = Math.min(8, Math.max(0, prefix - 8 * i));
    const mask = (0xff00 >> bits) & 0xff;
    value[i] = (address[i] as number) & mask;
    value[address.length + i] = mask;
  }
  return { kind: 'ip', value };
}
