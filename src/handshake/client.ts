import { constantTimeEqual } from '../bytes/bytes.ts';
import { cipherSuite } from '../crypto/cipher-suites.ts';
import type { PendingKeyExchange } from '../crypto/provider.ts';
import { illegalParameter, PeerError } from '../errors.ts';
import type { ClientSession } from '../session/client-session.ts';
import { type ClientHello, encodeClientHello } from '../wire/client-hello.ts';
import { isEchInner } from '../wire/encrypted-client-hello.ts';
import { extensionTypes } from '../wire/extension-type.ts';
import { frameMessage, type HandshakeMessage } from '../wire/handshake-type.ts';
import {
  downgradeSentinel11,
  downgradeSentinel12,
  outlineServerHello,
  type ServerHelloOutline,
} from '../wire/server-hello.ts';
import { tls12, tls13, versionName } from '../wire/versions.ts';
import { buildClientHello } from './client-hello-builder.ts';
import { clientHandshake12 } from './client12.ts';
import { clientHandshake13 } from './client13.ts';
import type { ClientHandshakeConfig } from './config.ts';
import { decide, type HandshakeContext, untilEnd, wipingSecrets } from './context.ts';
import { greaseEch, type OfferedEch, sendEncryptedClientHello, settleEncryptedClientHello } from './ech-client.ts';
import { expectMessage, type Flow } from './flow.ts';
import { type OfferedPsk, offeredPsks, writeBinders } from './psk-client.ts';
import type { Established } from './result.ts';
import { noteUnoffered, offerProblem } from './session-client.ts';
import { Transcript } from './transcript.ts';

export type ClientContext = HandshakeContext<ClientHandshakeConfig>;

/** What the client has sent, and what it keeps for the answer. */
export interface Offer {
  readonly hello: ClientHello;
  /** The ClientHello as it went out. */
  readonly raw: Uint8Array;
  /** Key exchanges whose shares were sent. */
  readonly exchanges: readonly PendingKeyExchange[];
  /** PSKs in the order of the identities. */
  readonly psks: readonly OfferedPsk[];
  /** The session of TLS 1.2 that is offered. */
  readonly session12: ClientSession | undefined;
  /** How the hello was encrypted, where it was. */
  readonly ech: OfferedEch | undefined;
}

/** The client's side of a handshake: sends a ClientHello and goes on in the version that the server chose. */
export function clientHandshake(context: ClientContext): Flow<Established> {
  return wipingSecrets(context, handshake);
}

function* handshake(initial: ClientContext): Flow<Established> {
  const { config } = initial;
  const firstTranscript = new Transcript(initial.crypto);
  const sent = sendClientHello(initial, firstTranscript);
  if (sent.hello.extensions.earlyData) sent.psks[0]?.beginEarlyData(initial, sent, firstTranscript);

  const message = yield* expectMessage('serverHello');
  const outline = outlineServerHello(message.body);
  const version = outline.selectedVersion ?? outline.legacyVersion;
  checkVersion(config, outline, version);
  decide(initial, 'version', versionName(version), 'the server chose it');
  const { context, transcript, offer } =
    sent.ech === undefined
      ? { context: initial, transcript: firstTranscript, offer: sent }
      : settleEncryptedClientHello(initial, firstTranscript, sent, sent.ech, message, outline);
  context.output.setVersion(version === tls13 ? tls13 : tls12);

  if (version === tls13) return yield* clientHandshake13(context, transcript, offer, message, outline);
  checkNoDowngrade(config, outline);
  if (offer.psks.length > 0)
    decide(context, 'resumption', 'miss', 'the PSKs are for TLS 1.3, and the server chose 1.2');
  for (const secret of [...offer.exchanges, ...offer.psks.map(({ early }) => early)]) secret.destroy();
  return yield* clientHandshake12(context, transcript, offer, message);
}

function sendClientHello(context: ClientContext, transcript: Transcript): Offer {
  const { config, output } = context;
  const exchanges = config.maxVersion < tls13 ? [] : startKeyExchanges(context);
  const psks = offeredPsks(context);
  noteUnoffered(context);
  if (config.ech !== undefined) return sendEncryptedClientHello(context, transcript, config.ech, exchanges, psks);
  const session12 = offeredSession12(config);
  const grease = config.echGrease && config.maxVersion >= tls13 ? greaseEch(context) : undefined;
  const hello = buildClientHello(config, exchanges, psks, session12, grease);
  const raw = frameMessage('clientHello', encodeClientHello(hello));
  writeBinders(raw, psks, transcript);
  transcript.add(raw);
  output.sendMessage('clientHello', raw);
  return { hello, raw, exchanges, psks, session12, ech: undefined };
}

/** The first session of TLS 1.2 that can be offered. */
function offeredSession12(config: ClientHandshakeConfig): ClientSession | undefined {
  return config.sessions.find(
    (session) => session.state.version === tls12 && offerProblem(config, session) === undefined,
  );
}

function startKeyExchanges(context: ClientContext): PendingKeyExchange[] {
  const { config, crypto } = context;
  return config.keyShares
    .filter((group) => config.groups.includes(group))
    .map((group) => crypto.keyExchange(group)?.generate())
    .filter((exchange) => exchange !== undefined)
    .map((exchange) => untilEnd(context, exchange));
}

function checkVersion(config: ClientHandshakeConfig, outline: ServerHelloOutline, version: number): void {
  // A TLS 1.3 server says 1.2 in legacy_version; supported_versions may not choose a lower one than 1.3.
  if (outline.isHelloRetryRequest && outline.selectedVersion === undefined && config.maxVersion >= tls13) {
    throw new PeerError(
      'ERR_TLS_MISSING_EXTENSION',
      'missingExtension',
      'helloRetryRequest: the extension supported_versions is missing',
      { rfc: 'RFC 9846, Section 4.1.4' },
    );
  }
  const known = outline.selectedVersion === undefined ? version === tls12 : version === tls13;
  if (outline.selectedVersion !== undefined && outline.selectedVersion < tls13) {
    throw illegalParameter(
      'ERR_TLS_UNSOLICITED_EXTENSION',
      `serverHello: supported_versions chooses ${versionName(version)}, which is for TLS 1.3 only`,
      'RFC 9846, Section 4.2.1',
    );
  }
  if (known && version <= config.maxVersion && version >= config.minVersion) return;
  throw new PeerError(
    'ERR_TLS_UNSUPPORTED_PROTOCOL',
    'protocolVersion',
    `the server chose ${versionName(version)}; this client speaks ${versionName(config.minVersion)} to ` +
      `${versionName(config.maxVersion)}`,
    { rfc: 'RFC 9846, Section 4.2.1' },
  );
}

/**
 * "TLS 1.3 clients receiving a ServerHello indicating TLS 1.2 or below MUST check that the last 8 bytes are not equal
 * to either of these values." (RFC 9846, Section 4.1.3)
 */
function checkNoDowngrade(config: ClientHandshakeConfig, { random }: ServerHelloOutline): void {
  if (config.maxVersion < tls13) return;
  const tail = random.subarray(24);
  if (!constantTimeEqual(tail, downgradeSentinel12) && !constantTimeEqual(tail, downgradeSentinel11)) return;
  throw illegalParameter(
    'ERR_TLS_DOWNGRADE',
    'serverHello: the server can do TLS 1.3, yet a lower version was negotiated: somebody in between made it so',
    'RFC 9846, Section 4.1.3',
  );
}

/** Whether a suite code was offered and belongs to the version. */
export function checkCipherSuite(offer: Offer, code: number, version: 0x0303 | 0x0304) {
  const suite = cipherSuite(code);
  if (suite !== undefined && suite.version === version && offer.hello.cipherSuites.includes(code)) return suite;
  throw illegalParameter(
    'ERR_TLS_CIPHER_SUITE',
    `serverHello: the cipher suite ${suite?.name ?? `0x${code.toString(16)}`} was not offered for ${versionName(version)}`,
    'RFC 9846, Section 4.1.3',
  );
}

/** Extensions in an answer must have been asked for (RFC 9846, Section 4.2). */
export function checkSolicited(
  offer: Offer,
  types: readonly number[],
  message: HandshakeMessage['type'] | 'helloRetryRequest',
  free: readonly number[] = [],
): void {
  for (const type of types) {
    // What was offered without a meaning is GREASE, and may not come back (RFC 8701, Section 3.1).
    const offered = offer.hello.extensionOrder.includes(type) && !offer.hello.otherExtensions?.has(type);
    if (type === extensionTypes.encryptedClientHello && !mayAnswerEch(offer, message)) throw unsolicited(message, type);
    if (offered || free.includes(type)) continue;
    throw unsolicited(message, type);
  }
}

function unsolicited(message: string, type: number): PeerError {
  return new PeerError(
    'ERR_TLS_UNSOLICITED_EXTENSION',
    'unsupportedExtension',
    `${message}: extension ${type} was not offered`,
    { rfc: 'RFC 9846, Section 4.2' },
  );
}

/** retry_configs answer the outer hello alone (RFC 9849, Section 5); a HelloRetryRequest may confirm, or seem to. */
function mayAnswerEch({ hello }: Offer, message: string): boolean {
  const { encryptedClientHello } = hello.extensions;
  if (message === 'helloRetryRequest') return encryptedClientHello !== undefined;
  return message === 'encryptedExtensions' && encryptedClientHello !== undefined && !isEchInner(encryptedClientHello);
}

/** The application protocol must be one that was offered (RFC 7301, Section 3.1). */
export function checkAlpn(offer: Offer, protocol: string | undefined): void {
  if (protocol === undefined || offer.hello.extensions.alpn?.includes(protocol)) return;
  throw illegalParameter(
    'ERR_TLS_ALPN',
    `the server chose the application protocol ${JSON.stringify(protocol)}, which was not offered`,
    'RFC 7301, Section 3.1',
  );
}
