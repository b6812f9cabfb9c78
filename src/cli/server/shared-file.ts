/** Files of the state folder that several processes of one machine read and write. */
import { chmodSync, closeSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A lock older than this, in ms, was left by a process that died. */
const staleLock = 3000;

/** Does its work while no other process of this machine does the like; `lock` is a file that is there meanwhile. */
export async function whileLocked<T>(lock: string, now: () => number, work: () => T): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      closeSync(openSync(lock, 'wx', 0o600));
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || tries > 1000) throw error;
      const age = now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? now());
      if (age > staleLock) rmSync(lock, { force: true });
      else await sleep(5);
    }
  }
  try {
    return work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Writes a file of which readers see the old or the new content, and that only its owner may read. */
export function replaceFile(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, text, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}
