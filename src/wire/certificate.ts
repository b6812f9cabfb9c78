import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import * as codecs from './extension-codecs.ts';
import { decodeExtensions, type ExtensionBlock, encodeExtensions } from './extensions.ts';

/** Extensions of a CertificateEntry (RFC 9846, Section 4.4.2). */
export const certificateEntryExtensions = {
  statusRequest: codecs.ocspResponse,
  signedCertificateTimestamp: codecs.sctList,
  // RFC 9345, Section 4; read by who asked for it.
  delegatedCredential: codecs.opaque,
} as const;

export type CertificateEntry = Partial<ExtensionBlock<typeof certificateEntryExtensions>> & {
  /** DER. */
  certData: Uint8Array;
};

/** The Certificate message of TLS 1.3 (RFC 9846, Section 4.4.2). */
export interface Certificate13 {
  /** Empty in the handshake; what the CertificateRequest said in post-handshake authentication. */
  certificateRequestContext: Uint8Array;
  /** The sender's own certificate first. */
  certificateList: readonly CertificateEntry[];
}

export function encodeCertificate13(message: Certificate13): Uint8Array {
  const writer = new Writer(2048).vector8(message.certificateRequestContext);
  const list = writer.open(3);
  for (const entry of message.certificateList) {
    writer.vector24(entry.certData);
    encodeExtensions(writer, certificateEntryExtensions, entry);
  }
  return writer.close(list, 3).finish();
}

/** Decodes a TLS 1.3 Certificate of at most `maxChain` certificates. */
export function decodeCertificate13(body: Uint8Array, maxChain: number): Certificate13 {
  const reader = new Reader(body, 'certificate');
  const certificateRequestContext = reader.vector8();
  const list = new Reader(reader.vector24(), 'certificate');
  reader.end();
  const certificateList: CertificateEntry[] = [];
  while (list.remaining > 0) {
    const certData = list.vector24(1);
    if (certificateList.length === maxChain) throw list.error(`it has more than ${maxChain} certificates`);
    const { extensions, extensionOrder } = decodeExtensions(list, certificateEntryExtensions, 'certificate');
    certificateList.push({ certData, extensions, extensionOrder });
  }
  return { certificateRequestContext, certificateList };
}

/** The Certificate message of TLS 1.2: DER certificates, the sender's own first (RFC 5246, Section 7.4.2). */
export function encodeCertificate12(chain: readonly Uint8Array[]): Uint8Array {
  const writer = Writer.passing(3 + 3 * chain.length + chain.reduce((sum, { length }) => sum + length, 0));
  const list = writer.open(3);
  for (const certificate of chain) writer.vector24(certificate);
  return writer.close(list, 3).finish();
}

/** Decodes a TLS 1.2 Certificate of at most `maxChain` certificates. */
export function decodeCertificate12(body: Uint8Array, maxChain: number): Uint8Array[] {
  const reader = new Reader(body, 'certificate');
  const list = new Reader(reader.vector24(), 'certificate');
  reader.end();
  const chain: Uint8Array[] = [];
  while (list.remaining > 0) {
    if (chain.length === maxChain) throw list.error(`it has more than ${maxChain} certificates`);
    chain.push(list.vector24(1));
  }
  return chain;
}

/**
 * The Certificate message of TLS 1.2 with a raw public key: the SubjectPublicKeyInfo in the place of the list
 * (RFC 7250, Section 3). A client that shows none sends an empty one: the RFC has no form for that, other stacks do so.
 */
export function encodeRawPublicKey12(spki: Uint8Array): Uint8Array {
  return Writer.passing(3 + spki.length)
    .vector24(spki)
    .finish();
}

/** Decodes a TLS 1.2 Certificate with a raw public key; `undefined` where it is empty. */
export function decodeRawPublicKey12(body: Uint8Array): Uint8Array | undefined {
  const reader = new Reader(body, 'certificate');
  const spki = reader.vector24();
  reader.end();
  return spki.length === 0 ? undefined : spki;
}
