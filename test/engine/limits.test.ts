import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import { serverConfig } from '../../src/engine/config.ts';
import { drive } from '../../src/engine/driver.ts';
import { clientHost, serverHost } from '../../src/engine/host.ts';
import { MessageAssembler } from '../../src/engine/message-assembler.ts';
import type { RecordLayer } from '../../src/engine/record-layer.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import type { TlsError } from '../../src/errors.ts';
import { type RecordOutput, randomU32 } from '../../src/handshake/context.ts';
import type { Flow } from '../../src/handshake/flow.ts';
import type { Established } from '../../src/handshake/result.ts';
import type { TraceEvent } from '../../src/handshake/trace.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { encodeCertificate13 } from '../../src/wire/certificate.ts';
import { decodeCertificateRequest13 } from '../../src/wire/certificate-request.ts';
import { frameMessage } from '../../src/wire/handshake-type.ts';
import { encodeNewSessionTicket13 } from '../../src/wire/new-session-ticket.ts';
import { tls12 } from '../../src/wire/versions.ts';
import { clientDefaults, createPair, crypto, serverDefaults, testCredential } from '../handshake/pair.ts';
import { bytes, connected, LooseServer, turn } from './speak.ts';

const clock = { now: Date.now };
const credential = testCredential('client-ecdsa-p256');
const asksLater = {
  server: { verifyPeer: () => undefined },
  client: { credentials: [credential], postHandshakeAuth: true },
};

/** A client that answers a request for its certificate with a KeyUpdate between its messages. */
class InterruptedClient extends ClientConnection {
  protected override *start(output: RecordOutput): Flow<Established> {
    const established = yield* super.start(output);
    return {
      ...established,
      *receive(message): Flow<void> {
        const { certificateRequestContext } = decodeCertificateRequest13(message.body);
        const certificateList = credential.chain.map((certData) => ({ certData }));
        const body = encodeCertificate13({ certificateRequestContext, certificateList });
        output.sendMessage('certificate', frameMessage('certificate', body));
        established.updateKeys(false);
      },
    };
  }
}

function shake(client: ClientConnection, server: ServerConnection): void {
  let flight = turn(client);
  for (let i = 0; i < 3; i++) flight = turn(client, turn(server, flight));
  assert.ok(client.connected && server.connected);
}

function ticket(): Uint8Array {
  const body = encodeNewSessionTicket13({
    ticketLifetime: 100,
    ticketAgeAdd: 0,
    ticketNonce: bytes(1),
    ticket: bytes(32, 5),
    extensions: {},
  });
  return frameMessage('newSessionTicket', body);
}

describe('after the handshake', () => {
  test('tickets without end: sessions are bounded, and so are messages without data', async () => {
    const client = new ClientConnection({ ...clientDefaults });
    const server = new LooseServer({ ...serverDefaults });
    shake(client, server);
    for (let i = 0; i < 64; i++) server.output?.sendMessage('newSessionTicket', ticket());
    server.write(bytes(1));
    for (let i = 0; i < 64; i++) server.output?.sendMessage('newSessionTicket', ticket());
    turn(client, turn(server));
    assert.equal(client.error, undefined, client.error?.stack);
    assert.equal(client.takeSessions().length, 32);
    server.output?.sendMessage('newSessionTicket', ticket());
    turn(client, turn(server));
    assert.equal((client.error as TlsError | undefined)?.code, 'ERR_TLS_TOO_MANY_MESSAGES');
  });

  test('requests for a certificate while the host thinks are bounded', async () => {
    const pair = createPair(asksLater);
    await pair.run();
    for (let i = 0; i < 20; i++) {
      pair.server.requestClientCertificate();
      pair.server.write(bytes(1));
    }
    pair.client.receive(turn(pair.server));
    while (pair.client.advance().state === 'needsHost');
    assert.equal(pair.client.error?.code, 'ERR_TLS_TOO_MANY_MESSAGES');
  });

  test("each request of the peer for new keys is answered before this side's next data", async () => {
    const sent: string[] = [];
    const trace = (event: TraceEvent) => {
      if (event.kind === 'message' && event.direction === 'sent' && event.type === 'keyUpdate') sent.push('keyUpdate');
    };
    const pair = createPair({ server: { trace } });
    await pair.run();
    for (let i = 0; i < 3; i++) {
      pair.client.updateKeys(true);
      await pair.run();
    }
    // A side that is silent owes no answer; before it speaks, one answer serves all requests.
    assert.equal(sent.length, 0);
    pair.server.write(bytes(9));
    assert.equal(sent.length, 1);
    await pair.run();
    assert.equal(pair.client.error, undefined, pair.client.error?.stack);
    assert.equal(pair.received.client.length, 9);
    pair.server.write(bytes(9));
    assert.equal(sent.length, 1);
    pair.client.updateKeys(true);
    await pair.run();
    pair.server.write(bytes(9));
    assert.equal(sent.length, 2);
  });

  test('nothing comes between the parts of a message: data, alerts that close nothing (RFC 9846, Section 5.1)', () => {
    const keyUpdate = Uint8Array.of(24, 0, 0, 1, 0);
    for (const [type, between] of [
      [23, bytes(3)],
      [21, Uint8Array.of(1, 90)],
    ] as const) {
      const { client, server } = connected();
      const { writer } = server.output as RecordLayer;
      writer.write(22, keyUpdate.subarray(0, 3));
      writer.write(type, between);
      turn(client, ...server.takeOutgoing());
      assert.equal(client.error?.code, 'ERR_TLS_UNEXPECTED_RECORD', client.error?.stack);
    }
  });

  test('a number of four random bytes has all of them', () => {
    const random = () => Uint8Array.of(0x81, 2, 3, 4);
    assert.equal(randomU32({ ...serverConfig(serverDefaults), random }), 0x81020304);
  });

  test('two requests for a certificate, data and new keys in between: each response is in one piece', async () => {
    const sent: string[] = [];
    const trace = (event: TraceEvent) => {
      if (event.kind === 'message' && event.direction === 'sent') sent.push(event.type);
    };
    const pair = createPair({ ...asksLater, client: { ...asksLater.client, trace } }, 'whole', 'async');
    await pair.run();
    sent.length = 0;
    pair.server.requestClientCertificate();
    pair.server.requestClientCertificate();
    const running = pair.run();
    for (let i = 0; i < 12; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      pair.client.updateKeys();
      pair.client.write(bytes(1));
    }
    await running;
    await pair.run();
    assert.equal(pair.server.error, undefined, pair.server.error?.stack);
    assert.equal(pair.client.error, undefined, pair.client.error?.stack);
    const messages = sent.join(' ').replaceAll('certificate certificateVerify finished', 'RESPONSE');
    assert.equal(messages.match(/RESPONSE/g)?.length, 2);
    assert.doesNotMatch(messages, /certificate|finished/);
    assert.deepEqual(pair.server.info.peerCertificates, credential.chain);
  });

  test('two requests answered in another order than they came (RFC 9846, Section 4.6.2)', async () => {
    const contexts: Record<string, string[]> = { certificateRequest: [], certificate: [] };
    const trace = (event: TraceEvent) => {
      if (event.kind !== 'message' || event.direction !== 'sent') return;
      contexts[event.type]?.push(Buffer.from(event.raw.subarray(5, 5 + (event.raw[4] as number))).toString('hex'));
    };
    // The first signature is made after the second.
    const late: (() => void)[] = [];
    const { signer } = credential;
    const sign = (scheme: number, data: Uint8Array) =>
      new Promise<Uint8Array>((resolve) => late.unshift(() => resolve(signer.sign(scheme, data))));
    const pair = createPair({
      client: { ...asksLater.client, credentials: [{ ...credential, signer: { ...signer, sign } }], trace },
      server: { ...asksLater.server, trace },
    });
    await pair.run();
    contexts['certificate'] = [];
    pair.server.requestClientCertificate();
    pair.server.requestClientCertificate();
    await pair.run();
    assert.equal(late.length, 2);
    for (const answer of late) {
      answer();
      await new Promise((resolve) => setImmediate(resolve));
      await pair.run();
      assert.equal(pair.server.error, undefined, pair.server.error?.stack);
      assert.deepEqual(pair.server.info.peerCertificates, credential.chain);
    }
    assert.deepEqual(contexts['certificate'], contexts['certificateRequest']?.toReversed());
  });

  test('a client that interrupts its response is refused (RFC 9846, Section 4.6.2)', () => {
    const client = new InterruptedClient({ ...clientDefaults, ...asksLater.client });
    const server = new ServerConnection({ ...serverDefaults, ...asksLater.server });
    shake(client, server);
    server.requestClientCertificate();
    turn(server, turn(client, turn(server)));
    assert.equal(server.error?.code, 'ERR_TLS_UNEXPECTED_MESSAGE');
  });

  test('a client without a certificate answers, and is known to have none', async () => {
    const pair = createPair({ ...asksLater, client: { postHandshakeAuth: true } });
    await pair.run();
    pair.server.requestClientCertificate();
    await pair.run();
    assert.equal(pair.server.error, undefined);
    assert.deepEqual(pair.server.info.peerCertificates, []);
  });
});

describe('in the handshake', () => {
  test('messages come whole out of fragments of any size', () => {
    const messages = [1, 4, 0, 300, 5000, 2].map((length, i) => frameMessage('certificate', bytes(length, i + 1)));
    const all = messages.flatMap((raw) => [...raw]);
    for (const size of [1, 2, 3, 7, 299, 6000]) {
      const assembler = new MessageAssembler(6000);
      const read: Uint8Array[] = [];
      for (let at = 0; at < all.length; at += size) {
        assembler.push(Uint8Array.from(all.slice(at, at + size)));
        for (let next = assembler.peek(); next !== undefined; next = assembler.peek()) {
          assembler.take(next);
          read.push(next.raw);
        }
      }
      assert.deepEqual(
        read.map((raw) => [...raw]),
        messages.map((raw) => [...raw]),
        `fragments of ${size}`,
      );
      assert.equal(assembler.buffered, false);
    }
  });

  test('all early data that a ticket allows is skipped, in small records too', async () => {
    const sessions = new ServerSessions({ crypto, store: new MemoryStore({ clock }), maxEarlyDataSize: 60_000 });
    const first = createPair({ server: { sessions } });
    await first.run();
    const stricter = { sessions, groups: ['secp384r1'] as const };
    for (const server of [
      { sessions: new ServerSessions({ crypto, store: new MemoryStore({ clock }), maxEarlyDataSize: 60_000 }) },
      stricter,
    ]) {
      const client = { sessions: first.client.takeSessions(), earlyData: true };
      if (client.sessions.length === 0) continue;
      const pair = createPair({ client, server });
      pair.client.advance();
      for (let i = 0; i < 50; i++) pair.client.write(bytes(1000));
      // A byte takes 22 more on the wire.
      pair.client.setMaxFragment(1);
      for (let i = 0; i < 10; i++) pair.client.write(bytes(1000));
      await pair.run();
      assert.equal(pair.server.error, undefined, pair.server.error?.stack);
      assert.equal(pair.server.info.earlyData, 'rejected');
    }
  });

  test('TLS 1.2 resumption: a server says nothing before the client has proved itself (RFC 5246, Section 7.4.9)', async () => {
    const sessions = new ServerSessions({ crypto, store: new MemoryStore({ clock }) });
    const first = createPair({ client: { maxVersion: tls12 }, server: { sessions } });
    await first.run();
    const client = new ClientConnection({
      ...clientDefaults,
      maxVersion: tls12,
      sessions: first.client.takeSessions(),
    });
    const server = new ServerConnection({ ...serverDefaults, sessions });
    drive(client, clientHost(client.options), () => {});
    for (const chunk of client.takeOutgoing()) server.receive(chunk);
    drive(server, serverHost(server.options), () => {});
    assert.equal(server.writable, false);
    turn(server, turn(client, ...server.takeOutgoing()));
    assert.ok(server.writable && server.info.resumed);
  });
});
