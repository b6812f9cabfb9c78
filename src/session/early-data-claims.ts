/** Whether early data may be taken: each ticket once, and only where every use of it is heard of. */
import { equal, toHex } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { attempt } from './attempt.ts';
import { defaultFreshness, type FreshnessWindow, isFresh, replaySpan } from './early-data.ts';
import type { EarlyDataRefusal } from './miss-reason.ts';
import type { EarlyDataRequest } from './resumption-request.ts';
import type { ServerSessionsConfig } from './session-rules.ts';
import { type ClaimAnswer, type SessionStore, storeFailure } from './store.ts';
import { sealedTicketFormat, type TicketKeyring } from './ticket-keyring.ts';
import type { Awaitable } from './timer.ts';

/** The first store of this process that recorded early data under the keys of a ring: it is the ring's record. */
const records = new WeakMap<TicketKeyring, SessionStore>();

/** The register of early data (RFC 9846, Section 8) of a server. */
export class EarlyDataClaims {
  readonly #crypto: CryptoProvider;
  readonly #config: ServerSessionsConfig;
  readonly #freshness: FreshnessWindow;

  constructor(config: ServerSessionsConfig) {
    this.#crypto = config.crypto;
    this.#config = config;
    this.#freshness = { ...defaultFreshness, ...config.freshness };
  }

  /** Claims a ticket's early data: why it is refused, or `undefined` where this is its first use. Never fails. */
  claim(request: EarlyDataRequest): Awaitable<EarlyDataRefusal | undefined> {
    const { state, identity, now } = request;
    const { store, maxEarlyDataSize = 0 } = this.#config;
    if (maxEarlyDataSize === 0 || state.maxEarlyDataSize === 0 || store === undefined) return 'disabled';
    if (state.earlyDataContext.length === 0 || !equal(state.earlyDataContext, request.context)) {
      return 'contextMismatch';
    }
    if (!isFresh(state, request.obfuscatedTicketAge, now, this.#freshness)) return 'stale';
    if (!this.#seesEveryUse(identity, store)) return 'recordNotShared';
    const key = `e:${toHex(this.#crypto.hash('sha256', identity))}`;
    // Two nodes that are half the skew from the store's clock, one before and one behind, are all of it apart.
    const clock = { now, maxSkewMs: this.#freshness.clockSkewMs / 2 };
    return attempt(() => store.claim(key, replaySpan(this.#freshness), clock), refusalOf, refusalOfError);
  }

  /** Whether the store hears of every use of a ticket: it is shared, or nobody else can open the ticket. */
  #seesEveryUse(identity: Uint8Array, store: SessionStore): boolean {
    if (this.#config.replayRecord === 'complete' || !store.traits.local) return true;
    const { keyring } = this.#config;
    // A handle leads into the store, and nowhere else.
    if (identity[0] !== sealedTicketFormat) return true;
    if (keyring?.originOf(identity) !== 'local') return false;
    // Two records in one process do not hear of each other either.
    const record = records.get(keyring);
    if (record === undefined) records.set(keyring, store);
    return record === undefined || record === store;
  }
}

function refusalOf(claim: ClaimAnswer): EarlyDataRefusal | undefined {
  return claim === 'fresh' ? undefined : claim === 'seen' ? 'replay' : 'doubtful';
}

function refusalOfError(error: unknown): EarlyDataRefusal {
  const reason = storeFailure(error);
  return reason === 'malformed' ? 'storeError' : reason;
}
