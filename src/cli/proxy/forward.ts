import { createHash } from 'node:crypto';
import { formatName, parseCertificate } from '../../pki/index.ts';
import type { EngineSocket } from '../server/engine-socket.ts';
import {
  type ConnectHandler,
  endRaw,
  endText,
  type Handler,
  type Request,
  type UpgradeHandler,
} from '../server/secure-server.ts';
import { Http1Apps } from './app-http1.ts';
import { Http2Apps } from './app-http2.ts';
import { type AppAddress, type AppError, type AppRequest, Balancer, type Fields, type Route } from './apps.ts';
import { Exchange } from './exchange.ts';
import { hasBody, hostOf, requestFields, targetOf } from './fields.ts';
import { withoutMapping } from './peers.ts';
import { clientAddress } from './proxy-protocol.ts';
import { connectClient, openTunnel, type TunnelClient, upgradeClient } from './tunnel.ts';

export interface ForwardOptions {
  readonly routes: readonly Route[];
  /** Milliseconds without an answer of the app. */
  readonly timeout: number;
  /** Whether X-Forwarded-For and the like of a client are kept, and added to: only of another proxy. */
  readonly trusts: (address: string) => boolean;
  readonly onError?: (message: string) => void;
}

/** Passes requests on to the apps behind. */
export class Forwarder {
  readonly #options: ForwardOptions;
  readonly #http1: Http1Apps;
  readonly #http2: Http2Apps;
  readonly #balancer = new Balancer();

  constructor(options: ForwardOptions) {
    this.#options = options;
    this.#http1 = new Http1Apps(options.timeout);
    this.#http2 = new Http2Apps(options.timeout);
  }

  readonly handler: Handler = (request, response, { socket, early, expectsContinue = false }) => {
    const route = this.#routeOf(request);
    if (route === undefined) return endText(response, 421, 'no app behind this proxy has that host name');
    if (leaves(route, request)) return endText(response, 400, 'this path leads out of the app');
    const hops = hopsOf(request);
    if (hops === 0) {
      response.setHeader('allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
      return endText(response, 200, 'here, as far as Max-Forwards allows');
    }
    const shared = this.#factsOf(socket);
    if (hops !== undefined) shared['max-forwards'] = String(hops - 1);
    new Exchange({
      request,
      response,
      socket,
      route,
      balancer: this.#balancer,
      expectsContinue,
      timeout: this.#options.timeout,
      requestFor: (app) => this.#requestFor(app, request, socket, early, shared),
      call: (app, wanted, sink) => (app.http2 ? this.#http2 : this.#http1).call(app, wanted, sink),
      onFailure: (app, error) => this.#failure(app, error),
    }).start();
  };

  readonly upgrade: UpgradeHandler = (request, stream, head, { socket, early }) => {
    const route = this.#routeOf(request);
    if (route === undefined || early) return endRaw(stream, early ? 425 : 421);
    // Nothing tells the body from what the other protocol begins with.
    if (hasBody(request) || leaves(route, request)) return endRaw(stream, 400);
    // HTTP/2 in clear would be a tunnel past this proxy: with it the request is an ordinary one (RFC 9113, Section 3.1).
    const protocol = /\bh2c\b/i.test(request.headers.upgrade ?? '') ? undefined : request.headers.upgrade;
    this.#tunnel(upgradeClient(request, protocol, stream, head), route, socket);
  };

  readonly connect: ConnectHandler = (request, response, { socket }) => {
    const route = this.#routeOf(request);
    if (route === undefined) return endText(response, 421, 'no app behind this proxy has that host name');
    if (leaves(route, request)) return endText(response, 400, 'this path leads out of the app');
    if (request.headers[':protocol'] !== 'websocket') return endText(response, 501, 'no such protocol');
    this.#tunnel(connectClient(request, response), route, socket);
  };

  #tunnel(client: TunnelClient, route: Route, socket: EngineSocket): void {
    const { request } = client;
    openTunnel(client, {
      route,
      balancer: this.#balancer,
      http1: this.#http1,
      http2: this.#http2,
      requestFor: (app) => {
        const wanted = this.#requestFor(app, request, socket, false, this.#factsOf(socket));
        const { 'transfer-encoding': _, ...fields } = wanted.fields;
        return { ...wanted, method: 'GET', fields, hasBody: false };
      },
      onFailure: (app, error) => this.#failure(app, error),
    });
  }

  #failure({ text }: AppAddress, error: AppError): number {
    this.#options.onError?.(`${text}: ${error.message}`);
    return error.code === 'ETIMEDOUT' ? 504 : 502;
  }

  close(): void {
    this.#http1.close();
    this.#http2.close();
  }

  #routeOf(request: Request): Route | undefined {
    const host = hostOf(request)
      .replace(/\.?(?::\d*)?$/, '')
      .toLowerCase();
    const { routes } = this.#options;
    return routes.find((route) => route.host === host) ?? routes.find((route) => route.host === '*');
  }

  #requestFor(app: AppAddress, request: Request, socket: EngineSocket, early: boolean, more: Fields): AppRequest {
    const address = clientAddress(socket.transport) ?? withoutMapping(socket.remoteAddress ?? 'unknown');
    const { path } = targetOf(request);
    const fields = requestFields(request, {
      address,
      port: socket.localPort ?? 443,
      authority: app.authority,
      trusted: this.#options.trusts(address),
      early,
      more,
    });
    // gRPC's servers ask for it: "used to detect incompatible proxies".
    if (app.http2 && /\btrailers\b/.test(String(request.headers['te'] ?? ''))) fields['te'] = 'trailers';
    return {
      method: request.method ?? 'GET',
      path: path === '*' ? path : app.folder + path,
      fields,
      hasBody: hasBody(request),
    };
  }

  /** What the proxy itself says of a connection. */
  #factsOf(socket: EngineSocket): Fields {
    const fields: Fields = {};
    if (!socket.connection.connected) return fields;
    const { info } = socket.connection;
    fields['x-tls-version'] = info.version === 0x0304 ? '1.3' : '1.2';
    fields['x-tls-resumption'] = info.resumption;
    const [certificate] = info.peerCertificates;
    if (certificate !== undefined) Object.assign(fields, certificateFields(certificate));
    return fields;
  }
}

const described = new WeakMap<Uint8Array, Fields>();

/** Who a client is by its certificate: its name and fingerprint, and the whole of it (RFC 9440, Section 2.2). */
function certificateFields(der: Uint8Array): Fields {
  let fields = described.get(der);
  if (fields === undefined) {
    fields = {
      'x-client-cert-subject': encodeURIComponent(formatName(parseCertificate(der).subject)),
      'x-client-cert-sha256': createHash('sha256').update(der).digest('hex'),
      'client-cert': `:${Buffer.from(der).toString('base64')}:`,
    };
    described.set(der, fields);
  }
  return fields;
}

const dotSegments = /^[^?#]*(?:[/\\]|%2f|%5c)(?:\.|%2e){2}(?:$|[/\\?#;]|%2f|%5c)/i;

/** Whether a path could lead out of the folder of an app that is named with one, as `--to http://localhost/shop`. */
function leaves({ apps }: Route, request: Request): boolean {
  return apps.some(({ folder }) => folder !== '') && dotSegments.test(targetOf(request).path);
}

/** How many more a request for OPTIONS may pass (RFC 9110, Section 7.6.2); `undefined` for any number. */
function hopsOf({ method, headers }: Request): number | undefined {
  const { 'max-forwards': limit } = headers;
  if (method !== 'OPTIONS' || typeof limit !== 'string' || !/^\d{1,9}$/.test(limit)) return undefined;
  return Number(limit);
}
