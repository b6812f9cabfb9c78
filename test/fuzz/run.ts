/** Runs executions of all targets, and keeps what ended in a new way. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EngineInput, mutateSeed, runDecoder, runEngine, seeds } from './engine.ts';
import { mutateBytes } from './mutate.ts';
import { Random } from './random.ts';
import { runReal } from './real.ts';

export const corpusFile = join(dirname(fileURLToPath(import.meta.url)), 'corpus', 'engine.jsonl');

interface StoredInput {
  readonly scenario: string;
  readonly side: 'client' | 'server';
  readonly chunks: readonly string[];
}

/** The inputs that are kept: one for each way in which an engine has ended, and every one that crashed it once. */
export function readCorpus(): EngineInput[] {
  if (!existsSync(corpusFile)) return [];
  const lines = readFileSync(corpusFile, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => {
    const { scenario, side, chunks } = JSON.parse(line) as StoredInput;
    return { scenario, side, chunks: chunks.map((chunk) => new Uint8Array(Buffer.from(chunk, 'base64'))) };
  });
}

/** One line of the corpus. */
export function writeInput({ scenario, side, chunks }: EngineInput): string {
  const stored: StoredInput = { scenario, side, chunks: chunks.map((chunk) => Buffer.from(chunk).toString('base64')) };
  return JSON.stringify(stored);
}

export interface FuzzResult {
  readonly executions: { decoders: number; engine: number; real: number };
  /** How each kind of target ended, with a count. */
  readonly outcomes: Map<string, number>;
  /** The smallest engine input for each way in which a side ended. */
  readonly kept: Map<string, EngineInput>;
}

const size = (input: EngineInput) => input.chunks.reduce((sum, chunk) => sum + chunk.length, 0);

/**
 * Runs `count` executions: of each 1,000 one is a handshake with real cryptography, `engineShare` are changed transcripts
 * under the null one, the rest are message bodies for the decoders. Throws at the first crash.
 */
export function fuzz(
  count: number,
  seed: number,
  progress: (done: number) => void = () => {},
  engineShare = 300,
): FuzzResult {
  const random = new Random(seed);
  const executions = { decoders: 0, engine: 0, real: 0 };
  const outcomes = new Map<string, number>();
  const kept = new Map<string, EngineInput>();
  // Inputs that ended in a new way are changed further: so deeper states are reached step by step.
  const pool: EngineInput[] = readCorpus();
  const note = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);

  for (let done = 0; done < count; done++) {
    if (done % 50_000 === 0) progress(done);
    const turn = done % 1000;
    if (turn === 0) {
      executions.real += 1;
      note(`real ${runReal(random)}`);
    } else if (turn <= engineShare) {
      executions.engine += 1;
      const input =
        pool.length > 0 && random.oneIn(3)
          ? mutateAgain(random, random.pick(pool))
          : mutateSeed(random, random.pick(seeds));
      const ended = runEngine(input);
      note(`engine ${ended}`);
      const key = `${input.side} ${ended}`;
      const known = kept.get(key);
      if (known === undefined || size(input) < size(known)) {
        kept.set(key, input);
        if (known === undefined && pool.length < 5000) pool.push(input);
      }
    } else {
      executions.decoders += 1;
      note(`decoder ${runDecoder(random)}`);
    }
  }
  return { executions, outcomes, kept };
}

function mutateAgain(random: Random, input: EngineInput): EngineInput {
  const chunks = [...input.chunks];
  const at = random.below(chunks.length);
  if (chunks.length > 0) chunks[at] = mutateBytes(random, chunks[at] as Uint8Array);
  return { ...input, chunks };
}
