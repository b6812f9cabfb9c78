import { equal } from '../bytes/bytes.ts';
import { readRequest } from '../ca/leaf.ts';
import { subjectName } from '../ca/names.ts';
import { TlsError } from '../errors.ts';
import { formatIp } from '../pki/ip.ts';
import { fromBase64Url } from './base64url.ts';
import { replacedSerial } from './certificates.ts';
import { type AcmeContext, newId } from './context.ts';
import { challengeTypesFor, readIdentifiers, rejectedIdentifiers } from './identifiers.ts';
import { AcmeProblem, type ProblemDocument } from './problem.ts';
import { type AcmeResponse, json, type SignedRequest } from './request.ts';
import type { Account, AcmeEntry, Identifier, Order } from './state.ts';

/** How long an order and its authorizations are good. */
const orderLifetime = 7 * 24 * 3_600_000;

/** newOrder (RFC 8555, Section 7.4), with `replaces` (RFC 9773) and `profile`. */
export async function newOrder(context: AcmeContext, account: Account, request: SignedRequest): Promise<AcmeResponse> {
  const { payload = {} } = request;
  const { limits } = context.settings;
  const identifiers = readIdentifiers(payload['identifiers'], limits.identifiers);
  if (payload['notBefore'] !== undefined || payload['notAfter'] !== undefined) {
    throw new AcmeProblem('malformed', 'notBefore and notAfter are not taken: the profile decides');
  }
  const profile = readProfile(context, payload['profile']);
  refuseForbidden(context, identifiers, profile ?? (context.settings.profiles[0] as string));
  const replaces = payload['replaces'];
  const create = async () => {
    const serial = replaces === undefined ? undefined : replacedSerial(context, account, replaces, identifiers);
    const entry = orderEntry(context, account, identifiers, profile, serial);
    await context.commit(entry);
    return orderResponse(context, context.state.orders.get(entry.id) as Order, 201);
  };
  // One at a time: many at once would all be below the limit.
  return context.exclusive(`orders of ${account.id}`, async () => {
    if (account.status !== 'valid') throw new AcmeProblem('unauthorized', `the account is ${account.status}`);
    const open = account.orders.filter((id) => {
      const order = context.state.orders.get(id) as Order;
      return ['pending', 'ready', 'processing'].includes(context.state.orderStatus(order, context.now()));
    });
    if (open.length >= limits.openOrders) {
      const headers = { 'retry-after': '3600' };
      throw new AcmeProblem('rateLimited', `the account has ${open.length} open orders: finish some first`, {
        headers,
      });
    }
    return replaces === undefined ? create() : context.exclusive(`replaces ${String(replaces)}`, create);
  });
}

/** finalize (Section 7.4): the intent is durable before the authority is asked, the outcome before the answer. */
export async function finalizeOrder(context: AcmeContext, order: Order, request: SignedRequest): Promise<AcmeResponse> {
  return context.exclusive(`order ${order.id}`, async () => {
    const status = context.state.orderStatus(order, context.now());
    if (status !== 'ready') throw new AcmeProblem('orderNotReady', `the order is ${status}`);
    if (request.account?.status !== 'valid') throw new AcmeProblem('unauthorized', 'the account was given up');
    const csr = request.payload?.['csr'];
    if (typeof csr !== 'string') throw new AcmeProblem('malformed', 'the payload has no csr');
    checkRequest(context, order, csr, request);
    await context.commit({ type: 'finalize', id: order.id, csr });
    await issueFor(context, order);
    return orderResponse(context, order, 200);
  });
}

/** Has the certificate of a processing order issued, or finds the one that was issued before a crash. */
export async function issueFor(context: AcmeContext, order: Order, attempt = 0): Promise<void> {
  const { ca, profiles, retryDelays } = context.settings;
  const reference = `acme/${order.id}`;
  const found = ca.findByReference(reference);
  if (found !== undefined) return context.commit({ type: 'order-valid', id: order.id, serial: found.serial });
  try {
    const { serial } = await ca.issue({
      names: order.identifiers.map(({ value }) => value),
      csr: fromBase64Url(order.csr as string) as Uint8Array,
      profile: order.profile ?? (profiles[0] as string),
      requester: `acme account ${order.account}`,
      reference,
      ...(order.replaces === undefined ? {} : { replaces: order.replaces }),
    });
    await context.commit({ type: 'order-valid', id: order.id, serial });
  } catch (error) {
    if (!(error instanceof TlsError) || error.code === 'ERR_TLS_CA_STORAGE') throw error;
    const delay = retryDelays[attempt];
    if (error.code === 'ERR_TLS_CA_SIGNER' && delay !== undefined) {
      // An HSM that is away for a moment: the order stays in processing, and the client asks again.
      context.later(delay, () => issueFor(context, order, attempt + 1));
      return;
    }
    const problem = new AcmeProblem('serverInternal', `the authority did not issue: ${error.message}`);
    await context.commit({ type: 'order-invalid', id: order.id, error: problem.document() });
  }
}

/** An order as its URL shows it (RFC 8555, Section 7.1.3). */
export function orderResponse(context: AcmeContext, order: Order, status: number): AcmeResponse {
  const { state } = context;
  const current = state.orderStatus(order, context.now());
  const body = {
    status: current,
    expires: new Date(order.expires).toISOString(),
    identifiers: order.identifiers,
    ...(order.profile === undefined ? {} : { profile: order.profile }),
    ...(order.replaces === undefined ? {} : { replaces: order.replaces }),
    authorizations: order.authorizations.map((id) => context.url('authz', id)),
    finalize: context.url('order', order.id, 'finalize'),
    ...(order.serial === undefined ? {} : { certificate: context.url('certificate', order.serial) }),
    ...(current === 'invalid' ? { error: order.error ?? whyInvalid(context, order) } : {}),
  };
  const wait: Record<string, string> = current === 'processing' ? { 'retry-after': '1' } : {};
  return json(status, body, { location: context.url('order', order.id), ...wait });
}

function whyInvalid(context: AcmeContext, order: Order): ProblemDocument {
  for (const id of order.authorizations) {
    for (const { error } of context.state.authorizations.get(id)?.challenges ?? [])
      if (error !== undefined) return error;
  }
  return new AcmeProblem('unauthorized', 'the order or one of its authorizations expired or was given up').document();
}

function orderEntry(
  context: AcmeContext,
  account: Account,
  identifiers: readonly Identifier[],
  profile: string | undefined,
  replaces: string | undefined,
): Extract<AcmeEntry, { type: 'order' }> {
  const authorizations = identifiers.map(({ type, value }) => {
    const wildcard = value.startsWith('*.');
    const identifier: Identifier = { type, value: wildcard ? value.slice(2) : value };
    // Each challenge has a token of its own: what is published for one can't answer another.
    const challenges = challengeTypesFor(identifier, wildcard).map((kind) => ({
      id: newId(),
      type: kind,
      token: newId(),
    }));
    return { id: newId(), identifier, wildcard, challenges };
  });
  const expires = context.now() + orderLifetime;
  return { type: 'order', id: newId(), account: account.id, identifiers, profile, replaces, expires, authorizations };
}

function readProfile(context: AcmeContext, profile: unknown): string | undefined {
  if (profile === undefined) return undefined;
  if (typeof profile === 'string' && context.settings.profiles.includes(profile)) return profile;
  throw new AcmeProblem('invalidProfile', `profiles here: ${context.settings.profiles.join(', ')}`);
}

// What the authority won't sign is said before anybody proves anything.
function refuseForbidden(context: AcmeContext, identifiers: readonly Identifier[], profile: string): void {
  const refused = identifiers.flatMap((identifier) => {
    try {
      context.settings.ca.check([identifier.value], profile);
      return [];
    } catch (error) {
      if (!(error instanceof TlsError)) throw error;
      return [{ identifier, why: `${identifier.value}: ${error.message}` }];
    }
  });
  if (refused.length > 0) throw rejectedIdentifiers(refused);
}

// Section 7.4: "The CSR MUST indicate the exact same set of requested identifiers as the initial newOrder request".
function checkRequest(context: AcmeContext, order: Order, csr: string, request: SignedRequest): void {
  const der = fromBase64Url(csr);
  if (der === undefined) throw new AcmeProblem('malformed', 'the csr is no base64url');
  const { spki, names, commonName } = readCsr(context, der);
  const asked = new Set<string>();
  for (const name of names) {
    if (name.kind === 'dns') asked.add(`dns ${name.value.toLowerCase()}`);
    else if (name.kind === 'ip') asked.add(`ip ${formatIp(name.value)}`);
    else throw new AcmeProblem('badCSR', `the csr asks for a name of the kind ${name.kind}`);
  }
  if (commonName !== undefined && commonName !== '') asked.add(commonNameKey(commonName));
  const ordered = new Set(order.identifiers.map(({ type, value }) => `${type} ${value}`));
  const missing = [...ordered].filter((name) => !asked.has(name));
  const extra = [...asked].filter((name) => !ordered.has(name));
  if (missing.length > 0 || extra.length > 0) {
    const what = [...missing.map((name) => `lacks ${name}`), ...extra.map((name) => `adds ${name}`)].join(', ');
    throw new AcmeProblem('badCSR', `the csr is not for the names of the order: it ${what}`);
  }
  // Section 11.1: a key that signs for an account is for nothing else.
  if (equal(spki, new Uint8Array(request.key.key.export({ format: 'der', type: 'spki' })))) {
    throw new AcmeProblem('badCSR', 'the csr is for the account key: take another key');
  }
}

function readCsr(context: AcmeContext, der: Uint8Array): ReturnType<typeof readRequest> {
  try {
    return readRequest(context.settings.ca.crypto, der);
  } catch (error) {
    if (error instanceof TlsError) throw new AcmeProblem('badCSR', error.message);
    throw error;
  }
}

function commonNameKey(text: string): string {
  try {
    const name = subjectName(text);
    if (name.kind === 'dns') return `dns ${name.value}`;
    if (name.kind === 'ip') return `ip ${formatIp(name.value)}`;
  } catch {
    // Below.
  }
  throw new AcmeProblem('badCSR', 'the commonName of the csr is no name that can be certified');
}
