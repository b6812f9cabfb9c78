import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ServerOptions } from '../../src/engine/config.ts';
import { CertificateError } from '../../src/errors.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { tls12, tls13 } from '../../src/wire/versions.ts';
import { createPair, crypto, serverDefaults, testCredential } from '../handshake/pair.ts';

const refused = () => {
  throw new CertificateError('ERR_TLS_CERT_UNTRUSTED', 'unknownCa', 'not of this authority');
};

describe('options that selectConfig chose', () => {
  for (const version of [tls13, tls12] as const) {
    for (const [who, outer, inner, trusted] of [
      ['the chosen ones refuse', () => undefined, refused, false],
      ['the chosen ones trust', refused, () => undefined, true],
    ] as const) {
      test(`${version.toString(16)}: the client's certificate is judged by them: ${who}`, async () => {
        const admin: ServerOptions = { ...serverDefaults, clientCertificate: 'require', verifyPeer: inner };
        const pair = createPair({
          client: { maxVersion: version, credentials: [testCredential('client-ecdsa-p256')] },
          server: { clientCertificate: 'request', verifyPeer: outer, selectConfig: () => admin },
        });
        await pair.run();
        assert.equal(pair.server.connected, trusted, pair.server.error?.stack);
        if (!trusted) assert.equal(pair.server.error?.code, 'ERR_TLS_CERT_UNTRUSTED');
      });
    }

    test(`${version.toString(16)}: sessions are theirs`, async () => {
      const sessions = new ServerSessions({ crypto, store: new MemoryStore({ clock: { now: Date.now } }) });
      const chosen: ServerOptions = { ...serverDefaults, sessions };
      const server = { selectConfig: () => chosen };
      const first = createPair({ client: { maxVersion: version }, server });
      await first.run();
      const second = createPair({ client: { maxVersion: version, sessions: first.client.takeSessions() }, server });
      await second.run();
      assert.ok(second.server.info.resumed);
    });

    test(`${version.toString(16)}: their selectCredential is asked`, async () => {
      const credential = testCredential('ed25519');
      const chosen: ServerOptions = { ...serverDefaults, selectCredential: () => credential };
      const pair = createPair({ client: { maxVersion: version }, server: { selectConfig: () => chosen } });
      await pair.run();
      assert.deepEqual(pair.client.info.peerCertificates, credential.chain);
    });
  }
});
