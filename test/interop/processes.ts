/** Child processes and ports of the interoperability tests: bounded in time, and gone when the tests are. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** No case may take longer, in milliseconds. */
export const caseTimeout = 30_000;

export interface Running {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** What it said so far on stderr (and on stdout, when `readStdout` was not asked to leave it alone). */
  said(): string;
  readonly exited: Promise<number | null>;
  /** Ends it: SIGTERM, then SIGKILL after a second. */
  stop(): Promise<void>;
}

const children = new Set<ChildProcess>();
const folders = new Set<string>();
process.on('exit', () => {
  for (const child of children) killGroup(child, 'SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Starts a program. `stdout: 'collect'` adds its output to `said()`; otherwise the caller reads `stdout`. */
export function start(
  command: string,
  args: readonly string[],
  options: { stdout?: 'collect'; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Running {
  // A group of its own, so that what it starts goes away with it.
  const child = spawn(command, args, {
    stdio: 'pipe',
    detached: true,
    env: { ...process.env, LC_ALL: 'C', ...options.env },
    cwd: options.cwd,
  });
  children.add(child);
  let said = '';
  const listen = (chunk: Buffer) => {
    said = (said + chunk.toString('latin1')).slice(-20_000);
  };
  child.stderr.on('data', listen);
  if (options.stdout === 'collect') child.stdout.on('data', listen);
  child.stdin.on('error', () => {}); // A program that went away early: its exit says more than EPIPE.
  const exited = new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      said += `\n${error.message}`;
      children.delete(child);
      resolve(null);
    });
    child.on('close', (code) => {
      children.delete(child);
      resolve(code);
    });
  });
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    said: () => said,
    exited,
    async stop() {
      killGroup(child, 'SIGTERM');
      const timer = setTimeout(() => killGroup(child, 'SIGKILL'), 1000);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Kills every program that runs: a case that is stuck then unwinds, because its program is gone. */
export function killAll(): void {
  for (const child of children) killGroup(child, 'SIGKILL');
}

/** Runs a program to its end; throws with what it said when it fails. */
export async function run(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; timeout?: number } = {},
): Promise<string> {
  const running = start(command, args, { ...options, stdout: 'collect' });
  running.stdin.end();
  const timer = setTimeout(() => void running.stop(), options.timeout ?? caseTimeout);
  const code = await running.exited;
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${running.said()}`);
  return running.said();
}

/** The first line of what a program says about itself that matches; `undefined` where the program is absent. */
export async function programVersion(
  command: string,
  args: readonly string[],
  pattern: RegExp,
): Promise<string | undefined> {
  const running = start(command, args, { stdout: 'collect' });
  running.stdin.end();
  const timer = setTimeout(() => void running.stop(), caseTimeout);
  await running.exited;
  clearTimeout(timer);
  return pattern.exec(running.said())?.[1];
}

/** A fresh folder that is removed at exit. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'handfast-interop-'));
  folders.add(folder);
  return folder;
}

/** Listens on a port of 127.0.0.1 that the system chooses. */
export async function listen(onSocket: (socket: Socket) => void): Promise<{ port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    onSocket(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Connects to a program that may still be starting: tries again until it listens or `alive` says that it is gone. */
export async function connectWhenReady(port: number, alive: () => boolean): Promise<Socket> {
  const until = Date.now() + 15_000;
  for (;;) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      socket.destroy();
      if (!alive() || Date.now() > until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Reads `length` bytes of a stream; what comes after stays unread. Rejects when the stream ends before. */
export async function readExactly(stream: Readable, length: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let missing = length;
  return await new Promise((resolve, reject) => {
    const onReadable = () => {
      while (missing > 0) {
        const part = stream.read() as Buffer | null;
        if (part === null) return;
        parts.push(part);
        missing -= part.length;
      }
      done();
      if (missing < 0) reject(new Error(`${-missing} bytes more than expected`));
      else resolve(Buffer.concat(parts));
    };
    const onEnd = () => {
      done();
      reject(new Error(`the stream ended ${missing} bytes early`));
    };
    const onError = (error: Error) => {
      done();
      reject(error);
    };
    const done = () => {
      stream.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onError);
    };
    stream.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', onError);
    onReadable();
  });
}

/** Rejects when `work` takes longer than a case may. */
export async function bounded<T>(work: Promise<T>, what: string, milliseconds = caseTimeout): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It is gone already.
  }
}

/** Starts a server for a test, and waits until it listens on its port. */
export async function startServer(
  t: { after(end: () => Promise<void>): void },
  command: string,
  args: readonly string[],
  port: number,
): Promise<Running> {
  const program = start(command, args, { stdout: 'collect' });
  t.after(() => program.stop());
  let over = false;
  void program.exited.then(() => {
    over = true;
  });
  (await connectWhenReady(port, () => !over)).destroy();
  return program;
}
