import { fromText, toHex, zeroize } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { ConfigError } from '../errors.ts';
import { checkCrypto, checkTicketKey, checkTicketKeyFile, checkTicketKeyring } from './check-options.ts';
import type { MissReason } from './miss-reason.ts';
import { createSealingKey, deriveKey, refuseWeakKey, type SealingKey, sealOverhead } from './sealing-key.ts';
import { tell } from './tell.ts';
import type { Clock, Timers } from './timer.ts';

/** Length of a ticket key's public name, in bytes. */
export const keyNameLength = 16;

/** Tickets start with a format byte, so that sealed tickets and handles into a store can live side by side. */
export const sealedTicketFormat = 0x01;

/** What stands in clear before a sealed state: format and key name. */
const headLength = 1 + keyNameLength;

/** Bytes that a sealed ticket adds to the state: format, key name, seed, tag. */
export const ticketOverhead: number = headLength + sealOverhead;

/**
 * The longest that a ring sleeps, in ms. Timers stand still while a machine does, and know nothing of a clock that is set:
 * a key that ended meanwhile is destroyed so soon after.
 */
const longestNap = 60_000;

/** How far a clock is set back by the services that keep it right, in ms: that is not worth a look. */
const smallStep = 1_000;

/** Where a key came from. A ring seals under a fleet key where it has one, else under an imported, else a local one. */
export type TicketKeyOrigin = 'fleet' | 'imported' | 'local';

/** A ticket key as it is given to a ring. Times in milliseconds since the epoch. */
export interface TicketKey {
  /**
   * Public; {@link keyNameLength} bytes. It stands in every ticket, so it must not be derived reversibly from the
   * secret.
   */
  readonly name: Uint8Array;
  /** At least 32 bytes. The ring derives its keys from it and keeps no reference: the caller zeroizes it. */
  readonly secret: Uint8Array;
  /** Not before this time does the ring seal under it; it opens at once. */
  readonly sealFrom: number;
  readonly sealUntil: number;
  /** When it is destroyed. */
  readonly openUntil: number;
  readonly origin: TicketKeyOrigin;
}

/** What may be shown of a key: no secret. */
export interface TicketKeyInfo {
  /** Hexadecimal. */
  readonly name: string;
  readonly role: 'previous' | 'current' | 'next';
  readonly origin: TicketKeyOrigin;
  readonly sealFrom: number;
  readonly sealUntil: number;
  readonly openUntil: number;
}

/** What happened to a key; for metrics and for the proof that keys are destroyed on time. */
export interface KeyringEvent {
  readonly type: 'created' | 'installed' | 'destroyed';
  readonly key: string;
  readonly origin: TicketKeyOrigin;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** When it should have been destroyed. */
  readonly openUntil: number;
}

export interface TicketKeyringOptions {
  readonly crypto: CryptoProvider;
  readonly clock: Clock;
  /**
   * Without timers the ring rotates when it is used, and {@link TicketKeyring.tick} must be called to destroy keys on
   * time.
   */
  readonly timers?: Timers;
  /**
   * `local` (default): the ring makes its own keys. `supplied`: keys come by {@link TicketKeyring.install}; the ring
   * makes a local key only while none of them may seal, so that an outage of their source costs full handshakes
   * elsewhere and no failure.
   */
  readonly rotation?: 'local' | 'supplied';
  /** How long a local key seals, in seconds; default 12 hours. */
  readonly rotateEvery?: number;
  /** How long a local key goes on opening after it stopped sealing, in seconds; default 24 hours. */
  readonly keepFor?: number;
  /** Separates rings that are given the same key, e.g. the name of the tenant. */
  readonly label?: string;
  /** Keys to start with; see {@link TicketKeyring.install}. */
  readonly keys?: readonly TicketKey[];
  readonly observe?: (event: KeyringEvent) => void;
}

interface RingKey {
  readonly name: Uint8Array;
  readonly id: string;
  origin: TicketKeyOrigin;
  readonly tls12: SealingKey;
  readonly tls13: SealingKey;
  sealFrom: number;
  sealUntil: number;
  openUntil: number;
}

/**
 * The keys that session tickets are sealed under: several that open, one of them that seals, and the next one ready.
 * A timer rotates them and zeroizes each on time, whether the server is busy or idle. TLS 1.2 and TLS 1.3 tickets
 * have separate keys, so a ticket of one can't be read as the other.
 *
 * A sealed ticket: format (1 byte), key name (16, public: its look-up takes no secret-dependent time because it holds
 * no secret), then a value sealed by a `SealingKey` with format and name as context.
 */
export class TicketKeyring {
  readonly #crypto: CryptoProvider;
  readonly #clock: Clock;
  readonly #timers: Timers | undefined;
  readonly #rotation: 'local' | 'supplied';
  readonly #rotateEvery: number;
  readonly #keepFor: number;
  readonly #label: string;
  readonly #observe: ((event: KeyringEvent) => void) | undefined;
  readonly #keys = new Map<string, RingKey>();
  /** When the ring looked at the clock last. */
  #seen: number;
  #timer: unknown;
  #closed = false;

  /** Throws `ConfigError` `ERR_TLS_SESSION_CONFIG` for options that will not do, and as {@link install} for keys. */
  constructor(options: TicketKeyringOptions) {
    checkTicketKeyring(options);
    this.#crypto = options.crypto;
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#rotation = options.rotation ?? 'local';
    this.#rotateEvery = options.rotateEvery ?? 12 * 3600;
    this.#keepFor = options.keepFor ?? 24 * 3600;
    this.#label = options.label ?? '';
    this.#observe = options.observe;
    this.#seen = options.clock.now();
    for (const key of options.keys ?? []) this.#add(key, 'installed');
    this.tick();
  }

  /**
   * Seals an encoded session state.
   * @returns the ticket and until when this ring will open it (ms since the epoch): a lifetime hint beyond that is a
   *   lie.
   *   `undefined` after {@link close}.
   */
  seal(version: 0x0303 | 0x0304, state: Uint8Array): { ticket: Uint8Array; openUntil: number } | undefined {
    const key = this.#sealing();
    if (key === undefined) return undefined;
    const ticket = new Uint8Array(state.length + ticketOverhead);
    ticket[0] = sealedTicketFormat;
    ticket.set(key.name, 1);
    const sealing = version === 0x0304 ? key.tls13 : key.tls12;
    sealing.sealInto(ticket.subarray(0, headLength), state, ticket, headLength);
    return { ticket, openUntil: key.openUntil };
  }

  /**
   * Opens a ticket.
   * @returns the encoded state, and whether the key that sealed it is no longer the one that seals (`stale`: send a
   *   new ticket);
   *   or `unknownKey`, or `malformed` where it is no ticket or was changed on the way.
   */
  open(version: 0x0303 | 0x0304, ticket: Uint8Array): { state: Uint8Array; stale: boolean } | { miss: MissReason } {
    if (ticket.length < ticketOverhead || ticket[0] !== sealedTicketFormat) return { miss: 'malformed' };
    const key = this.#named(ticket);
    const now = this.#clock.now();
    if (key === undefined || key.openUntil <= now) return { miss: 'unknownKey' };
    const head = ticket.subarray(0, headLength);
    const state = (version === 0x0304 ? key.tls13 : key.tls12).open(head, ticket.subarray(headLength));
    if (state === undefined) return { miss: 'malformed' };
    return { state, stale: key !== this.#select(now) };
  }

  /**
   * Where the key of a ticket came from; `undefined` for what is no sealed ticket, or where the key is not here (any
   * more).
   */
  originOf(ticket: Uint8Array): TicketKeyOrigin | undefined {
    if (ticket[0] !== sealedTicketFormat) return undefined;
    return this.#named(ticket)?.origin;
  }

  /**
   * Takes in keys from outside. A key that is there already (same name) gets the new times; keys that are not named
   * stay until their own end, so that replacing keys never makes tickets void all at once. Throws `ConfigError`
   * `ERR_TLS_WEAK_KEY` for a key that no random source makes, `ERR_TLS_TICKET_KEY` for a wrong length or order of
   * times.
   */
  install(keys: readonly TicketKey[]): void {
    if (this.#closed) return;
    for (const key of keys) this.#add(key, 'installed');
    this.tick();
  }

  /** Stops sealing under every key that is not named here; they go on opening until their end. */
  sealOnlyUnder(names: readonly Uint8Array[]): void {
    const keep = new Set(names.map(toHex));
    const now = this.#clock.now();
    for (const key of this.#keys.values()) {
      if (!keep.has(key.id) && key.sealUntil > now) key.sealUntil = now;
    }
    this.tick();
  }

  /** Destroys a key now, e.g. because it leaked. Every ticket under it is void. */
  revoke(name: Uint8Array): void {
    const key = this.#keys.get(toHex(name));
    if (key !== undefined) this.#destroy(key);
    this.tick();
  }

  /** A new local key seals from now on; the old ones go on opening. */
  rotate(): void {
    if (this.#closed) return;
    const now = this.#clock.now();
    for (const key of this.#keys.values()) {
      if (key.sealFrom > now && key.origin === 'local') this.#destroy(key);
      else if (key.sealUntil > now) key.sealUntil = now;
    }
    this.#create(now);
    this.tick();
  }

  /** The keys without their secrets, in the order in which they seal. */
  describe(): TicketKeyInfo[] {
    const current = this.#sealing();
    const now = this.#clock.now();
    return [...this.#keys.values()]
      .sort((a, b) => a.sealFrom - b.sealFrom)
      .map((key) => ({
        name: key.id,
        role: key === current ? 'current' : key.sealFrom > now ? 'next' : 'previous',
        origin: key.origin,
        sealFrom: key.sealFrom,
        sealUntil: key.sealUntil,
        openUntil: key.openUntil,
      }));
  }

  /**
   * Destroys what is due, makes what is needed, and sets the timer for the next time something is due. The ring calls
   * it by its timer; without timers, call it at least as often as keys have to be destroyed.
   */
  tick(): void {
    if (this.#closed) return;
    const now = this.#clock.now();
    this.#followClock(now);
    for (const key of this.#keys.values()) if (key.openUntil <= now) this.#destroy(key);
    const current = this.#select(now) ?? this.#create(now);
    if (this.#rotation === 'local' && !this.#hasNext(now) && Number.isFinite(current.sealUntil)) {
      this.#create(current.sealUntil);
    }
    this.#schedule(now);
  }

  /** Zeroizes all keys and stops the timer. From now on `seal` gives nothing and `open` misses. */
  close(): void {
    if (this.#timer !== undefined) this.#timers?.clear(this.#timer);
    this.#timer = undefined;
    this.#closed = true;
    for (const key of this.#keys.values()) this.#destroy(key);
  }

  /** Where the clock was set back, the times of the ring's own keys go with it: else they would live longer. */
  #followClock(now: number): void {
    const back = this.#seen - now;
    this.#seen = now;
    if (back < smallStep) return;
    for (const key of this.#keys.values()) {
      if (key.origin !== 'local') continue;
      key.sealFrom -= back;
      key.sealUntil -= back;
      key.openUntil -= back;
    }
  }

  #sealing(): RingKey | undefined {
    if (this.#closed) return undefined;
    const now = this.#clock.now();
    const key = this.#select(now);
    if (key !== undefined) return key;
    this.tick();
    return this.#select(now);
  }

  #select(now: number): RingKey | undefined {
    let best: RingKey | undefined;
    for (const key of this.#keys.values()) {
      if (key.sealFrom > now || key.sealUntil <= now || key.openUntil <= now) continue;
      if (best === undefined || rank(key) > rank(best) || (rank(key) === rank(best) && key.sealFrom > best.sealFrom)) {
        best = key;
      }
    }
    return best;
  }

  /** The key that a ticket names. There are few: comparing is faster than making a text of the name. */
  #named(ticket: Uint8Array): RingKey | undefined {
    for (const key of this.#keys.values()) {
      let same = 0;
      while (same < keyNameLength && key.name[same] === ticket[1 + same]) same++;
      if (same === keyNameLength) return key;
    }
    return undefined;
  }

  #hasNext(now: number): boolean {
    for (const key of this.#keys.values()) if (key.sealFrom > now) return true;
    return false;
  }

  #create(sealFrom: number): RingKey {
    const secret = this.#crypto.random(32);
    const sealUntil = sealFrom + 1000 * this.#rotateEvery;
    const openUntil = sealUntil + 1000 * this.#keepFor;
    const name = this.#crypto.random(keyNameLength);
    const key = this.#add({ name, secret, sealFrom, sealUntil, openUntil, origin: 'local' }, 'created');
    zeroize(secret);
    return key;
  }

  #add(key: TicketKey, type: 'created' | 'installed'): RingKey {
    checkKey(key);
    const id = toHex(key.name);
    const known = this.#keys.get(id);
    if (known !== undefined) {
      known.origin = key.origin;
      known.sealFrom = key.sealFrom;
      known.sealUntil = key.sealUntil;
      known.openUntil = key.openUntil;
      return known;
    }
    const added: RingKey = {
      name: key.name.slice(),
      id,
      origin: key.origin,
      tls12: createSealingKey(this.#crypto, key.secret, `ticket tls12 ${this.#label}`),
      tls13: createSealingKey(this.#crypto, key.secret, `ticket tls13 ${this.#label}`),
      sealFrom: key.sealFrom,
      sealUntil: key.sealUntil,
      openUntil: key.openUntil,
    };
    this.#keys.set(id, added);
    this.#report(type, added);
    return added;
  }

  #destroy(key: RingKey): void {
    key.tls12.destroy();
    key.tls13.destroy();
    this.#keys.delete(key.id);
    this.#report('destroyed', key);
  }

  #report(type: KeyringEvent['type'], key: RingKey): void {
    const { id, origin, openUntil } = key;
    tell(this.#observe, { type, key: id, origin, at: this.#clock.now(), openUntil });
  }

  #schedule(now: number): void {
    if (this.#timers === undefined) return;
    if (this.#timer !== undefined) this.#timers.clear(this.#timer);
    let due = Number.POSITIVE_INFINITY;
    for (const key of this.#keys.values()) {
      for (const time of [key.sealFrom, key.sealUntil, key.openUntil]) if (time > now && time < due) due = time;
    }
    if (due === Number.POSITIVE_INFINITY) {
      this.#timer = undefined;
      return;
    }
    this.#timer = this.#timers.set(
      () => {
        this.#timer = undefined;
        this.tick();
      },
      Math.min(Math.ceil(due - now), longestNap),
    );
  }
}

function rank(key: RingKey): number {
  return key.origin === 'fleet' ? 2 : key.origin === 'imported' ? 1 : 0;
}

function checkKey(key: TicketKey): void {
  checkTicketKey(key);
  if (key.name.length !== keyNameLength || key.secret.length < 32) {
    throw new ConfigError(
      `a ticket key has a name of ${key.name.length} and a secret of ${key.secret.length} bytes; ` +
        `give ${keyNameLength} and at least 32`,
      { code: 'ERR_TLS_TICKET_KEY' },
    );
  }
  if (!(key.sealFrom <= key.sealUntil && key.sealUntil <= key.openUntil)) {
    throw new ConfigError('a ticket key has to stop sealing after it starts, and stop opening after that', {
      code: 'ERR_TLS_TICKET_KEY',
    });
  }
  refuseWeakKey(key.secret, 'the ticket key');
}

/**
 * A ticket key from a key file as nginx, Apache, HAProxy and `SSL_CTX_set_tlsext_ticket_keys` use it: 80 bytes (name
 * 16, HMAC key 32, AES-256 key 32) or 48 bytes (name 16, AES-128 and HMAC key of 16 each, in either order).
 *
 * Only the *secret* is shared, not the tickets: Handfast derives its own AEAD keys and its own key name from the file.
 * Servers that run Handfast and have the file open each other's tickets; nginx can't open Handfast's, nor the other
 * way round. A file stays as secret and as old as you make it: give `sealUntil` and `openUntil`, or replace it often.
 *
 * Throws `ConfigError` `ERR_TLS_TICKET_KEY` for another length and `ERR_TLS_WEAK_KEY` for a file that no random
 * source made.
 */
export function importTicketKeyFile(
  crypto: CryptoProvider,
  file: Uint8Array,
  times: { readonly sealFrom?: number; readonly sealUntil?: number; readonly openUntil?: number } = {},
): TicketKey {
  checkCrypto(crypto, 'importTicketKeyFile: crypto');
  checkTicketKeyFile(file, times);
  if (file.length !== 80 && file.length !== 48) {
    throw new ConfigError(
      `the ticket key file has ${file.length} bytes; it needs 80 (or 48): make one with \`openssl rand 80\``,
      { code: 'ERR_TLS_TICKET_KEY' },
    );
  }
  const half = (file.length - keyNameLength) / 2;
  refuseWeakKey(file.subarray(keyNameLength, keyNameLength + half), 'the first key of the ticket key file');
  refuseWeakKey(file.subarray(keyNameLength + half), 'the second key of the ticket key file');
  const name = deriveKey(crypto, file, 'imported ticket key name').slice(0, keyNameLength);
  return {
    name,
    secret: crypto.hmac('sha256', fromText('handfast imported ticket key'), file),
    sealFrom: times.sealFrom ?? Number.NEGATIVE_INFINITY,
    sealUntil: times.sealUntil ?? Number.POSITIVE_INFINITY,
    openUntil: times.openUntil ?? Number.POSITIVE_INFINITY,
    origin: 'imported',
  };
}
