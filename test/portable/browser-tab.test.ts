/**
 * The example of a TLS client in a browser tab, in headless Chromium, against servers of OpenSSL: the chain is verified in
 * the tab, a page is fetched, sessions resume.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'undici';
import { hasProgram } from '../cli/run.ts';
import { freePort } from '../helpers/listening.ts';
import { rootFile, testIdentity } from '../helpers/pki.ts';
import { type Running, start, temporaryFolder } from '../interop/processes.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const skip = hasProgram('chromium') && hasProgram('openssl') ? false : 'chromium or openssl is missing';

/** What Chromium shows of the example's page once it is done, with the server that listens at `target`. */
async function pageFor(target: string, roots: string): Promise<string> {
  const serve = start(process.execPath, [join(root, 'examples', 'browser-tab', 'serve.mjs'), target, roots]);
  const profile = temporaryFolder();
  let browser: Running | undefined;
  try {
    const [line] = (await once(serve.stdout, 'data')) as [Buffer];
    const words = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
    const debugging = ['--remote-debugging-port=0', `--user-data-dir=${profile}`];
    browser = start('chromium', [...words, ...debugging, String(line).trim()], { env: { HOME: profile } });
    return await textOf(browser);
  } finally {
    await serve.stop();
    await browser?.stop();
  }
}

/** The text of the page in a browser, by the DevTools protocol, once it says that it is done or that it failed. */
async function textOf(browser: Running): Promise<string> {
  let text = '';
  for (let tries = 0; tries < 300; tries++) {
    await delay(200);
    const port = /DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(browser.said())?.[1];
    if (port === undefined) continue;
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as Record<string, string>[];
    const page = targets.find(({ type, url }) => type === 'page' && url?.startsWith('http:'));
    if (page === undefined) continue;
    text = await evaluate(String(page['webSocketDebuggerUrl']), 'document.body.innerText');
    if (/^(done|failed: .*)$/m.test(text)) return text;
  }
  throw new Error(`the page did not come to an end: ${text}${browser.said()}`);
}

async function evaluate(debuggerUrl: string, expression: string): Promise<string> {
  const socket = new WebSocket(debuggerUrl);
  const message = await new Promise((resolve, reject) => {
    socket.addEventListener('open', () => {
      socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }));
    });
    socket.addEventListener('message', ({ data }) => resolve(data));
    socket.addEventListener('error', () => reject(new Error('the browser does not answer')));
  });
  socket.close();
  const { result } = JSON.parse(String(message)) as { result: { result: { value?: string } } };
  return result.result.value ?? '';
}

async function opensslServer(...more: string[]): Promise<{ port: number; stop(): Promise<void> }> {
  const port = await freePort();
  const { leafFile, issuerFile, keyFile } = testIdentity('ecdsa-p256');
  const files = ['-cert', leafFile, '-cert_chain', issuerFile, '-key', keyFile];
  const server = start('openssl', ['s_server', '-accept', String(port), '-www', ...files, ...more]);
  await once(server.stdout, 'data');
  return { port, stop: () => server.stop() };
}

describe('a TLS client in a browser tab', { skip, timeout: 180_000 }, () => {
  for (const [version, suite] of [
    ['-tls1_3', 'TLS_CHACHA20_POLY1305_SHA256'],
    ['-tls1_2', 'TLS_ECDHE_ECDSA_WITH_'],
  ] as const) {
    test(`fetches a page of openssl s_server ${version}, and resumes`, async () => {
      const { port, stop } = await opensslServer(version, ...(version === '-tls1_3' ? ['-prioritize_chacha'] : []));
      const page = await pageFor(`localhost:${port}`, rootFile).finally(stop);
      assert.match(page, new RegExp(`^HTTP.* 200 ok: full handshake, ${suite}`, 'm'));
      assert.equal(page.match(/^HTTP.* 200 ok: resumed, /gm)?.length, 2, page);
      // The server's own word for it, on the page that it made for the last connection.
      assert.match(page, /Reused, TLSv1\.[23]/);
    });
  }

  test('speaks HTTP/1.1 with node:https', async () => {
    const { chainPem: cert, keyPem: key } = testIdentity('rsa');
    const server = createServer({ cert, key }, (_, response) => {
      response.write('<in chunks> ');
      response.end('ümlaut');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const page = await pageFor(`localhost:${(server.address() as AddressInfo).port}`, rootFile);
    server.close();
    assert.match(page, /HTTP\/1\.1 200 OK: full handshake/);
    assert.match(page, /HTTP\/1\.1 200 OK: resumed/);
    assert.match(page, /^<in chunks> ümlaut$/m);
  });

  test('refuses a server whose chain leads elsewhere', async () => {
    const { port, stop } = await opensslServer('-tls1_3');
    const folder = temporaryFolder();
    const other = join(folder, 'other.pem');
    writeFileSync(other, testIdentity('stranger').chainPem);
    const page = await pageFor(`localhost:${port}`, other).finally(stop);
    assert.match(page, /failed: ERR_TLS_CERT_UNKNOWN_CA/);
  });
});
