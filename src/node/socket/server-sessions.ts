/** What a `tls.Server` keeps for resumption: its ticket keys, and the store behind `newSession` and `resumeSession`. */

import { randomBytes } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import {
  type Awaitable,
  type ClaimAnswer,
  importTicketKeyFile,
  MemoryStore,
  ServerSessions,
  type SessionStore,
  type TicketKey,
  TicketKeyring,
  type Timers,
} from '../../session/index.ts';
import { nodeCrypto } from '../base/key-signer.ts';
import type { ContextState } from '../context/secure-context.ts';

/** Timers that keep no process alive. */
export const nodeTimers: Timers = {
  set: (callback, milliseconds) => setTimeout(callback, milliseconds).unref(),
  clear: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

const clock = { now: () => Date.now() };

/** How long a key of a server's own seals, and how long it opens after that, in seconds: as those of any ring. */
const rotateEvery = 12 * 3600;
const keepFor = 24 * 3600;

/** How long the program's listener for `resumeSession` or `newSession` may take before the handshake goes on without it. */
const eventDeadline = 10_000;

/**
 * A store whose entries the program keeps: `newSession` hands it one, `resumeSession` asks for it. An error, a second
 * answer or none at all costs a full handshake, never the connection.
 */
class EventStore implements SessionStore {
  readonly traits = { local: true, bounded: true, sealed: false };
  readonly #server: EventEmitter;

  constructor(server: EventEmitter) {
    this.#server = server;
  }

  get(key: string): Awaitable<Uint8Array | undefined> {
    return this.#ask((done) => this.#server.emit('resumeSession', idOf(key), done));
  }

  take(key: string): Awaitable<Uint8Array | undefined> {
    return this.get(key);
  }

  put(key: string, value: Uint8Array): Awaitable<void> {
    const answer = this.#ask((done) =>
      this.#server.emit('newSession', idOf(key), Buffer.from(value), () => done(null)),
    );
    return answer instanceof Promise ? answer.then(() => undefined) : undefined;
  }

  delete(): void {}

  claim(): ClaimAnswer {
    return 'doubtful';
  }

  #ask(
    emit: (done: (error: unknown, value?: Uint8Array | null) => void) => boolean,
  ): Awaitable<Uint8Array | undefined> {
    let answered = false;
    let now: Uint8Array | undefined;
    let later: ((value: Uint8Array | undefined) => void) | undefined;
    const done = (error: unknown, value?: Uint8Array | null) => {
      if (answered) return;
      answered = true;
      now = error || !value ? undefined : Uint8Array.from(value);
      later?.(now);
    };
    let heard = false;
    try {
      heard = emit(done);
    } catch (error) {
      // What a listener throws is told where the program listens for errors, or ends it: as in Node, but apart from the peer.
      process.nextTick(() => this.#server.emit('error', error));
      done(error);
    }
    if (!heard || answered) return now;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        answered = true;
        resolve(undefined);
      }, eventDeadline);
      timer.unref();
      later = (value) => {
        clearTimeout(timer);
        resolve(value);
      };
    });
  }
}

/** The session ID, or the handle of a TLS 1.3 ticket, in a key of the store. */
function idOf(key: string): Buffer {
  return Buffer.from(key.slice(key.indexOf(':') + 1), 'hex');
}

/** The resumption of one server, over all its contexts. */
export class ServerResumption {
  readonly #server: EventEmitter;
  readonly #cache = new Map<number, ServerSessions>();
  #keyring: TicketKeyring | undefined;
  #ticketKeys: Buffer | undefined;
  /** The ring's first key as a file, as long as the ring has it: {@link getTicketKeys} hands that out. */
  #firstKeys: { readonly file: Buffer; readonly name: string } | undefined;
  #own: ServerSessions | undefined;
  #maxEarlyData = 0;
  #replayRecord: 'complete' | undefined;
  #register: MemoryStore | undefined;

  constructor(server: EventEmitter) {
    this.#server = server;
  }

  /** Sessions that the program brings itself: a key ring of a fleet, a store in Redis. */
  use(sessions: ServerSessions): void {
    this.#own = sessions;
  }

  /**
   * Takes early data of so many bytes; which tickets were used for it is remembered in this process. Under ticket keys
   * that other processes may have, that is enough only where the program says that it is.
   */
  allowEarlyData(bytes: number, replayRecord?: 'complete'): void {
    this.#maxEarlyData = bytes;
    this.#replayRecord = replayRecord;
    this.#cache.clear();
  }

  /** Whether a resumed connection gets a fresh ticket. */
  get renewsTickets(): boolean {
    return this.isOwn || this.#maxEarlyData > 0;
  }

  /** Whether the program brought its own sessions: then their rules count, and not Node's. */
  get isOwn(): boolean {
    return this.#own !== undefined;
  }

  /** The sessions for a context, by what the server's listeners and the context's options ask for. */
  sessionsFor(context: ContextState): ServerSessions | undefined {
    if (this.#own !== undefined) return this.#own;
    const events = this.#server.listenerCount('newSession') > 0 || this.#server.listenerCount('resumeSession') > 0;
    const tickets = !context.noTickets;
    if (!events && !tickets) return undefined;
    // As OpenSSL counts, in whole seconds: a session lives through the last one. So a ticket of one second is one too.
    const lifetime = Math.min(Math.max(context.sessionTimeout ?? 7200, 1) + 1, 604_800);
    // A number: to put a string together for each connection costs more than the rest of this.
    const key = lifetime * 4 + (events ? 2 : 0) + (tickets ? 1 : 0);
    let sessions = this.#cache.get(key);
    if (sessions === undefined) {
      sessions = new ServerSessions({
        crypto: nodeCrypto(),
        keyring: tickets ? this.#ring() : undefined,
        store: events ? new EventStore(this.#server) : this.#replayRegister(),
        sessionIds: events,
        maxEarlyDataSize: events ? 0 : this.#maxEarlyData,
        replayRecord: this.#replayRecord,
        tls13Tickets: tickets ? 'stateless' : 'stateful',
        lifetime,
      });
      this.#cache.set(key, sessions);
    }
    return sessions;
  }

  #replayRegister(): MemoryStore | undefined {
    if (this.#maxEarlyData === 0) return undefined;
    // Ticket keys from outside may be older than this register: then what was used before it is not known.
    this.#register ??= new MemoryStore({ clock, ...(this.hasTicketKeys ? { claimsSince: Date.now() } : {}) });
    return this.#register;
  }

  #ring(): TicketKeyring {
    if (this.#keyring !== undefined) return this.#keyring;
    const keys =
      this.#ticketKeys === undefined ? this.#makeFirstKey() : importTicketKeyFile(nodeCrypto(), this.#ticketKeys);
    this.#keyring = new TicketKeyring({
      crypto: nodeCrypto(),
      clock,
      timers: nodeTimers,
      keys: [keys],
      observe: ({ type, key }) => {
        if (type === 'destroyed' && key === this.#firstKeys?.name) this.#wipeFirstKeys();
      },
    });
    // A ring that is not closed stays, with its timer, after everything else of its server is gone.
    this.#server.once('close', () => this.#close());
    return this.#keyring;
  }

  /** A key that rotates as those that a ring makes by itself, but one that can be told as a file. */
  #makeFirstKey(): TicketKey {
    const file = randomBytes(48);
    const sealFrom = Date.now();
    const sealUntil = sealFrom + 1000 * rotateEvery;
    const times = { sealFrom, sealUntil, openUntil: sealUntil + 1000 * keepFor };
    const key: TicketKey = { ...importTicketKeyFile(nodeCrypto(), file, times), origin: 'local' };
    this.#firstKeys = { file, name: hex(key.name) };
    return key;
  }

  #wipeFirstKeys(): void {
    this.#firstKeys?.file.fill(0);
    this.#firstKeys = undefined;
  }

  /**
   * 48 bytes that other servers can use; from then on this server seals under a key that comes from them. Tickets of before
   * go on; where the ring has not rotated yet, they are of these very keys.
   */
  getTicketKeys(): Buffer {
    if (this.#ticketKeys === undefined) {
      const ring = this.#ring();
      const current = ring.describe().find(({ role }) => role === 'current')?.name;
      const first = this.#firstKeys;
      this.#useTicketKeys(first !== undefined && first.name === current ? Buffer.from(first.file) : randomBytes(48));
    }
    return Buffer.from(this.#ticketKeys as Buffer);
  }

  /** Seals under these keys only. As in Node, tickets under the keys of before are void. */
  setTicketKeys(keys: Uint8Array): void {
    this.#useTicketKeys(keys);
    this.#revokeAllBut(importTicketKeyFile(nodeCrypto(), keys).name);
  }

  /** New keys, and the tickets of before are void: as in Node where a context takes the place of another. */
  renewTicketKeys(): void {
    this.#ticketKeys = undefined;
    if (this.#keyring === undefined) return;
    this.#wipeFirstKeys();
    const key = this.#makeFirstKey();
    this.#keyring.install([key]);
    this.#revokeAllBut(key.name);
  }

  #revokeAllBut(name: Uint8Array): void {
    const ring = this.#ring();
    for (const key of ring.describe()) if (key.name !== hex(name)) ring.revoke(Buffer.from(key.name, 'hex'));
  }

  #useTicketKeys(keys: Uint8Array): void {
    this.#ring().install([importTicketKeyFile(nodeCrypto(), keys)]);
    this.#ticketKeys = Buffer.from(keys);
    if (this.#register !== undefined) {
      this.#register = undefined;
      this.#cache.clear();
    }
  }

  /** Whether the ticket keys came from outside, or were asked for. */
  get hasTicketKeys(): boolean {
    return this.#ticketKeys !== undefined;
  }

  /** Wipes the keys. Should the server listen again, it gets new ones, or those that the program gave. */
  #close(): void {
    this.#keyring?.close();
    this.#keyring = undefined;
    this.#cache.clear();
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

const resumptions = new WeakMap<object, ServerResumption>();

/** The resumption of a server, shared by all its contexts. */
export function resumptionOf(server: EventEmitter): ServerResumption {
  let resumption = resumptions.get(server);
  if (resumption === undefined) {
    resumption = new ServerResumption(server);
    resumptions.set(server, resumption);
  }
  return resumption;
}
