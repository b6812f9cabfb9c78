import { spawn } from 'node:child_process';
import net from 'node:net';
import Redis from 'ioredis';
import { assert, ca, caFile, certFile, done, keyFile, ours } from './kit.mjs';

const port = await new Promise((resolve) => {
  const probe = net.createServer().listen(0, '127.0.0.1', () => {
    const { port: free } = probe.address();
    probe.close(() => resolve(free));
  });
});
const server = spawn(
  'redis-server',
  [
    '--port',
    '0',
    '--tls-port',
    String(port),
    '--tls-cert-file',
    certFile,
    '--tls-key-file',
    keyFile,
    '--tls-ca-cert-file',
    caFile,
    '--tls-auth-clients',
    'no',
    '--save',
    '',
    '--appendonly',
    'no',
  ],
  { stdio: 'ignore' },
);
process.on('exit', () => server.kill());
const redis = new Redis({
  port,
  host: '127.0.0.1',
  tls: { ca, servername: 'localhost' },
  retryStrategy: (times) => (times < 50 ? 100 : null),
});
redis.on('error', () => {});
await new Promise((resolve) => redis.once('ready', resolve));
ours(redis.stream);
const big = 'x'.repeat(1 << 20);
await redis.set('big', big);
assert.equal(await redis.get('big'), big);
const many = await Promise.all(Array.from({ length: 500 }, (_, index) => redis.incrby('n', index)));
assert.equal(many.at(-1), 124_750);
await redis.quit();
done();
