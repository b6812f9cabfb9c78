import { randomBytes } from 'node:crypto';
import type { Authority } from '../ca/authority.ts';
import type { Journal } from '../ca/storage/journal.ts';
import { AccountCounter, type AccountLimits } from './account-limits.ts';
import { toBase64Url } from './base64url.ts';
import { AcmeProblem } from './problem.ts';
import { type AcmeEntry, type AcmeState, type ChallengeType, journalBody } from './state.ts';
import type { Validator } from './validators.ts';

/** Who may make accounts, by external account binding (RFC 8555, Section 7.3.4). */
export interface ExternalAccounts {
  /** Whether an account without a binding is refused. */
  readonly required: boolean;
  /** The MAC key of a key identifier, or `undefined` for one that is unknown. */
  key(kid: string): Uint8Array | undefined;
}

/** What one client may ask for. */
export interface AcmeLimits extends AccountLimits {
  /** Identifiers in one order; 100. */
  readonly identifiers: number;
  /** Orders of one account that are neither done nor expired; 300. */
  readonly openOrders: number;
  /** Validations under way at once, half of them at most for one account; 64. */
  readonly validations: number;
}

/** What the service was opened with, its defaults filled in. */
export interface AcmeSettings {
  readonly ca: Authority;
  /** Where clients reach the service, e.g. `https://ca.internal:14000/acme`: requests are signed for these URLs. */
  readonly baseUrl: string;
  readonly validators: Readonly<Record<ChallengeType, Validator>>;
  readonly externalAccounts: ExternalAccounts | undefined;
  readonly termsOfService: string | undefined;
  readonly website: string | undefined;
  /** Profiles of the authority that orders may name; the first is that of orders that name none. */
  readonly profiles: readonly string[];
  readonly limits: AcmeLimits;
  /** Milliseconds between attempts at a validation, or at a signature of an external signer, that failed. */
  readonly retryDelays: readonly number[];
  readonly onError: (error: unknown) => void;
  readonly now: () => number;
}

/** What every handler works with. */
export class AcmeContext {
  readonly settings: AcmeSettings;
  readonly state: AcmeState;
  readonly newAccounts: AccountCounter;
  readonly #journal: Journal;
  readonly #locks = new Map<string, Promise<unknown>>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(settings: AcmeSettings, state: AcmeState, journal: Journal) {
    this.settings = settings;
    this.state = state;
    this.newAccounts = new AccountCounter(settings.limits);
    this.#journal = journal;
  }

  now(): number {
    return this.settings.now();
  }

  /** What a client hears of an error that is not its own. */
  internalProblem(error: unknown): AcmeProblem {
    this.settings.onError(error);
    return new AcmeProblem('serverInternal', 'the server failed; try again later');
  }

  /** Runs something later, unless the service is closed before. What it throws goes to `onError`. */
  later(ms: number, run: () => Promise<void>): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run().catch((error: unknown) => this.settings.onError(error));
    }, ms);
    timer.unref();
    this.#timers.add(timer);
  }

  /** Forgets what was to be done later. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /** The URL of a resource. */
  url(...path: readonly string[]): string {
    return [this.settings.baseUrl, ...path].join('/');
  }

  /** Makes entries durable, then true. Nothing may be answered before. */
  async commit(...entries: readonly AcmeEntry[]): Promise<void> {
    await this.#journal.append(...entries.map(journalBody));
    for (const entry of entries) this.state.apply(entry);
  }

  /** Runs one thing at a time under a name: between looking and committing nobody else may decide. */
  async exclusive<T>(name: string, run: () => Promise<T>): Promise<T> {
    const before = this.#locks.get(name);
    const mine = (async () => {
      await before?.catch(() => undefined);
      return run();
    })();
    this.#locks.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#locks.get(name) === mine) this.#locks.delete(name);
    }
  }
}

/** An identifier that can't be guessed: 128 random bits. */
export function newId(): string {
  return toBase64Url(randomBytes(16));
}
