import { equal } from '../bytes/bytes.ts';
import { check, fields, bytes as isBytes, list, oneOf } from '../bytes/check.ts';
import type { CryptoProvider, HashName } from '../crypto/provider.ts';
import { readSignatureIdentifier, type SignatureIdentifier } from './algorithm.ts';
import { type ExtensionInput, encodeExtensions, type Signer, signed } from './build.ts';
import type { Certificate } from './certificate.ts';
import {
  certificate as aCertificate,
  checkResponseTemplate,
  digesting,
  der as isDer,
  signer as isSigner,
} from './check-arguments.ts';
import { type CrlReason, crlReasonName, crlReasons } from './crl.ts';
import { oids } from './der/oid.ts';
import { contextPrimitiveTag, contextTag, DerReader, tags } from './der/reader.ts';
import {
  der,
  derContext,
  derContextPrimitive,
  derEnumerated,
  derGeneralizedTime,
  derNull,
  derOctetString,
  derOid,
  derSequence,
} from './der/writer.ts';
import { type Extension, readExtensions } from './extensions.ts';
import { readName } from './name.ts';

/** Which certificate is meant (RFC 6960, Section 4.1.1). */
export interface CertId {
  /** `undefined` for a hash that this stack doesn't know. */
  readonly hash: HashName | undefined;
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  /** Content of the INTEGER. */
  readonly serialNumber: Uint8Array;
  /** The whole encoding. */
  readonly raw: Uint8Array;
}

/** What an answer says about a certificate (RFC 6960, Section 2.2). */
export type CertStatus =
  | { readonly kind: 'good' | 'unknown' }
  | { readonly kind: 'revoked'; readonly revocationTime: number; readonly reason?: CrlReason };

/** The part of an answer that is about one certificate (RFC 6960, Section 4.2.1). */
export interface SingleResponse {
  readonly certId: CertId;
  readonly status: CertStatus;
  /** Milliseconds since 1970. */
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
  readonly unknownCritical: string | undefined;
}

/** OCSPResponseStatus with its codes (RFC 6960, Section 4.2.1). */
export const ocspStatuses = [
  'successful',
  'malformedRequest',
  'internalError',
  'tryLater',
  undefined,
  'sigRequired',
  'unauthorized',
] as const;
/** A name of {@link ocspStatuses}. */
export type OcspStatus = NonNullable<(typeof ocspStatuses)[number]>;

/** A BasicOCSPResponse (RFC 6960, Section 4.2.1). Byte fields are views. */
export interface BasicOcspResponse {
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureIdentifier;
  readonly signature: Uint8Array;
  /** The responder: its encoded Name, or the SHA-1 of its public key. */
  readonly responder: { readonly name: Uint8Array } | { readonly keyHash: Uint8Array };
  /** Milliseconds since 1970. */
  readonly producedAt: number;
  readonly responses: readonly SingleResponse[];
  readonly nonce: Uint8Array | undefined;
  readonly unknownCritical: string | undefined;
  /** Encoded certificates that came along. */
  readonly certificates: readonly Uint8Array[];
}

/** An answer of a responder (RFC 6960, Section 4.2.1); only one that is `successful` has a body. */
export type OcspResponse =
  | { readonly status: 'successful'; readonly basic: BasicOcspResponse }
  | { readonly status: Exclude<OcspStatus, 'successful'> };

const maxResponseBytes = 1 << 18;
const maxResponses = 256;
const maxCertificates = 8;

/** Reads one DER OCSP response (RFC 6960, Section 4.2.1). Throws `ERR_TLS_DER`. It is judged by `checkOcspResponse`. */
export function parseOcspResponse(bytes: Uint8Array): OcspResponse {
  check(isDer, bytes, 'parseOcspResponse: bytes');
  const outer = new DerReader(bytes, 'OCSP response');
  if (bytes.length > maxResponseBytes)
    throw outer.error(`${bytes.length} bytes, where ${maxResponseBytes} are allowed`);
  const fields = outer.enter(tags.sequence, 'SEQUENCE');
  outer.done();
  const code = fields.smallInteger('responseStatus', 6, tags.enumerated);
  const status = ocspStatuses[code];
  if (status === undefined) throw fields.error(`the status ${code} is not assigned (RFC 6960, Section 4.2.1)`);
  if (status !== 'successful') {
    fields.done();
    return { status };
  }
  const explicit = fields.enter(contextTag(0), 'responseBytes');
  fields.done();
  const responseBytes = explicit.enter(tags.sequence, 'SEQUENCE');
  explicit.done();
  const type = responseBytes.oid('responseType');
  if (type !== oids.ocspBasic) throw responseBytes.error(`the response type ${type} is not id-pkix-ocsp-basic`);
  const inner = responseBytes.octetString('response');
  responseBytes.done();
  return { status, basic: readBasic(inner) };
}

function readBasic(bytes: Uint8Array): BasicOcspResponse {
  const outer = new DerReader(bytes, 'OCSP response');
  const fields = outer.enter(tags.sequence, 'SEQUENCE');
  outer.done();
  fields.expect(tags.sequence, 'tbsResponseData');
  const tbs = fields.raw();
  const data = fields.inside('tbsResponseData');
  const signatureAlgorithm = readSignatureIdentifier(fields, 'signatureAlgorithm');
  const signature = fields.bitString('signature');
  const certificates: Uint8Array[] = [];
  if (fields.optional(contextTag(0))) {
    const explicit = fields.inside('certs');
    const list = explicit.enter(tags.sequence, 'SEQUENCE');
    explicit.done();
    while (list.more) {
      if (certificates.length === maxCertificates) throw list.error(`more than ${maxCertificates} certificates`);
      list.expect(tags.sequence, 'certificate');
      certificates.push(list.raw());
    }
  }
  fields.done();

  if (data.peek() === contextTag(0))
    throw data.error('version encodes its default value v1, or is no version of RFC 6960');
  const responder = readResponder(data);
  const producedAt = data.generalizedTime('producedAt');
  const list = data.enter(tags.sequence, 'responses');
  const responses: SingleResponse[] = [];
  while (list.more) {
    if (responses.length === maxResponses) throw list.error(`more than ${maxResponses} answers`);
    responses.push(readSingle(list));
  }
  let nonce: Uint8Array | undefined;
  let unknownCritical: string | undefined;
  if (data.optional(contextTag(1))) {
    const explicit = data.inside('responseExtensions');
    readExtensions(explicit, (item) => {
      if (item.oid === oids.ocspNonce) nonce = readNonce(item);
      else if (item.critical) unknownCritical = item.oid;
    });
    explicit.done();
  }
  data.done();
  return { tbs, signatureAlgorithm, signature, responder, producedAt, responses, nonce, unknownCritical, certificates };
}

function readResponder(data: DerReader): BasicOcspResponse['responder'] {
  if (data.optional(contextTag(1))) {
    const explicit = data.inside('byName');
    const name = readName(explicit, 'responder');
    explicit.done();
    return { name };
  }
  data.expect(contextTag(2), 'responderID');
  const explicit = data.inside('byKey');
  const keyHash = explicit.octetString('key hash');
  explicit.done();
  return { keyHash };
}

function readSingle(list: DerReader): SingleResponse {
  const fields = list.enter(tags.sequence, 'answer');
  const certId = readCertId(fields);
  const status = readStatus(fields);
  const thisUpdate = fields.generalizedTime('thisUpdate');
  let nextUpdate: number | undefined;
  if (fields.optional(contextTag(0))) {
    const explicit = fields.inside('nextUpdate');
    nextUpdate = explicit.generalizedTime('nextUpdate');
    explicit.done();
  }
  let unknownCritical: string | undefined;
  if (fields.optional(contextTag(1))) {
    const explicit = fields.inside('singleExtensions');
    readExtensions(explicit, (item) => {
      if (item.critical) unknownCritical = item.oid;
    });
    explicit.done();
  }
  fields.done();
  return { certId, status, thisUpdate, nextUpdate, unknownCritical };
}

function readStatus(fields: DerReader): CertStatus {
  const tag = fields.next();
  if (tag === contextPrimitiveTag(0) || tag === contextPrimitiveTag(2)) {
    if (fields.start !== fields.stop) throw fields.error('a certStatus that is a NULL with content');
    return { kind: tag === contextPrimitiveTag(0) ? 'good' : 'unknown' };
  }
  if (tag !== contextTag(1)) throw fields.error('certStatus is neither good, revoked nor unknown');
  const revoked = fields.inside('revoked');
  const revocationTime = revoked.generalizedTime('revocationTime');
  let reason: CrlReason | undefined;
  if (revoked.optional(contextTag(0))) {
    const explicit = revoked.inside('reason');
    reason = crlReasonName(explicit.smallInteger('reason', 10, tags.enumerated));
    explicit.done();
  }
  revoked.done();
  return { kind: 'revoked', revocationTime, reason };
}

const hashes: Readonly<Record<string, HashName>> = {
  [oids.sha1]: 'sha1',
  [oids.sha256]: 'sha256',
  [oids.sha384]: 'sha384',
  [oids.sha512]: 'sha512',
};

function readCertId(parent: DerReader): CertId {
  const fields = parent.enter(tags.sequence, 'certID');
  const raw = parent.raw();
  const algorithm = fields.enter(tags.sequence, 'hashAlgorithm');
  const hash = hashes[algorithm.oid('algorithm')];
  if (algorithm.more) algorithm.null('parameters');
  algorithm.done();
  const issuerNameHash = fields.octetString('issuerNameHash');
  const issuerKeyHash = fields.octetString('issuerKeyHash');
  const serialNumber = fields.integer('serialNumber');
  fields.done();
  return { hash, issuerNameHash, issuerKeyHash, serialNumber, raw };
}

// RFC 9654, Section 2.1: an OCTET STRING in the extension value; 32 bytes, up to 128 are taken.
function readNonce(item: Extension): Uint8Array {
  const reader = new DerReader(item.value, 'OCSP nonce');
  const nonce = reader.octetString('nonce');
  reader.done();
  if (nonce.length < 1 || nonce.length > 128) throw reader.error(`a nonce of ${nonce.length} bytes`);
  return nonce;
}

/** Whether a CertID means this certificate of this issuer: name and key hash of the issuer, and the serial number. */
export function certIdMatches(
  id: CertId,
  certificate: Certificate,
  issuer: Certificate,
  crypto: CryptoProvider,
): boolean {
  fields(id, 'certIdMatches: id');
  check(aCertificate, certificate, 'certIdMatches: certificate');
  check(aCertificate, issuer, 'certIdMatches: issuer');
  check(digesting, crypto, 'certIdMatches: crypto');
  if (id.hash === undefined || !equal(id.serialNumber, certificate.serialNumber)) return false;
  return (
    equal(id.issuerNameHash, crypto.hash(id.hash, issuer.subject)) &&
    equal(id.issuerKeyHash, crypto.hash(id.hash, publicKeyBits(issuer.spki)))
  );
}

/** Encodes the CertID of a certificate. SHA-1 is what responders index by (RFC 5019, Section 2.1.1); nothing secret hangs on it. */
export function encodeCertId(
  serialNumber: Uint8Array,
  issuer: Pick<Certificate, 'subject' | 'spki'>,
  crypto: CryptoProvider,
  hash: HashName = 'sha1',
): Uint8Array {
  check(isBytes, serialNumber, 'encodeCertId: serialNumber');
  const { subject, spki } = fields(issuer, 'encodeCertId: issuer');
  check(isBytes, subject, 'encodeCertId: issuer.subject');
  check(isBytes, spki, 'encodeCertId: issuer.spki');
  check(digesting, crypto, 'encodeCertId: crypto');
  check(oneOf(...Object.values(hashes)), hash, 'encodeCertId: hash');
  const oid = Object.keys(hashes).find((key) => hashes[key] === hash) as string;
  return derSequence(
    derSequence(derOid(oid), derNull()),
    derOctetString(crypto.hash(hash, issuer.subject)),
    derOctetString(crypto.hash(hash, publicKeyBits(issuer.spki))),
    der(tags.integer, serialNumber),
  );
}

/** The content of the BIT STRING in a SubjectPublicKeyInfo: what key hashes are made of. */
export function publicKeyBits(spki: Uint8Array): Uint8Array {
  check(isDer, spki, 'publicKeyBits: spki');
  const fields = new DerReader(spki, 'subjectPublicKeyInfo').enter(tags.sequence, 'SEQUENCE');
  fields.expect(tags.sequence, 'algorithm');
  return fields.bitString('subjectPublicKey');
}

/** What a client asks (RFC 6960, Section 4.1.1); signatures of clients are not judged. */
export interface OcspRequest {
  readonly certIds: readonly CertId[];
  readonly nonce: Uint8Array | undefined;
}

/** Reads one DER OCSP request (RFC 6960, Section 4.1). Signatures of requests are ignored. Throws `ERR_TLS_DER`. */
export function parseOcspRequest(bytes: Uint8Array): OcspRequest {
  check(isDer, bytes, 'parseOcspRequest: bytes');
  const outer = new DerReader(bytes, 'OCSP request');
  if (bytes.length > maxResponseBytes)
    throw outer.error(`${bytes.length} bytes, where ${maxResponseBytes} are allowed`);
  const fields = outer.enter(tags.sequence, 'SEQUENCE');
  outer.done();
  const tbs = fields.enter(tags.sequence, 'tbsRequest');
  if (fields.optional(contextTag(0))) fields.inside('optionalSignature');
  fields.done();
  tbs.optional(contextTag(0)); // version: some clients encode the default v1
  tbs.optional(contextTag(1)); // requestorName
  const list = tbs.enter(tags.sequence, 'requestList');
  const certIds: CertId[] = [];
  while (list.more) {
    if (certIds.length === maxResponses) throw list.error(`more than ${maxResponses} requests`);
    const request = list.enter(tags.sequence, 'request');
    certIds.push(readCertId(request));
    request.optional(contextTag(0)); // singleRequestExtensions
    request.done();
  }
  if (certIds.length === 0) throw list.error('it asks for nothing');
  let nonce: Uint8Array | undefined;
  if (tbs.optional(contextTag(2))) {
    const explicit = tbs.inside('requestExtensions');
    readExtensions(explicit, (item) => {
      if (item.oid === oids.ocspNonce) nonce = readNonce(item);
    });
    explicit.done();
  }
  tbs.done();
  return { certIds, nonce };
}

/** Encodes a request without signature (RFC 6960, Section 4.1). @param certIds encoded, from {@link encodeCertId}. */
export function encodeOcspRequest(certIds: readonly Uint8Array[], nonce?: Uint8Array): Uint8Array {
  check(list(isBytes), certIds, 'encodeOcspRequest: certIds');
  if (nonce !== undefined) check(isBytes, nonce, 'encodeOcspRequest: nonce');
  return derSequence(
    derSequence(
      derSequence(...certIds.map((id) => derSequence(id))),
      ...(nonce === undefined ? [] : [derContext(2, encodeExtensions([nonceExtension(nonce)]))]),
    ),
  );
}

const nonceExtension = (nonce: Uint8Array): ExtensionInput => ({ oid: oids.ocspNonce, value: derOctetString(nonce) });

/** What an answer is to say (RFC 6960, Section 4.2.1). */
export interface OcspResponseTemplate {
  /** The responder: its encoded Name, or the SHA-1 of its public key ({@link publicKeyBits}). */
  readonly responder: { readonly name: Uint8Array } | { readonly keyHash: Uint8Array };
  /** Milliseconds since 1970; seconds count. */
  readonly producedAt: number;
  readonly responses: readonly {
    /** Encoded CertID: `certId.raw` of the request, or {@link encodeCertId}. */
    readonly certId: Uint8Array;
    readonly status: CertStatus;
    readonly thisUpdate: number;
    readonly nextUpdate?: number;
  }[];
  readonly nonce?: Uint8Array;
  /** The responder's certificate where it isn't the issuer itself. */
  readonly certificates?: readonly Uint8Array[];
}

/** Encodes and signs a response (RFC 6960, Section 4.2). */
export async function buildOcspResponse(template: OcspResponseTemplate, signer: Signer): Promise<Uint8Array> {
  checkResponseTemplate(template);
  check(isSigner, signer, 'buildOcspResponse: signer');
  const { responder, nonce, certificates = [] } = template;
  const data = derSequence(
    'name' in responder ? derContext(1, responder.name) : derContext(2, derOctetString(responder.keyHash)),
    derGeneralizedTime(template.producedAt),
    derSequence(...template.responses.map(encodeSingle)),
    ...(nonce === undefined ? [] : [derContext(1, encodeExtensions([nonceExtension(nonce)]))]),
  );
  const trailing = certificates.length === 0 ? [] : [derContext(0, derSequence(...certificates))];
  const basic = await signed(data, signer, ...trailing);
  return derSequence(derEnumerated(0), derContext(0, derSequence(derOid(oids.ocspBasic), derOctetString(basic))));
}

/** Encodes a response that holds an error alone (RFC 6960, Section 2.3). */
export function encodeOcspError(status: Exclude<OcspStatus, 'successful'>): Uint8Array {
  check(
    oneOf(...ocspStatuses.filter((each) => each !== undefined && each !== 'successful')),
    status,
    'encodeOcspError: status',
  );
  return derSequence(derEnumerated(ocspStatuses.indexOf(status)));
}

function encodeSingle(single: OcspResponseTemplate['responses'][number]): Uint8Array {
  const { status } = single;
  return derSequence(
    single.certId,
    status.kind === 'revoked'
      ? derContext(
          1,
          derGeneralizedTime(status.revocationTime),
          ...(status.reason === undefined ? [] : [derContext(0, derEnumerated(crlReasons[status.reason]))]),
        )
      : derContextPrimitive(status.kind === 'good' ? 0 : 2),
    derGeneralizedTime(single.thisUpdate),
    ...(single.nextUpdate === undefined ? [] : [derContext(0, derGeneralizedTime(single.nextUpdate))]),
  );
}
