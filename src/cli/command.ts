import { type ParseArgsConfig, parseArgs } from 'node:util';
import { CliError, usageError } from './errors.ts';
import { exitCodes } from './exit-codes.ts';
import { type Paint, width, wrap } from './ui/terminal.ts';

/** One option of a command. */
export interface Option {
  readonly help: string;
  /** What stands for the value in the help; absent for a switch. */
  readonly value?: string;
  readonly short?: string;
  readonly multiple?: boolean;
  /** For completion. */
  readonly choices?: readonly string[];
  /** Not shown in the help. */
  readonly hidden?: boolean;
}

export type Options = Readonly<Record<string, Option>>;

/** Values of a command's options by their names. */
export type Values<O extends Options> = {
  readonly [K in keyof O]: O[K]['value'] extends string
    ? O[K]['multiple'] extends true
      ? readonly string[] | undefined
      : string | undefined
    : boolean | undefined;
};

/** A command as the table of commands holds it. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** After `handfast name`, e.g. `[dir]`. */
  readonly usage: string;
  readonly description?: string;
  readonly options: Options;
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** Words that may follow, e.g. `ca issue`; for help and completion. */
  readonly words?: readonly Command[];
  /** Returns the exit code. */
  readonly run: (words: readonly string[]) => Promise<number>;
}

export interface Parsed<O extends Options> {
  readonly values: Values<O>;
  readonly positionals: readonly string[];
}

/** Reads a command line by a command's options. Throws `CliError` that says which word is wrong. */
export function parse<const O extends Options>(
  options: O,
  words: readonly string[],
  limits: { readonly min?: number; readonly max?: number; readonly names?: readonly string[] } = {},
): Parsed<O> {
  const config: NonNullable<ParseArgsConfig['options']> = {};
  for (const [name, option] of Object.entries(options)) {
    config[name] = {
      type: option.value === undefined ? 'boolean' : 'string',
      ...(option.short === undefined ? {} : { short: option.short }),
      ...(option.multiple === undefined ? {} : { multiple: option.multiple }),
    };
  }
  const { tokens } = parseArgs({
    args: [...words],
    options: config,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Record<string, unknown> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (option === undefined) throw unknownOption(token.rawName, Object.keys(options));
    if (option.value === undefined) {
      if (token.value !== undefined)
        throw usageError(`${token.rawName} takes no value, but was given "${token.value}"`);
      values[token.name] = true;
      continue;
    }
    if (token.value === undefined || (token.inlineValue === false && /^--?[a-z]/.test(token.value))) {
      throw usageError(`${token.rawName} needs a value`, `Like this: ${token.rawName} ${option.value}`);
    }
    if (option.choices !== undefined && !option.choices.includes(token.value)) {
      throw usageError(
        `${token.rawName} ${token.value}: there is no such choice`,
        `Choose one of: ${option.choices.join(', ')}`,
      );
    }
    if (option.multiple === true)
      values[token.name] = [...((values[token.name] as string[] | undefined) ?? []), token.value];
    else if (values[token.name] !== undefined) throw usageError(`${token.rawName} is given twice`, 'Give it once.');
    else values[token.name] = token.value;
  }
  const { min = 0, max = 0, names = [] } = limits;
  if (positionals.length > max) {
    throw usageError(
      `"${positionals[max]}" is one word too many`,
      max === 0 ? 'This command takes options only.' : undefined,
    );
  }
  if (positionals.length < min) throw usageError(`${names[positionals.length] ?? 'a word'} is missing`);
  return { values: values as Values<O>, positionals };
}

function unknownOption(word: string, known: readonly string[]): CliError {
  const near = nearest(word.replace(/^-+/, ''), known);
  return usageError(`there is no option ${word}`, near === undefined ? undefined : `Did you mean --${near}?`);
}

/** The known word that differs least, if it is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const each of known) {
    const distance = each.startsWith(word) && word.length > 1 ? 1 : editDistance(word, each);
    if (distance < least) [best, least] = [each, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next[j] = Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + same);
    }
    row = next;
  }
  return row[b.length] as number;
}

/** A whole number in a range. */
export function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw usageError(`--${name} ${text}: it must be a whole number from ${min} to ${max}`);
}

/** Milliseconds of `90d`, `12h`, `30m`, `10s`. */
export function lifetime(name: string, text: string): number {
  const match = /^(\d{1,6})(s|m|h|d|w)$/.exec(text);
  if (match === null)
    throw usageError(`--${name} ${text}: it must be a number with a unit`, 'Like this: 90d, 12h, 30m, 10s');
  const unit = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[match[2] as 's'];
  return Number(match[1]) * unit * 1000;
}

/** A word, and what it means. */
export type Explained = readonly [word: string, meaning: string];

/** Words with their meanings beside them, or below where the terminal is narrow. */
export function explained(list: readonly Explained[], columns: number, paint: Paint): string[] {
  const size = Math.min(28, Math.max(...list.map(([word]) => width(word))));
  const narrow = columns - size - 4 < 30;
  const indent = narrow ? 6 : size + 4;
  return list.flatMap(([word, meaning]) => {
    const lines = wrap(meaning, Math.max(20, columns - indent)).split('\n');
    const beside = !narrow && width(word) <= size;
    const head = `  ${paint('cyan', word)}${beside ? ' '.repeat(size - width(word) + 2) + lines.shift() : ''}`;
    return [head, ...lines.map((line) => ' '.repeat(indent) + line)];
  });
}

/** The help of one command. */
export function helpOf(command: Command, paint: Paint, columns: number, prefix = 'handfast'): string {
  const name = `${prefix} ${command.name}`;
  const lines = [
    `${paint('bold', name)} ${command.usage}`.trimEnd(),
    '',
    wrap(command.description ?? command.summary, columns),
  ];
  const { words = [] } = command;
  if (words.length > 0) {
    const list = words.map((word): Explained => [`${word.name} ${word.usage}`, word.summary]);
    lines.push('', paint('bold', 'Words'), ...explained(list, columns, paint));
  }
  const options = Object.entries(command.options).flatMap(([key, option]): Explained[] => {
    const short = option.short === undefined ? '' : `-${option.short}, `;
    const value = option.value === undefined ? '' : ` ${option.value}`;
    return option.hidden === true ? [] : [[`${short}--${key}${value}`, option.help]];
  });
  if (options.length > 0) lines.push('', paint('bold', 'Options'), ...explained(options, columns, paint));
  if (command.examples.length > 0) {
    lines.push('', paint('bold', 'Examples'));
    for (const [example, what] of command.examples) {
      const comment = wrap(what, columns - 4).split('\n');
      lines.push(...comment.map((line) => `  ${paint('dim', `# ${line}`)}`), `  ${example}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** For words that may not be reached. */
export function internalError(message: string): CliError {
  return new CliError(message, { exitCode: exitCodes.internal });
}
