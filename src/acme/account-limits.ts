import { parseIp } from '../pki/ip.ts';
import { AcmeProblem } from './problem.ts';

/** How many accounts may be made that nobody vouches for by an external binding. */
export interface AccountLimits {
  /** In all, those that were deactivated included: an account stays. */
  readonly accounts: number;
  /** From one network in an hour. */
  readonly accountsPerHour: number;
}

const hour = 3_600_000;

/** Counts new accounts by the network that they come from. What was counted before a restart is forgotten. */
export class AccountCounter {
  readonly #limits: AccountLimits;
  readonly #counts = new Map<string, number>();
  #since = Number.NEGATIVE_INFINITY;

  constructor(limits: AccountLimits) {
    this.#limits = limits;
  }

  /**
   * Counts one more, or throws `rateLimited` (RFC 8555, Section 6.6).
   * @param unbound how many accounts there are without an external binding.
   */
  add(unbound: number, address: string | undefined, now: number): void {
    const { accounts, accountsPerHour } = this.#limits;
    if (unbound >= accounts) {
      throw tooMany(`there are ${unbound} accounts, as many as this server makes without an external binding`, hour);
    }
    if (address === undefined) return;
    if (now - this.#since >= hour || now < this.#since) {
      this.#counts.clear();
      this.#since = now;
    }
    const network = networkOf(address);
    const count = this.#counts.get(network) ?? 0;
    if (count >= accountsPerHour)
      throw tooMany(`${count} accounts were made from this network within an hour`, this.#since + hour - now);
    this.#counts.set(network, count + 1);
  }
}

function tooMany(why: string, waitMs: number): AcmeProblem {
  const headers = { 'retry-after': String(Math.ceil(waitMs / 1000)) };
  return new AcmeProblem('rateLimited', `${why}; use the account that you have, or come later`, { headers });
}

/** An IPv4 address, or the /64 of an IPv6 address: one host has all of that. */
function networkOf(address: string): string {
  const bare = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
  const bytes = parseIp(bare);
  return bytes?.length === 16 ? `${bytes.subarray(0, 8).join('.')}/64` : bare;
}
