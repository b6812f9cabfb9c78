import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import { ocspResponse } from './extension-codecs.ts';

/** CertificateStatus of TLS 1.2: a stapled OCSP response in DER (RFC 6066, Section 8). */
export function encodeCertificateStatus(response: Uint8Array): Uint8Array {
  const writer = new Writer(response.length + 4);
  ocspResponse.encode(writer, response);
  return writer.finish();
}

export function decodeCertificateStatus(body: Uint8Array): Uint8Array {
  const reader = new Reader(body, 'certificateStatus');
  const response = ocspResponse.decode(reader);
  reader.end();
  return response;
}
