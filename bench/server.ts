/**
 * One server process of the benchmark: echoes, sends or swallows bytes over TLS, and tells its own CPU time and memory.
 * Started by `main.ts` with a kind in argv: `node` (node:tls), `handfast` (handfast/tls), `engine` (the bare engine on
 * a net.Socket).
 */
import { readFileSync } from 'node:fs';
import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import nodeTls from 'node:tls';
import { decodePem } from '../src/bytes/pem.ts';
import { createNodeCrypto } from '../src/crypto/node.ts';
import type { ServerOptions } from '../src/engine/config.ts';
import { drive } from '../src/engine/driver.ts';
import { serverHost } from '../src/engine/host.ts';
import { ServerConnection } from '../src/engine/server-connection.ts';
import { localSigner } from '../src/engine/signer.ts';
import handfastTls from '../src/node/tls.ts';
import { MemoryStore } from '../src/session/memory-store.ts';
import { ServerSessions } from '../src/session/resumption.ts';
import { TicketKeyring } from '../src/session/ticket-keyring.ts';
import { answerQuestions } from './answer.ts';

export type ServerKind = 'node' | 'handfast' | 'engine';
export type Job = 'echo' | 'send' | 'receive';

/** What the client says first: a byte that names the job. */
const jobs: readonly Job[] = ['echo', 'send', 'receive'];

const [kind, resumption, keyFile, chainFile] = process.argv.slice(2) as [
  ServerKind,
  'none' | 'ticket' | 'sessionId',
  string,
  string,
];
/**
 * As much as a small program has on its heap. On a heap of about 8 MB, as the bare benchmark has, it is chance whether V8 lets the
 * garbage of a bulk transfer lie or collects the whole heap for each 32 MB of it.
 */
const program = Array.from({ length: 150_000 }, (_, i) => ({ i, text: `item ${i}` }));
const keyPem = readFileSync(keyFile, 'utf8');
const chainPem = readFileSync(chainFile, 'utf8');
const block = new Uint8Array(256 * 1024).fill(7);

/** What a plaintext stream must offer. */
interface Stream {
  write(bytes: Uint8Array): boolean;
  onDrain(callback: () => void): void;
}

/** Does what the first byte asks for. */
function serve(stream: Stream): (bytes: Uint8Array) => void {
  let job: Job | undefined;
  let received = 0;
  let wanted = 0;
  return (bytes) => {
    if (job === undefined) {
      job = jobs[bytes[0] as number] ?? 'echo';
      wanted = bytes.length >= 5 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(1) : 0;
      bytes = bytes.subarray(job === 'echo' ? 1 : 5);
      if (job === 'send') return send(stream, wanted);
    }
    if (job === 'echo') {
      if (bytes.length > 0) stream.write(bytes);
      return;
    }
    received += bytes.length;
    if (received >= wanted) stream.write(Uint8Array.of(1));
  };
}

function send(stream: Stream, left: number): void {
  while (left > 0) {
    const bytes = left >= block.length ? block : block.subarray(0, left);
    left -= bytes.length;
    if (!stream.write(bytes) && left > 0) {
      const rest = left;
      stream.onDrain(() => send(stream, rest));
      return;
    }
  }
}

/** Tickets unless session IDs are asked for, as the other servers give them. */
function createSessions(crypto: ReturnType<typeof createNodeCrypto>): ServerSessions {
  const clock = { now: Date.now };
  const keyring = new TicketKeyring({ crypto, clock });
  const store = new MemoryStore({ clock });
  return new ServerSessions({ crypto, keyring, store, tls12Tickets: resumption !== 'sessionId' });
}

function engineServer(): NetServer {
  const crypto = createNodeCrypto();
  const signer = localSigner(crypto.importPrivateKey(decodePem(keyPem)[0]?.bytes ?? new Uint8Array(0)));
  const options: ServerOptions = {
    crypto,
    credentials: [{ chain: decodePem(chainPem).map(({ bytes }) => bytes), signer, identity: 'bench' }],
    groups: ['x25519', 'secp256r1'],
    sessions: createSessions(crypto),
  };
  const host = serverHost(options);
  return createNetServer({ noDelay: true }, (socket: Socket) => {
    const connection = new ServerConnection(options);
    const flush = (): boolean => {
      const outgoing = connection.takeOutgoing();
      if (outgoing.length === 0) return true;
      if (outgoing.length === 1) return socket.write(outgoing[0] as Uint8Array);
      socket.cork();
      let open = true;
      for (const bytes of outgoing) open = socket.write(bytes);
      socket.uncork();
      return open;
    };
    const job = serve({
      write(bytes) {
        connection.write(bytes);
        return flush();
      },
      onDrain: (callback) => void socket.once('drain', callback),
    });
    const advance = (): void => {
      const progress = drive(connection, host, advance);
      for (const bytes of connection.takeApplicationData()) job(bytes);
      const over = progress.state === 'closed' || connection.peerClosed;
      // The other servers say goodbye, too.
      if (over && !connection.closed) connection.close();
      flush();
      if (over) socket.end();
    };
    socket.on('data', (bytes) => {
      connection.receive(bytes, true);
      advance();
    });
    socket.on('error', () => {});
  });
}

async function tlsServer(tls: typeof nodeTls): Promise<NetServer> {
  const options: nodeTls.TlsOptions = {
    key: keyPem,
    cert: chainPem,
    ecdhCurve: 'X25519:P-256',
    noDelay: true,
  };
  const store = new Map<string, Buffer>();
  const server = tls.createServer(options, (socket) => {
    const job = serve({
      write: (bytes) => socket.write(bytes),
      onDrain: (callback) => void socket.once('drain', callback),
    });
    socket.on('data', job);
    socket.on('error', () => {});
  });
  if (resumption === 'sessionId') {
    server.on('newSession', (id: Buffer, data: Buffer, done: () => void) => {
      store.set(id.toString('hex'), data);
      done();
    });
    server.on('resumeSession', (id: Buffer, done: (error: Error | null, data: Buffer | null) => void) => {
      done(null, store.get(id.toString('hex')) ?? null);
    });
  }
  return server;
}

const server =
  kind === 'engine'
    ? engineServer()
    : await tlsServer(kind === 'node' ? nodeTls : (handfastTls as unknown as typeof nodeTls));

answerQuestions(server);
// The list lives as long as the server.
server.once('close', () => program.splice(0));
