/**
 * `npx tsx test/fuzz/main.ts [--executions=10000000] [--seed=1] [--engine=300] [--keep]`
 *
 * `--engine` says how many of 1,000 executions are of the engine. Prints how many executions ran and in how many ways they ended; at the first crash the input, and status 1. `--keep`
 * writes the smallest input for each way of ending to the corpus.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Crash, type EngineInput, runEngine } from './engine.ts';
import { corpusFile, fuzz, readCorpus, writeInput } from './run.ts';

const { values } = parseArgs({
  options: {
    executions: { type: 'string', default: '10000000' },
    seed: { type: 'string', default: '1' },
    engine: { type: 'string', default: '300' },
    keep: { type: 'boolean', default: false },
  },
});
const count = Number(values.executions);
const started = Date.now();
const seconds = () => Math.round((Date.now() - started) / 1000);

try {
  const progress = (done: number) => {
    if (done > 0 && done % 500_000 === 0) console.error(`${done} executions, ${seconds()} s`);
  };
  const result = fuzz(count, Number(values.seed), progress, Number(values.engine));
  const { decoders, engine, real } = result.executions;
  console.log(
    `${count} executions with seed ${values.seed}: ${decoders} of decoders, ${engine} of the engine with null protection, ` +
      `${real} with real protection; ${result.outcomes.size} ways to end, no crash; ${seconds()} s`,
  );
  if (values.keep) keep(result.kept);
} catch (error) {
  if (!(error instanceof Crash)) throw error;
  console.error(error);
  console.error(toJson(error.input));
  process.exitCode = 1;
}

function keep(kept: ReadonlyMap<string, EngineInput>): void {
  const smallest = new Map<string, EngineInput>();
  for (const input of [...readCorpus(), ...kept.values()]) {
    // One for each scenario, side, code and alert: the words of the message do not count.
    const key = `${input.scenario} ${input.side} ${runEngine(input).split(' ').slice(0, 2).join(' ')}`;
    const known = smallest.get(key);
    if (known === undefined || writeInput(input).length < writeInput(known).length) smallest.set(key, input);
  }
  const lines = [...smallest.values()].map(writeInput).filter((line) => line.length < 4000);
  writeFileSync(corpusFile, `${lines.sort().join('\n')}\n`);
  console.log(`${lines.length} inputs in the corpus`);
}

function toJson(input: unknown): string {
  return JSON.stringify(input, (_key, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
  );
}
