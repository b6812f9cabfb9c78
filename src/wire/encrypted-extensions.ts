import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import * as codecs from './extension-codecs.ts';
import { decodeExtensions, type ExtensionBlock, encodeExtensions } from './extensions.ts';

/** Extensions that may stand in EncryptedExtensions (RFC 9846, Section 4.2). */
export const encryptedExtensionsTable = {
  serverName: codecs.flag,
  supportedGroups: codecs.codeList16,
  alpn: codecs.selectedProtocol,
  clientCertificateType: codecs.code8,
  serverCertificateType: codecs.code8,
  recordSizeLimit: codecs.code16,
  ticketRequest: codecs.expectedTickets,
  earlyData: codecs.flag,
  encryptedClientHello: codecs.echRetryConfigs,
} as const;

/** RFC 9846, Section 4.3.1. */
export type EncryptedExtensions = ExtensionBlock<typeof encryptedExtensionsTable>;

export function encodeEncryptedExtensions(message: Partial<EncryptedExtensions>): Uint8Array {
  const writer = Writer.passing(64);
  encodeExtensions(writer, encryptedExtensionsTable, message);
  return writer.finish();
}

export function decodeEncryptedExtensions(body: Uint8Array): EncryptedExtensions {
  const reader = new Reader(body, 'encryptedExtensions');
  const message = decodeExtensions(reader, encryptedExtensionsTable, 'encryptedExtensions');
  reader.end();
  return message;
}
