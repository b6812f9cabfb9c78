/**
 * HTTPS servers under the load generators that people use: pairs of server processes, over Handfast
 * (`--import handfast/register`) and over node:tls, take turns (A, B, A, B …) under wrk, h2load and autocannon.
 * Compared are the server's own CPU time a request (user + system) and the latency of the 99th percentile.
 * Ratios below 1 are in our favour.
 *
 *     npm run bench:https                                  every row whose tool is installed
 *     npm run bench:https -- wrk handshakes                only these rows
 *     npm run bench:https -- --autocannon=<folder>         with the autocannon in that folder's node_modules
 *     npm run bench:https -- --accelerator                 Handfast with sodium-native beside node:crypto
 *
 * wrk and h2load come as Debian's wrk and nghttp2-client.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { accelerator } from '../src/crypto/node-accelerator.ts';
import { rootPem, testIdentity } from '../test/helpers/pki.ts';
import { buildServer, median, ServerProcess } from './server-process.ts';

interface Outcome {
  /** Requests answered, each with 200. */
  readonly requests: number;
  /** Milliseconds. */
  readonly p99?: number;
}

interface Row {
  readonly key: string;
  readonly name: string;
  readonly tool: 'wrk' | 'h2load' | 'autocannon';
  readonly protocol: 'https' | 'http2';
  readonly unit: 'requests' | 'handshakes';
  /** The most CPU time that a unit may cost, as a multiple of node:tls. */
  readonly target: number;
  load(port: number): Promise<Outcome>;
}

const words = process.argv.slice(2);
const quick = words.includes('--quick');
const wanted = words.filter((word) => !word.startsWith('--'));
const autocannonFolder = words.find((word) => word.startsWith('--autocannon='))?.slice('--autocannon='.length);
const setting = words.includes('--accelerator') ? 'on' : 'off';
const seconds = quick ? 1 : 4;
const rounds = quick ? 3 : 7;
const warmUpRounds = quick ? 1 : 3;
const scratch = mkdtempSync(join(tmpdir(), 'handfast-bench-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const rows: readonly Row[] = [
  wrk('wrk', 'HTTP/1.1, 13 B, wrk', 13),
  wrk('wrk16k', 'HTTP/1.1, 16 KiB, wrk', 16_384),
  wrk('wrk256k', 'HTTP/1.1, 256 KiB, wrk', 262_144),
  h2load('h2load', 'HTTP/2, 13 B, h2load', 13),
  h2load('h2load16k', 'HTTP/2, 16 KiB, h2load', 16_384),
  autocannon('autocannon', 'HTTP/1.1, 13 B, autocannon', undefined),
  autocannon('autocannonRate', '… at 1,500 a second', 1_500),
  handshakes(),
];

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      error ? reject(new Error(`${command} ${args.join(' ')}: ${error.message}\n${stderr}`)) : resolve(stdout),
    );
  });
}

function found(text: string, pattern: RegExp): string {
  const value = pattern.exec(text)?.[1];
  if (value === undefined) throw new Error(`${pattern} is not in the tool's output:\n${text}`);
  return value;
}

/** A duration as wrk writes it, in milliseconds. */
function milliseconds(text: string): number {
  const scale = text.endsWith('us') ? 1e-3 : text.endsWith('ms') ? 1 : text.endsWith('m') ? 60_000 : 1000;
  return Number.parseFloat(text) * scale;
}

function wrk(key: string, name: string, size: number): Row {
  const load = async (port: number): Promise<Outcome> => {
    const url = `https://127.0.0.1:${port}/${size}`;
    const output = await run('wrk', ['-t1', '-c50', `-d${seconds}s`, '--latency', url]);
    if (/Non-2xx|Socket errors/.test(output)) throw new Error(output);
    return {
      requests: Number(found(output, /(\d+) requests in/)),
      p99: milliseconds(found(output, /99%\s+(\S+)/)),
    };
  };
  return { key, name, tool: 'wrk', protocol: 'https', unit: 'requests', target: 1.5, load };
}

/** The 99th percentile of h2load's log: start, status, microseconds in every line. */
function percentileOfLog(file: string): number {
  const times = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split('\t')[2]))
    .sort((a, b) => a - b);
  return (times[Math.floor(times.length * 0.99)] ?? Number.NaN) / 1000;
}

function succeeded(output: string): number {
  if (!/ 0 failed, 0 errored, 0 timeout/.test(output)) throw new Error(output);
  return Number(found(output, /(\d+) succeeded/));
}

function h2load(key: string, name: string, size: number): Row {
  const load = async (port: number): Promise<Outcome> => {
    const log = join(scratch, 'h2load.log');
    rmSync(log, { force: true });
    const url = `https://127.0.0.1:${port}/${size}`;
    const output = await run('h2load', ['-t1', '-c10', '-m10', `-D${seconds}`, `--log-file=${log}`, url]);
    return { requests: succeeded(output), p99: percentileOfLog(log) };
  };
  return { key, name, tool: 'h2load', protocol: 'http2', unit: 'requests', target: 1.5, load };
}

/** New connections, full handshakes (h2load resumes none), and one request on each. */
function handshakes(): Row {
  const load = async (port: number): Promise<Outcome> => {
    let requests = 0;
    for (let i = 0; i < (quick ? 1 : 4); i++) {
      const args = ['--h1', '-t1', '-c200', '-n200', `https://127.0.0.1:${port}/13`];
      const output = await run('h2load', args);
      if (!output.includes('TLS Protocol: TLSv1.3')) throw new Error(output);
      requests += succeeded(output);
    }
    return { requests };
  };
  const name = 'full TLS 1.3 handshake and a request, h2load';
  return { key: 'handshakes', name, tool: 'h2load', protocol: 'https', unit: 'handshakes', target: 0.8, load };
}

/** At most `rate` requests a second, where one is given: then latency is compared under the same load. */
function autocannon(key: string, name: string, rate: number | undefined): Row {
  const load = async (port: number): Promise<Outcome> => {
    const program = join(autocannonFolder ?? '.', 'node_modules', 'autocannon', 'autocannon.js');
    const limits = ['-c', '50', '-d', String(seconds), ...(rate === undefined ? [] : ['-R', String(rate)])];
    const url = `https://127.0.0.1:${port}/13`;
    const output = await run(process.execPath, [program, ...limits, '--json', '--no-progress', url]);
    const result = JSON.parse(output) as Record<'errors' | 'timeouts' | 'non2xx' | '2xx', number> & {
      latency: { p99: number };
    };
    if (result.errors + result.timeouts + result.non2xx > 0) throw new Error(output);
    return { requests: result['2xx'], p99: result.latency.p99 };
  };
  return { key, name, tool: 'autocannon', protocol: 'https', unit: 'requests', target: 1.5, load };
}

async function available(tool: Row['tool']): Promise<boolean> {
  if (tool === 'autocannon') {
    return autocannonFolder !== undefined && existsSync(join(autocannonFolder, 'node_modules', 'autocannon'));
  }
  return run(tool, [tool === 'wrk' ? '-v' : '--version']).then(
    () => true,
    // wrk tells its version with status 1.
    (error: Error) => !error.message.includes('ENOENT'),
  );
}

const serverFile = await buildServer('https-server.ts');
const register = pathToFileURL(fileURLToPath(new URL('../dist/node/register.js', import.meta.url))).href;

async function startPair(protocol: Row['protocol']): Promise<readonly [ServerProcess, ServerProcess]> {
  const { keyFile, chainFile } = testIdentity('ecdsa-p256');
  const words = [protocol, keyFile, chainFile];
  const pair = [
    new ServerProcess(serverFile, words, { HANDFAST_ACCELERATOR: setting }, ['--import', register]),
    new ServerProcess(serverFile, words, {}),
  ] as const;
  await Promise.all(pair.map((server) => server.ready()));
  return pair;
}

interface Sample {
  /** CPU microseconds a request. */
  readonly cpu: number;
  readonly p99: number | undefined;
}

async function measure(row: Row, server: ServerProcess): Promise<Sample> {
  const before = await server.cpu();
  const { requests, p99 } = await row.load(server.port);
  return { cpu: ((await server.cpu()) - before) / requests, p99 };
}

async function compare(row: Row): Promise<void> {
  const [ours, node] = await startPair(row.protocol);
  for (let round = 0; round < warmUpRounds; round++) {
    await measure(row, ours);
    await measure(row, node);
  }
  const pairs: [Sample, Sample][] = [];
  for (let round = 0; round < rounds; round++) pairs.push([await measure(row, ours), await measure(row, node)]);
  ours.stop();
  node.stop();
  const cost = median(pairs.map(([a, b]) => a.cpu / b.cpu));
  const perSecond = (i: 0 | 1) => Math.round(1e6 / median(pairs.map((pair) => pair[i].cpu)));
  console.log(
    `${row.name.padEnd(46)} ${String(perSecond(0)).padStart(6)} ${String(perSecond(1)).padStart(6)} ${row.unit} a CPU-second,` +
      ` cost ${cost.toFixed(2)}  target ${row.target.toFixed(2)}  ${cost <= row.target ? 'met' : 'missed'}`,
  );
  if (pairs.some(([a]) => a.p99 === undefined)) return;
  const p99 = (i: 0 | 1) => median(pairs.map((pair) => pair[i].p99 as number)).toFixed(2);
  const slower = median(pairs.map(([a, b]) => (a.p99 as number) / (b.p99 as number)));
  console.log(`${''.padEnd(46)} ${p99(0).padStart(6)} ${p99(1).padStart(6)} ms p99, ratio ${slower.toFixed(2)}`);
}

const clientContext = tls.createSecureContext({ ca: rootPem, ecdhCurve: 'X25519:P-256' });

/** A connection that has had its answer and stays open. */
async function idle(port: number): Promise<tls.TLSSocket> {
  const options = { host: '127.0.0.1', port, servername: 'localhost', secureContext: clientContext };
  const socket = tls.connect(options);
  socket.write('GET /13 HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  if (!answer.toString('latin1').startsWith('HTTP/1.1 200 ')) throw new Error(answer.toString('latin1'));
  return socket;
}

/** Resident memory of a server with many connections that have each had one answer, per connection. */
async function idleMemory(count: number): Promise<void> {
  const perConnection: number[] = [];
  for (const server of await startPair('https')) {
    const open = async (many: number): Promise<tls.TLSSocket[]> => {
      const sockets: tls.TLSSocket[] = [];
      for (let i = 0; i < many; i += 50) {
        sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => idle(server.port)))));
      }
      return sockets;
    };
    for (const socket of await open(500)) socket.destroy();
    const before = await server.memory();
    const sockets = await open(count);
    perConnection.push(((await server.memory()) - before) / count / 1024);
    for (const socket of sockets) socket.destroy();
    server.stop();
  }
  const [mine = 0, node = 0] = perConnection;
  console.log(
    `${`memory of ${count} idle connections, each`.padEnd(46)} ${mine.toFixed(1).padStart(6)} ${node.toFixed(1).padStart(6)} KiB,` +
      ` ratio ${(mine / node).toFixed(2)}`,
  );
}

console.log(
  `Node ${process.version}, ${process.platform} ${process.arch};` +
    ` left: Handfast${setting === 'on' ? ` with ${accelerator()?.name}` : ''}, right: node:tls`,
);
for (const row of rows) {
  if (wanted.length > 0 && !wanted.includes(row.key)) continue;
  if (await available(row.tool)) await compare(row);
  else console.log(`${row.name.padEnd(46)} left out: ${row.tool} is not there`);
}
if (wanted.length === 0 || wanted.includes('memory')) await idleMemory(quick ? 1000 : 10_000);
process.exit();
