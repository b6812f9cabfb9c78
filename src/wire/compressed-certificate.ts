import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';

/** RFC 8879, Section 4. */
export interface CompressedCertificate {
  algorithm: number;
  /** Bytes of the Certificate message body once decompressed. */
  uncompressedLength: number;
  compressedCertificateMessage: Uint8Array;
}

export function encodeCompressedCertificate(message: CompressedCertificate): Uint8Array {
  return new Writer(message.compressedCertificateMessage.length + 8)
    .u16(message.algorithm)
    .u24(message.uncompressedLength)
    .vector24(message.compressedCertificateMessage)
    .finish();
}

export function decodeCompressedCertificate(body: Uint8Array): CompressedCertificate {
  const reader = new Reader(body, 'compressedCertificate');
  const message = {
    algorithm: reader.u16(),
    uncompressedLength: reader.u24(),
    compressedCertificateMessage: reader.vector24(1),
  };
  reader.end();
  return message;
}
