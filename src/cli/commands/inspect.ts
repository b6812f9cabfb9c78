import { lookup } from 'node:dns/promises';
import { writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { auditResumption } from '../../audit/index.ts';
import { cipherSuites } from '../../crypto/cipher-suites.ts';
import { createNodeCrypto } from '../../crypto/node.ts';
import { decodeEchConfigList } from '../../index.ts';
import { formatGeneralName, formatName } from '../../pki/index.ts';
import { clientCredential, credentialOptions } from '../client/credential.ts';
import { parseTarget } from '../client/target.ts';
import { trustedRoots } from '../client/trust.ts';
import { type Command, type Options, parse, type Values, wholeNumber } from '../command.ts';
import { CliError, usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { type EchSurvey, surveyEch } from '../inspect/ech.ts';
import type { Finding, Verdict } from '../inspect/finding.ts';
import { openKeyHistory } from '../inspect/key-history.ts';
import { type StartTls, startTlsBridge, startTlsPort, startTlsProtocols } from '../inspect/starttls.ts';
import { allGroups, type Survey, survey } from '../inspect/survey.ts';
import { mayWrite } from '../paths.ts';
import { escapeHtml } from '../server/files.ts';
import { type Paint, painter, printable, StatusLine, wrap } from '../ui/terminal.ts';
import { fromEchFile, readEchList } from './ech.ts';

const options = {
  starttls: {
    value: 'PROTOCOL',
    choices: startTlsProtocols,
    help: `begin in the clear: ${startTlsProtocols.join(', ')}`,
  },
  servername: { value: 'NAME', help: 'name to ask for (SNI), and that the certificate must have; default the host' },
  other: {
    value: 'NAME',
    multiple: true,
    help: 'another host name of the same server with another policy: sessions must not resume there',
  },
  cacert: { value: 'FILE', multiple: true, help: 'roots to trust (PEM)' },
  ...credentialOptions,
  ech: {
    value: 'LIST',
    help: 'the ECHConfigList that DNS has for the name, in Base64 or a file of `handfast ech`: does the server know it?',
  },
  patience: { value: 'SECONDS', help: 'how long to watch the rotation of ticket keys and the lifetime; default 4' },
  history: {
    value: 'FILE',
    help: 'remember the names of ticket keys, so that one that stays for days is found the next time',
  },
  'no-resume': { help: 'leave out the audit of resumption' },
  timeout: { value: 'SECONDS', help: 'for each connection; default 5' },
  json: { help: 'print JSON' },
  html: { value: 'FILE', help: 'write a page' },
} as const satisfies Options;

export const inspect: Command = {
  name: 'inspect',
  summary: 'audit a server: versions, suites, certificate, and how it resumes sessions',
  usage: 'HOST[:PORT] [options]',
  description:
    'Asks a server what it speaks, judges its certificate chain, tries Encrypted Client Hello, and audits session resumption: kinds, reuse across names, lifetime, rotation of keys, weak keys, replay of early data. It exits with 1 when it finds something that somebody could exploit or that clients refuse. Only ask servers that are yours to ask: replays and probes are seen as an attack by others.',
  options,
  examples: [
    ['handfast inspect localhost:8443', 'everything about one server'],
    ['handfast inspect www.example.com --history keys.json', 'each day, by a timer: does the ticket key change?'],
    ['handfast inspect www.example.com --ech AEX+DQ…', 'does the config in DNS still fit the keys of the server?'],
    ['handfast inspect mail.example.com:587 --starttls smtp', 'a mail server'],
    ['handfast inspect www.example.com --other admin.example.com', 'do sessions cross between two names?'],
  ],
  run: (words) => {
    const { values, positionals } = parse(options, words, { min: 1, max: 1, names: ['the host'] });
    return runInspect(values, positionals[0] as string);
  },
};

type InspectValues = Values<typeof options>;

/** Also those that nobody should take: how a server resumes is asked whatever it speaks. */
const everySuite = cipherSuites.map(({ code }) => code);

interface Report {
  readonly host: string;
  readonly port: number;
  readonly address: string;
  readonly survey: Survey;
  readonly ech: EchSurvey | undefined;
  readonly findings: readonly Finding[];
}

async function runInspect(values: InspectValues, word: string): Promise<number> {
  const protocol = values.starttls as StartTls | undefined;
  const target = parseTarget(word, protocol === undefined ? 443 : startTlsPort(protocol));
  const status = new StatusLine(process.stderr);
  await mayWrite(values.html, values.history);
  const published = values.ech === undefined ? undefined : await publishedEch(values.ech);
  const crypto = createNodeCrypto();
  const anchors = await trustedRoots(values.cacert);
  const credential = await clientCredential(values);
  const client = credential === undefined ? {} : { credentials: [credential] };
  const name = values.servername ?? target.host;
  const history = values.history === undefined ? undefined : await openKeyHistory(values.history, target.authority);
  const timeoutMs = 1000 * wholeNumber('timeout', values.timeout ?? '5', 1, 600);
  const patienceMs = 1000 * wholeNumber('patience', values.patience ?? '4', 0, 86_400);
  for (const other of values.other ?? [])
    if (isIP(other) !== 0) throw usageError(`--other ${other}: sessions are bound to names, give a name`);
  const addresses =
    isIP(target.host) === 0 ? (await lookup(target.host, { all: true })).map(({ address }) => address) : [target.host];
  const bridge =
    protocol === undefined
      ? undefined
      : await startTlsBridge(target.host, target.port, protocol, { serverName: name, timeoutMs });
  try {
    const address = bridge === undefined ? await reachable(addresses, target.port, timeoutMs) : '127.0.0.1';
    const port = bridge?.port ?? target.port;
    const endpoint = { address, port, ...(isIP(name) === 0 ? { serverName: name } : {}) };
    const looked = await survey({
      endpoint,
      name,
      crypto,
      anchors,
      client,
      timeoutMs,
      progress: (text) => status.show(`asking for ${text} …`),
    });
    if (looked.error !== undefined) {
      const failed = bridge?.failed();
      if (failed !== undefined) throw failed;
      throw noHandshake(target.authority, looked.error, looked.silent);
    }
    const findings: Finding[] = [...looked.findings];
    let ech: EchSurvey | undefined;
    if (looked.versions.some(({ version }) => version === 0x0304)) {
      status.show('asking for Encrypted Client Hello …');
      const asked = { endpoint, name, crypto, anchors, timeoutMs, client: { ...client, groups: allGroups } };
      ech = await surveyEch(asked, published, findings.find(isRefusedChain)?.summary);
      findings.push(...ech.findings);
    } else if (published !== undefined) {
      const summary =
        'Encrypted Client Hello needs TLS 1.3, which the server does not speak: the published config is of no use';
      findings.push({ section: 'extensions', check: 'ech', verdict: 'bad', summary });
    }
    if (looked.versions.length === 0) {
      const summary = 'resumption was not asked about: no handshake is possible in TLS 1.2 or 1.3';
      findings.push({ section: 'resumption', check: 'kinds', verdict: 'unknown', summary });
    } else if (values['no-resume'] !== true) {
      status.show('auditing resumption …');
      const request = Buffer.from(`HEAD / HTTP/1.1\r\nhost: ${name}\r\nconnection: close\r\n\r\n`);
      const mayTalk = protocol === undefined && looked.alpn.includes('http/1.1');
      const found = auditResumption(
        {
          ...endpoint,
          ...(bridge === undefined && addresses.length > 1 ? { addresses } : {}),
          others: (values.other ?? []).map((serverName) => ({ serverName })),
        },
        {
          crypto,
          timeoutMs,
          patienceMs,
          keyFirstSeen: history?.firstSeen,
          client: {
            ...client,
            cipherSuites: everySuite,
            groups: allGroups,
            ...(mayTalk ? { alpnProtocols: ['http/1.1'] } : {}),
          },
          ...(mayTalk ? { request, earlyData: request } : {}),
        },
      );
      for await (const { check, verdict, summary } of found) {
        findings.push({ section: 'resumption', check, verdict, summary });
        status.show(`auditing resumption: ${check} …`);
      }
    }
    status.clear();
    await history?.save();
    const report: Report = {
      host: target.host,
      port: target.port,
      address: bridge === undefined ? address : target.host,
      survey: looked,
      ech,
      findings,
    };
    if (values.json === true) process.stdout.write(`${JSON.stringify(reportJson(report), undefined, 2)}\n`);
    else process.stdout.write(reportText(report, painter(process.stdout)));
    if (values.html !== undefined) await writeFile(values.html, reportHtml(report));
    return findings.some(({ verdict }) => verdict === 'bad') ? exitCodes.findings : exitCodes.ok;
  } finally {
    status.clear();
    bridge?.server.close();
  }
}

async function publishedEch(word: string): Promise<Uint8Array> {
  const list = await readEchList(word);
  return fromEchFile(word, '', () => {
    if (decodeEchConfigList(list).length === 0) throw new SyntaxError('no config of RFC 9849 in the list');
    return list;
  });
}

/** Why nothing can be said of a server. That it is silent, or cuts connections, is no fault of its TLS (exit code 4). */
function noHandshake(where: string, error: string, silent: boolean): CliError {
  if (silent || error.includes('ECONNRESET')) {
    const message = silent ? `${where} takes connections, and says nothing` : `${where} cuts connections`;
    const hint = 'Is it the right port, and does it speak TLS at once (else --starttls)? --timeout gives it longer.';
    return new CliError(message, { hint, exitCode: exitCodes.network });
  }
  return new CliError(`no TLS handshake with ${where}: ${error}`, {
    hint: noHandshakeHint(error),
    exitCode: exitCodes.tls,
  });
}

function noHandshakeHint(error: string): string {
  if (error.includes('unrecognizedName'))
    return 'The server does not know this name: ask for another with --servername NAME.';
  return error.includes('ended the connection with the alert')
    ? 'The server speaks TLS, but takes nothing of what is offered here; perhaps it wants another name (--servername NAME).'
    : 'Does this port speak TLS at once? Mail servers, databases and others begin in the clear: --starttls.';
}

function isRefusedChain({ check, verdict }: Finding): boolean {
  return check === 'chain' && verdict === 'bad';
}

/** The first address that answers. */
async function reachable(addresses: readonly string[], port: number, timeout: number): Promise<string> {
  const { connect } = await import('node:net');
  let last: unknown;
  for (const address of addresses) {
    try {
      await new Promise<void>((resolve, reject) => {
        const socket = connect({ host: address, port });
        socket.setTimeout(timeout, () =>
          socket.destroy(
            Object.assign(new Error('no answer'), { code: 'ETIMEDOUT', syscall: 'connect', address, port }),
          ),
        );
        socket.once('connect', () => {
          socket.destroy();
          resolve();
        });
        socket.once('error', reject);
      });
      return address;
    } catch (error) {
      last ??= error;
    }
  }
  throw last;
}

const sections: readonly [Finding['section'], string][] = [
  ['versions', 'Versions, suites, groups'],
  ['certificate', 'Certificate'],
  ['extensions', 'Extensions'],
  ['resumption', 'Session resumption'],
];

const marks: Readonly<Record<Verdict, readonly [mark: string, style: 'green' | 'red' | 'yellow' | 'dim']>> = {
  good: ['✓', 'green'],
  bad: ['✗', 'red'],
  weak: ['!', 'yellow'],
  info: ['·', 'dim'],
  unknown: ['?', 'dim'],
};

function versionLines({ versions }: Survey): string[] {
  return versions.flatMap(({ version, cipherSuites, groups }) => [
    `${version === 0x0304 ? 'TLS 1.3' : 'TLS 1.2'}: ${cipherSuites.join(', ')}`,
    `         key exchange: ${groups.join(', ') || 'RSA'}`,
  ]);
}

function chainLines({ chain }: Survey): string[] {
  return chain.map((certificate, i) => {
    const names = certificate.decoded.subjectAltName?.slice(0, 6).map(formatGeneralName).join(', ') ?? '';
    const more = (certificate.decoded.subjectAltName?.length ?? 0) > 6 ? ' …' : '';
    const dates = `${new Date(certificate.notBefore).toISOString().slice(0, 10)} to ${new Date(certificate.notAfter).toISOString().slice(0, 10)}`;
    return printable(
      `${i}: ${formatName(certificate.subject) || '(empty)'}${i === 0 && names !== '' ? ` [${names}${more}]` : ''}, ${dates}`,
    );
  });
}

/** `host:port`, an IPv6 address in brackets. */
function placeOf({ host, port }: Report): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function reportText(report: Report, paint: Paint): string {
  const columns = Math.min(process.stdout.columns || 100, 110);
  const lines = [
    paint('bold', placeOf(report)) + (report.address === report.host ? '' : paint('dim', ` (${report.address})`)),
  ];
  for (const [section, title] of sections) {
    const found = report.findings.filter((finding) => finding.section === section);
    if (found.length === 0) continue;
    lines.push('', paint('bold', title));
    if (section === 'versions') lines.push(...versionLines(report.survey).map((line) => wrap(line, columns, '  ')));
    if (section === 'certificate') lines.push(...chainLines(report.survey).map((line) => wrap(line, columns, '  ')));
    for (const { verdict, summary } of found) {
      const [mark, style] = marks[verdict];
      lines.push(`${paint(style, mark)} ${wrap(printable(summary), columns, '  ').trimStart()}`);
    }
  }
  lines.push('', conclusion(report), '');
  return lines.join('\n');
}

function conclusion({ findings, survey: { versions } }: Report): string {
  const count = (verdict: Verdict) => findings.filter((finding) => finding.verdict === verdict).length;
  const [bad, weak] = [count('bad'), count('weak')];
  if (bad === 0 && weak === 0)
    return versions.length === 0 ? 'No fault found, but little could be seen.' : 'No fault found.';
  return `${bad} fault${bad === 1 ? '' : 's'}, ${weak} weakness${weak === 1 ? '' : 'es'}.`;
}

function reportJson({ host, port, address, survey: looked, ech, findings }: Report) {
  return {
    host,
    port,
    address,
    versions: looked.versions.map(({ version, cipherSuites, groups }) => ({
      version: version === 0x0304 ? '1.3' : '1.2',
      cipherSuites,
      groups,
    })),
    alpn: looked.alpn,
    ...(ech === undefined ? {} : { ech: ech.json }),
    chain: looked.chain.map((certificate) => ({
      subject: formatName(certificate.subject),
      names: certificate.decoded.subjectAltName?.map(formatGeneralName) ?? [],
      notBefore: new Date(certificate.notBefore).toISOString(),
      notAfter: new Date(certificate.notAfter).toISOString(),
    })),
    findings,
    faults: findings.filter(({ verdict }) => verdict === 'bad').length,
  };
}

function reportHtml(report: Report): string {
  const colours: Record<Verdict, string> = {
    good: '#16803c',
    bad: '#b3261e',
    weak: '#a15c00',
    info: '#666',
    unknown: '#999',
  };
  const total = report.findings.length;
  let x = 0;
  const bar = (['bad', 'weak', 'info', 'unknown', 'good'] as const).map((verdict) => {
    const part = (700 * report.findings.filter((finding) => finding.verdict === verdict).length) / Math.max(1, total);
    const rect = `<rect x="${x}" width="${part}" height="18" fill="${colours[verdict]}"><title>${verdict}</title></rect>`;
    x += part;
    return rect;
  });
  const legend = (['bad', 'weak', 'info', 'unknown', 'good'] as const).flatMap((verdict) => {
    const count = report.findings.filter((finding) => finding.verdict === verdict).length;
    return count === 0 ? [] : [`<b style="color:${colours[verdict]}">${count} ${verdict}</b>`];
  });
  const body = sections.map(([section, title]) => {
    const found = report.findings.filter((finding) => finding.section === section);
    if (found.length === 0) return '';
    const facts =
      section === 'versions' ? versionLines(report.survey) : section === 'certificate' ? chainLines(report.survey) : [];
    const items = found.map(
      ({ verdict, summary }) =>
        `<li><b style="color:${colours[verdict]}">${marks[verdict][0]} ${verdict}</b> ${escapeHtml(summary)}</li>`,
    );
    return `<h2>${title}</h2>${facts.length === 0 ? '' : `<pre>${escapeHtml(facts.join('\n'))}</pre>`}<ul>${items.join('\n')}</ul>`;
  });
  const title = placeOf(report);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}ul{list-style:none;padding:0}li{margin:.3rem 0}pre{white-space:pre-wrap;font-size:13px;background:#f4f4f4;padding:.6rem}svg{max-width:100%}</style></head>
<body><h1>${escapeHtml(title)}</h1><p>${conclusion(report)}</p><svg viewBox="0 0 700 18" role="img" aria-label="findings by verdict">${bar.join('')}</svg><p>${legend.join(' · ')}</p>
${body.join('\n')}</body></html>
`;
}
