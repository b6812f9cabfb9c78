import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTrustAnchors, decodePem, encodePem, nameCertificate, readCertificates } from '../../src/pki/index.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

const { chainPem } = testIdentity('ecdsa-p256');
const leaf = decodePem(chainPem)[0]?.bytes as Uint8Array;
const root = decodePem(rootPem)[0]?.bytes as Uint8Array;
const code = 'ERR_TLS_CERTIFICATE_FILE';

/** The certificate without its last bytes. */
const cut = (der: Uint8Array) => der.subarray(0, -20);
const pem = (...ders: Uint8Array[]) => ders.map((der) => encodePem('CERTIFICATE', der)).join('');

describe('certificates of files', () => {
  it('are read as PEM and as DER', () => {
    assert.equal(readCertificates(pem(leaf, root), 'a.pem').length, 2);
    assert.equal(readCertificates(Buffer.from(`text before\n${pem(leaf)}`), 'a.pem').length, 1);
    assert.deepEqual(readCertificates(leaf, 'a.crt')[0]?.der, leaf);
  });

  it('are named with file, number and subject where one is malformed', () => {
    const message = /^certificate 2 of 3 \(CN=.+\) in a\.pem is malformed: .* 20 bytes past the end/;
    assert.throws(() => readCertificates(pem(leaf, cut(root), leaf), 'a.pem'), { code, message });
    assert.throws(() => readCertificates(cut(leaf), 'a.crt'), {
      code,
      message: /^the certificate \(.+\) in a\.crt is /,
    });
    const anchor = /trust anchor 2 \(ca\.pem\) can't be read: certificate 2 of 2 \(CN=.+\) is malformed/;
    assert.throws(() => createTrustAnchors([root, pem(leaf, cut(root))], { source: 'ca.pem' }), { message: anchor });
  });

  it('are found by their line where the PEM is damaged', () => {
    const lines = pem(leaf).split('\n').length;
    const message = `a.pem can't be read: the PEM block "CERTIFICATE" in line ${lines} has no line "-----END CERTIFICATE-----"`;
    assert.throws(() => readCertificates(pem(leaf, root).replace(/-----END CERTIFICATE-----\n$/, ''), 'a.pem'), {
      code,
      message,
    });
    assert.throws(() => readCertificates('x', 'a.pem'), { code, message: 'a.pem holds no certificate' });
  });

  it('have no subject where it can not be made out', () => {
    for (const der of [new Uint8Array(0), leaf.subarray(0, 30), new Uint8Array(300).fill(0x30)]) {
      assert.equal(nameCertificate(der, 0, 2), 'certificate 1 of 2');
    }
    // Whatever is changed, there are words, and no error.
    for (let i = 0; i < leaf.length; i++) {
      const changed = leaf.slice();
      changed[i] = (changed[i] as number) ^ 0xff;
      assert.match(nameCertificate(changed, 0, 1), /^the certificate/);
    }
  });
});
