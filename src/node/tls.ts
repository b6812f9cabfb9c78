/** `handfast/tls`: does for a program what `node:tls` does. `import tls from 'handfast/tls'`, or `require('handfast/tls')`. */
import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import type * as nodeTls from 'node:tls';
import { rootCertificates } from 'node:tls';
import { deprecate } from 'node:util';
import { convertALPNProtocols } from './context/alpn.ts';
import { type CompressionName, getCertificateCompressionAlgorithms } from './context/certificate-compression.ts';
import { getCiphers } from './context/ciphers.ts';
import { type CaType, getCACertificates, setDefaultCACertificates } from './context/default-ca.ts';
import { createDelegatedCredential } from './context/delegated-credentials.ts';
import { createEchKey } from './context/ech-options.ts';
import {
  createSecureContext,
  type HandfastContextOptions,
  invalidContext,
  SecureContextObject,
} from './context/secure-context.ts';
import { defaults, settings, type WritableSettings } from './context/settings.ts';
import type * as types from './public-types.ts';
import type { AnySocket, Connect, CreateServer, SocketConstructor } from './public-types.ts';
import { connect } from './socket/tls-connect.ts';
import { createServer, Server as ServerClass } from './socket/tls-server.ts';
import { TLSSocket as SocketClass } from './socket/tls-socket.ts';
import type { TlsSocketOptions } from './socket/tls-types.ts';
import { checkServerIdentity } from './trust/check-server-identity.ts';

/** Node's `tls.TLSSocket`, also as a type. */
const TLSSocket = SocketClass as unknown as SocketConstructor;
type TLSSocket = AnySocket;

/** Node's `tls.Server`, also as a type. */
const Server = ServerClass;
type Server = nodeTls.Server;

type SecureContext = nodeTls.SecureContext;
/** `tls.SecureContext`, with `new` or without. */
const SecureContext = new Proxy(SecureContextObject, {
  apply: (target, _self, args) => new target(...(args as ConstructorParameters<typeof SecureContextObject>)),
}) as unknown as typeof SecureContextObject & (() => SecureContextObject);

/** One end of a pair of Duplexes. */
class PairEnd extends Duplex {
  other!: PairEnd;
  #resume: (() => void) | undefined;

  override _read(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (chunk.length === 0) {
      process.nextTick(done);
      return;
    }
    this.other.#resume = done;
    this.other.push(chunk);
  }
  override _final(done: () => void): void {
    this.other.on('end', done);
    this.other.push(null);
  }
}

/** What `createSecurePair` gives; deprecated in Node, still there. */
class SecurePair extends EventEmitter {
  readonly server: unknown;
  readonly credentials: SecureContextObject;
  readonly encrypted: Duplex;
  readonly cleartext: SocketClass;

  constructor(
    context: unknown = createSecureContext(),
    isServer = false,
    requestCert = !isServer,
    rejectUnauthorized = false,
    options: TlsSocketOptions = {},
  ) {
    super();
    if (context && !(context instanceof SecureContextObject)) throw invalidContext('context');
    const outside = new PairEnd();
    const inside = new PairEnd();
    outside.other = inside;
    inside.other = outside;
    this.server = options.server;
    this.credentials = context as SecureContextObject;
    this.encrypted = outside;
    this.cleartext = new SocketClass(inside, {
      secureContext: this.credentials,
      isServer,
      requestCert,
      rejectUnauthorized,
      ...options,
    });
    this.cleartext.once('secure', () => this.emit('secure'));
  }

  destroy(): void {
    this.cleartext.destroy();
    this.encrypted.destroy();
  }
}

const createSecurePair = deprecate(
  (...args: ConstructorParameters<typeof SecurePair>) => new SecurePair(...args),
  'tls.createSecurePair() is deprecated. Please use tls.TLSSocket instead.',
  'DEP0064',
);

/** The module's type: that of `node:tls`, with the options that Handfast adds. */
export type HandfastTls = Omit<
  typeof nodeTls,
  keyof WritableSettings | 'connect' | 'createServer' | 'createSecureContext' | 'TLSSocket'
> &
  WritableSettings & {
    connect: Connect;
    createServer: CreateServer;
    TLSSocket: SocketConstructor;
    createSecureContext: (options?: HandfastContextOptions) => nodeTls.SecureContext;
    convertALPNProtocols(protocols: readonly string[] | NodeJS.ArrayBufferView, out: { ALPNProtocols?: Buffer }): void;
    getCACertificates(type?: CaType): string[];
    getCertificateCompressionAlgorithms(): CompressionName[];
    createEchKey: typeof createEchKey;
    createDelegatedCredential: typeof createDelegatedCredential;
    setDefaultCACertificates(certificates: readonly (string | NodeJS.ArrayBufferView)[]): void;
  };

const tls = {
  ...defaults,
  getCiphers,
  get rootCertificates() {
    return rootCertificates;
  },
  convertALPNProtocols,
  checkServerIdentity,
  createSecureContext,
  SecureContext,
  TLSSocket,
  Server,
  createServer,
  connect,
  createSecurePair,
  getCACertificates,
  getCertificateCompressionAlgorithms,
  createDelegatedCredential,
  createEchKey,
  setDefaultCACertificates,
} as unknown as HandfastTls;

settings.exports = tls as WritableSettings;

/** Types under the name of the default import: `import tls from 'handfast/tls'` and then `tls.TLSSocket`. */
declare namespace tls {
  export type TLSSocket = AnySocket;
  export type HandfastSocket = types.HandfastSocket;
  export type HandfastServer = types.HandfastServer;
  export type Server = nodeTls.Server;
  export type SecureContext = nodeTls.SecureContext;
  export type ConnectionOptions = types.ConnectionOptions;
  export type TlsOptions = types.TlsOptions;
  export type SecureContextOptions = types.SecureContextOptions;
  export type CommonConnectionOptions = nodeTls.CommonConnectionOptions;
  export type TLSSocketOptions = nodeTls.TLSSocketOptions;
  export type PeerCertificate = nodeTls.PeerCertificate;
  export type DetailedPeerCertificate = nodeTls.DetailedPeerCertificate;
  export type Certificate = nodeTls.Certificate;
  export type CipherNameAndProtocol = nodeTls.CipherNameAndProtocol;
  export type EphemeralKeyInfo = nodeTls.EphemeralKeyInfo;
  export type KeyObject = nodeTls.KeyObject;
  export type PxfObject = nodeTls.PxfObject;
  export type PSKCallbackNegotation = nodeTls.PSKCallbackNegotation;
  export type SecureVersion = nodeTls.SecureVersion;
}

// biome-ignore lint/style/noDefaultExport: this is the form in which programs import the module it stands in for.
export default tls;
// `require('handfast/tls')` gives the object itself, whose DEFAULT_* can be written, and not a namespace.
export { tls as 'module.exports' };

const connectTyped: HandfastTls['connect'] = tls.connect;
const createServerTyped: HandfastTls['createServer'] = tls.createServer;
const createContextTyped: HandfastTls['createSecureContext'] = tls.createSecureContext;

export {
  checkServerIdentity,
  connectTyped as connect,
  convertALPNProtocols,
  createContextTyped as createSecureContext,
  createDelegatedCredential,
  createEchKey,
  createSecurePair,
  createServerTyped as createServer,
  getCACertificates,
  getCertificateCompressionAlgorithms,
  getCiphers,
  rootCertificates,
  SecureContext,
  Server,
  setDefaultCACertificates,
  TLSSocket,
};
export const {
  DEFAULT_CIPHERS,
  DEFAULT_ECDH_CURVE,
  DEFAULT_MIN_VERSION,
  DEFAULT_MAX_VERSION,
  CLIENT_RENEG_LIMIT,
  CLIENT_RENEG_WINDOW,
} = defaults;
export type {
  Certificate,
  CipherNameAndProtocol,
  CommonConnectionOptions,
  DetailedPeerCertificate,
  EphemeralKeyInfo,
  KeyObject,
  PeerCertificate,
  PSKCallbackNegotation,
  PxfObject,
  SecureVersion,
  TLSSocketOptions,
} from 'node:tls';
export type ConnectionOptions = tls.ConnectionOptions;
export type TlsOptions = tls.TlsOptions;
export type SecureContextOptions = tls.SecureContextOptions;
export type { HandfastServer, HandfastSocket } from './public-types.ts';
