import { concat, equal, fromText } from '../bytes/bytes.ts';
import { hpkeKeyExchange, hpkeSuite } from '../crypto/hpke.ts';
import type { CryptoProvider, StaticKeyPair } from '../crypto/provider.ts';
import { ConfigError } from '../errors.ts';
import {
  type DecodedEchConfig,
  decodeEchConfig,
  encodeEchConfigList,
  type HpkeSymmetricCipherSuite,
  isPublicName,
} from '../wire/ech-config.ts';

/** A key that a server decrypts ClientHellos with, and the ECHConfig that clients encrypt by. */
export interface EchKey {
  /** One ECHConfig, encoded; clients get it in an ECHConfigList, e.g. from DNS (RFC 9848). */
  readonly config: Uint8Array;
  /** The private key of the config's public key, as RFC 9180, Section 7.1.2 writes it. */
  readonly privateKey: Uint8Array;
  /** Whether the config is among those that a client gets which used another one. Default: yes; it must be so for one. */
  readonly retry?: boolean;
}

/** The keys of a server, ready for use. */
export interface EchServerKeys {
  readonly keys: readonly EchServerKey[];
  /** An ECHConfigList for clients whose ClientHelloInner could not be decrypted. */
  readonly retryConfigs: Uint8Array;
}

export interface EchServerKey {
  readonly configId: number;
  readonly kem: number;
  readonly cipherSuites: readonly HpkeSymmetricCipherSuite[];
  readonly publicName: string;
  readonly keyPair: StaticKeyPair;
  /** What HPKE binds to. */
  readonly info: Uint8Array;
}

/**
 * "The info parameter to SetupBaseR is the concatenation "tls ech", a zero byte, and the serialized ECHConfig." (RFC 9849,
 * Section 7.1)
 */
export function hpkeInfo(config: DecodedEchConfig): Uint8Array {
  return concat(fromText('tls ech\0'), config.raw);
}

/** Reads a server's keys. What is in them is public in DNS, too: a mistake is told at once, as a `ConfigError`. */
export function echServerKeys(crypto: CryptoProvider, keys: readonly EchKey[]): EchServerKeys | undefined {
  if (keys.length === 0) return undefined;
  const retryConfigs = keys.filter(({ retry }) => retry !== false).map(({ config }) => config);
  // "If the server is configured with any ECHConfigs, it MUST include" some in its answer (RFC 9849, Section 7.1).
  if (retryConfigs.length === 0) throw badKey('echKeys', 'each has retry: false, so clients with another one get none');
  return {
    keys: keys.map((key, i) => echServerKey(crypto, key, `echKeys[${i}]`)),
    retryConfigs: encodeEchConfigList(retryConfigs),
  };
}

function echServerKey(crypto: CryptoProvider, { config: encoded, privateKey }: EchKey, name: string): EchServerKey {
  const config = readConfig(encoded, name);
  const { configId, kem, cipherSuites, publicName } = config;
  const exchange = hpkeKeyExchange(crypto, kem);
  if (exchange === undefined) throw badKey(name, `the KEM 0x${kem.toString(16)} is not known here`);
  for (const { kdf, aead } of cipherSuites) {
    // The server promises every suite that stands in the config.
    if (hpkeSuite(kem, kdf, aead) === undefined) throw badKey(name, `no cipher suite here is (${kdf}, ${aead})`);
  }
  if (config.hasExtensions) throw badKey(name, 'the config has extensions, and none is known here');
  if (!isPublicName(publicName)) throw badKey(name, `the public name ${JSON.stringify(publicName)} is no host name`);
  let keyPair: StaticKeyPair;
  try {
    keyPair = exchange.importKeyPair(privateKey);
  } catch {
    throw badKey(name, `privateKey is no private key of ${exchange.group}`);
  }
  if (!equal(keyPair.publicKey, config.publicKey)) throw badKey(name, 'privateKey and config do not belong together');
  return { configId, kem, cipherSuites, publicName, keyPair, info: hpkeInfo(config) };
}

function readConfig(encoded: Uint8Array, name: string): DecodedEchConfig {
  let config: DecodedEchConfig | undefined;
  try {
    config = decodeEchConfig(encoded);
  } catch (cause) {
    throw badKey(name, 'config does not parse: give one ECHConfig, without the length of a list', cause);
  }
  if (config === undefined) throw badKey(name, 'config is of another version than 0xfe0d');
  return config;
}

function badKey(name: string, problem: string, cause?: unknown): ConfigError {
  return new ConfigError(`${name}: ${problem}`, { code: 'ERR_TLS_ECH_CONFIG', rfc: 'RFC 9849, Section 4', cause });
}
