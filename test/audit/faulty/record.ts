/**
 * `handfast inspect` against every server of `servers.ts`, as a table in Markdown.
 *
 *     node --import tsx test/audit/faulty/record.ts [--only=nginx]
 */
import { program } from '../../cli/run.ts';
import { temporaryFolder } from '../../interop/processes.ts';
import { alarms, inspectServer } from './inspect.ts';
import { faultyServers, startFaulty } from './servers.ts';

const only = process.argv.find((word) => word.startsWith('--only='))?.slice(7);
console.log('| server | fault put in | inspect says | |\n| --- | --- | --- | --- |');
let wrong = 0;
for (const each of faultyServers.filter(({ server }) => only === undefined || server === only)) {
  const folder = temporaryFolder();
  let row = 'did not run';
  let right = false;
  try {
    const { port, running } = await startFaulty(each, folder);
    try {
      const { findings } = await inspectServer(program(), each, port, folder);
      const said = alarms(findings);
      right = each.expect === undefined ? said.length === 0 : said.includes(each.expect.join(' '));
      row = said.join(', ') || 'no fault';
    } finally {
      await running.stop();
    }
  } catch (error) {
    row = (error as Error).message.split('\n')[0] ?? '';
  }
  if (!right) wrong++;
  console.log(`| ${each.server} | ${each.fault ?? 'none'} | ${row} | ${right ? 'right' : '**wrong**'} |`);
}
console.log(`\n${wrong} wrong`);
process.exitCode = wrong === 0 ? 0 : 1;
