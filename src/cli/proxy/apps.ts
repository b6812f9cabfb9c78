import type { IncomingHttpHeaders } from 'node:http';
import type { Readable, Writable } from 'node:stream';

/** Where an app listens, and what it speaks. */
export interface AppAddress {
  /** As people write it: `http://localhost:3000`, `h2c://localhost:50051`, `unix:/run/app.sock`. */
  readonly text: string;
  readonly secure: boolean;
  /** HTTP/2, in clear with prior knowledge (RFC 9113, Section 3.3) or by ALPN. */
  readonly http2: boolean;
  readonly host: string;
  readonly port: number;
  readonly socketPath: string | undefined;
  /** The folder of the app that requests are for; no slash at its end. */
  readonly folder: string;
  /** For requests that name no host. */
  readonly authority: string;
}

/** Where requests for a host name go; `*` for all others. Several apps share its requests. */
export interface Route {
  readonly host: string;
  readonly apps: readonly AppAddress[];
}

/** Names in small letters. */
export type Fields = Record<string, string | string[]>;

/** A request as it goes to an app. */
export interface AppRequest {
  readonly method: string;
  readonly path: string;
  readonly fields: Fields;
  readonly hasBody: boolean;
}

/** What an app answers. */
export interface Answer {
  readonly status: number;
  /** HTTP/1.1 alone. */
  readonly reason: string | undefined;
  readonly fields: IncomingHttpHeaders;
  readonly body: Readable;
  /** Nothing follows its head, which ends the answer: so it must stay for gRPC ("Trailers-Only"). */
  readonly headOnly: boolean;
  trailers(): IncomingHttpHeaders;
}

/** Who is told what becomes of a request. */
export interface AnswerSink {
  /** The connection stands: the body may come. Before, nothing of the request was sent. */
  connected(): void;
  /** An interim answer: 100, 102, 103. */
  information(status: number, fields: IncomingHttpHeaders): void;
  answer(answer: Answer): void;
  /** There will be no answer. */
  failed(error: AppError): void;
  /** Nothing more is taken or comes. */
  closed(): void;
}

/** A request that an app was asked. */
export interface AppCall {
  /** Takes the body. */
  readonly body: Writable;
  /** On a connection that has had requests before. */
  readonly reused: boolean;
  /** @param code of HTTP/2: why. */
  cancel(code?: number): void;
}

export type AppError = NodeJS.ErrnoException & {
  /** The app says that it did nothing with the request (RFC 9113, Section 8.7). */
  readonly untouched?: boolean;
  /** It reset the stream with this code of HTTP/2. */
  readonly resetCode?: number;
  /** It answered, but with what can't be passed on. */
  readonly unfit?: boolean;
};

/** How long an app may take until a connection stands, in ms. */
export const connectTime = 10_000;

export function timeoutError(what: string): AppError {
  return Object.assign(new Error(what), { code: 'ETIMEDOUT' });
}

interface State {
  active: number;
  failures: number;
  downUntil: number;
}

/**
 * Chooses among the apps of a host name: of those that can be reached the one with the fewest open requests, in turn.
 * Who can't be reached is left alone for a while: a second, then longer, at most half a minute.
 */
export class Balancer {
  readonly #states = new Map<AppAddress, State>();
  readonly #now: () => number;
  #turn = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** One that was not tried for this request; one that is down only where no other is left. */
  choose({ apps }: Route, tried: ReadonlySet<AppAddress>): AppAddress | undefined {
    const now = this.#now();
    let [best, bestRank] = [undefined as AppAddress | undefined, Number.POSITIVE_INFINITY];
    const first = this.#turn++ % apps.length;
    for (let i = 0; i < apps.length; i++) {
      const app = apps[(first + i) % apps.length] as AppAddress;
      if (tried.has(app)) continue;
      const { active, downUntil } = this.#stateOf(app);
      const rank = active + (downUntil > now ? 1e9 : 0);
      if (rank < bestRank) [best, bestRank] = [app, rank];
    }
    return best;
  }

  begin(app: AppAddress): void {
    this.#stateOf(app).active++;
  }

  end(app: AppAddress): void {
    this.#stateOf(app).active--;
  }

  reached(app: AppAddress): void {
    const state = this.#stateOf(app);
    state.failures = 0;
    state.downUntil = 0;
  }

  notReached(app: AppAddress): void {
    const state = this.#stateOf(app);
    state.downUntil = this.#now() + Math.min(30_000, 1000 * 2 ** state.failures);
    state.failures++;
  }

  #stateOf(app: AppAddress): State {
    let state = this.#states.get(app);
    if (state === undefined) this.#states.set(app, (state = { active: 0, failures: 0, downUntil: 0 }));
    return state;
  }
}
