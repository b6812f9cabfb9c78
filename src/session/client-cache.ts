import { fromHex, fromText, toHex } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import { checkClientSessionCache } from './check-options.ts';
import { type ClientSession, clientSessionEnd, decodeClientSession, encodeClientSession } from './client-session.ts';
import type { SealingKey } from './sealing-key.ts';

export interface ClientSessionCacheOptions {
  /** Policies (servers) remembered at most; default 1,000. */
  readonly maxPolicies?: number;
  /** Tickets kept for one policy; the oldest leave first. Default 8. */
  readonly maxSessionsPerPolicy?: number;
  /** Secrets, tickets, certificate chains and what was stapled to them together; default 16 MiB. */
  readonly maxBytes?: number;
}

interface Slot {
  readonly sessions: ClientSession[];
  bytes: number;
}

const sealContext = fromText('handfast client sessions 1');
const noSessions: readonly ClientSession[] = [];

/**
 * A client's sessions, by the digest of their policy. A TLS 1.3 ticket is handed out once (RFC 9846, Appendix C.4: a
 * ticket seen twice links two connections), so that concurrent connections get different tickets or none; a TLS 1.2
 * session, whose ID or ticket links anyway, is handed out until it expires. Least recently used policies leave first.
 */
export class ClientSessionCache {
  readonly #maxPolicies: number;
  readonly #maxSessions: number;
  readonly #maxBytes: number;
  readonly #slots = new Map<string, Slot>();
  #bytes = 0;

  /** Throws `ConfigError` `ERR_TLS_SESSION_CONFIG` for options that will not do. */
  constructor(options: ClientSessionCacheOptions = {}) {
    checkClientSessionCache(options);
    this.#maxPolicies = options.maxPolicies ?? 1000;
    this.#maxSessions = options.maxSessionsPerPolicy ?? 8;
    this.#maxBytes = options.maxBytes ?? 16 * 1024 * 1024;
  }

  /** Policies with at least one session. */
  get size(): number {
    return this.#slots.size;
  }

  /** Bytes held, as counted against `maxBytes`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Sessions kept for a policy, oldest first; nothing is used up. */
  peek(policy: Uint8Array): readonly ClientSession[] {
    return this.#slots.get(toHex(policy))?.sessions ?? noSessions;
  }

  /**
   * Keeps a session.
   * @param policy the digest (`clientPolicyDigest`) of the connection that it came from; default its
   *   `state.policyDigest`.
   * @returns the session as it is kept, for `remove`.
   */
  add(from: ClientSession, policy: Uint8Array = from.state.policyDigest): ClientSession {
    const session =
      policy === from.state.policyDigest ? from : { ...from, state: { ...from.state, policyDigest: policy } };
    const key = toHex(session.state.policyDigest);
    const slot: Slot = this.#slots.get(key) ?? { sessions: [], bytes: 0 };
    this.#slots.delete(key);
    this.#slots.set(key, slot);
    // A TLS 1.2 session is used again and again: a newer one takes its place.
    if (session.state.version === 0x0303) {
      for (const old of slot.sessions.filter((each) => each.state.version === 0x0303)) this.#drop(key, slot, old);
      this.#slots.set(key, slot);
    }
    slot.sessions.push(session);
    this.#grow(slot, sizeOf(session));
    if (slot.sessions.length > this.#maxSessions) this.#drop(key, slot, slot.sessions[0] as ClientSession);
    this.#bound();
    return session;
  }

  /**
   * The newest session for a policy, or `undefined`. A TLS 1.3 ticket is gone from the cache: whether the handshake
   * resumes with it or not, nobody else offers it.
   * @param versions which versions the handshake can resume; default both.
   */
  take(policy: Uint8Array, now: number, versions?: readonly number[]): ClientSession | undefined {
    const key = toHex(policy);
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    this.#slots.delete(key);
    this.#slots.set(key, slot);
    for (let i = slot.sessions.length - 1; i >= 0; i--) {
      const session = slot.sessions[i] as ClientSession;
      const alive = now < clientSessionEnd(session);
      if (alive && versions !== undefined && !versions.includes(session.state.version)) continue;
      if (alive && session.state.version === 0x0303) return session;
      this.#drop(key, slot, session);
      if (alive) return session;
    }
    return undefined;
  }

  /** Forgets a session that the server did not take, or whose connection `failed` (RFC 5246, Section 7.2.2). */
  remove(session: ClientSession): void {
    const key = toHex(session.state.policyDigest);
    const slot = this.#slots.get(key);
    if (slot?.sessions.includes(session)) this.#drop(key, slot, session);
  }

  /** Forgets everything under a policy, or everything. */
  clear(policy?: Uint8Array): void {
    for (const key of policy === undefined ? [...this.#slots.keys()] : [toHex(policy)]) {
      const slot = this.#slots.get(key);
      if (slot === undefined) continue;
      this.#bytes -= slot.bytes;
      this.#slots.delete(key);
    }
  }

  /** All sessions as bytes, least recently used first, secrets in clear. Prefer {@link serializeSealed}. */
  serialize(): Uint8Array {
    const writer = new Writer(4096).u8(1);
    for (const [key, slot] of this.#slots) {
      for (const session of slot.sessions) {
        const encoded = encodeClientSession(session);
        if (encoded !== undefined) writer.bytes(fromHex(key)).vector24(encoded);
      }
    }
    return writer.finish();
  }

  /** All sessions, sealed: for a file or a browser's storage. */
  serializeSealed(key: SealingKey): Uint8Array {
    return key.seal(sealContext, this.serialize());
  }

  /**
   * Adds the sessions that {@link serialize} wrote. What does not parse ends the reading and is left out, what has
   * expired too.
   * @returns how many were added.
   */
  load(bytes: Uint8Array, now: number): number {
    if (bytes[0] !== 1) return 0;
    const reader = new Reader(bytes, 'client sessions', 1);
    let added = 0;
    try {
      while (reader.remaining > 0) {
        const policy = toHex(reader.bytes(32));
        const session = decodeClientSession(reader.vector24());
        if (session === undefined || toHex(session.state.policyDigest) !== policy) continue;
        if (now >= clientSessionEnd(session)) continue;
        this.add(session);
        added++;
      }
    } catch {
      // A file that was cut short: what came before is good.
    }
    return added;
  }

  /** Adds what {@link serializeSealed} wrote; nothing where it was sealed under another key or changed. */
  loadSealed(key: SealingKey, bytes: Uint8Array, now: number): number {
    const opened = key.open(sealContext, bytes);
    return opened === undefined ? 0 : this.load(opened, now);
  }

  #drop(key: string, slot: Slot, session: ClientSession): void {
    const at = slot.sessions.indexOf(session);
    if (at < 0) return;
    slot.sessions.splice(at, 1);
    this.#grow(slot, -sizeOf(session));
    if (slot.sessions.length === 0) this.#slots.delete(key);
  }

  #grow(slot: Slot, by: number): void {
    slot.bytes += by;
    this.#bytes += by;
  }

  #bound(): void {
    while (this.#slots.size > this.#maxPolicies || (this.#bytes > this.#maxBytes && this.#slots.size > 0)) {
      const oldest = this.#slots.keys().next();
      if (oldest.done) return;
      this.#bytes -= this.#slots.get(oldest.value)?.bytes ?? 0;
      this.#slots.delete(oldest.value);
    }
  }
}

function sizeOf(session: ClientSession): number {
  const { state, ticket, ocspResponse, scts = [] } = session;
  let bytes = 512 + ticket.length + state.secret.length;
  bytes += (state.peerRawPublicKey?.length ?? 0) + (ocspResponse?.length ?? 0);
  for (const certificate of state.peerCertificates) bytes += certificate.length;
  for (const sct of scts) bytes += sct.length;
  return bytes;
}
