import assert from 'node:assert/strict';
import test from 'node:test';
import { createSecureContext } from '../../src/node/tls.ts';
import { KnownCertificate, knownCertificate } from '../../src/node/trust/known-certificate.ts';
import { verifyPeer } from '../../src/node/trust/verify.ts';
import { rootDer, rootPem, testIdentity } from '../helpers/pki.ts';

const { chain } = testIdentity('ecdsa-p256');
const [leaf, intermediate] = chain as [Uint8Array, Uint8Array];

test('the same bytes are read once, and other bytes are another certificate', () => {
  const read = knownCertificate(leaf);
  assert.equal(knownCertificate(leaf.slice()), read);
  assert.equal(knownCertificate(new Uint8Array([...leaf, 0]).subarray(0, leaf.length)), read);
  assert.notEqual(knownCertificate(intermediate), read);
  const changed = leaf.slice();
  changed[changed.length - 1]! ^= 1;
  assert.notEqual(knownCertificate(changed), read);
  assert.equal(knownCertificate(changed).isSignedBy(knownCertificate(intermediate)), false);
  assert.equal(read.isSignedBy(knownCertificate(intermediate)), true);
  assert.throws(() => knownCertificate(leaf.subarray(1)));
});

test('what it keeps is its own: the array of the caller may change', () => {
  const mine = leaf.slice();
  mine[mine.length - 1]! ^= 2;
  const read = knownCertificate(mine);
  const signature = read.own!.signature.slice();
  mine.fill(0);
  assert.deepEqual(read.own!.signature, signature);
});

test('an issuer that only bears the name of another one has signed nothing', () => {
  const read = knownCertificate(leaf);
  const issuer = new KnownCertificate(intermediate);
  const foreign = new KnownCertificate(testIdentity('rsa').chain[1] as Uint8Array);
  for (let time = 0; time < 2; time++) {
    assert.deepEqual([read.isIssuedBy(issuer), read.isSignedBy(issuer)], [true, true]);
    assert.deepEqual([read.isIssuedBy(foreign), read.isSignedBy(foreign)], [false, false]);
    assert.equal(new KnownCertificate(rootDer).isIssuedBy(read), false);
  }
});

test('names are judged host by host', () => {
  const read = knownCertificate(leaf);
  for (let time = 0; time < 2; time++) {
    assert.equal(read.isFor('localhost'), true);
    assert.equal(read.isFor('other.test'), false);
    assert.equal(read.isFor('127.0.0.1'), true);
    assert.equal(read.isFor('127.0.0.2'), false);
  }
  for (let i = 0; i < 100; i++) assert.equal(read.isFor(`host${i}.test`), false);
  assert.equal(read.isFor('localhost'), true);
});

test('time and trust are judged anew, however well a chain is known', () => {
  const trusting = createSecureContext({ ca: rootPem }).context;
  const other = createSecureContext({ ca: testIdentity('stranger').chainPem }).context;
  const { notBefore, notAfter } = knownCertificate(leaf);
  const judge = (context: typeof trusting, now: number) =>
    verifyPeer({ chain, context, peer: 'server', now })?.code ?? 'good';
  const now = Date.now();
  assert.deepEqual(
    [
      judge(trusting, now),
      judge(trusting, notAfter + 1000),
      judge(trusting, notBefore - 1000),
      judge(other, now),
      judge(trusting, now),
    ],
    ['good', 'CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'good'],
  );
});

test('the keeping is bounded: in number, and in the size of each', () => {
  const first = knownCertificate(leaf);
  const variant = (i: number) => {
    const other = leaf.slice();
    other[other.length - 1 - (i >> 8)]! ^= 1 + (i & 255);
    return other;
  };
  for (let i = 0; i < 199; i++) knownCertificate(variant(i));
  assert.equal(knownCertificate(leaf), first);
  for (let i = 0; i < 200; i++) knownCertificate(variant(i));
  assert.notEqual(knownCertificate(leaf), first);
});
