import { noBytes } from '../bytes/bytes.ts';
import type { CipherSuite } from '../crypto/cipher-suites.ts';
import { PeerError } from '../errors.ts';
import { maxPskIdentity12, type PskBinding, pskBinding } from '../session/psk-importer.ts';
import { decodeServerKeyExchangePsk, encodeClientKeyExchangePsk, type ServerKeyExchangePsk } from '../wire/psk12.ts';
import type { ClientContext } from './client.ts';
import { groupOfServer, respondTo, sendKeyExchange } from './client12.ts';
import { decide } from './context.ts';
import { expectMessage, type Flow, request, takeMessageIf } from './flow.ts';
import { pskPremaster } from './psk12.ts';
import type { Transcript } from './transcript.ts';

const noHint: ServerKeyExchangePsk = { identityHint: noBytes, share: undefined };

/** What the server says in a key exchange by PSK: nothing at all where it has neither a hint nor a share. */
export function* readPskServerKeyExchange(
  context: ClientContext,
  transcript: Transcript,
  suite: CipherSuite,
): Flow<ServerKeyExchangePsk> {
  const ecdhe = suite.keyExchange === 'ecdhe';
  const message = ecdhe ? yield* expectMessage('serverKeyExchange') : yield* takeMessageIf('serverKeyExchange');
  if (message === undefined) return noHint;
  transcript.add(message.raw);
  const said = decodeServerKeyExchangePsk(message.body, ecdhe);
  if (said.identityHint.length > maxPskIdentity12) {
    throw new PeerError(
      'ERR_TLS_PSK_IDENTITY_HINT',
      'handshakeFailure',
      `serverKeyExchange: a PSK identity hint of ${said.identityHint.length} bytes; ${maxPskIdentity12} are the most`,
      { rfc: 'RFC 4279, Section 5.3' },
    );
  }
  if (said.share !== undefined)
    decide(context, 'group', groupOfServer(context, said.share.group), 'the server chose it');
  return said;
}

/** Asks the host for identity and key, and sends ClientKeyExchange (RFC 4279, Section 2; RFC 5489, Section 2). */
export function* sendPskClientKeyExchange(
  context: ClientContext,
  transcript: Transcript,
  suite: CipherSuite,
  { identityHint, share }: ServerKeyExchangePsk,
): Flow<{ premaster: Uint8Array; psk: PskBinding }> {
  const { config, crypto } = context;
  const hint = identityHint.length === 0 ? undefined : identityHint.slice();
  const chosen = yield* request('selectPsk', { identityHint: hint, hash: suite.hash, config });
  if (chosen === undefined) {
    throw new PeerError(
      'ERR_TLS_PSK_NOT_FOUND',
      'handshakeFailure',
      'serverKeyExchange: this client has no PSK for this server',
      { rfc: 'RFC 4279, Section 2' },
    );
  }
  const { identity, secret } = chosen;
  decide(context, 'psk', 'offered identity', hint === undefined ? 'the server gave no hint' : "with the server's hint");
  const exchange = share && respondTo(context, share);
  const body = encodeClientKeyExchangePsk({ identity, publicKey: exchange?.share });
  sendKeyExchange(context, transcript, body, exchange?.secret);
  return { premaster: pskPremaster(secret, exchange?.secret), psk: pskBinding(crypto, identity, secret) };
}
