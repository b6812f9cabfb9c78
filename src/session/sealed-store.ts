import { fromText, toHex } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { checkSealedStore } from './check-options.ts';
import { FleetKeys } from './fleet-key.ts';
import { type ClaimAnswer, type ClaimClock, type SessionStore, StoreError, type StoreTraits } from './store.ts';
import { type Awaitable, isPromise } from './timer.ts';

export interface SealedStoreOptions {
  readonly crypto: CryptoProvider;
  /** At least 32 random bytes each; the first seals, all open. See `FleetKeys`. */
  readonly fleetKeys: readonly Uint8Array[];
}

/**
 * Lets nothing readable out: keys leave as SHA-256 (session IDs are random, so that a hash says nothing about them
 * and opens nothing), values leave encrypted and authenticated under a fleet key and bound to their key, so that
 * whoever can write to the store can neither read a session nor move one under another ID. A value that does not open
 * is a `StoreError` `malformed`, and is deleted.
 */
export class SealedStore implements SessionStore {
  readonly traits: StoreTraits;
  readonly #inner: SessionStore;
  readonly #crypto: CryptoProvider;
  readonly #keys: FleetKeys;

  /** Throws `ConfigError` `ERR_TLS_SESSION_CONFIG` for what will not do, and as {@link FleetKeys} for its keys. */
  constructor(inner: SessionStore, options: SealedStoreOptions) {
    checkSealedStore(inner, options);
    this.#inner = inner;
    this.#crypto = options.crypto;
    this.#keys = new FleetKeys(options.crypto, options.fleetKeys, 'sessions');
    this.traits = { ...inner.traits, sealed: true };
  }

  get(key: string): Awaitable<Uint8Array | undefined> {
    const hashed = this.#hash(key);
    return this.#opened(hashed, this.#inner.get(hashed), true);
  }

  take(key: string): Awaitable<Uint8Array | undefined> {
    const hashed = this.#hash(key);
    return this.#opened(hashed, this.#inner.take(hashed), false);
  }

  put(key: string, value: Uint8Array, ttlSeconds: number): Awaitable<void> {
    const hashed = this.#hash(key);
    return this.#inner.put(hashed, this.#keys.seal(fromText(hashed), value), ttlSeconds);
  }

  delete(key: string): Awaitable<void> {
    return this.#inner.delete(this.#hash(key));
  }

  claim(key: string, ttlMilliseconds: number, clock?: ClaimClock): Awaitable<ClaimAnswer> {
    return this.#inner.claim(this.#hash(key), ttlMilliseconds, clock);
  }

  /** Zeroizes the fleet keys. */
  destroy(): void {
    this.#keys.destroy();
  }

  #hash(key: string): string {
    return toHex(this.#crypto.hash('sha256', fromText(`handfast store key ${key}`)));
  }

  #opened(
    hashed: string,
    sealed: Awaitable<Uint8Array | undefined>,
    stillThere: boolean,
  ): Awaitable<Uint8Array | undefined> {
    if (isPromise(sealed)) return sealed.then((value) => this.#open(hashed, value, stillThere));
    return this.#open(hashed, sealed, stillThere);
  }

  #open(hashed: string, sealed: Uint8Array | undefined, stillThere: boolean): Uint8Array | undefined {
    if (sealed === undefined) return undefined;
    const value = this.#keys.open(fromText(hashed), sealed);
    if (value !== undefined) return value;
    if (stillThere) this.#discard(hashed);
    throw new StoreError('malformed', 'a stored session does not open under any fleet key');
  }

  /** Nobody waits for it, and its failure changes nothing. */
  #discard(hashed: string): void {
    try {
      const deleted = this.#inner.delete(hashed);
      if (isPromise(deleted)) deleted.catch(() => {});
    } catch {
      // The value expires by itself.
    }
  }
}
