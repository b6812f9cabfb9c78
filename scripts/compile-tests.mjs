import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/**
 * Compiles src/ and test/, file by file, into a new folder in .compiled/, and gives that folder: it goes with this process.
 *
 * Tests run compiled and not through a loader: they start twice as fast, and on Node 20 a loader's thread now and then
 * keeps a process from starting or from ending, for good. A compiled module still knows itself by the URL of its source,
 * and so finds its vectors and fixtures; test/helpers/process.ts starts one in a process of its own.
 */
export async function compileTests(root) {
  mkdirSync(join(root, '.compiled'), { recursive: true });
  const outdir = mkdtempSync(join(root, '.compiled', 'run-'));
  process.on('exit', () => rmSync(outdir, { recursive: true, force: true }));
  await build({
    entryPoints: ['src', 'test'].flatMap((room) => sourcesIn(join(root, room))),
    outbase: root,
    outdir,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
    bundle: true,
    define: { 'import.meta.url': 'sourceUrl' },
    plugins: [{ name: 'file by file', setup: fileByFile }],
  });
  for (const file of filesIn(outdir, '.js')) {
    const text = readFileSync(file, 'utf8');
    if (!text.includes('sourceUrl')) continue;
    const source = pathToFileURL(join(root, relative(outdir, file).replace(/\.js$/, '.ts'))).href;
    // In the first line: the source map counts lines.
    writeFileSync(file, `const sourceUrl = ${JSON.stringify(source)}; ${text}`);
  }
  return outdir;
}

/** Every import stays an import; one of a source file becomes one of what it is compiled to. */
function fileByFile(build) {
  build.onResolve({ filter: /.*/ }, ({ kind, path }) => {
    if (kind === 'entry-point') return undefined;
    return { external: true, path: path.startsWith('.') ? path.replace(/\.ts$/, '.js') : path };
  });
}

const sourcesIn = (folder) => filesIn(folder, '.ts').filter((file) => !file.endsWith('.d.ts'));

function filesIn(folder, ending) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(ending) && !name.includes('node_modules'))
    .map((name) => join(folder, name));
}
