import type { WriteStream } from 'node:tty';
import { stripVTControlCharacters } from 'node:util';

type Out = NodeJS.WriteStream | WriteStream;

/** Whether to colour what goes to a stream: on terminals, unless NO_COLOR says no or FORCE_COLOR says yes. */
export function wantsColour(stream: Out, env: NodeJS.ProcessEnv = process.env): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  if (env['FORCE_COLOR'] !== undefined) return env['FORCE_COLOR'] !== '0';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

const codes = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
} as const;

export type Style = keyof typeof codes;

/** Colours text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

export function painter(stream: Out): Paint {
  if (!wantsColour(stream)) return (_, text) => text;
  return (style, text) => `\u001b[${codes[style][0]}m${text}\u001b[${codes[style][1]}m`;
}

/** Columns that a text takes: East Asian wide characters take two. */
export function width(text: string): number {
  let columns = 0;
  for (const character of stripVTControlCharacters(text)) {
    const code = character.codePointAt(0) as number;
    if (code < 0x20 || (code >= 0x300 && code < 0x370)) continue;
    columns += isWide(code) ? 2 : 1;
  }
  return columns;
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff)
  );
}

/** What came from elsewhere, made safe to print: control characters can't move the cursor or change colours. */
export function printable(text: string): string {
  return [...text]
    .map((character) => {
      const code = character.codePointAt(0) as number;
      const control =
        code < 0x20 ||
        (code >= 0x7f && code < 0xa0) ||
        (code >= 0x202a && code <= 0x202e) ||
        (code >= 0x2066 && code <= 0x2069);
      return control ? `\\x${code.toString(16).padStart(2, '0')}` : character;
    })
    .join('');
}

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** A table with aligned columns; no lines, so that it can be copied. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], paint?: Paint): string {
  const sizes = columns.map(({ title }, i) => Math.max(width(title), ...rows.map((row) => width(row[i] ?? ''))));
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, i) => {
        const cell = cells[i] ?? '';
        const space = ' '.repeat(Math.max(0, (sizes[i] as number) - width(cell)));
        return align === 'right' ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  const head = line(columns.map(({ title }) => title));
  return [paint === undefined ? head : paint('bold', head), ...rows.map(line)].join('\n');
}

/** A table that is wider than the terminal, as several, each with the first column. */
export function foldedTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paint: Paint,
  limit: number = process.stdout.columns || Number.POSITIVE_INFINITY,
): string {
  const size = (i: number) => Math.max(...[columns[i]?.title ?? '', ...rows.map((row) => row[i] ?? '')].map(width));
  const groups: number[][] = [];
  let used = 0;
  for (let i = 1; i < columns.length; i++) {
    const more = 2 + size(i);
    if (groups.length === 0 || used + more > limit) {
      groups.push([0]);
      used = size(0);
    }
    groups.at(-1)?.push(i);
    used += more;
  }
  const pick = <T>(list: readonly T[], group: readonly number[]) => group.map((i) => list[i] as T);
  const tables = groups.map((group) =>
    table(
      pick(columns, group),
      rows.map((row) => pick(row, group)),
      paint,
    ),
  );
  return tables.join('\n\n');
}

/** Breaks a text into lines of at most `columns`; each line gets `indent`. */
export function wrap(text: string, columns: number, indent = ''): string {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(/ +/)) {
      if (line !== '' && width(line) + 1 + width(word) > columns - width(indent)) {
        lines.push(indent + line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    lines.push(indent + line);
  }
  return lines.join('\n');
}

/** Cuts a line to the width of a terminal. */
export function clip(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let out = '';
  let used = 0;
  for (const character of stripVTControlCharacters(text)) {
    const size = width(character);
    if (used + size > columns - 1) break;
    out += character;
    used += size;
  }
  return `${out}…`;
}

/** 1234567 as 1.2 MB. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = -1;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** 93784 s as "1 day 2 h". */
export function duration(milliseconds: number): string {
  const seconds = Math.round(Math.abs(milliseconds) / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 || hours > 9 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** A line at the bottom of a terminal that is written again and again; elsewhere it is not shown. */
export class StatusLine {
  readonly #stream: Out;
  #text = '';

  constructor(stream: Out) {
    this.#stream = stream;
  }

  get live(): boolean {
    return this.#stream.isTTY === true && process.env['TERM'] !== 'dumb';
  }

  show(text: string): void {
    if (!this.live) return;
    this.#text = clip(text, (this.#stream.columns || 80) - 1);
    this.#stream.write(`\r\u001b[2K${this.#text}`);
  }

  /** Prints lines above the status line. */
  print(text: string): void {
    if (this.live && this.#text !== '') this.#stream.write('\r\u001b[2K');
    this.#stream.write(`${text}\n`);
    if (this.live && this.#text !== '') this.#stream.write(this.#text);
  }

  clear(): void {
    if (this.live && this.#text !== '') this.#stream.write('\r\u001b[2K');
    this.#text = '';
  }
}
