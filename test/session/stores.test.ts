import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ResilientStore, type ResilientStoreOptions, type StoreCall } from '../../src/session/resilient-store.ts';
import { SealedStore } from '../../src/session/sealed-store.ts';
import { StoreError } from '../../src/session/store.ts';
import { FakeTime, never, ScriptedStore, sessionCrypto } from './helpers.ts';

const value = (byte: number, length = 100) => new Uint8Array(length).fill(byte);

test('the memory store gives back what it keeps, as a copy, until its time is over', () => {
  const clock = new FakeTime();
  const store = new MemoryStore({ clock });
  const mine = value(1);
  store.put('a', mine, 10);
  mine.fill(9);
  const got = store.get('a') as Uint8Array;
  assert.deepEqual(got, value(1));
  got.fill(9);
  assert.deepEqual(store.get('a'), value(1));
  clock.advance(10_000);
  assert.equal(store.get('a'), undefined);
  assert.deepEqual([store.size, store.bytes], [0, 0]);
});

test('take gives a value to one caller', () => {
  const store = new MemoryStore({ clock: new FakeTime() });
  store.put('a', value(1), 10);
  assert.deepEqual(store.take('a'), value(1));
  assert.equal(store.take('a'), undefined);
  assert.equal(store.get('a'), undefined);
});

test('the least recently used entry leaves first, by entries and by bytes', () => {
  const store = new MemoryStore({ clock: new FakeTime(), maxEntries: 3 });
  for (const key of ['a', 'b', 'c']) store.put(key, value(1), 10);
  store.get('a');
  store.put('d', value(1), 10);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((key) => store.get(key) !== undefined),
    [true, false, true, true],
  );
  assert.equal(store.evictions, 1);

  const small = new MemoryStore({ clock: new FakeTime(), maxBytes: 2000 });
  for (let i = 0; i < 100; i++) {
    small.put(`key ${i}`, value(1), 10);
    assert.ok(small.bytes <= 2000);
  }
  assert.ok(small.size >= 4 && small.get('key 99') !== undefined);
  small.put('too large', value(1, 5000), 10);
  assert.equal(small.get('too large'), undefined);
});

test('replacing, deleting and clearing keep the count of bytes right', () => {
  const store = new MemoryStore({ clock: new FakeTime() });
  store.put('a', value(1, 10), 10);
  const { bytes } = store;
  store.put('a', value(2, 20), 10);
  assert.equal(store.bytes, bytes);
  store.put('a', value(2, 65), 10);
  assert.equal(store.bytes, bytes + 64, 'values take whole blocks of 64 bytes');
  store.delete('a');
  store.delete('a');
  assert.equal(store.bytes, 0);
  store.put('a', value(1), 10);
  store.clear();
  assert.deepEqual([store.size, store.bytes, store.get('a')], [0, 0, undefined]);
});

test('values of every length survive among many that come and go', () => {
  const store = new MemoryStore({ clock: new FakeTime(), maxEntries: 500 });
  const expected = new Map<string, Uint8Array>();
  for (let i = 0; i < 5000; i++) {
    const key = `k${(i * 7919) % 700}`;
    const made = new Uint8Array(randomBytes((i * 31) % 300));
    store.put(key, made, 100);
    expected.set(key, made);
    if (i % 5 === 0) store.take(`k${(i * 13) % 700}`);
    if (i % 3 === 0) store.get(`k${(i * 17) % 700}`);
  }
  let held = 0;
  for (const [key, made] of expected) {
    const got = store.get(key);
    if (got === undefined) continue;
    held++;
    assert.deepEqual(got, made);
  }
  assert.equal(held, store.size);
  assert.ok(held > 300);
  store.clear();
  assert.deepEqual([store.size, store.bytes], [0, 0]);
});

test('expired entries leave while others come, without being asked for', () => {
  const clock = new FakeTime();
  const store = new MemoryStore({ clock });
  for (let i = 0; i < 100; i++) store.put(`old ${i}`, value(1), 1);
  clock.advance(2000);
  for (let i = 0; i < 60; i++) store.put(`new ${i}`, value(1), 100);
  assert.equal(store.size, 60);
});

test('with timers, what has expired is zeroized also where nobody comes any more', () => {
  const time = new FakeTime();
  const store = new MemoryStore({ clock: time, timers: time });
  assert.equal(time.pending, 0, 'an empty store needs no timer');
  store.put('short', value(1), 100);
  store.put('long', value(2), 3600);
  store.get('short');
  time.advance(99_000);
  assert.equal(store.size, 2);
  time.advance(61_000);
  assert.equal(store.size, 1);
  assert.deepEqual(store.get('long'), value(2));
  time.advance(3_600_000);
  assert.equal(store.size, 0);
  assert.equal(store.bytes, 0);
  assert.equal(time.pending, 0);
  store.put('again', value(3), 1);
  store.clear();
  time.advance(60_000);
  assert.equal(time.pending, 0);
});

test('a claim is fresh once within its time', () => {
  const clock = new FakeTime();
  const store = new MemoryStore({ clock, maxEntries: 2 });
  assert.equal(store.claim('a', 1000), 'fresh');
  assert.equal(store.claim('a', 1000), 'seen');
  clock.advance(999);
  assert.equal(store.claim('a', 1000), 'seen');
  assert.equal(store.claim('b', 1000), 'fresh');
  assert.equal(store.claim('c', 1000), 'doubtful', 'a full register forgets nothing, it refuses');
  clock.advance(1);
  assert.equal(store.claim('c', 1000), 'fresh');
  for (const key of ['d', 'e', 'f']) store.put(key, value(1), 10);
  store.clear();
  assert.equal(store.claim('c', 1000), 'seen', 'neither eviction nor clear touches claims');
});

test('a clock that runs ahead and is set back opens no way for a replay', () => {
  const time = new FakeTime();
  const store = new MemoryStore({ clock: time });
  assert.equal(store.claim('a', 22_000), 'fresh');
  time.jump(3_600_000);
  assert.equal(store.claim('b', 22_000), 'fresh');
  time.advance(25_000);
  assert.equal(store.claim('c', 22_000), 'fresh');
  time.jump(-3_624_000);
  assert.notEqual(store.claim('a', 22_000), 'fresh', 'for this register one second has passed since it was claimed');
  assert.notEqual(store.claim('d', 22_000), 'fresh');
  time.advance(3_700_000);
  assert.equal(store.claim('e', 22_000), 'fresh', 'once the clock is past all that it has seen, nothing is in doubt');
});

test('a clock that is set back by a little, as they are all the time, costs no early data', () => {
  const time = new FakeTime();
  const store = new MemoryStore({ clock: time });
  assert.equal(store.claim('a', 22_000), 'fresh');
  time.jump(-200);
  assert.equal(store.claim('b', 22_000), 'fresh');
  assert.equal(store.claim('a', 22_000), 'seen');
});

test('a register younger than the time of a claim is in doubt', () => {
  const clock = new FakeTime();
  const store = new MemoryStore({ clock, claimsSince: clock.now() });
  assert.equal(store.claim('a', 1000), 'doubtful');
  clock.advance(1000);
  assert.equal(store.claim('a', 1000), 'fresh');
});

function resilient(answer: (operation: string, key: string) => unknown, options: Partial<ResilientStoreOptions> = {}) {
  const time = new FakeTime();
  const inner = new ScriptedStore(answer);
  const calls: StoreCall[] = [];
  const store = new ResilientStore(inner, {
    clock: time,
    timers: time,
    deadlineMs: 30,
    hedgeAfterMs: 10,
    failuresToOpen: 3,
    cooldownMs: 1000,
    observe: (call) => calls.push(call),
    ...options,
  });
  return { time, inner, store, calls };
}

/** Lets a call fail or answer, and says how. */
async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    assert.ok(error instanceof StoreError, String(error));
    return error.reason;
  }
}

/** Three failures, which last for one deadline: the breaker opens. */
async function goesDown({ store, time }: Pick<ReturnType<typeof resilient>, 'store' | 'time'>): Promise<void> {
  for (let i = 0; i < 3; i++) {
    if (i > 0) time.advance(15);
    assert.equal(await outcome(() => store.get('a')), 'storeError');
  }
  assert.equal(store.breaker, 'open');
}

test('a store that hangs costs the deadline and no more', async () => {
  const { store, time, calls } = resilient(() => never, { hedgeAfterMs: 0 });
  for (const call of [() => store.get('a'), () => store.take('a')]) {
    const waiting = outcome(call);
    await time.pass(29);
    assert.equal(store.pending, 1);
    await time.pass(1);
    assert.equal(await waiting, 'storeTimeout');
    assert.equal(store.pending, 0);
  }
  assert.deepEqual(
    calls.map((call) => call.outcome),
    ['timeout', 'timeout'],
  );
  assert.equal(time.pending, 0, 'no timer is left');
});

test('the breaker opens after failures in a row, lets one call try, and closes again by itself', async () => {
  const states: string[] = [];
  let well = false;
  const { store, inner, time } = resilient(
    (operation) => (well ? value(1) : Promise.reject(new Error(`no ${operation}`))),
    { observeBreaker: (state) => states.push(state) },
  );
  await goesDown({ store, time });
  assert.equal(await outcome(() => store.get('a')), 'storeUnavailable');
  assert.equal(inner.calls.length, 3, 'an open breaker asks nothing of the store');

  time.advance(1000);
  assert.equal(await outcome(() => store.get('a')), 'storeError');
  assert.equal(store.breaker, 'open');
  time.advance(1999);
  assert.equal(await outcome(() => store.get('a')), 'storeUnavailable', 'it waits twice as long the second time');

  well = true;
  time.advance(1);
  assert.deepEqual(await outcome(() => store.get('a')), value(1));
  assert.equal(store.breaker, 'closed');
  assert.deepEqual(states, ['open', 'halfOpen', 'open', 'halfOpen', 'closed']);
});

test('while the breaker is half open only one call tries', async () => {
  let hang = false;
  const { store, time, inner } = resilient(() => (hang ? never : Promise.reject(new Error('down'))));
  await goesDown({ store, time });
  hang = true;
  time.advance(1000);
  const trying = outcome(() => store.get('a'));
  assert.equal(await outcome(() => store.get('b')), 'storeUnavailable');
  await time.pass(30);
  assert.equal(await trying, 'storeTimeout');
  assert.equal(inner.calls.length, 4);
});

test('failures that are not in a row do not open the breaker', async () => {
  let count = 0;
  const { store } = resilient(() => (++count % 3 === 0 ? value(1) : Promise.reject(new Error('sometimes'))));
  for (let i = 0; i < 30; i++) await outcome(() => store.get('a'));
  assert.equal(store.breaker, 'closed');
});

test('a part of a store that is away does not keep from the rest: failures at once, then a success, do not open it', async () => {
  const { store, time } = resilient((_, key) => (key === 'away' ? Promise.reject(new Error('down')) : value(1)));
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 9; i++) assert.equal(await outcome(() => store.get('away')), 'storeError');
    time.advance(20);
    assert.deepEqual(await outcome(() => store.get('a')), value(1));
  }
  assert.equal(store.breaker, 'closed');
});

test('a store that is slow is not asked twice for everything', async () => {
  const { store, time, inner } = resilient(() => new Promise((resolve) => time.set(() => resolve(value(1)), 20)));
  for (let i = 0; i < 100; i++) {
    const waiting = outcome(() => store.get('a'));
    await time.pass(21, 7);
    assert.deepEqual(await waiting, value(1));
  }
  assert.ok(inner.calls.length > 110 && inner.calls.length <= 120, `${inner.calls.length} questions for 100`);
});

test('an answer that waits to be read is read before the deadline counts, and nothing is asked again', async () => {
  let answer: ((bytes: Uint8Array) => void) | undefined;
  const time = new FakeTime();
  // As Node does it: timers come first, then what has arrived, then this.
  const afterInput = (callback: () => void) => {
    answer?.(value(7));
    setImmediate(callback);
  };
  const timers = {
    set: (callback: () => void, milliseconds: number) => time.set(callback, milliseconds),
    clear: (handle: unknown) => time.clear(handle),
    afterInput,
  };
  const { store, inner, calls } = resilient(() => new Promise((resolve) => (answer = resolve)), {
    clock: time,
    timers,
  });
  const waiting = outcome(() => store.get('a'));
  time.advance(500);
  assert.deepEqual(await waiting, value(7));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(inner.calls, ['get']);
  assert.deepEqual(
    calls.map((call) => call.outcome),
    ['ok'],
  );
});

test('a store that is full refuses, and is asked on', async () => {
  const full = new StoreError('storeError', 'OOM', { answered: true });
  const { store, calls } = resilient((operation) => (operation === 'put' ? Promise.reject(full) : value(1)));
  for (let i = 0; i < 10; i++) assert.equal(await outcome(() => store.put('a', value(1), 10)), 'storeError');
  assert.equal(store.breaker, 'closed');
  assert.equal(calls[0]?.outcome, 'refused');
  assert.deepEqual(await store.get('a'), value(1));
});

test('a slow get is asked twice, and the first answer wins', async () => {
  let asked = 0;
  const { store, time, calls } = resilient(() => (++asked === 1 ? never : value(asked)));
  const waiting = outcome(() => store.get('a'));
  await time.pass(12);
  assert.deepEqual(await waiting, value(2));
  assert.equal(calls[0]?.outcome, 'hedged');
});

test('a quick get is asked once', async () => {
  const { store, time, inner } = resilient(() => value(1));
  await store.get('a');
  await time.pass(40);
  assert.deepEqual(inner.calls, ['get']);
});

test('take, claim, put and delete are never asked twice', async () => {
  const { store, time, inner } = resilient(() => never);
  const calls = [
    () => store.take('a'),
    () => store.claim('a', 1000),
    () => store.put('a', value(1), 1),
    () => store.delete('a'),
  ];
  const waiting = Promise.all(calls.map(outcome));
  await time.pass(30);
  await waiting;
  assert.deepEqual(inner.calls.sort(), ['claim', 'delete', 'put', 'take']);
});

test('of two reads one may fail: the other still answers', async () => {
  let asked = 0;
  const { store, time } = resilient(() => {
    if (++asked === 2) return Promise.reject(new Error('the replica is down'));
    return new Promise((resolve) => time.set(() => resolve(value(1)), 20));
  });
  const waiting = outcome(() => store.get('a'));
  await time.pass(25);
  assert.deepEqual(await waiting, value(1));
});

test('a replica that has not heard of a session does not outrun the store that has it', async () => {
  const replica = new ScriptedStore(() => undefined);
  const slow = (answer: Uint8Array | undefined) => () => new Promise((resolve) => time.set(() => resolve(answer), 20));
  const { store, time, inner } = resilient(() => undefined, { hedgeStore: replica });
  inner.answer = slow(value(1));
  const waiting = outcome(() => store.get('a'));
  await time.pass(25);
  assert.deepEqual(await waiting, value(1));
  assert.deepEqual(replica.calls, ['get']);
  inner.answer = slow(undefined);
  const nothing = outcome(() => store.get('a'));
  await time.pass(25);
  assert.equal(await nothing, undefined);
  // Nobody else's word counts for what is not there.
  inner.answer = () => never;
  const alone = outcome(() => store.get('a'));
  await time.pass(35);
  assert.equal(await alone, 'storeTimeout');
});

test('calls under way are bounded', async () => {
  const { store, time } = resilient(() => never, { maxPending: 2 });
  const waiting = [outcome(() => store.get('a')), outcome(() => store.get('b'))];
  assert.equal(await outcome(() => store.get('c')), 'storeUnavailable');
  await time.pass(30);
  await Promise.all(waiting);
});

test('a store that throws at once is as harmless as one that rejects', async () => {
  const { store } = resilient(() => value(1));
  const throwing = new ResilientStore(
    {
      traits: store.traits,
      get: () => {
        throw new TypeError('no');
      },
      take: () => undefined,
      put: () => {},
      delete: () => {},
      claim: () => 'fresh',
    },
    { clock: new FakeTime(), timers: new FakeTime() },
  );
  assert.equal(await outcome(() => throwing.get('a')), 'storeError');
  assert.equal(throwing.take('a'), undefined, 'what is at hand is answered without a promise');
});

test('a claim is in doubt for its time after the store failed, and not after a mere delay', async () => {
  let answer: () => unknown = () => 'fresh';
  const { store, time } = resilient(() => answer(), { hedgeAfterMs: 0 });
  assert.equal(await store.claim('a', 5000), 'fresh');
  answer = () => never;
  const late = outcome(() => store.get('x'));
  await time.pass(30);
  await late;
  answer = () => 'fresh';
  assert.equal(await store.claim('b', 5000), 'fresh');

  answer = () => Promise.reject(new Error('connection lost'));
  await outcome(() => store.get('x'));
  answer = () => 'fresh';
  assert.equal(await store.claim('c', 5000), 'doubtful');
  answer = () => 'seen';
  assert.equal(await store.claim('c', 5000), 'seen');
  answer = () => 'fresh';
  time.advance(5000);
  assert.equal(await store.claim('d', 5000), 'fresh');
  store.doubt();
  assert.equal(await store.claim('e', 5000), 'doubtful');
});

test('an observer that throws costs no answer, and nothing is left unhandled', async () => {
  const broken = () => {
    throw new Error('the metrics are broken');
  };
  let answer: () => unknown = () => value(1);
  const { store, time } = resilient(() => answer(), { observe: broken, observeBreaker: broken, hedgeAfterMs: 0 });
  const waiting = outcome(() => store.get('a'));
  await time.pass(40);
  assert.deepEqual(await Promise.race([waiting, Promise.resolve('hangs')]), value(1));
  answer = () => Promise.reject(new Error('down'));
  await goesDown({ store, time });
  assert.equal(await outcome(() => store.get('a')), 'storeUnavailable');
  answer = () => never;
  time.advance(1000);
  const late = outcome(() => store.get('a'));
  await time.pass(40);
  assert.equal(await late, 'storeTimeout');
  assert.equal(store.pending, 0);
});

test('a clock that is set back does not keep the breaker open', async () => {
  let well = false;
  const { store, time } = resilient(() => (well ? value(1) : Promise.reject(new Error('down'))));
  await goesDown({ store, time });
  well = true;
  time.jump(-3_600_000);
  time.advance(5000);
  assert.deepEqual(await outcome(() => store.get('a')), value(1));
});

test('a store that comes back full closes the breaker: it answers, and what it holds is found', async () => {
  const full = new StoreError('storeError', 'OOM', { answered: true });
  let down = true;
  const { store, time } = resilient((operation) =>
    down
      ? Promise.reject(new Error('down'))
      : operation === 'put'
        ? Promise.reject(full)
        : operation === 'claim'
          ? 'fresh'
          : value(1),
  );
  await goesDown({ store, time });
  down = false;
  time.advance(1000);
  assert.equal(await outcome(() => store.put('b', value(2), 10)), 'storeError');
  assert.equal(store.breaker, 'closed');
  assert.deepEqual(await outcome(() => store.get('a')), value(1));
  assert.equal(await store.claim('c', 5000), 'doubtful', 'what it forgot meanwhile nobody knows');
});

const fleetKey = () => new Uint8Array(randomBytes(32));

test('a sealed store lets no key and no value out in clear, and gives back what it was given', async () => {
  const seen: { key: string; value: Uint8Array }[] = [];
  const memory = new MemoryStore({ clock: new FakeTime() });
  const spy = {
    traits: memory.traits,
    get: (key: string) => memory.get(key),
    take: (key: string) => memory.take(key),
    put: (key: string, bytes: Uint8Array, ttl: number) => {
      seen.push({ key, value: bytes });
      memory.put(key, bytes, ttl);
    },
    delete: (key: string) => memory.delete(key),
    claim: (key: string, ttl: number) => memory.claim(key, ttl),
  };
  const store = new SealedStore(spy, { crypto: sessionCrypto(), fleetKeys: [fleetKey()] });
  const secret = new Uint8Array(randomBytes(48));
  await store.put('i:00112233', secret, 10);
  assert.equal(seen.length, 1);
  const stored = seen[0] as { key: string; value: Uint8Array };
  assert.match(stored.key, /^[0-9a-f]{64}$/);
  assert.equal(Buffer.from(stored.value).indexOf(Buffer.from(secret)), -1);
  assert.equal(Buffer.from(stored.value).indexOf(Buffer.from(secret.subarray(0, 8))), -1);
  assert.deepEqual(await store.get('i:00112233'), secret);
  assert.deepEqual(await store.take('i:00112233'), secret);
  assert.equal(await store.take('i:00112233'), undefined);
});

test('what does not open, and then can not be deleted, is malformed and no more', async () => {
  const memory = new MemoryStore({ clock: new FakeTime() });
  const inner = {
    traits: memory.traits,
    get: () => Promise.resolve(new Uint8Array(40)),
    take: () => undefined,
    put: () => undefined,
    delete: () => Promise.reject(new Error('the store is away')),
    claim: (key: string, ttl: number) => memory.claim(key, ttl),
  };
  const store = new SealedStore(inner, { crypto: sessionCrypto(), fleetKeys: [fleetKey()] });
  assert.equal(await outcome(() => store.get('i:00112233')), 'malformed');
  // A rejection that nobody takes would fail this test now.
  await new Promise((resolve) => setImmediate(resolve));
});

test('garbage, or a session moved under another key, is malformed and is deleted', async () => {
  const memory = new MemoryStore({ clock: new FakeTime() });
  const keys = [fleetKey()];
  const stored: string[] = [];
  const spied = {
    traits: memory.traits,
    get: (key: string) => memory.get(key),
    take: (key: string) => memory.take(key),
    put: (key: string, bytes: Uint8Array, ttl: number) => {
      stored.push(key);
      memory.put(key, bytes, ttl);
    },
    delete: (key: string) => memory.delete(key),
    claim: (key: string, ttl: number) => memory.claim(key, ttl),
  };
  const store = new SealedStore(spied, { crypto: sessionCrypto(), fleetKeys: keys });
  await store.put('a', value(1), 10);
  await store.put('b', value(2), 10);
  const [a, b] = stored as [string, string];
  memory.put(b, memory.get(a) as Uint8Array, 10);
  assert.equal(await outcome(() => store.get('b')), 'malformed');
  assert.equal(memory.get(b), undefined);
  memory.put(a, new Uint8Array(randomBytes(300)), 10);
  assert.equal(await outcome(() => store.take('a')), 'malformed');
  memory.put(a, new Uint8Array(0), 10);
  assert.equal(await outcome(() => store.get('a')), 'malformed');
});

test('fleet keys rotate: the first seals, all open, another does not', async () => {
  const memory = new MemoryStore({ clock: new FakeTime() });
  const [old, next] = [fleetKey(), fleetKey()];
  const make = (...fleetKeys: Uint8Array[]) => new SealedStore(memory, { crypto: sessionCrypto(), fleetKeys });
  await make(old).put('a', value(1), 10);
  assert.deepEqual(await make(next, old).get('a'), value(1));
  await make(next, old).put('b', value(2), 10);
  assert.deepEqual(await make(old, next).get('b'), value(2));
  assert.equal(await outcome(() => make(old).get('b')), 'malformed');
  assert.throws(() => make(), { code: 'ERR_TLS_FLEET_KEY' });
  assert.throws(() => make(fleetKey().subarray(1)), { code: 'ERR_TLS_FLEET_KEY' });
  assert.throws(() => make(new Uint8Array(32)), { code: 'ERR_TLS_WEAK_KEY' });
});

test('Date is a clock, as is whatever has its now', () => {
  assert.doesNotThrow(() => new MemoryStore({ clock: Date }));
  assert.throws(
    () => new MemoryStore({ clock: (() => 0) as never }),
    /clock is a function; give a clock: \{ now: Date\.now \}/,
  );
});
