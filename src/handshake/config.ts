import type { CryptoProvider, GroupName, KeyType, TranscriptHash } from '../crypto/provider.ts';
import type { ClientSession } from '../session/client-session.ts';
import type { MissReason, ResumptionKind } from '../session/miss-reason.ts';
import type { ExternalPsk } from '../session/psk-importer.ts';
import type { CertificateType } from '../wire/certificate-type.ts';
import type { ProtocolVersion } from '../wire/versions.ts';
import type { EchTarget } from './ech-client.ts';
import type { EchServerKeys } from './ech-keys.ts';
import type { TraceEvent } from './trace.ts';

/** A private key, wherever it lives. */
export interface Signer {
  readonly keyType: KeyType;
  /** SignatureScheme codes that the key can make, best first. */
  readonly schemes: readonly number[];
  /** Signs `data` (not its hash). An answer may come later: a key in a KMS or an HSM. */
  sign(scheme: number, data: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Raw RSA without unpadding, for static RSA key exchange (opt-in). */
  decryptRaw?(ciphertext: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>;
}

/** A certificate chain with its key, or a key that is shown bare. */
export interface Credential {
  /** DER, the end-entity certificate first; empty where the key is shown bare. */
  readonly chain: readonly Uint8Array[];
  /** The signer's key is not the certificate's own, which lets it speak (RFC 9345); shown to peers that take that. */
  readonly delegation?: Delegation;
  /** SubjectPublicKeyInfo (DER) of a key that is shown without a certificate (RFC 7250), to peers that take that. */
  readonly rawPublicKey?: Uint8Array;
  readonly signer: Signer;
  /** DER of a stapled OCSP response. */
  readonly ocspResponse?: Uint8Array;
  /** SerializedSCTs (RFC 6962, Section 3.3). */
  readonly scts?: readonly Uint8Array[];
  /** Lower-case DNS names that the certificate is for, wildcards included; without it the credential fits any. */
  readonly serverNames?: readonly string[];
  /** Names (DER) of the issuers in the chain, for certificate_authorities. */
  readonly issuers?: readonly Uint8Array[];
  /** Whether the credential is shown only to a peer that names one of `issuers` in certificate_authorities. */
  readonly mustMatchIssuer?: boolean;
  /** Name of the credential set; survives the renewal of the certificate (DESIGN, Section 4). */
  readonly identity?: string;
}

/** A delegated credential of this side: `delegatedCredential()` makes it. */
export interface Delegation {
  /** As it goes out (RFC 9345, Section 4). */
  readonly credential: Uint8Array;
  /** Which side it is for. */
  readonly role: 'server' | 'client';
  /** The one SignatureScheme that the delegated key signs with. */
  readonly scheme: number;
  /** The SignatureScheme that the certificate's key has signed it with. */
  readonly algorithm: number;
  /** When it ends, in milliseconds since 1970. */
  readonly notAfter: number;
}

/** One algorithm for certificate compression (RFC 8879), injected by the host. */
export interface CertificateCompression {
  readonly algorithm: number;
  compress?(certificate: Uint8Array): Uint8Array;
  /** Decompresses to exactly `length` bytes; throws where it would be another length. */
  decompress(compressed: Uint8Array, length: number): Uint8Array;
}

/** Explicit bounds on what a peer may make this side hold or do. */
export interface Limits {
  /** Bytes of one handshake message. */
  handshakeMessage: number;
  /** Certificates in a chain. */
  certificateChain: number;
  /** Handshake messages in a handshake. */
  handshakeMessages: number;
  /** Alerts of warning level in a row. */
  warningAlerts: number;
  /** KeyUpdate messages without application data between them. */
  keyUpdates: number;
  /** Bytes of the transport that may wait while the host answers. */
  pendingInput: number;
  /** Bytes of early data that are skipped after a rejection. */
  skippedEarlyData: number;
  /** PSK identities of one ClientHello that are looked at. */
  pskIdentities: number;
}

export interface CommonHandshakeConfig {
  readonly crypto: CryptoProvider;
  readonly random: (size: number) => Uint8Array;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly minVersion: ProtocolVersion;
  readonly maxVersion: ProtocolVersion;
  /** Cipher suite codes of both versions, best first. */
  readonly cipherSuites: readonly number[];
  readonly groups: readonly GroupName[];
  /** SignatureScheme codes accepted from the peer, best first. */
  readonly signatureSchemes: readonly number[];
  /** SignatureScheme codes accepted in certificates, where they differ from `signatureSchemes`. */
  readonly certificateSignatureSchemes: readonly number[] | undefined;
  /** SignatureScheme codes of delegated credentials that are taken from the peer (RFC 9345); none takes none. */
  readonly delegatedCredentialSchemes: readonly number[];
  readonly alpnProtocols: readonly string[];
  /** The largest plaintext record that this side takes, in bytes, for record_size_limit; `undefined` says nothing. */
  readonly recordSizeLimit: number | undefined;
  /** The most content, in bytes, that this side puts into one record; `undefined` is the most that TLS allows. */
  readonly maxSendFragment: number | undefined;
  readonly certificateCompression: readonly CertificateCompression[];
  readonly encryptThenMac: boolean;
  /**
   * RFC 8701: random reserved values, which the peer has to ignore, in a client's ClientHello, and in CertificateRequest and
   * NewSessionTicket of a TLS 1.3 server.
   */
  readonly grease: boolean;
  readonly requireExtendedMasterSecret: boolean;
  /** Whether TLS 1.2 sessions without the extended master secret are resumed (RFC 7627, Section 5.3: SHOULD NOT). */
  readonly resumeWithoutExtendedMasterSecret: boolean;
  readonly limits: Limits;
  readonly trace: ((event: TraceEvent) => void) | undefined;
  /** Receives NSS key log lines (RFC 9850). */
  readonly keyLog: ((line: string) => void) | undefined;
}

export interface ServerHandshakeConfig extends CommonHandshakeConfig {
  readonly credentials: readonly Credential[];
  /** Whether a client certificate is asked for, and whether the handshake fails without one. */
  readonly clientCertificate: 'none' | 'request' | 'require';
  /** What clients may show, best first: certificates, raw public keys (RFC 7250). */
  readonly clientCertificateTypes: readonly CertificateType[];
  /** Names (DER) of the authorities for client certificates, as a hint to the client. */
  readonly certificateAuthorities: readonly Uint8Array[];
  /** Whether the server's order of suites and groups decides, or the client's. */
  readonly preferServerOrder: boolean;
  /** Chooses the application protocol instead of the first common one; `undefined` refuses. */
  readonly selectAlpn: ((offered: readonly string[], serverName: string | undefined) => string | undefined) | undefined;
  /** Whether a HelloRetryRequest carries a cookie that the client must echo. */
  readonly retryCookie: boolean;
  /** The keys for encrypted ClientHellos; `undefined` where there are none. */
  readonly ech: EchServerKeys | undefined;
  /** External PSKs; `undefined` where none are taken. */
  readonly psk: ServerPsk | undefined;
  /** Resumption by the server's kinds of session; all off where the host keeps none. */
  readonly resumption: ServerResumption;
}

/** How a server of TLS 1.2 deals with external PSKs (RFC 4279). */
export interface ServerPsk {
  /** Sent to the client; empty for none. */
  readonly identityHint: Uint8Array;
  /** What comes of an identity that is not known: it fails like a wrong key, or with an alert of its own. */
  readonly unknownIdentity: 'hide' | 'alert';
}

export interface ServerResumption {
  /** TLS 1.2 by session ID. */
  readonly sessionId: boolean;
  /** TLS 1.2 by ticket (RFC 5077). */
  readonly ticket: boolean;
  /** TLS 1.3 by PSK. */
  readonly psk: boolean;
  /** TLS 1.3 tickets after a full handshake, and after a resumption. */
  readonly ticketCount: number;
  readonly ticketCountResumed: number;
  /** The most that a client gets which asks for a number (RFC 9149). */
  readonly maxTickets: number;
  /** Seconds, from the first full authentication; at most 604,800. */
  readonly lifetime: number;
  /** Bytes of 0-RTT data that a ticket allows; 0 refuses early data. */
  readonly maxEarlyData: number;
  /** Whether psk_ke (without key exchange) is taken; off by default: it has no forward secrecy. */
  readonly allowPskOnly: boolean;
  /** Forgets a stored TLS 1.2 session, now or soon; throws never. */
  readonly forgetSession: (sessionId: Uint8Array) => void;
  /** Counts a session that was offered and can't even be looked for; throws never. */
  readonly missed: (kind: ResumptionKind, reason: MissReason) => void;
  /** Digest of the policy that sessions are bound to (session/policy.ts). */
  readonly policyDigest: (connection: PolicyInput) => Uint8Array;
}

/** The part of a session's policy that each connection settles for itself. */
export interface PolicyInput {
  readonly serverName: string | undefined;
  readonly version: ProtocolVersion;
  readonly cipherHash: TranscriptHash;
  readonly extendedMasterSecret: boolean;
  /** Of the external PSK that authenticated both sides, where one did. */
  readonly pskIdentity?: Uint8Array | undefined;
}

export interface ClientHandshakeConfig extends CommonHandshakeConfig {
  /** The host name for server_name; absent for IP addresses (RFC 6066, Section 3). */
  readonly serverName: string | undefined;
  /** The name that the server's certificate must have; a DNS name or an IP address. */
  readonly verifyName: string | undefined;
  readonly credentials: readonly Credential[];
  /** What the server may show, best first: a certificate, a raw public key (RFC 7250). */
  readonly serverCertificateTypes: readonly CertificateType[];
  /** What this client can show, best first; `undefined` goes by its credentials. */
  readonly clientCertificateTypes: readonly CertificateType[] | undefined;
  /** The groups for which a share is sent in the first ClientHello. */
  readonly keyShares: readonly GroupName[];
  readonly requestOcsp: boolean;
  readonly requestScts: boolean;
  /** Whether extensions are sent in a random order. */
  readonly permuteExtensions: boolean;
  /** The server to encrypt the ClientHello to (RFC 9849); `undefined` sends it in clear. */
  readonly ech: EchTarget | undefined;
  /** Whether a ClientHello in clear pretends to hold another one (RFC 9849, Section 6.2.1). */
  readonly echGrease: boolean;
  /** Set by the handshake itself, once the server has refused the encrypted ClientHello. */
  readonly echRejected: boolean;
  /** Bytes to pad a ClientHello in clear to (RFC 7685); 0 for none. */
  readonly padClientHelloTo: number;
  /** TLS_FALLBACK_SCSV: this connection retries one that failed with a higher version (RFC 7507). */
  readonly fallback: boolean;
  readonly postHandshakeAuth: boolean;
  readonly certificateAuthorities: readonly Uint8Array[];
  /** Sessions to offer: several PSKs of TLS 1.3, or one session of TLS 1.2. */
  readonly sessions: readonly ClientSession[];
  /** PSKs that were agreed on outside TLS, of both versions: each says which it serves. */
  readonly externalPsks: readonly ExternalPsk[];
  readonly earlyData: boolean;
  readonly ticketRequest: { newSessionCount: number; resumptionCount: number } | undefined;
  /** Whether NewSessionTicket and session IDs are asked for and kept. */
  readonly resumption: boolean;
  /** Whether the host verifies the server's chain again in a resumption, from the session; trust may have changed. */
  readonly verifyResumed: boolean;
  /**
   * Whether a TLS 1.2 server must say that its renegotiations are safe (RFC 5746). One that does not may take this handshake
   * for the continuation of somebody else's.
   */
  readonly requireSecureRenegotiation: boolean;
  /** Whether psk_ke is offered beside psk_dhe_ke. */
  readonly allowPskOnly: boolean;
}
