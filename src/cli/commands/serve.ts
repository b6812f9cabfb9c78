import { constants, existsSync, statSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createNodeCrypto } from '../../crypto/node.ts';
import type { EchKey, ServerOptions } from '../../index.ts';
import { type Command, type Options, parse, type Values, wholeNumber } from '../command.ts';
import { withConfig } from '../config-file.ts';
import { CliError, usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { shellPath, stateFolder, statePaths } from '../paths.ts';
import { createCounters, metricsText, statusText, total } from '../server/counters.ts';
import { fileHandler } from '../server/files.ts';
import {
  folderWords,
  type LoadedCredential,
  loadCredential,
  localCredential,
  readPassphrase,
  warnOfDates,
  warnOfEnd,
} from '../server/local-authority.ts';
import { listenForMetrics, type MetricsServer, readMetricsAddress } from '../server/metrics-server.ts';
import { logOptions, requestLogOf } from '../server/request-log.ts';
import { sampleSite } from '../server/sample-site.ts';
import { type Handler, SecureServer } from '../server/secure-server.ts';
import { makeSessions } from '../server/sessions.ts';
import { ended } from '../server/signals.ts';
import { duration, type Paint, painter, StatusLine } from '../ui/terminal.ts';
import { readEchFiles } from './ech.ts';

const options = {
  port: { value: 'N', short: 'p', help: 'port to listen on; default 8443' },
  host: {
    value: 'ADDRESS',
    multiple: true,
    help: 'address to listen on; default this machine alone (127.0.0.1 and ::1). 0.0.0.0 and :: for all',
  },
  name: {
    value: 'NAME',
    multiple: true,
    help: 'host name for the local certificate beside localhost, 127.0.0.1 and ::1',
  },
  cert: { value: 'FILE', help: 'certificate chain (PEM, leaf first) instead of a local one' },
  key: { value: 'FILE', help: 'its private key (PEM)' },
  'passphrase-file': { value: 'FILE', help: 'file with the passphrase of an encrypted key (or HANDFAST_PASSPHRASE)' },
  ech: {
    value: 'FILE',
    multiple: true,
    help: 'key for Encrypted Client Hello, made by `handfast ech`: hides the names that clients ask for',
  },
  tls: { value: 'VERSION', choices: ['1.2', '1.3'], help: 'only this TLS version; default both' },
  http: { value: 'VERSION', choices: ['1.1', '2'], help: 'only this HTTP version; default both' },
  metrics: {
    value: 'ADDRESS',
    help: '[HOST:]PORT of the console, /metrics (Prometheus) and /healthz; default 9464 on 127.0.0.1, "off" for none',
  },
  'no-resume': { help: 'full handshakes only: no session IDs, no tickets' },
  'no-early-data': { help: 'no 0-RTT' },
  'session-ids': { help: 'TLS 1.2 clients resume by session ID alone: no tickets for them' },
  'single-use': { help: 'TLS 1.3 tickets can be used once' },
  'no-list': { help: 'no listings of folders without index.html' },
  ...logOptions,
  state: {
    value: 'FOLDER',
    help: 'where the local authority, certificates and ticket keys are kept; default HANDFAST_HOME or the data folder of this user',
  },
  config: { value: 'FILE', help: 'configuration; default handfast.config.json (or .mjs, .ts) of the working folder' },
  quiet: { short: 'q', help: 'print errors only' },
} as const satisfies Options;

export const serve: Command = {
  name: 'serve',
  summary: 'serve a folder over HTTPS, with a certificate of your own local authority',
  usage: '[folder] [options]',
  description:
    'Serves a folder over HTTPS (HTTP/1.1 and HTTP/2). On first run it makes a local authority and a certificate for localhost. Without a folder it serves a page that tells how your connection came about. Clients resume by session ID and ticket (TLS 1.2) and by PSK with 0-RTT for safe methods (TLS 1.3). SIGHUP reloads the certificate; Ctrl-C ends it once open requests are answered.',
  options,
  examples: [
    ['handfast serve', 'the sample site on https://localhost:8443'],
    ['handfast serve public/ --port 443', 'a folder on the port of HTTPS'],
    ['handfast serve --name app.test --host 0.0.0.0', 'for other machines, under another name'],
    ['handfast serve --cert chain.pem --key key.pem', 'with a certificate from elsewhere'],
  ],
  run: async (words) => {
    const { values: given, positionals } = parse(options, words, { max: 1 });
    return runServe(await withConfig('serve', options, given, given.config), positionals[0]);
  },
};

type ServeValues = Values<typeof options>;

async function runServe(values: ServeValues, folder: string | undefined): Promise<number> {
  const paint = painter(process.stdout);
  const status = new StatusLine(process.stdout);
  const say = values.quiet === true ? () => {} : (text: string) => status.print(text);
  const port = wholeNumber('port', values.port ?? '8443', 0, 65_535);
  if ((values.cert === undefined) !== (values.key === undefined)) {
    throw usageError('--cert and --key belong together: one of them is missing');
  }
  const crypto = createNodeCrypto();
  const paths = statePaths(values.state === undefined ? stateFolder() : resolve(values.state));
  const pages = await handlerOf(folder, values);
  const counters = createCounters();
  const kit = await makeSessions({
    crypto,
    folder: paths.sessions,
    earlyData: values['no-early-data'] !== true,
    singleUse: values['single-use'],
    noTickets12: values['session-ids'],
  });
  let echKeys: EchKey[] = [];
  const load = async (): Promise<{ loaded: LoadedCredential; made: 'authority' | 'certificate' | undefined }> => {
    echKeys = await readEchFiles(values.ech ?? []);
    if (values.cert !== undefined && values.key !== undefined) {
      const passphrase = await readPassphrase(values['passphrase-file']);
      return {
        loaded: await loadCredential(crypto, values.cert, values.key, { passphrase, identity: 'serve' }),
        made: undefined,
      };
    }
    const names = [...new Set([...(values.name ?? []), 'localhost', '127.0.0.1', '::1'])];
    const loaded = await localCredential(crypto, paths, names);
    return { loaded, made: loaded.madeAuthority ? 'authority' : loaded.madeCertificate ? 'certificate' : undefined };
  };
  const optionsFor = ({ credential }: LoadedCredential): ServerOptions => ({
    crypto,
    credentials: [credential],
    credentialIdentity: credential.identity,
    echKeys,
    // HTTP/1.0 is what HTTP/1.1 answers too; `curl --http1.0` offers it alone.
    alpnProtocols: [...(values.http === '1.1' ? [] : ['h2']), ...(values.http === '2' ? [] : ['http/1.1', 'http/1.0'])],
    ...(values.tls === undefined ? {} : { minVersion: versions[values.tls], maxVersion: versions[values.tls] }),
    ...(values['no-resume'] === true ? {} : { sessions: kit.sessions }),
  });

  try {
    const first = await load();
    const warn = (text: string) => status.print(`${paint('yellow', 'warning')}: ${text}`);
    warnOfDates(first.loaded, warn);
    if (values.cert === undefined) await warnOfEnd(paths.authority, warn);
    let tls = optionsFor(first.loaded);
    let leafEnd = first.loaded.leaf.notAfter;
    const log = requestLogOf(values, (line) => status.print(line));
    const handler = log === undefined ? pages : log.handler(pages);
    const server = new SecureServer({ tls: () => tls, counters, handler });
    const hosts = values.host ?? ['127.0.0.1', '::1'];
    const bound = await server.listen(port, hosts);
    const metrics = await startMetrics(values.metrics, () => metricsText(counters, kit), say, paint).catch(
      async (error) => {
        await server.close(0);
        throw error;
      },
    );

    const name =
      values.name?.[0] ?? (values.host === undefined ? 'localhost' : shownHost(bound[0]?.address ?? 'localhost'));
    const url = `https://${name}${bound[0]?.port === 443 ? '' : `:${bound[0]?.port}`}`;
    const end = ended();
    announce({ url, made: first.made, values, paths, folder, loaded: first.loaded, metrics, paint, say });

    const reload = async (why: string) => {
      try {
        const { loaded } = await load();
        tls = optionsFor(loaded);
        leafEnd = loaded.leaf.notAfter;
        warnOfDates(loaded, (text) => status.print(`${paint('yellow', 'warning')}: ${text}`));
        counters.reloads++;
        say(`${why}: the certificate was read again; it is valid until ${day(loaded.leaf.notAfter)}`);
      } catch (error) {
        status.print(`${why}: the certificate could not be read again, the old one stays: ${(error as Error).message}`);
      }
    };
    const onHangup = () => void reload('SIGHUP');
    process.on('SIGHUP', onHangup);
    const renewal = setInterval(() => {
      if (values.cert === undefined && leafEnd - Date.now() < 30 * 86_400_000) void reload('renewal');
    }, 3_600_000).unref();
    const ticker = setInterval(() => {
      if (values.quiet !== true) status.show(paint('dim', statusText(counters, kit)));
    }, 1000).unref();

    const signal = await end;
    clearInterval(renewal);
    clearInterval(ticker);
    status.clear();
    say(`${signal}: ending; open requests have 5 s (again to end now)`);
    process.off('SIGHUP', onHangup);
    metrics?.server.close();
    await server.close();
    if (total(counters) > 0) say(statusText(counters, kit));
    return exitCodes.ok;
  } finally {
    await kit.stop();
  }
}

const versions = { '1.2': 0x0303, '1.3': 0x0304 } as const satisfies Record<string, number> as Readonly<
  Record<string, 0x0303 | 0x0304>
>;

async function handlerOf(folder: string | undefined, values: ServeValues): Promise<Handler> {
  if (folder === undefined) return sampleSite();
  if (!existsSync(folder))
    throw new CliError(`the folder ${folder} does not exist`, { hint: 'Name a folder with the files to serve.' });
  if (!statSync(folder).isDirectory())
    throw new CliError(`${folder} is not a folder`, { hint: 'Name the folder that the file is in.' });
  await access(folder, constants.R_OK | constants.X_OK);
  return fileHandler(folder, values['no-list'] !== true);
}

const defaultMetricsPort = 9464;

async function startMetrics(
  wanted: string | undefined,
  text: () => string,
  say: (text: string) => void,
  paint: Paint,
): Promise<MetricsServer | undefined> {
  const address = wanted === undefined ? { port: defaultMetricsPort } : readMetricsAddress(wanted);
  if (address === 'off') return undefined;
  try {
    return await listenForMetrics(address, 'handfast serve', text);
  } catch (error) {
    if (wanted !== undefined) throw error;
    say(
      `${paint('yellow', 'note')}: no metrics, since port ${defaultMetricsPort} is taken; choose one with --metrics PORT`,
    );
    return undefined;
  }
}

function announce(facts: {
  url: string;
  made: 'authority' | 'certificate' | undefined;
  values: ServeValues;
  paths: ReturnType<typeof statePaths>;
  folder: string | undefined;
  loaded: LoadedCredential;
  metrics: MetricsServer | undefined;
  paint: Paint;
  say: (text: string) => void;
}): void {
  const { url, made, values, paths, folder, loaded, metrics, paint, say } = facts;
  const root = shellPath(paths.root);
  if (made === 'authority') {
    say(`Made a local authority in ${shellPath(paths.authority)}.`);
    say('It may only issue for names that nobody owns on the Internet, and the key of its root was discarded.\n');
  } else if (made === 'certificate') say('Made a certificate from the local authority.\n');
  say(
    `${paint('green', '●')} ${folder === undefined ? 'The sample site is' : `${folder} is`} at ${paint('bold', url)}`,
  );
  if (values.cert === undefined) {
    say(`\n  See it:    ${paint('cyan', `curl --cacert ${root} ${url}`)}`);
    say(`             ${paint('cyan', `npx handfast get ${url} --trace`)}   the handshake in plain words`);
    say(
      `  Trust it:  ${paint('cyan', `npx handfast ca trust${folderWords(paths.authority)}`)}   so that browsers open it without a warning`,
    );
  }
  const left = loaded.leaf.notAfter - Date.now();
  const dates = left < 0 ? `expired ${duration(left)} ago` : `until ${day(loaded.leaf.notAfter)} (${duration(left)})`;
  say(`\n  Certificate ${dates} in ${shellPath(loaded.certificateFile)}`);
  if (metrics !== undefined) {
    const { url: at } = metrics;
    say(`  Console    ${paint('cyan', at)}   what it is doing; for programs: ${at}/metrics`);
  }
  say('  Ctrl-C ends it, SIGHUP reads the certificate again.\n');
}

function shownHost(address: string): string {
  if (address === '0.0.0.0' || address === '::' || address === '127.0.0.1' || address === '::1') return 'localhost';
  return address.includes(':') ? `[${address}]` : address;
}

function day(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 10);
}
