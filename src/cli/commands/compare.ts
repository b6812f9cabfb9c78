import { writeFile } from 'node:fs/promises';
import { clientCredential, credentialOptions } from '../client/credential.ts';
import { parseTarget } from '../client/target.ts';
import { trustedRoots } from '../client/trust.ts';
import { type Command, type Options, parse, wholeNumber } from '../command.ts';
import { compareLocal } from '../compare/local.ts';
import type { Measured, NotOffered } from '../compare/modes.ts';
import { compareRemote } from '../compare/remote.ts';
import { usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { mayWrite } from '../paths.ts';
import { escapeHtml } from '../server/files.ts';
import { foldedTable, painter, StatusLine, table } from '../ui/terminal.ts';
import { groupsOf } from './get.ts';

const options = {
  local: {
    help: 'a client and a server in this process, over a network that only has a delay (the default without a URL)',
  },
  rtt: { value: 'LIST', help: 'with --local: round-trip times in ms; default 0,20,100' },
  repeat: { value: 'N', help: 'connections of each kind; default 100 local, 5 remote' },
  groups: {
    value: 'LIST',
    help: 'key exchange groups, best first; default x25519 local, what the engine prefers remote',
  },
  cacert: { value: 'FILE', multiple: true, help: 'roots to trust (PEM)' },
  insecure: { short: 'k', help: 'take any certificate' },
  ...credentialOptions,
  timeout: { value: 'SECONDS', help: 'for each connection; default 15' },
  svg: { value: 'FILE', help: 'draw it into an SVG file' },
  html: { value: 'FILE', help: 'a page with the figure and the table' },
  json: { help: 'print JSON' },
} as const satisfies Options;

export const compare: Command = {
  name: 'compare',
  summary: 'full handshake, session ID, session ticket, PSK and 0-RTT side by side, measured',
  usage: '[URL] [options]',
  description:
    'Connects in six ways and measures each: round trips, bytes, public-key operations, processor time, what each side has to keep, and the time to the first byte of a response. Without a URL both sides run in this process, so that the work of the server is seen too.',
  options,
  examples: [
    ['handfast compare', 'all six, in this process'],
    ['handfast compare --rtt 0,50,200 --svg compare.svg', 'other networks, with a figure'],
    ['handfast compare https://localhost:8443', 'what a server offers, over the network that is there'],
  ],
  run: async (words) => {
    const { values, positionals } = parse(options, words, { max: 1 });
    const [url] = positionals;
    if (url !== undefined && values.local === true)
      throw usageError('--local and a URL: which one?', 'Leave one of them out.');
    const status = new StatusLine(process.stderr);
    const progress = (text: string) => status.show(`measuring ${text} …`);
    await mayWrite(values.svg, values.html);
    const groups = values.groups === undefined ? undefined : groupsOf(values.groups);
    const repeats = wholeNumber('repeat', values.repeat ?? (url === undefined ? '100' : '5'), 1, 100_000);
    const results: (Measured | NotOffered)[] =
      url === undefined
        ? await compareLocal({
            rtts: rttList(values.rtt),
            repeats,
            groups: groups ?? ['x25519', 'secp256r1'],
            progress,
          })
        : await compareRemote({
            target: parseTarget(url),
            anchors: () => trustedRoots(values.cacert),
            insecure: values.insecure === true,
            credential: await clientCredential(values),
            repeats,
            groups,
            timeout: 1000 * wholeNumber('timeout', values.timeout ?? '15', 1, 3600),
            progress,
          }).finally(() => status.clear());
    status.clear();
    const measured = results.filter((each): each is Measured => 'roundTrips' in each);
    const title =
      url === undefined
        ? 'Six ways to begin a TLS connection, measured in one process'
        : `Six ways to connect to ${url}`;
    if (values.json === true) process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
    else process.stdout.write(report(results, url));
    if (values.svg !== undefined || values.html !== undefined) {
      const { plotSvg } = await import('../compare/plot.ts');
      const svg = plotSvg(measured, title);
      if (values.svg !== undefined) await writeFile(values.svg, svg);
      if (values.html !== undefined) await writeFile(values.html, page(title, svg, report(results, url, true)));
    }
    return exitCodes.ok;
  },
};

function rttList(text: string | undefined): number[] {
  return (text ?? '0,20,100').split(',').map((word) => wholeNumber('rtt', word.trim(), 0, 2000));
}

function report(results: readonly (Measured | NotOffered)[], url: string | undefined, plain = false): string {
  const paint = plain ? undefined : painter(process.stdout);
  const measured = results.filter((each): each is Measured => 'roundTrips' in each);
  const [first] = measured;
  if (first === undefined) return 'The server offers none of them.\n';
  const local = first.server !== undefined;
  const times = first.firstByte.map(({ rtt }) => (local ? `at RTT ${rtt}` : 'first byte'));
  const columns = [
    { title: 'connection' },
    { title: 'round trips', align: 'right' },
    { title: 'sent', align: 'right' },
    { title: 'received', align: 'right' },
    { title: local ? 'sign/verify/exchange: server' : 'sign/verify/exchange', align: 'right' },
    ...(local
      ? [
          { title: 'client', align: 'right' },
          { title: 'server CPU', align: 'right' },
          { title: 'client CPU', align: 'right' },
          { title: 'server keeps', align: 'right' },
        ]
      : []),
    { title: 'client keeps', align: 'right' },
    ...times.map((time) => ({ title: time, align: 'right' })),
  ] as const;
  const rows = measured.map((each) => [
    each.mode.title,
    String(each.roundTrips),
    `${each.sent} B`,
    `${each.received} B`,
    ...(each.server === undefined ? [] : [operations(each.server)]),
    operations(each.client),
    ...(local ? [ms(each.serverCpu), ms(each.clientCpu), kept(each)] : []),
    `${each.clientKeeps} B`,
    ...each.firstByte.map(
      ({ milliseconds }) => `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`,
    ),
  ]);
  const lines = [paint === undefined ? table(columns as never, rows) : foldedTable(columns as never, rows, paint)];
  for (const each of results) if ('why' in each) lines.push(`${each.mode.title}: not offered (${each.why})`);
  lines.push(...findings(measured));
  if (local)
    lines.push(
      '',
      `Medians. "at RTT n": time to the first byte of a response, TCP included, over real delays. Key exchange: ${first.info.group ?? 'x25519'}.`,
    );
  else
    lines.push(
      '',
      `The network round trip to ${url} took ${(first.firstByte[0]?.rtt ?? 0).toFixed(1)} ms (TCP). Server work can only be seen with --local.`,
    );
  return `${lines.join('\n')}\n`;
}

/** What the numbers say, as far as they say it. */
function findings(results: readonly Measured[]): string[] {
  const of = (id: string) => results.find(({ mode }) => mode.id === id);
  const lines: string[] = [];
  const [full, id, ticket, full13, psk, early] = [
    of('full12'),
    of('sessionId'),
    of('ticket'),
    of('full13'),
    of('psk'),
    of('earlyData'),
  ];
  if (full !== undefined && id !== undefined && ticket !== undefined) {
    lines.push(
      '',
      'Session ID and session ticket (TLS 1.2)',
      `  Both save ${full.roundTrips - ticket.roundTrips} round trip and all public-key work${saved(full, ticket)}.`,
      `  The session ID is ${ticket.sent - id.sent} B shorter to send, because the state stays with the server: ${id.serverKeeps ?? '?'} B for each client,`,
      `  ${gigabytes(id.serverKeeps)} for a million, and every server of a fleet must reach it.`,
      `  The ticket carries the state, sealed: the server keeps nothing, and a fleet shares only the key that opens tickets.`,
    );
  }
  if (full13 !== undefined && psk !== undefined) {
    lines.push(
      '',
      'TLS 1.3',
      `  A PSK saves no round trip, but the certificate (${full13.received - psk.received} B less to receive) and the signature${saved(full13, psk)};`,
      '  the key exchange stays, so that a stolen ticket key does not open what was recorded.',
    );
  }
  if (early !== undefined)
    lines.push(
      `  0-RTT sends the request with the first packet: no round trip of its own, at the price that it could be replayed.${remembered(early)}`,
    );
  return lines;
}

function remembered({ serverRemembers: claim }: Measured): string {
  return claim === undefined
    ? ''
    : `\n  So that it is taken once, the server remembers each ticket that brought early data: ${claim.bytes} B for ${claim.milliseconds / 1000} s.`;
}

function saved(from: Measured, to: Measured): string {
  if (from.serverCpu === undefined || to.serverCpu === undefined || to.serverCpu >= from.serverCpu) return '';
  return ` (server CPU ${from.serverCpu.toFixed(2)} → ${to.serverCpu.toFixed(2)} ms)`;
}

function operations({ signatures, verifications, keyExchanges }: Measured['client']): string {
  return [signatures, verifications, keyExchanges].map((count) => String(Math.round(count * 10) / 10)).join('/');
}

/** Per client; and per connection with early data, for a while. */
function kept({ serverKeeps, serverRemembers: claim }: Measured): string {
  return claim === undefined
    ? `${serverKeeps} B`
    : `${serverKeeps} B, ${claim.bytes} B for ${claim.milliseconds / 1000} s`;
}

function ms(value: number | undefined): string {
  return value === undefined ? '–' : `${value.toFixed(2)} ms`;
}

function gigabytes(perClient: number | undefined): string {
  return perClient === undefined ? '?' : `${(perClient / 1000).toFixed(2)} GB`;
}

function page(title: string, svg: string, text: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}svg{max-width:100%;height:auto}pre{overflow-x:auto;font-size:13px}</style></head>
<body>${svg}<pre>${escapeHtml(text)}</pre></body></html>
`;
}
