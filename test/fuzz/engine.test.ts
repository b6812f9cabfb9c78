import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TlsError } from '../../src/errors.ts';
import { Crash, decoderTargets, runEngine, seeds } from './engine.ts';
import { fuzz, readCorpus } from './run.ts';
import { createSide } from './scenarios.ts';

const executions = Number(process.env['HANDFAST_FUZZ_EXECUTIONS'] ?? 20_000);

describe('the engine and the decoders under changed transcripts', () => {
  test('unchanged transcripts go through, on both sides', () => {
    for (const { scenario, side, pieces } of seeds) {
      const chunks = pieces.map(({ type, version, before, content, after }) => {
        const fragment = Buffer.concat([before, content, after]);
        const header = [type, version >>> 8, version & 0xff, fragment.length >>> 8, fragment.length & 0xff];
        return new Uint8Array(Buffer.concat([Uint8Array.from(header), fragment]));
      });
      assert.equal(runEngine({ scenario: scenario.name, side, chunks }), 'closed', `${scenario.name}, ${side}`);
    }
  });

  test('every decoder has inputs that it accepts', () => {
    for (const { name, decode, seeds: own } of decoderTargets) {
      const accepted = own.filter((body) => {
        try {
          return decode(body) !== undefined || name === 'keyUpdate';
        } catch (error) {
          assert.ok(error instanceof TlsError, name);
          return false;
        }
      });
      assert.ok(accepted.length > 0, name);
    }
  });

  test('the corpus does no harm', () => {
    const corpus = readCorpus();
    assert.ok(corpus.length > 50);
    for (const input of corpus) runEngine(input);
  });

  test(`${executions} executions end with a TlsError or well`, () => {
    const { outcomes } = fuzz(executions, 20260101);
    assert.ok(outcomes.size > 100);
  });

  test('a failure that is no TlsError is told', () => {
    const scenario = seeds[0]?.scenario;
    assert.ok(scenario);
    const options = { ...scenario.client, random: () => assert.fail('a bug') };
    const connection = createSide({ ...scenario, client: options }, 'client');
    connection.advance();
    assert.equal(connection.error?.code, 'ERR_TLS_INTERNAL');
    assert.throws(() => runEngine({ scenario: 'none', side: 'client', chunks: [] }), /no scenario/);
    assert.ok(new Crash('x', undefined) instanceof Error);
  });
});
