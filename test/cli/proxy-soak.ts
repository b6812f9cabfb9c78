/**
 * `handfast proxy` in front of an app under load, while its certificate changes and its workers are killed.
 * No request may fail but those that were on a connection of a killed worker when it died.
 *
 *     node --import tsx test/cli/proxy-soak.ts [--seconds=600] [--rate=40] [--kill-every=11]
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { environment, program } from './run.ts';

const flag = (name: string, standard: number): number =>
  Number(process.argv.find((word) => word.startsWith(`--${name}=`))?.split('=')[1] ?? standard);
const seconds = flag('seconds', 600);
const rate = flag('rate', 40);
const patience = 20_000;

const home = mkdtempSync(join(tmpdir(), 'handfast-soak-'));
const wait = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

/** The app: answers with a hash of what it got and with as many bytes as asked for, some of it late. */
const app = createServer((incoming, response) => {
  const hash = createHash('sha256');
  incoming.on('data', (bytes: Buffer) => hash.update(bytes));
  incoming.on('end', () => {
    const url = new URL(incoming.url ?? '/', 'http://app');
    const size = Number(url.searchParams.get('size') ?? 0);
    response.setHeader('x-got', hash.digest('hex'));
    response.write(Buffer.alloc(size / 2, 'a'));
    setTimeout(() => response.end(Buffer.alloc(size - size / 2, 'b')), Number(url.searchParams.get('late') ?? 0));
  });
});

interface Tally {
  requests: number;
  resumed: number;
  connections: number;
  onKilled: number;
  failures: string[];
  certificates: Set<string>;
}
const tally: Tally = {
  requests: 0,
  resumed: 0,
  connections: 0,
  onKilled: 0,
  failures: [],
  certificates: new Set(),
};
/** Ports of clients whose connection a worker held when it was killed. */
const killed = new Set<number>();

interface Question {
  readonly body: Buffer;
  readonly size: number;
  readonly late: number;
}

function question(): Question {
  const body = Math.random() < 0.3 ? randomBytes(1 + Math.floor(Math.random() * 100_000)) : Buffer.alloc(0);
  return { body, size: 2 * Math.floor(Math.random() * 60_000), late: Math.random() < 0.3 ? 400 : 0 };
}

function check({ body, size }: Question, status: number | undefined, got: unknown, bytes: number): void {
  if (status !== 200) throw new Error(`status ${status}`);
  if (got !== createHash('sha256').update(body).digest('hex')) throw new Error('the app got another body');
  if (bytes !== size) throw new Error(`${bytes} bytes instead of ${size}`);
}

/** A failure is counted unless its connection was on a worker that was killed. */
async function attempt(kind: string, run: (port: (is: number) => void) => Promise<void>): Promise<void> {
  let local = 0;
  let timer: NodeJS.Timeout | undefined;
  tally.requests++;
  try {
    const late = new Promise<never>((_, fail) => {
      timer = setTimeout(() => fail(new Error(`no answer in ${patience / 1000} s`)), patience);
    });
    await Promise.race([run((port) => (local = port)), late]);
  } catch (error) {
    if (killed.has(local)) tally.onKilled++;
    else tally.failures.push(`${new Date().toISOString()} ${kind} from port ${local}: ${(error as Error).message}`);
  } finally {
    clearTimeout(timer);
  }
}

function overHttp1(port: number, ca: Buffer, agent: Agent): Promise<void> {
  const asked = question();
  return attempt(agent.options.keepAlive === true ? 'HTTP/1.1, kept' : 'HTTP/1.1, new', (tell) => {
    return new Promise((done, fail) => {
      const sent = request(
        {
          ...{ host: '127.0.0.1', port, servername: 'localhost', ca, agent },
          path: `/?size=${asked.size}&late=${asked.late}`,
          method: asked.body.length > 0 ? 'POST' : 'GET',
          headers: { host: 'localhost', 'content-length': asked.body.length },
        },
        (response) => {
          let bytes = 0;
          response.on('data', (part: Buffer) => (bytes += part.length));
          response.on('error', fail);
          response.on('end', () => {
            try {
              check(asked, response.statusCode, response.headers['x-got'], bytes);
              done();
            } catch (error) {
              fail(error as Error);
            }
          });
        },
      );
      sent.on('socket', (socket) => {
        const secure = socket as TLSSocket;
        if (!secure.connecting) return tell(secure.localPort as number);
        tally.connections++;
        socket.once('connect', () => tell(secure.localPort as number));
        secure.once('secureConnect', () => {
          if (secure.isSessionReused()) tally.resumed++;
          else tally.certificates.add(secure.getPeerCertificate().fingerprint256);
        });
      });
      sent.on('error', (error) =>
        fail(new Error(`${error.message}${sent.reusedSocket ? ' on a reused connection' : ''}`)),
      );
      sent.end(asked.body);
    });
  });
}

let session: { http2: ClientHttp2Session; local: number } | undefined;

function overHttp2(port: number, ca: Buffer): Promise<void> {
  const asked = question();
  return attempt('HTTP/2', async (tell) => {
    if (session === undefined || session.http2.closed || session.http2.destroyed) {
      const http2 = connectHttp2(`https://127.0.0.1:${port}`, { ca, servername: 'localhost' });
      const mine = { http2, local: 0 };
      session = mine;
      tally.connections++;
      http2.on('error', () => {});
      http2.on('connect', () => (mine.local = http2.socket.localPort ?? 0));
      http2.on('close', () => {
        if (session === mine) session = undefined;
      });
    }
    const mine = session;
    const empty = asked.body.length === 0;
    const stream = mine.http2.request(
      { ':path': `/?size=${asked.size}&late=${asked.late}`, ':method': empty ? 'GET' : 'POST' },
      { endStream: empty },
    );
    let bytes = 0;
    let headers: Record<string, unknown> = {};
    stream.on('response', (these) => (headers = these));
    if (!empty) stream.end(asked.body);
    try {
      for await (const part of stream) bytes += (part as Buffer).length;
    } finally {
      tell(mine.local);
    }
    check(asked, headers[':status'] as number, headers['x-got'], bytes);
  });
}

function workersOf(proxy: ChildProcess): number[] {
  const text = readFileSync(`/proc/${proxy.pid}/task/${proxy.pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

/** Ports of the clients whose connections a process holds. */
function clientPorts(pid: number, port: number): number[] {
  const inodes = new Set<string>();
  for (const entry of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const link = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${entry}`));
      if (link !== null) inodes.add(link[1] as string);
    } catch {
      // Closed meanwhile.
    }
  }
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => inodes.has(fields[9] ?? '') && Number.parseInt(fields[1]?.split(':')[1] ?? '', 16) === port)
    .map((fields) => Number.parseInt(fields[2]?.split(':')[1] ?? '0', 16));
}

async function main(): Promise<number> {
  const file = program();
  const run = (...words: string[]) =>
    spawnSync(process.execPath, [file, ...words], { cwd: home, env: environment(home), encoding: 'utf8' });
  for (const name of ['a', 'b']) {
    const made = run('ca', 'issue', 'localhost', '--out', name);
    if (made.status !== 0) throw new Error(made.stderr);
  }
  const use = (name: string) => {
    for (const end of ['pem', 'key']) copyFileSync(join(home, `${name}.${end}`), join(home, `live.${end}`));
  };
  use('a');
  await new Promise<void>((done) => app.listen(0, '127.0.0.1', done));
  const probe = createServer();
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done));
  const { port } = probe.address() as AddressInfo;
  await new Promise((done) => probe.close(done));
  const to = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  const words = ['--to', to, '--listen', `127.0.0.1:${port}`, '--workers', '2', '--metrics', 'off'];
  const proxy = spawn(process.execPath, [file, 'proxy', ...words, '--cert', 'live.pem', '--key', 'live.key'], {
    cwd: home,
    env: environment(home),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [proxy.stdout, proxy.stderr]) stream.on('data', (text) => (said = (said + text).slice(-4_000)));
  const exited = new Promise<number | null>((done) => proxy.on('exit', done));
  while (!/HTTPS on/.test(said)) {
    if (proxy.exitCode !== null) throw new Error(said);
    await wait(50);
  }

  const ca = readFileSync(join(home, 'ca', 'root.pem'));
  const kept = new Agent({ keepAlive: true, maxSockets: 6 });
  const fresh = new Agent({ keepAlive: false, maxCachedSessions: 100 });
  const end = Date.now() + 1000 * seconds;
  const open = new Set<Promise<void>>();
  let [reloads, kills, next] = [0, 0, 0];
  const reload = setInterval(() => {
    use(next++ % 2 === 0 ? 'b' : 'a');
    proxy.kill('SIGHUP');
    reloads++;
  }, 7_000);
  const kill = setInterval(() => {
    const workers = workersOf(proxy);
    const victim = workers[kills % workers.length];
    if (workers.length < 2 || victim === undefined) return;
    // Stopped first, so that what it holds is known exactly.
    process.kill(victim, 'SIGSTOP');
    for (const each of clientPorts(victim, port)) killed.add(each);
    process.kill(victim, 'SIGKILL');
    kills++;
  }, 1000 * flag('kill-every', 11));
  for (let i = 0; Date.now() < end; i++) {
    const kind = i % 4;
    const one = kind === 0 ? overHttp2(port, ca) : overHttp1(port, ca, kind === 1 ? fresh : kept);
    open.add(one);
    void one.finally(() => open.delete(one));
    await wait(1000 / rate);
  }
  clearInterval(reload);
  clearInterval(kill);
  await Promise.all(open);
  session?.http2.close();
  kept.destroy();
  proxy.kill('SIGTERM');
  const code = await exited;
  app.close();
  const { failures, certificates, ...counts } = tally;
  const figures = { seconds, ...counts, reloads, kills, certificatesSeen: certificates.size, failed: failures.length };
  console.log(JSON.stringify(figures, undefined, 2));
  for (const failure of failures.slice(0, 30)) console.log(failure);
  if (failures.length > 0 || code !== 0) console.log(`the proxy ended with ${code} and said:\n${said}`);
  return failures.length === 0 && code === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} finally {
  rmSync(home, { recursive: true, force: true, maxRetries: 3 });
}
