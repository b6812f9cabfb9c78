import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TraceEvent } from '../../src/handshake/trace.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { tls12, tls13 } from '../../src/wire/versions.ts';
import { createPair, crypto, testCredential } from '../handshake/pair.ts';
import { bytes, turn } from './speak.ts';

const clock = { now: Date.now };
const versions = [tls13, tls12] as const;
const name = (version: number) => version.toString(16);

describe('the end of a connection', () => {
  for (const version of versions) {
    test(`${name(version)}: nothing is kept of what comes after close_notify (RFC 9846, Section 6.1)`, async () => {
      const pair = createPair({ client: { maxVersion: version } });
      await pair.run();
      pair.client.closeWrite();
      await pair.run();
      assert.ok(pair.server.peerClosed);
      for (let i = 0; i < 400; i++) turn(pair.server, bytes(1000));
      assert.ok(pair.server.wantsMoreInput, 'the input is dropped, and the transport goes on to its end');
      pair.server.write(bytes(5));
      await pair.run();
      assert.equal(pair.received.client.length, 5);
    });

    test(`${name(version)}: no keying material comes from secrets that were wiped`, async () => {
      const pair = createPair({ client: { maxVersion: version } });
      await pair.run();
      assert.equal(pair.client.exportKeyingMaterial(32, 'EXPORTER-test').length, 32);
      pair.client.close();
      assert.throws(() => pair.client.exportKeyingMaterial(32, 'EXPORTER-test'), { code: 'ERR_TLS_STATE' });
    });

    test(`${name(version)}: no keying material before the handshake is done`, () => {
      const pair = createPair({ client: { maxVersion: version } });
      pair.client.advance();
      assert.throws(() => pair.client.exportKeyingMaterial(32, 'EXPORTER-test'), { code: 'ERR_TLS_STATE' });
    });

    test(`${name(version)}: closeWrite during the handshake waits for its end`, async () => {
      const pair = createPair({ client: { maxVersion: version } });
      pair.client.advance();
      pair.client.closeWrite();
      assert.throws(() => pair.client.write(bytes(1)), { code: 'ERR_TLS_STATE' });
      await pair.run();
      assert.equal(pair.server.error, undefined, pair.server.error?.stack);
      assert.ok(pair.server.connected && pair.server.peerClosed && !pair.server.truncated);
      pair.server.write(bytes(7));
      await pair.run();
      assert.equal(pair.received.client.length, 7);
    });

    for (const kind of ['keyChange', 'message', 'decision'] as const) {
      test(`${name(version)}: a program that closes inside a ${kind} event sends nothing in the clear`, async () => {
        let events = 0;
        let total = 0;
        const count = (event: TraceEvent) => void (event.kind === kind && total++);
        await createPair({ client: { maxVersion: version }, server: { trace: count } }).run();
        for (let at = 1; at <= total; at++) {
          events = 0;
          const trace = (event: TraceEvent): void => {
            if (event.kind === kind && ++events === at) pair.server.close();
          };
          const pair = createPair({ client: { maxVersion: version }, server: { trace } });
          let sent = turn(pair.server, turn(pair.client));
          if (!pair.server.closed) sent = turn(pair.server, turn(pair.client, sent));
          assert.ok(pair.server.closed && !pair.server.connected, `event ${at} of ${total}`);
          // The last record is close_notify, in the clear or not; nothing follows it.
          let last = 0;
          for (let i = 0; i < sent.length; i += 5 + ((sent[i + 3] as number) << 8) + (sent[i + 4] as number)) last = i;
          const [type, , , , length] = sent.subarray(last);
          assert.ok(type === 21 || (type === 23 && length === 19), `record of type ${type}, event ${at} of ${total}`);
        }
      });
    }
  }

  test('what is said after the own close_notify stays unsaid: tickets', async () => {
    const sessions = new ServerSessions({ crypto, store: new MemoryStore({ clock }) });
    const pair = createPair({ server: { sessions } });
    const { client, server } = pair;
    let sealed: number | undefined;
    const hello = turn(client);
    server.receive(hello);
    const answer = () => {
      for (;;) {
        const progress = server.advance();
        if (progress.state !== 'needsHost') return;
        if (progress.request.name === 'sealTicket') sealed = progress.id;
        else if (progress.request.name === 'selectCredential') server.answer(progress.id, testCredential('ed25519'));
        else if (progress.request.name === 'sign') {
          server.answer(
            progress.id,
            progress.request.input.signer.sign(progress.request.input.scheme, progress.request.input.data),
          );
        } else server.answer(progress.id, undefined);
      }
    };
    answer();
    const flight = server.takeOutgoing();
    server.receive(turn(client, ...flight));
    answer();
    assert.ok(server.connected && sealed !== undefined);
    server.closeWrite();
    assert.equal(server.takeOutgoing().length, 1);
    server.answer(sealed, { ticket: bytes(40), lifetime: 100 });
    answer();
    assert.equal(server.takeOutgoing().length, 0);
  });

  test('late answers of the host after the end are dropped', async () => {
    const pair = createPair({}, 'whole', 'async');
    const { client, server } = pair;
    server.receive(turn(client));
    const progress = server.advance();
    assert.equal(progress.state, 'needsHost');
    server.close();
    const sent = server.takeOutgoing();
    if (progress.state === 'needsHost') server.answer(progress.id, undefined);
    assert.equal(server.advance().state, 'closed');
    assert.equal(server.takeOutgoing().length, 0);
    assert.equal(sent.length, 1);
  });
});

describe('calls that do not fit', () => {
  for (const version of versions) {
    test(`${name(version)}: requestClientCertificate where it can't be throws, and the connection lives`, async () => {
      const pair = createPair({ client: { maxVersion: version }, server: { verifyPeer: () => undefined } });
      await pair.run();
      for (const side of [pair.client, pair.server]) {
        assert.throws(() => side.requestClientCertificate(), { name: /Error/ });
        assert.ok(!side.closed);
      }
      pair.server.write(bytes(3));
      await pair.run();
      assert.equal(pair.received.client.length, 3);
    });
  }

  test('setMaxFragment does not outdo the record_size_limit of the peer (RFC 8449, Section 4)', async () => {
    for (const version of versions) {
      const pair = createPair({
        client: { maxVersion: version, recordSizeLimit: 200 },
        server: { recordSizeLimit: 16_385 },
      });
      await pair.run();
      pair.server.setMaxFragment(16_384);
      pair.server.write(bytes(1000));
      await pair.run();
      assert.equal(pair.client.error, undefined, pair.client.error?.stack);
      assert.equal(pair.received.client.length, 1000);
      pair.server.setMaxFragment(100);
      pair.server.write(bytes(100));
      assert.equal(pair.server.takeOutgoing().length, 1);
    }
  });
});
