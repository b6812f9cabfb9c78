// Runs BoringSSL's test runner against the engine and compares the passes with the committed minimum.
//
//   BOGO_RUNNER=<runner binary> node test/bogo/run.mjs [--test <patterns>] [--workers <n>] [--json <file>] [--include-disabled]
//
// Without --test the gate counts: no test may fail, and at least `minimum.json` of them must pass. README.md says how
// the runner is built. A shim that answers "unimplemented" to everything would fail nothing: hence the minimum.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const results = join(here, '.build');
mkdirSync(results, { recursive: true });
// Each run has a shim of its own: two may run at the same time.
const buildFolder = mkdtempSync(join(results, 'shim-'));
process.on('exit', () => rmSync(buildFolder, { recursive: true, force: true }));

const { values } = parseArgs({
  options: {
    runner: { type: 'string', default: process.env.BOGO_RUNNER },
    test: { type: 'string' },
    workers: { type: 'string' },
    json: { type: 'string' },
    'include-disabled': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});

/** The shim as an executable file; the engine is a chunk beside it that loads only when the flags are understood. */
async function buildShim() {
  await build({
    entryPoints: { shim: join(here, 'shim.ts') },
    outdir: buildFolder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    banner: { js: '#!/usr/bin/env -S node --no-warnings' },
    logLevel: 'warning',
  });
  for (const file of readdirSync(buildFolder)) chmodSync(join(buildFolder, file), 0o755);
  return join(buildFolder, 'shim.mjs');
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

const shim = await buildShim();
if (values.runner === undefined || !existsSync(values.runner)) {
  fail('Set BOGO_RUNNER (or --runner) to a build of BoringSSL’s runner; test/bogo/README.md says how to build it.');
}

const jsonFile = resolve(values.json ?? join(results, 'result.json'));
const words = [
  '-shim-path',
  shim,
  '-shim-config',
  join(here, 'config.json'),
  '-allow-unimplemented',
  // A busy machine is no failure.
  '-idle-timeout',
  '60s',
  '-json-output',
  jsonFile,
  '-pipe',
];
if (values.test !== undefined) words.push('-test', values.test);
if (values.workers !== undefined) words.push('-num-workers', values.workers);
if (values['include-disabled']) words.push('-include-disabled');

rmSync(jsonFile, { force: true });
// The runner keeps its own files in a temporary folder; nothing of BoringSSL's checkout is needed at run time.
const run = spawnSync(resolve(values.runner), words, {
  cwd: buildFolder,
  encoding: 'utf8',
  maxBuffer: 1 << 28,
  timeout: 60 * 60_000,
});
if (run.error !== undefined) fail(`the runner did not run: ${run.error.message}`);
if (!existsSync(jsonFile)) fail(`the runner wrote no result:\n${run.stdout}\n${run.stderr}`);

const { tests } = JSON.parse(readFileSync(jsonFile, 'utf8'));
const counts = { PASS: 0, FAIL: 0, SKIP: 0 };
for (const [name, { actual, error }] of Object.entries(tests)) {
  counts[actual]++;
  if (actual === 'FAIL') console.log(`FAILED ${name}\n${values.verbose ? error : firstLines(error)}`);
}
console.log(`BoGo: ${counts.PASS} passed, ${counts.FAIL} failed, ${counts.SKIP} unimplemented`);

function firstLines(error = '') {
  return error
    .split('\n')
    .filter((line) => /ERR_|local:|remote:|Mismatch|Error:|unexpected/.test(line))
    .slice(0, 6)
    .join('\n');
}

if (counts.FAIL > 0) process.exitCode = 1;
if (values.test === undefined) {
  const { passes } = JSON.parse(readFileSync(join(here, 'minimum.json'), 'utf8'));
  if (counts.PASS < passes) fail(`${counts.PASS} passes are fewer than the ${passes} of minimum.json`);
}
