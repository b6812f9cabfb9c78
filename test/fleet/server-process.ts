/**
 * One node of the fleet: two ports, one that resumes by tickets and stateless PSKs, one by session IDs and single-use
 * PSKs. Started by `fleet.test.ts` with its settings in HANDFAST_FLEET_NODE; tells its ports and reports by IPC.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import type { ServerOptions } from '../../src/engine/config.ts';
import { drive } from '../../src/engine/driver.ts';
import { serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { localSigner } from '../../src/engine/signer.ts';
import { connectRedis } from '../../src/node/redis/connection.ts';
import { createRedisFleet } from '../../src/node/redis/fleet.ts';
import { ServerSessions } from '../../src/session/resumption.ts';

/** Settings of a node, as JSON. */
export interface NodeSettings {
  readonly redis: { readonly url?: string; readonly cluster?: readonly string[] };
  /** Base64, as all bytes here. */
  readonly fleetKey: string;
  readonly chain: readonly string[];
  readonly key: string;
  readonly rotateEvery: number;
  readonly keepFor: number;
  readonly pollEvery: number;
  readonly leaseFor: number;
  readonly deadlineMs: number;
}

/** What a node tells when it listens, and when it is asked. */
export interface NodeReport {
  readonly tickets: number;
  readonly ids: number;
  readonly counters: unknown;
  readonly breaker: string;
  readonly keys: unknown;
  readonly errors: readonly string[];
}

const settings = JSON.parse(process.env['HANDFAST_FLEET_NODE'] as string) as NodeSettings;
const crypto = createNodeCrypto();
const errors: string[] = [];
const decode = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
const credential = {
  chain: settings.chain.map(decode),
  signer: localSigner(crypto.importPrivateKey(decode(settings.key))),
};

const connection = await connectRedis({ ...settings.redis, commandTimeoutMs: 1000 });
const fleet = createRedisFleet({
  crypto,
  connection,
  fleetKeys: [decode(settings.fleetKey)],
  rotateEvery: settings.rotateEvery,
  keepFor: settings.keepFor,
  pollEvery: settings.pollEvery,
  leaseFor: settings.leaseFor,
  deadlineMs: settings.deadlineMs,
});
await fleet.ready(5000);

const { store, keyring } = fleet;
const early = { maxEarlyDataSize: 16_384, freshness: { toleranceMs: 2000, clockSkewMs: 500 } };
const shared = { crypto, credentials: [credential], credentialIdentity: 'fleet' };
const byTicket = new ServerSessions({ crypto, store, keyring, sessionIds: false, tls13Tickets: 'stateless', ...early });
const byId = new ServerSessions({ crypto, store, keyring, tls12Tickets: false, tls13Tickets: 'singleUse', ...early });

/** Says `resumed` and `earlyData` of each connection to its client, and closes when the client does. */
async function listen(sessions: ServerSessions): Promise<Server> {
  const options: ServerOptions = { ...shared, sessions };
  const host = serverHost(options);
  const server = createServer({ noDelay: true }, (socket) => serve(socket, options, host));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function serve(socket: Socket, options: ServerOptions, host: ReturnType<typeof serverHost>): void {
  const tls = new ServerConnection(options);
  let greeted = false;
  const turn = (): void => {
    const progress = drive(tls, host, turn);
    tls.takeApplicationData();
    if (tls.connected && !greeted && tls.writable) {
      greeted = true;
      const { resumed, resumption, earlyData } = tls.info;
      tls.write(Buffer.from(`${JSON.stringify({ resumed, resumption, earlyData, pid: process.pid })}\n`));
    }
    for (const bytes of tls.takeOutgoing()) if (!socket.destroyed) socket.write(bytes);
    if (tls.peerClosed && !tls.closed) {
      tls.close();
      for (const bytes of tls.takeOutgoing()) if (!socket.destroyed) socket.write(bytes);
    }
    if (progress.state === 'closed' || tls.closed) {
      if (tls.error !== undefined) errors.push(`${tls.error.code}: ${tls.error.message}`);
      socket.end();
    }
  };
  socket.on('data', (bytes: Buffer) => {
    tls.receive(bytes);
    turn();
  });
  socket.on('end', () => {
    tls.receiveEnd();
    turn();
  });
  socket.on('error', () => socket.destroy());
}

const port = (server: Server) => (server.address() as { port: number }).port;
const [tickets, ids] = [await listen(byTicket), await listen(byId)];

function report(): NodeReport {
  return {
    tickets: port(tickets),
    ids: port(ids),
    counters: { byTicket: byTicket.counters, byId: byId.counters },
    breaker: fleet.resilient.breaker,
    keys: keyring.describe(),
    errors: errors.splice(0),
  };
}

process.on('uncaughtException', (error) => {
  errors.push(`uncaught: ${error.stack}`);
  process.send?.(report());
});
process.on('message', () => process.send?.(report()));
process.on('disconnect', () => process.exit(0));
process.send?.(report());
