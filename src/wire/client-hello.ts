import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import { illegalParameter } from '../errors.ts';
import * as codecs from './extension-codecs.ts';
import { extensionTypes } from './extension-type.ts';
import {
  decodeExtensions,
  type ExtensionBlock,
  type ExtensionValues,
  encodeExtensions,
  noExtensions,
} from './extensions.ts';

/** The extensions of a ClientHello that this stack knows. */
export const clientHelloExtensions = {
  serverName: codecs.serverNameList,
  extendedMasterSecret: codecs.flag,
  renegotiationInfo: codecs.renegotiationInfo,
  supportedGroups: codecs.codeList16,
  ecPointFormats: codecs.codeList1,
  sessionTicket: codecs.sessionTicket,
  alpn: codecs.protocolNameList,
  statusRequest: codecs.ocspStatusRequest,
  signatureAlgorithms: codecs.codeList16,
  signatureAlgorithmsCert: codecs.codeList16,
  signedCertificateTimestamp: codecs.flag,
  clientCertificateType: codecs.certificateTypeList,
  serverCertificateType: codecs.certificateTypeList,
  delegatedCredential: codecs.codeList16,
  encryptThenMac: codecs.flag,
  compressCertificate: codecs.compressionAlgorithms,
  recordSizeLimit: codecs.code16,
  supportedVersions: codecs.codeList8,
  certificateAuthorities: codecs.distinguishedNames,
  postHandshakeAuth: codecs.flag,
  keyShare: codecs.clientKeyShares,
  pskKeyExchangeModes: codecs.codeList1,
  ticketRequest: codecs.ticketRequest,
  earlyData: codecs.flag,
  cookie: codecs.cookie,
  encryptedClientHello: codecs.clientEch,
  padding: codecs.padding,
  preSharedKey: codecs.offeredPsks,
} as const;

export type ClientHelloExtensions = ExtensionValues<typeof clientHelloExtensions>;

/** RFC 9846, Section 4.1.2; RFC 5246, Section 7.4.1.2. */
export interface ClientHello extends ExtensionBlock<typeof clientHelloExtensions> {
  legacyVersion: number;
  /** 32 bytes. */
  random: Uint8Array;
  /** 0 to 32 bytes. */
  legacySessionId: Uint8Array;
  cipherSuites: readonly number[];
  legacyCompressionMethods: Uint8Array;
}

/** Encodes the body of a ClientHello. `extensionOrder` says which extensions go out, and where each stands. */
export function encodeClientHello(hello: ClientHello): Uint8Array {
  const writer = new Writer(512)
    .u16(hello.legacyVersion)
    .bytes(hello.random)
    .vector8(hello.legacySessionId)
    .u16List(2, hello.cipherSuites)
    .vector8(hello.legacyCompressionMethods);
  encodeExtensions(writer, clientHelloExtensions, hello);
  return writer.finish();
}

/** Decodes the body of a ClientHello. Unknown extensions are kept as bytes; GREASE needs no care. */
export function decodeClientHello(body: Uint8Array): ClientHello {
  const reader = new Reader(body, 'clientHello');
  const legacyVersion = reader.u16();
  const random = reader.bytes(32);
  const legacySessionId = reader.vector8(0, 32);
  const cipherSuites = reader.u16List(2);
  const legacyCompressionMethods = reader.vector8(1);
  // A TLS 1.2 client may send no extension block at all (RFC 5246, Section 7.4.1.2).
  const block: ExtensionBlock<typeof clientHelloExtensions> =
    reader.remaining === 0
      ? { extensions: noExtensions(clientHelloExtensions), extensionOrder: [] }
      : decodeExtensions(reader, clientHelloExtensions, 'clientHello');
  reader.end();
  checkPreSharedKey(block);
  return {
    legacyVersion,
    random,
    legacySessionId,
    cipherSuites,
    legacyCompressionMethods,
    extensions: block.extensions,
    extensionOrder: block.extensionOrder,
    otherExtensions: block.otherExtensions,
  };
}

const knownTypes: ReadonlySet<number> = new Set(
  (Object.keys(clientHelloExtensions) as (keyof typeof clientHelloExtensions)[]).map((name) => extensionTypes[name]),
);

/** Whether this stack gives an extension of a ClientHello a meaning. */
export function isKnownClientHelloExtension(type: number): boolean {
  return knownTypes.has(type);
}

/** The bytes of a ClientHello's body that stand before its extensions, and those of each extension. */
export function outlineClientHello(body: Uint8Array): { fields: Uint8Array; extensions: Map<number, Uint8Array> } {
  const reader = new Reader(body, 'clientHello');
  reader.bytes(34);
  reader.vector8(0, 32);
  reader.u16List(2);
  reader.vector8(1);
  const fields = body.subarray(0, body.length - reader.remaining);
  const extensions = new Map<number, Uint8Array>();
  const block = reader.remaining === 0 ? undefined : new Reader(reader.vector16(), 'clientHello');
  while (block !== undefined && block.remaining > 0) extensions.set(block.u16(), block.vector16());
  return { fields, extensions };
}

/**
 * How many bytes of an encoded ClientHello the PSK binders cover: all but the binder list at its end
 * (RFC 9846, Section 4.2.11.2).
 */
export function truncatedLength(encoded: Uint8Array, binders: readonly Uint8Array[]): number {
  let list = 2;
  for (const binder of binders) list += 1 + binder.length;
  return encoded.length - list;
}

function checkPreSharedKey(block: ExtensionBlock<typeof clientHelloExtensions>): void {
  const offer = block.extensions.preSharedKey;
  if (offer === undefined) return;
  // "The "pre_shared_key" extension MUST be the last extension in the ClientHello." (RFC 9846, Section 4.2.11)
  if (block.extensionOrder.at(-1) !== extensionTypes.preSharedKey) {
    throw illegalParameter(
      'ERR_TLS_PSK_NOT_LAST',
      'clientHello: pre_shared_key is not the last extension',
      'RFC 9846, Section 4.2.11',
    );
  }
  if (offer.identities.length !== offer.binders.length) {
    throw illegalParameter(
      'ERR_TLS_PSK_BINDER_COUNT',
      `clientHello: ${offer.identities.length} PSK identities, but ${offer.binders.length} binders`,
      'RFC 9846, Section 4.2.11',
    );
  }
}
