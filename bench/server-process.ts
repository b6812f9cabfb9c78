/** A server of a benchmark in a process of its own, that tells its CPU time and memory when asked. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Compiles a server of this folder, so that it runs as users run it: without the test loader's wrappers around functions. */
export async function buildServer(source: string): Promise<string> {
  const file = fileURLToPath(new URL(`../dist/bench/${source.replace('.ts', '.mjs')}`, import.meta.url));
  await build({
    entryPoints: [fileURLToPath(new URL(source, import.meta.url))],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  });
  return file;
}

export class ServerProcess {
  readonly child: ChildProcess;
  port = 0;

  constructor(
    file: string,
    words: readonly string[],
    env: Readonly<Record<string, string>>,
    execArgv: readonly string[] = [],
  ) {
    this.child = fork(file, words, {
      execArgv: ['--expose-gc', ...execArgv],
      env: { ...process.env, ...env },
      stdio: 'inherit',
    });
  }

  async ready(): Promise<void> {
    this.port = (await this.#answer<{ port: number }>()).port;
  }

  /** User and system time so far, in microseconds. */
  async cpu(): Promise<number> {
    this.child.send('usage');
    return (await this.#answer<{ cpu: number }>()).cpu;
  }

  /** Starts to watch the event loop, for {@link eventLoopDelay}. */
  watch(): void {
    this.child.send('watch');
  }

  /** By how much the event loop was late since `watch`, 99th percentile, in milliseconds. */
  async eventLoopDelay(): Promise<number> {
    this.child.send('delay');
    return (await this.#answer<{ delay: number }>()).delay;
  }

  /** Resident memory after a collection, in bytes. */
  async memory(): Promise<number> {
    this.child.send('memory');
    return (await this.#answer<{ rss: number }>()).rss;
  }

  stop(): void {
    this.child.kill();
  }

  async #answer<T>(): Promise<T> {
    const [message] = await once(this.child, 'message');
    return message as T;
  }
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which this part of the values lies: 0 to 1. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
}
