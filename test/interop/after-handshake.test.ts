/** What comes after a handshake, with OpenSSL: key updates, late client certificates, resumption, 0-RTT, exporters. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { toHex } from '../../src/bytes/bytes.ts';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { ClientOptions, ServerOptions } from '../../src/engine/config.ts';
import { clientHost, serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { tls12, tls13 } from '../../src/wire/versions.ts';
import { nodeCrypto, testCredential, verifyWithTestRoot } from '../helpers/engine.ts';
import { freePort } from '../helpers/listening.ts';
import { rootFile, testIdentity } from '../helpers/pki.ts';
import { EngineStream } from './ours.ts';
import {
  bounded,
  connectWhenReady,
  listen,
  programVersion,
  type Running,
  start,
  temporaryFolder,
} from './processes.ts';

const installed = (await programVersion('openssl', ['version'], /^OpenSSL (\S+)/m)) !== undefined;
const skip = !installed && process.env['HANDFAST_REQUIRE_PEERS'] !== '1' && 'openssl is not installed';
const { leafFile, issuerFile, keyFile } = testIdentity('ecdsa-p256');
const late = testIdentity('client-rsa');

/** Waits until `condition` holds. */
async function until(condition: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 15_000; !condition(); ) {
    if (Date.now() > end) throw new Error(`${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function sessionsOf(extra: Partial<ConstructorParameters<typeof ServerSessions>[0]> = {}): ServerSessions {
  const clock = { now: () => Date.now() };
  const keyring = new TicketKeyring({ crypto: nodeCrypto, clock });
  return new ServerSessions({
    crypto: nodeCrypto,
    keyring,
    store: new MemoryStore({ clock, claimsSince: 0 }),
    ...extra,
  });
}

interface Served {
  readonly connection: ServerConnection;
  readonly stream: EngineStream;
  readonly messages: string[];
  received: string;
}

/** Our server, that notes what comes; each connection answers a line `ping` with `pong`. */
async function serve(options: Partial<ServerOptions>): Promise<{ port: number; close(): void; served: Served[] }> {
  const served: Served[] = [];
  const server = await listen((socket) => {
    const messages: string[] = [];
    const own: ServerOptions = {
      crypto: nodeCrypto,
      credentials: [testCredential('ecdsa-p256')],
      verifyPeer: verifyWithTestRoot,
      ...options,
      trace: (event) => {
        if (event.kind === 'message') messages.push(`${event.direction} ${event.type}`);
      },
    };
    const connection = new ServerConnection(own);
    const stream = new EngineStream(connection, serverHost(own), socket);
    const each: Served = { connection, stream, messages, received: '' };
    served.push(each);
    stream.handshakeDone.catch(() => {});
    stream.on('error', () => {});
    stream.on('data', (data: Buffer) => {
      each.received += data;
      if (data.includes('ping')) stream.write('pong\n');
    });
    stream.on('end', () => stream.end());
  });
  return { ...server, served };
}

function client(port: number, more: readonly string[]): Running & { output(): string } {
  const program = start('openssl', [
    ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost', '-CAfile', rootFile],
    ...['-verify_return_error', ...more],
  ]);
  let text = '';
  program.stdout.on('data', (data: Buffer) => {
    text += data;
  });
  return { ...program, output: () => text };
}

async function serverProgram(more: readonly string[]): Promise<{ program: Running; port: number; output(): string }> {
  const port = await freePort();
  const program = start('openssl', [
    ...[
      's_server',
      '-accept',
      `127.0.0.1:${port}`,
      '-cert',
      leafFile,
      '-key',
      keyFile,
      '-cert_chain',
      issuerFile,
      ...more,
    ],
  ]);
  let text = '';
  program.stdout.on('data', (data: Buffer) => {
    text += data;
  });
  return { program, port, output: () => text };
}

async function connect(port: number, options: Partial<ClientOptions>) {
  const messages: string[] = [];
  const own: ClientOptions = {
    crypto: nodeCrypto,
    serverName: 'localhost',
    verifyPeer: verifyWithTestRoot,
    ...options,
    trace: (event) => {
      if (event.kind === 'message') messages.push(`${event.direction} ${event.type}`);
    },
  };
  const connection = new ClientConnection(own);
  const socket = await connectWhenReady(port, () => true);
  const stream = new EngineStream(connection, clientHost(own), socket);
  stream.on('error', () => {});
  let received = '';
  stream.on('data', (data: Buffer) => {
    received += data;
  });
  await bounded(stream.handshakeDone, 'the handshake');
  return { connection, stream, messages, socket, received: () => received };
}

describe('after the handshake, with OpenSSL', { skip }, () => {
  test('our server: key updates that the peer asks for, and that we ask for', async () => {
    const server = await serve({});
    const program = client(server.port, ['-tls1_3']);
    try {
      await until(() => server.served[0]?.connection.connected === true, 'the handshake');
      const [side] = server.served as [Served];
      await until(
        () => program.output().includes('Post-Handshake') || program.output().includes('---\n'),
        'the prompt',
      );
      program.stdin.write('K\n');
      await until(() => side.messages.includes('received keyUpdate'), 'the KeyUpdate of the peer');
      program.stdin.write('ping\n');
      await until(() => program.output().includes('pong'), 'the answer under new keys');
      assert.equal(side.messages.filter((message) => message === 'sent keyUpdate').length, 1);
      side.connection.updateKeys(true);
      side.stream.flush();
      side.stream.write('again\n');
      await until(() => program.output().includes('again'), 'data under the next keys');
      // OpenSSL answers with the next data that it sends.
      program.stdin.write('ping\n');
      await until(() => side.messages.filter((message) => message === 'received keyUpdate').length === 2, 'the answer');
    } finally {
      await program.stop();
      server.close();
    }
  });

  test('our client: key updates', async () => {
    const { program, port, output } = await serverProgram(['-tls1_3', '-quiet', '-naccept', '1']);
    const { connection, stream, messages, socket, received } = await connect(port, {});
    try {
      connection.updateKeys(true);
      stream.write('first\n');
      await until(() => output().includes('first'), 'data under new keys');
      program.stdin.write('second\n');
      await until(() => received().includes('second'), 'data of the peer under new keys');
      assert.ok(messages.includes('received keyUpdate'));
    } finally {
      socket.destroy();
      await program.stop();
    }
  });

  test('our server asks for a client certificate after the handshake', async () => {
    const server = await serve({});
    const program = client(server.port, [
      '-tls1_3',
      '-quiet',
      '-enable_pha',
      '-cert',
      late.leafFile,
      '-key',
      late.keyFile,
      '-cert_chain',
      late.issuerFile,
    ]);
    try {
      await until(() => server.served[0]?.connection.connected === true, 'the handshake');
      const [side] = server.served as [Served];
      assert.equal(side.connection.info.peerCertificates.length, 0);
      side.connection.requestClientCertificate();
      side.stream.flush();
      await until(() => side.connection.info.peerCertificates.length > 0, 'the certificate');
      assert.deepEqual(side.connection.info.peerCertificates, late.chain);
      program.stdin.write('ping\n');
      await until(() => program.output().includes('pong'), 'data afterwards');
    } finally {
      await program.stop();
      server.close();
    }
  });

  test('our client shows its certificate after the handshake', async () => {
    const { program, port, output } = await serverProgram([
      '-tls1_3',
      '-naccept',
      '1',
      '-verify',
      '5',
      '-CAfile',
      rootFile,
    ]);
    const own = await connect(port, { postHandshakeAuth: true, credentials: [testCredential('client-rsa')] });
    try {
      own.stream.write('hello\n');
      await until(() => output().includes('hello'), 'data');
      program.stdin.write('c\n');
      await until(
        () => own.messages.filter((message) => message === 'sent finished').length === 2,
        'the late Finished',
      );
      own.stream.write('still there\n');
      await until(() => output().includes('still there'), 'data afterwards');
      assert.match(program.said(), /Handfast test client/);
    } finally {
      own.socket.destroy();
      await program.stop();
    }
  });

  for (const [name, flags, sessions, resumption] of [
    ['TLS 1.3 PSK', ['-tls1_3'], {}, 'psk'],
    ['TLS 1.3 PSK, stateful', ['-tls1_3'], { tls13Tickets: 'stateful' }, 'psk'],
    ['TLS 1.2 ticket', ['-tls1_2'], {}, 'ticket'],
    ['TLS 1.2 session ID', ['-tls1_2', '-no_ticket'], {}, 'sessionId'],
  ] as const) {
    test(`our server resumes: ${name}`, async () => {
      const server = await serve({ sessions: sessionsOf(sessions) });
      const file = join(temporaryFolder(), 'session');
      try {
        for (const [i, extra] of [
          ['-sess_out', file],
          ['-sess_in', file],
        ].entries()) {
          const program = client(server.port, [...flags, ...extra]);
          try {
            program.stdin.write('ping\n');
            await until(() => program.output().includes('pong'), 'the answer');
            program.stdin.end();
            await bounded(program.exited, 'the end of s_client');
            assert.equal(server.served[i]?.connection.info.resumption, i === 0 ? 'none' : resumption);
            assert.match(program.output(), i === 0 ? /^New, /m : /^Reused, /m);
          } catch (error) {
            throw new Error(`${(error as Error).message}; s_client said: ${program.said()} ${program.output()}`);
          } finally {
            await program.stop();
          }
        }
      } finally {
        server.close();
      }
    });
  }

  test('our server takes 0-RTT', async () => {
    const sessions = sessionsOf({ maxEarlyDataSize: 16_384 });
    const server = await serve({ sessions });
    const folder = temporaryFolder();
    const [file, data] = [join(folder, 'session'), join(folder, 'early')];
    writeFileSync(data, 'early bird ping\n');
    try {
      for (const extra of [
        ['-sess_out', file],
        ['-sess_in', file, '-early_data', data],
      ]) {
        const program = client(server.port, ['-tls1_3', ...extra]);
        program.stdin.write('ping\n');
        await until(() => program.output().includes('pong'), 'the answer');
        program.stdin.end();
        await bounded(program.exited, 'the end of s_client');
      }
      assert.equal(server.served[1]?.connection.info.earlyData, 'accepted');
      assert.match(server.served[1]?.received ?? '', /^early bird/);
    } finally {
      server.close();
    }
  });

  for (const [name, flags, maxVersion, resumption] of [
    ['TLS 1.3 PSK', [], tls13, 'psk'],
    ['TLS 1.2 ticket', [], tls12, 'ticket'],
    ['TLS 1.2 session ID', ['-no_ticket'], tls12, 'sessionId'],
  ] as const) {
    test(`our client resumes: ${name}`, async () => {
      const { program, port, output } = await serverProgram([
        '-quiet',
        '-early_data',
        '-max_early_data',
        '1000',
        ...flags,
      ]);
      try {
        const first = await connect(port, { maxVersion });
        program.stdin.write('one\n');
        await until(() => first.received().includes('one'), 'data');
        const sessions = first.connection.takeSessions();
        assert.ok(sessions.length > 0);
        first.stream.end();
        await bounded(once(first.stream, 'end'), 'the end');
        first.socket.destroy();
        const second = await connect(port, { maxVersion, sessions: sessions.slice(0, 1) });
        assert.equal(second.connection.info.resumption, resumption);
        second.stream.write('two\n');
        await until(() => output().includes('two'), 'data');
        second.socket.destroy();
      } finally {
        await program.stop();
      }
    });
  }

  test('both sides export the same keying material', async () => {
    const server = await serve({});
    for (const [i, version] of ['-tls1_3', '-tls1_2'].entries()) {
      const program = client(server.port, [version, '-keymatexport', 'EXPORTER-handfast', '-keymatexportlen', '40']);
      try {
        program.stdin.write('ping\n');
        await until(() => program.output().includes('pong'), 'the answer');
        const theirs = /Keying material: ([0-9A-F]+)/.exec(program.output())?.[1];
        const ours = server.served[i]?.connection.exportKeyingMaterial(40, 'EXPORTER-handfast');
        assert.equal(theirs?.toLowerCase(), toHex(ours as Uint8Array));
      } finally {
        await program.stop();
      }
    }
    server.close();
  });
});
