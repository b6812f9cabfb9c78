/**
 * CPU of a client's handshake: `tls.connect` of Handfast beside that of Node, each in a process of its own, in turns against one
 * server (node:tls), with the server's certificate and name verified as programs do it.
 *
 *     npm run bench:client [-- --quick]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { accelerator } from '../src/crypto/node-accelerator.ts';
import { rootFile, testIdentity } from '../test/helpers/pki.ts';
import { buildServer, median } from './server-process.ts';

const rows = [
  { name: 'full TLS 1.3 handshake', version: 'TLSv1.3', resumes: false },
  { name: 'TLS 1.3 PSK resumption', version: 'TLSv1.3', resumes: true },
  { name: 'full TLS 1.2 handshake', version: 'TLSv1.2', resumes: false },
  { name: 'TLS 1.2 ticket', version: 'TLSv1.2', resumes: true },
] as const;
const visits = 300;
const warmUpRounds = 8;
const rounds = process.argv.includes('--quick') ? 3 : 9;
const native = accelerator();
const contenders = [
  { kind: 'handfast', accelerated: false },
  ...(native === undefined ? [] : [{ kind: 'handfast', accelerated: true }]),
  { kind: 'node', accelerated: false },
];
const clientFile = await buildServer('client-process.ts');

async function visit(client: ChildProcess): Promise<number> {
  client.send(visits);
  const [{ cpu }] = (await once(client, 'message')) as [{ cpu: number }];
  return cpu / visits;
}

async function measure({ name, version, resumes }: (typeof rows)[number]): Promise<void> {
  const { keyPem: key, chainPem: cert } = testIdentity('ecdsa-p256');
  const server = tls.createServer({ key, cert, minVersion: version, maxVersion: version }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const clients = contenders.map(({ kind, accelerated }) =>
    fork(clientFile, [kind, String(port), version, String(resumes), rootFile], {
      execArgv: [],
      env: { ...process.env, HANDFAST_ACCELERATOR: accelerated ? 'on' : 'off' },
    }),
  );
  await Promise.all(clients.map((client) => once(client, 'message')));
  for (const client of clients) for (let round = 0; round < warmUpRounds; round++) await visit(client);
  const turns: number[][] = [];
  for (let round = 0; round < rounds; round++) {
    const turn: number[] = [];
    for (const client of clients) turn.push(await visit(client));
    turns.push(turn);
  }
  const node = contenders.length - 1;
  const of = (turn: number[], i: number) => turn[i] as number;
  const cells = contenders.map((_, i) => {
    const each = median(turns.map((turn) => of(turn, i))).toFixed(0);
    const ratio = median(turns.map((turn) => of(turn, i) / of(turn, node))).toFixed(2);
    return i === node ? `${each.padStart(7)}` : `${each.padStart(7)} ${ratio.padEnd(6)}`;
  });
  console.log(name.padEnd(26), cells.join(' '));
  for (const client of clients) client.disconnect();
  server.close();
}

console.log(`Node ${process.version}, ${process.platform} ${process.arch}; µs of CPU a connection, ratio to node:tls`);
const titles = ['handfast/tls', ...(native === undefined ? [] : [`with ${native.name}`])];
console.log(''.padEnd(26), titles.map((title) => title.padEnd(14).slice(0, 14)).join(' '), 'node:tls');
for (const row of rows) await measure(row);
process.exit();
