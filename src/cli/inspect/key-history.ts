import { readFile, rename, writeFile } from 'node:fs/promises';
import { CliError } from '../errors.ts';

/** What `inspect --history FILE` remembers: for each server the names of its ticket keys, and when each came up. */
export interface KeyHistory {
  /** When this key was first seen; now, where it was not yet. In ms since 1970. */
  readonly firstSeen: (keyName: string) => number;
  save(): Promise<void>;
}

type Content = Record<string, Record<string, string>>;

/** Key names go in clear in every ticket: the file holds no secret. */
export async function openKeyHistory(path: string, server: string): Promise<KeyHistory> {
  const content = await read(path);
  const keys = (content[server] ??= {});
  return {
    firstSeen(keyName) {
      keys[keyName] ??= new Date().toISOString();
      return Date.parse(keys[keyName]);
    },
    async save() {
      const draft = `${path}.${process.pid}.new`;
      await writeFile(draft, `${JSON.stringify(content, undefined, 2)}\n`);
      await rename(draft, path);
    },
  };
}

async function read(path: string): Promise<Content> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  try {
    const content: unknown = JSON.parse(text);
    if (isContent(content)) return content;
  } catch {
    // Said below.
  }
  throw new CliError(`${path} is no history of handfast inspect`, {
    hint: 'Name another file for --history; it is made on first use. (It was left as it is.)',
  });
}

function isContent(value: unknown): value is Content {
  const isObject = (each: unknown): each is object => typeof each === 'object' && each !== null && !Array.isArray(each);
  return (
    isObject(value) &&
    Object.values(value).every(
      (keys) => isObject(keys) && Object.values(keys).every((date) => !Number.isNaN(Date.parse(String(date)))),
    )
  );
}
