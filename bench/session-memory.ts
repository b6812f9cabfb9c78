/**
 * Puts many sessions through the memory store and watches the process: `node --expose-gc --import tsx
 * bench/session-memory.ts [sessions]`. Default ten million, of the size of a TLS 1.2 session, under a limit of 64
 * MiB.
 */
import { randomBytes } from 'node:crypto';
import { MemoryStore } from '../src/session/memory-store.ts';
import { encodeSessionState, sessionState } from '../src/session/state.ts';

const total = Number(process.argv[2] ?? 10_000_000);
const maxBytes = 64 * 1024 * 1024;
const now = Date.now();
const store = new MemoryStore({ clock: { now: () => now }, maxEntries: 1_000_000, maxBytes });
const value = encodeSessionState(
  sessionState({
    version: 0x0303,
    cipherSuite: 0xc02b,
    secret: new Uint8Array(randomBytes(48)),
    policyDigest: new Uint8Array(32),
    createdAt: now,
    lifetime: 86_400,
    serverName: 'www.example.org',
    alpnProtocol: 'http/1.1',
  }),
) as Uint8Array;

const mebibytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(1).padStart(7);
const started = performance.now();
const seen: number[] = [];
console.log(`node ${process.version}, values of ${value.length} bytes, limit ${mebibytes(maxBytes)} MiB`);
for (let i = 1; i <= total; i++) {
  const key = `i:${(i * 2654435761).toString(16).padStart(64, '0')}`;
  store.put(key, value, 86_400);
  if (i % 3 === 0) store.get(key);
  if (i % Math.ceil(total / 10) === 0) {
    const { rss, heapUsed, external } = process.memoryUsage();
    seen.push(rss);
    const parts = `rss ${mebibytes(rss)} heap ${mebibytes(heapUsed)} external ${mebibytes(external)}`;
    console.log(
      `${String(i).padStart(10)} put, ${store.size} held, ${mebibytes(store.bytes)} MiB counted: ${parts} MiB`,
    );
    if (store.bytes > maxBytes) throw new Error('the store passed its limit');
  }
}
const seconds = (performance.now() - started) / 1000;
const growth = ((seen.at(-1) as number) - (seen[1] as number)) / (seen[1] as number);
console.log(
  `${(total / seconds / 1000).toFixed(0)},000 puts per second; resident memory from 20 % to 100 %: ${(100 * growth).toFixed(1)} %`,
);
if (growth > 0.25) process.exitCode = 1;
