import { execFile } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** The machine as the trust stores see it; a test gives another one. */
export interface Host {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Put in front of the paths of the system (`/usr/local/share/ca-certificates` …); empty on a real machine. */
  readonly prefix: string;
  /** Runs a program to its end. */
  run(program: string, args: readonly string[]): Promise<RunResult>;
}

/** What became of a program. */
export interface RunResult {
  /** Exit status; -1 where the program could not be started. */
  readonly status: number;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

/** How long one tool may take. */
const patience = 60_000;

/** This machine. */
export function thisHost(): Host {
  return { platform: process.platform, home: homedir(), env: process.env, prefix: '', run };
}

function run(program: string, args: readonly string[]): Promise<RunResult> {
  return new Promise((resolve) => {
    const options = { timeout: patience, encoding: 'buffer', maxBuffer: 16 << 20 } as const;
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ status, stdout, stderr: stderr.toString() || (error?.message ?? '') });
    });
    child.stdin?.end();
  });
}

/** Where a program is in the PATH, or `undefined`. */
export function findProgram(host: Host, ...names: readonly string[]): string | undefined {
  const folders = (host.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, host.platform === 'win32' ? `${name}.exe` : name);
      if (existsSync(path)) return path;
    }
  }
  return undefined;
}

/** Folders right below one, or none where it can't be read. */
export function foldersIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(path, entry.name));
  } catch {
    return [];
  }
}

/** The place that links lead to; the path itself where there is nothing. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
