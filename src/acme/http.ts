import type { IncomingMessage, ServerResponse } from 'node:http';
import { callable, check, text } from '../bytes/check.ts';
import { maxOcspRequest, publishedResponse } from '../ca/publish.ts';
import { checkPublished, checkService } from './check-options.ts';
import { type AcmeService, maxRequestBody } from './service.ts';

/** A listener for `http.createServer` or `https.createServer`, Node's or a drop-in. */
export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** The same, told where a request comes from where its socket does not say so (HTTP/2 over a stream that is no socket). */
export type AcmeListener = (request: IncomingMessage, response: ServerResponse, address?: string) => void;

/** Serves ACME below the path of the service's base URL. What is elsewhere is passed on, or answered with 404. */
export function acmeListener(service: AcmeService, otherwise: RequestListener = notFound): AcmeListener {
  checkService(service, 'acmeListener: service');
  check(callable, otherwise, 'acmeListener: otherwise');
  const base = new URL(service.baseUrl).pathname.replace(/\/$/, '');
  return (request, response, address) => {
    const url = request.url ?? '/';
    if (!url.startsWith(`${base}/`)) return otherwise(request, response);
    answer(request, response, maxRequestBody, async (body) =>
      service.handle({
        method: request.method ?? 'GET',
        path: url.slice(base.length),
        contentType: request.headers['content-type'],
        body,
        address: address ?? request.socket?.remoteAddress,
      }),
    );
  };
}

/** Serves what the authority's certificates point to (CRLs, OCSP, issuers) over plain HTTP, below `base`. */
export function publishListener(service: Pick<AcmeService, 'ca'>, base = ''): RequestListener {
  checkPublished(service, 'publishListener: service');
  check(text, base, 'publishListener: base');
  return (request, response) => {
    const path = (request.url ?? '/').split('?')[0] as string;
    answer(request, response, maxOcspRequest, async (body) => {
      const found = path.startsWith(`${base}/`)
        ? await publishedResponse(service.ca, { method: request.method ?? 'GET', path: path.slice(base.length), body })
        : undefined;
      return found ?? { status: 404, headers: { 'content-type': 'text/plain' }, body: 'there is nothing here\n' };
    });
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | Uint8Array;
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  limit: number,
  make: (body: Uint8Array) => Promise<Answer>,
): void {
  const parts: Uint8Array[] = [];
  let size = 0;
  request.on('data', (part: Uint8Array) => {
    size += part.length;
    if (size <= limit) parts.push(part);
  });
  request.on('error', () => response.destroy());
  request.on('end', () => {
    const made = size > limit ? Promise.resolve(tooLarge) : make(joined(parts, size));
    made.then(
      ({ status, headers, body }) => {
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value as string | string[]);
        response.writeHead(status);
        response.end(request.method === 'HEAD' ? undefined : body);
      },
      () => {
        response.writeHead(500);
        response.end();
      },
    );
  });
}

const tooLarge: Answer = { status: 413, headers: { 'content-type': 'text/plain' }, body: 'the request is too large\n' };

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function notFound(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain' });
  response.end('there is nothing here\n');
}
