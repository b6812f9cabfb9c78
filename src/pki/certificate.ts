import { equal, toHex } from '../bytes/bytes.ts';
import { check } from '../bytes/check.ts';
import { CertificateError } from '../errors.ts';
import {
  type PublicKeyInfo,
  readPublicKeyInfo,
  readSignatureIdentifier,
  type SignatureIdentifier,
} from './algorithm.ts';
import { certificate as aCertificate, der as isDer } from './check-arguments.ts';
import { contextPrimitiveTag, contextTag, DerReader, tags } from './der/reader.ts';
import { type DecodedExtensions, decodeExtension, type Extension, readExtensions } from './extensions.ts';
import { formatName, nameKey, readName } from './name.ts';

/** Bytes of one certificate. A large one with ML-DSA-87 and a hundred names has 12 kB. */
const maxCertificateBytes = 1 << 20;

/**
 * What a trust anchor may get wrong and be loaded all the same, as anchors can't be replaced by their users. Nothing
 * of it applies to certificates that a peer sends.
 *
 * - `serialNumber`: zero, negative, or longer than 20 octets.
 * - `names`: SET OF out of order, values that are no strings, characters outside a string's type, control characters.
 * - `extensions`: an extension that isn't critical and doesn't decode is left out of `decoded`, and who judges the certificate must
 *   not take it for absent; bases of name constraints may be written as OpenSSL reads them.
 * - `times`: GeneralizedTime for a year before 2050.
 * - `keyUsage`: trailing zero bits.
 */
export type AnchorLeniency = (typeof allLeniencies)[number];

/** For who judges elsewhere how strict to be, and reads as much as can be read. */
export const allLeniencies = ['serialNumber', 'names', 'extensions', 'times', 'keyUsage'] as const;

/** How strictly a certificate is read. */
export interface ParseOptions {
  /** For trust anchors only. */
  readonly leniencies?: readonly AnchorLeniency[];
}

/**
 * A certificate (RFC 5280, Section 4.1), read strictly. Byte fields are views of the encoding. Whether it may be
 * *used* for something is the verification's business (`verifyChain`).
 */
export class Certificate {
  /** The whole encoding. */
  readonly der: Uint8Array;
  /** TBSCertificate: what is signed. */
  readonly tbs: Uint8Array;
  readonly version: 1 | 2 | 3;
  /** Content of the INTEGER. */
  readonly serialNumber: Uint8Array;
  readonly signatureAlgorithm: SignatureIdentifier;
  readonly signature: Uint8Array;
  /** Encoded Names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Milliseconds since 1970; both ends belong to the validity period. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Encoded SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly extensions: ReadonlyMap<string, Extension>;
  /** The extensions that this stack knows, decoded. */
  readonly decoded: DecodedExtensions;

  #subjectKey: string | undefined;
  #issuerKey: string | undefined;
  #publicKeyInfo: PublicKeyInfo | undefined;
  #text: string | undefined;

  constructor(der: Uint8Array, lenient: readonly AnchorLeniency[]) {
    const outer = new DerReader(der, 'certificate');
    const fields = outer.enter(tags.sequence, 'SEQUENCE');
    outer.done();
    fields.expect(tags.sequence, 'tbsCertificate');
    this.der = der;
    this.tbs = fields.raw();
    const tbs = fields.inside('tbsCertificate');
    const outerAlgorithm = readSignatureIdentifier(fields, 'signatureAlgorithm');
    this.signature = fields.bitString('signatureValue');
    fields.done();

    this.version = readVersion(tbs);
    this.serialNumber = tbs.integer('serialNumber');
    if (!lenient.includes('serialNumber')) checkSerialNumber(tbs, this.serialNumber);
    this.signatureAlgorithm = readSignatureIdentifier(tbs, 'signature');
    if (!equal(outerAlgorithm.raw, this.signatureAlgorithm.raw)) {
      throw tbs.error('the two signature algorithms differ (RFC 5280, Section 4.1.1.2)');
    }
    const unsorted = lenient.includes('names');
    this.issuer = readName(tbs, 'issuer', unsorted);
    if (tbs.start === tbs.stop) throw tbs.error('the issuer is empty (RFC 5280, Section 4.1.2.4)');
    const validity = tbs.enter(tags.sequence, 'validity');
    const anyForm = lenient.includes('times');
    this.notBefore = validity.time('notBefore', anyForm);
    this.notAfter = validity.time('notAfter', anyForm);
    validity.done();
    this.subject = readName(tbs, 'subject', unsorted);
    tbs.expect(tags.sequence, 'subjectPublicKeyInfo');
    this.spki = tbs.raw();
    checkSpkiFrame(tbs.inside('subjectPublicKeyInfo'));
    if (tbs.peek() === contextPrimitiveTag(1)) readUniqueId(tbs, 1, this.version);
    if (tbs.peek() === contextPrimitiveTag(2)) readUniqueId(tbs, 2, this.version);
    this.decoded = {};
    if (tbs.optional(contextTag(3))) {
      if (this.version !== 3) throw tbs.error(`extensions in a certificate of version ${this.version}`);
      const explicit = tbs.inside('extensions');
      this.extensions = readExtensions(explicit, (extension) => decodeInto(extension, this.decoded, lenient));
      explicit.done();
    } else {
      this.extensions = noExtensions;
    }
    tbs.done();
  }

  /** Key under which equal names (RFC 5280, Section 7.1) are equal strings. */
  get subjectKey(): string {
    return (this.#subjectKey ??= nameKey(this.subject));
  }

  get issuerKey(): string {
    return (this.#issuerKey ??= equal(this.issuer, this.subject) ? this.subjectKey : nameKey(this.issuer));
  }

  /** Issuer and subject are the same name; the key need not be. */
  get selfIssued(): boolean {
    return this.issuerKey === this.subjectKey;
  }

  /** Type and size of the public key. Throws `ERR_TLS_DER` where it doesn't parse. */
  get publicKeyInfo(): PublicKeyInfo {
    return (this.#publicKeyInfo ??= readPublicKeyInfo(this.spki));
  }

  /** Name and serial number, for messages. */
  toString(): string {
    return (this.#text ??= `"${formatName(this.subject)}" (serial ${toHex(this.serialNumber)})`);
  }
}

const noExtensions: ReadonlyMap<string, Extension> = new Map();

/** Options of a call that has none. */
const strict: readonly AnchorLeniency[] = [];

/**
 * Reads one DER certificate (RFC 5280, Section 4.1); nothing may follow it. The result keeps views of `der`, so don't
 * change it afterwards. Throws `CertificateError` with code `ERR_TLS_DER` and alert `bad_certificate`.
 */
export function parseCertificate(der: Uint8Array, options?: ParseOptions): Certificate {
  check(isDer, der, 'parseCertificate: der');
  if (der.length > maxCertificateBytes) {
    throw new CertificateError(
      'ERR_TLS_CERT_SIZE',
      'badCertificate',
      `a certificate of ${der.length} bytes: ${maxCertificateBytes} are allowed`,
    );
  }
  return new Certificate(der, options?.leniencies ?? strict);
}

/** The encoded SubjectPublicKeyInfo (RFC 5280, Section 4.1.2.7), for `CryptoProvider.importPublicKey`. */
export function leafPublicKey(certificate: Certificate): Uint8Array {
  check(aCertificate, certificate, 'leafPublicKey: certificate');
  return certificate.spki;
}

function readVersion(tbs: DerReader): 1 | 2 | 3 {
  if (!tbs.optional(contextTag(0))) return 1;
  const explicit = tbs.inside('version');
  const value = explicit.smallInteger('version', 2);
  explicit.done();
  if (value === 0) throw tbs.error('version encodes its default value v1');
  return (value + 1) as 2 | 3;
}

// RFC 5280, Section 4.1.2.2: "conforming CAs MUST NOT use serialNumber values longer than 20 octets", positive.
function checkSerialNumber(tbs: DerReader, serial: Uint8Array): void {
  if (serial.length > 20)
    throw tbs.error(`a serial number of ${serial.length} octets (RFC 5280, Section 4.1.2.2: at most 20)`);
  if ((serial[0] as number) >= 0x80) throw tbs.error('a negative serial number (RFC 5280, Section 4.1.2.2)');
  if (serial.length === 1 && serial[0] === 0) throw tbs.error('the serial number zero (RFC 5280, Section 4.1.2.2)');
}

/** The frame of a key of any kind; what is in it is read where the key is needed. */
function checkSpkiFrame(fields: DerReader): void {
  const algorithm = fields.enter(tags.sequence, 'algorithm');
  algorithm.oid('algorithm');
  if (algorithm.peek() === tags.oid) algorithm.oid('parameters');
  else if (algorithm.more) algorithm.next();
  algorithm.done();
  fields.bitString('subjectPublicKey');
  fields.done();
}

function readUniqueId(tbs: DerReader, n: number, version: number): void {
  if (version === 1) throw tbs.error('a unique identifier in a certificate of version 1');
  tbs.expect(contextPrimitiveTag(n), 'unique identifier');
  const unused = tbs.bytes[tbs.start] ?? 8;
  if (tbs.start === tbs.stop || unused > 7) throw tbs.error('a unique identifier that is no BIT STRING');
}

function decodeInto(extension: Extension, decoded: DecodedExtensions, lenient: readonly AnchorLeniency[]): void {
  const loose = lenient.includes('extensions');
  try {
    decodeExtension(extension, decoded, lenient.includes('keyUsage'), loose);
  } catch (error) {
    // A named leniency: what isn't critical counts as absent.
    if (extension.critical || !loose) throw error;
  }
}
