/** What clients send to make the proxy and the app see different requests, or to end the proxy for all. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { rawRequest, start, temporaryFolder } from './run.ts';

/** Everything that reached the app, byte for byte. */
let line = '';
const app = createServer((socket: Socket) => {
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    line += bytes.toString('latin1');
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  });
});
await once(app.listen(0, '127.0.0.1'), 'listening');
const home = temporaryFolder();
const proxy = start(home, [
  ...['proxy', '--to', `http://127.0.0.1:${(app.address() as AddressInfo).port}`],
  ...['--listen', '127.0.0.1:0', '--metrics', 'off'],
]);
const port = Number((await proxy.until(/\(port (\d+)\)/))[1]);
const ca = readFileSync(join(home, 'ca', 'root.pem'));
after(async () => {
  await proxy.end();
  app.close();
});

const raw = (text: string) => rawRequest(port, ca, text, /\r\n\r\nok$/);

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
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca, servername: 'localhost' });
    const ask = async (headers: Record<string, string>) => {
      const stream = session.request(headers);
      const [answer] = (await once(stream, 'response')) as [{ ':status': number }];
      stream.close();
      return answer[':status'];
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
      const answer = await raw(`GET ${target} HTTP/1.1\r\nhost: ${name}\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 200 /, `${target} ${name}`);
    }
    assert.match(await raw(`OPTIONS * HTTP/1.1\r\n${host}\r\n`), /^HTTP\/1\.1 200 /);
  });
});
