/** Apps that speak HTTP/2, as those of gRPC do: what passes in both directions, and what becomes of resets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { rawRequest, start, temporaryFolder } from './run.ts';

const resets: [path: string, code: number][] = [];
/** Codes of resets as bodies ended: 0 for a whole one. */
const uploads: number[] = [];
let sessions = 0;

const answers: Readonly<Record<string, (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void>> = {
  '/echo': (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'done' }));
    stream.pipe(stream);
  },
  '/trailers-only': (stream) => stream.respond({ ':status': 200, 'grpc-status': '12' }, { endStream: true }),
  '/hints': (stream) => {
    stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' });
    stream.respond({ ':status': 200 });
    stream.end('hinted');
  },
  '/refused': (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
  '/cut': (stream) => {
    // Node ends a stream before it resets it, unless it waits for trailers.
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => {});
    stream.write('part', () => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM));
  },
  '/wait': () => {},
  '/upload': (stream) => stream.resume().on('end', () => uploads.push(stream.rstCode)),
  '/error-early': (stream) => {
    stream.respond({ ':status': 200, 'grpc-status': '3' }, { endStream: true });
    stream.close(constants.NGHTTP2_NO_ERROR);
  },
};
const app = createServer({ settings: { enableConnectProtocol: true } });
app.on('session', () => sessions++);
app.on('stream', (stream, headers) => {
  const path = String(headers[':path']);
  stream.on('error', () => {});
  stream.on('close', () => resets.push([path, stream.rstCode]));
  if (headers[':method'] === 'CONNECT') {
    stream.respond({ ':status': headers[':protocol'] === 'websocket' ? 200 : 501 });
    stream.write(JSON.stringify(headers));
    stream.pipe(stream);
    return;
  }
  const answer = answers[path];
  if (answer !== undefined) return answer(stream, headers);
  stream.respond({ ':status': 200 });
  stream.end(JSON.stringify(headers));
});
await once(app.listen(0, '127.0.0.1'), 'listening');
const home = temporaryFolder();
const proxy = start(home, [
  ...['proxy', '--to', `h2c://127.0.0.1:${(app.address() as AddressInfo).port}`],
  ...['--listen', '127.0.0.1:0', '--metrics', 'off', '--timeout', '2'],
]);
const port = Number((await proxy.until(/\(port (\d+)\)/))[1]);
const ca = readFileSync(join(home, 'ca', 'root.pem'));
after(async () => {
  await proxy.end();
  app.close();
});

function client(): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca, servername: 'localhost' });
  after(() => session.destroy());
  return session;
}

interface Heard {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly interim: IncomingHttpHeaders[];
  readonly text: string;
  readonly code: number;
  /** The head ended the stream. */
  readonly headOnly: boolean;
}

async function hear(stream: ClientHttp2Stream): Promise<Heard> {
  let [headers, trailers, text, headOnly] = [{} as IncomingHttpHeaders, {} as IncomingHttpHeaders, '', false];
  const interim: IncomingHttpHeaders[] = [];
  stream.on('headers', (fields) => interim.push(fields));
  stream.on('response', (fields, flags) => {
    headers = fields;
    headOnly = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
  });
  stream.on('trailers', (fields) => (trailers = fields));
  stream.on('data', (part) => (text += part));
  stream.on('error', () => {});
  await new Promise((done) => stream.on('close', done));
  return { status: Number(headers[':status']), headers, trailers, interim, text, code: stream.rstCode, headOnly };
}

const get = (path: string, more = {}) =>
  client().request({ ':path': path, ':authority': 'localhost', ...more }, { waitForTrailers: path === '/upload' });
const grpc = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };

describe('an app that speaks HTTP/2 in clear (h2c)', () => {
  test('gets the fields that one of HTTP/1.1 gets, and te; the client keeps its own', async () => {
    const { headers, text } = await hear(get('/x?y', { te: 'trailers', cookie: ['a=1', 'b=2'] }));
    const seen = JSON.parse(text) as IncomingHttpHeaders;
    assert.equal(headers[':status'], 200);
    assert.deepEqual(
      [seen[':path'], seen[':authority'], seen['te'], seen['cookie'], seen['x-forwarded-for'], seen['via']],
      ['/x?y', 'localhost', 'trailers', 'a=1; b=2', '127.0.0.1', '2.0 handfast'],
    );
    const over1 = await rawRequest(port, ca, 'GET /one HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n');
    assert.match(over1, /^HTTP\/1\.1 200 .*":authority":"a\.test"/s);
  });

  test('answers while the client still sends; trailers arrive', async () => {
    const stream = get('/echo', grpc);
    const heard = hear(stream);
    await once(stream, 'response');
    for (const word of ['one', 'two', 'three']) {
      stream.write(word);
      assert.equal(String((await once(stream, 'data'))[0]), word);
    }
    stream.end();
    const { text, trailers, code } = await heard;
    assert.deepEqual([text, trailers['grpc-status'], trailers['grpc-message'], code], ['onetwothree', '0', 'done', 0]);
  });

  test('megabytes pass in both directions at once, byte for byte', async () => {
    const stream = get('/echo', grpc);
    const heard = hear(stream);
    const body = Buffer.alloc(5_000_000, 'handfast');
    stream.end(body);
    const { text, trailers } = await heard;
    assert.equal(text, body.toString());
    assert.equal(trailers['grpc-status'], '0');
  });

  test('a head that is the whole answer stays one: gRPC knows "Trailers-Only" by it', async () => {
    const stream = get('/trailers-only', grpc);
    stream.end('x');
    const { headers, headOnly } = await hear(stream);
    assert.deepEqual([headers['grpc-status'], headOnly], ['12', true]);
    const early = get('/error-early', grpc);
    early.write('x');
    const { headers: told, code } = await hear(early);
    assert.deepEqual([told['grpc-status'], code], ['3', constants.NGHTTP2_NO_ERROR]);
  });

  test('interim answers reach the client', async () => {
    const { interim, text } = await hear(get('/hints'));
    assert.deepEqual(
      interim.map((fields) => [fields[':status'], fields['link']]),
      [[103, '</a.css>; rel=preload']],
    );
    assert.equal(text, 'hinted');
  });

  test('resets have the code that the other side gave', async () => {
    const cut = await hear(get('/cut'));
    assert.deepEqual([cut.text, cut.code], ['part', constants.NGHTTP2_ENHANCE_YOUR_CALM]);
    const refused = get('/refused', grpc);
    refused.end();
    assert.equal((await hear(refused)).code, constants.NGHTTP2_REFUSED_STREAM);
    assert.equal((await hear(get('/refused'))).status, 502);
    resets.length = 0;
    const stream = get('/wait', grpc);
    stream.on('error', () => {});
    stream.write('x');
    await new Promise((done) => setTimeout(done, 200));
    stream.close(constants.NGHTTP2_CANCEL);
    for (let i = 0; i < 50 && resets.length === 0; i++) await new Promise((done) => setTimeout(done, 20));
    assert.deepEqual(resets, [['/wait', constants.NGHTTP2_CANCEL]]);
  });

  test('an upload that its client gives up does not look whole to the app', async () => {
    const stream = get('/upload', grpc);
    stream.on('error', () => {});
    stream.on('wantTrailers', () => {});
    stream.write('part');
    await new Promise((done) => setTimeout(done, 200));
    stream.close(constants.NGHTTP2_CANCEL);
    await new Promise((done) => setTimeout(done, 300));
    assert.deepEqual(
      uploads.filter((code) => code === 0),
      [],
    );
  });

  test('an app that says nothing: 504; the next request goes on another connection', async () => {
    const before = sessions;
    assert.equal((await hear(get('/wait'))).status, 504);
    assert.equal((await hear(get('/'))).status, 200);
    assert.equal(sessions, before + 1);
  });

  test('its connection is shared, and a new one made once it is over', async () => {
    assert.equal((await hear(get('/'))).status, 200);
    const before = sessions;
    const session = client();
    const many = Array.from({ length: 50 }, () => hear(session.request({ ':path': '/', ':authority': 'localhost' })));
    assert.deepEqual([...new Set((await Promise.all(many)).map(({ status }) => status))], [200]);
    assert.equal(sessions, before);
  });

  test('WebSockets reach it, from clients of HTTP/2 and of HTTP/1.1', async () => {
    const session = client();
    await once(session, 'remoteSettings');
    assert.equal(session.remoteSettings.enableConnectProtocol, true);
    const connect = { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', ':authority': 'localhost' };
    const stream = session.request({ ...connect, ':path': '/chat', 'sec-websocket-version': '13' });
    const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    assert.equal(head[':status'], 200);
    assert.match(String((await once(stream, 'data'))[0]), /"sec-websocket-version":"13"/);
    stream.write('ping');
    assert.equal(String((await once(stream, 'data'))[0]), 'ping');
    stream.close();
    const key = 'dGhlIHNhbXBsZSBub25jZQ==';
    const upgrade = `GET /chat HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ${key}\r\nsec-websocket-version: 13\r\n\r\n`;
    const heard = await rawRequest(port, ca, upgrade, /"sec-websocket-version":"13"/);
    assert.match(heard, /^HTTP\/1\.1 101 .*sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/is);
    assert.doesNotMatch(heard, /sec-websocket-key/);
  });
});
