import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { freePort } from '../helpers/listening.ts';
import { handfast, type Running, start, temporaryFolder } from './run.ts';

interface Seen {
  method: string;
  url: string;
  body: number;
  headers: IncomingHttpHeaders;
}

/** An app that tells what it was asked. */
const app = createServer((incoming, response) => {
  let body = 0;
  incoming.on('data', (bytes: Buffer) => (body += bytes.length));
  incoming.on('end', () =>
    response.end(JSON.stringify({ method: incoming.method, url: incoming.url, body, headers: incoming.headers })),
  );
});
// It never ends its half of an upgraded connection.
app.on('upgrade', (_, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
  socket.on('data', (bytes) => socket.write(bytes));
  socket.on('error', () => {});
});
let to = '';
before(async () => {
  await new Promise<void>((done) => app.listen(0, '127.0.0.1', done));
  to = `http://127.0.0.1:${(app.address() as { port: number }).port}`;
});
after(() => app.close());

async function startProxy(home: string, words: readonly string[] = []): Promise<Running & { port: number }> {
  const port = await freePort();
  const running = start(home, ['proxy', '--to', to, '--listen', `127.0.0.1:${port}`, '--metrics', 'off', ...words]);
  await running.until(/HTTPS on/);
  return { ...running, port };
}

function ask(
  home: string,
  port: number,
  options: { body?: Buffer; headers?: Record<string, string>; cert?: Buffer; key?: Buffer; path?: string } = {},
): Promise<{ status: number; body: string }> {
  const { body, headers, cert, key, path } = options;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        servername: 'localhost',
        path: path ?? '/',
        ca: readFileSync(join(home, 'ca', 'root.pem')),
        method: body === undefined ? 'GET' : 'POST',
        agent: false,
        headers: { host: 'localhost', ...headers },
        ...(cert === undefined ? {} : { cert, key }),
      },
      (response) => {
        let text = '';
        response.on('data', (part) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('handfast proxy', () => {
  test('passes requests on, over HTTP/1.1, HTTP/2 and upgrades; clients cannot forge what the app trusts', {
    timeout: 60_000,
  }, async () => {
    const home = temporaryFolder();
    // It would end that late, were it to hold a connection whose client is gone.
    const proxy = await startProxy(home, ['--drain', '600']);
    const forged = {
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'http',
      'early-data': '1',
      'x-client-cert-subject': 'CN=admin',
    };
    const answer = await ask(home, proxy.port, { body: Buffer.alloc(300_000), headers: forged, path: '/a?b' });
    const seen = JSON.parse(answer.body) as Seen;
    assert.deepEqual([seen.method, seen.url, seen.body], ['POST', '/a?b', 300_000]);
    assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(seen.headers['x-forwarded-proto'], 'https');
    assert.equal(seen.headers['early-data'], undefined);
    assert.equal(seen.headers['x-client-cert-subject'], undefined);

    const ca = readFileSync(join(home, 'ca', 'root.pem'));
    const session = connectHttp2(`https://127.0.0.1:${proxy.port}`, { ca, servername: 'localhost' });
    const stream = session.request({ ':path': '/h2', ':method': 'PUT', cookie: ['a=1', 'b=2'] });
    stream.end(Buffer.alloc(100_000));
    let text = '';
    for await (const part of stream) text += part;
    session.close();
    const over2 = JSON.parse(text) as Seen;
    assert.deepEqual([over2.method, over2.body, over2.headers['cookie']], ['PUT', 100_000, 'a=1; b=2']);

    const socket = connect({
      host: '127.0.0.1',
      port: proxy.port,
      servername: 'localhost',
      ca,
      ALPNProtocols: ['http/1.1'],
    });
    socket.write('GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
    let heard = '';
    for await (const part of socket) {
      heard += part;
      if (heard.includes('\r\n\r\n') && !heard.includes('ping')) socket.write('ping');
      if (heard.includes('ping')) break;
    }
    assert.match(heard, /^HTTP\/1\.1 101 .*ping$/s);
    assert.equal(await proxy.end(), 0);
  });

  test('an app that is down gives 502, and an unknown host 421', async () => {
    const home = temporaryFolder();
    const proxy = start(home, [
      'proxy',
      '--to',
      'a.test=http://127.0.0.1:1',
      '--listen',
      '127.0.0.1:0',
      '--metrics',
      'off',
    ]);
    const [, port] = await proxy.until(/\(port (\d+)\)/);
    assert.equal((await ask(home, Number(port), { headers: { host: 'a.test' } })).status, 502);
    assert.equal((await ask(home, Number(port), { headers: { host: 'b.test' } })).status, 421);
    await proxy.end();
  });

  test('client certificates are required, verified, and named to the app', async () => {
    const home = temporaryFolder();
    await handfast(home, ['ca', 'issue', 'alice@corp.test', '--profile', 'client', '--out', 'alice']);
    const proxy = await startProxy(home, ['--client-ca', 'ca/root.pem']);
    await assert.rejects(ask(home, proxy.port));
    // The alert arrives, though the client is sending already when the server ends the connection.
    for (let i = 0; i < 8; i++) {
      const refused = await handfast(home, ['get', `https://localhost:${proxy.port}`]);
      assert.deepEqual(
        [refused.code, /certificateRequired.*--cert FILE/s.test(refused.stderr)],
        [5, true],
        refused.stderr,
      );
    }
    const [cert, key] = [readFileSync(join(home, 'alice.pem')), readFileSync(join(home, 'alice.key'))];
    const { headers } = JSON.parse((await ask(home, proxy.port, { cert, key })).body) as Seen;
    assert.match(String(headers['x-client-cert-sha256']), /^[0-9a-f]{64}$/);
    await proxy.end();
  });

  test('the PROXY protocol names the client; who leaves it out is refused', async () => {
    const home = temporaryFolder();
    const proxy = await startProxy(home, ['--proxy-protocol']);
    const raw = connectTcp(proxy.port, '127.0.0.1');
    raw.write('PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n');
    const socket = connect({
      socket: raw,
      servername: 'localhost',
      ca: readFileSync(join(home, 'ca', 'root.pem')),
      ALPNProtocols: ['http/1.1'],
    });
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    let heard = '';
    for await (const part of socket) heard += part;
    assert.match(heard, /"x-forwarded-for":"192\.0\.2\.7"/);
    await assert.rejects(ask(home, proxy.port));
    await proxy.end();
  });

  test('workers share sessions; a killed one is replaced and no request of the others fails', async () => {
    const home = temporaryFolder();
    const proxy = await startProxy(home, ['--workers', '2']);
    const get = async (...words: string[]) => {
      const done = await handfast(home, [
        'get',
        `https://localhost:${proxy.port}`,
        '--connect',
        `127.0.0.1:${proxy.port}`,
        '--resume',
        's.bin',
        ...words,
      ]);
      assert.equal(done.code, 0, done.stderr);
      return (JSON.parse(done.stdout) as Seen).headers['x-tls-resumption'];
    };
    assert.equal(await get(), 'none');
    // Connections go to the workers in turn.
    for (let i = 0; i < 3; i++) assert.equal(await get(), 'psk');
    assert.equal(await get('--tls', '1.2'), 'none');
    for (let i = 0; i < 3; i++) assert.equal(await get('--tls', '1.2'), 'ticket');
    const children = readFileSync(`/proc/${proxy.child.pid}/task/${proxy.child.pid}/children`, 'utf8')
      .trim()
      .split(' ');
    const statuses: Promise<number>[] = [];
    for (let i = 0; i < 40; i++) {
      statuses.push(ask(home, proxy.port).then(({ status }) => status));
      if (i === 20) {
        await Promise.all(statuses);
        process.kill(Number(children[0]), 'SIGKILL');
        await proxy.until(/another takes its place/);
      }
    }
    assert.deepEqual([...new Set(await Promise.all(statuses))], [200]);
    assert.equal(await get(), 'psk');
    proxy.child.kill('SIGHUP');
    await proxy.until(/certificates were read again/);
    assert.equal(await proxy.end(), 0);
  });

  test('what is wrong is said, with the exit code', async () => {
    const home = temporaryFolder();
    const cases: [string[], number, RegExp][] = [
      [[], 2, /--to is missing/],
      [['--to', 'nonsense'], 2, /is no URL/],
      [['--to', 'ftp://a'], 2, /http or https/],
      [['--to', to, '--listen', 'x'], 2, /PORT or HOST:PORT/],
      [['--to', to, '--cert', 'a.pem'], 2, /every --cert needs its --key/],
      [['--to', to, '--client-cert', 'require'], 2, /needs --client-ca/],
      [['--to', to, '--redis', 'redis://127.0.0.1:1'], 2, /--redis and --fleet-key belong together/],
      [['--to', to, '--client-ca', 'gone.pem'], 3, /gone\.pem does not exist/],
      [['--to', to, '--workers', '0'], 2, /whole number from 1/],
      [['--to', to, '--workers', '2', '--client-ca', 'gone.pem'], 3, /gone\.pem does not exist/],
    ];
    for (const [words, code, message] of cases) {
      const done = await handfast(home, ['proxy', ...words]);
      assert.deepEqual(
        [done.code, message.test(done.stderr)],
        [code, true],
        `${words.join(' ')}: ${done.code} ${done.stderr}`,
      );
    }
  });

  test('without Redis a node of a fleet starts and serves all the same', async () => {
    const home = temporaryFolder();
    const { writeFileSync } = await import('node:fs');
    const { randomBytes } = await import('node:crypto');
    writeFileSync(join(home, 'fleet.key'), randomBytes(32));
    const proxy = await startProxy(home, ['--redis', 'redis://127.0.0.1:1', '--fleet-key', 'fleet.key']);
    assert.match(proxy.output(), /Redis: unreachable/);
    assert.equal((await ask(home, proxy.port)).status, 200);
    await proxy.end();
  });
});
