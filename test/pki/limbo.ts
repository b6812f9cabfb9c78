/**
 * Runs x509-limbo against the verifier: `npx tsx test/pki/limbo.ts [--core] [--disagree] [text in the id …]`.
 *
 * The suite lies in ../shared/data beside the checkout, or where `HANDFAST_DATA` points.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { createTrustAnchors, decodePem, matchesEmail, type TrustAnchors, verifyChain } from '../../src/pki/index.ts';

export const dataFolder =
  process.env['HANDFAST_DATA'] ??
  join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), '..', 'shared', 'data');

export interface LimboCase {
  readonly id: string;
  readonly validation_kind: 'SERVER' | 'CLIENT';
  readonly trusted_certs: readonly string[];
  readonly untrusted_intermediates: readonly string[];
  readonly peer_certificate: string;
  readonly validation_time: string | null;
  readonly expected_result: 'SUCCESS' | 'FAILURE';
  readonly expected_peer_name: { readonly kind: string; readonly value: string } | null;
  readonly expected_peer_names: readonly { readonly kind: string; readonly value: string }[];
  readonly max_chain_depth: number | null;
  readonly crls: readonly string[];
}

/** The cases, or `undefined` where the data isn't there. The whole suite needs the program `xz`. */
export function loadLimbo(which: 'all' | 'core'): readonly LimboCase[] | undefined {
  const path = join(dataFolder, which === 'all' ? 'x509-limbo.json.xz' : 'x509-limbo-core.json');
  if (!existsSync(path)) return undefined;
  try {
    const text =
      which === 'all'
        ? execFileSync('xz', ['-dc', path], { maxBuffer: 1 << 28, encoding: 'utf8', timeout: 120_000 })
        : readFileSync(path, 'utf8');
    return (JSON.parse(text) as { testcases: LimboCase[] }).testcases;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  }
}

export interface LimboOutcome {
  readonly id: string;
  readonly expected: 'SUCCESS' | 'FAILURE';
  readonly accepted: boolean;
  readonly code: string;
  readonly reason: string;
  readonly work: { readonly signatures: number; readonly comparisons: number; readonly steps: number } | undefined;
}

const crypto = createNodeCrypto();
const der = (pem: string): Uint8Array => decodePem(pem)[0]?.bytes ?? new Uint8Array();

/** One case by the default profile. */
export function runLimboCase(test: LimboCase, time = Date.now()): LimboOutcome {
  const { id, expected_result: expected } = test;
  let anchors: TrustAnchors;
  try {
    anchors = createTrustAnchors(test.trusted_certs);
  } catch (error) {
    return { id, expected, accepted: false, code: 'anchors', reason: (error as Error).message, work: undefined };
  }
  const crls = test.crls.map(der);
  const verdict = verifyChain({
    chain: [test.peer_certificate, ...test.untrusted_intermediates].map(der),
    anchors,
    now: test.validation_time === null ? time : Date.parse(test.validation_time),
    profile: test.validation_kind === 'SERVER' ? 'server' : 'client',
    name: test.expected_peer_name?.value,
    crypto,
    crls: crls.length > 0 ? crls : undefined,
    policy: test.max_chain_depth === null ? undefined : { maxIntermediates: test.max_chain_depth },
  });
  if (!verdict.ok)
    return {
      id,
      expected,
      accepted: false,
      code: verdict.error.code,
      reason: verdict.error.message,
      work: verdict.work,
    };
  const missing = test.expected_peer_names.find(
    ({ kind, value }) => kind === 'RFC822' && !matchesEmail(verdict.leaf, value),
  );
  return {
    id,
    expected,
    accepted: missing === undefined,
    code: 'accepted',
    reason: missing?.value ?? '',
    work: verdict.work,
  };
}

export interface LimboSummary {
  readonly cases: number;
  readonly agree: number;
  readonly badAccepts: readonly LimboOutcome[];
  readonly goodRejects: readonly LimboOutcome[];
  /** Agreement among the cases from BetterTLS. */
  readonly betterTls: { readonly cases: number; readonly agree: number };
  /** The most work that one case took. */
  readonly mostWork: { signatures: number; comparisons: number; steps: number };
  readonly cpuSeconds: number;
  readonly slowestMs: number;
}

export function runLimbo(cases: readonly LimboCase[]): LimboSummary {
  const badAccepts: LimboOutcome[] = [];
  const goodRejects: LimboOutcome[] = [];
  const betterTls = { cases: 0, agree: 0 };
  const mostWork = { signatures: 0, comparisons: 0, steps: 0 };
  let slowestMs = 0;
  const start = process.cpuUsage();
  for (const test of cases) {
    const before = performance.now();
    const outcome = runLimboCase(test);
    slowestMs = Math.max(slowestMs, performance.now() - before);
    for (const kind of ['signatures', 'comparisons', 'steps'] as const) {
      mostWork[kind] = Math.max(mostWork[kind], outcome.work?.[kind] ?? 0);
    }
    const agrees = outcome.accepted === (outcome.expected === 'SUCCESS');
    if (test.id.startsWith('bettertls::')) {
      betterTls.cases++;
      if (agrees) betterTls.agree++;
    }
    if (!agrees) (outcome.accepted ? badAccepts : goodRejects).push(outcome);
  }
  const { user, system } = process.cpuUsage(start);
  return {
    cases: cases.length,
    agree: cases.length - badAccepts.length - goodRejects.length,
    badAccepts,
    goodRejects,
    betterTls,
    mostWork,
    cpuSeconds: (user + system) / 1e6,
    slowestMs,
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
  const cases = loadLimbo(process.argv.includes('--core') ? 'core' : 'all');
  if (cases === undefined) throw new Error(`no x509-limbo in ${dataFolder}, or no program xz`);
  const chosen = cases.filter(({ id }) => words.length === 0 || words.some((word) => id.includes(word)));
  if (words.length > 0) for (const test of chosen) console.log(runLimboCase(test));
  const { badAccepts, goodRejects, ...figures } = runLimbo(chosen);
  for (const { id } of badAccepts) console.log(`bad accept   ${id}`);
  for (const { id, reason } of goodRejects) console.log(`good reject  ${id}: ${reason}`);
  console.log({ ...figures, badAccepts: badAccepts.length, goodRejects: goodRejects.length });
}
