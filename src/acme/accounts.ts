import { type AcmeContext, newId } from './context.ts';
import { importJwk, parseJson, readJws, recordOf, verifyJws, verifyMac } from './jws.ts';
import { AcmeProblem } from './problem.ts';
import { type AcmeResponse, json, type SignedRequest } from './request.ts';
import type { Account } from './state.ts';

const maxContacts = 10;
/** Orders on one page of an account's list. */
const pageSize = 100;

/** newAccount (RFC 8555, Section 7.3). */
export async function newAccount(context: AcmeContext, request: SignedRequest): Promise<AcmeResponse> {
  const { key } = request;
  const payload = request.payload ?? {};
  return context.exclusive('keys', async () => {
    const known = context.state.byThumbprint.get(key.thumbprint);
    if (known !== undefined) {
      if (known.status !== 'valid') throw new AcmeProblem('unauthorized', `the account of this key is ${known.status}`);
      return accountResponse(context, known, 200);
    }
    if (payload['onlyReturnExisting'] === true) {
      throw new AcmeProblem('accountDoesNotExist', 'no account has this key');
    }
    const { termsOfService } = context.settings;
    if (termsOfService !== undefined && payload['termsOfServiceAgreed'] !== true) {
      throw new AcmeProblem('userActionRequired', `agree to ${termsOfService} first`, {
        headers: { link: `<${termsOfService}>;rel="terms-of-service"` },
      });
    }
    const boundTo = checkBinding(context, request, payload['externalAccountBinding']);
    const id = newId();
    const contact = readContacts(payload['contact']);
    const { accounts, byBinding } = context.state;
    if (boundTo === undefined) context.newAccounts.add(accounts.size - byBinding.size, request.address, context.now());
    const createdAt = new Date(context.now()).toISOString();
    await context.commit({ type: 'account', id, jwk: key.jwk, contact, createdAt, boundTo });
    return accountResponse(context, context.state.accounts.get(id) as Account, 201);
  });
}

/** The account's own URL: fetch, change contacts, deactivate (Sections 7.3.2, 7.3.6). */
export async function updateAccount(
  context: AcmeContext,
  account: Account,
  request: SignedRequest,
): Promise<AcmeResponse> {
  const { payload } = request;
  if (payload?.['status'] !== undefined) {
    if (payload['status'] !== 'deactivated')
      throw new AcmeProblem('malformed', 'the status may be set to deactivated only');
    const open = account.orders
      .flatMap((id) => context.state.orders.get(id)?.authorizations ?? [])
      .filter((id) => context.state.authorizations.get(id)?.status === 'pending');
    await context.commit(
      { type: 'account-change', id: account.id, status: 'deactivated' },
      ...open.map((id) => ({ type: 'authorization', id, status: 'deactivated' }) as const),
    );
  } else if (payload?.['contact'] !== undefined) {
    await context.commit({ type: 'account-change', id: account.id, contact: readContacts(payload['contact']) });
  }
  return accountResponse(context, account, 200);
}

/** The orders of an account (Section 7.1.2.1), a page at a time. */
export function listOrders(context: AcmeContext, account: Account, cursor: number): AcmeResponse {
  const page = account.orders.slice(cursor, cursor + pageSize).map((id) => context.url('order', id));
  const next = cursor + pageSize;
  const link = `<${context.url('account', account.id, 'orders')}?cursor=${next}>;rel="next"`;
  return json(200, { orders: page }, next < account.orders.length ? { link } : {});
}

/** keyChange (Section 7.3.5): the outer JWS is signed with the old key, the inner one with the new. */
export async function changeKey(context: AcmeContext, account: Account, request: SignedRequest): Promise<AcmeResponse> {
  const inner = readJws(request.payload ?? {});
  const { header } = inner;
  if (header.jwk === undefined || header.kid !== undefined)
    throw new AcmeProblem('malformed', 'the inner JWS has no jwk');
  const fresh = importJwk(header.jwk);
  verifyJws(inner, fresh);
  if (header.nonce !== undefined) throw new AcmeProblem('malformed', 'the inner JWS has a nonce');
  if (header.url !== request.jws.header.url) throw new AcmeProblem('malformed', 'the inner JWS has another url');
  const change = recordOf(parseJson(inner.payload), 'the inner payload');
  if (change['account'] !== context.url('account', account.id)) {
    throw new AcmeProblem('malformed', 'the inner payload names another account');
  }
  const { thumbprint } = importJwk(change['oldKey']);
  return context.exclusive('keys', async () => {
    // Looked at here: of two changes at once the second is signed with a key that the account no longer has.
    if (thumbprint !== account.key.thumbprint)
      throw new AcmeProblem('malformed', 'the inner payload names another old key');
    if (account.status !== 'valid') throw new AcmeProblem('unauthorized', `the account is ${account.status}`);
    const holder = context.state.byThumbprint.get(fresh.thumbprint);
    if (holder !== undefined) {
      const headers = { location: context.url('account', holder.id) };
      throw new AcmeProblem('malformed', 'another account has this key', { status: 409, headers });
    }
    await context.commit({ type: 'account-change', id: account.id, jwk: fresh.jwk });
    return accountResponse(context, account, 200);
  });
}

function accountResponse(context: AcmeContext, account: Account, status: number): AcmeResponse {
  const location = context.url('account', account.id);
  const body = {
    status: account.status,
    contact: account.contact,
    orders: `${location}/orders`,
    createdAt: account.createdAt,
  };
  return json(status, body, { location });
}

// Section 7.3.4. Returns the kid that the account is bound to.
function checkBinding(context: AcmeContext, request: SignedRequest, value: unknown): string | undefined {
  const { externalAccounts } = context.settings;
  if (value === undefined) {
    if (externalAccounts?.required !== true) return undefined;
    throw new AcmeProblem(
      'externalAccountRequired',
      'this server makes accounts for known holders only: give kid and MAC key',
    );
  }
  if (externalAccounts === undefined) return undefined;
  const binding = readJws(value);
  const { kid, url, nonce } = binding.header;
  if (kid === undefined || nonce !== undefined || url !== request.jws.header.url) {
    throw new AcmeProblem('malformed', 'the external account binding has a nonce, no kid, or another url');
  }
  const macKey = externalAccounts.key(kid);
  if (macKey === undefined)
    throw new AcmeProblem('unauthorized', `the key identifier ${JSON.stringify(kid)} is unknown`);
  verifyMac(binding, macKey);
  if (importJwk(parseJson(binding.payload)).thumbprint !== request.key.thumbprint) {
    throw new AcmeProblem('malformed', 'the external account binding is for another account key');
  }
  if (context.state.byBinding.has(kid))
    throw new AcmeProblem('unauthorized', 'an account is bound to this key identifier already');
  return kid;
}

function readContacts(value: unknown): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > maxContacts) {
    throw new AcmeProblem('malformed', `contact is no list of at most ${maxContacts}`);
  }
  return value.map((contact) => {
    if (typeof contact !== 'string' || !contact.startsWith('mailto:')) {
      throw new AcmeProblem('unsupportedContact', 'contacts are mailto: URLs');
    }
    // RFC 8555, Section 7.3: no hfields, one address.
    if (contact.length > 320 || !/^mailto:[^\s@,?]+@[A-Za-z0-9.-]+$/.test(contact)) {
      throw new AcmeProblem('invalidContact', `${JSON.stringify(contact.slice(0, 100))} is no single e-mail address`);
    }
    return contact;
  });
}
