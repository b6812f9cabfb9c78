import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { groupName } from '../../crypto/named-groups.ts';
import { createNodeCrypto } from '../../crypto/node.ts';
import { AlertReceivedError } from '../../errors.ts';
import type { ClientOptions, ConnectionInfo, GroupName } from '../../index.ts';
import { encodePem, trustAnchorsDigest } from '../../pki/index.ts';
import { type ClientSession, clientPolicyDigest } from '../../session/index.ts';
import { closeQuietly, open, type TimedEvent } from '../client/connect.ts';
import { clientCredential, credentialOptions } from '../client/credential.ts';
import { type Language, languages } from '../client/explain.ts';
import { ladderFigure } from '../client/figure.ts';
import { exchange, type HttpRequest, type HttpResponse } from '../client/http.ts';
import { openSessionFile } from '../client/session-file.ts';
import { parseTarget, type Target } from '../client/target.ts';
import { costLine, jsonBytes, summaryLine, traceJson, traceView } from '../client/trace-view.ts';
import { peerVerifier, trustedRoots } from '../client/trust.ts';
import { type Command, type Options, parse, type Values, wholeNumber } from '../command.ts';
import { CliError, usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { mayWrite } from '../paths.ts';
import { painter, printable } from '../ui/terminal.ts';
import { readEchList } from './ech.ts';

const options = {
  trace: { short: 't', help: 'tell the handshake message by message, in plain words' },
  bytes: { help: 'with --trace: show the bytes of every message' },
  lang: { value: 'LANGUAGE', choices: languages, help: 'language of --trace and --figure: en or ko' },
  figure: { value: 'FILE', help: 'draw the handshake into an SVG file' },
  resume: {
    value: 'FILE',
    help: 'keep sessions in this file, and resume with them (it is sealed under a key of this user)',
  },
  'early-data': { help: 'with --resume: send the request as 0-RTT data; GET and HEAD only' },
  cacert: { value: 'FILE', multiple: true, help: "roots to trust (PEM) instead of Node's and the local authority's" },
  ...credentialOptions,
  tls: { value: 'VERSION', choices: ['1.2', '1.3'], help: 'only this TLS version' },
  ech: {
    value: 'LIST',
    help: 'hide the name (Encrypted Client Hello): an ECHConfigList in Base64, as in DNS, or a file of `handfast ech`',
  },
  groups: { value: 'LIST', help: 'key exchange groups, best first, e.g. X25519MLKEM768,x25519,secp256r1' },
  http: { value: 'VERSION', choices: ['1.1', '2'], help: 'only this HTTP version' },
  insecure: { short: 'k', help: 'take any certificate: the connection may be with anyone' },
  method: { value: 'METHOD', short: 'X', help: 'request method; default GET' },
  header: { value: 'LINE', short: 'H', multiple: true, help: 'request header, e.g. "accept: text/html"' },
  data: { value: 'TEXT', short: 'd', help: 'request body; @FILE for the content of a file' },
  head: { short: 'I', help: 'ask for the headers only' },
  include: { short: 'i', help: 'print the response headers too' },
  output: { value: 'FILE', short: 'o', help: 'write the body to a file' },
  fail: { short: 'f', help: 'exit with 1 for HTTP status 400 and up' },
  connect: { value: 'HOST:PORT', help: 'connect here instead, and still ask for the host of the URL' },
  timeout: { value: 'SECONDS', help: 'for connecting and the handshake; default 15' },
  'max-time': { value: 'SECONDS', help: 'for everything, the response included; default no limit' },
  json: { help: 'one JSON object: connection, response, body; with --trace the events too' },
} as const satisfies Options;

export const get: Command = {
  name: 'get',
  summary: 'fetch a URL, and tell the handshake in plain words',
  usage: 'URL [options]',
  description:
    'An HTTPS client on the engine of handfast. The body goes to standard output, the trace to standard error. It trusts the roots that Node brings, those of NODE_EXTRA_CA_CERTS, and the local authority of this user.',
  options,
  examples: [
    ['handfast get https://localhost:8443 --trace', 'the handshake, message by message'],
    ['handfast get https://localhost:8443 --resume sessions.bin', 'run it twice: the second one resumes'],
    [
      'handfast get https://localhost:8443 --resume sessions.bin --early-data -t',
      '0-RTT: the request goes with the first packet',
    ],
    ['handfast get https://localhost:8443 --tls 1.2 --trace --lang ko', 'TLS 1.2, told in Korean'],
  ],
  run: (words) => {
    const { values, positionals } = parse(options, words, { min: 1, max: 1, names: ['the URL'] });
    return runGet(values, positionals[0] as string);
  },
};

type GetValues = Values<typeof options>;

async function runGet(values: GetValues, url: string): Promise<number> {
  const target = parseTarget(url);
  const { request, early } = await requestOf(values, target);
  const maxTime = values['max-time'] === undefined ? undefined : wholeNumber('max-time', values['max-time'], 1, 86_400);
  const crypto = createNodeCrypto();
  const anchors = await trustedRoots(values.cacert);
  const sessionFile = values.resume === undefined ? undefined : await openSessionFile(crypto, values.resume);
  const version = values.tls === undefined ? undefined : versionCodes[values.tls];
  const credential = await clientCredential(values);
  await mayWrite(values.output, values.figure);
  const policy = clientPolicyDigest(crypto, {
    host: target.host,
    port: target.port,
    serverName: target.host,
    trust: values.insecure === true ? 'none' : trustAnchorsDigest(anchors, crypto),
    ...(credential === undefined
      ? {}
      : { clientCertificate: crypto.hash('sha256', credential.chain[0] as Uint8Array) }),
  });
  // A session of TLS 1.2 is only of use to a server that speaks nothing newer.
  const take = (each: number) =>
    (version ?? each) === each ? sessionFile?.cache.take(policy, Date.now(), [each]) : undefined;
  const session = take(0x0304) ?? take(0x0303);
  const protocols = protocolsOf(values, early ? session : undefined);
  const groups = values.groups === undefined ? undefined : groupsOf(values.groups);
  const tls: ClientOptions = {
    crypto,
    serverName: target.host,
    verifyPeer: peerVerifier(crypto, anchors, target.host, values.insecure === true),
    alpnProtocols: protocols,
    requestOcsp: true,
    ...(values.ech === undefined ? {} : { ech: { configList: await readEchList(values.ech) } }),
    earlyData: early,
    sessions: session === undefined ? [] : [session],
    ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
    ...(groups === undefined ? {} : { groups }),
    ...(credential === undefined ? {} : { credentials: [credential] }),
  };
  const place = values.connect === undefined ? target : parseTarget(values.connect, target.port);
  const paint = painter(process.stderr);
  const language = (values.lang ?? 'en') as Language;
  const columns = Math.min(process.stderr.columns || 100, 110);
  const view = traceView({ paint, columns, language, bytes: values.bytes === true });
  const events: TimedEvent[] = [];
  const isTraced = values.trace === true || values.figure !== undefined || values.json === true;
  let certificateWanted = false;
  const trace = (event: TimedEvent) => {
    if (event.event.kind === 'message' && event.event.type === 'certificateRequest') certificateWanted = true;
    if (!isTraced) return;
    events.push(event);
    if (values.trace !== true || values.json === true) return;
    const lines = view(event);
    if (lines !== undefined) process.stderr.write(`${lines}\n`);
  };
  if (values.insecure === true)
    process.stderr.write(`${paint('yellow', 'warning')}: --insecure: anyone could be on the other side\n`);
  if (early && (session === undefined || session.state.maxEarlyDataSize === 0)) {
    process.stderr.write(
      `${paint('yellow', 'note')}: no early data: there is no session yet that allows it; run it again\n`,
    );
  }
  const opened = await open({
    host: place.host,
    port: place.port,
    tls,
    trace,
    timeout: 1000 * wholeNumber('timeout', values.timeout ?? '15', 1, 3600),
    sendEarly: early,
  });
  const { socket, connection, secured } = opened;
  let isLate = false;
  const limit = setTimeout(
    () => {
      isLate = true;
      socket.destroy(new Error('late'));
    },
    1000 * (maxTime ?? 0),
  );
  if (maxTime === undefined) clearTimeout(limit);
  const kept: ClientSession[] = [];
  const keepSessions = () => {
    for (const each of connection.takeSessions()) if (sessionFile) kept.push(sessionFile.cache.add(each, policy));
  };
  try {
    // Early data goes before the server has chosen a protocol: the one of the session it is.
    const sendsEarly = early && session !== undefined && session.state.maxEarlyDataSize > 0;
    let answer = sendsEarly ? exchange(socket, protocols[0] === 'h2' ? '2' : '1.1', request) : undefined;
    answer?.catch(() => {});
    const { info, milliseconds } = await secured;
    answer ??= exchange(socket, info.alpnProtocol === 'h2' ? '2' : '1.1', request);
    const handshakeBytes = opened.bytes();
    const response = await answer;
    if (response.status === 425)
      process.stderr.write('the server says 425 Too Early: send it again without --early-data\n');
    const chunks: Uint8Array[] = [];
    if (values.json === true) for await (const chunk of response.body) chunks.push(chunk);
    else {
      if (values.include === true || values.head === true) process.stdout.write(headText(response));
      if (request.method === 'HEAD') for await (const _ of response.body);
      else await writeBody(response.body, values.output);
    }
    response.done();
    keepSessions();
    if (connection.truncated && endsWithConnection(request, response)) {
      throw new CliError('the connection ended without a close_notify: the end of the body may be missing', {
        hint: 'Somebody in between may have cut it, or the server ends connections badly (RFC 9112, Section 9.8).',
        exitCode: exitCodes.network,
      });
    }
    const facts = { info, milliseconds, tcp: opened.tcp, handshakeBytes };
    await closeQuietly(socket);
    keepSessions();
    // A TLS 1.2 session that was offered and not taken is of no more use.
    if (session !== undefined && !info.resumed) sessionFile?.cache.remove(session);
    await sessionFile?.save();
    if (values.figure !== undefined) await ladderFigure(values.figure, events, facts.info, language);
    if (values.json === true) {
      const result = {
        url: `https://${target.authority}${target.path}`,
        connection: connectionJson(info),
        timing: { tcp: round(opened.tcp), handshake: round(milliseconds) },
        bytes: handshakeBytes,
        response: {
          status: response.status,
          httpVersion: response.version,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        },
        ...(values.trace === true ? { trace: events.map((event) => JSON.parse(traceJson(event)) as unknown) } : {}),
      };
      process.stdout.write(`${JSON.stringify(result, jsonBytes, 2)}\n`);
    } else if (values.trace === true) {
      const cost = costLine({ handshake: milliseconds, tcp: opened.tcp, ...handshakeBytes }, language);
      process.stderr.write(`\n${paint('bold', summaryLine(info, language))}\n${paint('dim', cost)}\n`);
    }
    return values.fail === true && response.status >= 400 ? exitCodes.findings : exitCodes.ok;
  } catch (error) {
    if (isLate)
      throw new CliError(`${target.authority} did not finish its response within ${maxTime} s`, {
        hint: '--max-time gives it longer.',
        exitCode: exitCodes.network,
      });
    // Before TLS 1.3 a server has no alert of its own for it.
    if (certificateWanted && credential === undefined && error instanceof AlertReceivedError)
      throw new CliError(error.message, {
        hint: 'The server asked for a client certificate: --cert FILE --key FILE',
        exitCode: exitCodes.tls,
        cause: error,
      });
    throw error;
  } finally {
    clearTimeout(limit);
    socket.destroy();
    // A session whose connection failed is forgotten, and a ticket that was shown is not shown again.
    if (connection.failed) for (const each of session ? [session, ...kept] : kept) sessionFile?.cache.remove(each);
    if (connection.failed || session?.state.version === 0x0304) await sessionFile?.save().catch(() => {});
  }
}

/** Whether nothing but the end of the connection says where the body ends (RFC 9112, Section 6.3). */
function endsWithConnection({ method }: HttpRequest, { version, status, headers }: HttpResponse): boolean {
  const isEmpty = method === 'HEAD' || status === 204 || status === 304;
  const isFramed = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  return version === '1.1' && !isEmpty && !isFramed;
}

const versionCodes: Readonly<Record<string, 0x0303 | 0x0304>> = { '1.2': 0x0303, '1.3': 0x0304 };

async function requestOf(values: GetValues, target: Target): Promise<{ request: HttpRequest; early: boolean }> {
  const method = (
    values.method ?? (values.head === true ? 'HEAD' : values.data === undefined ? 'GET' : 'POST')
  ).toUpperCase();
  if (!/^[A-Z!#$%&'*+.^_`|~-]{1,32}$/.test(method)) throw usageError(`--method ${method} is no HTTP method`);
  const headers: Record<string, string> = {};
  for (const line of values.header ?? []) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*)$/.exec(line);
    if (match === null || /[\r\n\0]/.test(line))
      throw usageError(`--header "${printable(line)}" is no header`, 'Like this: -H "accept: text/html"');
    headers[(match[1] as string).toLowerCase()] = match[2] as string;
  }
  const early = values['early-data'] === true;
  if (early && values.resume === undefined)
    throw usageError('--early-data needs a session to send it under', 'Add --resume FILE, and run it twice.');
  if (early && method !== 'GET' && method !== 'HEAD') {
    throw usageError(
      `${method} must not be sent as early data: someone could replay it`,
      'Leave out --early-data, or use GET.',
    );
  }
  const { data } = values;
  const body =
    data === undefined ? undefined : data.startsWith('@') ? await readFile(data.slice(1)) : Buffer.from(data);
  return { request: { method, path: target.path, authority: target.authority, headers, body }, early };
}

function protocolsOf(values: GetValues, earlySession: ClientSession | undefined): string[] {
  const own = values.http === '1.1' ? ['http/1.1'] : values.http === '2' ? ['h2'] : ['h2', 'http/1.1'];
  const before = earlySession?.state.alpnProtocol;
  return before !== undefined && own.includes(before) ? [before] : own;
}

/** Groups by their names, without regard to case. Throws `CliError` for one that is not known. */
export function groupsOf(list: string): GroupName[] {
  const known = knownGroups();
  return list.split(/[,:]/).map((word) => {
    const found = known.find((name) => name.toLowerCase() === word.trim().toLowerCase());
    if (found === undefined) throw usageError(`--groups: there is no group "${word}"`, `There are ${known.join(', ')}`);
    return found;
  });
}

function knownGroups(): GroupName[] {
  return [0x11ec, 0x11eb, 0x11ed, 0x1d, 0x17, 0x18, 0x19].flatMap((code) => groupName(code) ?? []);
}

function headText({ status, version, headers }: { status: number; version: string; headers: object }): string {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((each) => `${name}: ${printable(String(each))}`),
  );
  return `HTTP/${version} ${status}\n${lines.join('\n')}\n\n`;
}

async function writeBody(body: AsyncIterable<Uint8Array>, file: string | undefined): Promise<void> {
  if (file !== undefined) {
    await pipeline(body, createWriteStream(file));
    return;
  }
  for await (const chunk of body) {
    if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once('drain', resolve));
  }
}

export function connectionJson(info: ConnectionInfo) {
  return {
    version: info.version === 0x0304 ? '1.3' : '1.2',
    cipherSuite: info.cipherSuiteName,
    group: info.group,
    alpn: info.alpnProtocol,
    resumption: info.resumption,
    earlyData: info.earlyData,
    helloRetryRequest: info.helloRetryRequest,
    echAccepted: info.echAccepted,
    extendedMasterSecret: info.extendedMasterSecret,
    serverName: info.serverName,
    certificates: info.peerCertificates.map((der) => encodePem('CERTIFICATE', der)),
  };
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
