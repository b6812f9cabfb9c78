/** Raw public keys (RFC 7250) with GnuTLS: both roles, both versions, keys on both sides, resumption. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { TLSSocket } from '../../src/node/socket/tls-socket.ts';
import tls from '../../src/node/tls.ts';
import { freePort, listening } from '../helpers/listening.ts';
import { bounded, programVersion, start, startServer, temporaryFolder } from './processes.ts';

const installed = (await programVersion('gnutls-cli', ['--version'], /^gnutls-cli (\S+)/m)) !== undefined;
const skip = !installed && process.env['HANDFAST_REQUIRE_PEERS'] !== '1' && 'gnutls-cli is not installed';

const ours = generateKeyPairSync('ed25519');

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly files: readonly string[];
}

/** A key of GnuTLS's, in the files that it reads. */
function theirKey(type: 'ec' | 'rsa'): KeyPair {
  const pair =
    type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const folder = temporaryFolder();
  const [key, pub] = [join(folder, 'key.pem'), join(folder, 'pub.pem')];
  writeFileSync(key, pair.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  writeFileSync(pub, pair.publicKey.export({ format: 'pem', type: 'spki' }));
  return { publicKey: pair.publicKey, files: ['--rawpkkeyfile', key, '--rawpkfile', pub] };
}

const theirs = { ec: theirKey('ec'), rsa: theirKey('rsa') };

function priority(version: string): string {
  return `NORMAL:-VERS-ALL:+VERS-TLS${version}:-CTYPE-ALL:+CTYPE-SRV-RAWPK:+CTYPE-CLI-RAWPK`;
}

async function gnutlsClient(t: TestContext, port: number, version: string, key: KeyPair, ...more: string[]) {
  const program = start(
    'gnutls-cli',
    ['--port', String(port), '--insecure', '--priority', priority(version), ...key.files, ...more, '127.0.0.1'],
    { stdout: 'collect' },
  );
  t.after(() => program.stop());
  await bounded(program.exited, 'gnutls-cli');
  return program.said();
}

async function gnutlsServer(t: TestContext, version: string, key: KeyPair): Promise<number> {
  const port = await freePort();
  const args = [
    '--echo',
    '--port',
    String(port),
    '--priority',
    priority(version),
    '--require-client-cert',
    ...key.files,
  ];
  await startServer(t, 'gnutls-serv', args, port);
  return port;
}

async function visit(port: number, pin: KeyObject, session?: Buffer) {
  const rawPublicKeys = { pins: [pin], only: true, key: ours.privateKey };
  const socket = tls.connect({ host: '127.0.0.1', port, session, rawPublicKeys }) as unknown as TLSSocket;
  const sessions: Buffer[] = [];
  socket.on('session', (given: Buffer) => sessions.push(given));
  socket.write('hello\n');
  const [echo] = (await once(socket, 'data')) as [Buffer];
  const { authorized } = socket;
  const [key, reused] = [socket.getPeerRawPublicKey(), socket.isSessionReused()];
  socket.destroy();
  return { echo: echo.toString(), authorized, key, reused, session: sessions[0] };
}

describe('raw public keys with GnuTLS', { skip }, () => {
  for (const version of ['1.2', '1.3']) {
    for (const type of ['ec', 'rsa'] as const) {
      test(`TLS ${version}, GnuTLS as client with a key of type ${type}, and again with the session`, async (t) => {
        const seen: string[] = [];
        const { publicKey } = theirs[type];
        const pins = [publicKey];
        const server = tls.createServer(
          { requestCert: true, rawPublicKeys: { pins, only: true, key: ours.privateKey } },
          (socket) => {
            const shown = (socket as unknown as TLSSocket).getPeerRawPublicKey();
            seen.push(`${socket.authorized} ${socket.isSessionReused()} ${shown?.equals(publicKey)}`);
            socket.end('bye\n');
          },
        );
        const port = await listening(t, server);
        const said = await gnutlsClient(t, port, version, theirs[type], '--resume');
        assert.deepEqual(seen, ['true false true', 'true true true'], said);
        assert.match(said, /Raw Public Key/);
      });
    }

    test(`TLS ${version}, GnuTLS as a client that is not known`, async (t) => {
      const server = tls.createServer(
        { requestCert: true, rawPublicKeys: { pins: [theirs.rsa.publicKey], key: ours.privateKey } },
        () => assert.fail('it was let in'),
      );
      const port = await listening(t, server);
      await gnutlsClient(t, port, version, theirs.ec);
    });

    test(`TLS ${version}, GnuTLS as server, and again with its session`, async (t) => {
      const key = theirs.ec;
      const port = await gnutlsServer(t, version, key);
      const met = await visit(port, key.publicKey);
      assert.equal(met.echo, 'hello\n');
      assert.equal(met.authorized, true);
      assert.ok(met.key?.equals(key.publicKey));
      const again = await visit(port, key.publicKey, met.session);
      assert.equal(again.reused, true);
      assert.ok(again.key?.equals(key.publicKey));
      await assert.rejects(visit(port, createPublicKey(ours.privateKey)), { code: 'RPK_UNTRUSTED' });
    });
  }
});
