import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dataFolder, loadLimbo, runLimbo } from './limbo.ts';

// Every disagreement is one of these, with its reason in docs/decisions/0003-x509-limbo.md.
const badAccepts = [
  'rfc5280::nc::permitted-dns-match-noncritical',
  'rfc5280::san::underscore-dns',
  'webpki::aki::root-with-aki-all-fields',
  'webpki::ca-as-leaf',
  'webpki::cn::case-mismatch',
  'webpki::cn::ipv4-hex-mismatch',
  'webpki::cn::ipv4-leading-zeros-mismatch',
  'webpki::cn::ipv6-non-rfc5952-mismatch',
  'webpki::cn::ipv6-uncompressed-mismatch',
  'webpki::cn::ipv6-uppercase-mismatch',
  'webpki::cn::not-in-san',
  'webpki::cn::punycode-not-in-san',
  'webpki::cn::utf8-vs-punycode-mismatch',
  'webpki::eku::ee-without-eku',
  'webpki::san::public-suffix-multi-label-wildcard-san',
  'webpki::san::public-suffix-private-namespace-wildcard-san',
];
const goodRejects = ['cve::cve-2024-0567'];

for (const which of ['core', 'all'] as const) {
  const cases = loadLimbo(which);
  const skip = cases === undefined ? `x509-limbo (or the program xz) is not there: ${dataFolder}` : false;
  describe(`x509-limbo, ${which}`, { skip }, () => {
    it('agrees but for the recorded choices', () => {
      assert.ok(cases);
      const summary = runLimbo(cases);
      assert.deepEqual(summary.badAccepts.map(({ id }) => id).sort(), badAccepts);
      assert.deepEqual(summary.goodRejects.map(({ id }) => id).sort(), goodRejects);
      assert.equal(summary.agree, cases.length - 17);
      assert.equal(summary.betterTls.agree, summary.betterTls.cases);
      if (which === 'all') assert.equal(summary.betterTls.cases, 9572);
      assert.ok(summary.mostWork.signatures <= 64);
      assert.ok(summary.mostWork.comparisons <= 250_000);
      assert.ok(summary.mostWork.steps <= 10_000);
    });
  });
}
