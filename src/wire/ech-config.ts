import { fromText, toLatin1 } from '../bytes/bytes.ts';
import { check, bytes as isBytes, list as isList } from '../bytes/check.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import { Distinct } from './extensions.ts';

/** The version of the ECHConfigs that this stack reads: RFC 9849, and the drafts from 13 on. */
export const echConfigVersion = 0xfe0d;

/** Two HPKE codes that go together (RFC 9849, Section 4). */
export interface HpkeSymmetricCipherSuite {
  readonly kdf: number;
  readonly aead: number;
}

/** What a client needs to encrypt to a server (RFC 9849, Section 4). */
export interface EchConfig {
  readonly configId: number;
  readonly kem: number;
  readonly publicKey: Uint8Array;
  readonly cipherSuites: readonly HpkeSymmetricCipherSuite[];
  /** A hint for padding: the longest name that the server expects; 0 for none. */
  readonly maximumNameLength: number;
  /** The name that an observer sees, and that the server proves when it cannot decrypt. */
  readonly publicName: string;
}

/** One ECHConfig as it was read. */
export interface DecodedEchConfig extends EchConfig {
  /** The whole structure, with version and length: HPKE binds to these bytes. */
  readonly raw: Uint8Array;
  /** Whether an extension is there whose type says that it must be understood; none is understood here. */
  readonly hasMandatoryExtension: boolean;
  readonly hasExtensions: boolean;
}

/**
 * Reads an ECHConfigList, as a DNS record (RFC 9848) or retry_configs hold it. Configs of other versions are passed over.
 * Throws `decode_error` where the list, or a config of this version, is malformed.
 */
export function decodeEchConfigList(bytes: Uint8Array): DecodedEchConfig[] {
  check(isBytes, bytes, 'decodeEchConfigList: bytes');
  const reader = new Reader(bytes, 'ECHConfigList');
  const list = reader.nested16('ECHConfigList', 4);
  reader.end();
  const configs: DecodedEchConfig[] = [];
  while (list.remaining > 0) {
    const config = readConfig(list, bytes);
    if (config !== undefined) configs.push(config);
  }
  return configs;
}

/** Reads one ECHConfig; `undefined` for one of another version. Throws `decode_error` where it is malformed. */
export function decodeEchConfig(bytes: Uint8Array): DecodedEchConfig | undefined {
  const reader = new Reader(bytes, 'ECHConfig');
  const config = readConfig(reader, bytes);
  reader.end();
  return config;
}

function readConfig(reader: Reader, bytes: Uint8Array): DecodedEchConfig | undefined {
  const start = reader.offset;
  const version = reader.u16();
  const contents = reader.nested16('ECHConfig');
  if (version !== echConfigVersion) {
    contents.rest();
    return undefined;
  }
  const configId = contents.u8();
  const kem = contents.u16();
  const publicKey = contents.vector16(1);
  const suites = contents.nested16('ECHConfig cipher_suites', 4);
  const cipherSuites: HpkeSymmetricCipherSuite[] = [];
  while (suites.remaining > 0) cipherSuites.push({ kdf: suites.u16(), aead: suites.u16() });
  const maximumNameLength = contents.u8();
  const publicName = toLatin1(contents.vector8(1));
  const extensions = contents.nested16('ECHConfig extensions');
  const types = new Distinct();
  const hasExtensions = extensions.remaining > 0;
  let hasMandatoryExtension = false;
  while (extensions.remaining > 0) {
    const type = extensions.u16();
    // "… there MUST NOT be more than one extension of the same type in the extensions block" (RFC 9849, Section 4.2).
    if (!types.add(type)) throw extensions.error(`extension ${type} stands twice`);
    extensions.vector16();
    // Mandatory is what has "an extension type codepoint with the high order bit set to 1".
    if (type >= 0x8000) hasMandatoryExtension = true;
  }
  contents.end();
  const raw = new Uint8Array(bytes.subarray(start, reader.offset));
  return {
    raw,
    configId,
    kem,
    publicKey: new Uint8Array(publicKey),
    cipherSuites,
    maximumNameLength,
    publicName,
    hasMandatoryExtension,
    hasExtensions,
  };
}

/** Writes an ECHConfig of version 0xfe0d, without extensions. */
export function encodeEchConfig(config: EchConfig): Uint8Array {
  const writer = new Writer(128).u16(echConfigVersion);
  const contents = writer.open(2);
  writer.u8(config.configId).u16(config.kem).vector16(config.publicKey);
  const suites = writer.open(2);
  for (const { kdf, aead } of config.cipherSuites) writer.u16(kdf).u16(aead);
  writer.close(suites, 2);
  writer.u8(config.maximumNameLength).vector8(fromText(config.publicName)).u16(0);
  return writer.close(contents, 2).finish().slice();
}

/** Writes an ECHConfigList of encoded configs. */
export function encodeEchConfigList(configs: readonly Uint8Array[]): Uint8Array {
  check(isList(isBytes), configs, 'encodeEchConfigList: configs');
  const writer = new Writer(256);
  const list = writer.open(2);
  for (const config of configs) writer.bytes(config);
  return writer.close(list, 2).finish().slice();
}

/**
 * Whether a public_name can be one: "a dot-separated sequence of LDH labels" that no URL parser takes for an address
 * (RFC 9849, Section 6.1.7). A config with another one is ignored.
 */
export function isPublicName(name: string): boolean {
  const labels = name.split('.');
  const last = labels.at(-1) as string;
  if (name.length > 253 || /^(?:[0-9]+|0[xX][0-9a-fA-F]*)$/.test(last)) return false;
  return labels.every((label) => /^[0-9a-zA-Z](?:[0-9a-zA-Z-]{0,61}[0-9a-zA-Z])?$/.test(label));
}
