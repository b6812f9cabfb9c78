import { createHash } from 'node:crypto';
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { constants } from 'node:http2';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { formatName, parseCertificate } from '../../pki/index.ts';
import type { EngineSocket } from '../server/engine-socket.ts';
import {
  endRaw,
  endText,
  type Handler,
  type Request,
  type Response,
  type UpgradeHandler,
} from '../server/secure-server.ts';
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
  // Answered here, by 100.
  'expect',
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
    if (route === undefined) return endText(response, 421, 'no app behind this proxy has that host name');
    const { to } = route;
    if (leaves(to, request)) return endText(response, 400, 'this path leads out of the app');
    const headers = this.#headers(request, socket, early, to);
    const mayRetry = (request.method === 'GET' || request.method === 'HEAD') && !hasBody(request);
    this.#send(request, response, to, headers, mayRetry ? 1 : 0);
  };

  #send(request: Request, response: Response, to: URL, headers: OutgoingHttpHeaders, retries: number): void {
    const upstream = this.#request(to, request, headers);
    const target = response as ServerResponse;
    let answered = false;
    let gone = false;
    const unfit = (why: string) => {
      answered = true;
      upstream.destroy();
      this.#failure(to, new Error(why));
      endText(response, 502, 'the app behind this proxy gave an answer that can not be passed on');
    };
    // Nobody asked for another protocol.
    upstream.on('upgrade', (_, app) => {
      app.destroy();
      unfit('it changes the protocol, unasked');
    });
    upstream.on('response', (answer) => {
      const fault = faultOf(answer, request);
      if (fault !== undefined) return unfit(fault);
      answered = true;
      response.statusCode = answer.statusCode as number;
      for (const [name, value] of Object.entries(fieldsOf(answer))) target.setHeader(name, value);
      if (!('stream' in request) && answer.statusMessage !== undefined && reasonSyntax.test(answer.statusMessage))
        target.statusMessage = answer.statusMessage;
      // Before `pipe` ends the answer.
      answer.on('end', () => {
        addTrailers(target, answer);
        // Node's limit ends here. An app that has answered and does not read on would hold the client's body for ever.
        if (upstream.writableFinished) return;
        const timer = setTimeout(() => upstream.destroy(), this.#options.timeout);
        upstream.on('close', () => clearTimeout(timer));
      });
      answer.pipe(target);
      // Head and body go together where they come together; a stream of events may have no body for a long time.
      setImmediate(() => {
        if (!target.headersSent && !target.destroyed) target.flushHeaders();
      });
      answer.on('error', () => cut(request, target));
      target.on('close', () => answer.destroy());
    });
    upstream.on('error', (error: NodeJS.ErrnoException) => {
      if (answered || gone || response.writableEnded) return;
      // A kept connection that the app closed just now: the request never reached it.
      if (retries > 0 && upstream.reusedSocket && error.code === 'ECONNRESET')
        return this.#send(request, response, to, headers, retries - 1);
      const { status, text } = this.#failure(to, error);
      endText(response, status, text);
    });
    this.#limit(upstream);
    target.on('close', () => {
      gone = true;
      if (!answered) upstream.destroy();
    });
    if (!hasBody(request)) {
      upstream.end();
      return;
    }
    const body = request as IncomingMessage;
    body.pipe(upstream);
    upstream.on('close', () => {
      body.unpipe(upstream);
      // What the app takes no more is read all the same: the next request of the connection stands behind it.
      body.resume();
      // HTTP/2 can tell the client to send no more of it (RFC 9113, Section 8.1).
      if ('stream' in request && response.writableEnded) request.stream.close(constants.NGHTTP2_NO_ERROR);
    });
  }

  readonly upgrade: UpgradeHandler = (request, client, head, { socket, early }) => {
    const route = this.#routeOf(request);
    if (route === undefined || early) return endRaw(client, early ? 425 : 421);
    // Nothing tells the body from what the other protocol begins with.
    const { to } = route;
    if (hasBody(request) || leaves(to, request)) return endRaw(client, 400);
    // HTTP/2 in clear would be a tunnel past this proxy: with it the request is an ordinary one (RFC 9113, Section 3.1).
    const protocol = /\bh2c\b/i.test(request.headers.upgrade ?? '') ? undefined : request.headers.upgrade;
    const headers = this.#headers(request, socket, false, to);
    if (protocol !== undefined) Object.assign(headers, { connection: 'Upgrade', upgrade: protocol });
    // On a connection of its own: who knows what the app makes of it.
    const upstream = this.#request(to, request, headers, false);
    let answered = false;
    for (const event of ['error', 'close']) client.on(event, () => !answered && upstream.destroy());
    const unfit = (why: string) => {
      answered = true;
      upstream.destroy();
      endRaw(client, this.#failure(to, new Error(why)).status);
    };
    upstream.on('upgrade', (answer, app, rest) => {
      if (protocol === undefined) {
        app.destroy();
        return unfit('it changes the protocol, unasked');
      }
      answered = true;
      app.setTimeout(0);
      client.write(headText(answer, answer.rawHeaders));
      if (rest.length > 0) client.write(rest);
      if (head.length > 0) app.write(head);
      joinStreams(client, app);
    });
    upstream.on('response', (answer) => {
      const fault = faultOf(answer, request);
      if (fault !== undefined) return unfit(fault);
      answered = true;
      const fields = Object.entries({ ...fieldsOf(answer), connection: 'close' });
      client.write(
        headText(
          answer,
          fields.flatMap(([name, value]) => [value].flat().flatMap((one) => [name, one])),
        ),
      );
      answer.pipe(client);
      answer.on('error', () => client.destroy());
    });
    upstream.on('error', (error) => {
      if (answered || client.destroyed) return;
      endRaw(client, this.#failure(to, error).status);
    });
    this.#limit(upstream);
    upstream.end();
  };

  /** Ends a request that the app does not answer in time. */
  #limit(upstream: ClientRequest): void {
    upstream.setTimeout(this.#options.timeout, () =>
      upstream.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })),
    );
  }

  #failure(to: URL, error: NodeJS.ErrnoException): { status: number; text: string } {
    this.#options.onError?.(`${to.origin}: ${error.message}`);
    return error.code === 'ETIMEDOUT'
      ? { status: 504, text: 'the app behind this proxy did not answer in time' }
      : { status: 502, text: 'the app behind this proxy can not be reached' };
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #request(to: URL, request: Request, headers: OutgoingHttpHeaders, kept = true): ClientRequest {
    const secure = to.protocol === 'https:';
    const host = to.hostname.replace(/^\[|\]$/g, '');
    const { path } = targetOf(request);
    return (secure ? httpsRequest : httpRequest)({
      protocol: to.protocol,
      host,
      // Node would ask for, and verify, what the client wrote into Host.
      servername: isIP(host) === 0 ? host : '',
      port: to.port === '' ? (secure ? 443 : 80) : Number(to.port),
      method: request.method,
      path: path === '*' ? path : to.pathname.replace(/\/$/, '') + path,
      headers,
      agent: !kept ? false : secure ? this.#https : this.#http,
      setHost: false,
    });
  }

  #routeOf(request: Request): Route | undefined {
    const host = hostOf(request)
      .replace(/\.?(?::\d*)?$/, '')
      .toLowerCase();
    const { routes } = this.#options;
    return routes.find((route) => route.host === host) ?? routes.find((route) => route.host === '*');
  }

  #headers(request: Request, socket: EngineSocket, early: boolean, to: URL): OutgoingHttpHeaders {
    const headers: OutgoingHttpHeaders = {};
    const { trustForwarded } = this.#options;
    const named = new Set((request.headers.connection ?? '').toLowerCase().split(/\s*,\s*/));
    for (const [name, value] of Object.entries(request.headers)) {
      if (value === undefined || name.startsWith(':') || hopByHop.has(name) || named.has(name)) continue;
      // CGI and its like know no difference between the two.
      const plain = name.replaceAll('_', '-');
      if (plain !== name && (hopByHop.has(plain) || plain === 'content-length')) continue;
      if (ours.has(plain) || (!trustForwarded && (plain === 'x-real-ip' || plain.startsWith('x-forwarded-')))) continue;
      // HTTP/2 splits cookies into several fields (RFC 9113, Section 8.2.3).
      headers[name] = name === 'cookie' && Array.isArray(value) ? value.join('; ') : value;
    }
    // Its end shows by its length, or else by chunks: the methods that seldom have a body are no exception.
    if (hasBody(request) && headers['content-length'] === undefined) headers['transfer-encoding'] = 'chunked';
    const host = hostOf(request);
    headers['host'] = host === '' ? to.host : host;
    const address = clientAddress(socket.transport) ?? socket.remoteAddress ?? 'unknown';
    const before = trustForwarded ? request.headers['x-forwarded-for'] : undefined;
    headers['x-forwarded-for'] = before === undefined ? address : `${before}, ${address}`;
    headers['x-forwarded-proto'] = 'https';
    headers['x-forwarded-host'] = headers['host'];
    headers['x-forwarded-port'] = String(socket.localPort ?? 443);
    // What another proxy marked stays marked (RFC 8470, Section 5.1).
    if (early || (trustForwarded && request.headers['early-data'] === '1')) headers['early-data'] = '1';
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

/** Whether a body follows the head (RFC 9112, Section 6.3; RFC 9113, Section 8.1), whatever the method. */
function hasBody(request: Request): boolean {
  if ('stream' in request) return !request.stream.endAfterHeaders;
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  return coding !== undefined || (length !== undefined && Number(length) !== 0);
}

/** The path of the target, and the authority of one that is a whole URL (RFC 9112, Section 3.2.2). */
function targetOf(request: Request): { path: string; authority: string | undefined } {
  const url = request.url ?? '/';
  const match = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url);
  if (match === null) return { path: url, authority: undefined };
  const [, authority, path = ''] = match;
  return { path: path.startsWith('/') ? path : `/${path}`, authority };
}

const dotSegments = /^[^?#]*(?:[/\\]|%2f|%5c)(?:\.|%2e){2}(?:$|[/\\?#;]|%2f|%5c)/i;

/** Whether a path could lead out of the folder of an app that is named with one, as `--to http://localhost/shop`. */
function leaves(to: URL, request: Request): boolean {
  return to.pathname !== '/' && dotSegments.test(targetOf(request).path);
}

/** "… the proxy MUST ignore the received Host header field (if any)" where the target names the host (RFC 9112, Section 3.2.2). */
function hostOf(request: Request): string {
  const { ':authority': pseudo, host } = request.headers;
  return targetOf(request).authority ?? (typeof pseudo === 'string' ? pseudo : undefined) ?? host ?? '';
}

/** What makes an answer one that can't be passed on as it is. */
function faultOf({ statusCode = 0, headers }: IncomingMessage, request: Request): string | undefined {
  // HTTP/2 has no 101 and Node writes none above 599 in it; below 200 an answer would not be the last one.
  if (statusCode < 200 || ('stream' in request && statusCode > 599)) return `the status of its answer is ${statusCode}`;
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return 'its answer has a transfer coding';
  return undefined;
}

/** A reason phrase that may be written (RFC 9112, Section 4); the parser takes more. */
const reasonSyntax = /^[\t\x20-\x7e\x80-\xff]+$/;

/** Cuts an answer so that the client sees that there is more of it. */
function cut(request: Request, target: ServerResponse): void {
  // Without a code, clients take the part for the whole (RFC 9113, Section 8.1).
  if ('stream' in request) request.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else target.destroy();
}

/** The fields of an answer without those that are for the connection to the app (RFC 9110, Section 7.6.1). */
function fieldsOf({ headers, statusCode }: IncomingMessage): Record<string, string | string[]> {
  const named = new Set((headers.connection ?? '').toLowerCase().split(/\s*,\s*/));
  const fields: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !hopByHop.has(name) && !named.has(name)) fields[name] = value;
  // "A server MUST NOT send a Content-Length" with it (RFC 9110, Section 8.6).
  if (statusCode === 204) delete fields['content-length'];
  return fields;
}

function addTrailers(target: ServerResponse, { trailers }: IncomingMessage): void {
  const fields = Object.entries(trailers).filter(([name]) => !hopByHop.has(name));
  if (fields.length > 0) target.addTrailers(Object.fromEntries(fields) as NodeJS.Dict<string>);
}

/** @param fields names and values by turns. */
function headText({ statusCode, statusMessage }: IncomingMessage, fields: readonly string[]): string {
  const lines: string[] = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let i = 0; i < fields.length; i += 2) lines.push(`${fields[i]}: ${fields[i + 1]}`);
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
