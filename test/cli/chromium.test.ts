import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { environment, handfast, hasProgram, start, temporaryFolder } from './run.ts';

const skip = hasProgram('chromium') && hasProgram('certutil') ? false : 'chromium or certutil is missing';

test('Chromium opens the site without a warning after `ca trust`, and resumes; the console shows it', {
  skip,
  timeout: 120_000,
}, async () => {
  const home = temporaryFolder();
  const trusted = await handfast(home, ['ca', 'trust', '--store', 'nss']);
  assert.equal(trusted.code, 0, trusted.stdout + trusted.stderr);
  const site = join(home, 'site');
  mkdirSync(site);
  // A body that nobody reads keeps its connection of HTTP/1.1: each further request needs a new one. Chromium makes two at
  // the start; the later ones resume.
  const script = `(async () => {
    const stop = new AbortController();
    for (let i = 0; i < 5; i++) await fetch('large.bin?' + i, { signal: stop.signal });
    stop.abort();
    document.querySelector('p').textContent = 'all are here';
  })()`;
  writeFileSync(join(site, 'index.html'), `<!doctype html><title>t</title><p></p><script>${script}</script>`);
  writeFileSync(join(site, 'large.bin'), new Uint8Array(32 << 20));
  const server = start(home, ['serve', site, '--port', '0', '--metrics', '0', '--http', '1.1']);
  const [, port] = await server.until(/at https:\/\/localhost:(\d+)/);
  const [, metrics] = await server.until(/http:\/\/127\.0\.0\.1:(\d+)\/metrics/);
  const profile = `--user-data-dir=${join(home, 'profile')}`;
  const contentOf = async (...more: string[]): Promise<string> => {
    const words = ['--headless', '--no-sandbox', '--disable-gpu', profile, '--dump-dom', ...more];
    const limits = { env: environment(home), timeout: 60_000, maxBuffer: 1 << 24 };
    return (await promisify(execFile)('chromium', words, limits)).stdout;
  };
  assert.match(await contentOf('--virtual-time-budget=10000', `https://localhost:${port}/`), /all are here/);
  const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
  const psk = Number(/^handfast_handshakes_total\{kind="psk"\} (\d+)$/m.exec(text)?.[1]);
  assert.ok(psk > 0, text);
  // The console's script runs under its own policy, and shows the same number.
  const watched = await contentOf('--virtual-time-budget=3000', `http://127.0.0.1:${metrics}/`);
  assert.match(watched, new RegExp(`PSK ${psk}<`));
  assert.match(watched, /<td>current<\/td>/);
  await server.end();
});
