import { createServer, type Server } from 'node:http';
import { isIP } from 'node:net';
import { consolePage } from '../../console/page.ts';
import { listening } from '../errors.ts';

/** Where metrics are read: a plain HTTP server on the loopback address. */
export interface MetricsServer {
  readonly server: Server;
  readonly port: number;
}

/**
 * Serves `/metrics` on 127.0.0.1 in Prometheus' text format, and the console, a page that shows them, at `/`.
 *
 * @param port 0 for one of the system's choice.
 * @param title what is watched, for the console.
 * @param text called for each request. Rejects as `listen` does, e.g. with `EADDRINUSE`.
 */
export async function listenForMetrics(port: number, title: string, text: () => string): Promise<MetricsServer> {
  const page = consolePage(title);
  const server = createServer((request, response) => {
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('cache-control', 'no-store');
    const answer = (status: number, type: string, body: string) => {
      response.writeHead(status, { 'content-type': `${type}; charset=utf-8` });
      response.end(body);
    };
    // A page from elsewhere whose name was made to mean this machine must not read it.
    if (!isLocal(request.headers.host)) return answer(421, 'text/plain', 'ask for 127.0.0.1 or localhost\n');
    if (request.url === '/metrics') return answer(200, 'text/plain; version=0.0.4', text());
    if (request.url !== '/') return answer(404, 'text/plain', 'see / and /metrics\n');
    response.setHeader('content-security-policy', page.contentSecurityPolicy);
    answer(200, 'text/html', page.html);
  });
  const bound = new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(port, '127.0.0.1', done);
  });
  await listening('--metrics PORT', bound);
  return { server, port: (server.address() as { port: number }).port };
}

/** Names can be made to mean this machine by anybody; addresses and `localhost` can't. */
function isLocal(host = ''): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || isIP(name) !== 0;
}
