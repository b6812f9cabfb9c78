/**
 * What a program gives is looked at before anything is done with it. An option that nobody knows may be a misspelt
 * safeguard, and a value of the wrong kind one that is off: neither is passed over. Each error names the place, what stood
 * there, and what to give.
 */
import { ConfigError, type ErrorCode } from '../errors.ts';
import { isBytes } from './bytes.ts';

/** Throws a `ConfigError` where the value, which has this name, will not do. */
export type Rule = (value: unknown, name: string) => void;
/** A rule for each of the options: the compiler notices one that was forgotten. */
export type Rules<Options> = { readonly [K in keyof Required<Options>]: Rule };
export type Fields = Readonly<Record<string, unknown>>;

/** For what is checked elsewhere. */
export const anything: Rule = () => undefined;
export const flag: Rule = kind('true or false', (value) => typeof value === 'boolean');
export const callable: Rule = kind('a function', (value) => typeof value === 'function');
export const text: Rule = kind('a string', (value) => typeof value === 'string');
export const bytes: Rule = kind('a Uint8Array', isBytes);
/** Anything with fields: for calls that are made for every connection, and cheaper than {@link fields}. */
export const object: Rule = kind('an object', isObject);
/** A count without a bound. */
export const bound: Rule = kind('a whole number, or Infinity', (value) => value === Infinity || isCount(value));
/** A number above 0: a time, or a size. */
export const positive: Rule = kind('a number above 0', (value) => isNumber(value) && value > 0);
export const notNegative: Rule = kind('a number that is not negative', (value) => isNumber(value) && value >= 0);
/** A time that may be without end. */
export const time: Rule = kind(
  'milliseconds since the epoch, or Infinity',
  (value) => typeof value === 'number' && !Number.isNaN(value),
);

/**
 * Throws a `ConfigError`, with this code, for a name that is none of the rules', and for a value of the wrong kind.
 * @param name what the whole is called: `the options of a server`.
 */
export function checkOptions(
  value: unknown,
  name: string,
  rules: Readonly<Record<string, Rule>>,
  required: readonly string[] = [],
  code?: ErrorCode,
): void {
  try {
    checkFields(value, name, '', rules);
    for (const option of required) rules[option]?.((value as Fields)[option], option);
  } catch (error) {
    throw withCode(error, code);
  }
}

/** Throws a `ConfigError`, with this code, where an argument will not do: `check(bytes, der, 'parseCertificate: der')`. */
export function check(rule: Rule, value: unknown, name: string, code?: ErrorCode): void {
  try {
    rule(value, name);
  } catch (error) {
    throw withCode(error, code);
  }
}

function withCode(error: unknown, code: ErrorCode | undefined): unknown {
  return code === undefined || !(error instanceof ConfigError) ? error : new ConfigError(error.message, { code });
}

function checkFields(value: unknown, name: string, prefix: string, rules: Readonly<Record<string, Rule>>): void {
  const given = fields(value, name);
  for (const option of Object.keys(given)) {
    const field = given[option];
    // What a program works out may come to nothing: that is the default, whatever the name.
    if (field === undefined) continue;
    const rule = Object.hasOwn(rules, option) ? rules[option] : undefined;
    if (rule === undefined) throw new ConfigError(unknown(prefix + option, option, name, rules));
    rule(field, prefix + option);
  }
}

function unknown(shown: string, option: string, name: string, rules: object): string {
  const near = Object.keys(rules).find((other) => isNear(option.toLowerCase(), other.toLowerCase()));
  return `${shown} is none of ${name}${near === undefined ? '' : `: is ${near} meant?`}`;
}

/** Whether one name is in the other, or they differ in the letters between one beginning and one end. */
function isNear(a: string, b: string): boolean {
  if (a.includes(b) || b.includes(a)) return true;
  let from = 0;
  while (from < a.length && a[from] === b[from]) from++;
  let to = 0;
  while (to < Math.min(a.length, b.length) - from && a.at(-1 - to) === b.at(-1 - to)) to++;
  return Math.max(a.length, b.length) - from - to <= 2;
}

/** What passes the test; `what` says in the error what to give. */
export function kind(what: string, test: (value: unknown) => boolean): Rule {
  return (value, name) => {
    if (!test(value)) refuse(value, name, what);
  };
}

export function whole(least: number, most: number): Rule {
  return kind(`a whole number from ${least} to ${most}`, (value) => isCount(value) && value >= least && value <= most);
}

export function oneOf(...values: readonly string[]): Rule {
  return kind(values.map((value) => `'${value}'`).join(' or '), (value) => values.includes(value as string));
}

/** What has these methods, be it an object or a function: `Date` is a clock. */
export function having(methods: readonly string[], what: string): Rule {
  return kind(what, (value) => {
    const mayHave = isObject(value) || typeof value === 'function';
    return mayHave && methods.every((method) => typeof (value as Fields)[method] === 'function');
  });
}

export function list(rule: Rule): Rule {
  return (value, name) => {
    if (!Array.isArray(value)) refuse(value, name, 'an array');
    for (let i = 0; i < value.length; i++) {
      try {
        rule(value[i], name);
      } catch (error) {
        // The place is told only where it matters: names made for each entry would cost every handshake.
        if (error instanceof ConfigError) rule(value[i], `${name}[${i}]`);
        throw error;
      }
    }
  };
}

/** A list of one at least. */
export function filled(rule: Rule): Rule {
  const each = list(rule);
  return (value, name) => {
    each(value, name);
    if ((value as readonly unknown[]).length === 0)
      throw new ConfigError(`${name} is an empty array: give one at least`);
  };
}

/** An object of options of its own. */
export function named(rules: Readonly<Record<string, Rule>>): Rule {
  return (value, name) => checkFields(value, name, `${name}.`, rules);
}

/** The value as an object with fields. */
export function fields(value: unknown, name: string): Fields {
  if (!isObject(value) || Array.isArray(value) || isBytes(value) || value instanceof ArrayBuffer)
    refuse(value, name, 'an object');
  return value as Fields;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function isNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function refuse(value: unknown, name: string, what: string): never {
  throw new ConfigError(`${name} is ${shown(value, name)}; give ${what}`);
}

const secretName = /secret|identity|signer|Psk|passphrase|Passphrase|password|\burl$|[kK]eys?(?:$|[[.])/;

/** A value for a message. What may be a secret is told by its kind alone. */
function shown(value: unknown, name: string): string {
  if (isBytes(value)) return `a Uint8Array of ${value.length} bytes`;
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'string') return secretName.test(name) ? 'a string' : JSON.stringify(value.slice(0, 80));
  if (typeof value === 'object' || typeof value === 'function')
    return value === null ? 'null' : `a${typeof value === 'object' ? 'n object' : ' function'}`;
  return String(value);
}
