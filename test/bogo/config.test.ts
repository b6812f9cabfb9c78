import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseFlags, Unimplemented } from './flags.ts';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');

interface ShimConfig {
  DisabledTests: Record<string, string>;
  ErrorMap: Record<string, string[]>;
}

const config = JSON.parse(readFileSync(join(here, 'config.json'), 'utf8')) as ShimConfig;

function sourceText(folder: string): string {
  return readdirSync(folder, { withFileTypes: true })
    .map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name.startsWith('.') ? '' : sourceText(path);
      return entry.name.endsWith('.ts') ? readFileSync(path, 'utf8') : '';
    })
    .join('\n');
}

test('every disabled glob has a reason', () => {
  for (const [glob, reason] of Object.entries(config.DisabledTests)) assert.ok(reason.length > 10, glob);
});

test('every code of the error map is thrown somewhere', () => {
  const source = sourceText(join(root, 'src')) + sourceText(here);
  for (const [expected, codes] of Object.entries(config.ErrorMap)) {
    for (const code of codes) {
      const [name] = /^ERR_TLS_[A-Z0-9_]+/.exec(code) ?? [];
      assert.ok(name !== undefined && source.includes(`'${name}'`), `${expected}: ${code}`);
    }
  }
});

test('flags apply to all connections unless a prefix says otherwise', () => {
  const line = parseFlags(
    '-port 4433 -shim-id 7 -ipv6 -server -on-resume-verify-fail -curves 29 -curves 23'.split(' '),
  );
  assert.equal(line.port, 4433);
  assert.equal(line.shimId, 7n);
  assert.ok(line.ipv6 && line.initial.server && line.resume.server);
  assert.deepEqual(line.initial.curves, [29, 23]);
  assert.deepEqual([line.initial.verifyFail, line.resume.verifyFail, line.retry.verifyFail], [false, true, false]);
});

test('credential flags belong to the credential that was named last', () => {
  const { initial } = parseFlags(
    '-cert-file default.pem -new-x509-credential -cert-file first.pem -signing-prefs 1027 -signing-prefs 2052'.split(
      ' ',
    ),
  );
  assert.equal(initial.credential.certFile, 'default.pem');
  assert.deepEqual(
    initial.credentials.map(({ certFile, signingPrefs }) => ({ certFile, signingPrefs })),
    [{ certFile: 'first.pem', signingPrefs: [1027, 2052] }],
  );
});

test('an unknown flag is unimplemented', () => {
  assert.throws(() => parseFlags(['-server', '-enable-time-travel']), Unimplemented);
});
