/** The examples as a reader runs them: over the built package. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function run(example: string, cwd: string, ...words: string[]): string {
  const options = { cwd, encoding: 'utf8', timeout: 60_000 } as const;
  return execFileSync(process.execPath, [join(root, 'examples', example), ...words], options);
}

test('examples/engine.mjs: a full handshake, then a resumed one', () => {
  const told = run('engine.mjs', root);
  assert.match(told, /^HELLO: a full handshake, /);
  assert.match(told, /> clientHello +< serverHello/);
  assert.match(told, /\nAGAIN: resumed by psk\n$/);
});

test('examples/authority.mjs: makes an authority, issues, revokes, lists', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'handfast-example-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  assert.match(run('authority.mjs', folder, 'init'), /The authority is in /);
  const serial = /serial ([0-9a-f]+)/.exec(run('authority.mjs', folder, 'issue', 'localhost'))?.[1] ?? '';
  assert.match(run('authority.mjs', folder, 'revoke', serial, 'superseded'), /^Revoked/);
  assert.match(run('authority.mjs', folder, 'list'), new RegExp(`${serial}.*localhost.*revoked: superseded`));
  assert.match(run('authority.mjs', folder, 'check-log'), /The log is whole/);
});
