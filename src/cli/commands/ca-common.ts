import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Authority } from '../../ca/index.ts';
import type { Option } from '../command.ts';
import { CliError } from '../errors.ts';
import { statePaths } from '../paths.ts';
import { openLocalAuthority, openWaiting, readPassphrase } from '../server/local-authority.ts';

/** The options of every word of `handfast ca`. */
export const folderOption = {
  folder: { value: 'PATH', help: "the authority's folder; default that of `handfast serve`" },
} as const satisfies Record<string, Option>;

export const jsonOption = {
  json: { help: 'print JSON' },
} as const satisfies Record<string, Option>;

export const issuingPassphraseOption = {
  'issuing-passphrase-file': {
    value: 'FILE',
    help: "file with the passphrase of the intermediate's key, where it is encrypted",
  },
} as const satisfies Record<string, Option>;

/** The authority's folder. */
export function authorityFolder(values: { readonly folder?: string | undefined }): string {
  return values.folder === undefined ? statePaths().authority : resolve(values.folder);
}

interface AuthorityValues {
  readonly folder?: string | undefined;
  readonly 'issuing-passphrase-file'?: string | undefined;
}

/** Opens the authority, does something with it, and closes it. The default authority is made where it is missing. */
export async function withAuthority<T>(values: AuthorityValues, use: (authority: Authority) => Promise<T>): Promise<T> {
  const folder = authorityFolder(values);
  const file = values['issuing-passphrase-file'];
  const issuingPassphrase = file === undefined ? undefined : await readPassphrase(file);
  const authority =
    values.folder === undefined && issuingPassphrase === undefined
      ? await openLocalAuthority(folder)
      : await openWaiting({ folder, issuingPassphrase });
  try {
    return await use(authority);
  } finally {
    await authority.close();
  }
}

/** Throws `CliError` where one of the files is there. */
export function refuseToReplace(
  files: readonly string[],
  force: boolean,
  hint = 'Choose another place with --out STEM, or replace it with --force.',
): void {
  const there = files.find((file) => existsSync(file));
  if (there !== undefined && !force) throw new CliError(`${there} exists already`, { hint });
}

export function day(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 10);
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function sayJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
