/** The engine, the portable provider and the PKI run where nothing of Node is: proved on a bundle for browsers. */
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { type BuildResult, build } from 'esbuild';
import { rootDer, testIdentity } from '../helpers/pki.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

async function bundle(contents: string): Promise<BuildResult & { text: string }> {
  const result = await build({
    stdin: { contents, resolveDir: join(root, 'src'), loader: 'ts' },
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    logLevel: 'silent',
  });
  return { ...result, text: result.outputFiles[0]?.text ?? '' };
}

/** Everything that a program in a browser may import. */
const entries = ['./index.ts', './portable.ts', './pki/index.ts', './session/index.ts'];

test('handfast, handfast/portable, handfast/pki and handfast/session import nothing of Node', async () => {
  const { metafile, text } = await bundle(
    entries.map((entry) => `export * as ${name(entry)} from '${entry}';`).join('\n'),
  );
  assert.ok(metafile !== undefined);
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
  assert.deepEqual(imports, []);
  const modules = Object.keys(metafile.inputs);
  assert.deepEqual(
    modules.filter((path) => /(^|\/)src\/(node\/|crypto\/node)/.test(path)),
    [],
  );
  assert.ok(gzipSync(text).length < 200_000, `${gzipSync(text).length} bytes with gzip`);
});

test('an import of Node would be found', async () => {
  await assert.rejects(
    bundle("import { createNodeCrypto } from './crypto/node.ts'; createNodeCrypto();"),
    /node:crypto/,
  );
});

function name(entry: string): string {
  return entry.replace(/\W/g, '_');
}

/** A client and a server that shake hands twice, as a program that knows nothing of Node. */
const program = `
import { ClientConnection, clientHost, drive, localSigner, ServerConnection, serverHost } from './index.ts';
import { createTrustAnchors, verifyChainOrThrow } from './pki/index.ts';
import { createPortableCrypto } from './portable.ts';
import { ServerSessions, TicketKeyring } from './session/index.ts';

const crypto = createPortableCrypto();
const { now, ...files } = globalThis.input;
const [chain, key, rootDer] = [files.chain.map(bytes), bytes(files.key), bytes(files.rootDer)];
function bytes(list) { return Uint8Array.from(list); }
const anchors = createTrustAnchors([rootDer]);
const clock = { now: () => now };
const timers = { set: () => 0, clear: () => {} };
const server = {
  crypto,
  now: clock.now,
  credentials: [{ chain, signer: localSigner(crypto.importPrivateKey(key)) }],
  sessions: new ServerSessions({ crypto, keyring: new TicketKeyring({ crypto, clock, timers }) }),
};
const client = {
  crypto,
  now: clock.now,
  serverName: 'localhost',
  verifyPeer({ chain, serverName }) {
    verifyChainOrThrow({ chain, anchors, now, profile: 'server', crypto, name: serverName });
    return undefined;
  },
};

function connect(sessions) {
  const clientSide = new ClientConnection({ ...client, sessions });
  const serverSide = new ServerConnection(server);
  const hosts = [clientHost(clientSide.options), serverHost(serverSide.options)];
  const text = [];
  let sent = false;
  for (let i = 0; i < 20; i++) {
    drive(clientSide, hosts[0], () => {});
    if (clientSide.connected && !sent) clientSide.write(new TextEncoder().encode('ping'));
    sent = clientSide.connected;
    for (const bytes of clientSide.takeOutgoing()) serverSide.receive(bytes);
    drive(serverSide, hosts[1], () => {});
    for (const bytes of serverSide.takeApplicationData()) text.push(String.fromCharCode(...bytes));
    for (const bytes of serverSide.takeOutgoing()) clientSide.receive(bytes);
  }
  return { text: text.join(''), info: clientSide.info, sessions: clientSide.takeSessions() };
}

const first = connect([]);
const second = connect(first.sessions);
globalThis.output = { texts: [first.text, second.text], infos: [first.info, second.info] };
`;

test('both sides shake hands and resume in a realm that has Web Crypto and TextEncoder alone', async () => {
  const { text } = await bundle(program);
  const { chain, key } = testIdentity('ecdsa-p256');
  // Arrays of another realm would not be `instanceof Uint8Array` in it.
  const input = { chain: chain.map((der) => [...der]), key: [...key], rootDer: [...rootDer], now: Date.now() };
  const realm = createContext({ crypto: webcrypto, TextEncoder, TextDecoder, input, output: undefined });
  runInContext(text, realm);
  const { texts, infos } = realm['output'];
  assert.deepEqual([...texts], ['ping', 'ping']);
  assert.deepEqual([infos[0].resumed, infos[1].resumed], [false, true]);
  // TLS_CHACHA20_POLY1305_SHA256: what the provider would rather speak, where nobody says anything.
  assert.equal(infos[0].cipherSuite, 0x1303);
});
