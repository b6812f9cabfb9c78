import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { oldProtocols } from '../../src/audit/old-protocols.ts';
import { type AuditCheckName, auditResumption, type Finding } from '../../src/audit/resumption-checks.ts';
import { findWeakTicketKey } from '../../src/audit/weak-keys.ts';
import { cipherSuites } from '../../src/crypto/cipher-suites.ts';
import type { ServerOptions } from '../../src/engine/config.ts';
import { drive } from '../../src/engine/driver.ts';
import { serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { nodeTimers } from '../../src/node/redis/connection.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import type { ServerSessionsConfig } from '../../src/session/session-rules.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { until } from '../fleet/redis-server.ts';
import { nodeCrypto as crypto, testCredential } from '../helpers/engine.ts';
import { freePort } from '../helpers/listening.ts';
import { testIdentity } from '../helpers/pki.ts';

const clock = { now: () => Date.now() };

interface Ours {
  readonly port: number;
  close(): void;
}

/** A server of ours on a socket. */
async function serve(options: Partial<ServerOptions>, config: Partial<ServerSessionsConfig> = {}): Promise<Ours> {
  const keyring = config.keyring ?? new TicketKeyring({ crypto, clock, timers: nodeTimers });
  const store = config.store ?? new MemoryStore({ clock });
  const sessions = new ServerSessions({ crypto, store, keyring, ...config });
  const all: ServerOptions = { crypto, credentials: [testCredential('ecdsa-p256')], sessions, ...options };
  const host = serverHost(all);
  const server: Server = createServer((socket) => {
    const tls = new ServerConnection(all);
    const turn = (): void => {
      drive(tls, host, turn);
      tls.takeApplicationData();
      if (tls.peerClosed && !tls.closed) tls.close();
      for (const bytes of tls.takeOutgoing()) if (!socket.destroyed) socket.write(bytes);
      if (tls.closed) socket.end();
    };
    socket.on('data', (bytes: Buffer) => {
      tls.receive(bytes);
      turn();
    });
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    close: () => {
      server.close();
      keyring.close();
    },
  };
}

async function audit(
  port: number,
  only: AuditCheckName[],
  more: { target?: object; options?: object } = {},
): Promise<Finding[]> {
  const target = { address: '127.0.0.1', port, serverName: 'localhost', ...more.target };
  const findings: Finding[] = [];
  for await (const finding of auditResumption(target, { crypto, patienceMs: 1500, ...more.options }, only)) {
    findings.push(finding);
  }
  return findings;
}

const verdicts = (findings: readonly Finding[]) => findings.map(({ check, verdict }) => `${check} ${verdict}`);

test('a server of ours passes: all kinds, fresh tickets, strong keys, early data once', async () => {
  const server = await serve({}, { maxEarlyDataSize: 4096 });
  const earlyData = Buffer.from('GET / HTTP/1.1\r\n\r\n');
  const checks: AuditCheckName[] = ['kinds', 'earlyDataReplay', 'weakKeys', 'linkability', 'ticketReuse'];
  const findings = await audit(server.port, checks, { options: { earlyData } });
  server.close();
  // With a key ring, TLS 1.2 clients that can do tickets get tickets; those that can't get a session ID.
  assert.deepEqual(findings[0]?.details, { sessionId: true, ticket: true, psk: true });
  assert.deepEqual(findings.find(({ check }) => check === 'earlyDataReplay')?.details, {
    offered: true,
    sent: 2,
    accepted: 1,
  });
  assert.ok(!findings.some(({ verdict }) => verdict === 'bad' || verdict === 'weak'), verdicts(findings).join(', '));
});

test('a server of ours speaks nothing old, and signs nothing with SHA-1 even for a client that offers nothing else', async () => {
  const server = await serve({ cipherSuites: cipherSuites.map(({ code }) => code) });
  const endpoint = { address: '127.0.0.1', port: server.port, serverName: 'localhost' };
  const old = await oldProtocols(endpoint, { crypto });
  server.close();
  assert.deepEqual(
    { ...old, chain: old.chain.length },
    {
      versions: [],
      tls12: true,
      suites: [],
      primeBits: undefined,
      sha1Signature: false,
      secureRenegotiation: true,
      chain: 2,
    },
  );
});

test('single-use tickets are seen as such', async () => {
  const server = await serve({}, { tls13Tickets: 'singleUse' });
  const [finding] = await audit(server.port, ['ticketReuse']);
  server.close();
  assert.deepEqual(finding?.details, { accepted: 1, of: 3 });
});

test('a server that wants a client certificate is not said to resume nothing', async () => {
  const server = await serve({
    clientCertificate: 'require',
    clientTrustDigest: new Uint8Array(32),
    verifyPeer: () => undefined,
  });
  const [kinds] = await audit(server.port, ['kinds']);
  server.close();
  assert.deepEqual([kinds?.verdict, /asks for a client certificate/.test(kinds?.summary ?? '')], ['unknown', true]);
});

test('a server that forgets replays is found out', async () => {
  const store = new MemoryStore({ clock });
  const forgetful = {
    traits: store.traits,
    get: store.get.bind(store),
    take: store.take.bind(store),
    put: store.put.bind(store),
    delete: store.delete.bind(store),
    claim: () => 'fresh' as const,
  };
  const server = await serve({}, { maxEarlyDataSize: 4096, store: forgetful });
  const [finding] = await audit(server.port, ['earlyDataReplay'], { options: { earlyData: Buffer.from('GET /') } });
  server.close();
  assert.deepEqual([finding?.verdict, finding?.details], ['bad', { offered: true, sent: 2, accepted: 2 }]);
});

test('two addresses that share nothing, and another policy that shares too much', async () => {
  const keyring = new TicketKeyring({ crypto, clock });
  const [a, b] = [
    await serve({ credentialIdentity: 'a' }, { keyring }),
    await serve({ credentialIdentity: 'b' }, { keyring }),
  ];
  const good = await audit(a.port, ['otherPolicy'], {
    target: { others: [{ port: b.port }, { serverName: 'example.test' }] },
  });
  assert.deepEqual(verdicts(good), ['otherPolicy good', 'otherPolicy good']);
  const c = await serve({ credentialIdentity: 'a' }, { keyring });
  const shared = await audit(a.port, ['otherPolicy'], { target: { others: [{ port: c.port }] } });
  assert.deepEqual(shared[0]?.verdict, 'bad');
  assert.deepEqual(shared[0]?.details, { other: `localhost:${c.port}`, kinds: ['ticket', 'psk'] });
  for (const each of [a, b, c]) each.close();
});

test('the lifetime that a ticket says is compared with the one it has', async () => {
  const keyring = new TicketKeyring({ crypto, clock, timers: nodeTimers });
  const server = await serve({}, { keyring });
  const honest = await audit(server.port, ['lifetime']);
  assert.deepEqual(verdicts(honest), ['lifetime good', 'lifetime good']);
  const timer = setInterval(() => {
    keyring.rotate();
    for (const { name, role } of keyring.describe()) {
      if (role === 'previous') keyring.revoke(new Uint8Array(Buffer.from(name, 'hex')));
    }
  }, 900);
  const lying = await audit(server.port, ['lifetime']);
  clearInterval(timer);
  server.close();
  assert.deepEqual(verdicts(lying), ['lifetime weak', 'lifetime weak']);
});

test('the rotation of ticket keys is seen from outside', async () => {
  const keyring = new TicketKeyring({ crypto, clock, timers: nodeTimers, rotateEvery: 1, keepFor: 5 });
  const server = await serve({}, { keyring });
  const [finding] = await audit(server.port, ['rotation'], { options: { patienceMs: 4000 } });
  server.close();
  assert.ok(finding);
  assert.ok((finding.details['changesAtMs'] as number[]).length >= 2, JSON.stringify(finding));
});

test('tickets under weak keys are opened: OpenSSL’s layout and AEAD layouts', () => {
  const state = randomBytes(160);
  for (const key of [0, 0x41]) {
    const cipher = createCipheriv('aes-256-cbc', Buffer.alloc(32, key), randomBytes(16));
    const body = Buffer.concat([randomBytes(16), randomBytes(16), cipher.update(state), cipher.final()]);
    const mac = createHmac('sha256', Buffer.alloc(32, key)).update(body).digest();
    assert.match(findWeakTicketKey(crypto, Buffer.concat([body, mac]))?.layout ?? '', /OpenSSL/);
    const nonce = randomBytes(12);
    const gcm = createCipheriv('aes-128-gcm', Buffer.alloc(16, key), nonce);
    const sealed = Buffer.concat([randomBytes(16), nonce, gcm.update(state), gcm.final(), gcm.getAuthTag()]);
    const found = findWeakTicketKey(crypto, sealed);
    assert.match(found?.layout ?? '', /aes128gcm/);
    assert.equal(found?.key, `all bytes ${key.toString(16).padStart(2, '0')}`);
  }
  assert.equal(findWeakTicketKey(crypto, randomBytes(200)), undefined);
});

const openssl = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed';

test('openssl s_server is inspected', { skip: openssl, timeout: 60_000 }, async () => {
  const identity = testIdentity('ecdsa-p256');
  const port = await freePort();
  const args = [
    's_server',
    '-accept',
    `127.0.0.1:${port}`,
    '-cert',
    identity.chainFile,
    '-key',
    identity.keyFile,
    '-quiet',
    '-early_data',
    '-max_early_data',
    '16384',
  ];
  const child: ChildProcess = spawn('openssl', args, { stdio: ['pipe', 'ignore', 'ignore'] });
  try {
    let findings: Finding[] = [];
    await until(async () => {
      findings = await audit(port, ['kinds']);
      return findings[0]?.details['psk'] === true;
    });
    assert.equal(findings[0]?.details['ticket'], true);
    const more = await audit(port, ['weakKeys', 'linkability', 'earlyDataReplay'], {
      options: { earlyData: Buffer.from('x') },
    });
    assert.ok(more.filter(({ check }) => check === 'weakKeys').every(({ verdict }) => verdict === 'good'));
    assert.equal(more.find(({ check }) => check === 'earlyDataReplay')?.details['accepted'], 1);
  } finally {
    child.kill('SIGKILL');
  }
});
