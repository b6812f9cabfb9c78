import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockFolder } from '../../src/ca/storage/lock.ts';
import { temporaryFolder } from './helpers/temporary-folder.ts';

/** What a process that was killed left behind. */
const space = existsSync('/proc/self/ns/pid') ? readlinkSync('/proc/self/ns/pid') : null;
const leftBehind = JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), space, began: '1' });

test('of many that take over a dead process’s lock at once, one has it', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'lock');
  for (let round = 0; round < 20; round++) {
    writeFileSync(path, leftBehind);
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(path, 'the folder')));
    const held = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    assert.equal(held.length, 1);
    for (const result of results) {
      if (result.status === 'rejected') assert.equal((result.reason as { code: string }).code, 'ERR_TLS_CA_LOCKED');
    }
    await held[0]?.release();
    assert.deepEqual(readdirSync(folder), []);
  }
});

test('a lock that someone else took over is not removed', async (t) => {
  const path = join(temporaryFolder(t), 'lock');
  const lock = await lockFolder(path, 'the folder');
  writeFileSync(path, leftBehind);
  await lock.release();
  assert.equal(readFileSync(path, 'utf8'), leftBehind);
});

test('what is no lock is taken over', async (t) => {
  const path = join(temporaryFolder(t), 'lock');
  writeFileSync(path, 'nonsense');
  await (await lockFolder(path, 'the folder')).release();
  assert.equal(existsSync(path), false);
});
