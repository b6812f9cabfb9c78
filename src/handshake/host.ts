import type { GroupName, TranscriptHash } from '../crypto/provider.ts';
import type { MissReason } from '../session/miss-reason.ts';
import type { ExternalPsk } from '../session/psk-importer.ts';
import type { EarlyDataAnswer } from '../session/resumption-request.ts';
import type { SessionState } from '../session/state.ts';
import type { CertificateType } from '../wire/certificate-type.ts';
import type { ProtocolVersion } from '../wire/versions.ts';
import type {
  ClientHandshakeConfig,
  CommonHandshakeConfig,
  Credential,
  ServerHandshakeConfig,
  Signer,
} from './config.ts';

/**
 * Every point at which a handshake may wait for its host, as one table: what is asked, and what is answered.
 * A line here is the only way to add an asynchronous point.
 */
export interface HostRequests {
  /** The configuration for a server name, before anything else is negotiated and before any ticket is opened. */
  selectConfig: { input: ClientHelloInfo; answer: ServerHandshakeConfig | undefined };
  /** The certificate chain and key to show; `undefined` where none fits. */
  selectCredential: { input: CredentialQuery; answer: Credential | undefined };
  /** A signature by the credential's key. */
  sign: { input: { signer: Signer; scheme: number; data: Uint8Array }; answer: Uint8Array };
  /** Raw RSA (static RSA key exchange): the block with its padding, `undefined` where there is none. */
  decryptPremaster: { input: { signer: Signer; ciphertext: Uint8Array }; answer: Uint8Array | undefined };
  /** Whether the peer's chain or key is to be trusted. A host refuses by failing with a `CertificateError`. */
  verifyPeer: { input: PeerCertificates; answer: VerifiedPeer | undefined };
  /** The state of a TLS 1.2 session by its ID. */
  lookupSession: { input: { sessionId: Uint8Array; binding: SessionBinding }; answer: SessionLookup };
  /** Keeps a TLS 1.2 session under its ID; `false` where it could not be kept in time. */
  storeSession: { input: { sessionId: Uint8Array; state: SessionState } & InForce; answer: boolean };
  /** Opens a ticket of TLS 1.2 (RFC 5077). */
  openTicket: { input: { ticket: Uint8Array; binding: SessionBinding }; answer: SessionLookup };
  /** Seals a session into a ticket; `undefined` where none can be given now. */
  sealTicket: { input: { state: SessionState } & InForce; answer: SealedTicket | undefined };
  /**
   * The PSK of an identity: a ticket of TLS 1.3, or an external PSK (RFC 9846, Section 4.2.11; RFC 9258); in TLS 1.2 an
   * external PSK (RFC 4279).
   */
  lookupPsk: { input: { identity: Uint8Array; binding: SessionBinding }; answer: PskLookup };
  /** Client, TLS 1.2: the PSK to use with this server; `undefined` where there is none, which ends the handshake. */
  selectPsk: { input: PskQuery; answer: ChosenPsk | undefined };
  /** Whether 0-RTT may be taken: once a ticket, and only inside the freshness window (RFC 9846, Section 8). */
  claimEarlyData: { input: EarlyDataClaim; answer: EarlyDataAnswer };
}

/** One request with its input. */
export type HostRequest = {
  [K in keyof HostRequests]: { readonly name: K; readonly input: HostRequests[K]['input'] };
}[keyof HostRequests];

/** The configuration that `selectConfig` chose, where it chose another one: the host answers by its rules. */
export interface InForce {
  config?: CommonHandshakeConfig;
}

/** What a ClientHello says, for the choice of a configuration. */
export interface ClientHelloInfo {
  serverName: string | undefined;
  alpnProtocols: readonly string[];
  cipherSuites: readonly number[];
  groups: readonly number[];
  signatureSchemes: readonly number[];
  supportedVersions: readonly number[];
  /** The whole message with its header. */
  raw: Uint8Array;
}

/** What a credential must fit. */
export interface CredentialQuery extends InForce {
  role: 'server' | 'client';
  version: ProtocolVersion;
  serverName: string | undefined;
  /** SignatureScheme codes that the peer accepts in a handshake signature. */
  signatureSchemes: readonly number[];
  /** SignatureScheme codes that the peer accepts in certificates. */
  certificateSignatureSchemes: readonly number[];
  /** SignatureScheme codes of delegated credentials that the peer takes (RFC 9345); empty in TLS 1.2. */
  delegatedSchemes: readonly number[];
  /** What may be shown: certificates, raw public keys. */
  certificateTypes: readonly CertificateType[];
  /** TLS 1.2: the kinds of key that a common cipher suite can use. */
  authentication?: readonly ('ecdsa' | 'rsa')[];
  /** TLS 1.2 server: whether a common suite encrypts to an RSA key instead of having it sign (static RSA). */
  staticRsa?: boolean;
  /** Groups that the peer supports; in TLS 1.2 they bound the curves of ECDSA certificates, too. */
  groups: readonly GroupName[];
  /** Distinguished names (DER) of authorities that the peer trusts; empty where it says nothing. */
  certificateAuthorities: readonly Uint8Array[];
  /** The credentials of the configuration in force. */
  credentials: readonly Credential[];
}

/** What a peer showed of itself. */
export interface PeerCertificates extends InForce {
  /** The peer's role. */
  role: 'server' | 'client';
  /** DER, the peer's own certificate first; empty where it showed a raw public key. */
  chain: readonly Uint8Array[];
  /**
   * SubjectPublicKeyInfo (DER) of a raw public key (RFC 7250). The peer has proven that it has the private key; nobody
   * vouches for whose key it is: a host that knows it says so in its answer.
   */
  rawPublicKey: Uint8Array | undefined;
  /** The name that the client asked for; after a rejection of Encrypted Client Hello the public name. */
  serverName: string | undefined;
  /** Whether the server has refused the encrypted ClientHello: all that it can prove is the public name. */
  echRejected?: boolean;
  ocspResponse: Uint8Array | undefined;
  scts: readonly Uint8Array[] | undefined;
  version: ProtocolVersion;
}

/** What a session is bound to: compared with what it was made under (DESIGN: the policy digest). */
export interface SessionBinding {
  version: ProtocolVersion;
  serverName: string | undefined;
  config: ServerHandshakeConfig;
  /** The hash of the cipher suite, for a PSK; in TLS 1.3 `undefined` where there are common suites of each hash. */
  cipherHash?: TranscriptHash | undefined;
  /** TLS 1.2: the suites that the client offers and this server allows. */
  cipherSuites?: readonly number[];
  /** TLS 1.2: whether this handshake uses the extended master secret. */
  extendedMasterSecret?: boolean;
  /** What else this handshake asks of a session: so that what is counted as found is what it goes on with. */
  misfit?: (state: SessionState) => MissReason | undefined;
}

/** What the host knows of a peer that it trusts. */
export interface VerifiedPeer {
  /** When the first certificate of the verified chain expires, in milliseconds since 1970. */
  notAfter?: number;
  /** A raw public key was shown, and the host knows it. Without this word the key is refused. */
  rawPublicKey?: 'known';
}

/** A session, or why there is none. Its secret belongs to the handshake, which wipes it once it is used. */
export type SessionLookup =
  | { state: SessionState /** TLS 1.2: a fresh ticket is due. */; renew?: boolean }
  | { miss: string };

/** A ticket, and for how many seconds it will be opened. */
export interface SealedTicket {
  ticket: Uint8Array;
  lifetime: number;
}

/**
 * A PSK with what its binder needs, or why there is none. `state` for resumption PSKs only. The key of one (`res`)
 * belongs to the handshake, which wipes it once it is used.
 */
export type PskLookup =
  | { key: Uint8Array; hash: TranscriptHash; kind: 'res' | 'ext' | 'imp'; state?: SessionState | undefined }
  | { miss: string };

/** What a server of TLS 1.2 says for the choice of a PSK. */
export interface PskQuery {
  /**
   * What the server gave to help with the choice (RFC 4279, Section 5.2). Without an agreement on what it means clients "MUST
   * ignore" it.
   */
  identityHint: Uint8Array | undefined;
  /** The hash of the cipher suite, by which its keys are derived. */
  hash: TranscriptHash;
  config: ClientHandshakeConfig;
}

/** Identity and key. The key belongs to the host. */
export type ChosenPsk = Pick<ExternalPsk, 'identity' | 'secret'>;

export interface EarlyDataClaim {
  identity: Uint8Array;
  state: SessionState;
  /** As the client sent it (RFC 9846, Section 4.2.11.1). */
  obfuscatedTicketAge: number;
  binding: SessionBinding;
  alpnProtocol: string | undefined;
}
