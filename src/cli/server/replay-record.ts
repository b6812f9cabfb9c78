import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryStore, type SessionStore, type Timers } from '../../session/index.ts';
import { replaceFile, whileLocked } from './shared-file.ts';

/** How long the record is this process's without a word from it, and how often it gives one; in ms. */
const leaseMs = 30_000;
const renewEvery = 10_000;

interface Lease {
  readonly holder: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Sessions and the record of 0-RTT in this process. */
export interface ReplayRecord {
  readonly store: SessionStore;
  /** Lets another process keep the record. */
  stop(): Promise<void>;
}

/**
 * A store in memory for ticket keys that live in a folder. They outlive this process, and a second one may use the
 * same folder at the same time: so the record of which tickets were used for early data (0-RTT) belongs to one
 * process at a time, by a lease in that folder. Every claim is `doubtful` where another one has it, and for one
 * freshness window after this process has got it.
 */
export async function openReplayRecord(
  folder: string,
  { timers, now = Date.now }: { readonly timers: Timers; readonly now?: () => number },
): Promise<ReplayRecord> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const memory = new MemoryStore({ clock: { now }, timers });
  const path = join(folder, 'early-data.json');
  const holder = randomUUID();
  /** The lease of this process: since when without a gap, and until when. */
  let since = Number.POSITIVE_INFINITY;
  let until = Number.NEGATIVE_INFINITY;
  let timer: unknown;
  let stopped = false;

  const write = (wanted: number) =>
    whileLocked(join(folder, 'early-data.lock'), now, () => {
      const time = now();
      const found = readLease(path);
      if (stopped && wanted > 0) return;
      // One that ends later than a lease can was written under another clock.
      if (found !== undefined && found.holder !== holder && found.until > time && found.until <= time + leaseMs) {
        until = Number.NEGATIVE_INFINITY;
        return;
      }
      if (wanted > 0 || found?.holder === holder) {
        replaceFile(path, JSON.stringify({ holder, until: time + wanted } satisfies Lease));
      }
      // A lease that ran out may have been another's meanwhile.
      if (time >= until) since = time;
      until = time + wanted;
    });
  const renew = async () => {
    // A folder that can't be written to gives no lease, and so no early data.
    await write(leaseMs).catch(() => {});
    if (!stopped) timer = timers.set(() => void renew(), renewEvery);
  };
  await renew();

  return {
    store: {
      traits: memory.traits,
      get: (key) => memory.get(key),
      take: (key) => memory.take(key),
      put: (key, value, ttl) => memory.put(key, value, ttl),
      delete: (key) => memory.delete(key),
      claim: (key, ttl) => {
        // Noted also while in doubt: what was refused comes again after the handshake, and a replay of it must not be news.
        const claim = memory.claim(key, ttl);
        const isWhole = now() < until && now() - since >= ttl;
        return claim === 'fresh' && !isWhole ? 'doubtful' : claim;
      },
    },
    stop: async () => {
      stopped = true;
      timers.clear(timer);
      until = Number.NEGATIVE_INFINITY;
      await write(0).catch(() => {});
    },
  };
}

/**
 * `undefined` where there is none that can be read. Then the record may be taken: whoever had it hears of that with its
 * next renewal, before the first claim of the new holder is good.
 */
function readLease(path: string): Lease | undefined {
  try {
    const { holder, until } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Lease>;
    return typeof holder === 'string' && typeof until === 'number' ? { holder, until } : undefined;
  } catch {
    return undefined;
  }
}
