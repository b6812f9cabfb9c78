import { createServer, type Server } from 'node:http';
import { isIP } from 'node:net';
import { consolePage } from '../../console/page.ts';
import { wholeNumber } from '../command.ts';
import { listening, usageError } from '../errors.ts';

/** Where metrics are read: a plain HTTP server, by default on the loopback address. */
export interface MetricsServer {
  readonly server: Server;
  readonly port: number;
  /** Of the console, from this machine. */
  readonly url: string;
}

/** An address of `--metrics`: `off`, PORT or HOST:PORT. */
export function readMetricsAddress(text: string): { readonly host: string; readonly port: number } | 'off' {
  if (text === 'off') return 'off';
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(text);
  if (match === null)
    throw usageError(
      `--metrics ${text}: it must be PORT, HOST:PORT or off`,
      'Like this: 9464, 0.0.0.0:9464, [::]:9464',
    );
  const host = match[1]?.replace(/^\[|\]$/g, '') ?? loopback;
  return { host, port: wholeNumber('metrics', match[2] as string, 0, 65_535) };
}

const loopback = '127.0.0.1';

/**
 * Serves `/metrics` in Prometheus' text format, `/healthz`, and the console, a page that shows the metrics, at `/`.
 *
 * @param address by default the loopback address alone; port 0 for one of the system's choice.
 * @param title what is watched, for the console.
 * @param text called for each request. Rejects as `listen` does, e.g. with `EADDRINUSE`.
 */
export async function listenForMetrics(
  { host = loopback, port }: { readonly host?: string; readonly port: number },
  title: string,
  text: () => string,
): Promise<MetricsServer> {
  const page = consolePage(title);
  const server = createServer((request, response) => {
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('cache-control', 'no-store');
    const answer = (status: number, type: string, body: string) => {
      response.writeHead(status, { 'content-type': `${type}; charset=utf-8` });
      response.end(request.method === 'HEAD' ? '' : body);
    };
    // A page from elsewhere whose name was made to mean this machine must not read it.
    if (isLoopback(host) && !isLocal(request.headers.host))
      return answer(421, 'text/plain', 'ask for 127.0.0.1 or localhost\n');
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'text/plain', 'GET and HEAD only\n');
    if (request.url === '/metrics') return answer(200, 'text/plain; version=0.0.4', text());
    if (request.url === '/healthz') return answer(200, 'text/plain', 'ok\n');
    if (request.url !== '/') return answer(404, 'text/plain', 'see /, /metrics and /healthz\n');
    response.setHeader('content-security-policy', page.contentSecurityPolicy);
    answer(200, 'text/html', page.html);
  });
  const bound = new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(port, host, done);
  });
  await listening('--metrics PORT', bound);
  const { address, port: at } = server.address() as { address: string; port: number };
  const shown = address === '0.0.0.0' || address === '::' ? loopback : address.includes(':') ? `[${address}]` : address;
  return { server, port: at, url: `http://${shown}:${at}` };
}

/** An address that only this machine reaches: pages from elsewhere must not reach it by a name of their own. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Names can be made to mean this machine by anybody; addresses and `localhost` can't. */
function isLocal(host = ''): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || isIP(name) !== 0;
}
