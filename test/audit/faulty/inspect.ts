/** Runs `handfast inspect` on a server and judges what it says of a fault that is known. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootFile } from '../../helpers/pki.ts';
import type { FaultyServer } from './servers.ts';

export interface Found {
  readonly check: string;
  readonly verdict: string;
  readonly summary: string;
}

/** All findings of one run of the command. */
export async function inspectServer(
  command: string,
  of: FaultyServer,
  port: number,
  folder: string,
): Promise<{ findings: Found[]; code: number | null }> {
  const history = join(folder, 'history.json');
  const more = (of.inspect ?? []).flatMap((word) => (word === '--history' ? [word, history] : [word]));
  const words = ['inspect', `localhost:${port}`, '--cacert', rootFile, '--patience', '1', '--json', ...more];
  const done = await ask(command, words, folder);
  if (!more.includes('--history')) return done;
  // The same server again, eight days later: the date in the history is put back.
  const eightDaysAgo = new Date(Date.now() - 8 * 86_400_000).toISOString();
  writeFileSync(history, readFileSync(history, 'utf8').replace(/20\d\d-[^"]*Z/g, eightDaysAgo));
  return ask(command, words, folder);
}

function ask(command: string, words: string[], home: string): Promise<{ findings: Found[]; code: number | null }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, HOME: home, HANDFAST_HOME: home };
    const child = spawn(process.execPath, [command, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text) => (stdout += text));
    child.stderr.on('data', (text) => (stderr += text));
    child.on('close', (code) => {
      try {
        resolve({ findings: (JSON.parse(stdout) as { findings: Found[] }).findings, code });
      } catch {
        reject(new Error(`inspect ended with ${code}: ${stderr}`));
      }
    });
  });
}

/** Faults and weaknesses that it names: on a good server these are false alarms. */
export function alarms(findings: readonly Found[], of: FaultyServer): string[] {
  const named = findings
    .filter(({ verdict }) => verdict === 'bad' || verdict === 'weak')
    .map(({ check, verdict }) => `${check} ${verdict}`);
  return [...new Set(named)].filter((each) => of.inherent?.includes(each) !== true);
}
