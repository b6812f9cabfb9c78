// Runs Node's own tests of tls, https and http2 over Handfast.
//
//   node test/node/nodejs-suite.mjs <node source>/test [--plain] [--jobs=2] [--list=results.tsv] [name part …]
//
// Run are `test-tls-*`, `test-https-*`, and every other test that loads tls, https or secure http2.
// The folder is the `test` folder of a source package of Node 20 or later (or NODE_TESTS in the environment); nothing of
// it is in this project. `--node=<folder>/node` is a Node of that version. Each file runs in a child process with `--import dist/node/register.js`, which puts Handfast in
// the place of `tls` and `https`; `--plain` leaves that out, for the baseline. A file passes when its process exits
// with 0 within 60 s. `nodejs-exclusions.json` beside this file holds the tests that no module outside Node can be
// asked to pass, each with its reason; one with `only` is left out of the tests of these major versions alone.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));
const words = process.argv.slice(2);
const option = (name, otherwise) =>
  words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise;
const plain = words.includes('--plain');
const all = words.includes('--all');
const verbose = words.includes('--verbose');
const positional = words.filter((word) => !word.startsWith('--'));
const suite = process.env.NODE_TESTS ? resolve(process.env.NODE_TESTS) : resolve(positional.shift() ?? '.');
const parallel = join(suite, 'parallel');
if (!existsSync(join(suite, 'common', 'index.js')) || !existsSync(parallel)) {
  console.error(`${suite} is not the test folder of a Node source package. Give it as the first argument.`);
  process.exit(2);
}
const exclusions = JSON.parse(readFileSync(join(here, 'nodejs-exclusions.json'), 'utf8'));
const register = join(resolve(option('dist', join(root, 'dist'))), 'node', 'register.js');
// A node with an `openssl-cli` beside it runs the tests that need the openssl command.
const nodeBinary = option('node', process.execPath);
const timeLimit = Number(option('timeout', '60')) * 1000;

const usesTls = /require\(['"](node:)?(tls|https)['"]\)|createSecureServer|from ['"](node:)?(tls|https)['"]/;
// The major version of the sources, which tests differ from one to the next.
const major = Number(
  /#define NODE_MAJOR_VERSION (\d+)/.exec(readFileSync(join(dirname(suite), 'src', 'node_version.h'), 'utf8'))?.[1],
);
const folders = ['parallel', 'sequential', 'client-proxy', 'pummel', 'async-hooks'].map((name) => join(suite, name));
const files = folders
  .flatMap((folder) =>
    existsSync(folder)
      ? readdirSync(folder)
          .sort()
          .map((name) => join(folder, name))
      : [],
  )
  .filter((path) => /\/test-[^/]*\.m?js$/.test(path))
  .filter((path) => (path.includes('/client-proxy/') ? isProxyTest(path) : isTlsTest(path)))
  .filter((path) => positional.length === 0 || positional.some((part) => path.includes(part)));

/** By its name, or because it loads what Handfast stands in for. */
function isTlsTest(path) {
  return /\/test-(tls|https)-/.test(path) || usesTls.test(readFileSync(path, 'utf8'));
}

/** Requests of https through a proxy, which the tests make in children of theirs (Node 24). */
function isProxyTest(path) {
  return dirname(path).endsWith('client-proxy') && /\/test-[^/]*https[^/]*\.mjs$/.test(path);
}

function reasonFor(name) {
  const excluded = exclusions[name.replace(/^.*\//, '')];
  if (typeof excluded !== 'object') return excluded;
  return excluded.only.includes(major) ? excluded.why : undefined;
}

function flagsOf(path) {
  const line = /^\/\/ Flags:(.*)$/m.exec(readFileSync(path, 'utf8'));
  return line === null ? [] : line[1].trim().split(/\s+/);
}

function runOne(path, worker) {
  return new Promise((done) => {
    const hook = plain ? [] : ['--import', pathToFileURL(register).href];
    const byEnvironment = isProxyTest(path);
    const started = Date.now();
    const child = spawn(nodeBinary, [...(byEnvironment ? [] : hook), ...flagsOf(path), path], {
      cwd: dirname(suite),
      env: {
        ...process.env,
        ...(byEnvironment && !plain ? { NODE_OPTIONS: hook.join(' ') } : {}),
        TEST_THREAD_ID: String(worker),
        TEST_SERIAL_ID: String(worker),
        ...(path.includes('sequential') ? {} : { TEST_PARALLEL: '1' }),
        FORCE_COLOR: undefined,
        NO_COLOR: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-200_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      // The whole group: a test may have children of its own.
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        child.kill('SIGKILL');
      }
    }, timeLimit);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      try {
        // What the test left running holds ports.
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Nothing was left.
      }
      const skipped = /^1\.\.0 # Skipped: (.*)$/m.exec(output);
      const state = late ? 'timeout' : status !== 0 ? 'fail' : skipped ? 'skip' : 'pass';
      done({
        path,
        state,
        status: signal ?? status,
        ms: Date.now() - started,
        output,
        why: reasonIn(output, skipped, late),
      });
    });
  });
}

/** The line of the output that says most about a failure. */
function reasonIn(output, skipped, late) {
  if (skipped) return skipped[1];
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const telling =
    lines.find((line) => /^\s*\w*(Error|Exception)\b.*[:[]/.test(line)) ??
    lines.find((line) => /Mismatched/.test(line));
  return `${late ? 'still running after the time limit. ' : ''}${(telling ?? lines.at(-1) ?? '').trim().slice(0, 200)}`;
}

const jobs = Number(option('jobs', String(availableParallelism())));
const listed = files.map((path) => ({ path, name: path.slice(suite.length + 1) }));
const sequential = listed.filter(({ name }) => name.startsWith('sequential'));
const queue = listed.filter((file) => !sequential.includes(file));
const results = [];
async function work(worker) {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const excluded = reasonFor(next.name);
    if (excluded !== undefined && !all) {
      results.push({ ...next, state: 'excluded', why: excluded, ms: 0, output: '' });
      continue;
    }
    const result = { ...next, ...(await runOne(next.path, worker)) };
    results.push(result);
    if (result.state !== 'pass') {
      console.log(`${result.state.padEnd(8)} ${result.name}  ${result.why}`);
      if (verbose) console.log(result.output);
    }
  }
}
await Promise.all(Array.from({ length: jobs }, (_, index) => work(index + 1)));
// Those of the folder `sequential` share a port.
queue.push(...sequential);
await work(1);

results.sort((a, b) => (a.name < b.name ? -1 : 1));
const list = option('list', '');
if (list !== '') {
  mkdirSync(dirname(resolve(list)), { recursive: true });
  writeFileSync(list, results.map(({ state, name, ms, why }) => `${state}\t${name}\t${ms}\t${why}\n`).join(''));
}
const count = (state) => results.filter((result) => result.state === state).length;
console.log(
  `${count('pass')} passed, ${count('fail')} failed, ${count('timeout')} timed out, ${count('skip')} skipped, ` +
    `${count('excluded')} excluded (Node ${process.version}${plain ? ', plain node:tls' : ''})`,
);
process.exit(count('fail') + count('timeout') > 0 ? 1 : 0);
