// Serves the page, and a WebSocket that is a TCP connection to one server, which is all that the page lacks for TLS.
//   node examples/browser-tab/serve.mjs localhost:8443 root.pem     (with npm start in another terminal)
// It needs `ws` and `esbuild`, both development dependencies of Handfast.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { WebSocketServer } from 'ws';

const [target, rootFile] = process.argv.slice(2);
const { hostname: serverName, port } = new URL(`https://${target}`);
const roots = await readFile(rootFile, 'utf8');

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
// For browsers alone: the build fails where anything of Node is imported.
const bundle = await build({
  entryPoints: [file('page.js')],
  bundle: true,
  minify: true,
  platform: 'browser',
  format: 'esm',
  write: false,
});
const answers = {
  '/': ['text/html', await readFile(file('index.html'))],
  '/page.js': ['text/javascript', bundle.outputFiles[0].contents],
  '/settings': ['application/json', JSON.stringify({ serverName, roots })],
};

const server = createServer((request, response) => {
  const [type, body] = answers[request.url] ?? [];
  response.writeHead(body === undefined ? 404 : 200, { 'content-type': type ?? 'text/plain' }).end(body);
});

// One target that was chosen here, and only for the page that came from here: a bridge to anywhere, for any page, would be
// an open proxy into this network.
const address = () => `http://127.0.0.1:${server.address().port}`;
const bridge = new WebSocketServer({ server, path: '/bridge', verifyClient: ({ origin }) => origin === address() });
bridge.on('connection', (socket) => {
  const tcp = connect(Number(port) || 443, serverName);
  tcp.on('data', (bytes) => socket.send(bytes));
  tcp.on('close', () => socket.close());
  tcp.on('error', () => socket.close());
  socket.on('message', (bytes) => tcp.write(bytes));
  socket.on('close', () => tcp.end());
});

server.listen(0, '127.0.0.1', () => console.log(`${address()}/`));
