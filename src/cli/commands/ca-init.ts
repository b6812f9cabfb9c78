import {
  authorityEnd,
  createAuthority,
  type NewKeyType,
  putAsideAuthority,
  renewIntermediate,
} from '../../ca/index.ts';
import { formatName } from '../../pki/index.ts';
import { type Command, type Options, parse } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { shellPath } from '../paths.ts';
import { readPassphrase } from '../server/local-authority.ts';
import { authorityFolder, day, folderOption, issuingPassphraseOption, say, withAuthority } from './ca-common.ts';

const keyTypes = ['p256', 'p384', 'p521', 'ed25519', 'rsa2048', 'rsa3072', 'rsa4096'] as const;

const initOptions = {
  ...folderOption,
  ca: { value: 'NAME', help: 'name of the authority, as people see it in their trust stores' },
  permit: {
    value: 'NAME',
    multiple: true,
    help: 'name or address range that it may issue for, with everything below; default names that nobody owns on the Internet. "any" for no limit',
  },
  'key-type': { value: 'TYPE', choices: keyTypes, help: 'default p256' },
  'root-passphrase-file': {
    value: 'FILE',
    help: "keep the root's key, encrypted; without it the key is discarded once the intermediate is signed",
  },
  'root-key-file': {
    value: 'FILE',
    help: "where the root's encrypted key is written, e.g. on a stick that you take away; default root.key in the folder",
  },
  ...issuingPassphraseOption,
  replace: { help: 'put the authority that is there aside, and make a new one in its place' },
  'base-url': {
    value: 'URL',
    help: 'http:// address under which CRLs and OCSP answers are published (`handfast ca acme` serves them)',
  },
} as const satisfies Options;

export const init: Command = {
  name: 'init',
  summary: 'make an authority with settings of your own',
  usage: '[options]',
  options: initOptions,
  examples: [
    [
      'handfast ca init --folder ca --ca "Example internal" --permit corp.example --permit 10.0.0.0/8',
      'for the names of a company',
    ],
  ],
  run: async (words) => {
    const { values } = parse(initOptions, words);
    const folder = authorityFolder(values);
    const passphrase = (file: string | undefined) => (file === undefined ? undefined : readPassphrase(file));
    const permit = values.permit;
    if (values.replace === true && (await authorityEnd(folder)) !== undefined) {
      say(`The authority that was there is now in ${shellPath((await putAsideAuthority(folder)) ?? folder)}.`);
    }
    const authority = await createAuthority({
      folder,
      name: values.ca,
      permitted: permit === undefined ? undefined : permit.includes('any') ? 'any' : permit,
      keyType: values['key-type'] as NewKeyType | undefined,
      rootPassphrase: await passphrase(values['root-passphrase-file']),
      rootKeyFile: values['root-key-file'],
      issuingPassphrase: await passphrase(values['issuing-passphrase-file']),
      baseUrl: values['base-url'],
    });
    try {
      say(`Made the authority "${formatName(authority.root.subject)}" in ${shellPath(folder)}.`);
      say(`Its root ${shellPath(`${folder}/root.pem`)} is valid until ${day(authority.root.notAfter)}.`);
      say(
        values['root-passphrase-file'] === undefined
          ? "The root's key was discarded: nobody can steal it. When the root ends, `handfast ca init --replace` makes the next one."
          : `The root's key is in ${shellPath(values['root-key-file'] ?? `${folder}/root.key`)}, encrypted. Keep it off this machine.`,
      );
    } finally {
      await authority.close();
    }
    return exitCodes.ok;
  },
};

const renewOptions = {
  ...folderOption,
  'root-passphrase-file': { value: 'FILE', help: "file with the passphrase of the root's key" },
  'root-key-file': { value: 'FILE', help: "the root's encrypted key; default root.key in the folder" },
  'key-type': initOptions['key-type'],
  ...issuingPassphraseOption,
} as const satisfies Options;

export const renewIssuer: Command = {
  name: 'renew-intermediate',
  summary: "a new intermediate, signed by the root's key that was kept",
  usage: '[options]',
  description:
    'Signs another intermediate, which issues from then on; the older ones stay to revoke what they issued. Programs that trust the root notice nothing. The root’s key must have been kept (`handfast ca init --root-passphrase-file`).',
  options: renewOptions,
  examples: [
    [
      'handfast ca renew-intermediate --folder ca --root-key-file /media/stick/root.key --root-passphrase-file pass.txt',
      'with the key from where it is kept',
    ],
  ],
  run: async (words) => {
    const { values } = parse(renewOptions, words);
    const folder = authorityFolder(values);
    const issuingFile = values['issuing-passphrase-file'];
    await renewIntermediate({
      folder,
      rootPassphrase: await readPassphrase(values['root-passphrase-file']),
      rootKeyFile: values['root-key-file'],
      keyType: values['key-type'] as NewKeyType | undefined,
      issuingPassphrase: issuingFile === undefined ? undefined : await readPassphrase(issuingFile),
    });
    await withAuthority({ ...values, folder }, async ({ issuer }) => {
      say(`"${formatName(issuer.certificate.subject)}" issues now, until ${day(issuer.certificate.notAfter)}.`);
    });
    return exitCodes.ok;
  },
};
