import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { rootCertificates } from 'node:tls';
import { CertificateError } from '../../src/errors.ts';
import { DerReader, tags } from '../../src/pki/der/reader.ts';
import {
  commonName,
  createTrustAnchors,
  decodePem,
  encodeName,
  encodePem,
  extension,
  formatName,
  oids,
  parseCertificate,
} from '../../src/pki/index.ts';
import { nameKey, readName } from '../../src/pki/name.ts';
import { dataFolder } from './limbo.ts';
import { dns, now, testCertificate, testKey } from './support.ts';

const malformedFile = join(dataFolder, 'malformed-certificates.json');
const key = testKey();
const issuer = { name: 'Parser Test CA', key };
const good = await testCertificate({ name: 'leaf', key, issuer, names: dns('example.com') });

/** Where the TLV with this tag begins that has `content` as its value. */
function withBytes(der: Uint8Array, from: string, to: string): Uint8Array {
  const hex = Buffer.from(der).toString('hex');
  const at = hex.indexOf(from);
  assert.ok(at >= 0 && from.length === to.length, 'the bytes to replace are there once');
  return Buffer.from(hex.replace(from, to), 'hex');
}

describe('parseCertificate', () => {
  it('reads what is there, as views of the encoding', () => {
    const certificate = parseCertificate(good);
    assert.equal(certificate.version, 3);
    assert.equal(formatName(certificate.subject), 'CN=leaf');
    assert.equal(certificate.notBefore, now - 86_400_000);
    assert.equal(certificate.notAfter, now + 30 * 86_400_000);
    assert.equal(certificate.publicKeyInfo.type, 'p256');
    assert.deepEqual(certificate.signatureAlgorithm.algorithm, { kind: 'ecdsa', hash: 'sha256' });
    assert.equal(certificate.tbs.buffer, good.buffer);
    assert.equal(certificate.extensions.get(oids.keyUsage)?.critical, true);
  });

  it('accepts 00 valid and none of the 46 malformed certificates', {
    skip: existsSync(malformedFile) ? false : `not there: ${malformedFile}`,
  }, () => {
    const all = JSON.parse(readFileSync(malformedFile, 'utf8')) as Record<string, string>;
    const accepted: string[] = [];
    for (const [name, base64] of Object.entries(all)) {
      try {
        parseCertificate(Buffer.from(base64, 'base64'));
        accepted.push(name);
      } catch (error) {
        assert.ok(error instanceof CertificateError, name);
        assert.equal(error.alert, 'badCertificate');
      }
    }
    assert.equal(Object.keys(all).length, 47);
    assert.deepEqual(accepted, ['00 valid']);
  });

  it('refuses every truncation and every byte behind the end', () => {
    for (let length = 0; length < good.length; length++) {
      assert.throws(() => parseCertificate(good.subarray(0, length)), CertificateError);
    }
    assert.throws(() => parseCertificate(Buffer.concat([good, Buffer.of(0)])), /1 bytes follow/);
  });

  it('refuses what DER forbids in the fields that it reads', () => {
    // BOOLEAN TRUE as 01; a wrong tag for a UTCTime; an unknown month.
    assert.throws(() => parseCertificate(withBytes(good, '0101ff', '010101')), /neither 00 nor FF/);
    assert.throws(() => parseCertificate(withBytes(good, '170d', '160d')), /notBefore/);
    assert.throws(() => parseCertificate(withBytes(good, '170d3236303533', '170d3236313333')), /notBefore/);
  });

  it('refuses times with anything but digits in any place', () => {
    const at = Buffer.from(good).indexOf(Buffer.from('170d', 'hex')) + 2;
    for (let i = 0; i < 13; i++) {
      for (const byte of [0x2f, 0x3a, 0xce, 0x00]) {
        const changed = Uint8Array.from(good);
        changed[at + i] = byte;
        assert.throws(() => parseCertificate(changed), /notBefore is not/, `byte ${i}`);
      }
    }
  });

  it('refuses a public key that has no frame', () => {
    assert.throws(() => parseCertificate(withBytes(good, '3059301306', '3059301206')), CertificateError);
  });

  it('refuses empty and contradictory extensions', async () => {
    const make = (value: Uint8Array, oid: string) =>
      testCertificate({ name: 'x', key, issuer, replace: { [oid]: { oid, critical: true, value } } });
    await assert.rejects(
      async () => parseCertificate(await make(Uint8Array.of(3, 1, 0), oids.keyUsage)),
      /names no use/,
    );
    await assert.rejects(
      async () => parseCertificate(await make(Uint8Array.of(0x30, 0), oids.extendedKeyUsage)),
      /empty/,
    );
    await assert.rejects(
      async () => parseCertificate(await make(Uint8Array.of(0x30, 3, 2, 1, 0), oids.basicConstraints)),
      /cA is FALSE/,
    );
    await assert.rejects(
      async () =>
        parseCertificate(await testCertificate({ name: 'x', key, issuer, more: [extension.nameConstraints([])] })),
      /empty/,
    );
  });

  it('refuses names that no host has', async () => {
    for (const name of ['', '.example.com', 'example.com.', 'a..b', 'a b', `${'a'.repeat(64)}.com`, 'a/b']) {
      const der = await testCertificate({ name: 'x', key, issuer, names: dns(name) });
      assert.throws(() => parseCertificate(der), /no valid dNSName/, JSON.stringify(name));
    }
  });

  it('refuses a certificate above the size limit before reading it', () => {
    assert.throws(() => parseCertificate(new Uint8Array((1 << 20) + 1)), { code: 'ERR_TLS_CERT_SIZE' });
  });
});

describe('trust anchors', () => {
  it('load all roots that Node comes with', () => {
    const anchors = createTrustAnchors(rootCertificates, { source: "Node's bundled roots" });
    assert.equal(anchors.list.length, new Set(rootCertificates).size);
    assert.deepEqual(anchors.skipped, []);
    assert.deepEqual(anchors.sources, ["Node's bundled roots"]);
  });

  it('take DER and PEM with several certificates, doubles once', () => {
    const pem = encodePem('CERTIFICATE', good);
    assert.equal(createTrustAnchors([good, pem, pem + pem]).list.length, 1);
  });

  it('name the input that is no certificate, or skip it', () => {
    assert.throws(() => createTrustAnchors(['nothing'], { source: 'ca.pem' }), {
      code: 'ERR_TLS_TRUST_ANCHOR',
      message: /trust anchor 1 \(ca\.pem\)/,
    });
    const anchors = createTrustAnchors(['nothing', good], { invalid: 'skip' });
    assert.equal(anchors.list.length, 1);
    assert.equal(anchors.skipped.length, 1);
  });
});

describe('distinguished names', () => {
  it('are equal without regard to case and white space', () => {
    const name = (text: string) => nameKey(encodeName([['O', text]]));
    assert.equal(name('Example  Inc'), name(' example inc '));
    assert.notEqual(name('Example Inc'), name('ExampleInc'));
    assert.equal(name('ﬁne'), name('FINE'));
    // RFC 4518, Section 2.2: white space of any kind is a space, what is not seen is nothing.
    assert.equal(name('Example\tInc'), name('Example\u00a0Inc'));
    assert.equal(name('Exa\u0001mple\u200b'), name('Example'));
    assert.notEqual(name('Example\u0000Inc'), name('Example Inc'));
    // PrintableString and UTF8String of the same text.
    assert.equal(
      nameKey(Buffer.from('300d310b3009060355040613024445', 'hex')),
      nameKey(Buffer.from('300d310b300906035504060c024445', 'hex')),
    );
  });

  it('cannot be confused by separators within their values', () => {
    const one = nameKey(encodeName([['O', 'a\u00022.5.4.3=b']]));
    const two = nameKey(
      encodeName([
        ['O', 'a'],
        ['CN', 'b'],
      ]),
    );
    assert.notEqual(one, two);
  });

  it('are made of the string types of RFC 5280 alone', () => {
    const cn = (tag: number, text: string, type = 3) => {
      const value = Buffer.from(text);
      const attribute = Buffer.concat([Buffer.from([0x06, 3, 0x55, 4, type, tag, value.length]), value]);
      const set = Buffer.concat([Buffer.from([0x30, attribute.length]), attribute]);
      const rdn = Buffer.concat([Buffer.from([0x31, set.length]), set]);
      return new DerReader(Buffer.concat([Buffer.from([0x30, rdn.length]), rdn]), 'test');
    };
    for (const tag of [tags.utf8String, tags.printableString, tags.ia5String, tags.teletexString])
      readName(cn(tag, 'ab'), 'subject');
    // What neither OpenSSL nor Go reads: VisibleString, and what is no string at all.
    for (const tag of [tags.visibleString, tags.octetString, tags.integer])
      for (const type of [3, 85]) // commonName, and one that nobody knows
        assert.throws(() => readName(cn(tag, 'ab', type), 'subject'), { code: 'ERR_TLS_DER' });
    readName(cn(tags.octetString, 'ab'), 'subject', true);
    // Control characters, in every type that could hold them.
    for (const [tag, text] of [
      [tags.utf8String, 'www.example.com\0.evil.example'],
      [tags.ia5String, 'a\nb'],
      [tags.teletexString, 'a\u007fb'],
      [tags.bmpString, '\0a\0\u0001'],
      [tags.universalString, '\0\0\0a\0\0\0\t'],
    ] as const)
      assert.throws(() => readName(cn(tag, text), 'subject'), { code: 'ERR_TLS_DER', message: /control/ });
    readName(cn(tags.bmpString, '\0a\u0001\u0001'), 'subject');
    readName(cn(tags.universalString, '\0\0\0a\0\0\u0001\t'), 'subject');
    readName(cn(tags.bmpString, '\0a\0\u0001'), 'subject', true);
  });

  it('show control characters escaped', () => {
    assert.equal(formatName(encodeName([['CN', 'a\u001b[31m,b\u202e']])), 'CN=a\\u001b[31m\\,b\\u202e');
    assert.equal(
      commonName(
        encodeName([
          ['O', 'x'],
          ['CN', 'y'],
        ]),
      ),
      'y',
    );
  });
});

describe('PEM', () => {
  it('reads back what it wrote, with text around it', () => {
    const text = `hello\n${encodePem('CERTIFICATE', good)}\r\nbye`;
    assert.deepEqual(
      decodePem(text).map(({ label, bytes }) => [label, Buffer.from(bytes)]),
      [['CERTIFICATE', Buffer.from(good)]],
    );
    for (let length = 0; length < 70; length++) {
      const bytes = good.subarray(0, length);
      assert.deepEqual(decodePem(encodePem('X', bytes))[0]?.bytes, new Uint8Array(bytes));
    }
  });

  it('refuses broken blocks', () => {
    assert.throws(() => decodePem('-----BEGIN A-----\nAAAA\n'), /no line/);
    assert.throws(() => decodePem('-----BEGIN A-----\nAAAA\n-----END B-----\n'), /no line/);
    assert.throws(() => decodePem('-----BEGIN A-----\nAAA\n-----END A-----\n'), /Base64/);
    assert.throws(() => decodePem('-----BEGIN A-----\nA*AA\n-----END A-----\n'), /Base64/);
    assert.throws(() => decodePem('-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END A-----\n'), /pkcs8/);
  });
});
