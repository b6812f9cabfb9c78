import cluster from 'node:cluster';
import { type Options, type Values, wholeNumber } from '../command.ts';
import { usageError } from '../errors.ts';
import { logOptions } from '../server/request-log.ts';
import type { AppAddress, Route } from './apps.ts';
import { readPeers } from './peers.ts';

/** The options of `handfast proxy`. */
export const proxyOptions = {
  to: {
    value: 'URL',
    multiple: true,
    help: 'the app behind, e.g. http://localhost:3000, h2c://localhost:50051 (HTTP/2, gRPC), h2://, unix:/run/app.sock; with a host name: app.test=http://localhost:3000; several for one name share its requests',
  },
  listen: {
    value: 'ADDRESS',
    multiple: true,
    help: '[HOST:]PORT; default 8443 on this machine alone, 0.0.0.0:443 for all; "systemd": the sockets that systemd hands over',
  },
  name: {
    value: 'NAME',
    multiple: true,
    help: 'host name for the local certificate; default localhost and the names of --to',
  },
  cert: { value: 'FILE', multiple: true, help: 'certificate chain (PEM); several for several host names' },
  key: { value: 'FILE', multiple: true, help: 'private key (PEM), in the order of --cert' },
  'passphrase-file': { value: 'FILE', help: 'file with the passphrase of encrypted keys (or HANDFAST_PASSPHRASE)' },
  ech: {
    value: 'FILE',
    multiple: true,
    help: 'key for Encrypted Client Hello, made by `handfast ech`: hides the names that clients ask for',
  },
  'client-ca': { value: 'FILE', help: 'ask for client certificates of these authorities (PEM)' },
  'client-cert': {
    value: 'RULE',
    choices: ['require', 'request'],
    help: 'with --client-ca: refuse clients without (default), or let them pass',
  },
  'client-crl': {
    value: 'FILE',
    multiple: true,
    help: 'with --client-ca: revocation lists (PEM or DER) of these authorities, each with one that is not out of date',
  },
  'proxy-protocol': { help: 'connections begin with a PROXY protocol header (v1 or v2) that names the client' },
  'trust-forwarded': { help: 'keep X-Forwarded-For of clients: only behind another proxy' },
  trusted: {
    value: 'ADDRESS',
    multiple: true,
    help: 'with these two: balancers and proxies that are believed, as 10.0.0.5 or 10.0.0.0/8; default all',
  },
  workers: { value: 'N', help: 'worker processes that share sessions and ticket keys; default 1' },
  redis: { value: 'URL', help: 'share sessions and ticket keys with other machines through Redis or Valkey' },
  'fleet-key': {
    value: 'FILE',
    multiple: true,
    help: 'with --redis: 32 random bytes or more that all machines have; the first seals, all open',
  },
  tls: { value: 'VERSION', choices: ['1.2', '1.3'], help: 'only this TLS version; default both' },
  'no-early-data': { help: 'no 0-RTT' },
  'single-use': { help: 'TLS 1.3 tickets can be used once' },
  timeout: { value: 'SECONDS', help: 'for an answer of the app; default 60' },
  drain: { value: 'SECONDS', help: 'how long open requests may take when it ends; default 10' },
  ...logOptions,
  metrics: {
    value: 'ADDRESS',
    help: '[HOST:]PORT of the console, /metrics and /healthz; default 9465 on 127.0.0.1, "off" for none',
  },
  state: { value: 'FOLDER', help: 'where the local authority, certificates and ticket keys are kept' },
  config: { value: 'FILE', help: 'configuration; default handfast.config.json (or .mjs, .ts) of the working folder' },
  quiet: { short: 'q', help: 'print errors only' },
} as const satisfies Options;

export type ProxyValues = Values<typeof proxyOptions>;

/** What they say, checked. */
export interface Settings {
  readonly routes: readonly Route[];
  readonly listen: readonly { readonly host: string | undefined; readonly port: number }[];
  /** Descriptors of sockets that listen already. */
  readonly descriptors: readonly number[];
  /** Whether an address is that of a balancer or proxy that is believed. */
  readonly trusts: (address: string) => boolean;
  readonly timeout: number;
  readonly drain: number;
  readonly workers: number;
}

/** Throws a usage error for what contradicts itself. */
export function readSettings(values: ProxyValues): Settings {
  const routes = readRoutes(values.to ?? []);
  if (routes.length === 0) throw usageError('where to? --to is missing', 'Like this: --to http://localhost:3000');
  if ((values.cert?.length ?? 0) !== (values.key?.length ?? 0)) throw usageError('every --cert needs its --key');
  if (values['client-cert'] !== undefined && values['client-ca'] === undefined)
    throw usageError('--client-cert needs --client-ca FILE');
  if (values['client-crl'] !== undefined && values['client-ca'] === undefined)
    throw usageError('--client-crl needs --client-ca FILE');
  if (values.trusted !== undefined && values['proxy-protocol'] !== true && values['trust-forwarded'] !== true)
    throw usageError('--trusted needs --proxy-protocol or --trust-forwarded');
  if ((values.redis === undefined) !== (values['fleet-key'] === undefined)) {
    throw usageError(
      '--redis and --fleet-key belong together',
      'Make a key that all machines get: openssl rand -out fleet.key 32',
    );
  }
  if (values.redis !== undefined && !/^rediss?:\/\/[^/]/.test(values.redis)) {
    throw usageError(
      `--redis ${values.redis} is no URL of Redis`,
      'Like this: redis://10.0.0.5:6379, or rediss:// over TLS',
    );
  }
  const listen = values.listen ?? ['8443'];
  return {
    routes,
    listen: listen.filter((text) => text !== 'systemd').map(readListen),
    descriptors: listen.includes('systemd') ? inheritedDescriptors() : [],
    trusts: readPeers(values.trusted),
    timeout: 1000 * wholeNumber('timeout', values.timeout ?? '60', 1, 86_400),
    drain: 1000 * wholeNumber('drain', values.drain ?? '10', 0, 86_400),
    workers: wholeNumber('workers', values.workers ?? '1', 1, 256),
  };
}

/** Apps of one name share its requests, whatever stands between them. */
function readRoutes(texts: readonly string[]): Route[] {
  const byHost = new Map<string, AppAddress[]>();
  for (const text of texts) {
    const match = /^([a-z0-9.-]+)=(.*)$/i.exec(text);
    const host = match?.[1]?.toLowerCase() ?? '*';
    byHost.set(host, [...(byHost.get(host) ?? []), readApp(text, match?.[2] ?? text)]);
  }
  return [...byHost].map(([host, apps]) => ({ host, apps }));
}

function readApp(option: string, text: string): AppAddress {
  const path = /^unix:(\/.+)$/.exec(text)?.[1];
  if (path !== undefined) {
    const plain = { secure: false, http2: false, port: 0, folder: '' };
    return { text, ...plain, host: 'localhost', socketPath: path, authority: 'localhost' };
  }
  // For other schemes URL would not read the host as one.
  const scheme = /^(\w+):\/\//.exec(text)?.[1]?.toLowerCase() ?? '';
  const secure = scheme === 'https' || scheme === 'h2';
  let to: URL;
  try {
    to = new URL(text.replace(/^h2(c?):\/\//i, secure ? 'https://' : 'http://'));
  } catch {
    throw usageError(
      `--to ${option} is no URL`,
      'Like this: --to http://localhost:3000, or --to app.test=http://localhost:3000',
    );
  }
  if (!/^(?:https?|h2c?)$/.test(scheme))
    throw usageError(
      `--to ${option}: the app must speak http or https (h2c or h2 for HTTP/2)`,
      'Like this: --to http://localhost:3000',
    );
  return {
    text: `${scheme}://${to.host}`,
    secure,
    http2: scheme === 'h2' || scheme === 'h2c',
    host: to.hostname.replace(/^\[|\]$/g, ''),
    port: to.port === '' ? (secure ? 443 : 80) : Number(to.port),
    socketPath: undefined,
    folder: to.pathname.replace(/\/$/, ''),
    authority: to.host,
  };
}

/** The sockets that systemd opened for this service: sd_listen_fds(3). */
function inheritedDescriptors(): number[] {
  const { LISTEN_FDS: count = '', LISTEN_PID: pid } = process.env;
  const ours = String(cluster.isWorker ? process.ppid : process.pid);
  if (!/^[1-9]\d?$/.test(count) || pid !== ours)
    throw usageError(
      '--listen systemd: systemd handed no socket over',
      'It needs a .socket unit beside the .service: man systemd.socket',
    );
  return Array.from({ length: Number(count) }, (_, i) => 3 + i);
}

function readListen(text: string) {
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(text);
  if (match === null)
    throw usageError(`--listen ${text}: it must be PORT or HOST:PORT`, 'Like this: 8443, 0.0.0.0:443, [::]:443');
  return { host: match[1]?.replace(/^\[|\]$/g, ''), port: wholeNumber('listen', match[2] as string, 0, 65_535) };
}
