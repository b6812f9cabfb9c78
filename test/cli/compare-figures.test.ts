import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createNodeServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { compareLocal, makeCredentials } from '../../src/cli/compare/local.ts';
import type { Measured } from '../../src/cli/compare/modes.ts';
import { compareRemote } from '../../src/cli/compare/remote.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { localSigner } from '../../src/index.ts';
import { createServer } from '../../src/node/https.ts';
import { createTrustAnchors, encodePem } from '../../src/pki/index.ts';

const byId = (results: readonly object[]) =>
  Object.fromEntries((results as Measured[]).map((each) => [each.mode.id, each])) as Record<string, Measured>;

test('local: 0-RTT keeps a record of each ticket, and a full handshake verifies the whole chain', async () => {
  const { full12, full13, psk, earlyData } = byId(
    await compareLocal({ rtts: [], repeats: 1, groups: ['x25519', 'secp256r1'], progress: () => {} }),
  );
  // e:, SHA-256 in hex, and when it ends.
  assert.deepEqual(earlyData?.serverRemembers, { bytes: 2 + 64 + 8, milliseconds: 22_000 });
  assert.equal(psk?.serverRemembers, undefined);
  // The leaf, the intermediate, and the signature of the handshake.
  assert.deepEqual([full12?.client.verifications, full13?.client.verifications], [3, 3]);
});

test('remote: the request is in no figure of the handshake, and what one visit verified is counted in the next too', async () => {
  const { chain, key, root } = await makeCredentials();
  const cert = chain.map((der) => encodePem('CERTIFICATE', der)).join('');
  const server = createServer(
    { cert, key: encodePem('PRIVATE KEY', key), maxEarlyData: 16_384 },
    (_: IncomingMessage, response: ServerResponse) => response.end('hello'),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const path = `/${'a'.repeat(1000)}`;
  const { full12, full13, psk, earlyData } = byId(
    await compareRemote({
      target: { host: 'localhost', port, path, authority: `localhost:${port}` },
      anchors: async () => createTrustAnchors([root]),
      insecure: false,
      repeats: 1,
      groups: ['x25519', 'secp256r1'],
      timeout: 10_000,
      progress: () => {},
    }),
  );
  server.close();
  assert.deepEqual([full12?.client.verifications, full13?.client.verifications], [3, 3]);
  // The extension, and a record with EndOfEarlyData.
  const more = (earlyData?.sent ?? 0) - (psk?.sent ?? 0);
  assert.ok(more > 0 && more < 100, `0-RTT sends ${more} bytes more`);
});

test('remote: a client certificate is shown on every full handshake', async () => {
  const { chain, key, root } = await makeCredentials();
  const [cert, pem] = [chain.map((der) => encodePem('CERTIFICATE', der)).join(''), encodePem('PRIVATE KEY', key)];
  const shown: (string | undefined)[] = [];
  const server = createNodeServer(
    { cert, key: pem, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const socket = request.socket as TLSSocket;
      if (!socket.isSessionReused()) shown.push(socket.getPeerX509Certificate()?.subjectAltName);
      response.end();
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const crypto = createNodeCrypto();
  await compareRemote({
    target: { host: 'localhost', port, path: '/', authority: `localhost:${port}` },
    anchors: async () => createTrustAnchors([root]),
    insecure: false,
    credential: { chain, signer: localSigner(crypto.importPrivateKey(key)) },
    repeats: 1,
    timeout: 10_000,
    progress: () => {},
  });
  server.close();
  assert.ok(shown.length >= 2, String(shown.length));
  for (const name of shown) assert.equal(name, 'DNS:localhost');
});
