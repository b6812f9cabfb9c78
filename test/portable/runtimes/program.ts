/**
 * What docs/portable.md promises of every runtime, as a program that knows none: handshakes of both versions, sessions by ticket, ID
 * and PSK, early data, bad input, verdicts on certificates, and keys of Web Crypto whose answers come in odd order.
 */
import {
  ClientConnection,
  type ClientOptions,
  clientHost,
  drive,
  localSigner,
  ServerConnection,
  type ServerOptions,
  serverHost,
} from '../../../src/index.ts';
import { createTrustAnchors, verifyChainOrThrow } from '../../../src/pki/index.ts';
import { webCryptoSigner } from '../../../src/portable.ts';
import { MemoryStore, ServerSessions, TicketKeyring } from '../../../src/session/index.ts';

type Crypto = ClientOptions['crypto'];

/** Certificates and keys, in base64. */
export interface Fixtures {
  readonly root: string;
  readonly identities: Readonly<Record<string, { readonly chain: readonly string[]; readonly key: string }>>;
}

const clock = { now: Date.now };
const decode = (text: string) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const words = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const say = (text: string) => new TextEncoder().encode(text);

/** Algorithms under which Web Crypto imports the keys. */
const imports: Readonly<Record<string, readonly object[]>> = {
  'ecdsa-p256': [{ name: 'ECDSA', namedCurve: 'P-256' }],
  rsa: [
    { name: 'RSA-PSS', hash: 'SHA-256' },
    { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  ],
};

/** The names of what failed; empty where all is well. */
export async function runProgram(crypto: Crypto, fixtures: Fixtures): Promise<string[]> {
  const failures: string[] = [];
  const check = (what: string, isRight: boolean, error?: Error) => {
    if (!isRight) failures.push(error === undefined ? what : `${what}: ${error.message}`);
  };
  const anchors = createTrustAnchors([decode(fixtures.root)]);
  const identity = (name: string) => {
    const { chain, key } = fixtures.identities[name] as Fixtures['identities'][string];
    return { chain: chain.map(decode), key: decode(key) };
  };
  const { chain, key } = identity('ecdsa-p256');
  const credential = { chain, signer: localSigner(crypto.importPrivateKey(key)) };
  const client: ClientOptions = {
    crypto,
    serverName: 'localhost',
    verifyPeer: (peer) => {
      verifyChainOrThrow({
        chain: peer.chain,
        anchors,
        now: Date.now(),
        profile: 'server',
        crypto,
        name: peer.serverName,
      });
      return undefined;
    },
  };
  const createSessions = (tls12Tickets = true) =>
    new ServerSessions({
      crypto,
      keyring: new TicketKeyring({ crypto, clock }),
      store: new MemoryStore({ clock }),
      maxEarlyDataSize: 1000,
      tls12Tickets,
    });

  /** @param patience turns in which nothing comes, until it is given up; some runtimes make thousands of them a second. */
  async function connect(ours: Partial<ClientOptions>, theirs: Partial<ServerOptions>, patience = 50) {
    const clientSide = new ClientConnection({ ...client, ...ours });
    const serverSide = new ServerConnection({ crypto, credentials: [credential], ...theirs });
    const hosts = [clientHost(clientSide.options), serverHost(serverSide.options)] as const;
    let asked = '';
    let answered = '';
    let sent = false;
    for (let idle = 0; idle < patience; idle++) {
      drive(clientSide, hosts[0], () => {});
      if (!sent && clientSide.writable) {
        sent = true;
        clientSide.write(say('ping'));
      }
      for (const bytes of clientSide.takeOutgoing()) {
        serverSide.receive(bytes);
        idle = 0;
      }
      drive(serverSide, hosts[1], () => {});
      for (const bytes of serverSide.takeApplicationData()) {
        asked += words(bytes);
        serverSide.write(say('pong'));
      }
      for (const bytes of serverSide.takeOutgoing()) {
        clientSide.receive(bytes);
        idle = 0;
      }
      drive(clientSide, hosts[0], () => {});
      for (const bytes of clientSide.takeApplicationData()) answered += words(bytes);
      if (answered !== '' && clientSide.connected && serverSide.connected) break;
      await later(0);
    }
    return {
      client: clientSide,
      server: serverSide,
      spoke: `${asked} ${answered}` === 'ping pong',
      sessions: clientSide.takeSessions(),
    };
  }

  for (const maxVersion of [0x0304, 0x0303] as const) {
    for (const tickets of maxVersion === 0x0304 ? [true] : [true, false]) {
      const sessions = createSessions(tickets);
      const name = `${maxVersion.toString(16)} ${tickets ? 'ticket' : 'session ID'}`;
      const first = await connect({ maxVersion }, { sessions });
      check(`${name}: full`, first.spoke && !first.client.info.resumed, first.client.error ?? first.server.error);
      const second = await connect({ maxVersion, sessions: first.sessions.slice(0, 1) }, { sessions });
      check(`${name}: resumed`, second.spoke && second.client.info.resumed, second.client.error ?? second.server.error);
      if (maxVersion === 0x0303) continue;
      const early = await connect({ sessions: first.sessions.slice(1, 2), earlyData: true }, { sessions });
      check('early data', early.spoke && early.server.info.earlyData === 'accepted', early.server.error);
    }
  }
  for (const group of ['x25519', 'secp256r1', 'secp384r1', 'secp521r1', 'X25519MLKEM768'] as const) {
    if (crypto.keyExchange(group) === undefined) continue;
    const { spoke, server } = await connect({ groups: [group] }, { groups: [group] });
    check(group, spoke, server.error);
  }
  for (const suite of [0x1301, 0x1302, 0x1303]) {
    if (suite === 0x1303 && crypto.missingAeads?.includes('chacha20poly1305')) continue;
    const { spoke, server } = await connect({ cipherSuites: [suite] }, {});
    check(suite.toString(16), spoke, server.error);
  }

  const stranger = await connect({ serverName: 'elsewhere.test' }, {});
  check('another name is refused', stranger.client.error?.name === 'CertificateError');
  for (let at = 0; at < 700; at += 37) {
    const [clientSide, serverSide] = [
      new ClientConnection(client),
      new ServerConnection({ crypto, credentials: [credential] }),
    ];
    drive(clientSide, clientHost(client), () => {});
    for (const bytes of clientSide.takeOutgoing()) serverSide.receive(bytes);
    drive(serverSide, serverHost(serverSide.options), () => {});
    // In the random of ServerHello and behind it: each bit counts for the keys.
    for (const bytes of serverSide.takeOutgoing()) {
      const changed = bytes.slice();
      changed[11 + at] = (changed[11 + at] ?? 0) ^ 1;
      clientSide.receive(changed);
    }
    drive(clientSide, clientHost(client), () => {});
    check(`a flight that is wrong at ${at}`, !clientSide.connected && clientSide.error !== undefined);
  }

  for (const [name, algorithms] of Object.entries(imports)) {
    const { chain, key } = identity(name);
    const keys = algorithms.map((algorithm) =>
      globalThis.crypto.subtle.importKey('pkcs8', key as never, algorithm as never, false, ['sign']),
    );
    const signer = webCryptoSigner(...(await Promise.all(keys)));
    for (const maxVersion of [0x0304, 0x0303] as const) {
      const { spoke, server } = await connect({ maxVersion }, { credentials: [{ chain, signer }] });
      check(`Web Crypto ${name} ${maxVersion.toString(16)}`, spoke, server.error);
    }
    let started = 0;
    const sign = async (scheme: number, data: Uint8Array) => {
      const wait = 30 - 6 * started++;
      const signature = await signer.sign(scheme, data);
      await later(wait);
      return signature;
    };
    const many = Array.from({ length: 5 }, () =>
      connect({}, { credentials: [{ chain, signer: { ...signer, sign } }] }, 100_000),
    );
    check(
      `Web Crypto ${name}, the last answer first`,
      (await Promise.all(many)).every(({ spoke }) => spoke),
    );
    const broken = { ...signer, sign: () => Promise.reject(new Error('no')) };
    const { client: refused, server: failed } = await connect({}, { credentials: [{ chain, signer: broken }] });
    check(
      `Web Crypto ${name} fails`,
      failed.error?.code === 'ERR_TLS_INTERNAL' && refused.error?.code === 'ERR_TLS_ALERT_RECEIVED',
    );
  }
  return failures;
}
