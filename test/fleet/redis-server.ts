import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../helpers/listening.ts';

/** Another version's server, by HANDFAST_REDIS_SERVER: a path, or the name of a program. */
const program = process.env['HANDFAST_REDIS_SERVER'] ?? 'redis-server';

/** Why these tests are skipped, or `false` where a Redis server is installed. */
export const noRedis: string | false =
  spawnSync(program, ['--version']).status === 0 ? false : `${program} is not installed`;

/** A Redis server of the test's own, on 127.0.0.1, that keeps nothing on disk. */
export class RedisServer {
  readonly port: number;
  readonly folder: string;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  constructor(port: number, args: readonly string[] = []) {
    this.port = port;
    this.folder = mkdtempSync(join(tmpdir(), 'handfast-redis-'));
    this.#args = args;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    this.#process = spawn(program, [...args, '--dir', this.folder, ...this.#args], { stdio: 'ignore' });
    const child = this.#process;
    process.once('exit', () => child.kill('SIGKILL'));
    for (let attempt = 0; attempt < 200; attempt++) {
      if (this.cli('PING') === 'PONG') return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('redis-server did not start');
  }

  /** Kills it at once: what it held is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill('SIGKILL');
    });
  }

  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Asks it by redis-cli; the answer as text, empty where there is none. */
  cli(...args: string[]): string {
    try {
      return execFileSync('redis-cli', ['-h', '127.0.0.1', '-p', String(this.port), ...args], {
        stdio: ['ignore', 'pipe', 'ignore'],
        timeout: 5000,
      })
        .toString()
        .trim();
    } catch {
      return '';
    }
  }

  /** The same, byte for byte as Latin-1. */
  raw(...args: string[]): string {
    const all = ['-h', '127.0.0.1', '-p', String(this.port), '--raw', ...args];
    return execFileSync('redis-cli', all, { timeout: 5000 }).toString('latin1');
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Three masters, and a replica of the first. */
export async function startCluster(): Promise<RedisServer[]> {
  const servers: RedisServer[] = [];
  for (let i = 0; i < 4; i++) {
    const [port, bus] = [await freePort(), await freePort()];
    const args = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf', '--cluster-node-timeout', '1500'];
    servers.push(
      new RedisServer(port, [...args, '--cluster-port', String(bus), '--cluster-require-full-coverage', 'no']),
    );
  }
  await Promise.all(servers.map((server) => server.start()));
  const [first, , , replica] = servers as [RedisServer, RedisServer, RedisServer, RedisServer];
  const masters = servers.slice(0, 3);
  const ranges = [
    [0, 5460],
    [5461, 10922],
    [10923, 16383],
  ];
  for (const [i, master] of masters.entries()) {
    const [from, to] = ranges[i] as [number, number];
    master.cli('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
    master.cli('CONFIG', 'SET', 'cluster-replica-validity-factor', '0');
  }
  const busOf = (server: RedisServer) => server.cli('CONFIG', 'GET', 'cluster-port').split('\n')[1] as string;
  for (const server of servers.slice(1)) first.cli('CLUSTER', 'MEET', '127.0.0.1', String(server.port), busOf(server));
  await until(() => servers.every((server) => server.cli('CLUSTER', 'INFO').includes('cluster_known_nodes:4')));
  const id = first.cli('CLUSTER', 'MYID');
  await until(() => replica.cli('CLUSTER', 'REPLICATE', id) === 'OK');
  await until(() => servers.every((server) => server.cli('CLUSTER', 'INFO').includes('cluster_state:ok')));
  await until(() => replica.cli('INFO', 'replication').includes('master_link_status:up'));
  return servers;
}

/** Waits until something holds; throws after `limit` ms. */
export async function until(holds: () => boolean | Promise<boolean>, limit = 20_000): Promise<void> {
  const end = Date.now() + limit;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('it never came to hold');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
