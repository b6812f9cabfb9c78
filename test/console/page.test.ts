import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { get } from 'node:http';
import { describe, test } from 'node:test';
import { Script } from 'node:vm';
import { listenForMetrics, readMetricsAddress } from '../../src/cli/server/metrics-server.ts';
import { consolePage } from '../../src/console/page.ts';
import { missReasons } from '../../src/session/index.ts';

const scriptOf = (html: string) => /<script>(.*)<\/script>/s.exec(html)?.[1] ?? '';

describe('the console', () => {
  test('its policy lets its own script run and no other; the script parses, and knows every reason', () => {
    const { html, contentSecurityPolicy } = consolePage('handfast serve');
    const script = scriptOf(html);
    assert.doesNotThrow(() => new Script(script));
    const hash = createHash('sha256').update(script).digest('base64');
    assert.ok(contentSecurityPolicy.includes(`script-src 'sha256-${hash}'`), contentSecurityPolicy);
    assert.ok(contentSecurityPolicy.startsWith("default-src 'none'"));
    for (const words of Object.values(missReasons)) assert.ok(script.includes(words), words);
  });

  test('it listens elsewhere where it is told to, and is read by any name there', async () => {
    for (const wrong of ['x', '70000', ':1', '1.2.3.4:', '::1:x'])
      assert.throws(() => readMetricsAddress(wrong), wrong);
    assert.deepEqual(readMetricsAddress('[::]:9464'), { host: '::', port: 9464 });
    assert.deepEqual(readMetricsAddress('9464'), { host: '127.0.0.1', port: 9464 });
    const { server, url } = await listenForMetrics(
      readMetricsAddress('0.0.0.0:0') as { port: number },
      'x',
      () => 'm\n',
    );
    const { request } = await import('node:http');
    const text = await new Promise((done, fail) => {
      request(`${url}/metrics`, { headers: { host: 'handfast:9464' } }, (response) => response.on('data', done))
        .on('error', fail)
        .end();
    });
    assert.equal(String(text), 'm\n');
    await new Promise((done) => server.close(done));
  });

  test('it is served beside the metrics, to this machine only', async () => {
    const { server, port } = await listenForMetrics(
      { port: 0 },
      'handfast serve',
      () => 'handfast_connections_open 7\n',
    );
    const { request } = await import('node:http');
    const ask = (path: string, host: string) =>
      new Promise<{ status: number; type: string; body: string }>((done, fail) => {
        const sent = request({ port, host: '127.0.0.1', path, headers: { host } }, (response) => {
          let body = '';
          response.on('data', (part) => (body += part));
          response.on('end', () => {
            done({ status: response.statusCode ?? 0, type: String(response.headers['content-type']), body });
          });
        });
        sent.on('error', fail);
        sent.end();
      });
    for (const host of [`127.0.0.1:${port}`, 'localhost', '[::1]:9464']) {
      const page = await ask('/', host);
      assert.deepEqual([page.status, page.type], [200, 'text/html; charset=utf-8'], host);
      assert.equal((await ask('/metrics', host)).body, 'handfast_connections_open 7\n');
    }
    // A name of somebody else that was made to mean this machine (DNS rebinding).
    for (const path of ['/', '/metrics']) assert.equal((await ask(path, 'evil.example')).status, 421, path);
    assert.equal((await ask('/other', 'localhost')).status, 404);
    assert.deepEqual(await ask('/healthz', 'localhost'), {
      status: 200,
      type: 'text/plain; charset=utf-8',
      body: 'ok\n',
    });
    await new Promise((done) => server.close(done));
  });
});

test('on every loopback address pages from elsewhere are refused, whatever the address is called', async () => {
  for (const host of ['127.0.0.1', '127.0.0.2', '::1', 'localhost']) {
    const { server } = await listenForMetrics({ host, port: 0 }, 'test', () => '');
    const { port } = server.address() as { port: number };
    const ask = (name: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { host: `${name}:${port}` };
        get({ host, port, headers, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).on('error', reject);
      });
    assert.deepEqual([await ask('evil.test'), await ask('localhost'), await ask('127.0.0.1')], [421, 200, 200], host);
    server.close();
  }
});
