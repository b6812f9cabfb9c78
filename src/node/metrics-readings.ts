import type { SessionCounters } from '../session/counters.ts';
import type { FleetKeyring } from '../session/fleet-keyring.ts';
import type { MemoryStore } from '../session/memory-store.ts';
import type { ResilientStore, StoreCall } from '../session/resilient-store.ts';
import type { TicketKeyring } from '../session/ticket-keyring.ts';
import { checkWatched } from './check-metrics.ts';

/** What a server's resumption consists of; give what there is. */
export interface Watched {
  /** Decisions: of one `ServerSessions`, or of several by a name (virtual host, tenant). */
  readonly sessions?:
    | { readonly counters: SessionCounters }
    | Readonly<Record<string, { readonly counters: SessionCounters }>>;
  readonly keyring?: TicketKeyring;
  readonly store?: ResilientStore;
  readonly memory?: MemoryStore;
  readonly fleet?: FleetKeyring;
  /** Milliseconds since the epoch; default `Date.now`. */
  readonly now?: () => number;
}

/** Every metric, its kind and what it says. Names follow Prometheus: base units, counters end with `_total`. */
export const sessionMetrics = {
  resumption_hits_total: {
    type: 'counter',
    labels: ['sessions', 'kind'],
    help: 'Sessions handed to a handshake to resume',
  },
  resumption_misses_total: {
    type: 'counter',
    labels: ['sessions', 'kind', 'reason'],
    help: 'Full handshakes where a client wanted to resume, by reason',
  },
  sessions_issued_total: { type: 'counter', labels: ['sessions', 'kind'], help: 'Tickets sent and sessions stored' },
  sessions_not_issued_total: {
    type: 'counter',
    labels: ['sessions', 'kind', 'reason'],
    help: 'Tickets and sessions that could not be made, by reason',
  },
  early_data_accepted_total: {
    type: 'counter',
    labels: ['sessions'],
    help: 'Connections whose early data was accepted',
  },
  early_data_refused_total: {
    type: 'counter',
    labels: ['sessions', 'reason'],
    help: 'Connections whose early data was refused, by reason',
  },
  ticket_keys: { type: 'gauge', labels: ['role', 'origin'], help: 'Ticket keys held' },
  ticket_key_age_seconds: {
    type: 'gauge',
    labels: ['role'],
    help: 'Time since the oldest key of a role began to seal',
  },
  ticket_key_overdue_seconds: {
    type: 'gauge',
    labels: [],
    help: 'How late the most overdue key is to be destroyed; 0 is right',
  },
  session_store_breaker: {
    type: 'gauge',
    labels: [],
    help: 'Circuit breaker of the session store: 0 closed, 1 half open, 2 open',
  },
  session_store_pending: { type: 'gauge', labels: [], help: 'Calls to the session store under way' },
  memory_store_entries: { type: 'gauge', labels: [], help: 'Sessions in memory' },
  memory_store_bytes: { type: 'gauge', labels: [], help: 'Bytes of sessions in memory' },
  memory_store_evictions_total: { type: 'counter', labels: [], help: 'Sessions that left memory because of a limit' },
  fleet_ring_revision: { type: 'gauge', labels: [], help: 'Revision of the shared key ring that was read last' },
  fleet_ring_acknowledged: { type: 'gauge', labels: [], help: 'Revision that all living nodes have' },
  fleet_ring_nodes: { type: 'gauge', labels: [], help: 'Nodes with a lease' },
  fleet_ring_locked_keys: {
    type: 'gauge',
    labels: [],
    help: 'Shared keys that no fleet key of this node opens; 0 is right',
  },
  fleet_ring_sync_age_seconds: { type: 'gauge', labels: [], help: 'Time since the shared key ring was read' },
} as const;

export type MetricName = keyof typeof sessionMetrics;

export interface Reading {
  readonly name: MetricName;
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Upper bounds of the buckets for calls to a store, in seconds. */
export const storeCallBuckets: readonly number[] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/** What is told of each call to a store, beside the readings. */
export type ObserveStore = (call: StoreCall) => void;

/** All readings now. */
export function readSessionMetrics(watched: Watched): Reading[] {
  checkWatched(watched);
  const readings: Reading[] = [];
  const add = (name: MetricName, value: number, labels: Record<string, string> = {}) => {
    readings.push({ name, value, labels });
  };
  for (const [name, counters] of namedCounters(watched.sessions)) readCounters(name, counters, add);
  readKeyring(watched, add);
  const { store, memory, fleet } = watched;
  if (store !== undefined) {
    add('session_store_breaker', { closed: 0, halfOpen: 1, open: 2 }[store.breaker]);
    add('session_store_pending', store.pending);
  }
  if (memory !== undefined) {
    add('memory_store_entries', memory.size);
    add('memory_store_bytes', memory.bytes);
    add('memory_store_evictions_total', memory.evictions);
  }
  if (fleet !== undefined) {
    const { revision, acknowledged, nodes, locked, lastSync } = fleet.status;
    add('fleet_ring_revision', revision);
    add('fleet_ring_acknowledged', acknowledged);
    add('fleet_ring_nodes', nodes);
    add('fleet_ring_locked_keys', locked);
    if (lastSync !== undefined) add('fleet_ring_sync_age_seconds', (now(watched) - lastSync) / 1000);
  }
  return readings;
}

type Add = (name: MetricName, value: number, labels?: Record<string, string>) => void;

function namedCounters(sessions: Watched['sessions']): [string, SessionCounters][] {
  if (sessions === undefined) return [];
  if (isCounted(sessions)) return [['default', sessions.counters]];
  return Object.entries(sessions).map(([name, { counters }]) => [name, counters]);
}

function isCounted(sessions: NonNullable<Watched['sessions']>): sessions is { readonly counters: SessionCounters } {
  return 'counters' in sessions && 'hits' in sessions['counters'];
}

function readCounters(sessions: string, counters: SessionCounters, add: Add): void {
  for (const [kind, value] of Object.entries(counters.hits)) add('resumption_hits_total', value, { sessions, kind });
  for (const [kind, value] of Object.entries(counters.issued)) add('sessions_issued_total', value, { sessions, kind });
  for (const [kind, reasons] of Object.entries(counters.misses)) {
    for (const [reason, value] of Object.entries(reasons))
      add('resumption_misses_total', value, { sessions, kind, reason });
  }
  for (const [kind, reasons] of Object.entries(counters.notIssued)) {
    for (const [reason, value] of Object.entries(reasons)) {
      add('sessions_not_issued_total', value, { sessions, kind, reason });
    }
  }
  add('early_data_accepted_total', counters.earlyData.accepted, { sessions });
  for (const [reason, value] of Object.entries(counters.earlyData.refused)) {
    add('early_data_refused_total', value, { sessions, reason });
  }
}

function readKeyring(watched: Watched, add: Add): void {
  const { keyring } = watched;
  if (keyring === undefined) return;
  const time = now(watched);
  const counts = new Map<string, { role: string; origin: string; count: number }>();
  const oldest = new Map<string, number>();
  let overdue = 0;
  for (const { role, origin, sealFrom, openUntil } of keyring.describe()) {
    const entry = counts.get(`${role} ${origin}`) ?? { role, origin, count: 0 };
    counts.set(`${role} ${origin}`, { ...entry, count: entry.count + 1 });
    if (Number.isFinite(sealFrom)) oldest.set(role, Math.max(oldest.get(role) ?? 0, time - sealFrom));
    overdue = Math.max(overdue, time - openUntil);
  }
  for (const { role, origin, count } of counts.values()) add('ticket_keys', count, { role, origin });
  for (const [role, age] of oldest) add('ticket_key_age_seconds', age / 1000, { role });
  add('ticket_key_overdue_seconds', overdue / 1000);
}

function now(watched: Watched): number {
  return (watched.now ?? Date.now)();
}
