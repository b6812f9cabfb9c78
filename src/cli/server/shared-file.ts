/** Files of the state folder that several processes of one machine read and write. */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
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

/** What goes into a file. */
export interface NewFile {
  readonly path: string;
  readonly content: string | Uint8Array;
  /** A key: never readable by everybody, and by its owner alone unless the file before let its group read too. */
  readonly secret: boolean;
}

/**
 * Writes files that belong together. None is touched before all are on the disk: where it is full, or the process dies,
 * what was there before stays whole. Each keeps owner, group and what its group may of the file before, and its place
 * behind a link.
 */
export function replaceFiles(files: readonly NewFile[]): void {
  const drafts: [draft: string, path: string][] = [];
  try {
    for (const { path: named, content, secret } of files) {
      const path = existsSync(named) ? realpathSync(named) : named;
      const before = statSync(path, { throwIfNoEntry: false });
      const draft = `${path}.${process.pid}.new`;
      drafts.push([draft, path]);
      writeFileSync(draft, content, { mode: secret ? 0o600 : 0o644, flush: true });
      if (before !== undefined && keepOwner(draft, before)) chmodSync(draft, before.mode & (secret ? 0o640 : 0o777));
    }
    for (const [draft, path] of drafts) renameSync(draft, path);
  } finally {
    for (const [draft] of drafts) rmSync(draft, { force: true });
  }
}

/** Gives a file to the owner and group of the one before; false where this user may not. */
function keepOwner(draft: string, { uid, gid }: { readonly uid: number; readonly gid: number }): boolean {
  try {
    chownSync(draft, uid, gid);
    return true;
  } catch {
    return false;
  }
}
