import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { assert, ca, certFile, done, keyFile, ours } from './kit.mjs';

// A real server, MariaDB, that lets nobody in without TLS. `mysql2.mjs` needs none.
if (!existsSync('/usr/sbin/mariadbd')) {
  console.log('left out: there is no mariadbd');
  process.exit();
}
const data = mkdtempSync(join(tmpdir(), 'handfast-mysql-'));
copyFileSync(certFile, join(data, 'server.crt'));
copyFileSync(keyFile, join(data, 'server.key'));
const user = process.getuid() === 0 ? ['--user=mysql'] : [];
if (user.length > 0) execFileSync('chown', ['-R', 'mysql', data]);
const tables = join(data, 'tables');
execFileSync(
  'mariadb-install-db',
  ['--no-defaults', `--datadir=${tables}`, '--auth-root-authentication-method=normal', ...user],
  {
    stdio: 'ignore',
  },
);
const port = await new Promise((resolve) => {
  const probe = net.createServer().listen(0, '127.0.0.1', () => {
    const { port: free } = probe.address();
    probe.close(() => resolve(free));
  });
});
const server = spawn(
  '/usr/sbin/mariadbd',
  [
    '--no-defaults',
    `--datadir=${tables}`,
    `--socket=${join(data, 'socket')}`,
    `--pid-file=${join(data, 'pid')}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    '--require-secure-transport=ON',
    `--ssl-cert=${join(data, 'server.crt')}`,
    `--ssl-key=${join(data, 'server.key')}`,
    '--max-allowed-packet=16M',
    ...user,
  ],
  { stdio: 'ignore' },
);
process.on('exit', () => {
  server.kill('SIGKILL');
  rmSync(data, { recursive: true, force: true });
});
const options = { host: '127.0.0.1', port, user: 'root', maxPreparedStatements: 10 };
let client;
for (let attempt = 0; client === undefined; attempt++) {
  try {
    client = await mysql.createConnection({ ...options, ssl: { ca, verifyIdentity: false } });
  } catch (error) {
    if (attempt === 150) throw error;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
ours(client.connection.stream);
const [[status]] = await client.query("show status like 'Ssl_version'");
assert.equal(status.Value, 'TLSv1.3');
const [[large]] = await client.query("select repeat('x', 2000000) as text");
assert.equal(large.text.length, 2_000_000);
const text = 'y'.repeat(1_000_000);
const [[echoed]] = await client.execute('select ? as text', [text]);
assert.equal(echoed.text, text);
await client.end();
await assert.rejects(mysql.createConnection(options), 'without TLS the server refuses');
const pool = mysql.createPool({ ...options, ssl: { ca, verifyIdentity: false }, connectionLimit: 8 });
const sums = await Promise.all(Array.from({ length: 100 }, (_, index) => pool.query('select ? + 1 as n', [index])));
assert.deepEqual(
  sums.map(([[row]]) => row.n),
  Array.from({ length: 100 }, (_, index) => index + 1),
);
await pool.end();
done();
