import { createHash } from 'node:crypto';
import { serverConfig } from '../../engine/config.ts';
import type { Connection } from '../../engine/connection.ts';
import { drive } from '../../engine/driver.ts';
import { type Host, isPromise } from '../../engine/host.ts';
import { CertificateError, TlsError } from '../../errors.ts';
import type { ClientSession } from '../../session/index.ts';
import type { Answer, ClientHelloInfo, Credential, Input } from '../base/engine-types.ts';
import { type CodedError, nodeError, refusedByProgram } from '../base/node-errors.ts';
import { judgeRawPublicKey } from '../context/raw-public-keys.ts';
import { ContextState, SecureContextObject } from '../context/secure-context.ts';
import { nodeMajor } from '../context/settings.ts';
import { checkServerIdentity } from '../trust/check-server-identity.ts';
import { peerCertificateObject } from '../trust/peer-certificate.ts';
import { verifyPeer } from '../trust/verify.ts';
import { describeClientHello, type ReceivedClientHello } from './client-hello.ts';
import { serverOptions } from './connection-setup.ts';
import { askServerCallback } from './psk.ts';
import { resumptionOf } from './server-sessions.ts';
import { encodeSession } from './session-codec.ts';
import type { TLSSocket } from './tls-socket.ts';

const noVerdict = undefined;
/** Sessions that wait for the identity check at most: a socket of a program's own may never hear of one. */
const mostPending = 8;
/** The handshake goes on with a raw key; whether the socket does is for its verdict. */
const toldVerdict = { rawPublicKey: 'known' } as const;

/**
 * What one connection negotiates, and the answers to its handshake's questions: the host of the engine for this
 * socket. One object a connection, its methods on the prototype.
 */
export class Negotiation implements Host {
  /** The context in force: the socket's own, or the one that its server name selected. */
  context: ContextState;
  /** Where `setKeyCert` took key and certificate from. */
  keyContext: ContextState | undefined;
  serverName: string | undefined;
  offered: ClientSession | undefined;
  /** Why the peer's chain is not trusted; `null` where it is, or where there was nothing to verify. */
  verifyError: CodedError | null = null;
  /** Whether what happens is written to stderr. */
  tracing = false;
  /** Tickets that a store has not taken yet. */
  sealing = 0;
  /** Whether Node's http2 has the socket inside its wrapper. */
  bridged = false;
  #socket: TLSSocket | undefined;
  #host: Host | undefined;
  #connection: Connection | undefined;
  #wake: (() => void) | undefined;
  #hello: ClientHelloInfo | undefined;
  #peerSchemes: readonly number[] | undefined;
  #verified = false;
  #session: Buffer | undefined;
  #ticket: Uint8Array | undefined;
  /** Sessions that came before the identity was checked. */
  #pendingSessions: { buffer: Buffer; ticket: Uint8Array }[] | undefined;
  #shownCredential: Credential | undefined;

  constructor(context: ContextState) {
    this.context = context;
  }

  /** Binds the connection to its socket. */
  bind(socket: TLSSocket, connection: Connection, host: Host, wake: () => void): void {
    this.#socket = socket;
    this.#connection = connection;
    this.#host = host;
    this.#wake = wake;
  }

  drive(): void {
    drive(this.#connection!, this, this.#wake!);
  }

  get #isServer(): boolean {
    return this.#socket?._tlsOptions.isServer === true;
  }

  // ---- the host ----

  selectConfig(hello: ClientHelloInfo): Answer<'selectConfig'> {
    this.#hello = hello;
    this.#peerSchemes = hello.signatureSchemes;
    const socket = this.#socket!;
    const { SNICallback } = socket._tlsOptions;
    if (!hello.serverName) return undefined;
    // Known from here on, also to `tlsClientError`.
    socket.servername = hello.serverName;
    const { server } = socket;
    if (SNICallback !== undefined) {
      return this.#askProgram<SecureContextObject | ContextState>((done) =>
        SNICallback.call(socket, hello.serverName!, done),
      ).then((context) => this.#useContext(context));
    }
    // addContext: the last one that fits wins; names are compared without regard to case.
    const name = hello.serverName.toLowerCase();
    const fits = server?._contexts?.findLast(([pattern]) => pattern.test(name));
    return fits === undefined ? undefined : this.#useContext(fits[1]);
  }

  #useContext(context: SecureContextObject | ContextState | null | undefined) {
    if (!context) return undefined;
    const state = context instanceof SecureContextObject ? context.context : context;
    if (!(state instanceof ContextState)) throw nodeError('ERR_TLS_INVALID_CONTEXT', 'Invalid SNI context', TypeError);
    if (state.credentials.length === 0 && this.#socket!._tlsOptions.pskCallback === undefined) throw emptyContext();
    this.context = state;
    if (state.clientCertificate !== undefined) {
      this.#socket!._requestCert = state.clientCertificate !== 'none';
      this.#socket!._rejectUnauthorized = state.clientCertificate === 'require';
    }
    return serverConfig(serverOptions(this.#socket!, state));
  }

  /** Waits for a callback of the program; a second call of it is an error. */
  #askProgram<T>(ask: (done: (error: Error | null, value?: T) => void) => void): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      let once = false;
      ask((error, value) => {
        if (once) {
          this.#socket!.destroy(nodeError('ERR_MULTIPLE_CALLBACK', 'Callback called multiple times'));
          return;
        }
        once = true;
        if (error) reject(error instanceof Error ? error : new Error(String(error)));
        else resolve(value);
      });
    });
  }

  /**
   * TLS 1.3 has no suites that say which kind of key is wanted: of several that fit, as with OpenSSL, that whose signature
   * stands first in the server's own list (ECDSA before RSA).
   */
  #inOrder({ credentials, version }: Input<'selectCredential'>): readonly Credential[] {
    if (credentials.length < 2 || version !== 0x0304 || !this.#isServer) return credentials;
    if (credentials !== this.context.credentials) return credentials;
    const { derived, signatureSchemes = defaultSigalgs } = this.context;
    let ordered = derived.get('inOrder') as readonly Credential[] | undefined;
    if (ordered === undefined) {
      const place = ({ delegation, rawPublicKey, signer }: Credential) =>
        delegation !== undefined || rawPublicKey !== undefined
          ? -1
          : signatureSchemes.findIndex((code) => signer.schemes.includes(code)) >>> 0;
      ordered = [...credentials].sort((a, b) => place(a) - place(b));
      derived.set('inOrder', ordered);
    }
    return ordered;
  }

  selectCredential(query: Input<'selectCredential'>): Answer<'selectCredential'> {
    const { keyContext } = this;
    const credentials = keyContext?.credentials ?? this.#inOrder(query);
    const asked = credentials === query.credentials ? query : { ...query, credentials };
    const chosen = this.#host!.selectCredential(asked) as Credential | undefined;
    this.#shownCredential = chosen;
    const server = this.#socket!.server;
    if (chosen === undefined || !this.#isServer || server === undefined || server.listenerCount('OCSPRequest') === 0)
      return chosen;
    if (chosen.rawPublicKey !== undefined) return chosen;
    if (this.#hello === undefined || !asksForOcsp(this.#hello.raw)) return chosen;
    return this.#askProgram<Buffer>((done) => {
      server.emit('OCSPRequest', Buffer.from(chosen.chain[0]!), this.context.getIssuer(), done);
    }).then((response) => (response ? { ...chosen, ocspResponse: Uint8Array.from(response) } : chosen));
  }

  sign(input: Input<'sign'>): Answer<'sign'> {
    return this.#host!.sign(input);
  }

  decryptPremaster(input: Input<'decryptPremaster'>): Answer<'decryptPremaster'> {
    return this.#host!.decryptPremaster(input);
  }

  verifyPeer(peer: Input<'verifyPeer'>): Answer<'verifyPeer'> {
    // As in Node the verdict does not end the handshake: the socket is told, and refuses what it does not trust.
    this.#judge(peer.chain, peer.rawPublicKey, peer);
    if (peer.echRejected) this.#requirePublicName(peer);
    return peer.rawPublicKey === undefined ? noVerdict : toldVerdict;
  }

  /** What a server says that refused the encrypted ClientHello counts only where it proves the public name. */
  #requirePublicName({ chain, serverName }: Input<'verifyPeer'>): void {
    const shown = peerCertificateObject(chain, true, this.context);
    const cause = this.verifyError ?? checkServerIdentity(serverName ?? '', shown);
    if (!cause) return;
    throw new CertificateError(
      'ERR_TLS_ECH_PUBLIC_NAME',
      'badCertificate',
      `the server cannot decrypt the clientHello, and does not prove the public name ${serverName}: ${cause.message}`,
      { cause, rfc: 'RFC 9849, Section 6.1.7' },
    );
  }

  /** `shown`: the handshake's own message; a resumption has none, nor a stapled response. */
  #judge(chain: readonly Uint8Array[], rawPublicKey: Uint8Array | undefined, shown?: Input<'verifyPeer'>): void {
    this.#verified = true;
    if (rawPublicKey !== undefined) {
      this.verifyError = judgeRawPublicKey(rawPublicKey, this.context.rawPublicKeys);
      return;
    }
    const peer = this.#isServer ? 'client' : 'server';
    const mode = this.#socket?._tlsOptions.revocation;
    const staple = mode !== undefined && shown !== undefined ? { mode, response: shown.ocspResponse } : undefined;
    this.verifyError = verifyPeer({ chain, context: this.context, peer, now: Date.now(), staple });
  }

  /**
   * Client: whether early data may go with a session. It goes before the verdict on the session's chain: so the chain is judged
   * here first, where a bad one would end the connection.
   */
  trustsEarly(socket: TLSSocket, { state }: ClientSession): boolean {
    // The engine asks for the pin of a raw public key; a PSK is trust enough.
    if (!socket._rejectUnauthorized || state.peerRawPublicKey !== undefined || state.psk !== undefined) return true;
    const { peerCertificates: chain } = state;
    if (verifyPeer({ chain, context: this.context, peer: 'server', now: Date.now() }) !== null) return false;
    return !socket._tlsOptions._identityProblem?.(socket, chain);
  }

  /** The verdict on the peer, also after a resumption: the chain of the session is judged anew. */
  settleVerdict(connection: Connection): CodedError | null {
    if (this.#verified) return this.verifyError;
    const { peerCertificates, peerRawPublicKey, pskIdentity } = connection.info;
    // From Node 24 on a server that asks for a certificate wants one.
    if (pskIdentity !== undefined && !(this.#isServer && nodeMajor >= 24)) return null;
    this.#judge(peerCertificates, peerRawPublicKey);
    return this.verifyError;
  }

  lookupSession(input: Input<'lookupSession'>): Answer<'lookupSession'> {
    return this.#host!.lookupSession(input);
  }

  storeSession(input: Input<'storeSession'>): Answer<'storeSession'> {
    return this.#host!.storeSession(input);
  }

  openTicket(input: Input<'openTicket'>): Answer<'openTicket'> {
    return this.#host!.openTicket(input);
  }

  sealTicket(input: Input<'sealTicket'>): Answer<'sealTicket'> {
    // As in Node, whoever resumes goes on with the ticket that it has; but for early data a ticket serves once.
    const connection = this.#connection!;
    const { server } = this.#socket!;
    const asNode = server === undefined || !resumptionOf(server).renewsTickets;
    if (asNode && connection.connected && connection.info.resumed) return undefined;
    const sealed = this.#host!.sealTicket(input);
    if (!isPromise(sealed)) return sealed;
    // The program keeps the session itself: as in Node, the connection is handed over once it has.
    this.sealing++;
    return sealed.then(
      (issued) => {
        this.sealing--;
        return issued;
      },
      () => {
        this.sealing--;
        return undefined;
      },
    );
  }

  lookupPsk(input: Input<'lookupPsk'>): Answer<'lookupPsk'> {
    const { pskCallback } = this.#socket!._tlsOptions;
    if (pskCallback === undefined) return this.#host!.lookupPsk(input);
    const key = askServerCallback(pskCallback, this.#socket!, input.identity);
    if (key === undefined) return this.#host!.lookupPsk(input);
    // As in Node a key serves any suite of TLS 1.2, and those with SHA-256 of TLS 1.3.
    const { version, cipherHash } = input.binding;
    return { key, hash: version === 0x0303 ? cipherHash! : 'sha256', kind: 'ext' };
  }

  selectPsk(input: Input<'selectPsk'>): Answer<'selectPsk'> {
    return this.#host!.selectPsk(input);
  }

  claimEarlyData(input: Input<'claimEarlyData'>): Answer<'claimEarlyData'> {
    return this.#host!.claimEarlyData(input);
  }

  /** Whether no alert is sent: to a peer whose first bytes were no TLS at all, and, as in Node, where the program refused. */
  silent(error: TlsError): boolean {
    if (this.#socket?._secureEstablished) return false;
    if (refusedByProgram(error)) return true;
    if (!this.#isServer || this.#hello !== undefined) return false;
    const { code } = error;
    return code === 'ERR_TLS_RECORD_VERSION' || code.startsWith('ERR_TLS_HTTP');
  }

  // ---- what the socket shows ----

  peerChain(connection: Connection | undefined): readonly Uint8Array[] {
    return connection?.connected ? connection.info.peerCertificates : [];
  }

  localChain(): readonly Uint8Array[] | undefined {
    if (this.#shownCredential !== undefined) return this.#shownCredential.chain;
    return this.context.credentials.find(({ rawPublicKey }) => rawPublicKey === undefined)?.chain;
  }

  /** Algorithms that both sides take, in the server's order. */
  sharedSigalgs(): number[] {
    const own = this.context.signatureSchemes ?? defaultSigalgs;
    const peer = this.#peerSchemes ?? [];
    return own.filter((code) => peer.includes(code));
  }

  /** Lets go of the ClientHello: an idle connection does not keep it. */
  releaseHello(): void {
    this.#hello = undefined;
  }

  /** Server: the ClientHello with its fingerprints. */
  clientHello(): ReceivedClientHello | undefined {
    return this.#hello === undefined ? undefined : describeClientHello(this.#hello.raw);
  }

  get finished(): { sent: Buffer | undefined; received: Buffer | undefined } {
    const finished = this.#connection?.finished;
    const buffer = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes));
    return { sent: buffer(finished?.sent), received: buffer(finished?.received) };
  }

  setMaxSendFragment(size: number): boolean {
    this.#connection?.setMaxFragment(size);
    return true;
  }

  /** Takes what the server has sent to resume with. */
  collectSessions(): void {
    if (this.#isServer) return;
    for (const session of this.#connection!.takeSessions()) {
      const buffer = encodeSession(session);
      if (buffer === undefined) continue;
      this.#session ??= buffer;
      this.#ticket ??= session.ticket;
      this.#pendingSessions ??= [];
      this.#pendingSessions.push({ buffer, ticket: session.ticket });
      if (this.#pendingSessions.length > mostPending) this.#pendingSessions.shift();
    }
  }

  /** Emits `session` for what was taken; before the identity was checked it waits. */
  deliverSessions(socket: TLSSocket): void {
    if (this.#pendingSessions !== undefined && !socket.secureConnecting) this.releaseSessions(socket);
  }

  /** Emits the sessions that came before the identity was checked. */
  releaseSessions(socket: TLSSocket): void {
    const pending = this.#pendingSessions;
    this.#pendingSessions = undefined;
    for (const { buffer, ticket } of pending ?? []) {
      this.#session = buffer;
      this.#ticket = ticket;
      if (!socket.destroyed) socket.emit('session', buffer);
    }
  }

  currentSession(connection: Connection | undefined): Buffer | undefined {
    if (this.#session !== undefined) return this.#session;
    if (this.offered !== undefined) return encodeSession(this.offered);
    // Before the server has given one there is a session all the same, as in Node: one that can't be resumed.
    if (connection?.connected) return createHash('sha256').update(connection.info.sessionId).digest();
    return undefined;
  }

  currentTicket(): Buffer | undefined {
    const ticket =
      this.#ticket ?? (this.#connection?.connected && this.#connection.info.resumed ? this.offered?.ticket : undefined);
    return ticket === undefined || ticket.length === 0 ? undefined : Buffer.from(ticket);
  }
}

const defaultSigalgs: readonly number[] = [
  0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601,
];

function emptyContext(): TlsError {
  return new TlsError('ERR_TLS_SNI_CONTEXT', 'handshakeFailure', 'the context for this server name has no certificate');
}

/** Whether a ClientHello has the extension status_request. */
function asksForOcsp(raw: Uint8Array): boolean {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  // Header 4, version 2, random 32; then the vectors for session ID, suites and compression.
  let at = 38;
  at += 1 + view.getUint8(at);
  at += 2 + view.getUint16(at);
  at += 1 + view.getUint8(at);
  for (at += 2; at + 4 <= raw.length; at += 4 + view.getUint16(at + 2)) if (view.getUint16(at) === 5) return true;
  return false;
}
