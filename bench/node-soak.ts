/**
 * Soak of handfast/tls: mixed load with random resets, half-closes, slow readers and garbage, against one server.
 * Every byte that is echoed is checked. The load comes in ten rounds; after each, when everything has closed, memory
 * (after a collection) and handles are told. It fails when a connection fails, when one stays open, or when the last round
 * ends with more handles, or with clearly more heap, than the second.
 *
 *     node --expose-gc --import tsx bench/node-soak.ts [seconds, default 60]
 */
import { createHash, randomBytes, randomInt } from 'node:crypto';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import tls from '../src/node/tls.ts';
import { rootPem, testIdentity } from '../test/helpers/pki.ts';

const seconds = Number(process.argv[2] ?? 60);
const identity = testIdentity('ecdsa-p256');
const context = tls.createSecureContext({ ca: rootPem });
const counts = { whole: 0, reset: 0, halfClosed: 0, slow: 0, garbage: 0, resumed: 0, echoedMiB: 0, failed: 0 };
const unexpected: Error[] = [];

const server = tls.createServer({ key: identity.keyPem, cert: identity.chainPem }, (socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
});
server.listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const { port } = server.address() as AddressInfo;
let session: Buffer | undefined;

function connect() {
  const socket = tls.connect({
    host: '127.0.0.1',
    port,
    secureContext: context,
    servername: 'localhost',
    session: randomInt(2) === 0 ? session : undefined,
    ...(randomInt(3) === 0 ? { maxVersion: 'TLSv1.2' as const } : {}),
  });
  socket.on('session', (fresh: Buffer) => {
    session = fresh;
  });
  return socket;
}

/** Sends bytes of random size in random pieces and compares what comes back. */
async function echo(slow: boolean): Promise<void> {
  const socket = connect();
  const size = randomInt(slow ? 2_000_000 : 300_000);
  const sent = createHash('sha256');
  const received = createHash('sha256');
  let count = 0;
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.on('data', (chunk: Buffer) => {
      received.update(chunk);
      count += chunk.length;
      if (slow && randomInt(4) === 0) {
        socket.pause();
        setTimeout(() => socket.resume(), randomInt(20));
      }
    });
    let left = size;
    const write = (): void => {
      while (left > 0) {
        const piece = randomBytes(Math.min(left, 1 + randomInt(70_000)));
        left -= piece.length;
        sent.update(piece);
        if (!socket.write(piece)) {
          socket.once('drain', write);
          return;
        }
      }
      socket.end();
    };
    socket.once('secureConnect', () => {
      if (socket.isSessionReused()) counts.resumed++;
      write();
    });
  });
  counts.echoedMiB += count / (1 << 20);
  if (count !== size || !sent.digest().equals(received.digest()))
    throw new Error(`${count} of ${size} bytes came back`);
}

async function reset(): Promise<void> {
  const socket = connect();
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.write(randomBytes(randomInt(200_000)));
  await delay(randomInt(15));
  if (randomInt(2) === 0) socket.destroy();
  else socket.resetAndDestroy();
  await closed;
}

async function halfClose(): Promise<void> {
  const raw = net.connect(port, '127.0.0.1');
  const socket = tls.connect({ socket: raw, secureContext: context, servername: 'localhost' });
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await delay(randomInt(5));
  raw.end();
  setTimeout(() => socket.destroy(), 200);
  await closed;
}

async function garbage(): Promise<void> {
  const raw = net.connect(port, '127.0.0.1', () => raw.write(randomBytes(1 + randomInt(2000))));
  raw.on('error', () => {});
  raw.resume();
  const closed = new Promise((resolve) => raw.on('close', resolve));
  setTimeout(() => raw.destroy(), 100);
  await closed;
}

async function worker(until: number): Promise<void> {
  while (Date.now() < until) {
    const kind = randomInt(10);
    try {
      if (kind < 4) await echo(false).then(() => counts.whole++);
      else if (kind < 5) await echo(true).then(() => counts.slow++);
      else if (kind < 7) await reset().then(() => counts.reset++);
      else if (kind < 9) await halfClose().then(() => counts.halfClosed++);
      else await garbage().then(() => counts.garbage++);
    } catch (error) {
      counts.failed++;
      unexpected.push(error as Error);
    }
  }
}

interface Reading {
  rssMiB: number;
  heapMiB: number;
  outsideMiB: number;
  handles: number;
  connections: number;
}

const mebibytes = (bytes: number) => Math.round((10 * bytes) / (1 << 20)) / 10;

/** Memory and handles at rest. */
async function reading(): Promise<Reading> {
  await delay(500);
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  await delay(50);
  gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const connections = await new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
  return {
    rssMiB: mebibytes(rss),
    heapMiB: mebibytes(heapUsed),
    outsideMiB: mebibytes(external),
    handles: process.getActiveResourcesInfo().filter((kind) => kind !== 'Timeout' && kind !== 'Immediate').length,
    connections,
  };
}

const rounds = 10;
const readings: Reading[] = [];
for (let round = 1; round <= rounds; round++) {
  const until = Date.now() + (seconds * 1000) / rounds;
  await Promise.all(Array.from({ length: 20 }, () => worker(until)));
  const now = await reading();
  readings.push(now);
  console.log(`round ${round}: ${JSON.stringify(now)}`);
}
console.log(JSON.stringify({ ...counts, echoedMiB: Math.round(counts.echoedMiB) }));
for (const error of unexpected.slice(0, 5)) console.log(error.stack);
const [settled, last] = [readings[1] as Reading, readings.at(-1) as Reading];
const grown = last.heapMiB > 1.2 * settled.heapMiB + 2 || last.handles > settled.handles;
if (grown) console.log('memory or handles grew');
server.close();
server.unref();
process.exitCode = grown || counts.failed > 0 || readings.some(({ connections }) => connections !== 0) ? 1 : 0;
