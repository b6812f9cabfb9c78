import { readFileSync, readlinkSync, unlinkSync } from 'node:fs';
import { link, open, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { caError } from '../error.ts';
import { readIfExists } from './files.ts';

/** A folder that is this process's alone until it is released. */
export interface FolderLock {
  release(): Promise<void>;
}

interface Owner {
  readonly pid: number;
  readonly host: string;
  /** In which containers the process id means this process (Linux). */
  readonly space: string | null;
  /** When the process began, in the kernel's ticks: a process id that was given to another doesn't pass for it. */
  readonly began: string | null;
}

/** How often the owner says that it lives, and after how long without it another machine or container takes it for dead. */
const heartbeat = 5_000;
const patience = 30_000;

/**
 * Makes this process the only one that writes in a folder. A lock whose process is gone (it was killed) is taken
 * over. Throws `ERR_TLS_CA_LOCKED` where another process is alive.
 */
export async function lockFolder(path: string, what: string): Promise<FolderLock> {
  const me: Owner = { pid: process.pid, host: hostname(), space: processSpace(), began: processStart(process.pid) };
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  const text = JSON.stringify({ ...me, key: Math.random().toString(36).slice(2) });
  await writeFile(draft, text, { mode: 0o600, flag: 'wx' });
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        // link() makes the file with its content in one step, and fails where the name is taken.
        await link(draft, path);
        return held(path, text);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const seen = await readIfExists(path);
      if (seen === undefined) continue;
      const owner = parseOwner(seen);
      if (owner !== undefined && (await isAlive(owner, path))) {
        throw caError(
          'ERR_TLS_CA_LOCKED',
          `${what} is in use by process ${owner.pid} on ${owner.host}: stop it first. If it was killed in a container or on another machine, try again in ${patience / 1000} seconds`,
        );
      }
      await takeAway(path, seen);
    }
  } finally {
    await rm(draft, { force: true });
  }
  throw caError('ERR_TLS_CA_LOCKED', `${what} is being opened by several processes at once; try again`);
}

function held(path: string, text: string): FolderLock {
  const onExit = () => {
    try {
      // Only our own: another process may have taken it over while this one was stopped for long.
      if (readFileSync(path, 'utf8') === text) unlinkSync(path);
    } catch {
      // It is gone already.
    }
  };
  process.once('exit', onExit);
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, heartbeat);
  beat.unref();
  let released = false;
  return {
    async release() {
      if (released) return;
      released = true;
      clearInterval(beat);
      process.removeListener('exit', onExit);
      onExit();
    },
  };
}

// Removes a dead process's lock unless someone has replaced it meanwhile.
async function takeAway(path: string, seen: Uint8Array): Promise<void> {
  const guard = `${path}.takeover`;
  const file = await open(guard, 'wx').catch(() => undefined);
  if (file === undefined) {
    // Someone else is at it; a guard that stays was left by a process that was killed right here.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { mtimeMs } = await stat(guard).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > patience) await rm(guard, { force: true });
    return;
  }
  try {
    const now = await readIfExists(path);
    if (now !== undefined && Buffer.compare(now, seen) === 0) await rm(path, { force: true });
  } finally {
    await file.close();
    await rm(guard, { force: true });
  }
}

function parseOwner(text: Uint8Array): Owner | undefined {
  try {
    const { pid, host = '', space = null, began = null } = JSON.parse(Buffer.from(text).toString()) as Partial<Owner>;
    return typeof pid === 'number' ? { pid, host, space, began } : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive(owner: Owner, path: string): Promise<boolean> {
  if (owner.host !== hostname() || owner.space !== processSpace()) {
    // Its process id means nothing here: the heartbeat tells.
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
    return Date.now() - mtimeMs < patience;
  }
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const began = processStart(owner.pid);
  return began === null || owner.began === null || began === owner.began;
}

function processSpace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return null;
  }
}

function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
