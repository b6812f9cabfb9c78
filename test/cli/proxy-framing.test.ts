/** What goes over the line between the proxy and the app: where a request ends, and what of an answer reaches the client. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { freePort } from '../helpers/listening.ts';
import { rawRequest, start, temporaryFolder } from './run.ts';

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
const seen: string[] = [];

const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  '/events': (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    setTimeout(() => response.end('data: late\n\n'), 3000);
  },
  '/trailers': (response) => {
    response.writeHead(200, { trailer: 'grpc-status', connection: 'x-hop', 'x-hop': '1' });
    response.write('body');
    response.addTrailers({ 'grpc-status': '0' });
    response.end();
  },
  // An answer before the body was read: what is left of it must not become the next request's.
  '/early': (response) => response.end('early'),
};

const app = createServer((request, response) => {
  seen.push(`${request.method} ${request.url}`);
  const answer = answers[request.url ?? ''];
  if (answer !== undefined) return answer(response);
  let body = '';
  request.on('data', (bytes) => (body += bytes));
  request.on('end', () => response.end(JSON.stringify({ url: request.url, body, headers: request.headers })));
});
app.on('upgrade', (request, socket) => {
  seen.push(`upgrade ${request.url}`);
  socket.on('error', () => {});
  if (request.url === '/refused')
    socket.end('HTTP/1.1 401 No\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n');
});

await once(app.listen(0, '127.0.0.1'), 'listening');
const home = temporaryFolder();
const port = await freePort();
const proxy = start(home, [
  ...['proxy', '--to', `http://127.0.0.1:${(app.address() as AddressInfo).port}`],
  ...['--listen', `127.0.0.1:${port}`, '--metrics', 'off', '--timeout', '2'],
]);
await proxy.until(/HTTPS on/);
const ca = readFileSync(join(home, 'ca', 'root.pem'));
after(async () => {
  await proxy.end();
  app.closeAllConnections();
  app.close();
});

describe('the line between the proxy and the app', () => {
  const raw = (text: string, enough?: RegExp) => rawRequest(port, ca, text, enough);

  function over2(headers: Record<string, string>, body: string | undefined) {
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca, servername: 'localhost' });
    const stream = session.request({ ':authority': 'localhost', ...headers }, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    return new Promise<{ text: string; trailers: IncomingHttpHeaders }>((resolve, reject) => {
      let [text, trailers] = ['', {} as IncomingHttpHeaders];
      stream.on('trailers', (fields) => (trailers = fields));
      stream.on('data', (part) => (text += part));
      stream.on('error', reject);
      stream.on('close', () => {
        session.close();
        resolve({ text, trailers });
      });
    });
  }

  const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;

  for (const method of ['GET', 'DELETE', 'OPTIONS', 'POST', 'PROPFIND'])
    test(`a body of ${method} stays a body, and does not become a request of its own`, async () => {
      seen.length = 0;
      const head = `${method} /body HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n`;
      const byLength = `${head}content-length: ${smuggled.length}\r\n\r\n${smuggled}`;
      for (const text of [`${head}transfer-encoding: chunked\r\n\r\n${chunked(smuggled)}`, byLength])
        assert.ok((await raw(text)).includes(JSON.stringify(smuggled)), text);
      const { text } = await over2({ ':method': method, ':path': '/body' }, smuggled);
      assert.equal((JSON.parse(text) as { body: string }).body, smuggled);
      const empty = JSON.parse((await over2({ ':method': method, ':path': '/body' }, undefined)).text) as {
        body: string;
        headers: IncomingHttpHeaders;
      };
      assert.deepEqual([empty.body, empty.headers['transfer-encoding']], ['', undefined]);
      assert.deepEqual(seen, Array(4).fill(`${method} /body`));
    });

  test('a request after an answer that did not wait for the body is its own', async () => {
    seen.length = 0;
    const upgrade = `GET /early HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: ${smuggled.length}\r\n\r\n`;
    assert.match(await raw(upgrade + smuggled), /^HTTP\/1\.1 400 /);
    const { text } = await over2({ ':path': '/next' }, undefined);
    assert.equal((JSON.parse(text) as { url: string }).url, '/next');
    assert.deepEqual(seen, ['GET /next']);
  });

  test('what the URL names as a whole is asked for by its path, of the host that it names', async () => {
    const answer = await raw('GET http://named.test/x?y HTTP/1.1\r\nhost: other.test\r\nconnection: close\r\n\r\n');
    assert.match(answer, /"url":"\/x\?y"/);
    assert.match(answer, /"x-forwarded-host":"named\.test"/);
  });

  test('names that an app takes for those of the proxy are dropped too', async () => {
    const { text } = await over2(
      { ':path': '/names', x_forwarded_for: '6.6.6.6', 'x-client_cert-subject': 'a' },
      undefined,
    );
    assert.doesNotMatch(text, /6\.6\.6\.6|client_cert/);
  });

  test('the head of an answer comes before its body does', async () => {
    const start = performance.now();
    const heard = await raw('GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n', /\r\n\r\n/);
    assert.match(heard, /^HTTP\/1\.1 200 .*text\/event-stream/s);
    assert.ok(performance.now() - start < 2000);
  });

  test('trailers reach the client; fields for one connection do not', async () => {
    const { text, trailers } = await over2({ ':path': '/trailers' }, undefined);
    assert.deepEqual([text, trailers['grpc-status']], ['body', '0']);
    const heard = await raw(
      'GET /trailers HTTP/1.1\r\nhost: localhost\r\nte: trailers\r\nconnection: te, close\r\n\r\n',
    );
    assert.match(heard, /\r\n0\r\ngrpc-status: 0\r\n\r\n$/);
    assert.doesNotMatch(heard, /x-hop/);
  });

  test('an upgrade that is refused ends with an answer that can be read; one that is not answered, too', async () => {
    const ask = (path: string, what = 'websocket') =>
      raw(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: ${what}\r\n\r\n`);
    const refused = await ask('/refused');
    assert.match(refused, /^HTTP\/1\.1 401 No\r\n/);
    assert.match(refused, /\r\nconnection: close\r\n\r\nhello$/i);
    assert.doesNotMatch(refused, /transfer-encoding/);
    assert.match(await ask('/silent'), /^HTTP\/1\.1 504 /);
    seen.length = 0;
    assert.match(await ask('/plain', 'h2c'), /^HTTP\/1\.1 200 .*"url":"\/plain"/s);
    assert.deepEqual(seen, ['GET /plain'], 'HTTP/2 in clear would be a tunnel past the proxy');
  });
});
