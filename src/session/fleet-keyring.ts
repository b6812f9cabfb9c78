import { equal, noBytes, toHex, zeroize } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { ConfigError } from '../errors.ts';
import { checkFleetKeyring } from './check-options.ts';
import { FleetKeys } from './fleet-key.ts';
import {
  decodeRingDocument,
  encodeRingDocument,
  lacksEntries,
  lostEntries,
  mergeDocuments,
  type RingDocument,
  type RingEntry,
  unwrapRingKey,
  wrapRingKey,
} from './ring-document.ts';
import { tell } from './tell.ts';
import { keyNameLength, type TicketKeyring } from './ticket-keyring.ts';
import type { Clock, Timers } from './timer.ts';

/** What a fleet shares: one document with a revision, and which node has read which revision. */
export interface RingChannel {
  /**
   * One atomic step: renews the node's lease (0 ms: gives it up), notes what it acknowledges (counted only in the
   * same epoch), drops leases that ran out, and reads the document.
   */
  sync(request: {
    readonly node: string;
    readonly epoch: string;
    readonly ack: number;
    readonly leaseMs: number;
  }): Promise<RingReading>;
  /**
   * Compare-and-set: writes the document as the next revision if epoch and revision are still those. Whether it did.
   *
   * `holdMs` above 0: the document was lost, and the leases with it, so nobody knows who lives. For that long no further
   * revision counts as acknowledged.
   */
  propose(
    expected: { readonly epoch: string; readonly revision: number },
    epoch: string,
    document: Uint8Array,
    holdMs: number,
  ): Promise<boolean>;
}

export interface RingReading {
  /** Changes when the shared document was lost and made anew; empty while there is none. */
  readonly epoch: string;
  readonly revision: number;
  readonly document: Uint8Array;
  /** The store's clock, in milliseconds since the epoch: the fleet's times are in it. */
  readonly now: number;
  /** The latest revision of this epoch that all nodes that had a lease at some one time have acknowledged. */
  readonly acknowledged: number;
  /** Nodes with a lease. */
  readonly nodes: number;
}

export interface FleetKeyringOptions {
  readonly crypto: CryptoProvider;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly channel: RingChannel;
  /** Made with `rotation: 'supplied'`: it gets the fleet's keys, and makes local ones while there are none. */
  readonly keyring: TicketKeyring;
  /** Unique in the fleet, also after a restart; default random. */
  readonly node?: string;
  /** The name of the ring; default `default`. Bound into the wrapped keys. */
  readonly name?: string;
  /** Wrap the ring keys: at least 32 random bytes each, the first wraps, all open. From outside the shared store. */
  readonly fleetKeys: readonly Uint8Array[];
  /** How long a key seals, in seconds; default 12 hours. */
  readonly rotateEvery?: number;
  /** How long it goes on opening, in seconds; default 24 hours. */
  readonly keepFor?: number;
  /** How often the document is read, in seconds; default a twentieth of `rotateEvery`, at most 30 s. */
  readonly pollEvery?: number;
  /** How long a silent node counts as alive, in seconds; default four polls. */
  readonly leaseFor?: number;
  readonly observe?: (event: FleetKeyringEvent) => void;
}

export type FleetKeyringEvent =
  | { readonly type: 'synced'; readonly revision: number; readonly nodes: number }
  | { readonly type: 'proposed'; readonly revision: number }
  | { readonly type: 'failed'; readonly error: unknown }
  /**
   * A key that no fleet key of this node opens: this node has the wrong fleet keys, or someone changed the document.
   */
  | { readonly type: 'locked'; readonly key: string };

export interface FleetKeyringStatus {
  readonly node: string;
  readonly epoch: string;
  readonly revision: number;
  readonly acknowledged: number;
  readonly nodes: number;
  /** Milliseconds since the epoch; undefined before the first success. */
  readonly lastSync: number | undefined;
  readonly failuresInRow: number;
  /** Keys in the document that this node can't unwrap. */
  readonly locked: number;
}

/** Clocks of a store are not believed when they are further away than this, in ms. */
const maxClockOffset = 300_000;
/** After the document was lost: how long nodes have at least to come back before a new key may seal, in ms. */
const holdAtLeast = 2_000;
/** For which part of `keepFor` a key may seal past its planned end while no successor is ready. */
const overtime = 0.6;
/** How long a call of the channel may take, in ms. */
const answerWithin = 2_000;
/** How soon a node looks again that has no key yet which all have acknowledged, in ms; then twice as long, and so on. */
const lookAgain = 50;
/** The same for one that got no answer. It may have a lease, and not know it: then all others wait for it. */
const tryAgain = 1_000;
/** Proposals of one round before it waits for the next poll. */
const maxRounds = 6;

/**
 * Keeps the ticket keys of a fleet in step through a shared document.
 *
 * A key is added one rotation before it is to seal. Each node installs it (it opens at once) and acknowledges the
 * revision; a node seals under it only when every node with a lease has acknowledged, so that no ticket is sealed
 * that a living node can't open. A dead node's lease runs out, so it blocks nothing. Whoever sees that the next key
 * is missing proposes it by compare-and-set: of several proposals one wins, the others read it. Without the store the
 * nodes go on with the keys that they have, then switch to the next one at its planned time, and after that to local
 * keys.
 */
export class FleetKeyring {
  readonly #options: FleetKeyringOptions;
  readonly #crypto: CryptoProvider;
  readonly #keys: FleetKeys;
  readonly #name: string;
  readonly #node: string;
  readonly #rotateEvery: number;
  readonly #keepFor: number;
  readonly #pollEvery: number;
  readonly #leaseFor: number;
  /** Names of the keys that every node had acknowledged at some time: they stay good to seal under. */
  readonly #eligible = new Set<string>();
  readonly #installed = new Set<string>();
  /** Names of the keys that were revoked, here or in a document that was read: whatever a later one says of them. */
  readonly #revoked = new Set<string>();
  /** Names of the keys that this node has wrapped under its first fleet key, once. */
  readonly #rewrapped = new Set<string>();
  #known: RingDocument = { entries: [] };
  #epoch = '';
  #ack = 0;
  #reading: RingReading | undefined;
  #lastSync: number | undefined;
  #failures = 0;
  #locked = 0;
  /** Whether the key that should seal is not yet acknowledged by all: tickets are local meanwhile. */
  #waiting = false;
  /** Polls in a row while it was so, or failed. */
  #looks = 0;
  #timer: unknown;
  #stopped = false;
  #round: Promise<void> | undefined;

  /** Throws `ConfigError` `ERR_TLS_SESSION_CONFIG` for options that will not do, and as `FleetKeys` for its keys. */
  constructor(options: FleetKeyringOptions) {
    checkFleetKeyring(options);
    this.#options = options;
    this.#crypto = options.crypto;
    this.#name = options.name ?? 'default';
    this.#node = options.node ?? toHex(options.crypto.random(8));
    this.#keys = new FleetKeys(options.crypto, options.fleetKeys, 'ring keys');
    this.#rotateEvery = 1000 * (options.rotateEvery ?? 12 * 3600);
    this.#keepFor = 1000 * (options.keepFor ?? 24 * 3600);
    this.#pollEvery = 1000 * (options.pollEvery ?? Math.min(30, this.#rotateEvery / 20_000));
    this.#leaseFor = 1000 * (options.leaseFor ?? (4 * this.#pollEvery) / 1000);
    if (this.#leaseFor < 2 * this.#pollEvery) throw configError('leaseFor has to be at least two polls');
    if (this.#rotateEvery < 4 * this.#pollEvery) throw configError('rotateEvery has to be at least four polls');
  }

  get status(): FleetKeyringStatus {
    return {
      node: this.#node,
      epoch: this.#epoch,
      revision: this.#reading?.revision ?? 0,
      acknowledged: this.#reading?.acknowledged ?? 0,
      nodes: this.#reading?.nodes ?? 0,
      lastSync: this.#lastSync,
      failuresInRow: this.#failures,
      locked: this.#locked,
    };
  }

  /**
   * Reads the document for the first time, makes it where there is none, and goes on polling. Resolves after the
   * first round, whether it succeeded or not: await it (with a limit of your own) before the server listens, or its
   * first tickets are local. Never rejects.
   */
  async start(): Promise<void> {
    this.#stopped = false;
    await this.sync();
    this.#schedule();
  }

  /** Reads and acts now: after a reconnection, for example. Rounds don't overlap. Never rejects. */
  sync(): Promise<void> {
    // A node that has left takes no lease again, though its connection comes back once more.
    if (this.#stopped) return this.#round ?? Promise.resolve();
    this.#round ??= this.#rounds().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /** Gives up the lease and stops polling. The key ring keeps its keys until their end. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== undefined) this.#options.timers.clear(this.#timer);
    this.#timer = undefined;
    await this.#round;
    try {
      await this.#inTime(this.#options.channel.sync({ node: this.#node, epoch: this.#epoch, ack: 0, leaseMs: 0 }));
    } catch {
      // The lease runs out by itself.
    }
  }

  /**
   * Destroys a key in the whole fleet, because it leaked: here now, on other nodes with their next poll.
   * @returns whether the revocation stands in the shared document.
   */
  async revoke(name: Uint8Array): Promise<boolean> {
    this.#options.keyring.revoke(name);
    this.#revoked.add(toHex(name));
    await this.#round;
    await this.sync();
    const found = this.#reading === undefined ? undefined : decodeRingDocument(this.#reading.document);
    return found?.entries.find((each) => equal(each.name, name))?.wrapped.length === 0;
  }

  async #rounds(): Promise<void> {
    try {
      for (let round = 0; round < maxRounds; round++) {
        const reading = await this.#read();
        const acted = await this.#act(reading);
        if (!acted) break;
      }
      this.#failures = 0;
      this.#lastSync = this.#options.clock.now();
      const { revision, nodes } = this.status;
      tell(this.#options.observe, { type: 'synced', revision, nodes });
    } catch (error) {
      this.#failures++;
      tell(this.#options.observe, { type: 'failed', error });
    }
  }

  async #read(): Promise<RingReading> {
    const leaseMs = this.#locked > 0 ? 0 : this.#leaseFor;
    const { channel } = this.#options;
    const reading = await this.#inTime(channel.sync({ node: this.#node, epoch: this.#epoch, ack: this.#ack, leaseMs }));
    this.#reading = reading;
    return reading;
  }

  /** Installs what was read and proposes what is missing. Whether the document should be read again at once. */
  async #act(reading: RingReading): Promise<boolean> {
    const found = this.#plausible(reading);
    const ackBefore = this.#epoch === reading.epoch ? this.#ack : -1;
    this.#install(found, reading);
    this.#epoch = reading.epoch;
    this.#ack = this.#locked > 0 ? 0 : reading.revision;

    const proposal = this.#plan(found, reading);
    if (proposal === undefined) {
      this.#known = found;
      // What was just read is acknowledged at once, not a poll later.
      return this.#ack !== ackBefore && reading.revision > 0 && this.#locked === 0;
    }
    const epoch = reading.epoch === '' ? toHex(this.#crypto.random(8)) : reading.epoch;
    const hold = lostEntries(found, this.#known, reading.now) ? Math.max(2 * this.#pollEvery, holdAtLeast) : 0;
    const document = encodeRingDocument(proposal);
    const won = await this.#inTime(this.#options.channel.propose(reading, epoch, document, hold));
    if (won) {
      this.#known = proposal;
      for (const { name, wrapped } of proposal.entries) if (wrapped.length > 0) this.#rewrapped.add(toHex(name));
      tell(this.#options.observe, { type: 'proposed', revision: reading.revision + 1 });
    }
    return true;
  }

  /** The answer of the channel, or an error after two seconds: a store that hangs may not stop the polling. */
  #inTime<T>(answer: Promise<T>): Promise<T> {
    const { timers } = this.#options;
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`the shared key ring did not answer within ${answerWithin} ms`));
      const timer = timers.set(late, answerWithin);
      answer.then(resolve, reject).finally(() => timers.clear(timer));
    });
  }

  /** What was read, without what nobody of this fleet wrote: it would keep every node locked out for ever. */
  #plausible(reading: RingReading): RingDocument {
    const found = decodeRingDocument(reading.document) ?? { entries: [] };
    const horizon = reading.now + Math.max(30 * 86_400_000, 4 * (this.#rotateEvery + this.#keepFor));
    return { entries: found.entries.filter((entry) => entry.openUntil <= horizon) };
  }

  /** The document as it should be, or `undefined` where it is. */
  #plan(found: RingDocument, reading: RingReading): RingDocument | undefined {
    const { now } = reading;
    const revision = reading.revision + 1;
    // A node that can't open the keys has no say in them.
    if (this.#locked > 0) return undefined;
    let changed = lacksEntries(found, this.#known, now);
    const merged = changed ? mergeDocuments(found, this.#known, now, revision) : found;
    const entries = merged.entries.filter((entry) => entry.openUntil > now);
    // What no node has any more does not stay in the store either, for who has a copy of it.
    if (found.entries.some((entry) => entry.openUntil <= now)) changed = true;
    for (const [i, entry] of entries.entries()) {
      if (entry.wrapped.length > 0 && this.#revoked.has(toHex(entry.name))) {
        entries[i] = { ...entry, wrapped: noBytes };
        changed = true;
        continue;
      }
      if (entry.wrapped.length === 0 || !this.#keys.isStale(entry.wrapped)) continue;
      // Once: while the fleet changes its fleet key, nodes with the old one first undo it. Who starts last has the word.
      if (this.#rewrapped.has(toHex(entry.name))) continue;
      const secret = unwrapRingKey(this.#keys, this.#name, entry);
      if (secret === undefined) continue;
      entries[i] = { ...entry, wrapped: wrapRingKey(this.#keys, this.#name, entry, secret) };
      zeroize(secret);
      changed = true;
    }
    const living = entries.filter((entry) => entry.wrapped.length > 0);
    if (!living.some((entry) => entry.sealFrom <= now && now < entry.sealUntil)) {
      entries.push(this.#makeEntry(now, revision));
      changed = true;
    }
    if (!entries.some((entry) => entry.sealFrom > now && entry.wrapped.length > 0)) {
      const last = Math.max(...entries.filter((entry) => entry.wrapped.length > 0).map((entry) => entry.sealUntil));
      entries.push(this.#makeEntry(Math.max(last, now + this.#rotateEvery / 2), revision));
      changed = true;
    }
    return changed ? { entries } : undefined;
  }

  #makeEntry(sealFrom: number, addedIn: number): RingEntry {
    const name = this.#crypto.random(keyNameLength);
    const sealUntil = sealFrom + this.#rotateEvery;
    const times = {
      name,
      sealFrom: Math.floor(sealFrom),
      sealUntil: Math.floor(sealUntil),
      openUntil: Math.floor(sealUntil + this.#keepFor),
    };
    const secret = this.#crypto.random(32);
    const wrapped = wrapRingKey(this.#keys, this.#name, times, secret);
    zeroize(secret);
    return { ...times, addedIn, wrapped };
  }

  /** Gives the key ring what the document holds, in this node's time. */
  #install(found: RingDocument, reading: RingReading): void {
    const { keyring } = this.#options;
    const offset = this.#clockOffset(reading.now);
    this.#locked = 0;
    let waits = false;
    for (const entry of found.entries) {
      if (entry.openUntil <= reading.now) continue;
      const id = toHex(entry.name);
      if (entry.wrapped.length === 0 || this.#revoked.has(id)) {
        this.#revoked.add(id);
        keyring.revoke(entry.name);
        continue;
      }
      const secret = unwrapRingKey(this.#keys, this.#name, entry);
      if (secret === undefined) {
        this.#locked++;
        tell(this.#options.observe, { type: 'locked', key: id });
        continue;
      }
      if (entry.addedIn <= reading.acknowledged && this.#installed.has(id)) this.#eligible.add(id);
      const openUntil = entry.openUntil - offset;
      // A key seals past its planned end while its successor is not acknowledged everywhere, but not for ever.
      const seals = this.#eligible.has(id);
      waits ||= !seals && entry.sealFrom <= reading.now && reading.now < entry.sealUntil;
      const sealFrom = seals ? entry.sealFrom - offset : openUntil;
      const sealUntil = seals ? Math.min(openUntil, entry.sealUntil + overtime * this.#keepFor - offset) : openUntil;
      keyring.install([{ name: entry.name, secret, sealFrom, sealUntil, openUntil, origin: 'fleet' }]);
      zeroize(secret);
      this.#installed.add(id);
    }
    this.#waiting = waits;
    this.#forget(found);
  }

  #forget(found: RingDocument): void {
    const names = new Set([...found.entries, ...this.#known.entries].map((entry) => toHex(entry.name)));
    for (const set of [this.#eligible, this.#installed, this.#revoked, this.#rewrapped])
      for (const id of set) if (!names.has(id)) set.delete(id);
  }

  #clockOffset(theirs: number): number {
    const offset = theirs - this.#options.clock.now();
    return Math.abs(offset) > maxClockOffset ? 0 : offset;
  }

  #schedule(): void {
    if (this.#stopped) return;
    // Nodes that started together should not ask together.
    const again = this.#waiting || this.#failures > 0;
    this.#looks = again ? this.#looks + 1 : 0;
    const first = this.#failures > 0 ? tryAgain : lookAgain;
    const soon = again ? first * 2 ** Math.min(this.#looks - 1, 16) : Infinity;
    if (this.#timer !== undefined) this.#options.timers.clear(this.#timer);
    const jitter = 0.8 + (0.4 * (this.#crypto.random(1)[0] as number)) / 255;
    this.#timer = this.#options.timers.set(
      () => {
        this.sync().then(() => this.#schedule());
      },
      Math.ceil(Math.min(this.#pollEvery, soon) * jitter),
    );
  }
}

function configError(message: string): ConfigError {
  return new ConfigError(message, { code: 'ERR_TLS_SESSION_CONFIG' });
}
