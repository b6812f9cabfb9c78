/**
 * The benchmark against node:tls: server processes, ours and Node's, take turns under the same client (node:tls), and the
 * server's own CPU time (user + system) is compared. Ratios below 1 are in our favour. Ours are the bare engine on a
 * net.Socket, and handfast/tls over node:crypto alone; and both once more with the native code of an installed accelerator.
 *
 *     npm run bench                         every row
 *     npm run bench -- full13 bulkSend      only these rows
 *     npm run bench -- --engine …           the bare engine alone, or --tls for handfast/tls alone
 *     npm run bench -- --plain …            without the accelerator
 */
import { once } from 'node:events';
import tls from 'node:tls';
import { accelerator } from '../src/crypto/node-accelerator.ts';
import { rootPem, testIdentity } from '../test/helpers/pki.ts';
import type { ServerKind } from './server.ts';
import { buildServer, median, quantile, ServerProcess } from './server-process.ts';

interface Sample {
  /** Server CPU in microseconds. */
  cpu: number;
  /** Wall time in milliseconds. */
  wall: number;
  /** By how much the event loop was late, 99th percentile, in milliseconds. */
  loop: number;
}

interface Row {
  readonly name: string;
  readonly unit: string;
  readonly target: number;
  readonly resumption: 'none' | 'ticket' | 'sessionId';
  /** How many units one turn does. */
  readonly units: number;
  /** Turns that do not count: V8 compiles for some thousand connections, and its threads count as CPU time too. */
  readonly warmUp: number;
  run(port: number, session: Buffer | undefined): Promise<void>;
  readonly version: 'TLSv1.3' | 'TLSv1.2';
  /** Whether a session is fetched before the turns. */
  readonly resumes?: true;
  readonly measure?: 'wall' | 'loop';
}

const serverFile = await buildServer('server.ts');

/**
 * Turns are short and many. On a shared machine a neighbour makes everything half as slow again for seconds at a time: what takes
 * turns within a second meets the same neighbour.
 */
const connections = 60;
const messages = 800;
const megabytes = 24;
/** Each in fresh processes: two of one program differ by a twentieth, by when V8 compiled what. */
const generations = 2;

const rows: readonly Row[] = [
  handshakes('full13', 'full TLS 1.3 handshake', 0.8, 'none', 'TLSv1.3'),
  handshakes('psk13', 'TLS 1.3 PSK resumption', 1.0, 'ticket', 'TLSv1.3', true),
  handshakes('full12', 'full TLS 1.2 handshake', 0.95, 'none', 'TLSv1.2'),
  handshakes('id12', 'TLS 1.2 session ID', 0.65, 'sessionId', 'TLSv1.2', true),
  handshakes('ticket12', 'TLS 1.2 ticket', 0.8, 'ticket', 'TLSv1.2', true),
  bulk('bulkSend', 'bulk send', 1.6, 1),
  bulk('bulkReceive', 'bulk receive', 1.4, 2),
  echo('echo64', 'echo of 64 B', 1.5, 64),
  echo('echo1k', 'echo of 1 KiB', 1.5, 1024),
  {
    ...handshakes('latency', 'latency of handshake + echo', 1.0, 'none', 'TLSv1.3'),
    measure: 'wall',
    warmUp: 30,
    run: (port) => openMany(port, 'TLSv1.3', undefined, connections, 1),
  },
  {
    ...handshakes('loop', 'event-loop p99, 200 a second', 1.0, 'none', 'TLSv1.3'),
    measure: 'loop',
    units: 1,
    warmUp: 12,
    run: (port) => openAtRate(port, 'TLSv1.3', 100, 200),
  },
];

function handshakes(
  name: string,
  unit: string,
  target: number,
  resumption: Row['resumption'],
  version: Row['version'],
  resumes?: true,
): Row & { key: string } {
  const run = (port: number, session: Buffer | undefined) => openMany(port, version, session, connections, 8);
  return {
    key: name,
    name: unit,
    unit: 'handshake',
    target,
    resumption,
    version,
    units: connections,
    warmUp: 60,
    run,
    resumes,
  };
}

function bulk(key: string, name: string, target: number, job: number): Row & { key: string } {
  const bytes = megabytes * 2 ** 20;
  const run = async (port: number): Promise<void> => {
    const socket = await open(port, 'TLSv1.3');
    const first = Buffer.alloc(5);
    first[0] = job;
    first.writeUInt32BE(bytes, 1);
    socket.write(first);
    if (job === 1) {
      let left = bytes;
      await new Promise<void>((resolve) => {
        socket.on('data', (chunk: Buffer) => {
          left -= chunk.length;
          if (left <= 0) resolve();
        });
      });
    } else {
      const block = Buffer.alloc(256 * 1024, 7);
      for (let sent = 0; sent < bytes; sent += block.length) {
        if (!socket.write(block)) await once(socket, 'drain');
      }
      await once(socket, 'data');
    }
    socket.destroy();
  };
  return { key, name, unit: 'GB', target, resumption: 'none', version: 'TLSv1.3', units: bytes / 1e9, warmUp: 12, run };
}

function echo(key: string, name: string, target: number, size: number): Row & { key: string } {
  const run = async (port: number): Promise<void> => {
    const socket = await open(port, 'TLSv1.3');
    socket.write(Uint8Array.of(0));
    const message = Buffer.alloc(size, 7);
    let left = messages;
    await new Promise<void>((resolve) => {
      let got = 0;
      socket.on('data', (chunk: Buffer) => {
        got += chunk.length;
        if (got < size) return;
        got -= size;
        if (--left === 0) resolve();
        else socket.write(message);
      });
      socket.write(message);
    });
    socket.destroy();
  };
  return {
    key,
    name,
    unit: 'message',
    target,
    resumption: 'none',
    version: 'TLSv1.3',
    units: messages,
    warmUp: 20,
    run,
  };
}

function clientOptions(port: number, version: Row['version'], session?: Buffer): tls.ConnectionOptions {
  return {
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: rootPem,
    secureContext: contextFor(version),
    ...(session && { session }),
  };
}

const contexts = new Map<string, tls.SecureContext>();

/** One context for all connections: the client must not be the bottleneck. */
function contextFor(version: Row['version']): tls.SecureContext {
  let context = contexts.get(version);
  if (context === undefined) {
    context = tls.createSecureContext({
      ca: rootPem,
      minVersion: version,
      maxVersion: version,
      ecdhCurve: 'X25519:P-256',
    });
    contexts.set(version, context);
  }
  return context;
}

/** One connection: handshake, a byte there and back, orderly close. */
async function visit(port: number, version: Row['version'], session?: Buffer): Promise<void> {
  const socket = await open(port, version, session);
  if (session !== undefined && !socket.isSessionReused()) throw new Error('the session was not resumed');
  socket.write(Uint8Array.of(0, 1));
  await once(socket, 'data');
  const closed = once(socket, 'close');
  socket.end();
  await closed;
}

async function open(port: number, version: Row['version'], session?: Buffer): Promise<tls.TLSSocket> {
  const socket = tls.connect(clientOptions(port, version, session));
  socket.setNoDelay(true);
  await once(socket, 'secureConnect');
  return socket;
}

/** Opens connections one after the other in so many lanes. */
async function openMany(
  port: number,
  version: Row['version'],
  session: Buffer | undefined,
  count: number,
  lanes: number,
): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await visit(port, version, session);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Opens connections at a fixed rate, as clients that know nothing of each other do. */
async function openAtRate(port: number, version: Row['version'], count: number, perSecond: number): Promise<void> {
  const start = performance.now();
  const visits: Promise<void>[] = [];
  for (let i = 0; i < count; i++) {
    const due = start + (1000 * i) / perSecond - performance.now();
    if (due > 0) await new Promise((resolve) => setTimeout(resolve, due));
    visits.push(visit(port, version));
  }
  await Promise.all(visits);
}

/** Who is compared: ours over node:crypto, ours with an accelerator, and node:tls last. */
interface Contender {
  readonly kind: ServerKind;
  readonly accelerated: boolean;
}

class Server extends ServerProcess {
  constructor({ kind, accelerated }: Contender, resumption: Row['resumption']) {
    const { keyFile, chainFile } = testIdentity('ecdsa-p256');
    super(serverFile, [kind, resumption, keyFile, chainFile], { HANDFAST_ACCELERATOR: accelerated ? 'on' : 'off' });
  }
}

/** A session to resume with: the last ticket, or the session of TLS 1.2. */
async function fetchSession(port: number, version: Row['version']): Promise<Buffer> {
  const socket = await open(port, version);
  const ticket = version === 'TLSv1.3' ? once(socket, 'session') : undefined;
  socket.write(Uint8Array.of(0, 1));
  await once(socket, 'data');
  const session = ticket === undefined ? socket.getSession() : ((await ticket)[0] as Buffer);
  socket.destroy();
  if (session === undefined) throw new Error('the server gave no session');
  return session;
}

async function measure(row: Row, server: Server, session: Buffer | undefined): Promise<Sample> {
  if (row.measure === 'loop') server.watch();
  const before = await server.cpu();
  const start = performance.now();
  await row.run(server.port, session);
  const wall = performance.now() - start;
  const cpu = (await server.cpu()) - before;
  return { cpu, wall, loop: row.measure === 'loop' ? await server.eventLoopDelay() : 0 };
}

/** The turns of servers that start for this: in each, one sample of every contender. */
async function takeTurns(row: Row, contenders: readonly Contender[], count: number): Promise<Sample[][]> {
  const servers = contenders.map((contender) => new Server(contender, row.resumption));
  await Promise.all(servers.map((server) => server.ready()));
  const sessions: (Buffer | undefined)[] = [];
  for (const { port } of servers) sessions.push(row.resumes && (await fetchSession(port, row.version)));
  const turns: Sample[][] = [];
  for (let i = 0; i < row.warmUp + count; i++) {
    const turn: Sample[] = [];
    for (const [k, server] of servers.entries()) turn.push(await measure(row, server, sessions[k]));
    if (i >= row.warmUp) turns.push(turn);
  }
  for (const server of servers) server.stop();
  return turns;
}

async function compare(row: Row, contenders: readonly Contender[], turnsEach: number): Promise<void> {
  const turns: Sample[][] = [];
  for (let i = 0; i < generations; i++) turns.push(...(await takeTurns(row, contenders, turnsEach)));
  const key = row.measure ?? 'cpu';
  const scale = key !== 'cpu' ? 1000 : row.unit === 'GB' ? 1e-6 : 1;
  const node = contenders.length - 1;
  const cost = (turn: readonly Sample[], i: number) => ((turn[i] as Sample)[key] * scale) / row.units;
  const each = (i: number) => median(turns.map((turn) => cost(turn, i))).toFixed(2);
  const cells = contenders.slice(0, -1).map((_, i) => {
    const ratios = turns.map((turn) => cost(turn, i) / cost(turn, node));
    const ratio = median(ratios);
    const spread = `(${quantile(ratios, 0.25).toFixed(2)}-${quantile(ratios, 0.75).toFixed(2)})`;
    const verdict = ratio <= row.target ? 'met' : 'missed';
    return `${each(i).padStart(9)} ${ratio.toFixed(2).padStart(5)} ${spread} ${verdict.padEnd(6)}`;
  });
  const label = row.unit === 'GB' ? 's/GB' : 'µs';
  console.log(
    `${row.name.padEnd(28)} ${each(node).padStart(8)} ${label.padEnd(4)}  target ${row.target.toFixed(2)} ${cells.join(' ')}`,
  );
}

/** Resident memory of a server with many idle connections, per connection. */
async function idleMemory(contenders: readonly Contender[], count: number): Promise<void> {
  const kibibytes: number[] = [];
  for (const contender of contenders) {
    const server = new Server(contender, 'none');
    await server.ready();
    await openMany(server.port, 'TLSv1.3', undefined, 200, 8);
    const before = await server.memory();
    const sockets: tls.TLSSocket[] = [];
    for (let i = 0; i < count; i += 50) {
      const some = Array.from({ length: 50 }, () => open(server.port, 'TLSv1.3'));
      sockets.push(...(await Promise.all(some)));
    }
    kibibytes.push(((await server.memory()) - before) / count / 1024);
    for (const socket of sockets) socket.destroy();
    server.stop();
  }
  const node = kibibytes.pop() as number;
  const cells = kibibytes.map((size) => {
    const ratio = (size / node).toFixed(2).padStart(5);
    return `${size.toFixed(1).padStart(9)} ${ratio} ${''.padEnd(11)} ${(size <= 12 ? 'met' : 'missed').padEnd(6)}`;
  });
  console.log(
    `${`memory of ${count} idle, each`.padEnd(28)} ${node.toFixed(1).padStart(8)} KiB   target   12 ${cells.join(' ')}`,
  );
}

const words = process.argv.slice(2);
const kinds: readonly ServerKind[] = words.includes('--engine')
  ? ['engine']
  : words.includes('--tls')
    ? ['handfast']
    : ['engine', 'handfast'];
const quick = words.includes('--quick');
const wanted = words.filter((word) => !word.startsWith('--'));
const native = words.includes('--plain') ? undefined : accelerator();
const contenders: readonly Contender[] = [
  ...[false, ...(native === undefined ? [] : [true])].flatMap((accelerated) =>
    kinds.map((kind) => ({ kind, accelerated })),
  ),
  { kind: 'node', accelerated: false },
];
const keyed = rows as readonly (Row & { key: string })[];
console.log(
  `Node ${process.version}, ${process.platform} ${process.arch}; CPU of the server, its ratio to node:tls (and in which half of the turns are)`,
);
const titles = contenders
  .slice(0, -1)
  .map(({ kind, accelerated }) => `${kind}${accelerated ? `+${native?.name.split(' ')[0]}` : ''}`.padEnd(34));
console.log(`${''.padEnd(28)} ${'node:tls'.padStart(8)} ${''.padEnd(18)}  ${titles.join(' ')}`);
for (const row of keyed) {
  if (wanted.length === 0 || wanted.includes(row.key)) await compare(row, contenders, quick ? 8 : 25);
}
if (wanted.length === 0 || wanted.includes('memory')) await idleMemory(contenders, quick ? 1000 : 10_000);
process.exit();
