import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { toHex } from '../../src/bytes/bytes.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import {
  buildCertificateList,
  buildCertificateRequest,
  buildOcspResponse,
  decodePem,
  encodeCertId,
  encodeName,
  encodeOcspRequest,
  encodePem,
  extension,
  formatName,
  ipRange,
  parseCertificate,
  parseCertificateList,
  parseCertificateRequest,
  parseOcspRequest,
  parseOcspResponse,
} from '../../src/pki/index.ts';
import { opensslRequest } from '../helpers/pki.ts';
import { dns, now, testCertificate, testKey } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'handfast-pki-'));
after(() => rmSync(folder, { recursive: true }));

/** Runs openssl where there is one. */
function openssl(...words: string[]): string {
  return execFileSync('openssl', words, { encoding: 'utf8', timeout: 20_000, stdio: ['ignore', 'pipe', 'pipe'] });
}
const hasOpenssl = ((): boolean => {
  try {
    openssl('version');
    return true;
  } catch {
    return false;
  }
})();
const skip = hasOpenssl ? false : 'no openssl on this machine';

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const hashOnly = {
  hash: (name: string, data: Uint8Array) => createHash(name).update(data).digest(),
} as unknown as CryptoProvider;

const rootKey = testKey();
const root = { name: 'Test Root', key: rootKey };
const rootDer = await testCertificate({ ...root, issuer: root, ca: true });
const leafKey = testKey('ed25519');
const leafDer = await testCertificate({
  name: 'leaf',
  key: leafKey,
  issuer: root,
  names: dns('example.com', '*.example.com'),
});

describe('encoders', () => {
  it('write certificates that read back the same', () => {
    const leaf = parseCertificate(leafDer);
    assert.equal(formatName(leaf.issuer), 'CN=Test Root');
    assert.deepEqual(leaf.decoded.subjectAltName, dns('example.com', '*.example.com'));
    assert.equal(leaf.decoded.basicConstraints?.ca, false);
    assert.deepEqual(leaf.decoded.authorityKeyIdentifier?.keyIdentifier, rootKey.keyId);
    assert.equal(parseCertificate(rootDer).decoded.basicConstraints?.ca, true);
    assert.equal(leaf.notBefore, now - 86_400_000);
  });

  it('write chains that OpenSSL verifies', { skip }, async () => {
    const icaKey = testKey('rsa');
    const ica = { name: 'Constrained', key: icaKey };
    const icaDer = await testCertificate({
      ...ica,
      issuer: root,
      ca: true,
      pathLength: 0,
      more: [
        extension.nameConstraints(
          [...dns('example.com'), ipRange('192.0.2.0/24'), ipRange('2001:db8::/32')],
          dns('no.example.com'),
        ),
        extension.certificatePolicies('2.23.140.1.2.1'),
        extension.crlDistributionPoints('http://crl.example/1.crl'),
        extension.authorityInfoAccess({ ocsp: ['http://ocsp.example/'], caIssuers: ['http://ca.example/r.der'] }),
      ],
    });
    const der = await testCertificate({
      key: leafKey,
      issuer: ica,
      names: [...dns('www.example.com'), { kind: 'ip', value: Uint8Array.of(192, 0, 2, 7) }],
      more: [extension.mustStaple()],
    });
    const answer = openssl(
      'verify',
      '-x509_strict',
      '-attime',
      String(now / 1000),
      '-CAfile',
      file('root.pem', encodePem('CERTIFICATE', rootDer)),
      '-untrusted',
      file('ica.pem', encodePem('CERTIFICATE', icaDer)),
      '-verify_hostname',
      'www.example.com',
      '-purpose',
      'sslserver',
      file('www.pem', encodePem('CERTIFICATE', der)),
    );
    assert.match(answer, /: OK/);
  });

  it('write requests that OpenSSL verifies, and read theirs', { skip }, async () => {
    const der = await buildCertificateRequest(
      {
        subject: encodeName([
          ['O', 'Äpfel'],
          ['CN', 'example.com'],
        ]),
        spki: leafKey.spki,
        extensions: [extension.subjectAltName(dns('example.com'))],
      },
      leafKey,
    );
    openssl('req', '-verify', '-noout', '-inform', 'DER', '-in', file('own.csr', der));
    assert.deepEqual(parseCertificateRequest(der).decoded.subjectAltName, dns('example.com'));
    openssl(
      ...opensslRequest,
      '-keyout',
      join(folder, 'k.pem'),
      '-subj',
      '/C=DE/CN=other.example',
      '-addext',
      'subjectAltName=DNS:other.example',
      '-outform',
      'DER',
      '-out',
      join(folder, 'theirs.csr'),
    );
    const pem = openssl('req', '-inform', 'DER', '-in', join(folder, 'theirs.csr'));
    const [block] = decodePem(pem);
    assert.ok(block);
    const request = parseCertificateRequest(block.bytes);
    assert.equal(formatName(request.subject), 'CN=other.example, C=DE');
    assert.deepEqual(request.decoded.subjectAltName, dns('other.example'));
  });

  it('write lists that OpenSSL verifies', { skip }, async () => {
    const leaf = parseCertificate(leafDer);
    const der = await buildCertificateList(
      {
        issuer: leaf.issuer,
        thisUpdate: now,
        nextUpdate: now + 86_400_000,
        crlNumber: 300,
        authorityKeyIdentifier: rootKey.keyId,
        revoked: [{ serialNumber: leaf.serialNumber, revocationDate: now - 1000, reason: 'keyCompromise' }],
        distributionPoint: { only: 'users' },
      },
      rootKey,
    );
    const list = parseCertificateList(der);
    assert.equal(list.find(leaf.serialNumber)?.reason, 'keyCompromise');
    assert.equal(list.find(Uint8Array.of(1)), undefined);
    assert.equal(toHex(list.crlNumber as Uint8Array), '012c');
    assert.equal(list.issuingDistributionPoint?.onlyUserCerts, true);
    const text = openssl(
      'crl',
      '-inform',
      'DER',
      '-in',
      file('list.crl', der),
      '-CAfile',
      file('root.pem', encodePem('CERTIFICATE', rootDer)),
      '-noout',
      '-text',
    );
    assert.match(text, /Key Compromise/);
  });

  it('write and read lists of any size', async () => {
    const serial = (i: number) => Uint8Array.of(0x40, i >> 16, i >> 8, i);
    const revoked = Array.from({ length: 150_000 }, (_, i) => ({
      serialNumber: serial(i),
      revocationDate: now,
      reason: i === 7 ? ('superseded' as const) : undefined,
    }));
    const template = {
      issuer: parseCertificate(leafDer).issuer,
      thisUpdate: now,
      nextUpdate: now + 1000,
      crlNumber: 1,
      authorityKeyIdentifier: rootKey.keyId,
      revoked,
    };
    const list = parseCertificateList(await buildCertificateList(template, rootKey));
    assert.equal(list.entries, 150_000);
    assert.equal(list.find(serial(7))?.reason, 'superseded');
    assert.equal(list.find(serial(149_999))?.reason, undefined);
    assert.equal(list.find(serial(150_000)), undefined);
  });

  it('write OCSP answers that OpenSSL verifies, and read its requests', { skip }, async () => {
    const issuer = parseCertificate(rootDer);
    const leaf = parseCertificate(leafDer);
    const rootFile = file('root.pem', encodePem('CERTIFICATE', rootDer));
    const leafFile = file('leaf.pem', encodePem('CERTIFICATE', leafDer));
    openssl('ocsp', '-issuer', rootFile, '-cert', leafFile, '-reqout', join(folder, 'request.der'));
    const nonce = randomBytes(16);
    const certId = encodeCertId(leaf.serialNumber, issuer, hashOnly);
    const request = parseOcspRequest(encodeOcspRequest([certId], nonce));
    assert.deepEqual(Buffer.from(request.nonce ?? []), nonce);
    const der = await buildOcspResponse(
      {
        responder: { keyHash: rootKey.keyId },
        producedAt: Date.now(),
        responses: [
          {
            certId: request.certIds[0]?.raw as Uint8Array,
            status: { kind: 'good' },
            thisUpdate: Date.now() - 60_000,
            nextUpdate: Date.now() + 3_600_000,
          },
        ],
        nonce,
      },
      rootKey,
    );
    const parsed = parseOcspResponse(der);
    assert.equal(parsed.status, 'successful');
    const answer = openssl(
      'ocsp',
      '-respin',
      file('response.der', der),
      '-issuer',
      rootFile,
      '-cert',
      leafFile,
      '-CAfile',
      rootFile,
      '-no_nonce',
      '-attime',
      String(now / 1000),
    );
    assert.match(answer, /leaf.pem: good/);
  });

  it('refuse what has no place in a certificate', () => {
    assert.throws(() => ipRange('192.0.2.0/33'), RangeError);
    assert.throws(() => encodeName([['C', 'Ä']]), RangeError);
    assert.throws(() => extension.subjectAltName(dns('ä.example')), RangeError);
  });
});
