/** Several apps behind one name, interim answers, methods and forms of targets that are seldom. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { type AddressInfo, connect as connectTcp, createServer as createTcp } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type AppAddress, Balancer } from '../../src/cli/proxy/apps.ts';
import { freePort } from '../helpers/listening.ts';
import { type Running, rawRequest, start, temporaryFolder } from './run.ts';

async function startApp(listener: RequestListener, where: number | string = 0): Promise<Server> {
  const app = createServer(listener);
  await once(typeof where === 'string' ? app.listen(where) : app.listen(where, '127.0.0.1'), 'listening');
  after(() => {
    app.closeAllConnections();
    app.close();
  });
  return app;
}

const urlOf = (app: Server) => `http://127.0.0.1:${(app.address() as AddressInfo).port}`;

async function startProxy(...words: string[]): Promise<Running & { port: number; ca: Buffer }> {
  const home = temporaryFolder();
  const running = start(home, ['proxy', '--listen', '127.0.0.1:0', '--metrics', 'off', '--timeout', '3', ...words]);
  const port = Number((await running.until(/\(port (\d+)\)/))[1]);
  return { ...running, port, ca: readFileSync(join(home, 'ca', 'root.pem')) };
}

const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${more}\r\n`;
const bodyOf = (text: string) => text.slice(text.indexOf('\r\n\r\n') + 4);

describe('several apps of one name', () => {
  test('share its requests; who is down is left out, whatever the method, and comes back', async () => {
    const name =
      (text: string): RequestListener =>
      (request, response) => {
        let body = '';
        request.on('data', (part) => (body += part)).on('end', () => response.end(`${text}${body}`));
      };
    const a = await startApp(name('a'));
    const port = await freePort();
    const proxy = await startProxy('--to', urlOf(a), '--to', `http://127.0.0.1:${port}`);
    const post = 'POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 1\r\n\r\n!';
    const ask = async (text: string) => bodyOf(await rawRequest(proxy.port, proxy.ca, text));
    for (let i = 0; i < 4; i++) assert.equal(await ask(post), 'a!');
    await startApp(name('b'), port);
    const seen = new Set<string>();
    for (let i = 0; i < 60 && seen.size < 2; i++) {
      seen.add(await ask(get('/')));
      await new Promise((done) => setTimeout(done, 100));
    }
    assert.deepEqual([...seen].sort(), ['a', 'b']);
    await proxy.end();
  });

  test('a request that an app dropped goes to another where it may be sent twice, and only there', async () => {
    let dropped = 0;
    const rude = await startApp((request) => {
      dropped++;
      request.socket.destroy();
    });
    const kind = await startApp((request, response) => void request.resume().on('end', () => response.end('kind')));
    const proxy = await startProxy('--to', urlOf(rude), '--to', urlOf(kind));
    const ask = (text: string) => rawRequest(proxy.port, proxy.ca, text);
    for (let i = 0; i < 4; i++) assert.equal(bodyOf(await ask(get('/'))), 'kind');
    assert.ok(dropped > 0);
    dropped = 0;
    const post = 'POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 1\r\n\r\n!';
    const statuses: string[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await ask(post)).slice(9, 12));
    assert.equal(statuses.filter((status) => status === '502').length, dropped);
    assert.ok(dropped > 0 && dropped < 4);
    await proxy.end();
  });

  test('the one with the fewest open requests is chosen; one that was not reached waits longer each time', () => {
    let now = 0;
    const balancer = new Balancer(() => now);
    const [a, b] = [{ text: 'a' } as AppAddress, { text: 'b' } as AppAddress];
    const route = { host: '*', apps: [a, b] };
    const next = () => balancer.choose(route, new Set());
    balancer.begin(a);
    assert.equal(next(), b);
    balancer.end(a);
    for (const wait of [1000, 2000, 4000]) {
      balancer.notReached(a);
      for (let i = 0; i < 4; i++) assert.equal(next(), b);
      now += wait - 1;
      for (let i = 0; i < 4; i++) assert.equal(next(), b);
      now += 1;
      assert.deepEqual(new Set([next(), next()]), new Set([a, b]));
    }
    balancer.notReached(b);
    balancer.notReached(a);
    assert.ok(next() !== undefined, 'the last resort');
    assert.equal(balancer.choose(route, new Set([a, b])), undefined);
  });

  test('an app on a Unix socket', async () => {
    const path = join(temporaryFolder(), 'app.sock');
    await startApp((request, response) => response.end(request.headers.host), path);
    const proxy = await startProxy('--to', `unix:${path}`);
    assert.equal(bodyOf(await rawRequest(proxy.port, proxy.ca, get('/'))), 'localhost');
    await proxy.end();
  });
});

describe('interim answers', () => {
  const hints: RequestListener = (request, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload; as=style', 'x-one': '1' });
    response.writeProcessing();
    setTimeout(() => response.end(request.url), 50);
  };

  test('103 and 102 reach clients of HTTP/1.1 and HTTP/2, none of HTTP/1.0', async () => {
    const proxy = await startProxy('--to', urlOf(await startApp(hints)));
    const heard = await rawRequest(proxy.port, proxy.ca, get('/'));
    assert.match(
      heard,
      /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a\.css>; rel=preload; as=style\r\nx-one: 1\r\n\r\nHTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 200 OK\r\n/i,
    );
    const two = 'GET /1 HTTP/1.1\r\nhost: localhost\r\n\r\n';
    const lines = (await rawRequest(proxy.port, proxy.ca, two + get('/2'))).match(/HTTP\/1\.1 \d+|\/[12]$/gm);
    assert.deepEqual(
      lines?.map((line) => line.replace('HTTP/1.1 ', '')),
      ['103', '102', '200', '103', '102', '200', '/2'],
    );
    assert.match(await rawRequest(proxy.port, proxy.ca, 'GET / HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 OK\r\n/);
    const session = connectHttp2(`https://127.0.0.1:${proxy.port}`, { ca: proxy.ca, servername: 'localhost' });
    const stream = session.request({ ':path': '/' });
    const interim: IncomingHttpHeaders[] = [];
    stream.on('headers', (fields) => interim.push(fields));
    stream.resume();
    await once(stream, 'close');
    assert.deepEqual(
      interim.map((fields) => fields[':status']),
      [103, 102],
    );
    assert.equal(interim[0]?.['x-one'], '1');
    session.close();
    await proxy.end();
  });

  test('whether a body is wanted the app says: 100 is its own, and without it the connection ends', async () => {
    let bodies = 0;
    const app = await startApp((request, response) => {
      request.on('data', () => bodies++).on('end', () => response.end('took it'));
    });
    app.on('checkContinue', (request, response) => {
      if (request.url === '/no') {
        response.writeHead(401, { 'content-length': '2' }).end('no');
        return;
      }
      response.writeContinue();
      app.emit('request', request, response);
    });
    const proxy = await startProxy('--to', urlOf(app));
    const head = (path: string) =>
      `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n`;
    const refused = await rawRequest(proxy.port, proxy.ca, head('/no'));
    assert.match(refused, /^HTTP\/1\.1 401 .*\r\nconnection: close\r\n.*no$/is);
    assert.equal(bodies, 0);
    const socket = connectTls({ port: proxy.port, host: '127.0.0.1', servername: 'localhost', ca: proxy.ca });
    socket.write(head('/yes'));
    let heard = '';
    for await (const part of socket) {
      heard += part;
      if (heard === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write('body');
      if (heard.endsWith('took it')) break;
    }
    assert.match(heard, /100 Continue\r\n\r\nHTTP\/1\.1 200 .*took it$/s);
    await proxy.end();
  });

  test('an app that never says 100 gets the body all the same', async () => {
    const app = createTcp((socket) => {
      let heard = '';
      socket.on('data', (part) => {
        heard += part;
        if (heard.endsWith('body')) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate');
      });
    });
    await once(app.listen(0, '127.0.0.1'), 'listening');
    after(() => app.close());
    const proxy = await startProxy('--to', `http://127.0.0.1:${(app.address() as AddressInfo).port}`);
    const socket = connectTls({ port: proxy.port, host: '127.0.0.1', servername: 'localhost', ca: proxy.ca });
    socket.write('POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n');
    await once(socket, 'data');
    socket.write('body');
    let heard = '';
    for await (const part of socket) if ((heard += part).endsWith('late')) break;
    assert.match(heard, /^HTTP\/1\.1 200 OK/);
    await proxy.end();
  });
});

describe('methods and answers that are seldom', () => {
  test('CONNECT and TRACE are answered, and not passed on; OPTIONS counts its hops', async () => {
    const seen: string[] = [];
    const app = await startApp((request, response) => {
      seen.push(`${request.method} ${request.headers['max-forwards']}`);
      response.end();
    });
    const proxy = await startProxy('--to', urlOf(app));
    const ask = (text: string) => rawRequest(proxy.port, proxy.ca, text);
    assert.match(await ask('CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n\r\n'), /^HTTP\/1\.1 501 /);
    assert.match(await ask(get('/').replace('GET', 'TRACE')), /^HTTP\/1\.1 501 /);
    assert.match(
      await ask(get('*', 'max-forwards: 0\r\n').replace('GET', 'OPTIONS')),
      /^HTTP\/1\.1 200 .*\r\nallow: /is,
    );
    assert.deepEqual(seen, []);
    await ask(get('*', 'max-forwards: 3\r\n').replace('GET', 'OPTIONS'));
    await ask(get('/', 'max-forwards: 3\r\n'));
    assert.deepEqual(seen, ['OPTIONS 2', 'GET 3']);
    const session = connectHttp2(`https://127.0.0.1:${proxy.port}`, { ca: proxy.ca, servername: 'localhost' });
    for (const headers of [
      { ':method': 'CONNECT', ':authority': 'a.test:443' },
      { ':method': 'TRACE', ':path': '/' },
    ]) {
      const [head] = (await once(session.request(headers), 'response')) as [IncomingHttpHeaders];
      assert.equal(head[':status'], 501);
    }
    session.close();
    await proxy.end();
  });

  test('a WebSocket over HTTP/2 (RFC 8441) is one of HTTP/1.1 for the app, whose acceptance is checked', async () => {
    const app = await startApp((_, response) => response.writeHead(403).end('no'));
    const asked: IncomingHttpHeaders[] = [];
    app.on('upgrade', ({ url, headers }, socket) => {
      asked.push(headers);
      const key = url === '/wrong' ? 'x' : `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const accept = createHash('sha1').update(key).digest('base64');
      if (url === '/no') socket.end('HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\nno');
      else {
        const fields = `upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-protocol: chat\r\nsec-websocket-accept: ${accept}`;
        socket.write(`HTTP/1.1 101 OK\r\n${fields}\r\n\r\nhello`);
        socket.pipe(socket);
      }
    });
    const proxy = await startProxy('--to', urlOf(app));
    const session = connectHttp2(`https://127.0.0.1:${proxy.port}`, { ca: proxy.ca, servername: 'localhost' });
    await once(session, 'remoteSettings');
    const open = async (path: string, protocol = 'websocket') => {
      const connect = { ':method': 'CONNECT', ':protocol': protocol, ':scheme': 'https', ':path': path };
      const stream = session.request({ ...connect, ':authority': 'localhost', 'sec-websocket-protocol': 'chat' });
      stream.on('error', () => {});
      const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      return { stream, head };
    };
    const { stream, head } = await open('/chat');
    assert.deepEqual(
      [head[':status'], head['sec-websocket-protocol'], head['sec-websocket-accept'], head['upgrade']],
      [200, 'chat', undefined, undefined],
    );
    assert.equal(String((await once(stream, 'data'))[0]), 'hello');
    const body = Buffer.alloc(1_000_000, 'x');
    stream.end(body);
    let size = 0;
    for await (const part of stream) size += part.length;
    assert.equal(size, body.length);
    assert.match(String(asked[0]?.['sec-websocket-key']), /^.{22}==$/);
    assert.equal(asked[0]?.['transfer-encoding'], undefined);
    assert.equal((await open('/wrong')).head[':status'], 502);
    assert.equal((await open('/no')).head[':status'], 403);
    assert.equal((await open('/chat', 'connect-udp')).head[':status'], 501);
    session.destroy();
    await proxy.end();
  });

  test('what an app sent before it ended an upgraded connection reaches a client that is slow', async () => {
    const app = await startApp(() => {});
    const size = 8 << 20;
    app.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 OK\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n');
      socket.end(Buffer.alloc(size));
    });
    const proxy = await startProxy('--to', urlOf(app));
    const socket = connectTls({ port: proxy.port, host: '127.0.0.1', servername: 'localhost', ca: proxy.ca });
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    let heard = 0;
    for await (const part of socket) {
      heard += part.length;
      // 8 MB in four seconds.
      await new Promise((done) => setTimeout(done, (part.length * 4000) / size));
    }
    assert.ok(heard > size, `${heard} bytes`);
    await proxy.end();
  });

  test('what is cut ends without a close_notify where nothing else would tell', async () => {
    const app = await startApp((_, response) => {
      response.write('part');
      setTimeout(() => response.destroy(), 100);
    });
    const proxy = await startProxy('--to', urlOf(app));
    const raw = connectTcp(proxy.port, '127.0.0.1');
    const socket = connectTls({ socket: raw, servername: 'localhost', ca: proxy.ca, ALPNProtocols: ['http/1.0'] });
    socket.write('GET / HTTP/1.0\r\n\r\n');
    let [heard, failed] = ['', false];
    socket.on('data', (part) => (heard += part));
    for (const each of [raw, socket]) each.on('error', () => (failed = true));
    await new Promise((done) => socket.on('close', done));
    assert.match(heard, /part$/);
    assert.ok(failed, 'the end of the connection looks like the end of the answer');
    await proxy.end();
  });

  test('what can not stand in a head of the app is a bad request', async () => {
    const proxy = await startProxy('--to', urlOf(await startApp((_, response) => response.end())));
    const session = connectHttp2(`https://127.0.0.1:${proxy.port}`, { ca: proxy.ca, servername: 'localhost' });
    const stream = session.request({ ':path': '/\u00e9' });
    const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    assert.equal(head[':status'], 400);
    session.close();
    await proxy.end();
  });
});
