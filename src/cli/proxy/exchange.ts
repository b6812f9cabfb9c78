import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants } from 'node:http2';
import type { EngineSocket } from '../server/engine-socket.ts';
import { endText, isWhole, type Request, type Response } from '../server/secure-server.ts';
import type { Answer, AnswerSink, AppAddress, AppCall, AppError, AppRequest, Balancer, Route } from './apps.ts';
import { answerFields, hasBody, headText, reasonSyntax } from './fields.ts';

export interface ExchangeOptions {
  readonly request: Request;
  readonly response: Response;
  readonly socket: EngineSocket;
  readonly route: Route;
  readonly balancer: Balancer;
  /** The client waits for 100 before it sends the body: that is the app's to say (RFC 9110, Section 10.1.1). */
  readonly expectsContinue: boolean;
  /** Milliseconds without an answer of the app. */
  readonly timeout: number;
  readonly requestFor: (app: AppAddress) => AppRequest;
  readonly call: (app: AppAddress, request: AppRequest, sink: AnswerSink) => AppCall;
  readonly onFailure: (app: AppAddress, error: AppError) => void;
}

/** Methods that may be sent twice (RFC 9110, Section 9.2.2). */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'QUERY', 'PROPFIND', 'REPORT', 'SEARCH']);

/** A connection that went, as seen from here. */
const lost = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_HTTP2_STREAM_CANCEL', 'ERR_HTTP2_SESSION_ERROR']);

/** How long an app may think about a body that the client holds back, in ms; many apps never say 100. */
const continueTime = 1000;

/** A request, its tries at apps, and the one answer. */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #target: ServerResponse;
  readonly #hasBody: boolean;
  readonly #tried = new Set<AppAddress>();
  #call: AppCall | undefined;
  #mayRepeat = true;
  #answered = false;
  /** The whole answer is there. */
  #ended = false;
  /** The whole answer went out, its trailers too; HTTP/2 alone. */
  #sent = false;
  #appClosed = false;
  /** The client is gone, or has its answer. */
  #gone = false;
  #continued: boolean;
  #continueTimer: NodeJS.Timeout | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#target = options.response as ServerResponse;
    this.#hasBody = hasBody(options.request);
    this.#continued = !options.expectsContinue;
  }

  start(): void {
    this.#target.on('close', () => {
      this.#gone = true;
      clearTimeout(this.#continueTimer);
      const { request } = this.#options;
      const open = this.#hasBody && 'stream' in request && this.#call?.body.writableFinished === false;
      if (!this.#ended || open) this.#call?.cancel('stream' in request ? request.stream.rstCode : undefined);
    });
    const { request } = this.#options;
    if ('stream' in request && this.#hasBody) {
      request.stream.once('wantTrailers', () => setImmediate(() => this.#allSent()));
    }
    this.#try(new Error('there is no app'));
  }

  #try(last: AppError): void {
    const { route, balancer, response, call, requestFor } = this.#options;
    const app = balancer.choose(route, this.#tried);
    if (app === undefined) return this.#giveUp(last);
    this.#tried.add(app);
    const wanted = requestFor(app);
    const fields = { ...wanted.fields, ...(this.#options.expectsContinue ? { expect: '100-continue' } : {}) };
    let made: AppCall | undefined;
    try {
      made = call(
        app,
        { ...wanted, fields },
        this.#sink(app, () => made),
      );
    } catch (error) {
      // Node's client refuses what may not stand in a head.
      this.#options.onFailure(app, error as AppError);
      const { code = '' } = error as AppError;
      if (/^ERR_(?:UNESCAPED|INVALID)/.test(code)) return endText(response, 400, 'this can not be passed on');
      return this.#giveUp(error as AppError);
    }
    this.#call = made;
    balancer.begin(app);
  }

  #sink(app: AppAddress, callOf: () => AppCall | undefined): AnswerSink {
    const { balancer, request } = this.#options;
    let sent = false;
    return {
      connected: () => {
        sent = true;
        balancer.reached(app);
        const call = callOf();
        if (call === undefined || this.#gone || !this.#hasBody) return;
        (request as IncomingMessage).pipe(call.body);
        if (!this.#continued) this.#continueTimer = setTimeout(() => this.#continue(), continueTime);
        // The app may have something to say before the client has.
        if ('flushHeaders' in call.body)
          setImmediate(() => {
            const body = call.body as ServerResponse;
            if (!body.headersSent && !body.destroyed) body.flushHeaders();
          });
      },
      information: (status, fields) => this.#inform(status, answerFields(fields, status)),
      answer: (answer) => this.#answer(app, answer),
      failed: (error) => {
        if (!sent) balancer.notReached(app);
        this.#failed(app, error, sent, callOf());
      },
      closed: () => {
        balancer.end(app);
        const call = callOf();
        if (call !== undefined && call === this.#call) this.#closed(call);
      },
    };
  }

  #failed(app: AppAddress, error: AppError, sent: boolean, call: AppCall | undefined): void {
    const { request, route, onFailure } = this.#options;
    if (this.#gone || this.#answered) return;
    if (sent) {
      const repeatable =
        !this.#hasBody &&
        (error.untouched === true || (idempotent.has(request.method ?? '') && lost.has(error.code ?? '')));
      // A kept connection that the app closed just now: the request never reached it.
      const same = repeatable && this.#mayRepeat && (call?.reused === true || error.untouched === true);
      if (same) {
        this.#mayRepeat = false;
        this.#tried.delete(app);
        return this.#try(error);
      }
      onFailure(app, error);
      if (!repeatable) return this.#giveUp(error);
    } else onFailure(app, error);
    if (route.apps.length === this.#tried.size) return this.#giveUp(error);
    this.#try(error);
  }

  #giveUp(error: AppError): void {
    const { request, response } = this.#options;
    const { headers } = request;
    const code = error.resetCode;
    // What a reset says, gRPC's clients know better than a status of ours.
    if (code !== undefined && 'stream' in request && /^application\/grpc\b/.test(headers['content-type'] ?? ''))
      return request.stream.close(code);
    const timely = error.code !== 'ETIMEDOUT';
    endText(
      response,
      timely ? 502 : 504,
      error.unfit === true
        ? 'the app behind this proxy gave an answer that can not be passed on'
        : timely
          ? 'the app behind this proxy can not be reached'
          : 'the app behind this proxy did not answer in time',
    );
  }

  /** Interim answers reach the client (RFC 9110, Section 15.2), but one of HTTP/1.0, which knows none. */
  #inform(status: number, fields: Record<string, string | string[]>): void {
    const { request } = this.#options;
    const target = this.#target;
    if (this.#answered || this.#gone || target.headersSent) return;
    if (status === 100) return this.#continue();
    if ('stream' in request) {
      request.stream.additionalHeaders({ ':status': status, ...fields });
      return;
    }
    if (request.httpVersion === '1.0') return;
    const text = headText(status, status === 103 ? 'Early Hints' : status === 102 ? 'Processing' : '', fields);
    // It waits for the answers to the requests before.
    if (target.socket !== null) target.socket.write(text, 'latin1');
    else target.once('socket', (socket: NodeJS.WritableStream) => socket.write(text, 'latin1'));
  }

  #continue(): void {
    if (this.#continued || this.#answered || this.#gone) return;
    this.#continued = true;
    clearTimeout(this.#continueTimer);
    this.#target.writeContinue();
  }

  #answer(app: AppAddress, answer: Answer): void {
    const { request, response, onFailure } = this.#options;
    const target = this.#target;
    const { status, reason, body } = answer;
    if (this.#gone) return;
    clearTimeout(this.#continueTimer);
    // HTTP/2 has none of these, and Node writes none.
    if ('stream' in request && status > 599) {
      const error = Object.assign(new Error(`the status of its answer is ${status}`), { unfit: true });
      onFailure(app, error);
      this.#giveUp(error);
      this.#call?.cancel();
      this.#answered = true;
      return;
    }
    this.#answered = true;
    target.statusCode = status;
    for (const [name, value] of Object.entries(answerFields(answer.fields, status))) target.setHeader(name, value);
    if (!('stream' in request)) {
      if (reason !== undefined && reasonSyntax.test(reason)) target.statusMessage = reason;
      // Whether the body still comes the client alone knows: it must not be taken for the next request.
      if (!this.#continued) target.setHeader('connection', 'close');
    }
    if (answer.headOnly) {
      this.#ended = true;
      body.resume();
      target.end();
      setImmediate(() => this.#allSent());
      this.#limitBody();
      return;
    }
    body.on('end', () => {
      this.#ended = true;
      // Trailers of HTTP/2 come right after the end.
      process.nextTick(() => this.#end(answer));
    });
    body.pipe(target, { end: false });
    // Head and body go together where they come together; a stream of events may have no body for a long time.
    setImmediate(() => {
      if (!target.headersSent && !target.destroyed && !response.writableEnded) target.flushHeaders();
    });
    body.on('error', () => {});
    body.on('close', () => {
      if (!this.#ended && !this.#gone) this.#cut(resetCodeOf(answer));
    });
  }

  #end(answer: Answer): void {
    const target = this.#target;
    if (this.#gone) return;
    // A stream that was reset ends like others.
    if (resetCodeOf(answer) !== 0) return this.#cut(resetCodeOf(answer));
    const trailers = answerFields(answer.trailers(), 200);
    if (Object.keys(trailers).length > 0) target.addTrailers(trailers as Record<string, string>);
    target.end();
    this.#limitBody();
  }

  #limitBody(): void {
    const call = this.#call;
    // Node's limit ends here. An app that has answered and does not read on would hold the client's body for ever.
    if (!this.#hasBody || call === undefined || call.body.writableFinished) return;
    if (!this.#continued) return call.cancel();
    const timer = setTimeout(() => call.cancel(), this.#options.timeout);
    call.body.on('close', () => clearTimeout(timer));
  }

  #closed(call: AppCall): void {
    if (!this.#hasBody) return;
    const request = this.#options.request as IncomingMessage;
    request.unpipe(call.body);
    // What the app takes no more is read all the same: the next request of the connection stands behind it.
    request.resume();
    this.#appClosed = true;
    this.#stopBody();
  }

  #allSent(): void {
    this.#sent = true;
    this.#stopBody();
  }

  /** HTTP/2 can tell the client to send no more of its body, once it has the whole answer (RFC 9113, Section 8.1). */
  #stopBody(): void {
    const { request } = this.#options;
    if (!this.#appClosed || !this.#sent || !('stream' in request)) return;
    const { stream } = request;
    if (!stream.closed && !isWhole(request)) stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /** Cuts an answer so that the client sees that there is more of it. */
  #cut(code: number | undefined): void {
    const { request, socket } = this.#options;
    const target = this.#target;
    // Without a code, clients take the part for the whole (RFC 9113, Section 8.1).
    if ('stream' in request) request.stream.close(code || constants.NGHTTP2_INTERNAL_ERROR);
    // Where nothing but the end of the connection ends it, a close_notify would say that this was all of it.
    else if (!target.chunkedEncoding && !target.hasHeader('content-length')) socket.transport.resetAndDestroy();
    else target.destroy();
  }
}

/** The code that an app reset the stream of its answer with; 0 for none. */
function resetCodeOf({ body }: Answer): number {
  return (body as { readonly rstCode?: number }).rstCode ?? 0;
}
