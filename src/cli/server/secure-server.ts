import {
  createServer as createHttp1,
  type Server as Http1Server,
  type IncomingMessage,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import {
  constants,
  createServer as createHttp2,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import { createServer as createTcp, type ListenOptions, type Socket, type Server as TcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { ServerConnection, type ServerOptions, serverHost, TlsError } from '../../index.ts';
import { countHandshake, type ServerCounters } from './counters.ts';
import { EngineSocket } from './engine-socket.ts';
import { Http2Guard } from './http2-guard.ts';
import { refusalOf } from './request-rules.ts';

export type Request = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;

/** What a handler is told about the connection of a request. */
export interface RequestContext {
  readonly socket: EngineSocket;
  /** The request came as early data (0-RTT): someone may have replayed it. */
  readonly early: boolean;
  /** The client waits for 100 (Continue), and the handler has to send it. */
  readonly expectsContinue?: boolean;
}

/** A request whose answer is not over. */
interface Exchange {
  readonly request: Request;
  readonly response: Response;
  /** It has become another protocol, and ends when that ends. */
  readonly tunnel: boolean;
}

export type Handler = (request: Request, response: Response, context: RequestContext) => void;
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer, context: RequestContext) => void;

/** A request of HTTP/2 for another protocol on its stream (RFC 8441). */
export type ConnectHandler = (
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  context: RequestContext,
) => void;

export interface SecureServerOptions {
  /** The options for the next connection: after a reload, others. */
  readonly tls: () => ServerOptions;
  readonly counters: ServerCounters;
  readonly handler: Handler;
  readonly upgrade?: UpgradeHandler | undefined;
  readonly connect?: ConnectHandler | undefined;
  /** Whether the handler itself says 100 (Continue); default is that every client is told to go on. */
  readonly passContinue?: boolean;
  /** Looks at the raw socket before TLS, e.g. for the PROXY protocol; calls back with the bytes that belong to TLS. */
  readonly accept?: ((socket: Socket, ready: (first: Uint8Array | undefined) => void) => void) | undefined;
  /** Milliseconds; default 10 s. */
  readonly handshakeTimeout?: number;
  /** How long the head of a request may take, in ms; default 30 s. */
  readonly headTimeout?: number;
  /**
   * How long a connection may stay on which nothing moves, in ms, unless it is the handler's answer that is waited for.
   * Default 65 s: a little more than what clients are told.
   */
  readonly idleTimeout?: number;
  readonly onError?: ((error: Error, socket: EngineSocket) => void) | undefined;
}

/** Methods that may be repeated without harm (RFC 9110, Section 9.2.1): what early data is taken for (RFC 8470). */
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']);

/** Asking whether the other side is still there finds those that are gone without a word. */
const tcpOptions = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 };

const http2Preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/**
 * Seconds that a kept connection may be idle: what clients are told, and what is really waited. Were both the same, a
 * client's next request would now and then cross the end of its connection, and be lost.
 */
const idleSeconds = { told: 60, waited: 65 };

/** How long a server that ends waits for the first bytes of a client, in ms. */
const silentTime = 500;

/** How long a client may keep a connection that was ended after an upgrade, or in place of one, in ms. */
const farewellTime = 2000;

/** Each may be a connection to an app; without a limit one client could take them all (RFC 9113, Section 10.5). */
const maxConcurrentStreams = 128;

/** HTTP/1.1 and HTTP/2 over the TLS engine. */
export class SecureServer {
  readonly #options: SecureServerOptions;
  readonly #listeners: TcpServer[] = [];
  readonly #sockets = new Set<EngineSocket>();
  readonly #http2Sessions = new Map<ServerHttp2Session, EngineSocket>();
  readonly #http1: Http1Server;
  readonly #http2: Http2Server;
  /** What is being answered, by its connection. */
  readonly #exchanges = new WeakMap<EngineSocket, Set<Exchange>>();
  #attaching: EngineSocket | undefined;
  #closing = false;

  constructor(options: SecureServerOptions) {
    this.#options = options;
    const { headTimeout = 30_000, idleTimeout = 1000 * idleSeconds.waited } = options;
    const timeouts = {
      headersTimeout: headTimeout,
      connectionsCheckingInterval: Math.min(5000, headTimeout / 2),
      // A long upload is no slow one: what does not move is found below.
      requestTimeout: 0,
      keepAliveTimeout: idleTimeout,
    };
    this.#http1 = createHttp1(timeouts, (request, response) => {
      this.#handle(request, response, request.socket as unknown as EngineSocket);
    });
    this.#http1.setTimeout(idleTimeout, (socket) => {
      const engine = socket as unknown as EngineSocket;
      if (this.#mayWait(engine)) engine.setTimeout(idleTimeout);
      else engine.destroy();
    });
    // It never listens itself, and only then would it look at its connections: at those with a slow head, and, when the
    // server ends, at the idle ones.
    this.#http1.emit('listening');
    if (options.passContinue === true)
      this.#http1.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
        this.#handle(request, response, request.socket as unknown as EngineSocket, true);
      });
    // Node would close the connection without a word.
    this.#http1.on('connect', (_, socket: Duplex) => endRaw(socket, 501));
    const { upgrade, connect } = options;
    if (upgrade !== undefined) {
      this.#http1.on('upgrade', (request, socket, head) => {
        const engine = request.socket as unknown as EngineSocket;
        // Node looks after this connection no more: a client that has its answer may not keep it open.
        socket.once('finish', () => setTimeout(() => socket.destroy(), farewellTime).unref());
        const refusal = refusalOf(request);
        if (refusal !== undefined) return endRaw(socket, refusal.status);
        engine.setTimeout(0);
        try {
          upgrade(request, socket, head, { socket: engine, early: !engine.secured });
        } catch (error) {
          options.onError?.(error as Error, engine);
          endRaw(socket, 500);
        }
      });
    }
    this.#http2 = createHttp2({ settings: { enableConnectProtocol: connect !== undefined, maxConcurrentStreams } });
    this.#http2.on('session', (session) => {
      const socket = this.#attaching;
      if (socket === undefined) return;
      this.#http2Sessions.set(session, socket);
      if (this.#closing) session.close();
      session.on('close', () => this.#http2Sessions.delete(session));
      session.on('error', () => socket.destroy());
      session.setTimeout(idleTimeout, () => {
        if (this.#mayWait(socket)) session.setTimeout(idleTimeout);
        else if (this.#exchanges.get(socket)?.size) session.destroy();
        else session.close();
      });
    });
    const over2 = (expectsContinue: boolean) => (request: Http2ServerRequest, response: Http2ServerResponse) => {
      const socket = this.#http2Sessions.get(request.stream.session as ServerHttp2Session);
      if (socket !== undefined) this.#handle(request, response, socket, expectsContinue);
    };
    this.#http2.on('request', over2(false));
    if (options.passContinue === true) this.#http2.on('checkContinue', over2(true));
    this.#http2.on('connect', (request: Http2ServerRequest, response: Http2ServerResponse) => {
      const socket = this.#http2Sessions.get(request.stream.session as ServerHttp2Session);
      if (socket !== undefined) this.#connect(request, response, socket);
    });
    this.#http2.on('sessionError', () => {});
  }

  /** Listens on the addresses that are there; a name like `localhost` may have two. */
  async listen(port: number, hosts: readonly string[]): Promise<{ address: string; port: number }[]> {
    const bound: { address: string; port: number }[] = [];
    for (const host of hosts) {
      try {
        // With port 0 the second address gets the same port as the first.
        bound.push(await this.#listenOn(bound[0]?.port ?? port, host));
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (bound.length > 0 && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) continue;
        await this.close(0);
        throw error;
      }
    }
    return bound;
  }

  /** Takes connections of a socket that listens already, as systemd hands it over. */
  listenOnDescriptor(fd: number): Promise<{ address: string; port: number }> {
    return this.#listen({ fd });
  }

  #listenOn(port: number, host: string): Promise<{ address: string; port: number }> {
    return this.#listen({ port, host, ipv6Only: true, backlog: 1024 });
  }

  #listen(where: ListenOptions & { readonly fd?: number }): Promise<{ address: string; port: number }> {
    const server = createTcp(tcpOptions, (socket) => this.#accept(socket));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(where, () => {
        server.off('error', reject);
        server.on('error', () => {});
        this.#listeners.push(server);
        const address = server.address() as { address: string; port: number };
        resolve({ address: address.address, port: address.port });
      });
    });
  }

  /** Takes a socket that was accepted elsewhere. */
  accept(socket: Socket): void {
    this.#accept(socket);
  }

  #accept(socket: Socket): void {
    const { accept } = this.#options;
    if (accept === undefined) return this.#secure(socket, undefined);
    socket.on('error', () => socket.destroy());
    accept(socket, (first) => this.#secure(socket, first));
  }

  #secure(transport: Socket, first: Uint8Array | undefined): void {
    const { counters, tls } = this.#options;
    counters.connections++;
    counters.accepted++;
    const options = tls();
    const connection = new ServerConnection(options);
    const socket = new EngineSocket(transport, connection, serverHost(options));
    this.#sockets.add(socket);
    const timer = setTimeout(() => socket.destroy(timeoutError()), this.#options.handshakeTimeout ?? 10_000);
    let attached = false;
    const attach = (http2: boolean, before?: Uint8Array) => {
      if (attached) return;
      attached = true;
      if (http2) this.#guard(socket, before);
      this.#attach(socket, http2);
    };
    socket.on('secure', () => {
      clearTimeout(timer);
      countHandshake(counters, connection.info);
      attach(connection.info.alpnProtocol === 'h2');
    });
    // Early data comes before ALPN is known here; HTTP/2 begins with bytes that no HTTP/1.1 request begins with.
    socket.once('early', () => {
      process.nextTick(() => {
        const bytes = socket.read() as Buffer | null;
        if (bytes === null) return;
        const length = Math.min(bytes.length, http2Preface.length);
        const http2 = bytes.subarray(0, length).equals(http2Preface.subarray(0, length));
        socket.unshift(bytes);
        attach(http2, bytes);
      });
    });
    socket.on('error', (error) => {
      if (!socket.secured) {
        const code = error instanceof TlsError ? error.code : ((error as NodeJS.ErrnoException).code ?? 'ERR_UNKNOWN');
        counters.failures.set(code, (counters.failures.get(code) ?? 0) + 1);
      }
      this.#options.onError?.(error, socket);
    });
    socket.once('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
      counters.connections--;
    });
    if (first !== undefined && first.length > 0) connection.receive(first);
    socket.start();
  }

  /** @param before what came of the client already. */
  #guard(socket: EngineSocket, before: Uint8Array | undefined): void {
    // What was said at last goes out, but nobody waits for the client.
    const guard = new Http2Guard((why) => {
      this.#options.onError?.(new Error(`HTTP/2: ${why}`), socket);
      setTimeout(() => socket.destroy(), 100).unref();
      socket.pause();
    });
    guard.skip(http2Preface.length);
    if (before !== undefined) guard.received(before);
    socket.watcher = guard;
  }

  #attach(socket: EngineSocket, http2: boolean): void {
    if (socket.destroyed) return;
    if (!http2) {
      this.#http1.emit('connection', socket);
      return;
    }
    this.#attaching = socket;
    try {
      this.#http2.emit('connection', socket);
    } finally {
      this.#attaching = undefined;
    }
  }

  /** Whether it is the answer that a connection waits for, and not its client. */
  #mayWait(socket: EngineSocket): boolean {
    const exchanges = this.#exchanges.get(socket);
    if (exchanges === undefined) return false;
    for (const { request, response, tunnel } of exchanges)
      if (tunnel || (isWhole(request) && response.writableLength === 0)) return true;
    return false;
  }

  #noteExchange(request: Request, response: Response, socket: EngineSocket, tunnel = false): void {
    let exchanges = this.#exchanges.get(socket);
    if (exchanges === undefined) this.#exchanges.set(socket, (exchanges = new Set()));
    const exchange = { request, response, tunnel };
    exchanges.add(exchange);
    (response as NodeJS.WritableStream).once('close', () => exchanges.delete(exchange));
  }

  /** An extended CONNECT; a plain one is for proxies of another kind (RFC 9110, Section 9.3.6). */
  #connect(request: Http2ServerRequest, response: Http2ServerResponse, socket: EngineSocket): void {
    const { counters, connect, onError } = this.#options;
    counters.requests++;
    const tunnel = connect !== undefined && request.headers[':protocol'] !== undefined;
    this.#noteExchange(request, response, socket, tunnel);
    if (!tunnel) return endText(response, 501, 'no CONNECT here');
    const refusal = refusalOf(request);
    if (refusal !== undefined) return endText(response, refusal.status, refusal.text);
    if (!socket.secured) {
      counters.tooEarly++;
      return endText(response, 425, 'Too Early (RFC 8470). Send it again.');
    }
    try {
      connect(request, response, { socket, early: false });
    } catch (error) {
      onError?.(error as Error, socket);
      endText(response, 500, 'a fault of this server');
    }
  }

  #handle(request: Request, response: Response, socket: EngineSocket, expectsContinue = false): void {
    const { counters, handler } = this.#options;
    this.#noteExchange(request, response, socket);
    counters.requests++;
    const early = !socket.secured;
    const refusal = refusalOf(request);
    if (refusal !== undefined) {
      // What follows on this connection may be part of the same trick.
      if (!('stream' in request)) response.setHeader('connection', 'close');
      return endText(response, refusal.status, refusal.text);
    }
    if (request.httpVersionMajor === 1) {
      if (this.#closing) response.setHeader('connection', 'close');
      else if (request.httpVersionMinor === 1 && !/\bclose\b/i.test(request.headers.connection ?? ''))
        response.setHeader('keep-alive', `timeout=${idleSeconds.told}`);
    }
    if (early && !safeMethods.has(request.method ?? '')) {
      counters.tooEarly++;
      // Whether the body still comes the client alone knows.
      if (expectsContinue && !('stream' in request)) response.setHeader('connection', 'close');
      return endText(
        response,
        425,
        'Too Early: this request changes something, so it must not come as early data (RFC 8470). Send it again.',
      );
    }
    try {
      handler(request, response, { socket, early, expectsContinue });
    } catch (error) {
      // One request must not end the service of all others.
      this.#options.onError?.(error as Error, socket);
      endText(response, 500, 'a fault of this server');
    }
  }

  /** Stops listening; connections may finish what they are doing for a while. */
  async close(patience = 5000): Promise<void> {
    this.#closing = true;
    for (const server of this.#listeners) server.close();
    for (const session of this.#http2Sessions.keys()) session.close();
    this.#http1.closeIdleConnections();
    const start = Date.now();
    while (this.#sockets.size > 0 && Date.now() - start < patience) {
      await new Promise((resolve) => setTimeout(resolve, 25));
      this.#http1.closeIdleConnections();
      // Who has begun a handshake may finish it and have an answer; who just came has a moment to begin.
      if (Date.now() - start > silentTime)
        for (const socket of this.#sockets) if (socket.transport.bytesRead === 0) socket.destroy();
    }
    for (const socket of this.#sockets) socket.destroy();
    this.#http1.close();
    this.#http2.close();
  }
}

/** Answers with a line of text, or cuts an answer that has begun. */
export function endText(response: Response, status: number, text: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if ('stream' in response) endBody(response);
  response.statusCode = status;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  endWith(response, `${text}\n`);
}

/** Once the answer is out, tells a client of HTTP/2 to send no more of its body (RFC 9113, Section 8.1). */
function endBody({ stream }: Http2ServerResponse): void {
  stream.once('wantTrailers', () =>
    setImmediate(() => stream.closed || stream.destroyed || stream.close(constants.NGHTTP2_NO_ERROR)),
  );
}

/** Ends a connection whose request was for another protocol, with a status and nothing more. */
export function endRaw(client: Duplex, status: number): void {
  client.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

/** Whether the client has sent all of a request, read or not. */
export function isWhole(request: Request): boolean {
  if (!('stream' in request)) return request.complete;
  return request.stream.state.state === constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE;
}

/** Ends a response of either kind with a text. */
export function endWith(response: Response, body: string | Uint8Array): void {
  (response as ServerResponse).end(body);
}

function timeoutError(): NodeJS.ErrnoException {
  return Object.assign(new Error('the handshake took too long'), { code: 'ERR_TLS_HANDSHAKE_TIMEOUT' });
}
