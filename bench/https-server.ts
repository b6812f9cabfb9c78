/**
 * One server process of `https.ts`: an HTTPS server, or one of HTTP/2, that answers `/n` with n bytes. It imports what
 * Node has; `--import …/register.js` puts Handfast in its place, as a user would.
 */
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { createServer } from 'node:https';
import { answerQuestions } from './answer.ts';

const [protocol, keyFile, chainFile] = process.argv.slice(2) as ['https' | 'http2', string, string];
const credentials = { key: readFileSync(keyFile), cert: readFileSync(chainFile), ecdhCurve: 'X25519:P-256' };
const bodies = new Map<string, Buffer>();

/** The bytes that a path asks for; made once, so that they cost neither server anything. */
function body(path: string): Buffer {
  let bytes = bodies.get(path);
  if (bytes === undefined) {
    bytes = Buffer.alloc(Number(path.slice(1)) || 13, 'x');
    bodies.set(path, bytes);
  }
  return bytes;
}

interface Answer {
  setHeader(name: string, value: string | number): unknown;
  end(bytes: Buffer): unknown;
}

function onRequest(request: { url?: string }, answer: Answer): void {
  const bytes = body(request.url ?? '/');
  answer.setHeader('content-type', 'text/plain');
  answer.setHeader('content-length', bytes.length);
  answer.end(bytes);
}

let server: Server | Http2SecureServer;
if (protocol === 'http2') {
  server = createSecureServer(credentials, onRequest);
} else {
  // Connections stay, however long they are idle: that is what is measured.
  server = createServer(
    {
      ...credentials,
      keepAliveTimeout: 0,
      requestTimeout: 0,
      headersTimeout: 0,
      connectionsCheckingInterval: 3_600_000,
    },
    onRequest,
  );
}
server.on('error', (error: Error) => {
  console.error(error);
  process.exit(1);
});
answerQuestions(server);
