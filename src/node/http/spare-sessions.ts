/** The sessions that a client has not used yet. */
import { clientSessionEnd } from '../../session/index.ts';
import { decodeSession } from '../socket/session-codec.ts';

/** Sessions of one server that wait at most: a server gives two, and more to who asks. */
const mostOfOne = 8;

/**
 * Tickets of TLS 1.3 serve once: who uses one twice can be linked, and a server that takes each once does not resume (RFC
 * 9846, Appendix C.4). A server gives several, so connections that are made at one time get one each. Where none is left,
 * the one of the last connection has to do, as in Node; a session of TLS 1.2 serves as often as it is offered.
 */
export class SpareSessions {
  readonly #max: number;
  /** Oldest first. */
  #unused: { readonly key: string; readonly session: Buffer; readonly end: number }[] = [];
  /** The session of each key that came last. */
  readonly #last = new Map<string, Buffer>();

  /** @param max how many are kept, over all keys. */
  constructor(max: number) {
    this.#max = max;
  }

  add(key: string, session: Buffer): void {
    this.#last.set(key, session);
    const decoded = decodeSession(session);
    if (decoded === undefined || decoded.state.version !== 0x0304) return;
    this.#unused.push({ key, session, end: clientSessionEnd(decoded) });
    const ofKey = this.#unused.filter((each) => each.key === key);
    const [oldest] = ofKey.length > mostOfOne ? ofKey : this.#unused.length > this.#max ? this.#unused : [];
    if (oldest !== undefined) this.#unused.splice(this.#unused.indexOf(oldest), 1);
  }

  /**
   * The newest that nobody has used, which counts as used from now on; else the one that is cached. So is what the program
   * has put into the cache itself.
   */
  next(key: string, cached: Buffer | undefined, now: number): Buffer | undefined {
    if (this.#last.get(key) !== cached) return cached;
    const at = this.#unused.findLastIndex((each) => each.key === key && each.end > now);
    return at < 0 ? cached : this.#unused.splice(at, 1)[0]?.session;
  }

  drop(key: string): void {
    this.#last.delete(key);
    this.#unused = this.#unused.filter((each) => each.key !== key);
  }
}
