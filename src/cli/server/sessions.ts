import type { CryptoProvider } from '../../index.ts';
import { FleetKeyring, MemoryStore, ServerSessions, type SessionStore, TicketKeyring } from '../../session/index.ts';
import { fileFleetKey, fileRingChannel } from './file-ring.ts';

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
  /** A store that worker processes share; one in this process where absent. */
  readonly store?: SessionStore | undefined;
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
  const { crypto, folder, rotateEvery = 12 * 3600 } = options;
  const store =
    options.store ??
    // Tickets outlive this process, what it remembers of 0-RTT doesn't: at first every claim is doubtful.
    new MemoryStore({ clock, ...(folder === undefined ? {} : { claimsSince: Date.now() }) });
  const keyring = new TicketKeyring({
    crypto,
    clock,
    timers: nodeTimers,
    rotation: folder === undefined ? 'local' : 'supplied',
    rotateEvery,
  });
  let fleet: FleetKeyring | undefined;
  if (folder !== undefined) {
    fleet = new FleetKeyring({
      crypto,
      clock,
      timers: nodeTimers,
      channel: fileRingChannel(folder),
      keyring,
      fleetKeys: [fileFleetKey(folder, (size) => crypto.random(size))],
      rotateEvery,
    });
    await fleet.start();
  }
  const sessions = new ServerSessions({
    crypto,
    keyring,
    store,
    lifetime: options.lifetime,
    tls13Tickets: options.singleUse === true ? 'singleUse' : 'stateless',
    maxEarlyDataSize: options.earlyData ? earlyDataLimit : 0,
  });
  return {
    sessions,
    keyring,
    store,
    async stop() {
      await fleet?.stop();
      keyring.close();
    },
  };
}
