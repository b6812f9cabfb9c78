import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { handfast, temporaryFolder } from './run.ts';

test('commands on one authority at once wait for each other; what cannot be written is not issued', async () => {
  const home = temporaryFolder();
  const folder = ['--folder', 'authority'];
  await handfast(home, ['ca', 'init', ...folder]);
  const names = ['a.test', 'b.test', 'c.test', 'd.test'];
  const done = await Promise.all(names.map((name) => handfast(home, ['ca', 'issue', name, ...folder])));
  assert.deepEqual(
    done.map(({ code }) => code),
    [0, 0, 0, 0],
    done.map(({ stderr }) => stderr).join(''),
  );
  for (const name of names) assert.ok(existsSync(join(home, `${name}.pem`)));
  const nowhere = await handfast(home, ['ca', 'issue', 'e.test', ...folder, '--out', 'none/e']);
  assert.deepEqual([nowhere.code, /folder none does not exist/.test(nowhere.stderr)], [3, true], nowhere.stderr);
  const { stdout } = await handfast(home, ['ca', 'list', '--json', ...folder]);
  assert.equal((JSON.parse(stdout) as unknown[]).length, names.length);
  const zero = await handfast(home, ['get', 'https://localhost:0']);
  assert.deepEqual([zero.code, /port 0/.test(zero.stderr)], [2, true], zero.stderr);
});
