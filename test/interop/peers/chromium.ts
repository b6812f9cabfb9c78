import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { testCertificate } from '../../helpers/pki.ts';
import { everything } from '../cases.ts';
import type { Peer } from '../peer.ts';
import { bounded, programVersion, type Running, start, temporaryFolder } from '../processes.ts';

/**
 * The page that the browser shows all the time: it asks the control server for the next address, POSTs the payload
 * there, compares the echo, and reports; or it just GETs, since a POST never goes as early data.
 */
const page = `<!doctype html><title>Handfast interop</title><script type="module">
const payload = await (await fetch('/payload')).text();
for (;;) {
  const { url, method } = await (await fetch('/next', { method: 'POST' })).json();
  let result = 'ok';
  try {
    const sent = method === 'GET' ? {} : { body: payload, headers: { 'content-type': 'text/plain' } };
    const response = await fetch(url, { method, cache: 'no-store', ...sent });
    const text = await response.text();
    if (method !== 'GET' && text !== payload) result = 'the echo differs';
  } catch (error) {
    result = String(error);
  }
  await fetch('/result', { method: 'POST', body: result });
}
</script>`;

let browser: Running | undefined;
let logFile: string | undefined;
let control: Server | undefined;
let waiting: ServerResponse | undefined;
let next: { url: string; method: 'GET' | 'POST' } | undefined;
let features: string | undefined;
let finished: ((result: string) => void) | undefined;
let payloadText = '';

function giveNext(): void {
  if (waiting === undefined || next === undefined) return;
  waiting.setHeader('content-type', 'application/json');
  waiting.end(JSON.stringify(next));
  waiting = next = undefined;
}

async function startControl(): Promise<number> {
  control?.close();
  control = createServer((request, response) => {
    if (request.url === '/payload') return void response.end(payloadText);
    if (request.url === '/next') {
      waiting = response;
      return giveNext();
    }
    if (request.url === '/result') {
      let result = '';
      request.on('data', (chunk) => {
        result += chunk;
      });
      return void request.on('end', () => {
        response.end();
        finished?.(result);
      });
    }
    response.setHeader('content-type', 'text/html');
    response.end(page);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => control?.once('listening', resolve));
  return (control.address() as AddressInfo).port;
}

/** SHA-256 of the SubjectPublicKeyInfo of each intermediate: a chain with one of them is what Chromium is told to trust. */
export function pins(): string {
  const hashes = ['intermediate.crt', 'intermediate-rsa.crt'].map((name) => {
    const spki = new X509Certificate(testCertificate(name)).publicKey.export({ type: 'spki', format: 'der' });
    return createHash('sha256').update(spki).digest('base64');
  });
  return hashes.join(',');
}

/** What the browser that ran last wrote of its connections, one event a line; whole once `finish` is done. */
export function netLog(): string {
  return logFile === undefined ? '' : readFileSync(logFile, 'utf8');
}

async function startBrowser(): Promise<Running> {
  const port = await startControl();
  const profile = temporaryFolder();
  logFile = join(profile, 'net-log.json');
  return start(
    'chromium',
    [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-dev-shm-usage'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions'],
      ...['--disable-default-apps', '--no-proxy-server', '--enable-logging=stderr', `--user-data-dir=${profile}`],
      `--log-net-log=${logFile}`,
      ...(features === undefined ? [] : [`--enable-features=${features}`]),
      `--ignore-certificate-errors-spki-list=${pins()}`,
      `http://127.0.0.1:${port}/`,
    ],
    { stdout: 'collect', env: { HOME: profile } },
  );
}

/**
 * Has the browser make one request of 127.0.0.1:port. `switches`: features to switch on, where no browser runs yet.
 */
export async function visit(
  port: number,
  payload: Buffer,
  method: 'GET' | 'POST' = 'POST',
  switches?: string,
): Promise<void> {
  features = switches;
  payloadText = payload.toString('latin1');
  if (browser === undefined) {
    const started = await startBrowser();
    browser = started;
    void started.exited.then(() => {
      if (browser === started) browser = waiting = undefined;
    });
  }
  const result = new Promise<string>((resolve) => {
    finished = resolve;
  });
  next = { url: `https://localhost:${port}/echo`, method };
  giveNext();
  const said = browser.said().length;
  const text = await bounded(result, 'the page in the browser').catch((error: Error) => error.message);
  if (text !== 'ok') throw new Error(`${text}; Chromium said: ${browser.said().slice(said)}`);
}

/** Headless Chromium, as a client. One browser serves all cases. */
export const chromium: Peer = {
  name: 'Chromium',
  quick: true,
  speaks: 'http',
  version: () => programVersion('chromium', ['--version'], /Chromium (\S+)/),
  can: (role) =>
    role === 'client'
      ? {
          ...everything,
          groups: ['X25519MLKEM768', 'x25519', 'secp256r1', 'secp384r1'],
          keys: ['ecdsa-p256', 'ecdsa-p384', 'rsa'],
          clientKeys: [], // A headless browser has nobody who would choose a certificate.
        }
      : undefined,
  fixes: () => [],

  runClient: (_run, port, payload) => visit(port, payload),

  async finish() {
    await browser?.stop();
    control?.closeAllConnections();
    control?.close();
    browser = control = waiting = undefined;
  },
};
