/**
 * `handfast/workers`: sessions and ticket keys that the workers of one program share (`node:cluster`, `worker_threads`).
 * The main process holds the store and the key ring's document; workers ask it over the channel that they have.
 */
import cluster, { type Worker as ClusterWorker } from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { parentPort, type Worker as ThreadWorker } from 'node:worker_threads';
import { check, object } from '../bytes/check.ts';
import { FleetKeyring, type RingChannel } from '../session/fleet-keyring.ts';
import { memoryRing } from '../session/memory-ring.ts';
import { MemoryStore } from '../session/memory-store.ts';
import { ResilientStore } from '../session/resilient-store.ts';
import { ServerSessions } from '../session/resumption.ts';
import { SealedStore } from '../session/sealed-store.ts';
import type { ServerSessionsConfig } from '../session/session-rules.ts';
import { type ClaimAnswer, type SessionStore, StoreError } from '../session/store.ts';
import { TicketKeyring } from '../session/ticket-keyring.ts';
import { nodeCrypto } from './base/key-signer.ts';

const clock = { now: Date.now };
const timers = {
  set: (callback: () => void, milliseconds: number): unknown => setTimeout(callback, milliseconds).unref(),
  clear: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
  afterInput: (callback: () => void): void => void setImmediate(callback),
};

/** How long a worker waits for an answer, in ms. */
const answerWithin = 2_000;

/** Bytes go as base64: a channel of `node:cluster` carries JSON. */
type Value = string | number | boolean | undefined | { readonly bytes: string } | { readonly [name: string]: Value };

interface Question {
  readonly handfastFleet: 'asks';
  readonly id: number;
  readonly call: keyof typeof calls;
  readonly args: readonly Value[];
}

interface Answer {
  readonly handfastFleet: 'answers';
  readonly id: number;
  readonly value?: Value;
  readonly failed?: string;
}

// ---- the main process ----

interface Held {
  readonly ring: RingChannel;
  readonly store: MemoryStore;
  readonly fleetKey: Uint8Array;
}

const calls = {
  join: ({ fleetKey }: Held) => fleetKey,
  sync: ({ ring }: Held, request: Parameters<RingChannel['sync']>[0]) => ring.sync(request),
  propose: ({ ring }: Held, ...args: Parameters<RingChannel['propose']>) => ring.propose(...args),
  get: ({ store }: Held, key: string) => store.get(key),
  take: ({ store }: Held, key: string) => store.take(key),
  put: ({ store }: Held, key: string, value: Uint8Array, ttl: number) => store.put(key, value, ttl),
  delete: ({ store }: Held, key: string) => store.delete(key),
  claim: ({ store }: Held, key: string, ttl: number) => store.claim(key, ttl),
} as const;

/** What the workers share, in the process that starts them. */
export interface WorkerFleet {
  /** Lets a worker join; call it when the worker is made. Its messages that belong to the fleet have `handfastFleet`. */
  attach(worker: ClusterWorker | ThreadWorker): void;
}

/**
 * Holds what workers share: in the primary process of a cluster, or the main thread.
 *
 *     const fleet = createWorkerFleet();
 *     cluster.on('fork', (worker) => fleet.attach(worker));   // or: fleet.attach(new Worker(file))
 */
export function createWorkerFleet(): WorkerFleet {
  const held: Held = { ring: memoryRing(clock), store: new MemoryStore({ clock, timers }), fleetKey: randomBytes(32) };
  return {
    attach: (worker) => {
      let node: string | undefined;
      worker.on('message', async (message: Question) => {
        if (message?.handfastFleet !== 'asks') return;
        const { id, call, args } = message;
        const given = args.map(fromMessage);
        if (call === 'sync') node = (given[0] as { node: string }).node;
        try {
          const act = calls[call] as (held: Held, ...args: unknown[]) => unknown;
          tell(worker, { handfastFleet: 'answers', id, value: toMessage(await act(held, ...given)) });
        } catch (error) {
          tell(worker, { handfastFleet: 'answers', id, failed: String(error) });
        }
      });
      // A worker that has gone holds up no key.
      worker.on('exit', () => {
        if (node !== undefined) void held.ring.sync({ node, epoch: '', ack: 0, leaseMs: 0 });
      });
    },
  };
}

function tell(worker: ClusterWorker | ThreadWorker, answer: Answer): void {
  if ('postMessage' in worker) worker.postMessage(answer);
  else if (worker.isConnected()) worker.send(answer, () => {});
}

// ---- a worker ----

export interface WorkerSessionsOptions extends Omit<ServerSessionsConfig, 'crypto' | 'keyring' | 'store'> {
  /** How long a ticket key seals, and how long it opens after that, in seconds; default 12 and 24 hours. */
  readonly rotateEvery?: number;
  readonly keepFor?: number;
  /** How often ticket keys are read, in seconds; default a twentieth of `rotateEvery`, at most 30. */
  readonly pollEvery?: number;
}

/** The sessions of a worker: give `sessions` to `createServer`. */
export interface WorkerSessions {
  readonly sessions: ServerSessions;
  readonly keyring: TicketKeyring;
  /** Gives up the place in the fleet and zeroizes the keys. */
  close(): Promise<void>;
}

/**
 * In a worker: sessions that resume with every other worker of the program. Single-use tickets and early data are
 * single-use over all workers. Rejects where the main process has not attached this worker to a fleet.
 */
export async function joinWorkerFleet(options: WorkerSessionsOptions = {}): Promise<WorkerSessions> {
  check(object, options, 'joinWorkerFleet: options', 'ERR_TLS_SESSION_CONFIG');
  const { rotateEvery, keepFor, pollEvery, ...rest } = options;
  const ask = channelToMain();
  const crypto = nodeCrypto();
  const fleetKeys = [(await ask('join')) as Uint8Array];
  const times = { rotateEvery, keepFor };
  const store = new SealedStore(new ResilientStore(remoteStore(ask), { clock, timers, deadlineMs: 250 }), {
    crypto,
    fleetKeys,
  });
  const keyring = new TicketKeyring({ crypto, clock, timers, rotation: 'supplied', ...times });
  const channel: RingChannel = {
    sync: async (request) => (await ask('sync', request)) as Awaited<ReturnType<RingChannel['sync']>>,
    propose: async (...args) => (await ask('propose', ...args)) === true,
  };
  const fleet = new FleetKeyring({ crypto, clock, timers, channel, keyring, fleetKeys, pollEvery, ...times });
  await fleet.start();
  return {
    sessions: new ServerSessions({ ...rest, crypto, keyring, store }),
    keyring,
    close: async () => {
      await fleet.stop();
      keyring.close();
      store.destroy();
    },
  };
}

type Ask = (call: keyof typeof calls, ...args: unknown[]) => Promise<unknown>;

function channelToMain(): Ask {
  const send = parentPort
    ? (question: Question) => parentPort?.postMessage(question)
    : cluster.isWorker && process.send
      ? (question: Question) => void process.send?.(question, undefined, undefined, () => {})
      : undefined;
  if (send === undefined) {
    throw new Error('joinWorkerFleet is for workers: this is neither a worker thread nor a worker of a cluster');
  }
  const waiting = new Map<number, (answer: Answer) => void>();
  let next = 1;
  const onMessage = (message: Answer): void => {
    if (message?.handfastFleet !== 'answers') return;
    waiting.get(message.id)?.(message);
  };
  if (parentPort === null) {
    process.on('message', onMessage);
  } else {
    parentPort.on('message', onMessage);
    // The fleet alone keeps no thread alive.
    if (parentPort.listenerCount('message') === 1) parentPort.unref();
  }
  return (call, ...args) =>
    new Promise((resolve, reject) => {
      const id = next++;
      const settle = (answer: Answer): void => {
        clearTimeout(timer);
        waiting.delete(id);
        if (answer.failed === undefined) resolve(fromMessage(answer.value));
        else reject(new StoreError('storeUnavailable', answer.failed));
      };
      const late = `the main process did not answer within ${answerWithin} ms: is this worker attached to a fleet?`;
      const timer = setTimeout(() => settle({ handfastFleet: 'answers', id, failed: late }), answerWithin);
      waiting.set(id, settle);
      send({ handfastFleet: 'asks', id, call, args: args.map(toMessage) });
    });
}

function remoteStore(ask: Ask): SessionStore {
  return {
    traits: { local: false, bounded: true, sealed: false },
    get: async (key) => (await ask('get', key)) as Uint8Array | undefined,
    take: async (key) => (await ask('take', key)) as Uint8Array | undefined,
    put: async (key, value, ttl) => void (await ask('put', key, value, ttl)),
    delete: async (key) => void (await ask('delete', key)),
    claim: async (key, ttl) => (await ask('claim', key, ttl)) as ClaimAnswer,
  };
}

function toMessage(value: unknown): Value {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('base64') };
  if (typeof value !== 'object' || value === null) return value as Value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, toMessage(part)]));
}

function fromMessage(value: Value): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (typeof value['bytes'] === 'string') return new Uint8Array(Buffer.from(value['bytes'], 'base64'));
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, fromMessage(part as Value)]));
}
