import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import type nodeTls from 'node:tls';
import { readEchConfigList } from '../../src/node/context/ech-file.ts';
import https from '../../src/node/https.ts';
import type { HandfastConnectOptions } from '../../src/node/socket/tls-connect.ts';
import type { TLSSocket } from '../../src/node/socket/tls-socket.ts';
import tls, { createEchKey } from '../../src/node/tls.ts';
import { listening } from '../helpers/listening.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

const identity = testIdentity('ecdsa-p256');
const credentials = { key: identity.keyPem, cert: identity.chainPem };
const limit = { timeout: 30_000 };

const key = createEchKey({ publicName: 'public.example.test', configId: 1 });
const nextKey = createEchKey({ publicName: 'public.example.test', configId: 2 });
const unproven = createEchKey({ publicName: 'public.example', configId: 1 });

interface EchError extends Error {
  code: string;
  echRetryConfigs?: Buffer;
}

/** Connects, reads to the end, and gives what it met. */
async function visit(port: number, options: HandfastConnectOptions) {
  const socket = tls.connect({
    host: '127.0.0.1',
    port,
    servername: 'secret.example.test',
    ca: rootPem,
    ...options,
  }) as unknown as TLSSocket;
  const sessions: Buffer[] = [];
  socket.on('session', (session: Buffer) => sessions.push(session));
  let text = '';
  let error: EchError | undefined;
  try {
    for await (const chunk of socket) text += chunk;
  } catch (caught) {
    error = caught as EchError;
  }
  return { text, error, sessions };
}

function tellingServer(echKeys = [key]): nodeTls.Server {
  return tls.createServer({ ...credentials, echKeys }, (socket) => {
    const { servername, echAccepted } = socket as unknown as TLSSocket;
    socket.end(`${servername} ${echAccepted} ${socket.isSessionReused()}`);
  });
}

test('a name is hidden, and the session of that connection, too', limit, async (t) => {
  const server = tellingServer();
  const names: string[] = [];
  server.addContext('*.example.test', { ...credentials });
  server.on('tlsClientError', (error) => names.push(error.message));
  const port = await listening(t, server);
  const first = await visit(port, { echConfigList: key.configList });
  assert.equal(first.error, undefined, first.error?.stack);
  assert.equal(first.text, 'secret.example.test true false');
  const session = first.sessions[0];
  assert.ok(session !== undefined);
  assert.equal((await visit(port, { echConfigList: key.configList, session })).text, 'secret.example.test true true');
  assert.equal((await visit(port, { session })).text, 'secret.example.test false false');
  assert.equal((await visit(port, { echGrease: true })).text, 'secret.example.test false false');
  assert.deepEqual(names, []);
});

test('keys that have moved on: the error names the list to try', limit, async (t) => {
  const server = tellingServer();
  const port = await listening(t, server);
  server.setSecureContext({ ...credentials, echKeys: [nextKey] } as nodeTls.SecureContextOptions);
  const { error } = await visit(port, { echConfigList: key.configList });
  assert.equal(error?.code, 'ERR_SSL_ECH_REQUIRED', error?.stack);
  assert.deepEqual(error.echRetryConfigs, nextKey.configList);
  const again = await visit(port, { echConfigList: error.echRetryConfigs });
  assert.equal(again.text, 'secret.example.test true false');
  server.setSecureContext(credentials);
  const off = await visit(port, { echConfigList: key.configList });
  assert.equal(off.error?.code, 'ERR_SSL_ECH_REQUIRED');
  assert.equal(off.error.echRetryConfigs, undefined);
});

test('a server that does not prove the public name is not believed, whatever else is tolerated', limit, async (t) => {
  const port = await listening(t, tellingServer([{ ...nextKey }]));
  for (const rejectUnauthorized of [true, false]) {
    const { error } = await visit(port, { echConfigList: unproven.configList, rejectUnauthorized });
    assert.equal(error?.code, 'ERR_SSL_ECH_PUBLIC_NAME', error?.stack);
    assert.equal(error.echRetryConfigs, undefined);
    const untrusted = await visit(port, { echConfigList: key.configList, rejectUnauthorized, ca: [] });
    assert.equal(untrusted.error?.code, 'ERR_SSL_ECH_PUBLIC_NAME');
  }
});

test('a key is a file, too (RFC 9934)', limit, async (t) => {
  const p256 = createEchKey({ publicName: 'public.example.test', group: 'secp256r1' });
  assert.match(p256.pem, /^-----BEGIN PRIVATE KEY-----\n[^-]+-----END PRIVATE KEY-----\n-----BEGIN ECHCONFIG-----\n/);
  const port = await listening(t, tellingServer([key.pem, Buffer.from(p256.pem)] as never));
  for (const { configList } of [key, p256]) {
    assert.equal((await visit(port, { echConfigList: configList })).text, 'secret.example.test true false');
  }
  assert.deepEqual(readEchConfigList(p256.pem), new Uint8Array(p256.configList));
  assert.deepEqual(readEchConfigList(`${p256.configList.toString('base64')}\n`), new Uint8Array(p256.configList));
  const [privateKey, config] = key.pem.split(/(?=-----BEGIN ECH)/) as [string, string];
  const ed25519 = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  for (const text of [
    '',
    'key',
    privateKey,
    config,
    ed25519 + config,
    p256.pem.replace(/-----BEGIN ECH[\s\S]*/, config),
  ]) {
    assert.throws(() => tls.createServer({ ...credentials, echKeys: [text] }), { code: 'ERR_INVALID_ARG_VALUE' });
  }
  assert.throws(() => readEchConfigList('#'), SyntaxError);

  // A list may hold configs of other keys (RFC 9934, Section 3): they are passed over.
  const both = Buffer.concat([p256.configList.subarray(2), key.configList.subarray(2)]);
  const body = Buffer.concat([Buffer.from([both.length >> 8, both.length & 0xff]), both]).toString('base64');
  const file = `${privateKey}-----BEGIN ECHCONFIG-----\n${body}\n-----END ECHCONFIG-----\n`;
  const shared = await listening(t, tellingServer([file] as never));
  assert.equal((await visit(shared, { echConfigList: key.configList })).text, 'secret.example.test true false');
});

test('options that cannot be are refused, and no private key is told', limit, async (t) => {
  const port = await listening(t, tellingServer());
  assert.throws(() => tls.connect({ port, echConfigList: 'list' as unknown as Buffer }), {
    code: 'ERR_INVALID_ARG_TYPE',
  });
  const malformed = await visit(port, { echConfigList: Buffer.from('list') });
  assert.equal(malformed.error?.code, 'ERR_SSL_ECH_CONFIG_LIST');
  const useless = Buffer.from(key.configList);
  useless.writeUInt16BE(0x1234, 2);
  assert.equal((await visit(port, { echConfigList: useless })).error?.code, 'ERR_SSL_ECH_CONFIG');
  const shown = await visit(port, { echConfigList: useless, echRequired: false });
  assert.equal(shown.text, 'secret.example.test false false');
  const secret = nextKey.privateKey;
  for (const echKeys of [[{ ...key, privateKey: secret }], [{ ...key, privateKey: 'aGlkZGVu' }], {}, [{}]]) {
    assert.throws(
      () => tls.createServer({ ...credentials, echKeys: echKeys as never }),
      (error: EchError) =>
        /^ERR_INVALID_ARG/.test(error.code) &&
        !/aGlkZGVu/.test(error.message) &&
        !error.message.includes(String(secret[0])),
    );
  }
});

test('requests of https hide their name; connections with and without do not mix', limit, async (t) => {
  const server = https.createServer({ ...credentials, echKeys: [key] } as never, (request, response) => {
    const { servername, echAccepted } = request.socket as unknown as TLSSocket;
    response.end(`${servername} ${echAccepted}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const agent = new https.Agent({ keepAlive: true, ca: rootPem });
  t.after(() => agent.destroy());
  const ask = async (options: object) => {
    const request = https.get({
      host: '127.0.0.1',
      port,
      servername: 'secret.example.test',
      agent,
      ...options,
    } as never);
    const [response] = await once(request, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    return text;
  };
  assert.equal(await ask({ echConfigList: key.configList }), 'secret.example.test true');
  assert.equal(await ask({}), 'secret.example.test false');
  assert.equal(await ask({ echConfigList: key.configList }), 'secret.example.test true');
});
