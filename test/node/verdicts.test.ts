/** What is wrong with a chain is told by the code that node:tls tells: of several, what OpenSSL finds last. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import nodeTls from 'node:tls';
import tls from '../../src/node/tls.ts';
import { listening } from '../helpers/listening.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

const limit = { timeout: 60_000 };
const { leafFile, issuerFile, chainPem, keyPem } = testIdentity('ecdsa-p256');
const leaf = readFileSync(leafFile, 'utf8');
const issuer = readFileSync(issuerFile, 'utf8');
const forClients = testIdentity('client-ecdsa-p256');
const stranger = testIdentity('stranger');

const shown = {
  leaf: { key: keyPem, cert: leaf },
  chain: { key: keyPem, cert: chainPem },
  'leaf for clients': { key: forClients.keyPem, cert: readFileSync(forClients.leafFile, 'utf8') },
  'chain for clients': { key: forClients.keyPem, cert: forClients.chainPem },
  stranger: { key: stranger.keyPem, cert: stranger.chainPem },
};
const trusted = {
  nobody: [stranger.chainPem],
  root: [rootPem],
  intermediate: [issuer],
  leaf: [leaf],
  'root and intermediate': [rootPem, issuer],
};

for (const [name, credentials] of Object.entries(shown)) {
  test(`what a client says of a ${name}`, limit, async (t) => {
    const server = tls.createServer(credentials, (socket) => socket.end());
    const port = await listening(t, server);
    for (const [anchor, ca] of Object.entries(trusted)) {
      const verdicts: unknown[] = [];
      for (const { connect } of [nodeTls, tls]) {
        const options = { port, host: '127.0.0.1', servername: 'localhost', ca, rejectUnauthorized: false };
        const socket = connect(options);
        await once(socket, 'secureConnect');
        verdicts.push([socket.authorized, socket.authorizationError]);
        socket.destroy();
      }
      assert.deepEqual(verdicts[1], verdicts[0], `trusted: ${anchor}`);
    }
  });
}
