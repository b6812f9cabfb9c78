import { join } from 'node:path';
import type { Authority } from '../ca/authority.ts';
import { type Journal, openJournal } from '../ca/storage/journal.ts';
import { changeKey, listOrders, newAccount, updateAccount } from './accounts.ts';
import { downloadCertificate, renewalInfo, revokeCertificate, serialInPath } from './certificates.ts';
import { answerAuthorization, answerChallenge, ChallengeRunner } from './challenges.ts';
import { checkServiceOptions } from './check-options.ts';
import { liveEntries, rewriteJournal, wantsCompaction } from './compaction.ts';
import { AcmeContext, type AcmeLimits, type AcmeSettings, type ExternalAccounts } from './context.ts';
import { importJwk, type Jws, jwsAlgorithms, parseJson, readJws, recordOf, verifyJws } from './jws.ts';
import { Nonces } from './nonces.ts';
import { finalizeOrder, issueFor, newOrder, orderResponse } from './orders.ts';
import { AcmeProblem } from './problem.ts';
import { type AcmeRequest, type AcmeResponse, json, type SignedRequest } from './request.ts';
import { type Account, AcmeState, type ChallengeType } from './state.ts';
import { networkValidators, type Validator, type ValidatorOptions } from './validators.ts';

const defaultLimits: AcmeLimits = {
  identifiers: 100,
  openOrders: 300,
  validations: 64,
  accounts: 10_000,
  accountsPerHour: 100,
};

/** Bytes of a request. */
export const maxRequestBody = 256 * 1024;

/** What a service is opened with. */
export interface AcmeServiceOptions {
  readonly ca: Authority;
  /** Where the journal `acme.jsonl` is kept: the authority's folder, as its lock covers it. */
  readonly folder: string;
  /** Where clients reach the service, e.g. `https://ca.internal:14000/acme`. */
  readonly baseUrl: string;
  /** How challenges are looked at: ports and resolver, or other validators in place of those for the network. */
  readonly validation?: ValidatorOptions | undefined;
  readonly validators?: Partial<Readonly<Record<ChallengeType, Validator>>> | undefined;
  readonly externalAccounts?: ExternalAccounts | undefined;
  readonly termsOfService?: string | undefined;
  readonly website?: string | undefined;
  /** Profiles that orders may name; `server` and `short-lived` where absent. The first is the default. */
  readonly profiles?: readonly string[] | undefined;
  readonly limits?: Partial<AcmeLimits> | undefined;
  /** Milliseconds between attempts at a validation, or at a signature of an external signer, that failed; 1 s, 3 s, 5 s. */
  readonly retryDelays?: readonly number[] | undefined;
  /** Is told what failed inside: clients hear `serverInternal` and no more. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Entries from which on the journal is rewritten when it is opened, where half of it is over; 10,000. */
  readonly compactFrom?: number | undefined;
}

/**
 * An ACME server (RFC 8555) over an authority, without the HTTP: {@link handle} takes requests and gives answers.
 * Whatever an answer says is durable before it is given.
 */
export class AcmeService {
  readonly #context: AcmeContext;
  readonly #journal: Journal;
  readonly #runner: ChallengeRunner;
  readonly #nonces = new Nonces();

  /** Made by {@link openAcmeService}. */
  constructor(context: AcmeContext, journal: Journal) {
    this.#context = context;
    this.#journal = journal;
    this.#runner = new ChallengeRunner(context);
  }

  get ca(): Authority {
    return this.#context.settings.ca;
  }

  get baseUrl(): string {
    return this.#context.settings.baseUrl;
  }

  /** Takes up what a crash left: orders that were to be issued, challenges that were to be looked at. */
  async resume(): Promise<void> {
    const { state } = this.#context;
    for (const order of state.orders.values()) {
      if (order.outcome === 'processing') await issueFor(this.#context, order);
    }
    for (const challenge of state.challenges.values()) {
      if (challenge.status === 'processing') this.#runner.start(challenge);
    }
  }

  /** Waits for what is under way and closes the journal. The authority stays open. */
  async close(): Promise<void> {
    this.#context.close();
    await this.#runner.close();
    await this.#journal.close();
  }

  /** Answers one request; never throws. */
  async handle(request: AcmeRequest): Promise<AcmeResponse> {
    let response: AcmeResponse;
    try {
      response = await this.#route(request);
    } catch (error) {
      const problem = error instanceof AcmeProblem ? error : this.#context.internalProblem(error);
      const { headers } = problem;
      const body = `${JSON.stringify(problem.document())}\n`;
      response = { status: problem.status, headers: { 'content-type': 'application/problem+json', ...headers }, body };
    }
    const links = [response.headers['link'] ?? [], `<${this.#context.url('directory')}>;rel="index"`].flat();
    const nonce: Record<string, string> =
      request.method === 'POST' || request.path === '/new-nonce' ? { 'replay-nonce': this.#nonces.next() } : {};
    return { ...response, headers: { 'cache-control': 'no-store', ...response.headers, link: links, ...nonce } };
  }

  async #route(request: AcmeRequest): Promise<AcmeResponse> {
    const [path = '', query] = request.path.split('?') as [string, string?];
    const [, kind = '', id = '', action = '', ...more] = path.split('/');
    if (more.length > 0) throw unknownPath(path);
    if (request.method === 'GET' || request.method === 'HEAD') {
      if (path === '/directory') return this.#directory();
      if (path === '/new-nonce') return { status: request.method === 'HEAD' ? 200 : 204, headers: {}, body: '' };
      if (kind === 'renewal-info' && id !== '' && action === '') return renewalInfo(this.#context, id);
    }
    if (request.method !== 'POST') {
      throw new AcmeProblem('malformed', 'resources are fetched with a signed POST (RFC 8555, Section 6.3)', {
        status: 405,
        headers: { allow: 'POST' },
      });
    }
    const signed = this.#authenticate(request);
    if (signed.account === undefined) {
      // Section 6.2: only these two may be signed with a key that no account has.
      if (path === '/new-account') return newAccount(this.#context, signed);
      if (path === '/revoke-cert') return revokeCertificate(this.#context, signed);
      throw new AcmeProblem('malformed', 'this request is signed with a kid, not with a jwk');
    }
    if (path === '/new-account') throw new AcmeProblem('malformed', 'newAccount is signed with a jwk, not with a kid');
    return this.#forAccount(signed, signed.account, { path, kind, id, action, query });
  }

  async #forAccount(
    signed: SignedRequest,
    account: Account,
    {
      path,
      kind,
      id,
      action,
      query,
    }: { path: string; kind: string; id: string; action: string; query: string | undefined },
  ): Promise<AcmeResponse> {
    const context = this.#context;
    const { state } = context;
    if (id === '') {
      if (kind === 'new-order') return newOrder(context, account, signed);
      if (kind === 'key-change') return changeKey(context, account, signed);
      if (kind === 'revoke-cert') return revokeCertificate(context, signed);
      throw unknownPath(path);
    }
    switch (`${kind}/${action}`) {
      case 'account/':
        return updateAccount(
          context,
          owned(state.accounts.get(id), account, ({ id: owner }) => owner, path),
          signed,
        );
      case 'account/orders': {
        owned(state.accounts.get(id), account, ({ id: owner }) => owner, path);
        return listOrders(context, account, cursorOf(query));
      }
      case 'order/':
        return orderResponse(
          context,
          owned(state.orders.get(id), account, (order) => order.account, path),
          200,
        );
      case 'order/finalize':
        return finalizeOrder(
          context,
          owned(state.orders.get(id), account, (order) => order.account, path),
          signed,
        );
      case 'authz/':
        return answerAuthorization(
          context,
          owned(state.authorizations.get(id), account, (it) => it.account, path),
          signed,
        );
      case 'challenge/': {
        const ownerOf = (it: { authorization: string }) => state.authorizations.get(it.authorization)?.account;
        return answerChallenge(context, this.#runner, owned(state.challenges.get(id), account, ownerOf, path), signed);
      }
      case 'certificate/': {
        const serial = serialInPath(id);
        if (serial === undefined) throw unknownPath(path);
        return downloadCertificate(context, account, serial);
      }
      default:
        throw unknownPath(path);
    }
  }

  #authenticate(request: AcmeRequest): SignedRequest {
    const type = request.contentType?.split(';')[0]?.trim().toLowerCase();
    if (type !== 'application/jose+json') {
      throw new AcmeProblem('malformed', 'the content type is not application/jose+json', { status: 415 });
    }
    const jws = readJws(parseJson(request.body ?? new Uint8Array(0)));
    const { nonce, url } = jws.header;
    if (nonce === undefined || !this.#nonces.use(nonce)) {
      throw new AcmeProblem('badNonce', 'the nonce is unknown, or was used before; take the one in this answer');
    }
    if (url !== this.#context.settings.baseUrl + request.path) {
      throw new AcmeProblem('unauthorized', `the request is signed for ${url}, and came to ${request.path}`);
    }
    const { key, account } = this.#signerOf(jws);
    verifyJws(jws, key);
    const payload = jws.payload.length === 0 ? undefined : recordOf(parseJson(jws.payload), 'the payload');
    return { jws, key, account, payload, address: request.address };
  }

  #signerOf(jws: Jws): Pick<SignedRequest, 'key' | 'account'> {
    const { kid, jwk, alg } = jws.header;
    if ((kid === undefined) === (jwk === undefined)) {
      throw new AcmeProblem('malformed', 'the protected header has either a jwk or a kid');
    }
    if (!(jwsAlgorithms as readonly string[]).includes(alg)) {
      const detail = `the algorithm ${JSON.stringify(alg)} is not accepted`;
      throw new AcmeProblem('badSignatureAlgorithm', detail, { more: { algorithms: jwsAlgorithms } });
    }
    if (kid === undefined) return { key: importJwk(jwk), account: undefined };
    const prefix = this.#context.url('account', '');
    const account = kid.startsWith(prefix) ? this.#context.state.accounts.get(kid.slice(prefix.length)) : undefined;
    if (account === undefined) throw new AcmeProblem('accountDoesNotExist', 'no account has this URL');
    if (account.status !== 'valid') throw new AcmeProblem('unauthorized', `the account is ${account.status}`);
    return { key: account.key, account };
  }

  #directory(): AcmeResponse {
    const { settings } = this.#context;
    const { termsOfService, website, externalAccounts, profiles } = settings;
    return json(200, {
      newNonce: this.#context.url('new-nonce'),
      newAccount: this.#context.url('new-account'),
      newOrder: this.#context.url('new-order'),
      revokeCert: this.#context.url('revoke-cert'),
      keyChange: this.#context.url('key-change'),
      renewalInfo: this.#context.url('renewal-info'),
      meta: {
        ...(termsOfService === undefined ? {} : { termsOfService }),
        ...(website === undefined ? {} : { website }),
        externalAccountRequired: externalAccounts?.required === true,
        profiles: Object.fromEntries(profiles.map((name) => [name, describeProfile(settings.ca, name)])),
      },
    });
  }
}

/** Opens the service: reads its journal, and takes up what a crash left half done. */
export async function openAcmeService(options: AcmeServiceOptions): Promise<AcmeService> {
  checkServiceOptions(options);
  const { ca, folder } = options;
  if (!/^https?:\/\/[^/]+(?:\/[^?#]*[^/?#])?$/.test(options.baseUrl)) {
    throw new RangeError(`baseUrl is a URL without a slash at its end, not ${JSON.stringify(options.baseUrl)}`);
  }
  const profiles = options.profiles ?? ['server', 'short-lived'];
  for (const name of profiles) describeProfile(ca, name);
  const settings: AcmeSettings = {
    ca,
    baseUrl: options.baseUrl,
    validators: { ...networkValidators(options.validation), ...options.validators },
    externalAccounts: options.externalAccounts,
    termsOfService: options.termsOfService,
    website: options.website,
    profiles,
    limits: { ...defaultLimits, ...options.limits },
    retryDelays: options.retryDelays ?? [1000, 3000, 5000],
    onError: options.onError ?? (() => undefined),
    now: () => ca.now(),
  };
  const path = join(folder, 'acme.jsonl');
  let { journal, state } = await readJournal(path, settings.now);
  const live = liveEntries(state, settings.now(), (serial) => ca.find(serial)?.notAfter ?? 0);
  if (wantsCompaction(journal.length, state, live, options.compactFrom)) {
    await journal.close();
    await rewriteJournal(path, live, settings.now);
    ({ journal, state } = await readJournal(path, settings.now));
  }
  const service = new AcmeService(new AcmeContext(settings, state, journal), journal);
  await service.resume();
  return service;
}

async function readJournal(path: string, now: () => number): Promise<{ journal: Journal; state: AcmeState }> {
  const state = new AcmeState();
  const journal = await openJournal(path, { now, replay: (entry) => state.apply(entry) });
  return { journal, state };
}

function describeProfile(ca: Authority, name: string): string {
  const profile = Object.hasOwn(ca.profiles, name) ? ca.profiles[name] : undefined;
  if (profile === undefined) throw new RangeError(`the authority has no profile ${name}`);
  return `${profile.purposes.join(', ')}; ${Math.round(profile.lifetime / 86_400_000)} days`;
}

// Another account's resources look like none: their identifiers tell nothing.
function owned<T>(
  resource: T | undefined,
  account: Account,
  ownerOf: (resource: T) => string | undefined,
  path: string,
): T {
  if (resource === undefined || ownerOf(resource) !== account.id) throw unknownPath(path);
  return resource;
}

function cursorOf(query: string | undefined): number {
  const cursor = Number(new URLSearchParams(query).get('cursor') ?? 0);
  return Number.isSafeInteger(cursor) && cursor >= 0 ? cursor : 0;
}

function unknownPath(path: string): AcmeProblem {
  return new AcmeProblem('malformed', `there is nothing at ${path.slice(0, 100)} for this account`, { status: 404 });
}
