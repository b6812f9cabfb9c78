/** A cluster whose workers listen on one port and share no sessions; each says why it refused early data. */
import cluster from 'node:cluster';
import type { AddressInfo } from 'node:net';
import tls from '../../../src/node/tls.ts';
import { testIdentity } from '../../helpers/pki.ts';
import { moduleFile } from '../../helpers/process.ts';

if (cluster.isPrimary) {
  cluster.setupPrimary({ exec: moduleFile('test/node/workers/plain-cluster.ts'), execArgv: process.execArgv });
  for (let i = 0; i < 2; i++) cluster.fork().on('message', (message) => process.send?.(message));
  process.on('disconnect', () => process.exit());
} else {
  const identity = testIdentity('ecdsa-p256');
  const options = { key: identity.keyPem, cert: identity.chainPem, maxEarlyData: 100, enableTrace: true };
  const server = tls.createServer(options, (socket) => {
    socket.on('error', () => {});
    socket.write('x');
  });
  const { write } = process.stderr;
  process.stderr.write = ((text: string, ...rest: never[]) => {
    const refused = /earlyData: rejected \((\w+)\)/.exec(text);
    if (refused !== null) process.send?.({ refused: refused[1] });
    return /^TLS|^Sent|^Received|^Keys|^Decided/.test(text) || write.call(process.stderr, text, ...rest);
  }) as typeof write;
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
}
