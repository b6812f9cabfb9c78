import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import { drive } from '../../src/engine/driver.ts';
import { clientHost, type Host, serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { type HandshakeContext, untilEnd, untilFailure, wipingSecrets } from '../../src/handshake/context.ts';
import type { Flow } from '../../src/handshake/flow.ts';
import { expectMessage } from '../../src/handshake/flow.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { tls12, tls13 } from '../../src/wire/versions.ts';
import { clientDefaults, createPair, crypto, serverDefaults } from './pair.ts';

const clock = { now: Date.now };
const sessions = () =>
  new ServerSessions({ crypto, keyring: new TicketKeyring({ crypto, clock }), store: new MemoryStore({ clock }) });

describe('the secrets of a handshake are wiped', () => {
  function begin() {
    const log: string[] = [];
    const secret = (name: string) => ({ destroy: () => void log.push(name) });
    const flow = wipingSecrets(
      { secrets: { untilEnd: [], untilFailure: [] } } as unknown as HandshakeContext,
      function* (context): Flow<string> {
        untilEnd(context, secret('ephemeral'));
        untilFailure(context, secret('lasting'));
        yield* expectMessage('finished');
        return 'done';
      },
    );
    flow.next();
    return { log, flow };
  }

  test('when it is done: all but those of the connection', () => {
    const { log, flow } = begin();
    assert.deepEqual(flow.next(), { done: true, value: 'done' });
    assert.deepEqual(log, ['ephemeral']);
  });

  test('when it fails', () => {
    const { log, flow } = begin();
    assert.throws(() => flow.throw(new Error('wrong')), /wrong/);
    assert.deepEqual(log, ['ephemeral', 'lasting']);
  });

  test('when the connection is closed', () => {
    const { log, flow } = begin();
    flow.return('nothing');
    assert.deepEqual(log, ['ephemeral', 'lasting']);
  });

  for (const version of [tls13, tls12] as const) {
    for (const [what, serverName] of [
      ['a session that is resumed', 'localhost'],
      ['a session of another name', 'elsewhere'],
    ] as const) {
      test(`${version.toString(16)}: ${what}`, async () => {
        const server = { ...serverDefaults, sessions: sessions() };
        const first = createPair({ client: { maxVersion: version }, server });
        await first.run();
        const offered = first.client.takeSessions().slice(0, 1);
        assert.equal(offered.length, 1);
        const found: Uint8Array[] = [];
        const host: Host = {
          ...serverHost(server),
          openTicket: (input) => {
            const answer = serverHost(server).openTicket(input);
            if ('state' in answer) found.push(answer.state.secret);
            return answer;
          },
          lookupPsk: (input) => {
            const answer = serverHost(server).lookupPsk(input);
            if ('key' in answer) found.push(answer.key);
            return answer;
          },
        };
        const client = new ClientConnection({ ...clientDefaults, maxVersion: version, sessions: offered, serverName });
        const connection = new ServerConnection(server);
        for (let i = 0; i < 4; i++) {
          drive(client, clientHost(client.options), () => {});
          for (const chunk of client.takeOutgoing()) connection.receive(chunk);
          drive(connection, host, () => {});
          for (const chunk of connection.takeOutgoing()) client.receive(chunk);
        }
        const resumed = serverName === 'localhost';
        assert.equal(connection.info.resumed, resumed);
        assert.equal(found.length, resumed ? 1 : 0);
        for (const secret of found) assert.ok(secret.every((byte) => byte === 0));
        assert.ok(
          offered[0]?.state.secret.some((byte) => byte !== 0),
          "the client's own session can be used again",
        );
      });
    }
  }

  for (const version of [tls13, tls12] as const) {
    test(`${version.toString(16)}: a session that a store finds when the connection is over`, async () => {
      const server = { ...serverDefaults, sessions: sessions() };
      const first = createPair({ client: { maxVersion: version }, server });
      await first.run();
      const offered = first.client.takeSessions().slice(0, 1);
      const client = new ClientConnection({ ...clientDefaults, maxVersion: version, sessions: offered });
      const connection = new ServerConnection(server);
      drive(client, clientHost(client.options), () => {});
      for (const chunk of client.takeOutgoing()) connection.receive(chunk);
      const own = serverHost(server);
      let progress = connection.advance();
      while (progress.state === 'needsHost' && progress.request.name === 'selectConfig') {
        connection.answer(progress.id, undefined);
        progress = connection.advance();
      }
      assert.ok(progress.state === 'needsHost');
      const { request } = progress;
      const answer =
        request.name === 'lookupPsk' ? own.lookupPsk(request.input) : own.openTicket(request.input as never);
      const secret = 'key' in answer ? answer.key : 'state' in answer ? answer.state.secret : undefined;
      assert.ok(secret?.some((byte) => byte !== 0));
      connection.close();
      connection.answer(progress.id, answer);
      assert.ok(secret?.every((byte) => byte === 0));
    });
  }

  test("the key of an external PSK is the program's, and stays", async () => {
    const key = crypto.random(32).slice();
    const identity = new TextEncoder().encode('sensor 7');
    const known = { identity, secret: key, hash: 'sha256', imported: false } as const;
    const external = new ServerSessions({ crypto, store: new MemoryStore({ clock }), externalPsk: () => known });
    const before = key.slice();
    const pair = createPair({
      client: { externalPsks: [{ identity, secret: key, hash: 'sha256' }] },
      server: { sessions: external },
    });
    await pair.run();
    assert.equal(pair.server.info.resumption, 'externalPsk', pair.server.error?.stack);
    assert.deepEqual(key, before);
  });
});

test('a key share is used once (RFC 9846, Section 4.2.8)', () => {
  for (const group of ['x25519', 'secp256r1', 'X25519MLKEM768'] as const) {
    const exchange = crypto.keyExchange(group);
    const pending = exchange?.generate();
    assert.ok(exchange && pending);
    const answer = exchange.respond(pending.share);
    assert.deepEqual(pending.finish(answer.share), answer.secret);
    assert.throws(() => pending.finish(answer.share));
  }
});
