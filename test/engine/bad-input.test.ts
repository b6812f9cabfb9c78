import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fromText } from '../../src/bytes/bytes.ts';
import type { ServerOptions } from '../../src/engine/config.ts';
import { type AlertName, CertificateError } from '../../src/errors.ts';
import { decodeClientHello, encodeClientHello } from '../../src/wire/client-hello.ts';
import { frameMessage } from '../../src/wire/handshake-type.ts';
import {
  decodeServerHello12,
  decodeServerHello13,
  downgradeSentinel12,
  encodeHelloRetryRequest,
  encodeServerHello12,
  encodeServerHello13,
  helloRetryRequestRandom,
  type ServerHello12,
  type ServerHello13,
} from '../../src/wire/server-hello.ts';
import { tls12, tls13 } from '../../src/wire/versions.ts';
import { createPair, join } from '../handshake/pair.ts';
import {
  assertRefused,
  bytes,
  client,
  firstBody,
  handshake,
  hello,
  message,
  record,
  server,
  turn,
  without,
} from './speak.ts';

describe('a server that is spoken to in a wrong way', () => {
  const cases: readonly [string, Uint8Array | (() => Uint8Array), string, AlertName, Partial<ServerOptions>?][] = [
    ['a record of an unknown type', record(99, bytes(3)), 'ERR_TLS_UNEXPECTED_RECORD', 'unexpectedMessage'],
    ['application data first', record(23, bytes(3)), 'ERR_TLS_UNEXPECTED_RECORD', 'unexpectedMessage'],
    ['changeCipherSpec first', record(20, bytes(1, 1)), 'ERR_TLS_UNEXPECTED_RECORD', 'unexpectedMessage'],
    ['a record that is too long', Uint8Array.of(22, 3, 1, 0x48, 1), 'ERR_TLS_RECORD_OVERFLOW', 'recordOverflow'],
    ['another message first', message('finished', bytes(32)), 'ERR_TLS_UNEXPECTED_MESSAGE', 'unexpectedMessage'],
    [
      'an unknown message',
      record(handshake, Uint8Array.of(99, 0, 0, 0)),
      'ERR_TLS_UNEXPECTED_MESSAGE',
      'unexpectedMessage',
    ],
    [
      'a huge message',
      record(handshake, Uint8Array.of(1, 255, 255, 255)),
      'ERR_TLS_HANDSHAKE_TOO_LARGE',
      'illegalParameter',
    ],
    ['a hello that ends early', message('clientHello', bytes(20)), 'ERR_TLS_DECODE', 'decodeError'],
    ['an alert of three bytes', record(21, bytes(3)), 'ERR_TLS_BAD_ALERT', 'decodeError'],
    ['an alert of level 7', record(21, Uint8Array.of(7, 0)), 'ERR_TLS_ALERT_LEVEL', 'illegalParameter'],
    [
      'five warnings',
      () => join(Array.from({ length: 5 }, () => record(21, Uint8Array.of(1, 90)))),
      'ERR_TLS_TOO_MANY_WARNINGS',
      'unexpectedMessage',
    ],
    [
      '33 empty records',
      () => join(Array.from({ length: 33 }, () => record(handshake, bytes(0)))),
      'ERR_TLS_TOO_MANY_EMPTY_RECORDS',
      'unexpectedMessage',
    ],
    [
      'no common version',
      () => hello((h) => void (h.extensions.supportedVersions = [0x7f1c])),
      'ERR_TLS_UNSUPPORTED_PROTOCOL',
      'protocolVersion',
    ],
    [
      'legacy_version of SSL 3.0, whatever supported_versions says',
      () => hello((h) => void (h.legacyVersion = 0x0300)),
      'ERR_TLS_UNSUPPORTED_PROTOCOL',
      'protocolVersion',
    ],
    [
      'TLS 1.1',
      () =>
        hello((h) => {
          without(h, 'supportedVersions');
          h.legacyVersion = 0x0302;
        }),
      'ERR_TLS_UNSUPPORTED_PROTOCOL',
      'protocolVersion',
    ],
    [
      'no common suite, 1.3',
      () => hello((h) => void (h.cipherSuites = [0x1304])),
      'ERR_TLS_NO_SHARED_CIPHER',
      'handshakeFailure',
    ],
    [
      'no common suite, 1.2',
      () => hello((h) => void (h.cipherSuites = [0x0035]), { maxVersion: tls12 }),
      'ERR_TLS_NO_SHARED_CIPHER',
      'handshakeFailure',
    ],
    [
      'no null compression',
      () => hello((h) => void (h.legacyCompressionMethods = bytes(1, 1))),
      'ERR_TLS_COMPRESSION',
      'illegalParameter',
    ],
    [
      'more than null compression, 1.3',
      () => hello((h) => void (h.legacyCompressionMethods = Uint8Array.of(0, 1))),
      'ERR_TLS_COMPRESSION',
      'illegalParameter',
    ],
    [
      'no supported_groups',
      () => hello((h) => without(h, 'supportedGroups')),
      'ERR_TLS_NO_SHARED_GROUP',
      'missingExtension',
    ],
    ['no key_share', () => hello((h) => without(h, 'keyShare')), 'ERR_TLS_MISSING_KEY_SHARE', 'missingExtension'],
    [
      'no signature_algorithms',
      () => hello((h) => without(h, 'signatureAlgorithms')),
      'ERR_TLS_NO_SIGNATURE_SCHEME',
      'missingExtension',
    ],
    [
      'no common group',
      () => hello((h) => void (h.extensions.supportedGroups = [0x0019])),
      'ERR_TLS_NO_SHARED_GROUP',
      'handshakeFailure',
    ],
    [
      'a bad share',
      () => hello((h) => void (h.extensions.keyShare = [{ group: 29, keyExchange: bytes(32) }])),
      'ERR_TLS_KEY_SHARE',
      'illegalParameter',
      { groups: ['x25519'] },
    ],
    [
      'a share of a wrong length',
      () => hello((h) => void (h.extensions.keyShare = [{ group: 23, keyExchange: bytes(64, 4) }])),
      'ERR_TLS_KEY_SHARE',
      'illegalParameter',
      { groups: ['secp256r1'] },
    ],
    [
      'no common protocol',
      () => hello(() => {}, { alpnProtocols: ['h2'] }),
      'ERR_TLS_NO_APPLICATION_PROTOCOL',
      'noApplicationProtocol',
      { alpnProtocols: ['http/1.1'] },
    ],
    [
      'a fallback',
      () => hello(() => {}, { maxVersion: tls12, fallback: true }),
      'ERR_TLS_INAPPROPRIATE_FALLBACK',
      'inappropriateFallback',
    ],
    [
      'a renegotiation',
      () => hello((h) => void (h.extensions.renegotiationInfo = bytes(12)), { maxVersion: tls12 }),
      'ERR_TLS_RENEGOTIATION_INFO',
      'handshakeFailure',
    ],
    [
      'a small record_size_limit',
      () => hello((h) => void (h.extensions.recordSizeLimit = 63), { recordSizeLimit: 1000 }),
      'ERR_TLS_RECORD_SIZE_LIMIT',
      'illegalParameter',
    ],
    [
      'no extended master secret though required',
      () => hello((h) => without(h, 'extendedMasterSecret'), { maxVersion: tls12 }),
      'ERR_TLS_NO_EXTENDED_MASTER_SECRET',
      'handshakeFailure',
      { requireExtendedMasterSecret: true },
    ],
    [
      'two hellos in one record',
      () => {
        const one = hello(() => {});
        return record(handshake, join([one.subarray(5), one.subarray(5)]));
      },
      'ERR_TLS_EXCESS_HANDSHAKE_DATA',
      'unexpectedMessage',
    ],
  ];
  for (const [what, input, code, alert, options] of cases) {
    test(`${what}: ${alert}`, () => {
      const connection = server(options);
      assertRefused(connection, turn(connection, typeof input === 'function' ? input() : input), code, alert);
    });
  }

  test('HTTP gets an error that says so', () => {
    const connection = server();
    turn(connection, fromText('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'));
    assert.equal(connection.error?.code, 'ERR_TLS_HTTP_REQUEST');
    assert.match(connection.error?.message ?? '', /HTTP/);
  });

  test('the end of the transport in the middle of a handshake is an error without an alert', () => {
    const connection = server();
    turn(connection, hello(() => {}).subarray(0, 50));
    connection.receiveEnd();
    assert.equal(turn(connection).length, 0);
    assert.equal(connection.error?.code, 'ERR_TLS_CONNECTION_ENDED');
  });

  test('a fatal alert ends it, and is not answered', () => {
    const connection = server();
    assert.equal(turn(connection, record(21, Uint8Array.of(2, 40))).length, 0);
    assert.equal(connection.error?.code, 'ERR_TLS_ALERT_RECEIVED');
    assert.equal(connection.error?.alert, 'handshakeFailure');
  });

  test('a fatal alert in the clear ends it after the server has sent its flight', () => {
    const connection = server();
    assert.ok(
      turn(
        connection,
        hello(() => {}),
      ).length > 100,
    );
    assert.equal(turn(connection, record(21, Uint8Array.of(2, 47))).length, 0);
    assert.equal(connection.error?.code, 'ERR_TLS_ALERT_RECEIVED');
    assert.equal(connection.error?.alert, 'illegalParameter');
  });

  test('the longest ClientHello that can be written down is understood', () => {
    const connection = server();
    const longest = decodeClientHello(firstBody(turn(client())));
    longest.legacySessionId = bytes(32);
    longest.cipherSuites = Array.from({ length: 32_767 }, (_, i) => longest.cipherSuites[i] ?? 0x6a6a);
    const fixed = 2 + 32 + 33 + 2 + 2 * 32_767 + 2;
    const extensions = encodeClientHello(longest).length - fixed - 2;
    longest.otherExtensions = new Map([[0xeeee, bytes(0xffff - extensions - 4)]]);
    longest.extensionOrder = [...longest.extensionOrder, 0xeeee];
    const raw = frameMessage('clientHello', encodeClientHello(longest));
    assert.equal(raw.length, 4 + fixed + 2 + 0xffff);
    const records = [];
    for (let at = 0; at < raw.length; at += 0x4000) records.push(record(handshake, raw.subarray(at, at + 0x4000)));
    const flight = turn(connection, ...records);
    assert.equal(connection.error, undefined, connection.error?.message);
    assert.equal(flight[0], handshake);
  });

  test('a hello in records of one byte, each a segment, is understood', () => {
    const connection = server();
    const whole = hello(() => {}).subarray(5);
    const flight = turn(connection, ...Array.from(whole, (byte) => record(handshake, Uint8Array.of(byte), 0x0301)));
    assert.equal(flight[0], handshake);
    assert.equal(connection.error, undefined);
  });

  test('GREASE and unknown values everywhere are passed over', () => {
    const connection = server();
    const flight = turn(
      connection,
      hello((h) => {
        h.cipherSuites = [0x0a0a, 0xeeee, ...h.cipherSuites];
        h.extensions.supportedVersions = [0x1a1a, 0x0305, ...(h.extensions.supportedVersions ?? [])];
        h.extensions.supportedGroups = [0x2a2a, 0xeeee, ...(h.extensions.supportedGroups ?? [])];
        h.extensions.signatureAlgorithms = [0x3a3a, 0xeeee, ...(h.extensions.signatureAlgorithms ?? [])];
        h.extensions.keyShare = [{ group: 0x4a4a, keyExchange: bytes(1) }, ...(h.extensions.keyShare ?? [])];
        h.otherExtensions = new Map([
          [0x5a5a, bytes(0)],
          [0xeeee, bytes(9)],
        ]);
        h.extensionOrder = [0x5a5a, ...h.extensionOrder, 0xeeee];
      }),
    );
    assert.equal(connection.error, undefined, connection.error?.message);
    assert.equal(flight[0], handshake);
  });
});

describe('a client that is answered in a wrong way', () => {
  type Change13 = (hello: ServerHello13) => void;
  const changes13: readonly [string, Change13, string, AlertName][] = [
    [
      'another session ID',
      (h) => void (h.legacySessionIdEcho = bytes(32)),
      'ERR_TLS_SESSION_ID_ECHO',
      'illegalParameter',
    ],
    ['a suite that was not offered', (h) => void (h.cipherSuite = 0x1304), 'ERR_TLS_CIPHER_SUITE', 'illegalParameter'],
    ['a suite of TLS 1.2', (h) => void (h.cipherSuite = 0xc02b), 'ERR_TLS_CIPHER_SUITE', 'illegalParameter'],
    ['compression', (h) => void (h.legacyCompressionMethod = 1), 'ERR_TLS_COMPRESSION', 'illegalParameter'],
    ['legacy_version 0x0304', (h) => void (h.legacyVersion = 0x0304), 'ERR_TLS_LEGACY_VERSION', 'illegalParameter'],
    [
      'another group',
      (h) => void (h.extensions.keyShare = { group: 0x18, keyExchange: bytes(97, 4) }),
      'ERR_TLS_GROUP',
      'illegalParameter',
    ],
    [
      'an all-zero share',
      (h) => void (h.extensions.keyShare = { group: 29, keyExchange: bytes(32) }),
      'ERR_TLS_KEY_SHARE',
      'illegalParameter',
    ],
    [
      'no share',
      (h) => void (h.extensionOrder = h.extensionOrder.filter((type) => type !== 51)),
      'ERR_TLS_MISSING_KEY_SHARE',
      'missingExtension',
    ],
    [
      'a version that was not offered',
      (h) => void (h.extensions.supportedVersions = 0x0305),
      'ERR_TLS_UNSUPPORTED_PROTOCOL',
      'protocolVersion',
    ],
    [
      'a PSK that was not offered',
      (h) => {
        h.extensions.preSharedKey = 0;
        h.extensionOrder = [...h.extensionOrder, 41];
      },
      'ERR_TLS_UNSOLICITED_EXTENSION',
      'unsupportedExtension',
    ],
    [
      'an extension that was not offered',
      (h) => {
        h.otherExtensions = new Map([[0xeeee, bytes(1)]]);
        h.extensionOrder = [...h.extensionOrder, 0xeeee];
      },
      'ERR_TLS_UNSOLICITED_EXTENSION',
      'unsupportedExtension',
    ],
  ];
  for (const [what, change, code, alert] of changes13) {
    test(`TLS 1.3, ${what}: ${alert}`, () => {
      const connection = client({ groups: ['x25519', 'secp384r1'], keyShares: ['x25519'] });
      const flight = turn(server(), turn(connection));
      const decoded = decodeServerHello13(firstBody(flight));
      change(decoded);
      assertRefused(connection, turn(connection, message('serverHello', encodeServerHello13(decoded))), code, alert);
    });
  }

  type Change12 = (hello: ServerHello12) => void;
  const changes12: readonly [string, Change12, string, AlertName][] = [
    ['the mark of a downgrade', (h) => h.random.set(downgradeSentinel12, 24), 'ERR_TLS_DOWNGRADE', 'illegalParameter'],
    ['a suite of TLS 1.3', (h) => void (h.cipherSuite = 0x1301), 'ERR_TLS_CIPHER_SUITE', 'illegalParameter'],
    [
      'a protocol that was not offered',
      (h) => {
        h.extensions.alpn = 'h3';
        h.extensionOrder = [...h.extensionOrder, 16];
      },
      'ERR_TLS_ALPN',
      'illegalParameter',
    ],
    [
      'an extension that was not offered',
      (h) => {
        h.extensions.statusRequest = true;
        h.extensionOrder = [...h.extensionOrder, 5];
      },
      'ERR_TLS_UNSOLICITED_EXTENSION',
      'unsupportedExtension',
    ],
    [
      'renegotiation_info with content',
      (h) => void (h.extensions.renegotiationInfo = bytes(12)),
      'ERR_TLS_RENEGOTIATION_INFO',
      'handshakeFailure',
    ],
    [
      'a record_size_limit above the largest record of TLS 1.2',
      (h) => {
        h.extensions.recordSizeLimit = 2 ** 14 + 1;
        h.extensionOrder = [...h.extensionOrder, 28];
      },
      'ERR_TLS_RECORD_SIZE_LIMIT',
      'illegalParameter',
    ],
    ['SSL 3.0', (h) => void (h.legacyVersion = 0x0300), 'ERR_TLS_UNSUPPORTED_PROTOCOL', 'protocolVersion'],
  ];
  for (const [what, change, code, alert] of changes12) {
    test(`TLS 1.2, ${what}: ${alert}`, () => {
      const connection = client({ alpnProtocols: ['h2'], recordSizeLimit: 1000 });
      const flight = turn(server({ maxVersion: tls12 }), turn(connection));
      const decoded = decodeServerHello12(firstBody(flight));
      change(decoded);
      assertRefused(connection, turn(connection, message('serverHello', encodeServerHello12(decoded))), code, alert);
    });
  }

  test('record_size_limit says no more than the version allows (RFC 8449, Section 4)', () => {
    const limit = { recordSizeLimit: 2 ** 14 + 1 };
    const offer = (options: Parameters<typeof client>[0]) =>
      decodeClientHello(firstBody(turn(client({ ...limit, ...options })))).extensions.recordSizeLimit;
    assert.equal(offer({}), 2 ** 14 + 1);
    assert.equal(offer({ maxVersion: tls12 }), 2 ** 14);
    const answer = decodeServerHello12(firstBody(turn(server({ ...limit, maxVersion: tls12 }), turn(client(limit)))));
    assert.equal(answer.extensions.recordSizeLimit, 2 ** 14);
  });

  const retry = (sessionId: Uint8Array, extensions: Parameters<typeof encodeHelloRetryRequest>[0]['extensions']) =>
    message(
      'serverHello',
      encodeHelloRetryRequest({
        legacyVersion: tls12,
        random: helloRetryRequestRandom,
        legacySessionIdEcho: sessionId,
        cipherSuite: 0x1301,
        legacyCompressionMethod: 0,
        extensions: { supportedVersions: tls13, ...extensions },
      }),
    );
  const retries: readonly [string, Parameters<typeof retry>[1], string][] = [
    ['asks for nothing', {}, 'ERR_TLS_EMPTY_HELLO_RETRY_REQUEST'],
    ['asks for a share that was sent', { keyShare: 29 }, 'ERR_TLS_GROUP'],
    ['asks for a group that was not offered', { keyShare: 0x19 }, 'ERR_TLS_GROUP'],
  ];
  for (const [what, extensions, code] of retries) {
    test(`a helloRetryRequest that ${what}`, () => {
      const connection = client({ groups: ['x25519', 'secp384r1'], keyShares: ['x25519'] });
      const first = decodeClientHello(firstBody(turn(connection)));
      assertRefused(connection, turn(connection, retry(first.legacySessionId, extensions)), code, 'illegalParameter');
    });
  }
  test('a second helloRetryRequest', () => {
    const connection = client({ groups: ['x25519', 'secp384r1'], keyShares: ['x25519'] });
    const { legacySessionId } = decodeClientHello(firstBody(turn(connection)));
    turn(connection, retry(legacySessionId, { keyShare: 0x18 }));
    const output = turn(connection, retry(legacySessionId, { cookie: bytes(3) }));
    assertRefused(connection, output, 'ERR_TLS_UNEXPECTED_MESSAGE', 'unexpectedMessage');
  });
});

describe('a connection that is spoken to in a wrong way', () => {
  for (const version of [tls13, tls12] as const) {
    test(`${version.toString(16)}: a record that was changed is bad_record_mac, and the alert goes out`, async () => {
      const pair = createPair({ client: { maxVersion: version } });
      await pair.run();
      pair.client.write(bytes(10));
      const changed = turn(pair.client);
      changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
      const alert = turn(pair.server, changed);
      assert.equal(pair.server.error?.code, 'ERR_TLS_BAD_RECORD_MAC');
      turn(pair.client, alert);
      assert.equal(pair.client.error?.alert, 'badRecordMac');
    });

    test(`${version.toString(16)}: a record that comes twice is refused`, async () => {
      const pair = createPair({ client: { maxVersion: version } });
      await pair.run();
      pair.client.write(bytes(10));
      const once = turn(pair.client);
      turn(pair.server, once);
      assert.ok(!pair.server.closed);
      turn(pair.server, once);
      assert.equal(pair.server.error?.alert, 'badRecordMac');
    });
  }

  test('33 key updates without data between them', async () => {
    const pair = createPair();
    await pair.run();
    for (let i = 0; i < 33; i++) pair.client.updateKeys();
    await pair.run();
    assert.equal(pair.server.error?.code, 'ERR_TLS_TOO_MANY_KEY_UPDATES');
  });

  test('data after close_notify is refused here, and passed over there', async () => {
    const pair = createPair();
    await pair.run();
    pair.client.closeWrite();
    assert.throws(() => pair.client.write(bytes(1)), { code: 'ERR_TLS_STATE' });
    await pair.run();
    assert.ok(pair.server.peerClosed);
    assert.equal(pair.server.truncated, false);
    turn(pair.server, record(23, bytes(40)));
    assert.equal(pair.server.error, undefined);
  });

  test('a transport that ends without close_notify is seen', async () => {
    const pair = createPair();
    await pair.run();
    pair.server.receiveEnd();
    turn(pair.server);
    assert.ok(pair.server.truncated && pair.server.peerClosed);
  });

  test('a host that fails ends the handshake with internal_error, and one that refuses with its own alert', async () => {
    const reasons = [
      [new Error('the HSM is gone'), 'internalError'],
      [new CertificateError('ERR_TLS_CERT_EXPIRED', 'certificateExpired', 'expired'), 'certificateExpired'],
    ] as const;
    for (const [reason, alert] of reasons) {
      const pair = createPair({ client: { verifyPeer: () => Promise.reject(reason) } }, 'whole', 'async');
      await pair.run();
      const [told, heard] = [pair.client.error, pair.server.error];
      assert.equal(told?.alert, alert);
      assert.deepEqual([heard?.code, heard?.alert], ['ERR_TLS_ALERT_RECEIVED', alert]);
    }
  });
});
