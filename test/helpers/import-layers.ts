/**
 * The import rules of the design (section 2) as data, and a checker for them. `test/layers.test.ts` runs it over
 * `src/`; it reads text, so that it needs no compiler.
 */

/** What each room may import besides itself, `bytes` and `errors.ts`. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  crypto: [],
  wire: [],
  pki: ['crypto'],
  record: ['wire', 'crypto'],
  session: ['crypto'],
  handshake: ['wire', 'crypto', 'pki', 'session'],
  engine: ['handshake', 'wire', 'record', 'session', 'crypto', 'pki'],
  node: ['engine', 'pki', 'session', 'crypto'],
  ca: ['pki', 'crypto'],
  acme: ['ca', 'node', 'pki', 'crypto'],
  audit: ['crypto', 'engine', 'node', 'session', 'pki', 'wire'],
  cli: ['acme', 'audit', 'ca', 'node', 'engine', 'session', 'pki', 'wire', 'crypto', 'console'],
  console: ['acme', 'audit', 'ca', 'node', 'engine', 'session', 'pki', 'wire', 'crypto', 'cli'],
};

/** What the rooms within `node/` may import of each other. The files right under it, its entries, stand above. */
const withinNode: Readonly<Record<string, readonly string[]>> = {
  base: [],
  context: ['base'],
  trust: ['base', 'context'],
  socket: ['base', 'context', 'trust'],
  http: ['base', 'context', 'socket'],
  redis: ['base'],
};

/** Rooms (and single files) that may import `node:*`. */
const mayImportNode = [
  /^crypto\/node[^/]*\.ts$/,
  /^(?:node|acme|audit|cli|console)\//,
  /^ca\/stor(?:e|age)[^/]*(?:\.ts$|\/)/,
];

/** Rooms that may import a package from `node_modules`. */
const mayImportPackages = [/^crypto\//, /^node\//, /^cli\//, /^console\//];

export interface SourceFile {
  /** Path below `src/`, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly path: string;
  readonly imported: string;
  readonly reason: string;
}

/** Everything that a file imports, type imports and re-exports included. */
export function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/[^\n]*/g, '$1');
  const statements = /^\s*(?:import|export)\b(?:[^'";]*?\bfrom)?\s*['"]([^'"]+)['"]/gm;
  const calls = /\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]\s*\)/g;
  return [...code.matchAll(statements), ...code.matchAll(calls)].map((match) => match[1] as string);
}

/** The imports of `files` that the design does not allow. */
export function findViolations(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path, text }) =>
    importsOf(text).flatMap((imported) => {
      const reason = whyForbidden(path, imported);
      return reason === undefined ? [] : [{ path, imported, reason }];
    }),
  );
}

function whyForbidden(path: string, imported: string): string | undefined {
  if (imported.startsWith('node:')) {
    return mayImportNode.some((rule) => rule.test(path)) || isEntry(path) ? undefined : 'it may not import node:*';
  }
  if (!imported.startsWith('.')) {
    return mayImportPackages.some((rule) => rule.test(path)) ? undefined : 'it may not import a package';
  }
  if (!imported.endsWith('.ts')) return 'a relative import ends in .ts';

  const target = resolve(path, imported);
  if (target === undefined) return 'it reaches out of src/';
  if (path === 'errors.ts') return 'errors.ts imports nothing';
  if (target === 'errors.ts') return undefined;
  const from = roomOf(path);
  // A file right under src/ other than errors.ts is a public entry: it only re-exports. The rooms that stand where a
  // user stands may use it; nothing below them does.
  if (!target.includes('/')) {
    return from === 'cli' || from === 'console' ? undefined : 'a public entry is imported by the command line alone';
  }
  const to = roomOf(target);
  if (isEntry(path)) return to === 'handshake' || to === 'record' ? 'a public entry may not show this room' : undefined;
  if (from === 'node' && to === 'node') return whyForbiddenInNode(path, target);
  if (from === to || to === 'bytes') return undefined;
  if (from === 'bytes') return 'bytes/ imports errors.ts only';
  const allowed = mayImport[from];
  if (allowed === undefined) return `the room ${from}/ is not in the design`;
  return allowed.includes(to) ? undefined : `${from}/ may not import ${to}/`;
}

function whyForbiddenInNode(path: string, target: string): string | undefined {
  const [from, to] = [path, target].map((file) => roomOf(file.slice('node/'.length)));
  if (from === '' || from === to) return undefined;
  if (to === '') return `node/${from}/ may not import an entry of node/`;
  const allowed = withinNode[from as string];
  if (allowed === undefined) return `the room node/${from}/ is not in the design`;
  return allowed.includes(to as string) ? undefined : `node/${from}/ may not import node/${to}/`;
}

function isEntry(path: string): boolean {
  return !path.includes('/') && path !== 'errors.ts';
}

/** The first folder of a path; empty where it has none. */
function roomOf(path: string): string {
  return path.slice(0, Math.max(path.indexOf('/'), 0));
}

/** `imported`, as seen from `path`, as a path below `src/`; `undefined` where it leaves it. */
function resolve(path: string, imported: string): string | undefined {
  const parts = path.split('/').slice(0, -1);
  for (const part of imported.split('/')) {
    if (part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join('/');
}
