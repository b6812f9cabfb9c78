/**
 * `npx tsx test/interop/record.ts TABLE COMMIT`: writes what `HANDFAST_INTEROP_TABLE=TABLE npm run test:interop -- --all`
 * left into the docs: the sums into docs/conformance.md, every handshake into docs/interop.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const docs = join(fileURLToPath(import.meta.url), '..', '..', '..', 'docs');
const [file, commit] = process.argv.slice(2);
if (file === undefined || commit === undefined) throw new Error('usage: record.ts TABLE COMMIT');
const [summary, ...rest] = readFileSync(file, 'utf8').trim().split('\n\n');
const table = rest.join('\n\n');
const day = new Date().toISOString().slice(0, 10);
const rows = table.split('\n').slice(2);
const passed = rows.filter((row) => / ok +\|$/.test(row)).length;
const heading = `${day}, commit ${commit}, Node ${process.versions.node} (OpenSSL ${process.versions['openssl']}): ${passed} of ${rows.length} handshakes succeeded.`;

const page = join(docs, 'conformance.md');
const [begin, end] = ['<!-- interop -->', '<!-- /interop -->'];
const text = readFileSync(page, 'utf8');
const from = text.indexOf(begin);
const to = text.indexOf(end);
if (from < 0 || to < from) throw new Error(`${page} has no place for the summary`);
writeFileSync(page, `${text.slice(0, from + begin.length)}\n\n${heading}\n\n${summary}\n\n${text.slice(to)}`);
writeFileSync(
  join(docs, 'interop.md'),
  `# Every handshake of the interoperability run\n\n${heading}\nMade by \`npm run test:interop -- --all\`; what a row stands for is in [conformance.md](conformance.md).\n\n${table}\n`,
);
