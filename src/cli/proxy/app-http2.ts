import type { IncomingHttpHeaders } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  type AnswerSink,
  type AppAddress,
  type AppCall,
  type AppError,
  type AppRequest,
  connectTime,
  type Fields,
  timeoutError,
} from './apps.ts';

/** A connection to an app. */
interface Line {
  readonly session: ClientHttp2Session;
  connected: boolean;
  /** Open streams. */
  active: number;
  requests: number;
  /** What ended it. */
  error: Error | undefined;
}

/** Streams on one connection, unless the app allows fewer. */
const mostStreams = 100;
/** How long a connection without requests is kept, in ms. */
const idleTime = 60_000;

/** Apps that speak HTTP/2 (h2c, h2), as those of gRPC do. Requests share connections. */
export class Http2Apps {
  readonly #lines = new Map<AppAddress, Set<Line>>();
  readonly #timeout: number;

  /** @param timeout milliseconds in which nothing moves. */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  call(app: AppAddress, request: AppRequest, sink: AnswerSink): AppCall {
    const line = this.#lineTo(app);
    const stream = this.#open(line, headersOf(app, request), request.hasBody);
    const reused = line.requests++ > 0 && line.connected;
    let [answered, over, ended] = [false, false, false];
    let trailers: IncomingHttpHeaders = {};
    const failed = (error: Error | undefined) => {
      if (answered || over) return;
      over = true;
      sink.failed(errorOf(line, stream, error));
    };
    if (line.connected) process.nextTick(() => sink.connected());
    else line.session.once('connect', () => sink.connected());
    stream.setTimeout(this.#timeout, () => {
      // Who says nothing may be gone: others shall not wait for it.
      line.session.close();
      failed(timeoutError('no answer in time'));
      stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on('headers', (headers) => sink.information(Number(headers[':status']), headers));
    stream.on('response', (headers, flags) => {
      if (over) return;
      answered = true;
      sink.answer({
        status: Number(headers[':status']),
        reason: undefined,
        fields: headers,
        body: stream,
        headOnly: (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0,
        trailers: () => trailers,
      });
    });
    stream.on('trailers', (headers) => (trailers = headers));
    stream.on('end', () => (ended = true));
    stream.on('error', failed);
    stream.on('close', () => {
      if (!answered || !ended) failed(undefined);
      sink.closed();
    });
    return {
      body: stream,
      reused,
      cancel: (code = constants.NGHTTP2_CANCEL) => {
        over = true;
        stream.close(code === constants.NGHTTP2_NO_ERROR ? constants.NGHTTP2_CANCEL : code);
      },
    };
  }

  /**
   * A stream that becomes another protocol (RFC 8441), or nothing where the app does not know how; the settings of the
   * app have to be there.
   */
  async tunnel(
    app: AppAddress,
    path: string,
    protocol: string,
    fields: Fields,
  ): Promise<ClientHttp2Stream | undefined> {
    const line = this.#lineTo(app);
    const { session } = line;
    if (Object.keys(session.remoteSettings ?? {}).length === 0 || !line.connected)
      await new Promise<void>((done, fail) => {
        session.once('remoteSettings', () => done());
        session.once('close', () => fail(line.error ?? new Error('it closed the connection')));
      });
    if (session.remoteSettings.enableConnectProtocol !== true) return undefined;
    const headers = headersOf(app, { method: 'CONNECT', path, fields, hasBody: true });
    return this.#open(line, { ...headers, ':protocol': protocol }, true);
  }

  #open(line: Line, headers: Record<string, string | string[]>, hasBody: boolean): ClientHttp2Stream {
    const stream = line.session.request(headers, { endStream: !hasBody, waitForTrailers: hasBody });
    // Node ends a stream before it resets it, and a body that was cut would look whole to the app; only trailers come
    // before that end, and a stream that is cut gets none.
    stream.on('wantTrailers', () => stream.closed || stream.sendTrailers({}));
    line.active++;
    stream.on('close', () => line.active--);
    return stream;
  }

  /** A connection with room for one more request. */
  #lineTo(app: AppAddress): Line {
    let lines = this.#lines.get(app);
    if (lines === undefined) this.#lines.set(app, (lines = new Set()));
    for (const line of lines) {
      const { session, active, connected } = line;
      if (session.closed || session.destroyed) continue;
      const room = connected ? (session.remoteSettings?.maxConcurrentStreams ?? mostStreams) : mostStreams;
      if (active < Math.min(room, mostStreams)) return line;
    }
    const line = this.#connect(app);
    lines.add(line);
    line.session.on('close', () => lines.delete(line));
    return line;
  }

  #connect(app: AppAddress): Line {
    const { secure, host, port, socketPath } = app;
    const place = socketPath === undefined ? { host, port } : { path: socketPath };
    const transport = secure
      ? connectTls({ ...place, ALPNProtocols: ['h2'], ...(isIP(host) === 0 ? { servername: host } : {}) })
      : connectTcp(place);
    transport.setNoDelay(true);
    transport.setKeepAlive(true, 60_000);
    const session = connect(`${secure ? 'https' : 'http'}://${app.authority}`, {
      createConnection: () => transport,
      settings: { enablePush: false },
      // Answers wait here for clients that read slowly.
      maxSessionMemory: 128,
    });
    // Each request that comes before the connection stands waits for it.
    session.setMaxListeners(0);
    const line: Line = { session, connected: false, active: 0, requests: 0, error: undefined };
    const timer = setTimeout(
      () => session.destroy(timeoutError('no connection in time')),
      Math.min(connectTime, this.#timeout),
    );
    session.on('connect', () => {
      clearTimeout(timer);
      if (secure && 'alpnProtocol' in transport && transport.alpnProtocol !== 'h2') {
        session.destroy(new Error('it does not speak HTTP/2: it chose no h2 by ALPN'));
        return;
      }
      line.connected = true;
    });
    session.on('error', (error) => (line.error = error));
    session.on('close', () => clearTimeout(timer));
    session.setTimeout(idleTime, () => {
      if (line.active === 0) session.close();
    });
    return line;
  }

  close(): void {
    for (const lines of this.#lines.values()) for (const { session } of lines) session.destroy();
  }
}

function headersOf(app: AppAddress, { method, path, fields }: AppRequest): Record<string, string | string[]> {
  const { host, 'transfer-encoding': _, connection: __, ...rest } = fields;
  return {
    ':method': method,
    ':scheme': app.secure ? 'https' : 'http',
    ':authority': typeof host === 'string' ? host : app.authority,
    ':path': path,
    ...rest,
  };
}

/** Why there was no answer. */
function errorOf(
  { error: cause, connected, session }: Line,
  { rstCode = 0 }: ClientHttp2Stream,
  error: Error | undefined,
): AppError {
  const said =
    cause ?? error ?? new Error(rstCode === 0 ? 'it closed the stream' : `it reset the stream, code ${rstCode}`);
  return Object.assign(new Error(said.message, { cause: said }), {
    code: (said as AppError).code ?? (rstCode === 0 ? 'ECONNRESET' : 'EPROTO'),
    untouched: rstCode === constants.NGHTTP2_REFUSED_STREAM,
    // A stream that ends with its connection has a code too, but not of the app.
    ...(cause === undefined && connected && !session.destroyed && rstCode !== 0 ? { resetCode: rstCode } : {}),
  });
}
