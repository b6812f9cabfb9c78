import { connect } from 'node:net';
import { fromHex } from '../bytes/bytes.ts';
import { ClientConnection } from '../engine/client-connection.ts';
import type { ClientOptions } from '../engine/config.ts';
import type { ConnectionInfo } from '../engine/connection-info.ts';
import { drive } from '../engine/driver.ts';
import { clientHost } from '../engine/host.ts';
import { EchRejectedError } from '../errors.ts';
import type { ClientSession } from '../session/client-session.ts';
import { sessionState } from '../session/state.ts';

/** The cryptography that probes run with: `createNodeCrypto()`. */
export type AuditCrypto = ClientOptions['crypto'];

/** What is connected to. */
export interface Endpoint {
  /** IP address, or a name that resolves to one. */
  readonly address: string;
  readonly port: number;
  /** SNI; the name whose behaviour is asked about. */
  readonly serverName?: string | undefined;
}

export interface ProbeOptions {
  readonly crypto: AuditCrypto;
  /**
   * Options of the TLS client, e.g. `maxVersion`, `credentials`, `sessions`. Certificates are not verified unless
   * told here.
   */
  readonly client?: Partial<ClientOptions>;
  /** What to send when connected, e.g. a HEAD request: some servers send tickets with their first data only. */
  readonly request?: Uint8Array | undefined;
  /** Sent as early data where the session allows it. Anyone may replay it: choose something harmless. */
  readonly earlyData?: Uint8Array | undefined;
  /** How long to wait for tickets after the handshake, in ms; default 400. */
  readonly ticketWaitMs?: number | undefined;
  /** How long everything may take, in ms; default 5,000. */
  readonly timeoutMs?: number | undefined;
}

/** What one connection showed. */
export interface Probe {
  /** Why there is no handshake; undefined where there is one. */
  readonly error: string | undefined;
  readonly info: ConnectionInfo | undefined;
  /** The server asked for a client certificate: without one it may end the connection, or keep no session of it. */
  readonly certificateRequested: boolean;
  /**
   * Why the server ended a connection whose handshake was done: in TLS 1.3 it judges the certificate of a client only then
   * (within `ticketWaitMs`).
   */
  readonly endedBy: string | undefined;
  /** The time was over before a single byte came back: asking in another way takes as long. */
  readonly silent: boolean;
  /** What EncryptedExtensions named for Encrypted Client Hello: an ECHConfigList (RFC 9849, Section 5). */
  readonly echRetryConfigs: Uint8Array | undefined;
  /** The server could not decrypt the hello: there is no handshake, but with the public name. */
  readonly echRejected: boolean;
  /** Tickets and sessions that the server gave. */
  readonly sessions: readonly ClientSession[];
  /** Whether early data was really sent. */
  readonly sentEarlyData: boolean;
  /** Duration of the handshake in ms. */
  readonly milliseconds: number;
}

const inTime = 'the server did not answer in time';

/** Makes one connection, says what it is like, and closes it. Never rejects. */
export function probe(endpoint: Endpoint, options: ProbeOptions): Promise<Probe> {
  return new Promise((resolve) => {
    const start = performance.now();
    let master: Uint8Array | undefined;
    const tls = new ClientConnection({
      crypto: options.crypto,
      verifyPeer: () => undefined,
      // What is wrong is to be found, not to be stopped by.
      requireSecureRenegotiation: false,
      resumeWithoutExtendedMasterSecret: true,
      ...(endpoint.serverName === undefined ? {} : { serverName: endpoint.serverName }),
      ...options.client,
      trace: (event) => {
        if (event.kind !== 'message') return;
        if (event.type === 'certificateRequest') certificateRequested = true;
        if (event.type === 'encryptedExtensions') echRetryConfigs = retryConfigsOf(event.fields);
      },
      keyLog: (line) => {
        const [label, , secret] = line.split(' ');
        if (label === 'CLIENT_RANDOM' && secret !== undefined) master = fromHex(secret);
      },
    });
    const host = clientHost(tls.options);
    const socket = connect({ host: endpoint.address, port: endpoint.port, noDelay: true });
    const sessions: ClientSession[] = [];
    let over = false;
    let heard = false;
    let certificateRequested = false;
    let echRetryConfigs: Uint8Array | undefined;
    let sentEarlyData = false;
    let connectedAt: number | undefined;
    let ticketTimer: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => finish(inTime), options.timeoutMs ?? 5_000);

    function finish(error?: string): void {
      if (over) return;
      over = true;
      clearTimeout(timer);
      clearTimeout(ticketTimer);
      const info = tls.connected ? tls.info : undefined;
      const wasPolite = tls.peerClosed && !tls.truncated;
      if (info?.version === 0x0303 && sessions.length === 0) sessions.push(...byId(info, master, tls.options));
      if (!tls.closed) tls.close();
      for (const bytes of tls.takeOutgoing()) if (!socket.destroyed) socket.write(bytes);
      socket.end();
      socket.destroySoon();
      const milliseconds = (connectedAt ?? performance.now()) - start;
      resolve({
        error: info === undefined ? (error ?? 'no handshake') : undefined,
        info,
        certificateRequested,
        endedBy: info === undefined || wasPolite ? undefined : (tls.error?.message ?? error),
        silent: error === inTime && !heard,
        echRetryConfigs,
        echRejected: tls.error instanceof EchRejectedError,
        sessions,
        sentEarlyData,
        milliseconds,
      });
    }

    function turn(): void {
      if (over) return;
      const progress = drive(tls, host, turn);
      if (!sentEarlyData && options.earlyData !== undefined && tls.earlyDataAllowance >= options.earlyData.length) {
        sentEarlyData = true;
        tls.write(options.earlyData);
      }
      tls.takeApplicationData();
      const before = sessions.length;
      sessions.push(...tls.takeSessions());
      if (sessions.length > before && ticketTimer !== undefined) {
        // Others of the same flight may follow; no need to wait for more.
        clearTimeout(ticketTimer);
        ticketTimer = setTimeout(finish, 50);
      }
      if (tls.connected && connectedAt === undefined) {
        connectedAt = performance.now();
        if (options.request !== undefined) tls.write(options.request);
        ticketTimer = setTimeout(finish, options.ticketWaitMs ?? 400);
      }
      for (const bytes of tls.takeOutgoing()) socket.write(bytes);
      if (progress.state === 'closed') finish(tls.error?.message ?? 'the server closed');
      else if (tls.connected && tls.info.version === 0x0303) finish();
    }

    socket.on('connect', turn);
    socket.on('data', (bytes: Buffer) => {
      heard = true;
      tls.receive(bytes);
      turn();
    });
    socket.on('end', () => {
      tls.receiveEnd();
      turn();
      finish('the server closed');
    });
    socket.on('error', (error) => finish(error.message));
  });
}

function retryConfigsOf(fields: Readonly<Record<string, unknown>>): Uint8Array | undefined {
  const { encryptedClientHello } = (fields['extensions'] ?? {}) as { encryptedClientHello?: Uint8Array };
  return encryptedClientHello;
}

/** The session behind a TLS 1.2 session ID: the client was told not to speak of tickets, so it keeps none itself. */
function byId(info: ConnectionInfo, master: Uint8Array | undefined, { serverName }: ClientOptions): ClientSession[] {
  if (master === undefined || info.sessionId.length === 0) return [];
  const now = Date.now();
  const state = sessionState({
    version: 0x0303,
    cipherSuite: info.cipherSuite,
    secret: master,
    policyDigest: new Uint8Array(32),
    createdAt: now,
    lifetime: 604_800,
    extendedMasterSecret: info.extendedMasterSecret,
    serverName,
    peerCertificates: [...info.peerCertificates],
  });
  return [{ state, ticket: new Uint8Array(0), sessionId: info.sessionId.slice(), lifetimeHint: 0 }];
}
