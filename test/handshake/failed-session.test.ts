/**
 * "Servers and clients MUST forget any session-identifiers, keys, and secrets associated with a failed connection.
 * Thus, any connection terminated with a fatal alert MUST NOT be resumed." (RFC 5246, Section 7.2.2)
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ServerOptions } from '../../src/engine/config.ts';
import { PeerError } from '../../src/errors.ts';
import type { ClientSession } from '../../src/session/client-session.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { tls12, tls13 } from '../../src/wire/versions.ts';
import { createPair, crypto, matrix, type Pair } from './pair.ts';

const clock = { now: () => Date.now() };
const client = { maxVersion: tls12 } as const;
const failure = () => new PeerError('ERR_TLS_UNEXPECTED_MESSAGE', 'unexpectedMessage', 'made up by the test');

function byId(): { server: Partial<ServerOptions>; sessions: ServerSessions } {
  const sessions = new ServerSessions({ crypto, store: new MemoryStore({ clock }) });
  return { server: { sessions }, sessions };
}

/** A full handshake that stores a session, and what the client can offer later. */
async function firstVisit(server: Partial<ServerOptions>) {
  const pair = createPair({ client, server });
  await pair.run();
  assert.equal(pair.client.error ?? pair.server.error, undefined);
  const [session] = pair.client.takeSessions();
  assert.ok(session);
  return { pair, session };
}

async function resumptionOf(server: Partial<ServerOptions>, session: ClientSession) {
  const pair = createPair({ client: { ...client, sessions: [session] }, server });
  await pair.run();
  assert.equal(pair.client.error ?? pair.server.error, undefined);
  return { pair, resumption: pair.server.info.resumption };
}

/** Ends a connection by a fatal alert of one side. */
async function fail(pair: Pair, side: 'client' | 'server'): Promise<void> {
  pair[side].close(failure());
  await pair.run();
  assert.deepEqual([pair.client.failed, pair.server.failed], [true, true]);
}

describe('a session whose connection failed is forgotten', () => {
  for (const side of ['client', 'server'] as const) {
    test(`the server's store, after a fatal alert of the ${side} on the connection that made the session`, async () => {
      const { server, sessions } = byId();
      const { pair, session } = await firstVisit(server);
      await fail(pair, side);
      const { resumption } = await resumptionOf(server, session);
      assert.equal(resumption, 'none');
      assert.equal(sessions.counters.misses.sessionId.notFound, 1);
    });

    test(`the server's store, after a fatal alert of the ${side} on a connection that resumed it`, async () => {
      const { server } = byId();
      const { session } = await firstVisit(server);
      const second = await resumptionOf(server, session);
      assert.equal(second.resumption, 'sessionId');
      await fail(second.pair, side);
      assert.equal((await resumptionOf(server, session)).resumption, 'none');
    });
  }

  matrix((delivery, hostKind, label) => {
    test(`but not by one who knows its session ID alone, which goes in the clear: ${label}`, async () => {
      const { server } = byId();
      const { session } = await firstVisit(server);
      const other = { ...session, state: { ...session.state, secret: new Uint8Array(48).fill(7) } };
      const pair = createPair({ client: { ...client, sessions: [other] }, server }, delivery, hostKind);
      await pair.run();
      assert.equal(pair.client.failed, true, "the server's Finished is not of that secret");
      assert.equal(pair.server.failed, true);
      assert.equal((await resumptionOf(server, session)).resumption, 'sessionId');
    });
  });

  test('what the client has not taken yet it is not given any more', async () => {
    for (const maxVersion of [tls12, tls13] as const) {
      const keyring = new TicketKeyring({ crypto, clock });
      const sessions = new ServerSessions({ crypto, keyring });
      for (const fails of [false, true]) {
        const pair = createPair({ client: { maxVersion }, server: { sessions } });
        await pair.run();
        if (fails) await fail(pair, 'server');
        assert.equal(pair.client.takeSessions().length > 0, !fails);
      }
    }
  });
});

describe('a session whose connection ended in another way stays', () => {
  test('by close_notify', async () => {
    const { server } = byId();
    const { pair, session } = await firstVisit(server);
    pair.client.close();
    pair.server.close();
    await pair.run();
    assert.deepEqual([pair.client.failed, pair.server.failed], [false, false]);
    assert.equal((await resumptionOf(server, session)).resumption, 'sessionId');
  });

  test('without any alert (RFC 5246, Section 7.2.1), also in the middle of the abbreviated handshake', async () => {
    const { server } = byId();
    const { pair, session } = await firstVisit(server);
    pair.server.receiveEnd();
    pair.server.advance();
    assert.equal(pair.server.failed, false);
    const half = createPair({ client: { ...client, sessions: [session] }, server });
    half.client.advance();
    for (const bytes of half.client.takeOutgoing()) half.server.receive(bytes);
    half.server.receiveEnd();
    await half.run();
    assert.equal(half.server.error?.code, 'ERR_TLS_CONNECTION_ENDED');
    assert.equal(half.server.failed, false);
    assert.equal((await resumptionOf(server, session)).resumption, 'sessionId');
  });

  test('a failure of one session leaves the others alone', async () => {
    const { server } = byId();
    const { pair } = await firstVisit(server);
    const { session } = await firstVisit(server);
    await fail(pair, 'client');
    assert.equal((await resumptionOf(server, session)).resumption, 'sessionId');
  });
});
