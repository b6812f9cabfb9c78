/** The drop-ins with native code beside `node:crypto`, in a process of its own: the other tests run without it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { execArgv, moduleLiteral } from '../helpers/process.ts';
import { withoutSodium } from '../helpers/sodium.ts';

const program = `
import { once } from 'node:events';
import nodeTls from 'node:tls';
import tls from ${moduleLiteral('src/node/tls.ts')};
import { rootPem, testIdentity } from ${moduleLiteral('test/helpers/pki.ts')};

const { keyPem: key, chainPem: cert } = testIdentity('ecdsa-p256');
const message = Buffer.alloc(300_000, 'Handfast ');

async function echo(serverTls, clientTls, serverOptions, clientOptions) {
  const server = serverTls.createServer({ key, cert, ...serverOptions }, (socket) => socket.pipe(socket));
  await once(server.listen(0), 'listening');
  const options = { port: server.address().port, servername: 'localhost', ca: rootPem, ...clientOptions };
  const client = clientTls.connect(options);
  const chunks = [];
  client.on('data', (chunk) => chunks.push(chunk));
  client.end(message);
  await once(client, 'secureConnect');
  const cipher = client.getCipher().standardName;
  await once(client, 'close');
  server.close();
  if (!Buffer.concat(chunks).equals(message)) throw new Error('the echo differs');
  return cipher;
}

const old = { maxVersion: 'TLSv1.2' };
const aes = { ciphers: 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256' };
console.log(JSON.stringify({
  server13: await echo(tls, nodeTls, {}, {}),
  server12: await echo(tls, nodeTls, {}, old),
  client13: await echo(nodeTls, tls, { honorCipherOrder: false }, {}),
  client12: await echo(nodeTls, tls, { honorCipherOrder: false }, old),
  asked13: await echo(tls, nodeTls, aes, {}),
  asked12: await echo(tls, nodeTls, aes, old),
  both: await echo(tls, tls, {}, {}),
}));
process.exit();
`;

async function ciphers(setting: 'on' | 'off'): Promise<Record<string, string>> {
  const words = [...execArgv, '--input-type=module', '--eval', program];
  const env = { ...process.env, HANDFAST_ACCELERATOR: setting };
  const { stdout } = await promisify(execFile)(process.execPath, words, { env, timeout: 60_000 });
  return JSON.parse(stdout) as Record<string, string>;
}

const chacha13 = 'TLS_CHACHA20_POLY1305_SHA256';
const chacha12 = 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256';
const asked = { asked13: 'TLS_AES_128_GCM_SHA256', asked12: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256' };

test('with an accelerator both roles prefer what it makes cheap, and a program’s own list is kept', {
  skip: withoutSodium,
}, async () => {
  assert.deepEqual(await ciphers('on'), {
    server13: chacha13,
    server12: chacha12,
    client13: chacha13,
    client12: chacha12,
    both: chacha13,
    ...asked,
  });
});

test('without one the order is that of Node', async () => {
  const { server13, both, ...rest } = await ciphers('off');
  assert.deepEqual([server13, both], ['TLS_AES_256_GCM_SHA384', 'TLS_AES_256_GCM_SHA384']);
  assert.deepEqual({ asked13: rest['asked13'], asked12: rest['asked12'] }, asked);
  assert.ok(Object.values(rest).every((name) => !name.includes('CHACHA20')));
});
