/**
 * Encrypted Client Hello (RFC 9849) with Chromium, which takes its ECHConfigList from HTTPS records (RFC 9848, RFC 9460) over
 * DNS over HTTPS (RFC 8484): site and resolver are servers of ours.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { fromText } from '../../src/bytes/bytes.ts';
import { Reader } from '../../src/bytes/reader.ts';
import { Writer } from '../../src/bytes/writer.ts';
import https from '../../src/node/https.ts';
import type { TLSSocket } from '../../src/node/socket/tls-socket.ts';
import { createEchKey } from '../../src/node/tls.ts';
import { testIdentity } from '../helpers/pki.ts';
import { chromium, pins } from './peers/chromium.ts';
import { temporaryFolder } from './processes.ts';

const skip =
  (await chromium.version()) === undefined &&
  process.env['HANDFAST_REQUIRE_PEERS'] !== '1' &&
  'chromium is not installed';

const identity = testIdentity('ecdsa-p256');
const credentials = { key: identity.keyPem, cert: identity.chainPem };
const name = 'secret.example.test';
const key = createEchKey({ publicName: 'public.example.test', configId: 1 });
const nextKey = createEchKey({ publicName: 'public.example.test', configId: 2 });

async function serve(t: TestContext, options: object, listener: RequestListener): Promise<number> {
  const server = https.createServer({ ...credentials, ...options } as never, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const types = { A: 1, HTTPS: 65 };

/** A DNS answer (RFC 1035) that knows one host at 127.0.0.1, with its HTTPS record. */
function answerOf(query: Uint8Array, configList: Uint8Array): Uint8Array {
  const reader = new Reader(query, 'DNS query');
  const id = reader.u16();
  reader.bytes(10);
  const start = reader.offset;
  const labels: string[] = [];
  for (let label = reader.vector8(); label.length > 0; label = reader.vector8())
    labels.push(Buffer.from(label).toString());
  const type = reader.u16();
  reader.u16();
  const question = query.subarray(start, reader.offset);
  const asked = labels.join('.');
  const data = new Writer();
  if (type === types.A && asked === name) data.bytes(Uint8Array.of(127, 0, 0, 1));
  if (type === types.HTTPS && asked.endsWith(name)) {
    data.u16(1);
    for (const label of name.split('.')) data.vector8(fromText(label));
    // SvcParam 5 is ech (RFC 9848).
    data.u8(0).u16(5).vector16(configList);
  }
  const found = data.length > 0;
  const writer = new Writer()
    .u16(id)
    .u16(0x8180)
    .u16(1)
    .u16(found ? 1 : 0)
    .u32(0)
    .bytes(question);
  // The name of the answer is that of the question: a pointer to byte 12.
  if (found) writer.u16(0xc00c).u16(type).u16(1).u32(60).vector16(data.finish());
  return writer.finish();
}

/** DNS over HTTPS; Chromium asks by GET or POST. */
function resolver(t: TestContext, configList: Uint8Array): Promise<number> {
  return serve(t, {}, async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const inUrl = new URL(request.url ?? '', 'https://localhost').searchParams.get('dns');
    const query = inUrl === null ? Buffer.concat(parts) : Buffer.from(inUrl, 'base64url');
    response.setHeader('content-type', 'application/dns-message');
    response.end(answerOf(new Uint8Array(query), configList));
  });
}

/** What Chromium shows of the site. */
async function browse(port: number, dnsPort: number): Promise<string> {
  const profile = temporaryFolder();
  const dns = { mode: 'secure', templates: `https://127.0.0.1:${dnsPort}/dns-query` };
  writeFileSync(join(profile, 'Local State'), JSON.stringify({ dns_over_https: dns }));
  const words = [
    ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-dev-shm-usage'],
    ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-proxy-server'],
    ...[`--user-data-dir=${profile}`, `--ignore-certificate-errors-spki-list=${pins()}`],
    ...['--dump-dom', '--virtual-time-budget=5000', `https://${name}:${port}/`],
  ];
  const { stdout } = await promisify(execFile)('chromium', words, {
    timeout: 150_000,
    env: { ...process.env, HOME: profile },
  });
  return stdout;
}

describe('Chromium hides the name', { skip }, () => {
  const site: RequestListener = (request, response) => {
    const { servername, echAccepted } = request.socket as unknown as TLSSocket;
    response.setHeader('content-type', 'text/html');
    response.end(`<p>${servername} ${echAccepted}</p>`);
  };

  test('by the config of the HTTPS record', async (t) => {
    const port = await serve(t, { echKeys: [key] }, site);
    assert.match(await browse(port, await resolver(t, key.configList)), new RegExp(`<p>${name} true</p>`));
  });

  test('and by that of the server, where the record is old', async (t) => {
    const port = await serve(t, { echKeys: [nextKey] }, site);
    assert.match(await browse(port, await resolver(t, key.configList)), new RegExp(`<p>${name} true</p>`));
  });

  test('or not, where the server has no keys any more', async (t) => {
    const port = await serve(t, {}, site);
    assert.match(await browse(port, await resolver(t, key.configList)), new RegExp(`<p>${name} false</p>`));
  });
});
