import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { ConfigError } from '../../src/errors.ts';
import {
  importTicketKeyFile,
  type KeyringEvent,
  TicketKeyring,
  type TicketKeyringOptions,
  ticketOverhead,
} from '../../src/session/ticket-keyring.ts';
import { FakeTime, sessionCrypto } from './helpers.ts';

const state = new Uint8Array([1, 2, 3, 4, 5]);

function ring(options: Partial<TicketKeyringOptions> = {}) {
  const time = new FakeTime();
  const events: KeyringEvent[] = [];
  const keyring = new TicketKeyring({
    crypto: sessionCrypto(),
    clock: time,
    timers: time,
    rotateEvery: 100,
    keepFor: 200,
    observe: (event) => events.push(event),
    ...options,
  });
  return { time, events, keyring };
}

function sealed(keyring: TicketKeyring, version: 0x0303 | 0x0304 = 0x0304): Uint8Array {
  const result = keyring.seal(version, state);
  assert.ok(result);
  return result.ticket;
}

test('what a ring sealed it opens, and nothing else', () => {
  const { keyring } = ring();
  const ticket = sealed(keyring);
  assert.equal(ticket.length, state.length + ticketOverhead);
  assert.deepEqual(keyring.open(0x0304, ticket), { state, stale: false });
  for (let at = 0; at < ticket.length; at++) {
    const changed = Uint8Array.from(ticket, (byte, i) => (i === at ? byte ^ 1 : byte));
    assert.ok('miss' in keyring.open(0x0304, changed), `byte ${at}`);
    assert.ok('miss' in keyring.open(0x0304, ticket.subarray(0, at)), `cut at ${at}`);
  }
  assert.deepEqual(ring().keyring.open(0x0304, ticket), { miss: 'unknownKey' });
});

test('a TLS 1.2 ticket is no TLS 1.3 ticket, nor the other way round', () => {
  const { keyring } = ring();
  assert.deepEqual(keyring.open(0x0304, sealed(keyring, 0x0303)), { miss: 'malformed' });
  assert.deepEqual(keyring.open(0x0303, sealed(keyring, 0x0304)), { miss: 'malformed' });
  assert.ok('state' in keyring.open(0x0303, sealed(keyring, 0x0303)));
});

test('the timer rotates: current becomes previous, next becomes current, and a new next is made', () => {
  const { keyring, time } = ring();
  const [first, second] = keyring.describe();
  assert.deepEqual([first?.role, second?.role], ['current', 'next']);
  const ticket = sealed(keyring);
  time.advance(100_000);
  const after = keyring.describe();
  assert.deepEqual(
    after.map((key) => key.role),
    ['previous', 'current', 'next'],
  );
  assert.equal(after[1]?.name, second?.name);
  assert.deepEqual(keyring.open(0x0304, ticket), { state, stale: true });
});

test('keys of an idle ring are destroyed on time, by the timer alone', () => {
  const { events, time } = ring();
  const [first] = events.filter((event) => event.type === 'created');
  assert.ok(first);
  time.advance(300_000 - 1);
  assert.equal(events.filter((event) => event.type === 'destroyed').length, 0);
  time.advance(1);
  const destroyed = events.find((event) => event.type === 'destroyed' && event.key === first.key);
  assert.equal(destroyed?.at, first.openUntil);
  time.advance(3_600_000);
  for (const event of events.filter((each) => each.type === 'destroyed')) assert.equal(event.at, event.openUntil);
});

test('destroying a key zeroizes it: it can never open again', () => {
  const destroyed: number[] = [];
  const crypto = sessionCrypto();
  const counting = {
    ...crypto,
    prepareHmac: (...parameters: Parameters<typeof crypto.prepareHmac>) => {
      const key = crypto.prepareHmac(...parameters);
      return {
        ...key,
        destroy: () => {
          key.destroy();
          assert.throws(() => key.sign(state));
          destroyed.push(1);
        },
      };
    },
  };
  const { keyring, time } = ring({ crypto: counting });
  time.advance(300_000);
  assert.equal(destroyed.length, 2, 'the TLS 1.2 and the TLS 1.3 half');
  keyring.close();
  assert.equal(destroyed.length, 2 + 2 * 4);
});

test('without timers a ring still rotates when it is used, and opens nothing after its time', () => {
  const { keyring, time } = ring({ timers: undefined });
  const ticket = sealed(keyring);
  time.milliseconds += 150_000;
  assert.ok('state' in keyring.open(0x0304, ticket));
  time.milliseconds += 150_000;
  assert.deepEqual(keyring.open(0x0304, ticket), { miss: 'unknownKey' });
  const other = sealed(keyring);
  assert.notDeepEqual(other.subarray(1, 17), ticket.subarray(1, 17));
});

test('rotating by hand keeps old tickets good', () => {
  const { keyring } = ring();
  const ticket = sealed(keyring);
  keyring.rotate();
  assert.deepEqual(keyring.open(0x0304, ticket), { state, stale: true });
  assert.notDeepEqual(sealed(keyring).subarray(1, 17), ticket.subarray(1, 17));
});

test('a revoked key opens nothing from then on', () => {
  const { keyring } = ring();
  const ticket = sealed(keyring);
  keyring.revoke(ticket.subarray(1, 17));
  assert.deepEqual(keyring.open(0x0304, ticket), { miss: 'unknownKey' });
  assert.ok('state' in keyring.open(0x0304, sealed(keyring)));
});

test('a closed ring has no keys and no timer', () => {
  const { keyring, time } = ring();
  const ticket = sealed(keyring);
  keyring.close();
  assert.equal(keyring.seal(0x0304, state), undefined);
  assert.deepEqual(keyring.open(0x0304, ticket), { miss: 'unknownKey' });
  assert.equal(time.pending, 0);
});

test('a suspended machine wakes up to a ring that rotates at once', () => {
  const { keyring, time } = ring();
  const ticket = sealed(keyring);
  time.advance(86_400_000);
  assert.deepEqual(keyring.open(0x0304, ticket), { miss: 'unknownKey' });
  assert.ok('state' in keyring.open(0x0304, sealed(keyring)));
  for (const key of keyring.describe()) assert.ok(key.openUntil > time.now());
});

test('two tickets of one state have nothing in common but format and key name', () => {
  const { keyring } = ring();
  const a = sealed(keyring);
  const b = sealed(keyring);
  assert.deepEqual(a.subarray(0, 17), b.subarray(0, 17));
  assert.notDeepEqual(a.subarray(17, 41), b.subarray(17, 41));
  assert.notDeepEqual(a.subarray(41), b.subarray(41));
});

function keyFile(length: 48 | 80): Uint8Array {
  return new Uint8Array(randomBytes(length));
}

test('rings that are given the same key file open each other', () => {
  for (const length of [48, 80] as const) {
    const file = keyFile(length);
    const rings = [1, 2].map(() => ring({ rotation: 'supplied', keys: [importTicketKeyFile(sessionCrypto(), file)] }));
    const ticket = sealed((rings[0] as { keyring: TicketKeyring }).keyring);
    assert.ok('state' in (rings[1] as { keyring: TicketKeyring }).keyring.open(0x0304, ticket));
  }
});

test('tenants that are given the same key do not open each other', () => {
  const key = importTicketKeyFile(sessionCrypto(), keyFile(80));
  const a = ring({ rotation: 'supplied', keys: [key], label: 'a' }).keyring;
  const b = ring({ rotation: 'supplied', keys: [key], label: 'b' }).keyring;
  assert.deepEqual(b.open(0x0304, sealed(a)), { miss: 'malformed' });
});

test('an imported key seals instead of a local one, and after its end a local one does', () => {
  const { keyring, time } = ring({ rotation: 'supplied' });
  assert.equal(keyring.describe()[0]?.origin, 'local');
  const until = time.now() + 50_000;
  keyring.install([importTicketKeyFile(sessionCrypto(), keyFile(80), { sealUntil: until, openUntil: until })]);
  assert.equal(keyring.describe().find((key) => key.role === 'current')?.origin, 'imported');
  time.advance(50_000);
  assert.equal(keyring.describe().find((key) => key.role === 'current')?.origin, 'local');
});

test('installing new keys voids no ticket', () => {
  const { keyring } = ring({ rotation: 'supplied', keys: [importTicketKeyFile(sessionCrypto(), keyFile(80))] });
  const ticket = sealed(keyring);
  const next = importTicketKeyFile(sessionCrypto(), keyFile(80));
  keyring.install([next]);
  keyring.sealOnlyUnder([next.name]);
  assert.deepEqual(keyring.open(0x0304, ticket), { state, stale: true });
  assert.deepEqual(sealed(keyring).subarray(1, 17), next.name);
});

test('keys that no random source makes are refused', () => {
  const weak: [string, Uint8Array][] = [
    ['all zero', new Uint8Array(80)],
    ['constant', new Uint8Array(80).fill(0xa5)],
    ['a repeated pattern', Uint8Array.from({ length: 80 }, (_, i) => [0xde, 0xad, 0xbe, 0xef][i % 4] as number)],
    ['counting', Uint8Array.from({ length: 80 }, (_, i) => i)],
    ['text', new TextEncoder().encode('correct horse battery staple '.repeat(3).slice(0, 80))],
    ['zero AES key', Uint8Array.from(keyFile(80), (byte, i) => (i >= 48 ? 0 : byte))],
    ['zero HMAC key', Uint8Array.from(keyFile(80), (byte, i) => (i >= 16 && i < 48 ? 0 : byte))],
  ];
  for (const [what, file] of weak) {
    assert.throws(() => importTicketKeyFile(sessionCrypto(), file), { code: 'ERR_TLS_WEAK_KEY' }, what);
  }
  assert.throws(() => importTicketKeyFile(sessionCrypto(), keyFile(80).subarray(1)), { code: 'ERR_TLS_TICKET_KEY' });
  const times = { sealFrom: 0, sealUntil: 1, openUntil: 2, origin: 'imported' as const };
  const name = keyFile(48).slice(0, 16);
  assert.throws(() => ring().keyring.install([{ ...times, name, secret: new Uint8Array(32) }]), ConfigError);
  assert.throws(() => ring().keyring.install([{ ...times, name, secret: keyFile(48).slice(0, 16) }]), ConfigError);
  assert.throws(() => ring().keyring.install([{ ...times, name, secret: keyFile(48), openUntil: 0 }]), ConfigError);
  assert.throws(() => ring({ rotateEvery: 0 }), { code: 'ERR_TLS_SESSION_CONFIG' });
});

test('a random source that gives zeros makes no key ring', () => {
  assert.throws(() => ring({ crypto: sessionCrypto((size) => new Uint8Array(size)) }), { code: 'ERR_TLS_WEAK_KEY' });
});

test('a machine that slept past the end of a key destroys it soon after it wakes, also when it is idle', () => {
  const { events, time } = ring({ rotateEvery: 43_200, keepFor: 86_400 });
  const [first] = events;
  assert.ok(first);
  time.jump(first.openUntil - time.now());
  assert.equal(events.filter(({ type }) => type === 'destroyed').length, 0);
  time.advance(60_000);
  assert.ok(
    events.some(({ type, key }) => type === 'destroyed' && key === first.key),
    'its timer had been set for 12 hours, of which none had passed',
  );
});

test('a clock that is set back does not make keys live longer', () => {
  const { events, time } = ring({ rotateEvery: 43_200, keepFor: 86_400 });
  const [first] = events;
  assert.ok(first);
  const due = first.openUntil - time.now();
  time.jump(-30 * 86_400_000);
  time.advance(due + 120_000);
  assert.ok(
    events.some(({ type, key }) => type === 'destroyed' && key === first.key),
    'as much time has passed as the key had',
  );
});

test('an imported key keeps the times that it was given, whatever happens to the clock', () => {
  const { keyring, time } = ring({ rotation: 'supplied' });
  const until = time.now() + 86_400_000;
  keyring.install([importTicketKeyFile(sessionCrypto(), keyFile(80), { sealUntil: until, openUntil: until })]);
  time.jump(-3_600_000);
  time.advance(60_000);
  assert.equal(keyring.describe().find(({ origin }) => origin === 'imported')?.openUntil, until);
});

test('an observer that throws stops neither rotation nor destruction', () => {
  let created = 0;
  const { keyring, time } = ring({
    observe: ({ type }) => {
      if (type === 'created') created++;
      throw new Error('the metrics are broken');
    },
  });
  const ticket = sealed(keyring);
  time.advance(1_000_000);
  assert.ok(created > 9, `${created} keys`);
  assert.deepEqual(keyring.open(0x0304, ticket), { miss: 'unknownKey' });
  keyring.close();
  assert.equal(keyring.describe().length, 0);
});
