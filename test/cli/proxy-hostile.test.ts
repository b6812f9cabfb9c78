/** What clients send to make the proxy and the app see different requests, or to end the proxy for all. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { rawRequest, start, temporaryFolder } from './run.ts';

/** Everything that reached the app, byte for byte. */
let line = '';
const usual = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
/** What the app sends back. */
let answer: string | ((socket: Socket) => void) = usual;
const app = createServer((socket: Socket) => {
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    line += bytes.toString('latin1');
    if (typeof answer === 'string') socket.write(answer, 'latin1');
    else answer(socket);
  });
});
await once(app.listen(0, '127.0.0.1'), 'listening');
const home = temporaryFolder();
const proxy = start(home, [
  ...['proxy', '--to', `http://127.0.0.1:${(app.address() as AddressInfo).port}`],
  ...['--to', 'down.test=http://127.0.0.1:1', '--timeout', '2'],
  ...['--listen', '127.0.0.1:0', '--metrics', 'off'],
]);
const port = Number((await proxy.until(/\(port (\d+)\)/))[1]);
const ca = readFileSync(join(home, 'ca', 'root.pem'));
after(async () => {
  await proxy.end();
  app.close();
});

const raw = (text: string) => rawRequest(port, ca, text, /\r\n\r\nok$/);

function session2(): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca, servername: 'localhost' });
  after(() => session.destroy());
  return session;
}

/** The status of an answer over HTTP/2, its body, and the code that its stream was closed with. */
async function over2(session: ClientHttp2Session, path: string, body?: Buffer) {
  const stream = session.request(
    { ':authority': 'localhost', ':path': path, ':method': body === undefined ? 'GET' : 'POST' },
    { endStream: body === undefined },
  );
  let [status, text] = [0, ''];
  stream.on('response', (headers) => (status = headers[':status'] ?? 0));
  stream.on('data', (part) => (text += part));
  stream.on('error', () => {});
  if (body !== undefined) stream.write(body);
  await new Promise((done) => stream.on('close', done));
  return { status, text, code: stream.rstCode };
}

describe('requests that two readers could take for different ones', () => {
  const host = 'Host: localhost\r\n';
  const post = `POST /a HTTP/1.1\r\n${host}`;
  const refused: [name: string, text: string, status: number][] = [
    ['a version that the parser knows and no server speaks', `GET /a HTTP/2.0\r\n${host}\r\n`, 505],
    ['that version in an upgrade', `GET /a HTTP/2.0\r\n${host}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n`, 505],
    ['HTTP/0.9 with a head', `GET /a HTTP/0.9\r\n${host}\r\n`, 505],
    ['two hosts', `GET /a HTTP/1.1\r\n${host}Host: other.test\r\n\r\n`, 400],
    ['a list of hosts', 'GET /a HTTP/1.1\r\nHost: localhost, other.test\r\n\r\n', 400],
    ['a host with a path', 'GET /a HTTP/1.1\r\nHost: localhost/x?y#z\r\n\r\n', 400],
    ['a host with a user', 'GET /a HTTP/1.1\r\nHost: user@localhost\r\n\r\n', 400],
    ['a target with a user', `GET https://user@localhost/a HTTP/1.1\r\n${host}\r\n`, 400],
    ['a target without a host', `GET https:///a HTTP/1.1\r\n${host}\r\n`, 400],
    ['a target of another scheme', `GET ftp://other.test/a HTTP/1.1\r\n${host}\r\n`, 400],
    ['a target for all, not of OPTIONS', `GET * HTTP/1.1\r\n${host}\r\n`, 400],
    ['a coding within chunks', `${post}Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, 501],
    ['an empty coding', `${post}Transfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc`, 501],
    ['chunks in HTTP/1.0', `POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, 400],
    ['two lengths', `${post}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`, 400],
    ['a length and chunks', `${post}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a folded field', `${post}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`, 400],
    ['lines that end with LF', `GET /a HTTP/1.1\n${host}\n`, 400],
    [
      'an extension of a chunk that ends with LF',
      `${post}Transfer-Encoding: chunked\r\n\r\n3;a\nabc\r\n0\r\n\r\n`,
      400,
    ],
  ];
  for (const [name, text, status] of refused)
    test(`${name}: ${status}`, async () => {
      line = '';
      assert.match(await raw(text), new RegExp(`^HTTP/1\\.1 ${status} .*\r\nconnection: close\r\n`, 'is'));
      assert.equal(line, '', 'nothing reaches the app');
    });

  test('the same over HTTP/2, and a method in small letters, which Node would write in capitals', async () => {
    const session = session2();
    const ask = async (headers: Record<string, string>) => {
      const stream = session.request(headers);
      const [head] = (await once(stream, 'response')) as [{ ':status': number }];
      stream.close();
      return head[':status'];
    };
    line = '';
    assert.equal(await ask({ ':authority': 'user@localhost' }), 400);
    assert.equal(await ask({ ':authority': 'localhost', ':method': 'get' }), 501);
    assert.equal(line, '');
    assert.equal(await ask({ ':authority': 'localhost' }), 200);
    session.close();
  });

  test('what is allowed goes on: addresses, ports, OPTIONS *, whole URLs', async () => {
    for (const [target, name] of [
      ['/a', '[::1]:8443'],
      ['/a', 'LocalHost:8443'],
      ['/a', 'xn--bcher-kva.test.'],
      ['https://localhost:1?x', 'localhost'],
    ]) {
      const heard = await raw(`GET ${target} HTTP/1.1\r\nhost: ${name}\r\n\r\n`);
      assert.match(heard, /^HTTP\/1\.1 200 /, `${target} ${name}`);
    }
    assert.match(await raw(`OPTIONS * HTTP/1.1\r\n${host}\r\n`), /^HTTP\/1\.1 200 /);
  });
});

describe('answers of an app that is broken or hostile', () => {
  const get = 'GET /a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n';
  const rest = 'content-length: 2\r\n\r\nok';
  const cases: [name: string, text: string, over1: RegExp, over2: number][] = [
    ['a status that HTTP/2 does not have', `HTTP/1.1 999 X\r\n${rest}`, /^HTTP\/1\.1 999 X/, 502],
    ['a status below 100', `HTTP/1.1 099 X\r\n${rest}`, /^HTTP\/1\.1 502 /, 502],
    ['101 to a request for no other protocol', `HTTP/1.1 101 X\r\n\r\n${usual}`, /^HTTP\/1\.1 502 /, 502],
    ['an upgrade unasked', 'HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n', /^HTTP\/1\.1 502 /, 502],
    ['control characters in the reason', `HTTP/1.1 200 a\x01b\r\n${rest}`, /^HTTP\/1\.1 200 OK\r\n/, 200],
    [
      'a coding within chunks',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      /^HTTP\/1\.1 502 /,
      502,
    ],
  ];
  for (const [name, text, over1, status2] of cases)
    test(name, async () => {
      answer = text;
      assert.match(await rawRequest(port, ca, get), over1);
      assert.equal((await over2(session2(), '/a')).status, status2);
    });

  test('204 has no length', async () => {
    answer = 'HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\n';
    assert.doesNotMatch(await rawRequest(port, ca, get), /content-length/i);
  });

  test('what is cut is no whole answer over HTTP/2', async () => {
    answer = (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n');
    const { text, code } = await over2(session2(), '/a');
    assert.deepEqual([text, code], ['hello', constants.NGHTTP2_INTERNAL_ERROR]);
  });

  test('a request that its client gives up is not sent again', async () => {
    answer = (socket) => void (/slow/.test(line) || socket.write(usual));
    line = '';
    const session = session2();
    assert.equal((await over2(session, '/quick')).status, 200);
    const stream = session.request({ ':authority': 'localhost', ':path': '/slow' });
    stream.on('error', () => {});
    while (!line.includes('/slow')) await new Promise((done) => setTimeout(done, 20));
    stream.close(constants.NGHTTP2_CANCEL);
    await new Promise((done) => setTimeout(done, 500));
    assert.equal(line.split('/slow').length - 1, 1);
  });

  test('a body that no app takes does not stop the connection', async () => {
    answer = usual;
    const body = 'x'.repeat(2_000_000);
    const head = `POST /a HTTP/1.1\r\nhost: down.test\r\ncontent-length: ${body.length}\r\n\r\n`;
    const heard = await raw(`${head}${body}GET /next HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    assert.match(heard, /^HTTP\/1\.1 502 .*HTTP\/1\.1 200 OK\r\n/s);
  });

  test('an app that answers and reads no further does not hold the body for ever', async () => {
    answer = (socket) => void socket.pause().write(usual);
    const session = session2();
    const { status, text, code } = await over2(session, '/a', Buffer.alloc(5_000_000));
    assert.deepEqual([status, text, code], [200, 'ok', constants.NGHTTP2_NO_ERROR]);
  });
});
