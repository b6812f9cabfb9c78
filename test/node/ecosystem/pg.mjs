import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { assert, ca, certFile, done, keyFile, ours } from './kit.mjs';

const root = '/usr/lib/postgresql';
const bin = existsSync(root) ? join(root, readdirSync(root).sort().at(-1), 'bin') : '';
const data = mkdtempSync(join(tmpdir(), 'handfast-pg-'));
// PostgreSQL does not run as root: there is a user of its own for that.
const asRoot = process.getuid() === 0;
const as = asRoot
  ? (command, args) => ['runuser', ['-u', 'postgres', '--', command, ...args]]
  : (command, args) => [command, args];
if (asRoot) execFileSync('chown', ['postgres', data]);
const run = (command, args) => execFileSync(...as(join(bin, command), args), { stdio: 'ignore', cwd: tmpdir() });
run('initdb', ['-D', data, '-U', 'tester', '--auth=trust', '-E', 'UTF8']);
copyFileSync(certFile, join(data, 'server.crt'));
copyFileSync(keyFile, join(data, 'server.key'));
chmodSync(join(data, 'server.key'), 0o600);
if (asRoot) execFileSync('chown', ['postgres', join(data, 'server.crt'), join(data, 'server.key')]);
const port = await new Promise((resolve) => {
  const probe = net.createServer().listen(0, '127.0.0.1', () => {
    const { port: free } = probe.address();
    probe.close(() => resolve(free));
  });
});
const server = spawn(
  ...as(join(bin, 'postgres'), [
    '-D',
    data,
    '-p',
    String(port),
    '-h',
    '127.0.0.1',
    '-c',
    'ssl=on',
    '-c',
    'unix_socket_directories=',
  ]),
  { stdio: 'ignore', cwd: tmpdir(), detached: true },
);
// The whole group: between it and this program there may be the one that changes the user.
process.on('exit', () => process.kill(-server.pid, 'SIGINT'));
let client;
for (let attempt = 0; attempt < 100; attempt++) {
  client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'tester',
    database: 'postgres',
    ssl: { ca, servername: 'localhost' },
  });
  client.on('error', () => {});
  try {
    await client.connect();
    break;
  } catch (error) {
    if (attempt === 99) throw error;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
ours(client.connection.stream);
const { rows } = await client.query('select ssl, version from pg_stat_ssl where pid = pg_backend_pid()');
assert.deepEqual(rows, [{ ssl: true, version: 'TLSv1.3' }]);
const large = await client.query("select repeat('x', 2000000) as text");
assert.equal(large.rows[0].text.length, 2_000_000);
await client.end();
done();
