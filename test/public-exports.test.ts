/**
 * Whatever a program gives to a public function, or class, by mistake: the error says what was wrong and what to do. Every
 * export of every entry is walked, with each of its arguments, and each field of those that are objects, spoiled in turn.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { TlsError } from '../src/errors.ts';
import { moduleFile } from './helpers/process.ts';
import { closeAll, made, type PublicCall, publicCalls } from './public-calls.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { default: string }>;
};
/** Those stand in for modules of Node, whose errors they have: test/node. */
const dropIns = ['./tls', './https', './register', './package.json'];

const wrong: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  -1,
  1.5,
  Number.NaN,
  1e300,
  '',
  'text',
  [],
  [undefined],
  {},
  () => undefined,
  new Uint8Array(0),
  new ArrayBuffer(8),
];

type Made = (...args: readonly unknown[]) => unknown;

after(closeAll);

for (const [entry, target] of Object.entries(exports)) {
  if (dropIns.includes(entry) || typeof target === 'string') continue;
  test(`handfast${entry.slice(1)}: every wrong argument is told, and what to give instead`, async () => {
    const source = target.default.replace('./dist/', 'src/').replace(/\.js$/, '.ts');
    const module = (await import(pathToFileURL(moduleFile(source)).href)) as Record<string, unknown>;
    const table = publicCalls[entry] ?? {};
    const callable = Object.keys(module).filter((name) => typeof module[name] === 'function');
    assert.deepEqual(Object.keys(table).sort(), callable.sort(), 'test/public-calls.ts has a call of each');
    const faults = new Map<string, string>();
    const note = (path: string, what: string): void => {
      if (!faults.has(path)) faults.set(path, what);
    };
    for (const [name, call] of Object.entries(table)) {
      if (typeof call === 'string') continue;
      const make = maker(module[name]);
      const good = await outcome(make, call.args);
      if (isBare(good)) note(name, `as it should be: ${good}`);
      for (const spoiled of spoil(call)) {
        const error = await outcome(make, spoiled.args);
        const path = `${name}(${spoiled.path})`;
        if (isBare(error)) note(path, `${shown(spoiled.value)}: ${error}`);
        else if (error === undefined && spoiled.refused) note(`${path} takes`, shown(spoiled.value));
      }
    }
    assert.deepEqual(Object.fromEntries(faults), {});
  });
}

function maker(exported: unknown): Made {
  const made = exported as Made & (new (...args: readonly unknown[]) => unknown);
  if (!/^class\b/.test(Function.prototype.toString.call(made))) return made;
  return (...args) => new made(...args);
}

async function outcome(make: Made, args: readonly unknown[]): Promise<unknown> {
  try {
    const made = await make(...args);
    // What was made all the same is put away.
    const { close } = (typeof made === 'object' && made !== null ? made : {}) as { close?: () => unknown };
    if (typeof close === 'function') await close.call(made);
    return undefined;
  } catch (error) {
    return error ?? 'nothing';
  }
}

/** An error of JavaScript itself, which tells of the inside and not of what was given. */
function isBare(error: unknown): boolean {
  if (error === undefined) return false;
  if (!(error instanceof Error)) return true;
  if (error instanceof TlsError) return false;
  const { code } = error as { code?: unknown };
  // Node's own say which argument it was.
  if (typeof code === 'string' && !code.startsWith('ERR_INTERNAL')) return false;
  return error instanceof TypeError || error instanceof ReferenceError || /undefined|\[object|NaN/.test(error.message);
}

interface Spoiled {
  readonly path: string;
  readonly value: unknown;
  readonly args: readonly unknown[];
  /** Whether it may not pass. */
  readonly refused: boolean;
}

function* spoil({ args, free = [], optional = [] }: PublicCall): Generator<Spoiled> {
  const refused = (path: string, value: unknown, good: unknown): boolean =>
    !free.some((each) => path === each || path.startsWith(`${each}.`)) &&
    !(value === undefined && optional.includes(path)) &&
    kindOf(value) !== kindOf(good);
  for (let i = 0; i < args.length; i++) {
    for (const value of wrong) {
      yield { path: `${i}`, value, args: replaced(args, i, value), refused: refused(`${i}`, value, args[i]) };
      const given = args[i];
      if (!isPlain(given) || made.has(given)) continue;
      for (const field of Object.keys(given)) {
        const path = `${i}.${field}`;
        yield {
          path,
          value,
          args: replaced(args, i, { ...given, [field]: value }),
          refused: refused(path, value, given[field]),
        };
      }
    }
    if (isPlain(args[i])) {
      const whole = replaced(args, i, {});
      const path = `${i}`;
      yield { path, value: {}, args: whole, refused: false };
    }
  }
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof ArrayBuffer) return 'buffer';
  return typeof value;
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return value.constructor.name;
  if (Array.isArray(value)) return `[${value.map(shown)}]`;
  return typeof value === 'object' && value !== null ? '{}' : String(value);
}

function replaced(args: readonly unknown[], at: number, value: unknown): unknown[] {
  return args.map((arg, i) => (i === at ? value : arg));
}
