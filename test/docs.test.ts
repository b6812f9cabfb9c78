/** What the documents say is there: files, names, scripts, imports, links; in the package as well as in a clone. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { moduleFile } from './helpers/process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  files: string[];
  scripts: Record<string, string>;
  exports: Record<string, string | { default: string }>;
};

function filesIn(folder: string, ending: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((name) => ending.test(name) && statSync(join(root, name)).isFile());
}

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const documents = ['README.md', ...filesIn('docs', /\.md$/)];
/** Without what stands in blocks of code. */
const prose = (path: string): string => read(path).replace(/^```[\s\S]*?^```/gm, '');

const isPacked = (path: string): boolean =>
  manifest.files.some((entry) => path === entry || path.startsWith(`${entry}/`)) || path === 'package.json';

/** As GitHub makes it of a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

test('every link of the documents leads to a file that the package has, and to a heading that is there', () => {
  const wrong: string[] = [];
  for (const document of documents) {
    assert.ok(isPacked(document), document);
    for (const [, target = ''] of prose(document).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = '', heading] = target.split('#');
      const file = path === '' ? document : relative(root, join(root, dirname(document), path));
      if (!existsSync(join(root, file)) || !isPacked(file)) wrong.push(`${document}: ${target}`);
      else if (heading !== undefined) {
        const headings = [...prose(file).matchAll(/^#+ (.+)$/gm)].map(([, words = '']) => anchor(words));
        if (!headings.includes(heading)) wrong.push(`${document}: ${target} (${headings.join(' ')})`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test('every file that the documents name is there', () => {
  const wrong: string[] = [];
  for (const document of documents) {
    for (const [path] of read(document).matchAll(/\b(?:test|bench|src|scripts|examples|docs)\/[\w./-]*\w\.\w+\b/g)) {
      // What a program makes of it, and pieces of longer paths.
      if (!existsSync(join(root, path))) wrong.push(`${document}: ${path}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('every script that the documents run is there', () => {
  const wrong: string[] = [];
  for (const document of documents) {
    for (const [, script = ''] of read(document).matchAll(/\bnpm run ([\w:]+)/g)) {
      if (manifest.scripts[script] === undefined) wrong.push(`${document}: npm run ${script}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('what the code of the documents and examples imports is exported', async () => {
  const code = [
    ...documents.flatMap((document) =>
      [...read(document).matchAll(/^```(?:js|ts)\n([\s\S]*?)^```/gm)].map(([, text = '']) => ({ document, text })),
    ),
    ...filesIn('examples', /\.m?js$/).map((document) => ({ document, text: read(document) })),
  ];
  const wrong: string[] = [];
  let seen = 0;
  for (const { document, text } of code) {
    for (const [, names = '', entry = ''] of text.matchAll(/import\s+([^;']+?)\s+from\s+'handfast([^']*)'/g)) {
      const target = manifest.exports[`.${entry}`];
      if (typeof target !== 'object') {
        wrong.push(`${document}: handfast${entry}`);
        continue;
      }
      const source = target.default.replace('./dist/', 'src/').replace(/\.js$/, '.ts');
      const exported = (await import(pathToFileURL(moduleFile(source)).href)) as object;
      for (const name of names.replace(/[{}]/g, '').split(',')) {
        const own = names.includes('{') ? name.trim().split(' as ')[0] : 'default';
        seen++;
        if (own && !own.startsWith('type ') && !(own in exported))
          wrong.push(`${document}: ${own} of handfast${entry}`);
      }
    }
  }
  assert.ok(seen > 30, `${seen} imports`);
  assert.deepEqual(wrong, []);
});

// ---- docs/rfc-map.md ----

const map = read('docs/rfc-map.md');
const sources = filesIn('src', /\.ts$/);
const sourceText = sources.map(read).join('\n');
const testNames = filesIn('test', /\.ts$/);

/** What a short name of the third column stands for: `**bad** \`test/engine/bad-input.test.ts\``. */
const shorthands = new Set([...map.matchAll(/\*\*(\w+)\*\*/g)].map(([, name = '']) => name));

/** The rows of its tables: rule, code, test. */
const rows = map
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (?:---|rule|bound)/.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim()));

test('every row of the map of RFCs names code that is there', () => {
  assert.ok(rows.length > 150, `${rows.length} rows`);
  const wrong: string[] = [];
  for (const [rule = '', code = ''] of rows) {
    for (const [, name = ''] of code.matchAll(/`([^`]+)`/g)) if (!isThere(name)) wrong.push(`${name} (${rule})`);
  }
  assert.deepEqual(wrong, []);
});

/** A file, a folder, a function, a method or field of a class. */
function isThere(name: string): boolean {
  if (/\.ts$/.test(name)) return sources.some((path) => path === `src/${name}` || path.endsWith(`/${name}`));
  if (/\//.test(name)) return existsSync(join(root, 'src', name)) || existsSync(join(root, 'node_modules', name));
  return name
    .split('.')
    .every((part) => new RegExp(`(?<![\\w$])${part.replace(/[$]/g, '\\$&')}(?![\\w$])`).test(sourceText));
}

test('every row of the map of RFCs names a test that is there, or says that there is none', () => {
  const wrong: string[] = [];
  for (const row of rows) {
    const cell = row.at(-1) ?? '';
    const words = cell.replaceAll(/\([^)]*\)/g, '');
    const named = [...words.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    for (const name of named) {
      const path = name.startsWith('test/') ? name : `test/${name}`;
      if (!existsSync(join(root, path)) && !testNames.some((each) => each.endsWith(`/${name}`))) wrong.push(cell);
    }
    const short = words.replaceAll(/`[^`]+`/g, '').match(/\b[\w]+\b/g) ?? [];
    if (short.length === 0 && named.length === 0) wrong.push(`nothing: ${row[0]}`);
    for (const word of short) {
      if (!shorthands.has(word) && !/^(?:tables|right|results|time)$/.test(word)) wrong.push(`${word}: ${row[0]}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('every test that the map of RFCs explains is there', () => {
  const wrong: string[] = [];
  for (const [, cell = ''] of map.matchAll(/`(test\/[^`]+)`/g)) if (!existsSync(join(root, cell))) wrong.push(cell);
  assert.deepEqual(wrong, []);
});
