/** Raw public keys (RFC 7250): a bare key in the place of a certificate, known by its pin or not taken at all. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClientOptions, ServerOptions } from '../../src/engine/config.ts';
import { localSigner } from '../../src/engine/signer.ts';
import type { Credential } from '../../src/handshake/config.ts';
import type { ClientSession } from '../../src/session/client-session.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { tls12, tls13, versionName } from '../../src/wire/versions.ts';
import { type IdentityName, testIdentity } from '../helpers/pki.ts';
import { createPair, crypto, matrix, type Pair, testCredential } from './pair.ts';

function rawCredential(name: IdentityName): Credential & { rawPublicKey: Uint8Array } {
  const key = crypto.importPrivateKey(testIdentity(name).key);
  return { chain: [], rawPublicKey: key.publicKey, signer: localSigner(key), identity: `raw ${name}` };
}

const raw = rawCredential('ecdsa-p256');
const rawRsa = rawCredential('rsa');
const pin = crypto.hash('sha256', raw.rawPublicKey);
const types = ['rawPublicKey', 'x509'] as const;
const trusting: Partial<ClientOptions> = { serverCertificateTypes: types, rawPublicKeyPins: [pin] };
const clock = { now: () => Date.now() };

function createSessions(): ServerSessions {
  return new ServerSessions({
    crypto,
    keyring: new TicketKeyring({ crypto, clock }),
    store: new MemoryStore({ clock }),
  });
}

async function meet(client: Partial<ClientOptions>, server: Partial<ServerOptions>): Promise<Pair> {
  const pair = createPair({ client, server });
  await pair.run();
  return pair;
}

function assertConnected({ client, server }: Pair): void {
  for (const side of [client, server]) assert.equal(side.error, undefined, side.error?.stack);
}

function codes({ client, server }: Pair): [string | undefined, string | undefined] {
  return [client.error?.code, server.error?.code];
}

for (const version of [tls12, tls13] as const) {
  const at = { maxVersion: version };

  describe(versionName(version), () => {
    matrix((delivery, hostKind, label) => {
      test(`both sides show raw keys: ${label}`, async () => {
        const client = { ...at, ...trusting, credentials: [rawRsa] };
        const server: Partial<ServerOptions> = {
          credentials: [raw],
          clientCertificate: 'require',
          clientCertificateTypes: ['rawPublicKey'],
          rawPublicKeyPins: [rawRsa.rawPublicKey],
        };
        const pair = createPair({ client, server }, delivery, hostKind);
        await pair.run();
        assertConnected(pair);
        assert.deepEqual(pair.client.info.peerRawPublicKey, raw.rawPublicKey);
        assert.deepEqual(pair.server.info.peerRawPublicKey, rawRsa.rawPublicKey);
        for (const side of [pair.client, pair.server]) assert.deepEqual(side.info.peerCertificates, []);
      });
    });

    test('who does not speak of raw keys gets the certificate', async () => {
      const pair = await meet(at, { credentials: [raw, testCredential('ecdsa-p256')] });
      assertConnected(pair);
      assert.equal(pair.client.info.peerRawPublicKey, undefined);
      assert.equal(pair.client.info.peerCertificates.length > 0, true);
    });

    test('a server with a certificate alone serves who takes both', async () => {
      const verifyPeer = () => undefined;
      const pair = await meet({ ...at, ...trusting, verifyPeer }, {});
      assertConnected(pair);
      assert.equal(pair.client.info.peerRawPublicKey, undefined);
    });

    test('no type in common: unsupported_certificate, by the server and about it', async () => {
      const onlyRaw = { ...at, ...trusting, serverCertificateTypes: ['rawPublicKey'] } as const;
      assert.equal((await meet(onlyRaw, {})).server.error?.alert, 'unsupportedCertificate');
      assert.equal((await meet(at, { credentials: [raw] })).server.error?.code, 'ERR_TLS_CERTIFICATE_TYPE');
      const asking: Partial<ServerOptions> = {
        clientCertificate: 'request',
        clientCertificateTypes: ['rawPublicKey'],
        rawPublicKeyPins: [pin],
      };
      const refused = await meet({ ...at, credentials: [testCredential('rsa')] }, asking);
      assert.equal(refused.server.error?.alert, 'unsupportedCertificate');
    });

    test('a key that nothing knows is refused, also where verifyPeer trusts all certificates', async () => {
      const verifyPeer = () => undefined;
      const client = { ...at, serverCertificateTypes: types, verifyPeer };
      const pair = await meet(client, { credentials: [raw] });
      assert.equal(pair.client.error?.code, 'ERR_TLS_RAW_PUBLIC_KEY_UNKNOWN');
      assert.match(pair.client.error.message, /pin/);
      assert.equal(pair.client.error.alert, 'certificateUnknown');
      const other = { ...client, rawPublicKeyPins: [crypto.hash('sha256', rawRsa.rawPublicKey)] };
      assert.equal((await meet(other, { credentials: [raw] })).client.error?.code, 'ERR_TLS_RAW_PUBLIC_KEY_UNKNOWN');
      const server: Partial<ServerOptions> = {
        clientCertificate: 'request',
        clientCertificateTypes: types,
        verifyPeer,
      };
      const unknown = await meet({ ...at, credentials: [raw] }, server);
      assert.equal(unknown.server.error?.code, 'ERR_TLS_RAW_PUBLIC_KEY_UNKNOWN');
    });

    test('verifyPeer may know a key by its own ways', async () => {
      const seen: Uint8Array[] = [];
      const client: Partial<ClientOptions> = {
        ...at,
        serverCertificateTypes: types,
        verifyPeer({ rawPublicKey, chain }) {
          assert.deepEqual(chain, []);
          if (rawPublicKey !== undefined) seen.push(rawPublicKey);
          return { rawPublicKey: 'known' };
        },
      };
      assertConnected(await meet(client, { credentials: [raw] }));
      assert.deepEqual(seen, [raw.rawPublicKey]);
    });

    test('a client without a key shows none, and that is an error only where one is required', async () => {
      const server: Partial<ServerOptions> = {
        clientCertificate: 'request',
        clientCertificateTypes: ['rawPublicKey'],
        rawPublicKeyPins: [pin],
      };
      const client: Partial<ClientOptions> = { ...at, clientCertificateTypes: ['rawPublicKey'] };
      assertConnected(await meet(client, server));
      const refused = await meet(client, { ...server, clientCertificate: 'require' });
      assert.equal(refused.server.error?.code, 'ERR_TLS_CERTIFICATE_REQUIRED');
    });

    describe('resumption', () => {
      const keyed = { ...at, ...trusting, credentials: [rawRsa] };
      const asking = (): Partial<ServerOptions> => ({
        credentials: [raw, testCredential('ecdsa-p256')],
        credentialIdentity: 'one',
        clientCertificate: 'require',
        clientCertificateTypes: types,
        rawPublicKeyPins: [rawRsa.rawPublicKey],
        verifyPeer: () => undefined,
        sessions: createSessions(),
      });

      async function firstVisit(server: Partial<ServerOptions>): Promise<ClientSession[]> {
        const pair = await meet(keyed, server);
        assertConnected(pair);
        return pair.client.takeSessions();
      }

      test('keeps both keys', async () => {
        const server = asking();
        const pair = await meet({ ...keyed, sessions: await firstVisit(server) }, server);
        assertConnected(pair);
        assert.equal(pair.server.info.resumed, true);
        assert.deepEqual(pair.client.info.peerRawPublicKey, raw.rawPublicKey);
        assert.deepEqual(pair.server.info.peerRawPublicKey, rawRsa.rawPublicKey);
      });

      test('asks for the pin anew', async () => {
        const server = asking();
        const sessions = await firstVisit(server);
        const verifyPeer = () => undefined;
        const pair = await meet({ ...keyed, sessions, rawPublicKeyPins: [], verifyPeer }, server);
        assert.equal(pair.client.error?.code, 'ERR_TLS_RAW_PUBLIC_KEY_UNKNOWN');
      });

      test('is not offered once the client takes certificates only', async () => {
        const server = asking();
        const sessions = await firstVisit(server);
        const pair = await meet({ ...keyed, sessions, serverCertificateTypes: ['x509'] }, server);
        assertConnected(pair);
        assert.equal(pair.client.info.resumed, false);
        assert.equal(pair.client.info.peerRawPublicKey, undefined);
      });

      test('ends with the pin of the client, and with the type', async () => {
        const server = asking();
        const sessions = await firstVisit(server);
        const known = { rawPublicKey: 'known' } as const;
        const others: Partial<ServerOptions>[] = [
          { rawPublicKeyPins: [rawRsa.rawPublicKey, pin] },
          { rawPublicKeyPins: [], verifyPeer: () => known },
          { clientCertificateTypes: ['rawPublicKey'] },
        ];
        for (const other of others) {
          const pair = await meet({ ...keyed, sessions }, { ...server, ...other });
          assertConnected(pair);
          assert.equal(pair.server.info.resumed, false);
        }
      });
    });
  });
}

test('no OCSP response, SCTs or compression with a raw key', async () => {
  const decorated = { ...raw, ocspResponse: Uint8Array.of(1), scts: [Uint8Array.of(2)] };
  const compression = {
    algorithm: 0xff77,
    compress: () => assert.fail('a raw key is compressed'),
    decompress: () => assert.fail('a raw key was compressed'),
  };
  for (const maxVersion of [tls12, tls13] as const) {
    const client = { ...trusting, maxVersion, requestOcsp: true, requestScts: true };
    const pair = await meet(
      { ...client, certificateCompression: [compression] },
      { credentials: [decorated], certificateCompression: [compression] },
    );
    assertConnected(pair);
    assert.equal(pair.client.info.ocspResponse, undefined);
    assert.equal(pair.client.info.scts, undefined);
  }
});

test('early data goes only to a key that is pinned now: it goes before anybody is asked', async () => {
  const now = () => clock.now() + 60_000;
  const sessions = new ServerSessions({
    crypto,
    keyring: new TicketKeyring({ crypto, clock }),
    store: new MemoryStore({ clock, claimsSince: 0 }),
    maxEarlyDataSize: 1000,
  });
  const server = { credentials: [raw], sessions, now };
  const client: Partial<ClientOptions> = { ...trusting, now, earlyData: true };
  const first = await meet(client, server);
  assertConnected(first);
  const tickets = first.client.takeSessions();
  const known = () => ({ rawPublicKey: 'known' }) as const;
  for (const [rawPublicKeyPins, expected] of [
    [[pin], 'accepted'],
    [[], 'none'],
  ] as const) {
    const ticket = tickets.pop();
    assert.ok(ticket);
    const pair = await meet({ ...client, verifyPeer: known, rawPublicKeyPins, sessions: [ticket] }, server);
    assertConnected(pair);
    assert.equal(pair.client.info.resumed, true);
    assert.equal(pair.client.info.earlyData, expected);
  }
});

describe('after the handshake (RFC 9846, Section 4.6.2)', () => {
  const server: Partial<ServerOptions> = { clientCertificateTypes: types, rawPublicKeyPins: [rawRsa.rawPublicKey] };

  test('the client shows the kind of key that was agreed on in the handshake', async () => {
    const pair = await meet({ credentials: [rawRsa], postHandshakeAuth: true }, server);
    assertConnected(pair);
    assert.equal(pair.server.info.peerRawPublicKey, undefined);
    pair.server.requestClientCertificate();
    await pair.run();
    assertConnected(pair);
    assert.deepEqual(pair.server.info.peerRawPublicKey, rawRsa.rawPublicKey);
  });

  test('a client without such a key is not asked', async () => {
    const only: Partial<ServerOptions> = { ...server, clientCertificateTypes: ['rawPublicKey'] };
    const pair = await meet({ credentials: [testCredential('rsa')], postHandshakeAuth: true }, only);
    assertConnected(pair);
    assert.throws(() => pair.server.requestClientCertificate(), { code: 'ERR_TLS_NO_POST_HANDSHAKE_AUTH' });
  });
});

test('pins alone verify where nothing but raw keys is taken', async () => {
  const client: Partial<ClientOptions> = { serverCertificateTypes: ['rawPublicKey'], rawPublicKeyPins: [pin] };
  const { verifyPeer: _, ...bare } = createPair({ client }).client.options;
  const pair = createPair({ client: bare, server: { credentials: [raw] } });
  assert.deepEqual(codes(pair), [undefined, undefined]);
  assert.throws(() =>
    createPair({ client: { ...bare, serverCertificateTypes: types, verifyPeer: undefined as never } }),
  );
  assert.throws(() => createPair({ client: { serverCertificateTypes: [] } }), { code: 'ERR_TLS_CONFIG' });
});
