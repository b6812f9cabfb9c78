import { noBytes } from '../bytes/bytes.ts';
import { type CipherSuite, cipherSuite, defaultCipherSuitesFor } from '../crypto/cipher-suites.ts';
import { defaultGroups, groupName } from '../crypto/named-groups.ts';
import type { CryptoProvider, GroupName } from '../crypto/provider.ts';
import { defaultSignatureSchemes } from '../crypto/signature-schemes.ts';
import { ConfigError } from '../errors.ts';
import type {
  ClientHandshakeConfig,
  CommonHandshakeConfig,
  Credential,
  Limits,
  PolicyInput,
  ServerHandshakeConfig,
  ServerPsk,
} from '../handshake/config.ts';
import { noSchemes } from '../handshake/delegated-credential.ts';
import { type EchTarget, selectEchTarget } from '../handshake/ech-client.ts';
import { type EchKey, echServerKeys } from '../handshake/ech-keys.ts';
import type {
  ChosenPsk,
  ClientHelloInfo,
  CredentialQuery,
  PeerCertificates,
  PskQuery,
  VerifiedPeer,
} from '../handshake/host.ts';
import type { ClientSession } from '../session/client-session.ts';
import { policyDigest } from '../session/policy.ts';
import { maxPskIdentity12, servesVersion } from '../session/psk-importer.ts';
import type { ServerSessions } from '../session/resumption.ts';
import type { CertificateType } from '../wire/certificate-type.ts';
import { type DecodedEchConfig, decodeEchConfigList } from '../wire/ech-config.ts';
import { type ProtocolVersion, tls12, tls13, versionName } from '../wire/versions.ts';
import { checkClientOptions, checkServerOptions } from './check-options.ts';
import { canVerify, checkedTypes, mayBeginEarly, rawPublicKeyPolicy } from './raw-public-keys.ts';

export type { CertificateCompression, Credential, Limits, Signer } from '../handshake/config.ts';
export type { EchKey } from '../handshake/ech-keys.ts';
export type {
  ChosenPsk,
  ClientHelloInfo,
  CredentialQuery,
  HostRequest,
  PeerCertificates,
  PskQuery,
  VerifiedPeer,
} from '../handshake/host.ts';
export type { TraceEvent } from '../handshake/trace.ts';
export type { ExternalPsk } from '../session/psk-importer.ts';
export type { CertificateType } from '../wire/certificate-type.ts';

/** A value, or a promise of it: a host may answer now or later. */
export type Awaitable<T> = T | PromiseLike<T>;

/** Decides whether a peer's chain is trusted; refuses by throwing a `CertificateError`. */
export type VerifyPeer = (peer: PeerCertificates) => Awaitable<VerifiedPeer | undefined>;

/** What both sides can set. Everything has a safe default but `crypto`. */
export type CommonOptions = Partial<Omit<CommonHandshakeConfig, 'crypto' | 'limits'>> & {
  readonly crypto: CryptoProvider;
  readonly limits?: Partial<Limits>;
};

export interface ServerOptions extends CommonOptions {
  /** Certificate chains with their keys. One that fits the client is chosen for each handshake. */
  readonly credentials?: readonly Credential[];
  /** Default: none. */
  readonly clientCertificate?: 'none' | 'request' | 'require';
  readonly certificateAuthorities?: readonly Uint8Array[];
  readonly preferServerOrder?: boolean;
  readonly selectAlpn?: ServerHandshakeConfig['selectAlpn'];
  readonly retryCookie?: boolean;
  /** Other options for a server name; `undefined` keeps these. */
  readonly selectConfig?: (hello: ClientHelloInfo) => Awaitable<ServerOptions | undefined>;
  /** Chooses a credential instead of the default rule (name, signature schemes, authorities). */
  readonly selectCredential?: (query: CredentialQuery) => Awaitable<Credential | undefined>;
  /** Decides on client certificates. Needed where `clientCertificate` is not `none`. */
  readonly verifyPeer?: VerifyPeer;
  /** What clients may show, best first; default certificates only. Raw public keys (RFC 7250) need pins or `verifyPeer`. */
  readonly clientCertificateTypes?: readonly CertificateType[];
  /** Raw public keys that are known: each a SubjectPublicKeyInfo (DER) or its SHA-256. Others are for `verifyPeer`. */
  readonly rawPublicKeyPins?: readonly Uint8Array[];
  /** Resumption: key ring, store and rules; without it every handshake is a full one. */
  readonly sessions?: ServerSessions;
  /** Name of the credential set that sessions are bound to; survives the renewal of certificates. */
  readonly credentialIdentity?: string;
  /**
   * Digest of the trust anchors for client certificates, for the binding of sessions. Default: a session goes on where the same
   * function verifies, in this process. Give it where processes share sessions, or where each connection has a function of
   * its own.
   */
  readonly clientTrustDigest?: Uint8Array;
  /** Keys for encrypted ClientHellos (RFC 9849). Those of `selectConfig`'s options are not looked at: it comes later. */
  readonly echKeys?: readonly EchKey[];
  /** Keeps customers apart that share options. */
  readonly tenant?: string;
  /**
   * External PSKs (RFC 4279 for TLS 1.2): `sessions` has their look-up, and this what is said to clients of TLS 1.2. Their
   * suites have to be named in `cipherSuites`: {@link pskCipherSuites}.
   */
  readonly psk?: ServerPskOptions;
  /** Whether a PSK without key exchange is taken (psk_ke); off: it has no forward secrecy. */
  readonly allowPskOnly?: boolean;
}

export interface ServerPskOptions {
  /** Helps clients choose their identity; at most 256 bytes. Default: none. */
  readonly identityHint?: Uint8Array;
  /**
   * TLS 1.2, an identity that is not known: `hide` (the default) goes on with a random key, and fails where a wrong key fails;
   * `alert` says `unknown_psk_identity`. RFC 4279, Section 2 allows both. TLS 1.3 goes on without the PSK.
   */
  readonly unknownIdentity?: 'hide' | 'alert';
}

/** How a client hides the ClientHello that it means. */
export interface ClientEchOptions {
  /** An ECHConfigList: from DNS (RFC 9848), from {@link EchRejectedError.retryConfigs}, or told by the server's owner. */
  readonly configList?: Uint8Array;
  /**
   * Whether to fail (`ERR_TLS_ECH_CONFIG`), rather than to show the name, where no config of the list can be used, or TLS
   * 1.3 is off. Default: yes, where there is a list.
   */
  readonly required?: boolean;
  /** Whether a ClientHello that is not encrypted pretends to be, so that those that are do not stick out. */
  readonly grease?: boolean;
}

export interface ClientOptions
  extends CommonOptions,
    Partial<Omit<ClientHandshakeConfig, keyof CommonHandshakeConfig | 'ech' | 'echGrease' | 'echRejected'>> {
  /** Encrypted Client Hello (RFC 9849). */
  readonly ech?: ClientEchOptions;
  /** Decides on the server's certificate. There is no default that trusts. */
  readonly verifyPeer?: VerifyPeer;
  readonly selectCredential?: (query: CredentialQuery) => Awaitable<Credential | undefined>;
  /**
   * TLS 1.2: chooses the PSK for a server, now or later, instead of the default rule (the first of `externalPsks` that is for
   * TLS 1.2 and the suite's hash). The suites have to be named in `cipherSuites`: {@link pskCipherSuites}.
   */
  readonly selectPsk?: (query: PskQuery) => Awaitable<ChosenPsk | undefined>;
  /** Raw public keys that are known: each a SubjectPublicKeyInfo (DER) or its SHA-256. Others are for `verifyPeer`. */
  readonly rawPublicKeyPins?: readonly Uint8Array[];
}

const defaultGroupNames = defaultGroups.map(groupName).filter((name) => name !== undefined);

/** Bounds that suit a server on the open Internet. */
export const defaultLimits: Limits = {
  // The longest ClientHello that can be written down has 131,396 bytes.
  handshakeMessage: 132 * 1024,
  certificateChain: 16,
  handshakeMessages: 64,
  warningAlerts: 4,
  keyUpdates: 32,
  pendingInput: 256 * 1024,
  skippedEarlyData: 16_384 + 1024,
  pskIdentities: 8,
};

const serverConfigs = new WeakMap<ServerOptions, ServerHandshakeConfig>();
const optionsOfConfigs = new WeakMap<CommonHandshakeConfig, ServerOptions>();

/** The options that {@link serverConfig} made a configuration from. */
export function optionsOf(config: CommonHandshakeConfig | undefined): ServerOptions | undefined {
  return config === undefined ? undefined : optionsOfConfigs.get(config);
}

/** The options of a server with all defaults, checked once. The same options give the same object. */
export function serverConfig(options: ServerOptions): ServerHandshakeConfig {
  const known = serverConfigs.get(options);
  if (known !== undefined) return known;
  checkServerOptions(options);
  const psk = serverPsk(options);
  const common = commonConfig(options);
  const clientCertificate = options.clientCertificate ?? 'none';
  const clientCertificateTypes = checkedTypes(options.clientCertificateTypes);
  if (clientCertificate !== 'none' && !canVerify(options, clientCertificateTypes)) {
    throw new ConfigError('client certificates are asked for, but nothing verifies them: give `verifyPeer`');
  }
  const { sessions, crypto } = options;
  const rawPublicKeys = rawPublicKeyPolicy(crypto, clientCertificateTypes, options.rawPublicKeyPins);
  const anchorsDigest = options.clientTrustDigest ?? digestOf(options.verifyPeer, crypto);
  const credentialIdentity = options.credentialIdentity ?? options.credentials?.[0]?.identity ?? '';
  const config: ServerHandshakeConfig = {
    ...common,
    limits: { ...common.limits, skippedEarlyData: options.limits?.skippedEarlyData ?? skippedEarlyData(sessions) },
    credentials: options.credentials ?? [],
    clientCertificate,
    clientCertificateTypes,
    certificateAuthorities: options.certificateAuthorities ?? [],
    preferServerOrder: options.preferServerOrder ?? true,
    selectAlpn: options.selectAlpn,
    retryCookie: options.retryCookie ?? false,
    ech: echServerKeys(crypto, options.echKeys ?? []),
    psk,
    resumption: {
      sessionId: sessions?.sessionIds ?? false,
      ticket: sessions?.tls12Tickets ?? false,
      psk: sessions !== undefined || psk !== undefined,
      ticketCount: sessions?.ticketCount ?? 0,
      ticketCountResumed: sessions === undefined || sessions.ticketCount === 0 ? 0 : 1,
      maxTickets: sessions?.maxTickets ?? 0,
      lifetime: sessions?.lifetime ?? 0,
      maxEarlyData: sessions?.maxEarlyDataSize ?? 0,
      allowPskOnly: options.allowPskOnly ?? false,
      forgetSession: (sessionId) => void sessions?.forgetSession(sessionId),
      missed: (kind, reason) => sessions?.missed(kind, reason),
      policyDigest: rememberedDigest((connection) =>
        policyDigest(crypto, {
          ...connection,
          credentialIdentity,
          clientAuth: { mode: clientCertificate, anchorsDigest, rawPublicKeys },
          tenant: options.tenant,
        }),
      ),
    },
  };
  serverConfigs.set(options, config);
  optionsOfConfigs.set(config, options);
  return config;
}

const verifiers = new WeakMap<VerifyPeer, Uint8Array>();

/** What tells a verifier from any other one: nobody can look into a function. */
function digestOf(verifyPeer: VerifyPeer | undefined, crypto: CryptoProvider): Uint8Array | undefined {
  if (verifyPeer === undefined) return undefined;
  let digest = verifiers.get(verifyPeer);
  if (digest === undefined) verifiers.set(verifyPeer, (digest = crypto.random(32).slice()));
  return digest;
}

function serverPsk({ psk, sessions }: ServerOptions): ServerPsk | undefined {
  if (psk === undefined && !sessions?.hasExternalPsks) return undefined;
  const identityHint = psk?.identityHint ?? noBytes;
  if (identityHint.length > maxPskIdentity12) {
    throw new ConfigError(`psk: an identity hint of ${identityHint.length} bytes; ${maxPskIdentity12} are the most`);
  }
  return { identityHint, unknownIdentity: psk?.unknownIdentity ?? 'hide' };
}

/** A client may send as much early data as its ticket allows before it hears that none is taken, and pad it. */
function skippedEarlyData(sessions: ServerSessions | undefined): number {
  return Math.max(defaultLimits.skippedEarlyData, 1024 + Math.ceil(1.25 * (sessions?.maxEarlyDataSize ?? 0)));
}

/** Server names whose digests are remembered: a client may send any name it likes. */
const maxRememberedDigests = 256;

/** A digest costs as much as the rest of a session's look-up, and most connections share a few. */
function rememberedDigest(digest: (connection: PolicyInput) => Uint8Array): (connection: PolicyInput) => Uint8Array {
  // By name, one map for each combination of the rest.
  const maps = Array.from({ length: 8 }, () => new Map<string | undefined, Uint8Array>());
  return (connection) => {
    const { serverName, version, cipherHash, extendedMasterSecret, pskIdentity } = connection;
    if (pskIdentity !== undefined) return digest(connection);
    const rest = (version === tls13 ? 4 : 0) + (cipherHash === 'sha384' ? 2 : 0) + (extendedMasterSecret ? 1 : 0);
    const known = maps[rest] as (typeof maps)[number];
    let value = known.get(serverName);
    if (value === undefined) {
      if (known.size >= maxRememberedDigests) known.clear();
      known.set(serverName, (value = digest(connection)));
    }
    return value;
  };
}

/** The options of a client with all defaults, checked. */
export function clientConfig(options: ClientOptions): ClientHandshakeConfig {
  checkClientOptions(options);
  const serverCertificateTypes = checkedTypes(options.serverCertificateTypes);
  if (!canVerify(options, serverCertificateTypes)) {
    throw new ConfigError("nothing verifies the server's certificate: give `verifyPeer`");
  }
  const common = commonConfig(options, usableSuites(options));
  const serverName = options.serverName === undefined || isAddress(options.serverName) ? undefined : options.serverName;
  // Field by field: spread into one with so many more, V8 takes 60 µs, and a client makes one a connection.
  return {
    crypto: common.crypto,
    random: common.random,
    now: common.now,
    minVersion: common.minVersion,
    maxVersion: common.maxVersion,
    cipherSuites: common.cipherSuites,
    groups: common.groups,
    signatureSchemes: common.signatureSchemes,
    certificateSignatureSchemes: common.certificateSignatureSchemes,
    delegatedCredentialSchemes: common.delegatedCredentialSchemes,
    alpnProtocols: common.alpnProtocols,
    recordSizeLimit: common.recordSizeLimit,
    maxSendFragment: common.maxSendFragment,
    certificateCompression: common.certificateCompression,
    encryptThenMac: common.encryptThenMac,
    grease: common.grease,
    requireExtendedMasterSecret: common.requireExtendedMasterSecret,
    resumeWithoutExtendedMasterSecret: common.resumeWithoutExtendedMasterSecret,
    limits: common.limits,
    trace: common.trace,
    keyLog: common.keyLog,
    serverName: serverName === undefined ? undefined : checkedServerName(serverName),
    verifyName: options.verifyName ?? options.serverName,
    credentials: options.credentials ?? [],
    serverCertificateTypes,
    clientCertificateTypes: options.clientCertificateTypes,
    keyShares: options.keyShares ?? defaultKeyShares(common.groups, options.sessions),
    requestOcsp: options.requestOcsp ?? false,
    requestScts: options.requestScts ?? false,
    permuteExtensions: options.permuteExtensions ?? false,
    ech: echTarget(options.crypto, options.ech, common.maxVersion),
    echGrease: options.ech?.grease ?? false,
    echRejected: false,
    padClientHelloTo: options.padClientHelloTo ?? 0,
    fallback: options.fallback ?? false,
    postHandshakeAuth: options.postHandshakeAuth ?? false,
    certificateAuthorities: options.certificateAuthorities ?? [],
    sessions: options.sessions ?? [],
    externalPsks: options.externalPsks ?? [],
    earlyData: options.earlyData === true && mayBeginEarly(options.crypto, options.sessions, options.rawPublicKeyPins),
    ticketRequest: options.ticketRequest,
    resumption: options.resumption ?? true,
    verifyResumed: options.verifyResumed ?? false,
    requireSecureRenegotiation: options.requireSecureRenegotiation ?? true,
    allowPskOnly: options.allowPskOnly ?? false,
  };
}

/** The server that a client encrypts its ClientHello to. */
function echTarget(
  crypto: CryptoProvider,
  options: ClientEchOptions | undefined,
  maxVersion: ProtocolVersion,
): EchTarget | undefined {
  if (options?.configList === undefined && options?.required !== true) return undefined;
  const configs = options.configList === undefined ? [] : echConfigs(options.configList);
  const target = maxVersion < tls13 ? undefined : selectEchTarget(crypto, configs);
  if (target !== undefined || options.required === false) return target;
  throw new ConfigError(
    maxVersion < tls13
      ? 'ech: Encrypted Client Hello needs TLS 1.3, which is switched off'
      : 'ech: no config of the list can be used here: unknown algorithms or extensions, or a public name that is none',
    { code: 'ERR_TLS_ECH_CONFIG', rfc: 'RFC 9849, Section 6.1' },
  );
}

function echConfigs(configList: Uint8Array): DecodedEchConfig[] {
  try {
    return decodeEchConfigList(configList);
  } catch (cause) {
    const details = { code: 'ERR_TLS_ECH_CONFIG_LIST', rfc: 'RFC 9849, Section 4', cause } as const;
    throw new ConfigError('ech: configList is no ECHConfigList', details);
  }
}

/**
 * The first group, and the first classic one where the first is a hybrid: one of both suits nearly every server. A server that
 * is known from a session of TLS 1.3 gets the one that it chose then; it may still ask for another one.
 */
function defaultKeyShares(groups: readonly GroupName[], sessions: readonly ClientSession[] = []): GroupName[] {
  const session = sessions.find(({ state }) => state.version === tls13);
  const chosen = session === undefined ? undefined : groupName(session.state.group);
  if (chosen !== undefined && groups.includes(chosen)) return [chosen];
  const [first] = groups;
  if (first === undefined) return [];
  const classic = groups.find((group) => !group.includes('MLKEM'));
  return classic === undefined || classic === first ? [first] : [first, classic];
}

function commonConfig(options: CommonOptions, suites = options.cipherSuites): CommonHandshakeConfig {
  const { crypto } = options;
  const cipherSuites = suitesThere(crypto, suites ?? defaultCipherSuitesFor(crypto.preferredAead));
  const groups = (options.groups ?? defaultGroupNames).filter((group) => crypto.keyExchange(group) !== undefined);
  const [minVersion, maxVersion] = versionRange(options, cipherSuites);
  if (groups.length === 0) throw new ConfigError('no key exchange group is left: check groups');
  return {
    crypto,
    random: options.random ?? ((size) => crypto.random(size)),
    now: options.now ?? Date.now,
    minVersion,
    maxVersion,
    cipherSuites,
    groups,
    signatureSchemes: options.signatureSchemes ?? defaultSignatureSchemes,
    certificateSignatureSchemes: options.certificateSignatureSchemes,
    delegatedCredentialSchemes: options.delegatedCredentialSchemes ?? noSchemes,
    alpnProtocols: checkedAlpn(options.alpnProtocols ?? []),
    recordSizeLimit: options.recordSizeLimit,
    maxSendFragment: options.maxSendFragment,
    certificateCompression: options.certificateCompression ?? [],
    encryptThenMac: options.encryptThenMac ?? true,
    grease: options.grease ?? false,
    requireExtendedMasterSecret: options.requireExtendedMasterSecret ?? false,
    resumeWithoutExtendedMasterSecret: options.resumeWithoutExtendedMasterSecret ?? false,
    limits: limitsOf(options.limits),
    trace: options.trace,
    keyLog: options.keyLog,
  };
}

/** The suites whose AEAD the runtime has. */
function suitesThere({ missingAeads }: CryptoProvider, suites: readonly number[]): readonly number[] {
  if (missingAeads === undefined) return suites;
  return suites.filter((code) => {
    const aead = cipherSuite(code)?.aead;
    return aead === undefined || !missingAeads.includes(aead);
  });
}

/** A limit that is given as `undefined` is the default, and not none. */
function limitsOf(limits: Partial<Limits> = {}): Limits {
  const all = { ...defaultLimits, ...limits };
  for (const name of Object.keys(defaultLimits) as (keyof Limits)[]) all[name] ??= defaultLimits[name];
  return all;
}

/** The suites that a client offers: those for PSKs where there may be a PSK for them. */
function usableSuites({ cipherSuites, externalPsks, selectPsk, ech }: ClientOptions): readonly number[] | undefined {
  const usable = (code: number) => {
    const { authentication, hash } = requireSuite(code);
    if (authentication !== 'psk') return true;
    // With Encrypted Client Hello what is in sight is for the public name: no key is for that.
    if (ech?.configList !== undefined) return false;
    return selectPsk !== undefined || externalPsks?.some((psk) => psk.hash === hash && servesVersion(psk, tls12));
  };
  return cipherSuites === undefined || cipherSuites.every(usable) ? cipherSuites : cipherSuites.filter(usable);
}

/** The versions to speak: what is asked for, as far as there is a cipher suite for it. */
function versionRange(options: CommonOptions, cipherSuites: readonly number[]): [ProtocolVersion, ProtocolVersion] {
  const { minVersion = tls12, maxVersion = tls13 } = options;
  if (minVersion > maxVersion) {
    throw new ConfigError(
      `minVersion (${versionName(minVersion)}) is above maxVersion (${versionName(maxVersion)}): no version is left`,
    );
  }
  const withSuites = cipherSuites.map((code) => requireSuite(code).version);
  const versions = ([tls12, tls13] as const).filter(
    (version) => version >= minVersion && version <= maxVersion && withSuites.includes(version),
  );
  const [lowest] = versions;
  const highest = versions.at(-1);
  if (lowest !== undefined && highest !== undefined) return [lowest, highest];
  throw new ConfigError(
    `no cipher suite is left for ${versionName(minVersion)} to ${versionName(maxVersion)}: check cipherSuites` +
      (cipherSuites.length < (options.cipherSuites?.length ?? 0) ? ', and that there is a PSK for TLS 1.2' : ''),
    { code: 'ERR_TLS_NO_CIPHERS' },
  );
}

function requireSuite(code: number): CipherSuite {
  const suite = cipherSuite(code);
  if (suite !== undefined) return suite;
  throw new ConfigError(`cipherSuites: 0x${code.toString(16).padStart(4, '0')} is no cipher suite of this stack`);
}

/** What has other characters, or more, would go out as another name. */
function checkedServerName(name: string): string {
  // Literal addresses have gone another way: what else has a colon or a slash is a URL, or has a port.
  if (/[:/]/.test(name)) {
    throw new ConfigError(
      `serverName: ${JSON.stringify(name)} is no host name; give the name alone, without scheme or port`,
    );
  }
  const sent = name.replace(/\.$/, '');
  if (sent.length > 0 && sent.length <= 255 && isLatin1(sent)) return sent;
  throw new ConfigError(`serverName: ${JSON.stringify(name)} is no name of 1 to 255 bytes (RFC 6066, Section 3)`);
}

function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false;
  return true;
}

function checkedAlpn(protocols: readonly string[]): readonly string[] {
  for (const protocol of protocols) {
    if (protocol.length >= 1 && protocol.length <= 255 && isLatin1(protocol)) continue;
    throw new ConfigError('alpnProtocols: a name has 1 to 255 bytes (RFC 7301, Section 3.1)');
  }
  return protocols;
}

/** Literal addresses are not sent in server_name (RFC 6066, Section 3). */
function isAddress(name: string): boolean {
  return /^[\da-f]*:[\da-f]*:[\da-f:.]*(%.+)?$/i.test(name) || /^\d+\.\d+\.\d+\.\d+$/.test(name);
}
