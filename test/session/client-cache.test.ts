import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { ClientSessionCache } from '../../src/session/client-cache.ts';
import {
  type ClientSession,
  type ClientSessionPolicy,
  clientPolicyDigest,
  clientSessionEnd,
  decodeClientSession,
  encodeClientSession,
} from '../../src/session/client-session.ts';
import { claimedTicketAge, obfuscatedTicketAge } from '../../src/session/early-data.ts';
import { createSealingKey } from '../../src/session/sealing-key.ts';
import { sessionCrypto, someState } from './helpers.ts';

const crypto = sessionCrypto();
const now = 1_800_000_000_000;
const base: ClientSessionPolicy = {
  host: 'www.example.org',
  port: 443,
  serverName: 'www.example.org',
  alpnProtocols: ['h2', 'http/1.1'],
  trust: new Uint8Array([1]),
  clientCertificate: new Uint8Array([2]),
  partition: 'site a',
};
const digest = (others: Partial<ClientSessionPolicy> = {}) => clientPolicyDigest(crypto, { ...base, ...others });

function session(
  version: 0x0303 | 0x0304 = 0x0304,
  others: Partial<ClientSession> = {},
  policyDigest = digest(),
): ClientSession {
  return {
    state: someState(now, { version, policyDigest }),
    ticket: new Uint8Array(randomBytes(64)),
    sessionId: new Uint8Array(0),
    lifetimeHint: 600,
    ...others,
  };
}

test('promise 1: any difference of policy is another session', () => {
  const others: Partial<ClientSessionPolicy>[] = [
    { host: 'other.example.org' },
    { port: 8443 },
    { serverName: undefined },
    { alpnProtocols: ['http/1.1', 'h2'] },
    { alpnProtocols: undefined },
    { trust: new Uint8Array([9]) },
    { trust: 'none' },
    { trust: new Uint8Array(0) },
    { clientCertificate: undefined },
    { clientCertificate: new Uint8Array([9]) },
    { partition: 'site b' },
    { partition: undefined },
  ];
  const digests = [digest(), ...others.map(digest)].map((each) => Buffer.from(each).toString('hex'));
  assert.equal(new Set(digests).size, digests.length);
  assert.deepEqual(digest({ host: 'WWW.example.org' }), digest());
});

test('promise 10: a TLS 1.3 ticket is used once, and concurrent connections get different ones', () => {
  const cache = new ClientSessionCache();
  const [a, b] = [session(), session()];
  cache.add(a);
  cache.add(b);
  assert.equal(cache.take(digest(), now), b);
  assert.equal(cache.take(digest(), now), a);
  assert.equal(cache.take(digest(), now), undefined);
  assert.deepEqual([cache.size, cache.bytes], [0, 0]);
});

test('a session of the engine is kept under the policy of its connection', () => {
  const cache = new ClientSessionCache();
  const one = session(0x0304, {}, new Uint8Array(32));
  cache.add(one, digest());
  const taken = cache.take(digest(), now) as ClientSession;
  assert.deepEqual(taken.ticket, one.ticket);
  assert.deepEqual(taken.state.policyDigest, digest());
  cache.add(taken);
  cache.remove(taken);
  assert.equal(cache.size, 0);
});

test('a TLS 1.2 session is used again, until a newer one comes or the server refuses it', () => {
  const cache = new ClientSessionCache();
  const [old, next] = [session(0x0303), session(0x0303)];
  cache.add(old);
  assert.equal(cache.take(digest(), now), old);
  assert.equal(cache.take(digest(), now), old);
  cache.add(next);
  assert.equal(cache.take(digest(), now), next);
  cache.remove(next);
  cache.remove(next);
  assert.equal(cache.take(digest(), now), undefined);
  assert.equal(cache.bytes, 0);
});

test('a handshake that can only do one version gets a session of that version', () => {
  const cache = new ClientSessionCache();
  const [old, next] = [session(0x0303), session(0x0304)];
  cache.add(old);
  cache.add(next);
  assert.equal(cache.take(digest(), now, [0x0303]), old);
  assert.equal(cache.peek(digest()).length, 2);
  assert.equal(cache.take(digest(), now, [0x0304]), next);
});

test('sessions end with the hint, the lifetime or the server certificate, whichever is first', () => {
  const cache = new ClientSessionCache();
  const one = session();
  assert.equal(clientSessionEnd(one), now + 600_000);
  assert.equal(clientSessionEnd(session(0x0303, { lifetimeHint: 0 })), now + 3_600_000);
  assert.equal(clientSessionEnd(session(0x0304, { lifetimeHint: 0 })), now);
  assert.equal(clientSessionEnd({ ...one, state: { ...one.state, peerNotAfter: now + 7 } }), now + 7);
  cache.add(one);
  assert.equal(cache.take(digest(), now + 600_000), undefined);
  assert.equal(cache.size, 0);
});

test('promise 8: policies, tickets and bytes are bounded, the least recently used policy leaves first', () => {
  const cache = new ClientSessionCache({ maxPolicies: 2, maxSessionsPerPolicy: 3 });
  for (let i = 0; i < 10; i++) cache.add(session());
  assert.equal(cache.peek(digest()).length, 3);
  const [b, c] = [digest({ port: 2 }), digest({ port: 3 })];
  cache.add(session(0x0304, {}, b));
  cache.take(digest(), now);
  cache.add(session(0x0304, {}, c));
  assert.deepEqual([cache.peek(digest()).length, cache.peek(b).length, cache.peek(c).length], [2, 0, 1]);

  const small = new ClientSessionCache({ maxBytes: 5000 });
  for (let port = 1; port < 50; port++) {
    small.add(session(0x0304, {}, digest({ port })));
    assert.ok(small.bytes <= 5000);
  }
  small.clear(digest({ port: 49 }));
  assert.equal(small.take(digest({ port: 49 }), now), undefined);
  small.clear();
  assert.deepEqual([small.size, small.bytes], [0, 0]);
});

test('sessions are written and read again, in clear or sealed', () => {
  const cache = new ClientSessionCache();
  const sessions = [session(), session(0x0303, { sessionId: new Uint8Array(32).fill(1) })];
  for (const each of sessions) cache.add(each);
  const again = new ClientSessionCache();
  assert.equal(again.load(cache.serialize(), now), 2);
  assert.deepEqual(again.peek(digest()), sessions);

  const key = createSealingKey(crypto, new Uint8Array(randomBytes(32)), 'client sessions');
  const sealed = cache.serializeSealed(key);
  assert.equal(Buffer.from(sealed).indexOf(Buffer.from((sessions[0] as ClientSession).state.secret)), -1);
  assert.equal(new ClientSessionCache().loadSealed(key, sealed, now), 2);
  sealed[40] = (sealed[40] as number) ^ 1;
  assert.equal(new ClientSessionCache().loadSealed(key, sealed, now), 0);
  assert.equal(new ClientSessionCache().load(cache.serialize(), now + 1e9), 0, 'what has expired stays out');
});

test('a damaged file is read as far as it goes, and never throws', () => {
  const cache = new ClientSessionCache();
  for (let i = 0; i < 3; i++) cache.add(session());
  const bytes = cache.serialize();
  for (let length = 0; length < bytes.length; length += 7) {
    assert.ok(new ClientSessionCache().load(bytes.subarray(0, length), now) < 3);
  }
  assert.equal(new ClientSessionCache().load(new Uint8Array([9, 9]), now), 0);
});

test('a session survives encoding, and bytes that are none are undefined', () => {
  const one = session(0x0303, { sessionId: new Uint8Array([1, 2]) });
  const encoded = encodeClientSession(one) as Uint8Array;
  assert.deepEqual(decodeClientSession(encoded), one);
  for (let length = 0; length < encoded.length; length++) {
    assert.equal(decodeClientSession(encoded.subarray(0, length)), undefined);
  }
  assert.equal(encodeClientSession({ ...one, ticket: new Uint8Array(70_000) }), undefined);
});

test('the age of a ticket is obfuscated modulo 2^32', () => {
  for (const add of [0, 1, 0x7fffffff, 0xffffffff]) {
    for (const age of [0, 1, 5000, 600_000_000]) {
      assert.equal(claimedTicketAge(obfuscatedTicketAge(now, add, now + age), add), age);
    }
  }
});

test('promise 8: what a server staples counts too', () => {
  const cache = new ClientSessionCache({ maxBytes: 1024 * 1024 });
  for (let i = 0; i < 100; i++) {
    const stapled = { ocspResponse: new Uint8Array(60_000), scts: [new Uint8Array(30_000)] };
    cache.add(session(0x0304, stapled, digest({ host: `${i}.example.org` })));
  }
  assert.ok(cache.size <= 12, `${cache.size} sessions of 90,000 bytes in a mebibyte`);
  cache.clear();
  assert.equal(cache.bytes, 0);
});

test('what a session takes is counted: ticket, secret and certificates', () => {
  const held = (ticket: number, certificates: readonly number[]) => {
    const cache = new ClientSessionCache();
    const peerCertificates = certificates.map((length) => new Uint8Array(length));
    const { state } = session();
    cache.add(session(0x0304, { ticket: new Uint8Array(ticket), state: { ...state, peerCertificates } }));
    return cache.bytes;
  };
  assert.ok(held(100, []) >= 100 + 32);
  assert.equal(held(1100, []) - held(100, []), 1000);
  assert.equal(held(100, [700, 300]) - held(100, []), 1000);
});
