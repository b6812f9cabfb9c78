import { noBytes, zeroize } from '../bytes/bytes.ts';
import { groupCode } from '../crypto/named-groups.ts';
import { decodeError, illegalParameter } from '../errors.ts';
import type { ClientSession } from '../session/client-session.ts';
import { maxLifetimeSeconds, sessionState } from '../session/state.ts';
import type { CertificateType } from '../wire/certificate-type.ts';
import { frameMessage, type HandshakeMessage } from '../wire/handshake-type.ts';
import { decodeNewSessionTicket13 } from '../wire/new-session-ticket.ts';
import { tls13 } from '../wire/versions.ts';
import type { ClientContext } from './client.ts';
import { readCertificateRequest, sendClientAuthentication } from './client13.ts';
import { decide, type MessageOutput } from './context.ts';
import type { Flow } from './flow.ts';
import { type ApplicationSecrets, resumptionPsk } from './key-schedule.ts';
import { exportKeyingMaterial13, KeyUpdates, notInThisVersion, unexpectedAfterHandshake } from './post-handshake.ts';
import type { Agreement, Established } from './result.ts';
import type { Transcript } from './transcript.ts';

/** A client's TLS 1.3 connection once both Finished have gone. */
export function establishClient13(
  context: ClientContext,
  agreement: Agreement,
  secrets: ApplicationSecrets,
  transcript: Transcript,
  resumed: ClientSession | undefined,
  clientType: CertificateType,
): Established {
  const keyUpdates = new KeyUpdates(context, agreement, secrets, 'client');
  const masterSecret = context.config.resumption
    ? secrets.resumptionMasterSecret(transcript.hash(agreement.suite.hash))
    : noBytes;
  secrets.endSchedule();
  const answersRequests = context.config.postHandshakeAuth;
  if (!answersRequests) transcript.drop();

  return {
    agreement,
    exportKeyingMaterial: (length, label, context) => exportKeyingMaterial13(secrets, length, label, context),
    due: [],
    *receive(message) {
      if (message.type === 'keyUpdate') return keyUpdates.receive(message);
      if (message.type === 'newSessionTicket') return keepTicket(context, agreement, message, masterSecret, resumed);
      if (message.type === 'certificateRequest' && answersRequests) {
        return yield* answerRequest(context, agreement, secrets, transcript.fork(), message, clientType);
      }
      throw unexpectedAfterHandshake(message);
    },
    updateKeys: (requestPeer) => keyUpdates.send(requestPeer),
    // biome-ignore lint/correctness/useYield: only a server asks
    *requestClientCertificate() {
      throw notInThisVersion('requestClientCertificate on a server: it');
    },
    latePeer: () => undefined,
    destroy() {
      secrets.destroy();
      zeroize(masterSecret);
      transcript.drop();
    },
  };
}

/** Post-handshake authentication (RFC 9846, Section 4.6.2). */
function* answerRequest(
  context: ClientContext,
  { suite }: Agreement,
  secrets: ApplicationSecrets,
  transcript: Transcript,
  message: HandshakeMessage,
  clientType: CertificateType,
): Flow<void> {
  const certificateRequest = readCertificateRequest(message, undefined);
  if (certificateRequest.certificateRequestContext.length === 0) {
    throw decodeError(
      'certificateRequest: after the handshake its context may not be empty',
      'RFC 9846, Section 4.3.2',
    );
  }
  transcript.add(message.raw);
  // "All of the client's messages for a given response MUST appear consecutively on the wire" (RFC 9846, Section
  // 4.6.2): they wait until the host has signed, whatever else is sent meanwhile.
  const held: Parameters<MessageOutput['sendMessage']>[] = [];
  const output: MessageOutput = { sendMessage: (...sent) => void held.push(sent) };
  yield* sendClientAuthentication({ ...context, output }, transcript, suite, certificateRequest, clientType);
  for (const sent of held) context.output.sendMessage(...sent);
  const verifyData = secrets.finished('client', transcript.hash(suite.hash));
  context.output.sendMessage('finished', frameMessage('finished', verifyData));
  transcript.drop();
}

/** NewSessionTicket (RFC 9846, Section 4.6.1): derives its PSK and hands the session to the host. */
function keepTicket(
  context: ClientContext,
  agreement: Agreement,
  message: HandshakeMessage,
  resumptionMasterSecret: Uint8Array,
  resumed: ClientSession | undefined,
): void {
  const { config, crypto, output } = context;
  const { ticket, ticketLifetime, ticketAgeAdd, ticketNonce, extensions } = decodeNewSessionTicket13(message.body);
  if (ticketLifetime > maxLifetimeSeconds) {
    throw illegalParameter(
      'ERR_TLS_TICKET_LIFETIME',
      `newSessionTicket: a lifetime of ${ticketLifetime} s is more than seven days`,
      'RFC 9846, Section 4.6.1',
    );
  }
  // "The value of zero indicates that the ticket should be discarded immediately."
  if (!config.resumption || ticketLifetime === 0) return;
  const { suite, group, serverName, alpnProtocol, peerCertificates, peerRawPublicKey, peerSignatureScheme } = agreement;
  const now = config.now();
  const state = sessionState({
    version: tls13,
    cipherSuite: suite.code,
    secret: resumptionPsk(crypto, suite.hash, resumptionMasterSecret, ticketNonce),
    policyDigest: new Uint8Array(32),
    createdAt: resumed?.state.createdAt ?? now,
    issuedAt: now,
    lifetime: maxLifetimeSeconds,
    serverName,
    alpnProtocol,
    peerCertificates,
    peerRawPublicKey,
    psk: agreement.psk,
    peerNotAfter: agreement.peerNotAfter,
    ticketAgeAdd,
    maxEarlyDataSize: extensions?.earlyData ?? 0,
    group: group === undefined ? 0 : groupCode(group),
    peerSignatureScheme: peerSignatureScheme ?? 0,
  });
  const { ocspResponse, scts } = agreement;
  output.newSession({
    state,
    ticket: ticket.slice(),
    sessionId: new Uint8Array(0),
    lifetimeHint: ticketLifetime,
    hidden: agreement.echAccepted ? true : undefined,
    ocspResponse,
    scts,
  });
  decide(context, 'resumption', 'ticket kept', `good for ${ticketLifetime} s`);
}
