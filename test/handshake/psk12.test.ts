/** Pre-shared keys in TLS 1.2 (RFC 4279, RFC 5489), between our client and our server. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cipherSuites, pskCipherSuites } from '../../src/crypto/cipher-suites.ts';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { ClientOptions, ServerOptions, TraceEvent } from '../../src/engine/config.ts';
import { drive } from '../../src/engine/driver.ts';
import { clientHost, type Host, serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { CertificateError } from '../../src/errors.ts';
import { pskPremaster } from '../../src/handshake/psk12.ts';
import type { ClientSession } from '../../src/session/client-session.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { type ExternalPsk, externalPsk, importPsk, pskBinding } from '../../src/session/psk-importer.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import type { ServerSessionsConfig } from '../../src/session/session-rules.ts';
import { decodeSessionState, encodeSessionState, sessionState } from '../../src/session/state.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import {
  clientDefaults,
  createPair,
  crypto,
  type Delivery,
  type HostKind,
  matrix,
  type Pair,
  serverDefaults,
} from './pair.ts';

const tls12 = 0x0303;
const identity = new TextEncoder().encode('sensor 7');
const secret = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
const psk = externalPsk(identity, secret, 'sha256', 'only');
const psk384 = externalPsk(identity, secret, 'sha384', 'only');
const everyPskSuite = cipherSuites.filter(({ authentication }) => authentication === 'psk');

function knows(...psks: readonly ExternalPsk[]): NonNullable<ServerSessionsConfig['externalPsk']> {
  return (asked) => psks.find((each) => Buffer.compare(each.identity, asked) === 0);
}

function sessionsOf(config: Partial<ServerSessionsConfig>): ServerSessions {
  return new ServerSessions({ crypto, ...config });
}

/** Nobody shows a certificate where a PSK is used. */
function noCertificate(): never {
  throw new CertificateError('ERR_TLS_HOST_VERIFY', 'certificateUnknown', 'a certificate was shown');
}

const client: Partial<ClientOptions> = {
  maxVersion: tls12,
  cipherSuites: pskCipherSuites,
  externalPsks: [psk],
  verifyPeer: noCertificate,
};
const server: Partial<ServerOptions> = {
  credentials: [],
  cipherSuites: pskCipherSuites,
  sessions: sessionsOf({ externalPsk: knows(psk) }),
};

async function connect(
  options: { client?: Partial<ClientOptions>; server?: Partial<ServerOptions> } = {},
  delivery?: Delivery,
  hostKind?: HostKind,
): Promise<Pair> {
  const both = { client: { ...client, ...options.client }, server: { ...server, ...options.server } };
  const pair = createPair(both, delivery, hostKind);
  await pair.run();
  return pair;
}

function assertConnected(pair: Pair): void {
  assert.equal(pair.client.error, undefined, pair.client.error?.stack);
  assert.equal(pair.server.error, undefined, pair.server.error?.stack);
}

describe('PSK in TLS 1.2', () => {
  for (const suite of everyPskSuite) {
    matrix((delivery, hostKind, label) => {
      test(`${suite.name}, ${label}`, async () => {
        const key = suite.hash === 'sha384' ? psk384 : psk;
        const pair = await connect(
          {
            client: { cipherSuites: [suite.code], externalPsks: [key] },
            server: { cipherSuites: [suite.code], sessions: sessionsOf({ externalPsk: knows(key) }) },
          },
          delivery,
          hostKind,
        );
        assertConnected(pair);
        for (const side of [pair.client, pair.server]) {
          assert.equal(side.info.cipherSuite, suite.code);
          assert.equal(side.info.resumption, 'externalPsk');
          assert.equal(side.info.resumed, false);
          assert.deepEqual(side.info.pskIdentity, identity);
          assert.equal(side.info.peerCertificates.length, 0);
          assert.equal(side.info.group === undefined, suite.keyExchange === 'psk');
        }
        const [a, b] = [pair.client, pair.server].map((side) => side.exportKeyingMaterial(32, 'EXPORTER-test'));
        assert.deepEqual(a, b);
        pair.client.write(new TextEncoder().encode('hello'));
        await pair.run();
        assert.equal(Buffer.from(pair.received.server).toString(), 'hello');
      });
    });
  }

  test('a session, or an imported PSK, that a host gives for an identity counts as unknown', () => {
    for (const kind of ['res', 'imp'] as const) {
      const options = { ...serverDefaults, ...server };
      const side = new ServerConnection(options);
      const peer = new ClientConnection({ ...clientDefaults, ...client });
      const host: Host = {
        ...serverHost(options),
        lookupPsk: () => ({ key: secret, hash: 'sha256', kind, state: undefined }),
      };
      for (let i = 0; i < 3; i++) {
        drive(peer, clientHost(peer.options), () => {});
        for (const chunk of peer.takeOutgoing()) side.receive(chunk);
        drive(side, host, () => {});
        for (const chunk of side.takeOutgoing()) peer.receive(chunk);
      }
      assert.equal(side.error?.code, 'ERR_TLS_BAD_RECORD_MAC', side.error?.stack);
    }
  });

  test('the premaster secret is that of RFC 4279, Section 2, and RFC 5489, Section 2', () => {
    const key = Uint8Array.of(1, 2, 3);
    assert.deepEqual([...pskPremaster(key, undefined)], [0, 3, 0, 0, 0, 0, 3, 1, 2, 3]);
    const exchanged = Uint8Array.of(9, 8);
    assert.deepEqual([...pskPremaster(key, exchanged)], [0, 2, 9, 8, 0, 3, 1, 2, 3]);
    assert.deepEqual([...exchanged], [0, 0]);
  });
});

describe('what the server says of identities in TLS 1.2', () => {
  test('a hint reaches the host of the client, with ECDHE and without', async () => {
    for (const code of [0xd001, 0x00a8]) {
      const hints: (Uint8Array | undefined)[] = [];
      for (const identityHint of [undefined, new TextEncoder().encode('which sensor?')]) {
        const pair = await connect({
          client: {
            cipherSuites: [code],
            selectPsk: (query) => {
              hints.push(query.identityHint);
              return psk;
            },
          },
          server: { cipherSuites: [code], psk: identityHint === undefined ? {} : { identityHint } },
        });
        assertConnected(pair);
      }
      assert.deepEqual(hints, [undefined, new TextEncoder().encode('which sensor?')]);
    }
  });

  test('ServerKeyExchange is left out where it would be empty', async () => {
    const types: string[] = [];
    const trace = (event: TraceEvent) => {
      if (event.kind === 'message') types.push(event.type);
    };
    assertConnected(await connect({ client: { cipherSuites: [0x00a8] }, server: { cipherSuites: [0x00a8], trace } }));
    assert.deepEqual(types, [
      'clientHello',
      'serverHello',
      'serverHelloDone',
      'clientKeyExchange',
      'changeCipherSpec',
      'finished',
      'changeCipherSpec',
      'finished',
    ]);
  });

  test('an identity that is not known fails as a wrong key does', async () => {
    const wrong = externalPsk(identity, new Uint8Array(32).fill(9), 'sha256', 'only');
    const stranger = externalPsk(new TextEncoder().encode('stranger'), secret, 'sha256', 'only');
    for (const unfit of [wrong, stranger]) {
      const pair = await connect({ client: { externalPsks: [unfit] } });
      assert.equal(pair.server.error?.code, 'ERR_TLS_BAD_RECORD_MAC');
      assert.equal(pair.client.error?.alert, 'badRecordMac');
    }
  });

  test('where the host wants it, it is said that an identity is not known', async () => {
    const stranger = externalPsk(new TextEncoder().encode('stranger'), secret, 'sha256', 'only');
    const pair = await connect({ client: { externalPsks: [stranger] }, server: { psk: { unknownIdentity: 'alert' } } });
    assert.equal(pair.server.error?.code, 'ERR_TLS_PSK_UNKNOWN_IDENTITY');
    assert.equal(pair.client.error?.alert, 'unknownPskIdentity');
  });

  test('an identity or a hint of more than 256 bytes is refused', async () => {
    const long = { ...psk, identity: new Uint8Array(257) };
    const pair = await connect({ client: { externalPsks: [long] } });
    assert.equal(pair.server.error?.code, 'ERR_TLS_PSK_IDENTITY');
    assert.equal(pair.client.error?.alert, 'decodeError');
    assert.throws(() => createPair({ server: { ...server, psk: { identityHint: new Uint8Array(257) } } }), {
      code: 'ERR_TLS_CONFIG',
    });
    assert.throws(() => externalPsk(new Uint8Array(257), secret, 'sha256', 'only'), { code: 'ERR_TLS_PSK' });
  });

  test('a client without a PSK for the server ends the handshake', async () => {
    const pair = await connect({ client: { selectPsk: () => undefined } });
    assert.equal(pair.client.error?.code, 'ERR_TLS_PSK_NOT_FOUND');
    assert.equal(pair.server.error?.alert, 'handshakeFailure');
  });

  test('a look-up that fails is an identity that is not known', async () => {
    const sessions = sessionsOf({ externalPsk: () => Promise.reject(new Error('the data base is away')) });
    const pair = await connect({ server: { sessions } }, 'whole', 'async');
    assert.equal(pair.server.error?.code, 'ERR_TLS_BAD_RECORD_MAC');
  });
});

describe('which version and hash a PSK serves', () => {
  const only13 = externalPsk(identity, secret);

  test('a PSK that says nothing is for TLS 1.3 alone', async () => {
    // The client offers no suite for it.
    assert.throws(() => createPair({ client: { ...client, externalPsks: [only13] } }), { code: 'ERR_TLS_NO_CIPHERS' });
    const pair = await connect({ server: { sessions: sessionsOf({ externalPsk: knows(only13) }) } });
    assert.equal(pair.server.error?.code, 'ERR_TLS_BAD_RECORD_MAC');
  });

  test('one for TLS 1.2 alone is not taken in TLS 1.3, nor is an imported one in TLS 1.2', async () => {
    const suites = [0x1301, ...pskCipherSuites];
    const pair = await connect({
      client: { maxVersion: 0x0304, cipherSuites: suites },
      server: { cipherSuites: suites },
    });
    // Both speak TLS 1.3, where the key is for nothing, and this server has no certificate.
    assert.equal(pair.server.error?.alert, 'handshakeFailure');
    const imported = { ...importPsk(crypto, { identity, secret })[0]!, tls12: 'also' } as const;
    assert.throws(() => createPair({ client: { ...client, externalPsks: [imported] } }), {
      code: 'ERR_TLS_NO_CIPHERS',
    });
  });

  test('one for both versions is', async () => {
    const both = externalPsk(identity, secret, 'sha256', 'also');
    const suites = [0x1301, ...pskCipherSuites];
    for (const maxVersion of [0x0303, 0x0304] as const) {
      const pair = await connect({
        client: { maxVersion, cipherSuites: suites, externalPsks: [both] },
        server: { cipherSuites: suites, sessions: sessionsOf({ externalPsk: knows(both) }) },
      });
      assertConnected(pair);
      assert.equal(pair.server.info.version, maxVersion);
      assert.deepEqual(pair.server.info.pskIdentity, identity);
    }
  });

  test('the look-up is told the version: one identity may have a key for each', async () => {
    const versions: number[] = [];
    const externalPskOf = (_: Uint8Array, version: number) => {
      versions.push(version);
      return psk;
    };
    assertConnected(await connect({ server: { sessions: sessionsOf({ externalPsk: externalPskOf }) } }));
    assert.deepEqual(versions, [tls12]);
  });

  test('a suite of another hash is not offered, and its key not taken', async () => {
    const pair = await connect({ client: { externalPsks: [psk384] }, server: { cipherSuites: pskCipherSuites } });
    assert.equal(pair.server.error?.code, 'ERR_TLS_BAD_RECORD_MAC');
    const fits = await connect({
      client: { externalPsks: [psk384] },
      server: { sessions: sessionsOf({ externalPsk: knows(psk384) }) },
    });
    assertConnected(fits);
    assert.equal(fits.server.info.cipherSuite, 0xd002);
  });
});

describe('PSKs beside certificates in TLS 1.2', () => {
  const both = [0xc02b, ...pskCipherSuites];

  test('a server with both serves clients of either kind', async () => {
    const { credentials: _, ...withCertificate } = server;
    const byPsk = await connect({ server: { ...withCertificate, cipherSuites: both } });
    assertConnected(byPsk);
    assert.deepEqual(byPsk.server.info.pskIdentity, identity);
    const pair = createPair({
      client: { maxVersion: tls12 },
      server: { ...withCertificate, cipherSuites: both },
    });
    await pair.run();
    assertConnected(pair);
    assert.notEqual(pair.client.info.peerCertificates.length, 0);
    assert.equal(pair.client.info.pskIdentity, undefined);
  });

  test('the order of the suites decides', async () => {
    for (const cipherSuites of [both, [...both].reverse()]) {
      const pair = createPair({
        client: { maxVersion: tls12, cipherSuites, externalPsks: [psk] },
        server: { cipherSuites, sessions: sessionsOf({ externalPsk: knows(psk) }) },
      });
      await pair.run();
      assertConnected(pair);
      assert.equal(pair.server.info.pskIdentity === undefined, cipherSuites === both);
    }
  });

  test('suites for PSKs are neither offered nor taken without PSKs', async () => {
    const suites: number[] = [];
    const pair = createPair({
      client: { maxVersion: tls12, cipherSuites: both },
      server: { cipherSuites: both, selectConfig: (hello) => void suites.push(...hello.cipherSuites) },
    });
    await pair.run();
    assertConnected(pair);
    assert.deepEqual(suites, [0xc02b]);
    const refused = await connect({ server: { cipherSuites: both, sessions: sessionsOf({}) } });
    assert.equal(refused.server.error?.code, 'ERR_TLS_NO_SHARED_CIPHER');
  });

  test('who is known by a PSK is asked for no certificate', async () => {
    const pair = await connect({ server: { clientCertificate: 'require', verifyPeer: noCertificate } });
    assertConnected(pair);
  });
});

describe('sessions that a PSK made', () => {
  for (const kind of ['ticket', 'sessionId', 'psk'] as const) {
    const version = kind === 'psk' ? 0x0304 : 0x0303;
    const key = version === 0x0304 ? externalPsk(identity, secret) : psk;
    const suites = version === 0x0304 ? [0x1301] : pskCipherSuites;
    const clock = { now: () => Date.now() };
    const stores =
      kind === 'sessionId' ? { store: new MemoryStore({ clock }) } : { keyring: new TicketKeyring({ crypto, clock }) };
    const own = { cipherSuites: suites, maxVersion: version, minVersion: version } as const;

    async function first(serverOptions: Partial<ServerOptions> = {}): Promise<{ session: ClientSession; pair: Pair }> {
      const sessions = sessionsOf({ ...stores, externalPsk: knows(key) });
      const pair = await connect({
        client: { ...own, externalPsks: [key] },
        server: { ...own, sessions, ...serverOptions },
      });
      assertConnected(pair);
      const [session] = pair.client.takeSessions();
      assert.ok(session);
      assert.deepEqual(session.state.psk?.identity, identity);
      return { session, pair };
    }

    async function again(session: ClientSession, serverOptions: Partial<ServerOptions>): Promise<Pair> {
      const pair = await connect({
        client: { ...own, externalPsks: [key], sessions: [session] },
        server: { ...own, ...serverOptions },
      });
      assertConnected(pair);
      return pair;
    }

    test(`${kind}: it goes on, and tells the identity`, async () => {
      const { session } = await first();
      const pair = await again(session, { sessions: sessionsOf({ ...stores, externalPsk: knows(key) }) });
      assert.equal(pair.server.info.resumption, kind);
      assert.deepEqual(pair.server.info.pskIdentity, identity);
      assert.deepEqual(pair.client.info.pskIdentity, identity);
    });

    test(`${kind}: it ends with the key that it was made by`, async () => {
      const { session } = await first();
      const misses: string[] = [];
      const observe: ServerSessionsConfig['observe'] = (event) => {
        if (event.type === 'miss') misses.push(event.reason);
      };
      const fresh = { ...key, secret: new Uint8Array(32).fill(5) };
      const pair = await connect({
        client: { ...own, externalPsks: [fresh], sessions: [session] },
        server: { ...own, sessions: sessionsOf({ ...stores, externalPsk: knows(fresh), observe }) },
      });
      assertConnected(pair);
      assert.equal(pair.server.info.resumption, 'externalPsk');
      assert.deepEqual(misses, ['pskRevoked']);
    });

    test(`${kind}: a server without PSKs does not take it`, async () => {
      const { session } = await first();
      const { credentials: _, ...withCertificate } = server;
      const plain = { sessions: sessionsOf({ ...stores }), cipherSuites: [0x1301, 0xc02b] };
      const pair = createPair({
        client: { sessions: [session] },
        server: { ...withCertificate, ...plain },
      });
      await pair.run();
      assertConnected(pair);
      assert.equal(pair.server.info.resumption, 'none');
    });

    test(`${kind}: it satisfies a server that requires clients to be known`, async () => {
      const required = { clientCertificate: 'require', verifyPeer: noCertificate } as const;
      const { session } = await first(required);
      const accepted: (string | undefined)[] = [];
      const sessions = sessionsOf({
        ...stores,
        externalPsk: knows(key),
        acceptPeer: (state) => {
          accepted.push(state.psk && Buffer.from(state.psk.identity).toString());
          return true;
        },
      });
      const pair = await again(session, { ...required, sessions });
      assert.equal(pair.server.info.resumption, kind);
      assert.deepEqual(accepted, ['sensor 7']);
    });
  }

  test('the encoding keeps the binding', () => {
    const binding = pskBinding(crypto, identity, secret);
    assert.equal(binding.check.length, 32);
    const state = sessionState({
      version: tls12,
      cipherSuite: 0xd001,
      secret: new Uint8Array(48),
      policyDigest: new Uint8Array(32),
      createdAt: 1000,
      lifetime: 60,
      psk: binding,
    });
    assert.deepEqual(decodeSessionState(encodeSessionState(state)!)?.psk, binding);
  });
});
