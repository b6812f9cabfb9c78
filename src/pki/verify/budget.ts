import { problem } from './problem.ts';

/** How much work one verification may do. A chain that needs more is refused, whatever it would have proved. */
export interface WorkLimits {
  /** Signatures verified. One costs 0.05 to 1.5 ms. */
  readonly signatures: number;
  /** Names compared with name constraints. */
  readonly comparisons: number;
  /** Certificates tried as the issuer of another. */
  readonly steps: number;
}

/** Limits that no honest chain comes near: the x509-limbo suite needs 5 signatures and 28 steps. */
export const defaultLimits: WorkLimits = { signatures: 64, comparisons: 250_000, steps: 10_000 };

/** Work done so far; each method throws `ERR_TLS_CERT_BUDGET` at its limit. */
export interface Budget {
  readonly used: { signatures: number; comparisons: number; steps: number };
  signature(): void;
  comparison(): void;
  step(): void;
}

/** A budget that nothing was spent of yet. */
export function createBudget(limits: WorkLimits): Budget {
  const used = { signatures: 0, comparisons: 0, steps: 0 };
  const spend = (kind: keyof WorkLimits): void => {
    if (used[kind] >= limits[kind]) throw exhausted(kind, limits[kind]);
    used[kind]++;
  };
  return {
    used,
    signature: () => spend('signatures'),
    comparison: () => {
      if (used.comparisons >= limits.comparisons) throw exhausted('comparisons', limits.comparisons);
      used.comparisons++;
    },
    step: () => spend('steps'),
  };
}

const wording = {
  signatures: 'signature checks',
  comparisons: 'comparisons with name constraints',
  steps: 'attempts to find issuers',
} as const;

function exhausted(kind: keyof WorkLimits, limit: number): Error {
  return problem(
    'ERR_TLS_CERT_BUDGET',
    `the chain needs more than ${limit} ${wording[kind]}, which only a hostile or broken one does; ` +
      'send the leaf and the intermediates up to one root, nothing else, or raise `policy.limits`',
  );
}
