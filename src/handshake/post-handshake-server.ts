import { noBytes, toHex, zeroize } from '../bytes/bytes.ts';
import { PeerError } from '../errors.ts';
import { earlyDataContext } from '../session/policy.ts';
import { type SessionState, sessionState } from '../session/state.ts';
import type { CertificateType } from '../wire/certificate-type.ts';
import type { ClientHello } from '../wire/client-hello.ts';
import { extensionTypes } from '../wire/extension-type.ts';
import { frameMessage, type HandshakeMessage } from '../wire/handshake-type.ts';
import { encodeNewSessionTicket13 } from '../wire/new-session-ticket.ts';
import { tls13 } from '../wire/versions.ts';
import { checkFinished, readCertificate } from './authentication13.ts';
import { randomU32 } from './context.ts';
import { expectMessage, type Flow, requestToKeep } from './flow.ts';
import { greaseExtension } from './grease.ts';
import { type ApplicationSecrets, resumptionPsk } from './key-schedule.ts';
import { verifyPeer } from './peer.ts';
import { exportKeyingMaterial13, KeyUpdates, unexpectedAfterHandshake } from './post-handshake.ts';
import type { Agreement, Established, LatePeer } from './result.ts';
import type { ServerContext } from './server.ts';
import { certificateRequestBody, requireCertificate } from './server13.ts';
import type { Transcript } from './transcript.ts';

/** A server's TLS 1.3 connection once the client's Finished has come. One object, for there may be many idle ones. */
export class EstablishedServer13 implements Established {
  readonly agreement: Agreement;
  readonly due: Flow<void>[];
  readonly #context: ServerContext;
  readonly #secrets: ApplicationSecrets;
  readonly #keyUpdates: KeyUpdates;
  /** Kept where the client may still be asked for a certificate. */
  readonly #transcript: Transcript | undefined;
  /** Until the tickets that come from it are begun. */
  #resumptionMasterSecret: Uint8Array | undefined;
  /** What the client may show when it is asked later; nothing where it has nothing that this server takes. */
  readonly #clientType: CertificateType | undefined;
  #late: LatePeer | undefined;
  /** Requests for a certificate that the client has not answered yet. */
  #requests: CertificateRequests | undefined = undefined;

  constructor(
    context: ServerContext,
    agreement: Agreement,
    hello: ClientHello,
    secrets: ApplicationSecrets,
    transcript: Transcript,
    resumed: SessionState | undefined,
    clientType: CertificateType | undefined,
  ) {
    this.agreement = agreement;
    this.#context = context;
    this.#clientType = clientType;
    this.#secrets = secrets;
    this.#keyUpdates = new KeyUpdates(context, agreement, secrets, 'server');
    const count = ticketCount(context, hello, resumed);
    this.#resumptionMasterSecret =
      count > 0 ? secrets.resumptionMasterSecret(transcript.hash(agreement.suite.hash)) : undefined;
    this.due = count > 0 ? [this.#sendTickets(count, resumed)] : [];
    secrets.endSchedule();
    if (hello.extensions.postHandshakeAuth === true) this.#transcript = transcript;
    else transcript.drop();
  }

  exportKeyingMaterial(length: number, label: string, context: Uint8Array | undefined): Uint8Array {
    return exportKeyingMaterial13(this.#secrets, length, label, context);
  }

  // biome-ignore lint/correctness/useYield: most messages are handled at once
  *receive(message: HandshakeMessage): Flow<void> {
    if (message.type !== 'keyUpdate') throw unexpectedAfterHandshake(message);
    this.#keyUpdates.receive(message);
  }

  updateKeys(requestPeer: boolean): void {
    this.#keyUpdates.send(requestPeer);
  }

  *requestClientCertificate(): Flow<void> {
    if (this.#transcript === undefined) {
      throw notToBeAsked('did not offer post_handshake_auth', 'RFC 9846, Section 4.6.2');
    }
    if (this.#clientType === undefined) {
      throw notToBeAsked('has no certificate of a type that this server takes', 'RFC 7250, Section 4.2');
    }
    this.#requests ??= new Map();
    const transcript = this.#transcript.fork();
    sendCertificateRequest(this.#context, transcript, this.#requests);
    this.#late = yield* authenticateClient(
      this.#context,
      this.agreement,
      this.#secrets,
      this.#requests,
      this.#clientType,
    );
  }

  latePeer(): LatePeer | undefined {
    return this.#late;
  }

  destroy(): void {
    this.#secrets.destroy();
    zeroize(this.#resumptionMasterSecret);
    this.#transcript?.drop();
  }

  *#sendTickets(count: number, resumed: SessionState | undefined): Flow<void> {
    const masterSecret = this.#resumptionMasterSecret as Uint8Array;
    this.#resumptionMasterSecret = undefined;
    yield* sendTickets(this.#context, this.agreement, count, masterSecret, resumed);
  }
}

function notToBeAsked(why: string, rfc: string): PeerError {
  return new PeerError(
    'ERR_TLS_NO_POST_HANDSHAKE_AUTH',
    'internalError',
    `the client ${why}, so it may not be asked for a certificate now`,
    { rfc },
  );
}

/** Transcripts up to their CertificateRequest, by its context in hexadecimal. */
type CertificateRequests = Map<string, Transcript>;

/** Asks for a certificate after the handshake (RFC 9846, Section 4.6.2). */
function sendCertificateRequest(context: ServerContext, transcript: Transcript, requests: CertificateRequests): void {
  const requestContext = context.config.random(16);
  const raw = frameMessage('certificateRequest', certificateRequestBody(context, requestContext));
  transcript.add(raw);
  requests.set(toHex(requestContext), transcript);
  context.output.sendMessage('certificateRequest', raw);
}

/**
 * Reads the answer to one of the requests: "clients which receive multiple CertificateRequests in close succession MAY
 * respond to them in a different order than they were received" (RFC 9846, Section 4.6.2).
 */
function* authenticateClient(
  context: ServerContext,
  { suite }: Agreement,
  secrets: ApplicationSecrets,
  requests: CertificateRequests,
  type: CertificateType,
): Flow<LatePeer> {
  const answered: { transcript?: Transcript | undefined } = {};
  const transcriptOf = (requestContext: Uint8Array) => {
    const name = toHex(requestContext);
    answered.transcript = requests.get(name);
    requests.delete(name);
    return answered.transcript;
  };
  // The client's keys may be updated while its answer is on the way: its Finished stands under those of its Certificate.
  const client = yield* readCertificate(context, transcriptOf, suite.hash, 'client', type, []);
  const transcript = answered.transcript as Transcript;
  const expected = secrets.finished('client', transcript.hash(suite.hash));
  transcript.drop();
  const finished = yield* expectMessage('finished');
  checkFinished(finished.body, expected);
  if (client === undefined) {
    requireCertificate(context);
    return { peerCertificates: [], peerRawPublicKey: undefined };
  }
  yield* verifyPeer(context, 'client', tls13, client, undefined);
  return { peerCertificates: client.chain, peerRawPublicKey: client.rawPublicKey };
}

/** How many tickets this connection gives: two after a full handshake, one after a resumption, or what was asked for. */
export function ticketCount({ config }: ServerContext, hello: ClientHello, resumed: SessionState | undefined): number {
  const { resumption } = config;
  const modes = hello.extensions.pskKeyExchangeModes;
  const usable = modes?.includes(1) || (resumption.allowPskOnly && modes?.includes(0));
  if (!resumption.psk || !usable) return 0;
  if (resumed !== undefined && config.now() >= resumed.createdAt + 1000 * resumption.lifetime) return 0;
  const wanted = hello.extensions.ticketRequest;
  const standard = resumed === undefined ? resumption.ticketCount : resumption.ticketCountResumed;
  const asked = resumed === undefined ? wanted?.newSessionCount : wanted?.resumptionCount;
  if (asked === undefined || standard === 0) return standard;
  return Math.min(asked, resumption.maxTickets);
}

/** NewSessionTicket (RFC 9846, Section 4.6.1). */
function* sendTickets(
  { config, crypto, output }: ServerContext,
  agreement: Agreement,
  count: number,
  resumptionMasterSecret: Uint8Array,
  resumed: SessionState | undefined,
): Flow<void> {
  const { resumption } = config;
  const { suite, serverName, alpnProtocol } = agreement;
  const now = config.now();
  const createdAt = resumed?.createdAt ?? now;
  const policyDigest = resumption.policyDigest({
    serverName,
    version: tls13,
    cipherHash: suite.hash,
    extendedMasterSecret: true,
    pskIdentity: agreement.psk?.identity,
  });
  const extensions = resumption.maxEarlyData > 0 ? { earlyData: resumption.maxEarlyData } : {};
  const earlyContext =
    resumption.maxEarlyData > 0
      ? earlyDataContext(crypto, { alpnProtocol, cipherSuite: suite.code, serverName })
      : noBytes;
  try {
    for (let i = 0; i < count; i++) {
      const ticketNonce = Uint8Array.of(i);
      const ticketAgeAdd = randomU32(config);
      const state = sessionState({
        version: tls13,
        cipherSuite: suite.code,
        secret: resumptionPsk(crypto, suite.hash, resumptionMasterSecret, ticketNonce),
        policyDigest,
        createdAt,
        issuedAt: now,
        lifetime: resumption.lifetime,
        serverName,
        alpnProtocol,
        peerCertificates: agreement.peerCertificates,
        peerRawPublicKey: agreement.peerRawPublicKey,
        ownRawPublicKey: agreement.ownRawPublicKey,
        psk: agreement.psk,
        peerNotAfter: agreement.peerNotAfter,
        earlyDataContext: earlyContext,
        ticketAgeAdd,
        maxEarlyDataSize: resumption.maxEarlyData,
        peerSignatureScheme: agreement.peerSignatureScheme ?? 0,
      });
      const sealed = yield* requestToKeep('sealTicket', { state, config });
      if (sealed === undefined) return;
      const { ticket, lifetime: ticketLifetime } = sealed;
      const grease = config.grease ? greaseExtension(config, [extensionTypes.earlyData]) : undefined;
      const body = encodeNewSessionTicket13({
        ticketLifetime,
        ticketAgeAdd,
        ticketNonce,
        ticket,
        extensions,
        extensionOrder: grease?.extensionOrder,
        otherExtensions: grease?.otherExtensions,
      });
      output.sendMessage('newSessionTicket', frameMessage('newSessionTicket', body));
    }
  } finally {
    // No further ticket comes from it.
    zeroize(resumptionMasterSecret);
  }
}
