/**
 * `handfast inspect` against every server of `servers.ts`, as a table in Markdown; beside it, where they are named,
 * testssl.sh and sslyze. A good server is right when nothing is flagged.
 *
 *     node --import tsx test/audit/faulty/record.ts [--only=nginx] [--testssl=testssl] [--sslyze=sslyze]
 */
import { program } from '../../cli/run.ts';
import { temporaryFolder } from '../../interop/processes.ts';
import { alarms, inspectServer } from './inspect.ts';
import { type RivalSays, sslyze, testssl } from './rivals.ts';
import { faultyServers, startFaulty } from './servers.ts';

const word = (name: string) => process.argv.find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3);
const [only, testsslCommand, sslyzeCommand] = [word('only'), word('testssl'), word('sslyze')];
const columns = ['server', 'fault put in', 'handfast inspect', '', ...rivalColumns()];
console.log(`| ${columns.join(' | ')} |\n|${' --- |'.repeat(columns.length)}`);

function rivalColumns(): string[] {
  return [...(testsslCommand === undefined ? [] : ['testssl.sh']), ...(sslyzeCommand === undefined ? [] : ['sslyze'])];
}

async function rival(says: () => Promise<RivalSays>, good: boolean): Promise<string> {
  try {
    const { found, alarms: flagged } = await says();
    if (good) return flagged.length === 0 ? 'no fault' : `flags ${flagged.join(', ')}`;
    return found ? 'found' : 'not found';
  } catch (error) {
    return (error as Error).message.slice(0, 60).replaceAll('\n', ' ');
  }
}

let wrong = 0;
for (const each of faultyServers.filter(({ server }) => only === undefined || server === only)) {
  const folder = temporaryFolder();
  const cells: string[] = [];
  let right = false;
  try {
    const { port, running } = await startFaulty(each, folder);
    try {
      const { findings } = await inspectServer(program(), each, port, folder);
      const said = alarms(findings, each);
      right = each.expect === undefined ? said.length === 0 : said.includes(each.expect.join(' '));
      cells.push(said.join(', ') || 'no fault', right ? 'right' : '**wrong**');
      const [check, good] = [each.expect?.[0], each.expect === undefined];
      if (testsslCommand !== undefined)
        cells.push(await rival(() => testssl(testsslCommand, port, folder, check), good));
      if (sslyzeCommand !== undefined) cells.push(await rival(() => sslyze(sslyzeCommand, port, check), good));
    } finally {
      await running.stop();
    }
  } catch (error) {
    cells.push((error as Error).message.split('\n')[0] ?? '');
  }
  if (!right) wrong++;
  console.log(`| ${[each.server, each.fault ?? 'none', ...cells].join(' | ')} |`);
}
console.log(`\n${wrong} wrong`);
process.exitCode = wrong === 0 ? 0 : 1;
