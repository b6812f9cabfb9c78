import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { faultNames } from './differential/cases.ts';
import {
  acceptedByUsAlone,
  compareChains,
  compareMutatedChains,
  compareMutations,
  fixedOriginals,
} from './differential/run.ts';

// A longer run and its figures: docs/pki.md.
describe('beside OpenSSL, Go and @peculiar/x509', () => {
  it('no generated chain with a fault is accepted, no good one refused', async (context) => {
    const results = await compareChains(2 * faultNames.length, 1);
    for (const { test, accepted, reason } of results)
      assert.equal(accepted.handfast, test.good, `${test.what}: ${reason}`);
    for (const verifier of ['openssl', 'go'] as const) {
      const judged = results.filter(({ accepted }) => accepted[verifier] !== undefined);
      if (judged.length === 0) context.diagnostic(`${verifier} is not on this machine`);
      // What is good by construction is good for everybody, or the case is wrong.
      for (const { test, accepted } of judged)
        if (test.good) assert.equal(accepted[verifier], true, `${verifier}: ${test.what}`);
    }
  });

  it('what we accept of changed chains that are signed again, all others accept', async (context) => {
    const results = await compareMutatedChains(400, 3);
    assert.ok(results.some(({ accepted }) => accepted.handfast) && results.some(({ accepted }) => !accepted.handfast));
    if (results[0]?.accepted.go === undefined) context.diagnostic('go is not on this machine');
    if (results[0]?.accepted.openssl === undefined) context.diagnostic('openssl is not on this machine');
    for (const result of results) {
      const chain = result.test.chain.map((der) => Buffer.from(der).toString('base64')).join(' ');
      assert.ok(!acceptedByUsAlone(result), `${JSON.stringify(result.complaints)} ${chain}`);
    }
  });

  it('what we read of a mutated certificate, all others read, and read the same', (context) => {
    const results = compareMutations(fixedOriginals(), 1500, 4);
    assert.ok(results.some(({ accepted }) => accepted.handfast) && results.some(({ accepted }) => !accepted.handfast));
    if (results[0]?.accepted.go === undefined) context.diagnostic('go is not on this machine');
    for (const { der, accepted, differences, goError } of results) {
      assert.deepEqual(differences, [], Buffer.from(der).toString('base64'));
      if (!accepted.handfast) continue;
      assert.equal(accepted.openssl, true, Buffer.from(der).toString('base64'));
      assert.notEqual(accepted.go, false, `${goError}: ${Buffer.from(der).toString('base64')}`);
    }
  });
});
