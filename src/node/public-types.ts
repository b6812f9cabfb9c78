/** The types of `handfast/tls` and `handfast/https`: those of Node, with what Handfast has beside them. */
import type { KeyObject } from 'node:crypto';
import type * as http from 'node:http';
import type * as nodeHttps from 'node:https';
import type * as nodeTls from 'node:tls';
import type { HandfastContextOptions } from './context/secure-context.ts';
import type { ReceivedClientHello } from './socket/client-hello.ts';
import type { HandfastConnectOptions } from './socket/tls-connect.ts';
import type { HandfastServerOptions } from './socket/tls-server.ts';

/** What a socket of Handfast has beside `tls.TLSSocket`. */
export interface SocketExtras {
  /** Whether the ClientHello came, or went, encrypted (RFC 9849). */
  readonly echAccepted: boolean;
  /** Whether early data went with the first flight, and was taken. */
  readonly earlyDataAccepted: boolean;
  /** The identity of the pre-shared key that authenticated both sides, where one did; kept over a resumption. */
  readonly pskIdentity: string | undefined;
  /** The peer's raw public key (RFC 7250), where it showed that in place of a certificate. */
  getPeerRawPublicKey(): KeyObject | undefined;
  /** Server: the client's first message, raw, with its JA3 and JA4; until the listeners of `secureConnection` have run. */
  getClientHello(): ReceivedClientHello | undefined;
  /**
   * Keying material that goes with early data (RFC 9846, Section 7.5): the client's once it is sent, the server's from
   * `earlyData` on. Throws `ERR_TLS_INVALID_STATE` where there is no early data.
   */
  exportEarlyKeyingMaterial(length: number, label: string, context?: Buffer): Buffer;
}

/** A socket as `connect` gives it, and as a server gives it to its listeners. */
export type HandfastSocket = nodeTls.TLSSocket & SocketExtras;

/** A socket by the name that a program of Node gives it: one of Node's may be meant, which lacks the rest. */
export type AnySocket = nodeTls.TLSSocket & Partial<SocketExtras>;

export type ConnectionOptions = nodeTls.ConnectionOptions & HandfastConnectOptions;
export type TlsOptions = nodeTls.TlsOptions & HandfastServerOptions;
export type SecureContextOptions = nodeTls.SecureContextOptions & HandfastContextOptions;

/** All call forms of `tls.connect`. */
export interface Connect {
  (options: ConnectionOptions, secureConnectListener?: () => void): HandfastSocket;
  (options: nodeTls.ConnectionOptions, secureConnectListener?: () => void): HandfastSocket;
  (options: HandfastConnectOptions, secureConnectListener?: () => void): HandfastSocket;
  (port: number, host?: string, options?: ConnectionOptions, secureConnectListener?: () => void): HandfastSocket;
  (port: number, options?: ConnectionOptions, secureConnectListener?: () => void): HandfastSocket;
}

type OnSocket = (socket: HandfastSocket) => void;
/** `earlyData`: a client's early data was taken; the socket may be read, and answered, before `secureConnection`. */
type SocketEvent = 'secureConnection' | 'earlyData';

/** What a server of Handfast has beside `tls.Server`. */
interface ServerExtras {
  on(event: SocketEvent, listener: OnSocket): this;
  once(event: SocketEvent, listener: OnSocket): this;
  addListener(event: SocketEvent, listener: OnSocket): this;
  prependListener(event: SocketEvent, listener: OnSocket): this;
  prependOnceListener(event: SocketEvent, listener: OnSocket): this;
  addContext(
    hostname: string,
    context: (SecureContextOptions & { requestCert?: boolean; rejectUnauthorized?: boolean }) | nodeTls.SecureContext,
  ): void;
  setSecureContext(options: SecureContextOptions): void;
}

/** A server as `createServer` gives it. */
export type HandfastServer = ServerExtras & nodeTls.Server;

/** All call forms of `tls.createServer`. */
export interface CreateServer {
  (secureConnectionListener?: OnSocket): HandfastServer;
  (options: TlsOptions, secureConnectionListener?: OnSocket): HandfastServer;
  (options: nodeTls.TlsOptions, secureConnectionListener?: OnSocket): HandfastServer;
  (options: HandfastServerOptions, secureConnectionListener?: OnSocket): HandfastServer;
}

/** `tls.TLSSocket`. */
export interface SocketConstructor {
  new (...args: ConstructorParameters<typeof nodeTls.TLSSocket>): HandfastSocket;
  readonly prototype: HandfastSocket;
}

// ---- https ----

/** What requests and agents take of `tls.connect`, as far as Node's own types do not have it. */
type RequestExtras = Omit<HandfastConnectOptions, keyof nodeHttps.RequestOptions | 'earlyData'> & {
  /** GET, HEAD, OPTIONS and TRACE go with the first flight where the session allows it (RFC 8470). */
  readonly earlyData?: boolean | undefined;
};

export type HttpsRequestOptions = nodeHttps.RequestOptions & RequestExtras;
export type HttpsAgentOptions = nodeHttps.AgentOptions &
  Omit<RequestExtras, keyof nodeHttps.AgentOptions> & {
    /** Node 24: requests go through the proxy that these variables name: `HTTPS_PROXY`, `NO_PROXY`. */
    readonly proxyEnv?: Readonly<Record<string, string | undefined>> | undefined;
  };
export type HttpsServerOptions = nodeHttps.ServerOptions & HandfastServerOptions;

type OnResponse = (response: http.IncomingMessage) => void;

/** All call forms of `https.request` and `https.get`. */
export type HttpsRequest = typeof nodeHttps.request &
  ((options: HttpsRequestOptions, callback?: OnResponse) => http.ClientRequest) &
  ((url: string | URL, options: HttpsRequestOptions, callback?: OnResponse) => http.ClientRequest);

/** All call forms of `https.createServer`. */
export type HttpsCreateServer = typeof nodeHttps.createServer &
  ((options: HttpsServerOptions, requestListener?: http.RequestListener) => nodeHttps.Server);

/** `https.Agent`. */
export type HttpsAgent = typeof nodeHttps.Agent & (new (options?: HttpsAgentOptions) => nodeHttps.Agent);
