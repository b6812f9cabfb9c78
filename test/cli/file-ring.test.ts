import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildSync } from 'esbuild';
import { CliError } from '../../src/cli/errors.ts';
import { fileFleetKey } from '../../src/cli/server/file-ring.ts';
import { temporaryFolder } from './run.ts';

const folders = 60;

/** Makes the key of each folder, one every 4 ms from a given time on: processes with the same time meet at each. */
const racer = `
import { randomBytes } from 'node:crypto';
import { fileFleetKey } from './file-ring.mjs';
const [home, start, folders] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
for (let i = 0; i < folders; i++) {
  while (Date.now() < start + 4 * i);
  console.log(Buffer.from(fileFleetKey(home + '/' + i, (size) => randomBytes(size))).toString('hex'));
}`;

test('processes that start at once get the same wrapping key', async () => {
  const home = temporaryFolder();
  const source = fileURLToPath(new URL('../../src/cli/server/file-ring.ts', import.meta.url));
  const built = { bundle: true, format: 'esm', platform: 'node' } as const;
  buildSync({ ...built, entryPoints: [source], outfile: join(home, 'file-ring.mjs') });
  const script = join(home, 'racer.mjs');
  writeFileSync(script, racer);
  const start = String(Date.now() + 500);
  const run = () => promisify(execFile)(process.execPath, [script, home, start, String(folders)]);
  const [first, ...others] = (await Promise.all([run(), run(), run()])).map(({ stdout }) => stdout.trim().split('\n'));
  assert.equal(new Set(first).size, folders);
  for (const keys of others) assert.deepEqual(keys, first);
  assert.deepEqual(readdirSync(join(home, '0')), ['wrapping.key'], 'no draft stays');
  assert.equal(statSync(join(home, '0', 'wrapping.key')).mode & 0o777, 0o600);
});

test('a wrapping key that was cut is refused with advice, and stays as it is', () => {
  const home = temporaryFolder();
  const folder = join(home, 'sessions');
  mkdirSync(folder);
  writeFileSync(join(folder, 'wrapping.key'), 'short');
  assert.throws(
    () => fileFleetKey(folder, (size) => new Uint8Array(size)),
    (error: Error) =>
      error instanceof CliError && /holds 5 bytes/.test(error.message) && /Remove it/.test(error.hint ?? ''),
  );
  assert.ok(existsSync(join(folder, 'wrapping.key')));
});
