import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { observeSessionMetrics, registerSessionMetrics } from '../../src/node/metrics.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ResilientStore, type StoreCall } from '../../src/session/resilient-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { FakeTime, policy, ScriptedStore, sessionCrypto, someState } from './helpers.ts';

const crypto = sessionCrypto();

function watched() {
  const time = new FakeTime();
  const keyring = new TicketKeyring({ crypto, clock: time, timers: time, rotateEvery: 100, keepFor: 100 });
  const memory = new MemoryStore({ clock: time });
  const sessions = new ServerSessions({ crypto, keyring, store: memory });
  let observe: (call: StoreCall) => void = () => {};
  const inner = new ScriptedStore(() => undefined);
  const store = new ResilientStore(inner, { clock: time, timers: time, observe: (call) => observe(call) });
  const sessionId = new Uint8Array(32);
  sessions.storeSession({ sessionId, state: someState(time.now(), { version: 0x0303 }), now: time.now() });
  sessions.lookupSession({ version: 0x0303, policy, now: time.now(), sessionId });
  sessions.openTicket({ version: 0x0303, policy, now: time.now(), ticket: new Uint8Array(100) });
  time.advance(30_000);
  return {
    time,
    store,
    on: (next: (call: StoreCall) => void) => {
      observe = next;
    },
    parts: { sessions, keyring, memory, store, now: () => time.now() },
  };
}

test('promise 9: hits, misses with their reason, key ages, store and breaker are Prometheus metrics', async () => {
  const register = new Registry();
  const { parts, store, on, time } = watched();
  on(registerSessionMetrics(parts, { register }));
  await store.get('a');
  const text = await register.metrics();
  for (const line of [
    'handfast_resumption_hits_total{sessions="default",kind="sessionId"} 1',
    'handfast_resumption_misses_total{sessions="default",kind="ticket",reason="malformed"} 1',
    'handfast_sessions_issued_total{sessions="default",kind="sessionId"} 1',
    'handfast_ticket_keys{role="current",origin="local"} 1',
    'handfast_ticket_key_age_seconds{role="current"} 30',
    'handfast_ticket_key_overdue_seconds 0',
    'handfast_session_store_breaker 0',
    'handfast_memory_store_entries 1',
    'handfast_session_store_call_seconds_count{operation="get",outcome="ok"} 1',
  ]) {
    assert.ok(text.includes(line), `${line} is not in\n${text}`);
  }
  time.advance(100_000);
  assert.match(await register.metrics(), /ticket_keys\{role="previous",origin="local"\} 1/);
});

test('several servers are told apart', async () => {
  const register = new Registry();
  const [a, b] = [watched(), watched()];
  registerSessionMetrics({ sessions: { www: a.parts.sessions, api: b.parts.sessions } }, { register, prefix: 'tls_' });
  const text = await register.metrics();
  assert.match(text, /tls_resumption_hits_total\{sessions="www",kind="sessionId"\} 1/);
  assert.match(text, /tls_resumption_hits_total\{sessions="api",kind="sessionId"\} 1/);
});

test('promise 9: the same metrics go to an OpenTelemetry meter', async () => {
  const { parts } = watched();
  const observed = new Map<string, [number, Record<string, string> | undefined][]>();
  const instrument = (name: string) => ({
    addCallback: (
      callback: (result: { observe(value: number, attributes?: Record<string, string>): void }) => void,
    ) => {
      const values: [number, Record<string, string> | undefined][] = [];
      callback({ observe: (value, attributes) => values.push([value, attributes]) });
      observed.set(name, values);
    },
  });
  const recorded: number[] = [];
  const observe = observeSessionMetrics(parts, {
    createObservableCounter: instrument,
    createObservableGauge: instrument,
    createHistogram: () => ({ record: (value) => recorded.push(value) }),
  });
  observe({ operation: 'get', outcome: 'ok', milliseconds: 5 });
  assert.deepEqual(recorded, [0.005]);
  assert.deepEqual(
    observed.get('handfast.resumption_hits')?.find(([, labels]) => labels?.['kind'] === 'sessionId')?.[0],
    1,
  );
});
