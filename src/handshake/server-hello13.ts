/** What a client makes of a ServerHello of TLS 1.3 (RFC 9846, Section 4.1.3). */
import { equal } from '../bytes/bytes.ts';
import type { CipherSuite } from '../crypto/cipher-suites.ts';
import { groupCode } from '../crypto/named-groups.ts';
import type { GroupName, PendingKeyExchange } from '../crypto/provider.ts';
import { illegalParameter, PeerError } from '../errors.ts';
import type { HandshakeMessage } from '../wire/handshake-type.ts';
import { decodeServerHello13, type ServerHello13, type ServerHelloFields } from '../wire/server-hello.ts';
import { tls12 } from '../wire/versions.ts';
import { type ClientContext, checkSolicited, type Offer } from './client.ts';
import { decide } from './context.ts';
import type { OfferedPsk } from './psk-client.ts';

/** What holds for every ServerHello and HelloRetryRequest of TLS 1.3 (RFC 9846, Section 4.1.3). */
export function checkFields({ hello }: Offer, fields: ServerHelloFields): void {
  // "… or ServerHello.legacy_version set to 0x0300 MUST abort the handshake with a "protocol_version" alert."
  if (fields.legacyVersion === 0x0300) {
    throw new PeerError('ERR_TLS_LEGACY_VERSION', 'protocolVersion', 'serverHello: legacy_version is SSL 3.0', {
      rfc: 'RFC 9846, Appendix E.5',
    });
  }
  if (fields.legacyVersion !== tls12) {
    throw illegalParameter(
      'ERR_TLS_LEGACY_VERSION',
      `serverHello: legacy_version is 0x${fields.legacyVersion.toString(16)}, and must be 0x0303`,
      'RFC 9846, Section 4.1.3',
    );
  }
  if (!equal(fields.legacySessionIdEcho, hello.legacySessionId)) {
    throw illegalParameter(
      'ERR_TLS_SESSION_ID_ECHO',
      'serverHello: legacy_session_id_echo is not what the client sent',
      'RFC 9846, Section 4.1.3',
    );
  }
  if (fields.legacyCompressionMethod !== 0) {
    throw illegalParameter(
      'ERR_TLS_COMPRESSION',
      'serverHello: legacy_compression_method is not null',
      'RFC 9846, Section 4.1.3',
    );
  }
}

/** The ServerHello that the handshake goes on with: nothing in it that was not offered. */
export function decodeSolicited(message: HandshakeMessage, offer: Offer): ServerHello13 {
  const serverHello = decodeServerHello13(message.body);
  checkSolicited(offer, serverHello.extensionOrder, 'serverHello');
  // Unknown extensions have no place in a TLS 1.3 ServerHello, offered or not.
  const unknown = serverHello.otherExtensions?.keys().next().value;
  if (unknown !== undefined) {
    throw new PeerError('ERR_TLS_UNSOLICITED_EXTENSION', 'unsupportedExtension', `serverHello: extension ${unknown}`, {
      rfc: 'RFC 9846, Section 4.1.3',
    });
  }
  return serverHello;
}

/** The PSK that the server took; `undefined` where it took none (RFC 9846, Section 4.2.11). */
export function selectedPsk(offer: Offer, { extensions }: ServerHello13, suite: CipherSuite): OfferedPsk | undefined {
  const index = extensions.preSharedKey;
  if (index === undefined) return undefined;
  const psk = offer.psks[index];
  if (psk === undefined) {
    throw illegalParameter(
      'ERR_TLS_PSK_INDEX',
      `serverHello: it selects PSK ${index} of ${offer.psks.length}`,
      'RFC 9846, Section 4.2.11',
    );
  }
  if (psk.hash !== suite.hash) {
    throw illegalParameter(
      'ERR_TLS_PSK_HASH',
      `serverHello: the selected PSK is for ${psk.hash}, and ${suite.name} has ${suite.hash}`,
      'RFC 9846, Section 4.2.11',
    );
  }
  return psk;
}

/** The shared secret, and its group; neither where a PSK goes without (psk_ke). The other shares are destroyed. */
export function finishKeyExchange(
  context: ClientContext,
  offer: Offer,
  { extensions }: ServerHello13,
  psk: OfferedPsk | undefined,
): { secret: Uint8Array | undefined; group: GroupName | undefined } {
  const { keyShare } = extensions;
  if (keyShare === undefined) {
    if (psk !== undefined && offer.hello.extensions.pskKeyExchangeModes?.includes(0)) {
      for (const exchange of offer.exchanges) exchange.destroy();
      return { secret: undefined, group: undefined };
    }
    throw new PeerError(
      'ERR_TLS_MISSING_KEY_SHARE',
      'missingExtension',
      'serverHello: the extension key_share is missing',
      { rfc: 'RFC 9846, Section 4.1.3' },
    );
  }
  const chosen: PendingKeyExchange | undefined = offer.exchanges.find(
    ({ group }) => groupCode(group) === keyShare.group,
  );
  if (chosen === undefined) {
    throw illegalParameter(
      'ERR_TLS_GROUP',
      `serverHello: group 0x${keyShare.group.toString(16)} has no share of this client`,
      'RFC 9846, Section 4.2.8',
    );
  }
  decide(context, 'group', chosen.group, 'the server chose it');
  const secret = chosen.finish(keyShare.keyExchange);
  for (const exchange of offer.exchanges) if (exchange !== chosen) exchange.destroy();
  return { secret, group: chosen.group };
}
