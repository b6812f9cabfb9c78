/** Whatever bytes come back from a client, a store or a file: a decoder says no, and nothing else happens. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { ClientSessionCache } from '../../src/session/client-cache.ts';
import { decodeClientSession, encodeClientSession } from '../../src/session/client-session.ts';
import { FleetKeys } from '../../src/session/fleet-key.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { decodeRingDocument, encodeRingDocument } from '../../src/session/ring-document.ts';
import { decodeSessionState, encodeSessionState } from '../../src/session/state.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { FakeTime, policy, sessionCrypto, someState } from './helpers.ts';

const crypto = sessionCrypto();
const now = 1_800_000_000_000;
const state = someState(now, { peerCertificates: [new Uint8Array(50).fill(1)], peerNotAfter: now + 1e9 });
const clientSession = { state, ticket: new Uint8Array(40).fill(2), sessionId: new Uint8Array(32), lifetimeHint: 60 };
const document = {
  entries: [1, 2].map((i) => ({
    name: new Uint8Array(16).fill(i),
    sealFrom: now,
    sealUntil: now + 1000,
    openUntil: now + 2000,
    addedIn: i,
    wrapped: new Uint8Array(80).fill(i),
  })),
};

/** Random bytes, and valid ones with a few bytes changed, cut or doubled. */
function damaged(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const changed = fc
    .tuple(
      fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 }),
      fc.nat(valid.length),
      fc.boolean(),
    )
    .map(([changes, cut, twice]) => {
      const bytes = valid.slice();
      for (const [at, value] of changes) bytes[at] = value;
      return twice ? Uint8Array.from([...bytes, ...bytes.subarray(0, cut)]) : bytes.subarray(0, cut);
    });
  return fc.oneof(fc.uint8Array({ maxLength: 600 }), changed);
}

function neverThrows(valid: Uint8Array, read: (bytes: Uint8Array) => void): void {
  fc.assert(
    fc.property(damaged(valid), (bytes) => {
      read(bytes);
    }),
    { numRuns: 2000 },
  );
}

test('session states', () => {
  neverThrows(encodeSessionState(state) as Uint8Array, (bytes) => {
    const read = decodeSessionState(bytes);
    if (read !== undefined) assert.deepEqual(decodeSessionState(encodeSessionState(read) as Uint8Array), read);
  });
});

test('client sessions, and files of them', () => {
  const cache = new ClientSessionCache();
  cache.add(clientSession);
  neverThrows(encodeClientSession(clientSession) as Uint8Array, decodeClientSession);
  neverThrows(cache.serialize(), (bytes) => new ClientSessionCache().load(bytes, now));
});

test('documents of a key ring', () => {
  const encoded = encodeRingDocument(document);
  assert.deepEqual(decodeRingDocument(encoded), document);
  neverThrows(encoded, (bytes) => {
    const read = decodeRingDocument(bytes);
    if (read !== undefined) assert.deepEqual(decodeRingDocument(encodeRingDocument(read)), read);
  });
});

test('tickets, handles and sealed values', () => {
  const time = new FakeTime(now);
  const keyring = new TicketKeyring({ crypto, clock: time });
  const store = new MemoryStore({ clock: time });
  const sessions = new ServerSessions({ crypto, keyring, store, tls13Tickets: 'stateful' });
  const keys = new FleetKeys(crypto, [new Uint8Array(randomBytes(32))], 'fuzz');
  const { ticket } = keyring.seal(0x0304, new Uint8Array(150)) as { ticket: Uint8Array };
  neverThrows(ticket, (identity) => {
    const found = sessions.lookupPsk({ identity, version: 0x0304, policy, now });
    assert.ok('miss' in found);
  });
  neverThrows(keys.seal(new Uint8Array(0), new Uint8Array(20)), (bytes) => keys.open(new Uint8Array(0), bytes));
});
