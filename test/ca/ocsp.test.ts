import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { fromHex, toHex } from '../../src/bytes/bytes.ts';
import { type Authority, createAuthority, openAuthority, publishedResponse } from '../../src/ca/index.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { parseCertificateList } from '../../src/pki/crl.ts';
import { encodeCertId, encodeOcspRequest, parseOcspResponse } from '../../src/pki/ocsp.ts';
import { checkOcspResponse } from '../../src/pki/verify/ocsp-check.ts';
import { temporaryFolder } from './helpers/temporary-folder.ts';

const openssl = (...words: string[]) =>
  promisify(execFile)('openssl', words, { timeout: 20_000 }).then(({ stdout, stderr }) => stdout + stderr);

/** Serves what the authority publishes; the URL is its base. */
async function serve(t: { after(done: () => void): void }, ca: () => Authority): Promise<string> {
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const path = (request.url as string).split('?')[0] as string;
    const answer = await publishedResponse(ca(), {
      method: request.method as string,
      path,
      body: new Uint8Array(Buffer.concat(parts)),
    });
    response.writeHead(answer?.status ?? 404, answer?.headers);
    response.end(answer?.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('the OCSP responder', () => {
  test('OpenSSL verifies its answers: good, revoked, unknown; with and without nonce', async (t) => {
    const folder = temporaryFolder(t);
    let ca: Authority | undefined;
    const baseUrl = await serve(t, () => ca as Authority);
    ca = await createAuthority({ folder, name: 'Test', baseUrl });
    t.after(() => ca?.close());
    const good = await ca.issue({ names: ['good.test'] });
    const bad = await ca.issue({ names: ['bad.test'] });
    for (const [name, { chainPem }] of Object.entries({ good, bad }))
      writeFileSync(join(folder, `${name}.pem`), chainPem);
    const issuer = join(folder, 'issuing-1.pem');
    const root = join(folder, 'root.pem');
    const ask = (name: string, ...words: string[]) =>
      openssl(
        'ocsp',
        '-issuer',
        issuer,
        '-CAfile',
        root,
        '-url',
        `${baseUrl}/ocsp`,
        '-cert',
        join(folder, name),
        ...words,
      );
    const fine = await ask('good.pem');
    assert.match(fine, /Response verify OK/);
    assert.match(fine, /good\.pem: good/);
    await ca.revoke(bad.serial, 'keyCompromise');
    const revoked = await ask('bad.pem', '-no_nonce');
    assert.match(revoked, /Response verify OK/);
    assert.match(revoked, /bad\.pem: revoked[\s\S]*Reason: keyCompromise/);
    const unknown = await openssl(
      'ocsp',
      '-issuer',
      issuer,
      '-CAfile',
      root,
      '-url',
      `${baseUrl}/ocsp`,
      '-serial',
      '0x4711',
    );
    assert.match(unknown, /unknown/);
  });

  test('answers that are kept change with a revocation, and a GET is answered too', async (t) => {
    const ca = await createAuthority({ folder: temporaryFolder(t), name: 'Test' });
    t.after(() => ca.close());
    const { serial } = await ca.issue({ names: ['a.test'] });
    const question = encodeOcspRequest([encodeCertId(fromHex(serial), ca.issuer.certificate, ca.crypto)]);
    const status = async () => {
      const path = `/ocsp/${encodeURIComponent(Buffer.from(question).toString('base64'))}`;
      const answer = await publishedResponse(ca, { method: 'GET', path });
      assert.equal(answer?.headers['content-type'], 'application/ocsp-response');
      const response = parseOcspResponse(answer?.body as Uint8Array);
      assert.equal(response.status, 'successful');
      return response.status === 'successful' ? response.basic.responses[0]?.status.kind : undefined;
    };
    assert.equal(await status(), 'good');
    assert.deepEqual(await ca.ocspFor(serial), await ca.ocspFor(serial), 'the answer is kept');
    await ca.revoke(serial);
    assert.equal(await status(), 'revoked');
  });

  test('answers nothing for other issuers, and refuses what is no request', async (t) => {
    const ca = await createAuthority({ folder: temporaryFolder(t), name: 'Test' });
    t.after(() => ca.close());
    const foreign = encodeOcspRequest([encodeCertId(Uint8Array.of(0x47), ca.root, ca.crypto)]);
    assert.deepEqual(parseOcspResponse(await ca.ocsp(foreign)), { status: 'unauthorized' });
    assert.deepEqual(parseOcspResponse(await ca.ocsp(Uint8Array.of(1, 2, 3))), { status: 'malformedRequest' });
    const many = Array.from({ length: 17 }, (_, i) =>
      encodeCertId(Uint8Array.of(i + 1), ca.issuer.certificate, ca.crypto),
    );
    assert.deepEqual(parseOcspResponse(await ca.ocsp(encodeOcspRequest(many))), { status: 'malformedRequest' });
    // An answer to it would be kept: ten thousand of 60,000 octets were 2.5 GB.
    const long = encodeOcspRequest([encodeCertId(new Uint8Array(21).fill(1), ca.issuer.certificate, ca.crypto)]);
    assert.deepEqual(parseOcspResponse(await ca.ocsp(long)), { status: 'unauthorized' });
  });

  test('its delegated signer is made once, logged, and renewed in time', async (t) => {
    let time = Date.now();
    const ca = await createAuthority({ folder: temporaryFolder(t), name: 'Test', now: () => time });
    t.after(() => ca.close());
    const { serial } = await ca.issue({ names: ['a.test'] });
    await Promise.all([ca.ocspFor(serial), ca.ocspFor(serial)]);
    const signers = () => ca.list().filter(({ profile }) => profile === 'ocsp');
    assert.equal(signers().length, 1);
    const certificate = parseCertificate(signers()[0]?.certificate as Uint8Array);
    assert.deepEqual(certificate.decoded.extendedKeyUsage, ['1.3.6.1.5.5.7.3.9']);
    assert.ok(certificate.extensions.has('1.3.6.1.5.5.7.48.1.5'), 'ocspNoCheck');
    time += 11 * 24 * 3_600_000;
    await ca.ocspFor(serial);
    assert.equal(signers().length, 2);
    // Its last days: a new signer would end with the issuer too, and anybody may ask.
    time = ca.issuer.certificate.notAfter - 3 * 24 * 3_600_000;
    const question = encodeOcspRequest(
      [encodeCertId(fromHex(serial), ca.issuer.certificate, ca.crypto)],
      new Uint8Array(32),
    );
    for (let i = 0; i < 5; i++) assert.equal(parseOcspResponse(await ca.ocsp(question)).status, 'successful');
    assert.equal(signers().length, 3);
    time = ca.issuer.certificate.notAfter + 1000;
    for (let i = 0; i < 5; i++) assert.equal(parseOcspResponse(await ca.ocsp(question)).status, 'tryLater');
    assert.equal(signers().length, 3);
    await assert.rejects(ca.ocspFor(serial), { code: 'ERR_TLS_CA_ENDED' });
  });

  test('a clock that ran ahead leaves no answers, signers and lists from the future behind', async (t) => {
    let time = Date.now();
    const now = () => time;
    const folder = temporaryFolder(t);
    let ca = await createAuthority({ folder, name: 'Test', now });
    t.after(() => ca.close());
    const { serial, certificate } = await ca.issue({ names: ['a.test'] });
    const holds = async () => {
      const { der: response } = await ca.ocspFor(serial);
      const leaf = parseCertificate(certificate);
      checkOcspResponse({ response, certificate: leaf, issuer: ca.issuer.certificate, now: time, crypto: ca.crypto });
      const { thisUpdate, nextUpdate = 0 } = parseCertificateList((await ca.crl()).der);
      assert.ok(thisUpdate <= time && time < nextUpdate);
    };
    await holds();
    time += 60 * 24 * 3_600_000;
    await holds();
    time -= 60 * 24 * 3_600_000 - 1000;
    await holds();
    time += 60 * 24 * 3_600_000;
    await holds();
    await ca.close();
    time -= 60 * 24 * 3_600_000 - 1000;
    ca = await openAuthority({ folder, now });
    await holds();
  });

  test('publishes certificates, lists and the head of the log', async (t) => {
    const folder = temporaryFolder(t);
    const ca = await createAuthority({ folder, name: 'Test' });
    t.after(() => ca.close());
    const get = async (path: string) => (await publishedResponse(ca, { method: 'GET', path }))?.body;
    assert.deepEqual(await get('/root.crt'), ca.root.der);
    assert.deepEqual(await get('/issuing-1.crt'), ca.issuer.certificate.der);
    assert.deepEqual(
      toHex((await get('/root.crl')) as Uint8Array),
      readFileSync(join(folder, 'root.crl')).toString('hex'),
    );
    assert.deepEqual(await get('/issuing-1.crl'), (await ca.crl()).der);
    assert.deepEqual(JSON.parse(Buffer.from((await get('/log/head')) as Uint8Array).toString()), ca.logHead);
    for (const path of ['/', '/issuing-2.crt', '/issuing-1.key', '/../root.key', '/authority.json']) {
      assert.equal(await get(path), undefined, path);
    }
    assert.equal((await publishedResponse(ca, { method: 'POST', path: '/root.crt' }))?.status, 405);
  });
});
