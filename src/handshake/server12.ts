import { noBytes, zeroize } from '../bytes/bytes.ts';
import type { CipherSuite } from '../crypto/cipher-suites.ts';
import { groupCode } from '../crypto/named-groups.ts';
import type { GroupName } from '../crypto/provider.ts';
import { signatureScheme } from '../crypto/signature-schemes.ts';
import { type SessionState, sessionState } from '../session/state.ts';
import { encodeCertificateRequest12 } from '../wire/certificate-request.ts';
import { encodeCertificateStatus } from '../wire/certificate-status.ts';
import type { CertificateType } from '../wire/certificate-type.ts';
import { decodeCertificateVerify } from '../wire/certificate-verify.ts';
import { decodeClientKeyExchangeEcdhe, decodeClientKeyExchangeRsa } from '../wire/client-key-exchange.ts';
import { encodeNewSessionTicket12 } from '../wire/new-session-ticket.ts';
import { downgradeSentinel12, encodeServerHello12, type ServerHello12 } from '../wire/server-hello.ts';
import { encodeServerEcdhParams, encodeServerKeyExchange } from '../wire/server-key-exchange.ts';
import { tls12, tls13 } from '../wire/versions.ts';
import { checkFinished } from './authentication13.ts';
import {
  answeredClientType,
  answeredServerType,
  certificateTypeOf,
  sessionTypeOf,
  typeForClient,
} from './certificate-types.ts';
import { certificateBody12, readCertificateBody12 } from './certificate12.ts';
import type { Credential } from './config.ts';
import { decide, logSecret, sendMessage, untilEnd, untilFailure } from './context.ts';
import { expectChangeCipherSpec, expectMessage, type Flow, request, requestToKeep } from './flow.ts';
import { checkHelloTerms12 } from './hello-terms12.ts';
import { MasterSecret, masterSecret, type Randoms } from './key-schedule12.ts';
import { chooseAlpn, emptyRenegotiationInfoScsv, ownRecordSizeLimit } from './negotiate.ts';
import { type PeerIdentity, verifyPeer, verifySignature } from './peer.ts';
import { establish12 } from './post-handshake12.ts';
import { type Agreement, type Established, resumedAgreement } from './result.ts';
import { readRsaPremaster } from './rsa-premaster.ts';
import type { ReceivedClientHello, ServerContext } from './server.ts';
import { readPskClientKeyExchange, sendPskServerKeyExchange } from './server-psk12.ts';
import { selectCredential12 } from './server-select12.ts';
import { requireClientCertificate12, resumableSession, type SessionOffer } from './session-server12.ts';
import { Transcript } from './transcript.ts';

/**
 * The server's side of TLS 1.2 (RFC 5246, Section 7.3, Figure 1; RFC 5077, Section 3.1):
 *
 *     ClientHello            -------->
 *                                        ServerHello, Certificate, CertificateStatus*, ServerKeyExchange*,
 *                            <--------   CertificateRequest*, ServerHelloDone
 *     Certificate*, ClientKeyExchange, CertificateVerify*, [ChangeCipherSpec], Finished
 *                            -------->
 *                            <--------   NewSessionTicket*, [ChangeCipherSpec], Finished
 */
export function* serverHandshake12(context: ServerContext, received: ReceivedClientHello): Flow<Established> {
  const { hello, message } = received;
  const terms = readTerms(context, received);
  const transcript = new Transcript(context.crypto);
  transcript.add(message.raw);

  const resumed = yield* resumableSession(context, hello, terms.extendedMasterSecret);
  if ('state' in resumed) return yield* abbreviatedHandshake(context, received, terms, transcript, resumed);

  const { credential, suite, group, scheme } = yield* selectCredential12(context, hello);
  // Who is known by a PSK shows no certificate, and neither side asks for one.
  const asksClient = credential !== undefined && context.config.clientCertificate !== 'none';
  const clientType = asksClient ? typeForClient(context.config, hello, true) : undefined;
  const resumable = terms.extendedMasterSecret || context.config.resumeWithoutExtendedMasterSecret;
  const offersTicket = resumable && context.config.resumption.ticket && hello.extensions.sessionTicket !== undefined;
  const sessionId =
    resumable && !offersTicket && context.config.resumption.sessionId ? context.config.random(32).slice() : noBytes;
  const full = { credential, clientType };
  const serverType = credential && certificateTypeOf(credential);
  const randoms = sendServerHello(context, transcript, hello, terms, suite, sessionId, offersTicket, full, serverType);
  if (credential !== undefined) sendCertificate(context, transcript, terms, credential);
  const exchange = group === undefined ? undefined : context.crypto.keyExchange(group)?.generate();
  if (exchange !== undefined) untilEnd(context, exchange);
  if (credential === undefined) {
    sendPskServerKeyExchange(context, transcript, exchange);
  } else if (exchange !== undefined && scheme !== undefined) {
    yield* sendServerKeyExchange(context, transcript, credential, scheme, randoms, exchange.group, exchange.share);
  }
  if (asksClient) sendCertificateRequest(context, transcript);
  sendMessage(context, transcript, 'serverHelloDone', noBytes);

  const client = clientType === undefined ? undefined : yield* readClientCertificate(context, transcript, clientType);
  const keyExchange = yield* expectMessage('clientKeyExchange');
  const byPsk =
    credential === undefined
      ? yield* readPskClientKeyExchange(context, hello.extensions.serverName, suite, exchange, keyExchange.body)
      : undefined;
  const premaster =
    byPsk?.premaster ??
    exchange?.finish(decodeClientKeyExchangeEcdhe(keyExchange.body)) ??
    (yield* readRsaPremaster(
      context,
      credential as Credential,
      decodeClientKeyExchangeRsa(keyExchange.body),
      hello.legacyVersion,
    ));
  transcript.add(keyExchange.raw);
  const sessionHash = terms.extendedMasterSecret ? transcript.hash(suite.hash) : undefined;
  const secret = masterSecret(context.crypto, suite, premaster, randoms, sessionHash);
  const master = untilFailure(
    context,
    new MasterSecret(context.crypto, suite, secret, randoms, terms.extendedMasterSecret),
  );
  logSecret(context, 'CLIENT_RANDOM', randoms.client, secret);
  const peerScheme = client && (yield* readCertificateVerify(context, transcript, client));
  let peerNotAfter: number | undefined;
  if (client !== undefined) {
    peerNotAfter = yield* verifyPeer(context, 'client', tls12, client, undefined);
    decide(context, 'clientCertificate', 'accepted', 'the host trusts it');
  }

  const keys = untilEnd(context, master.keys(terms.encryptThenMac));
  yield* readFinished(context, transcript, suite, master, keys.client);
  const agreement: Agreement = {
    version: tls12,
    suite,
    group,
    signatureScheme: scheme,
    peerSignatureScheme: peerScheme,
    serverName: hello.extensions.serverName,
    alpnProtocol: terms.alpnProtocol,
    resumption: byPsk === undefined ? 'none' : 'externalPsk',
    extendedMasterSecret: terms.extendedMasterSecret,
    earlyData: 'none',
    helloRetryRequest: false,
    echAccepted: false,
    peerCertificates: client?.chain ?? [],
    peerRawPublicKey: client?.rawPublicKey,
    ownRawPublicKey: credential?.rawPublicKey !== undefined,
    psk: byPsk?.psk,
    peerNotAfter,
    ocspResponse: undefined,
    scts: undefined,
    sessionId,
  };
  if (offersTicket) {
    yield* sendTicket(context, transcript, newState(context, agreement, master, undefined));
  } else if (sessionId.length > 0) {
    const state = newState(context, agreement, master, undefined);
    context.output.onFatalAlert(() => context.config.resumption.forgetSession(sessionId));
    yield* requestToKeep('storeSession', { sessionId, state, config: context.config });
  }
  sendFinished(context, transcript, suite, master, keys.server);
  transcript.drop();
  return establish12(agreement, master);
}

/**
 * Resumption (RFC 5246, Section 7.3, Figure 2; RFC 5077, Figure 2):
 *
 *     ClientHello            -------->
 *                            <--------   ServerHello, NewSessionTicket*, [ChangeCipherSpec], Finished
 *     [ChangeCipherSpec], Finished
 *                            -------->
 */
function* abbreviatedHandshake(
  context: ServerContext,
  { hello }: ReceivedClientHello,
  terms: Terms,
  transcript: Transcript,
  { state, kind, renew, suite }: SessionOffer,
): Flow<Established> {
  const sessionId = hello.legacySessionId.slice();
  const serverType = sessionTypeOf(state);
  let randoms: Randoms;
  try {
    decide(context, 'resumption', kind, 'known, valid and bound to the same policy');
    randoms = sendServerHello(context, transcript, hello, terms, suite, sessionId, renew, undefined, serverType);
  } catch (error) {
    // Bytes behind the ClientHello, or a trace that fails: the session stays good, and its secret may not stay here.
    zeroize(state.secret);
    throw error;
  }
  const secret = state.secret.slice();
  const master = untilFailure(
    context,
    new MasterSecret(context.crypto, suite, secret, randoms, state.extendedMasterSecret),
  );
  zeroize(state.secret);
  logSecret(context, 'CLIENT_RANDOM', randoms.client, secret);
  const keys = untilEnd(context, master.keys(terms.encryptThenMac));
  const agreement = resumedAgreement(state, {
    suite,
    serverName: hello.extensions.serverName,
    alpnProtocol: terms.alpnProtocol,
    resumption: kind,
    ocspResponse: undefined,
    scts: undefined,
    sessionId,
  });
  if (renew) yield* sendTicket(context, transcript, newState(context, agreement, master, state));
  sendFinished(context, transcript, suite, master, keys.server);
  yield* readFinished(context, transcript, suite, master, keys.client);
  // Only from here on: a session ID goes in the clear, and who merely saw it may not end somebody else's session.
  if (kind === 'sessionId') context.output.onFatalAlert(() => context.config.resumption.forgetSession(sessionId));
  transcript.drop();
  return establish12(agreement, master);
}

/** What both hellos settle besides suite and keys. */
interface Terms {
  readonly extendedMasterSecret: boolean;
  readonly secureRenegotiation: boolean;
  readonly encryptThenMac: boolean;
  readonly alpnProtocol: string | undefined;
  readonly ocsp: boolean;
  readonly scts: boolean;
}

function readTerms({ config }: ServerContext, { hello }: ReceivedClientHello): Terms {
  const { extensions } = hello;
  const extendedMasterSecret = checkHelloTerms12(config, extensions, 'clientHello');
  return {
    extendedMasterSecret,
    secureRenegotiation:
      extensions.renegotiationInfo !== undefined || hello.cipherSuites.includes(emptyRenegotiationInfoScsv),
    encryptThenMac: extensions.encryptThenMac === true && config.encryptThenMac,
    alpnProtocol: chooseAlpn(extensions.alpn, config, extensions.serverName),
    ocsp: extensions.statusRequest?.type === 1,
    scts: extensions.signedCertificateTimestamp === true,
  };
}

function sendCertificate(context: ServerContext, transcript: Transcript, terms: Terms, credential: Credential): void {
  sendMessage(context, transcript, 'certificate', certificateBody12(credential));
  if (terms.ocsp && credential.rawPublicKey === undefined && credential.ocspResponse !== undefined) {
    sendMessage(context, transcript, 'certificateStatus', encodeCertificateStatus(credential.ocspResponse));
  }
}

/** What a full handshake says in ServerHello beside the terms. */
interface FullTerms {
  /** `undefined` where a PSK is in the place of it. */
  readonly credential: Credential | undefined;
  /** What the client is asked to show. */
  readonly clientType: CertificateType | undefined;
}

function sendServerHello(
  context: ServerContext,
  transcript: Transcript,
  hello: ReceivedClientHello['hello'],
  terms: Terms,
  suite: CipherSuite,
  sessionId: Uint8Array,
  willSendTicket: boolean,
  full: FullTerms | undefined,
  serverType: CertificateType | undefined,
): Randoms {
  const { config, output } = context;
  const random = config.random(32).slice();
  // A server that speaks TLS 1.3 marks a TLS 1.2 ServerHello (RFC 9846, Section 4.1.3).
  if (config.maxVersion === tls13) random.set(downgradeSentinel12, 24);
  const offered = hello.extensions;
  // Nobody vouches for a raw public key: nothing is stapled to one.
  const certified = full?.credential?.rawPublicKey === undefined ? full?.credential : undefined;
  const extensions: ServerHello12['extensions'] = {
    serverName: full !== undefined && offered.serverName !== undefined ? true : undefined,
    renegotiationInfo: terms.secureRenegotiation ? noBytes : undefined,
    extendedMasterSecret: terms.extendedMasterSecret ? true : undefined,
    ecPointFormats:
      full !== undefined && suite.keyExchange === 'ecdhe' && offered.ecPointFormats !== undefined
        ? Uint8Array.of(0)
        : undefined,
    sessionTicket: willSendTicket ? true : undefined,
    alpn: terms.alpnProtocol,
    statusRequest: terms.ocsp && certified?.ocspResponse !== undefined ? true : undefined,
    signedCertificateTimestamp: terms.scts && certified?.scts?.length ? [...certified.scts] : undefined,
    clientCertificateType: answeredClientType(hello, full?.clientType, full !== undefined),
    serverCertificateType: answeredServerType(hello, serverType),
    encryptThenMac: terms.encryptThenMac && suite.cbc !== undefined ? true : undefined,
    recordSizeLimit: undefined,
  };
  if (offered.recordSizeLimit !== undefined) {
    extensions.recordSizeLimit = ownRecordSizeLimit(config.recordSizeLimit, tls12);
    output.setRecordSizeLimits(offered.recordSizeLimit, extensions.recordSizeLimit);
  }
  const body = encodeServerHello12({
    legacyVersion: tls12,
    random,
    legacySessionIdEcho: sessionId,
    cipherSuite: suite.code,
    legacyCompressionMethod: 0,
    extensions,
  });
  sendMessage(context, transcript, 'serverHello', body);
  decide(
    context,
    'extendedMasterSecret',
    terms.extendedMasterSecret ? 'yes' : 'no',
    terms.extendedMasterSecret ? 'the client offers it' : 'the client does not offer it',
  );
  // Copies: a view would keep the whole ClientHello in memory as long as the connection lives.
  return { client: hello.random.slice(), server: random };
}

function* sendServerKeyExchange(
  context: ServerContext,
  transcript: Transcript,
  { signer }: Credential,
  scheme: number,
  randoms: Randoms,
  groupNameOf: GroupName,
  publicKey: Uint8Array,
): Flow<void> {
  const group = groupCode(groupNameOf);
  const params = encodeServerEcdhParams(group, publicKey);
  const data = new Uint8Array(64 + params.length);
  data.set(randoms.client);
  data.set(randoms.server, 32);
  data.set(params, 64);
  const signature = yield* request('sign', { signer, scheme, data });
  const body = encodeServerKeyExchange({ group, publicKey, algorithm: scheme, signature });
  sendMessage(context, transcript, 'serverKeyExchange', body);
}

function sendCertificateRequest(context: ServerContext, transcript: Transcript): void {
  const { signatureSchemes, certificateAuthorities } = context.config;
  const body = encodeCertificateRequest12({
    certificateTypes: Uint8Array.of(1, 64),
    signatureAlgorithms: signatureSchemes.filter((code) => signatureScheme(code)?.tls12),
    certificateAuthorities: [...certificateAuthorities],
  });
  sendMessage(context, transcript, 'certificateRequest', body);
}

function* readClientCertificate(
  context: ServerContext,
  transcript: Transcript,
  type: CertificateType,
): Flow<PeerIdentity | undefined> {
  const message = yield* expectMessage('certificate');
  transcript.add(message.raw);
  const client = readCertificateBody12(context, message.body, type);
  if (client !== undefined) return client;
  requireClientCertificate12(context);
  decide(context, 'clientCertificate', 'none', 'the client showed none, and none is required');
  return undefined;
}

function* readCertificateVerify(context: ServerContext, transcript: Transcript, client: PeerIdentity): Flow<number> {
  const message = yield* expectMessage('certificateVerify');
  const { algorithm, signature } = decodeCertificateVerify(message.body);
  verifySignature(context, tls12, client, algorithm, transcript.bytes(), signature, 'certificateVerify');
  transcript.add(message.raw);
  return algorithm;
}

function* readFinished(
  context: ServerContext,
  transcript: Transcript,
  suite: CipherSuite,
  master: MasterSecret,
  keys: Parameters<ServerContext['output']['setReadKeys']>[0],
): Flow<void> {
  const expected = master.finished('client', transcript.hash(suite.hash));
  yield* expectChangeCipherSpec();
  context.output.setReadKeys(keys);
  const finished = yield* expectMessage('finished');
  checkFinished(finished.body, expected);
  transcript.add(finished.raw);
}

function sendFinished(
  context: ServerContext,
  transcript: Transcript,
  suite: CipherSuite,
  master: MasterSecret,
  keys: Parameters<ServerContext['output']['setWriteKeys']>[0],
): void {
  context.output.sendChangeCipherSpec();
  context.output.setWriteKeys(keys);
  sendMessage(context, transcript, 'finished', master.finished('server', transcript.hash(suite.hash)));
}

function newState(
  { config }: ServerContext,
  agreement: Agreement,
  master: MasterSecret,
  resumed: SessionState | undefined,
): SessionState {
  const now = config.now();
  const { resumption } = config;
  return sessionState({
    version: tls12,
    cipherSuite: agreement.suite.code,
    secret: master.forSession(),
    policyDigest: resumption.policyDigest({
      serverName: agreement.serverName,
      version: tls12,
      cipherHash: agreement.suite.hash,
      extendedMasterSecret: agreement.extendedMasterSecret,
      pskIdentity: agreement.psk?.identity,
    }),
    createdAt: resumed?.createdAt ?? now,
    issuedAt: now,
    lifetime: resumption.lifetime,
    extendedMasterSecret: agreement.extendedMasterSecret,
    serverName: agreement.serverName,
    alpnProtocol: agreement.alpnProtocol,
    peerCertificates: agreement.peerCertificates,
    peerRawPublicKey: agreement.peerRawPublicKey,
    ownRawPublicKey: agreement.ownRawPublicKey,
    psk: agreement.psk,
    peerNotAfter: resumed?.peerNotAfter ?? agreement.peerNotAfter,
    group: agreement.group === undefined ? 0 : groupCode(agreement.group),
    peerSignatureScheme: agreement.peerSignatureScheme ?? 0,
  });
}

/** NewSessionTicket; an empty one where none can be sealed now (RFC 5077, Section 3.3). */
function* sendTicket(context: ServerContext, transcript: Transcript, state: SessionState): Flow<void> {
  const sealed = yield* requestToKeep('sealTicket', { state, config: context.config });
  const body = encodeNewSessionTicket12({
    ticketLifetimeHint: sealed?.lifetime ?? 0,
    ticket: sealed?.ticket ?? noBytes,
  });
  sendMessage(context, transcript, 'newSessionTicket', body);
}
