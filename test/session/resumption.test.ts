import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { obfuscatedTicketAge } from '../../src/session/early-data.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { externalPsk, importPsk } from '../../src/session/psk-importer.ts';
import { ResilientStore } from '../../src/session/resilient-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import type { FoundPsk, FoundSession, IssuedTicket, SessionExpectation } from '../../src/session/resumption-request.ts';
import { SealedStore } from '../../src/session/sealed-store.ts';
import type { ServerSessionsConfig } from '../../src/session/session-rules.ts';
import type { SessionState, SessionStateInput } from '../../src/session/state.ts';
import { type TicketKey, TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { isPromise } from '../../src/session/timer.ts';
import { FakeTime, never, policy, ScriptedStore, sessionCrypto, someState } from './helpers.ts';

const crypto = sessionCrypto();

function server(config: Partial<ServerSessionsConfig> = {}) {
  const time = new FakeTime();
  const store = new MemoryStore({ clock: time });
  const keyring = new TicketKeyring({ crypto, clock: time, timers: time });
  const sessions = new ServerSessions({ crypto, store, keyring, ...config });
  const expect = (version: 0x0303 | 0x0304 = 0x0304, others: Partial<SessionExpectation> = {}): SessionExpectation => ({
    version,
    policy,
    now: time.now(),
    ...others,
  });
  const state = (input: Partial<SessionStateInput> = {}) => someState(time.now(), input);
  return { time, store, keyring, sessions, expect, state };
}

const sessionId = new Uint8Array(32).fill(5);
const earlyContext = new Uint8Array(32).fill(8);

/** Each way to keep and find a session, as one: keep returns what finds it. */
const kinds = {
  sessionId: {
    version: 0x0303,
    tls13Tickets: undefined,
    issue: async (sessions: ServerSessions, state: SessionState, now: number) => {
      assert.equal(await sessions.storeSession({ sessionId, state, now }), true);
      return sessionId;
    },
    find: (sessions: ServerSessions, id: Uint8Array, expected: SessionExpectation) =>
      sessions.lookupSession({ ...expected, sessionId: id }),
  },
  ticket: {
    version: 0x0303,
    tls13Tickets: undefined,
    issue: async (sessions: ServerSessions, state: SessionState, now: number) =>
      ((await sessions.sealTicket({ state, now })) as IssuedTicket).ticket,
    find: (sessions: ServerSessions, ticket: Uint8Array, expected: SessionExpectation) =>
      sessions.openTicket({ ...expected, ticket }),
  },
  pskStateless: psk('stateless'),
  pskStateful: psk('stateful'),
  pskSingleUse: psk('singleUse'),
} as const;

function psk(mode: 'stateless' | 'stateful' | 'singleUse') {
  return {
    version: 0x0304,
    tls13Tickets: mode,
    issue: async (sessions: ServerSessions, state: SessionState, now: number) =>
      ((await sessions.sealTicket({ state, now })) as IssuedTicket).ticket,
    find: (sessions: ServerSessions, identity: Uint8Array, expected: SessionExpectation) =>
      sessions.lookupPsk({ ...expected, identity }),
  } as const;
}

for (const [name, kind] of Object.entries(kinds)) {
  const { version } = kind;
  const make = (config: Partial<ServerSessionsConfig> = {}) => server({ tls13Tickets: kind.tls13Tickets, ...config });

  test(`${name}: promise 2: a session of a clock that ran ahead does not live longer for it`, async () => {
    const { sessions, time, expect, state } = make();
    const id = await kind.issue(sessions, state({ version }), time.now());
    time.jump(-200_000);
    assert.ok('state' in (await kind.find(sessions, id, expect(version))), 'clocks of a fleet differ a little');
    const again = await kind.issue(sessions, state({ version }), time.now());
    time.jump(-86_400_000);
    assert.deepEqual(await kind.find(sessions, again, expect(version)), { miss: 'notYet' });
  });

  const counted = name.startsWith('psk') ? 'psk' : (name as 'sessionId' | 'ticket');

  test(`${name}: a session comes back whole, under the same policy, and is counted`, async () => {
    const { sessions, expect, state, time } = make();
    const made = state({ version, peerCertificates: [new Uint8Array(400).fill(3)] });
    const id = await kind.issue(sessions, made, time.now());
    const found = (await kind.find(sessions, id, expect(version))) as FoundSession | FoundPsk;
    assert.deepEqual(found.state, made);
    assert.equal(sessions.counters.hits[counted], 1);
    assert.equal(sessions.counters.issued[counted], 1);
  });

  test(`${name}: a memory store and a key ring answer without a promise`, async () => {
    const { sessions, expect, state, time } = make();
    const id = await kind.issue(sessions, state({ version }), time.now());
    assert.equal(isPromise<unknown>(kind.find(sessions, id, expect(version))), false);
  });

  test(`${name}: promise 1, another policy is a miss with its reason`, async () => {
    const { sessions, expect, state, time } = make();
    const miss = async (input: Partial<SessionStateInput>, others: Partial<SessionExpectation>) => {
      const id = await kind.issue(sessions, state({ version, ...input }), time.now());
      return kind.find(sessions, id, expect(version, others));
    };
    const other = new Uint8Array(32).fill(1);
    assert.deepEqual(await miss({}, { policy: other }), { miss: 'policyMismatch' });
    assert.deepEqual(await miss({}, { policy: () => other }), { miss: 'policyMismatch' });
    assert.ok('state' in (await miss({}, { policy: () => policy })));
    assert.deepEqual(await miss({}, { cipherSuites: [0xc030] }), { miss: 'cipherMismatch' });
    if (version === 0x0303) {
      const withEms = { extendedMasterSecret: true };
      assert.deepEqual(await miss({}, withEms), { miss: 'emsMismatch' });
      assert.deepEqual(await miss(withEms, { extendedMasterSecret: false }), { miss: 'emsMissing' });
      assert.ok('state' in (await miss(withEms, withEms)));
    } else {
      assert.deepEqual(await miss({}, { cipherHash: 'sha384' }), { miss: 'cipherMismatch' });
    }
    assert.equal(sessions.counters.misses[counted].policyMismatch, 2);
  });

  test(`${name}: promise 2, the lifetime counts from the first full authentication`, async () => {
    const { sessions, expect, state, time } = make();
    const made = state({ version, lifetime: 100 });
    time.advance(60_000);
    // A renewal: made now, authenticated a minute ago.
    const renewed = { ...made, issuedAt: time.now() };
    const id = await kind.issue(sessions, renewed, time.now());
    const again = await kind.issue(sessions, renewed, time.now());
    time.advance(39_999);
    assert.ok('state' in (await kind.find(sessions, id, expect(version))));
    time.advance(1);
    const result = await kind.find(sessions, again, expect(version));
    assert.ok('miss' in result && ['expired', 'notFound'].includes(result.miss), JSON.stringify(result));
    if (version === 0x0304 || name === 'ticket') {
      assert.deepEqual(await sessions.sealTicket({ state: renewed, now: time.now() }), { miss: 'expired' });
    }
  });

  test(`${name}: promise 2, an expired or revoked client certificate ends its sessions`, async () => {
    const welcome: { answer: boolean | Promise<boolean> | undefined } = { answer: true };
    const { sessions, expect, state, time } = make({
      acceptPeer: () => {
        if (welcome.answer === undefined) throw new Error('the list of revoked certificates is not there');
        return welcome.answer;
      },
    });
    const issue = () =>
      kind.issue(
        sessions,
        state({ version, peerCertificates: [new Uint8Array(9)], peerNotAfter: time.now() + 5000 }),
        time.now(),
      );
    assert.ok('state' in (await kind.find(sessions, await issue(), expect(version))));
    welcome.answer = Promise.resolve(true);
    assert.ok('state' in (await kind.find(sessions, await issue(), expect(version))));
    for (const answer of [false, Promise.resolve(false), Promise.reject(new Error('down')), undefined]) {
      welcome.answer = answer;
      assert.deepEqual(await kind.find(sessions, await issue(), expect(version)), { miss: 'clientCertificateRevoked' });
    }
    welcome.answer = true;
    const id = await issue();
    time.advance(5000);
    const result = await kind.find(sessions, id, expect(version));
    assert.ok(
      'miss' in result && ['clientCertificateExpired', 'notFound'].includes(result.miss),
      JSON.stringify(result),
    );
  });
}

test('what is stored in another format or version is a miss, not an error', async () => {
  const { sessions, expect, store, state, time } = server({ tls13Tickets: 'stateful' });
  await sessions.storeSession({ sessionId, state: state({ version: 0x0303 }), now: time.now() });
  store.put(`i:${Buffer.from(sessionId).toString('hex')}`, new Uint8Array([99, 1, 2, 3]), 100);
  assert.deepEqual(sessions.lookupSession({ ...expect(0x0303), sessionId }), { miss: 'malformed' });
  assert.deepEqual(sessions.lookupPsk({ ...expect(), identity: new Uint8Array(50) }), { miss: 'malformed' });
  assert.deepEqual(sessions.lookupPsk({ ...expect(), identity: new Uint8Array(0) }), { miss: 'malformed' });
  assert.deepEqual(sessions.openTicket({ ...expect(0x0303), ticket: new Uint8Array(200).fill(1) }), {
    miss: 'unknownKey',
  });
});

test('promise 7: a single-use ticket resumes once, a stateful one again and again', async () => {
  for (const [mode, second] of [
    ['singleUse', { miss: 'notFound' }],
    ['stateful', undefined],
  ] as const) {
    const { sessions, expect, state, time } = server({ tls13Tickets: mode });
    const { ticket } = (await sessions.sealTicket({ state: state(), now: time.now() })) as IssuedTicket;
    assert.equal(ticket.length, 33);
    assert.ok('secret' in (await sessions.lookupPsk({ ...expect(), identity: ticket })));
    const again = await sessions.lookupPsk({ ...expect(), identity: ticket });
    if (second === undefined) assert.ok('secret' in again);
    else assert.deepEqual(again, second);
  }
});

test('promise 7: where tickets are single-use, a sealed one from before does not resume', async () => {
  const { sessions, keyring, expect, state, time } = server({ tls13Tickets: 'stateless' });
  const { ticket } = (await sessions.sealTicket({ state: state(), now: time.now() })) as IssuedTicket;
  const strict = new ServerSessions({
    crypto,
    keyring,
    store: new MemoryStore({ clock: time }),
    tls13Tickets: 'singleUse',
  });
  assert.deepEqual(await strict.lookupPsk({ ...expect(), identity: ticket }), { miss: 'disabled' });
});

test('a ticket says how long it will really be opened', async () => {
  const time = new FakeTime();
  const keyring = new TicketKeyring({ crypto, clock: time, timers: time, rotateEvery: 100, keepFor: 50 });
  const sessions = new ServerSessions({ crypto, keyring });
  time.advance(90_000);
  const issued = (await sessions.sealTicket({ state: someState(time.now()), now: time.now() })) as IssuedTicket;
  assert.equal(issued.lifetime, 60);
  time.advance(59_999);
  const expected = { version: 0x0304, policy } as const;
  assert.ok('secret' in (await sessions.lookupPsk({ ...expected, now: time.now(), identity: issued.ticket })));
  time.advance(1);
  assert.deepEqual(await sessions.lookupPsk({ ...expected, now: time.now(), identity: issued.ticket }), {
    miss: 'unknownKey',
  });
});

test('a ticket under an older key asks for a new one', async () => {
  const { sessions, keyring, expect, state, time } = server();
  const { ticket } = (await sessions.sealTicket({
    state: state({ version: 0x0303 }),
    now: time.now(),
  })) as IssuedTicket;
  assert.equal(((await sessions.openTicket({ ...expect(0x0303), ticket })) as FoundSession).renew, false);
  keyring.rotate();
  assert.equal(((await sessions.openTicket({ ...expect(0x0303), ticket })) as FoundSession).renew, true);
});

test('promise 5: whatever a store does, a handshake gets a miss in time', async () => {
  const time = new FakeTime();
  const answers: Record<string, () => unknown> = {
    storeTimeout: () => never,
    storeError: () => Promise.reject(new Error('down')),
    malformed: () => new Uint8Array(randomBytes(200)),
    notFound: () => undefined,
  };
  for (const [reason, answer] of Object.entries(answers)) {
    const inner = new ScriptedStore(answer);
    const store = new SealedStore(new ResilientStore(inner, { clock: time, timers: time, deadlineMs: 20 }), {
      crypto,
      fleetKeys: [new Uint8Array(randomBytes(32))],
    });
    const sessions = new ServerSessions({ crypto, store, tls13Tickets: 'singleUse' });
    const expected = { policy, now: time.now() };
    const handle = new Uint8Array(33).fill(9);
    handle[0] = 2;
    const asked = [
      sessions.lookupSession({ ...expected, version: 0x0303, sessionId }),
      sessions.lookupPsk({ ...expected, version: 0x0304, identity: handle }),
    ];
    await time.pass(20);
    assert.deepEqual(await Promise.all(asked), [{ miss: reason }, { miss: reason }]);
    const kept = sessions.storeSession({
      sessionId,
      state: someState(time.now(), { version: 0x0303 }),
      now: time.now(),
    });
    await time.pass(20);
    assert.equal(await kept, reason === 'malformed' || reason === 'notFound');
  }
});

test('a store without a deadline, or that lets secrets out, is refused when the server starts', () => {
  const bare = new ScriptedStore(() => undefined);
  assert.throws(() => new ServerSessions({ crypto, store: bare }), { code: 'ERR_TLS_SESSION_CONFIG' });
  bare.traits = { local: false, bounded: true, sealed: false };
  assert.throws(() => new ServerSessions({ crypto, store: bare }), { code: 'ERR_TLS_SESSION_CONFIG' });
  bare.traits = { local: false, bounded: true, sealed: true };
  assert.ok(new ServerSessions({ crypto, store: bare }));
  for (const config of [
    { sessionIds: true },
    { tls12Tickets: true },
    { tls13Tickets: 'stateless' },
    { tls13Tickets: 'singleUse' },
    { maxEarlyDataSize: 1 },
    { lifetime: 700_000 },
  ] as const) {
    assert.throws(() => new ServerSessions({ crypto, ...config }), { code: 'ERR_TLS_SESSION_CONFIG' });
  }
  assert.throws(() => new ServerSessions({} as ConstructorParameters<typeof ServerSessions>[0]), {
    code: 'ERR_TLS_SESSION_CONFIG',
    message: /^crypto is undefined; give createNodeCrypto\(\)/,
  });
});

test('without store and keys nothing resumes, and says so', async () => {
  const sessions = new ServerSessions({ crypto });
  const expected = { policy, now: 1, version: 0x0303 } as const;
  assert.deepEqual(sessions.openTicket({ ...expected, ticket: new Uint8Array(100) }), { miss: 'disabled' });
  assert.deepEqual(sessions.lookupSession({ ...expected, sessionId }), { miss: 'disabled' });
  assert.deepEqual(sessions.lookupPsk({ ...expected, version: 0x0304, identity: new Uint8Array(100) }), {
    miss: 'disabled',
  });
  assert.deepEqual(sessions.sealTicket({ state: someState(1), now: 1 }), { miss: 'disabled' });
  assert.equal(sessions.storeSession({ sessionId, state: someState(1, { version: 0x0303 }), now: 1 }), false);
  assert.equal(sessions.forgetSession(sessionId), undefined);
});

test('a forgotten session does not resume', async () => {
  const { sessions, expect, state, time } = server();
  await sessions.storeSession({ sessionId, state: state({ version: 0x0303 }), now: time.now() });
  await sessions.forgetSession(sessionId);
  assert.deepEqual(sessions.lookupSession({ ...expect(0x0303), sessionId }), { miss: 'notFound' });
});

async function earlyServer(config: Partial<ServerSessionsConfig> = {}, keyFromOutside?: (now: number) => TicketKey) {
  const made = server({ maxEarlyDataSize: 16_384, ...config });
  if (keyFromOutside !== undefined) made.keyring.install([keyFromOutside(made.time.now())]);
  const state = made.state({ ticketAgeAdd: 0xfffffff0, maxEarlyDataSize: 16_384, earlyDataContext: earlyContext });
  const { ticket } = (await made.sessions.sealTicket({ state, now: made.time.now() })) as IssuedTicket;
  const issued = made.time.now();
  const claim = (others: Partial<Parameters<ServerSessions['claimEarlyData']>[0]> = {}) =>
    made.sessions.claimEarlyData({
      identity: ticket,
      state,
      obfuscatedTicketAge: obfuscatedTicketAge(issued, state.ticketAgeAdd, made.time.now()),
      context: earlyContext,
      now: made.time.now(),
      ...others,
    });
  return { ...made, state, claim };
}

test('promise 7: early data is accepted once per ticket', async () => {
  const { claim, sessions, time } = await earlyServer();
  time.advance(1234);
  assert.deepEqual(claim(), { accepted: true });
  assert.deepEqual(claim(), { accepted: false, refusal: 'replay' });
  assert.deepEqual(sessions.counters.earlyData, { accepted: 1, refused: { replay: 1 } });
});

test('promise 7: a record of this process alone takes no early data under a key that others have too', async () => {
  const foreign = { name: randomBytes(16), secret: randomBytes(32), origin: 'imported' } as const;
  const shared = (config: Partial<ServerSessionsConfig> = {}) =>
    earlyServer(config, (now) => ({ ...foreign, sealFrom: now, sealUntil: now + 3.6e6, openUntil: now + 7.2e6 }));
  const { claim, sessions } = await shared();
  assert.deepEqual(claim(), { accepted: false, refusal: 'recordNotShared' });
  assert.deepEqual(sessions.counters.earlyData, { accepted: 0, refused: { recordNotShared: 1 } });
  // A handle opens nowhere but in this store.
  assert.deepEqual((await shared({ tls13Tickets: 'stateful' })).claim(), { accepted: true });
  const told = await shared({ replayRecord: 'complete' });
  assert.deepEqual(told.claim(), { accepted: true });
  assert.deepEqual(told.claim(), { accepted: false, refusal: 'replay' });
});

test('promise 7: two records in one process are none: the second takes no early data under the key ring of the first', async () => {
  const { claim, keyring, time } = await earlyServer();
  const other = await earlyServer({ keyring, store: new MemoryStore({ clock: time }) });
  assert.deepEqual(claim(), { accepted: true });
  assert.deepEqual(other.claim(), { accepted: false, refusal: 'recordNotShared' });
  const told = await earlyServer({ keyring, store: new MemoryStore({ clock: time }), replayRecord: 'complete' });
  assert.deepEqual(told.claim(), { accepted: true });
});

test('a session that the store does not keep leaves no secret behind', async () => {
  const kept: Uint8Array[] = [];
  for (const fails of [false, true]) {
    const store = new MemoryStore({ clock: new FakeTime() });
    store.put = (_key, value) => {
      kept.push(value);
      if (fails) throw new Error('full');
    };
    const { sessions, state, time } = server({ store });
    assert.equal(sessions.storeSession({ sessionId, state: state({ version: 0x0303 }), now: time.now() }), !fails);
    assert.ok(kept.at(-1)?.every((byte) => byte === 0));
  }
});

test('promise 7: no early data where the key of the ticket is gone', async () => {
  const { claim, keyring } = await earlyServer();
  for (const { name } of keyring.describe()) keyring.revoke(Buffer.from(name, 'hex'));
  assert.deepEqual(claim(), { accepted: false, refusal: 'recordNotShared' });
});

test('promise 7: early data of another age, context or size is refused', async () => {
  const { claim, state, time } = await earlyServer();
  time.advance(60_000);
  const at = (age: number) => obfuscatedTicketAge(time.now() - age, state.ticketAgeAdd, time.now());
  assert.deepEqual(claim({ obfuscatedTicketAge: at(49_999) }), { accepted: false, refusal: 'stale' });
  assert.deepEqual(claim({ obfuscatedTicketAge: at(70_001) }), { accepted: false, refusal: 'stale' });
  assert.deepEqual(claim({ context: new Uint8Array(32) }), { accepted: false, refusal: 'contextMismatch' });
  assert.deepEqual(claim({ state: { ...state, maxEarlyDataSize: 0 } }), { accepted: false, refusal: 'disabled' });
  assert.deepEqual(claim({ obfuscatedTicketAge: at(50_000) }), { accepted: true });
});

test('promise 7: a recorded ClientHello is either stale or known, at any time', async () => {
  const { claim, state, time } = await earlyServer();
  const recorded = obfuscatedTicketAge(time.now() - 15_000, state.ticketAgeAdd, time.now());
  let accepted = 0;
  for (let second = 0; second < 120; second++) {
    const answer = await claim({ obfuscatedTicketAge: recorded });
    if (answer.accepted) accepted++;
    time.advance(1000);
  }
  assert.equal(accepted, 1);
});

test('promise 5: doubt about a replay costs 0-RTT', async () => {
  const time = new FakeTime();
  const cases: [unknown, string][] = [
    [() => 'doubtful', 'doubtful'],
    [() => never, 'storeTimeout'],
    [() => Promise.reject(new Error('down')), 'storeError'],
    [() => 'nonsense', 'doubtful'],
  ];
  for (const [answer, refusal] of cases) {
    const inner = new ScriptedStore(answer as () => unknown);
    inner.traits = { local: true, bounded: false, sealed: true };
    const store = new ResilientStore(inner, { clock: time, timers: time, deadlineMs: 20 });
    const { claim } = await earlyServer({ store });
    const claimed = claim();
    await time.pass(20);
    assert.deepEqual(await claimed, { accepted: false, refusal });
  }
});

test('external and imported PSKs are found by their identity, with the label of their binder', async () => {
  const secret = new Uint8Array(randomBytes(32));
  const plain = externalPsk(new Uint8Array([1, 2, 3]), secret);
  const imported = importPsk(crypto, { identity: new Uint8Array([4]), secret, context: new Uint8Array([5]) });
  const all = [plain, ...imported];
  const { sessions, expect } = server({
    externalPsk: (identity) => all.find((each) => Buffer.compare(each.identity, identity) === 0),
  });
  const found = await sessions.lookupPsk({ ...expect(), identity: plain.identity });
  assert.deepEqual(found, { secret, hash: 'sha256', binderLabel: 'ext binder' });
  const identity = (imported[1] as { identity: Uint8Array }).identity;
  const other = (await sessions.lookupPsk({ ...expect(), identity })) as FoundPsk;
  assert.deepEqual([other.hash, other.binderLabel, other.secret.length], ['sha384', 'imp binder', 48]);
  assert.deepEqual(await sessions.lookupPsk({ ...expect(0x0304, { cipherHash: 'sha256' }), identity }), {
    miss: 'cipherMismatch',
  });
  assert.deepEqual(await sessions.lookupPsk({ ...expect(), identity: new Uint8Array([9]) }), { miss: 'malformed' });
});

test('an imported identity has the layout of RFC 9258, Section 5.1', () => {
  const secret = new Uint8Array(randomBytes(32));
  const [first] = importPsk(crypto, {
    identity: new Uint8Array([0xaa, 0xbb]),
    secret,
    context: new Uint8Array([0xcc]),
  });
  assert.equal(Buffer.from((first as { identity: Uint8Array }).identity).toString('hex'), '0002aabb0001cc03040001');
  assert.throws(() => importPsk(crypto, { identity: new Uint8Array(0), secret }), { code: 'ERR_TLS_PSK' });
  assert.throws(() => externalPsk(new Uint8Array([1]), new Uint8Array(8)), { code: 'ERR_TLS_PSK' });
});

test('promise 9: every decision is reported', async () => {
  const seen: string[] = [];
  const { sessions, expect, state, time } = server({ observe: (event) => seen.push(event.type) });
  const { ticket } = (await sessions.sealTicket({ state: state(), now: time.now() })) as IssuedTicket;
  await sessions.lookupPsk({ ...expect(), identity: ticket });
  await sessions.lookupSession({ ...expect(0x0303), sessionId });
  assert.deepEqual(seen, ['issued', 'hit', 'miss']);
  assert.equal(sessions.counters.misses.sessionId.notFound, 1);
});
