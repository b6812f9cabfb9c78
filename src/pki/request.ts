import { isBytes } from '../bytes/bytes.ts';
import { check, kind } from '../bytes/check.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { readSignatureIdentifier, type SignatureIdentifier } from './algorithm.ts';
import { type ExtensionInput, encodeExtensions, type Signer, signed } from './build.ts';
import { checkRequestTemplate, der as isDer, signer as isSigner, verifying } from './check-arguments.ts';
import { oids } from './der/oid.ts';
import { contextTag, DerReader, tags } from './der/reader.ts';
import { derContext, derInteger, derOid, derSequence, derSet } from './der/writer.ts';
import { type DecodedExtensions, decodeExtension, type Extension, readExtensions } from './extensions.ts';
import { readName } from './name.ts';

/** A certificate request (PKCS#10, RFC 2986). Byte fields are views. */
export interface CertificateRequest {
  readonly der: Uint8Array;
  /** CertificationRequestInfo: what is signed. */
  readonly tbs: Uint8Array;
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  /** What the attribute extensionRequest asks for. */
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly decoded: DecodedExtensions;
  readonly signatureAlgorithm: SignatureIdentifier;
  readonly signature: Uint8Array;
}

const isRequest = kind('a CertificateRequest: parseCertificateRequest(der)', (value) => {
  const { tbs, signature, spki } = (value ?? {}) as Partial<CertificateRequest>;
  return isBytes(tbs) && isBytes(signature) && isBytes(spki);
});

/** Bytes of one request. */
const maxRequestBytes = 1 << 20;

/** Reads one DER request (PKCS#10; RFC 2986, Section 4). Throws `ERR_TLS_DER`. The signature is checked by {@link verifyCertificateRequest}. */
export function parseCertificateRequest(der: Uint8Array): CertificateRequest {
  check(isDer, der, 'parseCertificateRequest: der');
  const outer = new DerReader(der, 'certificate request');
  if (der.length > maxRequestBytes) throw outer.error(`${der.length} bytes, where ${maxRequestBytes} are allowed`);
  const fields = outer.enter(tags.sequence, 'SEQUENCE');
  outer.done();
  fields.expect(tags.sequence, 'certificationRequestInfo');
  const tbs = fields.raw();
  const info = fields.inside('certificationRequestInfo');
  const signatureAlgorithm = readSignatureIdentifier(fields, 'signatureAlgorithm');
  const signature = fields.bitString('signature');
  fields.done();

  info.smallInteger('version', 0);
  const subject = readName(info, 'subject');
  info.expect(tags.sequence, 'subjectPKInfo');
  const spki = info.raw();
  let extensions: ReadonlyMap<string, Extension> = new Map();
  const decoded: DecodedExtensions = {};
  // The attributes are mandatory; some tools leave out an empty list all the same.
  if (info.optional(contextTag(0))) {
    const attributes = info.inside('attributes');
    const seen = new Set<string>();
    while (attributes.more) {
      const attribute = attributes.enter(tags.sequence, 'attribute');
      const type = attribute.oid('type');
      const values = attribute.enter(tags.set, 'values');
      attribute.done();
      if (seen.has(type) || seen.size === 32)
        throw attributes.error(`the attribute ${type} stands twice, or there are too many`);
      seen.add(type);
      if (type !== oids.extensionRequest) continue;
      extensions = readExtensions(values, (extension) => decodeExtension(extension, decoded));
      values.done();
    }
  }
  info.done();
  return { der, tbs, subject, spki, extensions, decoded, signatureAlgorithm, signature };
}

/** Whether the request is signed by the key it carries (RFC 2986, Section 3: proof of possession). */
export function verifyCertificateRequest(request: CertificateRequest, crypto: CryptoProvider): boolean {
  check(isRequest, request, 'verifyCertificateRequest: request');
  check(verifying, crypto, 'verifyCertificateRequest: crypto');
  const { algorithm } = request.signatureAlgorithm;
  if (algorithm === undefined) return false;
  return crypto.importPublicKey(request.spki).verify(algorithm, request.tbs, request.signature);
}

/** What a request is to ask for (RFC 2986, Section 4.1). */
export interface CertificateRequestTemplate {
  /** Encoded Name; may be empty where a subjectAltName is asked for. */
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  readonly extensions?: readonly ExtensionInput[];
}

/** Encodes and signs a request with the key that it is for (RFC 2986, Section 4.2). */
export async function buildCertificateRequest(
  template: CertificateRequestTemplate,
  signer: Signer,
): Promise<Uint8Array> {
  checkRequestTemplate(template);
  check(isSigner, signer, 'buildCertificateRequest: signer');
  const { extensions = [] } = template;
  const attributes =
    extensions.length === 0 ? [] : [derSequence(derOid(oids.extensionRequest), derSet(encodeExtensions(extensions)))];
  return signed(derSequence(derInteger(0), template.subject, template.spki, derContext(0, ...attributes)), signer);
}
