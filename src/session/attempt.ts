import { type Awaitable, isPromise } from './timer.ts';

/** Runs a call that may answer now or later and may throw or reject; the outcome never does. */
export function attempt<T, R, F>(
  call: () => Awaitable<T>,
  then: (value: T) => R,
  otherwise: (error: unknown) => F,
): Awaitable<R | F> {
  try {
    const value = call();
    return isPromise(value) ? value.then(then).catch(otherwise) : then(value);
  } catch (error) {
    return otherwise(error);
  }
}
