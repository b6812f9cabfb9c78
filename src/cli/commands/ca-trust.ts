import { readFile } from 'node:fs/promises';
import { equal } from '../../bytes/bytes.ts';
import {
  findTrustedRoots,
  type TrustedRoot,
  type TrustOutcome,
  type TrustStore,
  trustLines,
  trustRoot,
  untrustRoot,
} from '../../ca/index.ts';
import { formatName, parseCertificate, readCertificates } from '../../pki/index.ts';
import { type Command, type Options, parse, type Values } from '../command.ts';
import { CliError, usageError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
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
  run: runTrust,
};

const untrustOptions = {
  ...options,
  root: { value: 'ID', multiple: true, help: 'this root, by its name in the stores or by its SHA-256' },
  all: { help: 'every root that handfast put into the stores' },
} as const satisfies Options;

export const untrust: Command = {
  name: 'untrust',
  summary: 'take it out again: this root, and nothing else',
  usage: '[options]',
  description:
    "Takes the root of the authority out of the trust stores, by its fingerprint. Where the authority's folder is gone, the stores themselves say what handfast put there.",
  options: untrustOptions,
  examples: [
    ['handfast ca untrust', 'the root of this authority'],
    ['handfast ca untrust --all', 'also those of authorities that are no more'],
  ],
  run: runUntrust,
};

async function runTrust(words: readonly string[]): Promise<number> {
  const { values } = parse(options, words);
  const rootFile = rootFileOf(values);
  if (values.folder === undefined) await withAuthority(values, async () => {});
  const der = await readRoot(rootFile);
  if (der === undefined) {
    throw new CliError(`${rootFile} does not exist`, {
      hint: 'There is no authority in this folder: `handfast ca init` makes one.',
    });
  }
  const outcomes = await trustRoot(der, { kinds: kindsOf(values), rootFile });
  if (values.json === true) sayJson(outcomes.map(asJson));
  else {
    const paint = painter(process.stdout);
    print(outcomes);
    say(`\nThe root is ${shellPath(rootFile)}. Browsers that run must be started again. Other programs:`);
    for (const { program, line } of trustLines(rootFile)) say(`  ${paint('dim', `${program}:`)} ${line}`);
  }
  return exitCodeOf(outcomes);
}

async function runUntrust(words: readonly string[]): Promise<number> {
  const { values } = parse(untrustOptions, words);
  const kinds = kindsOf(values);
  const rootFile = rootFileOf(values);
  const own = await readRoot(rootFile);
  const { roots, unread } = await findTrustedRoots({ kinds });
  const chosen = chooseRoots(values, own, roots, rootFile);
  const json: unknown[] = [];
  const all: TrustOutcome[] = [];
  for (const der of chosen) {
    const outcomes = await untrustRoot(der, { kinds, ...(own !== undefined && equal(own, der) ? { rootFile } : {}) });
    const held = roots.find((one) => equal(one.der, der));
    all.push(...outcomes);
    json.push(...outcomes.map((outcome) => ({ ...asJson(outcome), ...(held && { root: held.id }) })));
    if (values.json === true) continue;
    if (held !== undefined) say(`${shown(held)}:`);
    print(outcomes);
  }
  if (values.json === true) sayJson(json);
  else if (chosen.length === 0) {
    say('No trust store here holds a root that handfast put there.');
    for (const { store, why } of unread) say(`But ${store.name} could not be read: ${why}`);
  }
  if (values.json !== true && own !== undefined) {
    const others = roots.filter(({ der }) => !chosen.some((one) => equal(one, der)));
    if (others.length > 0) say(`\nOther roots of handfast stay: ${list(others)}`);
  }
  return exitCodeOf(all);
}

/** The roots to take out: those that were named, else that of the authority, else the only one there is. */
function chooseRoots(
  values: Values<typeof untrustOptions>,
  own: Uint8Array | undefined,
  held: readonly TrustedRoot[],
  rootFile: string,
): Uint8Array[] {
  if (values.all === true) {
    const others = held.map(({ der }) => der).filter((der) => own === undefined || !equal(own, der));
    return own === undefined ? others : [own, ...others];
  }
  if (values.root !== undefined) {
    return values.root.map((word) => {
      const wanted = word.toLowerCase().replaceAll(':', '');
      const found = held.find(({ id, sha256 }) => id === wanted || sha256 === wanted);
      if (found !== undefined) return found.der;
      throw usageError(`no trust store here holds a root "${word}"`, stays(held));
    });
  }
  if (own !== undefined) return [own];
  // Of a folder that was named nobody knows which root was its own.
  if (values.folder === undefined && held.length <= 1) return held.map(({ der }) => der);
  throw usageError(`${rootFile} does not exist, so it is not clear which root is meant`, stays(held));
}

function stays(held: readonly TrustedRoot[]): string {
  if (held.length === 0) return 'They hold none that handfast put there.';
  return `They hold ${list(held)}. Take one out with \`--root ID\`, or every one with \`--all\`.`;
}

function list(roots: readonly TrustedRoot[]): string {
  return roots.map(shown).join(', ');
}

/** `handfast-0123456789abcdef (CN=Handfast authority 012345)`. */
function shown({ id, der }: TrustedRoot): string {
  try {
    return `${id} (${formatName(parseCertificate(der).subject)})`;
  } catch {
    return id;
  }
}

/** The root of the authority, or `undefined` where its file is gone. */
async function readRoot(file: string): Promise<Uint8Array | undefined> {
  let content: Uint8Array;
  try {
    content = await readFile(file);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
  return readCertificates(content, file)[0]?.der;
}

function rootFileOf(values: { readonly folder?: string | undefined }): string {
  return `${authorityFolder(values)}/root.pem`;
}

function kindsOf(values: Values<typeof options>): readonly TrustStore['kind'][] | undefined {
  return values.store as readonly TrustStore['kind'][] | undefined;
}

function asJson({ store, outcome, why, byHand }: TrustOutcome) {
  return { store: store.name, where: store.where, outcome, why, byHand };
}

function exitCodeOf(outcomes: readonly TrustOutcome[]): ExitCode {
  return outcomes.some(({ outcome }) => outcome === 'failed') ? exitCodes.findings : exitCodes.ok;
}

function print(outcomes: readonly TrustOutcome[]): void {
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
}
