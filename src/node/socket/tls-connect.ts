/** `tls.connect`. */
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { PeerCertificate } from 'node:tls';
import {
  type CodedError,
  connectionReset,
  invalidArgValue,
  validateBuffer,
  validateFunction,
  validateNumber,
} from '../base/node-errors.ts';
import type { HandfastContextOptions } from '../context/secure-context.ts';
import { nodeMajor, settings } from '../context/settings.ts';
import { checkServerIdentity } from '../trust/check-server-identity.ts';
import { knownCertificate } from '../trust/known-certificate.ts';
import { peerCertificateObject } from '../trust/peer-certificate.ts';
import { TLSSocket } from './tls-socket.ts';
import type { TlsSocketOptions } from './tls-types.ts';

/** Node's options of `tls.connect`, and what it lacks. */
export interface HandfastConnectOptions extends Omit<TlsSocketOptions, 'server' | 'isServer'> {
  host?: string | undefined;
  port?: number | string | undefined;
  path?: string | undefined;
  socket?: Duplex | undefined;
  servername?: string | undefined;
  checkServerIdentity?: (hostname: string, cert: PeerCertificate) => Error | undefined;
  minDHSize?: number | undefined;
  timeout?: number | undefined;
  lookup?: unknown;
  localAddress?: string | undefined;
  localPort?: number | undefined;
  noDelay?: boolean | undefined;
  keepAlive?: boolean | undefined;
  keepAliveInitialDelay?: number | undefined;
  /** Node 24: the octet of the IP header, 0 to 255. */
  typeOfService?: number | undefined;
}

const connectOptions = Symbol('handfast.connect');
type ConnectingSocket = TLSSocket & { [connectOptions]?: HandfastConnectOptions };

let warnedOfAddress = false;
let warnedOfUnauthorized = false;

/** All call forms: `(port, host, options, callback)` with any but the port left out, `(path, …)`, `(options, callback)`. */
function readArguments(args: readonly unknown[]): [HandfastConnectOptions, (() => void) | undefined] {
  const callback = args.findLast((arg) => typeof arg === 'function') as (() => void) | undefined;
  const [first, second] = args;
  if (Array.isArray(first)) return readArguments(first);
  let options: HandfastConnectOptions = {};
  if (typeof first === 'object' && first !== null) {
    options = first as HandfastConnectOptions;
  } else if (typeof first === 'string' && !(Number(first) >= 0)) {
    options = { path: first };
  } else if (first !== undefined && typeof first !== 'function') {
    options = { port: first as number };
    if (typeof second === 'string') options.host = second;
  }
  for (const extra of [args[1], args[2]]) {
    if (extra !== null && typeof extra === 'object') {
      Object.assign(options, extra);
      break;
    }
  }
  return [options, callback];
}

function allowsUnauthorized(): boolean {
  const allowed = process.env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0';
  if (allowed && !warnedOfUnauthorized) {
    warnedOfUnauthorized = true;
    process.emitWarning(
      "Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable to '0' makes TLS connections and HTTPS requests " +
        'insecure by disabling certificate verification.',
    );
  }
  return allowed;
}

/** An IP address is no server name (RFC 6066, Section 3): a warning, from Node 25 on an error. */
function checkServername(name: string): void {
  if (isIP(name) === 0) return;
  if (nodeMajor >= 25) {
    throw invalidArgValue('options.servername', name, 'Setting the TLS ServerName to an IP address is not permitted.');
  }
  if (warnedOfAddress) return;
  warnedOfAddress = true;
  process.emitWarning(
    'Setting the TLS ServerName to an IP address is not permitted by RFC 6066. This will be ignored in a future version.',
    'DeprecationWarning',
    'DEP0123',
  );
}

/** Node's `tls.connect`. */
export function connect(...args: unknown[]): TLSSocket {
  const [given, callback] = readArguments(args);
  const options: HandfastConnectOptions = {
    rejectUnauthorized: !allowsUnauthorized(),
    ciphers: settings.exports.DEFAULT_CIPHERS,
    checkServerIdentity: settings.exports.checkServerIdentity ?? checkServerIdentity,
    minDHSize: 1024,
    ...given,
  };
  validateFunction(options.checkServerIdentity, 'options.checkServerIdentity');
  validateNumber(options.minDHSize, 'options.minDHSize', 1);
  if (options.revocation !== undefined && !['stapled', 'required'].includes(options.revocation))
    throw invalidArgValue('options.revocation', options.revocation, "must be 'stapled' or 'required'");
  if (options.echConfigList !== undefined) validateBuffer(options.echConfigList, 'options.echConfigList');
  if (options.servername) checkServername(options.servername);
  const secureContext =
    options.secureContext || settings.exports.createSecureContext(options as HandfastContextOptions);
  const socket: ConnectingSocket = new TLSSocket(options.socket, {
    allowHalfOpen: options.allowHalfOpen,
    pipe: !!options.path,
    secureContext,
    isServer: false,
    requestCert: true,
    rejectUnauthorized: options.rejectUnauthorized !== false,
    session: options.session,
    ALPNProtocols: options.ALPNProtocols,
    requestOCSP: options.requestOCSP,
    revocation: options.revocation,
    enableTrace: options.enableTrace,
    pskCallback: options.pskCallback,
    highWaterMark: options.highWaterMark,
    onread: options.socket ? undefined : options.onread,
    signal: options.signal,
    earlyData: options.earlyData,
    _identityProblem: identityProblem,
    echConfigList: options.echConfigList,
    echRequired: options.echRequired,
    echGrease: options.echGrease,
  });
  options.rejectUnauthorized = options.rejectUnauthorized !== false;
  socket[connectOptions] = options;
  if (callback) socket.once('secureConnect', callback);
  if (!options.socket) {
    if (options.timeout) socket.setTimeout(options.timeout);
    socket.connect(options, socket._start);
  }
  socket._releaseControl();
  if (options.servername) socket.setServername(options.servername);
  socket.on('secure', onSecure);
  socket.prependListener('end', onEnd);
  if (options.socket) socket._start();
  return socket;
}

function onSecure(this: ConnectingSocket): void {
  const options = this[connectOptions]!;
  let error: Error | null | undefined = this.negotiation.settleVerdict(this.connection!);
  const { resumed, peerRawPublicKey, pskIdentity, version } = this.connection!.info;
  // In TLS 1.3, and in a resumption, a PSK is a session to node:tls, and no name is checked; else the program's check is asked.
  const byPsk = pskIdentity !== undefined && (resumed || version === 0x0304);
  // A raw public key bears no name: the pin says whose it is.
  if (!error && !byPsk && peerRawPublicKey === undefined) {
    error = identityProblem(this, this.negotiation.peerChain(this.connection));
  }
  if (error) {
    this.authorized = false;
    this.authorizationError = ((error as CodedError).code || error.message) as unknown as Error;
    if (options.rejectUnauthorized !== false) {
      this.destroy(error);
      return;
    }
  } else {
    this.authorized = true;
  }
  this.secureConnecting = false;
  this.emit('secureConnect');
  this.negotiation.releaseSessions(this);
  this.removeListener('end', onEnd);
}

/** What is wrong with the name in a chain. The object that tells everything of it is made only for who looks at it. */
function identityProblem(socket: ConnectingSocket, chain: readonly Uint8Array[]): Error | undefined {
  const options = socket[connectOptions]!;
  const hosted = options.socket as { _host?: string } | undefined;
  const host = options.servername || options.host || hosted?._host || 'localhost';
  const check = options.checkServerIdentity!;
  const [leaf] = chain;
  if (check === checkServerIdentity && leaf !== undefined && knownCertificate(leaf).isFor(`${host}`)) return undefined;
  return check(host, peerCertificateObject(chain, true, socket.negotiation.context) as PeerCertificate);
}

function onEnd(this: ConnectingSocket): void {
  if (this._hadError) return;
  const { path, host, port, localAddress } = this[connectOptions]!;
  this._hadError = true;
  const error = connectionReset('Client network socket disconnected before secure TLS connection was established');
  this.destroy(Object.assign(error, { path, host, port, localAddress }));
}
