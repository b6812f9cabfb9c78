import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fuzz, fuzzTargets } from './pki.ts';

const rounds = Number(process.env['HANDFAST_FUZZ_ROUNDS'] ?? 1500);

describe('decoders of src/pki under mutated input', async () => {
  for (const [name, target] of Object.entries(await fuzzTargets())) {
    it(`${name}: refuses with an error of its own, or accepts`, () => {
      for (const seed of target.seeds) target.run(seed);
      const { accepted, crashes } = fuzz(name, target, rounds, 1);
      assert.ok(accepted >= target.seeds.length);
      assert.deepEqual(
        crashes.map(({ input, error }) => `${String(error)} ${Buffer.from(input).toString('base64')}`),
        [],
      );
    });
  }
});
