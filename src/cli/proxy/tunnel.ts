/**
 * Connections that become another protocol, as those of WebSockets do: by Upgrade over HTTP/1.1, by an extended CONNECT
 * over HTTP/2 (RFC 8441), on either side.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Duplex } from 'node:stream';
import { endRaw, endText, type Request } from '../server/secure-server.ts';
import type { Http1Apps } from './app-http1.ts';
import { answerOf, faultOf } from './app-http1.ts';
import type { Http2Apps } from './app-http2.ts';
import type { Answer, AppAddress, AppError, AppRequest, Balancer, Fields, Route } from './apps.ts';
import { answerFields, headText, rawHeadText } from './fields.ts';

/** The side of the client. */
export interface TunnelClient {
  readonly request: Request;
  /** The other protocol; none where the request is to be an ordinary one. */
  readonly protocol: string | undefined;
  readonly stream: Duplex;
  /** What it has sent already. */
  readonly head: Buffer;
  /** Tells it that the app agreed. */
  accept(fields: IncomingHttpHeaders, message: IncomingMessage | undefined): void;
  /** Gives it an ordinary answer in place of the other protocol. */
  pass(answer: Answer): void;
  refuse(status: number): void;
}

export interface TunnelOptions {
  readonly route: Route;
  readonly balancer: Balancer;
  readonly http1: Http1Apps;
  readonly http2: Http2Apps;
  readonly requestFor: (app: AppAddress) => AppRequest;
  /** Tells of a failure; the status for it. */
  readonly onFailure: (app: AppAddress, error: AppError) => number;
}

/** @param protocol as the request asks for it, where it is to be passed on. */
export function upgradeClient(
  request: IncomingMessage,
  protocol: string | undefined,
  stream: Duplex,
  head: Buffer,
): TunnelClient {
  return {
    request,
    protocol,
    stream,
    head,
    accept(fields, message) {
      if (message !== undefined) return void stream.write(rawHeadText(message), 'latin1');
      const key = request.headers['sec-websocket-key'] ?? '';
      const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-accept': acceptOf(key) };
      stream.write(headText(101, 'Switching Protocols', { ...answerFields(fields, 101), ...upgrade }), 'latin1');
    },
    pass(answer) {
      const { status, reason = '', fields, body } = answer;
      stream.write(headText(status, reason, { ...answerFields(fields, status), connection: 'close' }), 'latin1');
      body.pipe(stream);
      body.on('error', () => stream.destroy());
    },
    refuse: (status) => endRaw(stream, status),
  };
}

export function connectClient(request: Http2ServerRequest, response: Http2ServerResponse): TunnelClient {
  const { stream } = request;
  const respond = (status: number, fields: IncomingHttpHeaders) => {
    // The answer to a key that was not the client's (RFC 8441, Section 5).
    const { 'sec-websocket-accept': _, ...rest } = answerFields(fields, status);
    response.writeHead(status, rest);
  };
  return {
    request,
    protocol: String(request.headers[':protocol']),
    stream,
    head: Buffer.alloc(0),
    accept(fields) {
      respond(200, fields);
      (response as unknown as ServerResponse).flushHeaders();
    },
    pass({ status, fields, body }) {
      respond(status, fields);
      body.pipe(response);
      body.on('error', () => response.destroy());
    },
    refuse: (status) => endText(response, status, 'the app behind this proxy can not be spoken to in this protocol'),
  };
}

/** RFC 6455, Section 4.2.2. */
function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** Asks an app for the other protocol, the next one where the first can't be reached. */
export function openTunnel(client: TunnelClient, options: TunnelOptions, tried = new Set<AppAddress>()): void {
  const { route, balancer, onFailure } = options;
  const app = balancer.choose(route, tried);
  if (app === undefined) return client.refuse(502);
  tried.add(app);
  balancer.begin(app);
  let open = true;
  const end = () => {
    if (open) balancer.end(app);
    open = false;
  };
  client.stream.on('close', end);
  const failed = (error: AppError, reached: boolean) => {
    end();
    const status = onFailure(app, error);
    if (client.stream.destroyed) return;
    if (!reached) {
      balancer.notReached(app);
      if (tried.size < route.apps.length) return openTunnel(client, options, tried);
    }
    client.refuse(status);
  };
  if (app.http2) throughHttp2(client, options, app, failed);
  else throughHttp1(client, options, app, failed);
}

type Failed = (error: AppError, reached: boolean) => void;

function throughHttp1(client: TunnelClient, options: TunnelOptions, app: AppAddress, failed: Failed): void {
  const { protocol, stream } = client;
  const wanted = options.requestFor(app);
  const fields: Fields = { ...wanted.fields };
  const translated = 'stream' in client.request;
  const key = randomBytes(16).toString('base64');
  if (protocol !== undefined) Object.assign(fields, { connection: 'Upgrade', upgrade: protocol });
  if (translated) fields['sec-websocket-key'] = key;
  // On a connection of its own: who knows what the app makes of it.
  const upstream = options.http1.request(app, { ...wanted, fields }, true);
  let [answered, reached] = [false, false];
  const unfit = (why: string) => {
    answered = true;
    upstream.destroy();
    failed(new Error(why), true);
  };
  stream.on('error', () => !answered && upstream.destroy());
  stream.on('close', () => !answered && upstream.destroy());
  upstream.on('socket', (socket) =>
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => (reached = true)),
  );
  upstream.on('upgrade', (message, socket, rest) => {
    const fault =
      protocol === undefined
        ? 'it changes the protocol, unasked'
        : translated && message.headers['sec-websocket-accept'] !== acceptOf(key)
          ? 'its Sec-WebSocket-Accept is wrong'
          : undefined;
    if (fault !== undefined) {
      socket.destroy();
      return unfit(fault);
    }
    answered = true;
    options.balancer.reached(app);
    socket.setTimeout(0);
    client.accept(message.headers, message);
    if (rest.length > 0) stream.write(rest);
    if (client.head.length > 0) socket.write(client.head);
    joinStreams(stream, socket);
  });
  upstream.on('response', (message) => {
    const fault = faultOf(message);
    if (fault !== undefined) return unfit(fault);
    answered = true;
    client.pass(answerOf(message));
  });
  upstream.on('error', (error) => {
    if (answered) return;
    answered = true;
    failed(error, reached);
  });
  upstream.end();
}

function throughHttp2(client: TunnelClient, options: TunnelOptions, app: AppAddress, failed: Failed): void {
  const { protocol, stream } = client;
  // Only this one is known on both sides.
  if (protocol?.toLowerCase() !== 'websocket') return client.refuse(501);
  const { path, fields } = options.requestFor(app);
  const { 'sec-websocket-key': _, ...rest } = fields;
  options.http2.tunnel(app, path, 'websocket', rest).then(
    (made) => {
      if (made === undefined) return client.refuse(501);
      if (stream.destroyed) return made.close();
      options.balancer.reached(app);
      let answered = false;
      stream.on('close', () => made.close());
      made.on('response', (headers) => {
        answered = true;
        const status = Number(headers[':status']);
        if (status < 200 || status > 299)
          return client.pass({
            status,
            reason: '',
            fields: headers,
            body: made,
            headOnly: false,
            trailers: () => ({}),
          });
        client.accept(headers, undefined);
        if (client.head.length > 0) made.write(client.head);
        joinStreams(stream, made);
      });
      made.on('error', () => {});
      made.on('close', () => {
        if (!answered) failed(new Error('it closed the stream'), true);
      });
    },
    (error: AppError) => failed(error, false),
  );
}

/** How long one half of a tunnel may go on once the other has ended and all of that went out, in ms. */
const halfOpenTime = 2000;
/** How long what went before the end may take on its way out, in ms. */
const lastWordsTime = 30_000;

function joinStreams(a: Duplex, b: Duplex): void {
  a.pipe(b);
  b.pipe(a);
  const end = () => {
    a.destroy();
    b.destroy();
  };
  const endIn = (time: number) => setTimeout(end, time).unref();
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('error', end);
    from.on('close', () => from.readableEnded || end());
    // An app that never ends its own half would hold a connection whose client is long gone; but a slow client shall
    // have all that the app sent before it ended.
    from.on('end', () => {
      endIn(lastWordsTime);
      if (to.writableFinished) endIn(halfOpenTime);
      else to.once('finish', () => endIn(halfOpenTime));
    });
  }
}
