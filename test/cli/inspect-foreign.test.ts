import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createServer, rootCertificates, type TlsOptions } from 'node:tls';
import { handfast, temporaryFolder } from './run.ts';

interface Report {
  findings: { check: string; verdict: string; summary: string }[];
}

describe('handfast inspect: what the engine does not have', () => {
  /** The findings of a server of Node's with these options. */
  async function inspected(options: TlsOptions, ...words: string[]) {
    const home = temporaryFolder();
    await handfast(home, ['ca', 'issue', 'localhost', '--key-type', 'rsa2048', '--out', 'one']);
    await handfast(home, ['ca', 'issue', 'a@b.test', '--profile', 'client', '--out', 'client']);
    const [key, cert] = [readFileSync(join(home, 'one.key')), readFileSync(join(home, 'one.pem'))];
    const ca = readFileSync(join(home, 'ca', 'root.pem'));
    const server = createServer({ key, cert, ca, ...options }, (socket) => socket.end());
    server.on('tlsClientError', () => {});
    server.listen(0);
    const { port } = server.address() as { port: number };
    const done = await handfast(home, ['inspect', `localhost:${port}`, '--no-resume', '--json', ...words]);
    server.close();
    const { findings } = JSON.parse(done.stdout) as Report;
    const told = (check: string) => {
      const found = findings.find((finding) => finding.check === check);
      return `${found?.verdict}: ${found?.summary}`;
    };
    return { code: done.code, told };
  }

  test('TLS 1.3 with X448 alone is not called absent', async () => {
    const { code, told } = await inspected({ ecdhCurve: 'X448', minVersion: 'TLSv1.3' });
    assert.equal(code, 0);
    assert.match(told('tls13'), /^weak: TLS 1\.3 is spoken, but .*x448/);
    assert.match(told('chain'), /^unknown/);
  });

  test('TLS 1.3 with CCM alone is not called absent', async () => {
    const { told } = await inspected({ ciphers: 'TLS_AES_128_CCM_SHA256', minVersion: 'TLSv1.3' });
    assert.match(told('tls13'), /^weak: .*TLS_AES_128_CCM_SHA256/);
  });

  test('TLS 1.2 with ARIA alone is told by name, and its chain is judged', async () => {
    const { code, told } = await inspected({ ciphers: 'ECDHE-ARIA128-GCM-SHA256', maxVersion: 'TLSv1.2' });
    assert.equal(code, 0);
    assert.match(told('rare'), /^info: .*TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256/);
    assert.match(told('chain'), /^good/);
  });

  const wanting: TlsOptions = {
    ...{ requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' },
  };
  test('TLS 1.2 alone that wants a client certificate is a finding, not a failure', async () => {
    const { code, told } = await inspected(wanting);
    assert.equal(code, 0);
    assert.match(told('clientCertificate'), /^info: .*none was shown/);
    assert.match(told('chain'), /^good/);
  });

  test('a client certificate shows what is behind', async () => {
    const { code, told } = await inspected(wanting, '--cert', 'client.pem', '--key', 'client.key');
    assert.equal(code, 0);
    assert.match(told('clientCertificate'), /^info: .*is taken/);
    assert.match(told('tls12Suites'), /^good|^undefined/);
    const modern: TlsOptions = { requestCert: true, minVersion: 'TLSv1.3', ca: rootCertificates[0] as string };
    const refused = await inspected(modern, '--cert', 'client.pem', '--key', 'client.key');
    assert.match(refused.told('clientCertificate'), /^unknown: .*refused/);
  });
});
