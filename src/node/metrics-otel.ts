/** `handfast/metrics/otel`: resumption in numbers, for OpenTelemetry; without `prom-client`, which `handfast/metrics` needs. */
import { checkMeter, checkWatched } from './check-metrics.ts';
import {
  type MetricName,
  type ObserveStore,
  readSessionMetrics,
  sessionMetrics,
  storeCallBuckets,
  type Watched,
} from './metrics-readings.ts';

export type { ObserveStore, Watched } from './metrics-readings.ts';

/** As much of an OpenTelemetry `Meter` (`@opentelemetry/api`) as is needed. */
export interface MeterLike {
  createObservableCounter(name: string, options?: { description?: string }): ObservableLike;
  createObservableGauge(name: string, options?: { description?: string }): ObservableLike;
  createHistogram(
    name: string,
    options?: { description?: string; unit?: string; advice?: { explicitBucketBoundaries?: number[] } },
  ): { record(value: number, attributes?: Record<string, string>): void };
}

export interface ObservableLike {
  addCallback(callback: (result: { observe(value: number, attributes?: Record<string, string>): void }) => void): void;
}

/**
 * The same metrics for OpenTelemetry: `observeSessionMetrics(watched, metrics.getMeter('handfast'))`. Names are those
 * of Prometheus with dots and without `_total`, e.g. `handfast.resumption_hits`.
 * @returns what to give as `observe` of a `ResilientStore`.
 */
export function observeSessionMetrics(watched: Watched, meter: MeterLike): ObserveStore {
  checkWatched(watched);
  checkMeter(meter);
  for (const name of Object.keys(sessionMetrics) as MetricName[]) {
    const { type, help } = sessionMetrics[name];
    const otelName = `handfast.${name.replace(/_total$/, '')}`;
    const options = { description: help };
    const instrument =
      type === 'gauge'
        ? meter.createObservableGauge(otelName, options)
        : meter.createObservableCounter(otelName, options);
    instrument.addCallback((result) => {
      for (const reading of readSessionMetrics(watched)) {
        if (reading.name === name) result.observe(reading.value, { ...reading.labels });
      }
    });
  }
  const latency = meter.createHistogram('handfast.session_store_call', {
    description: 'Calls to the session store, by how they ended',
    unit: 's',
    advice: { explicitBucketBoundaries: [...storeCallBuckets] },
  });
  return ({ operation, outcome, milliseconds }) => latency.record(milliseconds / 1000, { operation, outcome });
}
