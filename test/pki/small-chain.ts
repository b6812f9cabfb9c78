/** A root, an intermediate and leaves below it, for the tests of the verification. */
import assert from 'node:assert/strict';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import {
  type CertificateError,
  createTrustAnchors,
  type TrustAnchorInput,
  type Verdict,
  type VerifyOptions,
  verifyChain,
} from '../../src/pki/index.ts';
import { dns, now, type TestCertificate, type TestIssuer, testCertificate, testKey } from './support.ts';

export const crypto = createNodeCrypto();
export const day = 86_400_000;
export const root: TestIssuer = { name: 'Root', key: testKey() };
export const inter: TestIssuer = { name: 'Intermediate', key: testKey() };
export const leafKey = testKey();
export const rootDer = await testCertificate({ ...root, issuer: root, ca: true });
export const interDer = await testCertificate({ ...inter, issuer: root, ca: true });

export const leaf = (more: Partial<TestCertificate> = {}): Promise<Uint8Array> =>
  testCertificate({ name: 'leaf', key: leafKey, issuer: inter, names: dns('www.example.com'), ...more });

export function verify(
  chain: readonly Uint8Array[],
  more: Partial<VerifyOptions> = {},
  anchors: readonly TrustAnchorInput[] = [rootDer],
): Verdict {
  return verifyChain({
    chain,
    anchors: createTrustAnchors(anchors),
    now,
    profile: 'server',
    name: 'www.example.com',
    crypto,
    ...more,
  });
}

export function refusal(verdict: Verdict): CertificateError {
  assert.equal(verdict.ok, false);
  return verdict.error;
}

/** The verdict is a refusal with this code and alert, and the message matches. */
export function refused(verdict: Verdict, code: string, alert: string, message: RegExp): void {
  const error = refusal(verdict);
  assert.equal(error.code, code);
  assert.equal(error.alert, alert);
  assert.match(error.message, message);
  assert.match(error.message, /; |: have/, 'it says what to do');
}
