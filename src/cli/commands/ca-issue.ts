import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { toHex } from '../../bytes/bytes.ts';
import { type IssuedCertificate, type NewKeyType, type RevocationReason, revocationReasons } from '../../ca/index.ts';
import { type Certificate, decodePem, type PemBlock, readCertificates } from '../../pki/index.ts';
import { type Command, lifetime, type Options, parse } from '../command.ts';
import { CliError, humanError, usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { mayWrite, shellPath } from '../paths.ts';
import { type NewFile, replaceFiles } from '../server/shared-file.ts';
import { duration } from '../ui/terminal.ts';
import {
  day,
  folderOption,
  issuingPassphraseOption,
  jsonOption,
  refuseToReplace,
  say,
  sayJson,
  withAuthority,
} from './ca-common.ts';

const outputOptions = {
  ...folderOption,
  ...issuingPassphraseOption,
  ...jsonOption,
  out: { value: 'STEM', short: 'o', help: 'write STEM.pem (chain) and STEM.key; default the first name' },
  force: { help: 'replace files that are there' },
  lifetime: { value: 'TIME', help: "e.g. 30d or 12h; default the profile's" },
} as const satisfies Options;

const issueOptions = {
  ...outputOptions,
  profile: { value: 'NAME', help: 'server (default), client, short-lived, or one of the authority’s own' },
  'key-type': {
    value: 'TYPE',
    choices: ['p256', 'p384', 'p521', 'ed25519', 'rsa2048', 'rsa3072', 'rsa4096'],
    help: 'default p256',
  },
} as const satisfies Options;

export const issue: Command = {
  name: 'issue',
  summary: 'a certificate with its key, for names and addresses',
  usage: 'NAME... [options]',
  options: issueOptions,
  examples: [
    ['handfast ca issue app.test "*.app.test" 10.0.0.7', 'for a server'],
    ['handfast ca issue --profile client alice@corp.test', 'for a person or a program'],
  ],
  run: async (words) => {
    const { values, positionals } = parse(issueOptions, words, { min: 1, max: 100, names: ['a name'] });
    const stem = values.out ?? fileStem(positionals[0] as string);
    refuseToReplace([`${stem}.pem`, `${stem}.key`], values.force === true);
    await mayWrite(`${stem}.pem`, `${stem}.key`);
    const issued = await withAuthority(values, (authority) =>
      authority.issue({
        names: positionals,
        ...(values.profile === undefined ? {} : { profile: values.profile }),
        ...(values['key-type'] === undefined ? {} : { keyType: values['key-type'] as NewKeyType }),
        ...(values.lifetime === undefined ? {} : { lifetime: lifetime('lifetime', values.lifetime) }),
        requester: 'handfast ca issue',
      }),
    );
    await writeIssued(issued, stem, values.json === true);
    return exitCodes.ok;
  },
};

const signOptions = {
  ...outputOptions,
  profile: issueOptions.profile,
  name: { value: 'NAME', multiple: true, help: 'names instead of those in the request' },
} as const satisfies Options;

export const sign: Command = {
  name: 'sign',
  summary: 'a certificate for a request (CSR) whose key stays where it is',
  usage: 'REQUEST [options]',
  options: signOptions,
  examples: [['handfast ca sign app.csr -o app', 'writes app.pem']],
  run: async (words) => {
    const { values, positionals } = parse(signOptions, words, { min: 1, max: 1, names: ['the file with the request'] });
    const file = positionals[0] as string;
    const stem = values.out ?? file.replace(/\.(csr|pem|req|der)$/i, '');
    refuseToReplace([`${stem}.pem`], values.force === true);
    await mayWrite(`${stem}.pem`);
    const csr = await readRequest(file);
    const issued = await withAuthority(values, (authority) =>
      authority.issue({
        csr,
        ...(values.name === undefined ? {} : { names: values.name }),
        ...(values.profile === undefined ? {} : { profile: values.profile }),
        ...(values.lifetime === undefined ? {} : { lifetime: lifetime('lifetime', values.lifetime) }),
        requester: 'handfast ca sign',
      }),
    );
    await writeIssued(issued, stem, values.json === true);
    return exitCodes.ok;
  },
};

async function readRequest(file: string): Promise<Uint8Array> {
  const content = await readFile(file);
  if (content[0] === 0x30) return new Uint8Array(content);
  let blocks: PemBlock[];
  try {
    blocks = decodePem(content.toString('latin1'));
  } catch (error) {
    throw new CliError(`${file} can't be read: ${(error as Error).message}`, {
      hint: 'Was the file cut or edited? Look at it with: openssl req -text -noout -in FILE',
      cause: error,
    });
  }
  const found = blocks.find(({ label }) => label.endsWith('CERTIFICATE REQUEST'));
  if (found !== undefined) return found.bytes;
  throw new CliError(`${file} holds no certificate request`, {
    hint: 'Make one: openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout app.key -out app.csr -subj / -addext subjectAltName=DNS:app.test',
  });
}

export const renew: Command = {
  name: 'renew',
  summary: 'a successor with the same names and a fresh key',
  usage: 'SERIAL|FILE [options]',
  options: outputOptions,
  examples: [['handfast ca renew app.test.pem --force', 'replaces app.test.pem and app.test.key']],
  run: async (words) => {
    const { values, positionals } = parse(outputOptions, words, {
      min: 1,
      max: 1,
      names: ['a serial number or a certificate file'],
    });
    const which = positionals[0] as string;
    const serial = await serialFrom(which);
    const stem = values.out ?? (existsSync(which) ? which.replace(/\.(pem|crt|cer)$/i, '') : undefined);
    if (stem !== undefined) {
      refuseToReplace([`${stem}.pem`, `${stem}.key`], values.force === true);
      await mayWrite(`${stem}.pem`, `${stem}.key`);
    }
    const issued = await withAuthority(values, (authority) =>
      authority.renew(serial, {
        ...(values.lifetime === undefined ? {} : { lifetime: lifetime('lifetime', values.lifetime) }),
        requester: 'handfast ca renew',
      }),
    );
    const to = stem ?? fileStem(issued.names[0] ?? serial);
    if (stem === undefined) refuseToReplace([`${to}.pem`, `${to}.key`], values.force === true);
    await writeIssued(issued, to, values.json === true);
    return exitCodes.ok;
  },
};

const revokeOptions = {
  ...folderOption,
  ...issuingPassphraseOption,
  reason: { value: 'REASON', choices: Object.keys(revocationReasons), help: 'default unspecified' },
} as const satisfies Options;

export const revoke: Command = {
  name: 'revoke',
  summary: 'take a certificate back',
  usage: 'SERIAL|FILE [options]',
  options: revokeOptions,
  examples: [['handfast ca revoke app.test.pem --reason keyCompromise', 'its key was stolen']],
  run: async (words) => {
    const { values, positionals } = parse(revokeOptions, words, {
      min: 1,
      max: 1,
      names: ['a serial number or a certificate file'],
    });
    const serial = await serialFrom(positionals[0] as string);
    const number = await withAuthority(values, async (authority) => {
      await authority.revoke(serial, (values.reason ?? 'unspecified') as RevocationReason);
      return (await authority.crl()).number;
    });
    say(`Revoked ${serial}. Revocation list ${number} says so, and so does every OCSP answer from now on.`);
    return exitCodes.ok;
  },
};

/** A serial number as it is typed, or that of a certificate file. */
async function serialFrom(word: string): Promise<string> {
  if (/^[0-9a-f:]{2,60}$/i.test(word) && !existsSync(word)) return word.replaceAll(':', '').toLowerCase();
  const content = await readFile(word).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw usageError(`${word} is neither a file nor a serial number`, '`handfast ca list` shows the serial numbers.');
  });
  return toHex((readCertificates(content, word)[0] as Certificate).serialNumber);
}

async function writeIssued(issued: IssuedCertificate, stem: string, json: boolean): Promise<void> {
  // The key first: a certificate whose key was lost is of no use.
  write(issued.serial, [
    ...(issued.keyPem === undefined ? [] : [{ path: `${stem}.key`, content: issued.keyPem, secret: true }]),
    { path: `${stem}.pem`, content: issued.chainPem, secret: false },
  ]);
  const { serial, names, profile, notBefore, notAfter } = issued;
  if (json) {
    const key = issued.keyPem === undefined ? undefined : `${stem}.key`;
    sayJson({
      serial,
      names,
      profile,
      notBefore: new Date(notBefore),
      notAfter: new Date(notAfter),
      certificate: `${stem}.pem`,
      key,
    });
    return;
  }
  say(`Issued ${names.join(', ')} until ${day(notAfter)} (${duration(notAfter - Date.now())}), serial ${serial}.`);
  say(`  ${shellPath(`${stem}.pem`)}  certificate chain`);
  if (issued.keyPem === undefined) return;
  const alone = (statSync(`${stem}.key`).mode & 0o077) === 0;
  const readers = alone ? 'readable by this user alone' : 'readable by its group too, as the one before';
  say(`  ${shellPath(`${stem}.key`)}  private key, ${readers}`);
}

/** A certificate that cannot be written is in the log all the same. */
function write(serial: string, files: readonly NewFile[]): void {
  try {
    replaceFiles(files);
  } catch (error) {
    const { message, exitCode } = humanError(error);
    throw new CliError(`the certificate ${serial} was issued, and cannot be written: ${message}`, {
      hint: `Take it back with \`handfast ca revoke ${serial}\`, and issue another.`,
      exitCode,
      cause: error,
    });
  }
}

function fileStem(name: string): string {
  return name
    .replace(/^[a-z]+:\/\//i, '')
    .replace('*', '_')
    .replaceAll(/[^\w.@-]/g, '-');
}
