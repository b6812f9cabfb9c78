import { noBytes } from '../bytes/bytes.ts';
import type { PublicKey } from '../crypto/provider.ts';
import { schemeFitsKey, signatureScheme } from '../crypto/signature-schemes.ts';
import { CertificateError, illegalParameter, PeerError, TlsError } from '../errors.ts';
import { allLeniencies, type Certificate, parseCertificate } from '../pki/certificate.ts';
import { keyUsageBits } from '../pki/extensions.ts';
import type { ClientSession } from '../session/client-session.ts';
import type { ProtocolVersion } from '../wire/versions.ts';
import { tls13 } from '../wire/versions.ts';
import type { ClientHandshakeConfig } from './config.ts';
import type { HandshakeContext } from './context.ts';
import type { PeerDelegation } from './delegated-credential.ts';
import { type Flow, request } from './flow.ts';
import type { VerifiedPeer } from './host.ts';

/** What the peer showed to prove who it is. Trust in it is decided by the host ({@link verifyPeer}). */
export interface PeerIdentity {
  readonly chain: readonly Uint8Array[];
  readonly publicKey: PublicKey;
  /** The first certificate of the chain; absent where the key was shown without one. */
  readonly leaf: Certificate | undefined;
  /** SubjectPublicKeyInfo of a raw public key. */
  readonly rawPublicKey: Uint8Array | undefined;
  /** Where `publicKey` is not the certificate's own, but one that it lets speak (RFC 9345). */
  readonly delegation: PeerDelegation | undefined;
  readonly ocspResponse: Uint8Array | undefined;
  readonly scts: readonly Uint8Array[] | undefined;
}

/** Reads the key out of the first certificate of a chain. */
export function readPeerIdentity(
  context: HandshakeContext,
  chain: readonly Uint8Array[],
  ocspResponse?: Uint8Array,
  scts?: readonly Uint8Array[],
): PeerIdentity {
  const leaf = parseLeaf(chain[0] ?? noBytes);
  const publicKey = context.crypto.importPublicKey(leaf.spki);
  return { chain, publicKey, leaf, rawPublicKey: undefined, delegation: undefined, ocspResponse, scts };
}

/** Reads a raw public key (RFC 7250, Section 3). */
export function readRawPublicKey(context: HandshakeContext, spki: Uint8Array): PeerIdentity {
  let publicKey: PublicKey;
  try {
    publicKey = context.crypto.importPublicKey(spki);
  } catch (cause) {
    if (cause instanceof TlsError && cause.alert === 'unsupportedCertificate') throw cause;
    throw new CertificateError(
      'ERR_TLS_RAW_PUBLIC_KEY',
      'decodeError',
      "the peer's raw public key does not parse; it must be a SubjectPublicKeyInfo in DER",
      { cause, phase: 'certificate', rfc: 'RFC 7250, Section 3' },
    );
  }
  return {
    chain: [],
    publicKey,
    leaf: undefined,
    rawPublicKey: spki,
    delegation: undefined,
    ocspResponse: undefined,
    scts: undefined,
  };
}

function parseLeaf(der: Uint8Array): Certificate {
  try {
    // Read for its key and what the key may be used for; how strict to be with the rest is the host's decision.
    return parseCertificate(der, { leniencies: allLeniencies });
  } catch (cause) {
    throw new CertificateError(
      'ERR_TLS_CERTIFICATE_PARSE',
      'decodeError',
      "the peer's certificate does not parse; it must be DER as in RFC 5280",
      { cause, phase: 'certificate', rfc: 'RFC 5280, Section 4.1' },
    );
  }
}

/**
 * Checks the scheme of a handshake signature: one that this side offered, that the version allows and that fits the
 * key; then the signature itself.
 */
export function verifySignature(
  context: HandshakeContext,
  version: ProtocolVersion,
  peer: PeerIdentity,
  code: number,
  data: Uint8Array,
  signature: Uint8Array,
  message: string,
): void {
  const scheme = signatureScheme(code);
  const { type, bits } = peer.publicKey;
  const offered =
    peer.delegation === undefined ? context.config.signatureSchemes.includes(code) : code === peer.delegation.scheme;
  const fits = scheme !== undefined && schemeFitsKey(scheme, type, bits, version);
  if (!offered || !fits) {
    throw illegalParameter(
      'ERR_TLS_SIGNATURE_SCHEME',
      `${message}: the signature scheme ${scheme?.name ?? `0x${code.toString(16)}`} ` +
        (offered ? `does not fit a key of type ${type}` : 'was not offered'),
      version === tls13 ? 'RFC 9846, Section 4.4.3' : 'RFC 5246, Section 7.4.1.4.1',
    );
  }
  requireKeyUsage(peer.leaf, 'digitalSignature');
  if (!peer.publicKey.verify(scheme.algorithm, data, signature)) {
    throw new PeerError('ERR_TLS_SIGNATURE', 'decryptError', `${message}: the signature does not verify`, {
      phase: message,
      rfc: version === tls13 ? 'RFC 9846, Section 4.4.3' : 'RFC 5246, Section 7.4.3',
    });
  }
}

/** A certificate with a key usage extension may be used for nothing else (RFC 5280, Section 4.2.1.3). */
export function requireKeyUsage(leaf: Certificate | undefined, usage: 'digitalSignature' | 'keyEncipherment'): void {
  const keyUsage = leaf?.decoded.keyUsage;
  if (keyUsage === undefined || (keyUsage & keyUsageBits[usage]) !== 0) return;
  throw new CertificateError(
    'ERR_TLS_KEY_USAGE',
    'illegalParameter',
    `the peer's certificate has a key usage extension without ${usage}, which this handshake needs`,
    { phase: 'certificate', rfc: 'RFC 5280, Section 4.2.1.3' },
  );
}

/** Asks the host whether the peer is to be trusted, and returns when its chain expires. */
export function* verifyPeer(
  { config }: HandshakeContext,
  role: 'server' | 'client',
  version: ProtocolVersion,
  peer: PeerIdentity,
  serverName: string | undefined,
): Flow<number | undefined> {
  const { chain, rawPublicKey, ocspResponse, scts } = peer;
  const echRejected = role === 'server' && (config as ClientHandshakeConfig).echRejected;
  const shown = { role, version, chain, rawPublicKey, serverName, echRejected, ocspResponse, scts, config };
  const verified = yield* request('verifyPeer', shown);
  if (rawPublicKey !== undefined) requireKnown(role, verified);
  const { delegation } = peer;
  if (delegation === undefined) return verified?.notAfter;
  // A session ends with the credential that it was made with.
  return Math.min(delegation.notAfter, verified?.notAfter ?? Number.POSITIVE_INFINITY);
}

/** A raw public key says nothing of whose it is: unless the host knows it, there is no authentication. */
function requireKnown(role: 'server' | 'client', verified: VerifiedPeer | undefined): void {
  if (verified?.rawPublicKey === 'known') return;
  throw new CertificateError(
    'ERR_TLS_RAW_PUBLIC_KEY_UNKNOWN',
    'certificateUnknown',
    `the ${role} shows a raw public key, and nothing here says that it is known: give its pin, or have \`verifyPeer\` ` +
      "answer { rawPublicKey: 'known' }",
    { phase: 'certificate', rfc: 'RFC 7250, Section 6' },
  );
}

/**
 * Asks the host again about the chain of a session that goes on, where the client is configured to; about a raw public
 * key always, for nothing else ends the trust in one.
 */
export function* verifyResumed(
  { config }: HandshakeContext<ClientHandshakeConfig>,
  session: ClientSession,
): Flow<void> {
  const { state, ocspResponse, scts } = session;
  if (!config.verifyResumed && state.peerRawPublicKey === undefined) return;
  const { version, peerCertificates: chain, peerRawPublicKey: rawPublicKey } = state;
  const serverName = config.verifyName;
  const shown = { role: 'server', version, chain, rawPublicKey, serverName, ocspResponse, scts, config } as const;
  const verified = yield* request('verifyPeer', shown);
  if (rawPublicKey !== undefined) requireKnown('server', verified);
}
