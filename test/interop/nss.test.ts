/**
 * What NSS speaks and few others do: a client that takes delegated credentials (RFC 9345), Encrypted Client Hello (RFC 9849)
 * and external pre-shared keys of TLS 1.3, in both roles.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { encodePem } from '../../src/bytes/pem.ts';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { ClientOptions, EchKey, ServerOptions } from '../../src/engine/config.ts';
import { createEchKey } from '../../src/engine/ech-key.ts';
import { clientHost, serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { EchRejectedError } from '../../src/errors.ts';
import { createDelegatedCredential } from '../../src/node/context/delegated-credentials.ts';
import tls from '../../src/node/tls.ts';
import { oids } from '../../src/pki/der/oid.ts';
import { derNull } from '../../src/pki/der/writer.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { encodeEchConfigList } from '../../src/wire/ech-config.ts';
import { nodeCrypto, testCredential, verifyWithTestRoot } from '../helpers/engine.ts';
import { freePort, listening } from '../helpers/listening.ts';
import { dns, testCertificate, testKey } from '../pki/support.ts';
import { EngineStream } from './ours.ts';
import { database, nssVersion } from './peers/nss.ts';
import { bounded, connectWhenReady, listen, run, start, startServer, temporaryFolder } from './processes.ts';

const version = await nssVersion();
const installed = version !== undefined;
const skip = !installed && process.env['HANDFAST_REQUIRE_PEERS'] !== '1' && 'tstclnt is not installed';
const day = 86_400_000;
const secret = 'secret.example.test';
const tls13Only = ['-V', 'tls1.3:tls1.3'];

/** Runs `tstclnt` for one exchange, and gives its exit code and all that it said. */
async function nssClient(t: TestContext, port: number, folder: string, ...more: string[]) {
  const at = ['-h', '127.0.0.1', '-p', String(port), '-4', '-v', '-d', `sql:${folder}`];
  const program = start('tstclnt', [...at, ...more], { stdout: 'collect' });
  t.after(() => program.stop());
  program.stdin.end('hello\n');
  return { code: await bounded(program.exited, 'tstclnt'), said: program.said() };
}

/** What `tstclnt` says of an echo server of ours, and what that saw. */
async function nssAsks(t: TestContext, server: Partial<ServerOptions>, ...more: string[]) {
  const options: ServerOptions = { crypto: nodeCrypto, credentials: [testCredential('ecdsa-p256')], ...server };
  const seen: string[] = [];
  const listener = await listen((socket) => {
    const connection = new ServerConnection(options);
    const stream = new EngineStream(connection, serverHost(options), socket);
    stream.on('error', () => {});
    void stream.handshakeDone.then(
      () => {
        const { echAccepted, serverName, pskIdentity } = connection.info;
        seen.push(`${echAccepted} ${serverName}${pskIdentity === undefined ? '' : ' psk'}`);
      },
      () => seen.push('refused'),
    );
    // tstclnt ends when the server does.
    stream.on('data', (data) => stream.end(data));
  });
  t.after(() => listener.close());
  const folder = await database('client-ecdsa-p256');
  return { seen, ...(await nssClient(t, listener.port, folder, '-a', secret, ...tls13Only, ...more)) };
}

describe('NSS takes delegated credentials', { skip }, () => {
  const key = testKey('p256');
  const issuer = { name: 'issuer of delegators', key: testKey('p256') };
  const keyPem = key.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  const pem = (der: Uint8Array) => encodePem('CERTIFICATE', der);
  const dates = { notBefore: Date.now() - day, notAfter: Date.now() + 30 * day };

  /** A database of NSS that trusts the issuer, and its certificate that may delegate. */
  async function prepare(): Promise<{ folder: string; cert: string }> {
    const root = await testCertificate({ ...issuer, issuer, ca: true, ...dates });
    const usage = { oid: oids.delegationUsage, value: derNull() };
    const leaf = await testCertificate({ key, issuer, names: dns('localhost'), more: [usage], ...dates });
    const folder = temporaryFolder();
    const file = join(folder, 'root.pem');
    writeFileSync(file, pem(root));
    await run('certutil', ['-N', '-d', `sql:${folder}`, '--empty-password']);
    await run('certutil', ['-A', '-d', `sql:${folder}`, '-n', 'root', '-t', 'CT,C,C', '-i', file]);
    return { folder, cert: pem(leaf) };
  }

  const prepared = skip ? undefined : prepare();

  for (const namedCurve of ['P-256', 'P-384', 'P-521']) {
    test(`with a key on ${namedCurve}, where it asks for one`, async (t) => {
      const { folder, cert } = (await prepared) as { folder: string; cert: string };
      const delegated = generateKeyPairSync('ec', { namedCurve });
      const credential = createDelegatedCredential({
        cert,
        key: keyPem,
        publicKey: delegated.publicKey,
        seconds: 3600,
      });
      const server = tls.createServer(
        { cert, key: keyPem, delegatedCredential: { credential, key: delegated.privateKey } },
        (socket) => socket.end('bye\n'),
      );
      const port = await listening(t, server as never);
      const asking = await nssClient(t, port, folder, '-a', 'localhost', ...tls13Only, '-B');
      assert.equal(asking.code, 0, asking.said);
      assert.match(asking.said, /Received a Delegated Credential/);
      assert.match(asking.said, /bye/);
      for (const more of [tls13Only, ['-V', 'tls1.2:tls1.2', '-B']]) {
        const plain = await nssClient(t, port, folder, '-a', 'localhost', ...more);
        assert.equal(plain.code, 0, plain.said);
        assert.doesNotMatch(plain.said, /Received a Delegated Credential/);
      }
    });
  }
});

describe('Encrypted Client Hello with NSS', { skip }, () => {
  const key = createEchKey(nodeCrypto, { publicName: 'public.example.test', configId: 1 });
  const otherKey = createEchKey(nodeCrypto, { publicName: 'public.example.test', configId: 2 });
  const listOf = (...keys: EchKey[]) => encodeEchConfigList(keys.map(({ config }) => config));
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

  for (const [name, server] of [
    ['', {}],
    [', after a HelloRetryRequest', { groups: ['secp384r1'] }],
  ] as const) {
    test(`NSS as client: hidden${name}`, async (t) => {
      const { code, said, seen } = await nssAsks(t, { echKeys: [key], ...server }, '-N', base64(listOf(key)));
      assert.equal(code, 0, said);
      assert.deepEqual(seen, [`true ${secret}`]);
    });

    test(`NSS as client: refused, with the configs to try instead${name}`, async (t) => {
      const { said } = await nssAsks(t, { echKeys: [otherKey], ...server }, '-N', base64(listOf(key)));
      assert.ok(said.replaceAll(/\s/g, '').includes(base64(listOf(otherKey))), said);
    });
  }

  test('NSS as client: GREASE', async (t) => {
    const { code, said, seen } = await nssAsks(t, { echKeys: [key] }, '-i', '100');
    assert.equal(code, 0, said);
    assert.deepEqual(seen, [`false ${secret}`]);
  });

  test('NSS as server: hidden, refused, hidden with the configs that it gave', async (t) => {
    const port = await freePort();
    const at = ['-p', String(port), '-e', 'own', '-d', `sql:${await database('ecdsa-p256')}`, '-u', ...tls13Only];
    const program = start('selfserv', [...at, '-v', '-X', 'publicname:public.example.test'], { stdout: 'collect' });
    t.after(() => program.stop());
    let over = false;
    void program.exited.then(() => {
      over = true;
    });
    try {
      (await connectWhenReady(port, () => !over)).destroy();
    } catch (error) {
      // That of NSS 3.87 cannot read the configs it makes; that of 3.132 can.
      if (!/malformed ESNI keys/.test(program.said())) throw error;
      assert.match(version ?? '', /^3\.\d\d(?:\.|$)/, 'a newer selfserv reads its configs');
      return;
    }
    const ask = async (configList: Uint8Array) => {
      const options: ClientOptions = {
        crypto: nodeCrypto,
        serverName: secret,
        verifyPeer: verifyWithTestRoot,
        ech: { configList },
      };
      const connection = new ClientConnection(options);
      const socket = await connectWhenReady(port, () => true);
      const stream = new EngineStream(connection, clientHost(options), socket);
      stream.on('error', () => {});
      try {
        await bounded(stream.handshakeDone, 'the handshake');
        return connection.info.echAccepted;
      } catch (error) {
        return error;
      } finally {
        stream.destroy();
      }
    };
    const refused = await ask(listOf(key));
    assert.ok(refused instanceof EchRejectedError, `${refused}; ${program.said()}`);
    assert.ok(refused.retryConfigs);
    assert.equal(await ask(refused.retryConfigs), true);
  });
});

describe('external PSKs of TLS 1.3 with NSS', { skip }, () => {
  const psk = Buffer.from('0123456789abcdef'.repeat(4), 'hex');
  const word = `0x${psk.toString('hex')}:who`;

  test('NSS as client', async (t) => {
    const clock = { now: () => Date.now() };
    const identity = Buffer.from('who');
    const sessions = new ServerSessions({
      crypto: nodeCrypto,
      keyring: new TicketKeyring({ crypto: nodeCrypto, clock }),
      store: new MemoryStore({ clock }),
      // Where it saw no certificate, NSS 3.87 ends the connection at a second ticket.
      ticketCount: 1,
      externalPsk: (offered) =>
        identity.equals(offered) ? { identity: offered, secret: psk, hash: 'sha256', imported: false } : undefined,
    });
    const { code, said, seen } = await nssAsks(t, { sessions }, '-z', word);
    assert.equal(code, 0, said);
    assert.match(said, /hello/);
    assert.deepEqual(seen, [`false ${secret} psk`]);
  });

  test('NSS as server', async (t) => {
    const port = await freePort();
    const at = ['-p', String(port), '-e', 'own', '-d', `sql:${await database('ecdsa-p256')}`, ...tls13Only];
    await startServer(t, 'selfserv', [...at, '-v', '-z', word], port);
    const socket = tls.connect({
      ...{ host: '127.0.0.1', port, ciphers: 'PSK+HIGH', rejectUnauthorized: false },
      pskCallback: () => ({ psk, identity: 'who' }),
    });
    t.after(() => socket.destroy());
    let answer = '';
    socket.on('data', (data: Buffer) => {
      answer += data;
    });
    const ended = new Promise((resolve, reject) => socket.on('end', resolve).on('error', reject));
    socket.write('GET / HTTP/1.0\r\n\r\n');
    await bounded(ended, 'the answer');
    assert.match(answer, /^HTTP\/1\.0 200 OK/);
    assert.equal(Object.keys(socket.getPeerCertificate() ?? {}).length, 0);
  });
});
