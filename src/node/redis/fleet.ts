import type { CryptoProvider } from '../../crypto/provider.ts';
import { FleetKeyring, type FleetKeyringEvent } from '../../session/fleet-keyring.ts';
import { type BreakerState, ResilientStore, type StoreCall } from '../../session/resilient-store.ts';
import { SealedStore } from '../../session/sealed-store.ts';
import { type KeyringEvent, TicketKeyring } from '../../session/ticket-keyring.ts';
import { checkRedisFleet } from './check-options.ts';
import { nodeTimers, type RedisConnection } from './connection.ts';
import { redisRingChannel } from './keyring.ts';
import { RedisStore } from './store.ts';

export interface RedisFleetOptions {
  readonly crypto: CryptoProvider;
  readonly connection: RedisConnection;
  /**
   * What the fleet shares outside Redis: at least 32 random bytes each, the first seals, all open. Whoever has it and
   * a dump of Redis can open the sessions and tickets of that time: keep it in a secret manager, and rotate it.
   */
  readonly fleetKeys: readonly Uint8Array[];
  /** Servers with the same name share sessions and ticket keys. Default `default`. */
  readonly name?: string;
  /** Before every key; default `hf:`. */
  readonly prefix?: string;
  /** How long a ticket key seals, and how long it opens after that, in seconds; default 12 and 24 hours. */
  readonly rotateEvery?: number;
  readonly keepFor?: number;
  /** How often ticket keys are read, in seconds; default a twentieth of `rotateEvery`, at most 30. */
  readonly pollEvery?: number;
  /** How long a silent node counts as alive, in seconds; default four polls. */
  readonly leaseFor?: number;
  /** How long a handshake waits for Redis, in ms; default 50. */
  readonly deadlineMs?: number;
  readonly now?: () => number;
  readonly observeStore?: (call: StoreCall) => void;
  readonly observeBreaker?: (state: BreakerState) => void;
  readonly observeFleet?: (event: FleetKeyringEvent) => void;
  readonly observeKey?: (event: KeyringEvent) => void;
}

/** What a server needs to resume with its fleet. Give `store` and `keyring` to `ServerSessions`. */
export interface RedisFleet {
  readonly store: SealedStore;
  readonly keyring: TicketKeyring;
  /** The parts, for metrics. */
  readonly resilient: ResilientStore;
  readonly fleet: FleetKeyring;
  /** Waits for the fleet's keys, at most `limitMs` (default 1,000): without Redis the server starts with local keys. */
  ready(limitMs?: number): Promise<void>;
  /** Gives up the lease, zeroizes the keys and closes the connection. */
  close(): Promise<void>;
}

/**
 * Sessions and ticket keys that a fleet of servers shares through Redis or Valkey: sealed, with a deadline and a
 * circuit breaker, and with keys that rotate in step. See docs/resumption.md.
 */
export function createRedisFleet(options: RedisFleetOptions): RedisFleet {
  checkRedisFleet(options);
  const { crypto, connection, fleetKeys, name, prefix } = options;
  const clock = { now: options.now ?? Date.now };
  const times = { rotateEvery: options.rotateEvery, keepFor: options.keepFor };
  // The sessions of a fleet are its own, as its ticket keys are.
  const own = name === undefined || name === 'default' ? prefix : `${prefix ?? 'hf:'}${name}:`;
  const redis = new RedisStore({ connection, prefix: own });
  const resilient = new ResilientStore(redis, {
    clock,
    timers: nodeTimers,
    deadlineMs: options.deadlineMs,
    observe: options.observeStore,
    observeBreaker: options.observeBreaker,
  });
  const store = new SealedStore(resilient, { crypto, fleetKeys });
  const keyring = new TicketKeyring({
    crypto,
    clock,
    timers: nodeTimers,
    rotation: 'supplied',
    observe: options.observeKey,
    ...times,
  });
  const fleet = new FleetKeyring({
    crypto,
    clock,
    timers: nodeTimers,
    channel: redisRingChannel({ connection, name, prefix }),
    keyring,
    name,
    fleetKeys,
    pollEvery: options.pollEvery,
    leaseFor: options.leaseFor,
    observe: options.observeFleet,
    ...times,
  });
  connection.onConnect(() => {
    redis.prepare().catch(() => {});
    fleet.sync();
  });
  const started = fleet.start();
  return {
    store,
    keyring,
    resilient,
    fleet,
    ready: (limitMs = 1_000) => firstKeys(started, keyring, limitMs),
    close: async () => {
      await fleet.stop();
      keyring.close();
      store.destroy();
      connection.close();
    },
  };
}

/** The first round may have come before the connection; the next one comes with it. */
async function firstKeys(started: Promise<void>, keyring: TicketKeyring, limitMs: number): Promise<void> {
  const end = Date.now() + limitMs;
  await Promise.race([started, pause(limitMs)]);
  const sealing = () => keyring.describe().find((key) => key.role === 'current')?.origin;
  while (sealing() !== 'fleet' && Date.now() < end) await pause(10);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
