import { cpus } from 'node:os';
import { createNodeCrypto } from '../../crypto/node.ts';
import {
  ClientConnection,
  type ClientOptions,
  clientHost,
  drive,
  localSigner,
  ServerConnection,
  type ServerOptions,
  serverHost,
} from '../../index.ts';
import { type Command, type Options, parse, wholeNumber } from '../command.ts';
import { compareLocal, makeCredentials } from '../compare/local.ts';
import { exitCodes } from '../exit-codes.ts';
import { painter, StatusLine, table } from '../ui/terminal.ts';
import { groupsOf } from './get.ts';

const options = {
  repeat: { value: 'N', help: 'handshakes of each kind; default 500' },
  groups: { value: 'LIST', help: 'key exchange groups, best first; default x25519' },
  bulk: { value: 'MB', help: 'data for the bulk figures; default 64' },
  json: { help: 'print JSON' },
} as const satisfies Options;

export const bench: Command = {
  name: 'bench',
  summary: 'how fast this machine is: handshakes and bulk data of one core',
  usage: '[options]',
  description:
    'Runs client and server in this process, without a network, and takes the time of the server alone. For a comparison with node:tls, run `npm run bench` in the source.',
  options,
  examples: [['handfast bench --groups X25519MLKEM768', 'with post-quantum key exchange']],
  run: async (words) => {
    const { values } = parse(options, words);
    const status = new StatusLine(process.stderr);
    const groups = groupsOf(values.groups ?? 'x25519,secp256r1');
    const repeats = wholeNumber('repeat', values.repeat ?? '500', 1, 1_000_000);
    const results = await compareLocal({ rtts: [], repeats, groups, progress: (text) => status.show(`${text} …`) });
    status.show('bulk data …');
    const size = wholeNumber('bulk', values.bulk ?? '64', 1, 10_000);
    const bulk = [await bulkRate(0x1301, size), await bulkRate(0x1303, size)];
    status.clear();
    const handshakes = results.map(({ mode, serverCpu = 0 }) => ({
      kind: mode.title,
      milliseconds: serverCpu,
      perSecond: Math.round(1000 / serverCpu),
    }));
    const machine = { cpu: cpus()[0]?.model ?? 'unknown', node: process.version, repeats, groups };
    if (values.json === true) {
      process.stdout.write(`${JSON.stringify({ machine, handshakes, bulk }, undefined, 2)}\n`);
      return exitCodes.ok;
    }
    const paint = painter(process.stdout);
    const rows = handshakes.map(({ kind, milliseconds, perSecond }) => [
      kind,
      `${milliseconds.toFixed(3)} ms`,
      String(perSecond),
    ]);
    process.stdout.write(`${machine.cpu}, Node ${machine.node}, one core, server side, ECDSA P-256, ${groups[0]}\n\n`);
    process.stdout.write(
      `${table([{ title: 'handshake' }, { title: 'median', align: 'right' }, { title: 'per second', align: 'right' }], rows, paint)}\n\n`,
    );
    const bulkRows = bulk.map(({ suite, sends, receives }) => [suite, `${sends} MB/s`, `${receives} MB/s`]);
    process.stdout.write(
      `${table([{ title: 'bulk data' }, { title: 'sends', align: 'right' }, { title: 'receives', align: 'right' }], bulkRows, paint)}\n`,
    );
    return exitCodes.ok;
  },
};

/** Megabytes a second that a side encrypts and decrypts. */
async function bulkRate(suite: number, megabytes: number): Promise<{ suite: string; sends: number; receives: number }> {
  const crypto = createNodeCrypto();
  const { chain, key } = await makeCredentials();
  const serverOptions: ServerOptions = {
    crypto,
    cipherSuites: [suite],
    groups: ['x25519', 'secp256r1'],
    credentials: [{ chain, signer: localSigner(crypto.importPrivateKey(key)) }],
  };
  const clientOptions: ClientOptions = {
    crypto,
    cipherSuites: [suite],
    groups: ['x25519', 'secp256r1'],
    serverName: 'localhost',
    verifyPeer: () => undefined,
  };
  const server = new ServerConnection(serverOptions);
  const client = new ClientConnection(clientOptions);
  for (let i = 0; i < 4; i++) {
    drive(client, clientHost(clientOptions), () => {});
    for (const bytes of client.takeOutgoing()) server.receive(bytes);
    drive(server, serverHost(serverOptions), () => {});
    for (const bytes of server.takeOutgoing()) client.receive(bytes);
  }
  const chunk = new Uint8Array(256 * 1024).fill(7);
  const rounds = Math.ceil((megabytes * 1e6) / chunk.length);
  let sent = 0;
  let received = 0;
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    server.write(chunk);
    const out = server.takeOutgoing();
    const middle = performance.now();
    for (const bytes of out) client.receive(bytes);
    client.advance();
    client.takeApplicationData();
    sent += middle - start;
    received += performance.now() - middle;
    for (const bytes of out) server.release(bytes);
  }
  const rate = (milliseconds: number) => Math.round((rounds * chunk.length) / 1000 / milliseconds);
  return { suite: client.info.cipherSuiteName, sends: rate(sent), receives: rate(received) };
}
