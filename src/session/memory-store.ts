import { arenaBytes, BlockArena } from './block-arena.ts';
import { checkMemoryStore } from './check-options.ts';
import { hashText, SlotTable } from './slot-table.ts';
import type { ClaimAnswer, SessionStore } from './store.ts';
import type { Clock, Timers } from './timer.ts';

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /**
   * With timers, entries are zeroized within a minute of their end. Without, an entry that has expired stays until it is asked
   * for, or until others come.
   */
  readonly timers?: Timers;
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
  /**
   * Begins the hashes of keys; a random one where somebody else chooses the keys. Those of `ServerSessions` are
   * random.
   */
  readonly seed?: number;
}

/** What an entry costs besides its key and its value: the links, and its place in the table. */
const entryOverhead = 64;
const none = -1;

/** How often a store with timers looks at all of its entries, in ms: 100,000 take about a millisecond. */
const sweepEvery = 60_000;

/** How far a clock is set back by the services that keep it right, in ms: less than the time of a claim has to spare. */
const smallStep = 1_000;

/**
 * Sessions in this process: least recently used first out, bounded by entries and by bytes, with a time to live.
 * Values that leave (used, evicted, expired) are zeroized. Claims (0-RTT) live apart from sessions and are never
 * evicted: when they are full, further ones are `doubtful`.
 */
export class MemoryStore implements SessionStore {
  readonly traits = { local: true, bounded: true, sealed: true } as const;
  readonly #clock: Clock;
  readonly #timers: Timers | undefined;
  /** Whether a timer is set. */
  #watches = false;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  #claimsSince: number;
  /**
   * Everything lies in a few typed arrays, keys too: a Map of strings and small arrays costs several times as much
   * memory, gives the garbage collector its work, and finds its oldest entry only by passing over deleted ones.
   */
  readonly #table = new SlotTable();
  readonly #arena = new BlockArena();
  readonly #seed: number;
  #slotCount = 0;
  /**
   * For each slot: neighbours in order of use (newer, older), first block of key and value, their lengths, hash, end.
   */
  #newer = new Int32Array(64);
  #older = new Int32Array(64);
  #blocks = new Int32Array(64);
  #keyLengths = new Int32Array(64);
  #lengths = new Int32Array(64);
  #hashes = new Uint32Array(64);
  #ends = new Float64Array(64);
  #newest = none;
  #oldest = none;
  #freeSlot = none;
  #bytes = 0;
  #evictions = 0;
  /** Claims since the last change of generation, and those of the generation before: old ones leave all at once. */
  #claims = new Map<string, number>();
  #oldClaims = new Map<string, number>();
  #claimTtl = 0;
  /** The latest time of a claim. */
  #latestClaim = Number.NEGATIVE_INFINITY;
  #generation = Number.NEGATIVE_INFINITY;

  /** Throws `ConfigError` `ERR_TLS_SESSION_CONFIG` for options that will not do. */
  constructor(options: MemoryStoreOptions) {
    checkMemoryStore(options);
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#maxEntries = options.maxEntries ?? 100_000;
    this.#maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
    this.#seed = options.seed ?? 0;
    this.#claimsSince = options.claimsSince ?? Number.NEGATIVE_INFINITY;
  }

  /** Entries now held. */
  get size(): number {
    return this.#table.size;
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
    const slot = this.#live(key);
    if (slot === undefined) return undefined;
    this.#unlink(slot);
    this.#link(slot);
    return this.#read(slot);
  }

  take(key: string): Uint8Array | undefined {
    const slot = this.#live(key);
    if (slot === undefined) return undefined;
    const value = this.#read(slot);
    this.#remove(slot);
    return value;
  }

  put(key: string, value: Uint8Array, ttlSeconds: number): void {
    const hash = hashText(key, this.#seed);
    const old = this.#find(key, hash);
    if (old !== none) this.#remove(old);
    const bytes = entryBytes(key.length, value.length);
    if (bytes > this.#maxBytes || ttlSeconds < 1) return;
    const now = this.#clock.now();
    this.#sweep(now);
    while (this.#table.size >= this.#maxEntries || this.#bytes + bytes > this.#maxBytes) {
      this.#remove(this.#oldest);
      this.#evictions++;
    }
    const slot = this.#takeSlot();
    const whole = new Uint8Array(key.length + value.length);
    for (let i = 0; i < key.length; i++) whole[i] = key.charCodeAt(i);
    whole.set(value, key.length);
    this.#blocks[slot] = this.#arena.add(whole);
    whole.fill(0);
    this.#keyLengths[slot] = key.length;
    this.#lengths[slot] = value.length;
    this.#hashes[slot] = hash;
    this.#ends[slot] = now + 1000 * ttlSeconds;
    this.#table.add(hash, slot);
    this.#link(slot);
    this.#bytes += bytes;
    this.#watch();
  }

  delete(key: string): void {
    const slot = this.#find(key, hashText(key, this.#seed));
    if (slot !== none) this.#remove(slot);
  }

  claim(key: string, ttlMilliseconds: number): ClaimAnswer {
    const now = this.#clock.now();
    // Claims may have left by a clock that ran ahead: until it has passed what it showed, nobody knows.
    if (now < this.#latestClaim - smallStep) this.#claimsSince = Math.max(this.#claimsSince, this.#latestClaim);
    this.#latestClaim = Math.max(this.#latestClaim, now);
    this.#claimTtl = Math.max(this.#claimTtl, ttlMilliseconds);
    if (now - this.#generation >= this.#claimTtl) {
      this.#oldClaims = this.#claims;
      this.#claims = new Map();
      this.#generation = now;
    }
    const until = this.#claims.get(key) ?? this.#oldClaims.get(key);
    if (until !== undefined && until > now) return 'seen';
    if (this.#claims.size >= this.#maxEntries) return 'doubtful';
    // Also while in doubt: what was refused then, and came again after the handshake, is no news once the doubt is over.
    this.#claims.set(key, now + ttlMilliseconds);
    return now - this.#claimsSince < ttlMilliseconds ? 'doubtful' : 'fresh';
  }

  /** Forgets all sessions and zeroizes them; claims stay, since forgetting them could let a replay in. */
  clear(): void {
    while (this.#oldest !== none) this.#remove(this.#oldest);
  }

  #live(key: string): number | undefined {
    const slot = this.#find(key, hashText(key, this.#seed));
    if (slot === none) return undefined;
    if ((this.#ends[slot] as number) > this.#clock.now()) return slot;
    this.#remove(slot);
    return undefined;
  }

  #read(slot: number): Uint8Array {
    const keyLength = this.#keyLengths[slot] as number;
    return this.#arena.read(this.#blocks[slot] as number, keyLength, this.#lengths[slot] as number);
  }

  #find(key: string, hash: number): number {
    return this.#table.find(
      hash,
      (slot) => this.#keyLengths[slot] === key.length && this.#arena.startsWith(this.#blocks[slot] as number, key),
    );
  }

  /** Sets the timer that lets expired entries go, while there are any. */
  #watch(): void {
    if (this.#timers === undefined || this.#watches || this.#table.size === 0) return;
    this.#watches = true;
    this.#timers.set(() => {
      this.#watches = false;
      const now = this.#clock.now();
      for (let slot = this.#oldest; slot !== none; ) {
        const next = this.#newer[slot] as number;
        if ((this.#ends[slot] as number) <= now) this.#remove(slot);
        slot = next;
      }
      this.#watch();
    }, sweepEvery);
  }

  /** Looks at the two oldest entries, so that dead ones leave as fast as new ones come. */
  #sweep(now: number): void {
    for (let looked = 0, slot = this.#oldest; looked < 2 && slot !== none; looked++) {
      const next = this.#newer[slot] as number;
      if ((this.#ends[slot] as number) <= now) this.#remove(slot);
      slot = next;
    }
  }

  #remove(slot: number): void {
    this.#unlink(slot);
    this.#table.remove(this.#hashes[slot] as number, slot);
    this.#arena.remove(this.#blocks[slot] as number);
    this.#bytes -= entryBytes(this.#keyLengths[slot] as number, this.#lengths[slot] as number);
    this.#newer[slot] = this.#freeSlot;
    this.#freeSlot = slot;
  }

  /** Puts a slot at the new end of the order of use. */
  #link(slot: number): void {
    this.#newer[slot] = none;
    this.#older[slot] = this.#newest;
    if (this.#newest === none) this.#oldest = slot;
    else this.#newer[this.#newest] = slot;
    this.#newest = slot;
  }

  #unlink(slot: number): void {
    const [newer, older] = [this.#newer[slot] as number, this.#older[slot] as number];
    if (newer === none) this.#newest = older;
    else this.#older[newer] = older;
    if (older === none) this.#oldest = newer;
    else this.#newer[older] = newer;
  }

  #takeSlot(): number {
    const free = this.#freeSlot;
    if (free !== none) {
      this.#freeSlot = this.#newer[free] as number;
      return free;
    }
    const slot = this.#slotCount++;
    if (slot === this.#newer.length) this.#growSlots();
    return slot;
  }

  #growSlots(): void {
    const size = 2 * this.#newer.length;
    const grown = (old: Int32Array) => {
      const larger = new Int32Array(size);
      larger.set(old);
      return larger;
    };
    this.#newer = grown(this.#newer);
    this.#older = grown(this.#older);
    this.#blocks = grown(this.#blocks);
    this.#keyLengths = grown(this.#keyLengths);
    this.#lengths = grown(this.#lengths);
    const hashes = new Uint32Array(size);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    const ends = new Float64Array(size);
    ends.set(this.#ends);
    this.#ends = ends;
  }
}

function entryBytes(keyLength: number, length: number): number {
  return arenaBytes(keyLength + length) + entryOverhead;
}
