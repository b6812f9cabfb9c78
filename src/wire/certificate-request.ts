import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import * as codecs from './extension-codecs.ts';
import { decodeExtensions, type ExtensionBlock, encodeExtensions } from './extensions.ts';

/** Extensions of a TLS 1.3 CertificateRequest (RFC 9846, Section 4.3.2). */
export const certificateRequestExtensions = {
  signatureAlgorithms: codecs.codeList16,
  signatureAlgorithmsCert: codecs.codeList16,
  delegatedCredential: codecs.codeList16,
  certificateAuthorities: codecs.distinguishedNames,
  oidFilters: codecs.opaque,
  statusRequest: codecs.opaque,
  signedCertificateTimestamp: codecs.opaque,
  compressCertificate: codecs.codeList8,
} as const;

export type CertificateRequest13 = ExtensionBlock<typeof certificateRequestExtensions> & {
  certificateRequestContext: Uint8Array;
};

export function encodeCertificateRequest13(
  message: Partial<CertificateRequest13> & { certificateRequestContext: Uint8Array },
): Uint8Array {
  const writer = new Writer(128).vector8(message.certificateRequestContext);
  encodeExtensions(writer, certificateRequestExtensions, message);
  return writer.finish();
}

export function decodeCertificateRequest13(body: Uint8Array): CertificateRequest13 {
  const reader = new Reader(body, 'certificateRequest');
  const certificateRequestContext = reader.vector8();
  const block = decodeExtensions(reader, certificateRequestExtensions, 'certificateRequest');
  reader.end();
  return { certificateRequestContext, ...block };
}

/** The CertificateRequest of TLS 1.2 (RFC 5246, Section 7.4.4). */
export interface CertificateRequest12 {
  /** ClientCertificateType codes: 1 rsa_sign, 64 ecdsa_sign. */
  certificateTypes: Uint8Array;
  signatureAlgorithms: number[];
  certificateAuthorities: Uint8Array[];
}

export function encodeCertificateRequest12(message: CertificateRequest12): Uint8Array {
  const writer = new Writer(128).vector8(message.certificateTypes).u16List(2, message.signatureAlgorithms);
  codecs.distinguishedNames.encode(writer, message.certificateAuthorities);
  return writer.finish();
}

export function decodeCertificateRequest12(body: Uint8Array): CertificateRequest12 {
  const reader = new Reader(body, 'certificateRequest');
  const certificateTypes = reader.vector8(1);
  const signatureAlgorithms = reader.u16List(2);
  const authorities = new Reader(reader.vector16(), 'certificateRequest');
  reader.end();
  const certificateAuthorities: Uint8Array[] = [];
  while (authorities.remaining > 0) certificateAuthorities.push(authorities.vector16(1));
  return { certificateTypes, signatureAlgorithms, certificateAuthorities };
}
