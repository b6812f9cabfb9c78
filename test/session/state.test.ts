import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { earlyDataContext, policyDigest, type SessionPolicy } from '../../src/session/policy.ts';
import {
  decodeSessionState,
  encodeSessionState,
  maxLifetimeSeconds,
  type SessionState,
  sessionEnd,
  sessionState,
} from '../../src/session/state.ts';
import { sessionCrypto, someState } from './helpers.ts';

const crypto = sessionCrypto();
const now = 1_800_000_000_000;

const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
const states: fc.Arbitrary<SessionState> = fc
  .record({
    version: fc.constantFrom(0x0303 as const, 0x0304 as const),
    cipherSuite: fc.nat(0xffff),
    secret: bytes(48, 48),
    policyDigest: bytes(32, 32),
    createdAt: fc.nat(2 ** 47),
    age: fc.nat(1e9),
    lifetime: fc.nat(maxLifetimeSeconds),
    extendedMasterSecret: fc.boolean(),
    serverName: fc.option(fc.constantFrom('a', 'www.example.org', 'ß.example'), { nil: undefined }),
    alpnProtocol: fc.option(fc.constantFrom('h2', '', '\u00ff'), { nil: undefined }),
    peerCertificates: fc.array(bytes(1, 200), { maxLength: 4 }),
    peerRawPublicKey: fc.option(bytes(1, 600), { nil: undefined }),
    ownRawPublicKey: fc.boolean(),
    psk: fc.option(fc.record({ identity: bytes(0, 300), check: bytes(32, 32) }, { noNullPrototype: true }), {
      nil: undefined,
    }),
    peerNotAfter: fc.option(fc.nat(2 ** 47), { nil: undefined }),
    ticketAgeAdd: fc.nat(0xffffffff),
    maxEarlyDataSize: fc.nat(0xffffffff),
    earlyDataContext: bytes(0, 64),
    group: fc.nat(0xffff),
    peerSignatureScheme: fc.nat(0xffff),
  })
  .map(({ age, ...state }) => ({ ...state, issuedAt: state.createdAt + age }));

test('every state survives encoding', () => {
  fc.assert(
    fc.property(states, (state) => {
      const encoded = encodeSessionState(state);
      assert.ok(encoded);
      assert.deepEqual(decodeSessionState(encoded), state);
    }),
  );
});

test('bytes that are no state, or are cut or longer, are undefined and never an error', () => {
  const encoded = encodeSessionState(someState(now, { peerCertificates: [new Uint8Array(30).fill(1)] }));
  assert.ok(encoded);
  for (let length = 0; length < encoded.length; length++) {
    assert.equal(decodeSessionState(encoded.subarray(0, length)), undefined, `cut at ${length}`);
  }
  assert.equal(decodeSessionState(new Uint8Array([...encoded, 0])), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
      decodeSessionState(noise);
      decodeSessionState(new Uint8Array([1, ...noise]));
    }),
  );
});

test('a state of another format, with unknown flags or another version is not read', () => {
  const encoded = encodeSessionState(someState(now)) as Uint8Array;
  const changed = (at: number, value: number) => Uint8Array.from(encoded, (byte, i) => (i === at ? value : byte));
  assert.ok(decodeSessionState(changed(0, 1)));
  assert.equal(decodeSessionState(changed(0, 2)), undefined);
  assert.equal(decodeSessionState(changed(1, 0x80)), undefined);
  assert.equal(decodeSessionState(changed(3, 0x02)), undefined);
});

test('a state with a certificate chain that no ticket can carry is not encoded', () => {
  assert.equal(encodeSessionState(someState(now, { peerCertificates: [new Uint8Array(65_000)] })), undefined);
});

test('a decoded state shares no memory with its bytes', () => {
  const encoded = encodeSessionState(someState(now)) as Uint8Array;
  const state = decodeSessionState(encoded) as SessionState;
  const secret = state.secret.slice();
  encoded.fill(0);
  assert.deepEqual(state.secret, secret);
});

test('a session ends with its lifetime, after seven days at most, and with the client certificate', () => {
  const state = someState(now);
  assert.equal(sessionEnd(state), now + 3_600_000);
  assert.equal(sessionEnd({ ...state, lifetime: 1e9 }), now + 1000 * maxLifetimeSeconds);
  assert.equal(sessionEnd({ ...state, peerNotAfter: now + 5 }), now + 5);
});

test('a TLS 1.3 state counts as having an extended master secret', () => {
  const { version, cipherSuite, secret, policyDigest: digest, createdAt, lifetime } = someState(now);
  const state = sessionState({ version, cipherSuite, secret, policyDigest: digest, createdAt, lifetime });
  assert.equal(state.extendedMasterSecret, true);
  assert.equal(state.issuedAt, createdAt);
});

const somePolicy: SessionPolicy = {
  serverName: 'www.example.org',
  credentialIdentity: 'www',
  clientAuth: { mode: 'require', anchorsDigest: new Uint8Array([1, 2]) },
  version: 0x0303,
  cipherHash: 'sha256',
  extendedMasterSecret: true,
  tenant: 'a',
};

test('each field of a policy changes its digest', () => {
  const digest = (policy: SessionPolicy) => Buffer.from(policyDigest(crypto, policy)).toString('hex');
  const others: Partial<SessionPolicy>[] = [
    { serverName: 'other.example.org' },
    { serverName: undefined },
    { serverName: '' },
    { credentialIdentity: 'other' },
    { clientAuth: { mode: 'request', anchorsDigest: new Uint8Array([1, 2]) } },
    { clientAuth: { mode: 'require', anchorsDigest: new Uint8Array([1, 3]) } },
    { clientAuth: { mode: 'none' } },
    { clientAuth: { ...somePolicy.clientAuth, rawPublicKeys: new Uint8Array() } },
    { clientAuth: { ...somePolicy.clientAuth, rawPublicKeys: new Uint8Array([1]) } },
    { version: 0x0304 },
    { cipherHash: 'sha384' },
    { extendedMasterSecret: false },
    { tenant: 'b' },
    { tenant: undefined },
    { tenant: '' },
  ];
  const digests = [somePolicy, ...others.map((other) => ({ ...somePolicy, ...other }))].map(digest);
  assert.equal(new Set(digests).size, digests.length);
  assert.equal(digest({ ...somePolicy, serverName: 'WWW.example.ORG.' }), digest(somePolicy));
});

test('without client authentication a changed CA file ends no session', () => {
  const with1 = policyDigest(crypto, {
    ...somePolicy,
    clientAuth: { mode: 'none', anchorsDigest: new Uint8Array([1]) },
  });
  const with2 = policyDigest(crypto, { ...somePolicy, clientAuth: { mode: 'none' } });
  assert.deepEqual(with1, with2);
});

test('fields of a policy cannot run into one another', () => {
  const a = policyDigest(crypto, { ...somePolicy, credentialIdentity: 'ab', tenant: 'c' });
  const b = policyDigest(crypto, { ...somePolicy, credentialIdentity: 'a', tenant: 'bc' });
  assert.notDeepEqual(a, b);
});

test('early data is bound to ALPN protocol, cipher suite, server name and what the application gives', () => {
  const binding = { alpnProtocol: 'h2', cipherSuite: 0x1301, serverName: 'a.example' };
  const all = [
    binding,
    { ...binding, alpnProtocol: 'http/1.1' },
    { ...binding, alpnProtocol: undefined },
    { ...binding, cipherSuite: 0x1303 },
    { ...binding, serverName: 'b.example' },
    { ...binding, application: new Uint8Array([1]) },
  ].map((each) => Buffer.from(earlyDataContext(crypto, each)).toString('hex'));
  assert.equal(new Set(all).size, all.length);
});

test('a context of early data has 255 bytes at most', () => {
  const context = (length: number) => encodeSessionState(someState(now, { earlyDataContext: new Uint8Array(length) }));
  assert.ok(context(255) !== undefined);
  assert.equal(context(256), undefined);
});
