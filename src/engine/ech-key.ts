import { zeroize } from '../bytes/bytes.ts';
import { check, checkOptions, kind, type Rules, text, whole } from '../bytes/check.ts';
import { deriveHpkeKey, hpkeAeads, hpkeKdfs, hpkeKems, hpkeKeyExchange } from '../crypto/hpke.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { ConfigError } from '../errors.ts';
import { type EchKey, type EchServerKey, echServerKeys } from '../handshake/ech-keys.ts';
import { decodeEchConfigList, encodeEchConfig, encodeEchConfigList, isPublicName } from '../wire/ech-config.ts';
import { cryptography } from './check-options.ts';

/** What a new key is for. */
export interface NewEchKey {
  /** The name that is seen in the place of the others; the server needs a certificate for it. */
  readonly publicName: string;
  /** 0 to 255: what tells this key from others of the server. Default: random. */
  readonly configId?: number;
  /** The longest name that is to be hidden, in bytes: shorter ones are padded to it. Default: 64. */
  readonly maximumNameLength?: number;
  /** Default: X25519, which every client has. */
  readonly group?: keyof typeof hpkeKems;
}

const rules: Rules<NewEchKey> = {
  publicName: text,
  configId: whole(0, 255),
  maximumNameLength: whole(0, 255),
  group: kind(
    Object.keys(hpkeKems).join(' or '),
    (value) => typeof value === 'string' && Object.hasOwn(hpkeKems, value),
  ),
};

/**
 * Makes a key for Encrypted Client Hello (RFC 9849, Section 4) with its config: HKDF-SHA256, and AES-128-GCM or
 * ChaCha20-Poly1305 as the client likes. Throws `ConfigError` for a name that is no host name, and for a group that the
 * cryptography lacks.
 */
export function createEchKey(crypto: CryptoProvider, key: NewEchKey): EchKey {
  check(cryptography, crypto, 'createEchKey: crypto');
  checkOptions(key, 'the options of createEchKey', rules, ['publicName']);
  const { publicName, configId, maximumNameLength = 64, group = 'x25519' } = key;
  if (!isPublicName(publicName))
    throw new ConfigError(`publicName: ${JSON.stringify(publicName)} is no host name (RFC 9849, Section 6.1.7)`);
  const kem = hpkeKems[group];
  const ikm = crypto.random(32);
  const privateKey = deriveHpkeKey(crypto, kem, ikm);
  zeroize(ikm);
  const keyPair = hpkeKeyExchange(crypto, kem)?.importKeyPair(privateKey);
  if (keyPair === undefined) throw new ConfigError(`group: this runtime has no ${group}`);
  const config = encodeEchConfig({
    configId: configId ?? (crypto.random(1)[0] as number),
    kem,
    publicKey: keyPair.publicKey,
    cipherSuites: [
      { kdf: hpkeKdfs.sha256, aead: hpkeAeads.aes128gcm },
      { kdf: hpkeKdfs.sha256, aead: hpkeAeads.chacha20poly1305 },
    ],
    maximumNameLength,
    publicName,
  });
  keyPair.destroy();
  return { config, privateKey };
}

/** The keys of a server as it would use them; throws the `ConfigError` that it would throw. */
export function serverEchKeys(crypto: CryptoProvider, keys: readonly EchKey[]): readonly EchServerKey[] {
  return echServerKeys(crypto, keys)?.keys ?? [];
}

/** One ECHConfig in a list of its own. */
export function listEchConfig(config: Uint8Array): Uint8Array {
  return encodeEchConfigList([config]);
}

/** What there is to know of a config of a list whose KEM is known here. */
export interface ListedEchConfig {
  readonly config: Uint8Array;
  readonly group: keyof typeof hpkeKems;
  readonly publicKey: Uint8Array;
  readonly publicName: string;
}

/** The configs of an ECHConfigList. Throws `decode_error` where it is none. */
export function listedEchConfigs(configList: Uint8Array): ListedEchConfig[] {
  const groups = Object.keys(hpkeKems) as (keyof typeof hpkeKems)[];
  return decodeEchConfigList(configList).flatMap(({ raw: config, kem, publicKey, publicName }) => {
    const group = groups.find((name) => hpkeKems[name] === kem);
    return group === undefined ? [] : [{ config, group, publicKey, publicName }];
  });
}
