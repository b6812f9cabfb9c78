import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hpkeAeads, hpkeKdfs } from '../../src/crypto/hpke.ts';
import { createPortableCrypto } from '../../src/crypto/portable.ts';
import type { ClientOptions, EchKey, ServerOptions, TraceEvent } from '../../src/engine/config.ts';
import { createEchKey } from '../../src/engine/ech-key.ts';
import { ConfigError, EchRejectedError } from '../../src/errors.ts';
import type { ClientContext } from '../../src/handshake/client.ts';
import { refuseRejectedEch } from '../../src/handshake/ech-client.ts';
import type { ClientSession } from '../../src/session/client-session.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { decodeEchConfig, encodeEchConfig, encodeEchConfigList } from '../../src/wire/ech-config.ts';
import { tls12, tls13 } from '../../src/wire/versions.ts';
import { createPair, crypto, matrix, type Pair, testCredential } from './pair.ts';

const clock = { now: () => Date.now() };
const early = new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n');

const key = createEchKey(crypto, { publicName: 'public.example', configId: 7 });
const otherKey = createEchKey(crypto, { publicName: 'public.example', configId: 8 });
const configList = encodeEchConfigList([key.config]);

function createSessions(maxEarlyDataSize = 0): ServerSessions {
  const keyring = new TicketKeyring({ crypto, clock });
  return new ServerSessions({ crypto, keyring, store: new MemoryStore({ clock }), maxEarlyDataSize });
}

/** The name that the client would have the certificate verified for. */
function verifier(): { names: (string | undefined)[]; verifyPeer: ClientOptions['verifyPeer'] } {
  const names: (string | undefined)[] = [];
  return { names, verifyPeer: ({ serverName }) => void names.push(serverName) };
}

function secret(extra: Partial<ClientOptions> = {}): Partial<ClientOptions> {
  return { serverName: 'secret.example', ech: { configList }, ...extra };
}

function noErrors({ client, server }: Pair): void {
  assert.equal(client.error, undefined, client.error?.stack);
  assert.equal(server.error, undefined, server.error?.stack);
}

/** What the client puts on the wire, as text. Both sides are given Buffers, as sockets do. */
function wire(pair: Pair): () => string {
  let text = '';
  const receive = { client: pair.client.receive.bind(pair.client), server: pair.server.receive.bind(pair.server) };
  pair.server.receive = (bytes) => {
    text += Buffer.from(bytes).toString('latin1');
    receive.server(Buffer.from(bytes));
  };
  pair.client.receive = (bytes) => receive.client(Buffer.from(bytes));
  return () => text;
}

const retries: readonly Partial<ServerOptions>[] = [{}, { groups: ['secp384r1'] }, { retryCookie: true }];

for (const retry of retries) {
  const how = retry.groups ? ', after a HelloRetryRequest' : retry.retryCookie ? ', after a cookie' : '';
  describe(`an encrypted clientHello is taken${how}`, () => {
    matrix((delivery, hostKind, label) => {
      test(label, async () => {
        const seen: (string | undefined)[] = [];
        const server: Partial<ServerOptions> = {
          ...retry,
          echKeys: [otherKey, key],
          sessions: createSessions(),
          alpnProtocols: ['h2'],
          selectConfig: ({ serverName }) => void seen.push(serverName),
        };
        const { names, verifyPeer } = verifier();
        const client = secret({ verifyPeer, alpnProtocols: ['h2'], grease: true, permuteExtensions: true });
        const pair = createPair({ client, server }, delivery, hostKind);
        const sent = wire(pair);
        await pair.run();
        noErrors(pair);
        for (const side of [pair.client, pair.server]) {
          assert.equal(side.info.echAccepted, true);
          assert.equal(side.info.serverName, 'secret.example');
          assert.equal(side.info.alpnProtocol, 'h2');
          assert.equal(side.info.helloRetryRequest, how !== '');
        }
        assert.deepEqual(names, ['secret.example']);
        assert.deepEqual(seen, ['secret.example']);
        assert.match(sent(), /public\.example/);
        assert.doesNotMatch(sent(), /secret/);

        // Resumed twice: from the first visit, and from the renewed ticket.
        let sessions = pair.client.takeSessions();
        for (let visit = 0; visit < 2; visit++) {
          const again = createPair({ client: { ...client, sessions }, server }, delivery, hostKind);
          const sentAgain = wire(again);
          await again.run();
          noErrors(again);
          assert.equal(again.client.info.resumption, 'psk');
          assert.equal(again.client.info.echAccepted, true);
          assert.doesNotMatch(sentAgain(), /secret/);
          const { ticket } = sessions[0] as ClientSession;
          assert.ok(!sentAgain().includes(Buffer.from(ticket).toString('latin1')), 'the ticket is not to be seen');
          sessions = again.client.takeSessions();
        }
      });
    });
  });
}

describe('an encrypted clientHello that the server cannot decrypt', () => {
  for (const retry of retries.slice(0, 2)) {
    matrix((delivery, hostKind, label) => {
      test(`${label}${retry.groups ? ', after a HelloRetryRequest' : ''}`, async () => {
        const sessions = createSessions();
        const { names, verifyPeer } = verifier();
        const shown: string[] = [];
        const client = secret({
          verifyPeer,
          credentials: [testCredential('client-ecdsa-p256')],
          selectCredential: () => {
            shown.push('a client certificate');
            return testCredential('client-ecdsa-p256');
          },
        });
        const server: Partial<ServerOptions> = {
          ...retry,
          echKeys: [otherKey],
          sessions,
          clientCertificate: 'request',
          verifyPeer: () => undefined,
        };
        const pair = createPair({ client, server }, delivery, hostKind);
        const sent = wire(pair);
        await pair.run();
        const { error } = pair.client;
        assert.ok(error instanceof EchRejectedError, error?.stack);
        assert.equal(error.code, 'ERR_TLS_ECH_REJECTED');
        assert.equal(error.alert, 'echRequired');
        assert.equal(error.publicName, 'public.example');
        assert.equal(pair.server.error?.code, 'ERR_TLS_ALERT_RECEIVED');
        assert.equal(pair.server.error?.alert, 'echRequired');
        assert.deepEqual(names, ['public.example']);
        assert.deepEqual(shown, []);
        assert.deepEqual(pair.client.takeSessions(), []);
        assert.equal(pair.client.connected, false);
        assert.doesNotMatch(sent(), /secret/);

        assert.deepEqual(error.retryConfigs, encodeEchConfigList([otherKey.config]));
        const again = createPair({ client: { ...client, ech: { configList: error.retryConfigs } }, server });
        await again.run();
        noErrors(again);
        assert.equal(again.client.info.serverName, 'secret.example');
      });
    });
  }

  test('a server without keys, or without TLS 1.3, names none to try instead', async () => {
    const servers: Partial<ServerOptions>[] = [{}, { maxVersion: tls12, echKeys: [key] }];
    for (const server of servers) {
      const { names, verifyPeer } = verifier();
      const pair = createPair({ client: secret({ verifyPeer }), server });
      await pair.run();
      const { error } = pair.client;
      assert.ok(error instanceof EchRejectedError, error?.stack);
      assert.equal(error.retryConfigs, undefined);
      assert.deepEqual(names, ['public.example']);
      assert.deepEqual(pair.client.takeSessions(), []);
    }
  });

  test('a list of versions that are unknown here is none', () => {
    const context = { config: { echRejected: true, verifyName: 'public.example' } } as unknown as ClientContext;
    const unknown = Uint8Array.of(0xfe, 0x0a, 0, 1, 0);
    const known = encodeEchConfigList([unknown, otherKey.config]);
    for (const [list, expected] of [
      [encodeEchConfigList([unknown]), undefined],
      [known, known],
    ] as const) {
      assert.throws(
        () => refuseRejectedEch(context, list),
        (error) => {
          assert.ok(error instanceof EchRejectedError);
          assert.deepEqual(error.retryConfigs, expected);
          return true;
        },
      );
    }
  });

  test('a server that does not prove the public name is refused for that', async () => {
    const refusal = new ConfigError('not the public name');
    const verifyPeer: ClientOptions['verifyPeer'] = ({ serverName }) => {
      if (serverName === 'public.example') throw refusal;
    };
    const pair = createPair({ client: secret({ verifyPeer }), server: { echKeys: [otherKey] } });
    await pair.run();
    assert.equal(pair.client.error, refusal);
  });

  test('a config id that two keys share is tried with both', async () => {
    const twin = createEchKey(crypto, { publicName: 'public.example', configId: 7 });
    const pair = createPair({ client: secret(), server: { echKeys: [twin, key] } });
    await pair.run();
    noErrors(pair);
    assert.equal(pair.server.info.echAccepted, true);
  });
});

describe('early data in an encrypted clientHello', () => {
  async function visits(first: Partial<ServerOptions>, second: Partial<ServerOptions>): Promise<Pair> {
    const visit = createPair({ client: secret(), server: first });
    await visit.run();
    noErrors(visit);
    const sessions = visit.client.takeSessions().slice(0, 1);
    const pair = createPair({ client: secret({ sessions, earlyData: true }), server: second });
    pair.client.advance();
    assert.ok(pair.client.earlyDataAllowance > 0);
    pair.client.write(early);
    await pair.run();
    return pair;
  }

  test('is taken', async () => {
    const server = { echKeys: [key], sessions: createSessions(16_384) };
    const pair = await visits(server, server);
    noErrors(pair);
    assert.equal(pair.client.info.earlyData, 'accepted');
    assert.deepEqual(pair.received.server, early);
  });

  test('is refused, and the handshake goes on', async () => {
    const sessions = createSessions(16_384);
    const server = { echKeys: [key], sessions };
    for (const other of [{ alpnProtocols: [], sessions: createSessions(16_384) }, { groups: ['secp384r1'] as const }]) {
      const pair = await visits(server, { ...server, ...other });
      noErrors(pair);
      assert.equal(pair.client.info.earlyData, 'rejected');
      assert.equal(pair.client.info.echAccepted, true);
    }
  });

  test('is lost with a rejection', async () => {
    const sessions = createSessions(16_384);
    for (const other of [{}, { groups: ['secp384r1'] as const }]) {
      const pair = await visits({ echKeys: [key], sessions }, { echKeys: [otherKey], sessions, ...other });
      assert.ok(pair.client.error instanceof EchRejectedError, pair.client.error?.stack);
      assert.equal(pair.received.server.length, 0);
    }
  });
});

describe('sessions and hidden names', () => {
  test('a session of a hidden connection is never offered in clear', async () => {
    const server = { echKeys: [key], sessions: createSessions() };
    const visit = createPair({ client: secret(), server });
    await visit.run();
    const sessions = visit.client.takeSessions();
    assert.ok(sessions.length > 0 && sessions.every(({ hidden }) => hidden === true));
    const pair = createPair({ client: { serverName: 'secret.example', sessions }, server });
    await pair.run();
    noErrors(pair);
    assert.equal(pair.client.info.resumption, 'none');
    assert.equal(pair.client.takeSessions()[0]?.hidden, undefined);
  });

  test('a session of TLS 1.2 is not offered with an encrypted clientHello', async () => {
    const server = { echKeys: [key], sessions: createSessions() };
    const visit = createPair({ client: { serverName: 'secret.example', maxVersion: tls12 }, server });
    await visit.run();
    const sessions = visit.client.takeSessions();
    assert.equal(sessions[0]?.state.version, tls12);
    const pair = createPair({ client: secret({ sessions }), server });
    await pair.run();
    noErrors(pair);
    assert.equal(pair.client.info.version, tls13);
    assert.equal(pair.client.info.resumption, 'none');
  });

  test('a server resumes a session under no other name than its own, hidden or not', async () => {
    const server = { echKeys: [key], sessions: createSessions() };
    const visit = createPair({ client: secret(), server });
    await visit.run();
    const sessions = visit.client.takeSessions();
    const pair = createPair({ client: secret({ serverName: 'other.example', sessions }), server });
    await pair.run();
    noErrors(pair);
    assert.equal(pair.client.info.resumption, 'none');
  });
});

describe('what an observer sees', () => {
  async function lengthOf(serverName: string | undefined): Promise<number> {
    const pair = createPair({ client: { ...secret(), serverName }, server: { echKeys: [key] } });
    await pair.run();
    noErrors(pair);
    const hello = createPair({ client: { ...secret(), serverName }, server: {} });
    hello.client.advance();
    return Buffer.concat(hello.client.takeOutgoing()).length;
  }

  test('names of all lengths up to the maximum make clientHellos of one length; longer ones are still sent', async () => {
    const lengths = await Promise.all(['a.b', 'secret.example', `${'n'.repeat(60)}.com`, undefined].map(lengthOf));
    assert.equal(new Set(lengths).size, 1, lengths.join());
    assert.ok((await lengthOf(`${'n'.repeat(60)}.${'o'.repeat(60)}.com`)) > (lengths[0] as number));
  });

  test('GREASE looks like an encrypted clientHello, and nobody minds', async () => {
    const servers: Partial<ServerOptions>[] = [{}, { echKeys: [key] }, { maxVersion: tls12, echKeys: [key] }];
    for (const server of servers) {
      for (const retry of retries) {
        const { names, verifyPeer } = verifier();
        const pair = createPair({
          client: { serverName: 'plain.example', ech: { grease: true }, verifyPeer },
          server: { ...server, ...(server.maxVersion === tls12 ? {} : retry) },
        });
        const sent = wire(pair);
        await pair.run();
        noErrors(pair);
        assert.ok(sent().includes('\xfe\x0d'));
        assert.equal(pair.client.info.echAccepted, false);
        assert.equal(pair.server.info.echAccepted, false);
        assert.deepEqual(names, ['plain.example']);
      }
    }
  });

  test('the trace tells what became of it', async () => {
    const choices = async (echKeys: readonly EchKey[]) => {
      const events: string[] = [];
      const trace = (side: string) => (event: TraceEvent) => {
        if (event.kind !== 'decision' || event.about !== 'encryptedClientHello') return;
        assert.ok(event.reason.length > 0);
        events.push(`${side} ${event.choice}`);
      };
      const pair = createPair({
        client: secret({ trace: trace('client') }),
        server: { echKeys, trace: trace('server') },
      });
      await pair.run();
      return events;
    };
    assert.deepEqual(await choices([key]), ['client offered', 'server accepted', 'client accepted']);
    assert.deepEqual(await choices([otherKey]), ['client offered', 'server rejected', 'client rejected']);
  });
});

test('client and server over the portable provider', async () => {
  const portable = createPortableCrypto();
  const options = { crypto: portable, groups: ['x25519'] } as const;
  const own = createEchKey(portable, { publicName: 'public.example' });
  const pair = createPair({
    client: secret({ ...options, ech: { configList: encodeEchConfigList([own.config]) } }),
    server: { ...options, echKeys: [own] },
  });
  await pair.run();
  noErrors(pair);
  assert.equal(pair.server.info.echAccepted, true);
});

describe('options', () => {
  const suites = [{ kdf: hpkeKdfs.sha384, aead: hpkeAeads.aes256gcm }];

  test('P-256, and every suite of the config, can be used', async () => {
    const p256 = createEchKey(crypto, { publicName: 'public.example', group: 'secp256r1' });
    const pair = createPair({
      client: secret({ ech: { configList: encodeEchConfigList([p256.config]) } }),
      server: { echKeys: [p256] },
    });
    await pair.run();
    noErrors(pair);
    assert.equal(pair.client.info.echAccepted, true);
    const config = decodeEchConfig(key.config);
    assert.ok(config !== undefined);
    const strong = { config: encodeEchConfig({ ...config, cipherSuites: suites }), privateKey: key.privateKey };
    const second = createPair({
      client: secret({ ech: { configList: encodeEchConfigList([strong.config]) } }),
      server: { echKeys: [strong] },
    });
    await second.run();
    noErrors(second);
    assert.equal(second.client.info.echAccepted, true);
  });

  test('a client without a config that it can use does not show the name unless it is told to', async () => {
    const config = decodeEchConfig(key.config);
    assert.ok(config !== undefined);
    const useless = encodeEchConfigList([
      encodeEchConfig({ ...config, kem: 0x6666 }),
      encodeEchConfig({ ...config, cipherSuites: [{ kdf: 0x1111, aead: 0x2222 }] }),
      encodeEchConfig({ ...config, publicName: 'no_name.example' }),
      encodeEchConfig({ ...config, publicName: '192.0.2.1' }),
      encodeEchConfig({ ...config, publicKey: new Uint8Array(31) }),
    ]);
    const wrong = (ech: ClientOptions['ech'], code: string, extra: Partial<ClientOptions> = {}) =>
      assert.throws(
        () => createPair({ client: secret({ ech, ...extra }) }),
        (error) => error instanceof ConfigError && error.code === code,
      );
    wrong({ configList: useless }, 'ERR_TLS_ECH_CONFIG');
    wrong({ configList }, 'ERR_TLS_ECH_CONFIG', { maxVersion: tls12 });
    wrong({ required: true }, 'ERR_TLS_ECH_CONFIG');
    wrong({ configList: key.config }, 'ERR_TLS_ECH_CONFIG_LIST');
    const pair = createPair({ client: secret({ ech: { configList: useless, required: false } }), server: {} });
    await pair.run();
    noErrors(pair);
    assert.equal(pair.client.info.echAccepted, false);
  });

  test('a key that its clients could not use is refused at once', () => {
    const config = decodeEchConfig(key.config);
    assert.ok(config !== undefined);
    const extended = key.config.slice(0, -2);
    const wrong: EchKey[] = [
      { ...key, config: configList },
      { ...key, config: new Uint8Array([0xfe, 0x0a, 0, 1, 0]) },
      { ...key, config: extended },
      { ...key, privateKey: otherKey.privateKey },
      { ...key, privateKey: new Uint8Array(31) },
      { ...key, config: encodeEchConfig({ ...config, kem: 0x6666 }) },
      { ...key, config: encodeEchConfig({ ...config, cipherSuites: [{ kdf: 1, aead: 0xffff }] }) },
      { ...key, config: encodeEchConfig({ ...config, publicName: 'no_name.example' }) },
    ];
    for (const one of wrong) {
      assert.throws(
        () => createPair({ server: { echKeys: [key, one] } }),
        (error) => error instanceof ConfigError && /^echKeys\[1\]: /.test(error.message),
      );
    }
    assert.throws(() => createEchKey(crypto, { publicName: 'no_name' }), ConfigError);
    assert.throws(
      () => createPair({ server: { echKeys: [{ ...key, retry: false }] } }),
      (error) => error instanceof ConfigError && /^echKeys: each has retry: false/.test(error.message),
    );
  });
});
