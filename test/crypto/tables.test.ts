import assert from 'node:assert/strict';
import test from 'node:test';
import { cipherSuite, cipherSuites, defaultCipherSuites, pskCipherSuites } from '../../src/crypto/cipher-suites.ts';
import { defaultGroups, groupCode, groupName, namedGroups } from '../../src/crypto/named-groups.ts';
import type { GroupName } from '../../src/crypto/provider.ts';
import {
  defaultSignatureSchemes,
  schemeFitsKey,
  schemesForKey,
  signatureScheme,
  signatureSchemes,
} from '../../src/crypto/signature-schemes.ts';

test('every cipher suite is what its IANA name says', () => {
  const codes = new Set<number>();
  for (const suite of cipherSuites) {
    codes.add(suite.code);
    assert.equal(cipherSuite(suite.code), suite);
    const { name } = suite;
    assert.equal(suite.hash, name.endsWith('SHA384') ? 'sha384' : 'sha256', name);
    assert.equal(suite.keyLength, /AES_128/.test(name) ? 16 : 32, name);
    assert.equal(suite.version, name.includes('_WITH_') ? 0x0303 : 0x0304, name);
    assert.equal(suite.cbc !== undefined, name.includes('CBC'), name);
    assert.equal(suite.aead === undefined, suite.cbc !== undefined, name);
    if (suite.version === 0x0304) {
      assert.equal(suite.keyExchange, undefined);
      assert.equal(suite.ivLength, 12);
      continue;
    }
    assert.equal(suite.keyExchange, name.includes('ECDHE') ? 'ecdhe' : name.includes('PSK') ? 'psk' : 'rsa', name);
    assert.equal(suite.authentication, /ECDSA|PSK/.exec(name)?.[0].toLowerCase() ?? 'rsa', name);
    assert.equal(suite.ivLength, name.includes('GCM') ? 4 : name.includes('CBC') ? 0 : 12, name);
    if (suite.cbc === undefined) continue;
    const mac = name.endsWith('_SHA') ? 'sha1' : suite.hash;
    assert.equal(suite.cbc.mac, mac, name);
    assert.equal(suite.cbc.macLength, { sha1: 20, sha256: 32, sha384: 48 }[mac], name);
  }
  assert.equal(codes.size, cipherSuites.length);
  assert.equal(cipherSuite(0x0005), undefined);
});

test('the suites for PSKs that are named together have forward secrecy and an AEAD', () => {
  const names = pskCipherSuites.map((code) => cipherSuite(code)?.name);
  assert.deepEqual(names, [
    'TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256',
  ]);
});

test('by default there are only AEAD suites with forward secrecy, TLS 1.3 first', () => {
  const suites = defaultCipherSuites.map((code) => cipherSuite(code));
  const versions = suites.map((suite) => Number(suite?.version));
  assert.deepEqual(
    versions,
    [...versions].sort((a, b) => b - a),
  );
  for (const suite of suites) {
    assert.notEqual(suite?.aead, undefined);
    assert.notEqual(suite?.keyExchange, 'rsa');
  }
});

test('group names and codes map one to one', () => {
  for (const [name, code] of Object.entries(namedGroups)) {
    assert.equal(groupName(code), name);
    assert.equal(groupCode(name as GroupName), code);
  }
  assert.equal(groupName(0x0a0a), undefined);
  assert.deepEqual(defaultGroups, [0x11ec, 0x001d, 0x0017, 0x0018]);
});

test('TLS 1.3 binds an ECDSA scheme to its curve, TLS 1.2 does not', () => {
  const scheme = signatureScheme(0x0403);
  assert.ok(scheme !== undefined);
  assert.equal(schemeFitsKey(scheme, 'p256', 256, 0x0304), true);
  assert.equal(schemeFitsKey(scheme, 'p384', 384, 0x0304), false);
  assert.equal(schemeFitsKey(scheme, 'p384', 384, 0x0303), true);
  assert.deepEqual(schemesForKey('p384', 384), [0x0503]);
  // The scheme of the key's own curve stands first.
  assert.deepEqual(schemesForKey('p384', 384, 0x0303), [0x0503, 0x0203, 0x0403, 0x0603]);
});

test('PKCS #1 v1.5 and SHA-1 never sign in TLS 1.3, ML-DSA never in TLS 1.2', () => {
  for (const scheme of signatureSchemes) {
    assert.equal(signatureScheme(scheme.code), scheme);
    const weak = scheme.name.includes('pkcs1') || scheme.name.endsWith('sha1');
    assert.equal(scheme.tls13, !weak, scheme.name);
    assert.equal(scheme.tls12, !scheme.name.startsWith('mldsa'), scheme.name);
  }
  assert.ok(defaultSignatureSchemes.every((code) => !signatureScheme(code)?.name.endsWith('sha1')));
});

test('an RSA key that is too small for a hash does not offer it', () => {
  assert.deepEqual(schemesForKey('rsa', 2048), [0x0804, 0x0805, 0x0806]);
  // PSS with SHA-512 takes 130 bytes; 1024 bits have 128.
  assert.deepEqual(schemesForKey('rsa', 1024), [0x0804, 0x0805]);
  assert.deepEqual(schemesForKey('rsaPss', 2048), [0x0809, 0x080a, 0x080b]);
});
