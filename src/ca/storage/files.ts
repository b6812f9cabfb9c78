import { randomBytes } from 'node:crypto';
import { chmod, type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { caError } from '../error.ts';

/** Makes a folder that only its owner may enter, with its parents; an existing one is left as it is. */
export async function makePrivateFolder(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  if (made !== undefined) await syncFolder(dirname(made));
}

/**
 * Replaces a file so that at any moment, also after a power cut, it has its old content or its new one whole:
 * write beside it, flush, rename, flush the folder.
 * @param mode 0o600 for what is secret, 0o644 for what is published.
 */
export async function replaceFile(path: string, content: string | Uint8Array, mode: 0o600 | 0o644): Promise<void> {
  const draft = join(dirname(path), `.${randomBytes(6).toString('hex')}.new`);
  const file = await open(draft, 'wx', mode);
  try {
    await file.writeFile(content);
    await file.chmod(mode);
    await file.sync();
  } catch (error) {
    await file.close();
    await rm(draft, { force: true });
    throw error;
  }
  await file.close();
  await rename(draft, path);
  await syncFolder(dirname(path));
}

/** Writes a secret to a file that is not there yet, and flushes it. Throws `ERR_TLS_CA_EXISTS` where it is there. */
export async function writeNewFile(path: string, content: string): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST'
      ? caError('ERR_TLS_CA_EXISTS', `${path} exists: move it away, or name another file`, error)
      : error;
  });
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(dirname(path));
}

/** Makes the names in a folder durable. Systems that cannot open folders (Windows) do it by themselves. */
export async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle | undefined;
  try {
    folder = await open(path, 'r');
    await folder.sync();
  } catch (error) {
    if (process.platform !== 'win32') throw error;
  } finally {
    await folder?.close();
  }
}

/** The content of a file, or `undefined` where there is none. */
export async function readIfExists(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * The content of a file that holds a key. Throws `ERR_TLS_CA_KEY` where it is missing, or where others than its owner
 * may read it.
 */
export async function readKeyFile(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw isMissing(error) ? caError('ERR_TLS_CA_KEY', `the key file ${path} does not exist`, error) : error;
  });
  try {
    const { mode } = await file.stat();
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw caError(
        'ERR_TLS_CA_KEY',
        `others may read the key file ${path}: run \`chmod 600 ${path}\`, and replace the key if someone did`,
      );
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Deletes a file that held a key: overwritten first, which helps on disks that write in place. */
export async function shredFile(path: string): Promise<void> {
  const file = await open(path, 'r+').catch(() => undefined);
  if (file === undefined) return;
  try {
    const { size } = await file.stat();
    await chmod(path, 0o600);
    await file.write(new Uint8Array(size), 0, size, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

/** Whether an error says that a file is not there. */
function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}
