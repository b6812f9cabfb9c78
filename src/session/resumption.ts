import { constantTimeEqual, equal, toHex, zeroize } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { ConfigError } from '../errors.ts';
import { count, createSessionCounters, type SessionCounters, type SessionEvent } from './counters.ts';
import { defaultFreshness, type FreshnessWindow, isFresh, replaySpan } from './early-data.ts';
import type { EarlyDataRefusal, MissReason, ResumptionKind } from './miss-reason.ts';
import { type ExternalPsk, pskBinding, servesVersion } from './psk-importer.ts';
import {
  asExternal,
  asPsk,
  compare,
  type EarlyDataAnswer,
  type EarlyDataRequest,
  type FoundPsk,
  type FoundSession,
  type IssuedTicket,
  type Miss,
  type SessionExpectation,
} from './resumption-request.ts';
import {
  decodeSessionState,
  encodeSessionState,
  isAnonymous,
  maxLifetimeSeconds,
  type SessionState,
  sessionEnd,
  takeSessionState,
} from './state.ts';
import { type SessionStore, StoreError } from './store.ts';
import { tell } from './tell.ts';
import { sealedTicketFormat, type TicketKeyring } from './ticket-keyring.ts';
import { type Awaitable, isPromise } from './timer.ts';

/** First byte of a TLS 1.3 ticket that is a handle into the store; 32 random bytes follow. */
const handleFormat = 0x02;
const handleLength = 33;

/** Where a state stands until it is sealed; filled, used and wiped within one call. A state with certificates may need more. */
const sealingRoom = new Uint8Array(1024);

/** How TLS 1.3 tickets are made. */
export type TicketMode =
  /** The ticket is the sealed state: no memory here; it can be used again until it expires (but for early data). */
  | 'stateless'
  /** The ticket is a handle into the store; it can be used again. */
  | 'stateful'
  /** The ticket is a handle that is taken out of the store with its first use, atomically over the fleet. */
  | 'singleUse'
  | 'none';

export interface ServerSessionsConfig {
  readonly crypto: CryptoProvider;
  /** Needed for TLS 1.2 tickets and stateless TLS 1.3 tickets. */
  readonly keyring?: TicketKeyring | undefined;
  /** Needed for session IDs, stateful and single-use tickets, and early data. */
  readonly store?: SessionStore | undefined;
  /** TLS 1.2 by session ID; default: on where there is a store. */
  readonly sessionIds?: boolean | undefined;
  /** TLS 1.2 by ticket (RFC 5077); default: on where there is a key ring. */
  readonly tls12Tickets?: boolean | undefined;
  /** Default: `stateless` where there is a key ring, else `singleUse` where there is a store, else `none`. */
  readonly tls13Tickets?: TicketMode | undefined;
  /** Tickets sent after a full TLS 1.3 handshake where the client does not ask for a number (RFC 9149); default 2. */
  readonly ticketCount?: number | undefined;
  /** The most tickets sent on one connection to a client that asks for a number; default 8, or `ticketCount` where that is more. */
  readonly maxTickets?: number | undefined;
  /** Seconds that a session lives from its first full authentication; default one day, at most seven. */
  readonly lifetime?: number | undefined;
  /** Bytes of early data to allow; 0 (the default) for none. */
  readonly maxEarlyDataSize?: number | undefined;
  readonly freshness?: Partial<FreshnessWindow> | undefined;
  /**
   * A `store` in this process can't tell that another process took early data of the same ticket. So where the ticket's
   * key came from outside (a file, another process, a fleet), and others may have it too, such a store refuses early
   * data: `recordNotShared`. `complete` says that its record is whole all the same: nobody else takes early data under
   * these keys at the same time.
   */
  readonly replayRecord?: 'complete' | undefined;
  /**
   * Asked for every session with a client certificate, key or PSK before it is handed out: whether that client is still welcome
   * (revocation). `false` ends the session; so does an error.
   */
  readonly acceptPeer?: ((state: SessionState, now: number) => Awaitable<boolean>) | undefined;
  /**
   * External PSKs by their identity, with the imported identities of RFC 9258 in TLS 1.3. In TLS 1.2 a PSK counts that is
   * for it ({@link ExternalPsk.tls12}). Asked again when a session that a PSK made is to go on: it does as long as the PSK
   * is known and its key the same.
   */
  readonly externalPsk?:
    | ((identity: Uint8Array, version: 0x0303 | 0x0304) => Awaitable<ExternalPsk | undefined>)
    | undefined;
  readonly observe?: ((event: SessionEvent) => void) | undefined;
}

/** The first store of this process that recorded early data under the keys of a ring: it is the ring's record. */
const records = new WeakMap<TicketKeyring, SessionStore>();

/**
 * Everything that a server decides about resumption. The handshake asks; each answer comes as a value where it is at
 * hand and as a promise where a store far away is asked. No call throws or rejects: whatever goes wrong is a miss
 * with its reason.
 */
export class ServerSessions {
  /** What was counted so far. */
  readonly counters: SessionCounters = createSessionCounters();
  /** Seconds from the first full authentication: the `lifetime` of new session states. */
  readonly lifetime: number;
  readonly ticketCount: number;
  readonly maxTickets: number;
  readonly maxEarlyDataSize: number;
  /** Whether TLS 1.2 session IDs, TLS 1.2 tickets and TLS 1.3 tickets are issued. */
  readonly sessionIds: boolean;
  readonly tls12Tickets: boolean;
  readonly tls13Tickets: TicketMode;
  /** Whether there are external PSKs. */
  readonly hasExternalPsks: boolean;
  readonly keyring: TicketKeyring | undefined;
  readonly store: SessionStore | undefined;
  readonly #crypto: CryptoProvider;
  readonly #freshness: FreshnessWindow;
  readonly #config: ServerSessionsConfig;

  constructor(config: ServerSessionsConfig) {
    const { keyring, store } = config;
    this.#config = config;
    this.#crypto = config.crypto;
    this.keyring = keyring;
    this.store = store;
    this.hasExternalPsks = config.externalPsk !== undefined;
    this.sessionIds = config.sessionIds ?? store !== undefined;
    this.tls12Tickets = config.tls12Tickets ?? keyring !== undefined;
    this.tls13Tickets =
      config.tls13Tickets ?? (keyring !== undefined ? 'stateless' : store !== undefined ? 'singleUse' : 'none');
    this.lifetime = config.lifetime ?? 86_400;
    this.ticketCount = config.ticketCount ?? 2;
    this.maxTickets = config.maxTickets ?? Math.max(8, this.ticketCount);
    this.maxEarlyDataSize = config.maxEarlyDataSize ?? 0;
    this.#freshness = { ...defaultFreshness, ...config.freshness };
    this.#check();
  }

  /** TLS 1.2: the session in a ticket (RFC 5077). */
  openTicket(request: SessionExpectation & { readonly ticket: Uint8Array }): Awaitable<FoundSession | Miss> {
    if (!this.tls12Tickets || this.keyring === undefined) return this.#miss('ticket', 'disabled');
    return this.#admit('ticket', this.#openSealed(0x0303, request.ticket), request);
  }

  /** TLS 1.2: the session of a session ID. */
  lookupSession(request: SessionExpectation & { readonly sessionId: Uint8Array }): Awaitable<FoundSession | Miss> {
    const { store } = this;
    if (!this.sessionIds || store === undefined) return this.#miss('sessionId', 'disabled');
    const found = attempt(() => store.get(sessionKey(request.sessionId)), readStored, storeMiss);
    return isPromise(found)
      ? found.then((result) => this.#admit('sessionId', result, request))
      : this.#admit('sessionId', found, request);
  }

  /**
   * TLS 1.2: keeps a session under its ID. Awaited before the server's Finished, so that a client that comes back at
   * once finds it on any node; a store that does not keep it costs a full handshake later.
   * @returns whether it is kept.
   */
  storeSession(request: {
    readonly sessionId: Uint8Array;
    readonly state: SessionState;
    readonly now: number;
  }): Awaitable<boolean> {
    const { store } = this;
    if (!this.sessionIds || store === undefined) {
      this.#noTicket('sessionId', 'disabled');
      return false;
    }
    const failure = this.#keep('sessionId', store, sessionKey(request.sessionId), request.state, request.now);
    return isPromise(failure) ? failure.then((reason) => reason === undefined) : failure === undefined;
  }

  /** Counts a session that a client offered, and for which there was nothing to look for. */
  missed(kind: ResumptionKind, reason: MissReason): void {
    this.#miss(kind, reason);
  }

  /** Forgets a TLS 1.2 session, e.g. after a fatal alert (RFC 5246, Section 7.2.2). Never fails. */
  forgetSession(sessionId: Uint8Array): Awaitable<void> {
    const { store } = this;
    if (store === undefined) return;
    return attempt(() => store.delete(sessionKey(sessionId)), ignore, ignore);
  }

  /**
   * The PSK of an identity. TLS 1.3: a sealed ticket, a handle, or an external PSK; its binder is still to be verified. A
   * single-use ticket is used up by this call. TLS 1.2: an external PSK.
   */
  lookupPsk(request: SessionExpectation & { readonly identity: Uint8Array }): Awaitable<FoundPsk | Miss> {
    const { version, identity } = request;
    const external = this.#externalPsk(identity, version);
    return isPromise(external)
      ? external.then((psk) => this.#externalOrTicket(psk, request))
      : this.#externalOrTicket(external, request);
  }

  /** The external PSK of an identity, where it is for this version. */
  #externalPsk(identity: Uint8Array, version: 0x0303 | 0x0304): Awaitable<ExternalPsk | undefined> {
    const { externalPsk } = this.#config;
    if (externalPsk === undefined) return undefined;
    return attempt(
      () => externalPsk(identity, version),
      (psk) => (psk !== undefined && servesVersion(psk, version) ? psk : undefined),
      nothing,
    );
  }

  /**
   * A ticket for a session: TLS 1.2 sealed, TLS 1.3 as `tls13Tickets` says. Its lifetime ends with the session's,
   * whose clock runs from the first full authentication: a renewal never extends it.
   */
  sealTicket(request: { readonly state: SessionState; readonly now: number }): Awaitable<IssuedTicket | Miss> {
    const { state, now } = request;
    const kind = state.version === 0x0304 ? 'psk' : 'ticket';
    const mode = state.version === 0x0304 ? this.tls13Tickets : this.tls12Tickets ? 'stateless' : 'none';
    if (mode === 'none') return this.#noTicket(kind, 'disabled');
    if (mode === 'stateless') return this.#sealStateless(kind, state, now);
    return this.#issueHandle(state, now);
  }

  /**
   * Whether early data may be accepted: allowed by the ticket, same context, fresh, and this ticket's first. Call it
   * after the binder was verified, and only when everything else that early data needs is given: a claim can't be
   * taken back.
   */
  claimEarlyData(request: EarlyDataRequest): Awaitable<EarlyDataAnswer> {
    const { state, identity, now } = request;
    const { store } = this;
    if (this.maxEarlyDataSize === 0 || state.maxEarlyDataSize === 0 || store === undefined) {
      return this.#refuse('disabled');
    }
    if (state.earlyDataContext.length === 0 || !equal(state.earlyDataContext, request.context)) {
      return this.#refuse('contextMismatch');
    }
    if (!isFresh(state, request.obfuscatedTicketAge, now, this.#freshness)) return this.#refuse('stale');
    if (!this.#seesEveryUse(identity, store)) return this.#refuse('recordNotShared');
    const key = `e:${toHex(this.#crypto.hash('sha256', identity))}`;
    const answer = attempt(
      () => store.claim(key, replaySpan(this.#freshness)),
      (claim) => (claim === 'fresh' ? undefined : claim === 'seen' ? ('replay' as const) : ('doubtful' as const)),
      (error): EarlyDataRefusal => {
        const reason = storeMiss(error).miss;
        return reason === 'storeTimeout' || reason === 'storeUnavailable' ? reason : 'storeError';
      },
    );
    return isPromise(answer) ? answer.then((refusal) => this.#earlyData(refusal)) : this.#earlyData(answer);
  }

  #check(): void {
    if ((this.sessionIds || this.tls13Tickets === 'stateful' || this.tls13Tickets === 'singleUse') && !this.store) {
      throw sessionConfigError('session IDs and stateful tickets need a store: give `store`, e.g. a MemoryStore');
    }
    if ((this.tls12Tickets || this.tls13Tickets === 'stateless') && !this.keyring) {
      throw sessionConfigError('sealed tickets need keys: give `keyring`, a TicketKeyring');
    }
    if (!(this.lifetime >= 1 && this.lifetime <= maxLifetimeSeconds)) {
      throw sessionConfigError(
        `a session lifetime of ${this.lifetime} s is outside 1 to ${maxLifetimeSeconds} (RFC 9846, 4.6.1)`,
      );
    }
    for (const [name, count] of Object.entries({ ticketCount: this.ticketCount, maxTickets: this.maxTickets })) {
      // The nonce that makes the PSK of each ticket another one is a byte.
      if (Number.isInteger(count) && count >= 0 && count <= 255) continue;
      throw sessionConfigError(`${name} is ${count}; give a whole number from 0 to 255`);
    }
    if (this.maxEarlyDataSize > 0 && !this.store) {
      throw sessionConfigError('early data needs a store that remembers which tickets were used: give `store`');
    }
    const traits = this.store?.traits;
    if (traits !== undefined && !traits.bounded) {
      throw sessionConfigError('a store without a deadline could hang handshakes: wrap it in a ResilientStore');
    }
    if (traits !== undefined && !traits.local && !traits.sealed) {
      throw sessionConfigError('what leaves the process must be encrypted: wrap the store in a SealedStore');
    }
  }

  #externalOrTicket(
    psk: ExternalPsk | undefined,
    request: SessionExpectation & { readonly identity: Uint8Array },
  ): Awaitable<FoundPsk | Miss> {
    if (request.version === 0x0303) {
      // No session is looked for: nothing is counted.
      if (psk === undefined) return { miss: 'notFound' };
      return psk.hash === request.cipherHash ? asExternal(psk) : { miss: 'cipherMismatch' };
    }
    if (psk === undefined) return this.#lookupTicket(request);
    if (request.cipherHash !== undefined && psk.hash !== request.cipherHash) return this.#miss('psk', 'cipherMismatch');
    this.#event({ type: 'hit', kind: 'psk' });
    return asExternal(psk);
  }

  #lookupTicket(request: SessionExpectation & { readonly identity: Uint8Array }): Awaitable<FoundPsk | Miss> {
    const found = this.#findTicket(request.identity);
    return isPromise(found) ? found.then((result) => this.#admitPsk(result, request)) : this.#admitPsk(found, request);
  }

  #findTicket(identity: Uint8Array): Awaitable<FoundSession | Miss> {
    const { store } = this;
    if (this.tls13Tickets === 'none') return { miss: 'disabled' };
    if (identity[0] === sealedTicketFormat) {
      // A sealed ticket can be used twice: where tickets are single-use it is one of an older configuration.
      if (this.tls13Tickets === 'singleUse' || this.keyring === undefined) return { miss: 'disabled' };
      return this.#openSealed(0x0304, identity);
    }
    if (identity[0] !== handleFormat || identity.length !== handleLength) return { miss: 'malformed' };
    if (store === undefined) return { miss: 'disabled' };
    const key = handleKey(identity);
    const call = this.tls13Tickets === 'stateful' ? () => store.get(key) : () => store.take(key);
    return attempt(call, readStored, storeMiss);
  }

  #admitPsk(found: FoundSession | Miss, request: SessionExpectation): Awaitable<FoundPsk | Miss> {
    const admitted = this.#admit('psk', found, request);
    return isPromise(admitted) ? admitted.then(asPsk) : asPsk(admitted);
  }

  #openSealed(version: 0x0303 | 0x0304, ticket: Uint8Array): FoundSession | Miss {
    const opened = this.keyring?.open(version, ticket) ?? { miss: 'disabled' as const };
    if ('miss' in opened) return opened;
    const state = takeSessionState(opened.state);
    return state === undefined ? { miss: 'malformed' } : { state, renew: opened.stale };
  }

  /** Compares what was found with what is expected, and counts the outcome. */
  #admit(
    kind: ResumptionKind,
    found: FoundSession | Miss,
    request: SessionExpectation,
  ): Awaitable<FoundSession | Miss> {
    if ('miss' in found) return this.#miss(kind, found.miss);
    const mismatch = compare(found.state, request);
    if (mismatch !== undefined) {
      zeroize(found.state.secret);
      return this.#miss(kind, mismatch);
    }
    const { psk } = found.state;
    if (psk === undefined || !this.hasExternalPsks) return this.#admitPeer(kind, found, request);
    const known = this.#externalPsk(psk.identity, found.state.version);
    return isPromise(known)
      ? known.then((now) => this.#admitByPsk(kind, found, request, now))
      : this.#admitByPsk(kind, found, request, known);
  }

  /** A session goes on as long as the PSK is known that it was made by, and its key is the same. */
  #admitByPsk(
    kind: ResumptionKind,
    found: FoundSession,
    request: SessionExpectation,
    known: ExternalPsk | undefined,
  ): Awaitable<FoundSession | Miss> {
    const { psk, secret } = found.state;
    if (known !== undefined && psk !== undefined) {
      const { check } = pskBinding(this.#crypto, psk.identity, known.secret);
      if (constantTimeEqual(check, psk.check)) return this.#admitPeer(kind, found, request);
    }
    zeroize(secret);
    return this.#miss(kind, 'pskRevoked');
  }

  #admitPeer(kind: ResumptionKind, found: FoundSession, request: SessionExpectation): Awaitable<FoundSession | Miss> {
    const { acceptPeer } = this.#config;
    if (acceptPeer === undefined || isAnonymous(found.state)) return this.#hit(kind, found);
    const accepted = attempt(() => acceptPeer(found.state, request.now), asIs, refused);
    return isPromise(accepted)
      ? accepted.then((yes) => this.#peerAnswer(kind, found, yes))
      : this.#peerAnswer(kind, found, accepted);
  }

  #peerAnswer(kind: ResumptionKind, found: FoundSession, accepted: boolean): FoundSession | Miss {
    if (accepted) return this.#hit(kind, found);
    zeroize(found.state.secret);
    return this.#miss(kind, 'clientCertificateRevoked');
  }

  #sealStateless(kind: 'ticket' | 'psk', state: SessionState, now: number): IssuedTicket | Miss {
    const encoded = encodeSessionState(state, sealingRoom);
    if (encoded === undefined) return this.#noTicket(kind, 'malformed');
    const sealed = this.keyring?.seal(state.version, encoded);
    encoded.fill(0);
    if (sealed === undefined) return this.#noTicket(kind, 'disabled');
    const lifetime = Math.floor((Math.min(sessionEnd(state), sealed.openUntil) - now) / 1000);
    if (lifetime < 1) return this.#noTicket(kind, 'expired');
    this.#event({ type: 'issued', kind });
    return { ticket: sealed.ticket, lifetime };
  }

  #issueHandle(state: SessionState, now: number): Awaitable<IssuedTicket | Miss> {
    const { store } = this;
    if (store === undefined) return this.#noTicket('psk', 'disabled');
    const ticket = new Uint8Array(handleLength);
    ticket[0] = handleFormat;
    ticket.set(this.#crypto.random(handleLength - 1), 1);
    const lifetime = Math.floor((sessionEnd(state) - now) / 1000);
    const failure = this.#keep('psk', store, handleKey(ticket), state, now);
    const answer = (reason: MissReason | undefined): IssuedTicket | Miss =>
      reason === undefined ? { ticket, lifetime } : { miss: reason };
    return isPromise(failure) ? failure.then(answer) : answer(failure);
  }

  /** Puts a session into the store; the reason where it can't be kept. */
  #keep(
    kind: ResumptionKind,
    store: SessionStore,
    key: string,
    state: SessionState,
    now: number,
  ): Awaitable<MissReason | undefined> {
    const ttl = Math.floor((sessionEnd(state) - now) / 1000);
    if (ttl < 1) return this.#noTicket(kind, 'expired').miss;
    const encoded = encodeSessionState(state);
    if (encoded === undefined) return this.#noTicket(kind, 'malformed').miss;
    return attempt(
      () => store.put(key, encoded, ttl),
      () => {
        encoded.fill(0);
        this.#event({ type: 'issued', kind });
        return undefined;
      },
      (error) => {
        encoded.fill(0);
        return this.#noTicket(kind, storeMiss(error).miss).miss;
      },
    );
  }

  #hit(kind: ResumptionKind, found: FoundSession): FoundSession {
    this.#event({ type: 'hit', kind });
    return found;
  }

  #miss(kind: ResumptionKind, reason: MissReason): Miss {
    this.#event({ type: 'miss', kind, reason });
    return { miss: reason };
  }

  #noTicket(kind: ResumptionKind, reason: MissReason): Miss {
    this.#event({ type: 'notIssued', kind, reason });
    return { miss: reason };
  }

  /** Whether the store hears of every use of a ticket: it is shared, or nobody else can open the ticket. */
  #seesEveryUse(identity: Uint8Array, store: SessionStore): boolean {
    if (this.#config.replayRecord === 'complete' || !store.traits.local) return true;
    const { keyring } = this;
    // A handle leads into the store, and nowhere else.
    if (identity[0] !== sealedTicketFormat) return true;
    if (keyring?.originOf(identity) !== 'local') return false;
    // Two records in one process do not hear of each other either.
    const record = records.get(keyring);
    if (record === undefined) records.set(keyring, store);
    return record === undefined || record === store;
  }

  #earlyData(refusal: EarlyDataRefusal | undefined): EarlyDataAnswer {
    if (refusal !== undefined) return this.#refuse(refusal);
    this.#event({ type: 'earlyDataAccepted' });
    return { accepted: true };
  }

  #refuse(refusal: EarlyDataRefusal): EarlyDataAnswer {
    this.#event({ type: 'earlyDataRefused', reason: refusal });
    return { accepted: false, refusal };
  }

  #event(event: SessionEvent): void {
    count(this.counters, event);
    tell(this.#config.observe, event);
  }
}

/** Runs a call that may answer now or later and may throw or reject; the outcome never does. */
function attempt<T, R, F>(
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

function readStored(value: Uint8Array | undefined): FoundSession | Miss {
  if (value === undefined) return { miss: 'notFound' };
  const state = decodeSessionState(value);
  value.fill(0);
  return state === undefined ? { miss: 'malformed' } : { state, renew: false };
}

function storeMiss(error: unknown): Miss {
  return { miss: error instanceof StoreError ? error.reason : 'storeError' };
}

function asIs<T>(value: T): T {
  return value;
}

function ignore(): void {}

function nothing(): undefined {}

function refused(): boolean {
  return false;
}

function sessionKey(sessionId: Uint8Array): string {
  return `i:${toHex(sessionId)}`;
}

function handleKey(identity: Uint8Array): string {
  return `t:${toHex(identity)}`;
}

function sessionConfigError(message: string): ConfigError {
  return new ConfigError(message, { code: 'ERR_TLS_SESSION_CONFIG' });
}
