import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { decodePem, encodePem } from '../../src/bytes/pem.ts';
import {
  createAuthority,
  openAuthority,
  openOrCreateAuthority,
  type Profile,
  type RevocationReason,
  renewIntermediate,
  type Signer,
} from '../../src/ca/index.ts';
import { generateKey } from '../../src/ca/storage/keys.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { buildCertificateList, parseCertificateList } from '../../src/pki/crl.ts';
import { opensslRequest } from '../helpers/pki.ts';
import { temporaryFolder } from './helpers/temporary-folder.ts';

const day = 24 * 3600 * 1000;
const openssl = (...words: string[]) => execFileSync('openssl', words, { encoding: 'utf8', stdio: 'pipe' });

describe('an authority', () => {
  test('issues what OpenSSL verifies in its strict mode, for a name and for an address', async (t) => {
    const folder = temporaryFolder(t);
    const ca = await createAuthority({ folder, name: 'Test' });
    const issued = await ca.issue({ names: ['localhost', '127.0.0.1', '::1', '*.app.test'] });
    await ca.close();
    const leaf = join(folder, 'leaf.pem');
    writeFileSync(leaf, issued.chainPem);
    const root = join(folder, 'root.pem');
    const verify = ['verify', '-x509_strict', '-CAfile', root, '-untrusted', leaf, '-purpose', 'sslserver'];
    assert.match(openssl(...verify, '-verify_hostname', 'localhost', leaf), /OK/);
    assert.match(openssl(...verify, '-verify_ip', '::1', leaf), /OK/);
    assert.throws(() => openssl(...verify, '-verify_hostname', 'example.com', leaf));
    const certificate = new X509Certificate(issued.certificate);
    assert.ok(certificate.checkPrivateKey(createPrivateKey(issued.keyPem as string)));
    const parsed = parseCertificate(issued.certificate);
    assert.equal(parsed.serialNumber.length, 16);
    assert.ok(parsed.notAfter - parsed.notBefore + 1000 <= 398 * day);
    assert.equal(parsed.extensions.get('2.5.29.17')?.critical, false);
  });

  test('curl accepts a site with the root, and refuses it without', async (t) => {
    const folder = temporaryFolder(t);
    const ca = await createAuthority({ folder, name: 'Test' });
    const { chainPem, keyPem } = await ca.issue({ names: ['localhost', '127.0.0.1'] });
    await ca.close();
    const server = createServer({ cert: chainPem, key: keyPem as string }, (_, response) => response.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const curl = (...words: string[]) =>
      promisify(execFile)('curl', ['-sS', '--noproxy', '*', '-m', '10', ...words, url]);
    assert.equal((await curl('--cacert', join(folder, 'root.pem'))).stdout, 'hello');
    await assert.rejects(curl(), /certificate/);
  });

  test('keeps keys in files that only the owner may read, and no root key unless asked', async (t) => {
    const folder = temporaryFolder(t);
    await (await createAuthority({ folder, name: 'Test' })).close();
    assert.ok(!readdirSync(folder).includes('root.key'));
    for (const name of ['issuing-1.key', 'log.key', 'log.jsonl']) {
      assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
    }
    execFileSync('chmod', ['644', join(folder, 'issuing-1.key')]);
    await assert.rejects(openAuthority({ folder }), { code: 'ERR_TLS_CA_KEY' });
  });

  test('writes the encrypted root key to another place, and reads it there again', async (t) => {
    const folder = join(temporaryFolder(t), 'ca');
    const stick = temporaryFolder(t);
    const rootPassphrase = 'correct horse battery';
    const rootKeyFile = join(stick, 'root.key');
    await assert.rejects(createAuthority({ folder, rootKeyFile }), { code: 'ERR_TLS_CA_CONFIG' });
    await (await createAuthority({ folder, name: 'Test', rootPassphrase, rootKeyFile })).close();
    assert.ok(!readdirSync(folder).includes('root.key'));
    assert.match(readFileSync(rootKeyFile, 'utf8'), /BEGIN ENCRYPTED PRIVATE KEY/);
    assert.equal(statSync(rootKeyFile).mode & 0o777, 0o600);
    await assert.rejects(createAuthority({ folder: join(folder, 'other'), rootPassphrase, rootKeyFile }), {
      code: 'ERR_TLS_CA_EXISTS',
    });
    await assert.rejects(renewIntermediate({ folder, rootPassphrase }), {
      code: 'ERR_TLS_CA_KEY',
      message: /bring it back|rootKeyFile/,
    });
    await assert.rejects(renewIntermediate({ folder, rootKeyFile }), { code: 'ERR_TLS_CA_PASSPHRASE' });
    await renewIntermediate({ folder, rootPassphrase, rootKeyFile });
    const ca = await openAuthority({ folder });
    t.after(() => ca.close());
    assert.equal(ca.issuer.number, 2);
  });

  test('encrypts the root key with a passphrase; it signs the next intermediate', async (t) => {
    const folder = temporaryFolder(t);
    const rootPassphrase = 'correct horse battery';
    const first = await createAuthority({ folder, name: 'Test', rootPassphrase, permitted: ['corp.example'] });
    const old = await first.issue({ names: ['a.corp.example'] });
    await first.close();
    assert.match(readFileSync(join(folder, 'root.key'), 'utf8'), /BEGIN ENCRYPTED PRIVATE KEY/);
    assert.match(
      openssl('pkey', '-in', join(folder, 'root.key'), '-passin', `pass:${rootPassphrase}`, '-noout', '-text'),
      /P-256/,
    );
    await assert.rejects(renewIntermediate({ folder, rootPassphrase: 'something else' }), {
      code: 'ERR_TLS_CA_PASSPHRASE',
    });
    await renewIntermediate({ folder, rootPassphrase });
    const second = await openAuthority({ folder });
    const fresh = await second.issue({ names: ['b.corp.example'] });
    assert.notDeepEqual(fresh.chain[1], old.chain[1]);
    await second.revoke(old.serial);
    assert.equal((await second.crl(1)).number, 2);
    assert.equal((await second.crl(2)).number, 1);
    await second.close();
    for (const [i, { chainPem }] of [old, fresh].entries()) {
      const path = join(folder, `leaf-${i}.pem`);
      writeFileSync(path, chainPem);
      assert.match(
        openssl('verify', '-x509_strict', '-CAfile', join(folder, 'root.pem'), '-untrusted', path, path),
        /OK/,
      );
    }
  });

  test('asks an external signer, and refuses what its public key does not verify', async (t) => {
    const folder = temporaryFolder(t);
    const crypto = createNodeCrypto();
    const key = crypto.importPrivateKey(generateKey('p384').pkcs8);
    let lies = false;
    const issuingSigner: Signer = {
      type: key.type,
      publicKey: key.publicKey,
      async sign(algorithm, data) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        return key.sign(algorithm, lies ? data.subarray(1) : data);
      },
    };
    const ca = await createAuthority({ folder, name: 'Test', issuingSigner });
    const issued = await ca.issue({ names: ['localhost'] });
    assert.equal(parseCertificate(issued.certificate).signatureAlgorithm.oid, '1.2.840.10045.4.3.3');
    lies = true;
    await assert.rejects(ca.issue({ names: ['localhost'] }), { code: 'ERR_TLS_CA_SIGNER' });
    lies = false;
    assert.deepEqual(
      ca.list().map(({ status }) => status),
      ['issued', 'failed'],
    );
    await ca.close();
    assert.ok(!readdirSync(folder).includes('issuing-1.key'));
    await assert.rejects(openAuthority({ folder }), { code: 'ERR_TLS_CA_KEY' });
    await (await openAuthority({ folder, issuingSigner })).close();
  });

  test('goes on with another external key, and without that of an intermediate that has ended', async (t) => {
    const folder = temporaryFolder(t);
    const crypto = createNodeCrypto();
    const [rootSigner, first, second] = [1, 2, 3].map(() => crypto.importPrivateKey(generateKey('p256').pkcs8));
    let time = Date.now();
    const now = () => time;
    const before = await createAuthority({ folder, rootSigner, issuingSigner: first, now });
    const { serial } = await before.issue({ names: ['localhost'] });
    await before.close();
    time += 4.9 * 365 * day;
    await renewIntermediate({ folder, rootSigner, issuingSigner: second, now });
    for (const issuingSigner of [first, second])
      await assert.rejects(openAuthority({ folder, issuingSigner, now }), { code: 'ERR_TLS_CA_KEY' });
    const ca = await openAuthority({ folder, issuingSigner: second, earlierSigners: [first as Signer], now });
    await ca.revoke(serial);
    assert.equal((await ca.issue({ names: ['localhost'] })).chain.length, 2);
    await ca.close();
    time += 0.2 * 365 * day;
    const later = await openAuthority({ folder, issuingSigner: second, now });
    t.after(() => later.close());
    assert.equal(later.find(serial)?.revoked?.reason, 'unspecified');
    await later.issue({ names: ['localhost'] });
  });

  test('issues from a request, takes its key and names, and nothing else', async (t) => {
    const folder = temporaryFolder(t);
    const ca = await createAuthority({ folder, name: 'Test' });
    t.after(() => ca.close());
    const key = join(folder, 'request.key');
    const csr = join(folder, 'request.der');
    openssl(
      ...opensslRequest,
      '-keyout',
      key,
      '-outform',
      'DER',
      '-out',
      csr,
      '-subj',
      '/CN=x.test/O=Somebody',
      '-addext',
      'subjectAltName=DNS:x.test,IP:10.0.0.7',
      '-addext',
      'basicConstraints=critical,CA:TRUE',
    );
    const issued = await ca.issue({ csr: readFileSync(csr) });
    assert.deepEqual(issued.names, ['x.test', '10.0.0.7']);
    assert.equal(issued.key, undefined);
    const certificate = new X509Certificate(issued.certificate);
    assert.equal(certificate.ca, false);
    assert.ok(certificate.checkPrivateKey(createPrivateKey(readFileSync(key, 'utf8'))));
    const broken = new Uint8Array(readFileSync(csr));
    broken[broken.length - 1] = (broken[broken.length - 1] as number) ^ 1;
    await assert.rejects(ca.issue({ csr: broken }), { code: 'ERR_TLS_CA_CSR' });
  });

  test('profiles: purposes, kinds of names and lifetimes', async (t) => {
    const ca = await createAuthority({ folder: temporaryFolder(t), name: 'Test', baseUrl: 'http://127.0.0.1:1/ca' });
    t.after(() => ca.close());
    const client = parseCertificate(
      (await ca.issue({ names: ['ann@corp.test', 'spiffe://corp.test/ann'], profile: 'client' })).certificate,
    );
    assert.deepEqual(client.decoded.extendedKeyUsage, ['1.3.6.1.5.5.7.3.2']);
    assert.deepEqual(
      client.decoded.crlDistributionPoints?.[0]?.fullName?.map((name) => name.value),
      ['http://127.0.0.1:1/ca/issuing-1.crl'],
    );
    const short = parseCertificate((await ca.issue({ names: ['a.test'], profile: 'short-lived' })).certificate);
    assert.ok(short.notAfter - short.notBefore < 7 * day);
    assert.equal(short.decoded.crlDistributionPoints, undefined);
    assert.ok(short.extensions.has('2.5.29.56'), 'noRevAvail');
    await assert.rejects(ca.issue({ names: ['ann@corp.test'] }), { code: 'ERR_TLS_CA_NAME' });
    await assert.rejects(ca.issue({ names: ['a.test'], profile: 'nonsense' }), { code: 'ERR_TLS_CA_PROFILE' });
    await assert.rejects(ca.issue({ names: ['a.test'], lifetime: 400 * day }), { code: 'ERR_TLS_CA_LIFETIME' });
    const longest = parseCertificate((await ca.issue({ names: ['a.test'], lifetime: 398 * day })).certificate);
    assert.ok(longest.notAfter - longest.notBefore + 1000 <= 398 * day);
    for (const name of ['*', '*.com.', 'a..b', '-a.test', 'a b', '300.1.2.3', 'x.*.test', '']) {
      await assert.rejects(ca.issue({ names: [name] }), { code: 'ERR_TLS_CA_NAME' }, name);
    }
    const rsa = await ca.issue({ names: ['r.test'], keyType: 'rsa2048' });
    assert.equal(parseCertificate(rsa.certificate).publicKeyInfo.bits, 2048);
    const weak = execFileSync('openssl', ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'], {
      stdio: 'pipe',
    });
    const spki = execFileSync('openssl', ['pkey', '-pubout', '-outform', 'DER'], { input: weak, stdio: 'pipe' });
    await assert.rejects(ca.issue({ names: ['a.test'], publicKey: new Uint8Array(spki) }), { code: 'ERR_TLS_CA_KEY' });
  });

  test('profiles of its own are checked, kept, and used', async (t) => {
    const folder = temporaryFolder(t);
    const device: Profile = {
      name: 'device',
      purposes: ['serverAuth', 'clientAuth'],
      lifetime: 2 * day,
      maxLifetime: 5 * day,
      backdate: 0,
      names: ['dns'],
      revocation: 'none',
      mustStaple: true,
    };
    const refused = (changed: Partial<Profile>) =>
      assert.rejects(createAuthority({ folder, profiles: [{ ...device, ...changed }] }), {
        code: 'ERR_TLS_CA_PROFILE',
      });
    await refused({ purposes: [] });
    await refused({ names: [] });
    await refused({ lifetime: 6 * day });
    await refused({ maxLifetime: 399 * day });
    await refused({ backdate: 2 * 3_600_000 });
    await assert.rejects(createAuthority({ folder, baseUrl: 'https://ca.test' }), { code: 'ERR_TLS_CA_CONFIG' });
    await (await createAuthority({ folder, profiles: [device] })).close();
    const ca = await openAuthority({ folder });
    t.after(() => ca.close());
    const { serial, certificate } = await ca.issue({ names: ['d1.test'], profile: 'device' });
    const { decoded, notBefore, notAfter } = parseCertificate(certificate);
    assert.deepEqual(decoded.tlsFeature, [5]);
    assert.equal(decoded.extendedKeyUsage?.length, 2);
    assert.equal(notAfter - notBefore + 1000, 2 * day);
    await assert.rejects(ca.issue({ names: ['10.0.0.1'], profile: 'device' }), { code: 'ERR_TLS_CA_NAME' });
    await assert.rejects(ca.revoke(serial, 'boredom' as RevocationReason), { code: 'ERR_TLS_CA_CONFIG' });
  });

  test('the key of the intermediate can be encrypted too', async (t) => {
    const folder = temporaryFolder(t);
    const issuingPassphrase = 'four or more words';
    await assert.rejects(createAuthority({ folder, issuingPassphrase: 'short' }), { code: 'ERR_TLS_CA_PASSPHRASE' });
    await (await createAuthority({ folder, issuingPassphrase })).close();
    await assert.rejects(openAuthority({ folder }), { code: 'ERR_TLS_CA_PASSPHRASE' });
    await assert.rejects(openAuthority({ folder, issuingPassphrase: 'four other words' }), {
      code: 'ERR_TLS_CA_PASSPHRASE',
    });
    const ca = await openAuthority({ folder, issuingPassphrase });
    await ca.issue({ names: ['a.test'] });
    await ca.close();
    await assert.rejects(
      renewIntermediate({ folder, issuingPassphrase }),
      { code: 'ERR_TLS_CA_ENDED' },
      'the root key is gone',
    );
  });

  test('issues nothing once its intermediate has expired', async (t) => {
    let time = Date.now();
    const ca = await createAuthority({ folder: temporaryFolder(t), now: () => time });
    t.after(() => ca.close());
    time += (5 * 365 - 10) * day;
    const last = parseCertificate((await ca.issue({ names: ['a.test'] })).certificate);
    assert.equal(last.notAfter, ca.issuer.certificate.notAfter, 'it does not outlive its issuer');
    time += 11 * day;
    await assert.rejects(ca.issue({ names: ['a.test'] }), { code: 'ERR_TLS_CA_ENDED' });
  });

  test('renews with the same names and a fresh key; a revoked certificate is not renewed', async (t) => {
    const folder = temporaryFolder(t);
    const ca = await createAuthority({ folder, name: 'Test' });
    const first = await ca.issue({ names: ['a.test'], profile: 'short-lived' });
    const second = await ca.renew(first.serial);
    assert.deepEqual(second.names, first.names);
    assert.equal(second.profile, 'short-lived');
    assert.notDeepEqual(second.key, first.key);
    assert.equal(ca.replacedBy(first.serial), second.serial);
    await ca.revoke(second.serial, 'superseded');
    await assert.rejects(ca.renew(second.serial), { code: 'ERR_TLS_CA_REVOKED' });
    await assert.rejects(ca.revoke('00'), { code: 'ERR_TLS_CA_SERIAL' });
    await ca.close();
    const again = await openAuthority({ folder });
    t.after(() => again.close());
    assert.equal(again.find(second.serial)?.revoked?.reason, 'superseded');
    assert.equal(again.replacedBy(first.serial), second.serial);
    assert.deepEqual(again.certificate(first.serial).certificate, first.certificate);
  });

  test('OpenSSL reads the CRL and refuses what it lists', async (t) => {
    const folder = temporaryFolder(t);
    const ca = await createAuthority({ folder, name: 'Test' });
    const good = await ca.issue({ names: ['good.test'] });
    const bad = await ca.issue({ names: ['bad.test'] });
    const before = await ca.crl();
    await ca.revoke(bad.serial, 'keyCompromise');
    const crl = await ca.crl();
    assert.equal(crl.number, before.number + 1);
    await ca.close();
    assert.deepEqual(new Uint8Array(readFileSync(join(folder, 'issuing-1.crl'))), crl.der);
    const path = (name: string, content: string) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const rootCrl = encodePem('X509 CRL', readFileSync(join(folder, 'root.crl')));
    const crls = path('all-crl.pem', encodePem('X509 CRL', crl.der) + rootCrl);
    const check = (name: string, pem: string) => {
      const file = path(name, pem);
      return openssl(
        'verify',
        '-crl_check_all',
        '-CRLfile',
        crls,
        '-CAfile',
        join(folder, 'root.pem'),
        '-untrusted',
        file,
        file,
      );
    };
    assert.match(check('good.pem', good.chainPem), /OK/);
    assert.throws(() => check('bad.pem', bad.chainPem), /certificate revoked/);
    assert.match(openssl('crl', '-in', crls, '-noout', '-text'), /Key Compromise/);
  });

  test('renews a CRL once half its life has passed, also after a restart', async (t) => {
    const folder = temporaryFolder(t);
    let time = Date.now();
    const now = () => time;
    const ca = await createAuthority({ folder, name: 'Test', now });
    const first = await ca.crl();
    assert.equal((await ca.crl()).number, first.number);
    time += 4 * day;
    await ca.maintain();
    const second = await ca.crl();
    assert.equal(second.number, first.number + 1);
    assert.ok(second.nextUpdate > time);
    await ca.close();
    const again = await openAuthority({ folder, now });
    assert.equal((await again.crl()).number, second.number, 'it is still good');
    await again.close();
    writeFileSync(join(folder, 'issuing-1.crl'), 'damaged');
    const third = await openAuthority({ folder, now });
    assert.ok((await third.crl()).number > second.number, 'a number is never used twice');
    await third.close();
    assert.equal(parseCertificateList(readFileSync(join(folder, 'issuing-1.crl'))).entries, 0);
  });

  test('a list that a crash left without a revocation that the log has is made anew', async (t) => {
    const folder = temporaryFolder(t);
    const ca = await createAuthority({ folder, name: 'Test' });
    const { serial } = await ca.issue({ names: ['a.test'] });
    const signer = createNodeCrypto().importPrivateKey(
      decodePem(readFileSync(join(folder, 'issuing-1.key'), 'utf8'))[0]?.bytes as Uint8Array,
    );
    await ca.revoke(serial);
    const { number, thisUpdate, nextUpdate } = await ca.crl();
    await ca.close();
    // What is on the disk where the process dies after this list, on whose way the revocation became durable.
    const issuer = ca.issuer.certificate;
    const authorityKeyIdentifier = issuer.decoded.subjectKeyIdentifier as Uint8Array;
    const list = { issuer: issuer.subject, thisUpdate, nextUpdate, crlNumber: number, authorityKeyIdentifier };
    const algorithm = { kind: 'ecdsa', hash: 'sha256' } as const;
    const without = await buildCertificateList(
      { ...list, revoked: [] },
      { algorithm, sign: (data) => signer.sign(algorithm, data) },
    );
    writeFileSync(join(folder, 'issuing-1.crl'), without);
    const again = await openAuthority({ folder });
    t.after(() => again.close());
    const made = await again.crl();
    assert.equal(made.number, number + 1);
    assert.ok(parseCertificateList(made.der).find(Buffer.from(serial, 'hex')));
    assert.deepEqual(new Uint8Array(readFileSync(join(folder, 'issuing-1.crl'))), made.der);
  });

  test('one process at a time; a lock of a process that is gone is taken over', async (t) => {
    const folder = temporaryFolder(t);
    const ca = await openOrCreateAuthority({ folder, name: 'Test' });
    await assert.rejects(openAuthority({ folder }), { code: 'ERR_TLS_CA_LOCKED' });
    await ca.close();
    const gone = execFileSync(process.execPath, ['-e', 'console.log(process.pid)'], { encoding: 'utf8' }).trim();
    const { hostname } = await import('node:os');
    const space = existsSync('/proc/self/ns/pid') ? readlinkSync('/proc/self/ns/pid') : null;
    const lock = join(folder, 'lock');
    writeFileSync(lock, JSON.stringify({ pid: Number(gone), host: hostname(), space, began: '1' }));
    await (await openOrCreateAuthority({ folder })).close();
    // Of another machine or container only the heartbeat is known.
    writeFileSync(lock, JSON.stringify({ pid: 1, host: 'elsewhere', space, began: '1' }));
    await assert.rejects(openAuthority({ folder }), { code: 'ERR_TLS_CA_LOCKED' });
    utimesSync(lock, new Date(Date.now() - 60_000), new Date(Date.now() - 60_000));
    await (await openOrCreateAuthority({ folder })).close();
    await assert.rejects(createAuthority({ folder }), { code: 'ERR_TLS_CA_EXISTS' });
    await assert.rejects(openAuthority({ folder: join(folder, 'none') }), { code: 'ERR_TLS_CA_MISSING' });
  });
});

describe('the lint before a signature', () => {
  test('names outside the constraints of the intermediate are not signed', async (t) => {
    const ca = await createAuthority({ folder: temporaryFolder(t), name: 'Test' });
    t.after(() => ca.close());
    for (const name of ['example.com', '8.8.8.8', '2606:4700::1', '*.com.example', 'localhost.example.com']) {
      await assert.rejects(ca.issue({ names: ['localhost', name] }), { code: 'ERR_TLS_CA_LINT' }, name);
    }
    assert.equal(ca.list().length, 0, 'no intent was written, no key has signed');
    await ca.issue({ names: ['localhost', '10.1.2.3', 'fd00::1', 'printer.local'] });
  });

  test('an authority for names alone vouches for no address, and one for addresses alone for no name', async (t) => {
    const names = await createAuthority({ folder: temporaryFolder(t), permitted: ['corp.example'] });
    t.after(() => names.close());
    for (const name of ['8.8.8.8', '2606:4700::1', '10.1.2.3', '::1', 'example.com']) {
      await assert.rejects(names.issue({ names: [name] }), { code: 'ERR_TLS_CA_LINT' }, name);
    }
    const folder = temporaryFolder(t);
    const addresses = await createAuthority({ folder, permitted: ['10.0.0.0/8'] });
    t.after(() => addresses.close());
    for (const name of ['example.com', 'localhost', '8.8.8.8', '::1']) {
      await assert.rejects(addresses.issue({ names: [name] }), { code: 'ERR_TLS_CA_LINT' }, name);
    }
  });

  for (const permitted of [undefined, ['10.0.0.0/8'], ['corp.example', '10.0.0.0/8']]) {
    test(`OpenSSL takes a certificate for an address alone (constrained to ${permitted ?? 'the default'})`, async (t) => {
      const folder = temporaryFolder(t);
      const ca = await createAuthority({ folder, ...(permitted === undefined ? {} : { permitted }) });
      const { chainPem, certificate } = await ca.issue({ names: ['10.1.2.3'] });
      await ca.close();
      const leaf = join(folder, 'leaf.pem');
      writeFileSync(leaf, chainPem);
      const words = ['-x509_strict', '-purpose', 'sslserver', '-verify_ip', '10.1.2.3'];
      assert.match(openssl('verify', ...words, '-CAfile', join(folder, 'root.pem'), '-untrusted', leaf, leaf), /OK/);
      // RFC 5280, Section 4.2.1.6: critical where there is no subject.
      assert.equal(parseCertificate(certificate).extensions.get('2.5.29.17')?.critical, true);
    });
  }

  test('an authority without constraints issues for any name', async (t) => {
    const ca = await createAuthority({ folder: temporaryFolder(t), name: 'Test', permitted: 'any' });
    t.after(() => ca.close());
    assert.deepEqual((await ca.issue({ names: ['bücher.example', '8.8.8.8'] })).names, [
      'xn--bcher-kva.example',
      '8.8.8.8',
    ]);
  });
});
