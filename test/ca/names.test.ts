import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createAuthority, privateNames } from '../../src/ca/index.ts';
import { constraintName, subjectName } from '../../src/ca/names.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { formatGeneralName } from '../../src/pki/general-name.ts';
import { formatName } from '../../src/pki/name.ts';
import { temporaryFolder } from './helpers/temporary-folder.ts';

describe('names as people write them', () => {
  test('become DNS names, addresses, e-mail addresses and URIs', () => {
    const read = (text: string) => formatGeneralName(subjectName(text));
    assert.equal(read(' Example.COM. '), 'DNS:example.com');
    assert.equal(read('*.Example.com'), 'DNS:*.example.com');
    assert.equal(read('bücher.example'), 'DNS:xn--bcher-kva.example');
    assert.equal(read('192.0.2.1'), 'IP:192.0.2.1');
    assert.equal(read('[2001:DB8::1]'), 'IP:2001:db8::1');
    assert.equal(read('Ann@corp.test'), 'email:Ann@corp.test');
    assert.equal(read('spiffe://corp.test/ann'), 'URI:spiffe://corp.test/ann');
  });

  test('are refused with a reason where they are none', () => {
    const bad: Record<string, RegExp> = {
      '*': /wildcard/,
      '*.com': /top-level/,
      'a.*.test': /first label/,
      '1.2.3.4.5': /looks like an IP address/,
      'a_b c': /no DNS name/,
      '-a.test': /no DNS name/,
      'a@b@c': /e-mail/,
      'spiffe://a b': /URI/,
      [`${'a'.repeat(64)}.test`]: /no DNS name/,
    };
    for (const [text, why] of Object.entries(bad)) {
      assert.throws(
        () => subjectName(text),
        (error: Error & { code?: string }) => error.code === 'ERR_TLS_CA_NAME' && why.test(error.message),
        text,
      );
    }
  });

  test('constrain: domains and ranges', () => {
    const read = (text: string) => formatGeneralName(constraintName(text));
    assert.equal(read('Corp.example'), 'DNS:corp.example');
    assert.equal(read('.corp.example'), 'DNS:corp.example');
    assert.equal(read('10.1.2.3/8'), 'IP:10.0.0.0/8');
    assert.equal(read('192.0.2.7'), 'IP:192.0.2.7/32');
    assert.equal(read('2001:db8::/33'), 'IP:2001:db8::/33');
    for (const text of ['10.0.0.0/33', '10.0.0.0/x', '::1/129', 'a b', '']) {
      assert.throws(() => constraintName(text), { code: 'ERR_TLS_CA_NAME' }, text);
    }
    assert.equal(privateNames.map(constraintName).length, privateNames.length);
  });

  test('stand in a critical extension where there is no subject', async (t) => {
    const folder = temporaryFolder(t);
    const ca = await createAuthority({ folder, name: 'Test' });
    t.after(() => ca.close());
    const { certificate, chainPem } = await ca.issue({ names: ['spiffe://corp.test/ann'], profile: 'client' });
    const parsed = parseCertificate(certificate);
    assert.equal(formatName(parsed.subject), '(empty name)');
    assert.equal(parsed.extensions.get('2.5.29.17')?.critical, true);
    const path = join(folder, 'client.pem');
    writeFileSync(path, chainPem);
    const words = [
      'verify',
      '-x509_strict',
      '-purpose',
      'sslclient',
      '-CAfile',
      join(folder, 'root.pem'),
      '-untrusted',
      path,
      path,
    ];
    assert.match(execFileSync('openssl', words, { encoding: 'utf8' }), /OK/);
    // A name that is too long for a commonName is left to subjectAltName.
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.test`;
    const issued = parseCertificate((await ca.issue({ names: [long] })).certificate);
    assert.equal(issued.extensions.get('2.5.29.17')?.critical, true);
  });
});
