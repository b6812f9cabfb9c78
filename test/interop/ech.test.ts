/** Encrypted Client Hello (RFC 9849) with Go's crypto/tls, in both roles. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { describe, test } from 'node:test';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { ClientOptions, EchKey, ServerOptions } from '../../src/engine/config.ts';
import { createEchKey } from '../../src/engine/ech-key.ts';
import { clientHost, serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { EchRejectedError } from '../../src/errors.ts';
import type { ClientSession } from '../../src/session/client-session.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { encodeEchConfigList } from '../../src/wire/ech-config.ts';
import { nodeCrypto, testCredential, verifyWithTestRoot } from '../helpers/engine.ts';
import { rootFile, testIdentity } from '../helpers/pki.ts';
import { EngineStream } from './ours.ts';
import { go, program } from './peers/go.ts';
import { serverThatPrintsItsPort } from './peers/program-server.ts';
import { bounded, listen, start } from './processes.ts';

const installed = (await go.version()) !== undefined;
const skip = !installed && process.env['HANDFAST_REQUIRE_PEERS'] !== '1' && 'go is not installed';
if (!skip) await go.prepare?.();

const secret = 'secret.example.test';
const key = createEchKey(nodeCrypto, { publicName: 'public.example.test', configId: 1 });
const otherKey = createEchKey(nodeCrypto, { publicName: 'public.example.test', configId: 2 });
const p256Key = createEchKey(nodeCrypto, { publicName: 'public.example.test', configId: 3, group: 'secp256r1' });

const listOf = (...keys: EchKey[]) => encodeEchConfigList(keys.map(({ config }) => config));
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const { chainFile, keyFile } = testIdentity('ecdsa-p256');
const env = { GODEBUG: 'tlsmlkem=1' };

describe('Go is the client', { skip }, () => {
  const clock = { now: () => Date.now() };
  const sessions = new ServerSessions({
    crypto: nodeCrypto,
    keyring: new TicketKeyring({ crypto: nodeCrypto, clock }),
    store: new MemoryStore({ clock }),
  });

  /** What Go prints, and what our server saw, over as many connections as are asked for. */
  async function goAsks(configList: Uint8Array, server: Partial<ServerOptions>, connections: number) {
    const options: ServerOptions = {
      crypto: nodeCrypto,
      credentials: [testCredential('ecdsa-p256')],
      sessions,
      ...server,
    };
    const seen: string[] = [];
    const listener = await listen((socket) => {
      const connection = new ServerConnection(options);
      const stream = new EngineStream(connection, serverHost(options), socket);
      stream.on('error', () => {});
      void stream.handshakeDone.then(
        () => {
          const { echAccepted, serverName, helloRetryRequest } = connection.info;
          seen.push(`${echAccepted} ${serverName}${helloRetryRequest ? ' retried' : ''}`);
        },
        (error: Error) => seen.push(error.message),
      );
      stream.pipe(stream);
    });
    const words = ['-role', 'client', '-port', String(listener.port), '-root', rootFile, '-version', '0x0304'];
    const ech = ['-name', secret, '-ech-config-list', base64(configList), '-connections', String(connections)];
    const client = start(program, [...words, ...ech], { env });
    let printed = '';
    client.stdout.on('data', (chunk: Buffer) => (printed += chunk));
    client.stdin.end('hello');
    const code = await bounded(client.exited, 'the end of the Go client');
    await listener.close();
    assert.equal(code, 0, client.said());
    return { printed: printed.trim().split('\n'), seen };
  }

  for (const [name, server] of [
    ['', {}],
    [', after a HelloRetryRequest', { groups: ['secp384r1'] }],
  ] as const) {
    test(`hidden, and resumed${name}`, async () => {
      const { printed, seen } = await goAsks(listOf(key), { echKeys: [otherKey, key], ...server }, 2);
      assert.deepEqual(printed, ['resumed false', 'ech true', 'resumed true', 'ech true']);
      const line = `true ${secret}${name === '' ? '' : ' retried'}`;
      assert.deepEqual(seen, [line, line]);
    });

    test(`refused, with the configs to try instead${name}`, async () => {
      const { printed, seen } = await goAsks(listOf(key), { echKeys: [otherKey], ...server }, 1);
      assert.deepEqual(printed, [`rejected ${base64(listOf(otherKey))}`]);
      // Go ends the handshake before its Finished or after it.
      assert.match(seen.join(), /echRequired|public\.example\.test/);
    });
  }

  test('over P-256', async () => {
    const { printed } = await goAsks(listOf(p256Key), { echKeys: [p256Key] }, 1);
    assert.deepEqual(printed, ['ech true']);
  });
});

describe('Go is the server', { skip }, () => {
  async function goServes(echKey: EchKey, connections: number, more: string[] = []) {
    const words = ['-role', 'server', '-root', rootFile, '-version', '0x0304', '-cert', chainFile, '-key', keyFile];
    const ech = ['-ech-config', base64(echKey.config), '-ech-key', base64(echKey.privateKey)];
    return serverThatPrintsItsPort(
      start(program, [...words, ...ech, '-connections', String(connections), ...more], { env }),
    );
  }

  /** One connection of our client: an echo, and the sessions that it gave. */
  async function ask(port: number, extra: Partial<ClientOptions>) {
    const options: ClientOptions = { crypto: nodeCrypto, serverName: secret, verifyPeer: verifyWithTestRoot, ...extra };
    const connection = new ClientConnection(options);
    const socket = createConnection(port, '127.0.0.1');
    await once(socket, 'connect');
    const stream = new EngineStream(connection, clientHost(options), socket);
    stream.on('error', () => {});
    const error = await stream.handshakeDone.then(
      () => undefined,
      (refusal: Error) => refusal,
    );
    if (error !== undefined) return { connection, error, sessions: [] as ClientSession[] };
    stream.end('hello');
    let echo = '';
    for await (const chunk of stream) echo += chunk;
    assert.equal(echo, 'hello');
    return { connection, error: undefined, sessions: connection.takeSessions() };
  }

  for (const [name, more] of [
    ['', []],
    [', after a HelloRetryRequest', ['-group', '24']],
  ] as const) {
    test(`hidden, and resumed${name}`, async () => {
      const server = await goServes(key, 2, [...more]);
      let sessions: ClientSession[] = [];
      for (const resumed of [false, true]) {
        // By itself a resuming client sends the share that the server asked for the last time.
        const keyShares = name === '' ? {} : ({ keyShares: ['x25519'] } as const);
        const result = await ask(server.port, { ech: { configList: listOf(key) }, sessions, ...keyShares });
        assert.equal(result.error, undefined, result.error?.stack);
        const { info } = result.connection;
        assert.equal(info.echAccepted, true);
        assert.equal(info.resumed, resumed);
        assert.equal(info.helloRetryRequest, name !== '');
        sessions = result.sessions;
      }
      await bounded(new Promise((resolve) => setTimeout(resolve, 200)), 'the words of the server');
      assert.equal(server.output().match(/ech true secret\.example\.test/g)?.length, 2, server.output());
      await server.stop();
    });

    test(`refused, with the configs to try instead${name}`, async () => {
      const server = await goServes(otherKey, 2, [...more]);
      const { error } = await ask(server.port, { ech: { configList: listOf(key) } });
      assert.ok(error instanceof EchRejectedError, error?.stack);
      assert.deepEqual(error.retryConfigs, listOf(otherKey));
      const again = await ask(server.port, { ech: { configList: error.retryConfigs } });
      assert.equal(again.connection.info.echAccepted, true);
      await server.stop();
    });
  }

  test('over P-256, and with GREASE', async () => {
    const server = await goServes(p256Key, 2);
    const hidden = await ask(server.port, { ech: { configList: listOf(p256Key) } });
    assert.equal(hidden.connection.info.echAccepted, true);
    const grease = await ask(server.port, { ech: { grease: true } });
    assert.equal(grease.connection.info.echAccepted, false);
    await server.stop();
  });
});
