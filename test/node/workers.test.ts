import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { HandfastConnectOptions } from '../../src/node/socket/tls-connect.ts';
import type { TLSSocket } from '../../src/node/socket/tls-socket.ts';
import tls from '../../src/node/tls.ts';
import { createWorkerFleet, joinWorkerFleet } from '../../src/node/worker-fleet.ts';
import { rootPem } from '../helpers/pki.ts';
import { execArgv, moduleFile } from '../helpers/process.ts';

const limit = { timeout: 60_000 };

interface Told {
  port?: number;
  keys?: { name: string; origin: string; role: string }[];
}

/** What the workers last told. */
class Fleet {
  readonly workers: [Told, Told] = [{}, {}];

  hear(worker: number, message: Told): void {
    Object.assign(this.workers[worker] as Told, message);
  }

  async until(condition: (workers: readonly [Told, Told]) => unknown): Promise<void> {
    while (!condition(this.workers)) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function threads(t: TestContext): Fleet {
  const told = new Fleet();
  const fleet = createWorkerFleet();
  for (let i = 0; i < 2; i++) {
    const worker = new Worker(moduleFile('test/node/workers/server.ts'));
    fleet.attach(worker);
    worker.on('message', (message: Told) => told.hear(i, message));
    t.after(() => worker.terminate());
  }
  return told;
}

function processes(t: TestContext): Fleet {
  const told = new Fleet();
  const primary = fork(moduleFile('test/node/workers/cluster.ts'), { execArgv: [...execArgv] });
  primary.on('message', (message: Told & { worker: number }) => told.hear(message.worker, message));
  t.after(() => primary.disconnect());
  return told;
}

async function connect(port: number | undefined, session?: Buffer) {
  const options: HandfastConnectOptions = { host: '127.0.0.1', port, ca: rootPem, servername: 'localhost' };
  const early = session === undefined ? {} : { session, earlyData: 'early' };
  const client = tls.connect({ ...options, ...early });
  const ticket = once(client, 'session') as Promise<[Buffer]>;
  await once(client, 'data');
  const resumed = client.isSessionReused();
  const accepted = (client as unknown as TLSSocket).earlyDataAccepted;
  const [next] = await ticket;
  client.destroy();
  return { resumed, accepted, next };
}

for (const [name, start] of [
  ['worker_threads', threads],
  ['node:cluster', processes],
] as const) {
  test(
    `${name}: a session of one worker resumes with another, and early data is taken once among all`,
    limit,
    async (t) => {
      const told = start(t);
      await told.until(([a, b]) => a.port && b.port);
      const [a, b] = told.workers;
      const first = await connect(a.port);
      assert.deepEqual([first.resumed, first.accepted], [false, false]);
      const second = await connect(b.port, first.next);
      assert.deepEqual([second.resumed, second.accepted], [true, true]);
      const replayed = await connect(a.port, first.next);
      assert.deepEqual([replayed.resumed, replayed.accepted], [true, false]);
      // Keys rotate, in step.
      const current = ({ keys }: Told) =>
        keys?.find(({ role, origin }) => role === 'current' && origin === 'fleet')?.name;
      await told.until(([a]) => current(a));
      const before = current(a);
      await told.until(([a, b]) => current(a) !== before && current(a) !== undefined && current(a) === current(b));
      assert.equal((await connect(a.port, second.next)).resumed, true);
    },
  );
}

test('node:cluster without a fleet: workers share ticket keys, and take no early data', limit, async (t) => {
  const primary = fork(moduleFile('test/node/workers/plain-cluster.ts'), { execArgv: [...execArgv] });
  t.after(() => primary.disconnect());
  const ports: number[] = [];
  const refusals: string[] = [];
  primary.on('message', (message: { port?: number; refused?: string }) => {
    if (message.port !== undefined) ports.push(message.port);
    if (message.refused !== undefined) refusals.push(message.refused);
  });
  while (ports.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(ports[0], ports[1]);
  const { next } = await connect(ports[0]);
  // One of them is a replay to another worker.
  for (let i = 0; i < 2; i++) {
    const { resumed, accepted } = await connect(ports[0], next);
    assert.deepEqual({ resumed, accepted }, { resumed: true, accepted: false });
  }
  while (refusals.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(refusals, ['recordNotShared', 'recordNotShared']);
});

test('outside a worker there is no fleet to join', async () => {
  await assert.rejects(joinWorkerFleet(), /neither a worker thread nor a worker of a cluster/);
});
