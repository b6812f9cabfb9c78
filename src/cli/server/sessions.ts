import type { CryptoProvider } from '../../index.ts';
import {
  FleetKeyring,
  MemoryStore,
  ResilientStore,
  SealedStore,
  ServerSessions,
  type SessionStore,
  TicketKeyring,
} from '../../session/index.ts';
import { fileFleetKey, fileRingChannel } from './file-ring.ts';
import { openReplayRecord } from './replay-record.ts';

/** Bytes of early data (0-RTT) that a ticket allows: a request with its headers. */
export const earlyDataLimit = 16_384;

const clock = { now: () => Date.now() };

/** Timers that keep no process alive. */
export const nodeTimers = {
  set: (callback: () => void, milliseconds: number): unknown => setTimeout(callback, milliseconds).unref(),
  clear: (handle: unknown): void => clearTimeout(handle as NodeJS.Timeout),
};

export interface SessionsOptions {
  readonly crypto: CryptoProvider;
  /** Folder for ticket keys that outlive a restart; without it they live in this process alone. */
  readonly folder?: string | undefined;
  readonly earlyData: boolean;
  /** Seconds. */
  readonly lifetime?: number | undefined;
  readonly rotateEvery?: number | undefined;
  readonly singleUse?: boolean | undefined;
  /** TLS 1.2 by session ID alone. */
  readonly noTickets12?: boolean | undefined;
  /** A store that worker processes share; one in this process where absent. Needs `folder`. */
  readonly store?: SessionStore | undefined;
  /** Sessions and ticket keys of a fleet, in Redis; instead of `folder` and `store`. */
  readonly redis?: { readonly url: string; readonly fleetKeys: readonly Uint8Array[] } | undefined;
  /** Told when the store of the fleet goes away and comes back. */
  readonly onStore?: ((state: string) => void) | undefined;
}

/** Everything that resumption needs, and how to end it. */
export interface SessionKit {
  readonly sessions: ServerSessions;
  readonly keyring: TicketKeyring;
  readonly store: SessionStore;
  stop(): Promise<void>;
}

/** Session IDs, tickets, PSKs and 0-RTT for a server, with ticket keys that rotate and outlive a restart. */
export async function makeSessions(options: SessionsOptions): Promise<SessionKit> {
  const { redis, rotateEvery } = options;
  const ring =
    redis === undefined ? await localRing(options, rotateEvery ?? 12 * 3600) : await redisRing(options, redis);
  const sessions = new ServerSessions({
    crypto: options.crypto,
    keyring: ring.keyring,
    store: ring.store,
    lifetime: options.lifetime,
    ...(options.noTickets12 === true ? { tls12Tickets: false } : {}),
    tls13Tickets: options.singleUse === true ? 'singleUse' : 'stateless',
    maxEarlyDataSize: options.earlyData ? earlyDataLimit : 0,
    // The store says by itself when another process has the record.
    replayRecord: 'complete',
  });
  return { sessions, ...ring };
}

type Ring = Omit<SessionKit, 'sessions'>;

async function localRing(options: SessionsOptions, rotateEvery: number): Promise<Ring> {
  const { crypto, folder, store: workers } = options;
  const keyring = new TicketKeyring({
    crypto,
    clock,
    timers: nodeTimers,
    rotation: folder === undefined ? 'local' : 'supplied',
    rotateEvery,
  });
  if (folder === undefined) {
    return { keyring, store: new MemoryStore({ clock, timers: nodeTimers }), stop: async () => keyring.close() };
  }
  const fleetKeys = [fileFleetKey(folder, (size) => crypto.random(size))];
  const channel = fileRingChannel(folder);
  const fleet = new FleetKeyring({ crypto, clock, timers: nodeTimers, channel, keyring, fleetKeys, rotateEvery });
  await fleet.start();
  // Workers that start together have to see each other's acknowledgements; else the first tickets are of one alone.
  const shared = () => keyring.describe().some(({ origin, role }) => origin === 'fleet' && role === 'current');
  for (let tries = 0; tries < 40 && !shared(); tries++) {
    await new Promise((done) => setTimeout(done, 25));
    await fleet.sync();
  }
  const record =
    workers !== undefined || !options.earlyData ? undefined : await openReplayRecord(folder, { timers: nodeTimers });
  const store =
    workers === undefined
      ? (record?.store ?? new MemoryStore({ clock, timers: nodeTimers }))
      : new SealedStore(new ResilientStore(workers, { clock, timers: nodeTimers }), { crypto, fleetKeys });
  return {
    keyring,
    store,
    async stop() {
      await record?.stop();
      await fleet.stop();
      keyring.close();
    },
  };
}

async function redisRing(options: SessionsOptions, redis: NonNullable<SessionsOptions['redis']>): Promise<Ring> {
  const { connectRedis, createRedisFleet } = await import('../../node/redis.ts');
  const connection = await connectRedis({ url: redis.url });
  const fleet = makeFleet();
  await fleet.ready();
  const reached = fleet.keyring.describe().some((key) => key.origin === 'fleet');
  if (!reached) options.onStore?.('unreachable');
  return { keyring: fleet.keyring, store: fleet.store, stop: () => fleet.close() };

  function makeFleet() {
    try {
      return createRedisFleet({
        crypto: options.crypto,
        connection,
        fleetKeys: redis.fleetKeys,
        ...(options.rotateEvery === undefined ? {} : { rotateEvery: options.rotateEvery }),
        observeBreaker: (state) => options.onStore?.(state),
      });
    } catch (error) {
      // It would keep the process alive, trying to connect.
      connection.close();
      throw error;
    }
  }
}
