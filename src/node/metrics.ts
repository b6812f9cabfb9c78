/**
 * `handfast/metrics`: resumption in numbers, for Prometheus (by `prom-client`, an optional peer) and for
 * OpenTelemetry.
 */

import { Counter, register as defaultRegister, Gauge, Histogram, type Registry } from 'prom-client';
import { checkWatched } from './check-metrics.ts';
import {
  type MetricName,
  type ObserveStore,
  type Reading,
  readSessionMetrics,
  sessionMetrics,
  storeCallBuckets,
  type Watched,
} from './metrics-readings.ts';

export { type MeterLike, type ObservableLike, observeSessionMetrics } from './metrics-otel.ts';
export {
  type MetricName,
  type ObserveStore,
  type Reading,
  readSessionMetrics,
  sessionMetrics,
  storeCallBuckets,
  type Watched,
} from './metrics-readings.ts';

export interface PrometheusOptions {
  /** Default: the one of `prom-client`. */
  readonly register?: Registry;
  /** Before each name; default `handfast_`. */
  readonly prefix?: string;
}

/**
 * Registers all metrics of resumption with `prom-client`. They are read when Prometheus asks; nothing runs in between.
 * @returns what to give as `observe` of a `ResilientStore` (or as `observeStore` of `createRedisFleet`): the latency
 *   of its calls.
 */
export function registerSessionMetrics(watched: Watched, options: PrometheusOptions = {}): ObserveStore {
  checkWatched(watched);
  const register = options.register ?? defaultRegister;
  const prefix = options.prefix ?? 'handfast_';
  for (const name of Object.keys(sessionMetrics) as MetricName[]) {
    const { type, help, labels } = sessionMetrics[name];
    const common = { name: prefix + name, help, labelNames: [...labels], registers: [register] };
    const readings = (): Reading[] => readSessionMetrics(watched).filter((reading) => reading.name === name);
    if (type === 'gauge') {
      new Gauge({
        ...common,
        collect() {
          this.reset();
          for (const { labels: values, value } of readings()) this.set(values, value);
        },
      });
    } else {
      new Counter({
        ...common,
        collect() {
          this.reset();
          for (const { labels: values, value } of readings()) this.inc(values, value);
        },
      });
    }
  }
  const latency = new Histogram({
    name: `${prefix}session_store_call_seconds`,
    help: 'Calls to the session store, by how they ended',
    labelNames: ['operation', 'outcome'],
    buckets: [...storeCallBuckets],
    registers: [register],
  });
  return ({ operation, outcome, milliseconds }) => latency.observe({ operation, outcome }, milliseconds / 1000);
}
