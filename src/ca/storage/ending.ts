import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseCertificate } from '../../pki/certificate.ts';
import { checkFolder } from '../check-options.ts';
import { caError } from '../error.ts';
import { readIfExists } from './files.ts';
import { lockFolder } from './lock.ts';

/** Until when an authority issues, and whether it can go on after that. */
export interface AuthorityEnd {
  /** When its newest intermediate ends, in milliseconds since 1970. */
  readonly notAfter: number;
  /** Whether the key of its root was kept, so that `renewIntermediate` makes the next one. */
  readonly renewable: boolean;
}

/** Reads when the authority in a folder ends, without opening it; `undefined` where there is none. */
export async function authorityEnd(folder: string): Promise<AuthorityEnd | undefined> {
  checkFolder(folder, 'authorityEnd');
  const settings = await readIfExists(join(folder, 'authority.json'));
  if (settings === undefined) return undefined;
  const { rootKey } = JSON.parse(Buffer.from(settings).toString()) as { rootKey?: string };
  let notAfter = Number.NEGATIVE_INFINITY;
  for (let number = 1; ; number++) {
    const der = await readIfExists(join(folder, `issuing-${number}.crt`));
    if (der === undefined) break;
    notAfter = Math.max(notAfter, parseCertificate(der).notAfter);
  }
  return { notAfter, renewable: rootKey !== 'discarded' };
}

/**
 * Gives the folder of an authority another name beside it, so that a new one can be made in its place. What it issued
 * stays as it is, and it can still be opened there, to revoke. Throws `ERR_TLS_CA_MISSING`, `ERR_TLS_CA_LOCKED`.
 * @param onlyIf is asked once nobody else has the folder: where several processes do this at once, only one does it.
 * @returns the new name; `undefined` where `onlyIf` said no.
 */
export async function putAsideAuthority(
  folder: string,
  onlyIf: (end: AuthorityEnd) => boolean = () => true,
): Promise<string | undefined> {
  checkFolder(folder, 'putAsideAuthority');
  const missing = caError('ERR_TLS_CA_MISSING', `there is no authority in ${folder}: create one first`);
  if (!existsSync(join(folder, 'authority.json'))) throw missing;
  const lock = await lockFolder(join(folder, 'lock'), `the authority in ${folder}`);
  try {
    const end = await authorityEnd(folder);
    if (end === undefined) throw missing;
    if (!onlyIf(end)) return undefined;
    const stem = `${folder.replace(/[\\/]+$/, '')}-until-${new Date().toISOString().slice(0, 10)}`;
    let aside = stem;
    for (let more = 2; existsSync(aside); more++) aside = `${stem}-${more}`;
    await rename(folder, aside);
    await rm(join(aside, 'lock'), { force: true });
    return aside;
  } finally {
    await lock.release();
  }
}
