import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { replaceFiles } from '../../src/cli/server/shared-file.ts';
import { temporaryFolder } from './run.ts';

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('files that replace others', () => {
  test('a key is never readable by everybody, also where the one before was', () => {
    const folder = temporaryFolder();
    const [key, certificate] = [join(folder, 'a.key'), join(folder, 'a.pem')];
    const write = () =>
      replaceFiles([
        { path: key, content: 'key', secret: true },
        { path: certificate, content: 'certificate', secret: false },
      ]);
    write();
    assert.deepEqual([mode(key), mode(certificate)], ['600', '644']);
    chmodSync(key, 0o644);
    write();
    assert.equal(mode(key), '640', 'what its group might, it may');
    assert.deepEqual(readdirSync(folder).sort(), ['a.key', 'a.pem']);
  });

  test('where one cannot be written, all stay as they were, and no draft stays', () => {
    const folder = temporaryFolder();
    const key = join(folder, 'a.key');
    writeFileSync(key, 'before');
    assert.throws(() =>
      replaceFiles([
        { path: key, content: 'after', secret: true },
        { path: join(folder, 'none', 'a.pem'), content: 'after', secret: false },
      ]),
    );
    assert.equal(readFileSync(key, 'utf8'), 'before');
    assert.deepEqual(readdirSync(folder), ['a.key']);
  });

  test('a link stays one', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'live'));
    const [real, link] = [join(folder, 'live', 'a.key'), join(folder, 'a.key')];
    writeFileSync(real, 'before');
    symlinkSync(real, link);
    replaceFiles([{ path: link, content: 'after', secret: true }]);
    assert.ok(lstatSync(link).isSymbolicLink());
    assert.equal(readFileSync(real, 'utf8'), 'after');
  });
});
