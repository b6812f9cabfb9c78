/** `handfast/https`: does for a program what `node:https` does. HTTP itself is Node's own `http`. */
import * as http from 'node:http';
import type * as nodeHttps from 'node:https';
import type { Duplex } from 'node:stream';
import { urlToHttpOptions } from 'node:url';
import { inherit } from './base/inherit.ts';
import { validateBoolean, validateObject } from './base/node-errors.ts';
import { rawPublicKeysName } from './context/raw-public-keys.ts';
import { nodeMajor, settings, type WritableSettings } from './context/settings.ts';
import { earlyRequest, serveEarly } from './http/early-requests.ts';
import {
  globalProxyEnv,
  needsProxy,
  openTunnel,
  type ProxyEnv,
  type ProxySettings,
  readProxy,
} from './http/https-proxy.ts';
import { SpareSessions } from './http/spare-sessions.ts';
import type {
  HttpsAgent,
  HttpsAgentOptions,
  HttpsCreateServer,
  HttpsRequest,
  HttpsRequestOptions,
  HttpsServerOptions,
} from './public-types.ts';
import { connect, type HandfastConnectOptions } from './socket/tls-connect.ts';
import {
  type HandfastServerOptions,
  initServer,
  mixInto,
  onConnection,
  type ServerSelf,
  useSessions,
} from './socket/tls-server.ts';
import type { TLSSocket } from './socket/tls-socket.ts';
import tls from './tls.ts';

type Listener = (...args: unknown[]) => void;
type ServerOptions = http.ServerOptions & HandfastServerOptions;

const HttpServer = http.Server as unknown as {
  new (...args: unknown[]): http.Server;
  call(self: unknown, options: object, listener?: unknown): void;
  prototype: http.Server;
};

function ServerFunction(this: unknown, options?: unknown, listener?: unknown): unknown {
  if (!(this instanceof Server))
    return new (Server as unknown as new (...args: unknown[]) => unknown)(options, listener);
  const self = this as unknown as ServerSelf & http.Server & { httpAllowHalfOpen: boolean };
  let given: ServerOptions = {};
  let onRequest = listener;
  if (typeof options === 'function') onRequest = options;
  else if (options !== undefined && options !== null) {
    validateObject(options, 'options');
    given = options as ServerOptions;
  }
  HttpServer.call(self, { noDelay: true, ...given }, onRequest);
  // HTTP listens to what TLS has secured; TLS to what the network brings.
  const [onHttpConnection] = self.listeners('connection') as Listener[];
  self.removeListener('connection', onHttpConnection!);
  const alpn = given.ALPNProtocols || given.ALPNCallback ? {} : { ALPNProtocols: ['http/1.1'] };
  initServer(self as unknown as ServerSelf, { ...alpn, ...given });
  (self as unknown as { allowHalfOpen: boolean }).allowHalfOpen = given.allowHalfOpen === true;
  useSessions(self as unknown as ServerSelf, given);
  self.on('connection', onConnection as Listener);
  if (given.maxEarlyData) serveEarly(self, onHttpConnection as (this: unknown, socket: TLSSocket) => void);
  else self.on('secureConnection', onHttpConnection!);
  self.httpAllowHalfOpen = false;
  self.on('tlsClientError', function (this: http.Server, error: Error, socket: Duplex) {
    if (!this.emit('clientError', error, socket)) socket.destroy(error);
  });
  return undefined;
}

/** Node's `https.Server`. */
export const Server = ServerFunction as unknown as typeof nodeHttps.Server;
export type Server = nodeHttps.Server;
inherit(Server, http.Server, 'Server');
mixInto(Server.prototype);

/** `https.createServer`. */
export const createServer = function createServer(options?: unknown, listener?: unknown): nodeHttps.Server {
  return new (Server as unknown as new (...args: unknown[]) => nodeHttps.Server)(options, listener);
} as HttpsCreateServer;

// ---- the agent ----

type AgentOptions = nodeHttps.AgentOptions & {
  earlyData?: boolean;
  /** Node 24: the environment that names a proxy, e.g. `process.env`. */
  proxyEnv?: ProxyEnv | undefined;
  defaultPort?: number;
  protocol?: string;
};
type RequestOptions = HandfastConnectOptions & {
  _agentKey?: string;
  agentKey?: string;
  socketPath?: string;
  maxHeaderSize?: number;
};

interface AgentSelf extends http.Agent {
  keepAlive: boolean;
  defaultPort: number;
  protocol: string;
  maxCachedSessions: number;
  options: AgentOptions;
  _sessionCache: { map: Record<string, Buffer>; list: string[] };
  _getSession(key: string): Buffer | undefined;
  _cacheSession(key: string, session: Buffer): void;
  _evictSession(key: string): void;
}

const HttpAgent = http.Agent as unknown as { call(self: unknown, options?: object): void; prototype: http.Agent };

function AgentFunction(this: unknown, options?: AgentOptions): unknown {
  if (!(this instanceof Agent)) return new Agent(options);
  const self = this as unknown as AgentSelf;
  // Node 22 takes both from the options, and shows them there; the ones before know but their own.
  const own = nodeMajor < 22 ? undefined : options;
  const fixed = { defaultPort: own?.defaultPort ?? 443, protocol: own?.protocol ?? 'https:' };
  HttpAgent.call(self, nodeMajor < 22 ? { ...options } : { ...options, ...fixed });
  Object.assign(self, fixed);
  if (options?.proxyEnv !== undefined && options.proxyEnv !== null) {
    const proxy = readProxy(options.proxyEnv);
    if (proxy !== undefined) proxies.set(self, proxy);
  }
  self.maxCachedSessions = self.options.maxCachedSessions ?? 100;
  self._sessionCache = { map: Object.create(null) as Record<string, Buffer>, list: [] };
  return undefined;
}

/** Node's `https.Agent`, with a session cache that is right for TLS 1.3. */
export const Agent = AgentFunction as unknown as HttpsAgent;
export type Agent = nodeHttps.Agent;
inherit(Agent, http.Agent, 'Agent');

/** The proxies of agents that have one. */
const proxies = new WeakMap<object, ProxySettings>();

/** The unused tickets of agents, made at the first: packages put the methods below on agents of their own (agentkeepalive). */
const spares = new WeakMap<object, SpareSessions>();

function sparesOf(agent: AgentSelf): SpareSessions {
  let spare = spares.get(agent);
  if (spare === undefined) spares.set(agent, (spare = new SpareSessions(agent.maxCachedSessions ?? 100)));
  return spare;
}

/** Options that make a connection another one, in Node's order; `pfx` and the check of the name are among them. */
const nameFields = [
  'ca',
  'cert',
  'clientCertEngine',
  'ciphers',
  'key',
  'pfx',
  'rejectUnauthorized',
  'servername',
  'minVersion',
  'maxVersion',
  'secureProtocol',
  'crl',
  'honorCipherOrder',
  'ecdhCurve',
  'dhparam',
  'secureOptions',
  'sessionIdContext',
  'sigalgs',
  'privateKeyIdentifier',
  'privateKeyEngine',
] as const;

const shownWhenFalse: ReadonlySet<string> = new Set(['rejectUnauthorized', 'honorCipherOrder', 'secureOptions']);
const identityChecks = new WeakMap<object, number>();
let identityCheckCount = 0;
/** How many connections were made under a check that came with a request, and which one a connection was made under. */
const connectionsUnder = new WeakMap<object, number>();
const madeUnder = new WeakMap<object, object>();

type CreateCallback = (error: Error | null, socket?: Duplex) => void;

/** A connection of an agent, whose sessions it keeps. */
function connectFor(agent: AgentSelf, options: RequestOptions): Duplex {
  const socket = connect(options);
  const check = options.checkServerIdentity;
  if (check && check !== (agent.options as HandfastConnectOptions).checkServerIdentity) {
    madeUnder.set(socket, check);
    connectionsUnder.set(check, (connectionsUnder.get(check) ?? 0) + 1);
  }
  const key = options._agentKey;
  if (!key) return socket;
  socket.on('session', (session: Buffer) => agent._cacheSession(key, session));
  // A session that led to an error is not tried again.
  socket.once('close', (hadError: boolean) => {
    if (hadError) agent._evictSession(key);
  });
  return socket;
}

/** The methods of Node's agent by which it keeps connections. */
const pool = HttpAgent.prototype as unknown as {
  keepSocketAlive(this: unknown, socket: Duplex): boolean;
  reuseSocket(this: unknown, socket: Duplex, request: http.ClientRequest): void;
};

function destroySpeaker(this: Duplex & { _httpMessage?: unknown }): void {
  // An agent with a `reuseSocket` of its own may have left this here: what comes now is the answer.
  if (this._httpMessage) this.off('data', destroySpeaker);
  else this.destroy();
}

const agentMethods = {
  createConnection(this: AgentSelf, ...args: unknown[]): Duplex | undefined {
    const [port, host, options] = args.filter((arg) => typeof arg !== 'function');
    let given: RequestOptions;
    if (port !== null && typeof port === 'object') given = port as RequestOptions;
    else if (host !== null && typeof host === 'object') given = { ...host };
    else if (options === undefined || options === null || typeof options !== 'object') given = {};
    else given = { ...options };
    if (typeof port === 'number') given.port = port;
    if (typeof host === 'string') given.host = host;
    const key = given._agentKey;
    if (key) {
      const session = this._getSession(key);
      if (session) given = { session, ...given };
    }
    // Which requests may go early is told by the requests.
    const ready = given.earlyData === undefined ? given : { ...given, earlyData: undefined };
    const proxy = proxies.get(this);
    if (proxy === undefined) return connectFor(this, ready);
    const keep = this.keepAlive || this.maxSockets !== Number.POSITIVE_INFINITY;
    const tunnel = { ...ready, host: ready.host ?? undefined, port: ready.port ?? this.defaultPort, keep };
    if (!needsProxy(proxy, tunnel)) return connectFor(this, ready);
    const done = args.findLast((arg) => typeof arg === 'function') as CreateCallback | undefined;
    openTunnel(proxy, tunnel, (error, socket) => {
      if (error !== null) done?.(error);
      else done?.(null, connectFor(this, { ...ready, socket }));
    });
    return undefined;
  },

  /** A server that has said something before it was asked must not be believed on the next request: Node 24 does that too. */
  keepSocketAlive(this: AgentSelf, socket: Duplex): boolean {
    if (socket.readableLength > 0 || !pool.keepSocketAlive.call(this, socket)) return false;
    // A check that is made anew for each request has no second one: its connections would be kept for nobody.
    const check = madeUnder.get(socket);
    if (check !== undefined && connectionsUnder.get(check) === 1) return false;
    socket.on('data', destroySpeaker);
    return true;
  },

  reuseSocket(this: AgentSelf, socket: Duplex, request: http.ClientRequest): void {
    socket.off('data', destroySpeaker);
    pool.reuseSocket.call(this, socket, request);
  },

  getName(this: AgentSelf, options: Record<string, unknown> = {}): string {
    let name = HttpAgent.prototype.getName.call(this, options as http.AgentOptions & http.RequestOptions as never);
    for (const field of nameFields) {
      name += ':';
      const value = options[field];
      if (field === 'servername' && value === options['host']) continue;
      if (field === 'sigalgs' && value) name += JSON.stringify(value);
      else if (shownWhenFalse.has(field) ? value !== undefined : value) name += fieldText(value);
    }
    const check = options['checkServerIdentity'];
    if (typeof check === 'function') {
      let number = identityChecks.get(check);
      if (number === undefined) identityChecks.set(check, (number = ++identityCheckCount));
      name += `:${number}`;
    }
    const { echConfigList: ech } = options;
    if (ech instanceof Uint8Array) name += `:ech ${Buffer.from(ech).toString('base64')}`;
    if (options['acceptDelegatedCredentials']) name += ':dc';
    if (options['rawPublicKeys']) name += `:raw ${rawPublicKeysName(options['rawPublicKeys'])}`;
    if (options['revocation'] !== undefined) name += `:${options['revocation']}`;
    return name;
  },

  _getSession(this: AgentSelf, key: string): Buffer | undefined {
    return sparesOf(this).next(key, this._sessionCache.map[key], Date.now());
  },

  _cacheSession(this: AgentSelf, key: string, session: Buffer): void {
    const { map, list } = this._sessionCache;
    if (this.maxCachedSessions === 0) return;
    if (map[key] === undefined) {
      if (list.length >= this.maxCachedSessions) {
        const oldest = list.shift()!;
        delete map[oldest];
        sparesOf(this).drop(oldest);
      }
      list.push(key);
    }
    map[key] = session;
    sparesOf(this).add(key, session);
  },

  _evictSession(this: AgentSelf, key: string): void {
    const { map, list } = this._sessionCache;
    sparesOf(this).drop(key);
    const index = list.indexOf(key);
    if (index === -1) return;
    list.splice(index, 1);
    delete map[key];
  },
};

function fieldText(value: unknown): string {
  // PFX with passphrases come as objects: their bytes and secrets count.
  if (!Array.isArray(value)) return String(value);
  const texts = value.map((item: unknown) => {
    const { buf, passphrase } = (item ?? {}) as { buf?: unknown; passphrase?: unknown };
    return buf === undefined ? String(item) : JSON.stringify([String(buf), passphrase]);
  });
  return texts.join();
}

for (const [name, value] of Object.entries(agentMethods)) {
  Object.defineProperty(Agent.prototype, name, { value, configurable: true, writable: true, enumerable: true });
}

const proxyOfAll = globalProxyEnv();

export const globalAgent: nodeHttps.Agent = new Agent({
  keepAlive: true,
  scheduling: 'lifo',
  timeout: 5000,
  ...(proxyOfAll || nodeMajor >= 22 ? { proxyEnv: proxyOfAll } : {}),
} as AgentOptions);

const ClientRequest = http.ClientRequest as unknown as new (...args: unknown[]) => http.ClientRequest;

/** `https.request`, in all its call forms. */
export const request = function request(...args: unknown[]): http.ClientRequest {
  const rest = [...args];
  let options: Record<string, unknown> = {};
  if (typeof rest[0] === 'string') options = { ...urlToHttpOptions(new URL(rest.shift() as string)) };
  else if (isUrl(rest[0])) options = { ...urlToHttpOptions(rest.shift() as URL) };
  if (rest[0] && typeof rest[0] !== 'function') Object.assign(options, rest.shift());
  options['_defaultAgent'] = settings.https.globalAgent;
  const { earlyData = (options['agent'] as AgentSelf | undefined)?.options?.earlyData } = options;
  if (earlyData !== undefined) validateBoolean(earlyData, 'options.earlyData');
  const made = new ClientRequest(options, ...rest);
  if (earlyData) earlyRequest(made, (headers) => new ClientRequest({ ...options, headers, earlyData: undefined }));
  return made;
} as HttpsRequest;

function isUrl(value: unknown): boolean {
  const url = value as { href?: unknown; protocol?: unknown; auth?: unknown; path?: unknown } | undefined;
  return Boolean(url?.href && url.protocol && url.auth === undefined && url.path === undefined);
}

/** `https.get`. */
export const get = function get(...args: unknown[]): http.ClientRequest {
  const made = (request as (...args: unknown[]) => http.ClientRequest)(...args);
  made.end();
  return made;
} as HttpsRequest;

const https = { Agent, globalAgent, Server, createServer, get, request } as unknown as Omit<
  typeof nodeHttps,
  'Agent' | 'createServer' | 'get' | 'globalAgent' | 'request'
> & {
  Agent: HttpsAgent;
  createServer: HttpsCreateServer;
  get: HttpsRequest;
  globalAgent: nodeHttps.Agent;
  request: HttpsRequest;
};

settings.https = https;
// DEFAULT_* and the like live on the other module, also for who imports this one alone.
settings.exports ??= tls as WritableSettings;

declare namespace https {
  export type Agent = nodeHttps.Agent;
  export type AgentOptions = HttpsAgentOptions;
  export type RequestOptions = HttpsRequestOptions;
  export type Server = nodeHttps.Server;
  export type ServerOptions = HttpsServerOptions;
}

// biome-ignore lint/style/noDefaultExport: this is the form in which programs import the module it stands in for.
export default https;
export { type UndiciConnectOptions, undiciConnector } from './http/undici.ts';
export type {
  HttpsAgentOptions as AgentOptions,
  HttpsRequestOptions as RequestOptions,
  HttpsServerOptions as ServerOptions,
} from './public-types.ts';
export { https as 'module.exports' };
