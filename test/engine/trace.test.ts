import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { ClientOptions } from '../../src/engine/config.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import type { RecordOutput } from '../../src/handshake/context.ts';
import type { TraceEvent } from '../../src/handshake/trace.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { decodeCertificateRequest13 } from '../../src/wire/certificate-request.ts';
import { decodeNewSessionTicket13 } from '../../src/wire/new-session-ticket.ts';
import { isGrease, tls12, tls13 } from '../../src/wire/versions.ts';
import { clientDefaults, createPair, crypto, serverDefaults, testCredential } from '../handshake/pair.ts';
import { turn } from './speak.ts';

/** A handshake with a trace and a key log on both sides. */
async function traced(client: Partial<ClientOptions>) {
  const events = { client: [] as TraceEvent[], server: [] as TraceEvent[] };
  const keyLog = { client: [] as string[], server: [] as string[] };
  const pair = createPair({
    client: { ...client, trace: (event) => events.client.push(event), keyLog: (line) => keyLog.client.push(line) },
    server: {
      trace: (event) => events.server.push(event),
      keyLog: (line) => keyLog.server.push(line),
      clientCertificate: 'request',
      verifyPeer: () => undefined,
    },
  });
  await pair.run();
  assert.equal(pair.server.error, undefined, pair.server.error?.stack);
  return { pair, events, keyLog };
}

const flow = (events: readonly TraceEvent[]) =>
  events.flatMap((event) =>
    event.kind === 'message' ? [`${event.direction} ${event.type} under ${event.epoch}`] : [],
  );

describe('the trace', () => {
  test('tells every message of TLS 1.3 in order, with its direction and its keys', async () => {
    const { events } = await traced({ credentials: [testCredential('client-ecdsa-p256')] });
    assert.deepEqual(flow(events.server), [
      'received clientHello under none',
      'sent serverHello under none',
      'sent changeCipherSpec under none',
      'sent encryptedExtensions under handshake',
      'sent certificateRequest under handshake',
      'sent certificate under handshake',
      'sent certificateVerify under handshake',
      'sent finished under handshake',
      'received certificate under handshake',
      'received certificateVerify under handshake',
      'received finished under handshake',
    ]);
    const mirrored = (side: readonly TraceEvent[]) =>
      flow(side)
        .filter((line) => !line.includes('changeCipherSpec'))
        .map((line) => line.replace(/^\w+ /, ''));
    assert.deepEqual(mirrored(events.client), mirrored(events.server));
  });

  test('tells every message of TLS 1.2', async () => {
    const { events } = await traced({ maxVersion: tls12 });
    assert.deepEqual(flow(events.client), [
      'sent clientHello under none',
      'received serverHello under none',
      'received certificate under none',
      'received serverKeyExchange under none',
      'received certificateRequest under none',
      'received serverHelloDone under none',
      'sent certificate under none',
      'sent clientKeyExchange under none',
      'sent changeCipherSpec under none',
      'sent finished under application',
      'received changeCipherSpec under none',
      'received finished under application',
    ]);
  });

  test('names what the codes mean, and why each choice was made', async () => {
    const { events } = await traced({ groups: ['x25519', 'secp256r1'] });
    const hello = events.server.find((event) => event.kind === 'message' && event.type === 'clientHello');
    assert.ok(hello?.kind === 'message');
    const extensions = hello.fields['extensions'] as Record<string, unknown>;
    assert.deepEqual(extensions['supportedGroups'], ['x25519', 'secp256r1']);
    assert.deepEqual(extensions['supportedVersions'], ['TLS 1.3', 'TLS 1.2']);
    assert.ok((hello.fields['cipherSuites'] as string[]).includes('TLS_AES_128_GCM_SHA256'));
    const decisions = events.server.flatMap((event) => (event.kind === 'decision' ? [event] : []));
    for (const about of ['version', 'cipherSuite', 'credential', 'signatureScheme', 'group', 'clientCertificate']) {
      const decision = decisions.find((event) => event.about === about);
      assert.ok(decision !== undefined && decision.choice.length > 0 && decision.reason.length > 0, about);
    }
    const keys = events.server.flatMap((event) =>
      event.kind === 'keyChange' ? [`${event.direction} ${event.secret}`] : [],
    );
    assert.deepEqual(keys, [
      'sent serverHandshakeTrafficSecret',
      'received clientHandshakeTrafficSecret',
      'sent serverApplicationTrafficSecret',
      'received clientApplicationTrafficSecret',
    ]);
  });

  for (const version of [tls13, tls12] as const) {
    test(`holds no secret (${version.toString(16)}), and neither do the key logs differ`, async () => {
      const { events, keyLog } = await traced({ maxVersion: version });
      assert.deepEqual(keyLog.client, keyLog.server);
      const labels = keyLog.server.map((line) => line.split(' ')[0]);
      assert.deepEqual(
        labels,
        version === tls12
          ? ['CLIENT_RANDOM']
          : [
              'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
              'SERVER_HANDSHAKE_TRAFFIC_SECRET',
              'CLIENT_TRAFFIC_SECRET_0',
              'SERVER_TRAFFIC_SECRET_0',
              'EXPORTER_SECRET',
            ],
      );
      const told = JSON.stringify([events.client, events.server], (_, value) =>
        value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
      );
      for (const line of keyLog.server) {
        const secret = line.split(' ')[2] as string;
        assert.ok(secret.length >= 64 && !told.includes(secret));
      }
    });
  }
});

test('GREASE, permutation and padding of a ClientHello are taken by the server', async () => {
  for (let i = 0; i < 20; i++) {
    const pair = createPair({ client: { grease: true, permuteExtensions: true, padClientHelloTo: 517 } });
    await pair.run();
    assert.equal(pair.server.error, undefined, pair.server.error?.stack);
    assert.ok(pair.client.connected);
  }
});

describe('GREASE of a server (RFC 8701, Section 4.1)', () => {
  async function served(grease: boolean) {
    const events: TraceEvent[] = [];
    const sessions = new ServerSessions({
      crypto,
      store: new MemoryStore({ clock: { now: Date.now } }),
      maxEarlyDataSize: 1000,
    });
    const pair = createPair({
      client: {
        credentials: [testCredential('client-ecdsa-p256')],
        postHandshakeAuth: true,
        trace: (event) => events.push(event),
      },
      server: { grease, sessions, clientCertificate: 'request', verifyPeer: () => undefined },
    });
    await pair.run();
    pair.server.requestClientCertificate();
    await pair.run();
    assert.equal(pair.client.error, undefined, pair.client.error?.stack);
    const bodies = events.flatMap((event) =>
      event.kind === 'message' &&
      event.direction === 'received' &&
      (event.type === 'certificateRequest' || event.type === 'newSessionTicket')
        ? [{ type: event.type, body: event.raw.subarray(4) }]
        : [],
    );
    const sessionsTaken = pair.client.takeSessions();
    return { pair, bodies, sessionsTaken };
  }

  test('is in CertificateRequest and NewSessionTicket, and a client passes over it', async () => {
    for (let i = 0; i < 8; i++) {
      const { pair, bodies, sessionsTaken } = await served(true);
      assert.deepEqual(
        bodies.map(({ type }) => type),
        ['certificateRequest', 'newSessionTicket', 'newSessionTicket', 'certificateRequest'],
      );
      for (const { type, body } of bodies) {
        if (type === 'certificateRequest') {
          const { extensions, extensionOrder } = decodeCertificateRequest13(body);
          assert.ok(isGrease(extensionOrder[0] as number) && isGrease(extensions.signatureAlgorithms?.[0] as number));
          assert.ok(!isGrease(extensions.signatureAlgorithms?.[1] as number));
        } else {
          const { extensions, extensionOrder } = decodeNewSessionTicket13(body);
          assert.ok(isGrease(extensionOrder?.[0] as number));
          assert.equal(extensions?.earlyData, 1000);
        }
      }
      assert.ok(pair.server.info.peerCertificates.length > 0);
      assert.equal(sessionsTaken.length, 2);
    }
  });

  test('is not there unless it is asked for', async () => {
    for (const { type, body } of (await served(false)).bodies) {
      const { extensionOrder } =
        type === 'certificateRequest' ? decodeCertificateRequest13(body) : decodeNewSessionTicket13(body);
      assert.ok(extensionOrder?.every((code) => !isGrease(code)));
    }
  });
});

test('exporters: TLS 1.2 tells no context from an empty one apart, TLS 1.3 does not', async () => {
  for (const version of [tls12, tls13] as const) {
    const pair = createPair({ client: { maxVersion: version } });
    await pair.run();
    const [none, empty] = [undefined, new Uint8Array(0)].map((context) =>
      Buffer.from(pair.client.exportKeyingMaterial(32, 'EXPORTER-test', context)).toString('hex'),
    );
    assert.equal(none === empty, version === tls13);
    const served = pair.server.exportKeyingMaterial(32, 'EXPORTER-test');
    assert.equal(Buffer.from(served).toString('hex'), none);
  }
});

test('record_size_limit holds for the record that brings it (RFC 8449, Section 4)', async () => {
  for (const ignores of [false, true]) {
    class LongRecords extends ServerConnection {
      protected override start(output: RecordOutput) {
        const { setRecordSizeLimits } = output;
        if (ignores)
          output.setRecordSizeLimits = (_, receiving) => setRecordSizeLimits.call(output, undefined, receiving);
        return super.start(output);
      }
    }
    const server = new LongRecords({ ...serverDefaults, recordSizeLimit: 16_385 });
    const client = new ClientConnection({ ...clientDefaults, recordSizeLimit: 512 });
    const flight = turn(server, turn(client));
    turn(client, flight);
    assert.equal(client.error?.code, ignores ? 'ERR_TLS_RECORD_OVERFLOW' : undefined);
    assert.equal(client.connected, !ignores);
  }
});

test('record_size_limit holds in both directions', async () => {
  const pair = createPair({ client: { recordSizeLimit: 200 }, server: { recordSizeLimit: 300 } });
  await pair.run();
  pair.server.write(new Uint8Array(1000));
  const records = pair.server.takeOutgoing();
  const first = records[0] as Uint8Array;
  const length = ((first[3] as number) << 8) | (first[4] as number);
  assert.equal(length, 200 + 16);
  for (const bytes of records) pair.client.receive(bytes);
  await pair.run();
  assert.equal(pair.received.client.length, 1000);
});
