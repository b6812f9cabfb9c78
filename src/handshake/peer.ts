import { noBytes } from '../bytes/bytes.ts';
import type { PublicKey } from '../crypto/provider.ts';
import { schemeFitsKey, signatureScheme } from '../crypto/signature-schemes.ts';
import { CertificateError, illegalParameter, PeerError } from '../errors.ts';
import { type Certificate, parseCertificate } from '../pki/certificate.ts';
import { keyUsageBits } from '../pki/extensions.ts';
import type { ClientSession } from '../session/client-session.ts';
import type { ProtocolVersion } from '../wire/versions.ts';
import { tls13 } from '../wire/versions.ts';
import type { ClientHandshakeConfig } from './config.ts';
import type { HandshakeContext } from './context.ts';
import { type Flow, request } from './flow.ts';

/** What the peer showed to prove who it is. Trust in it is decided by the host ({@link verifyPeer}). */
export interface PeerIdentity {
  readonly chain: readonly Uint8Array[];
  readonly publicKey: PublicKey;
  readonly leaf: Certificate;
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
  return { chain, publicKey, leaf, ocspResponse, scts };
}

function parseLeaf(der: Uint8Array): Certificate {
  try {
    // Read for its key and what the key may be used for; how strict to be with the rest is the host's decision.
    return parseCertificate(der, { leniencies: ['serialNumber', 'names', 'extensions', 'times', 'keyUsage'] });
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
  const offered = context.config.signatureSchemes.includes(code);
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
export function requireKeyUsage(leaf: Certificate, usage: 'digitalSignature' | 'keyEncipherment'): void {
  const { keyUsage } = leaf.decoded;
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
  const { chain, ocspResponse, scts } = peer;
  const echRejected = role === 'server' && (config as ClientHandshakeConfig).echRejected;
  const peerCertificates = { role, version, chain, serverName, echRejected, ocspResponse, scts, config };
  const verified = yield* request('verifyPeer', peerCertificates);
  return verified?.notAfter;
}

/** Asks the host again about the chain of a session that goes on, where the client is configured to. */
export function* verifyResumed(
  { config }: HandshakeContext<ClientHandshakeConfig>,
  session: ClientSession,
): Flow<void> {
  if (!config.verifyResumed) return;
  const { state, ocspResponse, scts } = session;
  const { version, peerCertificates: chain } = state;
  const serverName = config.verifyName;
  yield* request('verifyPeer', { role: 'server', version, chain, serverName, ocspResponse, scts, config });
}
