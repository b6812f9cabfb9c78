/** Clients that make several connections at one time have a ticket of its own for each. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import test, { type TestContext } from 'node:test';
import { nodeCrypto } from '../../src/node/base/key-signer.ts';
import { SpareSessions } from '../../src/node/http/spare-sessions.ts';
import https, { undiciConnector } from '../../src/node/https.ts';
import { encodeClientSession, MemoryStore, ServerSessions, sessionState } from '../../src/session/index.ts';
import { listening } from '../helpers/listening.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

const { keyPem: key, chainPem: cert } = testIdentity('ecdsa-p256');
const limit = { timeout: 30_000 };

/** A server that takes each ticket once; `count` tickets after a full handshake. */
async function singleUseServer(t: TestContext, count: number) {
  const store = new MemoryStore({ clock: Date });
  const sessions = new ServerSessions({ crypto: nodeCrypto(), store, tls13Tickets: 'singleUse', ticketCount: count });
  const server = https.createServer({ key, cert, sessions } as never, (_request, response) => response.end());
  return { port: await listening(t, server as never), counters: sessions.counters };
}

test('connections of an agent that are made at one time resume by a ticket each', limit, async (t) => {
  const { port, counters } = await singleUseServer(t, 4);
  const agent = new https.Agent({ ca: rootPem, servername: 'localhost' });
  const ask = async () => {
    const request = https.get({ host: '127.0.0.1', port, agent });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'close');
  };
  await ask();
  await Promise.all([ask(), ask(), ask(), ask()]);
  assert.equal(counters.hits.psk, 4);
  assert.deepEqual(counters.misses.psk, {});
  await Promise.all([ask(), ask()]);
  assert.equal(counters.hits.psk, 6, 'each of them has got a new one');
});

test('and so do those of a connector for undici', limit, async (t) => {
  const { port, counters } = await singleUseServer(t, 2);
  const connector = undiciConnector({ ca: rootPem });
  const visit = () =>
    new Promise<void>((resolve, reject) => {
      const asked = { hostname: '127.0.0.1', protocol: 'https:', port: String(port), servername: 'localhost' };
      connector(asked, (error, socket) => {
        if (error !== null) return reject(error);
        socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
        socket.resume().once('close', () => resolve());
      });
    });
  await visit();
  await Promise.all([visit(), visit()]);
  assert.equal(counters.hits.psk, 2);
  assert.deepEqual(counters.misses.psk, {});
});

test('what is kept is bounded, expires, and gives way to what the program cached itself', () => {
  const now = Date.now();
  const session = (version: 0x0303 | 0x0304 = 0x0304) => {
    const secret = new Uint8Array(version === 0x0304 ? 32 : 48);
    const cipherSuite = version === 0x0304 ? 0x1301 : 0xc02b;
    const policyDigest = new Uint8Array(32);
    const state = sessionState({ version, cipherSuite, secret, policyDigest, createdAt: now, lifetime: 3600 });
    const ticket = Uint8Array.of(1);
    return Buffer.from(encodeClientSession({ state, ticket, sessionId: new Uint8Array(0), lifetimeHint: 600 })!);
  };
  const spare = new SpareSessions(10);
  const [a, b, c] = [session(), session(), session()];
  for (const each of [a, b, c]) spare.add('one', each);
  assert.equal(spare.next('one', b, now), b, 'it is not the one that was cached last');
  assert.equal(spare.next('one', c, now), c);
  assert.equal(spare.next('one', c, now), b);
  assert.equal(spare.next('one', c, now + 700_000), c, 'what is left is over');
  assert.equal(spare.next('one', c, now), a);
  assert.equal(spare.next('one', c, now), c, 'none is left: the last is used again');
  assert.equal(spare.next('two', undefined, now), undefined);
  spare.drop('one');
  assert.equal(spare.next('one', undefined, now), undefined);

  const old = session(0x0303);
  spare.add('old', old);
  for (let i = 0; i < 3; i++) assert.equal(spare.next('old', old, now), old, 'TLS 1.2');

  let last = a;
  for (let i = 0; i < 20; i++) spare.add('many', (last = session()));
  let kept = 0;
  for (let seen = spare.next('many', last, now); seen !== undefined && kept < 20; kept++) {
    const next = spare.next('many', last, now);
    seen = next === last ? undefined : next;
  }
  assert.equal(kept, 8);
});
