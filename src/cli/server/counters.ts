import type { ConnectionInfo } from '../../index.ts';
import type { SessionKit } from './sessions.ts';

/** How a handshake went, as it is counted. */
export const handshakeKinds = ['full', 'sessionId', 'ticket', 'psk', 'earlyData'] as const;
export type HandshakeKind = (typeof handshakeKinds)[number];

/** What a server has counted since it started. */
export interface ServerCounters {
  /** Open now. */
  connections: number;
  accepted: number;
  readonly handshakes: Record<HandshakeKind, number>;
  readonly versions: { '1.2': number; '1.3': number };
  /** Handshakes that failed, by error code. */
  readonly failures: Map<string, number>;
  requests: number;
  /** Requests refused with 425 because they came as early data and are not safe to repeat. */
  tooEarly: number;
  bytesOut: number;
  reloads: number;
}

export function createCounters(): ServerCounters {
  return {
    connections: 0,
    accepted: 0,
    handshakes: { full: 0, sessionId: 0, ticket: 0, psk: 0, earlyData: 0 },
    versions: { '1.2': 0, '1.3': 0 },
    failures: new Map(),
    requests: 0,
    tooEarly: 0,
    bytesOut: 0,
    reloads: 0,
  };
}

export function handshakeKind(info: ConnectionInfo): HandshakeKind {
  if (info.earlyData === 'accepted') return 'earlyData';
  if (info.resumption === 'sessionId' || info.resumption === 'ticket' || info.resumption === 'psk')
    return info.resumption;
  return 'full';
}

export function countHandshake(counters: ServerCounters, info: ConnectionInfo): void {
  counters.handshakes[handshakeKind(info)]++;
  counters.versions[info.version === 0x0304 ? '1.3' : '1.2']++;
}

export function total(counters: ServerCounters): number {
  return Object.values(counters.handshakes).reduce((sum, count) => sum + count, 0);
}

/** Names for the status line. */
const kindNames: Readonly<Record<HandshakeKind, string>> = {
  full: 'full',
  sessionId: 'session ID',
  ticket: 'ticket',
  psk: 'PSK',
  earlyData: '0-RTT',
};

/** Misses by reason over all kinds of sessions. */
export function misses(kit: SessionKit): [reason: string, count: number][] {
  const byReason = new Map<string, number>();
  for (const reasons of Object.values(kit.sessions.counters.misses)) {
    for (const [reason, count] of Object.entries(reasons)) byReason.set(reason, (byReason.get(reason) ?? 0) + count);
  }
  return [...byReason].sort((a, b) => b[1] - a[1]);
}

/** One line about what the server is doing. */
export function statusText(counters: ServerCounters, kit: SessionKit): string {
  const all = total(counters);
  const kinds = handshakeKinds.filter((kind) => counters.handshakes[kind] > 0);
  const parts = [`${counters.connections} open`, `${all} handshakes`];
  if (kinds.length > 0) parts.push(kinds.map((kind) => `${kindNames[kind]} ${counters.handshakes[kind]}`).join(', '));
  if (all > 0) parts.push(`${Math.round((100 * (all - counters.handshakes.full)) / all)} % resumed`);
  const missed = misses(kit);
  if (missed.length > 0) parts.push(`misses: ${missed.map(([reason, count]) => `${reason} ${count}`).join(', ')}`);
  const failed = [...counters.failures.values()].reduce((sum, count) => sum + count, 0);
  if (failed > 0) parts.push(`${failed} failed`);
  return parts.join(' · ');
}

/** The counters in the text format of Prometheus. */
export function metricsText(counters: ServerCounters, kit: SessionKit): string {
  const lines: string[] = [];
  const metric = (name: string, type: 'counter' | 'gauge', help: string, values: [labels: string, value: number][]) => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of values) lines.push(`${name}${labels === '' ? '' : `{${labels}}`} ${value}`);
  };
  const one = (value: number): [string, number][] => [['', value]];
  metric('handfast_connections_open', 'gauge', 'Connections that are open now.', one(counters.connections));
  metric('handfast_connections_accepted_total', 'counter', 'Connections accepted.', one(counters.accepted));
  metric(
    'handfast_handshakes_total',
    'counter',
    'Handshakes that were completed, by kind.',
    handshakeKinds.map((kind) => [`kind="${kind}"`, counters.handshakes[kind]]),
  );
  metric(
    'handfast_handshakes_by_version_total',
    'counter',
    'Handshakes that were completed, by TLS version.',
    Object.entries(counters.versions).map(([version, count]) => [`version="${version}"`, count]),
  );
  metric(
    'handfast_handshake_failures_total',
    'counter',
    'Handshakes that failed, by error code.',
    [...counters.failures].map(([code, count]) => [`code="${code}"`, count]),
  );
  const { hits, misses: missed, issued, notIssued, earlyData } = kit.sessions.counters;
  const kinds = Object.keys(hits) as (keyof typeof hits)[];
  metric(
    'handfast_session_hits_total',
    'counter',
    'Sessions that were found, by kind.',
    kinds.map((kind) => [`kind="${kind}"`, hits[kind]]),
  );
  metric(
    'handfast_session_misses_total',
    'counter',
    'Sessions that were not resumed, by kind and reason.',
    byReason(missed),
  );
  metric(
    'handfast_sessions_issued_total',
    'counter',
    'Tickets and sessions made, by kind.',
    kinds.map((kind) => [`kind="${kind}"`, issued[kind]]),
  );
  metric(
    'handfast_sessions_not_issued_total',
    'counter',
    'Tickets and sessions that could not be made.',
    byReason(notIssued),
  );
  metric(
    'handfast_early_data_accepted_total',
    'counter',
    'Connections with early data (0-RTT).',
    one(earlyData.accepted),
  );
  metric(
    'handfast_early_data_refused_total',
    'counter',
    'Early data that was refused, by reason.',
    Object.entries(earlyData.refused).map(([reason, count]) => [`reason="${reason}"`, count]),
  );
  metric('handfast_requests_total', 'counter', 'HTTP requests.', one(counters.requests));
  metric('handfast_requests_too_early_total', 'counter', 'Requests refused with 425.', one(counters.tooEarly));
  metric('handfast_certificate_reloads_total', 'counter', 'Reloads of the certificates.', one(counters.reloads));
  const now = Date.now();
  metric(
    'handfast_ticket_key_age_seconds',
    'gauge',
    'Age of the ticket keys, by role; below zero for the next one.',
    kit.keyring
      .describe()
      .map((key) => [`role="${key.role}",key="${key.name.slice(0, 8)}"`, Math.round((now - key.sealFrom) / 1000)]),
  );
  return `${lines.join('\n')}\n`;
}

function byReason(counts: Readonly<Record<string, Partial<Record<string, number>>>>): [string, number][] {
  return Object.entries(counts).flatMap(([kind, reasons]) =>
    Object.entries(reasons).map(([reason, count]): [string, number] => [
      `kind="${kind}",reason="${reason}"`,
      count ?? 0,
    ]),
  );
}
