/** The package as programs get it: what `npm run build` made of the sources. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { moduleFile } from './helpers/process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { exports, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { types: string; default: string }>;
  version: string;
};
const entries = Object.entries(exports).flatMap(([name, entry]) =>
  typeof entry === 'string' ? [] : [{ name, entry }],
);

test('every entry exports what its source exports, and has types', async () => {
  assert.ok(entries.length > 10);
  for (const { name, entry } of entries) {
    // Its import puts Handfast in the place of node:tls.
    if (name === './register') continue;
    const built = (await import(name.replace('.', 'handfast'))) as object;
    const source = entry.default.replace('./dist/', 'src/').replace(/\.js$/, '.ts');
    const expected = (await import(pathToFileURL(moduleFile(source)).href)) as object;
    assert.deepEqual(Object.keys(built).sort(), Object.keys(expected).sort(), name);
    assert.ok(Object.keys(built).length > 0, name);
    assert.match(readFileSync(join(root, entry.types), 'utf8'), /export/);
  }
});

test('entries share their modules: what several export is one and the same', async () => {
  const first = new Map<string, unknown>();
  let shared = 0;
  for (const { name } of entries) {
    if (name === './register') continue;
    const built = (await import(name.replace('.', 'handfast'))) as Record<string, unknown>;
    for (const [key, value] of Object.entries(built)) {
      if (key === 'default' || typeof value !== 'function' || !/^class /.test(value.toString())) continue;
      if (!first.has(key)) first.set(key, value);
      else shared++;
      assert.equal(first.get(key), value, `${key} of ${name}`);
    }
  }
  assert.ok(shared > 0);
});

test('handfast/register takes the place of node:tls and node:https', () => {
  const asked = "[require('tls').connect, require('node:https').get].map((each) => each.toString()).join()";
  const run = (...words: string[]) =>
    execFileSync(process.execPath, [...words, '-p', asked], { cwd: root, encoding: 'utf8' });
  assert.notEqual(run('--import', 'handfast/register'), run());
});

test('a bundler keeps handfast/register, which has effects and no exports, and drops what else is not used', async () => {
  const { build } = await import('esbuild');
  const bundled = async (contents: string) => {
    const stdin = { contents, resolveDir: root };
    const { outputFiles } = await build({ stdin, bundle: true, write: false, platform: 'node', format: 'esm' });
    return outputFiles[0]?.text ?? '';
  };
  assert.match(await bundled("import 'handfast/register';"), /syncBuiltinESMExports\(\)/);
  assert.ok((await bundled("import 'handfast'; import 'handfast/pki'; import 'handfast/https';")).length < 5_000);
});

test('figures for OpenTelemetry need no prom-client', () => {
  assert.doesNotMatch(readFileSync(join(root, 'dist/node/metrics-otel.js'), 'utf8'), /from ['"]prom-client['"]/);
});

test('source maps lead to sources that the package has, and types are those of TypeScript 5.6', () => {
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] };
  const names = (readdirSync(join(root, 'dist'), { recursive: true }) as string[]).map((name) => join('dist', name));
  const maps = names.filter((name) => name.endsWith('.js.map'));
  assert.ok(maps.length > 10, `${maps.length} maps`);
  for (const map of maps) {
    const { sources } = JSON.parse(readFileSync(join(root, map), 'utf8')) as { sources: string[] };
    for (const source of sources) {
      const path = join(dirname(map), source);
      assert.ok(existsSync(join(root, path)) && files.includes(path.split(sep)[0] ?? ''), `${map}: ${path}`);
    }
  }
  for (const name of names) {
    if (name.endsWith('.d.ts')) assert.doesNotMatch(readFileSync(join(root, name), 'utf8'), /Uint8Array</, name);
  }
});

test('the command finds its version and its commands', () => {
  const run = (...words: string[]) =>
    execFileSync(process.execPath, [join(root, 'bin', 'handfast.js'), ...words], { encoding: 'utf8' });
  assert.equal(run('--version').trim(), version);
  for (const command of ['serve', 'proxy', 'get', 'inspect', 'compare', 'ca', 'ech', 'bench'])
    assert.match(run(command, '--help'), new RegExp(`handfast ${command}`), command);
});

test('it is few files: an import costs by their number', () => {
  const names = readdirSync(join(root, 'dist'), { recursive: true }) as string[];
  const modules = names.filter((name) => name.endsWith('.js') && !name.startsWith('bench') && !name.startsWith('test'));
  assert.ok(modules.length < 100, `${modules.length} modules`);
});
