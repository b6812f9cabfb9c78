import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { freePort } from '../helpers/listening.ts';
import { environment, handfast, program, start, startServe, temporaryFolder } from './run.ts';

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** One request by node:https, which trusts the local root. */
function ask(
  home: string,
  url: string,
  options: { method?: string; headers?: Record<string, string>; path?: string } = {},
): Promise<Answer> {
  const ca = readFileSync(join(home, 'ca', 'root.pem'));
  return new Promise((resolve, reject) => {
    const sent = request(url, { ca, agent: false, ...options }, (response) => {
      let body = '';
      response.on('data', (text) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('handfast serve', () => {
  test('first run: an authority, a certificate, a page; keys are private; a second start uses them again', async () => {
    const home = temporaryFolder();
    const first = await startServe(home);
    assert.match(first.output(), /Made a local authority/);
    const page = await ask(home, first.url);
    assert.equal(page.status, 200);
    assert.match(page.body, /This page came over HTTPS/);
    for (const file of ['certificates/localhost.key', 'sessions/wrapping.key', 'sessions/ticket-keys.json']) {
      assert.equal(statSync(join(home, file)).mode & 0o077, 0, `${file} is readable by others`);
    }
    assert.equal(await first.end('SIGINT'), 0);
    const certificate = readFileSync(join(home, 'certificates', 'localhost.pem'), 'utf8');
    const second = await startServe(home);
    assert.doesNotMatch(second.output(), /Made a/);
    assert.equal(readFileSync(join(home, 'certificates', 'localhost.pem'), 'utf8'), certificate);
    await second.end();
  });

  test('clients resume by every kind, also after a restart', async () => {
    const home = temporaryFolder();
    const server = await startServe(home);
    const get = async (url: string, ...words: string[]) => {
      const done = await handfast(home, [
        'get',
        `${url}/connection.json`,
        '--resume',
        join(home, 's.bin'),
        '--http',
        '1.1',
        ...words,
      ]);
      assert.equal(done.code, 0, done.stderr);
      return (JSON.parse(done.stdout) as { resumption: string }).resumption;
    };
    assert.equal(await get(server.url), 'none');
    assert.equal(await get(server.url), 'psk');
    assert.equal(await get(server.url, '--tls', '1.2'), 'none');
    assert.equal(await get(server.url, '--tls', '1.2'), 'ticket');
    assert.equal(await server.end(), 0);
    const again = start(home, ['serve', '--port', String(server.port), '--metrics', 'off']);
    await again.until(/at https/);
    assert.equal(await get(server.url), 'psk');
    assert.equal(await get(server.url, '--tls', '1.2'), 'ticket');
    assert.doesNotMatch(readFileSync(join(home, 's.bin'), 'latin1'), /localhost/, 'the session file is sealed');
    await again.end();
  });

  test('files: ranges, conditions, listings; nothing hidden and nothing outside', async () => {
    const home = temporaryFolder();
    const site = join(home, 'site');
    mkdirSync(join(site, 'sub'), { recursive: true });
    writeFileSync(join(home, 'secret.txt'), 'secret');
    writeFileSync(join(site, 'a.txt'), '0123456789');
    writeFileSync(join(site, '.env'), 'secret');
    writeFileSync(join(site, 'sub', '<b>.html'), 'x');
    symlinkSync(join(home, 'secret.txt'), join(site, 'link.txt'));
    const server = await startServe(home, [site]);
    const whole = await ask(home, `${server.url}/a.txt`);
    assert.deepEqual(
      [whole.status, whole.body, whole.headers['content-type']],
      [200, '0123456789', 'text/plain; charset=utf-8'],
    );
    const part = await ask(home, `${server.url}/a.txt`, { headers: { range: 'bytes=2-4' } });
    assert.deepEqual([part.status, part.body, part.headers['content-range']], [206, '234', 'bytes 2-4/10']);
    assert.equal((await ask(home, `${server.url}/a.txt`, { headers: { range: 'bytes=-3' } })).body, '789');
    assert.equal((await ask(home, `${server.url}/a.txt`, { headers: { range: 'bytes=20-' } })).status, 416);
    assert.equal(
      (await ask(home, `${server.url}/a.txt`, { headers: { 'if-none-match': String(whole.headers['etag']) } })).status,
      304,
    );
    const since = 'Mon, 01 Jan 2001 00:00:00 GMT';
    for (const [name, value, status] of [
      ['if-match', '"other"', 412],
      ['if-match', String(whole.headers['etag']), 200],
      ['if-match', '*', 200],
      ['if-unmodified-since', since, 412],
      ['if-modified-since', since, 200],
    ] as const)
      assert.equal((await ask(home, `${server.url}/a.txt`, { headers: { [name]: value } })).status, status, name);
    assert.equal((await ask(home, `${server.url}/a.txt/`)).status, 404, 'it is no folder');
    assert.equal((await ask(home, `${server.url}/a.txt`, { method: 'HEAD' })).headers['content-length'], '10');
    assert.equal((await ask(home, `${server.url}/a.txt`, { method: 'POST' })).status, 405);
    assert.equal((await ask(home, `${server.url}/sub`)).headers['location'], '/sub/');
    const listing = await ask(home, `${server.url}/sub/`);
    assert.match(listing.body, /href="\.\/%3Cb%3E\.html">&lt;b&gt;\.html/);
    for (const path of [
      '/.env',
      '/link.txt',
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/sub/..%2f..%2fsecret.txt',
      '/nothing',
      '//etc/passwd',
    ]) {
      const answer = await ask(home, server.url, { path });
      assert.equal(answer.status, 404, path);
      assert.doesNotMatch(answer.body, /^secret|root:/);
    }
    assert.equal((await ask(home, server.url, { path: '/%' })).status, 400);
    await server.end();
  });

  test('SIGHUP takes a new certificate, without a break; a broken one is not taken', async () => {
    const home = temporaryFolder();
    for (const name of ['one', 'two']) {
      assert.equal((await handfast(home, ['ca', 'issue', 'localhost', `${name}.test`, '--out', name])).code, 0);
    }
    const [certificate, key] = [join(home, 'live.pem'), join(home, 'live.key')];
    const install = (name: string) => {
      writeFileSync(certificate, readFileSync(join(home, `${name}.pem`)));
      writeFileSync(key, readFileSync(join(home, `${name}.key`)));
    };
    install('one');
    const server = await startServe(home, ['--cert', certificate, '--key', key]);
    const names = async () => {
      const done = await handfast(home, ['get', server.url, '--json']);
      const { connection } = JSON.parse(done.stdout) as { connection: { certificates: string[] } };
      writeFileSync(join(home, 'seen.pem'), connection.certificates[0] as string);
      return (
        JSON.parse((await handfast(home, ['ca', 'show', 'seen.pem', '--json'])).stdout) as { names: string[] }[]
      )[0]?.names;
    };
    assert.deepEqual(await names(), ['DNS:localhost', 'DNS:one.test']);
    install('two');
    server.child.kill('SIGHUP');
    await server.until(/was read again/);
    assert.deepEqual(await names(), ['DNS:localhost', 'DNS:two.test']);
    writeFileSync(certificate, 'broken');
    server.child.kill('SIGHUP');
    await server.until(/could not be read again, the old one stays/);
    assert.deepEqual(await names(), ['DNS:localhost', 'DNS:two.test']);
    await server.end();
  });

  test('the log tells of each request, in words or in JSON, also of a client that went away', async () => {
    const home = temporaryFolder();
    writeFileSync(join(home, 'big'), Buffer.alloc(32 << 20));
    const server = await startServe(home, [home, '--log-json']);
    await ask(home, `${server.url}/nothing`, { headers: { host: 'localhost' } });
    const [line = ''] = await server.until(/^\{.*\}$/m);
    const { time, ms, ...entry } = JSON.parse(line) as Record<string, unknown>;
    assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000 && Number(ms) >= 0);
    assert.deepEqual(entry, {
      ...{ client: '127.0.0.1', method: 'GET', host: 'localhost', url: '/nothing', http: '1.1', status: 404 },
      ...{ tls: '1.3', resumption: 'none' },
    });
    const socket = connect({
      port: server.port,
      host: '127.0.0.1',
      servername: 'localhost',
      rejectUnauthorized: false,
    });
    socket.write('GET /big HTTP/1.1\r\nhost: localhost\r\n\r\n');
    socket.once('data', () => socket.destroy());
    await server.until(/"client":"127\.0\.0\.1".*"url":"\/big".*"aborted":true/);
    await server.end();
    const plain = await startServe(home, ['--log']);
    await ask(home, plain.url);
    await plain.until(/Z 127\.0\.0\.1 GET localhost:\d+ \/ HTTP\/1\.1 200 [\d.]+ ms\n/);
    await plain.end();
  });

  test('a log that nobody reads any more, or a full disk, ends no service', async (t) => {
    const home = temporaryFolder();
    const server = await startServe(home, ['--log']);
    server.child.stdout?.destroy();
    server.child.stderr?.destroy();
    for (let i = 0; i < 4; i++) assert.equal((await ask(home, server.url)).status, 200);
    assert.equal(await server.end(), 0);
    if (!existsSync('/dev/full')) return t.skip('no /dev/full here');
    const full = openSync('/dev/full', 'w');
    const port = await freePort();
    const words = ['serve', '--port', String(port), '--metrics', 'off', '--log'];
    const child = spawn(process.execPath, [program(), ...words], {
      env: environment(home),
      stdio: ['ignore', full, full],
    });
    const ended = new Promise((done) => child.on('close', done));
    t.after(() => child.kill('SIGKILL'));
    const url = `https://localhost:${port}`;
    for (let i = 0; i < 100 && (await ask(home, url).catch(() => undefined)) === undefined; i++) await sleep(100);
    for (let i = 0; i < 4; i++) assert.equal((await ask(home, url)).status, 200);
    child.kill('SIGTERM');
    assert.equal(await ended, 0);
    // A command whose output is its work says that it could not do it.
    const list = spawnSync(process.execPath, [program(), 'help'], {
      env: environment(home),
      stdio: ['ignore', full, 'pipe'],
    });
    assert.equal(list.status, 3);
    assert.match(String(list.stderr), /^handfast: the output could not be written: ENOSPC[^\n]*\n$/);
  });

  test('metrics count handshakes by kind', async () => {
    const home = temporaryFolder();
    const server = start(home, ['serve', '--port', '0', '--metrics', '0']);
    const [, port] = await server.until(/at https:\/\/localhost:(\d+)/);
    const [, metrics] = await server.until(/http:\/\/127\.0\.0\.1:(\d+)\/metrics/);
    await ask(home, `https://localhost:${port}`);
    const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    assert.match(text, /^handfast_handshakes_total\{kind="full"\} 1$/m);
    assert.match(text, /^handfast_ticket_key_age_seconds\{role="current"/m);
    await server.end();
  });

  test('what is wrong is said, with the exit code', async () => {
    const home = temporaryFolder();
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => taken.once('listening', done));
    const { port } = taken.address() as { port: number };
    writeFileSync(join(home, 'file'), 'x');
    await handfast(home, ['ca', 'issue', 'a.test']);
    await handfast(home, ['ca', 'issue', 'b.test']);
    const cases: [string[], number, RegExp][] = [
      [['--port', String(port), '--host', '127.0.0.1'], 3, /port \d+ on 127\.0\.0\.1 is taken/],
      [['--port', '70000'], 2, /whole number from 0 to 65535/],
      [['nowhere'], 3, /folder nowhere does not exist/],
      [['file'], 3, /file is not a folder/],
      [['--cert', 'a.test.pem'], 2, /belong together/],
      [['--cert', 'a.test.pem', '--key', 'b.test.key'], 3, /does not belong to the certificate/],
      [['--cert', 'file', '--key', 'a.test.key'], 3, /holds no certificate/],
      [['--cert', 'a.test.pem', '--key', 'file'], 3, /holds no private key/],
      [['--cert', 'a.test.pem', '--key', 'gone.key'], 3, /gone\.key does not exist/],
      [['--name', 'example.com', '--port', '0'], 3, /clients would refuse this certificate/],
      [['--host', '192.0.2.1', '--port', '0'], 3, /no address of this machine/],
      [['--config', 'file.json'], 3, /does not exist/],
    ];
    for (const [words, code, message] of cases) {
      const done = await handfast(home, ['serve', ...words, '--metrics', 'off']);
      assert.deepEqual(
        [done.code, message.test(done.stderr)],
        [code, true],
        `${words.join(' ')}: ${done.code} ${done.stderr}`,
      );
      assert.doesNotMatch(done.stderr, /at .*\.ts:\d+/, 'no stack for people');
    }
    taken.close();
    assert.ok(existsSync(join(home, 'ca', 'authority.json')));
  });
});
