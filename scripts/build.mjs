// Compiles src/ to dist/. With --if-needed it does nothing when dist/ is newer than every source file.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'dist', '.built');

function newestSource(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestSource(path) : statSync(path).mtimeMs);
  }
  return newest;
}

const sources = Math.max(newestSource(join(root, 'src')), statSync(join(root, 'tsconfig.json')).mtimeMs);
if (process.argv.includes('--if-needed') && existsSync(stamp) && statSync(stamp).mtimeMs > sources) process.exit(0);

if (!existsSync(join(root, 'node_modules', 'typescript'))) {
  console.error('The dependencies are missing. Run `npm install` first.');
  process.exit(1);
}
rmSync(join(root, 'dist'), { recursive: true, force: true });
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const built = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.json')], { stdio: 'inherit', cwd: root });
if (built.status !== 0) process.exit(built.status ?? 1);

// TypeScript writes arrays whose type it worked out as it knows them since 5.7; to 5.6 the type has no parameter.
for (const name of readdirSync(join(root, 'dist'), { recursive: true })) {
  if (!name.endsWith('.d.ts')) continue;
  const path = join(root, 'dist', name);
  const declarations = readFileSync(path, 'utf8');
  const plain = declarations.replaceAll(/Uint8Array<ArrayBuffer(?:Like)?>/g, 'Uint8Array');
  if (plain !== declarations) writeFileSync(path, plain);
}

// The plots of the command stand on a library that programs which use the package don't need: it is bundled.
const { build } = await import('esbuild');
await build({
  entryPoints: [join(root, 'src', 'cli', 'compare', 'plot.ts')],
  outfile: join(root, 'dist', 'cli', 'compare', 'plot.js'),
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'node',
  allowOverwrite: true,
  legalComments: 'inline',
  logLevel: 'warning',
});

// Node needs half a millisecond a file: in hundreds of files an import takes three times as long as in a few. The modules of the
// package's entries, and of the command, are put together into those and into what they share.
const dist = join(root, 'dist');
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = Object.values(exports).flatMap((entry) => (entry.default ? [join(root, entry.default)] : []));
const compiled = readdirSync(dist, { recursive: true }).map((name) => join(dist, name));
const { metafile } = await build({
  entryPoints: [...entries, join(dist, 'cli', 'main.js')],
  outdir: dist,
  outbase: dist,
  chunkNames: 'shared/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: true,
  sourcesContent: false,
  allowOverwrite: true,
  metafile: true,
  logLevel: 'warning',
});
const written = new Set(Object.keys(metafile.outputs).map((name) => resolve(name)));
for (const file of compiled) if (/\.js(\.map)?$/.test(file) && !written.has(file)) rmSync(file);

// What has no source of its own, as the bundled plots, has no map.
for (const map of written) {
  if (!map.endsWith('.map')) continue;
  const { sources } = JSON.parse(readFileSync(map, 'utf8'));
  if (sources.every((source) => existsSync(resolve(dirname(map), source)))) continue;
  rmSync(map);
  const file = map.replace(/\.map$/, '');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n'));
}

writeFileSync(stamp, '');
utimesSync(stamp, new Date(), new Date());
