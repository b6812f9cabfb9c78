import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAuthority } from '../../ca/index.ts';
import { createNodeCrypto } from '../../crypto/node.ts';
import {
  ClientConnection,
  type ClientOptions,
  type Connection,
  clientHost,
  drive,
  type GroupName,
  type Host,
  localSigner,
  ServerConnection,
  type ServerOptions,
  serverHost,
} from '../../index.ts';
import { createTrustAnchors } from '../../pki/index.ts';
import {
  type ClientSession,
  encodeClientSession,
  MemoryStore,
  ServerSessions,
  TicketKeyring,
} from '../../session/index.ts';
import { peerVerifier } from '../client/trust.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { countedCrypto, type Operations } from './counted-crypto.ts';
import { type Measured, type Mode, median, modes } from './modes.ts';

export interface LocalOptions {
  /** Round-trip times to try, in milliseconds. */
  readonly rtts: readonly number[];
  /** Handshakes for the processor times. */
  readonly repeats: number;
  readonly groups?: readonly GroupName[] | undefined;
  readonly progress: (text: string) => void;
}

const clock = { now: () => Date.now() };
const request = new TextEncoder().encode(
  'GET / HTTP/1.1\r\nhost: localhost\r\nuser-agent: handfast\r\naccept: */*\r\n\r\n',
);
const response = new Uint8Array(1024).fill(0x2e);

interface Credentials {
  readonly chain: readonly Uint8Array[];
  readonly key: Uint8Array;
  readonly root: Uint8Array;
}

/** Measures all ways between a client and a server in this process, over a network that only has a delay. */
export async function compareLocal(options: LocalOptions): Promise<Measured[]> {
  const credentials = await makeCredentials();
  const ways = modes.map((mode) => new Way(mode, credentials, options));
  // In turns, so that whatever else the machine does weighs on all of them alike.
  const warmUp = Math.min(20, options.repeats);
  for (let i = 0; i < warmUp + options.repeats; i++) {
    if (i % 10 === 0) options.progress(`processor times, ${i} of ${warmUp + options.repeats}`);
    for (const way of ways) await way.connect(i >= warmUp);
  }
  const results: Measured[] = [];
  for (const way of ways) {
    options.progress(`${way.mode.title} over ${options.rtts.join(', ')} ms`);
    results.push(await way.result(options.rtts));
  }
  return results;
}

/** A certificate for localhost of an authority that is made for this run and thrown away. */
export async function makeCredentials(): Promise<Credentials> {
  const folder = await mkdtemp(join(tmpdir(), 'handfast-compare-'));
  try {
    const authority = await createAuthority({ folder: join(folder, 'ca'), name: 'compare' });
    const { chain, key } = await authority.issue({ names: ['localhost'] });
    await authority.close();
    return { chain, key: key as Uint8Array, root: authority.root.der };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Side<O> {
  readonly options: O;
  readonly counts: Operations;
}

/** A store that tells what a claim of early data costs: its key and its end. Claims are no sessions, and counted nowhere else. */
class ClaimStore extends MemoryStore {
  claimed: { readonly bytes: number; readonly milliseconds: number } | undefined;

  override claim(key: string, ttlMilliseconds: number): ReturnType<MemoryStore['claim']> {
    this.claimed = { bytes: key.length + Float64Array.BYTES_PER_ELEMENT, milliseconds: ttlMilliseconds };
    return super.claim(key, ttlMilliseconds);
  }
}

/** One way to connect, with its client and its server. */
class Way {
  readonly mode: Mode;
  readonly #store = new ClaimStore({ clock });
  readonly #server: Side<ServerOptions>;
  #client: Side<ClientOptions>;
  readonly #newClient: () => Side<ClientOptions>;
  readonly #clientCpu: number[] = [];
  readonly #serverCpu: number[] = [];
  #session: ClientSession | undefined;

  constructor(mode: Mode, credentials: Credentials, options: LocalOptions) {
    this.mode = mode;
    this.#server = serverSide(mode, credentials, this.#store, options);
    this.#newClient = () => clientSide(mode, credentials, options);
    this.#client = this.#newClient();
  }

  /** A connection without delay; the first one of a way that resumes is a full one. */
  async connect(counts: boolean): Promise<void> {
    const made = await this.#run(0);
    if (!counts) return;
    this.#clientCpu.push(made.clientCpu);
    this.#serverCpu.push(made.serverCpu);
  }

  async result(rtts: readonly number[]): Promise<Measured> {
    if (this.mode.resumes !== 'none' && this.#session === undefined) await this.#run(0);
    // One that has verified no issuer yet: what it remembers of them would be missing in the count.
    this.#client = this.#newClient();
    const before = { client: { ...this.#client.counts }, server: { ...this.#server.counts } };
    const one = await this.#run(0);
    expectMode(this.mode, one);
    const client = difference(this.#client.counts, before.client);
    const server = difference(this.#server.counts, before.server);
    const firstByte: { rtt: number; milliseconds: number }[] = [];
    for (const rtt of rtts) {
      const tries = [await this.#run(rtt), await this.#run(rtt), await this.#run(rtt)];
      firstByte.push({ rtt, milliseconds: median(tries.map((each) => each.firstByte)) });
    }
    const session = this.mode.resumes === 'none' ? undefined : this.#session;
    return {
      mode: this.mode,
      roundTrips: one.roundTrips,
      sent: one.sent,
      received: one.received,
      client,
      server,
      clientCpu: median(this.#clientCpu),
      serverCpu: median(this.#serverCpu),
      serverKeeps: this.#store.size === 0 ? 0 : Math.round(this.#store.bytes / this.#store.size),
      clientKeeps: session === undefined ? 0 : (encodeClientSession(session)?.length ?? 0),
      ...(this.#store.claimed === undefined ? {} : { serverRemembers: this.#store.claimed }),
      firstByte,
      info: { cipherSuiteName: one.cipherSuiteName, group: one.group },
    };
  }

  async #run(rtt: number): Promise<Run> {
    const resumes = this.mode.resumes !== 'none';
    const sessions = resumes && this.#session !== undefined ? [this.#session] : [];
    const made = await run(
      { ...this.#client.options, sessions },
      this.#server.options,
      rtt,
      this.mode.id === 'earlyData',
    );
    // TLS 1.3 tickets are used once, so each run brings the next one; TLS 1.2 sessions are used again.
    this.#session = made.sessions.at(-1) ?? this.#session;
    return made;
  }
}

function serverSide(
  mode: Mode,
  credentials: Credentials,
  store: MemoryStore,
  options: LocalOptions,
): Side<ServerOptions> {
  const { crypto, counts } = countedCrypto(createNodeCrypto());
  const keyring = new TicketKeyring({ crypto, clock });
  const sessions = new ServerSessions({
    crypto,
    ...(mode.id === 'sessionId' || mode.id === 'earlyData' ? { store } : {}),
    ...(mode.id === 'sessionId' ? {} : { keyring }),
    sessionIds: mode.id === 'sessionId',
    tls13Tickets: mode.id === 'sessionId' ? 'none' : 'stateless',
    ticketCount: 1,
    maxEarlyDataSize: mode.id === 'earlyData' ? 16_384 : 0,
  });
  const tls: ServerOptions = {
    crypto,
    credentials: [{ chain: credentials.chain, signer: localSigner(crypto.importPrivateKey(credentials.key)) }],
    ...(options.groups === undefined ? {} : { groups: options.groups }),
    // A first visit hands out what the next one resumes with: its cost belongs to the full handshake.
    sessions,
  };
  return { options: tls, counts };
}

function clientSide(mode: Mode, credentials: Credentials, options: LocalOptions): Side<ClientOptions> {
  const { crypto, counts } = countedCrypto(createNodeCrypto());
  const anchors = createTrustAnchors([credentials.root]);
  const tls: ClientOptions = {
    crypto,
    serverName: 'localhost',
    verifyPeer: peerVerifier(crypto, anchors, 'localhost', false),
    minVersion: mode.version,
    maxVersion: mode.version,
    earlyData: mode.id === 'earlyData',
    ...(options.groups === undefined ? {} : { groups: options.groups }),
  };
  return { options: tls, counts };
}

function expectMode(mode: Mode, made: Run): void {
  const early = mode.id !== 'earlyData' || made.earlyData;
  if (made.resumption === mode.resumes && early) return;
  throw new CliError(`${mode.title}: the connection came about otherwise (${made.resumption})`, {
    exitCode: exitCodes.internal,
  });
}

function difference(now: Operations, before: Operations): Operations {
  return {
    signatures: now.signatures - before.signatures,
    verifications: now.verifications - before.verifications,
    keyExchanges: now.keyExchanges - before.keyExchanges,
  };
}

interface Run {
  readonly roundTrips: number;
  readonly sent: number;
  readonly received: number;
  readonly clientCpu: number;
  readonly serverCpu: number;
  readonly firstByte: number;
  readonly resumption: string;
  readonly earlyData: boolean;
  readonly cipherSuiteName: string;
  readonly group: GroupName | undefined;
  readonly sessions: ClientSession[];
}

/** One end of a connection, with the time that it has used and its bytes. */
class End<C extends Connection> {
  readonly connection: C;
  readonly #host: Host;
  cpu = 0;
  handshakeBytes = 0;
  got = 0;

  constructor(connection: C, host: Host) {
    this.connection = connection;
    this.#host = host;
  }

  /** Takes what has arrived; what the handshake has to say. */
  step(arrived: readonly Uint8Array[], then: () => Uint8Array | undefined): Uint8Array[] {
    const start = performance.now();
    for (const bytes of arrived) this.connection.receive(bytes);
    drive(this.connection, this.#host, () => {});
    for (const data of this.connection.takeApplicationData()) this.got += data.length;
    // A copy: an empty list is the engine's own.
    const out = [...this.connection.takeOutgoing()];
    for (const bytes of out) this.handshakeBytes += bytes.length;
    const say = then();
    if (say !== undefined) {
      this.connection.write(say);
      out.push(...this.connection.takeOutgoing());
    }
    this.cpu += performance.now() - start;
    return out;
  }
}

/** One connection up to the response: flights go to and fro, each after half a round trip. */
async function run(
  clientOptions: ClientOptions,
  serverOptions: ServerOptions,
  rtt: number,
  early: boolean,
): Promise<Run> {
  const client = new End(new ClientConnection(clientOptions), clientHost(clientOptions));
  const server = new End(new ServerConnection(serverOptions), serverHost(serverOptions));
  const start = performance.now();
  if (rtt > 0) await sleep(rtt);
  let asked = false;
  let answered = false;
  let roundTrips = 0;
  let flight: Uint8Array[] = [];
  for (let turn = 0; turn < 10; turn++) {
    flight = client.step(flight, () => {
      const may = client.connection.connected || (early && client.connection.earlyDataAllowance >= request.length);
      if (asked || !may) return undefined;
      asked = true;
      return request;
    });
    if (client.got > 0) break;
    if (!asked) roundTrips++;
    if (rtt > 0) await sleep(rtt / 2);
    flight = server.step(flight, () => {
      if (answered || server.got === 0 || !server.connection.writable) return undefined;
      answered = true;
      return response;
    });
    if (rtt > 0) await sleep(rtt / 2);
  }
  const firstByte = performance.now() - start;
  const { error } = client.connection.closed ? client.connection : server.connection;
  if (client.got === 0)
    throw error ?? new CliError('the local connection did not finish', { exitCode: exitCodes.internal });
  // With 0-RTT the client's last flight comes after the response.
  const rest = server.step(flight, () => undefined);
  client.step(rest, () => undefined);
  const { info } = client.connection;
  const made: Run = {
    roundTrips,
    sent: client.handshakeBytes,
    received: server.handshakeBytes,
    clientCpu: client.cpu,
    serverCpu: server.cpu,
    firstByte,
    resumption: info.resumption,
    earlyData: info.earlyData === 'accepted',
    cipherSuiteName: info.cipherSuiteName,
    group: info.group,
    sessions: client.connection.takeSessions(),
  };
  client.connection.close();
  server.connection.close();
  return made;
}
