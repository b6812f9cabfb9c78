import { type CipherSuite, cipherSuite } from '../crypto/cipher-suites.ts';
import { groupCode, groupName } from '../crypto/named-groups.ts';
import type { GroupName, KeyType } from '../crypto/provider.ts';
import { schemeFitsKey, signatureScheme } from '../crypto/signature-schemes.ts';
import { illegalParameter, PeerError } from '../errors.ts';
import type { ClientHello } from '../wire/client-hello.ts';
import { type ProtocolVersion, tls12, tls13, versionName } from '../wire/versions.ts';
import { certificateTypeOf } from './certificate-types.ts';
import type { CommonHandshakeConfig, Credential, ServerHandshakeConfig, Signer } from './config.ts';
import { takesDelegation } from './delegated-credential.ts';
import type { CredentialQuery } from './host.ts';

/** Pure choices of a handshake: from what both sides have, to what is used. */

/** Signals that this is a first handshake (RFC 5746) and that the client fell back (RFC 7507). */
export const emptyRenegotiationInfoScsv = 0x00ff;
export const fallbackScsv = 0x5600;

/**
 * "Endpoints MUST NOT send a "record_size_limit" extension with a value smaller than 64." (RFC 8449, Section 4)
 *
 * @param largest the most that a server may answer; a client may state more, for a version or extension to come.
 */
export function checkRecordSizeLimit(limit: number | undefined, message: string, largest = 0xffff): void {
  if (limit === undefined || (limit >= 64 && limit <= largest)) return;
  throw illegalParameter(
    'ERR_TLS_RECORD_SIZE_LIMIT',
    `${message}: record_size_limit is ${limit}, and ${limit < 64 ? '64 is the least' : `${largest} is the most`}`,
    'RFC 8449, Section 4',
  );
}

/** The most that record_size_limit may say: the largest record of the version (RFC 8449, Section 4). */
export function largestRecordSizeLimit(version: ProtocolVersion): number {
  return version === tls13 ? 2 ** 14 + 1 : 2 ** 14;
}

/** What this side says in record_size_limit in a version. */
export function ownRecordSizeLimit(limit: number | undefined, version: ProtocolVersion): number | undefined {
  return limit === undefined ? undefined : Math.min(limit, largestRecordSizeLimit(version));
}

/** The highest version that both speak; throws `protocol_version` where there is none. */
export function chooseVersion(hello: ClientHello, config: CommonHandshakeConfig): ProtocolVersion {
  // "Any endpoint receiving a Hello message with ClientHello.legacy_version or ServerHello.legacy_version set to 0x0300
  // MUST abort the handshake with a "protocol_version" alert", whatever supported_versions says.
  if (hello.legacyVersion <= 0x0300) {
    throw new PeerError(
      'ERR_TLS_UNSUPPORTED_PROTOCOL',
      'protocolVersion',
      `clientHello: legacy_version is ${versionName(hello.legacyVersion)}`,
      { rfc: 'RFC 9846, Appendix E.5' },
    );
  }
  const offered = offeredVersions(hello);
  for (const version of [tls13, tls12] as const) {
    if (version <= config.maxVersion && version >= config.minVersion && offered.includes(version)) return version;
  }
  throw new PeerError(
    'ERR_TLS_UNSUPPORTED_PROTOCOL',
    'protocolVersion',
    `the client speaks ${offered.map(versionName).join(', ') || 'no known version'}; this server speaks ` +
      `${versionName(config.minVersion)} to ${versionName(config.maxVersion)}`,
    { rfc: 'RFC 9846, Section 4.2.1' },
  );
}

/** The versions of a ClientHello: its supported_versions, or what legacy_version implies. */
export function offeredVersions(hello: ClientHello): readonly number[] {
  const list = hello.extensions.supportedVersions;
  if (list !== undefined) return list;
  // Without the extension TLS 1.3 is not offered, whatever legacy_version says (RFC 9846, Section 4.2.1).
  return hello.legacyVersion >= tls12 ? [tls12] : [hello.legacyVersion];
}

/** The first suite that both have and that `usable` accepts, in the order of the side that decides. */
export function chooseCipherSuite(
  offered: readonly number[],
  config: ServerHandshakeConfig,
  usable: (suite: CipherSuite) => boolean,
): CipherSuite | undefined {
  const [ordered, other] = config.preferServerOrder ? [config.cipherSuites, offered] : [offered, config.cipherSuites];
  for (const code of ordered) {
    if (!other.includes(code)) continue;
    const suite = cipherSuite(code);
    if (suite !== undefined && usable(suite)) return suite;
  }
  return undefined;
}

/** The groups that both have, in the order of the side that decides. */
export function commonGroups(
  offered: readonly number[],
  config: ServerHandshakeConfig,
  version: ProtocolVersion,
): GroupName[] {
  const ours = config.groups.filter((group) => version === tls13 || !isHybrid(group));
  if (config.preferServerOrder) return ours.filter((group) => offered.includes(groupCode(group)));
  return offered.map(groupName).filter((group): group is GroupName => group !== undefined && ours.includes(group));
}

/** Whether a group needs TLS 1.3. */
export function isHybrid(group: GroupName): boolean {
  return group.includes('MLKEM');
}

/** The first scheme of the signer that the peer accepts and that its key can make in this version. */
export function chooseSignatureScheme(
  { keyType, schemes }: Signer,
  accepted: readonly number[],
  version: ProtocolVersion,
): number | undefined {
  return schemes.find((code) => {
    const scheme = signatureScheme(code);
    return scheme !== undefined && schemeFitsKey(scheme, keyType, maxKeyBits, version) && accepted.includes(code);
  });
}

/** A signer lists no scheme that its key is too small for: its size needs no check. */
const maxKeyBits = 16_384;

/**
 * The application protocol: the server's first that the client offers. `undefined` where one side wants none;
 * throws `no_application_protocol` where both want one and none is common (RFC 7301, Section 3.2).
 */
export function chooseAlpn(
  offered: readonly string[] | undefined,
  config: ServerHandshakeConfig,
  serverName: string | undefined,
): string | undefined {
  if (offered === undefined) return undefined;
  if (config.selectAlpn === undefined && config.alpnProtocols.length === 0) return undefined;
  const chosen =
    config.selectAlpn === undefined
      ? config.alpnProtocols.find((protocol) => offered.includes(protocol))
      : config.selectAlpn(offered, serverName);
  if (chosen !== undefined && offered.includes(chosen)) return chosen;
  throw new PeerError(
    'ERR_TLS_NO_APPLICATION_PROTOCOL',
    'noApplicationProtocol',
    `no common application protocol: the client offers ${shownNames(offered)}; this server has ` +
      `${config.alpnProtocols.join(', ') || 'its own choice'}`,
    { rfc: 'RFC 7301, Section 3.2' },
  );
}

/** A peer's names for a message that may end in a log: a few, and without what would break a line. */
function shownNames(names: readonly string[]): string {
  const shown = names.slice(0, 8).map((name) => (/^[\x21-\x7e]+$/.test(name) ? name : JSON.stringify(name)));
  return names.length > shown.length ? `${shown.join(', ')}, …` : shown.join(', ');
}

/**
 * The default answer to `selectCredential`: of the credentials whose key can make a signature that the peer accepts,
 * one for the server name and from a wanted authority before one for the name alone, before any other.
 */
export function chooseCredential(query: CredentialQuery): Credential | undefined {
  let best: Credential | undefined;
  let bestRank = -1;
  for (const credential of query.credentials) {
    if (!fitsKey(credential, query)) continue;
    const rank = 2 * nameRank(credential, query.serverName) + issuerRank(credential, query.certificateAuthorities);
    if (rank > bestRank) {
      best = credential;
      bestRank = rank;
    }
  }
  return best;
}

function fitsKey(credential: Credential, query: CredentialQuery): boolean {
  const { signer } = credential;
  if (!query.certificateTypes.includes(certificateTypeOf(credential))) return false;
  const { delegation } = credential;
  if (delegation !== undefined) {
    const now = query.config?.now() ?? 0;
    if (delegation.role !== query.role) return false;
    if (!takesDelegation(delegation, query.delegatedSchemes, query.signatureSchemes, now)) return false;
  }
  if (credential.mustMatchIssuer && issuerRank(credential, query.certificateAuthorities) === 0) return false;
  if (query.authentication !== undefined && !query.authentication.includes(authenticationOf(credential))) return false;
  if (query.staticRsa && signer.keyType === 'rsa' && signer.decryptRaw !== undefined) return true;
  // A TLS 1.2 client lists the curves that it takes in certificates with those for the key exchange (RFC 8422, 5.1.1).
  const curve = curveOf[signer.keyType];
  if (query.version === tls12 && query.role === 'server' && curve !== undefined && !query.groups.includes(curve)) {
    return false;
  }
  return delegation !== undefined || chooseSignatureScheme(signer, query.signatureSchemes, query.version) !== undefined;
}

/** The group with the curve of an ECDSA key. */
export const curveOf: Partial<Record<KeyType, GroupName>> = { p256: 'secp256r1', p384: 'secp384r1', p521: 'secp521r1' };

/** The kind of TLS 1.2 cipher suite that a key serves (RFC 8422, Section 5.10 counts EdDSA as ECDSA). */
export function authenticationOf(credential: Credential): 'ecdsa' | 'rsa' {
  return credential.signer.keyType === 'rsa' || credential.signer.keyType === 'rsaPss' ? 'rsa' : 'ecdsa';
}

function nameRank(credential: Credential, serverName: string | undefined): number {
  if (serverName === undefined || credential.serverNames === undefined) return 1;
  const name = serverName.toLowerCase();
  const wildcard = `*${name.slice(name.indexOf('.'))}`;
  return credential.serverNames.some((own) => own === name || (name.includes('.') && own === wildcard)) ? 2 : 0;
}

function issuerRank(credential: Credential, authorities: readonly Uint8Array[]): number {
  if (authorities.length === 0 || credential.issuers === undefined) return 0;
  const wanted = (issuer: Uint8Array) =>
    authorities.some((name) => name.length === issuer.length && name.every((byte, i) => byte === issuer[i]));
  return credential.issuers.some(wanted) ? 1 : 0;
}
