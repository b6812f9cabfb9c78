import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls';
import { cipherSuite } from '../../crypto/cipher-suites.ts';
import type { Connection } from '../../engine/connection.ts';
import {
  type CodedError,
  nodeError,
  validateBuffer,
  validateFunction,
  validateInteger,
  validateObject,
  validateString,
} from '../base/node-errors.ts';
import { ephemeralKeyInfo, sigalgName, versionLabel } from '../context/algorithm-names.ts';
import { cipherInfo } from '../context/ciphers.ts';
import { createSecureContext, SecureContextObject } from '../context/secure-context.ts';
import { issuerOf, peerCertificateObject } from '../trust/peer-certificate.ts';
import type { ReceivedClientHello } from './client-hello.ts';
import type { Negotiation } from './negotiation.ts';
import { decodeSession } from './session-codec.ts';
import { SocketFacade } from './socket-facade.ts';
import type { TlsSocketOptions } from './tls-types.ts';

/** What a TLS socket tells, and takes, beside a `net.Socket`: certificates, session, protocol, exporters. */
export abstract class TlsDetails extends SocketFacade {
  /** Everything that the handshake learns, and the hooks of this connection. Not for users. */
  abstract readonly negotiation: Negotiation;
  /** The engine's connection, once the handshake has started. */
  abstract get connection(): Connection | undefined;
  abstract _tlsOptions: TlsSocketOptions;
  abstract _secureEstablished: boolean;
  abstract get earlyDataAccepted(): boolean;
  abstract servername: string | false | null;
  abstract alpnProtocol: string | false | null;
  #handle: TlsHandle | null | undefined;

  /** As in Node: an object with the parts of the connection. Programs look at `ssl.verifyError()`. */
  get ssl(): TlsHandle | null {
    if (this.#handle === undefined) this.#handle = new TlsHandle(this);
    return this.#handle;
  }

  /** As in Node, a socket that has closed has no `ssl`. */
  protected dropHandle(): void {
    this.#handle = null;
  }

  disableRenegotiation(): void {
    // There is none: TLS 1.3 has no renegotiation, and in TLS 1.2 it is refused (RFC 9325, Section 3.5).
  }

  /** Renegotiation is not spoken: the callback hears so, as it does with TLS 1.3 in Node. */
  renegotiate(options: object, callback?: (error: Error | null) => void): boolean | undefined {
    validateObject(options, 'options');
    if (callback !== undefined) validateFunction(callback, 'callback');
    if (this.destroyed) return undefined;
    const wrongVersion = renegotiationError();
    if (callback !== undefined) process.nextTick(callback, wrongVersion);
    return false;
  }

  exportKeyingMaterial(length: number, label: string, context?: Buffer): Buffer {
    validateInteger(length, 'length', 1, 2 ** 32 - 1);
    validateString(label, 'label');
    if (context !== undefined) validateBuffer(context, 'context');
    if (!this._secureEstablished || this.connection === undefined || this.destroyed) {
      throw nodeError('ERR_TLS_INVALID_STATE', 'TLS socket connection must be securely established');
    }
    return Buffer.from(this.connection.exportKeyingMaterial(length, label, context));
  }

  /**
   * Keying material that goes with early data (RFC 9846, Section 7.5): client, once it is sent; server, from `earlyData` on.
   * It has no forward secrecy, and a replay gives the same.
   */
  exportEarlyKeyingMaterial(length: number, label: string, context: Buffer = Buffer.alloc(0)): Buffer {
    validateInteger(length, 'length', 1, 2 ** 32 - 1);
    validateString(label, 'label');
    validateBuffer(context, 'context');
    if (this.connection === undefined) {
      throw nodeError('ERR_TLS_INVALID_STATE', 'TLS socket has no early data: its handshake has not started');
    }
    return Buffer.from(this.connection.exportEarlyKeyingMaterial(length, label, context));
  }

  /** Limits the plaintext of the records that are sent; 512 to 16384 bytes. */
  setMaxSendFragment(size: number): boolean {
    validateInteger(size, 'size', -(2 ** 31), 2 ** 31 - 1);
    if (size < 512 || size > 16384) return false;
    return this.negotiation.setMaxSendFragment(size);
  }

  setServername(name: string): void {
    validateString(name, 'name');
    if (this._tlsOptions.isServer)
      throw nodeError('ERR_TLS_SNI_FROM_SERVER', 'Cannot issue SNI from a TLS server-side socket');
    this.negotiation.serverName = name;
  }

  setSession(session: Buffer | string): void {
    const bytes = typeof session === 'string' ? Buffer.from(session, 'latin1') : session;
    if (!ArrayBuffer.isView(bytes)) throw nodeError('ERR_INVALID_ARG_TYPE', 'Session must be a buffer', TypeError);
    this.negotiation.offered = decodeSession(bytes);
  }

  setKeyCert(context: unknown): void {
    const secureContext =
      context instanceof SecureContextObject ? context : createSecureContext(context as TlsSocketOptions);
    this.negotiation.keyContext = secureContext.context;
  }

  #open(): Connection | undefined {
    return this.destroyed ? undefined : this.connection;
  }

  getPeerCertificate(detailed: true): DetailedPeerCertificate;
  getPeerCertificate(detailed?: false): PeerCertificate;
  getPeerCertificate(detailed?: boolean): PeerCertificate | DetailedPeerCertificate;
  getPeerCertificate(detailed?: boolean): PeerCertificate | DetailedPeerCertificate {
    if (this.destroyed) return null as unknown as PeerCertificate;
    return peerCertificateObject(
      this.negotiation.peerChain(this.connection),
      detailed === true,
      this.negotiation.context,
    );
  }

  /**
   * The peer's raw public key (RFC 7250), where it showed that: then there is no certificate, and `getPeerCertificate()` is
   * empty. Node lacks it.
   */
  getPeerRawPublicKey(): KeyObject | undefined {
    const connection = this.#open();
    const spki = connection?.connected ? connection.info.peerRawPublicKey : undefined;
    return spki && createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  }

  /** The identity of the pre-shared key that authenticated both sides, where one did; kept over a resumption. Node lacks it. */
  get pskIdentity(): string | undefined {
    const identity = this.connection?.connected ? this.connection.info.pskIdentity : undefined;
    return identity && Buffer.from(identity).toString();
  }

  getCertificate(): PeerCertificate | object | null {
    if (this.destroyed) return null;
    const leaf = this.negotiation.localChain()?.[0];
    return leaf === undefined ? {} : peerCertificateObject([leaf], false, this.negotiation.context);
  }

  getPeerX509Certificate(): X509Certificate | undefined {
    const chain = this.destroyed ? [] : this.negotiation.peerChain(this.connection);
    if (chain[0] === undefined) return undefined;
    const certificate = new X509Certificate(chain[0]);
    const value = issuerOf(chain, this.negotiation.context)?.x509;
    // The chain is known here, and X509Certificate itself can't be told of it.
    if (value !== undefined) Object.defineProperty(certificate, 'issuerCertificate', { value, configurable: true });
    return certificate;
  }

  getX509Certificate(): X509Certificate | undefined {
    const leaf = this.destroyed ? undefined : this.negotiation.localChain()?.[0];
    return leaf === undefined ? undefined : new X509Certificate(leaf);
  }

  getCipher(): { name: string; standardName: string; version: string } {
    const connection = this.#open();
    if (connection?.connected) return cipherInfo(connection.info.cipherSuite);
    return (this.destroyed ? null : connection && cipherInfo(0)) as ReturnType<typeof cipherInfo>;
  }

  getSharedSigalgs(): string[] {
    return this.negotiation.sharedSigalgs().map(sigalgName);
  }

  /**
   * Server: the client's first message, raw, with its JA3 and JA4; until the listeners of `secureConnection` have run.
   * Node lacks it.
   */
  getClientHello(): ReceivedClientHello | undefined {
    return this.negotiation.clientHello();
  }

  getEphemeralKeyInfo(): ReturnType<typeof ephemeralKeyInfo> | null {
    if (this._tlsOptions.isServer || this.destroyed) return null;
    return ephemeralKeyInfo(this.connection?.connected ? this.connection.info.group : undefined);
  }

  getFinished(): Buffer | undefined {
    return this.negotiation.finished.sent;
  }

  getPeerFinished(): Buffer | undefined {
    return this.negotiation.finished.received;
  }

  getProtocol(): string | null {
    if (this.destroyed) return null;
    const { connection } = this;
    return connection?.connected
      ? versionLabel(connection.info.version)
      : versionLabel(this.negotiation.context.maxVersion);
  }

  getSession(): Buffer | undefined {
    return this.negotiation.currentSession(this.connection);
  }

  getTLSTicket(): Buffer | undefined {
    return this.negotiation.currentTicket();
  }

  isSessionReused(): boolean {
    // Early data goes with a session alone.
    if (this.connection?.connected !== true) return this.earlyDataAccepted;
    const { resumed, resumption, version } = this.connection.info;
    // To OpenSSL an external PSK of TLS 1.3 is a session like any other.
    return resumed || (resumption === 'externalPsk' && version === 0x0304);
  }

  /** Whether the ClientHello came, or went, encrypted (RFC 9849): nobody in between has seen the name. Node lacks it. */
  get echAccepted(): boolean {
    return this.connection?.connected === true && this.connection.info.echAccepted;
  }

  /** Writes what happens on the connection to stderr. */
  enableTrace(): void {
    this.negotiation.tracing = true;
    if (this.connection !== undefined && !this.destroyed)
      process.emitWarning(
        'enableTrace() comes after the handshake began and shows nothing: give the option enableTrace',
      );
  }

  /** The extension of Node's: the names of the suite and group, for logs. */
  get cipherSuiteName(): string | undefined {
    const code = this.connection?.connected ? this.connection.info.cipherSuite : undefined;
    return code === undefined ? undefined : cipherSuite(code)?.name;
  }
}

/** What `socket.ssl` is. */
export class TlsHandle {
  readonly #socket: TlsDetails;
  constructor(socket: TlsDetails) {
    this.#socket = socket;
  }
  verifyError(): CodedError | null {
    const { connection, negotiation } = this.#socket;
    return connection?.connected ? negotiation.settleVerdict(connection) : negotiation.verifyError;
  }
  getServername(): string | false {
    return this.#socket.servername || false;
  }
  getSession(): Buffer | undefined {
    return this.#socket.getSession();
  }
  isSessionReused(): boolean {
    return this.#socket.isSessionReused();
  }
  getProtocol(): string | null {
    return this.#socket.getProtocol();
  }
  getALPNNegotiatedProtocol(): string | false | null {
    return this.#socket.alpnProtocol;
  }
}

/** The words of OpenSSL where a TLS 1.3 connection is asked to renegotiate. */
function renegotiationError(): Error {
  const error = nodeError('ERR_SSL_WRONG_SSL_VERSION', 'error:0A00010A:SSL routines::wrong ssl version');
  return Object.assign(error, { library: 'SSL routines', reason: 'wrong ssl version' });
}
