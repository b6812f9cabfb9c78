import { constantTimeEqual, noBytes } from '../bytes/bytes.ts';
import type { CipherSuite } from '../crypto/cipher-suites.ts';
import { illegalParameter, PeerError } from '../errors.ts';
import { type CertificateRequest13, decodeCertificateRequest13 } from '../wire/certificate-request.ts';
import type { CertificateType } from '../wire/certificate-type.ts';
import { decodeEncryptedExtensions, type EncryptedExtensions } from '../wire/encrypted-extensions.ts';
import { extensionTypes } from '../wire/extension-type.ts';
import type { HandshakeMessage } from '../wire/handshake-type.ts';
import type { ServerHelloOutline } from '../wire/server-hello.ts';
import { tls13 } from '../wire/versions.ts';
import {
  checkFinished,
  entryExtensions,
  type ProvenIdentity,
  readCertificate,
  schemeFor,
  sendCertificate,
  sendCertificateVerify,
} from './authentication13.ts';
import { clientTypeOf, serverTypeOf } from './certificate-types.ts';
import { type ClientContext, checkAlpn, checkCipherSuite, checkSolicited, type Offer } from './client.ts';
import { retry } from './client-retry13.ts';
import type { ClientHandshakeConfig, Credential } from './config.ts';
import { decide, type MessageContext, sendMessage, untilEnd, untilFailure } from './context.ts';
import { noSchemes } from './delegated-credential.ts';
import { refuseRejectedEch, requestClientCredential } from './ech-client.ts';
import { expectMessage, type Flow } from './flow.ts';
import { handshakeSecretsWithoutPsk } from './key-schedule.ts';
import { applicationKeys, handshakeKeys, logApplicationSecrets, logHandshakeSecrets } from './keys13.ts';
import { checkRecordSizeLimit, largestRecordSizeLimit } from './negotiate.ts';
import { verifyPeer, verifyResumed } from './peer.ts';
import { establishClient13 } from './post-handshake-client.ts';
import type { OfferedPsk } from './psk-client.ts';
import type { Agreement, Established } from './result.ts';
import { checkFields, decodeSolicited, finishKeyExchange, selectedPsk } from './server-hello13.ts';
import type { Transcript } from './transcript.ts';

/**
 * The client's side of TLS 1.3 from the ServerHello on (RFC 9846, Section 2, Figure 1):
 *
 *     ClientHello            -------->
 *                                        ServerHello, {EncryptedExtensions}, {CertificateRequest*},
 *                            <--------   {Certificate*}, {CertificateVerify*}, {Finished}
 *     (EndOfEarlyData*), {Certificate*}, {CertificateVerify*}, {Finished}
 *                            -------->
 */
export function* clientHandshake13(
  context: ClientContext,
  transcript: Transcript,
  firstOffer: Offer,
  firstMessage: HandshakeMessage,
  firstOutline: ServerHelloOutline,
): Flow<Established> {
  const { config, crypto, output } = context;
  checkFields(firstOffer, firstOutline);
  const suite = checkCipherSuite(firstOffer, firstOutline.cipherSuite, tls13);
  const retried = firstOutline.isHelloRetryRequest;
  const { offer, message } = retried
    ? yield* retry(context, transcript, firstOffer, firstMessage, suite)
    : { offer: firstOffer, message: firstMessage };

  const serverHello = decodeSolicited(message, offer);
  if (serverHello.cipherSuite !== suite.code) {
    throw illegalParameter(
      'ERR_TLS_CIPHER_SUITE',
      'serverHello: the cipher suite is not the one of the helloRetryRequest',
      'RFC 9846, Section 4.1.4',
    );
  }
  const psk = selectedPsk(offer, serverHello, suite);
  if (psk === undefined) noteMiss(context, firstOffer);
  decide(context, 'cipherSuite', suite.name, 'the server chose it');
  const { secret, group } = finishKeyExchange(context, offer, serverHello, psk);
  transcript.add(message.raw);
  for (const other of offer.psks) if (other !== psk) other.early.destroy();
  const helloHash = transcript.hash(suite.hash);
  const secrets = untilEnd(
    context,
    psk?.early.handshakeSecrets(secret, helloHash) ?? handshakeSecretsWithoutPsk(crypto, suite.hash, secret, helloHash),
  );
  logHandshakeSecrets(context, offer.hello.random, secrets);
  output.setReadKeys(handshakeKeys(suite, 'server', secrets));
  const offeredEarlyData = firstOffer.hello.extensions.earlyData === true;
  const startHandshakeKeys = () => {
    // Middlebox compatibility goes with a session ID (RFC 9846, Appendix E.4).
    if (offer.hello.legacySessionId.length > 0) output.sendChangeCipherSpec();
    output.setWriteKeys(handshakeKeys(suite, 'client', secrets));
  };
  // The server reads under handshake keys now, also alerts about what follows; early data goes on until it answers.
  if (!offeredEarlyData || retried) startHandshakeKeys();

  const answer = yield* readEncryptedExtensions(context, transcript, offer);
  const earlyData = readEarlyDataAnswer(context, offeredEarlyData, answer, offer, psk, suite);
  if (earlyData === 'rejected' && !retried) {
    output.endEarlyData(false);
    startHandshakeKeys();
  }

  const clientType = clientTypeOf(offer.hello, answer.extensions.clientCertificateType);
  const { certificateRequest, server } = yield* readServerAuthentication(context, transcript, suite, psk, answer);
  const expected = secrets.serverFinished(transcript.hash(suite.hash));
  const finished = yield* expectMessage('finished');
  checkFinished(finished.body, expected);
  transcript.add(finished.raw);
  const peerNotAfter = server && (yield* verifyPeer(context, 'server', tls13, server, config.verifyName));
  if (psk?.session !== undefined) yield* verifyResumed(context, psk.session);

  const application = untilFailure(context, secrets.applicationSecrets(transcript.hash(suite.hash)));
  logApplicationSecrets(context, offer.hello.random, application);
  if (earlyData === 'accepted') {
    sendMessage(context, transcript, 'endOfEarlyData', noBytes);
    output.endEarlyData(true);
    output.setWriteKeys(handshakeKeys(suite, 'client', secrets));
  }
  const scheme =
    certificateRequest && (yield* sendClientAuthentication(context, transcript, suite, certificateRequest, clientType));
  sendMessage(context, transcript, 'finished', secrets.clientFinished(transcript.hash(suite.hash)));
  output.setReadKeys(applicationKeys(suite, 'server', application));
  output.setWriteKeys(applicationKeys(suite, 'client', application));
  secrets.destroy();
  refuseRejectedEch(context, answer.extensions.encryptedClientHello);

  const agreement: Agreement = {
    version: tls13,
    suite,
    group,
    signatureScheme: scheme,
    peerSignatureScheme: server?.signatureScheme ?? (psk?.session?.state.peerSignatureScheme || undefined),
    serverName: config.serverName,
    alpnProtocol: answer.extensions.alpn,
    resumption: psk === undefined ? 'none' : psk.kind === 'res' ? 'psk' : 'externalPsk',
    extendedMasterSecret: true,
    earlyData,
    helloRetryRequest: retried,
    echAccepted: offer.ech !== undefined,
    peerCertificates: server?.chain ?? psk?.session?.state.peerCertificates ?? [],
    peerRawPublicKey: server === undefined ? psk?.session?.state.peerRawPublicKey : server.rawPublicKey,
    ownRawPublicKey: false,
    psk: psk?.psk,
    peerNotAfter: peerNotAfter ?? psk?.session?.state.peerNotAfter,
    ocspResponse: server?.ocspResponse ?? psk?.session?.ocspResponse,
    scts: server?.scts ?? psk?.session?.scts,
    sessionId: offer.hello.legacySessionId,
  };
  return establishClient13(context, agreement, application, transcript, psk?.session, clientType);
}

/** The server goes on without what it was offered. It does not say why. */
function noteMiss(context: ClientContext, { psks, session12 }: Offer): void {
  if (psks.length > 0) decide(context, 'resumption', 'miss', 'the server took none of the PSKs that were offered');
  else if (session12 !== undefined) {
    decide(context, 'resumption', 'miss', 'the session is of TLS 1.2, and the server chose 1.3');
  }
}

function* readEncryptedExtensions(
  context: ClientContext,
  transcript: Transcript,
  offer: Offer,
): Flow<EncryptedExtensions> {
  const message = yield* expectMessage('encryptedExtensions');
  transcript.add(message.raw);
  const answer = decodeEncryptedExtensions(message.body);
  checkSolicited(offer, answer.extensionOrder, 'encryptedExtensions', [extensionTypes.supportedGroups]);
  checkAlpn(offer, answer.extensions.alpn);
  const limit = answer.extensions.recordSizeLimit;
  if (limit !== undefined) {
    checkRecordSizeLimit(limit, 'encryptedExtensions', largestRecordSizeLimit(tls13));
    context.output.setRecordSizeLimits(limit, context.config.recordSizeLimit);
  }
  return answer;
}

function readEarlyDataAnswer(
  context: ClientContext,
  offered: boolean,
  { extensions }: EncryptedExtensions,
  offer: Offer,
  psk: OfferedPsk | undefined,
  suite: CipherSuite,
): 'none' | 'accepted' | 'rejected' {
  if (!offered) return 'none';
  if (!extensions.earlyData) {
    decide(context, 'earlyData', 'rejected', 'the server did not take it');
    return 'rejected';
  }
  const refuse = (code: `ERR_TLS_${string}`, what: string) =>
    illegalParameter(code, `encryptedExtensions: early data accepted, but ${what}`, 'RFC 9846, Section 4.2.10');
  if (psk === undefined || psk !== offer.psks[0]) throw refuse('ERR_TLS_EARLY_DATA_PSK', 'not with the first PSK');
  const state = psk.session?.state;
  if (state?.cipherSuite !== suite.code) throw refuse('ERR_TLS_EARLY_DATA_CIPHER', 'under another cipher suite');
  if (state.alpnProtocol !== extensions.alpn)
    throw refuse('ERR_TLS_EARLY_DATA_ALPN', 'for another application protocol');
  decide(context, 'earlyData', 'accepted', 'the server took it');
  return 'accepted';
}

/** CertificateRequest*, Certificate and CertificateVerify; none of them where a PSK authenticates the server. */
function* readServerAuthentication(
  context: ClientContext,
  transcript: Transcript,
  suite: CipherSuite,
  psk: OfferedPsk | undefined,
  { extensions }: EncryptedExtensions,
): Flow<{ certificateRequest: CertificateRequest13 | undefined; server: ProvenIdentity | undefined }> {
  if (psk !== undefined) {
    decide(context, 'resumption', psk.kind === 'res' ? 'psk' : 'externalPsk', 'the server took the PSK');
    return { certificateRequest: undefined, server: undefined };
  }
  const { config } = context;
  const type = serverTypeOf(config, extensions.serverCertificateType);
  const compressible = config.certificateCompression.length > 0;
  let message = yield* compressible
    ? expectMessage('certificateRequest', 'certificate', 'compressedCertificate')
    : expectMessage('certificateRequest', 'certificate');
  let certificateRequest: CertificateRequest13 | undefined;
  if (message.type === 'certificateRequest') {
    certificateRequest = readCertificateRequest(message, noBytes);
    transcript.add(message.raw);
    message = yield* compressible
      ? expectMessage('certificate', 'compressedCertificate')
      : expectMessage('certificate');
  }
  const allowed = entryExtensions(config.requestOcsp, config.requestScts);
  const server = yield* readCertificate(context, transcript, suite.hash, 'server', type, allowed, message);
  if (server !== undefined) return { certificateRequest, server };
  // "If the server supplies an empty Certificate message, the client MUST abort the handshake with a "decode_error"
  // alert." (RFC 9846, Section 4.4.2.4)
  throw new PeerError('ERR_TLS_NO_SERVER_CERTIFICATE', 'decodeError', 'certificate: the server shows no certificate', {
    rfc: 'RFC 9846, Section 4.4.2.4',
  });
}

/** Reads a CertificateRequest, in the handshake (with an empty context) or after it. */
export function readCertificateRequest(
  message: HandshakeMessage,
  expectedContext: Uint8Array | undefined,
): CertificateRequest13 {
  const certificateRequest = decodeCertificateRequest13(message.body);
  const { certificateRequestContext, extensions } = certificateRequest;
  if (expectedContext !== undefined && !constantTimeEqual(certificateRequestContext, expectedContext)) {
    throw new PeerError(
      'ERR_TLS_CERTIFICATE_CONTEXT',
      'decodeError',
      'certificateRequest: certificate_request_context is not empty in the handshake',
      { rfc: 'RFC 9846, Section 4.3.2' },
    );
  }
  if (extensions.signatureAlgorithms === undefined) {
    throw new PeerError(
      'ERR_TLS_MISSING_EXTENSION',
      'missingExtension',
      'certificateRequest: the extension signature_algorithms is missing',
      { rfc: 'RFC 9846, Section 4.3.2' },
    );
  }
  return certificateRequest;
}

/** Certificate, and CertificateVerify where there is a credential to show. Returns the scheme of the signature. */
export function* sendClientAuthentication(
  context: MessageContext<ClientHandshakeConfig>,
  transcript: Transcript,
  suite: CipherSuite,
  { extensions, certificateRequestContext }: CertificateRequest13,
  type: CertificateType,
): Flow<number | undefined> {
  const signatureSchemes = extensions.signatureAlgorithms ?? [];
  const delegatedSchemes = extensions.delegatedCredential ?? noSchemes;
  const credential: Credential | undefined = yield* requestClientCredential(context.config, {
    role: 'client',
    version: tls13,
    serverName: context.config.serverName,
    signatureSchemes,
    certificateSignatureSchemes: extensions.signatureAlgorithmsCert ?? signatureSchemes,
    certificateTypes: [type],
    delegatedSchemes,
    groups: context.config.groups,
    certificateAuthorities: extensions.certificateAuthorities ?? [],
    credentials: context.config.credentials,
    config: context.config,
  });
  const wishes = {
    ocsp: extensions.statusRequest !== undefined,
    scts: extensions.signedCertificateTimestamp !== undefined,
    compression: extensions.compressCertificate ?? [],
  };
  const scheme = credential && schemeFor(context, credential, signatureSchemes, delegatedSchemes);
  sendCertificate(context, transcript, credential, wishes, certificateRequestContext);
  decide(
    context,
    'clientCertificate',
    credential === undefined ? 'none' : (credential.identity ?? credential.signer.keyType),
    credential === undefined ? 'no credential fits the request' : 'fits the request',
  );
  if (credential === undefined || scheme === undefined) return undefined;
  yield* sendCertificateVerify(context, transcript, suite.hash, 'client', credential, scheme);
  return scheme;
}
