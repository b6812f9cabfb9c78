import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { concat, toHex } from '../../src/bytes/bytes.ts';
import type { Connection } from '../../src/engine/connection.ts';
import { drive } from '../../src/engine/driver.ts';
import { clientHost, serverHost } from '../../src/engine/host.ts';
import { nodeCrypto } from '../helpers/engine.ts';
import { outgoing, Rfc8448Trace, TraceClient, TraceServer } from './rfc8448.ts';

/** Key log lines (RFC 9850) by label. */
function keyLog(): { lines: Map<string, string>; add: (line: string) => void } {
  const lines = new Map<string, string>();
  return {
    lines,
    add(line) {
      const [label, , secret] = line.split(' ') as [string, string, string];
      lines.set(label, secret);
    },
  };
}

const secretNames = {
  CLIENT_HANDSHAKE_TRAFFIC_SECRET: 'derive secret "tls13 c hs traffic"',
  SERVER_HANDSHAKE_TRAFFIC_SECRET: 'derive secret "tls13 s hs traffic"',
  CLIENT_TRAFFIC_SECRET_0: 'derive secret "tls13 c ap traffic"',
  SERVER_TRAFFIC_SECRET_0: 'derive secret "tls13 s ap traffic"',
  EXPORTER_SECRET: 'derive secret "tls13 exp master"',
} as const;

function checkSecrets(trace: Rfc8448Trace, lines: Map<string, string>): void {
  for (const [label, step] of Object.entries(secretNames)) {
    assert.equal(lines.get(label), toHex(trace.value('server', step, 'expanded')), label);
  }
}

const clientAnswers = clientHost({ crypto: nodeCrypto, verifyPeer: () => undefined });
const serverAnswers = serverHost({ crypto: nodeCrypto, verifyPeer: () => undefined });

/** What the connection sends after it has received these records. */
function exchange(connection: Connection, records: readonly Uint8Array[]): string {
  for (const record of records) connection.receive(record.slice());
  drive(connection, connection instanceof TraceClient ? clientAnswers : serverAnswers, () => {});
  assert.equal(connection.error, undefined, connection.error?.stack);
  return toHex(outgoing(connection));
}

const hex = (records: readonly Uint8Array[]) => toHex(concat(...records));

/** Splits the server's records into flights: what it sends before each answer of the client. */
function flights(trace: Rfc8448Trace): { client: Uint8Array[][]; server: Uint8Array[][] } {
  const client = trace.records('client');
  const server = trace.records('server');
  const hellos = trace.retried ? 2 : 1;
  const handshake = trace.compatible ? 3 : 2;
  const finished = trace.compatible ? 2 : 1;
  return {
    client: [
      ...client.slice(0, hellos).map((record) => [record]),
      client.slice(hellos, hellos + finished),
      client.slice(hellos + finished),
    ],
    server: [
      ...(trace.retried ? [server.slice(0, 1)] : []),
      server.slice(hellos - 1, hellos - 1 + handshake),
      server.slice(hellos - 1 + handshake),
    ],
  };
}

for (const name of ['simple-1-rtt', 'hello-retry-request', 'client-authentication', 'compatibility-mode']) {
  describe(`RFC 8448, ${name}`, () => {
    const trace = new Rfc8448Trace(name);
    const expected = flights(trace);
    const [ticket] = trace.all('server', 'construct a NewSessionTicket', 'NewSessionTicket');
    const data = trace.all('client', 'send application_data', 'payload')[0];

    test('the client sends the same records and derives the same secrets', () => {
      const log = keyLog();
      const client = new TraceClient(trace, log.add);
      let flight = 0;
      assert.equal(exchange(client, []), hex(expected.client[flight] as Uint8Array[]), 'ClientHello');
      for (; flight < expected.server.length - 1; flight++) {
        const sent = exchange(client, expected.server[flight] as Uint8Array[]);
        assert.equal(sent, hex(expected.client[flight + 1] as Uint8Array[]), `flight ${flight + 1}`);
      }
      assert.ok(client.connected);
      checkSecrets(trace, log.lines);

      const [first, ...rest] = expected.server[flight] as Uint8Array[];
      const closing = expected.client[flight + 1] as Uint8Array[];
      if (ticket !== undefined && data !== undefined) {
        assert.equal(exchange(client, [first as Uint8Array]), '');
        const [session] = client.takeSessions();
        const psk = trace.value('server', 'generate resumption secret', 'expanded');
        assert.equal(toHex(session?.state.secret as Uint8Array), toHex(psk));
        client.write(data);
        assert.equal(exchange(client, []), hex(closing.slice(0, 1)), 'application data');
        assert.equal(exchange(client, rest.slice(0, 1)), '');
        assert.deepEqual(concat(...client.takeApplicationData()), data);
      }
      client.closeWrite();
      assert.equal(exchange(client, []), hex(closing.slice(-1)), 'close_notify');
      assert.equal(exchange(client, (expected.server[flight] as Uint8Array[]).slice(-1)), '');
      assert.ok(client.closed && !client.truncated);
    });

    test('the server sends the same records and derives the same secrets', () => {
      const log = keyLog();
      const server = new TraceServer(trace, log.add);
      const last = expected.server.length - 1;
      for (let flight = 0; flight < last; flight++) {
        const sent = exchange(server, expected.client[flight] as Uint8Array[]);
        assert.equal(sent, hex(expected.server[flight] as Uint8Array[]), `flight ${flight}`);
      }
      assert.equal(exchange(server, expected.client[last] as Uint8Array[]), '', 'after Finished');
      assert.ok(server.connected);
      checkSecrets(trace, log.lines);

      const closing = expected.client[last + 1] as Uint8Array[];
      const own = expected.server[last] as Uint8Array[];
      if (ticket !== undefined && data !== undefined) {
        server.sendTicket();
        assert.equal(exchange(server, []), hex(own.slice(0, 1)), 'NewSessionTicket');
        assert.equal(exchange(server, closing.slice(0, 1)), '');
        assert.deepEqual(concat(...server.takeApplicationData()), data);
        server.write(data);
        assert.equal(exchange(server, []), hex(own.slice(1, 2)), 'application data');
      }
      assert.equal(exchange(server, closing.slice(-1)), '');
      assert.ok(server.peerClosed && !server.closed);
      server.closeWrite();
      assert.equal(exchange(server, []), hex(own.slice(-1)), 'close_notify');
      assert.ok(server.closed);
    });
  });
}
