import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { ClientOptions, ServerOptions } from '../../src/engine/config.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import type { AlertName } from '../../src/errors.ts';
import type { RecordOutput } from '../../src/handshake/context.ts';
import type { Flow } from '../../src/handshake/flow.ts';
import type { Established } from '../../src/handshake/result.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { encodeCertificateRequest13 } from '../../src/wire/certificate-request.ts';
import { type ClientHello, decodeClientHello, encodeClientHello } from '../../src/wire/client-hello.ts';
import { frameMessage, type HandshakeType } from '../../src/wire/handshake-type.ts';
import { tls12, tls13 } from '../../src/wire/versions.ts';
import { clientDefaults, createPair, crypto, serverDefaults } from '../handshake/pair.ts';
import { assertRefused, bytes, client, firstBody, hello, message, server, turn, without } from './speak.ts';

const createSessions = (extra = {}) =>
  new ServerSessions({ crypto, store: new MemoryStore({ clock: { now: Date.now } }), ...extra });

/** Sides that send what a test tells them to. */
class LooseServer extends ServerConnection {
  output: RecordOutput | undefined;
  protected override start(output: RecordOutput): Flow<Established> {
    this.output = output;
    return super.start(output);
  }
}

class LooseClient extends ClientConnection {
  output: RecordOutput | undefined;
  protected override start(output: RecordOutput): Flow<Established> {
    this.output = output;
    return super.start(output);
  }
}

function connected(options: { client?: Partial<ClientOptions>; server?: Partial<ServerOptions> } = {}) {
  const loose = {
    client: new LooseClient({ ...clientDefaults, ...options.client }),
    server: new LooseServer({ ...serverDefaults, ...options.server }),
  };
  let flight = turn(loose.client);
  for (let i = 0; i < 3; i++) flight = turn(loose.client, turn(loose.server, flight));
  assert.ok(loose.client.connected && loose.server.connected);
  return loose;
}

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
      const one = client({ keyShares: ['x25519'] });
      const connection = server({ groups: ['secp384r1'], retryCookie: true });
      const second = turn(one, turn(connection, turn(one)));
      // change_cipher_spec goes before it.
      const decoded = decodeClientHello(firstBody(second.subarray(6)));
      change(decoded);
      const output = turn(connection, message('clientHello', encodeClientHello(decoded)));
      assertRefused(connection, output, code, 'illegalParameter');
    });
  }

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

describe('resumption', () => {
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

  test('tickets are given as asked for, up to the own number (RFC 9149)', async () => {
    for (const [asked, given] of [
      [0, 0],
      [1, 1],
      [200, 3],
    ] as const) {
      const sessions = createSessions({ ticketCount: 3 });
      const pair = createPair({
        client: { ticketRequest: { newSessionCount: asked, resumptionCount: asked } },
        server: { sessions },
      });
      await pair.run();
      assert.equal(pair.client.takeSessions().length, given);
    }
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
