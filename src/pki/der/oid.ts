import { CertificateError } from '../../errors.ts';

const rule = { rfc: 'X.690, Section 8.19' };

/** Longest encoding of an object identifier that is read, in bytes. */
const maxOidBytes = 64;

/** The dotted form of the content of an OBJECT IDENTIFIER. Throws `ERR_TLS_DER` where it is not canonical. */
export function oidText(bytes: Uint8Array, start: number, stop: number): string {
  return lookUp(bytes, start, stop) ?? spell(bytes, start, stop);
}

/** The content of an OBJECT IDENTIFIER (X.690, Section 8.19). */
export function encodeOid(text: string): Uint8Array {
  const arcs = text.split('.').map((arc) => BigInt(arc));
  const [first, second] = arcs;
  if (first === undefined || second === undefined || first > 2n || (first < 2n && second > 39n)) {
    throw new RangeError(`${text} is not an object identifier`);
  }
  const bytes: number[] = [];
  for (const arc of [first * 40n + second, ...arcs.slice(2)]) {
    const septets = [Number(arc & 0x7fn)];
    for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) septets.unshift(Number(rest & 0x7fn) | 0x80);
    bytes.push(...septets);
  }
  return Uint8Array.from(bytes);
}

function spell(bytes: Uint8Array, start: number, stop: number): string {
  if (start === stop)
    throw new CertificateError('ERR_TLS_DER', 'badCertificate', 'an OBJECT IDENTIFIER is empty', rule);
  if (stop - start > maxOidBytes) {
    throw new CertificateError(
      'ERR_TLS_DER',
      'badCertificate',
      `an OBJECT IDENTIFIER has more than ${maxOidBytes} bytes`,
      rule,
    );
  }
  if (((bytes[stop - 1] as number) & 0x80) !== 0) {
    throw new CertificateError('ERR_TLS_DER', 'badCertificate', 'an OBJECT IDENTIFIER ends inside an arc', rule);
  }
  let text = '';
  let arc = 0n;
  let fresh = true;
  for (let i = start; i < stop; i++) {
    const byte = bytes[i] as number;
    if (fresh && byte === 0x80) {
      throw new CertificateError(
        'ERR_TLS_DER',
        'badCertificate',
        'an OBJECT IDENTIFIER has an arc that is not in its shortest form',
        rule,
      );
    }
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    fresh = (byte & 0x80) === 0;
    if (!fresh) continue;
    if (text === '') {
      const first = arc < 40n ? 0n : arc < 80n ? 1n : 2n;
      text = `${first}.${arc - first * 40n}`;
    } else {
      text += `.${arc}`;
    }
    arc = 0n;
  }
  return text;
}

/** Object identifiers that the code names. */
export const oids = {
  // Attribute types
  commonName: '2.5.4.3',
  surname: '2.5.4.4',
  serialNumber: '2.5.4.5',
  country: '2.5.4.6',
  locality: '2.5.4.7',
  state: '2.5.4.8',
  street: '2.5.4.9',
  organization: '2.5.4.10',
  organizationalUnit: '2.5.4.11',
  title: '2.5.4.12',
  givenName: '2.5.4.42',
  organizationIdentifier: '2.5.4.97',
  domainComponent: '0.9.2342.19200300.100.1.25',
  userId: '0.9.2342.19200300.100.1.1',
  emailAddress: '1.2.840.113549.1.9.1',
  // Extensions
  subjectDirectoryAttributes: '2.5.29.9',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  privateKeyUsagePeriod: '2.5.29.16',
  subjectAltName: '2.5.29.17',
  issuerAltName: '2.5.29.18',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  invalidityDate: '2.5.29.24',
  deltaCrlIndicator: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  certificateIssuer: '2.5.29.29',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  anyPolicy: '2.5.29.32.0',
  policyMappings: '2.5.29.33',
  authorityKeyIdentifier: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  anyExtendedKeyUsage: '2.5.29.37.0',
  freshestCrl: '2.5.29.46',
  inhibitAnyPolicy: '2.5.29.54',
  noRevAvail: '2.5.29.56',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  subjectInfoAccess: '1.3.6.1.5.5.7.1.11',
  tlsFeature: '1.3.6.1.5.5.7.1.24',
  delegationUsage: '1.3.6.1.4.1.44363.44',
  smtpUtf8Mailbox: '1.3.6.1.5.5.7.8.9',
  acmeIdentifier: '1.3.6.1.5.5.7.1.31',
  signedCertificateTimestamps: '1.3.6.1.4.1.11129.2.4.2',
  ctPoison: '1.3.6.1.4.1.11129.2.4.3',
  // Key purposes
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  ocspSigning: '1.3.6.1.5.5.7.3.9',
  // Access methods and policy qualifiers
  ocsp: '1.3.6.1.5.5.7.48.1',
  caIssuers: '1.3.6.1.5.5.7.48.2',
  cps: '1.3.6.1.5.5.7.2.1',
  domainValidated: '2.23.140.1.2.1',
  organizationValidated: '2.23.140.1.2.2',
  // OCSP
  ocspBasic: '1.3.6.1.5.5.7.48.1.1',
  ocspNonce: '1.3.6.1.5.5.7.48.1.2',
  ocspNoCheck: '1.3.6.1.5.5.7.48.1.5',
  // Keys and curves
  rsaEncryption: '1.2.840.113549.1.1.1',
  rsaPss: '1.2.840.113549.1.1.10',
  mgf1: '1.2.840.113549.1.1.8',
  ecPublicKey: '1.2.840.10045.2.1',
  p256: '1.2.840.10045.3.1.7',
  p384: '1.3.132.0.34',
  p521: '1.3.132.0.35',
  x25519: '1.3.101.110',
  ed25519: '1.3.101.112',
  ed448: '1.3.101.113',
  mldsa44: '2.16.840.1.101.3.4.3.17',
  mldsa65: '2.16.840.1.101.3.4.3.18',
  mldsa87: '2.16.840.1.101.3.4.3.19',
  // Signatures
  sha1WithRsa: '1.2.840.113549.1.1.5',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  sha384WithRsa: '1.2.840.113549.1.1.12',
  sha512WithRsa: '1.2.840.113549.1.1.13',
  ecdsaWithSha1: '1.2.840.10045.4.1',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  ecdsaWithSha384: '1.2.840.10045.4.3.3',
  ecdsaWithSha512: '1.2.840.10045.4.3.4',
  // Digests
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
  // PKCS
  extensionRequest: '1.2.840.113549.1.9.14',
  challengePassword: '1.2.840.113549.1.9.7',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  safeContentsBag: '1.2.840.113549.1.12.10.1.6',
  pbeWithSha1AndTripleDes: '1.2.840.113549.1.12.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  scrypt: '1.3.6.1.4.1.11591.4.11',
  hmacSha1: '1.2.840.113549.2.7',
  hmacSha256: '1.2.840.113549.2.9',
  hmacSha384: '1.2.840.113549.2.10',
  hmacSha512: '1.2.840.113549.2.11',
  aes128Cbc: '2.16.840.1.101.3.4.1.2',
  aes192Cbc: '2.16.840.1.101.3.4.1.22',
  aes256Cbc: '2.16.840.1.101.3.4.1.42',
  tripleDesCbc: '1.2.840.113549.3.7',
} as const;

// Known identifiers are found by their bytes, so that no text is built for them: a certificate has fifteen or more.
const buckets: { bytes: Uint8Array; text: string }[][] = Array.from({ length: 256 }, () => []);

function bucketOf(bytes: Uint8Array, start: number, stop: number): number {
  return ((bytes[stop - 1] as number) * 7 + (bytes[start] as number) * 3 + (stop - start) * 31) & 0xff;
}

for (const text of new Set(Object.values(oids))) {
  const bytes = encodeOid(text);
  buckets[bucketOf(bytes, 0, bytes.length)]?.push({ bytes, text });
}

function lookUp(bytes: Uint8Array, start: number, stop: number): string | undefined {
  if (start === stop) return undefined;
  const bucket = buckets[bucketOf(bytes, start, stop)] as { bytes: Uint8Array; text: string }[];
  outer: for (const entry of bucket) {
    const known = entry.bytes;
    if (known.length !== stop - start) continue;
    for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) continue outer;
    return entry.text;
  }
  return undefined;
}
