// Shows that the tests of the ten promises notice when one is broken: in a copy of the project each mutation below is made alone, and
// the named tests must fail. `node test/session/mutate.mjs [number …]`; takes some minutes.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const session = 'src/session';
const unit = 'test/session';

/** promise, what is broken, file, what is replaced, by what, tests that must fail. */
const mutations = [
  [
    1,
    'the policy digest is not compared',
    `${session}/resumption-request.ts`,
    "if (!equal(policy, state.policyDigest)) return 'policyMismatch';",
    '',
    `${unit}/resumption.test.ts ${unit}/incidents.test.ts`,
  ],
  [
    1,
    'the server name is not part of the policy',
    `${session}/policy.ts`,
    'policy.serverName === undefined ? undefined : fromText(canonicalName(policy.serverName))',
    'undefined',
    `${unit}/state.test.ts ${unit}/incidents.test.ts`,
  ],
  [
    1,
    'the trust anchors are not part of the policy',
    `${session}/policy.ts`,
    "mode === 'none' ? noBytes : (anchorsDigest ?? noBytes)",
    'noBytes',
    `${unit}/state.test.ts ${unit}/incidents.test.ts`,
  ],
  [
    2,
    'a session lives from its last renewal',
    `${session}/state.ts`,
    'const end = state.createdAt + 1000',
    'const end = state.issuedAt + 1000',
    `${unit}/resumption.test.ts ${unit}/incidents.test.ts`,
  ],
  [
    2,
    'an expired client certificate ends nothing',
    `${session}/state.ts`,
    'return state.peerNotAfter === undefined ? end : Math.min(end, state.peerNotAfter);',
    'return end;',
    `${unit}/state.test.ts`,
  ],
  [
    3,
    'keys are not destroyed on time',
    `${session}/ticket-keyring.ts`,
    'if (key.openUntil <= now) this.#destroy(key);',
    '',
    `${unit}/ticket-keyring.test.ts`,
  ],
  [
    3,
    'no timer runs on an idle server',
    `${session}/ticket-keyring.ts`,
    'if (this.#timers === undefined) return;',
    'return;',
    `${unit}/ticket-keyring.test.ts ${unit}/incidents.test.ts`,
  ],
  [
    3,
    'weak keys are taken',
    `${session}/ticket-keyring.ts`,
    "refuseWeakKey(key.secret, 'the ticket key');",
    '',
    `${unit}/ticket-keyring.test.ts ${unit}/incidents.test.ts`,
  ],
  [
    4,
    'a node seals before all have acknowledged',
    `${session}/fleet-keyring.ts`,
    'entry.addedIn <= reading.acknowledged && this.#installed.has(id)',
    'true',
    `${unit}/fleet-keyring.test.ts`,
  ],
  [
    4,
    'a node with the wrong fleet key holds up the others',
    `${session}/fleet-keyring.ts`,
    'const leaseMs = this.#locked > 0 ? 0 : this.#leaseFor;',
    'const leaseMs = this.#leaseFor;',
    `${unit}/fleet-keyring.test.ts`,
  ],
  [
    4,
    'after a loss the first node back seals at once',
    `${session}/fleet-keyring.ts`,
    '? Math.max(2 * this.#pollEvery, holdAtLeast) : 0',
    '? 0 : 0',
    `${unit}/fleet-keyring.test.ts`,
  ],
  [
    5,
    'there is no deadline',
    `${session}/resilient-store.ts`,
    "reject(new StoreError('storeTimeout'",
    "void (new StoreError('storeTimeout'",
    `${unit}/stores.test.ts`,
  ],
  [
    5,
    'the breaker never opens',
    `${session}/resilient-store.ts`,
    "this.#state === 'closed' && this.#isDown(now)",
    'false',
    `${unit}/stores.test.ts`,
  ],
  [
    5,
    'a failed store is trusted with replays at once',
    `${session}/resilient-store.ts`,
    "if (outcome === 'error') this.doubt();",
    '',
    `${unit}/stores.test.ts`,
  ],
  [
    6,
    'values leave in clear',
    `${session}/sealed-store.ts`,
    'this.#keys.seal(fromText(hashed), value)',
    'value',
    `${unit}/stores.test.ts`,
  ],
  [
    6,
    'values are not bound to their key',
    `${session}/sealed-store.ts`,
    /fromText\(hashed\)/g,
    "fromText('')",
    `${unit}/stores.test.ts`,
  ],
  [
    7,
    'a single-use ticket stays in the store',
    `${session}/resumption.ts`,
    ': () => store.take(key);',
    ': () => store.get(key);',
    `${unit}/resumption.test.ts ${unit}/incidents.test.ts`,
  ],
  [
    7,
    'early data is not claimed',
    `${session}/early-data-claims.ts`,
    "claim === 'seen' ? 'replay'",
    "claim === 'seen' ? undefined",
    `${unit}/resumption.test.ts`,
  ],
  [
    7,
    'the age of a ticket is not looked at',
    `${session}/early-data-claims.ts`,
    "if (!isFresh(state, request.obfuscatedTicketAge, now, this.#freshness)) return 'stale';",
    '',
    `${unit}/resumption.test.ts`,
  ],
  [
    8,
    'the memory store has no limit of entries',
    `${session}/memory-store.ts`,
    'this.#table.size >= this.#maxEntries || ',
    '',
    `${unit}/stores.test.ts ${unit}/incidents.test.ts`,
  ],
  [
    8,
    'the oldest instead of the least recently used leaves',
    `${session}/memory-store.ts`,
    'this.#unlink(slot);\n    this.#link(slot);\n    return this.#read(slot);',
    'return this.#read(slot);',
    `${unit}/stores.test.ts`,
  ],
  [
    9,
    'misses are not counted',
    `${session}/counters.ts`,
    'increment(counters.misses[event.kind], event.reason);',
    ';',
    `${unit}/resumption.test.ts ${unit}/metrics.test.ts`,
  ],
  [
    10,
    'a client offers a TLS 1.3 ticket twice',
    `${session}/client-cache.ts`,
    'if (alive && session.state.version === 0x0303) return session;',
    'if (alive) return session;',
    `${unit}/client-cache.test.ts`,
  ],
  [
    10,
    'partitions share sessions',
    `${session}/client-session.ts`,
    'policy.partition === undefined ? undefined : fromText(policy.partition)',
    'undefined',
    `${unit}/client-cache.test.ts`,
  ],
  [
    1,
    'a session goes on under another verifier',
    'src/engine/config.ts',
    ' ?? digestOf(options.verifyPeer, crypto)',
    '',
    'test/handshake/resumption.test.ts',
  ],
  [
    3,
    'a machine that slept keeps its keys until a timer of the time before is due',
    `${session}/ticket-keyring.ts`,
    'Math.min(Math.ceil(due - now), longestNap)',
    'Math.ceil(due - now)',
    `${unit}/ticket-keyring.test.ts`,
  ],
  [
    3,
    'a clock that is set back lengthens the life of keys',
    `${session}/ticket-keyring.ts`,
    'if (back < smallStep) return;',
    'return;',
    `${unit}/ticket-keyring.test.ts`,
  ],
  [
    4,
    'a revoked key comes back from the document',
    `${session}/fleet-keyring.ts`,
    'entry.wrapped.length === 0 || this.#revoked.has(id)',
    'entry.wrapped.length === 0',
    `${unit}/fleet-keyring.test.ts`,
  ],
  [
    7,
    'a clock that ran ahead lets a replay in',
    `${session}/memory-store.ts`,
    'if (now < this.#latestClaim - smallStep)',
    'if (now < 0)',
    `${unit}/stores.test.ts`,
  ],
  [
    7,
    'two records in one process each take early data',
    `${session}/early-data-claims.ts`,
    'return record === undefined || record === store;',
    'return true;',
    `${unit}/resumption.test.ts`,
  ],
];

const wanted = process.argv.slice(2).map(Number);
const copy = mkdtempSync(join(tmpdir(), 'handfast-mutate-'));
for (const folder of ['src', 'test', 'scripts']) cpSync(join(root, folder), join(copy, folder), { recursive: true });
for (const file of ['package.json', 'tsconfig.json']) cpSync(join(root, file), join(copy, file));
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));

let survived = 0;
for (const [promise, what, file, from, to, tests] of mutations) {
  if (wanted.length > 0 && !wanted.includes(promise)) continue;
  const path = join(copy, file);
  const source = readFileSync(path, 'utf8');
  const mutated = source.replace(from, () => to);
  if (mutated === source) throw new Error(`promise ${promise}: ${file} has no ${from}`);
  writeFileSync(path, mutated);
  const args = [join(copy, 'scripts', 'test.mjs'), ...tests.split(' ')];
  const run = spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8', timeout: 180_000 });
  writeFileSync(path, source);
  const failed = Number(/(\d+) failed/.exec(run.stdout ?? '')?.[1] ?? 1);
  if (run.status === 0) survived++;
  console.log(`promise ${promise}: ${what}: ${run.status === 0 ? 'NOT NOTICED' : `${failed} tests fail`}`);
}
rmSync(copy, { recursive: true, force: true });
console.log(survived === 0 ? 'every broken promise is noticed' : `${survived} not noticed`);
process.exit(survived === 0 ? 0 : 1);
