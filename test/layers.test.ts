import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findViolations, importsOf, type SourceFile } from './helpers/import-layers.ts';

const src = join(dirname(dirname(fileURLToPath(import.meta.url))), 'src');

function sourceFiles(folder: string): SourceFile[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    if (!entry.name.endsWith('.ts')) return [];
    return [{ path: relative(src, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }];
  });
}

/** The reasons for which a file with this text would be refused. */
function reasons(path: string, text: string): string[] {
  return findViolations([{ path, text }]).map((violation) => violation.reason);
}

describe('import layers', () => {
  test('every import in src/ runs downward', () => {
    const files = sourceFiles(src);
    assert.ok(files.some((file) => file.path === 'errors.ts'));
    const found = findViolations(files).map(({ path, imported, reason }) => `${path} imports ${imported}: ${reason}`);
    assert.deepEqual(found, []);
  });

  test('an upward import is refused', () => {
    assert.deepEqual(reasons('wire/a.ts', "import { x } from '../crypto/provider.ts';"), [
      'wire/ may not import crypto/',
    ]);
    assert.deepEqual(reasons('handshake/a.ts', "import type { X } from '../record/deframer.ts';"), [
      'handshake/ may not import record/',
    ]);
    assert.deepEqual(reasons('pki/der/a.ts', "export * from '../../engine/config.ts';"), [
      'pki/ may not import engine/',
    ]);
    assert.deepEqual(reasons('cli/a.ts', "import { x } from '../handshake/flow.ts';"), [
      'cli/ may not import handshake/',
    ]);
    assert.deepEqual(reasons('session/a.ts', "const x = await import('../node/redis.ts');"), [
      'session/ may not import node/',
    ]);
    assert.deepEqual(reasons('bytes/a.ts', "import '../wire/versions.ts';"), ['bytes/ imports errors.ts only']);
    assert.deepEqual(reasons('errors.ts', "import { equal } from './bytes/bytes.ts';"), ['errors.ts imports nothing']);
    assert.deepEqual(reasons('engine/a.ts', "import {\n  a,\n  b,\n} from '../node/tls.ts';"), [
      'engine/ may not import node/',
    ]);
  });

  test('within node/, too, imports run one way', () => {
    assert.deepEqual(reasons('node/tls.ts', "import { x } from './socket/tls-socket.ts';"), []);
    assert.deepEqual(reasons('node/socket/a.ts', "import { x } from '../trust/verify.ts';"), []);
    assert.deepEqual(reasons('node/context/a.ts', "import type { X } from '../socket/tls-socket.ts';"), [
      'node/context/ may not import node/socket/',
    ]);
    assert.deepEqual(reasons('node/http/a.ts', "import { x } from '../tls.ts';"), [
      'node/http/ may not import an entry of node/',
    ]);
    assert.deepEqual(reasons('node/attic/a.ts', "import { x } from '../base/inherit.ts';"), [
      'the room node/attic/ is not in the design',
    ]);
  });

  test('a downward import is allowed', () => {
    assert.deepEqual(reasons('engine/a.ts', "import { x } from '../record/deframer.ts';"), []);
    assert.deepEqual(reasons('pki/verify/a.ts', "import { x } from '../der/reader.ts';"), []);
    assert.deepEqual(reasons('wire/a.ts', "import { Reader } from '../bytes/reader.ts';\nimport '../errors.ts';"), []);
    assert.deepEqual(reasons('index.ts', "export { x } from './engine/connection.ts';"), []);
  });

  test('node:* is for the rooms that may have it', () => {
    const text = "import { createHash } from 'node:crypto';";
    assert.deepEqual(reasons('engine/a.ts', text), ['it may not import node:*']);
    assert.deepEqual(reasons('crypto/hkdf.ts', text), ['it may not import node:*']);
    assert.deepEqual(reasons('ca/issue.ts', text), ['it may not import node:*']);
    for (const path of [
      'crypto/node.ts',
      'crypto/node-keys.ts',
      'node/tls.ts',
      'cli/serve.ts',
      'ca/storage/files.ts',
    ]) {
      assert.deepEqual(reasons(path, text), [], path);
    }
  });

  test('packages, public entries, unknown rooms and paths out of src/ are refused', () => {
    assert.deepEqual(reasons('wire/a.ts', "import { sha256 } from '@noble/hashes/sha2.js';"), [
      'it may not import a package',
    ]);
    assert.deepEqual(reasons('node/a.ts', "import { x } from '../index.ts';"), [
      'a public entry is imported by the command line alone',
    ]);
    assert.deepEqual(reasons('attic/a.ts', "import { x } from '../wire/a.ts';"), [
      'the room attic/ is not in the design',
    ]);
    assert.deepEqual(reasons('wire/a.ts', "import { x } from '../../test/a.ts';"), ['it reaches out of src/']);
    assert.deepEqual(reasons('wire/a.ts', "import { x } from './b.js';"), ['a relative import ends in .ts']);
  });

  test('an import in a comment is none', () => {
    assert.deepEqual(importsOf("/** import { x } from '../a.ts'; */\n// import '../b.ts';\nimport './c.ts';"), [
      './c.ts',
    ]);
  });
});
