/** A worker of the test of fleets: a server on a port of its own, which it tells the main process. */
import cluster from 'node:cluster';
import type { AddressInfo } from 'node:net';
import { parentPort } from 'node:worker_threads';
import tls from '../../../src/node/tls.ts';
import { joinWorkerFleet } from '../../../src/node/worker-fleet.ts';
import { testIdentity } from '../../helpers/pki.ts';

const identity = testIdentity('ecdsa-p256');
const { sessions, keyring } = await joinWorkerFleet({
  maxEarlyDataSize: 100,
  rotateEvery: 2,
  keepFor: 60,
  pollEvery: 0.1,
});
const server = tls.createServer({ key: identity.keyPem, cert: identity.chainPem, sessions }, (socket) => {
  socket.on('error', () => {});
  socket.write('x');
});
server.listen(0, '127.0.0.1', () => {
  tell({ port: (server.address() as AddressInfo).port });
});

function tell(message: object): void {
  if (cluster.isWorker) process.send?.(message);
  else parentPort?.postMessage(message);
}

setInterval(() => tell({ keys: keyring.describe().map(({ name, origin, role }) => ({ name, origin, role })) }), 100);
