import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nearest, type Options } from './command.ts';
import { CliError } from './errors.ts';

const names = ['json', 'mjs', 'js', 'mts', 'ts'].map((ending) => `handfast.config.${ending}`);

/** What stands for values that are paths: in a file they count from the folder of the file. */
const paths = new Set(['FILE', 'FOLDER']);

/**
 * Completes the options of a command by those of a configuration file: `--config FILE`, or a `handfast.config.*` in the
 * working folder. The command line has precedence. Throws `CliError` that says what is wrong with which setting.
 */
export async function withConfig<V extends Readonly<Record<string, unknown>>>(
  command: string,
  options: Options,
  values: V,
  explicit: string | undefined,
): Promise<V> {
  const file = explicit ?? names.find((name) => existsSync(name));
  if (file === undefined) return values;
  const content = await load(resolve(file));
  const sections = objectAt(content, file, 'the configuration');
  for (const name of Object.keys(sections)) {
    if (name !== 'serve' && name !== 'proxy' && name !== '$schema') throw unknown(file, name, ['serve', 'proxy']);
  }
  const section = sections[command] === undefined ? {} : objectAt(sections[command], file, command);
  const merged: Record<string, unknown> = { ...values };
  for (const [name, value] of Object.entries(section)) {
    const option = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const known = Object.hasOwn(options, option) ? options[option] : undefined;
    if (known === undefined || option === 'config')
      throw unknown(file, `${command}.${name}`, Object.keys(options).map(camelCase));
    const checked = checkedValue(
      value,
      known.value === undefined ? 'boolean' : known.multiple === true ? 'list' : 'text',
      `${file}: ${command}.${name}`,
    );
    if (known.choices !== undefined && typeof checked === 'string' && !known.choices.includes(checked)) {
      throw new CliError(`${file}: ${command}.${name} is "${checked}"`, {
        hint: `Choose one of: ${known.choices.join(', ')}`,
      });
    }
    if (merged[option] !== undefined) continue;
    merged[option] = paths.has(known.value ?? '') ? fromFolder(checked, dirname(resolve(file))) : checked;
  }
  return merged as V;
}

async function load(file: string): Promise<unknown> {
  if (extname(file) === '.json') {
    const text = await readFile(file, 'utf8');
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new CliError(`${file} is no JSON: ${(error as Error).message}`, {
        hint: 'JSON has no comments and no trailing commas.',
      });
    }
  }
  if (!existsSync(file)) throw new CliError(`${file} does not exist`, { hint: 'Check the path of --config.' });
  try {
    const loaded = (await import(pathToFileURL(file).href)) as { default?: unknown };
    return loaded.default;
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION') {
      throw new CliError(`this Node (${process.version}) can't read TypeScript`, {
        hint: 'Node 22.18 and later can. Or write handfast.config.mjs or .json.',
      });
    }
    throw new CliError(`${file} can't be loaded: ${(error as Error).message}`, {
      hint:
        code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'
          ? 'Node takes types away and translates nothing: leave out enum, namespace and the like.'
          : `It must be a module like this: export default { serve: { port: 8443 } };${orAsModule(file)}`,
      cause: error,
    });
  }
}

/** Where Node takes a file for CommonJS, which has no `export`. */
function orAsModule(file: string): string {
  const ending = extname(file);
  return ending === '.js' || ending === '.ts' ? ` Or name it ${ending.replace('.', '.m')}.` : '';
}

function objectAt(value: unknown, file: string, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new CliError(`${file}: ${where} is ${describe(value)}, not an object`, {
    hint: 'Like this: { "serve": { "port": 8443 } }',
  });
}

function checkedValue(value: unknown, type: 'boolean' | 'list' | 'text', where: string): unknown {
  if (type === 'boolean') {
    if (typeof value === 'boolean') return value ? true : undefined;
    throw new CliError(`${where} is ${describe(value)}, not true or false`, { hint: 'Write true, without quotes.' });
  }
  if (type === 'list') {
    const list = Array.isArray(value) ? value : [value];
    if (list.every((item) => typeof item === 'string' || typeof item === 'number')) return list.map(String);
    throw new CliError(`${where} is ${describe(value)}, not a list of texts`, { hint: 'Like this: ["…", "…"]' });
  }
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new CliError(`${where} is ${describe(value)}, not a text or a number`, { hint: 'Like this: "…"' });
}

function fromFolder(value: unknown, folder: string): unknown {
  const one = (text: string) => (isAbsolute(text) ? text : join(folder, text));
  return Array.isArray(value) ? value.map((text) => one(String(text))) : typeof value === 'string' ? one(value) : value;
}

function unknown(file: string, name: string, known: readonly string[]): CliError {
  const last = name.split('.').at(-1) as string;
  const near = nearest(last, known);
  return new CliError(`${file}: there is no setting "${name}"`, {
    hint: near === undefined ? `There are ${known.join(', ')}` : `Did you mean "${near}"?`,
  });
}

function camelCase(option: string): string {
  return option.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  return value === null || typeof value === 'object'
    ? `${value === null ? 'null' : 'an object'}`
    : `${typeof value} ${JSON.stringify(value)}`;
}
