/** A client's answer to a HelloRetryRequest (RFC 9846, Section 4.1.4). */
import { noBytes } from '../bytes/bytes.ts';
import type { CipherSuite } from '../crypto/cipher-suites.ts';
import { groupCode, groupName } from '../crypto/named-groups.ts';
import type { GroupName, PendingKeyExchange } from '../crypto/provider.ts';
import { illegalParameter, PeerError } from '../errors.ts';
import { encodeClientHello } from '../wire/client-hello.ts';
import type { KeyShareEntry } from '../wire/extension-codecs.ts';
import { extensionTypes } from '../wire/extension-type.ts';
import { frameMessage, type HandshakeMessage } from '../wire/handshake-type.ts';
import { decodeHelloRetryRequest, outlineServerHello } from '../wire/server-hello.ts';
import { tls13 } from '../wire/versions.ts';
import { type ClientContext, checkSolicited, type Offer } from './client.ts';
import { retryClientHello } from './client-hello-builder.ts';
import { decide, untilEnd } from './context.ts';
import { requireConfirmation, resendEncryptedClientHello } from './ech-client.ts';
import { expectMessage, type Flow } from './flow.ts';
import { type OfferedPsk, retriedPsks, writeBinders } from './psk-client.ts';
import { checkFields } from './server-hello13.ts';
import type { Transcript } from './transcript.ts';

/** Sends a second ClientHello; what comes back is the ServerHello to it. */
export function* retry(
  context: ClientContext,
  transcript: Transcript,
  first: Offer,
  message: HandshakeMessage,
  suite: CipherSuite,
): Flow<{ offer: Offer; message: HandshakeMessage }> {
  const { crypto, output } = context;
  const retryRequest = decodeHelloRetryRequest(message.body);
  const { extensions } = retryRequest;
  checkSolicited(first, retryRequest.extensionOrder, 'helloRetryRequest', [extensionTypes.cookie]);
  if (extensions.keyShare === undefined && extensions.cookie === undefined) {
    throw illegalParameter(
      'ERR_TLS_EMPTY_HELLO_RETRY_REQUEST',
      'helloRetryRequest: it would change nothing in the clientHello',
      'RFC 9846, Section 4.1.4',
    );
  }
  if (extensions.cookie !== undefined) checkCookie(extensions.cookie);
  const group = extensions.keyShare === undefined ? undefined : retryGroup(context, first, extensions.keyShare);
  decide(context, 'helloRetryRequest', group ?? 'cookie', 'the server asks for it');
  if (first.hello.extensions.earlyData) output.endEarlyData(false);

  transcript.replaceWithMessageHash(suite.hash);
  transcript.add(message.raw);
  let exchanges = first.exchanges;
  if (group !== undefined) {
    for (const exchange of exchanges) exchange.destroy();
    exchanges = [crypto.keyExchange(group)?.generate()].filter((exchange) => exchange !== undefined);
    for (const exchange of exchanges) untilEnd(context, exchange);
  }
  // Only PSKs of the hash that the server chose can still be used (RFC 9846, Section 4.1.4).
  const psks = retriedPsks(first.psks, suite.hash, context.config.now());
  for (const other of first.psks) if (other.hash !== suite.hash) other.early.destroy();
  const share =
    group === undefined ? undefined : { group: groupCode(group), keyExchange: exchanges[0]?.share ?? noBytes };
  if (first.hello.legacySessionId.length > 0) output.sendChangeCipherSpec();
  const offer =
    first.ech === undefined
      ? resendClientHello(context, transcript, first, exchanges, psks, share, extensions.cookie)
      : resendEncryptedClientHello(context, transcript, first, first.ech, exchanges, psks, share, extensions.cookie);

  const answer = yield* expectMessage('serverHello');
  const outline = outlineServerHello(answer.body);
  if (outline.selectedVersion !== tls13) {
    throw illegalParameter(
      'ERR_TLS_VERSION_AFTER_RETRY',
      'serverHello: after a helloRetryRequest it must choose TLS 1.3',
      'RFC 9846, Section 4.1.4',
    );
  }
  if (outline.isHelloRetryRequest) {
    throw new PeerError(
      'ERR_TLS_UNEXPECTED_MESSAGE',
      'unexpectedMessage',
      'a second helloRetryRequest on one connection',
      { rfc: 'RFC 9846, Section 4.1.4' },
    );
  }
  checkFields(offer, outline);
  if (offer.ech !== undefined) requireConfirmation(context, transcript, offer, answer, outline);
  return { offer, message: answer };
}

function resendClientHello(
  { output }: ClientContext,
  transcript: Transcript,
  first: Offer,
  exchanges: readonly PendingKeyExchange[],
  psks: readonly OfferedPsk[],
  share: KeyShareEntry | undefined,
  cookie: Uint8Array | undefined,
): Offer {
  const hello = retryClientHello(first.hello, share, cookie, psks);
  const raw = frameMessage('clientHello', encodeClientHello(hello));
  writeBinders(raw, psks, transcript);
  transcript.add(raw);
  output.sendMessage('clientHello', raw);
  return { hello, raw, exchanges, psks, session12: undefined, ech: undefined };
}

/** Room for it in a ClientHello with all that there may be: a longer one could not be echoed. */
const maxCookie = 16_384;

function checkCookie({ length }: Uint8Array): void {
  if (length <= maxCookie) return;
  throw new PeerError(
    'ERR_TLS_COOKIE_TOO_LONG',
    'handshakeFailure',
    `helloRetryRequest: a cookie of ${length} bytes; up to ${maxCookie} are sent back`,
    { rfc: 'RFC 9846, Section 4.2.2' },
  );
}

/** The group of a HelloRetryRequest: one that was offered without a share. */
function retryGroup({ crypto }: ClientContext, offer: Offer, code: number): GroupName {
  const group = groupName(code);
  const offered = offer.hello.extensions.supportedGroups?.includes(code);
  const shared = offer.hello.extensions.keyShare?.some((share) => share.group === code);
  if (group !== undefined && offered && !shared && crypto.keyExchange(group) !== undefined) return group;
  throw illegalParameter(
    'ERR_TLS_GROUP',
    `helloRetryRequest: group 0x${code.toString(16)} ${shared ? 'already has a share' : 'was not offered'}`,
    'RFC 9846, Section 4.2.8',
  );
}
