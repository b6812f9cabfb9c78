/** HTTP requests in early data, by the rules of RFC 8470. */
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, Server } from 'node:http';
import { TLSSocket } from '../socket/tls-socket.ts';

/** A client "MUST NOT send unsafe methods (or methods whose safety is not known) in early data" (RFC 8470, Section 4). */
const safeMethods: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** Events by which a server of `http` hands over a request. */
const handingOver: ReadonlySet<string | symbol> = new Set([
  'request',
  'checkContinue',
  'checkExpectation',
  'upgrade',
  'connect',
]);

/**
 * Serves requests that come in early data. Those with a safe method go to the program at once, marked as an
 * intermediary would mark them, with `Early-Data: 1`: it may answer 425 (Too Early). All others wait until the handshake
 * is done, and so do all requests where the client has to prove who it is.
 */
export function serveEarly(server: Server, startHttp: (this: unknown, socket: TLSSocket) => void): void {
  const started = new WeakSet<TLSSocket>();
  server.on('earlyData', (socket: TLSSocket) => {
    if (socket._requestCert) return;
    started.add(socket);
    startHttp.call(server, socket);
  });
  server.on('secureConnection', (socket) => {
    if (!started.has(socket as unknown as TLSSocket)) startHttp.call(server, socket as unknown as TLSSocket);
  });
  const emit = server.emit.bind(server) as (name: string | symbol, ...args: unknown[]) => boolean;
  server.emit = (name: string | symbol, ...args: unknown[]): boolean => {
    if (!handingOver.has(name)) return emit(name, ...args);
    const request = args[0] as IncomingMessage;
    const socket = request.socket as unknown as TLSSocket;
    if (socket._secureEstablished || !started.has(socket)) return emit(name, ...args);
    if (name === 'request' && safeMethods.has(request.method)) {
      request.headers['early-data'] = '1';
      return emit(name, ...args);
    }
    // Node asks only whether someone takes care of it.
    if (server.listenerCount(name) === 0) return false;
    socket.once('secure', () => emit(name, ...args));
    return true;
  };
}

/**
 * Lets a request go in early data where its method is safe, its connection is new and there is a session that allows it.
 * If the server finds that too early (425), `again` makes the request that is sent once more, after a handshake.
 */
export function earlyRequest(request: ClientRequest, again: (headers: OutgoingHttpHeaders) => ClientRequest): void {
  if (!safeMethods.has(request.method)) return;
  let early: TLSSocket | undefined;
  let second: ClientRequest | undefined;
  request.once('socket', (socket) => {
    // It is told before the head of the request is written.
    if (!(socket instanceof TLSSocket) || socket._secureEstablished) return;
    early = socket;
    socket._offerEarlyWrites();
  });
  const emit = request.emit.bind(request) as (name: string | symbol, ...args: unknown[]) => boolean;
  request.emit = (name: string | symbol, ...args: unknown[]): boolean => {
    // The first request ends when the second has: for the program they are one.
    if (second !== undefined && name === 'close') return true;
    const response = args[0] as IncomingMessage;
    if (name !== 'response' || response.statusCode !== 425 || second !== undefined || !early?.earlyDataAccepted) {
      return emit(name, ...args);
    }
    response.resume();
    second = again(request.getHeaders());
    second.on('response', (answer: IncomingMessage) => {
      (request as { res?: IncomingMessage }).res = answer;
      if (!emit('response', answer)) answer.resume();
    });
    for (const name of ['error', 'information', 'timeout', 'close'] as const) {
      second.on(name, (...args: unknown[]) => emit(name, ...args));
    }
    second.end();
    return true;
  };
  const destroy = request.destroy.bind(request);
  request.destroy = (error?: Error) => {
    second?.destroy(error);
    return destroy(error);
  };
}
