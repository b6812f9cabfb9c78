import type { EarlyDataRefusal, MissReason } from './miss-reason.ts';
import type { Awaitable } from './timer.ts';

/**
 * Where sessions are kept: in this process, or where a whole fleet reaches them. Each call answers with a value or
 * with a promise for it. A store may forget whatever it likes whenever it likes (that costs full handshakes), but
 * it may never hand the same thing out twice through `take` or `claim` (that would cost security).
 *
 * Keys are ASCII strings of at most 128 characters; values are opaque, at most 64 KiB. The store keeps no reference
 * to a value that it was given or gave back.
 */
export interface SessionStore {
  /** What the store promises about itself; see {@link StoreTraits}. */
  readonly traits: StoreTraits;

  /** The value, or `undefined` where there is none. May be asked twice at once (hedged). */
  get(key: string): Awaitable<Uint8Array | undefined>;

  /**
   * The value, and it is gone: of any number of concurrent calls on any number of nodes at most one gets it. When in
   * doubt, `undefined` or an error. Never repeated, never hedged.
   */
  take(key: string): Awaitable<Uint8Array | undefined>;

  /** Keeps a value for `ttlSeconds` (a whole number of at least 1), in place of one that was there. */
  put(key: string, value: Uint8Array, ttlSeconds: number): Awaitable<void>;

  /** Forgets a value. No error where there is none. */
  delete(key: string): Awaitable<void>;

  /**
   * Says `fresh` to exactly one caller for a key within `ttlMilliseconds`, `seen` to all others, and `doubtful` while
   * it cannot know what it said within the last `ttlMilliseconds`: after a restart, a failover, an eviction. When in
   * doubt, `doubtful`. Never repeated, never hedged.
   * @param clock the caller's. A store with a clock of its own says `doubtful` where both are too far apart: a node that is
   *   late takes what was recorded long ago for fresh, when its claim is forgotten.
   */
  claim(key: string, ttlMilliseconds: number, clock?: ClaimClock): Awaitable<ClaimAnswer>;
}

/** By which clock a caller judged that early data is fresh. */
export interface ClaimClock {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** How far it may be from the store's, in ms. */
  readonly maxSkewMs: number;
}

export type ClaimAnswer = 'fresh' | 'seen' | 'doubtful';

/** What a store promises. `ServerSessions` refuses a store that is neither bounded nor, outside the process, sealed. */
export interface StoreTraits {
  /** Values stay within this process. */
  readonly local: boolean;
  /** Every call answers or fails within a deadline. */
  readonly bounded: boolean;
  /** Values are encrypted and authenticated and keys hashed before they leave the process. */
  readonly sealed: boolean;
}

/** A store call that failed; `reason` is what the miss is called. It never reaches the handshake. */
export class StoreError extends Error {
  override name = 'StoreError';
  readonly reason: Extract<MissReason & EarlyDataRefusal, `store${string}`> | 'malformed';
  /** The store is well but refuses this call (full, wrong type of value): no reason to leave it alone. */
  readonly answered: boolean;

  constructor(reason: StoreError['reason'], message: string, details: { cause?: unknown; answered?: boolean } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.reason = reason;
    this.answered = details.answered ?? false;
  }
}

/** Why a store's call failed. */
export function storeFailure(error: unknown): StoreError['reason'] {
  return error instanceof StoreError ? error.reason : 'storeError';
}
