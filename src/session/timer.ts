/** Time as this room sees it: it never reads a clock or sets a timer by itself. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Timers as this room sees them. In Node: `setTimeout` with `unref`, so that a timer keeps no process alive. */
export interface Timers {
  /** Calls back once, after `milliseconds` (at least; at most 2^31 - 1). Returns a handle for `clear`. */
  set(callback: () => void, milliseconds: number): unknown;
  clear(handle: unknown): void;
  /**
   * Calls back once what has arrived was read: where a process was busy, a timer is due before the answer that it waits for is
   * looked at. In Node: `setImmediate`. Without it: at once.
   */
  readonly afterInput?: (callback: () => void) => void;
}

/** A value, or a promise for it: what is at hand is answered without a promise. */
export type Awaitable<T> = T | Promise<T>;

/** Whether an answer comes later. */
export function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | undefined)?.then === 'function';
}
