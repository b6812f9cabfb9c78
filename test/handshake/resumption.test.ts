import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CryptoProvider, GroupName, KeyExchange, PendingKeyExchange } from '../../src/crypto/provider.ts';
import { type ClientOptions, type ServerOptions, serverConfig } from '../../src/engine/config.ts';
import type { Connection } from '../../src/engine/connection.ts';
import { CertificateError } from '../../src/errors.ts';
import type { TraceEvent } from '../../src/handshake/trace.ts';
import type { ClientSession } from '../../src/session/client-session.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import type { ServerSessionsConfig } from '../../src/session/session-rules.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { tls12, tls13 } from '../../src/wire/versions.ts';
import { createPair, crypto, matrix, testCredential } from './pair.ts';

const clock = { now: () => Date.now() };
const early = new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n');

function createSessions(extra: Partial<ServerSessionsConfig> = {}): ServerSessions {
  const keyring = new TicketKeyring({ crypto, clock });
  return new ServerSessions({ crypto, keyring, store: new MemoryStore({ clock }), ...extra });
}

/** A full handshake, and the sessions that it gave the client. */
async function firstVisit(client: Partial<ClientOptions>, server: Partial<ServerOptions>): Promise<ClientSession[]> {
  const pair = createPair({ client, server });
  await pair.run();
  assert.equal(pair.client.error, undefined, pair.client.error?.stack);
  assert.equal(pair.server.error, undefined, pair.server.error?.stack);
  assert.equal(pair.client.info.resumed, false);
  return pair.client.takeSessions();
}

const kinds = [
  { name: 'TLS 1.2 session ID', version: tls12, config: { tls12Tickets: false }, resumption: 'sessionId' },
  { name: 'TLS 1.2 ticket', version: tls12, config: {}, resumption: 'ticket' },
  { name: 'TLS 1.3 PSK, stateless', version: tls13, config: {}, resumption: 'psk' },
  { name: 'TLS 1.3 PSK, stateful', version: tls13, config: { tls13Tickets: 'stateful' }, resumption: 'psk' },
  { name: 'TLS 1.3 PSK, single use', version: tls13, config: { tls13Tickets: 'singleUse' }, resumption: 'psk' },
] as const;

for (const { name, version, config, resumption } of kinds) {
  describe(name, () => {
    matrix((delivery, hostKind, label) => {
      test(label, async () => {
        const server = { sessions: createSessions(config) };
        const client = { maxVersion: version };
        const sessions = await firstVisit(client, server);
        assert.ok(sessions.length > 0);
        const pair = createPair({ client: { ...client, sessions }, server }, delivery, hostKind);
        await pair.run();
        assert.equal(pair.client.error, undefined, pair.client.error?.stack);
        assert.equal(pair.server.error, undefined, pair.server.error?.stack);
        for (const side of [pair.client, pair.server]) assert.equal(side.info.resumption, resumption);
        pair.client.write(early);
        pair.server.write(early);
        await pair.run();
        assert.deepEqual(pair.received.server, early);
        assert.deepEqual(pair.received.client, early);
      });
    });

    test('under another server name the handshake is a full one', async () => {
      const server = { sessions: createSessions(config) };
      const sessions = await firstVisit({ maxVersion: version }, server);
      const pair = createPair({ client: { maxVersion: version, sessions, serverName: 'example.test' }, server });
      await pair.run();
      assert.equal(pair.server.error, undefined, pair.server.error?.stack);
      assert.equal(pair.server.info.resumption, 'none');
      assert.equal(pair.client.info.resumption, 'none');
    });

    test('under another client policy the handshake is a full one, with the client certificate', async () => {
      const sessions = createSessions(config);
      const credential = testCredential('client-ecdsa-p256');
      const kept = await firstVisit({ maxVersion: version }, { sessions });
      const pair = createPair({
        client: { maxVersion: version, sessions: kept, credentials: [credential] },
        server: { sessions, clientCertificate: 'require', verifyPeer: () => undefined },
      });
      await pair.run();
      assert.equal(pair.server.error, undefined, pair.server.error?.stack);
      assert.equal(pair.server.info.resumption, 'none');
      assert.deepEqual(pair.server.info.peerCertificates, credential.chain);
    });
  });
}

describe('what the program trusts', () => {
  for (const { name, version, config } of kinds) {
    test(`${name}: a client that one verifier trusted is judged anew by another`, async () => {
      const sessions = createSessions(config);
      const credential = testCredential('client-ecdsa-p256');
      const client = { maxVersion: version, credentials: [credential] };
      const asking = { sessions, clientCertificate: 'require' } as const;
      const trusting = { ...asking, verifyPeer: () => undefined };
      const kept = await firstVisit(client, trusting);
      const again = createPair({ client: { ...client, sessions: kept.slice(0, 1) }, server: trusting });
      await again.run();
      assert.notEqual(again.server.info.resumption, 'none', 'the same verifier');

      const distrusting = {
        ...asking,
        verifyPeer: () => {
          throw new CertificateError('ERR_TLS_CERT_UNTRUSTED', 'unknownCa', 'this one trusts nobody');
        },
      };
      const more = await firstVisit(client, trusting);
      const pair = createPair({ client: { ...client, sessions: more.slice(0, 1) }, server: distrusting });
      await pair.run();
      assert.equal(pair.server.error?.code, 'ERR_TLS_CERT_UNTRUSTED', 'it came in without being asked about');
    });
  }

  test('servers that name the same trust share sessions, whatever function it is that verifies', async () => {
    const sessions = createSessions();
    const client = { credentials: [testCredential('client-ecdsa-p256')] };
    const server = () =>
      ({
        sessions,
        clientCertificate: 'require',
        clientTrustDigest: Uint8Array.of(1),
        verifyPeer: () => undefined,
      }) as const;
    const kept = await firstVisit(client, server());
    const pair = createPair({ client: { ...client, sessions: kept }, server: server() });
    await pair.run();
    assert.equal(pair.server.info.resumption, 'psk');
  });
});

/** The reasons that a side told its trace for what it decided about resumption. */
function reasons(events: readonly TraceEvent[]): string[] {
  return events.flatMap((event) =>
    event.kind === 'decision' && event.about === 'resumption' ? [`${event.choice}: ${event.reason}`] : [],
  );
}

describe('promise 9: every miss has a reason, on both sides', () => {
  /** Resumes under other options than the session was made under; what each side told of it. */
  async function miss(
    first: { client?: Partial<ClientOptions>; server: Partial<ServerOptions> },
    then: { client?: Partial<ClientOptions>; server?: Partial<ServerOptions> },
  ) {
    const kept = await firstVisit(first.client ?? {}, first.server);
    const seen: { client: TraceEvent[]; server: TraceEvent[] } = { client: [], server: [] };
    const pair = createPair({
      client: {
        ...first.client,
        sessions: kept.slice(0, 1),
        ...then.client,
        trace: (event) => seen.client.push(event),
      },
      server: { ...first.server, ...then.server, trace: (event) => seen.server.push(event) },
    });
    await pair.run();
    assert.equal(pair.server.error, undefined, pair.server.error?.stack);
    assert.equal(pair.client.error, undefined, pair.client.error?.stack);
    assert.equal(pair.server.info.resumed, false);
    const { sessions } = { ...first.server, ...then.server };
    return { client: reasons(seen.client), server: reasons(seen.server), counters: sessions?.counters };
  }

  test('a PSK, and a server that keeps no sessions (any more)', async () => {
    const found = await miss({ server: { sessions: createSessions() } }, { server: { sessions: undefined } });
    assert.deepEqual(found.server, ['miss: disabled']);
    assert.match(found.client[0] as string, /^miss: the server took none/);
  });

  test('a PSK of TLS 1.3, and a server that speaks TLS 1.2 only', async () => {
    const server = { sessions: createSessions() };
    const found = await miss({ server }, { server: { maxVersion: tls12 } });
    // The session ID of TLS 1.3's compatibility mode looks like any other.
    assert.deepEqual(found.server, ['miss: versionMismatch', 'miss: notFound']);
    assert.deepEqual(found.counters?.misses.psk, { versionMismatch: 1 });
    assert.match(found.client[0] as string, /^miss: /);
  });

  test('a ticket of TLS 1.2, and a server that speaks TLS 1.3 by now', async () => {
    const server = { sessions: createSessions() };
    const found = await miss({ server: { ...server, maxVersion: tls12 } }, { server: { maxVersion: tls13 } });
    assert.equal(found.server[0], 'miss: versionMismatch');
    assert.deepEqual(found.counters?.misses.ticket, { versionMismatch: 1 });
    assert.match(found.client[0] as string, /^miss: /);
  });

  test('a ticket of TLS 1.2, and a server that takes none any more', async () => {
    const then = createSessions({ tls12Tickets: false });
    const found = await miss(
      { client: { maxVersion: tls12 }, server: { sessions: createSessions() } },
      { server: { sessions: then } },
    );
    // The ID beside a ticket is the client's own, or that of a session.
    assert.deepEqual(found.server, ['miss: disabled', 'miss: notFound']);
    assert.deepEqual(then.counters.misses.ticket, { disabled: 1 });
    assert.match(found.client[0] as string, /^miss: /);
  });

  test('a client whose PSK modes the server does not take', async () => {
    const server = { sessions: createSessions() };
    const kept = await firstVisit({}, server);
    const pair = createPair({ client: { sessions: kept.slice(0, 1) }, server });
    pair.client.advance();
    const hello = Buffer.concat(pair.client.takeOutgoing());
    // psk_key_exchange_modes of psk_dhe_ke alone becomes psk_ke alone.
    const at = hello.indexOf(Buffer.from([0, 0x2d, 0, 2, 1, 1]));
    hello[at + 5] = 0;
    pair.server.receive(new Uint8Array(hello));
    await pair.run();
    assert.deepEqual(server.sessions.counters.misses.psk, { modeMismatch: 1 });
  });

  test('what the handshake refuses after it was found is no hit', async () => {
    const sessions = createSessions();
    const server = { sessions, resumeWithoutExtendedMasterSecret: true };
    const kept = await firstVisit({ maxVersion: tls12, resumeWithoutExtendedMasterSecret: true }, server);
    const [session] = kept as [ClientSession];
    // A session as one without the extended master secret left it: the server does not go on with those any more.
    const state = { ...session.state, extendedMasterSecret: false };
    const policyDigest = serverConfig({ crypto, sessions }).resumption.policyDigest({
      serverName: 'localhost',
      version: tls12,
      cipherHash: 'sha256',
      extendedMasterSecret: false,
    });
    const issued = await sessions.sealTicket({ state: { ...state, policyDigest }, now: Date.now() });
    assert.ok('ticket' in issued);
    const expected = {
      version: tls12,
      policy: policyDigest,
      now: Date.now(),
      extendedMasterSecret: false,
      pskIdentity: undefined,
    } as const;
    const misfit = () => 'emsAbsent' as const;
    assert.deepEqual(await sessions.openTicket({ ...expected, ticket: issued.ticket, misfit }), { miss: 'emsAbsent' });
    assert.equal(sessions.counters.hits.ticket, 0);
  });

  test('sessions that the client itself does not offer', async () => {
    const server = { sessions: createSessions() };
    const found = await miss({ server }, { client: { now: () => Date.now() + 8 * 86_400_000 } });
    assert.match(found.client[0] as string, /^not offered: .*over/);
    const other = await miss({ server, client: {} }, { client: { cipherSuites: [0x1302] } });
    assert.match(other.client[0] as string, /^not offered: .*SHA-?256|sha256/);
    const old = await miss(
      { server, client: { maxVersion: tls12 } },
      { client: { minVersion: tls13, maxVersion: tls13 } },
    );
    assert.match(old.client[0] as string, /^not offered: .*TLS 1\.2/);
  });
});

describe('the suite of a session (RFC 9846, Section 4.2.11)', () => {
  const [sha256, sha384] = [0x1301, 0x1302];
  const suites = [sha256, sha384];

  for (const [first, then] of [suites, [sha384, sha256]] as const) {
    test(`a session under ${first === sha384 ? 'SHA-384' : 'SHA-256'} outlives another order of suites`, async () => {
      for (const tls13Tickets of ['stateless', 'stateful', 'singleUse'] as const) {
        const sessions = createSessions({ tls13Tickets, maxEarlyDataSize: 1000 });
        const kept = await firstVisit({}, { sessions, cipherSuites: [first] });
        const pair = createPair({
          client: { sessions: kept.slice(0, 1), earlyData: true, cipherSuites: suites },
          server: { sessions, cipherSuites: [then, first] },
        });
        pair.client.advance();
        pair.client.write(early);
        await pair.run();
        for (const side of [pair.client, pair.server]) {
          assert.equal(side.error, undefined, side.error?.stack);
          assert.equal(side.info.resumption, 'psk');
          assert.equal(side.info.cipherSuite, first);
          assert.equal(side.info.earlyData, 'accepted');
        }
        assert.deepEqual(pair.received.server, early);
        assert.equal(sessions.counters.hits.psk, 1);
      }
    });
  }

  test('a session of a suite that the server has no more costs a full handshake, and one reason', async () => {
    const sessions = createSessions();
    const kept = await firstVisit({}, { sessions, cipherSuites: [sha384] });
    const pair = createPair({
      client: { sessions: kept, cipherSuites: suites },
      server: { sessions, cipherSuites: [sha256] },
    });
    await pair.run();
    assert.equal(pair.server.error, undefined, pair.server.error?.stack);
    assert.equal(pair.server.info.resumption, 'none');
    assert.deepEqual(Object.keys(sessions.counters.misses.psk), ['cipherMismatch']);
  });

  test('where HelloRetryRequest names a suite, it stays', async () => {
    const sessions = createSessions();
    const kept = await firstVisit({}, { sessions, cipherSuites: [sha384] });
    const pair = createPair({
      client: { sessions: kept, cipherSuites: suites, keyShares: ['x25519'] },
      server: { sessions, cipherSuites: suites, groups: ['secp256r1'] },
    });
    await pair.run();
    for (const side of [pair.client, pair.server]) {
      assert.equal(side.error, undefined, side.error?.stack);
      assert.equal(side.info.resumption, 'none');
      assert.equal(side.info.cipherSuite, sha256);
    }
  });

  test('the key share is for the group that the server chose before: no key is made for nothing, and no round trip lost', async () => {
    const made: string[] = [];
    const counting: CryptoProvider = Object.assign(Object.create(crypto) as CryptoProvider, {
      keyExchange: (group: GroupName) => {
        const exchange = crypto.keyExchange(group);
        const generate = (): PendingKeyExchange => {
          made.push(group);
          return exchange!.generate();
        };
        return exchange && Object.assign(Object.create(exchange) as KeyExchange, { generate });
      },
    });
    const visit = async (sessions: ClientSession[], server: Partial<ServerOptions>) => {
      const pair = createPair({ client: { crypto: counting, groups, sessions: sessions.slice(0, 1) }, server });
      await pair.run();
      assert.equal(pair.client.error, undefined, pair.client.error?.stack);
      const { group, helloRetryRequest, resumption } = pair.client.info;
      return { seen: { group, helloRetryRequest, resumption, made: made.splice(0) }, kept: pair.client.takeSessions() };
    };
    const groups: GroupName[] = ['X25519MLKEM768', 'x25519', 'secp384r1'];
    const server = { sessions: createSessions(), groups: ['secp384r1'] satisfies GroupName[] };
    const first = await visit([], server);
    assert.deepEqual(first.seen, {
      group: 'secp384r1',
      helloRetryRequest: true,
      resumption: 'none',
      made: ['X25519MLKEM768', 'x25519', 'secp384r1'],
    });
    const second = await visit(first.kept, server);
    const chosen = { group: 'secp384r1', helloRetryRequest: false, resumption: 'psk', made: ['secp384r1'] };
    assert.deepEqual(second.seen, chosen);
    // The groups are all offered still: a server that has another taste by now says so.
    const third = await visit(second.kept, { ...server, groups: ['x25519'] });
    assert.deepEqual(third.seen, {
      ...chosen,
      group: 'x25519',
      helloRetryRequest: true,
      made: ['secp384r1', 'x25519'],
    });
  });

  test('an external PSK takes a suite of its hash', async () => {
    const identity = Uint8Array.of(1, 2, 3);
    const key = new Uint8Array(48).fill(9);
    const externalPsk = () => ({ identity, secret: key, hash: 'sha384' as const, imported: false });
    const pair = createPair({
      client: { externalPsks: [{ identity, secret: key, hash: 'sha384' }], cipherSuites: suites },
      server: { sessions: createSessions({ externalPsk }), cipherSuites: suites },
    });
    await pair.run();
    assert.equal(pair.server.error, undefined, pair.server.error?.stack);
    assert.equal(pair.server.info.resumption, 'externalPsk');
    assert.equal(pair.server.info.cipherSuite, sha384);
  });
});

describe('early data', () => {
  const config = { maxEarlyDataSize: 16_384 };

  test('record_size_limit holds from the handshake on: a client cannot know it when it sends early data', async () => {
    const server = { sessions: createSessions(config), recordSizeLimit: 500 };
    const sessions = await firstVisit({ recordSizeLimit: 16_385 }, server);
    const client = { sessions: sessions.slice(0, 1), earlyData: true, recordSizeLimit: 16_385 };
    const pair = createPair({ client, server });
    pair.client.advance();
    pair.client.write(new Uint8Array(2000));
    await pair.run();
    assert.equal(pair.server.error, undefined, pair.server.error?.stack);
    assert.equal(pair.server.info.earlyData, 'accepted');
    pair.client.write(new Uint8Array(2000));
    const inRecords = pair.client.takeOutgoing().reduce((sum, bytes) => sum + bytes.length, 0);
    assert.equal(inRecords, 2000 + 5 * 22, 'five records of at most 499 bytes of content');
    assert.equal(pair.received.server.length, 2000);
  });

  test('the early exporter: from the first flight on, alike on both sides, gone where it is refused', async () => {
    const server = { sessions: createSessions(config) };
    const sessions = await firstVisit({}, server);
    const client = { sessions: sessions.slice(0, 1), earlyData: true };
    const of = (side: Connection, context?: Uint8Array) => side.exportEarlyKeyingMaterial(40, 'EXPORTER-test', context);
    const none = { code: 'ERR_TLS_STATE', message: /no early data/ };
    for (const accepted of [true, false]) {
      const pair = createPair({ client, server });
      assert.throws(() => of(pair.client), none);
      pair.client.advance();
      pair.client.write(early);
      const sent = of(pair.client);
      assert.deepEqual(of(pair.client, new Uint8Array(0)), sent);
      assert.notDeepEqual(of(pair.client, new Uint8Array(1)), sent);
      await pair.run();
      for (const side of [pair.client, pair.server]) {
        if (accepted) assert.deepEqual(of(side), sent);
        else assert.throws(() => of(side), none);
      }
      assert.notDeepEqual(pair.client.exportKeyingMaterial(40, 'EXPORTER-test'), sent);
      pair.client.close();
      assert.throws(() => of(pair.client), none);
    }
  });

  matrix((delivery, hostKind, label) => {
    test(`accepted once, ${label}`, async () => {
      const server = { sessions: createSessions(config) };
      const sessions = await firstVisit({}, server);
      const client = { sessions: sessions.slice(0, 1), earlyData: true };
      for (const expected of ['accepted', 'rejected']) {
        const pair = createPair({ client, server }, delivery, hostKind);
        pair.client.advance();
        assert.ok(pair.client.earlyDataAllowance >= early.length);
        pair.client.write(early);
        await pair.run();
        assert.equal(pair.client.error, undefined, pair.client.error?.stack);
        assert.equal(pair.server.error, undefined, pair.server.error?.stack);
        assert.equal(pair.server.info.earlyData, expected);
        assert.equal(pair.client.info.earlyData, expected);
        assert.deepEqual(pair.received.server, expected === 'accepted' ? early : new Uint8Array(0));
        pair.client.write(early);
        await pair.run();
        assert.equal(pair.received.server.length, expected === 'accepted' ? 2 * early.length : early.length);
      }
    });

    test(`skipped over a HelloRetryRequest, ${label}`, async () => {
      const sessions = createSessions(config);
      const kept = await firstVisit({}, { sessions });
      const pair = createPair(
        {
          client: { sessions: kept, earlyData: true, keyShares: ['x25519'] },
          server: { sessions, groups: ['secp256r1'] },
        },
        delivery,
        hostKind,
      );
      pair.client.advance();
      pair.client.write(early);
      await pair.run();
      assert.equal(pair.client.error, undefined, pair.client.error?.stack);
      assert.equal(pair.server.error, undefined, pair.server.error?.stack);
      assert.equal(pair.client.info.earlyData, 'rejected');
      assert.equal(pair.client.info.resumption, 'psk');
      assert.equal(pair.received.server.length, 0);
      pair.client.write(early);
      await pair.run();
      assert.deepEqual(pair.received.server, early);
    });
  });
});

describe('external PSK', () => {
  const key = new Uint8Array(32).fill(7);
  const identity = new TextEncoder().encode('device 7');

  for (const imported of [false, true]) {
    test(imported ? 'imported' : 'plain', async () => {
      const externalPsk = (asked: Uint8Array) =>
        Buffer.compare(asked, identity) === 0
          ? { identity, secret: key, hash: 'sha256' as const, imported }
          : undefined;
      const sessions = createSessions({ externalPsk });
      const pair = createPair({
        client: { externalPsks: [{ identity, secret: key, hash: 'sha256', imported }] },
        server: { sessions },
      });
      await pair.run();
      assert.equal(pair.client.error, undefined, pair.client.error?.stack);
      assert.equal(pair.server.error, undefined, pair.server.error?.stack);
      assert.equal(pair.server.info.resumption, 'externalPsk');
    });
  }

  test('a wrong key ends the handshake with decrypt_error', async () => {
    const externalPsk = () => ({ identity, secret: key, hash: 'sha256' as const, imported: false });
    const pair = createPair({
      client: { externalPsks: [{ identity, secret: new Uint8Array(32), hash: 'sha256' }] },
      server: { sessions: createSessions({ externalPsk }) },
    });
    await pair.run();
    assert.equal(pair.server.error?.code, 'ERR_TLS_PSK_BINDER');
    assert.equal(pair.client.error?.alert, 'decryptError');
  });
});
