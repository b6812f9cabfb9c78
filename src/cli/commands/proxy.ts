import cluster, { type Worker } from 'node:cluster';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createNodeCrypto } from '../../crypto/node.ts';
import type { CryptoProvider, ServerOptions } from '../../index.ts';
import { createTrustAnchors } from '../../pki/index.ts';
import { MemoryStore } from '../../session/index.ts';
import { type Command, parse } from '../command.ts';
import { withConfig } from '../config-file.ts';
import { CliError, humanError, listening } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { shellPath, stateFolder, statePaths } from '../paths.ts';
import { clientVerifier, readCrls, trustDigest } from '../proxy/client-certificates.ts';
import { Forwarder } from '../proxy/forward.ts';
import { acceptProxyProtocol, clientAddress } from '../proxy/proxy-protocol.ts';
import { type ProxyValues, proxyOptions, readSettings, type Settings } from '../proxy/settings.ts';
import { serveStore, workerStore } from '../proxy/worker-store.ts';
import { createCounters, metricsText, statusText, total } from '../server/counters.ts';
import {
  type LoadedCredential,
  loadCredential,
  localCredential,
  readPassphrase,
  warnOfDates,
  warnOfEnd,
} from '../server/local-authority.ts';
import { listenForMetrics, type MetricsServer, readMetricsAddress } from '../server/metrics-server.ts';
import { openReplayRecord, type ReplayRecord } from '../server/replay-record.ts';
import { requestLogOf } from '../server/request-log.ts';
import { SecureServer } from '../server/secure-server.ts';
import { makeSessions, nodeTimers } from '../server/sessions.ts';
import { ended } from '../server/signals.ts';
import { printingIsLogging } from '../ui/output.ts';
import { painter, StatusLine } from '../ui/terminal.ts';
import { readEchFiles } from './ech.ts';

export const proxy: Command = {
  name: 'proxy',
  summary: 'put HTTPS in front of any app',
  usage: '--to URL [options]',
  description:
    'Ends TLS in front of an app: HTTP/1.1, HTTP/2 and WebSockets outside; inside HTTP/1.1, or HTTP/2 for gRPC (h2c://); with Forwarded and X-Forwarded-For, -Proto, -Host and -Port. Several apps of one name share its requests; one that can not be reached is left out. Sessions resume on every worker, and with --redis on every machine. SIGHUP reads certificates, keys and revocation lists again; SIGTERM lets open requests finish. Early data is passed on for safe methods with "Early-Data: 1"; others get 425.',
  options: proxyOptions,
  examples: [
    ['handfast proxy --to http://localhost:3000', 'https://localhost:8443 in front of an app'],
    [
      'handfast proxy --to app.test=http://localhost:3000 --to api.test=http://localhost:4000 --workers 4',
      'several host names, four processes',
    ],
    ['handfast proxy --to http://localhost:3000 --redis redis://10.0.0.5 --fleet-key fleet.key', 'one node of a fleet'],
  ],
  run: async (words) => {
    const { values: given } = parse(proxyOptions, words);
    const values = await withConfig('proxy', proxyOptions, given, given.config);
    return cluster.isWorker ? runWorker(values) : runPrimary(values);
  },
};

// ---- the process that holds the others together ----

async function runPrimary(values: ProxyValues): Promise<number> {
  const settings = readSettings(values);
  const status = new StatusLine(process.stdout);
  const say = values.quiet === true ? () => {} : (text: string) => status.print(text);
  if (settings.workers === 1) return runAlone(values, settings, status, say);

  // What is wrong with the settings shows here, once, and not in every worker.
  await makeTls(values, createNodeCrypto(), settings, (text) => status.print(text));
  const record = await openRecord(values);
  const reports = new Map<number, string>();
  let ending = false;
  let early = 0;
  const start = (): Worker => {
    const worker = cluster.fork();
    const born = Date.now();
    serveStore(worker, record.store);
    worker.on('message', (message: { kind?: string; text?: string }) => {
      if (message.kind === 'metrics' && message.text !== undefined) reports.set(worker.id, message.text);
    });
    worker.on('exit', (code, signal) => {
      reports.delete(worker.id);
      if (ending) return;
      early = Date.now() - born < 2000 ? early + 1 : 0;
      say(`worker ${worker.process.pid} ended (${signal ?? `code ${code}`}); another takes its place`);
      // A worker that can't even start must not be started for ever.
      setTimeout(() => !ending && start(), early > 5 ? 5000 : 0);
    });
    return worker;
  };
  // Each worker accepts from the one listening socket. By default Node's primary accepts and hands the connection over:
  // one that is on its way to a worker which is killed would then stay open for ever, and nobody would answer it.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ serialization: 'json' });
  const first = Array.from({ length: settings.workers }, start);
  const metrics = await Promise.all(first.map(whenReady))
    .then(() => startMetrics(values.metrics, () => sumMetrics([...reports.values()])))
    .catch((error) => {
      // The others run, and would keep this process.
      ending = true;
      for (const worker of Object.values(cluster.workers ?? {})) worker?.kill('SIGKILL');
      throw error;
    });
  const asked = ended();
  announce(values, settings, say, `${settings.workers} workers`, metrics);
  const tell = (message: string) => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.send(message, () => {});
  };
  process.on('SIGHUP', () => {
    say('SIGHUP: the workers read the certificates again');
    tell('reload');
  });
  const signal = await asked;
  ending = true;
  say(`${signal}: ending; open requests have ${settings.drain / 1000} s`);
  tell('drain');
  metrics?.server.close();
  const end = Date.now() + settings.drain + 2000;
  while (Object.keys(cluster.workers ?? {}).length > 0 && Date.now() < end)
    await new Promise((done) => setTimeout(done, 50));
  for (const worker of Object.values(cluster.workers ?? {})) worker?.kill('SIGKILL');
  await record.stop();
  return exitCodes.ok;
}

/** The sessions of all workers and the record of their early data; not asked where Redis has both. */
async function openRecord(values: ProxyValues): Promise<ReplayRecord> {
  if (values.redis !== undefined || values['no-early-data'] === true) {
    return { store: new MemoryStore({ clock: { now: Date.now }, timers: nodeTimers }), stop: async () => {} };
  }
  return openReplayRecord(statePathsOf(values).sessions, { timers: nodeTimers });
}

function whenReady(worker: Worker): Promise<void> {
  return new Promise((done, fail) => {
    worker.on('message', (message: { kind?: string; error?: string; hint?: string; exitCode?: number }) => {
      if (message.kind === 'ready') done();
      if (message.kind === 'failed')
        fail(
          new CliError(message.error ?? 'a worker failed', {
            ...(message.hint === undefined ? {} : { hint: message.hint }),
          }),
        );
    });
    worker.once('exit', () => fail(new CliError('a worker ended before it was ready')));
  });
}

async function runAlone(
  values: ProxyValues,
  settings: Settings,
  status: StatusLine,
  say: (text: string) => void,
): Promise<number> {
  const print = (text: string) => status.print(text);
  const node = await startNode(values, settings, false, print, print);
  const metrics = await startMetrics(values.metrics, node.metrics).catch(async (error) => {
    await node.close();
    throw error;
  });
  const asked = ended();
  announce(values, settings, say, `port ${node.ports.join(', ')}`, metrics);
  const ticker = setInterval(() => values.quiet !== true && status.show(node.status()), 1000).unref();
  process.on(
    'SIGHUP',
    () =>
      void node
        .reload()
        .then(say, (error: Error) => status.print(`the certificates could not be read again: ${error.message}`)),
  );
  const signal = await asked;
  clearInterval(ticker);
  status.clear();
  say(`${signal}: ending; open requests have ${settings.drain / 1000} s`);
  metrics?.server.close();
  await node.close();
  say(node.status());
  return exitCodes.ok;
}

// ---- a worker ----

async function runWorker(values: ProxyValues): Promise<number> {
  const settings = readSettings(values);
  const note = (text: string) => process.stderr.write(`${text}\n`);
  // Ctrl-C reaches the whole group of processes; the primary says what is to be done.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  printingIsLogging();
  let node: Node;
  try {
    node = await startNode(values, settings, true, note, (line) => process.stdout.write(`${line}\n`));
  } catch (error) {
    const { message, hint } = humanError(error);
    process.send?.({ kind: 'failed', error: message, hint });
    return exitCodes.setup;
  }
  const report = setInterval(
    () => process.send?.({ kind: 'metrics', text: node.metrics() }, undefined, undefined, () => {}),
    1000,
  ).unref();
  process.send?.({ kind: 'ready' });
  return new Promise((done) => {
    const end = async () => {
      clearInterval(report);
      await node.close();
      process.disconnect?.();
      done(exitCodes.ok);
    };
    process.on('message', (message) => {
      if (message === 'reload')
        node.reload().then(note, (error: Error) => note(`the certificates could not be read again: ${error.message}`));
      if (message === 'drain') void end();
    });
    process.on('disconnect', () => process.exit(exitCodes.ok));
  });
}

interface Node {
  readonly ports: readonly number[];
  metrics(): string;
  status(): string;
  reload(): Promise<string>;
  close(): Promise<void>;
}

/** Everything that one process does. */
async function startNode(
  values: ProxyValues,
  settings: Settings,
  shared: boolean,
  note: (text: string) => void,
  print: (line: string) => void,
): Promise<Node> {
  const crypto = createNodeCrypto();
  const paths = statePathsOf(values);
  const counters = createCounters();
  const redis =
    values.redis === undefined
      ? undefined
      : {
          url: values.redis,
          fleetKeys: await Promise.all(
            (values['fleet-key'] ?? []).map(async (file) => new Uint8Array(await readFile(file))),
          ),
        };
  const kit = await makeSessions({
    crypto,
    folder: paths.sessions,
    earlyData: values['no-early-data'] !== true,
    singleUse: values['single-use'],
    redis,
    ...(shared && redis === undefined ? { store: workerStore() } : {}),
    onStore: (state) =>
      note(
        state === 'closed'
          ? 'Redis answers again'
          : `Redis: ${state}; new clients get full handshakes, the service goes on`,
      ),
  });
  const forwarder = new Forwarder({
    routes: settings.routes,
    timeout: settings.timeout,
    trusts: values['trust-forwarded'] === true ? settings.trusts : () => false,
    onError: limited(note),
  });
  try {
    const make = async (): Promise<ServerOptions> => ({
      ...(await makeTls(values, crypto, settings, shared ? () => {} : note)),
      sessions: kit.sessions,
    });
    let tls = await make();
    const log = requestLogOf(values, print, ({ socket }) => clientAddress(socket.transport));
    const server = new SecureServer({
      tls: () => tls,
      counters,
      handler: log?.handler(forwarder.handler) ?? forwarder.handler,
      upgrade: log?.upgrade(forwarder.upgrade) ?? forwarder.upgrade,
      connect: log?.connect(forwarder.connect) ?? forwarder.connect,
      passContinue: true,
      // It is the app's time that runs while a request waits for it.
      idleTimeout: Math.max(65_000, settings.timeout + 5000),
      ...(values['proxy-protocol'] === true ? { accept: acceptProxyProtocol.bind(undefined, settings.trusts) } : {}),
    });
    const ports: number[] = [];
    for (const { host, port } of settings.listen) {
      const hosts = host === undefined ? ['127.0.0.1', '::1'] : [host];
      const bound = await listening('--listen [HOST:]PORT', server.listen(port, hosts));
      ports.push(...bound.slice(0, 1).map((each) => each.port));
    }
    for (const fd of settings.descriptors) {
      const { port } = await listening('--listen systemd', server.listenOnDescriptor(fd));
      ports.push(port);
    }
    return {
      ports,
      metrics: () => metricsText(counters, kit),
      status: () => (total(counters) === 0 ? `${counters.connections} open` : statusText(counters, kit)),
      async reload() {
        tls = await make();
        counters.reloads++;
        return 'the certificates were read again';
      },
      async close() {
        await server.close(settings.drain);
        forwarder.close();
        await kit.stop();
      },
    };
  } catch (error) {
    forwarder.close();
    await kit.stop();
    throw error;
  }
}

/** At most one message of a kind in ten seconds: an app that is down must not flood the terminal. */
function limited(note: (text: string) => void): (text: string) => void {
  const last = new Map<string, number>();
  return (text) => {
    if (Date.now() - (last.get(text) ?? 0) < 10_000) return;
    if (last.size > 100) last.clear();
    last.set(text, Date.now());
    note(text);
  };
}

function statePathsOf(values: ProxyValues) {
  return statePaths(values.state === undefined ? stateFolder() : resolve(values.state));
}

async function makeTls(
  values: ProxyValues,
  crypto: CryptoProvider,
  settings: Settings,
  warn: (text: string) => void,
): Promise<ServerOptions> {
  const loaded = await loadCredentials(values, crypto, settings);
  for (const each of loaded) warnOfDates(each, (text) => warn(`warning: ${text}`));
  if (values.cert === undefined) await warnOfEnd(statePathsOf(values).authority, (text) => warn(`warning: ${text}`));
  const credentials = loaded.map(({ credential }) => credential);
  const version = values.tls === '1.2' ? 0x0303 : values.tls === '1.3' ? 0x0304 : undefined;
  const file = values['client-ca'];
  const anchors =
    file === undefined
      ? undefined
      : createTrustAnchors([{ certificate: await readFile(file, 'latin1'), source: file }]);
  const crls = anchors && (await readCrls(values['client-crl'], anchors, warn));
  return {
    crypto,
    credentials,
    credentialIdentity: 'proxy',
    echKeys: await readEchFiles(values.ech ?? []),
    alpnProtocols: ['h2', 'http/1.1', 'http/1.0'],
    ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
    ...(anchors === undefined
      ? {}
      : {
          clientCertificate: (values['client-cert'] ?? 'require') as 'require' | 'request',
          certificateAuthorities: anchors.list.map(({ certificate }) => certificate.subject),
          clientTrustDigest: trustDigest(crypto, anchors, crls),
          verifyPeer: clientVerifier(crypto, anchors, crls),
        }),
  };
}

async function loadCredentials(
  values: ProxyValues,
  crypto: CryptoProvider,
  settings: Settings,
): Promise<LoadedCredential[]> {
  if (values.cert !== undefined) {
    const passphrase = await readPassphrase(values['passphrase-file']);
    const keys = values.key ?? [];
    return Promise.all(values.cert.map((file, i) => loadCredential(crypto, file, keys[i] as string, { passphrase })));
  }
  const hosts = settings.routes.flatMap(({ host }) => (host === '*' ? [] : [host]));
  const names = [...new Set([...(values.name ?? []), ...hosts, 'localhost', '127.0.0.1', '::1'])];
  return [await localCredential(crypto, statePathsOf(values), names)];
}

function announce(
  values: ProxyValues,
  settings: Settings,
  say: (text: string) => void,
  how: string,
  metrics: MetricsServer | undefined,
): void {
  const paint = painter(process.stdout);
  const to = settings.routes
    .map(({ host, apps }) => {
      const texts = apps.map(({ text }) => text).join(' and ');
      return host === '*' ? texts : `${host} → ${texts}`;
    })
    .join(', ');
  const where = [
    ...settings.listen.map(({ host, port }) => `${host ?? 'localhost'}:${port}`),
    ...settings.descriptors.map((fd) => `descriptor ${fd}`),
  ].join(', ');
  say(`${paint('green', '●')} HTTPS on ${paint('bold', where)} in front of ${to} (${how})`);
  if (values.cert === undefined) say(`  Root of its certificate: ${shellPath(statePathsOf(values).root)}`);
  if (metrics !== undefined) say(`  Console: ${metrics.url}, for programs /metrics`);
  else if (values.metrics === undefined)
    say(`  No metrics, since port ${defaultMetricsPort} is taken; choose one with --metrics PORT`);
  say('  SIGHUP reads the certificates again, SIGTERM or Ctrl-C ends it.\n');
}

const defaultMetricsPort = 9465;

async function startMetrics(wanted: string | undefined, text: () => string): Promise<MetricsServer | undefined> {
  const address = wanted === undefined ? { port: defaultMetricsPort } : readMetricsAddress(wanted);
  if (address === 'off') return undefined;
  try {
    return await listenForMetrics(address, 'handfast proxy', text);
  } catch (error) {
    if (wanted !== undefined) throw error;
    return undefined;
  }
}

/** The metrics of all workers as one: counters are added; of the keys, which all share, one is shown. */
export function sumMetrics(texts: readonly string[]): string {
  const lines = new Map<string, number | undefined>();
  for (const text of texts) {
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const match = /^(?!#)(.+) (-?[\d.e+-]+)$/.exec(line);
      if (match === null) lines.set(line, undefined);
      else {
        const name = match[1] as string;
        const before = name.startsWith('handfast_ticket_key') ? 0 : (lines.get(name) ?? 0);
        lines.set(name, before + Number(match[2]));
      }
    }
  }
  return `${[...lines].map(([name, value]) => (value === undefined ? name : `${name} ${value}`)).join('\n')}\n`;
}
