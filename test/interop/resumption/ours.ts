/** Our side of the table of resumptions: a server that resumes by one kind alone, and a client that comes back once. */
import { ClientConnection } from '../../../src/engine/client-connection.ts';
import type { ClientOptions, ServerOptions } from '../../../src/engine/config.ts';
import type { ConnectionInfo } from '../../../src/engine/connection-info.ts';
import { clientHost, serverHost } from '../../../src/engine/host.ts';
import { ServerConnection } from '../../../src/engine/server-connection.ts';
import type { ClientSession } from '../../../src/session/client-session.ts';
import { MemoryStore } from '../../../src/session/memory-store.ts';
import { ServerSessions } from '../../../src/session/resumption.ts';
import type { ServerSessionsConfig } from '../../../src/session/session-rules.ts';
import { TicketKeyring } from '../../../src/session/ticket-keyring.ts';
import { nodeCrypto, testCredential, verifyWithTestRoot } from '../../helpers/engine.ts';
import { echoServer } from '../http-echo.ts';
import { EngineStream } from '../ours.ts';
import { bounded, connectWhenReady, listen } from '../processes.ts';
import { earlyLine, type Kind, line, versionOf } from './kinds.ts';

const clock = { now: () => Date.now() };

/** Each kind alone: nothing else can have resumed the connection. */
const settings: Readonly<Record<Kind, Partial<ServerSessionsConfig>>> = {
  sessionId: { sessionIds: true, tls12Tickets: false },
  ticket: { sessionIds: false, tls12Tickets: true },
  psk: { tls13Tickets: 'stateless' },
  pskStateful: { tls13Tickets: 'stateful' },
  earlyData: { tls13Tickets: 'stateless', maxEarlyDataSize: 16_384 },
};

function versions(kind: Kind) {
  const version = versionOf(kind) === '1.3' ? 0x0304 : 0x0303;
  return { minVersion: version, maxVersion: version } as const;
}

/** A connection that a peer made to our server. */
export interface Visit {
  readonly info: () => ConnectionInfo;
  readonly connected: () => boolean;
  /** What came, and how much of it came before the handshake was done. */
  readonly received: { text: string; early: string };
}

/** A server of ours that resumes by one kind, and notes each connection. */
export async function ourServer(kind: Kind, speaks: 'echo' | 'http') {
  const keyring = new TicketKeyring({ crypto: nodeCrypto, clock });
  const store = new MemoryStore({ clock, claimsSince: 0 });
  const sessions = new ServerSessions({ crypto: nodeCrypto, keyring, store, ...settings[kind] });
  const options: ServerOptions = {
    crypto: nodeCrypto,
    ...versions(kind),
    credentials: [testCredential('ecdsa-p256')],
    alpnProtocols: ['http/1.1'],
    sessions,
  };
  const visits: Visit[] = [];
  const errors: string[] = [];
  // An answer to early data could close the connection before its handshake is done.
  const http = echoServer((stream) => (stream as EngineStream).handshakeDone.catch(() => {}));
  const server = await listen((socket) => {
    const connection = new ServerConnection(options);
    const stream = new EngineStream(connection, serverHost(options), socket);
    const received = { text: '', early: '' };
    visits.push({ info: () => connection.info, connected: () => connection.connected, received });
    stream.handshakeDone.catch((error: Error) => errors.push(error.message));
    stream.on('error', () => {});
    const push = stream.push.bind(stream);
    // Noted before whoever answers reads it, which may be after the handshake.
    stream.push = (data: Buffer | null) => {
      if (data !== null) {
        const text = Buffer.from(data).toString('latin1');
        received.text += text;
        if (!connection.connected) received.early += text;
      }
      return push(data);
    };
    if (speaks === 'http') http.emit('connection', stream);
    else stream.pipe(stream);
  });
  return { ...server, visits, sessions, errors };
}

const request = 'GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n';

export interface Answered {
  readonly info: ConnectionInfo;
  /** All that the server sent. */
  readonly answer: string;
  readonly sessions: readonly ClientSession[];
}

/** One connection of our client, with an exchange; as early data where it brings a session that allows it. */
export async function ourClient(
  kind: Kind,
  speaks: 'echo' | 'http',
  server: { readonly port: number; alive(): boolean },
  sessions: readonly ClientSession[] = [],
): Promise<Answered> {
  const early = kind === 'earlyData' && sessions.length > 0;
  const options: ClientOptions = {
    crypto: nodeCrypto,
    serverName: 'localhost',
    verifyPeer: verifyWithTestRoot,
    ...versions(kind),
    earlyData: early,
    sessions: sessions.slice(0, 1),
  };
  const connection = new ClientConnection(options);
  const socket = await connectWhenReady(server.port, server.alive);
  const stream = new EngineStream(connection, clientHost(options), socket);
  let answer = '';
  let failure: Error | undefined;
  stream.on('error', (error: Error) => {
    failure = error;
  });
  try {
    const say = (text: string) => stream.write(text);
    if (early) say(speaks === 'http' ? request : earlyLine);
    const answered = new Promise<void>((resolve) => {
      const look = () => {
        if (speaks === 'echo' && answer.includes(line.trim())) resolve();
      };
      stream.on('data', (data: Buffer) => {
        answer += data.toString('latin1');
        look();
      });
      stream.on('end', resolve);
      stream.on('close', resolve);
    });
    await bounded(stream.handshakeDone, 'the handshake');
    const { info } = connection;
    if (speaks === 'echo') say(line);
    // What was refused as early data is sent again.
    else if (!early || info.earlyData !== 'accepted') say(request);
    await bounded(answered, 'the answer');
    if (failure !== undefined) throw failure;
    if (speaks === 'http' && !/^HTTP\/1\.[01] 200/.test(answer)) throw new Error(`no good answer: ${answer}`);
    const given = connection.takeSessions();
    stream.end();
    return { info, answer, sessions: given };
  } finally {
    socket.end();
    setTimeout(() => socket.destroy(), 200);
  }
}
