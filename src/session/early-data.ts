import { check, object } from '../bytes/check.ts';
import type { SessionState } from './state.ts';

/** How fresh a ClientHello with early data has to be: RFC 9846, Section 8.3. */
export interface FreshnessWindow {
  /** How far the ticket age that the client claims may be from the server's, in ms; default 10,000. */
  readonly toleranceMs: number;
  /**
   * How far the clocks of a fleet may be apart, in ms; default 2,000. A node that is further than half of it from the clock of
   * a shared store takes no early data.
   */
  readonly clockSkewMs: number;
}

export const defaultFreshness: FreshnessWindow = { toleranceMs: 10_000, clockSkewMs: 2_000 };

/** The age of the ticket as the client sees it, in ms: RFC 9846, Section 4.2.11.1. */
export function claimedTicketAge(obfuscatedTicketAge: number, ticketAgeAdd: number): number {
  return (obfuscatedTicketAge - ticketAgeAdd) >>> 0;
}

/** What a client sends as `obfuscated_ticket_age` for a ticket that it received at `receivedAt` (ms). */
export function obfuscatedTicketAge(receivedAt: number, ticketAgeAdd: number, now: number): number {
  return (Math.max(0, Math.floor(now - receivedAt)) + ticketAgeAdd) >>> 0;
}

/** Whether the claimed age is within the window around the age that the server knows. */
export function isFresh(
  state: Pick<SessionState, 'issuedAt' | 'ticketAgeAdd'>,
  obfuscatedAge: number,
  now: number,
  window: FreshnessWindow,
): boolean {
  check(object, state, 'isFresh: state');
  check(object, window, 'isFresh: window');
  const difference = now - state.issuedAt - claimedTicketAge(obfuscatedAge, state.ticketAgeAdd);
  return Math.abs(difference) <= window.toleranceMs;
}

/**
 * For how long a register has to remember a claim, and for how long early data is refused when it may have forgotten
 * one, in ms. A recorded ClientHello is fresh from `toleranceMs` before until `toleranceMs` after the time it states,
 * on every clock of the fleet: so twice the tolerance and the skew.
 */
export function replaySpan(window: FreshnessWindow): number {
  check(object, window, 'replaySpan: window');
  return 2 * window.toleranceMs + window.clockSkewMs;
}
