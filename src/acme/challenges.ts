import type { AcmeContext } from './context.ts';
import { AcmeProblem } from './problem.ts';
import { type AcmeResponse, json, type SignedRequest } from './request.ts';
import type { Account, Authorization, Challenge } from './state.ts';

/** Looks after challenges that clients say are met. */
export class ChallengeRunner {
  readonly #context: AcmeContext;
  readonly #running = new Map<string, Promise<void>>();
  readonly #queue: { readonly account: string; readonly begin: () => void }[] = [];
  /** Validations under way by account. */
  readonly #activeOf = new Map<string, number>();
  readonly #stop = new AbortController();
  /** Kept once it is time to stop: nobody waits for a validator then. */
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stop.signal.addEventListener('abort', () => resolve());
  });
  #active = 0;

  constructor(context: AcmeContext) {
    this.#context = context;
  }

  /** Validates in the background. A challenge whose `processing` is durable is taken up again after a restart. */
  start(challenge: Challenge): void {
    if (this.#running.has(challenge.id)) return;
    const work = this.#run(challenge)
      .catch((error: unknown) => this.#context.settings.onError(error))
      .finally(() => this.#running.delete(challenge.id));
    this.#running.set(challenge.id, work);
  }

  /** Gives up what is under way; it is taken up again when the journal is opened. */
  async close(): Promise<void> {
    this.#stop.abort();
    for (const { account, begin } of this.#queue.splice(0)) {
      this.#begin(account);
      begin();
    }
    await Promise.allSettled(this.#running.values());
  }

  async #run(challenge: Challenge): Promise<void> {
    const { account } = this.#context.state.authorizations.get(challenge.authorization) as Authorization;
    await this.#turn(account);
    try {
      const outcome = await this.#attempts(challenge);
      if (this.#stop.signal.aborted) return;
      const { id } = challenge;
      const validated = new Date(this.#context.now()).toISOString();
      await this.#context.commit(
        outcome === undefined
          ? { type: 'challenge', id, status: 'valid', validated }
          : { type: 'challenge', id, status: 'invalid', validated, error: outcome.document() },
      );
    } finally {
      this.#active--;
      const left = (this.#activeOf.get(account) as number) - 1;
      if (left > 0) this.#activeOf.set(account, left);
      else this.#activeOf.delete(account);
      const next = this.#queue.findIndex((waiting) => this.#hasRoom(waiting.account));
      for (const { account: whose, begin } of next < 0 ? [] : this.#queue.splice(next, 1)) {
        this.#begin(whose);
        begin();
      }
    }
  }

  async #attempts(challenge: Challenge): Promise<AcmeProblem | undefined> {
    const { settings, state } = this.#context;
    const authorization = state.authorizations.get(challenge.authorization) as Authorization;
    const account = state.accounts.get(authorization.account) as Account;
    const { token } = challenge;
    const keyAuthorization = `${token}.${account.key.thumbprint}`;
    const { identifier } = authorization;
    for (let attempt = 0; ; attempt++) {
      let problem: AcmeProblem;
      try {
        const looked = settings.validators[challenge.type]({ identifier, token, keyAuthorization });
        await Promise.race([looked, this.#stopped]);
        return undefined;
      } catch (error) {
        problem = error instanceof AcmeProblem ? error : new AcmeProblem('connection', (error as Error).message);
      }
      const delay = settings.retryDelays[attempt];
      if (delay === undefined || this.#stop.signal.aborted) return problem;
      await pause(delay, this.#stop.signal);
    }
  }

  #turn(account: string): Promise<void> {
    if (!this.#hasRoom(account)) {
      return new Promise((resolve) => this.#queue.push({ account, begin: resolve }));
    }
    this.#begin(account);
    return Promise.resolve();
  }

  /** Half of the places are one account's at most: sites of its that don't answer keep no other account waiting. */
  #hasRoom(account: string): boolean {
    const { validations } = this.#context.settings.limits;
    return this.#active < validations && (this.#activeOf.get(account) ?? 0) < Math.max(1, Math.ceil(validations / 2));
  }

  #begin(account: string): void {
    this.#active++;
    this.#activeOf.set(account, (this.#activeOf.get(account) ?? 0) + 1);
  }
}

/** The URL of a challenge: fetch it, or (with the payload `{}`) say that it is met (RFC 8555, Section 7.5.1). */
export async function answerChallenge(
  context: AcmeContext,
  runner: ChallengeRunner,
  challenge: Challenge,
  request: SignedRequest,
): Promise<AcmeResponse> {
  const authorization = context.state.authorizations.get(challenge.authorization) as Authorization;
  const ready = request.payload !== undefined && challenge.status === 'pending';
  if (ready && context.state.authorizationStatus(authorization, context.now()) === 'pending') {
    await context.exclusive(`challenge ${challenge.id}`, async () => {
      if (challenge.status !== 'pending') return;
      await context.commit({ type: 'challenge', id: challenge.id, status: 'processing' });
      runner.start(challenge);
    });
  }
  const up = `<${context.url('authz', authorization.id)}>;rel="up"`;
  const wait: Record<string, string> = challenge.status === 'processing' ? { 'retry-after': '1' } : {};
  return json(200, challengeView(context, challenge), { link: up, ...wait });
}

/** The URL of an authorization: fetch it, or give it up (Section 7.5.2). */
export async function answerAuthorization(
  context: AcmeContext,
  authorization: Authorization,
  request: SignedRequest,
): Promise<AcmeResponse> {
  const { payload } = request;
  const current = () => context.state.authorizationStatus(authorization, context.now());
  if (payload !== undefined && payload['status'] !== undefined) {
    if (payload['status'] !== 'deactivated')
      throw new AcmeProblem('malformed', 'the status may be set to deactivated only');
    if (current() === 'pending' || current() === 'valid') {
      await context.commit({ type: 'authorization', id: authorization.id, status: 'deactivated' });
    }
  }
  const status = current();
  // Where it is decided, what decided it is shown, and what was never tried is not (Section 7.1.4).
  const shown = authorization.challenges.filter((one) => status === 'pending' || one.status !== 'pending');
  const body = {
    identifier: authorization.identifier,
    status,
    expires: new Date(authorization.expires).toISOString(),
    challenges: shown.map((challenge) => challengeView(context, challenge)),
    ...(authorization.wildcard ? { wildcard: true } : {}),
  };
  const wait: Record<string, string> = authorization.challenges.some((one) => one.status === 'processing')
    ? { 'retry-after': '1' }
    : {};
  return json(200, body, wait);
}

function challengeView(context: AcmeContext, challenge: Challenge) {
  const { id, type, status, token, validated, error } = challenge;
  return {
    type,
    url: context.url('challenge', id),
    status,
    token,
    ...(validated === undefined || status !== 'valid' ? {} : { validated }),
    ...(error === undefined ? {} : { error }),
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
