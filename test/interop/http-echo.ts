/** HTTP/1.1 around the payload, for peers that speak nothing else. */
import { createServer, request, type Server } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Answers a POST with its own body. Give it connections with `emit('connection', stream)`, or let it listen.
 * @param before is waited for before each answer.
 */
export function echoServer(before: (stream: Duplex) => Promise<unknown> = async () => {}): Server {
  return createServer((incoming, response) => {
    const parts: Buffer[] = [];
    incoming.on('data', (part: Buffer) => parts.push(part));
    incoming.on('end', async () => {
      await before(incoming.socket);
      const body = Buffer.concat(parts);
      response.writeHead(200, {
        'content-type': 'text/plain',
        'content-length': body.length,
        'access-control-allow-origin': '*',
        connection: 'close',
      });
      response.end(body);
    });
  });
}

/** POSTs `payload` to a plain HTTP server on 127.0.0.1, or over `stream`, and returns the body of the answer. */
export async function post(payload: Buffer, to: { port: number } | { stream: Duplex }): Promise<Buffer> {
  return await new Promise((resolve, reject) => {
    const outgoing = request(
      {
        method: 'POST',
        path: '/echo',
        host: '127.0.0.1',
        headers: {
          host: 'localhost',
          'content-type': 'text/plain',
          'content-length': payload.length,
          connection: 'close',
        },
        ...('port' in to ? { port: to.port, agent: false } : { createConnection: () => to.stream as never }),
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const body = Buffer.concat(parts);
          if (response.statusCode === 200) resolve(body);
          else reject(new Error(`HTTP ${response.statusCode}: ${body.subarray(0, 300).toString('latin1')}`));
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}
