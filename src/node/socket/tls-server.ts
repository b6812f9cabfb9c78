/** `tls.Server` and `tls.createServer`. */
import { createHash } from 'node:crypto';
import { captureRejectionSymbol } from 'node:events';
import { Server as NetServer, type Socket } from 'node:net';
import { deprecate } from 'node:util';
import { inherit } from '../base/inherit.ts';
import {
  connectionReset,
  invalidArgType,
  invalidArgValue,
  nodeError,
  validateBuffer,
  validateFunction,
  validateInteger,
  validateNumber,
  validateObject,
  validateString,
} from '../base/node-errors.ts';
import { convertALPNProtocols } from '../context/alpn.ts';
import {
  type ContextState,
  createSecureContext,
  type HandfastContextOptions,
  refuseDhParam,
  SecureContextObject,
} from '../context/secure-context.ts';
import { settings } from '../context/settings.ts';
import { resumptionOf } from './server-sessions.ts';
import { TLSSocket } from './tls-socket.ts';
import type { InternalServer, SniCallback, TlsSocketOptions } from './tls-types.ts';

/** Node's options of `createServer`, and what it lacks. */
export interface HandfastServerOptions extends HandfastContextOptions {
  handshakeTimeout?: number | undefined;
  requestCert?: boolean | undefined;
  rejectUnauthorized?: boolean | undefined;
  ALPNProtocols?: readonly string[] | NodeJS.ArrayBufferView | undefined;
  ALPNCallback?: TlsSocketOptions['ALPNCallback'];
  SNICallback?: SniCallback | undefined;
  enableTrace?: boolean | undefined;
  pauseOnConnect?: boolean | undefined;
  allowHalfOpen?: boolean | undefined;
  highWaterMark?: number | undefined;
  pskCallback?: TlsSocketOptions['pskCallback'];
  pskIdentityHint?: string | undefined;
  /**
   * Bytes of 0-RTT data that a ticket allows; none by default. A ticket serves for early data once, in this process. What
   * comes early is told by the event `earlyData` (with the socket), before `secureConnection`; it may be answered at once.
   * Where other processes may have the ticket keys too (a worker of `node:cluster`, `ticketKeys`, `getTicketKeys`), all
   * early data is refused: a replay to another process would not be seen. Share `sessions` there, by `handfast/workers`
   * or `handfast/redis`.
   */
  maxEarlyData?: number | undefined;
  /**
   * `complete`: takes early data although the ticket keys came from outside, because no other process takes early data
   * under them at the same time. For one process that keeps its ticket keys over restarts.
   */
  replayRecord?: 'complete' | undefined;
  /** Sessions that a fleet shares: a `ServerSessions` of `handfast/session`. */
  sessions?: import('../../session/index.ts').ServerSessions | undefined;
}

interface ServerState {
  handshakeTimeout: number;
  sniCallback: SniCallback | undefined;
  pskCallback: TlsSocketOptions['pskCallback'];
  pskIdentityHint: string | undefined;
  enableTrace: boolean | undefined;
}

const state = Symbol('handfast.server');
const errorEmitted = Symbol('handfast.errorEmitted');

/** The server as its own functions see it. */
export interface ServerSelf extends InternalServer, Record<string, unknown> {
  [state]: ServerState;
}

type ServedSocket = TLSSocket & { [errorEmitted]?: boolean };

/** What the constructor does before it is a server; shared with `https.Server`. */
export function initServer(server: ServerSelf, options: HandfastServerOptions): void {
  server._contexts = [];
  server.requestCert = options.requestCert === true;
  server.rejectUnauthorized = options.rejectUnauthorized !== false;
  server.ALPNCallback = options.ALPNCallback;
  if (options.ALPNCallback && options.ALPNProtocols) {
    throw nodeError(
      'ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS',
      'The ALPNCallback and ALPNProtocols TLS options are mutually exclusive',
      TypeError,
    );
  }
  if (options.sessionTimeout) server['sessionTimeout'] = options.sessionTimeout;
  if (options.ticketKeys) server['ticketKeys'] = options.ticketKeys;
  if (options.ALPNProtocols) convertALPNProtocols(options.ALPNProtocols, server as { ALPNProtocols?: Buffer });
  methods.setSecureContext.call(server, options);
  const handshakeTimeout = options.handshakeTimeout || 120_000;
  validateNumber(handshakeTimeout, 'options.handshakeTimeout');
  if (options.SNICallback) validateFunction(options.SNICallback, 'options.SNICallback');
  if (options.pskCallback) validateFunction(options.pskCallback, 'options.pskCallback');
  if (options.pskIdentityHint) validateString(options.pskIdentityHint, 'options.pskIdentityHint');
  server[state] = {
    handshakeTimeout,
    sniCallback: options.SNICallback || undefined,
    pskCallback: options.pskCallback || undefined,
    pskIdentityHint: options.pskIdentityHint || undefined,
    enableTrace: options.enableTrace,
  };
}

/** The constructor's function: may be called with `new` or without, and by who inherits from it. */
function ServerFunction(this: ServerSelf | undefined, options?: unknown, listener?: unknown): unknown {
  if (!(this instanceof Server))
    return new (Server as unknown as new (...args: unknown[]) => unknown)(options, listener);
  const self = this as unknown as ServerSelf;
  let given = options;
  let onSecure = listener;
  if (typeof given === 'function') {
    onSecure = given;
    given = {};
  } else if (given === undefined || given === null) {
    given = {};
  } else if (typeof given !== 'object') {
    throw invalidArgType('options', 'Object', given);
  }
  initServer(self, given as HandfastServerOptions);
  callNetServer(self, given as object);
  useSessions(self, given as HandfastServerOptions);
  self.on('connection', onConnection);
  if (onSecure) self.on('secureConnection', onSecure as () => void);
  return undefined;
}

/** Sessions and early data, as the options ask for; shared with `https.Server`. */
export function useSessions(server: ServerSelf, { sessions, maxEarlyData, replayRecord }: HandfastServerOptions): void {
  if (replayRecord !== undefined && replayRecord !== 'complete') {
    throw invalidArgValue('options.replayRecord', replayRecord, "must be 'complete' or undefined");
  }
  if (maxEarlyData !== undefined) {
    validateInteger(maxEarlyData, 'options.maxEarlyData', 0, 2 ** 32 - 1);
    resumptionOf(server).allowEarlyData(maxEarlyData, replayRecord);
  }
  if (sessions !== undefined) resumptionOf(server).use(sessions);
}

function callNetServer(self: ServerSelf, options: object): void {
  (NetServer as unknown as { call(self: unknown, options: object): void }).call(self, options);
}

/** Node's `tls.Server`. */
export const Server = ServerFunction as unknown as typeof import('node:tls').Server & {
  (options?: HandfastServerOptions, listener?: (socket: TLSSocket) => void): import('node:tls').Server;
  call(self: unknown, ...args: unknown[]): void;
};
inherit(Server, NetServer, 'Server');

const mixed = new WeakSet<object>();

/** Prototypes that have a server's methods though they inherit from elsewhere: `https.Server`. */
export function mixInto(prototype: object): void {
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
  }
  Object.defineProperty(prototype, captureRejectionSymbol, { value: onRejection, configurable: true, writable: true });
  mixed.add(prototype);
}

Object.defineProperty(Server, Symbol.hasInstance, {
  value(this: { prototype: object }, value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return false;
    for (let at = Object.getPrototypeOf(value); at !== null; at = Object.getPrototypeOf(at)) {
      if (at === this.prototype) return true;
      if (this === (Server as unknown) && mixed.has(at)) return true;
    }
    return false;
  },
});

/** `tls.createServer`. */
export function createServer(options?: unknown, listener?: unknown): InstanceType<typeof Server> {
  return new (Server as unknown as new (...args: unknown[]) => InstanceType<typeof Server>)(options, listener);
}

// ---- connections ----

/** The listener that makes a TLSSocket of every connection. */
export function onConnection(this: unknown, raw: Socket): void {
  const server = this as ServerSelf;
  const { handshakeTimeout, sniCallback, pskCallback, pskIdentityHint, enableTrace } = server[state];
  const socket: ServedSocket = new TLSSocket(raw, {
    secureContext: server._sharedCreds,
    isServer: true,
    server,
    requestCert: server.requestCert,
    rejectUnauthorized: server.rejectUnauthorized,
    handshakeTimeout,
    ALPNProtocols: server.ALPNProtocols,
    ALPNCallback: server.ALPNCallback,
    SNICallback: sniCallback,
    enableTrace,
    pauseOnConnect: (server as unknown as { pauseOnConnect: boolean }).pauseOnConnect,
    pskCallback,
    pskIdentityHint,
  });
  socket.on('secure', onSecure);
  if (server.listenerCount('keylog') > 0) socket.on('keylog', onKeylog);
  socket[errorEmitted] = false;
  socket.on('close', onClose);
  socket.on('_tlsError', onTlsError);
  socket._start();
}

function onSecure(this: ServedSocket): void {
  if (this._requestCert) {
    const error = this.negotiation.settleVerdict(this.connection!);
    if (error !== null) {
      this.authorizationError = error.code as unknown as Error;
      if (this._rejectUnauthorized) this.destroy();
    } else {
      this.authorized = true;
    }
  }
  if (!this.destroyed && this._releaseControl()) {
    this.secureConnecting = false;
    this._tlsOptions.server!.emit('secureConnection', this);
  }
}

function onTlsError(this: ServedSocket, error: Error): void {
  if (this._controlReleased || this[errorEmitted]) return;
  this[errorEmitted] = true;
  this._tlsOptions.server!.emit('tlsClientError', error, this);
}

function onKeylog(this: ServedSocket, line: Buffer): void {
  this._tlsOptions.server!.emit('keylog', line, this);
}

function onClose(this: ServedSocket, hadError: boolean): void {
  if (hadError || this._controlReleased || this[errorEmitted]) return;
  this[errorEmitted] = true;
  const reset = connectionReset('socket hang up', this.negotiation.verifyError ?? undefined);
  this._tlsOptions.server!.emit('tlsClientError', reset, this);
}

// ---- methods ----

const contextFields = [
  'pfx',
  'key',
  'passphrase',
  'cert',
  'clientCertEngine',
  'ca',
  'minVersion',
  'maxVersion',
  'secureProtocol',
  'crl',
  'ciphers',
  'dhparam',
] as const;

function defaultSessionIdContext(): string {
  return createHash('sha1').update(process.argv.join(' ')).digest('hex').slice(0, 32);
}

const methods = {
  setSecureContext(this: ServerSelf, options: HandfastServerOptions): void {
    validateObject(options, 'options');
    refuseDhParam(options.dhparam);
    const loose = options as unknown as Record<string, unknown>;
    for (const field of contextFields) this[field] = loose[field] ? loose[field] : undefined;
    this['sigalgs'] = options.sigalgs;
    this['ecdhCurve'] = options.ecdhCurve;
    this['honorCipherOrder'] = options.honorCipherOrder !== undefined ? !!options.honorCipherOrder : true;
    this['secureOptions'] = options.secureOptions || undefined;
    this['sessionIdContext'] = options.sessionIdContext || defaultSessionIdContext();
    if (options.sessionTimeout) this['sessionTimeout'] = options.sessionTimeout;
    if (options.ticketKeys) this['ticketKeys'] = options.ticketKeys;
    this['privateKeyIdentifier'] = loose['privateKeyIdentifier'];
    this['privateKeyEngine'] = loose['privateKeyEngine'];
    const made: Record<string, unknown> = {
      sign: options.sign,
      signInThreadPool: options.signInThreadPool,
      groups: options.groups,
      identity: options.identity,
      echKeys: options.echKeys,
      rawPublicKeys: options.rawPublicKeys,
      delegatedCredential: options.delegatedCredential,
      acceptDelegatedCredentials: options.acceptDelegatedCredentials,
      allowPartialTrustChain: options.allowPartialTrustChain,
      certificateCompression: options.certificateCompression,
    };
    for (const field of [
      ...contextFields,
      'sigalgs',
      'ecdhCurve',
      'honorCipherOrder',
      'secureOptions',
      'sessionIdContext',
      'sessionTimeout',
      'ticketKeys',
      'privateKeyIdentifier',
      'privateKeyEngine',
    ]) {
      made[field] = this[field];
    }
    const before = this._sharedCreds?.context;
    this._sharedCreds = settings.exports.createSecureContext(made as HandfastContextOptions);
    const { ticketKeys, identity } = this._sharedCreds.context;
    if (ticketKeys !== undefined) resumptionOf(this).setTicketKeys(ticketKeys);
    // As in Node, sessions end with their context, unless a name says that both are the same.
    else if (before !== undefined && (identity === undefined || identity !== before.identity)) {
      resumptionOf(this).renewTicketKeys();
    }
  },

  /** For cluster: what workers of one server share. */
  _getServerData(this: ServerSelf): { ticketKeys: string } {
    return { ticketKeys: resumptionOf(this).getTicketKeys().toString('hex') };
  },

  _setServerData(this: ServerSelf, data: { ticketKeys: string }): void {
    resumptionOf(this).setTicketKeys(Buffer.from(data.ticketKeys, 'hex'));
  },

  getTicketKeys(this: ServerSelf): Buffer {
    return resumptionOf(this).getTicketKeys();
  },

  setTicketKeys(this: ServerSelf, keys: Buffer): void {
    validateBuffer(keys);
    if (keys.byteLength !== 48) {
      throw nodeError('ERR_ASSERTION', 'Session ticket keys must be a 48-byte buffer');
    }
    resumptionOf(this).setTicketKeys(Buffer.from(keys.buffer, keys.byteOffset, keys.byteLength));
  },

  setOptions: deprecate(
    function (this: ServerSelf, options: HandfastServerOptions): void {
      this.requestCert = options.requestCert === true;
      this.rejectUnauthorized = options.rejectUnauthorized !== false;
      const loose = options as unknown as Record<string, unknown>;
      for (const field of [...contextFields, 'sigalgs', 'ecdhCurve', 'sessionTimeout', 'ticketKeys', 'secureOptions']) {
        if (loose[field]) this[field] = loose[field];
      }
      this['honorCipherOrder'] = options.honorCipherOrder !== undefined ? !!options.honorCipherOrder : true;
      if (options.ALPNProtocols) convertALPNProtocols(options.ALPNProtocols, this as { ALPNProtocols?: Buffer });
      this['sessionIdContext'] = options.sessionIdContext || defaultSessionIdContext();
      if (options.pskCallback) this[state].pskCallback = options.pskCallback;
      if (options.pskIdentityHint) this[state].pskIdentityHint = options.pskIdentityHint;
    },
    'Server.prototype.setOptions() is deprecated',
    'DEP0122',
  ),

  addContext(this: ServerSelf, servername: string, given?: SecureContextObject | HandfastContextOptions | null): void {
    if (!servername) {
      throw nodeError('ERR_TLS_REQUIRED_SERVER_NAME', '"servername" is required parameter for Server.addContext');
    }
    const pattern = servername
      .toLowerCase()
      .replace(/([.^$+?\-\\[\]{}])/g, '\\$1')
      .replaceAll('*', '[^.]*');
    const context = given ?? {};
    const made = context instanceof SecureContextObject ? context : createSecureContext(context);
    if (!(context instanceof SecureContextObject) && context.requestCert !== undefined) {
      const { requestCert, rejectUnauthorized } = context;
      made.context.clientCertificate = !requestCert ? 'none' : rejectUnauthorized === false ? 'request' : 'require';
    }
    this._contexts.push([new RegExp(`^${pattern}$`), made.context as ContextState]);
  },
};

function onRejection(this: ServerSelf, error: Error, event: string, ...args: unknown[]): void {
  if (event === 'secureConnection') {
    (args[0] as TLSSocket).destroy(error);
    return;
  }
  const inherited = (NetServer.prototype as unknown as Record<symbol, ((...values: unknown[]) => void) | undefined>)[
    captureRejectionSymbol
  ];
  if (inherited === undefined) throw error;
  inherited.call(this, error, event, ...args);
}

mixInto(Server.prototype);
