import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { tls12, tls13 } from '../../src/wire/versions.ts';
import { createPair, crypto, matrix, testCredential } from './pair.ts';

const message = new TextEncoder().encode('hello from one side');

for (const version of [tls13, tls12] as const) {
  describe(`full handshake, ${version === tls13 ? 'TLS 1.3' : 'TLS 1.2'}`, () => {
    matrix((delivery, hostKind, label) => {
      test(label, async () => {
        const pair = createPair(
          {
            client: { maxVersion: version, alpnProtocols: ['h2', 'http/1.1'] },
            server: { alpnProtocols: ['http/1.1'] },
          },
          delivery,
          hostKind,
        );
        await pair.run();
        const { client, server } = pair;
        assert.equal(client.error, undefined, client.error?.message);
        assert.equal(server.error, undefined, server.error?.message);
        assert.ok(client.connected && server.connected);
        for (const side of [client, server]) {
          assert.equal(side.info.version, version);
          assert.equal(side.info.alpnProtocol, 'http/1.1');
          assert.equal(side.info.serverName, 'localhost');
        }
        client.write(message);
        server.write(message);
        await pair.run();
        assert.deepEqual(pair.received.server, message);
        assert.deepEqual(pair.received.client, message);
        assert.deepEqual(
          client.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', new Uint8Array(0)),
          server.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', new Uint8Array(0)),
        );
        client.closeWrite();
        await pair.run();
        assert.ok(server.peerClosed && !server.closed);
        server.closeWrite();
        await pair.run();
        assert.ok(client.closed && server.closed);
        assert.equal(client.error, undefined);
      });
    });
  });
}

describe('full handshakes in every suite, group and kind of key', () => {
  const keys = ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'ed25519', 'rsa', 'rsa-pss'] as const;
  const groups = [
    'X25519MLKEM768',
    'SecP256r1MLKEM768',
    'SecP384r1MLKEM1024',
    'x25519',
    'secp256r1',
    'secp384r1',
    'secp521r1',
  ] as const;
  for (const key of keys) {
    for (const version of [tls13, tls12] as const) {
      test(`${key} in ${version.toString(16)}`, async () => {
        // In TLS 1.2 the groups bound the curves of certificates, too (RFC 8422, Section 5.3); P-521 is no default.
        const groups = key === 'ecdsa-p521' ? (['x25519', 'secp521r1'] as const) : undefined;
        const pair = createPair({
          client: { maxVersion: version, groups },
          server: { credentials: [testCredential(key)], groups },
        });
        await pair.run();
        assert.equal(pair.client.error, undefined, pair.client.error?.stack);
        assert.equal(pair.server.error, undefined, pair.server.error?.stack);
        assert.equal(pair.client.info.version, version);
      });
    }
  }
  for (const group of groups) {
    test(`group ${group}`, async () => {
      const pair = createPair({ client: { groups: [group] }, server: { groups: [group] } });
      await pair.run();
      assert.equal(pair.server.error, undefined, pair.server.error?.stack);
      assert.equal(pair.client.info.group, group);
    });
  }
  for (const suite of [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xcca9, 0xc009, 0xc00a, 0xc023]) {
    for (const encryptThenMac of [true, false]) {
      test(`suite ${suite.toString(16)}, encryptThenMac ${encryptThenMac}`, async () => {
        const options = { cipherSuites: [suite], encryptThenMac };
        const pair = createPair({ client: options, server: options });
        await pair.run();
        assert.equal(pair.client.error, undefined, pair.client.error?.stack);
        assert.equal(pair.server.error, undefined, pair.server.error?.stack);
        assert.equal(pair.client.info.cipherSuite, suite);
        pair.client.write(message);
        await pair.run();
        assert.deepEqual(pair.received.server, message);
      });
    }
  }
  for (const suite of [0xc02f, 0xc030, 0xcca8, 0xc013, 0xc014, 0xc027, 0x009c, 0x009d, 0x002f, 0x0035, 0x003c]) {
    test(`suite ${suite.toString(16)} with RSA`, async () => {
      const pair = createPair({
        client: { cipherSuites: [suite] },
        server: { cipherSuites: [suite], credentials: [testCredential('rsa')] },
      });
      await pair.run();
      assert.equal(pair.client.error, undefined, pair.client.error?.stack);
      assert.equal(pair.server.error, undefined, pair.server.error?.stack);
      assert.equal(pair.server.info.cipherSuite, suite);
    });
  }
});

describe('hello retry request', () => {
  matrix((delivery, hostKind, label) => {
    test(label, async () => {
      const pair = createPair(
        { client: { keyShares: ['x25519'] }, server: { groups: ['secp384r1'], retryCookie: true } },
        delivery,
        hostKind,
      );
      await pair.run();
      assert.equal(pair.client.error, undefined, pair.client.error?.stack);
      assert.equal(pair.server.error, undefined, pair.server.error?.stack);
      assert.ok(pair.server.info.helloRetryRequest && pair.client.info.helloRetryRequest);
      assert.equal(pair.client.info.group, 'secp384r1');
    });
  });
});

describe('client authentication', () => {
  for (const version of [tls13, tls12] as const) {
    matrix((delivery, hostKind, label) => {
      test(`${version.toString(16)}, ${label}`, async () => {
        const credential = testCredential('client-ecdsa-p256');
        const pair = createPair(
          {
            client: { maxVersion: version, credentials: [credential] },
            server: { clientCertificate: 'require', verifyPeer: () => ({ notAfter: 5 }) },
          },
          delivery,
          hostKind,
        );
        await pair.run();
        assert.equal(pair.client.error, undefined, pair.client.error?.stack);
        assert.equal(pair.server.error, undefined, pair.server.error?.stack);
        assert.deepEqual(pair.server.info.peerCertificates, credential.chain);
      });
    });
    test(`${version.toString(16)}: none shown though required`, async () => {
      const pair = createPair({
        client: { maxVersion: version },
        server: { clientCertificate: 'require', verifyPeer: () => undefined },
      });
      await pair.run();
      assert.equal(pair.server.error?.code, 'ERR_TLS_CERTIFICATE_REQUIRED');
      assert.equal(pair.client.error?.alert, version === tls13 ? 'certificateRequired' : 'handshakeFailure');
    });
  }
  test('after the handshake', async () => {
    const credential = testCredential('client-ecdsa-p256');
    const pair = createPair({
      client: { credentials: [credential], postHandshakeAuth: true },
      server: { verifyPeer: () => undefined },
    });
    await pair.run();
    pair.server.requestClientCertificate();
    await pair.run();
    assert.equal(pair.server.error, undefined, pair.server.error?.stack);
    assert.deepEqual(pair.server.info.peerCertificates, credential.chain);
    pair.client.write(message);
    await pair.run();
    assert.deepEqual(pair.received.server, message);
  });
});

describe('key updates', () => {
  test('both ways, with a request', async () => {
    const pair = createPair();
    await pair.run();
    for (const side of [pair.client, pair.server]) {
      side.updateKeys(true);
      side.write(message);
      await pair.run();
    }
    assert.equal(pair.server.error, undefined, pair.server.error?.stack);
    assert.deepEqual(pair.received.server, message);
    assert.deepEqual(pair.received.client, message);
  });
});

test('a client without a verifier is refused before anything is sent', () => {
  assert.throws(() => createPair({ client: { verifyPeer: undefined } }), { code: 'ERR_TLS_CONFIG' });
  assert.ok(crypto.name);
});
