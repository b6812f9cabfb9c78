/**
 * Programs call a connection in any order, hosts answer when they like, and transports cut where they like: two honest
 * sides, features drawn at random, calls drawn at random. Nothing may fail but a call that says so, no byte may be lost,
 * and an end that both sides asked for must be clean. `HANDFAST_ANY_ORDER=runs[,seed]` runs more, or one again.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { equal } from '../../src/bytes/bytes.ts';
import { pskCipherSuites } from '../../src/crypto/cipher-suites.ts';
import type { GroupName } from '../../src/crypto/provider.ts';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { ClientOptions, ServerOptions } from '../../src/engine/config.ts';
import type { Connection } from '../../src/engine/connection.ts';
import { createEchKey } from '../../src/engine/ech-key.ts';
import { clientHost, type Host, serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { localSigner } from '../../src/engine/signer.ts';
import { TlsError } from '../../src/errors.ts';
import type { CertificateCompression, Credential } from '../../src/handshake/config.ts';
import type { ClientSession } from '../../src/session/client-session.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { encodeEchConfigList } from '../../src/wire/ech-config.ts';
import { type ProtocolVersion, tls12, tls13 } from '../../src/wire/versions.ts';
import { Random } from '../fuzz/random.ts';
import { clientDefaults, crypto, join, serverDefaults, testCredential } from '../handshake/pair.ts';
import { testIdentity } from '../helpers/pki.ts';

const clock = { now: Date.now };
const echKey = createEchKey(crypto, { publicName: 'public.example' });
const echList = encodeEchConfigList([echKey.config]);
const otherEchList = encodeEchConfigList([createEchKey(crypto, { publicName: 'public.example' }).config]);
const psk = {
  identity: new TextEncoder().encode('sensor 7'),
  secret: crypto.random(32).slice(),
  hash: 'sha256',
} as const;

const knownPsk = (identity: Uint8Array) => (equal(identity, psk.identity) ? { ...psk, imported: false } : undefined);

const compression: CertificateCompression = {
  algorithm: 0xff01,
  compress: (certificate) => Uint8Array.of(9, ...certificate),
  decompress: (compressed) => compressed.slice(1),
};

function rawCredential(name: 'ecdsa-p256' | 'rsa'): Credential {
  const key = crypto.importPrivateKey(testIdentity(name).key);
  return { chain: [], rawPublicKey: key.publicKey, signer: localSigner(key), identity: `raw ${name}` };
}

const credentials = {
  x509: testCredential('ecdsa-p256'),
  rsa: testCredential('rsa'),
  raw: rawCredential('ecdsa-p256'),
};
const known = () => ({ rawPublicKey: 'known' }) as const;

/** What a server and its clients go by, for several connections one after the other. */
interface World {
  readonly client: ClientOptions;
  readonly server: ServerOptions;
  readonly words: string;
  /** Whether the server refuses Encrypted Client Hello, with which the connection then ends. */
  readonly echRejected: boolean;
}

function createWorld(random: Random): World {
  const words: string[] = [];
  const chance = <T extends object>(n: number, word: string, options: T): Partial<T> => {
    if (!random.oneIn(n)) return {};
    words.push(word);
    return options;
  };
  const version: ProtocolVersion = random.oneIn(3) ? tls12 : tls13;
  words.push(version.toString(16));
  const sizes = [64, 100, 1000, 16_384];
  const limit = { recordSizeLimit: random.pick(sizes) };
  const echRejected = version === tls13 && random.oneIn(12);
  if (echRejected) words.push('ech rejected');
  const sessions = new ServerSessions({
    crypto,
    keyring: new TicketKeyring({ crypto, clock }),
    store: new MemoryStore({ clock }),
    tls12Tickets: !random.oneIn(3),
    tls13Tickets: random.pick(['stateless', 'stateful'] as const),
    maxEarlyDataSize: random.oneIn(3) ? 0 : 5000,
    ...(random.oneIn(4) && { externalPsk: knownPsk }),
  });
  const byPsk = sessions.hasExternalPsks;
  if (byPsk) words.push('psk');
  const suites12 = random.pick([[0xc02b, 0xc02f], [0xc009, 0xc013], [0xcca9, 0xcca8], [0x009c], [0x002f]]);
  const cipherSuites = version === tls12 ? [...(byPsk ? pskCipherSuites : []), ...suites12] : [0x1301, 0x1302, 0x1303];
  const groups: readonly GroupName[] =
    version === tls12 ? ['x25519', 'secp256r1'] : ['x25519', 'secp256r1', 'X25519MLKEM768'];
  // After a rejection the client shows no certificate.
  const clientCertificate = random.pick(['none', 'request', echRejected ? 'none' : 'require'] as const);
  words.push(clientCertificate);
  const raw = random.oneIn(4);
  if (raw) words.push('raw public keys');
  const common = { cipherSuites, maxVersion: version, minVersion: version, verifyPeer: known };
  return {
    words: words.join(', '),
    echRejected,
    client: {
      ...clientDefaults,
      ...common,
      earlyData: true,
      credentials: raw ? [credentials.raw] : [credentials.x509],
      ...(raw && { serverCertificateTypes: ['rawPublicKey', 'x509'] as const }),
      ...(byPsk && { externalPsks: [psk] }),
      keyShares: [random.pick(['x25519', 'secp256r1'] as const)],
      groups: ['x25519', 'secp256r1', 'X25519MLKEM768'],
      postHandshakeAuth: random.oneIn(2),
      grease: random.oneIn(2),
      permuteExtensions: random.oneIn(2),
      requestOcsp: random.oneIn(2),
      alpnProtocols: random.oneIn(2) ? ['h2', 'http/1.1'] : [],
      ...chance(3, 'client limit', limit),
      ...chance(3, 'client fragment', { maxSendFragment: random.pick(sizes) }),
      ...chance(3, 'client compression', { certificateCompression: [compression] }),
      ...chance(4, 'ticket request', { ticketRequest: { newSessionCount: 3, resumptionCount: 0 } }),
      ...(version === tls13 &&
        (echRejected ? { ech: { configList: otherEchList } } : chance(3, 'ech', { ech: { configList: echList } }))),
    },
    server: {
      ...serverDefaults,
      ...common,
      credentials: [...(raw ? [credentials.raw] : []), credentials.x509, credentials.rsa],
      clientCertificate,
      ...(raw && { clientCertificateTypes: ['rawPublicKey', 'x509'] as const }),
      sessions,
      echKeys: [echKey],
      ...(byPsk && version === tls12 && { psk: {} }),
      groups: [random.pick(groups)],
      alpnProtocols: random.oneIn(2) ? ['http/1.1'] : [],
      ...chance(3, 'server limit', limit),
      ...chance(3, 'server fragment', { maxSendFragment: random.pick(sizes) }),
      ...chance(3, 'server compression', { certificateCompression: [compression] }),
      ...chance(4, 'cookie', { retryCookie: true }),
    },
  };
}

/** Codes of calls that do not fit the moment. */
const misuse = ['ERR_TLS_STATE', 'ERR_TLS_NO_POST_HANDSHAKE_AUTH', 'ERR_TLS_NO_EXTENDED_MASTER_SECRET'];

const hostTrouble = 'this host fails';

class Side {
  readonly name: 'client' | 'server';
  readonly connection: Connection;
  readonly #host: Host;
  readonly #random: Random;
  /** Answers of the host that have not been given yet. */
  readonly #late: (() => void)[] = [];
  /** What was written, and how much of it as early data. */
  written: Uint8Array[] = [];
  early = 0;
  received: Uint8Array[] = [];
  /** Bytes on their way to the peer. */
  wire: Uint8Array = new Uint8Array(0);
  closed: 'open' | 'half' | 'closed' = 'open';
  updates = 0;
  requests = 0;
  /** Whether the host fails now and then. */
  readonly #fails: boolean;

  constructor(name: 'client' | 'server', connection: Connection, host: Host, random: Random, fails: boolean) {
    this.#fails = fails;
    this.name = name;
    this.connection = connection;
    this.#host = host;
    this.#random = random;
  }

  get waits(): boolean {
    return this.#late.length > 0;
  }

  /** Lets the connection work, and asks the host, which answers at once or later. */
  advance(): void {
    for (;;) {
      const progress = this.connection.advance();
      this.received.push(...this.connection.takeApplicationData());
      if (progress.state !== 'needsHost') break;
      const { id, request } = progress;
      const value = (this.#host[request.name] as (input: unknown) => unknown)(request.input);
      const fails = this.#fails && this.#random.oneIn(40);
      const failure = this.#random.oneIn(2)
        ? new Error(hostTrouble)
        : new TlsError('ERR_TLS_TEST', 'accessDenied', 'no');
      const answer = () => (fails ? this.connection.fail(id, failure) : this.connection.answer(id, value));
      if (this.#random.oneIn(2)) answer();
      else this.#late.push(answer);
    }
    if (!this.#random.oneIn(3)) this.flush();
  }

  flush(): void {
    this.wire = join([this.wire, ...this.connection.takeOutgoing()]);
  }

  /** Gives one of the answers that wait: not always the eldest. */
  answerOne(): void {
    const [answer] = this.#late.splice(this.#random.below(this.#late.length), 1);
    answer?.();
  }

  /** A call of the program, drawn at random. */
  call(): void {
    const { connection } = this;
    try {
      switch (this.#random.below(14)) {
        case 0:
        case 1:
        case 2:
        case 3:
          return this.write(new Uint8Array(this.#random.pick([0, 1, 63, 64, 500, 3000])));
        case 4:
          if (this.updates++ < 5) connection.updateKeys(this.#random.oneIn(2));
          return;
        case 5:
          if (this.requests++ < 3) connection.requestClientCertificate();
          return;
        case 6:
          return connection.setMaxFragment(this.#random.pick([1, 1000, 16_384]));
        case 7:
          return void connection.exportKeyingMaterial(32, 'EXPORTER-test');
        case 8:
          return void connection.exportEarlyKeyingMaterial(32, 'EXPORTER-test');
        case 9:
          return this.flush();
        case 10:
          return void connection.info;
        case 11:
          return connection.release(new Uint8Array(1));
        case 12:
          if (!this.#random.oneIn(12)) return;
          connection.closeWrite();
          if (this.closed === 'open') this.closed = 'half';
          return;
        case 13:
          if (!this.#random.oneIn(20)) return;
          this.flush();
          connection.close();
          this.closed = 'closed';
          return;
      }
    } catch (error) {
      assert.ok(error instanceof TlsError && misuse.includes(error.code), (error as Error).stack);
    }
  }

  write(bytes: Uint8Array): void {
    const { connection } = this;
    if (!connection.writable) return;
    const isEarly = this.name === 'client' && !connection.connected;
    const allowed = isEarly ? bytes.subarray(0, connection.earlyDataAllowance) : bytes;
    crypto.random(allowed.length).forEach((byte, i) => {
      allowed[i] = byte;
    });
    connection.write(allowed);
    this.written.push(allowed.slice());
    if (isEarly) this.early += allowed.length;
  }
}

/**
 * One connection; the sessions that it gave.
 *
 * @param trouble whether hosts fail, transports end in the middle and somebody changes what they carry.
 */
function runOnce(world: World, random: Random, offered: readonly ClientSession[], trouble: boolean): ClientSession[] {
  const clientOptions = { ...world.client, sessions: offered };
  const client = new Side('client', new ClientConnection(clientOptions), clientHost(clientOptions), random, trouble);
  const server = new Side('server', new ServerConnection(world.server), serverHost(world.server), random, trouble);
  const given: ClientSession[] = [];
  const sides = [client, server] as const;
  const deliver = (from: Side, to: Side, size: number) => {
    if (from.wire.length === 0) return;
    to.connection.receive(from.wire.slice(0, size), random.oneIn(2));
    from.wire = from.wire.slice(size);
  };
  client.advance();
  const steps = 60 + random.below(200);
  for (let step = 0; step < steps; step++) {
    const i = random.below(2);
    const [side, other] = [sides[i] as Side, sides[1 - i] as Side];
    const action = random.below(6);
    if (action === 0) side.call();
    else if (action === 1 && side.waits) side.answerOne();
    else if (action === 2) side.advance();
    else deliver(other, side, random.pick([1, 5, 100, 1500, 65_536]));
    if (trouble && other.wire.length > 0 && random.oneIn(100)) {
      const at = random.below(other.wire.length);
      other.wire[at] = (other.wire[at] as number) ^ (1 << random.below(8));
    }
    if (trouble && random.oneIn(300)) side.connection.receiveEnd();
    if (action > 2) side.advance();
    given.push(...(client.connection as ClientConnection).takeSessions());
  }
  // To the end: everything is answered and delivered, and both sides say goodbye.
  settle(sides, deliver);
  if (!trouble) check(world, client, server);
  for (const side of sides) side.connection.closeWrite();
  settle(sides, deliver);
  given.push(...(client.connection as ClientConnection).takeSessions());
  if (trouble) {
    for (const side of sides) side.connection.receiveEnd();
    settle(sides, deliver);
    for (const { connection } of sides) {
      const { error } = connection;
      if (error?.code === 'ERR_TLS_INTERNAL' && !error.message.includes(hostTrouble)) throw error;
    }
  } else {
    check(world, client, server);
  }
  for (const { connection } of sides) {
    assert.ok(connection.closed, 'both have said goodbye');
    assert.deepEqual(connection.takeOutgoing(), []);
    assert.equal(connection.advance().state, 'closed');
  }
  return given;
}

function settle(sides: readonly [Side, Side], deliver: (from: Side, to: Side, size: number) => void): void {
  for (let idle = 0; idle < 3; idle++) {
    for (const side of sides) {
      const other = sides[0] === side ? sides[1] : sides[0];
      while (side.waits) {
        side.answerOne();
        idle = 0;
      }
      side.advance();
      side.flush();
      if (side.wire.length > 0) idle = 0;
      while (side.wire.length > 0) deliver(side, other, 65_536);
      // The goodbye of a client may stand under keys of early data that the server refuses: then the transport tells.
      if (side.connection.closed) other.connection.receiveEnd();
      other.advance();
    }
  }
}

function check(world: World, client: Side, server: Side): void {
  const ended = client.closed === 'closed' || server.closed === 'closed';
  // Who fails by itself first: the other one has merely heard of it.
  const sides = [client, server].sort((a, b) => Number(isAlert(a)) - Number(isAlert(b)));
  for (const { name, connection } of sides) {
    const { error } = connection;
    if (error === undefined) continue;
    // A goodbye before the handshake is done ends it, on either side.
    if (ended && error.code === 'ERR_TLS_ALERT_RECEIVED' && error.message.includes('closeNotify')) continue;
    if (ended && error.code === 'ERR_TLS_CONNECTION_ENDED') continue;
    if (
      world.echRejected &&
      (name === 'client' ? error.code === 'ERR_TLS_ECH_REJECTED' : error.message.includes('echRequired'))
    )
      continue;
    throw error;
  }
  if (world.echRejected || ended) return;
  assert.ok(client.connection.connected && server.connection.connected, 'the handshake is done');
  compare(client, server);
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    const all = join(from.written);
    const refused = from.name === 'client' && from.connection.info.earlyData !== 'accepted' ? from.early : 0;
    assert.deepEqual(join(to.received), all.slice(refused), `what the ${from.name} has written`);
  }
}

/** Two sides of one connection see the same. */
function compare({ connection: client }: Side, { connection: server }: Side): void {
  const shown = ({ info }: Connection) => ({
    version: info.version,
    suite: info.cipherSuite,
    group: info.group,
    alpn: info.alpnProtocol,
    resumption: info.resumption,
    earlyData: info.earlyData,
    retried: info.helloRetryRequest,
    hidden: info.echAccepted,
    extended: info.extendedMasterSecret,
  });
  assert.deepEqual(shown(client), shown(server));
  if (client.closed || server.closed) return;
  const [ours, theirs] = [client, server].map((side) => side.exportKeyingMaterial(32, 'EXPORTER-same'));
  assert.deepEqual(ours, theirs);
}

function isAlert({ connection }: Side): boolean {
  return connection.error?.code === 'ERR_TLS_ALERT_RECEIVED';
}

const [runs = 60, only] = (process.env['HANDFAST_ANY_ORDER'] ?? '').split(',').filter(Boolean).map(Number);

describe('calls in any order', () => {
  for (const [what, trouble] of [
    ['', false],
    [', in which hosts fail, transports end and bytes are changed', true],
  ] as const) {
    test(`${runs} worlds, three connections in each${what}`, () => {
      for (let seed = only ?? 1; seed < (only ?? 1) + runs; seed++) {
        const random = new Random(seed);
        const world = createWorld(random);
        let sessions: ClientSession[] = [];
        for (let i = 0; i < 3; i++) {
          try {
            sessions = [...runOnce(world, random, sessions, trouble), ...sessions].slice(0, 3);
          } catch (error) {
            throw new Error(`seed ${seed}, connection ${i}: ${world.words}`, { cause: error });
          }
        }
      }
    });
  }
});
