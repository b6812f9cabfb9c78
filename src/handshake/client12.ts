import { noBytes, zeroize } from '../bytes/bytes.ts';
import type { CipherSuite } from '../crypto/cipher-suites.ts';
import { groupCode, groupName } from '../crypto/named-groups.ts';
import type { GroupName, KeyType } from '../crypto/provider.ts';
import { CertificateError, illegalParameter, PeerError } from '../errors.ts';
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
import type { ClientContext, Offer } from './client.ts';
import { readPskServerKeyExchange, sendPskClientKeyExchange } from './client-psk12.ts';
import { readTerms12, resumedSession12, type Terms12 } from './client-terms12.ts';
import type { Signer } from './config.ts';
import { decide, type KeyChange, logSecret, sendMessage, untilEnd, untilFailure } from './context.ts';
import { noSchemes } from './delegated-credential.ts';
import { refuseRejectedEch, requestClientCredential } from './ech-client.ts';
import { expectChangeCipherSpec, expectMessage, type Flow, request, takeMessageIf } from './flow.ts';
import { MasterSecret, masterSecret, type Randoms } from './key-schedule12.ts';
import { authenticationOf, chooseSignatureScheme, curveOf, isHybrid } from './negotiate.ts';
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
  const terms = readTerms12(context, offer, hello);
  const resumed = resumedSession12(context, offer, hello, terms);
  if (resumed !== undefined) return yield* abbreviatedHandshake(context, transcript, offer, hello, terms, resumed);
  if (offer.session12 !== undefined) decide(context, 'resumption', 'miss', 'the server did not take the session');

  const { suite, randoms } = terms;
  const byPsk = suite.authentication === 'psk';
  const clientType = clientTypeOf(offer.hello, hello.extensions.clientCertificateType);
  const server = byPsk
    ? undefined
    : yield* readServerCertificate(
        context,
        transcript,
        terms,
        serverTypeOf(config, hello.extensions.serverCertificateType),
      );
  const pskExchange = byPsk ? yield* readPskServerKeyExchange(context, transcript, suite) : undefined;
  const keyExchange =
    server !== undefined && suite.keyExchange === 'ecdhe'
      ? yield* readServerKeyExchange(context, transcript, server, randoms)
      : undefined;
  if (server !== undefined && keyExchange === undefined) requireKeyUsage(server.leaf, 'keyEncipherment');
  const { certificateRequest } = yield* readServerHelloDone(transcript, byPsk);
  const peerNotAfter = server && (yield* verifyPeer(context, 'server', tls12, server, config.verifyName));

  const credential = certificateRequest && (yield* selectCredential(context, certificateRequest, clientType));
  if (certificateRequest !== undefined) {
    sendMessage(context, transcript, 'certificate', certificateBody12(credential));
  }
  const sent = pskExchange && (yield* sendPskClientKeyExchange(context, transcript, suite, pskExchange));
  const premaster =
    sent?.premaster ??
    (keyExchange === undefined
      ? sendRsaPremaster(context, transcript, server as PeerIdentity, offer.hello.legacyVersion)
      : sendEcdhe(context, transcript, keyExchange));
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
  const keys = untilEnd(context, master.keys(terms.encryptThenMac));
  sendFinished(context, transcript, suite, master, keys.client);
  const ticket = yield* readFinished(context, transcript, suite, master, keys.server, terms.expectsTicket);
  transcript.drop();

  const agreement: Agreement = {
    version: tls12,
    suite,
    group: byPsk ? groupName(pskExchange?.share?.group ?? 0) : keyExchange?.group,
    signatureScheme: scheme,
    peerSignatureScheme: keyExchange?.scheme,
    serverName: config.serverName,
    alpnProtocol: hello.extensions.alpn,
    resumption: byPsk ? 'externalPsk' : 'none',
    extendedMasterSecret: terms.extendedMasterSecret,
    earlyData: 'none',
    helloRetryRequest: false,
    echAccepted: false,
    peerCertificates: server?.chain ?? [],
    peerRawPublicKey: server?.rawPublicKey,
    ownRawPublicKey: false,
    psk: sent?.psk,
    peerNotAfter,
    ocspResponse: server?.ocspResponse,
    scts: server?.scts,
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
  { suite, randoms, encryptThenMac, expectsTicket }: Terms12,
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
  const keys = untilEnd(context, master.keys(encryptThenMac));
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

/** Certificate and CertificateStatus. The status may be left out although it was announced (RFC 6066, Section 8). */
function* readServerCertificate(
  context: ClientContext,
  transcript: Transcript,
  terms: Terms12,
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
  const group = groupOfServer(context, code);
  decide(context, 'group', group, 'the server chose it');
  const data = new Uint8Array(64 + params.length);
  data.set(randoms.client);
  data.set(randoms.server, 32);
  data.set(params, 64);
  verifySignature(context, tls12, server, algorithm, data, signature, 'serverKeyExchange');
  return { group, publicKey, scheme: algorithm };
}

/** The group of the server's share: one that was offered. */
export function groupOfServer({ config }: ClientContext, code: number): GroupName {
  const group = groupName(code);
  if (group !== undefined && config.groups.includes(group) && !isHybrid(group)) return group;
  throw illegalParameter(
    'ERR_TLS_GROUP',
    `serverKeyExchange: group 0x${code.toString(16)} was not offered for TLS 1.2`,
    'RFC 8422, Section 5.4',
  );
}

/** @param byPsk whether a PSK authenticates: then no certificate is asked for (RFC 4279, Section 2). */
function* readServerHelloDone(
  transcript: Transcript,
  byPsk: boolean,
): Flow<{ certificateRequest: CertificateRequest12 | undefined }> {
  let message = byPsk
    ? yield* expectMessage('serverHelloDone')
    : yield* expectMessage('certificateRequest', 'serverHelloDone');
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
  const exchange = respondTo(context, { group: groupCode(group), publicKey });
  sendKeyExchange(context, transcript, encodeClientKeyExchangeEcdhe(exchange.share), exchange.secret);
  return exchange.secret;
}

/** This side's share and the secret, from the server's share. */
export function respondTo(
  { crypto }: ClientContext,
  { group: code, publicKey }: { readonly group: number; readonly publicKey: Uint8Array },
) {
  const group = groupName(code);
  const exchange = group && crypto.keyExchange(group)?.respond(publicKey);
  if (exchange !== undefined) return exchange;
  throw illegalParameter('ERR_TLS_GROUP', `serverKeyExchange: group 0x${code.toString(16)} is not known here`);
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
  let encrypted: Uint8Array;
  try {
    encrypted = server.publicKey.encryptPkcs1(premaster);
  } catch (cause) {
    zeroize(premaster);
    throw new CertificateError(
      'ERR_TLS_PUBLIC_KEY',
      'badCertificate',
      `certificate: an RSA key of ${server.publicKey.bits} bits encrypts no premaster secret`,
      { cause, rfc: 'RFC 5246, Section 7.4.7.1' },
    );
  }
  sendKeyExchange(context, transcript, encodeClientKeyExchangeRsa(encrypted), premaster);
  return premaster;
}

/** Sends ClientKeyExchange; where that fails, nobody is left to wipe the premaster secret. */
export function sendKeyExchange(
  context: ClientContext,
  transcript: Transcript,
  body: Uint8Array,
  premaster: Uint8Array | undefined,
): void {
  try {
    sendMessage(context, transcript, 'clientKeyExchange', body);
  } catch (error) {
    zeroize(premaster);
    throw error;
  }
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
    psk: agreement.psk,
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
