import { createHash } from 'node:crypto';
import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { formatName, parseCertificate } from '../../pki/index.ts';
import type { EngineSocket } from '../server/engine-socket.ts';
import { endWith, type Handler, type Request, type Response, type UpgradeHandler } from '../server/secure-server.ts';
import { clientAddress } from './proxy-protocol.ts';

/** Where requests for a host name go; `*` for all others. */
export interface Route {
  readonly host: string;
  readonly to: URL;
}

export interface ForwardOptions {
  readonly routes: readonly Route[];
  /** Milliseconds without an answer of the app. */
  readonly timeout: number;
  /** Keeps X-Forwarded-For of the client and adds to it: only behind another proxy. */
  readonly trustForwarded: boolean;
  readonly onError?: (message: string) => void;
}

/** Headers that are for one connection, not for the one behind it (RFC 9110, Section 7.6.1). */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Headers that only the proxy may set: a client could lie by them. */
const ours = new Set([
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'forwarded',
  'early-data',
  'x-client-cert-subject',
  'x-client-cert-sha256',
  'x-tls-version',
  'x-tls-resumption',
]);

/**
 * Connections to the app that nobody uses are closed after 4 s: Node's apps close theirs after 5 s, and a POST that
 * crosses that end could not be repeated.
 */
const kept = { keepAlive: true, maxFreeSockets: 256, scheduling: 'lifo', timeout: 4000 } as const;

/** Passes requests on to the app behind: plain HTTP/1.1 (or HTTPS) with kept connections. */
export class Forwarder {
  readonly #options: ForwardOptions;
  readonly #http = new HttpAgent(kept);
  readonly #https = new HttpsAgent(kept);

  constructor(options: ForwardOptions) {
    this.#options = options;
  }

  readonly handler: Handler = (request, response, { socket, early }) => {
    const route = this.#routeOf(request);
    if (route === undefined) return refuse(response, 421, 'no app behind this proxy has that host name');
    const { to } = route;
    const headers = this.#headers(request, socket, early, to);
    const mayRetry = request.method === 'GET' || request.method === 'HEAD';
    this.#send(request, response, to, headers, mayRetry ? 1 : 0);
  };

  #send(request: Request, response: Response, to: URL, headers: OutgoingHttpHeaders, retries: number): void {
    const upstream = this.#request(to, request, headers);
    let answered = false;
    upstream.on('response', (answer) => {
      answered = true;
      const http2 = request.httpVersionMajor === 2;
      const target = response as ServerResponse;
      response.statusCode = answer.statusCode ?? 502;
      for (const [name, value] of Object.entries(answer.headers)) {
        if (value === undefined || hopByHop.has(name)) continue;
        target.setHeader(name, value);
      }
      if (!http2 && answer.statusMessage !== undefined && answer.statusMessage !== '')
        target.statusMessage = answer.statusMessage;
      answer.pipe(target);
      answer.on('error', () => target.destroy());
      target.on('close', () => answer.destroy());
    });
    upstream.on('error', (error: NodeJS.ErrnoException) => {
      if (answered || response.writableEnded || (response as ServerResponse).destroyed) return;
      // A kept connection that the app closed just now: the request never reached it.
      if (retries > 0 && upstream.reusedSocket && error.code === 'ECONNRESET')
        return this.#send(request, response, to, headers, retries - 1);
      this.#options.onError?.(`${to.origin}: ${error.message}`);
      const timeout = error.code === 'ETIMEDOUT';
      refuse(
        response,
        timeout ? 504 : 502,
        timeout ? 'the app behind this proxy did not answer in time' : 'the app behind this proxy can not be reached',
      );
    });
    upstream.setTimeout(this.#options.timeout, () =>
      upstream.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })),
    );
    (response as ServerResponse).on('close', () => {
      if (!answered) upstream.destroy();
    });
    if (request.method === 'GET' || request.method === 'HEAD') upstream.end();
    else (request as IncomingMessage).pipe(upstream);
  }

  readonly upgrade: UpgradeHandler = (request, client, head, { socket, early }) => {
    const route = this.#routeOf(request);
    if (route === undefined || early) {
      client.end(`HTTP/1.1 ${early ? '425 Too Early' : '421 Misdirected Request'}\r\nconnection: close\r\n\r\n`);
      return;
    }
    const headers = {
      ...this.#headers(request, socket, false, route.to),
      connection: 'Upgrade',
      upgrade: request.headers.upgrade,
    };
    const upstream = this.#request(route.to, request, headers);
    client.on('error', () => upstream.destroy());
    upstream.on('upgrade', (answer, app, rest) => {
      client.write(headText(answer));
      if (rest.length > 0) client.write(rest);
      if (head.length > 0) app.write(head);
      joinStreams(client, app);
    });
    upstream.on('response', (answer) => {
      client.write(headText(answer));
      answer.pipe(client);
    });
    upstream.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n\r\n'));
    upstream.end();
  };

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #request(to: URL, request: Request, headers: OutgoingHttpHeaders) {
    const secure = to.protocol === 'https:';
    return (secure ? httpsRequest : httpRequest)({
      protocol: to.protocol,
      host: to.hostname.replace(/^\[|\]$/g, ''),
      port: to.port === '' ? (secure ? 443 : 80) : Number(to.port),
      method: request.method,
      path: to.pathname.replace(/\/$/, '') + (request.url ?? '/'),
      headers,
      agent: secure ? this.#https : this.#http,
      setHost: false,
    });
  }

  #routeOf(request: Request): Route | undefined {
    const host = hostOf(request).replace(/:\d+$/, '').toLowerCase();
    const { routes } = this.#options;
    return routes.find((route) => route.host === host) ?? routes.find((route) => route.host === '*');
  }

  #headers(request: Request, socket: EngineSocket, early: boolean, to: URL): OutgoingHttpHeaders {
    const headers: OutgoingHttpHeaders = {};
    const named = new Set((request.headers.connection ?? '').toLowerCase().split(/\s*,\s*/));
    for (const [name, value] of Object.entries(request.headers)) {
      if (value === undefined || name.startsWith(':') || hopByHop.has(name) || named.has(name) || ours.has(name))
        continue;
      // HTTP/2 splits cookies into several fields (RFC 9113, Section 8.2.3).
      headers[name] = name === 'cookie' && Array.isArray(value) ? value.join('; ') : value;
    }
    const host = hostOf(request);
    headers['host'] = host === '' ? to.host : host;
    const address = clientAddress(socket.transport) ?? socket.remoteAddress ?? 'unknown';
    const before = this.#options.trustForwarded ? request.headers['x-forwarded-for'] : undefined;
    headers['x-forwarded-for'] = before === undefined ? address : `${before}, ${address}`;
    headers['x-forwarded-proto'] = 'https';
    headers['x-forwarded-host'] = headers['host'];
    headers['x-forwarded-port'] = String(socket.localPort ?? 443);
    if (early) headers['early-data'] = '1';
    if (socket.connection.connected) {
      const { info } = socket.connection;
      headers['x-tls-version'] = info.version === 0x0304 ? '1.3' : '1.2';
      headers['x-tls-resumption'] = info.resumption;
      const [certificate] = info.peerCertificates;
      if (certificate !== undefined) {
        headers['x-client-cert-subject'] = encodeURIComponent(formatName(parseCertificate(certificate).subject));
        headers['x-client-cert-sha256'] = fingerprint(certificate);
      }
    }
    return headers;
  }
}

function fingerprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}

function hostOf(request: Request): string {
  const authority = request.headers[':authority'];
  return (typeof authority === 'string' ? authority : undefined) ?? request.headers.host ?? '';
}

function headText(answer: IncomingMessage): string {
  const lines: string[] = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
  for (let i = 0; i < answer.rawHeaders.length; i += 2)
    lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function joinStreams(a: Duplex, b: Duplex): void {
  a.pipe(b);
  b.pipe(a);
  const end = () => {
    a.destroy();
    b.destroy();
  };
  for (const stream of [a, b]) {
    stream.on('error', end);
    stream.on('close', end);
    // An app that never ends its own half would hold a connection whose client is long gone.
    stream.on('end', () => setTimeout(end, halfOpenTime).unref());
  }
}

/** How long one half of an upgraded connection may go on once the other has ended, in ms. */
const halfOpenTime = 2000;

function refuse(response: Response, status: number, text: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.statusCode = status;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  endWith(response, `${text}\n`);
}
