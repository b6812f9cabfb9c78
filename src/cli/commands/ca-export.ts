import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createNodeCrypto } from '../../crypto/node.ts';
import { createKeyFileCrypto } from '../../crypto/node-key-files.ts';
import { encodePkcs12, formatName, type readCertificates } from '../../pki/index.ts';
import { type Command, type Options, parse } from '../command.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { shellPath } from '../paths.ts';
import { loadCredential, readPassphrase } from '../server/local-authority.ts';
import { replaceFiles } from '../server/shared-file.ts';
import { refuseToReplace, say } from './ca-common.ts';

const options = {
  key: {
    value: 'FILE',
    help: 'private key (PEM); default the one beside the certificate: app.test.key for app.test.pem',
  },
  'key-passphrase-file': { value: 'FILE', help: 'file with the passphrase of that key, where it is encrypted' },
  'passphrase-file': {
    value: 'FILE',
    help: 'file with the passphrase that the new file is protected by (or HANDFAST_PASSPHRASE)',
  },
  name: { value: 'NAME', help: 'how programs show it; default the first name of the certificate' },
  output: { value: 'FILE', short: 'o', help: 'default app.test.p12 for app.test.pem' },
  force: { help: 'replace a file that is there' },
} as const satisfies Options;

export const exportPkcs12: Command = {
  name: 'export',
  summary: 'a certificate with its key and chain as PKCS#12, for browsers, Java, Windows, phones',
  usage: 'FILE [options]',
  description:
    'Writes a PKCS#12 file (.p12) that browsers, mail programs, Java, Windows, macOS and phones import: AES-256 under PBKDF2, authenticated by HMAC-SHA-256. Programs from before 2019 cannot read it.',
  options,
  examples: [
    ['handfast ca issue --profile client alice@corp.test', 'a certificate for a person …'],
    ['handfast ca export alice@corp.test.pem --passphrase-file pass.txt', '… and the file for her browser'],
  ],
  run: async (words) => {
    const { values, positionals } = parse(options, words, { min: 1, max: 1, names: ['the certificate file'] });
    const file = positionals[0] as string;
    const stem = file.replace(/\.(pem|crt|cer)$/i, '');
    const keyFile = values.key ?? `${stem}.key`;
    const output = values.output ?? `${stem}.p12`;
    refuseToReplace(
      [output],
      values.force === true,
      'Choose another place with --output FILE, or replace it with --force.',
    );
    const passphrase = await readPassphrase(values['passphrase-file']);
    if (passphrase === undefined || passphrase === '') {
      throw new CliError('the new file holds a private key, and needs a passphrase', {
        hint: 'Put one into a file of its own: --passphrase-file FILE, or into HANDFAST_PASSPHRASE',
        exitCode: exitCodes.usage,
      });
    }
    const own = values['key-passphrase-file'];
    const keyPassphrase = own === undefined ? undefined : await readPassphrase(own);
    const { credential, leaf } = await loadCredential(createNodeCrypto(), file, keyFile, { passphrase: keyPassphrase });
    const pem = await readFile(keyFile, 'latin1');
    const key = createPrivateKey({ key: pem, ...(keyPassphrase === undefined ? {} : { passphrase: keyPassphrase }) });
    const friendlyName = values.name ?? nameOf(leaf);
    const content = encodePkcs12(
      {
        key: new Uint8Array(key.export({ format: 'der', type: 'pkcs8' })),
        certificates: credential.chain,
        friendlyName,
      },
      passphrase,
      createKeyFileCrypto(),
    );
    replaceFiles([{ path: output, content, secret: true }]);
    say(
      `Wrote ${shellPath(output)}: "${friendlyName}" with its key and ${credential.chain.length - 1} of its issuers.`,
    );
    say('Who imports it has to trust the root besides: `handfast ca root`.');
    return exitCodes.ok;
  },
};

function nameOf({ decoded, subject }: ReturnType<typeof readCertificates>[number]): string {
  const [first] = decoded.subjectAltName ?? [];
  return first !== undefined && (first.kind === 'dns' || first.kind === 'email') ? first.value : formatName(subject);
}
