import type { Agreement, Established } from '../handshake/result.ts';

/** What a handshake agreed on, and what the peer has proved since. */
export interface ConnectionInfo extends Omit<Agreement, 'suite' | 'peerNotAfter' | 'ownRawPublicKey' | 'psk'> {
  /** The IANA code, and name, of the cipher suite. */
  readonly cipherSuite: number;
  readonly cipherSuiteName: string;
  readonly resumed: boolean;
  /** The identity of the external PSK that authenticated both sides, where one did; kept over a resumption. */
  readonly pskIdentity: Uint8Array | undefined;
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
    pskIdentity: agreement.psk?.identity,
    ocspResponse: agreement.ocspResponse,
    scts: agreement.scts,
    sessionId: agreement.sessionId,
  };
}
