/**
 * The server that tlsfuzzer's scripts speak to: the bare engine over TCP, with a few lines of HTTP or an echo.
 *
 *   node --import tsx test/tlsfuzzer/server.ts '<profile as JSON>' <tlsfuzzer checkout>
 *
 * Prints the port that it listens on. `run.mjs` starts one for each profile of `suite.json`.
 */
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { deflateSync, inflateSync } from 'node:zlib';
import { equal } from '../../src/bytes/bytes.ts';
import { cipherSuites, defaultCipherSuites } from '../../src/crypto/cipher-suites.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import type { GroupName } from '../../src/crypto/provider.ts';
import type { ServerOptions } from '../../src/engine/config.ts';
import type { Connection } from '../../src/engine/connection.ts';
import { drive } from '../../src/engine/driver.ts';
import { type Host, serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { localSigner } from '../../src/engine/signer.ts';
import type { Credential } from '../../src/handshake/config.ts';
import type { TraceEvent } from '../../src/handshake/trace.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';

/** What `suite.json` may say about a server. */
interface Profile {
  /** Names of certificate and key in tlsfuzzer's `tests`, without `Cert.pem` and `Key.pem`. */
  readonly credentials?: readonly string[];
  readonly clientCertificate?: 'none' | 'request' | 'require';
  /** `all` enables CBC and static RSA too. */
  readonly suites?: 'default' | 'all';
  readonly maxVersion?: 0x0303 | 0x0304;
  readonly groups?: readonly GroupName[];
  readonly sessionIds?: boolean;
  readonly earlyData?: number;
  readonly alpn?: readonly string[];
  readonly psk?: 'sha256' | 'sha384';
  readonly cookie?: boolean;
  readonly compression?: boolean;
  readonly recordSizeLimit?: number;
  /** `http` answers a request, `echo` sends back what comes. */
  readonly application?: 'http' | 'echo';
  /** When the client's certificate is asked for after the handshake: at once, or by a request for /secret. */
  readonly lateAuthentication?: 'atOnce' | 'onRequest';
}

const crypto = createNodeCrypto();
const clock = { now: Date.now };
const profile = JSON.parse(process.argv[2] as string) as Profile;
const checkout = process.argv[3] as string;

function pem(file: string): Uint8Array[] {
  const text = readFileSync(join(checkout, 'tests', file), 'latin1');
  return [...text.matchAll(/-----BEGIN (?:CERTIFICATE|[A-Z ]*PRIVATE KEY)-----([^-]+)-----END/g)].map(
    ([, body]) => new Uint8Array(Buffer.from(body as string, 'base64')),
  );
}

function credential(name: string): Credential {
  const key = crypto.importPrivateKey(pem(`${name}Key.pem`)[0] as Uint8Array);
  return { chain: pem(`${name}Cert.pem`), signer: localSigner(key) };
}

function sessions(): ServerSessions {
  const identity = new TextEncoder().encode('test');
  const { psk } = profile;
  return new ServerSessions({
    crypto,
    keyring: new TicketKeyring({ crypto, clock }),
    store: new MemoryStore({ clock }),
    tls12Tickets: !profile.sessionIds,
    tls13Tickets: 'stateless',
    maxEarlyDataSize: profile.earlyData ?? 0,
    // A server without keys takes none of their suites: tlsfuzzer offers those of RFC 8442 among unknown ones.
    ...(psk !== undefined && {
      externalPsk: (offered: Uint8Array) =>
        equal(offered, identity) ? { identity, secret: Uint8Array.of(0xaa), hash: psk, imported: false } : undefined,
    }),
  });
}

const options: ServerOptions = {
  crypto,
  credentials: (profile.credentials ?? []).map(credential),
  cipherSuites: profile.suites === 'all' ? cipherSuites.map(({ code }) => code) : defaultCipherSuites,
  maxVersion: profile.maxVersion ?? 0x0304,
  ...(profile.groups && { groups: profile.groups }),
  clientCertificate: profile.clientCertificate ?? 'none',
  // Who is trusted is no question of the protocol.
  verifyPeer: () => undefined,
  alpnProtocols: profile.alpn ?? [],
  retryCookie: profile.cookie ?? false,
  recordSizeLimit: profile.recordSizeLimit,
  allowPskOnly: profile.psk !== undefined,
  preferServerOrder: false,
  sessions: sessions(),
  // Many scripts resume without the extension.
  resumeWithoutExtendedMasterSecret: true,
  certificateCompression: profile.compression
    ? [
        {
          algorithm: 1,
          compress: (certificate) => deflateSync(certificate),
          decompress: (compressed, length) => {
            const bytes = inflateSync(compressed, { maxOutputLength: length });
            if (bytes.length !== length) throw new Error('another length than it says');
            return bytes;
          },
        },
      ]
    : [],
};
const host = serverHost(options);

/** One client. */
class Session {
  readonly #connection: Connection;
  readonly #host: Host = host;
  readonly #socket: Socket;
  #request = '';
  #asked = false;
  /** What waits for the client's late certificate. */
  #held: Uint8Array | undefined;

  constructor(socket: Socket) {
    const trace = (event: TraceEvent) => {
      if (event.kind === 'message' && event.direction === 'received' && event.type === 'finished') this.#release();
    };
    this.#connection = new ServerConnection(profile.lateAuthentication === undefined ? options : { ...options, trace });
    this.#socket = socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      this.#connection.receive(bytes);
      this.#turn();
    });
    socket.on('end', () => {
      this.#connection.receiveEnd();
      this.#turn();
    });
    socket.on('error', () => this.#connection.close());
  }

  #turn(): void {
    const connection = this.#connection;
    const progress = drive(connection, this.#host, () => this.#turn());
    if (progress.state === 'connected' && profile.lateAuthentication === 'atOnce') this.#askClient();
    this.#flush();
    for (const data of connection.takeApplicationData()) this.#answer(data);
    if (connection.peerClosed && !connection.closed) connection.close();
    this.#flush();
    if (progress.state === 'closed' || connection.closed) this.#socket.end();
  }

  #flush(): void {
    for (const bytes of this.#connection.takeOutgoing()) this.#socket.write(bytes);
  }

  #answer(data: Uint8Array): void {
    if (profile.application === 'echo') return this.#send(data);
    this.#request += Buffer.from(data).toString('latin1');
    if (!/\r?\n\r?\n/.test(this.#request)) return;
    const path = /^GET (\S+)/.exec(this.#request)?.[1] ?? '/';
    this.#request = '';
    if (path.startsWith('/keyupdate')) this.#connection.updateKeys(true);
    const file = path === '/tests/test_file.txt' ? readFileSync(join(checkout, path)) : Buffer.from('Hello\n');
    const head = `HTTP/1.0 200 OK\r\ncontent-length: ${file.length}\r\n\r\n`;
    const response = Buffer.concat([Buffer.from(head), file]);
    if (path !== '/secret' || profile.lateAuthentication !== 'onRequest' || !this.#askClient()) this.#send(response);
    else this.#held = response;
    this.#flush();
  }

  /** Asks for the client's certificate once, where it said that it may be asked. */
  #askClient(): boolean {
    if (this.#asked) return false;
    this.#asked = true;
    try {
      this.#connection.requestClientCertificate();
      return true;
    } catch {
      return false;
    }
  }

  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    // Not inside the flow that reads the Finished: it may still refuse it.
    if (held === undefined) return;
    setImmediate(() => {
      this.#send(held);
      this.#flush();
    });
  }

  #send(data: Uint8Array): void {
    if (this.#connection.writable) this.#connection.write(data);
  }
}

const server = createServer({ allowHalfOpen: true }, (socket) => new Session(socket));
server.listen(0, 'localhost', () => console.log((server.address() as AddressInfo).port));
