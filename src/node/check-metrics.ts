/** What is to be counted, and by what, looked at first: a `ConfigError` says what to give instead. */
import { callable, check, checkOptions, fields, having, kind, type Rule, type Rules } from '../bytes/check.ts';
import type { MeterLike } from './metrics-otel.ts';
import type { Watched } from './metrics-readings.ts';

const counters: Rule = (value, name) => {
  const { hits } = fields(fields(value, name)['counters'], `${name}.counters`);
  fields(hits, `${name}.counters.hits`);
};

const watched: Rules<Watched> = {
  sessions: (value, name) => {
    const given = fields(value, name);
    // One ServerSessions has its counters itself; of several each has a name.
    if ('counters' in given && 'hits' in fields(given['counters'], `${name}.counters`)) return;
    for (const [each, one] of Object.entries(given)) counters(one, `${name}.${each}`);
  },
  keyring: having(['describe'], 'new TicketKeyring(…)'),
  store: kind('new ResilientStore(…)', (value) => typeof (value as { breaker?: unknown } | null)?.breaker === 'string'),
  memory: kind(
    'new MemoryStore(…)',
    (value) => typeof (value as { evictions?: unknown } | null)?.evictions === 'number',
  ),
  fleet: kind('new FleetKeyring(…)', (value) => typeof (value as { status?: unknown } | null)?.status === 'object'),
  now: callable,
};

/** What is to be counted: a misspelt part would be missing from the figures. */
export function checkWatched(value: Watched): void {
  checkOptions(value, 'what is watched', watched);
}

export function checkMeter(meter: MeterLike): void {
  const methods = ['createObservableCounter', 'createObservableGauge', 'createHistogram'];
  check(having(methods, "a Meter: metrics.getMeter('handfast') of @opentelemetry/api"), meter, 'meter');
}
