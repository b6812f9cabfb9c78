/** The table of the interoperability run. */
import { type Case, describeCase } from './cases.ts';

export interface Row {
  readonly peer: string;
  readonly run: Case;
  /** `ok`, `skipped: why` or what went wrong. */
  result: string;
}

/** peer × role × version × suite × group × result, one line a handshake, for people and for Markdown. */
export function formatTable(rows: readonly Row[]): string {
  const head = ['peer', 'its role', 'TLS', 'suite', 'group', 'server key', 'client key', 'result'];
  const lines = rows.map(({ peer, run, result }) => [
    peer,
    run.role,
    run.version,
    run.suite.name,
    `${run.group ?? '–'}${run.retry ? ' (retry)' : ''}`,
    run.key,
    run.clientKey ?? '–',
    (result.split('\n')[0] as string).slice(0, 90).replaceAll('|', '/'),
  ]);
  const widths = head.map((word, i) => Math.max(word.length, ...lines.map((line) => (line[i] as string).length)));
  const format = (words: string[]) => `| ${words.map((word, i) => word.padEnd(widths[i] as number)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [format(head), rule, ...lines.map(format)].join('\n');
}

/** passed / all for each peer and role, as Markdown. */
export function formatSummary(rows: readonly Row[], versions: ReadonlyMap<string, string>): string {
  const keys = [...new Set(rows.map((row) => `${row.peer}|${row.run.role}`))];
  const lines = keys.map((key) => {
    const own = rows.filter((row) => `${row.peer}|${row.run.role}` === key);
    const [peer, role] = key.split('|') as [string, string];
    const passed = own.filter((row) => row.result === 'ok').length;
    return `| ${peer} | ${versions.get(peer) ?? '?'} | ${role} | ${passed} of ${own.length} |`;
  });
  return ['| peer | version | its role | passed |', '| --- | --- | --- | --- |', ...lines].join('\n');
}

/** The rows that did not pass, one line each. */
export function failures(rows: readonly Row[]): string[] {
  return rows
    .filter((row) => row.result !== 'ok')
    .map((row) => `${row.peer} as ${row.run.role}, ${describeCase(row.run)}: ${row.result}`);
}
