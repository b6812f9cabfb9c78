import { constantTimeEqual, toHex, zeroize } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { attempt } from './attempt.ts';
import { count, createSessionCounters, type SessionCounters, type SessionEvent } from './counters.ts';
import { EarlyDataClaims } from './early-data-claims.ts';
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
import { type ServerSessionsConfig, sessionRules, type TicketMode } from './session-rules.ts';
import {
  decodeSessionState,
  encodeSessionState,
  isAnonymous,
  type SessionState,
  sessionEnd,
  takeSessionState,
} from './state.ts';
import { type SessionStore, storeFailure } from './store.ts';
import { tell } from './tell.ts';
import { sealedTicketFormat, type TicketKeyring } from './ticket-keyring.ts';
import { type Awaitable, isPromise } from './timer.ts';

/** First byte of a TLS 1.3 ticket that is a handle into the store; 32 random bytes follow. */
const handleFormat = 0x02;
const handleLength = 33;

/** Where a state stands until it is sealed; filled, used and wiped within one call. A state with certificates may need more. */
const sealingRoom = new Uint8Array(1024);

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
  readonly #earlyData: EarlyDataClaims;
  readonly #config: ServerSessionsConfig;

  /** Throws `ConfigError` `ERR_TLS_SESSION_CONFIG` for what will not do, or not together. */
  constructor(config: ServerSessionsConfig) {
    const rules = sessionRules(config);
    const { keyring, store } = config;
    this.#config = config;
    this.#crypto = config.crypto;
    this.keyring = keyring;
    this.store = store;
    this.hasExternalPsks = config.externalPsk !== undefined;
    this.sessionIds = rules.sessionIds;
    this.tls12Tickets = rules.tls12Tickets;
    this.tls13Tickets = rules.tls13Tickets;
    this.lifetime = rules.lifetime;
    this.ticketCount = rules.ticketCount;
    this.maxTickets = rules.maxTickets;
    this.maxEarlyDataSize = rules.maxEarlyDataSize;
    this.#earlyData = new EarlyDataClaims(config);
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
    const refusal = this.#earlyData.claim(request);
    return isPromise(refusal) ? refusal.then((late) => this.#answerEarlyData(late)) : this.#answerEarlyData(refusal);
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
        return this.#noTicket(kind, storeFailure(error)).miss;
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

  #answerEarlyData(refusal: EarlyDataRefusal | undefined): EarlyDataAnswer {
    if (refusal === undefined) {
      this.#event({ type: 'earlyDataAccepted' });
      return { accepted: true };
    }
    this.#event({ type: 'earlyDataRefused', reason: refusal });
    return { accepted: false, refusal };
  }

  #event(event: SessionEvent): void {
    count(this.counters, event);
    tell(this.#config.observe, event);
  }
}

function readStored(value: Uint8Array | undefined): FoundSession | Miss {
  if (value === undefined) return { miss: 'notFound' };
  const state = decodeSessionState(value);
  value.fill(0);
  return state === undefined ? { miss: 'malformed' } : { state, renew: false };
}

function storeMiss(error: unknown): Miss {
  return { miss: storeFailure(error) };
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
