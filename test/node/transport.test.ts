/** What is under a TLS socket: a fresh socket is used below its stream, any other Duplex through it. Peer: node:tls. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import nodeTls from 'node:tls';
import tls from '../../src/node/tls.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

const identity = testIdentity('ecdsa-p256');
const credentials = { key: identity.keyPem, cert: identity.chainPem };
const limit = { timeout: 30_000 };
const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

type Secured = InstanceType<typeof tls.TLSSocket>;

interface Pair {
  /** The server's TLS socket, and the socket under it. */
  readonly served: Secured;
  readonly raw: Socket;
  readonly client: nodeTls.TLSSocket;
  /** The socket under the client. */
  readonly under: Socket;
}

/** A connection of node:tls to our server. `before` sees the accepted socket before TLS is put over it. */
async function connected(t: TestContext, before?: (raw: Socket) => void): Promise<Pair> {
  let raw: Socket | undefined;
  let accept: (secured: Secured) => void;
  const accepted = new Promise<Secured>((resolve) => {
    accept = resolve;
  });
  const server = net.createServer((socket) => {
    raw = socket;
    before?.(socket);
    const secured = new tls.TLSSocket(socket, { isServer: true, ...credentials });
    secured.on('error', () => {});
    secured.on('secure', () => accept(secured));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const under = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  under.on('error', () => {});
  const client = nodeTls.connect({ socket: under, servername: 'localhost', ca: rootPem });
  client.on('error', () => {});
  t.after(() => {
    client.destroy();
    raw?.destroy();
    server.close();
  });
  const [served] = await Promise.all([accepted, once(client, 'secureConnect')]);
  return { served, raw: raw as Socket, client, under };
}

/** How many chunks go through the stream of a socket. */
function countChunks(socket: Socket): () => number {
  let count = 0;
  socket.on('data', () => count++);
  return () => count;
}

test('the bytes of a fresh socket do not go through its stream, and are counted all the same', limit, async (t) => {
  const { served, raw, client } = await connected(t);
  const chunks = countChunks(raw);
  client.write('ping');
  assert.equal(String((await once(served, 'data'))[0]), 'ping');
  served.write('pong');
  assert.equal(String((await once(client, 'data'))[0]), 'pong');
  assert.equal(chunks(), 0);
  assert.ok(raw.bytesRead > 300 && raw.bytesWritten > 500, `${raw.bytesRead} and ${raw.bytesWritten}`);
  assert.equal(served.bytesRead, 4);
  assert.equal(served.bytesWritten, 4);
});

for (const [how, before] of [
  ['that was paused', (raw: Socket) => void raw.pause()],
  ['that has a reader', (raw: Socket) => void raw.on('data', () => {})],
  ['with a write of its own', (raw: Socket) => void (raw.write = raw.write.bind(raw))],
] as const) {
  test(`a socket ${how} is used through its stream`, limit, async (t) => {
    const { served, raw, client } = await connected(t, before);
    assert.ok(!Object.hasOwn(raw, 'push'));
    client.write('ping');
    assert.equal(String((await once(served, 'data'))[0]), 'ping');
    served.end('pong');
    assert.equal(String((await once(client, 'data'))[0]), 'pong');
    await once(client, 'close');
  });
}

test('who does not read stops the peer, and then gets every byte', limit, async (t) => {
  const { served, raw, client } = await connected(t);
  served.pause();
  const body = randomBytes(24 * 1024 * 1024);
  client.end(body);
  let before = -1;
  while (raw.bytesRead !== before) {
    before = raw.bytesRead;
    await delay(100);
  }
  assert.ok(raw.bytesRead < 1024 * 1024, `${raw.bytesRead} bytes were read though nobody wants them`);
  const chunks: Buffer[] = [];
  served.on('data', (chunk: Buffer) => chunks.push(chunk));
  served.resume();
  await once(served, 'end');
  assert.equal(digest(Buffer.concat(chunks)), digest(body));
});

test('a slow reader slows the writer, and what was written before the end arrives', limit, async (t) => {
  const { served, client } = await connected(t);
  client.pause();
  const body = randomBytes(24 * 1024 * 1024);
  assert.equal(served.write(body), false);
  served.end('tail');
  await delay(200);
  assert.ok(served.writableLength > 0, 'nothing waits though the peer does not read');
  const chunks: Buffer[] = [];
  client.on('data', (chunk: Buffer) => chunks.push(chunk));
  client.resume();
  await once(client, 'end');
  assert.equal(digest(Buffer.concat(chunks)), digest(Buffer.concat([body, Buffer.from('tail')])));
});

for (const size of [1, 8 << 20]) {
  test(`whoever answers ${size} bytes to the peer's end sends them all, and then closes`, limit, async (t) => {
    const { served, raw, client, under } = await connected(t);
    const answer = randomBytes(size);
    served.on('end', () => served.end(answer));
    served.resume();
    const finished = once(served, 'finish');
    const closed = once(raw, 'close');
    client.end();
    const chunks: Buffer[] = [];
    for await (const chunk of client) chunks.push(chunk as Buffer);
    assert.equal(digest(Buffer.concat(chunks)), digest(answer));
    await finished;
    assert.deepEqual(await closed, [false]);
    assert.equal(under.errored, null);
  });
}

test('whoever ends a connection that the peer has ended, and has not read it, ends the transport', limit, async (t) => {
  const { served, raw, client } = await connected(t);
  client.end('unread');
  while (served.readableLength === 0) await delay(5);
  await delay(20);
  served.end();
  await once(served, 'finish');
  assert.ok(raw.writableEnded);
  assert.equal(served.readableLength, 6);
});

test('writes of one turn are joined; each is answered, in order, and none before write returns', limit, async (t) => {
  const { served, raw, client } = await connected(t);
  const sizes: number[] = [];
  const { _write: write, _writev: writev } = net.Socket.prototype;
  raw._write = function (bytes: Buffer, ...rest) {
    sizes.push(bytes.length);
    write.call(this, bytes, ...rest);
  };
  raw._writev = function (...args) {
    sizes.push(-1);
    writev?.apply(this, args);
  };
  const answered: string[] = [];
  for (const word of ['one', 'two', 'three', 'four']) {
    served.write(word, () => answered.push(word));
    assert.deepEqual(answered, []);
  }
  let text = '';
  while (text.length < 15) text += String((await once(client, 'data'))[0]);
  assert.equal(text, 'onetwothreefour');
  assert.deepEqual(answered, ['one', 'two', 'three', 'four']);
  // The first goes at once, the others in one record.
  assert.equal(sizes.length, 2);
});

test('a peer that resets the connection in a write is one error of a socket that a server gave', limit, async (t) => {
  const server = tls.createServer(credentials);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const under = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  const client = nodeTls.connect({ socket: under, servername: 'localhost', ca: rootPem });
  client.on('error', () => {}).pause();
  const [served] = (await once(server, 'secureConnection')) as [Secured];
  const errors: (string | undefined)[] = [];
  served.on('error', ({ code }: NodeJS.ErrnoException) => errors.push(code));
  served.write(randomBytes(24 * 1024 * 1024));
  await delay(50);
  under.resetAndDestroy();
  if (!served.closed) await new Promise((resolve) => served.once('close', resolve));
  await delay(50);
  assert.equal(errors.length, 1);
  assert.match(errors[0] ?? '', /^(ECONNRESET|EPIPE)$/);
});

test('a peer that resets the connection in a write is an error of the socket, once', limit, async (t) => {
  const { served, client, under } = await connected(t);
  const errors: NodeJS.ErrnoException[] = [];
  served.on('error', (error: NodeJS.ErrnoException) => errors.push(error));
  client.pause();
  const failed = new Promise<unknown>((resolve) => served.write(randomBytes(24 * 1024 * 1024), resolve));
  await delay(50);
  under.resetAndDestroy();
  assert.ok((await failed) instanceof Error);
  if (!served.closed) await once(served, 'close');
  assert.deepEqual(
    errors.map(({ code }) => code === 'ECONNRESET' || code === 'EPIPE'),
    [true],
  );
});

for (const [word, encoding] of [
  ['flowing', 'utf8'],
  ['paused', 'latin1'],
] as const) {
  test(`a ${word} socket that makes text of its bytes carries TLS all the same`, limit, async (t) => {
    const { served, client } = await connected(t, (raw) => {
      raw.setEncoding(encoding);
      if (word === 'paused') raw.pause();
      else raw.on('data', () => {});
      // What is on its way out goes through the stream.
      raw.cork();
      process.nextTick(() => raw.uncork());
    });
    const sent = randomBytes(200_000);
    const back: Buffer[] = [];
    served.pipe(served);
    client.on('data', (chunk: Buffer) => back.push(chunk));
    client.end(sent);
    await once(client, 'end');
    assert.equal(digest(Buffer.concat(back)), digest(sent));
  });
}

test('a Duplex that can send no more is an error at once', limit, async () => {
  const ended = new PassThrough();
  ended.end();
  const socket = tls.connect({ socket: ended, servername: 'localhost' });
  const heard: unknown[] = [];
  socket.on('error', ({ code }: NodeJS.ErrnoException) => heard.push(code));
  await new Promise((resolve) => socket.on('close', resolve));
  assert.deepEqual(heard, ['ERR_STREAM_WRITE_AFTER_END']);
});

test('whoever is destroyed in a bulk write closes at once, and the write hears of it', limit, async (t) => {
  const { served, client } = await connected(t);
  client.pause();
  const heard: unknown[] = [];
  served.write(randomBytes(20_000_000), (error) => heard.push((error as NodeJS.ErrnoException)?.code));
  await delay(50);
  const start = performance.now();
  served.destroy();
  await new Promise((resolve) => served.on('close', resolve));
  assert.ok(performance.now() - start < 500, 'a second would be that of a timer');
  await delay(20);
  assert.deepEqual(heard, ['ECANCELED']);
});

for (const [word, pause] of [
  ['end', 0],
  ['end', 50],
  ['write', 50],
] as const) {
  test(`a reset ${pause} ms after ${word} does not wait for a peer that reads no more`, limit, async (t) => {
    const { served, under } = await connected(t);
    under.pause();
    if (pause === 0) served.end('bye');
    else served[word](randomBytes(20_000_000));
    if (pause === 0) await new Promise((resolve) => process.nextTick(resolve));
    else await delay(pause);
    served.resetAndDestroy();
    const closed = new Promise((resolve) => served.on('close', () => resolve('closed')));
    assert.equal(await Promise.race([closed, delay(3000)]), 'closed');
  });
}

test('a socket that is reset says so to its peer', limit, async (t) => {
  const { served, client } = await connected(t);
  const heard: unknown[] = [];
  client.on('error', ({ code }: NodeJS.ErrnoException) => heard.push(code));
  client.resume();
  served.resetAndDestroy();
  await new Promise((resolve) => client.on('close', resolve));
  assert.deepEqual(heard, ['ECONNRESET']);
});
