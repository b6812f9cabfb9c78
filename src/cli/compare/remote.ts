import { isIP } from 'node:net';
import { probe } from '../../audit/index.ts';
import { createNodeCrypto } from '../../crypto/node.ts';
import type { ClientOptions, Credential, GroupName, TraceEvent } from '../../index.ts';
import type { TrustAnchors } from '../../pki/index.ts';
import { type ClientSession, encodeClientSession } from '../../session/index.ts';
import { closeQuietly, open } from '../client/connect.ts';
import { exchange } from '../client/http.ts';
import type { Target } from '../client/target.ts';
import { peerVerifier } from '../client/trust.ts';
import { countedCrypto } from './counted-crypto.ts';
import { type Measured, type Mode, median, modes, type NotOffered } from './modes.ts';

export interface RemoteOptions {
  readonly target: Target;
  /** New ones for each visit: what was verified under others is not verified, nor counted, again. */
  readonly anchors: () => Promise<TrustAnchors>;
  readonly insecure: boolean;
  /** The certificate that the client shows where it is asked for one. */
  readonly credential?: Credential | undefined;
  readonly repeats: number;
  readonly groups?: readonly GroupName[] | undefined;
  readonly timeout: number;
  readonly progress: (text: string) => void;
}

interface Visit {
  readonly resumption: string;
  readonly earlyData: string;
  readonly roundTrips: number;
  readonly sent: number;
  readonly received: number;
  readonly rtt: number;
  readonly firstByte: number;
  readonly signatures: number;
  readonly verifications: number;
  readonly keyExchanges: number;
  readonly cipherSuiteName: string;
  readonly group: GroupName | undefined;
  readonly sessions: readonly ClientSession[];
}

/** Measures the ways that a server offers, over the network that is there. */
export async function compareRemote(options: RemoteOptions): Promise<(Measured | NotOffered)[]> {
  const results: (Measured | NotOffered)[] = [];
  for (const mode of modes) {
    options.progress(mode.title);
    try {
      results.push(await measure(mode, options));
    } catch (error) {
      const alert = (error as { code?: unknown }).code === 'ERR_TLS_ALERT_RECEIVED';
      if (!alert || results.length === 0 ? mode.id !== 'full12' : false) throw error;
      results.push({ mode, why: (error as Error).message });
    }
  }
  return results;
}

async function measure(mode: Mode, options: RemoteOptions): Promise<Measured | NotOffered> {
  let session: ClientSession | undefined;
  const visits: Visit[] = [];
  if (mode.resumes !== 'none') {
    session =
      mode.id === 'sessionId'
        ? await sessionById(options)
        : sessionFor(mode, (await visit(mode, options, undefined)).sessions);
    if (session === undefined)
      return {
        mode,
        why: mode.id === 'earlyData' ? 'no ticket allows early data' : 'the server gives no such session',
      };
  }
  for (let i = 0; i < options.repeats; i++) {
    const made = await visit(mode, options, session);
    if (made.resumption !== mode.resumes) return { mode, why: 'the server did not take the session back' };
    if (mode.id === 'earlyData' && made.earlyData !== 'accepted')
      return { mode, why: 'the server refused the early data; one that has just started does so for a while' };
    visits.push(made);
    if (mode.resumes !== 'none')
      session = sessionFor(mode, made.sessions) ?? (mode.version === 0x0303 ? session : undefined);
    if (mode.resumes !== 'none' && session === undefined) break;
  }
  const [one] = visits as [Visit];
  return {
    mode,
    roundTrips: one.roundTrips,
    sent: one.sent,
    received: one.received,
    client: { signatures: one.signatures, verifications: one.verifications, keyExchanges: one.keyExchanges },
    server: undefined,
    clientCpu: undefined,
    serverCpu: undefined,
    serverKeeps: mode.id === 'sessionId' ? undefined : 0,
    clientKeeps: session === undefined ? 0 : (encodeClientSession(session)?.length ?? 0),
    firstByte: [
      { rtt: median(visits.map(({ rtt }) => rtt)), milliseconds: median(visits.map(({ firstByte }) => firstByte)) },
    ],
    info: { cipherSuiteName: one.cipherSuiteName, group: one.group },
  };
}

/** Who doesn't speak of tickets gets a session ID, from a server that keeps sessions. */
async function sessionById({ target, timeout, credential }: RemoteOptions): Promise<ClientSession | undefined> {
  const client = { maxVersion: 0x0303, resumption: false, ...shown(credential) } as const;
  const endpoint = {
    address: target.host,
    port: target.port,
    ...(isIP(target.host) === 0 ? { serverName: target.host } : {}),
  };
  const { sessions } = await probe(endpoint, { crypto: createNodeCrypto(), client, timeoutMs: timeout });
  return sessions.find(({ sessionId, ticket }) => sessionId.length > 0 && ticket.length === 0);
}

function shown(credential: Credential | undefined): Pick<ClientOptions, 'credentials'> {
  return credential === undefined ? {} : { credentials: [credential] };
}

function sessionFor(mode: Mode, sessions: readonly ClientSession[]): ClientSession | undefined {
  const fitting = sessions.filter(({ state }) => state.version === mode.version);
  const withTicket = fitting.filter(({ ticket }) => ticket.length > 0);
  return mode.id === 'earlyData' ? withTicket.find(({ state }) => state.maxEarlyDataSize > 0) : withTicket.at(-1);
}

async function visit(mode: Mode, options: RemoteOptions, session: ClientSession | undefined): Promise<Visit> {
  const { target } = options;
  const { crypto, counts } = countedCrypto(createNodeCrypto());
  const early = mode.id === 'earlyData' && session !== undefined;
  const anchors = await options.anchors();
  const events: TraceEvent[] = [];
  const tls: ClientOptions = {
    crypto,
    serverName: target.host,
    verifyPeer: peerVerifier(crypto, anchors, target.host, options.insecure),
    alpnProtocols: ['http/1.1'],
    minVersion: mode.version,
    maxVersion: mode.version,
    earlyData: early,
    sessions: session === undefined ? [] : [session],
    resumption: mode.id !== 'sessionId',
    // What the server does is measured, also where it does too much.
    resumeWithoutExtendedMasterSecret: true,
    ...(options.groups === undefined ? {} : { groups: options.groups }),
    ...shown(options.credential),
  };
  const start = performance.now();
  const opened = await open({
    host: target.host,
    port: target.port,
    tls,
    timeout: options.timeout,
    sendEarly: early,
    trace: ({ event }) => events.push(event),
  });
  const ask = { method: 'HEAD', path: target.path, authority: target.authority, headers: {} };
  try {
    let answer = early ? exchange(opened.socket, '1.1', ask) : undefined;
    answer?.catch(() => {});
    const { info } = await opened.secured;
    const { sent, received } = opened.bytes();
    // The request that went as early data belongs to no handshake.
    const request = info.earlyData === 'accepted' ? opened.socket.earlyBytes : 0;
    answer ??= exchange(opened.socket, '1.1', ask);
    const got = await answer;
    const firstByte = performance.now() - start;
    for await (const _ of got.body);
    await closeQuietly(opened.socket);
    return {
      resumption: info.resumption,
      earlyData: info.earlyData,
      roundTrips: info.earlyData === 'accepted' ? 0 : roundTripsOf(events),
      sent: sent - request,
      received,
      rtt: opened.tcp,
      firstByte,
      ...counts,
      cipherSuiteName: info.cipherSuiteName,
      group: info.group,
      sessions: opened.connection.takeSessions(),
    };
  } finally {
    opened.socket.destroy();
  }
}

/** How often the client waited for the server before the handshake was done. */
export function roundTripsOf(events: readonly TraceEvent[]): number {
  let count = 0;
  let last = 'received';
  for (const event of events) {
    if (event.kind === 'connected') break;
    if (event.kind !== 'message' || event.type === 'changeCipherSpec') continue;
    if (event.direction === 'received' && last === 'sent') count++;
    last = event.direction;
  }
  return count;
}
