/** The client of `client.ts` in a process of its own: connects when asked, and tells what CPU time that took. */
import { readFileSync } from 'node:fs';
import nodeTls from 'node:tls';
import tls from '../src/node/tls.ts';

const [kind, port, version, resumes, rootFile] = process.argv.slice(2) as [string, string, 'TLSv1.2', string, string];
const { connect, createSecureContext } = kind === 'node' ? nodeTls : (tls as unknown as typeof nodeTls);
const secureContext = createSecureContext({
  ca: readFileSync(rootFile),
  minVersion: version,
  maxVersion: version,
  ecdhCurve: 'X25519:P-256',
});
let session: Buffer | undefined;

/** One connection: handshake, verification, a byte there and back, orderly close. */
function visit(): Promise<void> {
  return new Promise((resolve, reject) => {
    const offered = resumes === 'true' && session !== undefined ? { session } : {};
    const socket = connect({
      port: Number(port),
      host: '127.0.0.1',
      servername: 'localhost',
      secureContext,
      ...offered,
    });
    socket.on('session', (fresh) => (session = fresh));
    socket.on('error', reject);
    socket.once('secureConnect', () => {
      if ('session' in offered && !socket.isSessionReused()) reject(new Error('the session was not resumed'));
      socket.write('x');
    });
    socket.once('data', () => socket.end());
    socket.on('close', () => resolve());
  });
}

async function visits(count: number): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await visit();
  };
  await Promise.all(Array.from({ length: 4 }, lane));
}

process.on('message', async (count: number) => {
  const before = process.cpuUsage();
  await visits(count);
  const { user, system } = process.cpuUsage(before);
  process.send?.({ cpu: user + system });
});
process.on('disconnect', () => process.exit());
await visit();
process.send?.('ready');
