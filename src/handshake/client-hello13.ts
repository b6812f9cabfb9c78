import { constantTimeEqual, equal, noBytes } from '../bytes/bytes.ts';
import type { CipherSuite } from '../crypto/cipher-suites.ts';
import { groupCode } from '../crypto/named-groups.ts';
import type { GroupName } from '../crypto/provider.ts';
import { illegalParameter, PeerError } from '../errors.ts';
import { type ClientHello, isKnownClientHelloExtension, outlineClientHello } from '../wire/client-hello.ts';
import { extensionTypes } from '../wire/extension-type.ts';
import { encodeHelloRetryRequest, helloRetryRequestRandom } from '../wire/server-hello.ts';
import { tls12, tls13 } from '../wire/versions.ts';
import { decide, sendMessage } from './context.ts';
import { confirmationLength } from './ech-confirmation.ts';
import { confirmHelloRetryRequest, openSecondClientHello } from './ech-server.ts';
import type { Flow } from './flow.ts';
import { type ReceivedClientHello, receiveClientHello, type ServerContext } from './server.ts';
import type { Transcript } from './transcript.ts';

/** The ClientHello of TLS 1.3 as the server reads it, once or, after a HelloRetryRequest, twice. */

/** What TLS 1.3 asks of a ClientHello (RFC 9846, Sections 4.1.2 and 9.2). */
export function checkClientHello({ hello }: ReceivedClientHello): void {
  const { extensions } = hello;
  if (hello.legacyCompressionMethods.length !== 1) {
    throw illegalParameter(
      'ERR_TLS_COMPRESSION',
      'clientHello: legacy_compression_methods is not the null method alone',
      'RFC 9846, Section 4.1.2',
    );
  }
  if (extensions.preSharedKey !== undefined) {
    if (extensions.pskKeyExchangeModes === undefined)
      throw missingExtension('psk_key_exchange_modes', 'RFC 9846, Section 4.2.9');
  } else if (extensions.signatureAlgorithms === undefined) {
    throw missingExtension('signature_algorithms', 'RFC 9846, Section 9.2', 'ERR_TLS_NO_SIGNATURE_SCHEME');
  }
  const pskOnly = extensions.preSharedKey !== undefined && extensions.pskKeyExchangeModes?.includes(0);
  if (pskOnly && extensions.supportedGroups === undefined && extensions.keyShare === undefined) return;
  if (extensions.supportedGroups === undefined) {
    throw missingExtension('supported_groups', 'RFC 9846, Section 9.2', 'ERR_TLS_NO_SHARED_GROUP');
  }
  if (extensions.keyShare === undefined)
    throw missingExtension('key_share', 'RFC 9846, Section 9.2', 'ERR_TLS_MISSING_KEY_SHARE');
}

/** The error for a ClientHello that lacks an extension. */
export function missingExtension(
  extension: string,
  rfc: string,
  code: `ERR_TLS_${string}` = 'ERR_TLS_MISSING_EXTENSION',
): PeerError {
  return new PeerError(code, 'missingExtension', `clientHello: the extension ${extension} is missing`, { rfc });
}

/** The ClientHello that counts, and whether it is the second one. */
interface AgreedShare {
  readonly received: ReceivedClientHello;
  readonly retried: boolean;
}

/** Asks again with a HelloRetryRequest where the client sent no share of the group (RFC 9846, Section 4.1.4). */
export function* agreeOnShare(
  context: ServerContext,
  transcript: Transcript,
  first: ReceivedClientHello,
  suite: CipherSuite,
  group: GroupName | undefined,
): Flow<AgreedShare> {
  const { config, output } = context;
  const has = (shares: ClientHello['extensions']['keyShare']) =>
    shares?.some((share) => share.group === groupCode(group as GroupName));
  const lacksShare = group !== undefined && !has(first.hello.extensions.keyShare);
  if (!lacksShare && !config.retryCookie) return { received: first, retried: false };
  decide(
    context,
    'helloRetryRequest',
    group ?? 'cookie',
    lacksShare ? 'the client sent no share of this group' : 'the server asks for a cookie',
  );

  const { hello, ech } = first;
  // A copy: the second ClientHello is compared with it, after more has come from the transport.
  const firstBody = first.message.body.slice();
  const cookie = config.retryCookie ? config.random(32) : undefined;
  transcript.add(first.message.raw);
  transcript.replaceWithMessageHash(suite.hash);
  const retry = encodeHelloRetryRequest({
    legacyVersion: tls12,
    random: helloRetryRequestRandom,
    legacySessionIdEcho: hello.legacySessionId,
    cipherSuite: suite.code,
    legacyCompressionMethod: 0,
    extensions: {
      supportedVersions: tls13,
      keyShare: lacksShare ? groupCode(group) : undefined,
      cookie,
      // A rejection looks no different (RFC 9849, Section 10.10.4).
      encryptedClientHello: ech && config.random(confirmationLength),
    },
  });
  if (ech?.accepted) confirmHelloRetryRequest(context.crypto, suite.hash, transcript, hello, retry);
  sendMessage(context, transcript, 'serverHello', retry);
  if (hello.legacySessionId.length > 0) output.sendChangeCipherSpec();
  if (hello.extensions.earlyData) output.skipEarlyData('untilClientHello');

  const second = openSecondClientHello(context, ech, yield* receiveClientHello());
  checkClientHello(second);
  checkSecondHello(context, firstBody, second, group, cookie);
  return { received: second, retried: true };
}

/** What the second ClientHello may say otherwise: shares, the cookie, early data, PSKs and padding; and a new inner hello. */
const mayChange: ReadonlySet<number> = new Set([
  extensionTypes.keyShare,
  extensionTypes.cookie,
  extensionTypes.earlyData,
  extensionTypes.preSharedKey,
  extensionTypes.padding,
  extensionTypes.encryptedClientHello,
]);

/**
 * "The client MUST send the same ClientHello without modification" but for what was asked for (RFC 9846, Section 4.1.2).
 * Extensions that are not known here may have rules of their own.
 */
function checkSecondHello(
  { config }: ServerContext,
  firstBody: Uint8Array,
  { hello, message }: ReceivedClientHello,
  group: GroupName | undefined,
  cookie: Uint8Array | undefined,
): void {
  const { extensions } = hello;
  const refuse = (what: string, code: `ERR_TLS_${string}` = 'ERR_TLS_SECOND_CLIENT_HELLO') =>
    illegalParameter(code, `clientHello after helloRetryRequest: ${what}`, 'RFC 9846, Section 4.1.2');
  if (group !== undefined) {
    const shares = extensions.keyShare ?? [];
    const hasShare = shares.some((share) => share.group === groupCode(group));
    // Where the retry asked for a cookie alone, the shares stay as they were.
    if (!hasShare || (shares.length !== 1 && !config.retryCookie)) {
      throw refuse(`it does not have exactly one share, of ${group}`, 'ERR_TLS_GROUP');
    }
  }
  if (cookie !== undefined && !constantTimeEqual(extensions.cookie ?? noBytes, cookie)) {
    throw refuse('it does not echo the cookie', 'ERR_TLS_COOKIE');
  }
  if (extensions.earlyData) throw refuse('it offers early data again');
  const first = outlineClientHello(firstBody);
  const second = outlineClientHello(message.body);
  if (!equal(first.fields, second.fields)) throw refuse('it changes what may not change');
  for (const type of new Set([...first.extensions.keys(), ...second.extensions.keys()])) {
    if (mayChange.has(type) || !isKnownClientHelloExtension(type)) continue;
    const before = first.extensions.get(type);
    const now = second.extensions.get(type);
    if (before === undefined || now === undefined || !equal(before, now)) {
      throw refuse(`it changes extension ${type}, which may not change`);
    }
  }
}
