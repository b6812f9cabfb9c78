/** A client and a server in memory, driven to the end over each way of delivery and each kind of host. */
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { ClientOptions, ServerOptions } from '../../src/engine/config.ts';
import type { Connection } from '../../src/engine/connection.ts';
import { drive } from '../../src/engine/driver.ts';
import { clientHost, type Host, serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { localSigner } from '../../src/engine/signer.ts';
import type { Credential } from '../../src/handshake/config.ts';
import { testCrypto } from '../helpers/crypto.ts';
import { type IdentityName, testIdentity } from '../helpers/pki.ts';

export const crypto = testCrypto();

/** How bytes travel: as they are written, one by one, or all of a turn in one piece. */
export const deliveries = ['whole', 'one byte', 'coalesced'] as const;
export type Delivery = (typeof deliveries)[number];

/** Whether the host answers at once or later. */
export const hostKinds = ['sync', 'async'] as const;
export type HostKind = (typeof hostKinds)[number];

export function testCredential(name: IdentityName, extra: Partial<Credential> = {}): Credential {
  const { chain, key } = testIdentity(name);
  return { chain, signer: localSigner(crypto.importPrivateKey(key)), identity: name, ...extra };
}

export const serverDefaults: ServerOptions = { crypto, credentials: [testCredential('ecdsa-p256')] };
export const clientDefaults: ClientOptions = { crypto, serverName: 'localhost', verifyPeer: () => undefined };

export interface Pair {
  readonly client: ClientConnection;
  readonly server: ServerConnection;
  /** Delivers bytes both ways until neither side has more to say. */
  run(): Promise<void>;
  /** Everything that each side has received. */
  readonly received: { client: Uint8Array; server: Uint8Array };
  /** Bytes that each side has sent so far. */
  readonly sent: { client: number; server: number };
}

export function createPair(
  options: { client?: Partial<ClientOptions>; server?: Partial<ServerOptions> } = {},
  delivery: Delivery = 'whole',
  hostKind: HostKind = 'sync',
): Pair {
  const client = new ClientConnection({ ...clientDefaults, ...options.client });
  const server = new ServerConnection({ ...serverDefaults, ...options.server });
  const received: Pair['received'] = { client: new Uint8Array(0), server: new Uint8Array(0) };
  const sent = { client: 0, server: 0 };
  const hosts = {
    client: wrap(clientHost(client.options), hostKind),
    server: wrap(serverHost(server.options), hostKind),
  };
  let pending = 0;

  function step(side: 'client' | 'server', connection: Connection, peer: Connection): boolean {
    const host = counting(hosts[side]);
    drive(connection, host, () => {});
    received[side] = join([received[side], ...connection.takeApplicationData()]);
    const outgoing = connection.takeOutgoing();
    if (outgoing.length === 0) return false;
    const bytes = delivery === 'whole' ? outgoing : [join(outgoing)];
    for (const chunk of bytes) {
      sent[side] += chunk.length;
      if (delivery !== 'one byte') {
        peer.receive(chunk);
        continue;
      }
      for (const byte of chunk) {
        peer.receive(Uint8Array.of(byte));
        const other = side === 'client' ? 'server' : 'client';
        drive(peer, counting(hosts[other]), () => {});
        received[other] = join([received[other], ...peer.takeApplicationData()]);
      }
    }
    return true;
  }

  function counting(host: Host): Host {
    if (hostKind === 'sync') return host;
    return new Proxy(host, {
      get: (target, name: keyof Host) => (input: never) => {
        pending++;
        const answer = (target[name] as (input: never) => PromiseLike<unknown>)(input);
        const done = () => void pending--;
        answer.then(done, done);
        return answer;
      },
    });
  }

  return {
    client,
    server,
    received,
    sent,
    async run() {
      for (let turns = 0; turns < 200; turns++) {
        const moved = [step('client', client, server), step('server', server, client)].includes(true);
        if (hostKind === 'async') await new Promise((resolve) => setImmediate(resolve));
        if (!moved && pending === 0) {
          const again = [step('client', client, server), step('server', server, client)].includes(true);
          if (!again && pending === 0) return;
        }
      }
      throw new Error('the two sides never came to rest');
    },
  };
}

/** A host whose answers all come in a later turn. */
function wrap(host: Host, kind: HostKind): Host {
  if (kind === 'sync') return host;
  return new Proxy(host, {
    get: (target, name: keyof Host) => async (input: never) => {
      await new Promise((resolve) => setImmediate(resolve));
      return (target[name] as (input: never) => unknown)(input);
    },
  });
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** Runs a test body once for every host kind and delivery. */
export function matrix(body: (delivery: Delivery, hostKind: HostKind, label: string) => void): void {
  for (const hostKind of hostKinds) {
    for (const delivery of deliveries) body(delivery, hostKind, `${hostKind} host, ${delivery} delivery`);
  }
}
