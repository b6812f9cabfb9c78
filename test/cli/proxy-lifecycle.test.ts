/** How a proxy begins, changes and ends while it is used: sockets of systemd, SIGHUP, SIGTERM. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { environment, program, type Running, rawRequest, start, temporaryFolder } from './run.ts';

const app = createServer((request, response) => {
  if (request.url === '/slow') setTimeout(() => response.end('slow'), 1500);
  else if (request.url !== '/never') response.end(request.url);
});
await once(app.listen(0, '127.0.0.1'), 'listening');
const to = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
after(() => {
  app.closeAllConnections();
  app.close();
});

async function startProxy(...words: string[]): Promise<Running & { port: number; ca: Buffer }> {
  const home = temporaryFolder();
  const running = start(home, ['proxy', '--to', to, '--listen', '127.0.0.1:0', '--metrics', 'off', ...words]);
  const port = Number((await running.until(/\(port (\d+)\)/))[1]);
  return { ...running, port, ca: readFileSync(join(home, 'ca', 'root.pem')) };
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
const settle = (time: number) => new Promise((done) => setTimeout(done, time));

describe('a proxy that ends', () => {
  test('finishes what is open, over both versions, says that it ends, and takes nothing new', async () => {
    const proxy = await startProxy();
    const trust = { ca: proxy.ca, servername: 'localhost' };
    const session = connectHttp2(`https://127.0.0.1:${proxy.port}`, trust);
    let goaway: number | undefined;
    session.on('goaway', (code) => (goaway = code));
    const stream = session.request({ ':path': '/slow' });
    let over2 = '';
    stream.on('data', (part) => (over2 += part));
    const answered = once(stream, 'close');
    const over1 = rawRequest(proxy.port, proxy.ca, get('/slow'));
    // It has said hello, and is in the middle of its handshake.
    const late = connect({ ...trust, host: '127.0.0.1', port: proxy.port, ALPNProtocols: ['http/1.1'] });
    late.write(get('/late'));
    let heard = '';
    late.on('data', (part) => (heard += part)).on('error', () => {});
    await settle(600);
    const start = performance.now();
    const ended = proxy.end();
    await settle(200);
    await assert.rejects(rawRequest(proxy.port, proxy.ca, get('/')).then((text) => assert.match(text, /200/)));
    assert.match(await over1, /^HTTP\/1\.1 200 .*slow$/s);
    await answered;
    assert.deepEqual([over2, goaway], ['slow', 0]);
    assert.match(heard, /^HTTP\/1\.1 200 /);
    assert.equal(await ended, 0);
    assert.ok(performance.now() - start < 8000, 'who keeps a connection is not waited for');
  });

  test('ends at once when it is told a second time', async () => {
    const proxy = await startProxy('--drain', '60');
    const pending = rawRequest(proxy.port, proxy.ca, get('/never')).catch(() => '');
    await settle(400);
    const ended = proxy.end();
    await proxy.until(/open requests have 60 s/);
    proxy.child.kill('SIGTERM');
    assert.equal(await ended, 130);
    assert.equal(await pending, '');
  });
});

test('SIGHUP cuts nothing: a request that is open, a connection that is kept', async () => {
  const proxy = await startProxy();
  const socket = connect({ host: '127.0.0.1', port: proxy.port, ca: proxy.ca, servername: 'localhost' });
  socket.write(get('/slow'));
  await settle(300);
  proxy.child.kill('SIGHUP');
  await proxy.until(/certificates were read again/);
  let heard = '';
  for await (const part of socket) {
    heard += part;
    if (heard.endsWith('slow')) socket.write(get('/next'));
    if (heard.endsWith('/next')) break;
  }
  assert.match(heard, /200 .*slowHTTP\/1\.1 200 .*\/next$/s);
  await proxy.end();
});

describe('sockets of systemd', { skip: existsSync('/bin/sh') ? false : 'there is no /bin/sh' }, () => {
  for (const workers of ['1', '2'])
    test(`what waits in them is served, also by the next process (workers: ${workers})`, async () => {
      const home = temporaryFolder();
      const listener = createTcp();
      await once(listener.listen(0, '127.0.0.1'), 'listening');
      const { port } = listener.address() as AddressInfo;
      const { fd } = (listener as unknown as { _handle: { fd: number } })._handle;
      const words = ['proxy', '--to', to, '--listen', 'systemd', '--metrics', 'off', '--workers', workers];
      // A shell holds the socket, as systemd does: this process would take connections from it.
      const one = `sh -c 'echo "pid $$."; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"' "$0" "$@"`;
      const holder = spawn('/bin/sh', ['-c', `${one}; ${one}`, process.execPath, program(), ...words], {
        env: environment(home),
        cwd: home,
        stdio: ['ignore', 'pipe', 'inherit', fd],
      });
      listener.close();
      let output = '';
      holder.stdout?.on('data', (part) => (output += part));
      const ended = once(holder, 'exit');
      const pids = () => [...output.matchAll(/pid (\d+)\./g)].map(([, pid]) => Number(pid));
      // Of the shell and of what it started; else the pipe would keep this process.
      const kill = (pid: number | undefined) => {
        try {
          process.kill(pid as number, 'SIGKILL');
        } catch {}
      };
      after(() => [holder.pid, ...pids()].forEach(kill));
      const begun = async (count: number) => {
        for (let i = 0; i < 400 && output.split('HTTPS on').length <= count; i++) await settle(50);
        assert.ok(output.split('HTTPS on').length > count, output);
      };
      await begun(1);
      const ca = readFileSync(join(home, 'ca', 'root.pem'));
      assert.match(await rawRequest(port, ca, get('/first'), /first$/), /^HTTP\/1\.1 200 /);
      process.kill(pids()[0] as number, 'SIGTERM');
      // It may wait in the socket until the next process is there.
      assert.match(await rawRequest(port, ca, get('/between'), /between$/), /^HTTP\/1\.1 200 /);
      await begun(2);
      assert.match(await rawRequest(port, ca, get('/second'), /second$/), /^HTTP\/1\.1 200 /);
      process.kill(pids()[1] as number, 'SIGTERM');
      await ended;
    });

  test('without them, it is told', async () => {
    const running = start(temporaryFolder(), ['proxy', '--to', to, '--listen', 'systemd']);
    await running.until(/systemd handed no socket over/);
  });
});
