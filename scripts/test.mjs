// Runs the tests with node:test. `node scripts/test.mjs [--interop] [file or folder …]`
//
// --all with --interop: the whole table instead of the quick half.
// Without names: every test/**/*.test.ts but test/interop; with --interop: test/interop/**/*.test.ts alone.
// The last line is `N passed, N failed, N skipped`.
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileTests } from './compile-tests.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const words = process.argv.slice(2);
const interop = words.includes('--interop');
if (words.includes('--all')) process.env.HANDFAST_INTEROP = 'all'; // Every peer, every suite × every group.
// Native code that a checkout has and a user may not: the tests run without it, unless it is asked for.
process.env.HANDFAST_ACCELERATOR ??= 'off';
const named = words.filter((word) => !word.startsWith('--'));

function testsIn(path) {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const child = join(path, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : testsIn(child);
    return entry.name.endsWith('.test.ts') ? [child] : [];
  });
}

const interopFolder = join(root, 'test', 'interop');
const isInterop = (file) => file.startsWith(interopFolder);
const files =
  named.length > 0
    ? named.flatMap((name) => testsIn(join(root, relative(root, join(process.cwd(), name)))))
    : testsIn(join(root, 'test')).filter((file) => isInterop(file) === interop);

process.env.HANDFAST_COMPILED = await compileTests(root);
const compiled = (file) => join(process.env.HANDFAST_COMPILED, relative(root, file).replace(/\.ts$/, '.js'));

const runner = spawn(
  process.execPath,
  [
    '--enable-source-maps',
    '--test',
    // A file that hangs fails under its name, and the others still run. By hand one may want to wait, or to debug.
    ...(process.env.CI === undefined ? [] : ['--test-timeout=400000']),
    `--test-concurrency=${interop ? 1 : availableParallelism()}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    '--test-reporter-destination=stderr',
    ...files.sort().map(compiled),
  ],
  { cwd: root, stdio: ['ignore', 'inherit', 'pipe'] },
);

let tap = '';
runner.stderr.on('data', (chunk) => {
  tap = (tap + chunk).slice(-4096);
});
runner.on('close', (status) => {
  const count = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(tap)?.[1] ?? 0);
  const passed = count('pass');
  const failed = count('fail') + count('cancelled');
  const skipped = count('skipped') + count('todo');
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exit(status ?? 1);
});
