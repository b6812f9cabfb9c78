import { randomBytes } from 'node:crypto';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { type SessionState, type SessionStateInput, sessionState } from '../../src/session/state.ts';
import type { ClaimAnswer, SessionStore, StoreTraits } from '../../src/session/store.ts';
import type { Timers } from '../../src/session/timer.ts';

/** The cryptography of this Node; its random bytes may be replaced. */
export function sessionCrypto(random?: (size: number) => Uint8Array): CryptoProvider {
  const crypto = createNodeCrypto();
  return random === undefined ? crypto : { ...crypto, random };
}

/** A clock and timers that a test moves by hand. */
export class FakeTime implements Timers {
  milliseconds: number;
  #timers: { at: number; callback: () => void }[] = [];

  constructor(start = 1_800_000_000_000) {
    this.milliseconds = start;
  }

  now(): number {
    return this.milliseconds;
  }

  set(callback: () => void, milliseconds: number): unknown {
    const timer = { at: this.milliseconds + milliseconds, callback };
    this.#timers.push(timer);
    return timer;
  }

  clear(handle: unknown): void {
    this.#timers = this.#timers.filter((timer) => timer !== handle);
  }

  get pending(): number {
    return this.#timers.length;
  }

  /** Moves time forward and runs what is due, in order. */
  advance(milliseconds: number): void {
    const end = this.milliseconds + milliseconds;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.milliseconds = Math.max(this.milliseconds, due.at);
      due.callback();
    }
    this.milliseconds = end;
  }

  /** The clock alone moves, forward or back: the machine slept, or somebody set its clock. Timers do not notice. */
  jump(milliseconds: number): void {
    this.milliseconds += milliseconds;
    for (const timer of this.#timers) timer.at += milliseconds;
  }

  /** Like {@link advance}, in steps, and lets promises run after each. */
  async pass(milliseconds: number, step = 1): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += step) {
      this.advance(step);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

export const policy: Uint8Array = new Uint8Array(32).fill(7);

/** A session state with something in every field. */
export function someState(time: number, input: Partial<SessionStateInput> = {}): SessionState {
  const version = input.version ?? 0x0304;
  return sessionState({
    version,
    cipherSuite: version === 0x0304 ? 0x1301 : 0xc02b,
    secret: new Uint8Array(randomBytes(version === 0x0304 ? 32 : 48)),
    policyDigest: policy,
    createdAt: time,
    lifetime: 3600,
    serverName: 'www.example.org',
    alpnProtocol: 'h2',
    ...input,
  });
}

/** A store whose answers a test decides on. */
export class ScriptedStore implements SessionStore {
  traits: StoreTraits = { local: false, bounded: false, sealed: false };
  readonly calls: string[] = [];
  answer: (operation: string, key: string) => unknown;

  constructor(answer: (operation: string, key: string) => unknown) {
    this.answer = answer;
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#ask('get', key) as Promise<Uint8Array | undefined>;
  }

  take(key: string): Promise<Uint8Array | undefined> {
    return this.#ask('take', key) as Promise<Uint8Array | undefined>;
  }

  put(key: string): Promise<void> {
    return this.#ask('put', key) as Promise<void>;
  }

  delete(key: string): Promise<void> {
    return this.#ask('delete', key) as Promise<void>;
  }

  claim(key: string): Promise<ClaimAnswer> {
    return this.#ask('claim', key) as Promise<ClaimAnswer>;
  }

  async #ask(operation: string, key: string): Promise<unknown> {
    this.calls.push(operation);
    return await this.answer(operation, key);
  }
}

/** A promise that never settles: a store that hangs. */
export const never: Promise<never> = new Promise(() => {});
