import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createNodeCrypto } from '../../crypto/node.ts';
import { listEchConfig } from '../../engine/ech-key.ts';
import { createEchKey, type EchKey } from '../../index.ts';
import { readEchConfigList, readEchPem, writeEchPem } from '../../node/context/ech-file.ts';
import { type Command, type Options, parse, wholeNumber } from '../command.ts';
import { CliError, usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { shellPath } from '../paths.ts';
import { painter } from '../ui/terminal.ts';

const options = {
  output: { value: 'FILE', short: 'o', help: 'where the key goes; default ech.pem' },
  'longest-name': { value: 'N', help: 'length of the longest name to hide, in bytes; default 64' },
  p256: { help: 'a key on P-256 instead of X25519' },
  force: { help: 'write over a file that is there' },
} as const satisfies Options;

export const ech: Command = {
  name: 'ech',
  summary: 'make a key for Encrypted Client Hello, which hides the names that clients ask for',
  usage: 'PUBLIC-NAME [options]',
  description:
    'Makes a key for Encrypted Client Hello (RFC 9849) with its config, in one PEM file (RFC 9934). Who watches the line sees PUBLIC-NAME instead of the name that a client asks for; the server needs a certificate for both. Clients take the config from the HTTPS record of the hidden name (RFC 9848), or by --ech.',
  options,
  examples: [
    ['handfast ech public.example', 'the key in ech.pem, and what goes into DNS'],
    ['handfast serve --ech ech.pem --name public.example --name secret.example', 'a server that reads hidden names'],
    ['handfast get https://secret.example:8443 --ech ech.pem -t', 'a client that hides its name from the line'],
  ],
  run: async (words) => {
    const { values, positionals } = parse(options, words, { min: 1, max: 1, names: ['the public name'] });
    const [publicName = ''] = positionals;
    const file = values.output ?? 'ech.pem';
    const maximumNameLength = wholeNumber('longest-name', values['longest-name'] ?? '64', 0, 255);
    const group = values.p256 === true ? 'secp256r1' : 'x25519';
    const key = createEchKey(createNodeCrypto(), { publicName, maximumNameLength, group });
    try {
      await writeFile(file, writeEchPem(key), { mode: 0o600, flag: values.force === true ? 'w' : 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      throw usageError(`${file} is there already`, 'Name another file with --output, or write over it with --force.');
    }
    const list = Buffer.from(listEchConfig(key.config)).toString('base64');
    const paint = painter(process.stdout);
    process.stdout.write(`The key is in ${shellPath(file)}: keep it secret, and read by the server alone.\n\n`);
    process.stdout.write(`  Server   ${paint('cyan', `handfast serve --ech ${shellPath(file)}`)}\n`);
    process.stdout.write(`  Client   ${paint('cyan', `handfast get https://NAME --ech ${list}`)}\n`);
    process.stdout.write(`  DNS      ${paint('cyan', `NAME. HTTPS 1 . ech="${list}"`)}\n`);
    return exitCodes.ok;
  },
};

/** The keys of files that `handfast ech` made, in their order: the first is the one for new clients. */
export async function readEchFiles(files: readonly string[]): Promise<EchKey[]> {
  const keys: EchKey[] = [];
  for (const file of files) keys.push(...fromEchFile(file, await readFile(file, 'utf8'), readEchPem));
  return keys;
}

/** An ECHConfigList from the command line: Base64 as in DNS, or a file that `handfast ech` made. */
export async function readEchList(listOrFile: string): Promise<Uint8Array> {
  const text = existsSync(listOrFile) ? await readFile(listOrFile, 'utf8') : listOrFile;
  return fromEchFile(listOrFile, text, readEchConfigList);
}

/** What a file is read by; a `SyntaxError` of it becomes words that name the file. */
export function fromEchFile<T>(file: string, text: string, read: (text: string) => T): T {
  try {
    return read(text);
  } catch (error) {
    throw new CliError(`--ech ${file}: ${(error as Error).message}`, {
      hint: 'handfast ech PUBLIC-NAME makes such a file.',
      cause: error,
    });
  }
}
