// Runs tlsfuzzer's scripts against the engine and compares what fails with what suite.json expects to.
//
//   npm run test:tlsfuzzer -- <checkout of tlsfuzzer> [--python <python>] [--only <part of a name>] [--jobs <n>]
//
// The gate is exact: a conversation that fails without a reason in suite.json fails the run, and so does a reason that
// no failing conversation needs any more. README.md says what is needed beside the checkout.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: process.env.TLSFUZZER_PYTHON ?? 'python3' },
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: '2' },
    json: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
const checkout = resolve(positionals[0] ?? process.env.TLSFUZZER ?? '.');
if (!existsSync(join(checkout, 'scripts', 'test-tls13-conversation.py'))) {
  console.error('Give the path of a tlsfuzzer checkout; test/tlsfuzzer/README.md says how to get one.');
  process.exit(1);
}
/** Longest run of one script, in milliseconds. */
const patience = 600_000;

const suite = JSON.parse(readFileSync(join(here, 'suite.json'), 'utf8'));
const servers = new Map();

/** The port of a profile's server, which is started when it is first needed. */
function portOf(name) {
  if (!servers.has(name)) {
    const profile = suite.profiles[name];
    if (profile === undefined) throw new Error(`suite.json has no profile ${name}`);
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', join(here, 'server.ts'), JSON.stringify(profile), checkout],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const port = new Promise((done, fail) => {
      child.stdout.once('data', (text) => done(Number(text)));
      child.once('exit', (code) => fail(new Error(`the server ${name} ended with status ${code}`)));
    });
    port.catch(() => {});
    servers.set(name, { child, port });
  }
  return servers.get(name).port;
}

/** Runs a script; its text. */
async function runScript({ server, script, args = [] }) {
  const port = await portOf(server);
  const child = spawn(values.python, [join('scripts', script), '-p', String(port), ...args], {
    cwd: checkout,
    env: { ...process.env, PYTHONPATH: '.' },
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), patience);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part) => (text += part));
  }
  await new Promise((done) => child.on('close', done));
  clearTimeout(timer);
  return text;
}

/** The counts and the names of failed conversations at the end of a script's text. */
function readResult(text) {
  const count = (word) => Number(new RegExp(`^${word}: (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  const failed = [];
  const list = text.slice(text.lastIndexOf('\nTOTAL: '));
  for (const [, quoted, name] of list.matchAll(/^\t(?:b|u)?(['"])(.*)\1$/gm)) if (quoted) failed.push(name);
  return { passed: count('PASS'), expectedFailures: count('XFAIL'), failed, ended: !Number.isNaN(count('TOTAL')) };
}

/** Whether a name matches a pattern, in which `*` stands for anything. */
function matches(pattern, name) {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

const totals = { scripts: 0, passed: 0, expected: 0, problems: 0 };
const report = [];
/** The expectations that a failing conversation has met. */
const used = new Set();

function judge(entry, text) {
  const result = readResult(text);
  const title = `${entry.script} ${(entry.args ?? []).join(' ')} (${entry.server})`.replace(/\s+/g, ' ');
  const reasons = suite.expected.filter(({ script }) => matches(script, entry.script));
  const reasonFor = (name) => reasons.find(({ conversation }) => matches(conversation, name));
  const problems = result.failed.filter((name) => reasonFor(name) === undefined);
  for (const name of result.failed) used.add(reasonFor(name));
  const complaints = problems.map((name) => `fails: ${name}`);
  if (!result.ended) complaints.push('the script did not run to its end');
  totals.scripts++;
  totals.passed += result.passed || 0;
  totals.expected += result.failed.length - problems.length;
  totals.problems += complaints.length;
  report.push({ title, passed: result.passed, failed: result.failed, complaints });
  console.log(
    `${complaints.length === 0 ? 'ok  ' : 'FAIL'} ${title}: ${result.passed} passed, ${result.failed.length} failed`,
  );
  for (const complaint of complaints) console.log(`       ${complaint}`);
  if (values.verbose || !result.ended) console.log(text.slice(-6000));
}

const queue = suite.scripts.filter(({ script, server }) => `${script} ${server}`.includes(values.only));
async function worker() {
  for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) judge(entry, await runScript(entry));
}
try {
  await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
} finally {
  for (const { child } of servers.values()) child.kill();
}
if (values.only === '') {
  for (const expectation of suite.expected) {
    if (expectation.sometimes || used.has(expectation)) continue;
    totals.problems++;
    console.log(`no longer fails: ${expectation.script}, ${expectation.conversation}`);
  }
}
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(report, undefined, 1));
console.log(
  `\n${totals.scripts} runs of scripts: ${totals.passed} conversations passed, ${totals.expected} fail for a reason in ` +
    `suite.json, ${totals.problems} problems`,
);
process.exit(totals.problems === 0 ? 0 : 1);
