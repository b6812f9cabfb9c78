/** Runs the command in a process of its own, with a home of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
let bundled: string | undefined;

/** The command from the sources, bundled once for each file of tests: it starts ten times as fast as through tsx. */
export function program(): string {
  if (bundled !== undefined) return bundled;
  const folder = mkdtempSync(join(tmpdir(), 'handfast-cli-program-'));
  // Some tests run it as another user.
  chmodSync(folder, 0o755);
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  buildSync({
    entryPoints: [join(root, 'src', 'cli', 'main.ts')],
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    outExtension: { '.js': '.mjs' },
    external: ['@redis/client', 'prom-client'],
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  bundled = join(folder, 'handfast.mjs');
  writeFileSync(bundled, "import { main } from './main.mjs';\nprocess.exitCode = await main(process.argv.slice(2));\n");
  // What is not bundled is found as if the program were in the project.
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return bundled;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder that is gone after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'handfast-cli-'));
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/** An environment in which only this home exists, without colours. */
export function environment(home: string, more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _, NO_COLOR: __, FORCE_COLOR: ___, ...rest } = process.env;
  return { ...rest, HANDFAST_HOME: home, HOME: home, ...more };
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Number of the user and the group to run as: only root can. */
  readonly user?: number | undefined;
}

function spawnOptions(home: string, { cwd, env, user }: RunOptions) {
  return { env: environment(home, env), cwd: cwd ?? home, ...(user === undefined ? {} : { uid: user, gid: user }) };
}

/** Runs a command to its end. */
export function handfast(home: string, words: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = spawn(process.execPath, [program(), ...words], {
    ...spawnOptions(home, options),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return finished(child, 60_000);
}

function finished(child: ChildProcess, limit: number): Promise<Finished> {
  return new Promise((resolve) => {
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (text) => (stdout += text));
    child.stderr?.on('data', (text) => (stderr += text));
    const timer = setTimeout(() => child.kill('SIGKILL'), limit);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}

export interface Running {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly output: () => string;
  /** Waits until it has printed something. */
  readonly until: (pattern: RegExp) => Promise<RegExpExecArray>;
  /** Ends it by a signal; its exit code. */
  readonly end: (signal?: NodeJS.Signals) => Promise<number | null>;
}

/** Starts a command that goes on; it is killed after the tests of the file at the latest. */
export function start(
  home: string,
  words: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Running {
  const child = spawn(process.execPath, [program(), ...words], {
    env: environment(home, options.env),
    cwd: options.cwd ?? home,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
      for (const listener of listeners) listener();
    });
  }
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  after(() => child.kill('SIGKILL'));
  return {
    child,
    output: () => output,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${pattern} in:\n${output}`)), 30_000);
        const look = () => {
          const match = pattern.exec(output);
          if (match === null) return;
          clearTimeout(timer);
          listeners.delete(look);
          resolve(match);
        };
        listeners.add(look);
        closed.then(() => {
          look();
          clearTimeout(timer);
          reject(new Error(`it ended without ${pattern}:\n${output}`));
        });
        look();
      }),
    end: (signal = 'SIGTERM') => {
      child.kill(signal);
      return closed;
    },
  };
}

/** Starts `serve` on a free port; its port. */
export async function startServe(
  home: string,
  words: readonly string[] = [],
): Promise<Running & { port: number; url: string }> {
  const running = start(home, ['serve', '--port', '0', '--metrics', 'off', ...words]);
  const [, port] = await running.until(/at https:\/\/localhost:(\d+)/);
  return { ...running, port: Number(port), url: `https://localhost:${port}` };
}

/** All that comes back over HTTP/1.1 until the other side ends, or until `enough`. */
export async function rawRequest(port: number, ca: Buffer, text: string, enough?: RegExp): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca, ALPNProtocols: ['http/1.1'] });
  socket.on('error', () => {});
  socket.write(text, 'latin1');
  let heard = '';
  const timer = setTimeout(() => socket.destroy(), 10_000);
  for await (const part of socket) {
    heard += part;
    if (enough?.test(heard)) break;
  }
  clearTimeout(timer);
  socket.destroy();
  return heard;
}

/** Whether a program is there. */
export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

/** Whether there are pseudo-terminals: `script` of util-linux makes them. */
export function hasTerminal(): boolean {
  return hasProgram('script');
}

/** Runs the command on a pseudo-terminal; `keys` are typed once the pattern shows. */
export function onTerminal(
  home: string,
  words: readonly string[],
  keys?: { when: RegExp; type: string },
  options: RunOptions = {},
): Promise<{ code: number | null; screen: string }> {
  // `exec`, for a shell that stays (dash) would be interrupted too, and would end with its own status.
  const quoted = ['exec', ...[process.execPath, program(), ...words].map((word) => `'${word}'`)].join(' ');
  const child = spawn('script', ['-qefc', quoted, '/dev/null'], {
    ...spawnOptions(home, { ...options, env: { TERM: 'xterm', ...options.env } }),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  return new Promise((resolve) => {
    let screen = '';
    let typed = false;
    const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
    child.stdout.on('data', (text) => {
      screen += text;
      if (keys === undefined || typed || !keys.when.test(screen)) return;
      typed = true;
      child.stdin.write(keys.type);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, screen });
    });
  });
}
