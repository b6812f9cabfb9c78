import { readFileSync, unlinkSync } from 'node:fs';
import { link, open, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { caError } from '../error.ts';
import { readIfExists } from './files.ts';

export interface FolderLock {
  release(): Promise<void>;
}

interface Owner {
  readonly pid: number;
  readonly host: string;
  /** When the process began, in the kernel's ticks: a process id that was given to another doesn't pass for it. */
  readonly began: string | null;
}

/**
 * Makes this process the only one that writes in a folder. A lock whose process is gone (it was killed) is taken
 * over. Throws `ERR_TLS_CA_LOCKED` where another process is alive.
 */
export async function lockFolder(path: string, what: string): Promise<FolderLock> {
  const me: Owner = { pid: process.pid, host: hostname(), began: processStart(process.pid) };
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(draft, JSON.stringify(me), { mode: 0o600, flag: 'wx' });
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        // link() makes the file with its content in one step, and fails where the name is taken.
        await link(draft, path);
        return held(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const text = await readIfExists(path);
      if (text === undefined) continue;
      const owner = parseOwner(text);
      if (owner !== undefined && isAlive(owner)) {
        throw caError(
          'ERR_TLS_CA_LOCKED',
          `${what} is in use by process ${owner.pid} on ${owner.host}; stop it first, or ask it (delete ${path} only if no such process runs)`,
        );
      }
      await takeAway(path, text);
    }
  } finally {
    await rm(draft, { force: true });
  }
  throw caError('ERR_TLS_CA_LOCKED', `${what} is being opened by several processes at once; try again`);
}

function held(path: string): FolderLock {
  const onExit = () => {
    try {
      unlinkSync(path);
    } catch {
      // It is gone already.
    }
  };
  process.once('exit', onExit);
  let released = false;
  return {
    async release() {
      if (released) return;
      released = true;
      process.removeListener('exit', onExit);
      await rm(path, { force: true });
    },
  };
}

// Removes a dead process's lock unless someone has replaced it meanwhile.
async function takeAway(path: string, seen: Uint8Array): Promise<void> {
  const guard = `${path}.takeover`;
  const file = await open(guard, 'wx').catch(() => undefined);
  if (file === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    await rm(guard, { force: true });
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
    const owner = JSON.parse(Buffer.from(text).toString()) as Partial<Owner>;
    return typeof owner.pid === 'number'
      ? { pid: owner.pid, host: owner.host ?? '', began: owner.began ?? null }
      : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner): boolean {
  // On another machine (a shared folder) nothing can be known: it counts as alive.
  if (owner.host !== hostname()) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const began = processStart(owner.pid);
  return began === null || owner.began === null || began === owner.began;
}

function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
