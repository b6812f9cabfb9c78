import { equal, fromHex } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import * as codecs from './extension-codecs.ts';
import {
  decodeExtensions,
  type ExtensionBlock,
  type ExtensionTable,
  encodeExtensions,
  hasExtensions,
  noExtensions,
} from './extensions.ts';

/** The random that makes a ServerHello a HelloRetryRequest (RFC 9846, Section 4.1.3). */
export const helloRetryRequestRandom = fromHex('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c');

/** Last eight bytes of the random of a server that could speak TLS 1.3 but negotiated TLS 1.2. */
export const downgradeSentinel12 = fromHex('444f574e47524401');
/** The same below TLS 1.2. */
export const downgradeSentinel11 = fromHex('444f574e47524400');

/** Extensions of a TLS 1.3 ServerHello. */
export const serverHelloExtensions13 = {
  supportedVersions: codecs.code16,
  keyShare: codecs.serverKeyShare,
  preSharedKey: codecs.code16,
} as const;

/** Extensions of a HelloRetryRequest. */
export const helloRetryRequestExtensions = {
  supportedVersions: codecs.code16,
  keyShare: codecs.code16,
  cookie: codecs.cookie,
  encryptedClientHello: codecs.echConfirmation,
} as const;

/** Extensions of a TLS 1.2 ServerHello. */
export const serverHelloExtensions12 = {
  serverName: codecs.flag,
  renegotiationInfo: codecs.renegotiationInfo,
  extendedMasterSecret: codecs.flag,
  ecPointFormats: codecs.codeList1,
  sessionTicket: codecs.flag,
  alpn: codecs.selectedProtocol,
  statusRequest: codecs.flag,
  signedCertificateTimestamp: codecs.sctList,
  clientCertificateType: codecs.code8,
  serverCertificateType: codecs.code8,
  encryptThenMac: codecs.flag,
  recordSizeLimit: codecs.code16,
  // Some servers answer with it although only clients may send it in TLS 1.2 (RFC 8422, Section 4); it is not used.
  supportedGroups: codecs.ignored,
  // It has no place here, and is refused as one that was not asked for (RFC 5246, Section 7.4.1.4).
  encryptedClientHello: codecs.ignored,
} as const;

/** The fields that every ServerHello and HelloRetryRequest has (RFC 9846, Section 4.1.3). */
export interface ServerHelloFields {
  legacyVersion: number;
  random: Uint8Array;
  legacySessionIdEcho: Uint8Array;
  cipherSuite: number;
  legacyCompressionMethod: number;
}

export type ServerHello13 = ServerHelloFields & ExtensionBlock<typeof serverHelloExtensions13>;
export type HelloRetryRequest = ServerHelloFields & ExtensionBlock<typeof helloRetryRequestExtensions>;
export type ServerHello12 = ServerHelloFields & ExtensionBlock<typeof serverHelloExtensions12>;

/** A ServerHello, before its version is known. */
export interface ServerHelloOutline extends ServerHelloFields {
  /** The version in supported_versions; `undefined` without that extension, that is in TLS 1.2. */
  selectedVersion: number | undefined;
  isHelloRetryRequest: boolean;
  /** What a HelloRetryRequest says in encrypted_client_hello: a view of the message. */
  echConfirmation: Uint8Array | undefined;
}

type Encodable<T extends ExtensionTable> = ServerHelloFields & Partial<ExtensionBlock<T>>;

export function encodeServerHello13(hello: Encodable<typeof serverHelloExtensions13>): Uint8Array {
  return encode(hello, serverHelloExtensions13);
}

export function encodeHelloRetryRequest(hello: Encodable<typeof helloRetryRequestExtensions>): Uint8Array {
  return encode(hello, helloRetryRequestExtensions);
}

export function encodeServerHello12(hello: Encodable<typeof serverHelloExtensions12>): Uint8Array {
  return encode(hello, serverHelloExtensions12);
}

export function decodeServerHello13(body: Uint8Array): ServerHello13 {
  return decode(body, serverHelloExtensions13, 'serverHello');
}

export function decodeHelloRetryRequest(body: Uint8Array): HelloRetryRequest {
  return decode(body, helloRetryRequestExtensions, 'helloRetryRequest');
}

export function decodeServerHello12(body: Uint8Array): ServerHello12 {
  return decode(body, serverHelloExtensions12, 'serverHello');
}

/** The extensions that tell the version, and which of two ClientHellos counts. */
const outlineExtensions = { supportedVersions: codecs.code16 } as const;
const outlineRetryExtensions = { ...outlineExtensions, encryptedClientHello: codecs.echConfirmation } as const;

/** Reads what tells which kind of ServerHello this is; the extensions are decoded later, by that kind's table. */
export function outlineServerHello(body: Uint8Array): ServerHelloOutline {
  const reader = new Reader(body, 'serverHello');
  const fields = readFields(reader);
  const isHelloRetryRequest = equal(fields.random, helloRetryRequestRandom);
  let selectedVersion: number | undefined;
  let echConfirmation: Uint8Array | undefined;
  if (reader.remaining > 0 && isHelloRetryRequest) {
    const { extensions } = decodeExtensions(reader, outlineRetryExtensions, 'helloRetryRequest', true);
    ({ supportedVersions: selectedVersion, encryptedClientHello: echConfirmation } = extensions);
  } else if (reader.remaining > 0) {
    selectedVersion = decodeExtensions(reader, outlineExtensions, 'serverHello', true).extensions.supportedVersions;
  }
  return { ...fields, selectedVersion, isHelloRetryRequest, echConfirmation };
}

function encode<T extends ExtensionTable>(hello: Encodable<T>, table: T): Uint8Array {
  const writer = Writer.passing(160)
    .u16(hello.legacyVersion)
    .bytes(hello.random)
    .vector8(hello.legacySessionIdEcho)
    .u16(hello.cipherSuite)
    .u8(hello.legacyCompressionMethod);
  // RFC 5246, Section 7.4.1.3: a server without extensions sends no block.
  if (hasExtensions(table, hello)) encodeExtensions(writer, table, hello);
  return writer.finish();
}

function decode<T extends ExtensionTable>(
  body: Uint8Array,
  table: T,
  what: string,
): ServerHelloFields & ExtensionBlock<T> {
  const reader = new Reader(body, what);
  const fields = readFields(reader);
  const block: ExtensionBlock<T> =
    reader.remaining === 0
      ? { extensions: noExtensions(table), extensionOrder: [] }
      : decodeExtensions(reader, table, what);
  reader.end();
  return { ...fields, ...block };
}

function readFields(reader: Reader): ServerHelloFields {
  return {
    legacyVersion: reader.u16(),
    random: reader.bytes(32),
    legacySessionIdEcho: reader.vector8(0, 32),
    cipherSuite: reader.u16(),
    legacyCompressionMethod: reader.u8(),
  };
}
