/** The table of resumptions, for people and for Markdown. */
import type { Role } from '../cases.ts';
import { type Kind, kindNames, kinds } from './kinds.ts';

export interface Cell {
  readonly peer: string;
  readonly version: string;
  readonly role: Role;
  readonly kind: Kind;
  /** `both` or `ours`: who says that it resumed; `lacks: why`; otherwise what went wrong. */
  result: string;
}

/** Whether the cell needs no attention. */
export function isGood({ result }: Cell): boolean {
  return result === 'both' || result === 'ours' || result.startsWith('lacks: ');
}

/** One row for each peer and role, one column for each kind; why a combination is lacking stands below, by number. */
export function formatTable(cells: readonly Cell[]): string {
  const notes: string[] = [];
  const text = ({ result }: Cell) => {
    if (result === 'both' || result === 'ours') return result;
    if (!result.startsWith('lacks: ')) return 'FAILED';
    const why = result.slice('lacks: '.length);
    if (!notes.includes(why)) notes.push(why);
    return `– (${notes.indexOf(why) + 1})`;
  };
  const rows = [...new Set(cells.map(({ peer, role }) => `${peer}|${role}`))].map((key) => {
    const own = cells.filter(({ peer, role }) => `${peer}|${role}` === key);
    const { peer, version, role } = own[0] as Cell;
    const of = (kind: Kind) => own.find((cell) => cell.kind === kind);
    return [peer, version, role, ...kinds.map((kind) => text(of(kind) as Cell))];
  });
  const head = ['peer', 'version', 'its role', ...kinds.map((kind) => kindNames[kind])];
  const widths = head.map((word, i) => Math.max(word.length, ...rows.map((row) => (row[i] as string).length)));
  const format = (words: string[]) => `| ${words.map((word, i) => word.padEnd(widths[i] as number)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  const table = [format(head), rule, ...rows.map(format)].join('\n');
  return notes.length === 0 ? table : `${table}\n\n${notes.map((note, i) => `${i + 1}. ${note}`).join('\n')}`;
}
