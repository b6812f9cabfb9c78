import { createServer, type Server } from 'node:http';
import { listening } from '../errors.ts';

/** Where metrics are read: a plain HTTP server on the loopback address. */
export interface MetricsServer {
  readonly server: Server;
  readonly port: number;
}

/**
 * Serves `/metrics` on 127.0.0.1 in Prometheus' text format.
 *
 * @param port 0 for one of the system's choice.
 * @param text called for each request. Rejects as `listen` does, e.g. with `EADDRINUSE`.
 */
export async function listenForMetrics(port: number, text: () => string): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const found = request.url === '/metrics';
    response.writeHead(found ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(found ? text() : 'see /metrics\n');
  });
  const bound = new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(port, '127.0.0.1', done);
  });
  await listening('--metrics PORT', bound);
  return { server, port: (server.address() as { port: number }).port };
}
