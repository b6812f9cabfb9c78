import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CryptoProvider } from '../../index.ts';
import { ClientSessionCache, createSealingKey } from '../../session/index.ts';
import { CliError } from '../errors.ts';
import { statePaths } from '../paths.ts';

/** The sessions of `--resume FILE`: sealed under a key of this user, since they hold secrets. */
export interface SessionFile {
  readonly cache: ClientSessionCache;
  /** Sessions that were in the file. */
  readonly loaded: number;
  save(): Promise<void>;
}

const magic = Buffer.from('handfast sessions 1\n');

export async function openSessionFile(crypto: CryptoProvider, path: string): Promise<SessionFile> {
  const key = createSealingKey(crypto, await clientKey(crypto), 'client sessions file');
  const cache = new ClientSessionCache();
  let loaded = 0;
  const content = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (content !== undefined && content.length > 0) {
    if (!content.subarray(0, magic.length).equals(magic)) {
      throw new CliError(`${path} is no session file of handfast`, {
        hint: 'Name another file for --resume; it is made on first use. (It was left as it is.)',
      });
    }
    loaded = cache.loadSealed(key, content.subarray(magic.length), Date.now());
  }
  return {
    cache,
    loaded,
    async save() {
      const draft = `${path}.${process.pid}.new`;
      await writeFile(draft, Buffer.concat([magic, cache.serializeSealed(key)]), { mode: 0o600 });
      await rename(draft, path);
    },
  };
}

/** The key that seals session files; made on first use. */
async function clientKey(crypto: CryptoProvider): Promise<Uint8Array> {
  const path = join(statePaths().sessions, 'client.key');
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await writeFile(path, crypto.random(32), { flag: 'wx', mode: 0o600 });
    await chmod(path, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return new Uint8Array(await readFile(path));
}
