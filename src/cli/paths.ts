import { constants, existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The folder where handfast keeps the local authority, certificates and ticket keys: `HANDFAST_HOME` where it is set,
 * else the place that the system has for a program's data.
 */
export function stateFolder(env: Env = process.env, platform: NodeJS.Platform = process.platform): string {
  const own = env['HANDFAST_HOME'];
  if (own !== undefined && own !== '') return own;
  const home = env['HOME'] ?? homedir();
  if (platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'handfast');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'handfast');
  const data = env['XDG_DATA_HOME'];
  return join(data === undefined || data === '' ? join(home, '.local', 'share') : data, 'handfast');
}

/** The files below the state folder. */
export function statePaths(folder: string = stateFolder()) {
  return {
    folder,
    /** The local authority. */
    authority: join(folder, 'ca'),
    /** Its root, to be trusted. */
    root: join(folder, 'ca', 'root.pem'),
    certificates: join(folder, 'certificates'),
    /** Session ticket keys, wrapped, and the key that wraps them. */
    sessions: join(folder, 'sessions'),
  };
}

/** Rejects for files that can't be made: said before the long work whose result they are to hold. */
export async function mayWrite(...files: (string | undefined)[]): Promise<void> {
  for (const file of files) {
    if (file === undefined) continue;
    const place = existsSync(file) ? file : dirname(file);
    await access(place, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
      throw Object.assign(error, { path: file });
    });
  }
}

/** A path as one types it in a shell. */
export function shellPath(path: string): string {
  return /^[\w@%+=:,./~-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
