import { noBytes, zeroize } from '../bytes/bytes.ts';
import type { CipherSuite } from '../crypto/cipher-suites.ts';
import { groupCode } from '../crypto/named-groups.ts';
import type { PendingKeyExchange } from '../crypto/provider.ts';
import { PeerError } from '../errors.ts';
import { maxPskIdentity12, type PskBinding, pskBinding } from '../session/psk-importer.ts';
import { decodeClientKeyExchangePsk, encodeServerKeyExchangePsk } from '../wire/psk12.ts';
import { tls12 } from '../wire/versions.ts';
import { decide, sendMessage } from './context.ts';
import { type Flow, request } from './flow.ts';
import { pskPremaster } from './psk12.ts';
import type { ServerContext } from './server.ts';
import type { Transcript } from './transcript.ts';

/**
 * The server's part of a key exchange by PSK: Certificate and CertificateRequest are left out, and so is ServerKeyExchange
 * where there is neither a hint nor a share (RFC 4279, Section 2; RFC 5489, Section 2).
 */
export function sendPskServerKeyExchange(
  context: ServerContext,
  transcript: Transcript,
  exchange: PendingKeyExchange | undefined,
): void {
  const identityHint = context.config.psk?.identityHint ?? noBytes;
  if (exchange === undefined && identityHint.length === 0) return;
  const share = exchange && { group: groupCode(exchange.group), publicKey: exchange.share };
  sendMessage(context, transcript, 'serverKeyExchange', encodeServerKeyExchangePsk({ identityHint, share }));
}

/**
 * Reads the client's identity, and finds its key. Unless the host wants it otherwise, an identity that is not known goes on
 * with a random key, and fails where a wrong key fails: nobody learns who is known here (RFC 4279, Section 2).
 */
export function* readPskClientKeyExchange(
  context: ServerContext,
  serverName: string | undefined,
  suite: CipherSuite,
  exchange: PendingKeyExchange | undefined,
  body: Uint8Array,
): Flow<{ premaster: Uint8Array; psk: PskBinding }> {
  const { config, crypto } = context;
  const { identity, publicKey } = decodeClientKeyExchangePsk(body, exchange !== undefined);
  if (identity.length > maxPskIdentity12) {
    throw new PeerError(
      'ERR_TLS_PSK_IDENTITY',
      'decodeError',
      `clientKeyExchange: a PSK identity of ${identity.length} bytes; ${maxPskIdentity12} are the most`,
      { rfc: 'RFC 4279, Section 5.3' },
    );
  }
  const binding = { version: tls12, serverName, config, cipherHash: suite.hash } as const;
  const found = yield* request('lookupPsk', { identity, binding });
  const unknown = 'miss' in found ? found.miss : found.kind !== 'ext' || found.state ? 'notFound' : undefined;
  if (unknown !== undefined) {
    decide(context, 'psk', 'unknown identity', unknown);
    if (config.psk?.unknownIdentity === 'alert') throw unknownIdentity();
  } else {
    decide(context, 'psk', 'known identity', 'the host has its key');
  }
  const exchanged = exchange?.finish(publicKey as Uint8Array);
  const random = config.random(32).slice();
  // That of a known identity belongs to the host, which uses it again.
  const key = unknown === undefined && 'key' in found ? found.key : random;
  const premaster = pskPremaster(key, exchanged);
  const psk = pskBinding(crypto, identity, key);
  zeroize(random);
  return { premaster, psk };
}

function unknownIdentity(): PeerError {
  return new PeerError(
    'ERR_TLS_PSK_UNKNOWN_IDENTITY',
    'unknownPskIdentity',
    'clientKeyExchange: a PSK identity that is not known here',
    { rfc: 'RFC 4279, Section 2' },
  );
}
