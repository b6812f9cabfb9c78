import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeClientSession, encodeClientSession } from '../../src/session/client-session.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { tls12 } from '../../src/wire/versions.ts';
import { createPair, crypto, testCredential } from '../handshake/pair.ts';
import { client, server, turn } from './speak.ts';

describe('TLS 1.2', () => {
  test('a key that decrypts nothing fails where a wrong premaster secret fails (RFC 5246, Section 7.4.7.1)', () => {
    const credential = testCredential('rsa');
    for (const block of [undefined, new Uint8Array(256)]) {
      const side = server({
        maxVersion: tls12,
        cipherSuites: [0x009c],
        credentials: [{ ...credential, signer: { ...credential.signer, decryptRaw: () => block } }],
      });
      const peer = client({ cipherSuites: [0x009c] });
      turn(side, turn(peer, turn(side, turn(peer))));
      assert.equal(side.error?.code, 'ERR_TLS_BAD_RECORD_MAC', side.error?.stack);
    }
  });

  test('the session of a static RSA handshake has no group, is kept, and goes on', async () => {
    const sessions = new ServerSessions({ crypto, store: new MemoryStore({ clock: { now: Date.now } }) });
    const options = { cipherSuites: [0x009c], sessions, credentials: [testCredential('rsa')] };
    const first = createPair({ client: { cipherSuites: [0x009c] }, server: options });
    await first.run();
    const [session] = first.client.takeSessions();
    assert.equal(session?.state.group, 0);
    const kept = decodeClientSession(encodeClientSession(session) as Uint8Array);
    assert.ok(kept !== undefined);
    const second = createPair({ client: { cipherSuites: [0x009c], sessions: [kept] }, server: options });
    await second.run();
    assert.equal(second.client.info.resumed, true);
  });

  test('a session does not go on under another suite (RFC 5246, Section 7.4.1.3)', async () => {
    const sessions = new ServerSessions({ crypto, store: new MemoryStore({ clock: { now: Date.now } }) });
    const first = createPair({ client: { maxVersion: tls12, cipherSuites: [0xc02b] }, server: { sessions } });
    await first.run();
    const [session] = first.client.takeSessions();
    assert.ok(session !== undefined);
    const changed = { ...session, state: { ...session.state, cipherSuite: 0xc009 } };
    const suites = [0xc02b, 0xc009];
    const second = createPair({
      client: { maxVersion: tls12, cipherSuites: suites, sessions: [changed] },
      server: { sessions, cipherSuites: suites },
    });
    await second.run();
    assert.equal(second.client.error?.code, 'ERR_TLS_RESUMED_CIPHER', second.client.error?.stack);
    assert.equal(second.client.error.alert, 'illegalParameter');
  });

  test('a client whose key makes no signature that the server takes says so (RFC 5246, Section 7.4.4)', async () => {
    const credential = testCredential('client-ecdsa-p256');
    const pair = createPair({
      client: { maxVersion: tls12, selectCredential: () => credential },
      server: { clientCertificate: 'request', verifyPeer: () => undefined, signatureSchemes: [0x0804] },
    });
    await pair.run();
    assert.equal(pair.client.error?.code, 'ERR_TLS_NO_SIGNATURE_SCHEME', pair.client.error?.stack);
    assert.equal(pair.client.error.alert, 'handshakeFailure');
  });
});
