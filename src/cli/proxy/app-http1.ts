import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import {
  type Answer,
  type AnswerSink,
  type AppAddress,
  type AppCall,
  type AppError,
  type AppRequest,
  connectTime,
  timeoutError,
} from './apps.ts';

/**
 * Connections to the app that nobody uses are closed after 4 s: Node's apps close theirs after 5 s, and a POST that
 * crosses that end could not be repeated.
 */
const kept = { keepAlive: true, maxFreeSockets: 256, scheduling: 'lifo', timeout: 4000 } as const;

/** Apps that speak HTTP/1.1, in clear or over TLS, on kept connections. */
export class Http1Apps {
  readonly #http = new HttpAgent(kept);
  readonly #https = new HttpsAgent(kept);
  readonly #timeout: number;

  /** @param timeout milliseconds in which nothing moves. */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  call(app: AppAddress, request: AppRequest, sink: AnswerSink): AppCall {
    const upstream = this.request(app, request);
    let [answered, over] = [false, false];
    const failed = (error: Error) => {
      if (answered || over) return;
      over = true;
      sink.failed(error);
    };
    noteConnection(upstream, () => sink.connected());
    upstream.on('information', ({ statusCode, headers }) => sink.information(statusCode, headers));
    // Nobody asked for another protocol.
    upstream.on('upgrade', (_, socket: Socket) => {
      socket.destroy();
      failed(unfit('it changes the protocol, unasked'));
    });
    upstream.on('response', (message) => {
      if (over) return message.destroy();
      const fault = faultOf(message);
      if (fault !== undefined) {
        failed(unfit(fault));
        upstream.destroy();
        return;
      }
      answered = true;
      sink.answer(answerOf(message));
    });
    upstream.on('error', failed);
    upstream.on('close', () => {
      failed(new Error('it closed the connection'));
      sink.closed();
    });
    if (!request.hasBody) upstream.end();
    return {
      body: upstream,
      get reused() {
        return upstream.reusedSocket;
      },
      cancel: () => void upstream.destroy(),
    };
  }

  /** A request whose events are for the caller; ended if the app takes too long. */
  request(app: AppAddress, { method, path, fields }: AppRequest, own = false): ClientRequest {
    const { secure, host, port, socketPath } = app;
    const upstream = (secure ? httpsRequest : httpRequest)({
      ...(socketPath === undefined ? { host, port } : { socketPath }),
      // Node would ask for, and verify, what the client wrote into Host.
      servername: isIP(host) === 0 ? host : '',
      method,
      path,
      headers: fields as OutgoingHttpHeaders,
      agent: own ? false : secure ? this.#https : this.#http,
      setHost: false,
    });
    upstream.setTimeout(this.#timeout, () => upstream.destroy(timeoutError('no answer in time')));
    const timer = setTimeout(
      () => upstream.destroy(timeoutError('no connection in time')),
      Math.min(connectTime, this.#timeout),
    );
    noteConnection(upstream, () => clearTimeout(timer));
    upstream.on('close', () => clearTimeout(timer));
    return upstream;
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}

function noteConnection(upstream: ClientRequest, done: () => void): void {
  upstream.on('socket', (socket) => {
    if (upstream.reusedSocket || !socket.connecting) done();
    else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', done);
  });
}

function unfit(why: string): AppError {
  return Object.assign(new Error(why), { unfit: true });
}

export function answerOf(message: IncomingMessage): Answer {
  return {
    status: message.statusCode as number,
    reason: message.statusMessage,
    fields: message.headers,
    body: message,
    headOnly: false,
    trailers: () => message.trailers,
  };
}

/** What makes an answer one that can't be passed on as it is. */
export function faultOf({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  // Below 200 an answer would not be the last one.
  if (statusCode < 200) return `the status of its answer is ${statusCode}`;
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return 'its answer has a transfer coding';
  return undefined;
}
