import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer as createTcp } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { handfast, temporaryFolder } from './run.ts';

describe('handfast get from servers that are odd', () => {
  const home = temporaryFolder();
  let key: Buffer;
  let cert: Buffer;
  const open: { close(): void }[] = [];
  before(async () => {
    await handfast(home, ['ca', 'issue', 'localhost', '--out', 'one']);
    [key, cert] = [readFileSync(join(home, 'one.key')), readFileSync(join(home, 'one.pem'))];
  });
  after(() => {
    for (const server of open) server.close();
  });

  async function listening(answer: (socket: TLSSocket) => void, options: TlsOptions = {}): Promise<number> {
    const server = createServer({ key, cert, ...options }, (socket) => {
      socket.on('error', () => {});
      socket.once('data', () => answer(socket));
    });
    server.on('tlsClientError', () => {});
    server.listen(0);
    await once(server, 'listening');
    open.push(server);
    return (server.address() as AddressInfo).port;
  }

  const get = (port: number, ...words: string[]) => handfast(home, ['get', `https://localhost:${port}`, ...words]);

  test('what is no HTTP is no fault of handfast (exit code 4)', async () => {
    const plain = await get(await listening((socket) => socket.end('NOT HTTP\r\n\r\n')));
    assert.deepEqual([plain.code, /is no HTTP/.test(plain.stderr)], [4, true], plain.stderr);
    const h2 = { ALPNProtocols: ['h2'] };
    const two = await get(await listening((socket) => void socket.write('x'.repeat(40)), h2));
    assert.deepEqual([two.code, /is no HTTP/.test(two.stderr)], [4, true], two.stderr);
  });

  test('a body that ends with the connection is not whole without a close_notify', async () => {
    const whole = await listening((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'));
    assert.equal((await get(whole)).code, 0);
    const inner = await listening((socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\nhalf'));
    const cutter = createTcp((socket) => {
      const upstream = connect(inner, 'localhost');
      for (const each of [socket, upstream]) each.on('error', () => {});
      socket.pipe(upstream);
      let timer: NodeJS.Timeout | undefined;
      upstream.on('data', (bytes) => {
        socket.write(bytes);
        clearTimeout(timer);
        timer = setTimeout(() => socket.end(), 1500);
      });
      socket.on('close', () => upstream.destroy());
    }).listen(0);
    open.push(cutter);
    const cut = await get((cutter.address() as AddressInfo).port);
    assert.deepEqual([cut.code, cut.stdout, /without a close_notify/.test(cut.stderr)], [4, 'half', true], cut.stderr);
  });

  test('--max-time ends a response that does not come', async () => {
    const done = await get(await listening(() => {}), '--max-time', '1');
    assert.deepEqual([done.code, /within 1 s/.test(done.stderr)], [4, true], done.stderr);
  });

  test('a client certificate that TLS 1.2 wants is named', async () => {
    const options: TlsOptions = { requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' };
    const done = await get(await listening(() => {}, options));
    assert.equal(done.code, 5);
    assert.match(done.stderr, /--cert FILE/);
  });
});
