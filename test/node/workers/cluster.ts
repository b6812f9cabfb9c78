/** The primary process of a cluster whose workers share sessions: tells their messages to the process that started it. */
import cluster from 'node:cluster';
import { createWorkerFleet } from '../../../src/node/worker-fleet.ts';
import { moduleFile } from '../../helpers/process.ts';

const fleet = createWorkerFleet();
cluster.setupPrimary({ exec: moduleFile('test/node/workers/server.ts'), execArgv: process.execArgv });
for (let i = 0; i < 2; i++) {
  // Each on a port of its own.
  const worker = cluster.fork();
  fleet.attach(worker);
  worker.on('message', (message) => process.send?.({ ...message, worker: i }));
}
process.on('disconnect', () => process.exit());
