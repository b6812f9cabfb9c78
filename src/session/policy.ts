import { fromText, noBytes } from '../bytes/bytes.ts';
import { check, fields, object, text, whole } from '../bytes/check.ts';
import { Writer } from '../bytes/writer.ts';
import type { CryptoProvider, TranscriptHash } from '../crypto/provider.ts';
import { cryptography } from './check-options.ts';

/** What a server asks of its clients' certificates. */
export interface ClientAuthPolicy {
  readonly mode: 'none' | 'request' | 'require';
  /** A digest of the trust anchors and the rules they are applied with; any length, empty for `none`. */
  readonly anchorsDigest?: Uint8Array | undefined;
  /** Where raw public keys are taken, a digest of which, and of what is preferred; any length. */
  readonly rawPublicKeys?: Uint8Array | undefined;
}

/** What a session is bound to. Two connections with equal policies may share a session; no others may. */
export interface SessionPolicy {
  /** The name that the client asked for (SNI), compared without regard to case or a final dot. */
  readonly serverName?: string | undefined;
  /**
   * The configured identity of the credential set, not a fingerprint of a certificate: it has to outlive the renewal
   * of the certificates. E.g. `www` or the name of the virtual host.
   */
  readonly credentialIdentity: string;
  readonly clientAuth: ClientAuthPolicy;
  readonly version: 0x0303 | 0x0304;
  /** The hash of the cipher suite (the PRF hash in TLS 1.2). */
  readonly cipherHash: TranscriptHash;
  /** TLS 1.2 only (RFC 7627); always true in TLS 1.3. */
  readonly extendedMasterSecret?: boolean | undefined;
  /** The identity of the external PSK that authenticated both sides, where one did. */
  readonly pskIdentity?: Uint8Array | undefined;
  /** Separates customers that share one configuration. */
  readonly tenant?: string | undefined;
}

const code = whole(0, 0xffff);
const label = fromText('handfast session policy 1\0');
const pskLabel = fromText('handfast session policy psk 1\0');

/**
 * SHA-256 over a canonical encoding of the policy: 32 bytes. Every field has a length or a presence mark before it,
 * so that no two policies have the same encoding.
 */
export function policyDigest(crypto: CryptoProvider, policy: SessionPolicy): Uint8Array {
  check(cryptography, crypto, 'policyDigest: crypto');
  check(object, policy, 'policyDigest: policy');
  check(object, policy.clientAuth, 'policyDigest: policy.clientAuth');
  check(text, policy.credentialIdentity, 'policyDigest: policy.credentialIdentity');
  const { mode, anchorsDigest, rawPublicKeys } = policy.clientAuth;
  const writer = new Writer(256);
  // Another label, so that no session by PSK passes for one by certificate.
  if (policy.pskIdentity === undefined) writer.bytes(label);
  else writer.bytes(pskLabel).vector16(policy.pskIdentity);
  writer.u16(policy.version).u8(policy.cipherHash === 'sha384' ? 2 : 1);
  writer.u8(policy.version === 0x0304 || policy.extendedMasterSecret === true ? 1 : 0);
  optional(writer, policy.serverName === undefined ? undefined : fromText(canonicalName(policy.serverName)));
  writer.vector16(fromText(policy.credentialIdentity));
  writer.u8(mode === 'require' ? 2 : mode === 'request' ? 1 : 0);
  // Without client authentication the anchors play no part: a changed CA file must not end those sessions.
  writer.vector16(mode === 'none' ? noBytes : (anchorsDigest ?? noBytes));
  optional(writer, policy.tenant === undefined ? undefined : fromText(policy.tenant));
  // Nothing where none are taken: such sessions stay as they were.
  if (mode !== 'none' && rawPublicKeys !== undefined) writer.vector16(rawPublicKeys);
  return crypto.hash('sha256', writer.finish());
}

/** What early data is bound to, besides the policy of its session: RFC 9846, Section 4.2.10. */
export interface EarlyDataBinding {
  readonly alpnProtocol?: string | undefined;
  readonly cipherSuite: number;
  readonly serverName?: string | undefined;
  /** Anything else that the application read out of the old connection and relies on, e.g. HTTP/2 settings. */
  readonly application?: Uint8Array | undefined;
}

/** A digest (32 bytes) of what has to be equal for early data to be accepted; kept in the session state. */
export function earlyDataContext(crypto: CryptoProvider, binding: EarlyDataBinding): Uint8Array {
  check(cryptography, crypto, 'earlyDataContext: crypto');
  check(code, fields(binding, 'earlyDataContext: binding')['cipherSuite'], 'earlyDataContext: binding.cipherSuite');
  const writer = new Writer(128).bytes(fromText('handfast early data 1\0')).u16(binding.cipherSuite);
  optional(writer, binding.alpnProtocol === undefined ? undefined : fromText(binding.alpnProtocol));
  optional(writer, binding.serverName === undefined ? undefined : fromText(canonicalName(binding.serverName)));
  writer.vector16(binding.application ?? noBytes);
  return crypto.hash('sha256', writer.finish());
}

/** A host name in lower case without its final dot. */
export function canonicalName(name: string): string {
  check(text, name, 'canonicalName: name');
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

function optional(writer: Writer, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) writer.u8(0);
  else writer.u8(1).vector16(bytes);
}
