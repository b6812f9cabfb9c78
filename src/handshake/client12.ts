import { equal, noBytes } from '../bytes/bytes.ts';
import { type CipherSuite, cipherSuite } from '../crypto/cipher-suites.ts';
import { groupCode, groupName } from '../crypto/named-groups.ts';
import type { GroupName, KeyType } from '../crypto/provider.ts';
import { illegalParameter, PeerError } from '../errors.ts';
import type { ClientSession } from '../session/client-session.ts';
import { maxLifetimeSeconds, sessionState } from '../session/state.ts';
import { type CertificateRequest12, decodeCertificateRequest12 } from '../wire/certificate-request.ts';
import { decodeCertificateStatus } from '../wire/certificate-status.ts';
import type { CertificateType } from '../wire/certificate-type.ts';
import { encodeCertificateVerify } from '../wire/certificate-verify.ts';
import { encodeClientKeyExchangeEcdhe, encodeClientKeyExchangeRsa } from '../wire/client-key-exchange.ts';
import type { HandshakeMessage } from '../wire/handshake-type.ts';
import { decodeNewSessionTicket12, type NewSessionTicket12 } from '../wire/new-session-ticket.ts';
import { decodeServerHello12, type ServerHello12 } from '../wire/server-hello.ts';
import { decodeServerKeyExchange } from '../wire/server-key-exchange.ts';
import { tls12 } from '../wire/versions.ts';
import { checkFinished } from './authentication13.ts';
import { clientTypeOf, serverTypeOf } from './certificate-types.ts';
import { certificateBody12, readCertificateBody12 } from './certificate12.ts';
import { type ClientContext, checkAlpn, checkCipherSuite, checkSolicited, type Offer } from './client.ts';
import type { Signer } from './config.ts';
import { decide, type KeyChange, logSecret, sendMessage, untilFailure } from './context.ts';
import { noSchemes } from './delegated-credential.ts';
import { refuseRejectedEch, requestClientCredential } from './ech-client.ts';
import { expectChangeCipherSpec, expectMessage, type Flow, request, takeMessageIf } from './flow.ts';
import { checkHelloTerms12 } from './hello-terms12.ts';
import { MasterSecret, masterSecret, type Randoms } from './key-schedule12.ts';
import {
  authenticationOf,
  checkRecordSizeLimit,
  chooseSignatureScheme,
  curveOf,
  isHybrid,
  largestRecordSizeLimit,
} from './negotiate.ts';
import { type PeerIdentity, requireKeyUsage, verifyPeer, verifyResumed, verifySignature } from './peer.ts';
import { establish12 } from './post-handshake12.ts';
import { type Agreement, type Established, resumedAgreement } from './result.ts';
import type { Transcript } from './transcript.ts';

/**
 * The client's side of TLS 1.2 from the ServerHello on (RFC 5246, Section 7.3, Figure 1; RFC 5077, Section 3.1):
 *
 *     ClientHello            -------->
 *                                        ServerHello, Certificate, CertificateStatus*, ServerKeyExchange*,
 *                            <--------   CertificateRequest*, ServerHelloDone
 *     Certificate*, ClientKeyExchange, CertificateVerify*, [ChangeCipherSpec], Finished
 *                            -------->
 *                            <--------   NewSessionTicket*, [ChangeCipherSpec], Finished
 */
export function* clientHandshake12(
  context: ClientContext,
  transcript: Transcript,
  offer: Offer,
  message: HandshakeMessage,
): Flow<Established> {
  const { config, crypto } = context;
  transcript.add(message.raw);
  const hello = decodeServerHello12(message.body);
  const terms = readTerms(context, offer, hello);
  const resumed = resumedSession(context, offer, hello, terms);
  if (resumed !== undefined) return yield* abbreviatedHandshake(context, transcript, offer, hello, terms, resumed);
  if (offer.session12 !== undefined) decide(context, 'resumption', 'miss', 'the server did not take the session');

  const { suite, randoms } = terms;
  const serverType = serverTypeOf(config, hello.extensions.serverCertificateType);
  const clientType = clientTypeOf(offer.hello, hello.extensions.clientCertificateType);
  const server = yield* readServerCertificate(context, transcript, terms, serverType);
  const keyExchange =
    suite.keyExchange === 'ecdhe' ? yield* readServerKeyExchange(context, transcript, server, randoms) : undefined;
  if (keyExchange === undefined) requireKeyUsage(server.leaf, 'keyEncipherment');
  const { certificateRequest } = yield* readServerHelloDone(transcript);
  const peerNotAfter = yield* verifyPeer(context, 'server', tls12, server, config.verifyName);

  const credential = certificateRequest && (yield* selectCredential(context, certificateRequest, clientType));
  if (certificateRequest !== undefined) {
    sendMessage(context, transcript, 'certificate', certificateBody12(credential));
  }
  const premaster =
    keyExchange === undefined
      ? sendRsaPremaster(context, transcript, server, offer.hello.legacyVersion)
      : sendEcdhe(context, transcript, keyExchange);
  const sessionHash = terms.extendedMasterSecret ? transcript.hash(suite.hash) : undefined;
  const secret = masterSecret(crypto, suite, premaster, randoms, sessionHash);
  const master = untilFailure(context, new MasterSecret(crypto, suite, secret, randoms, terms.extendedMasterSecret));
  logSecret(context, 'CLIENT_RANDOM', randoms.client, secret);
  let scheme: number | undefined;
  if (credential !== undefined && certificateRequest !== undefined) {
    scheme = schemeFor12(credential.signer, certificateRequest);
    const signature = yield* request('sign', { signer: credential.signer, scheme, data: transcript.bytes().slice() });
    sendMessage(context, transcript, 'certificateVerify', encodeCertificateVerify({ algorithm: scheme, signature }));
  }
  const keys = master.keys(terms.encryptThenMac);
  sendFinished(context, transcript, suite, master, keys.client);
  const ticket = yield* readFinished(context, transcript, suite, master, keys.server, terms.expectsTicket);
  transcript.drop();

  const agreement: Agreement = {
    version: tls12,
    suite,
    group: keyExchange?.group,
    signatureScheme: scheme,
    peerSignatureScheme: keyExchange?.scheme,
    serverName: config.serverName,
    alpnProtocol: hello.extensions.alpn,
    resumption: 'none',
    extendedMasterSecret: terms.extendedMasterSecret,
    earlyData: 'none',
    helloRetryRequest: false,
    echAccepted: false,
    peerCertificates: server.chain,
    peerRawPublicKey: server.rawPublicKey,
    ownRawPublicKey: false,
    peerNotAfter,
    ocspResponse: server.ocspResponse,
    scts: server.scts,
    sessionId: hello.legacySessionIdEcho.slice(),
  };
  refuseRejectedEch(context, undefined);
  keepSession(context, agreement, master, ticket, undefined);
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
  context: ClientContext,
  transcript: Transcript,
  offer: Offer,
  hello: ServerHello12,
  { suite, randoms, encryptThenMac, expectsTicket }: Terms,
  session: ClientSession,
): Flow<Established> {
  const { state } = session;
  const kind = session.ticket.length > 0 ? 'ticket' : 'sessionId';
  decide(context, 'resumption', kind, 'the server took the session');
  const secret = state.secret.slice();
  const master = untilFailure(
    context,
    new MasterSecret(context.crypto, suite, secret, randoms, state.extendedMasterSecret),
  );
  logSecret(context, 'CLIENT_RANDOM', offer.hello.random, secret);
  const keys = master.keys(encryptThenMac);
  const ticket = yield* readFinished(context, transcript, suite, master, keys.server, expectsTicket);
  yield* verifyResumed(context, session);
  sendFinished(context, transcript, suite, master, keys.client);
  transcript.drop();
  const agreement = resumedAgreement(state, {
    suite,
    serverName: context.config.serverName,
    alpnProtocol: hello.extensions.alpn,
    resumption: kind,
    ocspResponse: session.ocspResponse,
    scts: session.scts,
    sessionId: hello.legacySessionIdEcho.slice(),
  });
  if (ticket !== undefined && ticket.ticket.length > 0) keepSession(context, agreement, master, ticket, session);
  return establish12(agreement, master);
}

/** What both hellos settle. */
interface Terms {
  readonly suite: CipherSuite;
  readonly randoms: Randoms;
  readonly extendedMasterSecret: boolean;
  readonly encryptThenMac: boolean;
  readonly expectsTicket: boolean;
  readonly expectsStatus: boolean;
  readonly scts: readonly Uint8Array[] | undefined;
}

function readTerms(context: ClientContext, offer: Offer, hello: ServerHello12): Terms {
  const { config, output } = context;
  const { extensions } = hello;
  const suite = checkCipherSuite(offer, hello.cipherSuite, tls12);
  decide(context, 'cipherSuite', suite.name, 'the server chose it');
  if (hello.legacyCompressionMethod !== 0) {
    throw illegalParameter(
      'ERR_TLS_COMPRESSION',
      'serverHello: compression was not offered',
      'RFC 5246, Section 7.4.1.3',
    );
  }
  if (offer.hello.extensions.earlyData) {
    throw new PeerError(
      'ERR_TLS_EARLY_DATA_VERSION',
      'protocolVersion',
      'serverHello: TLS 1.2 in answer to early data; connect again without it',
      { rfc: 'RFC 9846, Appendix D.3' },
    );
  }
  checkSolicited(offer, hello.extensionOrder, 'serverHello');
  checkAlpn(offer, extensions.alpn);
  const extendedMasterSecret = checkHelloTerms12(config, extensions, 'serverHello');
  // "… clients MAY … abort the handshake": data could have gone before this client's (RFC 5746, Section 4.1).
  if (extensions.renegotiationInfo === undefined && config.requireSecureRenegotiation) {
    throw new PeerError(
      'ERR_TLS_NO_SECURE_RENEGOTIATION',
      'handshakeFailure',
      'serverHello: the server does not know secure renegotiation: somebody may have begun this connection in the place ' +
        'of this client',
      { rfc: 'RFC 5746, Section 4.1' },
    );
  }
  if (extensions.encryptThenMac && suite.cbc === undefined) {
    throw illegalParameter(
      'ERR_TLS_ENCRYPT_THEN_MAC',
      'serverHello: encrypt_then_mac with a suite that is no block cipher',
      'RFC 7366, Section 3',
    );
  }
  if (extensions.recordSizeLimit !== undefined) {
    checkRecordSizeLimit(extensions.recordSizeLimit, 'serverHello', largestRecordSizeLimit(tls12));
    output.setRecordSizeLimits(extensions.recordSizeLimit, config.recordSizeLimit);
  }
  return {
    suite,
    randoms: { client: offer.hello.random, server: hello.random.slice() },
    extendedMasterSecret,
    encryptThenMac: extensions.encryptThenMac === true,
    expectsTicket: extensions.sessionTicket === true,
    expectsStatus: extensions.statusRequest === true,
    scts: extensions.signedCertificateTimestamp,
  };
}

/** The session that the server goes on with: the one whose ID it echoes. Checks that it goes on as it was. */
function resumedSession(
  { config }: ClientContext,
  offer: Offer,
  hello: ServerHello12,
  { suite, extendedMasterSecret }: Terms,
): ClientSession | undefined {
  const { session12: session } = offer;
  const { legacySessionId } = offer.hello;
  if (legacySessionId.length === 0 || !equal(hello.legacySessionIdEcho, legacySessionId)) return undefined;
  const refuse = (code: `ERR_TLS_${string}`, what: string, rfc: string) =>
    illegalParameter(code, `serverHello: it resumes a session, ${what}`, rfc);
  if (session === undefined) {
    // The ID was the random one of TLS 1.3's compatibility mode: no server can know it.
    const other = config.sessions.length > 0 ? 'of TLS 1.3' : 'and none was offered';
    throw refuse('ERR_TLS_SESSION_ID_ECHO', other, 'RFC 9846, Section 4.1.3');
  }
  const { state } = session;
  if (state.cipherSuite !== suite.code) {
    const was = cipherSuite(state.cipherSuite)?.name;
    throw refuse('ERR_TLS_RESUMED_CIPHER', `but with ${suite.name} instead of ${was}`, 'RFC 5246, Section 7.4.1.3');
  }
  if (state.extendedMasterSecret !== extendedMasterSecret) {
    throw new PeerError(
      state.extendedMasterSecret ? 'ERR_TLS_RESUMED_WITHOUT_EMS' : 'ERR_TLS_RESUMED_WITH_EMS',
      'handshakeFailure',
      `serverHello: it resumes a session ${state.extendedMasterSecret ? 'without' : 'with'} the extended master secret`,
      { rfc: 'RFC 7627, Section 5.3' },
    );
  }
  return session;
}

/** Certificate and CertificateStatus. The status may be left out although it was announced (RFC 6066, Section 8). */
function* readServerCertificate(
  context: ClientContext,
  transcript: Transcript,
  terms: Terms,
  type: CertificateType,
): Flow<PeerIdentity> {
  const message = yield* expectMessage('certificate');
  transcript.add(message.raw);
  const peer = readCertificateBody12(context, message.body, type, terms.scts);
  if (peer === undefined) {
    throw new PeerError(
      'ERR_TLS_NO_SERVER_CERTIFICATE',
      'decodeError',
      'certificate: the server shows no certificate',
      {
        rfc: 'RFC 5246, Section 7.4.2',
      },
    );
  }
  checkCertificateKey(context, terms.suite, peer.publicKey.type);
  // Nobody vouches for a raw public key: there is no status to staple.
  return terms.expectsStatus && type === 'x509' ? yield* readStatus(transcript, peer) : peer;
}

/** The key of the server's certificate serves the suite, and is on a curve that was offered. */
function checkCertificateKey({ config }: ClientContext, suite: CipherSuite, type: KeyType): void {
  // A key for RSASSA-PSS only signs (RFC 8017, Appendix A.2.3): it does not fit static RSA.
  const isRsa = type === 'rsa' || (type === 'rsaPss' && suite.keyExchange === 'ecdhe');
  const isEcdsa = !type.startsWith('rsa') && !type.startsWith('mldsa');
  if (!(suite.authentication === 'rsa' ? isRsa : isEcdsa)) {
    throw illegalParameter(
      'ERR_TLS_CERTIFICATE_KEY_TYPE',
      `certificate: a key of type ${type} does not fit ${suite.name}`,
      'RFC 5246, Section 7.4.2',
    );
  }
  const curve = curveOf[type];
  if (curve !== undefined && !config.groups.includes(curve)) {
    throw illegalParameter(
      'ERR_TLS_CERTIFICATE_CURVE',
      `certificate: a key on ${curve}, which is not among the groups that were offered`,
      'RFC 8422, Section 5.3',
    );
  }
}

function* readStatus(transcript: Transcript, peer: PeerIdentity): Flow<PeerIdentity> {
  const next = yield* takeMessageIf('certificateStatus');
  if (next === undefined) return peer;
  transcript.add(next.raw);
  return { ...peer, ocspResponse: decodeCertificateStatus(next.body) };
}

interface ServerShare {
  readonly group: GroupName;
  readonly publicKey: Uint8Array;
  readonly scheme: number;
}

function* readServerKeyExchange(
  context: ClientContext,
  transcript: Transcript,
  server: PeerIdentity,
  randoms: Randoms,
): Flow<ServerShare> {
  const message = yield* expectMessage('serverKeyExchange');
  transcript.add(message.raw);
  const { group: code, publicKey, params, algorithm, signature } = decodeServerKeyExchange(message.body);
  const group = groupName(code);
  if (group === undefined || !context.config.groups.includes(group) || isHybrid(group)) {
    throw illegalParameter(
      'ERR_TLS_GROUP',
      `serverKeyExchange: group 0x${code.toString(16)} was not offered for TLS 1.2`,
      'RFC 8422, Section 5.4',
    );
  }
  decide(context, 'group', group, 'the server chose it');
  const data = new Uint8Array(64 + params.length);
  data.set(randoms.client);
  data.set(randoms.server, 32);
  data.set(params, 64);
  verifySignature(context, tls12, server, algorithm, data, signature, 'serverKeyExchange');
  return { group, publicKey, scheme: algorithm };
}

function* readServerHelloDone(transcript: Transcript): Flow<{ certificateRequest: CertificateRequest12 | undefined }> {
  let message = yield* expectMessage('certificateRequest', 'serverHelloDone');
  transcript.add(message.raw);
  let certificateRequest: CertificateRequest12 | undefined;
  if (message.type === 'certificateRequest') {
    certificateRequest = decodeCertificateRequest12(message.body);
    message = yield* expectMessage('serverHelloDone');
    transcript.add(message.raw);
  }
  if (message.body.length > 0) {
    throw new PeerError('ERR_TLS_DECODE', 'decodeError', 'serverHelloDone: it has a body', {
      rfc: 'RFC 5246, Section 7.4.5',
    });
  }
  return { certificateRequest };
}

function* selectCredential({ config }: ClientContext, asked: CertificateRequest12, type: CertificateType) {
  const rsa = asked.certificateTypes.includes(1);
  const ecdsa = asked.certificateTypes.includes(64);
  const authentication = [...(ecdsa ? ['ecdsa' as const] : []), ...(rsa ? ['rsa' as const] : [])];
  const credential = yield* requestClientCredential(config, {
    role: 'client',
    version: tls12,
    serverName: config.serverName,
    signatureSchemes: asked.signatureAlgorithms,
    certificateSignatureSchemes: asked.signatureAlgorithms,
    certificateTypes: [type],
    delegatedSchemes: noSchemes,
    authentication,
    groups: config.groups,
    certificateAuthorities: asked.certificateAuthorities,
    credentials: config.credentials,
    config,
  });
  if (credential !== undefined && !authentication.includes(authenticationOf(credential))) {
    throw new PeerError(
      'ERR_TLS_CLIENT_CERTIFICATE_TYPE',
      'handshakeFailure',
      `certificateRequest: the server takes no certificate with a key of type ${credential.signer.keyType}`,
      { rfc: 'RFC 5246, Section 7.4.4' },
    );
  }
  return credential;
}

function schemeFor12(signer: Signer, { signatureAlgorithms }: CertificateRequest12): number {
  const scheme = chooseSignatureScheme(signer, signatureAlgorithms, tls12);
  if (scheme !== undefined) return scheme;
  throw new PeerError(
    'ERR_TLS_NO_SIGNATURE_SCHEME',
    'handshakeFailure',
    'certificateRequest: the server accepts no signature that the client key makes',
    { rfc: 'RFC 5246, Section 7.4.4' },
  );
}

function sendEcdhe(context: ClientContext, transcript: Transcript, { group, publicKey }: ServerShare): Uint8Array {
  const exchange = context.crypto.keyExchange(group)?.respond(publicKey);
  if (exchange === undefined) {
    throw illegalParameter(
      'ERR_TLS_GROUP',
      `serverKeyExchange: group 0x${groupCode(group).toString(16)} is not known here`,
    );
  }
  sendMessage(context, transcript, 'clientKeyExchange', encodeClientKeyExchangeEcdhe(exchange.share));
  return exchange.secret;
}

/** Static RSA (opt-in): 48 bytes under the server's key, the offered version first (RFC 5246, Section 7.4.7.1). */
function sendRsaPremaster(
  context: ClientContext,
  transcript: Transcript,
  server: PeerIdentity,
  offeredVersion: number,
): Uint8Array {
  const premaster = context.config.random(48).slice();
  premaster[0] = offeredVersion >>> 8;
  premaster[1] = offeredVersion & 0xff;
  const encrypted = server.publicKey.encryptPkcs1(premaster);
  sendMessage(context, transcript, 'clientKeyExchange', encodeClientKeyExchangeRsa(encrypted));
  return premaster;
}

function sendFinished(
  context: ClientContext,
  transcript: Transcript,
  suite: CipherSuite,
  master: MasterSecret,
  keys: KeyChange,
): void {
  context.output.sendChangeCipherSpec();
  context.output.setWriteKeys(keys);
  sendMessage(context, transcript, 'finished', master.finished('client', transcript.hash(suite.hash)));
}

/** NewSessionTicket where it was announced, ChangeCipherSpec and Finished. */
function* readFinished(
  context: ClientContext,
  transcript: Transcript,
  suite: CipherSuite,
  master: MasterSecret,
  keys: KeyChange,
  expectsTicket: boolean,
): Flow<NewSessionTicket12 | undefined> {
  let ticket: NewSessionTicket12 | undefined;
  if (expectsTicket) {
    const message = yield* expectMessage('newSessionTicket');
    transcript.add(message.raw);
    ticket = decodeNewSessionTicket12(message.body);
  }
  yield* expectChangeCipherSpec();
  context.output.setReadKeys(keys);
  const expected = master.finished('server', transcript.hash(suite.hash));
  const finished = yield* expectMessage('finished');
  checkFinished(finished.body, expected);
  transcript.add(finished.raw);
  return ticket;
}

/** Hands the session to the host: by its ticket where there is one, else by the ID that the server gave it. */
function keepSession(
  { config, output }: ClientContext,
  agreement: Agreement,
  master: MasterSecret,
  ticket: NewSessionTicket12 | undefined,
  resumed: ClientSession | undefined,
): void {
  const hasTicket = ticket !== undefined && ticket.ticket.length > 0;
  if (!agreement.extendedMasterSecret && !config.resumeWithoutExtendedMasterSecret) return;
  if (!config.resumption || (!hasTicket && agreement.sessionId.length === 0)) return;
  const now = config.now();
  const state = sessionState({
    version: tls12,
    cipherSuite: agreement.suite.code,
    secret: master.forSession(),
    policyDigest: new Uint8Array(32),
    createdAt: resumed?.state.createdAt ?? now,
    issuedAt: now,
    lifetime: maxLifetimeSeconds,
    extendedMasterSecret: agreement.extendedMasterSecret,
    serverName: agreement.serverName,
    alpnProtocol: agreement.alpnProtocol,
    peerCertificates: agreement.peerCertificates,
    peerRawPublicKey: agreement.peerRawPublicKey,
    peerNotAfter: agreement.peerNotAfter,
    group: agreement.group === undefined ? 0 : groupCode(agreement.group),
    peerSignatureScheme: agreement.peerSignatureScheme ?? 0,
  });
  output.newSession({
    state,
    ticket: hasTicket ? ticket.ticket.slice() : noBytes,
    sessionId: hasTicket ? noBytes : agreement.sessionId.slice(),
    lifetimeHint: ticket?.ticketLifetimeHint ?? 0,
    ocspResponse: agreement.ocspResponse,
    scts: agreement.scts,
  });
}
