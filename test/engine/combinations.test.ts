/** Rules that matter where two features meet: each was found broken by a review, and is told by its RFC. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClientOptions, ServerOptions } from '../../src/engine/config.ts';
import { drive } from '../../src/engine/driver.ts';
import { createEchKey } from '../../src/engine/ech-key.ts';
import { serverHost } from '../../src/engine/host.ts';
import type { RecordLayer } from '../../src/engine/record-layer.ts';
import { ApplicationSecrets } from '../../src/handshake/key-schedule.ts';
import { KeyBlock } from '../../src/handshake/key-schedule12.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { decodeClientHello, encodeClientHello } from '../../src/wire/client-hello.ts';
import { encodeEchConfigList } from '../../src/wire/ech-config.ts';
import { echInner } from '../../src/wire/encrypted-client-hello.ts';
import { extensionTypes } from '../../src/wire/extension-type.ts';
import { frameMessage, type HandshakeType } from '../../src/wire/handshake-type.ts';
import { encodeNewSessionTicket13 } from '../../src/wire/new-session-ticket.ts';
import { encodeHelloRetryRequest, helloRetryRequestRandom } from '../../src/wire/server-hello.ts';
import { tls12, tls13 } from '../../src/wire/versions.ts';
import { createPair, crypto, join, serverDefaults, testCredential } from '../handshake/pair.ts';
import { assertRefused, bytes, client, connected, firstBody, hello, message, record, server, turn } from './speak.ts';

const clock = { now: Date.now };

/** Bytes of its record, with which a second flight begins. */
const changeCipherSpec = 6;

const createSessions = (maxEarlyDataSize = 0) =>
  new ServerSessions({
    crypto,
    keyring: new TicketKeyring({ crypto, clock }),
    store: new MemoryStore({ clock }),
    maxEarlyDataSize,
  });

/** The body of a message that spans records in the clear. */
function messageBody(flight: Uint8Array): Uint8Array {
  const fragments: Uint8Array[] = [];
  for (let at = 0; at < flight.length; ) {
    const length = ((flight[at + 3] as number) << 8) | (flight[at + 4] as number);
    fragments.push(flight.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return join(fragments).subarray(4);
}

describe('alerts', () => {
  for (const version of [tls13, tls12] as const) {
    test(`${version.toString(16)}: an alert is one record, however small records are to be (RFC 9846, Section 5.1)`, () => {
      const { client, server } = connected({ client: { maxVersion: version } });
      server.setMaxFragment(1);
      server.write(bytes(3, 7));
      server.closeWrite();
      turn(client, turn(server));
      assert.equal(client.error, undefined, client.error?.stack);
      assert.ok(client.peerClosed && !client.truncated);
    });
  }

  test('an alert in the clear is one record, too', () => {
    const side = server({ maxSendFragment: 1 });
    assertRefused(
      side,
      turn(
        side,
        hello((h) => void (h.legacyVersion = 0x0300)),
      ),
      'ERR_TLS_UNSUPPORTED_PROTOCOL',
      'protocolVersion',
    );
  });

  test('1.3: what closes closes at either level, which "can safely be ignored" (RFC 9846, Section 6)', () => {
    const { client, server } = connected();
    const { writer } = server.output as RecordLayer;
    writer.write(21, Uint8Array.of(2, 90));
    turn(client, turn(server));
    assert.ok(!client.closed && !client.peerClosed);
    writer.write(21, Uint8Array.of(2, 0));
    turn(client, turn(server));
    assert.equal(client.error, undefined);
    assert.ok(client.peerClosed && !client.truncated && client.writable);
  });

  test('1.2: a fatal close_notify is fatal (RFC 5246, Section 7.2)', () => {
    const { client, server } = connected({ client: { maxVersion: tls12 } });
    (server.output as RecordLayer).writer.write(21, Uint8Array.of(2, 0));
    turn(client, turn(server));
    assert.equal(client.error?.code, 'ERR_TLS_ALERT_RECEIVED');
  });
});

describe('an extension that is known, and may not stand in the message (RFC 9846, Section 4.2)', () => {
  const serverName = [0, 0, 0, 0];

  function send(type: HandshakeType, body: number[]) {
    const { client, server } = connected({
      client: { postHandshakeAuth: true },
      server: { verifyPeer: () => undefined },
    });
    server.output?.sendMessage(type, frameMessage(type, Uint8Array.from(body)));
    turn(client, turn(server));
    return client.error;
  }

  test('in a CertificateRequest', () => {
    const schemes = [0, 13, 0, 4, 0, 2, 4, 3];
    assert.equal(send('certificateRequest', [1, 9, 0, 8, ...schemes]), undefined);
    assert.equal(send('certificateRequest', [1, 9, 0, 12, ...schemes, 0xab, 0xcd, 0, 0]), undefined, 'what is unknown');
    const error = send('certificateRequest', [1, 9, 0, 12, ...schemes, ...serverName]);
    assert.equal(error?.code, 'ERR_TLS_EXTENSION_NOT_ALLOWED');
    assert.equal(error?.alert, 'illegalParameter');
  });

  test('in a NewSessionTicket', () => {
    const ticket = [0, 0, 0, 9, 1, 2, 3, 4, 1, 7, 0, 1, 5];
    assert.equal(send('newSessionTicket', [...ticket, 0, 4, 0xab, 0xcd, 0, 0]), undefined, 'what is unknown');
    assert.equal(send('newSessionTicket', [...ticket, 0, 4, ...serverName])?.code, 'ERR_TLS_EXTENSION_NOT_ALLOWED');
  });

  for (const [name, type, body] of [
    ['oid_filters', extensionTypes.oidFilters, [0, 0]],
    ['ech_outer_extensions', extensionTypes.echOuterExtensions, [2, 0, 10]],
  ] as const) {
    test(`${name} in a ClientHello`, () => {
      const side = server();
      const changed = hello((h) => {
        h.otherExtensions = new Map([[type, Uint8Array.from(body)]]);
        h.extensionOrder = [type, ...h.extensionOrder];
      });
      assertRefused(side, turn(side, changed), 'ERR_TLS_EXTENSION_NOT_ALLOWED', 'illegalParameter');
    });
  }
});

describe('Encrypted Client Hello and HelloRetryRequest', () => {
  for (const first of ['none', 'GREASE'] as const) {
    test(`the inner form in clear in the second clientHello, after ${first} (RFC 9849, Section 7)`, () => {
      const side = server({ groups: ['secp256r1'], echKeys: [createEchKey(crypto, { publicName: 'public.example' })] });
      const peer = client({
        groups: ['x25519', 'secp256r1'],
        keyShares: ['x25519'],
        ech: { grease: first === 'GREASE' },
      });
      const second = decodeClientHello(firstBody(turn(peer, turn(side, turn(peer))).subarray(changeCipherSpec)));
      second.extensions.encryptedClientHello = echInner;
      const { encryptedClientHello } = extensionTypes;
      if (!second.extensionOrder.includes(encryptedClientHello)) {
        second.extensionOrder = [...second.extensionOrder, encryptedClientHello];
      }
      const output = turn(side, message('clientHello', encodeClientHello(second)));
      assertRefused(side, output, 'ERR_TLS_ECH_INNER', 'illegalParameter');
    });
  }
});

test('early data and HelloRetryRequest: both sides say that it was refused, and why', async () => {
  const reasons: string[] = [];
  const server: Partial<ServerOptions> = {
    groups: ['x25519', 'secp256r1'],
    sessions: createSessions(1000),
    trace: (event) => {
      if (event.kind === 'decision' && event.about === 'earlyData') reasons.push(event.reason);
    },
  };
  const first = createPair({ server });
  await first.run();
  const sessions = first.client.takeSessions();
  const pair = createPair({ client: { sessions, earlyData: true, keyShares: ['secp256r1'] }, server });
  pair.client.advance();
  pair.client.write(bytes(10));
  await pair.run();
  assert.ok(pair.server.info.helloRetryRequest && pair.server.info.resumed);
  assert.equal(pair.client.info.earlyData, 'rejected');
  assert.equal(pair.server.info.earlyData, 'rejected');
  assert.deepEqual(reasons, ['a HelloRetryRequest was needed']);
});

describe('what does not fit into a ClientHello', () => {
  for (const [what, lengths, offered] of [
    ['a ticket of 64 KiB', [65_535], 0],
    ['more tickets than there is room for', [6000, 12_000, 6000, 100], 3],
  ] as const) {
    for (const hidden of [false, true]) {
      test(`${what}${hidden ? ', hidden' : ''}: what is left over is not offered, and the handshake goes on`, () => {
        const key = createEchKey(crypto, { publicName: 'public.example' });
        const ech = hidden ? { ech: { configList: encodeEchConfigList([key.config]) } } : {};
        const first = connected({ client: ech, server: { echKeys: [key] } });
        for (const length of lengths) {
          const ticket = bytes(length, 1);
          const extensions = {};
          const body = { ticketLifetime: 100, ticketAgeAdd: 1, ticketNonce: bytes(1), ticket, extensions };
          const raw = frameMessage('newSessionTicket', encodeNewSessionTicket13(body));
          first.server.output?.sendMessage('newSessionTicket', raw);
        }
        turn(first.client, turn(first.server));
        const sessions = first.client.takeSessions();
        assert.equal(sessions.length, lengths.length, first.client.error?.stack);
        const again = client({ ...ech, sessions });
        const hello = turn(again);
        assert.ok(hello.length < 50_000);
        const other = server({ echKeys: [key], sessions: createSessions() });
        turn(other, turn(again, turn(other, hello)));
        assert.ok(other.connected && other.info.echAccepted === hidden, other.error?.stack);
        if (hidden) return;
        const { preSharedKey } = decodeClientHello(messageBody(hello)).extensions;
        assert.equal(preSharedKey?.identities.length ?? 0, offered);
      });
    }
  }

  test('a cookie of 64 KiB is refused by name', () => {
    const side = client({ keyShares: ['x25519'] });
    const { legacySessionId } = decodeClientHello(firstBody(turn(side)));
    const retry = encodeHelloRetryRequest({
      legacyVersion: tls12,
      random: helloRetryRequestRandom,
      legacySessionIdEcho: legacySessionId,
      cipherSuite: 0x1301,
      legacyCompressionMethod: 0,
      extensions: { supportedVersions: tls13, cookie: bytes(65_500, 1) },
    });
    const raw = frameMessage('serverHello', retry);
    const records = [];
    for (let at = 0; at < raw.length; at += 16_000) records.push(record(22, raw.slice(at, at + 16_000)));
    assertRefused(side, turn(side, ...records), 'ERR_TLS_COOKIE_TOO_LONG', 'handshakeFailure');
  });
});

for (const [version, alert] of [
  [0x0300, 'protocolVersion'],
  [0x0301, 'illegalParameter'],
] as const) {
  test(`1.3: a serverHello with the legacy_version ${version.toString(16)} (RFC 9846, Appendix E.5)`, () => {
    const side = client({ keyShares: ['x25519'] });
    const flight = turn(server(), turn(side));
    flight[9] = version >> 8;
    flight[10] = version & 255;
    assertRefused(side, turn(side, flight), 'ERR_TLS_LEGACY_VERSION', alert);
  });
}

describe('what cannot be said is a mistake of the configuration', () => {
  const wrong: [string, Partial<ClientOptions>][] = [
    ['a record_size_limit below 64 (RFC 8449, Section 4)', { recordSizeLimit: 63 }],
    ['half a byte', { recordSizeLimit: 100.5 }],
    ['a record of nothing', { maxSendFragment: 0 }],
    [
      'more tickets than a byte counts (RFC 9149, Section 2)',
      { ticketRequest: { newSessionCount: 256, resumptionCount: 0 } },
    ],
    ['a name without letters', { serverName: '.' }],
    ['a name that would go out as another one', { serverName: 't\u0165st' }],
    ['a name of 256 bytes', { serverName: 'a'.repeat(256) }],
    ['a protocol that would go out as another one', { alpnProtocols: ['h\u0132'] }],
  ];
  for (const [what, options] of wrong) {
    test(what, () => assert.throws(() => client(options), { name: 'ConfigError', code: 'ERR_TLS_CONFIG' }));
  }
});

test('1.2: an RSA key that is too short for a premaster secret is the fault of the certificate', async () => {
  const pair = createPair({
    client: { cipherSuites: [0x009c] },
    server: { maxVersion: tls12, cipherSuites: [0x009c], credentials: [testCredential('rsa')] },
  });
  const { importPublicKey } = crypto;
  const short = {
    ...pair.client.options,
    crypto: {
      ...crypto,
      importPublicKey: (spki: Uint8Array) => ({
        ...importPublicKey(spki),
        encryptPkcs1: () => {
          throw new Error('data too large for key size');
        },
      }),
    },
  };
  const side = client(short);
  const output = turn(side, turn(pair.server, turn(side)));
  assertRefused(side, output, 'ERR_TLS_PUBLIC_KEY', 'badCertificate');
});

test('names of protocols that a client offers do not break the lines of a log, and are few', () => {
  const side = server({ alpnProtocols: ['h2'] });
  const names = ['http/1.1', 'a\nb', ...Array.from({ length: 1000 }, (_, i) => `p${i}`)];
  const flight = hello((h) => void (h.extensions.alpn = names), { alpnProtocols: ['x'] });
  assertRefused(side, turn(side, flight), 'ERR_TLS_NO_APPLICATION_PROTOCOL', 'noApplicationProtocol');
  const { message } = side.error as Error;
  assert.ok(message.length < 200 && message.includes('http/1.1, "a\\nb", p0') && !message.includes('\n'), message);
});

describe('post-handshake authentication', () => {
  test('many requests that are not answered do not keep the client from new keys', () => {
    const { client, server } = connected({
      client: { postHandshakeAuth: true, credentials: [testCredential('ecdsa-p256')] },
      server: { verifyPeer: () => undefined },
    });
    for (let i = 0; i < 20; i++) server.requestClientCertificate();
    client.updateKeys();
    client.write(bytes(5));
    turn(server, turn(client));
    assert.equal(server.error, undefined, server.error?.stack);
    assert.equal(join(server.takeApplicationData()).length, 5);
  });
});

describe('new keys', () => {
  test('come by themselves before the limit of the AEAD (RFC 9846, Section 5.5)', () => {
    const updates: string[] = [];
    const { client, server } = connected({
      client: {
        trace: (event) => {
          if (event.kind === 'keyChange') updates.push(event.direction);
        },
      },
    });
    updates.length = 0;
    const { writer } = client.output as RecordLayer;
    client.write(bytes(1));
    assert.deepEqual(updates, []);
    let left = 1023;
    Object.defineProperty(writer, 'recordsUntilLimit', { get: () => left });
    client.write(bytes(2));
    left = 1_000_000;
    client.write(bytes(3));
    assert.deepEqual(updates, ['sent']);
    turn(server, turn(client));
    assert.equal(join(server.takeApplicationData()).length, 6, server.error?.stack);
  });

  test('leave nothing of the former ones (RFC 9846, Section 7.2)', () => {
    const { client, server } = connected();
    const { nextTrafficSecret } = ApplicationSecrets.prototype;
    const former: Uint8Array[] = [];
    ApplicationSecrets.prototype.nextTrafficSecret = function (side) {
      former.push(this.trafficSecret(side));
      return nextTrafficSecret.call(this, side);
    };
    try {
      client.updateKeys(true);
      turn(server, turn(client));
      server.write(bytes(1));
      turn(client, turn(server));
    } finally {
      ApplicationSecrets.prototype.nextTrafficSecret = nextTrafficSecret;
    }
    assert.equal(former.length, 4, 'each side moves both directions on');
    for (const secret of former) assert.ok(secret.every((byte) => byte === 0));
  });
});

describe('exporters', () => {
  for (const version of [tls13, tls12] as const) {
    test(`${version.toString(16)}: what cannot be given is told, and does not hang`, () => {
      const { client } = connected({ client: { maxVersion: version } });
      const refused = { name: 'ConfigError', code: 'ERR_TLS_EXPORTER' };
      for (const length of [-1, 1.5, Number.NaN, 70_000]) {
        assert.throws(() => client.exportKeyingMaterial(length, 'EXPORTER-test'), refused, String(length));
      }
      if (version === tls12) {
        assert.throws(() => client.exportKeyingMaterial(32, 'EXPORTER-test', bytes(70_000)), refused);
        return;
      }
      assert.throws(() => client.exportKeyingMaterial(20_000, 'EXPORTER-test'), refused);
      assert.throws(() => client.exportKeyingMaterial(32, 'x'.repeat(250)), refused);
    });
  }
});

describe('secrets of handshakes that fail', () => {
  test('1.2: the key block', () => {
    const blocks: KeyBlock[] = [];
    const { destroy } = KeyBlock.prototype;
    KeyBlock.prototype.destroy = function (this: KeyBlock) {
      blocks.push(this);
      destroy.call(this);
    };
    try {
      const side = server({ maxVersion: tls12 });
      const peer = client();
      const flight = turn(peer, turn(side, turn(peer)));
      flight[flight.length - 1] = (flight.at(-1) as number) ^ 1;
      turn(side, flight);
      assert.equal(side.error?.code, 'ERR_TLS_BAD_RECORD_MAC');
    } finally {
      KeyBlock.prototype.destroy = destroy;
    }
    assert.equal(blocks.length, 1);
    for (const { client, server } of blocks) {
      for (const key of [client.key, client.iv, server.key, server.iv]) assert.ok(key.every((byte) => byte === 0));
    }
  });

  test('1.2: a session whose hello is followed by more', async () => {
    const options: ServerOptions = { ...serverDefaults, maxVersion: tls12, sessions: createSessions() };
    const first = createPair({ server: options });
    await first.run();
    const flight = turn(client({ sessions: first.client.takeSessions() }));
    const body = firstBody(flight);
    const side = server(options);
    let secret: Uint8Array | undefined;
    const own = serverHost(side.options);
    // Two messages in one record.
    const both = Buffer.concat([frameMessage('clientHello', body), frameMessage('clientHello', body)]);
    side.receive(Uint8Array.of(22, 3, 3, both.length >> 8, both.length & 255, ...both));
    const host = {
      ...own,
      openTicket: (input: Parameters<typeof own.openTicket>[0]) => {
        const answer = own.openTicket(input);
        if ('state' in answer) secret = answer.state.secret;
        return answer;
      },
    };
    drive(side, host, () => {});
    assert.equal(side.error?.code, 'ERR_TLS_EXCESS_HANDSHAKE_DATA');
    assert.ok(secret?.every((byte) => byte === 0));
  });

  test('a premaster secret that is decrypted when the connection is over', async () => {
    const rsa = testCredential('rsa');
    const late: Uint8Array[] = [];
    const options: Partial<ServerOptions> = { maxVersion: tls12, cipherSuites: [0x009c], credentials: [rsa] };
    const side = server(options);
    const peer = client({ cipherSuites: [0x009c] });
    const own = serverHost(side.options);
    const host = {
      ...own,
      decryptPremaster: async (input: Parameters<typeof own.decryptPremaster>[0]) => {
        const block = await own.decryptPremaster(input);
        if (block !== undefined) late.push(block);
        return block;
      },
    };
    side.receive(turn(peer, turn(side, turn(peer))));
    drive(side, host, () => {});
    side.close();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(late.length, 1);
    assert.ok(late[0]?.every((byte) => byte === 0));
  });
});

test('a connection that is over holds none of its input', () => {
  const { client, server } = connected();
  const { reader } = server.output as RecordLayer;
  client.write(bytes(1000));
  const records = turn(client);
  client.close();
  turn(server, records.subarray(0, 500));
  assert.equal(reader.bufferedBytes, 500);
  server.close();
  assert.equal(reader.bufferedBytes, 0);
});
