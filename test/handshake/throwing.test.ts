/**
 * Functions of the program that throw: a trace, a key log, each request of the host. None of it reaches who calls the connection,
 * the connection ends with an alert, and no secret stays that a connection that ends in peace wipes.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { ClientOptions, ServerOptions } from '../../src/engine/config.ts';
import type { Connection } from '../../src/engine/connection.ts';
import { drive } from '../../src/engine/driver.ts';
import { clientHost, type Host, serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import type { ClientSession } from '../../src/session/client-session.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { externalPsk } from '../../src/session/psk-importer.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { tls12, tls13 } from '../../src/wire/versions.ts';
import { clientDefaults, crypto, serverDefaults, testCredential } from './pair.ts';

const clock = { now: Date.now };

/** Secrets of key exchanges, and all that comes of HMAC, with the place in the sources where each was made. */
interface Secret {
  readonly bytes: Uint8Array;
  readonly madeBy: string;
}

function watched(secrets: Secret[]): CryptoProvider {
  const note = (bytes: Uint8Array): Uint8Array => {
    const frames =
      new Error().stack?.split('\n').filter((line) => /[\\/]src[\\/](handshake|record|session)/.test(line)) ?? [];
    secrets.push({ bytes, madeBy: frames.slice(0, 4).join('\n') });
    return bytes;
  };
  return {
    ...crypto,
    hmac: (name, key, data) => note(crypto.hmac(name, key, data)),
    keyExchange(group) {
      const exchange = crypto.keyExchange(group);
      return (
        exchange && {
          ...exchange,
          generate() {
            const pending = exchange.generate();
            return {
              group: pending.group,
              share: pending.share,
              finish: (share) => note(pending.finish(share)),
              destroy: () => pending.destroy(),
            };
          },
          respond(share) {
            const answer = exchange.respond(share);
            note(answer.secret);
            return answer;
          },
        }
      );
    },
  };
}

interface Fault {
  readonly side: 'client' | 'server';
  readonly what: 'trace' | 'keyLog' | 'host';
  /** The call that throws, from 1 on; 0 throws never. */
  readonly at: number;
}

interface Way {
  readonly name: string;
  readonly client: Partial<ClientOptions>;
  readonly server: Partial<ServerOptions>;
  readonly resumes?: boolean;
}

const identity = new TextEncoder().encode('sensor 7');
const key = crypto.random(32).slice();
const pskSuites = [0xd001];

function sessionsFor(way: Way): ServerSessions {
  const [external] = way.client.externalPsks ?? [];
  return new ServerSessions({
    crypto,
    keyring: new TicketKeyring({ crypto, clock }),
    store: new MemoryStore({ clock }),
    ...(way.client.earlyData ? { maxEarlyDataSize: 1000 } : {}),
    ...(external === undefined ? {} : { externalPsk: () => external }),
    ...(way.name.includes('session ID') ? { tls12Tickets: false } : {}),
  });
}

/** One connection: handshake, a message each way, new keys, orderly end; and what was counted and made. */
function connect(way: Way, sessions: ServerSessions, offered: readonly ClientSession[], fault: Fault) {
  const secrets = { client: [] as Secret[], server: [] as Secret[] };
  let calls = 0;
  const count = (side: 'client' | 'server', what: Fault['what']) => {
    if (side === fault.side && what === fault.what && ++calls === fault.at) throw new Error('the program fails');
  };
  const watch = (side: 'client' | 'server') => ({
    crypto: watched(secrets[side]),
    trace: () => count(side, 'trace'),
    keyLog: () => count(side, 'keyLog'),
  });
  const failing = (side: 'client' | 'server', host: Host): Host =>
    new Proxy(host, {
      get: (target, name: keyof Host) => (input: never) => {
        count(side, 'host');
        return (target[name] as (input: never) => unknown)(input);
      },
    });
  const client = new ClientConnection({ ...clientDefaults, ...way.client, ...watch('client'), sessions: offered });
  const server = new ServerConnection({ ...serverDefaults, ...way.server, ...watch('server'), sessions });
  const hosts = {
    client: failing('client', clientHost(client.options)),
    server: failing('server', serverHost(server.options)),
  };
  const turns = (times: number) => {
    for (let i = 0; i < times; i++) {
      drive(client, hosts.client, () => {});
      if (i === 0 && client.writable && client.earlyDataAllowance > 0) client.write(Uint8Array.of(1));
      for (const chunk of client.takeOutgoing()) server.receive(chunk);
      drive(server, hosts.server, () => {});
      for (const chunk of server.takeOutgoing()) client.receive(chunk);
    }
  };
  turns(3);
  const kept = client.takeSessions();
  const both: readonly Connection[] = [client, server];
  for (const side of both) if (side.writable) side.write(Uint8Array.of(2));
  if (client.connected && !client.closed && client.info.version === tls13) {
    client.updateKeys(true);
    turns(1);
    if (server.writable) server.write(Uint8Array.of(3));
    turns(1);
    if (way.client.postHandshakeAuth && !server.closed) server.requestClientCertificate();
  }
  turns(2);
  client.closeWrite();
  turns(1);
  const failed = [client, server].map((side) => side.error);
  for (const side of both) side.close();
  for (const side of both) assert.equal(side.advance().state, 'closed');
  return { client, server, secrets, calls, kept, failed };
}

const showsCertificate = {
  client: { credentials: [testCredential('client-ecdsa-p256')] },
  server: { clientCertificate: 'request', verifyPeer: () => undefined },
} as const;

const ways: readonly Way[] = [
  { name: 'TLS 1.3, full', client: {}, server: {} },
  { name: 'TLS 1.3, client certificate', ...showsCertificate },
  {
    name: 'TLS 1.3, certificate after the handshake',
    client: { ...showsCertificate.client, postHandshakeAuth: true },
    server: { verifyPeer: () => undefined },
  },
  { name: 'TLS 1.3, HelloRetryRequest', client: { keyShares: [] }, server: { retryCookie: true } },
  { name: 'TLS 1.3, resumed', client: {}, server: {}, resumes: true },
  { name: 'TLS 1.3, early data', client: { earlyData: true }, server: {}, resumes: true },
  { name: 'TLS 1.3, PSK', client: { externalPsks: [externalPsk(identity, key, 'sha256')] }, server: {} },
  { name: 'TLS 1.2, full', client: { maxVersion: tls12 }, server: {} },
  { name: 'TLS 1.2, full, session ID', client: { maxVersion: tls12 }, server: {} },
  {
    name: 'TLS 1.2, client certificate',
    client: { ...showsCertificate.client, maxVersion: tls12 },
    server: showsCertificate.server,
  },
  {
    name: 'TLS 1.2, static RSA',
    client: { cipherSuites: [0x009c] },
    server: { cipherSuites: [0x009c], credentials: [testCredential('rsa')] },
  },
  { name: 'TLS 1.2, ticket', client: { maxVersion: tls12 }, server: {}, resumes: true },
  { name: 'TLS 1.2, session ID', client: { maxVersion: tls12 }, server: {}, resumes: true },
  {
    name: 'TLS 1.2, PSK',
    client: { cipherSuites: pskSuites, externalPsks: [externalPsk(identity, key, 'sha256', 'only')] },
    server: { cipherSuites: pskSuites, psk: {}, credentials: [] },
  },
];

const isWiped = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);

/** Where the values are made that a connection in peace does not wipe: verify_data, binders. */
function staying(secrets: readonly Secret[]): ReadonlySet<string> {
  return new Set(secrets.filter(({ bytes }) => !isWiped(bytes)).map(({ madeBy }) => madeBy));
}

describe('a function of the program that throws', () => {
  for (const way of ways) {
    for (const side of ['client', 'server'] as const) {
      for (const what of ['trace', 'keyLog', 'host'] as const) {
        test(`${way.name}: ${what} of the ${side}`, () => {
          const begin = () => {
            const sessions = sessionsFor(way);
            const offered = way.resumes ? connect(way, sessions, [], { side, what, at: 0 }).kept.slice(0, 1) : [];
            assert.equal(offered.length, way.resumes ? 1 : 0);
            return { sessions, offered };
          };
          const good = begin();
          const peace = connect(way, good.sessions, good.offered, { side, what, at: 0 });
          assert.deepEqual(peace.failed, [undefined, undefined]);
          const stays = { client: staying(peace.secrets.client), server: staying(peace.secrets.server) };
          assert.ok(peace.client.connected && peace.server.connected);
          if (what !== 'host' || side === 'server') assert.ok(peace.calls > 0);
          for (let at = 1; at <= peace.calls; at++) {
            const { sessions, offered } = begin();
            const fault = connect(way, sessions, offered, { side, what, at });
            const place = `${what} ${at} of ${peace.calls}`;
            const error = fault[side].error;
            // The last calls come when the connection is over.
            if (fault.failed[side === 'client' ? 0 : 1] !== undefined) {
              assert.equal(error?.code, 'ERR_TLS_INTERNAL', `${place}: ${error?.stack}`);
              assert.match(error.message, /the program fails/);
            }
            for (const own of ['client', 'server'] as const) {
              for (const { bytes, madeBy } of fault.secrets[own]) {
                assert.ok(
                  isWiped(bytes) || stays[own].has(madeBy),
                  `${place}: a secret of the ${own} stays, made by\n${madeBy}`,
                );
              }
            }
          }
        });
      }
    }
  }
});
