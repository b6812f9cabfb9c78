import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type CipherSuite, cipherSuite } from '../../src/crypto/cipher-suites.ts';
import { serverConfig } from '../../src/engine/config.ts';
import type { RecordLayer } from '../../src/engine/record-layer.ts';
import type { AlertName } from '../../src/errors.ts';
import { MasterSecret } from '../../src/handshake/key-schedule12.ts';
import type { TraceEvent } from '../../src/handshake/trace.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { sessionState } from '../../src/session/state.ts';
import { encodeCertificateRequest13 } from '../../src/wire/certificate-request.ts';
import { type ClientHello, decodeClientHello, encodeClientHello } from '../../src/wire/client-hello.ts';
import { decodeEncryptedExtensions } from '../../src/wire/encrypted-extensions.ts';
import { frameMessage, type HandshakeType } from '../../src/wire/handshake-type.ts';
import { decodeServerHello12, encodeServerHello12 } from '../../src/wire/server-hello.ts';
import { tls12, tls13 } from '../../src/wire/versions.ts';
import { createPair, crypto, serverDefaults } from '../handshake/pair.ts';
import { assertRefused, bytes, client, connected, firstBody, hello, message, server, turn, without } from './speak.ts';

const createSessions = (extra = {}) =>
  new ServerSessions({ crypto, store: new MemoryStore({ clock: { now: Date.now } }), ...extra });

describe('the second ClientHello (RFC 9846, Section 4.1.2)', () => {
  const changes: readonly [string, (hello: ClientHello) => void, string][] = [
    ['another random', (h) => void (h.random = bytes(32)), 'ERR_TLS_SECOND_CLIENT_HELLO'],
    ['another session ID', (h) => void (h.legacySessionId = bytes(32)), 'ERR_TLS_SECOND_CLIENT_HELLO'],
    ['another name', (h) => void (h.extensions.serverName = 'other.test'), 'ERR_TLS_SECOND_CLIENT_HELLO'],
    ['without the suite', (h) => void (h.cipherSuites = [0x1302]), 'ERR_TLS_SECOND_CLIENT_HELLO'],
    ['without the version', (h) => void (h.extensions.supportedVersions = [tls12]), 'ERR_TLS_SECOND_CLIENT_HELLO'],
    [
      'early data again',
      (h) => {
        h.extensions.earlyData = true;
        h.extensionOrder = [...h.extensionOrder, 42];
      },
      'ERR_TLS_SECOND_CLIENT_HELLO',
    ],
    ['more suites', (h) => void (h.cipherSuites = [...h.cipherSuites, 0x1301]), 'ERR_TLS_SECOND_CLIENT_HELLO'],
    ['other groups', (h) => void h.extensions.supportedGroups?.reverse(), 'ERR_TLS_SECOND_CLIENT_HELLO'],
    ['other signature schemes', (h) => void h.extensions.signatureAlgorithms?.pop(), 'ERR_TLS_SECOND_CLIENT_HELLO'],
    ['other protocols', (h) => void (h.extensions.alpn = ['b']), 'ERR_TLS_SECOND_CLIENT_HELLO'],
    ['without protocols', (h) => without(h, 'alpn'), 'ERR_TLS_SECOND_CLIENT_HELLO'],
    [
      'an extension more',
      (h) => {
        h.extensions.postHandshakeAuth = true;
        h.extensionOrder = [...h.extensionOrder, 49];
      },
      'ERR_TLS_SECOND_CLIENT_HELLO',
    ],
    ['another cookie', (h) => void (h.extensions.cookie = bytes(32)), 'ERR_TLS_COOKIE'],
    ['no cookie', (h) => without(h, 'cookie'), 'ERR_TLS_COOKIE'],
    [
      'another share',
      (h) => void (h.extensions.keyShare = [{ group: 29, keyExchange: bytes(32, 9) }]),
      'ERR_TLS_GROUP',
    ],
  ];
  for (const [what, change, code] of changes) {
    test(what, () => {
      const one = client({ keyShares: ['x25519'], alpnProtocols: ['a'] });
      const connection = server({ groups: ['secp384r1'], retryCookie: true });
      const second = turn(one, turn(connection, turn(one)));
      // change_cipher_spec goes before it.
      const decoded = decodeClientHello(firstBody(second.subarray(6)));
      change(decoded);
      const output = turn(connection, message('clientHello', encodeClientHello(decoded)));
      assertRefused(connection, output, code, 'illegalParameter');
    });
  }

  test('what is unknown here, and padding, may change', () => {
    const one = client({ keyShares: ['x25519'] });
    const connection = server({ groups: ['secp384r1'] });
    const decoded = decodeClientHello(firstBody(turn(one, turn(connection, turn(one))).subarray(6)));
    decoded.extensions.padding = 9;
    decoded.otherExtensions = new Map([[0x1234, bytes(3)]]);
    decoded.extensionOrder = [...decoded.extensionOrder, 0x1234, 21];
    turn(connection, message('clientHello', encodeClientHello(decoded)));
    assert.equal(connection.error, undefined, connection.error?.stack);
  });

  test('its tickets have the age that they have now (RFC 9846, Section 4.1.2)', async () => {
    const sessions = createSessions();
    const first = createPair({ server: { sessions } });
    await first.run();
    let time = Date.now();
    const one = client({ keyShares: ['x25519'], sessions: first.client.takeSessions().slice(0, 1), now: () => time });
    const connection = server({ groups: ['secp384r1'], sessions });
    const age = (body: Uint8Array) =>
      decodeClientHello(body).extensions.preSharedKey?.identities[0]?.obfuscatedTicketAge;
    const firstFlight = turn(one);
    const before = age(firstBody(firstFlight)) as number;
    time += 1234;
    const second = turn(one, turn(connection, firstFlight));
    assert.equal(age(firstBody(second.subarray(6))), (before + 1234) % 2 ** 32);
    turn(connection, turn(one, turn(connection, second)));
    assert.equal(connection.info.resumption, 'psk');
  });

  test('as it should be, it is taken', async () => {
    const pair = createPair({
      client: { keyShares: ['x25519'] },
      server: { groups: ['secp384r1'], retryCookie: true },
    });
    await pair.run();
    assert.ok(pair.server.info.helloRetryRequest);
  });
});

describe('messages that may not come after the handshake', () => {
  const request = encodeCertificateRequest13({
    certificateRequestContext: bytes(8, 1),
    extensions: { signatureAlgorithms: [0x0403] },
  });
  const cases: readonly [string, 'client' | 'server', number, HandshakeType, Uint8Array, string, AlertName][] = [
    ['a ClientHello', 'client', tls12, 'clientHello', bytes(50), 'ERR_TLS_RENEGOTIATION', 'noRenegotiation'],
    ['a HelloRequest', 'server', tls12, 'helloRequest', bytes(0), 'ERR_TLS_RENEGOTIATION', 'noRenegotiation'],
    ['a KeyUpdate', 'client', tls12, 'keyUpdate', bytes(1), 'ERR_TLS_UNEXPECTED_MESSAGE', 'unexpectedMessage'],
    ['a ClientHello', 'client', tls13, 'clientHello', bytes(50), 'ERR_TLS_UNEXPECTED_MESSAGE', 'unexpectedMessage'],
    ['a ticket', 'client', tls13, 'newSessionTicket', bytes(50), 'ERR_TLS_UNEXPECTED_MESSAGE', 'unexpectedMessage'],
    ['a Finished', 'server', tls13, 'finished', bytes(32), 'ERR_TLS_UNEXPECTED_MESSAGE', 'unexpectedMessage'],
    [
      'a CertificateRequest that was not offered for',
      'server',
      tls13,
      'certificateRequest',
      request,
      'ERR_TLS_UNEXPECTED_MESSAGE',
      'unexpectedMessage',
    ],
    ['a KeyUpdate of 2', 'server', tls13, 'keyUpdate', bytes(1, 2), 'ERR_TLS_KEY_UPDATE_VALUE', 'illegalParameter'],
  ];
  for (const [what, sender, version, type, body, code, alert] of cases) {
    test(`${version.toString(16)}: ${what} of the ${sender}`, () => {
      const sides = connected({ client: { maxVersion: version as typeof tls12 } });
      const receiver = sender === 'client' ? sides.server : sides.client;
      sides[sender].output?.sendMessage(type, frameMessage(type, body));
      turn(receiver, turn(sides[sender]));
      assert.equal(receiver.error?.code, code);
      assert.equal(receiver.error?.alert, alert);
    });
  }

  test('a message behind a KeyUpdate in its record (RFC 9846, Section 5.1)', () => {
    const sides = connected();
    for (let i = 0; i < 2; i++) sides.server.output?.sendMessage('keyUpdate', frameMessage('keyUpdate', bytes(1)));
    turn(sides.client, turn(sides.server));
    assert.equal(sides.client.error?.code, 'ERR_TLS_EXCESS_HANDSHAKE_DATA');
  });
});

describe('a HelloRequest in the handshake (RFC 5246, Section 7.4.1.1)', () => {
  const request = message('helloRequest', bytes(0));

  test('the client ignores it, and it does not count for the transcript', () => {
    for (const minVersion of [tls12, undefined] as const) {
      const one = client({ maxVersion: tls12, ...(minVersion && { minVersion }) });
      const other = server({ maxVersion: tls12 });
      const flight = turn(other, turn(one));
      const answer = turn(other, turn(one, request, flight));
      turn(one, answer);
      assert.ok(one.connected && other.connected, one.error?.stack);
    }
  });

  test('it is refused where TLS 1.3 is spoken, with a body, and from a client', () => {
    for (const [connection, first] of [
      [client({ minVersion: tls13 }), request],
      [client(), message('helloRequest', bytes(1))],
      [server(), request],
    ] as const) {
      turn(connection);
      assertRefused(connection, turn(connection, first), 'ERR_TLS_UNEXPECTED_MESSAGE', 'unexpectedMessage');
    }
  });
});

describe('a warning alert inside a handshake message (RFC 9846, Section 5.1)', () => {
  for (const version of [tls12, tls13] as const) {
    test(version === tls13 ? 'is refused' : 'passes in TLS 1.2', () => {
      const { client: one, server: other } = connected({ client: { maxVersion: version } });
      const { writer } = other.output as unknown as RecordLayer;
      writer.write(22, bytes(2, 4));
      writer.write(21, Uint8Array.of(1, 90));
      turn(one, turn(other));
      assert.equal(one.error?.code, version === tls13 ? 'ERR_TLS_UNEXPECTED_RECORD' : undefined);
    });
  }
});

describe('resumption', () => {
  test('without the extended master secret it is for who asks for it (RFC 7627, Section 5.3)', async () => {
    for (const resumeWithoutExtendedMasterSecret of [false, true]) {
      const sessions = createSessions({ sessionIds: true });
      const options = { ...serverDefaults, sessions, resumeWithoutExtendedMasterSecret };
      const plain = { maxVersion: tls12, resumption: false } as const;
      const idOf = (flight: Uint8Array) => decodeServerHello12(firstBody(flight)).legacySessionIdEcho;
      const offer = (sessionId: Uint8Array) =>
        hello((h) => {
          without(h, 'extendedMasterSecret');
          h.legacySessionId = sessionId;
        }, plain);
      // No session is given that may not be resumed.
      const fresh = idOf(turn(server(options), offer(bytes(0))));
      assert.equal(fresh.length, resumeWithoutExtendedMasterSecret ? 32 : 0);
      // One that an older server has left is passed over.
      const sessionId = bytes(32, 7);
      const policy = {
        serverName: 'localhost',
        version: tls12,
        cipherHash: 'sha256',
        extendedMasterSecret: false,
      } as const;
      const state = sessionState({
        version: tls12,
        cipherSuite: 0xc02b,
        secret: bytes(48, 1),
        policyDigest: serverConfig(options).resumption.policyDigest(policy),
        createdAt: Date.now(),
        issuedAt: Date.now(),
        lifetime: 3600,
        serverName: 'localhost',
      });
      await sessions.storeSession({ sessionId, state, now: Date.now() });
      const taken = idOf(turn(server(options), offer(sessionId)));
      assert.equal(Buffer.from(taken).equals(sessionId), resumeWithoutExtendedMasterSecret);
      // Nor does a client offer it.
      const session = { state, ticket: bytes(0), sessionId, lifetimeHint: 0, ocspResponse: undefined, scts: undefined };
      const offered = turn(client({ maxVersion: tls12, sessions: [session], resumeWithoutExtendedMasterSecret }));
      const { legacySessionId } = decodeClientHello(firstBody(offered));
      assert.equal(legacySessionId.length, resumeWithoutExtendedMasterSecret ? 32 : 0);
    }
  });

  test('without the extended master secret nothing is exported (RFC 7627, Section 5.4)', () => {
    const suite = cipherSuite(0xc02b) as CipherSuite;
    const randoms = { client: bytes(32), server: bytes(32) };
    for (const extended of [false, true]) {
      const master = new MasterSecret(crypto, suite, bytes(48), randoms, extended);
      const take = () => master.exportKeyingMaterial(32, 'EXPORTER-test', undefined);
      if (extended) assert.equal(take().length, 32);
      else assert.throws(take, { code: 'ERR_TLS_NO_EXTENDED_MASTER_SECRET' });
    }
  });

  test('a session with the extended master secret is not resumed without it (RFC 7627, Section 5.3)', async () => {
    const sessions = createSessions();
    const first = createPair({ client: { maxVersion: tls12 }, server: { sessions } });
    await first.run();
    const offer = { maxVersion: tls12, sessions: first.client.takeSessions() } as const;
    const connection = server({ sessions });
    const output = turn(
      connection,
      hello((h) => without(h, 'extendedMasterSecret'), offer),
    );
    assertRefused(connection, output, 'ERR_TLS_RESUMED_WITHOUT_EMS', 'handshakeFailure');
  });

  test('tickets are given as asked for, up to the most that the server gives, and as it has said (RFC 9149)', async () => {
    for (const [asked, askedResumed, given, givenResumed] of [
      [0, 0, 0, 0],
      [1, 3, 1, 3],
      [5, 0, 5, 0],
      [200, 200, 6, 6],
    ] as const) {
      const server = { sessions: createSessions({ ticketCount: 3, maxTickets: 6 }) };
      const ticketRequest = { newSessionCount: asked, resumptionCount: askedResumed };
      for (const resumed of [false, true]) {
        const first = createPair({ server });
        if (resumed) await first.run();
        const sessions = resumed ? first.client.takeSessions().slice(0, 1) : [];
        let said: unknown;
        const trace = (event: TraceEvent) => {
          if (event.kind !== 'message' || event.type !== 'encryptedExtensions') return;
          said = decodeEncryptedExtensions(event.raw.subarray(4)).extensions.ticketRequest;
        };
        const pair = createPair({ client: { ticketRequest, sessions, trace }, server });
        await pair.run();
        assert.equal(pair.client.info.resumed, resumed);
        assert.equal(pair.client.takeSessions().length, resumed ? givenResumed : given);
        assert.equal(said, resumed ? givenResumed : given);
      }
    }
  });

  test('a server that is to give no tickets gives none, whatever is asked for', async () => {
    const server = { sessions: createSessions({ ticketCount: 0 }) };
    const pair = createPair({ client: { ticketRequest: { newSessionCount: 4, resumptionCount: 4 } }, server });
    await pair.run();
    assert.equal(pair.client.takeSessions().length, 0);
    assert.throws(() => createSessions({ ticketCount: 256 }), { code: 'ERR_TLS_SESSION_CONFIG' });
    assert.throws(() => createSessions({ maxTickets: 1.5 }), { code: 'ERR_TLS_SESSION_CONFIG' });
  });

  test('no more PSK identities are looked at than allowed', () => {
    const sessions = createSessions();
    const looked: Uint8Array[] = [];
    const counting = Object.assign(Object.create(sessions) as ServerSessions, {
      lookupPsk: ({ identity }: { identity: Uint8Array }) => {
        looked.push(identity);
        return { miss: 'notFound' as const };
      },
      ticketCount: 0,
      lifetime: 100,
      maxEarlyDataSize: 0,
    });
    const connection = server({ sessions: counting, limits: { pskIdentities: 3 } });
    turn(
      connection,
      hello((h) => {
        const identities = Array.from({ length: 9 }, (_, i) => ({ identity: bytes(8, i), obfuscatedTicketAge: 0 }));
        h.extensions.preSharedKey = { identities, binders: identities.map(() => bytes(32)) };
        h.extensionOrder = [...h.extensionOrder, 41];
      }),
    );
    assert.equal(connection.error, undefined);
    assert.equal(looked.length, 3);
  });
});

test('a TLS 1.2 server that does not know secure renegotiation is refused, unless it is to be taken (RFC 5746, Section 4.1)', () => {
  for (const requireSecureRenegotiation of [true, false]) {
    const one = client({ maxVersion: tls12, requireSecureRenegotiation });
    const other = server();
    const serverHello = decodeServerHello12(firstBody(turn(other, turn(one))));
    assert.equal(serverHello.extensions.renegotiationInfo?.length, 0);
    serverHello.extensions.renegotiationInfo = undefined;
    const output = turn(one, message('serverHello', encodeServerHello12(serverHello)));
    if (requireSecureRenegotiation) assertRefused(one, output, 'ERR_TLS_NO_SECURE_RENEGOTIATION', 'handshakeFailure');
    else assert.equal(one.error, undefined);
  }
});
