import { type Options, type Values, wholeNumber } from '../command.ts';
import { usageError } from '../errors.ts';
import { logOptions } from '../server/request-log.ts';
import type { Route } from './forward.ts';

/** The options of `handfast proxy`. */
export const proxyOptions = {
  to: {
    value: 'URL',
    multiple: true,
    help: 'the app behind, e.g. http://localhost:3000; with a host name: app.test=http://localhost:3000',
  },
  listen: {
    value: 'ADDRESS',
    multiple: true,
    help: '[HOST:]PORT; default 8443 on this machine alone, 0.0.0.0:443 for all',
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
  'proxy-protocol': { help: 'connections begin with a PROXY protocol header (v1 or v2) that names the client' },
  'trust-forwarded': { help: 'keep X-Forwarded-For of clients: only behind another proxy' },
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
  readonly timeout: number;
  readonly drain: number;
  readonly workers: number;
}

/** Throws a usage error for what contradicts itself. */
export function readSettings(values: ProxyValues): Settings {
  const routes = (values.to ?? []).map(readRoute);
  if (routes.length === 0) throw usageError('where to? --to is missing', 'Like this: --to http://localhost:3000');
  if ((values.cert?.length ?? 0) !== (values.key?.length ?? 0)) throw usageError('every --cert needs its --key');
  if (values['client-cert'] !== undefined && values['client-ca'] === undefined)
    throw usageError('--client-cert needs --client-ca FILE');
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
  return {
    routes,
    listen: (values.listen ?? ['8443']).map(readListen),
    timeout: 1000 * wholeNumber('timeout', values.timeout ?? '60', 1, 86_400),
    drain: 1000 * wholeNumber('drain', values.drain ?? '10', 0, 86_400),
    workers: wholeNumber('workers', values.workers ?? '1', 1, 256),
  };
}

function readRoute(text: string): Route {
  const match = /^([a-z0-9.-]+)=(https?:.*)$/i.exec(text);
  const address = match?.[2] ?? text;
  let to: URL;
  try {
    to = new URL(address);
  } catch {
    throw usageError(
      `--to ${text} is no URL`,
      'Like this: --to http://localhost:3000, or --to app.test=http://localhost:3000',
    );
  }
  if (to.protocol !== 'http:' && to.protocol !== 'https:')
    throw usageError(`--to ${text}: the app must speak http or https`, 'Like this: --to http://localhost:3000');
  return { host: match?.[1]?.toLowerCase() ?? '*', to };
}

function readListen(text: string) {
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(text);
  if (match === null)
    throw usageError(`--listen ${text}: it must be PORT or HOST:PORT`, 'Like this: 8443, 0.0.0.0:443, [::]:443');
  return { host: match[1]?.replace(/^\[|\]$/g, ''), port: wholeNumber('listen', match[2] as string, 0, 65_535) };
}
