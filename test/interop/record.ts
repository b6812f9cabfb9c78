/**
 * `npx tsx test/interop/record.ts COMMIT [TABLE] [RESUMPTIONS]`: writes into the docs what
 * `HANDFAST_INTEROP_TABLE=TABLE HANDFAST_RESUMPTION_TABLE=RESUMPTIONS npm run test:interop -- --all` left: the sums and the
 * resumptions into docs/conformance.md, every handshake into docs/interop.md. `-` for TABLE leaves the handshakes alone.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const docs = join(fileURLToPath(import.meta.url), '..', '..', '..', 'docs');
const [commit, file, resumptions] = process.argv.slice(2);
if (commit === undefined || file === undefined) throw new Error('usage: record.ts COMMIT TABLE|- [RESUMPTIONS]');
const day = new Date().toISOString().slice(0, 10);
const where = `${day}, commit ${commit}, Node ${process.versions.node} (OpenSSL ${process.versions['openssl']})`;
if (file !== '-') recordHandshakes(file);
if (resumptions !== undefined) {
  const [sum, ...rest] = readFileSync(resumptions, 'utf8').trim().split('\n\n');
  replace('resumption', `${where}: ${sum}.\n\n${rest.join('\n\n')}`);
}

function recordHandshakes(table: string): void {
  const [summary, ...rest] = readFileSync(table, 'utf8').trim().split('\n\n');
  const rows = rest.join('\n\n').split('\n').slice(2);
  const passed = rows.filter((row) => / ok +\|$/.test(row)).length;
  const heading = `${where}: ${passed} of ${rows.length} handshakes succeeded.`;
  replace('interop', `${heading}\n\n${summary}`);
  writeFileSync(
    join(docs, 'interop.md'),
    `# Every handshake of the interoperability run\n\n${heading}\nMade by \`npm run test:interop -- --all\`; what a row stands for is in [conformance.md](conformance.md).\n\n${rest.join('\n\n')}\n`,
  );
}

/** Puts `text` between the marks of a name in docs/conformance.md. */
function replace(name: string, text: string): void {
  const page = join(docs, 'conformance.md');
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const old = readFileSync(page, 'utf8');
  const from = old.indexOf(begin);
  const to = old.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${page} has no place for ${name}`);
  writeFileSync(page, `${old.slice(0, from + begin.length)}\n\n${text}\n\n${old.slice(to)}`);
}
