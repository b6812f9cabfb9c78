import { checkResilientStore } from './check-options.ts';
import { type ClaimAnswer, type ClaimClock, type SessionStore, StoreError, type StoreTraits } from './store.ts';
import { tell } from './tell.ts';
import { type Awaitable, type Clock, isPromise, type Timers } from './timer.ts';

export type StoreOperation = 'get' | 'take' | 'put' | 'delete' | 'claim';

/** How a call ended. `hedged`: the second of two reads answered first. `refused`: the store is well but said no. */
export type StoreOutcome = 'ok' | 'hedged' | 'refused' | 'timeout' | 'error' | 'unavailable';

/** `closed`: calls pass. `open`: none do. `halfOpen`: one call tries. */
export type BreakerState = 'closed' | 'open' | 'halfOpen';

export interface ResilientStoreOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** How long a handshake waits for a call, in ms; default 50. */
  readonly deadlineMs?: number;
  /**
   * After how long a `get` without an answer is asked again, in ms; 0 for never; default a third of the deadline. A tenth of
   * them at most, so that a store which is slow for its load does not get twice of it.
   */
  readonly hedgeAfterMs?: number;
  /** Where the second `get` goes; default the same store. A replica would do: what it lacks the store itself is waited for. */
  readonly hedgeStore?: SessionStore;
  /**
   * Failures in a row that open the breaker, where they last for one deadline; default 5. So a cluster that lacks one of its
   * nodes goes on with the others.
   */
  readonly failuresToOpen?: number;
  /** How long the breaker stays open before one call tries, in ms; default 500. It doubles up to `maxCooldownMs`. */
  readonly cooldownMs?: number;
  /** Default 4,000. */
  readonly maxCooldownMs?: number;
  /** Calls under way at most; more fail at once. Default 1,000. */
  readonly maxPending?: number;
  readonly observe?: (call: StoreCall) => void;
  readonly observeBreaker?: (state: BreakerState) => void;
}

/** One finished call, for metrics. */
export interface StoreCall {
  readonly operation: StoreOperation;
  readonly outcome: StoreOutcome;
  readonly milliseconds: number;
}

/** Second questions that are saved up while a store is fast, and what part of one each `get` adds. */
const mostHedges = 10;
const hedgesPerGet = 0.1;

/**
 * Makes a store that may be slow, down or wrong harmless: every call answers or fails with a `StoreError` within the
 * deadline; after several failures in a row the store is left alone for a while, then tried again by a single call. A
 * late answer is dropped. A `get` may be asked twice; `take` and `claim` never are, and a `claim` is `doubtful` for
 * one `ttl` after the store failed, was left alone or was marked as doubtful, since it may have forgotten what was
 * claimed.
 */
export class ResilientStore implements SessionStore {
  readonly traits: StoreTraits;
  readonly #inner: SessionStore;
  readonly #hedge: SessionStore;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #deadline: number;
  readonly #hedgeAfter: number;
  readonly #failuresToOpen: number;
  readonly #cooldown: number;
  readonly #maxCooldown: number;
  readonly #maxPending: number;
  readonly #observe: ((call: StoreCall) => void) | undefined;
  readonly #observeBreaker: ((state: BreakerState) => void) | undefined;
  #state: BreakerState = 'closed';
  #failures = 0;
  #failingSince = 0;
  #hedges = mostHedges;
  #pending = 0;
  #retryAt = 0;
  #nextCooldown: number;
  #doubtedAt = Number.NEGATIVE_INFINITY;

  /** Throws `ConfigError` `ERR_TLS_SESSION_CONFIG` for what is no store, and for options that will not do. */
  constructor(inner: SessionStore, options: ResilientStoreOptions) {
    checkResilientStore(inner, options);
    this.#inner = inner;
    this.#hedge = options.hedgeStore ?? inner;
    this.traits = { ...inner.traits, bounded: true };
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#deadline = options.deadlineMs ?? 50;
    this.#hedgeAfter = options.hedgeAfterMs ?? Math.ceil(this.#deadline / 3);
    this.#failuresToOpen = options.failuresToOpen ?? 5;
    this.#cooldown = options.cooldownMs ?? 500;
    this.#maxCooldown = Math.max(this.#cooldown, options.maxCooldownMs ?? 4_000);
    this.#maxPending = options.maxPending ?? 1000;
    this.#nextCooldown = this.#cooldown;
    this.#observe = options.observe;
    this.#observeBreaker = options.observeBreaker;
  }

  get breaker(): BreakerState {
    return this.#state;
  }

  /** Calls under way. */
  get pending(): number {
    return this.#pending;
  }

  /** When the replay register was last in doubt (ms since the epoch); -Infinity for never. */
  get doubtedAt(): number {
    return this.#doubtedAt;
  }

  /**
   * Says that the store may have forgotten claims: it was restarted, failed over, or could not be reached. From now
   * on `claim` is `doubtful` for as long as its `ttl`.
   */
  doubt(): void {
    this.#doubtedAt = this.#clock.now();
  }

  get(key: string): Awaitable<Uint8Array | undefined> {
    this.#hedges = Math.min(this.#hedges + hedgesPerGet, mostHedges);
    return this.#call('get', () => this.#inner.get(key), this.#hedgeAfter > 0 ? () => this.#hedge.get(key) : undefined);
  }

  take(key: string): Awaitable<Uint8Array | undefined> {
    return this.#call('take', () => this.#inner.take(key));
  }

  put(key: string, value: Uint8Array, ttlSeconds: number): Awaitable<void> {
    return this.#call('put', () => this.#inner.put(key, value, ttlSeconds));
  }

  delete(key: string): Awaitable<void> {
    return this.#call('delete', () => this.#inner.delete(key));
  }

  claim(key: string, ttlMilliseconds: number, clock?: ClaimClock): Awaitable<ClaimAnswer> {
    // The claim is made even while in doubt, so that the register is whole again when the doubt ends.
    const answer = this.#call('claim', () => this.#inner.claim(key, ttlMilliseconds, clock));
    return isPromise(answer)
      ? answer.then((claim) => this.#trust(claim, ttlMilliseconds))
      : this.#trust(answer, ttlMilliseconds);
  }

  #trust(claim: ClaimAnswer, ttlMilliseconds: number): ClaimAnswer {
    return claim === 'fresh' && this.#clock.now() - this.#doubtedAt < ttlMilliseconds ? 'doubtful' : claim;
  }

  #call<T>(operation: StoreOperation, ask: () => Awaitable<T>, askAgain?: () => Awaitable<T>): Awaitable<T> {
    const start = this.#clock.now();
    if (!this.#admit(start)) {
      tell(this.#observe, { operation, outcome: 'unavailable', milliseconds: 0 });
      throw new StoreError('storeUnavailable', 'the session store is left alone after repeated failures');
    }
    let answer: Awaitable<T>;
    try {
      answer = ask();
    } catch (error) {
      this.#refused(operation, error, start);
      throw asStoreError(error);
    }
    if (isPromise(answer)) return this.#await(operation, answer, askAgain, start);
    this.#succeeded(operation, 'ok', start);
    return answer;
  }

  #await<T>(
    operation: StoreOperation,
    first: Promise<T>,
    askAgain: (() => Awaitable<T>) | undefined,
    start: number,
  ): Promise<T> {
    this.#pending++;
    return new Promise<T>((resolve, reject) => {
      let waiting = 1;
      let open = true;
      let hedgeTimer: unknown;
      const finish = (): boolean => {
        if (!open) return false;
        open = false;
        this.#pending--;
        this.#timers.clear(deadline);
        if (hedgeTimer !== undefined) this.#timers.clear(hedgeTimer);
        return true;
      };
      const succeed = (value: T, outcome: StoreOutcome): void => {
        if (!finish()) return;
        this.#succeeded(operation, outcome, start);
        resolve(value);
      };
      const fail = (error: unknown): void => {
        waiting--;
        if (waiting > 0 || !finish()) return;
        this.#refused(operation, error, start);
        reject(asStoreError(error));
      };
      const expire = (): void => {
        if (!finish()) return;
        this.#failed(operation, 'timeout', start);
        reject(new StoreError('storeTimeout', `the session store did not answer within ${this.#deadline} ms`));
      };
      const deadline = this.#timers.set(() => this.#afterInput(expire), this.#deadline);
      first.then((value) => succeed(value, 'ok'), fail);
      if (askAgain === undefined || this.#hedgeAfter >= this.#deadline) return;
      const hedge = (): void => {
        if (!open || this.#state !== 'closed' || this.#hedges < 1) return;
        this.#hedges--;
        waiting++;
        later(askAgain).then((value) => {
          // A replica that has nothing may not have heard of it yet: the store itself has the word.
          if (value === undefined && this.#hedge !== this.#inner && waiting > 1) waiting--;
          else succeed(value, 'hedged');
        }, fail);
      };
      hedgeTimer = this.#timers.set(() => this.#afterInput(hedge), this.#hedgeAfter);
    });
  }

  /** An answer that has come, and was not read because this process was busy, is none that is late. */
  #afterInput(callback: () => void): void {
    const { afterInput } = this.#timers;
    if (afterInput === undefined) callback();
    else afterInput(callback);
  }

  /** Whether a call may go to the store now. */
  #admit(now: number): boolean {
    if (this.#pending >= this.#maxPending) return false;
    if (this.#state === 'closed') return true;
    // A clock that was set back does not lengthen the wait.
    const waits = now < this.#retryAt && this.#retryAt - now <= this.#maxCooldown;
    if (this.#state === 'halfOpen' || waits) return false;
    this.#become('halfOpen');
    return true;
  }

  #succeeded(operation: StoreOperation, outcome: StoreOutcome, start: number): void {
    this.#failures = 0;
    this.#answered();
    tell(this.#observe, { operation, outcome, milliseconds: this.#clock.now() - start });
  }

  /** The store is there again. */
  #answered(): void {
    if (this.#state === 'closed') return;
    this.#failures = 0;
    this.#nextCooldown = this.#cooldown;
    // What the store forgot while it was away counts from now.
    this.doubt();
    this.#become('closed');
  }

  /** A store that is full, or that holds something else under the key, is there and well. */
  #refused(operation: StoreOperation, error: unknown, start: number): void {
    if (error instanceof StoreError && error.answered) {
      this.#answered();
      tell(this.#observe, { operation, outcome: 'refused', milliseconds: this.#clock.now() - start });
    } else {
      this.#failed(operation, 'error', start);
    }
  }

  #failed(operation: StoreOperation, outcome: StoreOutcome, start: number): void {
    const now = this.#clock.now();
    if (this.#failures++ === 0) this.#failingSince = now;
    // A broken connection may mean a restart. A late answer alone makes the store slow, not forgetful.
    if (outcome === 'error') this.doubt();
    if (this.#state === 'halfOpen' || (this.#state === 'closed' && this.#isDown(now))) {
      this.#retryAt = now + this.#nextCooldown;
      this.#nextCooldown = Math.min(2 * this.#nextCooldown, this.#maxCooldown);
      this.#become('open');
    }
    tell(this.#observe, { operation, outcome, milliseconds: now - start });
  }

  /** Whether the store itself is away, and not only a part of it: nothing succeeds any more. */
  #isDown(now: number): boolean {
    const lasts = now - this.#failingSince;
    // Below 0 the clock was set back.
    return this.#failures >= this.#failuresToOpen && (lasts >= this.#deadline || lasts < 0);
  }

  #become(state: BreakerState): void {
    this.#state = state;
    tell(this.#observeBreaker, state);
  }
}

function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return new StoreError('storeError', 'the session store failed', { cause: error });
}

/** A call as a promise, also when it throws at once. */
async function later<T>(call: () => Awaitable<T>): Promise<T> {
  return await call();
}
