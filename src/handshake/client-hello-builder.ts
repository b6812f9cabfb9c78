import { noBytes } from '../bytes/bytes.ts';
import { cipherSuite } from '../crypto/cipher-suites.ts';
import { groupCode } from '../crypto/named-groups.ts';
import type { PendingKeyExchange } from '../crypto/provider.ts';
import type { ClientSession } from '../session/client-session.ts';
import type { ClientHello, ClientHelloExtensions } from '../wire/client-hello.ts';
import { clientHelloExtensions, encodeClientHello } from '../wire/client-hello.ts';
import type { KeyShareEntry } from '../wire/extension-codecs.ts';
import { type ExtensionName, extensionTypes } from '../wire/extension-type.ts';
import { tls12, tls13 } from '../wire/versions.ts';
import { offeredTypes, ownClientTypes } from './certificate-types.ts';
import type { ClientHandshakeConfig } from './config.ts';
import { greased, greaseValue } from './grease.ts';
import { fallbackScsv, isHybrid, ownRecordSizeLimit } from './negotiate.ts';
import type { OfferedPsk } from './psk-client.ts';

/** What a ClientHello says of a PSK. */
export type HelloPsk = Pick<OfferedPsk, 'identity' | 'obfuscatedTicketAge' | 'binderLength' | 'maxEarlyData'>;

/** Builds the first ClientHello (RFC 9846, Section 4.1.2; RFC 5246, Section 7.4.1.2). */
export function buildClientHello(
  config: ClientHandshakeConfig,
  exchanges: readonly PendingKeyExchange[],
  psks: readonly HelloPsk[],
  session12: ClientSession | undefined,
  encryptedClientHello: Uint8Array | undefined,
): ClientHello {
  const { minVersion, maxVersion, random } = config;
  const offers13 = maxVersion >= tls13;
  const offers12 = minVersion <= tls12;
  const grease = config.grease ? greaseValues(random) : undefined;

  const suites = config.cipherSuites.filter((code) => {
    const version = cipherSuite(code)?.version;
    return version === tls13 ? offers13 : version === tls12 && offers12;
  });
  const groups = config.groups.filter((group) => offers13 || !isHybrid(group)).map(groupCode);
  const shares: KeyShareEntry[] = exchanges.map(({ group, share }) => ({
    group: groupCode(group),
    keyExchange: share,
  }));
  const versions = [tls13, tls12].filter((version) => version <= maxVersion && version >= minVersion);
  const pskModes = config.allowPskOnly ? Uint8Array.of(1, 0) : Uint8Array.of(1);
  const usesEcdhe = suites.some((code) => cipherSuite(code)?.keyExchange === 'ecdhe') || offers13;

  const extensions: ClientHelloExtensions = {
    serverName: config.serverName,
    extendedMasterSecret: offers12 ? true : undefined,
    renegotiationInfo: offers12 ? noBytes : undefined,
    supportedGroups: usesEcdhe ? greased(groups, grease?.group) : undefined,
    ecPointFormats: offers12 && usesEcdhe ? Uint8Array.of(0) : undefined,
    sessionTicket: offers12 && config.resumption ? (session12?.ticket ?? noBytes) : undefined,
    alpn: config.alpnProtocols.length > 0 ? [...config.alpnProtocols] : undefined,
    statusRequest: config.requestOcsp ? { type: 1 } : undefined,
    signatureAlgorithms: greased(config.signatureSchemes, grease?.signatureScheme),
    signatureAlgorithmsCert: config.certificateSignatureSchemes && [...config.certificateSignatureSchemes],
    signedCertificateTimestamp: config.requestScts ? true : undefined,
    clientCertificateType: offeredTypes(ownClientTypes(config)),
    serverCertificateType: offeredTypes(config.serverCertificateTypes),
    delegatedCredential:
      offers13 && config.delegatedCredentialSchemes.length > 0 ? [...config.delegatedCredentialSchemes] : undefined,
    encryptThenMac:
      offers12 && config.encryptThenMac && suites.some((code) => cipherSuite(code)?.cbc) ? true : undefined,
    compressCertificate:
      offers13 && config.certificateCompression.length > 0
        ? config.certificateCompression.map(({ algorithm }) => algorithm)
        : undefined,
    recordSizeLimit: ownRecordSizeLimit(config.recordSizeLimit, config.maxVersion),
    supportedVersions: offers13 ? greased(versions, grease?.version) : undefined,
    certificateAuthorities:
      offers13 && config.certificateAuthorities.length > 0 ? [...config.certificateAuthorities] : undefined,
    postHandshakeAuth: offers13 && config.postHandshakeAuth ? true : undefined,
    keyShare: offers13
      ? grease === undefined
        ? shares
        : [{ group: grease.group, keyExchange: Uint8Array.of(0) }, ...shares]
      : undefined,
    pskKeyExchangeModes: offers13 && (config.resumption || psks.length > 0) ? pskModes : undefined,
    ticketRequest: offers13 ? config.ticketRequest : undefined,
    encryptedClientHello,
    earlyData: offers13 && config.earlyData && (psks[0]?.maxEarlyData ?? 0) > 0 ? true : undefined,
    preSharedKey:
      psks.length > 0
        ? {
            identities: psks.map(({ identity, obfuscatedTicketAge }) => ({ identity, obfuscatedTicketAge })),
            binders: psks.map(({ binderLength }) => new Uint8Array(binderLength)),
          }
        : undefined,
  };

  const scsvs = config.fallback ? [fallbackScsv] : [];
  const hello: ClientHello = {
    legacyVersion: tls12,
    random: random(32).slice(),
    legacySessionId: legacySessionId(config, offers13, session12),
    cipherSuites: [...greased(suites, grease?.cipherSuite), ...scsvs],
    legacyCompressionMethods: Uint8Array.of(0),
    extensions,
    extensionOrder: [],
  };
  orderExtensions(config, hello, grease);
  pad(config, hello);
  return hello;
}

/** The ClientHello that answers a HelloRetryRequest: the same but for what was asked for (RFC 9846, Section 4.1.2). */
export function retryClientHello(
  first: ClientHello,
  keyShare: KeyShareEntry | undefined,
  cookie: Uint8Array | undefined,
  psks: readonly HelloPsk[],
): ClientHello {
  const extensions: ClientHelloExtensions = { ...first.extensions };
  if (keyShare !== undefined) extensions.keyShare = [keyShare];
  if (cookie !== undefined) extensions.cookie = cookie;
  delete extensions.earlyData;
  delete extensions.preSharedKey;
  if (psks.length > 0) {
    extensions.preSharedKey = {
      identities: psks.map(({ identity, obfuscatedTicketAge }) => ({ identity, obfuscatedTicketAge })),
      binders: psks.map(({ binderLength }) => new Uint8Array(binderLength)),
    };
  }
  const { preSharedKey, earlyData, cookie: cookieType } = extensionTypes;
  const order = first.extensionOrder.filter((type) => type !== preSharedKey && type !== earlyData);
  if (cookie !== undefined) order.push(cookieType);
  if (psks.length > 0) order.push(preSharedKey);
  return { ...first, extensions, extensionOrder: order };
}

/**
 * TLS 1.3 sends 32 random bytes for middleboxes (RFC 9846, Appendix D.4); TLS 1.2 its session ID, and where it resumes
 * by ticket an ID that tells it whether the server took the ticket (RFC 5077, Section 3.4).
 */
function legacySessionId(
  config: ClientHandshakeConfig,
  offers13: boolean,
  session12: ClientSession | undefined,
): Uint8Array {
  if (session12 !== undefined && session12.sessionId.length > 0) return session12.sessionId;
  return offers13 || session12 !== undefined ? config.random(32).slice() : noBytes;
}

interface Grease {
  cipherSuite: number;
  group: number;
  version: number;
  signatureScheme: number;
  first: number;
  last: number;
}

/** The two extension types differ. */
function greaseValues(random: (size: number) => Uint8Array): Grease {
  const seed = random(6);
  const value = (i: number) => greaseValue(seed[i] as number);
  const first = value(3);
  const last = value(4) === first ? first ^ 0x1010 : value(4);
  return { cipherSuite: value(0), group: value(1), version: value(2), signatureScheme: value(5), first, last };
}

function orderExtensions(config: ClientHandshakeConfig, hello: ClientHello, grease: Grease | undefined): void {
  const names = Object.keys(clientHelloExtensions) as (keyof typeof clientHelloExtensions & ExtensionName)[];
  const present = names.filter((name) => hello.extensions[name] !== undefined && name !== 'preSharedKey');
  let order: number[] = present.map((name) => extensionTypes[name]);
  if (config.permuteExtensions) order = shuffled(order, config.random);
  if (grease !== undefined) {
    hello.otherExtensions = new Map([
      [grease.first, noBytes],
      [grease.last, Uint8Array.of(0)],
    ]);
    order = [grease.first, ...order, grease.last];
  }
  if (hello.extensions.preSharedKey !== undefined) order.push(extensionTypes.preSharedKey);
  hello.extensionOrder = order;
}

function shuffled(list: readonly number[], random: (size: number) => Uint8Array): number[] {
  const order = [...list];
  for (let i = order.length - 1; i > 0; i--) {
    const bytes = random(4);
    const j = (((bytes[0] as number) << 16) | ((bytes[1] as number) << 8) | (bytes[2] as number)) % (i + 1);
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}

/** Pads the encoded message to the configured size (RFC 7685). */
function pad(config: ClientHandshakeConfig, hello: ClientHello): void {
  if (config.padClientHelloTo === 0) return;
  const missing = config.padClientHelloTo - (encodeClientHello(hello).length + 4);
  if (missing <= 0) return;
  hello.extensions.padding = Math.max(0, missing - 4);
  const order = [...hello.extensionOrder];
  const at = order.at(-1) === extensionTypes.preSharedKey ? order.length - 1 : order.length;
  order.splice(at, 0, extensionTypes.padding);
  hello.extensionOrder = order;
}
