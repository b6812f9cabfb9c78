import { ConfigError } from '../errors.ts';
import type { ClaimAnswer, SessionStore } from './store.ts';
import type { Clock } from './timer.ts';

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** Default 100,000. */
  readonly maxEntries?: number;
  /** Keys, values and an estimate of what the engine adds to each; default 64 MiB. */
  readonly maxBytes?: number;
  /**
   * Since when this register has been whole, in milliseconds since the epoch: `claim` is doubtful until that is one
   * `ttl` ago. Default: always. That is right where tickets cannot be older than this process (a key ring that
   * started with it); give the time of the start where ticket keys come from outside.
   */
  readonly claimsSince?: number;
}

/** What an entry costs besides its key and its value: the Map slot, the entry object, the array's header. */
const entryOverhead = 208;

interface Entry {
  readonly value: Uint8Array;
  readonly expiresAt: number;
  readonly bytes: number;
}

/**
 * Sessions in this process: least recently used first out, bounded by entries and by bytes, with a time to live.
 * Values that leave (used, evicted, expired) are zeroized. Claims (0-RTT) live apart from sessions and are never
 * evicted: when they are full, further ones are `doubtful`.
 */
export class MemoryStore implements SessionStore {
  readonly traits = { local: true, bounded: true, sealed: true } as const;
  readonly #clock: Clock;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #claimsSince: number;
  /** In order of use: the first is the one to evict. */
  readonly #entries = new Map<string, Entry>();
  /** In order of expiry as long as every claim has the same time to live. */
  readonly #claims = new Map<string, number>();
  #bytes = 0;
  #evictions = 0;

  constructor(options: MemoryStoreOptions) {
    this.#clock = options.clock;
    this.#maxEntries = positive(options.maxEntries ?? 100_000, 'maxEntries');
    this.#maxBytes = positive(options.maxBytes ?? 64 * 1024 * 1024, 'maxBytes');
    this.#claimsSince = options.claimsSince ?? Number.NEGATIVE_INFINITY;
  }

  /** Entries now held. */
  get size(): number {
    return this.#entries.size;
  }

  /** Bytes now held, as counted against `maxBytes`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Entries that left before their time because of a limit. */
  get evictions(): number {
    return this.#evictions;
  }

  get(key: string): Uint8Array | undefined {
    const entry = this.#live(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value.slice();
  }

  take(key: string): Uint8Array | undefined {
    const entry = this.#live(key);
    if (entry === undefined) return undefined;
    const value = entry.value.slice();
    this.#remove(key, entry);
    return value;
  }

  put(key: string, value: Uint8Array, ttlSeconds: number): void {
    const old = this.#entries.get(key);
    if (old !== undefined) this.#remove(key, old);
    const bytes = 2 * key.length + value.length + entryOverhead;
    if (bytes > this.#maxBytes || ttlSeconds < 1) return;
    const now = this.#clock.now();
    this.#sweep(now);
    while (this.#entries.size >= this.#maxEntries || this.#bytes + bytes > this.#maxBytes) this.#evict();
    this.#entries.set(key, { value: value.slice(), expiresAt: now + 1000 * ttlSeconds, bytes });
    this.#bytes += bytes;
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#remove(key, entry);
  }

  claim(key: string, ttlMilliseconds: number): ClaimAnswer {
    const now = this.#clock.now();
    if (now - this.#claimsSince < ttlMilliseconds) return 'doubtful';
    for (const [old, expiresAt] of this.#claims) {
      if (expiresAt > now) break;
      this.#claims.delete(old);
    }
    const claimed = this.#claims.get(key);
    if (claimed !== undefined && claimed > now) return 'seen';
    if (this.#claims.size >= this.#maxEntries) return 'doubtful';
    this.#claims.delete(key);
    this.#claims.set(key, now + ttlMilliseconds);
    return 'fresh';
  }

  /** Forgets all sessions and zeroizes them; claims stay, since forgetting them could let a replay in. */
  clear(): void {
    for (const entry of this.#entries.values()) entry.value.fill(0);
    this.#entries.clear();
    this.#bytes = 0;
  }

  #live(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAt > this.#clock.now()) return entry;
    this.#remove(key, entry);
    return undefined;
  }

  /** Looks at the two oldest entries, so that dead ones leave as fast as new ones come. */
  #sweep(now: number): void {
    let looked = 0;
    for (const [key, entry] of this.#entries) {
      if (entry.expiresAt <= now) this.#remove(key, entry);
      if (++looked === 2) return;
    }
  }

  #evict(): void {
    const oldest = this.#entries.entries().next();
    if (oldest.done) return;
    this.#remove(oldest.value[0], oldest.value[1]);
    this.#evictions++;
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    entry.value.fill(0);
  }
}

function positive(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new ConfigError(`${name} of a memory store is ${value}; give a whole number above 0`, {
    code: 'ERR_TLS_SESSION_CONFIG',
  });
}
