import type { GroupName } from '../crypto/provider.ts';
import type { Established, Resumption } from '../handshake/result.ts';
import type { ProtocolVersion } from '../wire/versions.ts';

/** What a handshake agreed on. */
export interface ConnectionInfo {
  readonly version: ProtocolVersion;
  /** The IANA code, and name, of the cipher suite. */
  readonly cipherSuite: number;
  readonly cipherSuiteName: string;
  readonly group: GroupName | undefined;
  /** SignatureScheme codes of this side's and of the peer's handshake signature. */
  readonly signatureScheme: number | undefined;
  readonly peerSignatureScheme: number | undefined;
  readonly serverName: string | undefined;
  readonly alpnProtocol: string | undefined;
  readonly resumed: boolean;
  readonly resumption: Resumption;
  readonly extendedMasterSecret: boolean;
  readonly earlyData: 'none' | 'accepted' | 'rejected';
  readonly helloRetryRequest: boolean;
  /** Whether the ClientHello that counted came encrypted (RFC 9849). */
  readonly echAccepted: boolean;
  /** DER, the peer's own certificate first. */
  readonly peerCertificates: readonly Uint8Array[];
  /** SubjectPublicKeyInfo (DER) of the peer's raw public key (RFC 7250), where it showed that and no certificate. */
  readonly peerRawPublicKey: Uint8Array | undefined;
  readonly ocspResponse: Uint8Array | undefined;
  readonly scts: readonly Uint8Array[] | undefined;
  readonly sessionId: Uint8Array;
}

/** What a finished handshake tells a program. */
export function connectionInfo(established: Established): ConnectionInfo {
  const { agreement } = established;
  const { suite, resumption } = agreement;
  const { peerCertificates, peerRawPublicKey } = established.latePeer() ?? agreement;
  return {
    version: agreement.version,
    cipherSuite: suite.code,
    cipherSuiteName: suite.name,
    group: agreement.group,
    signatureScheme: agreement.signatureScheme,
    peerSignatureScheme: agreement.peerSignatureScheme,
    serverName: agreement.serverName,
    alpnProtocol: agreement.alpnProtocol,
    resumed: resumption !== 'none' && resumption !== 'externalPsk',
    resumption,
    extendedMasterSecret: agreement.extendedMasterSecret,
    earlyData: agreement.earlyData,
    helloRetryRequest: agreement.helloRetryRequest,
    echAccepted: agreement.echAccepted,
    peerCertificates,
    peerRawPublicKey,
    ocspResponse: agreement.ocspResponse,
    scts: agreement.scts,
    sessionId: agreement.sessionId,
  };
}
