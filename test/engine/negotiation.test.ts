import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import type { TraceEvent } from '../../src/handshake/trace.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { decodeClientHello } from '../../src/wire/client-hello.ts';
import { decodeEncryptedExtensions } from '../../src/wire/encrypted-extensions.ts';
import {
  decodeServerHello12,
  encodeHelloRetryRequest,
  encodeServerHello12,
  helloRetryRequestRandom,
} from '../../src/wire/server-hello.ts';
import { tls12 } from '../../src/wire/versions.ts';
import { createPair, crypto } from '../handshake/pair.ts';
import { assertRefused, bytes, client, firstBody, hello, message, server, turn, without } from './speak.ts';

const clock = { now: Date.now };

function createSessions(): ServerSessions {
  return new ServerSessions({
    crypto,
    keyring: new TicketKeyring({ crypto, clock }),
    store: new MemoryStore({ clock }),
    maxEarlyDataSize: 16_384,
  });
}

describe('what a server makes of an offer', () => {
  test('a PSK that is unknown, and no key share: no handshake without any secret (RFC 9846, Section 9.2)', () => {
    const connection = server({ sessions: createSessions(), allowPskOnly: true });
    const offer = hello((h) => {
      without(h, 'supportedGroups', 'keyShare');
      h.extensions.pskKeyExchangeModes = Uint8Array.of(0);
      h.extensions.preSharedKey = {
        identities: [{ identity: bytes(40, 7), obfuscatedTicketAge: 0 }],
        binders: [bytes(32)],
      };
      h.extensionOrder = [...h.extensionOrder, 41];
    });
    assertRefused(connection, turn(connection, offer), 'ERR_TLS_MISSING_KEY_SHARE', 'missingExtension');
  });

  test('a fallback is one even with GREASE among the versions (RFC 7507, Section 3)', () => {
    const connection = server();
    const offer = hello((h) => {
      h.cipherSuites = [...h.cipherSuites, 0x5600];
      h.extensions.supportedVersions = [0xfafa, tls12];
    });
    assertRefused(connection, turn(connection, offer), 'ERR_TLS_INAPPROPRIATE_FALLBACK', 'inappropriateFallback');
  });

  test('a name is acknowledged in a full handshake, also after a PSK that missed, and not in a resumption', async () => {
    const sessions = createSessions();
    const acknowledged: (boolean | undefined)[] = [];
    const trace = (event: TraceEvent) => {
      if (event.kind !== 'message' || event.type !== 'encryptedExtensions' || event.direction !== 'sent') return;
      acknowledged.push(decodeEncryptedExtensions(event.raw.subarray(4)).extensions.serverName);
    };
    const first = createPair({ server: { sessions, trace } });
    await first.run();
    const [session] = first.client.takeSessions();
    assert.ok(session);
    for (const other of [sessions, createSessions()]) {
      const pair = createPair({ client: { sessions: [session] }, server: { sessions: other, trace } });
      await pair.run();
      assert.equal(pair.server.info.resumed, other === sessions);
    }
    assert.deepEqual(acknowledged, [true, undefined, true]);
  });
});

test('psk_ke among the modes excuses no share without its groups (RFC 9846, Section 9.2)', () => {
  const psk = { identity: bytes(3), secret: bytes(32, 7), hash: 'sha256', imported: false } as const;
  const options = { externalPsks: [psk], allowPskOnly: true };
  for (const [missing, code] of [
    ['supportedGroups', 'ERR_TLS_NO_SHARED_GROUP'],
    ['keyShare', 'ERR_TLS_MISSING_KEY_SHARE'],
  ] as const) {
    const side = server();
    const output = turn(
      side,
      hello((h) => without(h, missing), options),
    );
    assertRefused(side, output, code, 'missingExtension');
  }
});

test('a ClientHello is padded to the length that is asked for (RFC 7685)', () => {
  const short = firstBody(turn(client())).length + 4;
  for (const [wanted, length] of [
    [short + 100, short + 100],
    [short + 4, short + 4],
    [short + 1, short + 4],
    [short, short],
  ] as const) {
    assert.equal(firstBody(turn(client({ padClientHelloTo: wanted }))).length + 4, length);
  }
});

describe('what a client makes of an answer', () => {
  test('a GREASE extension that comes back is refused (RFC 8701, Section 3.1)', () => {
    const connection = client({ grease: true });
    const raw = turn(connection);
    const offered = [...(decodeClientHello(firstBody(raw)).otherExtensions?.keys() ?? [])];
    assert.equal(offered.length, 2);
    const answer = decodeServerHello12(firstBody(turn(server({ maxVersion: tls12 }), raw)));
    answer.otherExtensions = new Map([[offered[0] as number, bytes(0)]]);
    answer.extensionOrder = [...answer.extensionOrder, offered[0] as number];
    const output = turn(connection, message('serverHello', encodeServerHello12(answer)));
    assertRefused(connection, output, 'ERR_TLS_UNSOLICITED_EXTENSION', 'unsupportedExtension');
  });

  test('a HelloRetryRequest without supported_versions is none of TLS 1.2 (RFC 9846, Section 4.1.3)', () => {
    const connection = client();
    const { legacySessionId } = decodeClientHello(firstBody(turn(connection)));
    const retry = encodeHelloRetryRequest({
      legacyVersion: tls12,
      random: helloRetryRequestRandom,
      legacySessionIdEcho: legacySessionId,
      cipherSuite: 0xc02b,
      legacyCompressionMethod: 0,
      extensions: { cookie: bytes(3) },
    });
    const output = turn(connection, message('serverHello', retry));
    assertRefused(connection, output, 'ERR_TLS_MISSING_EXTENSION', 'missingExtension');
  });

  test('a TLS 1.2 session whose time is over is not offered, nor taken back', async () => {
    const sessions = createSessions();
    const first = createPair({ client: { maxVersion: tls12 }, server: { sessions } });
    await first.run();
    const kept = first.client.takeSessions();
    assert.equal(kept.length, 1);
    const later = () => Date.now() + 8 * 86_400_000;
    const connection = client({ maxVersion: tls12, sessions: kept, now: later });
    const offer = decodeClientHello(firstBody(turn(connection)));
    assert.deepEqual([...(offer.extensions.sessionTicket ?? bytes(1))], []);
    assert.equal(offer.legacySessionId.length, 0);
    const pair = createPair({ client: { maxVersion: tls12, sessions: kept, now: later }, server: { sessions } });
    await pair.run();
    assert.equal(pair.client.info.resumed, false);
  });

  test('what the runtime has not is neither offered nor taken: an AEAD, a group', async () => {
    const poor: CryptoProvider = {
      ...crypto,
      missingAeads: ['chacha20poly1305'],
      keyExchange: (group) => (group === 'secp521r1' ? undefined : crypto.keyExchange(group)),
    };
    for (const named of [
      {},
      { cipherSuites: [0x1303, 0x1301, 0xcca9, 0xc02b], groups: ['secp521r1', 'x25519'] as const },
    ]) {
      const offer = decodeClientHello(firstBody(turn(client({ ...named, crypto: poor }))));
      for (const code of [0x1303, 0xcca9, 0xcca8]) assert.ok(!offer.cipherSuites.includes(code), code.toString(16));
      assert.ok(!offer.extensions.supportedGroups?.includes(25));
      const pair = createPair({
        client: { cipherSuites: [0x1303, 0x1301], groups: ['secp521r1', 'x25519'] },
        server: { ...named, crypto: poor, preferServerOrder: false },
      });
      await pair.run();
      assert.equal(pair.client.info.cipherSuite, 0x1301);
      assert.equal(pair.client.info.group, 'x25519');
    }
    assert.throws(() => client({ crypto: poor, cipherSuites: [0x1303] }), { code: 'ERR_TLS_NO_CIPHERS' });
  });
});
