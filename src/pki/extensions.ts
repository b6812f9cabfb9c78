import { oids } from './der/oid.ts';
import { contextPrimitiveTag, contextTag, DerReader, tags } from './der/reader.ts';
import { type GeneralName, readGeneralName, readGeneralNames } from './general-name.ts';

/** An extension as it stands in a certificate, CRL, request or OCSP answer. */
export interface Extension {
  /** Dotted identifier. */
  readonly oid: string;
  readonly critical: boolean;
  /** Content of extnValue, as a view. */
  readonly value: Uint8Array;
}

/** Extensions in one structure. */
const maxExtensions = 64;

/** Bits of the key usage extension (RFC 5280, Section 4.2.1.3). */
export const keyUsageBits = {
  digitalSignature: 1 << 0,
  contentCommitment: 1 << 1,
  keyEncipherment: 1 << 2,
  dataEncipherment: 1 << 3,
  keyAgreement: 1 << 4,
  keyCertSign: 1 << 5,
  crlSign: 1 << 6,
  encipherOnly: 1 << 7,
  decipherOnly: 1 << 8,
} as const;

/** RFC 5280, Section 4.2.1.9. */
export interface BasicConstraints {
  readonly ca: boolean;
  /** How many intermediate certificates may follow; `undefined` for no limit. */
  readonly pathLength?: number;
}

/** RFC 5280, Section 4.2.1.10. */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** RFC 5280, Section 4.2.1.1. */
export interface AuthorityKeyIdentifier {
  readonly keyIdentifier?: Uint8Array;
  readonly issuer?: readonly GeneralName[];
  /** Content of the INTEGER. */
  readonly serialNumber?: Uint8Array;
}

/** RFC 5280, Section 4.2.1.11: certificates that may follow before each demand begins. */
export interface PolicyConstraints {
  readonly requireExplicitPolicy?: number;
  readonly inhibitPolicyMapping?: number;
}

/** Where a revocation list is, and who signs it (RFC 5280, Section 4.2.1.13). */
export interface DistributionPoint {
  readonly fullName?: readonly GeneralName[];
  /** Encoded `[1]` nameRelativeToCRLIssuer. */
  readonly relativeName?: Uint8Array;
  /** Bits of ReasonFlags that the CRL covers; `undefined` for all. */
  readonly reasons?: number;
  readonly crlIssuer?: readonly GeneralName[];
}

/** One entry of authorityInfoAccess (RFC 5280, Section 4.2.2.1). */
export interface AccessDescription {
  readonly method: string;
  readonly location: GeneralName;
}

/** What the extensions of a certificate say, decoded. What is absent is `undefined`. */
export interface DecodedExtensions {
  basicConstraints?: BasicConstraints;
  /** {@link keyUsageBits}. */
  keyUsage?: number;
  extendedKeyUsage?: readonly string[];
  subjectAltName?: readonly GeneralName[];
  nameConstraints?: NameConstraints;
  subjectKeyIdentifier?: Uint8Array;
  authorityKeyIdentifier?: AuthorityKeyIdentifier;
  /** Dotted policy identifiers. */
  certificatePolicies?: readonly string[];
  policyMappings?: readonly (readonly [issuer: string, subject: string])[];
  policyConstraints?: PolicyConstraints;
  inhibitAnyPolicy?: number;
  crlDistributionPoints?: readonly DistributionPoint[];
  authorityInfoAccess?: readonly AccessDescription[];
  /** TLS extension numbers (RFC 7633): 5 is must-staple. */
  tlsFeature?: readonly number[];
  /** The SignedCertificateTimestampList of RFC 6962, Section 3.3. */
  signedCertificateTimestamps?: Uint8Array;
}

/**
 * Reads Extensions: at least one, none twice (RFC 5280, Section 4.2). `reader` stands before the SEQUENCE.
 * @param each told of each extension in turn, to decode it.
 */
export function readExtensions(reader: DerReader, each?: (extension: Extension) => void): Map<string, Extension> {
  const list = reader.enter(tags.sequence, 'extensions');
  if (!list.more) throw list.error('the list is empty');
  const extensions = new Map<string, Extension>();
  while (list.more) {
    if (extensions.size === maxExtensions) throw list.error(`more than ${maxExtensions} extensions`);
    const item = list.enter(tags.sequence, 'extension');
    const oid = item.oid('identifier');
    const critical = item.optionalTrue('critical');
    const value = item.octetString('value');
    item.done();
    if (extensions.has(oid)) throw list.error(`the extension ${oid} stands twice (RFC 5280, Section 4.2)`);
    const extension = { oid, critical, value };
    extensions.set(oid, extension);
    each?.(extension);
  }
  return extensions;
}

/**
 * Decodes an extension of a certificate into `out`; unknown ones are left alone. Throws `ERR_TLS_DER`.
 * @param untrimmedBits lets trailing zero bits of keyUsage through (old trust anchors).
 * @param looseConstraints lets DNS bases with a leading period through, and a `minimum` that is written (as OpenSSL does).
 */
export function decodeExtension(
  extension: Extension,
  out: DecodedExtensions,
  untrimmedBits = false,
  looseConstraints = false,
): void {
  const reader = new DerReader(extension.value, 'extension');
  switch (extension.oid) {
    case oids.basicConstraints:
      out.basicConstraints = basicConstraints(reader);
      break;
    case oids.keyUsage:
      out.keyUsage = reader.namedBits('keyUsage', tags.bitString, untrimmedBits);
      if (out.keyUsage === 0) throw reader.error('keyUsage names no use (RFC 5280, Section 4.2.1.3: at least one)');
      break;
    case oids.extendedKeyUsage:
      out.extendedKeyUsage = listOf(reader, 'extKeyUsage', (list) => list.oid('purpose'));
      break;
    case oids.subjectAltName:
      out.subjectAltName = readGeneralNames(reader.enter(tags.sequence, 'subjectAltName'));
      break;
    case oids.nameConstraints:
      out.nameConstraints = nameConstraints(reader, looseConstraints);
      break;
    case oids.subjectKeyIdentifier:
      out.subjectKeyIdentifier = reader.octetString('subjectKeyIdentifier');
      if (out.subjectKeyIdentifier.length === 0) throw reader.error('subjectKeyIdentifier is empty');
      break;
    case oids.authorityKeyIdentifier:
      out.authorityKeyIdentifier = readAuthorityKeyIdentifier(reader);
      break;
    case oids.certificatePolicies:
      out.certificatePolicies = certificatePolicies(reader);
      break;
    case oids.policyMappings:
      out.policyMappings = listOf(reader, 'policyMappings', (list) => {
        const pair = list.enter(tags.sequence, 'mapping');
        const mapping = [pair.oid('issuerDomainPolicy'), pair.oid('subjectDomainPolicy')] as const;
        pair.done();
        return mapping;
      });
      break;
    case oids.policyConstraints:
      out.policyConstraints = policyConstraints(reader);
      break;
    case oids.inhibitAnyPolicy:
      out.inhibitAnyPolicy = reader.smallInteger('inhibitAnyPolicy');
      break;
    case oids.crlDistributionPoints:
      out.crlDistributionPoints = listOf(reader, 'cRLDistributionPoints', readDistributionPoint);
      break;
    case oids.authorityInfoAccess:
      out.authorityInfoAccess = listOf(reader, 'authorityInfoAccess', (list) => {
        const description = list.enter(tags.sequence, 'access description');
        const method = description.oid('accessMethod');
        const location = readGeneralName(description, 'location');
        description.done();
        return { method, location };
      });
      break;
    case oids.tlsFeature:
      out.tlsFeature = listOf(reader, 'tlsFeature', (list) => list.smallInteger('feature', 0xffff));
      break;
    case oids.signedCertificateTimestamps:
      out.signedCertificateTimestamps = reader.octetString('signedCertificateTimestampList');
      break;
    default:
      return;
  }
  reader.done();
}

/** A SEQUENCE SIZE (1..MAX) OF. */
function listOf<T>(reader: DerReader, field: string, read: (list: DerReader) => T): T[] {
  const list = reader.enter(tags.sequence, field);
  if (!list.more) throw list.error('the list is empty');
  const items: T[] = [];
  while (list.more) {
    if (items.length === 1024) throw list.error('the list has more than 1024 items');
    items.push(read(list));
  }
  return items;
}

function basicConstraints(reader: DerReader): BasicConstraints {
  const fields = reader.enter(tags.sequence, 'basicConstraints');
  const ca = fields.optionalTrue('cA');
  if (!fields.more) return { ca };
  const pathLength = fields.smallInteger('pathLenConstraint');
  fields.done();
  // RFC 5280, Section 4.2.1.9: "CAs MUST NOT include the pathLenConstraint field unless the cA boolean is asserted"
  if (!ca) throw fields.error('a pathLenConstraint stands where cA is FALSE (RFC 5280, Section 4.2.1.9)');
  return { ca, pathLength };
}

/** Subtrees in one list. */
const maxSubtrees = 8192;

function nameConstraints(reader: DerReader, loose: boolean): NameConstraints {
  const fields = reader.enter(tags.sequence, 'nameConstraints');
  if (!fields.more) throw fields.error('it is empty (RFC 5280, Section 4.2.1.10)');
  const permitted = fields.optional(contextTag(0)) ? subtrees(fields.inside('permittedSubtrees'), loose) : [];
  const excluded = fields.optional(contextTag(1)) ? subtrees(fields.inside('excludedSubtrees'), loose) : [];
  fields.done();
  return { permitted, excluded };
}

function subtrees(list: DerReader, loose: boolean): GeneralName[] {
  if (!list.more) throw list.error('the list is empty');
  const bases: GeneralName[] = [];
  while (list.more) {
    if (bases.length === maxSubtrees) throw list.error(`more than ${maxSubtrees} subtrees`);
    const subtree = list.enter(tags.sequence, 'subtree');
    bases.push(readGeneralName(subtree, loose ? 'looseConstraint' : 'constraint'));
    // RFC 5280, Section 4.2.1.10: minimum is zero (which DER leaves out), maximum absent.
    if (loose && subtree.more) subtree.smallInteger('minimum', 0, contextPrimitiveTag(0));
    subtree.done();
  }
  return bases;
}

/** AuthorityKeyIdentifier (RFC 5280, Section 4.2.1.1); also in CRLs. */
export function readAuthorityKeyIdentifier(reader: DerReader): AuthorityKeyIdentifier {
  const fields = reader.enter(tags.sequence, 'authorityKeyIdentifier');
  const keyIdentifier = fields.optional(contextPrimitiveTag(0)) ? fields.value() : undefined;
  const issuer = fields.optional(contextTag(1)) ? readGeneralNames(fields.inside('issuer'), 'location') : undefined;
  const serialNumber = fields.optional(contextPrimitiveTag(2)) ? fields.checkedInteger('serial number') : undefined;
  fields.done();
  if ((issuer === undefined) !== (serialNumber === undefined)) {
    throw fields.error('issuer and serial number stand alone, where RFC 5280, Section 4.2.1.1 wants both or none');
  }
  return { keyIdentifier, issuer, serialNumber };
}

function certificatePolicies(reader: DerReader): string[] {
  const policies = listOf(reader, 'certificatePolicies', (list) => {
    const info = list.enter(tags.sequence, 'policy information');
    const policy = info.oid('policyIdentifier');
    if (info.more) {
      const qualifiers = info.enter(tags.sequence, 'policyQualifiers');
      if (!qualifiers.more) throw qualifiers.error('the list is empty');
      while (qualifiers.more) {
        const qualifier = qualifiers.enter(tags.sequence, 'qualifier');
        qualifier.oid('policyQualifierId');
        qualifier.next();
        qualifier.done();
      }
      info.done();
    }
    return policy;
  });
  if (policies.length > 1 && new Set(policies).size !== policies.length) {
    throw reader.error('certificatePolicies names a policy twice (RFC 5280, Section 4.2.1.4)');
  }
  return policies;
}

function policyConstraints(reader: DerReader): PolicyConstraints {
  const fields = reader.enter(tags.sequence, 'policyConstraints');
  const requireExplicitPolicy = skipCerts(fields, 0, 'requireExplicitPolicy');
  const inhibitPolicyMapping = skipCerts(fields, 1, 'inhibitPolicyMapping');
  fields.done();
  if (requireExplicitPolicy === undefined && inhibitPolicyMapping === undefined) {
    throw fields.error('it is empty (RFC 5280, Section 4.2.1.11)');
  }
  return { requireExplicitPolicy, inhibitPolicyMapping };
}

function skipCerts(fields: DerReader, n: number, field: string): number | undefined {
  return fields.peek() === contextPrimitiveTag(n)
    ? fields.smallInteger(field, 0x7fffffff, contextPrimitiveTag(n))
    : undefined;
}

function readDistributionPoint(list: DerReader): DistributionPoint {
  const fields = list.enter(tags.sequence, 'distribution point');
  const name = fields.optional(contextTag(0)) ? readDistributionPointName(fields.inside('name')) : {};
  const reasons =
    fields.peek() === contextPrimitiveTag(1) ? fields.namedBits('reasons', contextPrimitiveTag(1)) : undefined;
  const crlIssuer = fields.optional(contextTag(2)) ? readGeneralNames(fields.inside('cRLIssuer')) : undefined;
  fields.done();
  if (name.fullName === undefined && name.relativeName === undefined && crlIssuer === undefined) {
    throw fields.error('it names neither a place nor an issuer (RFC 5280, Section 4.2.1.13)');
  }
  return { ...name, reasons, crlIssuer };
}

/** The content of DistributionPointName, a CHOICE (RFC 5280, Section 4.2.1.13). */
export function readDistributionPointName(choice: DerReader): Pick<DistributionPoint, 'fullName' | 'relativeName'> {
  if (choice.optional(contextTag(0))) {
    const fullName = readGeneralNames(choice.inside('fullName'), 'location');
    choice.done();
    return { fullName };
  }
  choice.expect(contextTag(1), 'nameRelativeToCRLIssuer');
  const relativeName = choice.raw();
  choice.done();
  return { relativeName };
}
