import { check, fields, kind, text } from '../bytes/check.ts';
import type { EarlyDataRefusal, MissReason, ResumptionKind } from './miss-reason.ts';

/** What a `ServerSessions` has counted since it was made. Plain numbers: adapters (Prometheus …) read them. */
export interface SessionCounters {
  /** Sessions handed to a handshake. */
  readonly hits: Record<ResumptionKind, number>;
  /** Sessions that were asked for and not handed out, by reason. */
  readonly misses: Record<ResumptionKind, Partial<Record<MissReason, number>>>;
  /** Tickets and stored sessions made. */
  readonly issued: Record<ResumptionKind, number>;
  /** Tickets and stored sessions that could not be made, by reason. */
  readonly notIssued: Record<ResumptionKind, Partial<Record<MissReason, number>>>;
  readonly earlyData: { accepted: number; readonly refused: Partial<Record<EarlyDataRefusal, number>> };
}

export function createSessionCounters(): SessionCounters {
  return {
    hits: { sessionId: 0, ticket: 0, psk: 0 },
    misses: { sessionId: {}, ticket: {}, psk: {} },
    issued: { sessionId: 0, ticket: 0, psk: 0 },
    notIssued: { sessionId: {}, ticket: {}, psk: {} },
    earlyData: { accepted: 0, refused: {} },
  };
}

/** One resumption decision, for traces and consoles. */
export type SessionEvent =
  | { readonly type: 'hit'; readonly kind: ResumptionKind }
  | { readonly type: 'miss'; readonly kind: ResumptionKind; readonly reason: MissReason }
  | { readonly type: 'issued'; readonly kind: ResumptionKind }
  | { readonly type: 'notIssued'; readonly kind: ResumptionKind; readonly reason: MissReason }
  | { readonly type: 'earlyDataAccepted' }
  | { readonly type: 'earlyDataRefused'; readonly reason: EarlyDataRefusal };

const someCounters = kind('SessionCounters: createSessionCounters()', (value) => {
  const { hits, earlyData } = (value ?? {}) as Partial<SessionCounters>;
  return typeof hits === 'object' && typeof earlyData === 'object';
});

/** Adds an event to the counters. */
export function count(counters: SessionCounters, event: SessionEvent): void {
  check(someCounters, counters, 'count: counters');
  check(text, fields(event, 'count: event')['type'], 'count: event.type');
  if (event.type === 'hit') counters.hits[event.kind]++;
  else if (event.type === 'issued') counters.issued[event.kind]++;
  else if (event.type === 'miss') increment(counters.misses[event.kind], event.reason);
  else if (event.type === 'notIssued') increment(counters.notIssued[event.kind], event.reason);
  else if (event.type === 'earlyDataAccepted') counters.earlyData.accepted++;
  else increment(counters.earlyData.refused, event.reason);
}

function increment<Key extends string>(counts: Partial<Record<Key, number>>, key: Key): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
