import { equal, noBytes } from '../bytes/bytes.ts';
import { check } from '../bytes/check.ts';
import { namesOf } from '../bytes/code-names.ts';
import { encodeSignatureAlgorithm, readSignatureIdentifier, type SignatureIdentifier } from './algorithm.ts';
import { type ExtensionInput, encodeExtensions, extension, type Signer, signed } from './build.ts';
import { checkListTemplate, der as isDer, signer as isSigner } from './check-arguments.ts';
import { oids } from './der/oid.ts';
import { contextPrimitiveTag, contextTag, DerReader, tags } from './der/reader.ts';
import {
  asciiBytes,
  derContext,
  derContextPrimitive,
  derEnumerated,
  derInteger,
  derList,
  derSequence,
  derTime,
} from './der/writer.ts';
import {
  type AuthorityKeyIdentifier,
  type DistributionPoint,
  type Extension,
  readAuthorityKeyIdentifier,
  readDistributionPointName,
  readExtensions,
} from './extensions.ts';
import { type GeneralName, readGeneralNames } from './general-name.ts';
import { nameKey, readName } from './name.ts';

/** Why a certificate was revoked (RFC 5280, Section 5.3.1). */
export const crlReasons = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;

/** A name of {@link crlReasons}. */
export type CrlReason = keyof typeof crlReasons;

/** The name of a reason code, or `undefined` for one that is not assigned. */
export const crlReasonName: (code: number) => CrlReason | undefined = namesOf(crlReasons);

/** IssuingDistributionPoint (RFC 5280, Section 5.2.5): what the list is about. */
export interface IssuingDistributionPoint extends Pick<DistributionPoint, 'fullName' | 'relativeName'> {
  readonly onlyUserCerts: boolean;
  readonly onlyCaCerts: boolean;
  readonly onlySomeReasons?: number;
  readonly indirect: boolean;
  readonly onlyAttributeCerts: boolean;
}

/** An entry of a list (RFC 5280, Section 5.3). */
export interface RevokedCertificate {
  /** Content of the INTEGER. */
  readonly serialNumber: Uint8Array;
  /** Milliseconds since 1970. */
  readonly revocationDate: number;
  readonly reason?: CrlReason;
  /** Whether the entry has a critical extension that this stack doesn't know: the whole list is then unusable. */
  readonly unknownCritical?: string;
  /** Indirect lists: the issuer of this entry and of those that follow. */
  readonly certificateIssuer?: readonly GeneralName[];
}

/** A certificate revocation list (RFC 5280, Section 5.1). Byte fields are views. */
export interface CertificateList {
  readonly der: Uint8Array;
  readonly tbs: Uint8Array;
  readonly version: 1 | 2;
  readonly signatureAlgorithm: SignatureIdentifier;
  readonly signature: Uint8Array;
  readonly issuer: Uint8Array;
  readonly issuerKey: string;
  /** Milliseconds since 1970. */
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
  readonly extensions: ReadonlyMap<string, Extension>;
  /** Content of the INTEGER. */
  readonly crlNumber: Uint8Array | undefined;
  readonly baseCrlNumber: Uint8Array | undefined;
  readonly authorityKeyIdentifier: AuthorityKeyIdentifier | undefined;
  readonly issuingDistributionPoint: IssuingDistributionPoint | undefined;
  readonly entries: number;
  /** Critical extension of some entry that isn't understood, or an entry with an issuer of its own. */
  readonly unusable: string | undefined;
  /** The entry of a serial number (content of the INTEGER). */
  find(serialNumber: Uint8Array): RevokedCertificate | undefined;
}

/** Bytes of one list. */
const maxListBytes = 64 << 20;

/**
 * Reads one DER list (RFC 5280, Section 5.1); every entry is checked. Throws `ERR_TLS_DER`. What it may be used for
 * is judged by the verification (`checkCrl`).
 */
export function parseCertificateList(der: Uint8Array): CertificateList {
  check(isDer, der, 'parseCertificateList: der');
  const outer = new DerReader(der, 'certificate revocation list');
  if (der.length > maxListBytes) throw outer.error(`${der.length} bytes, where ${maxListBytes} are allowed`);
  const fields = outer.enter(tags.sequence, 'SEQUENCE');
  outer.done();
  fields.expect(tags.sequence, 'tbsCertList');
  const tbs = fields.raw();
  const list = fields.inside('tbsCertList');
  const outerAlgorithm = readSignatureIdentifier(fields, 'signatureAlgorithm');
  const signature = fields.bitString('signatureValue');
  fields.done();

  let version: 1 | 2 = 1;
  if (list.peek() === tags.integer) {
    // RFC 5280, Section 5.1.2.1: where the version stands, it is v2.
    if (list.smallInteger('version', 1) !== 1) throw list.error('version encodes v1');
    version = 2;
  }
  const signatureAlgorithm = readSignatureIdentifier(list, 'signature');
  if (!equal(outerAlgorithm.raw, signatureAlgorithm.raw)) {
    throw list.error('the two signature algorithms differ (RFC 5280, Section 5.1.1.2)');
  }
  const issuer = readName(list, 'issuer');
  if (list.start === list.stop) throw list.error('the issuer is empty (RFC 5280, Section 5.1.2.3)');
  const thisUpdate = list.time('thisUpdate');
  const nextTag = list.peek();
  const nextUpdate = nextTag === tags.utcTime || nextTag === tags.generalizedTime ? list.time('nextUpdate') : undefined;

  const index = new Map<string, number>();
  let unusable: string | undefined;
  if (list.optional(tags.sequence)) {
    const entries = list.inside('revokedCertificates');
    // RFC 5280, Section 5.1.2.6: "If there are no revoked certificates, the revoked certificates list MUST be absent."
    if (!entries.more) throw entries.error('the list is empty, where it must be absent');
    // Most entries of a list share their extensions (one reason): they are decoded where they differ from the last.
    let last: Uint8Array = noBytes;
    while (entries.more) {
      const at = entries.at;
      const entry = entries.enter(tags.sequence, 'entry');
      const serialNumber = entry.integer('userCertificate');
      entry.time('revocationDate');
      index.set(serialKey(serialNumber), at);
      const rest = der.subarray(entry.at, entry.end);
      if (rest.length === 0 || equal(rest, last)) continue;
      const decoded = readEntryExtensions(entry, version);
      unusable ??=
        decoded.unknownCritical ?? (decoded.certificateIssuer === undefined ? undefined : oids.certificateIssuer);
      last = rest;
    }
  }
  let extensions: ReadonlyMap<string, Extension> = new Map();
  const decoded: { -readonly [K in keyof CertificateList]?: CertificateList[K] } = {};
  if (list.optional(contextTag(0))) {
    if (version === 1) throw list.error('extensions in a list of version 1');
    const explicit = list.inside('crlExtensions');
    extensions = readExtensions(explicit, (item) => {
      const reader = new DerReader(item.value, `certificate revocation list, extension ${item.oid}`);
      if (item.oid === oids.crlNumber) decoded.crlNumber = reader.integer('cRLNumber');
      else if (item.oid === oids.deltaCrlIndicator) decoded.baseCrlNumber = reader.integer('BaseCRLNumber');
      else if (item.oid === oids.authorityKeyIdentifier)
        decoded.authorityKeyIdentifier = readAuthorityKeyIdentifier(reader);
      else if (item.oid === oids.issuingDistributionPoint)
        decoded.issuingDistributionPoint = readIssuingDistributionPoint(reader);
      else return;
      reader.done();
    });
    explicit.done();
  }
  list.done();
  return {
    der,
    tbs,
    version,
    signatureAlgorithm,
    signature,
    issuer,
    issuerKey: nameKey(issuer),
    thisUpdate,
    nextUpdate,
    extensions,
    crlNumber: decoded.crlNumber,
    baseCrlNumber: decoded.baseCrlNumber,
    authorityKeyIdentifier: decoded.authorityKeyIdentifier,
    issuingDistributionPoint: decoded.issuingDistributionPoint,
    entries: index.size,
    unusable,
    find: (serialNumber) => {
      const at = index.get(serialKey(serialNumber));
      return at === undefined ? undefined : readEntry(new DerReader(der, 'revoked certificate', at), version);
    },
  };
}

function readEntry(entries: DerReader, version: number): RevokedCertificate {
  const entry = entries.enter(tags.sequence, 'entry');
  const serialNumber = entry.integer('userCertificate');
  const revocationDate = entry.time('revocationDate');
  return { serialNumber, revocationDate, ...(entry.more ? readEntryExtensions(entry, version) : {}) };
}

type EntryExtensions = Pick<RevokedCertificate, 'reason' | 'unknownCritical' | 'certificateIssuer'>;

function readEntryExtensions(entry: DerReader, version: number): EntryExtensions {
  if (version === 1) throw entry.error('extensions in a list of version 1');
  const decoded: { -readonly [K in keyof EntryExtensions]: EntryExtensions[K] } = {};
  readExtensions(entry, (item) => {
    const reader = new DerReader(item.value, 'revoked certificate');
    if (item.oid === oids.reasonCode) {
      const code = reader.smallInteger('reasonCode', 10, tags.enumerated);
      reader.done();
      decoded.reason = crlReasonName(code);
      if (decoded.reason === undefined)
        throw reader.error(`the reason ${code} is not assigned (RFC 5280, Section 5.3.1)`);
    } else if (item.oid === oids.certificateIssuer) {
      decoded.certificateIssuer = readGeneralNames(reader.enter(tags.sequence, 'certificateIssuer'));
      reader.done();
    } else if (item.critical) {
      decoded.unknownCritical = item.oid;
    }
  });
  entry.done();
  return decoded;
}

function readIssuingDistributionPoint(reader: DerReader): IssuingDistributionPoint {
  const fields = reader.enter(tags.sequence, 'issuingDistributionPoint');
  let name: Pick<DistributionPoint, 'fullName' | 'relativeName'> = {};
  if (fields.optional(contextTag(0))) name = readDistributionPointName(fields.inside('distributionPoint'));
  const flag = (n: number): boolean => {
    if (!fields.optional(contextPrimitiveTag(n))) return false;
    if (!fields.checkedBoolean('a flag')) throw fields.error('a flag encodes its default value FALSE');
    return true;
  };
  const onlyUserCerts = flag(1);
  const onlyCaCerts = flag(2);
  const onlySomeReasons =
    fields.peek() === contextPrimitiveTag(3) ? fields.namedBits('onlySomeReasons', contextPrimitiveTag(3)) : undefined;
  const indirect = flag(4);
  const onlyAttributeCerts = flag(5);
  fields.done();
  return { ...name, onlyUserCerts, onlyCaCerts, onlySomeReasons, indirect, onlyAttributeCerts };
}

function serialKey(serialNumber: Uint8Array): string {
  return String.fromCharCode(...(serialNumber.length > 64 ? serialNumber.subarray(0, 64) : serialNumber));
}

/**
 * What a list is to say (RFC 5280, Section 5.1.2): complete and direct ones; deltas and indirect lists are not written.
 */
export interface CertificateListTemplate {
  /** Encoded Name. */
  readonly issuer: Uint8Array;
  /** Milliseconds since 1970. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly crlNumber: number | bigint;
  /** Key identifier of the issuer. */
  readonly authorityKeyIdentifier: Uint8Array;
  readonly revoked: readonly {
    readonly serialNumber: Uint8Array;
    readonly revocationDate: number;
    readonly reason?: CrlReason;
  }[];
  /** Where the list is published, and whether for users or CAs alone. */
  readonly distributionPoint?: { readonly uris?: readonly string[]; readonly only?: 'users' | 'cas' };
}

/** Encodes and signs a list of version 2 (RFC 5280, Section 5.1). */
export async function buildCertificateList(template: CertificateListTemplate, signer: Signer): Promise<Uint8Array> {
  checkListTemplate(template);
  check(isSigner, signer, 'buildCertificateList: signer');
  const extensions: ExtensionInput[] = [
    extension.authorityKeyIdentifier(template.authorityKeyIdentifier),
    { oid: oids.crlNumber, value: derInteger(template.crlNumber) },
  ];
  const { distributionPoint } = template;
  if (distributionPoint !== undefined) {
    const { uris = [], only } = distributionPoint;
    const names = uris.map((uri) => derContextPrimitive(6, asciiBytes(uri)));
    extensions.push({
      oid: oids.issuingDistributionPoint,
      critical: true,
      value: derSequence(
        ...(names.length === 0 ? [] : [derContext(0, derContext(0, ...names))]),
        ...(only === undefined ? [] : [derContextPrimitive(only === 'users' ? 1 : 2, Uint8Array.of(0xff))]),
      ),
    });
  }
  const tbs = derSequence(
    derInteger(1),
    encodeSignatureAlgorithm(signer.algorithm),
    template.issuer,
    derTime(template.thisUpdate),
    derTime(template.nextUpdate),
    ...(template.revoked.length === 0 ? [] : [derList(tags.sequence, template.revoked.map(encodeEntry))]),
    derContext(0, encodeExtensions(extensions)),
  );
  return signed(tbs, signer);
}

function encodeEntry(entry: CertificateListTemplate['revoked'][number]): Uint8Array {
  const { reason } = entry;
  return derSequence(
    derInteger(entry.serialNumber),
    derTime(entry.revocationDate),
    // RFC 5280, Section 5.3.1: "the reason code CRL entry extension SHOULD be absent instead of using the unspecified"
    ...(reason === undefined || reason === 'unspecified'
      ? []
      : [encodeExtensions([{ oid: oids.reasonCode, value: derEnumerated(crlReasons[reason]) }])]),
  );
}
