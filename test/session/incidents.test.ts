/**
 * What went wrong in other systems, by name: each of these would be a bug here, and each is tried against whole
 * handshakes or the part that it would be a bug of. The list is that of docs/resumption.md.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClientOptions, ServerOptions } from '../../src/engine/config.ts';
import type { ClientSession } from '../../src/session/client-session.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ResilientStore } from '../../src/session/resilient-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import type { ServerSessionsConfig } from '../../src/session/session-rules.ts';
import { importTicketKeyFile, TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { createPair, crypto, testCredential } from '../handshake/pair.ts';
import { FakeTime, never, ScriptedStore } from './helpers.ts';
import { ringNode, SharedRing } from './shared-ring.ts';

const client = testCredential('client-ecdsa-p256');
const shown: Partial<ClientOptions> = { credentials: [client] };

type Kind = 'sessionId' | 'ticket' | 'psk';
const kinds: readonly Kind[] = ['sessionId', 'ticket', 'psk'];

/** A server's resumption with one clock, and options that make it resume by one kind. */
function resumption(kind: Kind, config: Partial<ServerSessionsConfig> = {}) {
  const time = new FakeTime();
  const store = new MemoryStore({ clock: time });
  const keyring = new TicketKeyring({ crypto, clock: time, timers: time });
  const sessions = new ServerSessions({ crypto, store, keyring, tls12Tickets: kind === 'ticket', ...config });
  const version = kind === 'psk' ? 0x0304 : 0x0303;
  const both = { now: () => time.now(), maxVersion: version, minVersion: version } as const;
  return { time, store, keyring, sessions, server: { ...both, sessions }, client: both };
}

type Setup = ReturnType<typeof resumption>;

/** One handshake, with what the server says of the client, and the sessions that the client got. */
async function connect(
  setup: Setup,
  server: Partial<ServerOptions> = {},
  { session, ...options }: Partial<ClientOptions> & { session?: ClientSession | undefined } = {},
) {
  const pair = createPair({
    server: { ...setup.server, ...server },
    client: { ...setup.client, ...options, ...(session === undefined ? {} : { sessions: [session] }) },
  });
  await pair.run();
  const failure = pair.server.error ?? pair.client.error;
  if (failure !== undefined) return { failure, resumed: false, peer: 0, session: undefined };
  pair.server.write(new Uint8Array([1]));
  await pair.run();
  const [next] = pair.client.takeSessions();
  return {
    failure,
    resumed: pair.server.info.resumed,
    peer: pair.server.info.peerCertificates.length,
    session: next,
    clientResumed: pair.client.info.resumed,
  };
}

/** Connects under one policy, then under another with the session of the first. */
async function across(
  kind: Kind,
  first: Partial<ServerOptions>,
  second: Partial<ServerOptions>,
  options: Partial<ClientOptions> = {},
  later: Partial<ClientOptions> = options,
) {
  const setup = resumption(kind);
  const one = await connect(setup, first, options);
  assert.equal(one.failure, undefined);
  assert.ok(one.session, 'the first connection gives a session');
  const same = await connect(setup, first, { ...options, session: one.session });
  assert.equal(same.resumed, true, 'under the same policy it resumes');
  const two = await connect(setup, second, { ...later, session: same.session ?? one.session });
  return { setup, two, misses: setup.sessions.counters.misses[kind] };
}

for (const kind of kinds) {
  describe(`by ${kind}`, () => {
    test('nginx CVE-2025-23419: a session of one virtual host does not resume under another that requires certificates', async () => {
      const open: Partial<ServerOptions> = { credentialIdentity: 'open' };
      const closed: Partial<ServerOptions> = {
        credentialIdentity: 'closed',
        clientCertificate: 'require',
        verifyPeer: () => undefined,
      };
      const { two } = await across(kind, open, closed, {}, { serverName: 'closed.example.test' });
      assert.equal(two.resumed, false);
      assert.match(two.failure?.code ?? '', /CERTIFICATE_REQUIRED/, 'it comes in by its certificate or not at all');
      const { two: shows } = await across(kind, open, closed, shown, { ...shown, serverName: 'closed.example.test' });
      assert.deepEqual([shows.failure, shows.resumed, shows.peer > 0], [undefined, false, true]);
    });

    test('nginx CVE-2025-23419, the other way: certificates of one virtual host are not believed at another', async () => {
      const mine: Partial<ServerOptions> = {
        credentialIdentity: 'a',
        clientCertificate: 'require',
        verifyPeer: () => undefined,
        clientTrustDigest: new Uint8Array([1]),
      };
      const theirs = { ...mine, credentialIdentity: 'b', clientTrustDigest: new Uint8Array([2]) };
      const { two, misses } = await across(kind, mine, theirs, shown);
      assert.deepEqual([two.failure, two.resumed], [undefined, false]);
      assert.equal(misses.policyMismatch, 1);
    });

    test('Cloudflare, January 2025: a session made without a client certificate is no way around one', async () => {
      const requires: Partial<ServerOptions> = { clientCertificate: 'require', verifyPeer: () => undefined };
      const { two, misses } = await across(kind, {}, requires, {}, shown);
      assert.deepEqual([two.failure, two.resumed, two.peer > 0], [undefined, false, true]);
      assert.equal(misses.policyMismatch, 1);
    });

    test('Go CVE-2025-68121: when the trust anchors change, no old session gets in', async () => {
      const before: Partial<ServerOptions> = {
        clientCertificate: 'require',
        verifyPeer: () => undefined,
        clientTrustDigest: new Uint8Array([1]),
      };
      let refused = 0;
      const after: Partial<ServerOptions> = {
        ...before,
        clientTrustDigest: new Uint8Array([2]),
        verifyPeer: () => {
          refused++;
          throw new Error('this authority is no longer trusted');
        },
      };
      const { two } = await across(kind, before, after, shown);
      assert.ok(two.failure);
      assert.equal(refused, 1, 'the certificate was verified anew');
    });

    test('HAProxy, August 2026, and Bun, September 2026: another server name is another session', async () => {
      const { two, misses } = await across(
        kind,
        {},
        {},
        { serverName: 'a.example.test' },
        { serverName: 'b.example.test' },
      );
      assert.deepEqual([two.failure, two.resumed], [undefined, false]);
      assert.equal(misses.policyMismatch, 1);
    });

    test('HAProxy, August 2026: renewing a session does not extend it for ever', async () => {
      const setup = resumption(kind, { lifetime: 600 });
      let { session } = await connect(setup);
      let resumed = 0;
      for (let minute = 1; minute < 30; minute++) {
        setup.time.advance(60_000);
        const again = await connect(setup, {}, { session });
        assert.equal(again.failure, undefined);
        if (!again.resumed) break;
        resumed++;
        session = again.session ?? session;
      }
      assert.equal(resumed, 9, 'at ten minutes it is over, however often it was renewed');
    });

    test('the certificate is renewed and sessions go on: the credential has an identity of its own', async () => {
      const old: Partial<ServerOptions> = { credentialIdentity: 'www', credentials: [testCredential('ecdsa-p256')] };
      const renewed: Partial<ServerOptions> = {
        credentialIdentity: 'www',
        credentials: [testCredential('ecdsa-p384')],
      };
      const { two } = await across(kind, old, renewed);
      assert.equal(two.resumed, true);
    });

    test('Node: a store that hangs, fails or answers nonsense neither kills nor hangs a connection', async () => {
      for (const [what, answer] of Object.entries({
        hangs: () => never,
        fails: () => Promise.reject(new Error('no store today')),
        lies: (operation: string) => (operation === 'claim' ? 'seen' : new Uint8Array(100).fill(1)),
      })) {
        const inner = new ScriptedStore(answer);
        inner.traits = { local: true, bounded: false, sealed: true };
        const timers = {
          set: (callback: () => void, milliseconds: number) => setTimeout(callback, milliseconds),
          clear: (handle: unknown) => clearTimeout(handle as NodeJS.Timeout),
        };
        const store = new ResilientStore(inner, { clock: { now: Date.now }, timers, deadlineMs: 5 });
        const well = resumption(kind, { tls13Tickets: 'stateful', tls12Tickets: false });
        const setup = {
          ...well,
          server: {
            ...well.server,
            sessions: new ServerSessions({ crypto, store, tls13Tickets: 'stateful', keyring: well.keyring }),
          },
        };
        const { session } = await connect(well);
        const done = await driveWithTime(
          { ...setup.server },
          { ...setup.client, ...(session ? { sessions: [session] } : {}) },
        );
        assert.deepEqual(done, { failed: undefined, resumed: kind === 'ticket' ? done.resumed : false }, what);
      }
    });
  });
}

/** Like `connect`, where answers of a host may take some milliseconds. */
async function driveWithTime(server: Partial<ServerOptions>, options: Partial<ClientOptions>) {
  const pair = createPair({ server, client: options });
  for (let i = 0; i < 200 && !(pair.server.connected && pair.client.connected); i++) {
    await pair.run();
    if (pair.server.error ?? pair.client.error) break;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const failed = pair.server.error ?? pair.client.error;
  return { failed, resumed: failed === undefined && pair.server.info.resumed };
}

test('Node: an external store serves TLS 1.3 too, where node:tls has 0 hits', async () => {
  const setup = resumption('psk', { tls13Tickets: 'singleUse', keyring: undefined });
  const { session } = await connect(setup);
  assert.equal((await connect(setup, {}, { session })).resumed, true);
  assert.equal(setup.sessions.counters.hits.psk, 1);
});

test('Node: the same TLS 1.3 ticket is not taken again and again', async () => {
  const setup = resumption('psk', { tls13Tickets: 'singleUse' });
  const { session } = await connect(setup);
  const resumed: boolean[] = [];
  for (let i = 0; i < 3; i++) {
    const again = await connect(setup, {}, { session });
    assert.equal(again.failure, undefined);
    resumed.push(again.resumed);
  }
  assert.deepEqual(resumed, [true, false, false]);
  assert.equal(setup.sessions.counters.misses.psk.notFound, 2);
});

test('Node setTicketKeys: new keys do not make every old ticket void', async () => {
  for (const kind of ['ticket', 'psk'] as const) {
    const setup = resumption(kind);
    const { session } = await connect(setup);
    const file = importTicketKeyFile(crypto, crypto.random(80));
    setup.keyring.install([file]);
    setup.keyring.sealOnlyUnder([file.name]);
    const again = await connect(setup, {}, { session });
    assert.equal(again.resumed, true, kind);
    assert.ok(again.session, 'and the client gets one under the new key');
    assert.deepEqual(again.session.ticket.subarray(1, 17), file.name);
  }
});

test('Node cluster: rotating one worker does not split the fleet', async () => {
  const time = new FakeTime();
  const shared = new SharedRing(time);
  const fleetKeys = [crypto.random(32)];
  const workers = [1, 2, 3].map(() => ringNode(shared, { fleetKeys, keepFor: 100 }));
  await Promise.all(workers.map(({ fleet }) => fleet.start()));
  await time.pass(10_000, 1000);
  for (let round = 0; round < 40; round++) {
    await time.pass(10_000, 1000);
    for (const from of workers) {
      const { ticket } = from.keyring.seal(0x0303, new Uint8Array([1])) as { ticket: Uint8Array };
      for (const to of workers) assert.ok('state' in to.keyring.open(0x0303, ticket));
    }
  }
});

test('GnuTLS CVE-2020-13777: the first ticket is not sealed under an all-zero key', async () => {
  const time = new FakeTime();
  const keyring = new TicketKeyring({ crypto, clock: time, timers: time });
  const { ticket } = keyring.seal(0x0304, new Uint8Array(32).fill(3)) as { ticket: Uint8Array };
  const zero = crypto.createAead('aes256gcm', new Uint8Array(32));
  for (let nonceAt = 0; nonceAt + 12 < ticket.length; nonceAt++) {
    for (let from = nonceAt + 12; from + 16 <= ticket.length; from++) {
      const opened = zero.open(ticket.slice(nonceAt, nonceAt + 12), new Uint8Array(0), ticket.slice(from));
      assert.equal(opened, undefined);
    }
  }
  const silent = { ...crypto, random: (size: number) => new Uint8Array(size) };
  assert.throws(() => new TicketKeyring({ crypto: silent, clock: time }), { code: 'ERR_TLS_WEAK_KEY' });
  const repeating = { ...crypto, random: (size: number) => new Uint8Array(size).fill(0x42) };
  assert.throws(() => new TicketKeyring({ crypto: repeating, clock: time }), { code: 'ERR_TLS_WEAK_KEY' });
});

test('USENIX Security 2023: weak and repeated ticket keys from files are refused', () => {
  for (const file of [
    new Uint8Array(80),
    new Uint8Array(48).fill(0xff),
    Uint8Array.from({ length: 80 }, (_, i) => i % 16),
  ]) {
    assert.throws(() => importTicketKeyFile(crypto, file), { code: 'ERR_TLS_WEAK_KEY' });
  }
});

test('OpenSSL CVE-2024-2511: a session cache does not grow without bound', async () => {
  const setup = resumption('psk');
  const store = new MemoryStore({ clock: setup.time, maxEntries: 20 });
  const sessions = new ServerSessions({ crypto, store, tls13Tickets: 'stateful' });
  for (let i = 0; i < 30; i++) await connect({ ...setup, server: { ...setup.server, sessions } });
  assert.ok(sessions.counters.issued.psk >= 60);
  assert.equal(store.size, 20);
});

test('Caddy: one error of the storage does not stop a node from rotating', async () => {
  const time = new FakeTime();
  const shared = new SharedRing(time);
  const { keyring, fleet } = ringNode(shared, { fleetKeys: [crypto.random(32)], keepFor: 100 });
  await fleet.start();
  const names = new Set<string>();
  for (let minute = 0; minute < 15; minute++) {
    shared.down = true;
    await time.pass(15_000, 1000);
    shared.down = false;
    await time.pass(45_000, 1000);
    const current = keyring.describe().find((key) => key.role === 'current');
    assert.equal(current?.origin, 'fleet');
    names.add(current?.name as string);
  }
  assert.ok(names.size >= 7, `${names.size} keys in 15 minutes`);
});

test('nginx: an idle server gives up its old keys on time', () => {
  const time = new FakeTime();
  const gone: { at: number; openUntil: number }[] = [];
  const keyring = new TicketKeyring({
    crypto,
    clock: time,
    timers: time,
    rotateEvery: 100,
    keepFor: 100,
    observe: (event) => event.type === 'destroyed' && gone.push(event),
  });
  const { ticket } = keyring.seal(0x0304, new Uint8Array(4)) as { ticket: Uint8Array };
  time.advance(1_000_000);
  assert.ok(gone.length >= 8);
  for (const { at, openUntil } of gone) assert.equal(at, openUntil);
  assert.deepEqual(keyring.open(0x0304, ticket), { miss: 'unknownKey' });
});

test('HAProxy, Envoy and Apache: a server makes and rotates keys without being asked or restarted', () => {
  const time = new FakeTime();
  const keyring = new TicketKeyring({ crypto, clock: time, timers: time, rotateEvery: 100 });
  const names = new Set<string>();
  for (let i = 0; i < 10; i++) {
    names.add(keyring.describe().find((key) => key.role === 'current')?.name as string);
    time.advance(100_000);
  }
  assert.equal(names.size, 10);
});
