import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createTcp } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createServer } from 'node:tls';
import type { ServerOptions } from '../../src/engine/config.ts';
import { serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { PeerError } from '../../src/errors.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { nodeCrypto, testCredential } from '../helpers/engine.ts';
import { rootFile } from '../helpers/pki.ts';
import { EngineStream } from '../interop/ours.ts';
import { listen } from '../interop/processes.ts';
import { handfast, startServe, temporaryFolder } from './run.ts';

describe('handfast get', () => {
  test('who keeps the session shows in what is told: session ID, ticket, PSK, in both languages', async () => {
    const home = temporaryFolder();
    const tell = async (url: string, ...words: string[]) =>
      (
        await handfast(home, ['get', url, '--trace', '--resume', `${url.slice(-5)}.bin`, '--head', ...words])
      ).stderr.replaceAll(/\s+/g, ' ');
    const ids = await startServe(home, ['--session-ids']);
    const named = await tell(ids.url, '--tls', '1.2');
    const [, id] = /ServerHello .*Names the session: its ID is ([0-9a-f]{12})…\. The server keeps it/.exec(named) ?? [];
    assert.ok(id !== undefined, named);
    const known = await tell(ids.url, '--tls', '1.2');
    assert.ok(known.includes(`Offers to resume the session with ID ${id}…`), known);
    assert.ok(known.includes(`Knows the session, and says so by its ID, ${id}…: no certificate`), known);
    assert.match(await tell(ids.url, '--tls', '1.2', '--lang', 'ko'), /세션을 알고 있습니다\. 그 ID/);
    await ids.end();

    const tickets = await startServe(home);
    const given = await tell(tickets.url, '--tls', '1.2');
    assert.match(
      given,
      /It would keep a session ticket .*A ticket will follow.*The session itself, sealed under a key/,
    );
    assert.match(await tell(tickets.url, '--tls', '1.2'), /Takes the ticket, and says so by the ID that came with it/);
    const psk = await tell(tickets.url);
    assert.match(
      psk,
      /A ticket for next time: \d+ bytes, good for 24 h\. It stands for a secret of both sides \(PSK\)/,
    );
    assert.doesNotMatch(psk, /Names the session|no name/);
    await tickets.end();
    const without = await startServe(home, ['--no-resume']);
    assert.match(await tell(without.url, '--tls', '1.2'), /Gives the session no name/);
    await without.end();
  });

  test('tells the handshake in plain words; the body goes to standard output', async () => {
    const home = temporaryFolder();
    const server = await startServe(home);
    const done = await handfast(home, ['get', `${server.url}/connection.json`, '--trace', '--figure', 'f.svg']);
    assert.equal(done.code, 0, done.stderr);
    assert.equal((JSON.parse(done.stdout) as { protocol: string }).protocol, 'HTTP/2');
    const order = [
      'ClientHello',
      'ServerHello',
      'EncryptedExtensions',
      'Certificate',
      'CertificateVerify',
      'Finished',
      'The handshake is done',
      'NewSessionTicket',
    ];
    let at = -1;
    for (const name of order) {
      const next = done.stderr.indexOf(name, at + 1);
      assert.ok(next > at, `${name} is missing or out of order in:\n${done.stderr}`);
      at = next;
    }
    assert.match(done.stderr, /TLS 1\.3 · TLS_AES_128_GCM_SHA256 · .* · full handshake/);
    const figure = readFileSync(join(home, 'f.svg'), 'utf8');
    assert.match(figure, /^<svg .*ServerHello.*<\/svg>\n$/s);

    const korean = await handfast(home, [
      'get',
      server.url,
      '--trace',
      '--lang',
      'ko',
      '--tls',
      '1.2',
      '--bytes',
      '--head',
    ]);
    assert.match(korean.stderr, /서버 이름 "localhost"/);
    assert.match(korean.stderr, /0000 {2}01 00/);
    assert.match(korean.stderr, /TLS 1\.2 · TLS_\w+ · \w+ · 전체 핸드셰이크\n핸드셰이크 [\d.]+ ms, .*바이트 받음\n/);
    assert.match(korean.stdout, /^HTTP\/2 200\n/);

    const json = await handfast(home, [
      'get',
      `${server.url}/nothing`,
      '--json',
      '--trace',
      '--groups',
      'secp384r1',
      '--fail',
    ]);
    const parsed = JSON.parse(json.stdout) as {
      connection: { group: string };
      response: { status: number };
      trace: unknown[];
    };
    assert.deepEqual([json.code, parsed.connection.group, parsed.response.status], [1, 'secp384r1', 404]);
    assert.ok(parsed.trace.length > 10);
    await server.end();
  });

  test('client certificates and passphrases', async () => {
    const home = temporaryFolder();
    await handfast(home, ['ca', 'issue', 'localhost', '--out', 'server']);
    await handfast(home, ['ca', 'issue', 'alice@corp.test', '--profile', 'client', '--out', 'alice']);
    execFileSync(
      'openssl',
      [
        'pkcs8',
        '-topk8',
        '-in',
        join(home, 'alice.key'),
        '-out',
        join(home, 'locked.key'),
        '-passout',
        'pass:correct horse',
        '-v2',
        'aes-256-cbc',
      ],
      { stdio: 'ignore' },
    );
    writeFileSync(join(home, 'right'), 'correct horse\n');
    writeFileSync(join(home, 'wrong'), 'battery staple\n');
    const file = (name: string) => readFileSync(join(home, name));
    const server = createServer(
      {
        key: file('server.key'),
        cert: file('server.pem'),
        ca: file('ca/root.pem'),
        requestCert: true,
        rejectUnauthorized: true,
        ALPNProtocols: ['http/1.1'],
      },
      (socket) => {
        const name = socket.getPeerCertificate().subjectaltname ?? '';
        socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${name.length}\r\n\r\n${name}`);
      },
    ).listen(0);
    server.on('tlsClientError', () => {});
    const url = `https://localhost:${(server.address() as { port: number }).port}`;
    const shown = await handfast(home, [
      'get',
      url,
      '--cert',
      'alice.pem',
      '--key',
      'locked.key',
      '--passphrase-file',
      'right',
    ]);
    assert.deepEqual([shown.code, shown.stdout], [0, 'email:alice@corp.test'], shown.stderr);
    const wrong = await handfast(home, [
      'get',
      url,
      '--cert',
      'alice.pem',
      '--key',
      'locked.key',
      '--passphrase-file',
      'wrong',
    ]);
    assert.deepEqual([wrong.code, /passphrase of locked\.key is wrong/.test(wrong.stderr)], [3, true], wrong.stderr);
    const none = await handfast(home, ['get', url, '--cert', 'alice.pem', '--key', 'locked.key']);
    assert.deepEqual([none.code, /is encrypted/.test(none.stderr)], [3, true], none.stderr);
    const without = await handfast(home, ['get', url, '--tls', '1.2']);
    assert.equal(without.code, 5, without.stderr);
    server.close();
  });

  test('what is wrong is said, with the exit code', async () => {
    const home = temporaryFolder();
    const server = await startServe(home);
    const plain = createTcp((socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    }).listen(0);
    const silent = createTcp((socket) => socket.on('error', () => {})).listen(0);
    const portOf = (each: typeof plain) => (each.address() as { port: number }).port;
    writeFileSync(join(home, 'text'), 'x');
    const cases: [string[], number, RegExp][] = [
      [[], 2, /the URL is missing/],
      [['http://localhost'], 2, /not encrypted/],
      [['https://localhost:1'], 4, /nothing listens/],
      [['https://nothing.invalid'], 4, /has no address/],
      [[`https://localhost:${portOf(plain)}`], 5, /does not speak TLS/],
      [[`https://localhost:${portOf(silent)}`, '--timeout', '1'], 4, /did not finish the handshake/],
      [[server.url, '--cacert', 'text'], 3, /BEGIN CERTIFICATE/],
      [[server.url, '--cacert', 'gone.pem'], 3, /gone\.pem does not exist/],
      [['https://other.test', '--connect', `localhost:${server.port}`], 5, /is not for "other\.test"/],
      [[server.url, '--resume', 'text'], 3, /no session file/],
      [[server.url, '--early-data'], 2, /needs a session/],
      [[server.url, '--early-data', '--resume', 's', '-d', 'x'], 2, /could replay/],
      [[server.url, '--groups', 'p256'], 2, /no group "p256"/],
      [[server.url, '-H', 'nonsense'], 2, /is no header/],
      [[server.url, '-o', 'no/such/file'], 3, /does not exist/],
    ];
    for (const [words, code, message] of cases) {
      const done = await handfast(home, ['get', ...words]);
      assert.deepEqual(
        [done.code, message.test(done.stderr)],
        [code, true],
        `${words.join(' ')}: ${done.code} ${done.stderr}`,
      );
    }
    const json = await handfast(home, ['get', 'https://localhost:1', '--json']);
    assert.equal((JSON.parse(json.stdout) as { error: { exitCode: number } }).error.exitCode, 4);
    plain.close();
    silent.close();
    await server.end();
  });

  test('--resume forgets a session whose connection failed (RFC 5246, Section 7.2.2)', async () => {
    const home = temporaryFolder();
    const keyring = new TicketKeyring({ crypto: nodeCrypto, clock: { now: () => Date.now() } });
    const options: ServerOptions = {
      crypto: nodeCrypto,
      credentials: [testCredential('ecdsa-p256')],
      sessions: new ServerSessions({ crypto: nodeCrypto, keyring }),
    };
    const resumed: string[] = [];
    const server = await listen((socket) => {
      const connection = new ServerConnection(options);
      const stream = new EngineStream(connection, serverHost(options), socket);
      stream.handshakeDone.catch(() => {});
      stream.on('error', () => {});
      stream.once('data', () => {
        resumed.push(connection.info.resumption);
        if (resumed.length !== 3) return stream.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
        connection.close(new PeerError('ERR_TLS_UNEXPECTED_MESSAGE', 'unexpectedMessage', 'made up by the test'));
        stream.flush();
      });
    });
    const ask = ['get', `https://localhost:${server.port}/`, '--resume', 's', '--tls', '1.2', '--cacert', rootFile];
    const codes: (number | null)[] = [];
    for (let i = 0; i < 5; i++) codes.push((await handfast(home, ask)).code);
    server.close();
    assert.deepEqual(resumed, ['none', 'ticket', 'ticket', 'none', 'ticket']);
    assert.deepEqual(
      codes.map((code) => code === 0),
      [true, true, false, true, true],
    );
  });
});
