import type { CipherSuite } from '../crypto/cipher-suites.ts';
import { groupName } from '../crypto/named-groups.ts';
import type { GroupName } from '../crypto/provider.ts';
import type { PskBinding } from '../session/psk-importer.ts';
import type { SessionState } from '../session/state.ts';
import type { HandshakeMessage } from '../wire/handshake-type.ts';
import { type ProtocolVersion, tls12 } from '../wire/versions.ts';
import type { Flow } from './flow.ts';

/** How a connection came about. */
export type Resumption = 'none' | 'sessionId' | 'ticket' | 'psk' | 'externalPsk';

/** What a handshake agreed on. */
export interface Agreement {
  readonly version: ProtocolVersion;
  readonly suite: CipherSuite;
  /** The key exchange group, in TLS 1.2 resumption that of the full handshake; absent in static RSA and psk_ke. */
  readonly group: GroupName | undefined;
  /** The scheme of this side's handshake signature, and of the peer's. */
  readonly signatureScheme: number | undefined;
  readonly peerSignatureScheme: number | undefined;
  readonly serverName: string | undefined;
  readonly alpnProtocol: string | undefined;
  readonly resumption: Resumption;
  readonly extendedMasterSecret: boolean;
  readonly earlyData: 'none' | 'accepted' | 'rejected';
  readonly helloRetryRequest: boolean;
  /** Whether the ClientHello that counted came encrypted (RFC 9849), and not merely from a client-facing server. */
  readonly echAccepted: boolean;
  /** DER, the peer's own certificate first; kept over a resumption. */
  readonly peerCertificates: readonly Uint8Array[];
  /** SubjectPublicKeyInfo of the peer's raw public key, where it showed that; kept over a resumption. */
  readonly peerRawPublicKey: Uint8Array | undefined;
  /** Server: whether it showed a raw public key itself; kept over a resumption. */
  readonly ownRawPublicKey: boolean;
  /** The external PSK that authenticated both sides, where one did; kept over a resumption. */
  readonly psk: PskBinding | undefined;
  /** When the peer's verified chain expires, in milliseconds since 1970; kept over a resumption. */
  readonly peerNotAfter: number | undefined;
  readonly ocspResponse: Uint8Array | undefined;
  readonly scts: readonly Uint8Array[] | undefined;
  /** The session ID of TLS 1.2, or the legacy one of TLS 1.3. */
  readonly sessionId: Uint8Array;
}

/** What a resumption of TLS 1.2 agrees on: the rest is the session's. */
export function resumedAgreement(
  state: SessionState,
  now: Pick<Agreement, 'suite' | 'serverName' | 'alpnProtocol' | 'resumption' | 'ocspResponse' | 'scts' | 'sessionId'>,
): Agreement {
  const { group, peerSignatureScheme, extendedMasterSecret, peerCertificates, peerNotAfter } = state;
  return {
    version: tls12,
    suite: now.suite,
    group: groupName(group),
    signatureScheme: undefined,
    peerSignatureScheme: peerSignatureScheme || undefined,
    serverName: now.serverName,
    alpnProtocol: now.alpnProtocol,
    resumption: now.resumption,
    extendedMasterSecret,
    earlyData: 'none',
    helloRetryRequest: false,
    echAccepted: false,
    peerCertificates,
    peerRawPublicKey: state.peerRawPublicKey,
    ownRawPublicKey: state.ownRawPublicKey,
    psk: state.psk,
    peerNotAfter,
    ocspResponse: now.ocspResponse,
    scts: now.scts,
    sessionId: now.sessionId,
  };
}

/** What post-handshake authentication proved. */
export type LatePeer = Pick<Agreement, 'peerCertificates' | 'peerRawPublicKey'>;

/** A finished handshake: what was agreed, and what can still happen on the connection. */
export interface Established {
  readonly agreement: Agreement;
  /** Keying material for a program (RFC 9846, Section 7.5; RFC 5705). */
  exportKeyingMaterial(length: number, label: string, context: Uint8Array | undefined): Uint8Array;
  /** Flows that are due now, and keep nobody waiting: the server's tickets. Whoever runs them takes them out. */
  readonly due: Flow<void>[];
  /** A message that came after the handshake: a flow that handles it. Throws where it may not come. */
  receive(message: HandshakeMessage): Flow<void>;
  /** Moves this side's keys on (TLS 1.3 KeyUpdate). Throws in TLS 1.2. */
  updateKeys(requestPeer: boolean): void;
  /** Server, TLS 1.3: asks for a client certificate. */
  requestClientCertificate(): Flow<void>;
  /** What post-handshake authentication proved, when it came later. */
  latePeer(): LatePeer | undefined;
  /** Zeroizes the secrets. */
  destroy(): void;
}
