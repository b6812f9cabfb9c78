import type { JournalBody, JournalEntry } from '../ca/storage/journal.ts';
import { type AccountKey, importJwk, type Jwk } from './jws.ts';
import type { ProblemDocument } from './problem.ts';

/** What a certificate is to be for (RFC 8555, Section 9.7.7; addresses by RFC 8738). */
export interface Identifier {
  readonly type: 'dns' | 'ip';
  /** Lower case; of a wildcard order without the `*.` in an authorization. */
  readonly value: string;
}

/** How control is shown (RFC 8555, Section 8; RFC 8737). */
export type ChallengeType = 'http-01' | 'dns-01' | 'tls-alpn-01';

/** RFC 8555, Section 7.1.2. */
export interface Account {
  readonly id: string;
  key: AccountKey;
  contact: readonly string[];
  status: 'valid' | 'deactivated' | 'revoked';
  readonly createdAt: string;
  /** The kid of the external account binding. */
  readonly boundTo?: string | undefined;
  readonly orders: string[];
}

/** RFC 8555, Section 8. */
export interface Challenge {
  readonly id: string;
  readonly authorization: string;
  readonly type: ChallengeType;
  readonly token: string;
  status: 'pending' | 'processing' | 'valid' | 'invalid';
  validated?: string;
  error?: ProblemDocument;
}

/** RFC 8555, Section 7.1.4. */
export interface Authorization {
  readonly id: string;
  readonly account: string;
  readonly order: string;
  readonly identifier: Identifier;
  readonly wildcard: boolean;
  /** Milliseconds since 1970. */
  readonly expires: number;
  status: 'pending' | 'valid' | 'invalid' | 'deactivated' | 'expired' | 'revoked';
  readonly challenges: readonly Challenge[];
}

/** RFC 8555, Section 7.1.3. */
export interface Order {
  readonly id: string;
  readonly account: string;
  /** As they were asked for: wildcards with `*.`. */
  readonly identifiers: readonly Identifier[];
  readonly authorizations: readonly string[];
  readonly profile?: string | undefined;
  /** Serial number of the certificate that this order renews (RFC 9773). */
  readonly replaces?: string | undefined;
  /** Milliseconds since 1970. */
  readonly expires: number;
  /** What was decided; `pending` and `ready` follow from the authorizations. */
  outcome: 'open' | 'processing' | 'valid' | 'invalid';
  csr?: string;
  serial?: string;
  error?: ProblemDocument;
}

/** Entries of the journal. Each holds all that is needed to do it again. */
export type AcmeEntry =
  | {
      type: 'account';
      id: string;
      jwk: Jwk;
      contact: readonly string[];
      createdAt: string;
      boundTo?: string | undefined;
    }
  | { type: 'account-change'; id: string; jwk?: Jwk; contact?: readonly string[]; status?: Account['status'] }
  | {
      type: 'order';
      id: string;
      account: string;
      identifiers: readonly Identifier[];
      profile?: string | undefined;
      replaces?: string | undefined;
      expires: number;
      authorizations: readonly {
        id: string;
        identifier: Identifier;
        wildcard: boolean;
        challenges: readonly { id: string; type: ChallengeType; token: string }[];
      }[];
    }
  | {
      type: 'challenge';
      id: string;
      status: Challenge['status'];
      validated?: string;
      error?: ProblemDocument;
    }
  | { type: 'authorization'; id: string; status: Authorization['status'] }
  | { type: 'finalize'; id: string; csr: string }
  | { type: 'order-valid'; id: string; serial: string }
  | { type: 'order-invalid'; id: string; error: ProblemDocument };

/** Accounts, orders, authorizations and challenges, as the journal tells them. */
export class AcmeState {
  readonly accounts = new Map<string, Account>();
  readonly byThumbprint = new Map<string, Account>();
  readonly byBinding = new Map<string, Account>();
  readonly orders = new Map<string, Order>();
  readonly authorizations = new Map<string, Authorization>();
  readonly challenges = new Map<string, Challenge>();
  /** The order that a certificate was issued for, by serial number. */
  readonly bySerial = new Map<string, Order>();
  /** Serial numbers that an order renewed or is renewing. */
  readonly replacedBy = new Map<string, Order>();

  /** Takes one entry. The journal has a hash chain, so that entries are as they were written. */
  apply(entry: AcmeEntry | JournalEntry): void {
    const it = entry as AcmeEntry;
    switch (it.type) {
      case 'account':
        this.#addAccount(it);
        return;
      case 'account-change': {
        const account = this.#the(this.accounts, it.id);
        if (it.jwk !== undefined) {
          this.byThumbprint.delete(account.key.thumbprint);
          account.key = importJwk(it.jwk);
          this.byThumbprint.set(account.key.thumbprint, account);
        }
        account.contact = it.contact ?? account.contact;
        account.status = it.status ?? account.status;
        return;
      }
      case 'order':
        this.#addOrder(it);
        return;
      case 'challenge':
        this.#changeChallenge(it);
        return;
      case 'authorization':
        this.#the(this.authorizations, it.id).status = it.status;
        return;
      case 'finalize': {
        const order = this.#the(this.orders, it.id);
        order.outcome = 'processing';
        order.csr = it.csr;
        return;
      }
      case 'order-valid': {
        const order = this.#the(this.orders, it.id);
        order.outcome = 'valid';
        order.serial = it.serial;
        this.bySerial.set(it.serial, order);
        return;
      }
      case 'order-invalid': {
        const order = this.#the(this.orders, it.id);
        order.outcome = 'invalid';
        order.error = it.error;
        if (order.replaces !== undefined) this.replacedBy.delete(order.replaces);
        return;
      }
    }
  }

  /** The status of an order (RFC 8555, Section 7.1.6). */
  orderStatus(order: Order, now: number): 'pending' | 'ready' | 'processing' | 'valid' | 'invalid' {
    if (order.outcome !== 'open') return order.outcome;
    if (now > order.expires) return 'invalid';
    const statuses = order.authorizations.map((id) =>
      this.authorizationStatus(this.#the(this.authorizations, id), now),
    );
    if (statuses.every((status) => status === 'valid')) return 'ready';
    return statuses.every((status) => status === 'valid' || status === 'pending') ? 'pending' : 'invalid';
  }

  authorizationStatus(authorization: Authorization, now: number): Authorization['status'] {
    const { status, expires } = authorization;
    return (status === 'pending' || status === 'valid') && now > expires ? 'expired' : status;
  }

  #addAccount(entry: Extract<AcmeEntry, { type: 'account' }>): void {
    const { id, contact, createdAt, boundTo } = entry;
    const account: Account = {
      id,
      key: importJwk(entry.jwk),
      contact,
      status: 'valid',
      createdAt,
      boundTo,
      orders: [],
    };
    this.accounts.set(id, account);
    this.byThumbprint.set(account.key.thumbprint, account);
    if (boundTo !== undefined) this.byBinding.set(boundTo, account);
  }

  #addOrder(entry: Extract<AcmeEntry, { type: 'order' }>): void {
    const { id, account, identifiers, profile, replaces, expires } = entry;
    for (const one of entry.authorizations) {
      const challenges = one.challenges.map(
        (challenge): Challenge => ({ ...challenge, authorization: one.id, status: 'pending' }),
      );
      for (const challenge of challenges) this.challenges.set(challenge.id, challenge);
      const { identifier, wildcard } = one;
      this.authorizations.set(one.id, {
        id: one.id,
        account,
        order: id,
        identifier,
        wildcard,
        expires,
        status: 'pending',
        challenges,
      });
    }
    const authorizations = entry.authorizations.map((one) => one.id);
    const order: Order = { id, account, identifiers, authorizations, profile, replaces, expires, outcome: 'open' };
    this.orders.set(id, order);
    this.#the(this.accounts, account).orders.push(id);
    if (replaces !== undefined) this.replacedBy.set(replaces, order);
  }

  #changeChallenge(entry: Extract<AcmeEntry, { type: 'challenge' }>): void {
    const challenge = this.#the(this.challenges, entry.id);
    challenge.status = entry.status;
    if (entry.validated !== undefined) challenge.validated = entry.validated;
    if (entry.error !== undefined) challenge.error = entry.error;
    if (entry.status !== 'valid' && entry.status !== 'invalid') return;
    // One valid challenge makes the authorization valid; one that failed makes it invalid (RFC 8555, Section 7.1.6).
    const authorization = this.#the(this.authorizations, challenge.authorization);
    if (authorization.status === 'pending') authorization.status = entry.status;
  }

  #the<T>(map: ReadonlyMap<string, T>, id: string): T {
    const value = map.get(id);
    if (value === undefined) throw new Error(`the ACME journal names ${id}, which it does not hold`);
    return value;
  }
}

/** An entry as the journal takes it: what is undefined is left out. */
export function journalBody(entry: AcmeEntry): JournalBody {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined)) as JournalBody;
}
