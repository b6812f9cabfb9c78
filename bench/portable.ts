// What the portable provider costs beside node:crypto: CPU (user and system, all threads) of each side of a handshake in
// memory, megabytes a second through the engine, and the size of a bundle for browsers.
//   node --import tsx bench/portable.ts [rounds]
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { createNodeCrypto } from '../src/crypto/node.ts';
import { createPortableCrypto } from '../src/crypto/portable.ts';
import type { CryptoProvider, GroupName } from '../src/crypto/provider.ts';
import { ClientConnection } from '../src/engine/client-connection.ts';
import type { ClientOptions, ServerOptions } from '../src/engine/config.ts';
import type { Connection } from '../src/engine/connection.ts';
import { drive } from '../src/engine/driver.ts';
import { clientHost, serverHost } from '../src/engine/host.ts';
import { ServerConnection } from '../src/engine/server-connection.ts';
import { localSigner } from '../src/engine/signer.ts';
import { createTrustAnchors } from '../src/pki/verify/anchors.ts';
import { verifyChainOrThrow } from '../src/pki/verify/verify-chain.ts';
import type { ClientSession } from '../src/session/client-session.ts';
import { ServerSessions } from '../src/session/resumption.ts';
import { TicketKeyring } from '../src/session/ticket-keyring.ts';
import { type KeyName, rootDer, testIdentity } from '../test/helpers/pki.ts';

const [roundsWord = '60', coldProvider] = process.argv.slice(2);
const rounds = Number(roundsWord);
const node = createNodeCrypto({ accelerator: false });
const providers = { node, portable: createPortableCrypto() };
const clock = { now: () => Date.now() };
const anchors = createTrustAnchors([rootDer]);

interface Scenario {
  readonly crypto: CryptoProvider;
  readonly version: 0x0303 | 0x0304;
  readonly group: GroupName;
  readonly key: KeyName;
}

interface Sides {
  readonly client: ClientOptions;
  readonly server: ServerOptions;
}

function sidesOf({ crypto, version, group, key }: Scenario): Sides {
  const { chain, key: pkcs8 } = testIdentity(key);
  // The portable provider does not sign with RSA; the row is about verifying it.
  const signer = localSigner((key === 'rsa' ? node : crypto).importPrivateKey(pkcs8));
  const sessions = new ServerSessions({ crypto, keyring: new TicketKeyring({ crypto, clock }) });
  // In TLS 1.2 the groups bound the curves of certificates, too.
  const groups: GroupName[] = version === 0x0303 ? [group, 'secp256r1'] : [group];
  const common = { crypto, minVersion: version, maxVersion: version, groups };
  return {
    server: { ...common, credentials: [{ chain, signer }], sessions },
    client: {
      ...common,
      serverName: 'localhost',
      verifyPeer({ chain, serverName = '' }) {
        verifyChainOrThrow({ chain, anchors, now: Date.now(), profile: 'server', name: serverName, crypto });
        return undefined;
      },
    },
  };
}

function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

interface Link {
  readonly client: ClientConnection;
  readonly server: ServerConnection;
  /** Milliseconds of CPU so far. */
  readonly spent: { client: number; server: number };
  sessions: readonly ClientSession[];
}

/** A handshake until both sides rest. */
function connect(sides: Sides, sessions: readonly ClientSession[]): Link {
  const spent = { client: 0, server: 0 };
  let start = cpu();
  const client = new ClientConnection({ ...sides.client, sessions });
  spent.client += cpu() - start;
  start = cpu();
  const server = new ServerConnection(sides.server);
  spent.server += cpu() - start;
  const link: Link = { client, server, spent, sessions: [] };
  exchange(link);
  if (!client.connected || !server.connected) throw client.error ?? server.error ?? new Error('no handshake');
  link.sessions = client.takeSessions();
  return link;
}

/** Moves bytes until nobody has any. */
function exchange({ client, server, spent }: Link): void {
  const hosts = { client: clientHost(client.options), server: serverHost(server.options) };
  const step = (side: 'client' | 'server', from: Connection, to: Connection): boolean => {
    let start = cpu();
    drive(from, hosts[side], () => {});
    const flight = from.takeOutgoing();
    from.takeApplicationData();
    spent[side] += cpu() - start;
    const other = side === 'client' ? 'server' : 'client';
    start = cpu();
    for (const bytes of flight) to.receive(bytes);
    spent[other] += cpu() - start;
    return flight.length > 0;
  };
  while ([step('client', client, server), step('server', server, client)].includes(true));
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] as number;
}

/** Median milliseconds of CPU of the client and of the server, after as many rounds that do not count. */
function handshakes(scenario: Scenario, resumed: boolean): { client: number; server: number } {
  const sides = sidesOf(scenario);
  const spent: { client: number; server: number }[] = [];
  let { sessions } = connect(sides, []);
  for (let round = 0; round < 2 * rounds; round++) {
    const link = connect(sides, resumed ? sessions.slice(-1) : []);
    if (link.client.info.resumed !== resumed) throw new Error('not the handshake that was wanted');
    // A session of TLS 1.2 serves again.
    if (link.sessions.length > 0) sessions = link.sessions;
    if (round >= rounds) spent.push(link.spent);
  }
  return { client: median(spent.map((one) => one.client)), server: median(spent.map((one) => one.server)) };
}

/** Megabytes that a CPU-second sends (server) and receives (client). */
function bulk(crypto: CryptoProvider, suite: number): { send: number; receive: number } {
  const sides = sidesOf({ crypto, version: 0x0304, group: 'x25519', key: 'ecdsa-p256' });
  const link = connect({ server: sides.server, client: { ...sides.client, cipherSuites: [suite] } }, []);
  const data = new Uint8Array(1 << 20);
  const [send, receive]: number[][] = [[], []];
  for (let round = 0; round < rounds / 2; round++) {
    Object.assign(link.spent, { client: 0, server: 0 });
    const start = cpu();
    link.server.write(data);
    const sealing = cpu() - start;
    exchange(link);
    if (round < rounds / 8) continue;
    send?.push(sealing + link.spent.server);
    receive?.push(link.spent.client);
  }
  const rate = (ms: number[] | undefined) => 1048.576 / median(ms ?? []);
  return { send: rate(send), receive: rate(receive) };
}

const plain: Scenario = { crypto: node, version: 0x0304, group: 'x25519', key: 'ecdsa-p256' };

if (coldProvider !== undefined) {
  // The first handshake of a process: nothing is compiled yet, no table of points is made.
  const crypto = coldProvider === 'portable' ? providers.portable : providers.node;
  console.log(connect(sidesOf({ ...plain, crypto, group: 'X25519MLKEM768' }), []).spent.client);
  process.exit();
}

console.log(`Node ${process.versions.node}, milliseconds of CPU; ratio: portable / node:crypto\n`);
console.log('| handshake | client, node:crypto | portable | ratio | server, node:crypto | portable | ratio |');
console.log('| --- | --- | --- | --- | --- | --- | --- |');
const rows: readonly [string, Partial<Scenario>, boolean][] = [
  ['TLS 1.3, X25519, ECDSA P-256', {}, false],
  ['TLS 1.3, X25519MLKEM768, ECDSA P-256', { group: 'X25519MLKEM768' }, false],
  ['TLS 1.3, P-256, ECDSA P-256', { group: 'secp256r1' }, false],
  ['TLS 1.3, X25519, RSA 2048 (verified only)', { key: 'rsa' }, false],
  ['TLS 1.3, X25519, resumed', {}, true],
  ['TLS 1.2, X25519, ECDSA P-256', { version: 0x0303 }, false],
  ['TLS 1.2, resumed', { version: 0x0303 }, true],
];
for (const [name, change, resumed] of rows) {
  const [theirs, ours] = Object.values(providers).map((crypto) => handshakes({ ...plain, ...change, crypto }, resumed));
  if (theirs === undefined || ours === undefined) throw new Error('no provider');
  const cells = (side: 'client' | 'server') =>
    `${theirs[side].toFixed(2)} | ${ours[side].toFixed(2)} | ${(ours[side] / theirs[side]).toFixed(1)}`;
  console.log(`| ${name} | ${cells('client')} | ${change.key === 'rsa' ? '– | – | –' : cells('server')} |`);
}

const cold = (provider: string) =>
  median(
    Array.from({ length: 5 }, () =>
      Number(execFileSync(process.execPath, ['--import', 'tsx', fileURLToPath(import.meta.url), '1', provider])),
    ),
  );
console.log(
  `\nthe first client handshake of a process: node:crypto ${cold('node').toFixed(0)} ms of CPU, portable ${cold('portable').toFixed(0)} ms\n`,
);

console.log('| MB a CPU-second | send, node:crypto | portable | receive, node:crypto | portable |');
console.log('| --- | --- | --- | --- | --- |');
for (const [name, suite] of [
  ['ChaCha20-Poly1305', 0x1303],
  ['AES-128-GCM', 0x1301],
  ['AES-256-GCM', 0x1302],
] as const) {
  const [theirs, ours] = Object.values(providers).map((crypto) => bulk(crypto, suite));
  const cells = (way: 'send' | 'receive') => `${theirs?.[way].toFixed(0)} | ${ours?.[way].toFixed(0)}`;
  console.log(`| ${name} | ${cells('send')} | ${cells('receive')} |`);
}

console.log('\n| bundle, minified | KB | with gzip |\n| --- | --- | --- |');
for (const [name, lines] of [
  [
    'a client: engine, portable provider, chain verification',
    [
      "export { ClientConnection, clientHost, drive } from './index.ts';",
      "export { createTrustAnchors, verifyChainOrThrow } from './pki/index.ts';",
      "export { createPortableCrypto } from './portable.ts';",
    ],
  ],
  ['the portable provider alone', ["export { createPortableCrypto } from './portable.ts';"]],
  [
    'handfast, handfast/portable, handfast/pki and handfast/session whole',
    [
      "export * from './index.ts';",
      "export * as pki from './pki/index.ts';",
      "export * as session from './session/index.ts';",
      "export * from './portable.ts';",
    ],
  ],
] as const) {
  const resolveDir = fileURLToPath(new URL('../src', import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents: lines.join('\n'), resolveDir, loader: 'ts' },
    bundle: true,
    write: false,
    minify: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
  });
  const bytes = outputFiles[0]?.contents ?? new Uint8Array();
  console.log(
    `| ${name} | ${(bytes.length / 1000).toFixed(0)} | ${(gzipSync(bytes, { level: 9 }).length / 1000).toFixed(0)} |`,
  );
}
