import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';

/** RFC 9846, Section 4.4.3; the same bytes in TLS 1.2 (RFC 5246, Section 7.4.8). */
export interface CertificateVerify {
  /** SignatureScheme code. */
  algorithm: number;
  signature: Uint8Array;
}

export function encodeCertificateVerify(message: CertificateVerify): Uint8Array {
  return Writer.passing(message.signature.length + 4)
    .u16(message.algorithm)
    .vector16(message.signature)
    .finish();
}

export function decodeCertificateVerify(body: Uint8Array): CertificateVerify {
  const reader = new Reader(body, 'certificateVerify');
  const message = { algorithm: reader.u16(), signature: reader.vector16() };
  reader.end();
  return message;
}
