import { readFile } from 'node:fs/promises';
import {
  findTrustStores,
  type TrustOutcome,
  type TrustStore,
  trustLines,
  trustRoot,
  untrustRoot,
} from '../../ca/index.ts';
import { decodePem } from '../../pki/index.ts';
import { type Command, type Options, parse } from '../command.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { shellPath } from '../paths.ts';
import { painter } from '../ui/terminal.ts';
import { authorityFolder, folderOption, jsonOption, say, sayJson, withAuthority } from './ca-common.ts';

const options = {
  ...folderOption,
  ...jsonOption,
  store: {
    value: 'KIND',
    multiple: true,
    choices: ['system', 'nss', 'java'],
    help: 'only these: system, nss (Chromium, Firefox), java',
  },
} as const satisfies Options;

export const trust: Command = {
  name: 'trust',
  summary: 'put the root into the trust stores of this machine',
  usage: '[options]',
  description:
    'Puts the root of the authority into the trust store of the system, of Chromium and Firefox (NSS), and of Java, as far as this user may. For what it may not do it prints the commands.',
  options,
  examples: [['handfast ca trust --store nss', 'browsers alone; no administrator needed']],
  run: (words) => run(words, true),
};

export const untrust: Command = {
  name: 'untrust',
  summary: 'take it out again: this root, and nothing else',
  usage: '[options]',
  options,
  examples: [],
  run: (words) => run(words, false),
};

async function run(words: readonly string[], add: boolean): Promise<number> {
  const { values } = parse(options, words);
  const rootFile = `${authorityFolder(values)}/root.pem`;
  if (add && values.folder === undefined) await withAuthority(values, async () => {});
  const text = await readFile(rootFile, 'latin1').catch(() => {
    throw new CliError(`${rootFile} does not exist`, {
      hint: 'There is no authority in this folder: `handfast ca init` makes one.',
    });
  });
  const der = decodePem(text)[0]?.bytes;
  if (der === undefined) throw new CliError(`${rootFile} holds no certificate`);
  const kinds = values.store as readonly TrustStore['kind'][] | undefined;
  const act = add ? trustRoot : untrustRoot;
  const outcomes = findTrustStores({ kinds }).length === 0 ? [] : await act(der, { kinds, rootFile });
  if (values.json === true)
    sayJson(
      outcomes.map(({ store, outcome, why, byHand }) => ({
        store: store.name,
        where: store.where,
        outcome,
        why,
        byHand,
      })),
    );
  else print(outcomes, rootFile, add);
  return outcomes.some(({ outcome }) => outcome === 'failed') ? exitCodes.findings : exitCodes.ok;
}

function print(outcomes: readonly TrustOutcome[], rootFile: string, add: boolean): void {
  const paint = painter(process.stdout);
  if (outcomes.length === 0) say('No trust store was found on this machine.');
  for (const { store, outcome, why, byHand } of outcomes) {
    const mark = outcome === 'failed' ? paint('red', '✗') : paint('green', '✓');
    say(`${mark} ${store.name}: ${outcome}${why === undefined ? '' : `, ${why}`}`);
    if (byHand !== undefined && byHand.length > 0) {
      say('  By hand, with the rights it needs:');
      for (const line of byHand) say(`    ${paint('cyan', line)}`);
    }
  }
  if (!add) return;
  say(`\nThe root is ${shellPath(rootFile)}. Browsers that run must be started again. Other programs:`);
  for (const { program, line } of trustLines(rootFile)) say(`  ${paint('dim', `${program}:`)} ${line}`);
}
