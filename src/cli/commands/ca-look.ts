import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { checkLog, diagnose, type IssueRecord } from '../../ca/index.ts';
import { type Certificate, encodePem, formatGeneralName, formatName, readCertificates } from '../../pki/index.ts';
import { type Command, type Options, parse } from '../command.ts';
import { usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { duration, type Paint, painter, printable, table, width, wrap } from '../ui/terminal.ts';
import {
  authorityFolder,
  day,
  folderOption,
  issuingPassphraseOption,
  jsonOption,
  say,
  sayJson,
  withAuthority,
} from './ca-common.ts';

const listOptions = {
  ...folderOption,
  ...issuingPassphraseOption,
  ...jsonOption,
  all: { help: 'also those that have expired' },
} as const satisfies Options;

export const list: Command = {
  name: 'list',
  summary: 'certificates that were issued',
  usage: '[options]',
  options: listOptions,
  examples: [],
  run: async (words) => {
    const { values } = parse(listOptions, words);
    const now = Date.now();
    const records = await withAuthority(values, async (authority) =>
      authority.list().filter((record) => record.status === 'issued' && (values.all === true || record.notAfter > now)),
    );
    if (values.json === true) {
      sayJson(records.map((record) => ({ ...record, certificate: undefined, state: stateOf(record, now) })));
      return exitCodes.ok;
    }
    if (records.length === 0) {
      say('No certificates yet. `handfast ca issue NAME` makes one.');
      return exitCodes.ok;
    }
    const paint = painter(process.stdout);
    const rows = records.map((record) => [
      record.serial,
      printable(record.names.join(', ')) || `(${record.profile})`,
      record.profile,
      day(record.notAfter),
      stateOf(record, now),
    ]);
    const titles = ['serial', 'names', 'profile', 'until', 'state'].map((title) => ({ title }));
    const text = table(titles, rows, paint);
    const columns = process.stdout.columns || Number.POSITIVE_INFINITY;
    const fits = text.split('\n').every((line) => width(line) <= columns);
    say(fits ? text : rows.map((row) => listEntry(row, columns, paint)).join('\n'));
    return exitCodes.ok;
  },
};

/** A certificate of the list on a terminal that is too narrow for the table. */
function listEntry([serial = '', names = '', profile, until, state]: string[], columns: number, paint: Paint): string {
  const lines = wrap(names, columns).split('\n');
  const facts = wrap(`${profile}, until ${until}, ${state}`, columns, '  ');
  return [...lines.map((line) => paint('bold', line)), facts, `  ${serial}`].join('\n');
}

function stateOf(record: IssueRecord, now: number): string {
  if (record.revoked !== undefined) return `revoked (${record.revoked.reason})`;
  if (record.notAfter <= now) return 'expired';
  const left = record.notAfter - now;
  return left < 30 * 86_400_000 && left < (record.notAfter - record.notBefore) / 3
    ? `ends in ${duration(left)}`
    : 'valid';
}

const showOptions = { ...jsonOption } as const satisfies Options;

export const show: Command = {
  name: 'show',
  summary: 'what is in a certificate file',
  usage: 'FILE [options]',
  options: showOptions,
  examples: [['handfast ca show app.test.pem', 'names, dates, fingerprints of the whole chain']],
  run: async (words) => {
    const { values, positionals } = parse(showOptions, words, { min: 1, max: 1, names: ['the certificate file'] });
    const file = positionals[0] as string;
    const certificates = readCertificates(await readFile(file), file);
    if (values.json === true) sayJson(certificates.map(certificateJson));
    else say(certificates.map(certificateText).join('\n\n'));
    return exitCodes.ok;
  },
};

/** What one wants to know of a certificate, as JSON. */
export function certificateJson(certificate: Certificate) {
  const { decoded } = certificate;
  return {
    subject: formatName(certificate.subject),
    issuer: formatName(certificate.issuer),
    serial: Buffer.from(certificate.serialNumber).toString('hex'),
    names: decoded.subjectAltName?.map(formatGeneralName) ?? [],
    notBefore: new Date(certificate.notBefore).toISOString(),
    notAfter: new Date(certificate.notAfter).toISOString(),
    authority: decoded.basicConstraints?.ca ?? false,
    sha256: createHash('sha256').update(certificate.der).digest('hex'),
    pem: encodePem('CERTIFICATE', certificate.der),
  };
}

function certificateText(certificate: Certificate): string {
  const facts = certificateJson(certificate);
  const left = certificate.notAfter - Date.now();
  const rows: [string, string][] = [
    ['subject', printable(facts.subject) || '(empty)'],
    ['names', printable(facts.names.join(', ')) || '—'],
    ['issuer', printable(facts.issuer)],
    ['serial', facts.serial],
    [
      'valid',
      `${facts.notBefore.slice(0, 10)} to ${facts.notAfter.slice(0, 10)} (${left < 0 ? `expired ${duration(left)} ago` : `${duration(left)} left`})`,
    ],
    ['kind', facts.authority ? 'authority' : 'end entity'],
    ['SHA-256', facts.sha256],
  ];
  return rows.map(([name, value]) => `${name.padEnd(8)} ${value}`).join('\n');
}

const rootOptions = {
  ...folderOption,
  ...issuingPassphraseOption,
  path: { help: 'print where the file is instead' },
} as const satisfies Options;

export const root: Command = {
  name: 'root',
  summary: 'print the root certificate (PEM)',
  usage: '[options]',
  options: rootOptions,
  examples: [['curl --cacert "$(handfast ca root --path)" https://localhost:8443', 'for a program that takes a file']],
  run: async (words) => {
    const { values } = parse(rootOptions, words);
    if (values.path === true) say(`${authorityFolder(values)}/root.pem`);
    else process.stdout.write(await withAuthority(values, async (authority) => authority.rootPem));
    return exitCodes.ok;
  },
};

const crlOptions = {
  ...folderOption,
  ...issuingPassphraseOption,
  output: {
    value: 'FILE',
    short: 'o',
    help: 'write to a file instead: all as PEM where its name ends with .pem, else the list of the intermediate that issues now as DER',
  },
} as const satisfies Options;

export const crl: Command = {
  name: 'crl',
  summary: 'the current revocation lists: of each intermediate that issued, and of the root',
  usage: '[options]',
  description:
    'Prints the current revocation lists as PEM: of the intermediate that issues now, of those before it (what they issued is revoked in theirs), and of the root. Servers that check a whole chain want them all, e.g. ssl_crl of nginx.',
  options: crlOptions,
  examples: [['handfast ca crl > crl.pem', 'for a server that asks for client certificates']],
  run: async (words) => {
    const { values } = parse(crlOptions, words);
    const [current, ...others] = await withAuthority(values, async (authority) => {
      const now = Date.now();
      const issuers = authority.issuers.filter(({ certificate }) => certificate.notAfter > now).reverse();
      const lists = await Promise.all(issuers.map(({ number }) => authority.crl(number)));
      return [...lists.map(({ der }) => der), authority.rootCrl];
    });
    const pem = [current, ...others].map((der) => encodePem('X509 CRL', der as Uint8Array)).join('');
    if (values.output === undefined) process.stdout.write(pem);
    else await writeFile(values.output, values.output.endsWith('.pem') ? pem : (current as Uint8Array));
    return exitCodes.ok;
  },
};

const checkOptions = {
  ...folderOption,
  ...jsonOption,
  head: { value: 'FILE', help: 'a head of the log (JSON) that was noted elsewhere: the log must still fit it' },
} as const satisfies Options;

export const check: Command = {
  name: 'check',
  summary: 'check the log of everything issued: that nothing was cut or changed',
  usage: '[options]',
  options: checkOptions,
  examples: [['handfast ca check --json > head.json', 'print the head, to be kept elsewhere']],
  run: async (words) => {
    const { values } = parse(checkOptions, words);
    const noted = values.head === undefined ? undefined : await readHead(values.head);
    try {
      const { entries, head } = await checkLog(authorityFolder(values), noted);
      if (values.json === true) sayJson({ entries, head });
      else
        say(
          `The log is whole: ${entries} entries${noted === undefined ? '' : ', and it still fits the head that was noted'}.`,
        );
      return exitCodes.ok;
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_TLS_CA_LOG') throw error;
      if (values.json === true) sayJson({ error: (error as Error).message });
      else say(`The log was tampered with, or is damaged: ${(error as Error).message}`);
      return exitCodes.findings;
    }
  },
};

async function readHead(file: string) {
  try {
    const value = JSON.parse(await readFile(file, 'utf8')) as { head?: unknown };
    return (value.head ?? value) as NonNullable<Awaited<ReturnType<typeof checkLog>>['head']>;
  } catch (error) {
    if (error instanceof SyntaxError)
      throw usageError(`${file} holds no head of a log`, 'It is what `handfast ca check --json` prints.');
    throw error;
  }
}

const doctorOptions = { ...folderOption, ...jsonOption } as const satisfies Options;

export const doctor: Command = {
  name: 'doctor',
  summary: "why a client doesn't trust a certificate",
  usage: '[HOST:PORT] [options]',
  options: doctorOptions,
  examples: [['handfast ca doctor localhost:8443', 'the authority, the trust stores, and that site']],
  run: async (words) => {
    const { values, positionals } = parse(doctorOptions, words, { max: 1 });
    const findings = await diagnose({ folder: authorityFolder(values), site: positionals[0] });
    const paint = painter(process.stdout);
    if (values.json === true) sayJson(findings);
    else {
      const marks = { ok: paint('green', '✓'), warning: paint('yellow', '!'), problem: paint('red', '✗') };
      for (const { level, what, advice } of findings) {
        say(`${marks[level]} ${what}`);
        if (advice !== undefined) say(`  ${paint('dim', '→')} ${advice}`);
      }
    }
    return findings.some(({ level }) => level === 'problem') ? exitCodes.findings : exitCodes.ok;
  },
};
