/** Handshakes under the null cryptography, recorded: what each side receives, ready to be changed and replayed. */
import { concat, noBytes } from '../../src/bytes/bytes.ts';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { ClientOptions, ServerOptions } from '../../src/engine/config.ts';
import type { Connection } from '../../src/engine/connection.ts';
import { drive } from '../../src/engine/driver.ts';
import { clientHost, type Host, serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { TlsError } from '../../src/errors.ts';
import type { Credential } from '../../src/handshake/config.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { type SessionState, sessionState } from '../../src/session/state.ts';
import { encodeEchConfig, encodeEchConfigList } from '../../src/wire/ech-config.ts';
import { type ProtocolVersion, tls12, tls13 } from '../../src/wire/versions.ts';
import { type IdentityName, testIdentity } from '../helpers/pki.ts';
import { nullCrypto } from './null-crypto.ts';

export type Side = 'client' | 'server';

export interface Scenario {
  readonly name: string;
  readonly client: ClientOptions;
  readonly server: ServerOptions;
  /** Bytes around the content of a protected TLS 1.2 record. */
  readonly overhead: { readonly before: number; readonly after: number };
  /** What a side does when it is connected. */
  readonly after?: (side: Side, connection: Connection) => void;
  /** Bytes that the client writes as early data. */
  readonly earlyData?: boolean;
}

const now = Date.UTC(2026, 0, 1);

function credential(name: IdentityName, keyType: 'p256' | 'rsa'): Credential {
  const signature = new Uint8Array(64).fill(9);
  return {
    chain: testIdentity(name).chain,
    identity: name,
    signer: {
      keyType,
      schemes: keyType === 'rsa' ? [0x0804, 0x0401] : [0x0403],
      sign: () => signature,
      decryptRaw: (ciphertext) => (ciphertext.length === 256 ? ciphertext.slice() : undefined),
    },
  };
}

const ecdsa = credential('ecdsa-p256', 'p256');
const rsa = credential('rsa', 'rsa');
const clientEcdsa = credential('client-ecdsa-p256', 'p256');

/** The key of a certificate, bare (RFC 7250). */
function bare({ chain, signer }: Credential): Credential {
  return { chain: [], rawPublicKey: parseCertificate(chain[0] as Uint8Array).spki, signer };
}

const knowsKeys = { verifyPeer: () => ({ rawPublicKey: 'known' }) as const };
const bothTypes = ['rawPublicKey', 'x509'] as const;

/** A session that every ticket and session ID of these scenarios stands for. */
function state(version: typeof tls12 | typeof tls13, cipherSuite: number): SessionState {
  return sessionState({
    version,
    cipherSuite,
    secret: new Uint8Array(version === tls13 ? 32 : 48).fill(6),
    policyDigest: new Uint8Array(32),
    createdAt: now - 1000,
    lifetime: 7200,
    serverName: 'localhost',
    extendedMasterSecret: true,
    maxEarlyDataSize: version === tls13 ? 1000 : 0,
    peerCertificates: testIdentity('ecdsa-p256').chain,
  });
}

const states = { [tls12]: state(tls12, 0xcca9), [tls13]: state(tls13, 0x1301) };

function unasked(): never {
  throw new Error('the host answers for the sessions');
}

// Only what the configuration reads of it; the host below answers for it.
const sessions = {
  sessionIds: true,
  tls12Tickets: true,
  ticketCount: 2,
  maxTickets: 8,
  lifetime: 7200,
  maxEarlyDataSize: 1000,
  forgetSession: () => {},
  missed: () => {},
  lookupSession: unasked,
  openTicket: unasked,
  lookupPsk: unasked,
} as unknown as NonNullable<ServerOptions['sessions']>;

/** A compression that "compresses" to the same bytes. */
const compression = {
  algorithm: 2,
  compress: (certificate: Uint8Array) => certificate.slice(),
  decompress: (compressed: Uint8Array, length: number) => {
    if (compressed.length !== length) throw new Error('it does not decompress to this length');
    return compressed.slice();
  },
};

const common = { crypto: nullCrypto, now: () => now, verifyPeer: () => undefined };
const client: ClientOptions = { ...common, serverName: 'localhost', groups: ['x25519', 'secp256r1'] };
const server: ServerOptions = { ...common, credentials: [ecdsa], groups: ['x25519', 'secp256r1'] };
const chacha = { before: 0, after: 16 };

function talk(_side: Side, connection: Connection): void {
  connection.write(new Uint8Array(50).fill(0x61));
}

const session13 = {
  state: states[tls13],
  ticket: new Uint8Array(64).fill(0x74),
  sessionId: noBytes,
  lifetimeHint: 7200,
};
const session12 = {
  state: states[tls12],
  ticket: new Uint8Array(64).fill(0x74),
  sessionId: new Uint8Array(32).fill(0x73),
  lifetimeHint: 0,
};
const only12 = { maxVersion: tls12 } as const;

/** An ECHConfig for the one key pair that there is under the null cryptography. */
export const echConfig = encodeEchConfig({
  configId: 7,
  kem: 0x0020,
  publicKey: new Uint8Array(32).fill(4),
  cipherSuites: [{ kdf: 1, aead: 1 }],
  maximumNameLength: 16,
  publicName: 'public.example',
});
const ech = { configList: encodeEchConfigList([echConfig]) };
const echKeys = [{ config: echConfig, privateKey: new Uint8Array(32) }];

export const scenarios: readonly Scenario[] = [
  {
    name: 'tls13',
    overhead: chacha,
    client: {
      ...client,
      alpnProtocols: ['h2', 'http/1.1'],
      recordSizeLimit: 4096,
      requestOcsp: true,
      requestScts: true,
    },
    server: {
      ...server,
      sessions,
      alpnProtocols: ['http/1.1'],
      recordSizeLimit: 2048,
      credentials: [{ ...ecdsa, ocspResponse: new Uint8Array(30).fill(5), scts: [new Uint8Array(40).fill(6)] }],
    },
    after: talk,
  },
  {
    name: 'tls13-retry-cookie-client-auth',
    overhead: chacha,
    client: { ...client, credentials: [clientEcdsa], certificateCompression: [compression], grease: true },
    server: {
      ...server,
      groups: ['secp256r1'],
      retryCookie: true,
      clientCertificate: 'require',
      certificateCompression: [compression],
    },
    after: talk,
  },
  {
    name: 'tls13-key-updates-post-handshake-auth',
    overhead: chacha,
    client: { ...client, credentials: [clientEcdsa], postHandshakeAuth: true },
    server: { ...server, sessions, clientCertificate: 'none' },
    after(side, connection) {
      connection.updateKeys(true);
      if (side === 'server') connection.requestClientCertificate();
      talk(side, connection);
    },
  },
  {
    name: 'tls13-resumed-early-data',
    overhead: chacha,
    client: { ...client, sessions: [session13], earlyData: true },
    server: { ...server, sessions },
    earlyData: true,
    after: talk,
  },
  {
    name: 'tls13-resumed',
    overhead: chacha,
    client: { ...client, sessions: [session13, session13] },
    server: { ...server, sessions },
    after: talk,
  },
  {
    name: 'tls13-ech-retry-cookie',
    overhead: chacha,
    client: { ...client, ech, alpnProtocols: ['h2'], grease: true },
    server: { ...server, sessions, echKeys, groups: ['secp256r1'], retryCookie: true },
    after: talk,
  },
  {
    name: 'tls13-ech-resumed-early-data',
    overhead: chacha,
    client: { ...client, ech, sessions: [{ ...session13, hidden: true }], earlyData: true },
    server: { ...server, sessions, echKeys },
    earlyData: true,
    after: talk,
  },
  {
    name: 'tls13-ech-grease',
    overhead: chacha,
    client: { ...client, ech: { grease: true } },
    server: { ...server, sessions },
    after: talk,
  },
  {
    name: 'tls13-raw-public-keys',
    overhead: chacha,
    client: { ...client, ...knowsKeys, credentials: [bare(rsa)], serverCertificateTypes: bothTypes },
    server: {
      ...server,
      ...knowsKeys,
      credentials: [bare(ecdsa), ecdsa],
      clientCertificate: 'require',
      clientCertificateTypes: bothTypes,
    },
    after: talk,
  },
  {
    name: 'tls12-raw-public-keys',
    overhead: chacha,
    client: {
      ...client,
      ...knowsKeys,
      ...only12,
      cipherSuites: [0xcca9],
      credentials: [bare(clientEcdsa)],
      serverCertificateTypes: bothTypes,
    },
    server: {
      ...server,
      ...knowsKeys,
      sessions,
      credentials: [bare(ecdsa)],
      clientCertificate: 'request',
      clientCertificateTypes: ['rawPublicKey'],
    },
    after: talk,
  },
  {
    name: 'tls12-ecdsa',
    overhead: chacha,
    client: { ...client, ...only12, cipherSuites: [0xcca9] },
    server: { ...server, sessions },
    after: talk,
  },
  {
    name: 'tls12-rsa-gcm-client-auth',
    overhead: { before: 8, after: 16 },
    client: {
      ...client,
      ...only12,
      cipherSuites: [0xc02f],
      credentials: [clientEcdsa],
      requestOcsp: true,
      requestScts: true,
    },
    server: {
      ...server,
      cipherSuites: [0xc02f],
      credentials: [{ ...rsa, ocspResponse: new Uint8Array(30).fill(5), scts: [new Uint8Array(40).fill(6)] }],
      clientCertificate: 'require',
    },
    after: talk,
  },
  {
    name: 'tls12-static-rsa-cbc',
    overhead: { before: 16, after: 20 },
    client: { ...client, ...only12, cipherSuites: [0x002f], encryptThenMac: false },
    server: { ...server, cipherSuites: [0x002f], credentials: [rsa], encryptThenMac: false },
    after: talk,
  },
  {
    name: 'tls12-cbc-encrypt-then-mac',
    overhead: { before: 16, after: 20 },
    client: { ...client, ...only12, cipherSuites: [0xc009] },
    server: { ...server, cipherSuites: [0xc009] },
    after: talk,
  },
  {
    name: 'tls12-ticket',
    overhead: chacha,
    client: { ...client, ...only12, cipherSuites: [0xcca9], sessions: [session12] },
    server: { ...server, sessions },
    after: talk,
  },
  {
    name: 'tls12-session-id',
    overhead: chacha,
    client: { ...client, ...only12, cipherSuites: [0xcca9], sessions: [{ ...session12, ticket: noBytes }] },
    server: { ...server, sessions },
    after: talk,
  },
];

/** A state of its own for each handshake, which wipes its secret. */
function stateOf(version: ProtocolVersion): SessionState {
  const state = states[version];
  return { ...state, secret: state.secret.slice() };
}

/** A host that knows every session and can do everything at once. */
export function hostOf(scenario: Scenario, side: Side): Host {
  const host = side === 'client' ? clientHost(scenario.client) : serverHost(scenario.server);
  return {
    ...host,
    lookupSession: ({ binding }) => ({ state: stateOf(binding.version) }),
    openTicket: ({ binding }) => ({ state: stateOf(binding.version), renew: true }),
    lookupPsk: () => ({ key: new Uint8Array(32).fill(6), hash: 'sha256', kind: 'res', state: states[tls13] }),
    storeSession: () => true,
    sealTicket: () => ({ ticket: new Uint8Array(64).fill(0x74), lifetime: 7200 }),
    claimEarlyData: () => ({ accepted: true }),
  };
}

/** A fresh connection for one side. */
export function createSide(scenario: Scenario, side: Side): Connection {
  return side === 'client' ? new ClientConnection(scenario.client) : new ServerConnection(scenario.server);
}

/** What one side of a connection did and had. */
export interface Ran {
  readonly sent: Uint8Array;
  readonly connected: boolean;
}

/** Advances one side; does what its scenario says once it is connected, and closes when the peer has. */
export class Runner {
  readonly connection: Connection;
  readonly #scenario: Scenario;
  readonly #side: Side;
  readonly #host: Host;
  #acted = false;
  #early = false;

  constructor(scenario: Scenario, side: Side, host = hostOf(scenario, side)) {
    this.connection = createSide(scenario, side);
    this.#scenario = scenario;
    this.#side = side;
    this.#host = host;
  }

  /** Returns what goes to the peer. */
  turn(): Uint8Array {
    const { connection } = this;
    drive(connection, this.#host, () => {});
    if (
      this.#scenario.earlyData &&
      !this.#early &&
      this.#side === 'client' &&
      connection.writable &&
      !connection.connected
    ) {
      this.#early = true;
      connection.write(new Uint8Array(20).fill(0x65));
    }
    if (connection.connected && !this.#acted && connection.writable) {
      this.#acted = true;
      this.#act();
      drive(connection, this.#host, () => {});
    }
    connection.takeApplicationData();
    connection.takeSessions();
    return concat(...connection.takeOutgoing());
  }

  /** A changed handshake may not allow what comes after it; the call then says so. */
  #act(): void {
    try {
      this.#scenario.after?.(this.#side, this.connection);
    } catch (error) {
      if (!(error instanceof TlsError) || error.code === 'ERR_TLS_INTERNAL') throw error;
    }
  }
}

/** The bytes that one side receives in an undisturbed run, by record. */
export function record(scenario: Scenario): Record<Side, Uint8Array> {
  const client = new Runner(scenario, 'client');
  const server = new Runner(scenario, 'server');
  const received: Record<Side, Uint8Array[]> = { client: [], server: [] };
  let quiet = false;
  for (let turns = 0; turns < 20 && !(client.connection.closed && server.connection.closed); turns++) {
    const toServer = client.turn();
    if (toServer.length > 0) {
      received.server.push(toServer);
      server.connection.receive(toServer.slice());
    }
    const toClient = server.turn();
    if (toClient.length > 0) {
      received.client.push(toClient);
      client.connection.receive(toClient.slice());
    }
    // When both have said all, both close.
    if (toServer.length + toClient.length === 0) {
      if (quiet) break;
      quiet = true;
      client.connection.closeWrite();
      server.connection.closeWrite();
    }
  }
  for (const [side, { connection }] of Object.entries({ client, server })) {
    if (!connection.connected || connection.error !== undefined) {
      throw new Error(`${scenario.name}: the ${side} failed: ${connection.error?.stack ?? 'not connected'}`);
    }
  }
  return { client: concat(...received.client), server: concat(...received.server) };
}
