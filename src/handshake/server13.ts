import { noBytes, zeroize } from '../bytes/bytes.ts';
import type { CipherSuite } from '../crypto/cipher-suites.ts';
import { groupCode } from '../crypto/named-groups.ts';
import type { GroupName } from '../crypto/provider.ts';
import { PeerError } from '../errors.ts';
import type { SessionState } from '../session/state.ts';
import { certificateRequestExtensions, encodeCertificateRequest13 } from '../wire/certificate-request.ts';
import type { CertificateType } from '../wire/certificate-type.ts';
import { type EncryptedExtensions, encodeEncryptedExtensions } from '../wire/encrypted-extensions.ts';
import { extensionTypes } from '../wire/extension-type.ts';
import { encodeServerHello13 } from '../wire/server-hello.ts';
import { tls12, tls13 } from '../wire/versions.ts';
import {
  type CertificateWishes,
  checkFinished,
  entryExtensions,
  type ProvenIdentity,
  readCertificate,
  schemeFor,
  sendCertificate,
  sendCertificateVerify,
} from './authentication13.ts';
import {
  answeredClientType,
  answeredServerType,
  certificateTypeOf,
  refuseTypes,
  sessionTypeOf,
  typeForClient,
  typesForServer,
} from './certificate-types.ts';
import { agreeOnShare, checkClientHello, missingExtension } from './client-hello13.ts';
import type { Credential } from './config.ts';
import { decide, logSecret, sendMessage, untilEnd, untilFailure } from './context.ts';
import { noSchemes } from './delegated-credential.ts';
import { confirmServerHello } from './ech-server.ts';
import { expectMessage, type Flow, request } from './flow.ts';
import { greased, greaseExtension, greaseValue } from './grease.ts';
import { handshakeSecretsWithoutPsk } from './key-schedule.ts';
import { applicationKeys, earlyKeys, handshakeKeys, logApplicationSecrets, logHandshakeSecrets } from './keys13.ts';
import { chooseAlpn, chooseCipherSuite, commonGroups, ownRecordSizeLimit } from './negotiate.ts';
import { verifyPeer } from './peer.ts';
import { EstablishedServer13, ticketCount } from './post-handshake-server.ts';
import { type SelectedPsk, selectPsk } from './psk-server.ts';
import type { Agreement, Established } from './result.ts';
import type { ReceivedClientHello, ServerContext } from './server.ts';
import { Transcript } from './transcript.ts';

/**
 * The server's side of TLS 1.3 (RFC 9846, Section 2, Figure 1):
 *
 *     ClientHello            -------->
 *                                        ServerHello, {EncryptedExtensions}, {CertificateRequest*},
 *                            <--------   {Certificate*}, {CertificateVerify*}, {Finished}
 *     (EndOfEarlyData*), {Certificate*}, {CertificateVerify*}, {Finished}
 *                            -------->
 */
export function* serverHandshake13(context: ServerContext, first: ReceivedClientHello): Flow<Established> {
  const { config, crypto, output } = context;
  checkClientHello(first);
  const transcript = new Transcript(crypto);
  const preferred = selectCipherSuite(context, first);
  const groups = commonGroups(first.hello.extensions.supportedGroups ?? [], config, tls13);
  const group = selectGroup(context, first, groups);
  const { received, retried } = yield* agreeOnShare(context, transcript, first, preferred, group);
  const { hello, message, ech } = received;

  const psk = yield* selectPsk(context, transcript, received, preferred, retried);
  const suite = psk?.suite ?? preferred;
  const useGroup = psk?.keyExchange === 'psk_ke' ? undefined : group;
  // A client that can do psk_ke alone, and no PSK: there would be no secret at all.
  if (psk === undefined && useGroup === undefined) {
    throw missingExtension('key_share', 'RFC 9846, Section 9.2', 'ERR_TLS_MISSING_KEY_SHARE');
  }
  const asksClient = psk === undefined && config.clientCertificate !== 'none';
  const clientType = typeForClient(config, hello, asksClient);
  const alpnProtocol = chooseAlpn(hello.extensions.alpn, config, hello.extensions.serverName);
  const offersEarly = first.hello.extensions.earlyData === true;
  const earlyData = offersEarly ? yield* decideEarlyData(context, hello, psk, alpnProtocol, suite, retried) : 'none';
  const credential = psk === undefined ? yield* selectCredential(context, hello, groups) : undefined;
  const scheme =
    credential &&
    schemeFor(
      context,
      credential,
      hello.extensions.signatureAlgorithms ?? [],
      hello.extensions.delegatedCredential ?? noSchemes,
    );

  transcript.add(message.raw);
  if (earlyData === 'accepted' && psk !== undefined) readEarlyData(context, suite, psk, transcript, hello.random);
  const sharedSecret = sendServerHello(context, transcript, received, suite, useGroup, psk, retried);
  const helloHash = transcript.hash(suite.hash);
  const secrets = untilEnd(
    context,
    psk?.early.handshakeSecrets(sharedSecret, helloHash) ??
      handshakeSecretsWithoutPsk(crypto, suite.hash, sharedSecret, helloHash),
  );
  logHandshakeSecrets(context, hello.random, secrets);
  output.setWriteKeys(handshakeKeys(suite, 'server', secrets));
  if (earlyData !== 'accepted') {
    output.setReadKeys(handshakeKeys(suite, 'client', secrets));
    if (earlyData === 'rejected' && !retried) output.skipEarlyData('trialDecryption');
  }

  const serverType = credential === undefined ? sessionTypeOf(psk?.state) : certificateTypeOf(credential);
  const answers = {
    alpn: alpnProtocol,
    earlyData: earlyData === 'accepted',
    clientCertificateType: answeredClientType(hello, clientType, asksClient),
    serverCertificateType: answeredServerType(hello, serverType),
  };
  sendEncryptedExtensions(context, transcript, received, answers, psk === undefined, psk?.state);
  if (asksClient) sendCertificateRequest(context, transcript);
  if (credential !== undefined && scheme !== undefined) {
    sendCertificate(context, transcript, credential, certificateWishes(hello));
    yield* sendCertificateVerify(context, transcript, suite.hash, 'server', credential, scheme);
  }
  sendMessage(context, transcript, 'finished', secrets.serverFinished(transcript.hash(suite.hash)));
  const application = untilFailure(context, secrets.applicationSecrets(transcript.hash(suite.hash)));
  logApplicationSecrets(context, hello.random, application);
  output.setWriteKeys(applicationKeys(suite, 'server', application));
  output.allowWriting();

  if (earlyData === 'accepted') {
    const end = yield* expectMessage('endOfEarlyData');
    refuseBody('endOfEarlyData', end.body);
    transcript.add(end.raw);
    output.endEarlyData(true);
    output.setReadKeys(handshakeKeys(suite, 'client', secrets));
  }
  const client =
    asksClient && clientType !== undefined
      ? yield* readClientCertificate(context, transcript, suite, clientType)
      : undefined;
  const expected = secrets.clientFinished(transcript.hash(suite.hash));
  const finished = yield* expectMessage('finished');
  checkFinished(finished.body, expected);
  transcript.add(finished.raw);
  output.setReadKeys(applicationKeys(suite, 'client', application));
  secrets.destroy();

  const agreement: Agreement = {
    version: tls13,
    suite,
    group: useGroup,
    signatureScheme: scheme,
    peerSignatureScheme: client?.signatureScheme ?? (psk?.state?.peerSignatureScheme || undefined),
    serverName: hello.extensions.serverName,
    alpnProtocol,
    resumption: psk === undefined ? 'none' : psk.kind === 'res' ? 'psk' : 'externalPsk',
    extendedMasterSecret: true,
    earlyData,
    helloRetryRequest: retried,
    echAccepted: ech?.opened !== undefined,
    peerCertificates: client?.chain ?? psk?.state?.peerCertificates ?? [],
    peerRawPublicKey: client === undefined ? psk?.state?.peerRawPublicKey : client.rawPublicKey,
    ownRawPublicKey: serverType === 'rawPublicKey',
    psk: psk?.psk,
    peerNotAfter: client?.peerNotAfter ?? psk?.state?.peerNotAfter,
    ocspResponse: undefined,
    scts: undefined,
    sessionId: hello.legacySessionId.slice(),
  };
  return new EstablishedServer13(context, agreement, hello, application, transcript, psk?.state, clientType);
}

function selectCipherSuite(context: ServerContext, { hello }: ReceivedClientHello): CipherSuite {
  const suite = chooseCipherSuite(hello.cipherSuites, context.config, ({ version }) => version === tls13);
  if (suite === undefined) {
    throw new PeerError(
      'ERR_TLS_NO_SHARED_CIPHER',
      'handshakeFailure',
      'no common TLS 1.3 cipher suite: the server enables none that the client offers',
      { rfc: 'RFC 9846, Section 4.1.1' },
    );
  }
  decide(
    context,
    'cipherSuite',
    suite.name,
    context.config.preferServerOrder ? "the server's first" : "the client's first",
  );
  return suite;
}

/** The preferred common group that this runtime has; `undefined` where the client can only do psk_ke. */
function selectGroup(
  context: ServerContext,
  { hello }: ReceivedClientHello,
  groups: readonly GroupName[],
): GroupName | undefined {
  const group = groups.find((name) => context.crypto.keyExchange(name) !== undefined);
  if (group !== undefined || hello.extensions.supportedGroups === undefined) return group;
  throw new PeerError(
    'ERR_TLS_NO_SHARED_GROUP',
    'handshakeFailure',
    'no common key exchange group: the server enables none that the client supports',
    { rfc: 'RFC 9846, Section 4.1.1' },
  );
}

function* selectCredential(
  context: ServerContext,
  hello: ReceivedClientHello['hello'],
  groups: readonly GroupName[],
): Flow<Credential> {
  const { extensions } = hello;
  const signatureSchemes = extensions.signatureAlgorithms;
  if (signatureSchemes === undefined) {
    throw missingExtension('signature_algorithms', 'RFC 9846, Section 4.2.3', 'ERR_TLS_NO_SIGNATURE_SCHEME');
  }
  const credential = yield* request('selectCredential', {
    role: 'server',
    version: tls13,
    serverName: extensions.serverName,
    signatureSchemes,
    certificateSignatureSchemes: extensions.signatureAlgorithmsCert ?? signatureSchemes,
    certificateTypes: typesForServer(hello),
    delegatedSchemes: extensions.delegatedCredential ?? noSchemes,
    groups,
    certificateAuthorities: extensions.certificateAuthorities ?? [],
    credentials: context.config.credentials,
    config: context.config,
  });
  if (credential === undefined) {
    refuseTypes(hello, context.config.credentials);
    const none = context.config.credentials.length === 0;
    throw new PeerError(
      none ? 'ERR_TLS_NO_CREDENTIAL' : 'ERR_TLS_NO_SIGNATURE_SCHEME',
      'handshakeFailure',
      none
        ? 'this server has no certificate'
        : 'no certificate fits: no key here makes a signature that the client accepts',
      { rfc: 'RFC 9846, Section 4.4.2.2' },
    );
  }
  decide(
    context,
    'credential',
    credential.identity ?? credential.signer.keyType,
    'fits the name and the signature schemes',
  );
  return credential;
}

/** Early data is taken with the first PSK, unchanged parameters and the host's word that it is no replay. */
function* decideEarlyData(
  context: ServerContext,
  hello: ReceivedClientHello['hello'],
  psk: SelectedPsk | undefined,
  alpnProtocol: string | undefined,
  suite: CipherSuite,
  retried: boolean,
): Flow<'accepted' | 'rejected'> {
  const reject = (reason: string) => {
    decide(context, 'earlyData', 'rejected', reason);
    return 'rejected' as const;
  };
  if (retried) return reject('a HelloRetryRequest was needed');
  if (psk === undefined) return reject('no PSK was selected');
  if (psk.index !== 0) return reject('the selected PSK is not the first');
  if (psk.state === undefined || psk.state.maxEarlyDataSize === 0) return reject('the ticket allows none');
  if (context.config.resumption.maxEarlyData === 0) return reject('the server allows none');
  if (psk.state.cipherSuite !== suite.code) return reject('the cipher suite is another');
  if (psk.state.alpnProtocol !== alpnProtocol) return reject('the application protocol is another');
  const { identity, state, obfuscatedTicketAge } = psk;
  const binding = { version: tls13, serverName: hello.extensions.serverName, config: context.config } as const;
  const claim = { identity, state, obfuscatedTicketAge, binding, alpnProtocol };
  const answer = yield* request('claimEarlyData', claim);
  if (!answer.accepted) return reject(answer.refusal);
  decide(context, 'earlyData', 'accepted', 'first use of a fresh ticket');
  return 'accepted';
}

function readEarlyData(
  context: ServerContext,
  suite: CipherSuite,
  { early, state }: SelectedPsk,
  transcript: Transcript,
  clientRandom: Uint8Array,
): void {
  const { output } = context;
  const secret = early.clientEarlyTrafficSecret(transcript.hash(suite.hash));
  try {
    logSecret(context, 'CLIENT_EARLY_TRAFFIC_SECRET', clientRandom, secret);
    output.setReadKeys(earlyKeys(suite, secret));
  } finally {
    zeroize(secret);
  }
  const exporter = early.earlyExporter(transcript.hash(suite.hash));
  output.beginEarlyData(state?.maxEarlyDataSize ?? 0, exporter);
  logSecret(context, 'EARLY_EXPORTER_SECRET', clientRandom, exporter.secret);
}

/** Sends ServerHello, with the ChangeCipherSpec for middleboxes, and returns the shared secret of the key exchange. */
function sendServerHello(
  context: ServerContext,
  transcript: Transcript,
  { hello, ech }: ReceivedClientHello,
  suite: CipherSuite,
  group: GroupName | undefined,
  psk: SelectedPsk | undefined,
  retried: boolean,
): Uint8Array | undefined {
  const { config, crypto, output } = context;
  const exchange = group === undefined ? undefined : crypto.keyExchange(group);
  const code = group === undefined ? undefined : groupCode(group);
  const clientShare = hello.extensions.keyShare?.find((share) => share.group === code)?.keyExchange;
  if (exchange !== undefined) decide(context, 'group', exchange.group, 'the first common group');
  const answer = clientShare === undefined ? undefined : exchange?.respond(clientShare);
  const keyShare = answer && code !== undefined ? { group: code, keyExchange: answer.share } : undefined;
  const body = encodeServerHello13({
    legacyVersion: tls12,
    random: config.random(32),
    legacySessionIdEcho: hello.legacySessionId,
    cipherSuite: suite.code,
    legacyCompressionMethod: 0,
    extensions: { supportedVersions: tls13, keyShare, preSharedKey: psk?.index },
  });
  if (ech?.accepted) confirmServerHello(crypto, suite.hash, transcript, hello, body);
  try {
    sendMessage(context, transcript, 'serverHello', body);
    if (!retried && hello.legacySessionId.length > 0) output.sendChangeCipherSpec();
  } catch (error) {
    zeroize(answer?.secret);
    throw error;
  }
  return answer?.secret;
}

/** What was agreed on and is told in EncryptedExtensions. */
interface EncryptedAnswers {
  readonly alpn: string | undefined;
  readonly earlyData: boolean;
  readonly clientCertificateType: number | undefined;
  readonly serverCertificateType: number | undefined;
}

function sendEncryptedExtensions(
  context: ServerContext,
  transcript: Transcript,
  { hello, ech }: ReceivedClientHello,
  answers: EncryptedAnswers,
  isFull: boolean,
  resumed: SessionState | undefined,
): void {
  const { config, output } = context;
  const offered = hello.extensions;
  const extensions: EncryptedExtensions['extensions'] = {
    // "When resuming a session, the server MUST NOT include a server_name extension" (RFC 6066, Section 3).
    serverName: offered.serverName !== undefined && isFull ? true : undefined,
    alpn: answers.alpn,
    clientCertificateType: answers.clientCertificateType,
    serverCertificateType: answers.serverCertificateType,
    earlyData: answers.earlyData ? true : undefined,
    encryptedClientHello: ech?.retryConfigs,
    recordSizeLimit: undefined,
    ticketRequest: undefined,
  };
  if (offered.recordSizeLimit !== undefined) {
    extensions.recordSizeLimit = ownRecordSizeLimit(config.recordSizeLimit, tls13);
    output.setRecordSizeLimits(offered.recordSizeLimit, extensions.recordSizeLimit);
  }
  if (offered.ticketRequest !== undefined && config.resumption.psk) {
    extensions.ticketRequest = ticketCount(context, hello, resumed);
  }
  sendMessage(context, transcript, 'encryptedExtensions', encodeEncryptedExtensions({ extensions }));
}

function sendCertificateRequest(context: ServerContext, transcript: Transcript): void {
  sendMessage(context, transcript, 'certificateRequest', certificateRequestBody(context, noBytes));
}

const certificateRequestTypes = Object.keys(certificateRequestExtensions).map(
  (name) => extensionTypes[name as keyof typeof certificateRequestExtensions],
);

/** The CertificateRequest of the handshake, and of post-handshake authentication with its own context. */
export function certificateRequestBody({ config }: ServerContext, certificateRequestContext: Uint8Array): Uint8Array {
  const compression = config.certificateCompression.map(({ algorithm }) => algorithm);
  const grease = config.grease ? greaseExtension(config, certificateRequestTypes) : undefined;
  return encodeCertificateRequest13({
    certificateRequestContext,
    extensionOrder: grease?.extensionOrder,
    otherExtensions: grease?.otherExtensions,
    extensions: {
      signatureAlgorithms: greased(config.signatureSchemes, grease && greaseValue(config.random(1)[0] as number)),
      signatureAlgorithmsCert: config.certificateSignatureSchemes && [...config.certificateSignatureSchemes],
      delegatedCredential:
        config.delegatedCredentialSchemes.length > 0 ? [...config.delegatedCredentialSchemes] : undefined,
      certificateAuthorities: config.certificateAuthorities.length > 0 ? [...config.certificateAuthorities] : undefined,
      compressCertificate: compression.length > 0 ? compression : undefined,
    },
  });
}

function certificateWishes({ extensions }: ReceivedClientHello['hello']): CertificateWishes {
  return {
    ocsp: extensions.statusRequest?.type === 1,
    scts: extensions.signedCertificateTimestamp === true,
    compression: extensions.compressCertificate ?? [],
  };
}

function* readClientCertificate(
  context: ServerContext,
  transcript: Transcript,
  suite: CipherSuite,
  type: CertificateType,
): Flow<(ProvenIdentity & { peerNotAfter: number | undefined }) | undefined> {
  const client = yield* readCertificate(context, transcript, suite.hash, 'client', type, entryExtensions(false, false));
  if (client !== undefined) {
    const peerNotAfter = yield* verifyPeer(context, 'client', tls13, client, undefined);
    decide(context, 'clientCertificate', 'accepted', 'the host trusts it');
    return { ...client, peerNotAfter };
  }
  requireCertificate(context);
  decide(context, 'clientCertificate', 'none', 'the client showed none, and none is required');
  return undefined;
}

/** RFC 9846, Section 4.4.2.4: a server that requires a certificate aborts with certificate_required. */
export function requireCertificate({ config }: ServerContext): void {
  if (config.clientCertificate !== 'require') return;
  throw new PeerError(
    'ERR_TLS_CERTIFICATE_REQUIRED',
    'certificateRequired',
    'the client showed no certificate, and this server requires one',
    { rfc: 'RFC 9846, Section 4.4.2.4' },
  );
}

function refuseBody(message: string, body: Uint8Array): void {
  if (body.length === 0) return;
  throw new PeerError('ERR_TLS_DECODE', 'decodeError', `${message}: it has a body`, { rfc: 'RFC 9846, Section 4.5' });
}
