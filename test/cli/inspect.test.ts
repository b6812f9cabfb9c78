import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer as createTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createServer, TLSSocket } from 'node:tls';
import { handfast, startServe, temporaryFolder } from './run.ts';

interface Report {
  versions: { version: string; cipherSuites: string[] }[];
  findings: { check: string; verdict: string; summary: string }[];
  faults: number;
}

const quick = ['--patience', '1', '--json'];

describe('handfast inspect', () => {
  test('finds no fault with handfast serve', async () => {
    const home = temporaryFolder();
    const server = await startServe(home);
    const done = await handfast(home, ['inspect', `localhost:${server.port}`, ...quick, '--html', 'report.html']);
    const report = JSON.parse(done.stdout) as Report;
    assert.deepEqual([done.code, report.faults], [0, 0], done.stdout + done.stderr);
    assert.deepEqual(
      report.versions.map(({ version }) => version),
      ['1.3', '1.2'],
    );
    assert.ok(report.findings.some(({ check, verdict }) => check === 'kinds' && verdict === 'good'));
    assert.match(readFileSync(join(home, 'report.html'), 'utf8'), /No fault found/);
    await server.end();
  });

  test('tells Encrypted Client Hello, and a published config that is out of date or foreign', async () => {
    const home = temporaryFolder();
    await handfast(home, ['ech', 'localhost']);
    await handfast(home, ['ech', 'localhost', '--p256', '--output', 'old.pem']);
    await handfast(home, ['ech', 'nobody.test', '--output', 'foreign.pem']);
    const server = await startServe(home, ['--ech', 'ech.pem']);
    const at = `localhost:${server.port}`;
    const ask = async (...words: string[]) => {
      const done = await handfast(home, ['inspect', at, '--no-resume', '--json', ...words]);
      const { findings, ech } = JSON.parse(done.stdout) as Report & { ech: { configs: Record<string, unknown>[] } };
      const told = findings
        .filter(({ check }) => check === 'ech')
        .map(({ verdict, summary }) => `${verdict}: ${summary}`);
      return { code: done.code, told: told.join('\n'), configs: ech.configs };
    };
    const plain = await ask();
    assert.equal(plain.code, 0);
    assert.match(plain.told, /^good: .*public name localhost, X25519, HKDF-SHA256 with AES-128-GCM .*name is hidden$/);
    assert.deepEqual(
      plain.configs.map(({ source, publicName, kem, outcome }) => [source, publicName, kem, outcome]),
      [['server', 'localhost', 'X25519', 'accepted']],
    );
    assert.deepEqual((await ask('--ech', 'ech.pem')).told, plain.told);
    const old = await ask('--ech', 'old.pem');
    assert.equal(old.code, 0);
    assert.match(old.told, /weak: .*published config.*P-256.*out of date/);
    const foreign = await ask('--ech', 'foreign.pem');
    assert.equal(foreign.code, 1);
    assert.match(foreign.told, /bad: the public name nobody\.test is not proved/);
    await server.end();

    const without = await startServe(home);
    const done = await handfast(home, ['inspect', `localhost:${without.port}`, '--no-resume', '--ech', 'ech.pem']);
    assert.equal(done.code, 1);
    assert.match(done.stdout, /· no Encrypted Client Hello/);
    assert.match(done.stdout, /✗ Encrypted Client Hello, the published config.*names no\s+other/s);
    await without.end();
  });

  test('a server that wants a client certificate is told as such, also where its TLS 1.2 shows nothing without', async () => {
    const home = temporaryFolder();
    await handfast(home, ['ca', 'issue', 'localhost', '--out', 'one']);
    const [key, cert] = [readFileSync(join(home, 'one.key')), readFileSync(join(home, 'one.pem'))];
    const server = createServer({ key, cert, requestCert: true, rejectUnauthorized: true }, (socket) => socket.end());
    server.on('tlsClientError', () => {});
    server.listen(0);
    const { port } = server.address() as { port: number };
    const done = await handfast(home, ['inspect', `localhost:${port}`, '--no-resume', '--json']);
    server.close();
    const { findings } = JSON.parse(done.stdout) as Report;
    const asked = findings.find(({ check }) => check === 'clientCertificate');
    assert.equal(asked?.verdict, 'info', done.stdout);
  });

  test('a list of --ech that is none is named before anything is asked', async () => {
    const home = temporaryFolder();
    for (const word of ['#', 'AAAA', 'none.pem']) {
      const done = await handfast(home, ['inspect', 'localhost:1', '--ech', word]);
      assert.equal(done.code, 3, done.stderr);
      assert.ok(done.stderr.includes(`--ech ${word}: `), done.stderr);
    }
  });

  test('finds static RSA, CBC, a missing TLS 1.3 and a wrong name', async () => {
    const home = temporaryFolder();
    await handfast(home, ['ca', 'issue', 'other.test', '--key-type', 'rsa2048', '--out', 'rsa']);
    const server = createServer(
      {
        key: readFileSync(join(home, 'rsa.key')),
        cert: readFileSync(join(home, 'rsa.pem')),
        maxVersion: 'TLSv1.2',
        ciphers: 'AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256',
      },
      (socket) => socket.end(),
    );
    server.listen(0);
    server.on('tlsClientError', () => {});
    const { port } = server.address() as { port: number };
    const done = await handfast(home, ['inspect', `localhost:${port}`, ...quick]);
    server.close();
    const { findings } = JSON.parse(done.stdout) as Report;
    const verdict = (check: string) => findings.find((finding) => finding.check === check)?.verdict;
    assert.equal(done.code, 1);
    assert.deepEqual(
      [verdict('staticRsa'), verdict('cbc'), verdict('tls13'), verdict('chain')],
      ['bad', 'weak', 'weak', 'bad'],
      done.stdout,
    );
  });

  test('speaks STARTTLS, and says when a server does not', async () => {
    const home = temporaryFolder();
    await handfast(home, ['ca', 'issue', 'localhost', '--out', 'mail']);
    const [key, cert] = [readFileSync(join(home, 'mail.key')), readFileSync(join(home, 'mail.pem'))];
    const open: Socket[] = [];
    const mail = createTcp((socket) => {
      open.push(socket);
      socket.on('error', () => {});
      socket.write('220 mail.test ready\r\n');
      socket.on('data', function talk(bytes: Buffer) {
        const line = bytes.toString();
        if (line.startsWith('EHLO')) socket.write('250-mail.test\r\n250 STARTTLS\r\n');
        if (!line.startsWith('STARTTLS')) return;
        socket.off('data', talk);
        socket.write('220 go\r\n');
        new TLSSocket(socket, { isServer: true, key, cert }).on('error', () => {});
      });
    }).listen(0);
    const { port } = mail.address() as { port: number };
    const done = await handfast(home, ['inspect', `localhost:${port}`, '--starttls', 'smtp', '--no-resume', '--json']);
    assert.equal(done.code, 0, done.stdout + done.stderr);
    const wrong = await handfast(home, ['inspect', `localhost:${port}`, '--starttls', 'pop3', '--no-resume']);
    assert.deepEqual([wrong.code, /does not begin TLS over pop3/.test(wrong.stderr)], [4, true], wrong.stderr);
    for (const socket of open) socket.destroy();
    mail.close();
  });
});

test('handfast compare: what resumption saves shows in the numbers', async () => {
  const home = temporaryFolder();
  const done = await handfast(home, [
    'compare',
    '--rtt',
    '0',
    '--repeat',
    '3',
    '--json',
    '--svg',
    'c.svg',
    '--html',
    'c.html',
  ]);
  assert.equal(done.code, 0, done.stderr);
  interface Row {
    mode: { id: string };
    roundTrips: number;
    received: number;
    server: { signatures: number; keyExchanges: number };
    serverKeeps: number;
  }
  const of = Object.fromEntries((JSON.parse(done.stdout) as Row[]).map((row) => [row.mode.id, row])) as Record<
    string,
    Row
  >;
  assert.deepEqual(
    ['full12', 'sessionId', 'ticket', 'full13', 'psk', 'earlyData'].map((id) => [
      of[id]?.roundTrips,
      of[id]?.server.signatures,
      of[id]?.server.keyExchanges,
    ]),
    [
      [2, 1, 1],
      [1, 0, 0],
      [1, 0, 0],
      [1, 1, 1],
      [1, 0, 1],
      [0, 0, 1],
    ],
  );
  assert.ok((of['sessionId']?.serverKeeps ?? 0) > 100);
  assert.equal(of['ticket']?.serverKeeps, 0);
  assert.match(readFileSync(join(home, 'c.svg'), 'utf8'), /<svg.*session ticket/s);

  const server = await startServe(home);
  const remote = await handfast(home, ['compare', server.url, '--repeat', '1', '--json']);
  const kinds = (JSON.parse(remote.stdout) as { mode: { id: string }; roundTrips?: number }[]).filter(
    ({ roundTrips }) => roundTrips !== undefined,
  );
  assert.deepEqual(kinds.map(({ mode, roundTrips }) => [mode.id, roundTrips]).slice(0, 5), [
    ['full12', 2],
    ['sessionId', 1],
    ['ticket', 1],
    ['full13', 1],
    ['psk', 1],
  ]);
  await server.end();
});
