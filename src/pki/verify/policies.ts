import type { CertificateError } from '../../errors.ts';
import type { Certificate } from '../certificate.ts';
import { oids } from '../der/oid.ts';
import type { Budget } from './budget.ts';
import { problem } from './problem.ts';

/** A node of the policy graph of RFC 9618: one for each policy and level, whatever the number of ways to it. */
interface PolicyNode {
  readonly policy: string;
  expected: ReadonlySet<string>;
  /** The policies of the user's domain that it goes back to. */
  readonly roots: Set<string>;
}

type Level = Map<string, PolicyNode>;

const { anyPolicy } = oids;
const onlyAny: ReadonlySet<string> = new Set([anyPolicy]);

/**
 * Policy processing of RFC 5280, Section 6.1 with the graph of RFC 9618, whose size is bounded by the policies that the
 * certificates list. Certificates ask for it by policyConstraints, the caller by naming acceptable policies.
 * @param path leaf first, anchor last.
 * @param acceptable policies of which one must hold for the whole path; `undefined` where none is asked for.
 */
export function policyProblem(
  path: readonly Certificate[],
  acceptable: readonly string[] | undefined,
  budget: Budget,
): CertificateError | undefined {
  const certificates = path.slice(0, -1).reverse();
  // RFC 5280, Section 6.1.4 (a), whoever asks for policies: "verify that the special value anyPolicy does not appear"
  for (const certificate of certificates.slice(0, -1)) {
    if (certificate.decoded.policyMappings?.some((pair) => pair.includes(anyPolicy)))
      return refused(certificate, 'it maps anyPolicy');
  }
  const asked =
    acceptable !== undefined ||
    path.some(({ decoded }) => decoded.policyConstraints?.requireExplicitPolicy !== undefined);
  if (!asked) return undefined;

  const n = certificates.length;
  let explicitPolicy = acceptable === undefined ? n + 1 : 0;
  let policyMapping = n + 1;
  let inhibitAny = n + 1;
  let level: Level | undefined = new Map([
    [anyPolicy, { policy: anyPolicy, expected: onlyAny, roots: new Set([anyPolicy]) }],
  ]);

  for (const [i, certificate] of certificates.entries()) {
    const last = i === n - 1;
    const { decoded } = certificate;
    const mayBeAny = inhibitAny > 0 || (!last && certificate.selfIssued);
    level = level === undefined ? undefined : nextLevel(level, decoded.certificatePolicies, mayBeAny, budget);
    if (explicitPolicy === 0 && level === undefined)
      return refused(certificate, 'no policy holds for the path down to it');
    if (last) {
      if (explicitPolicy > 0) explicitPolicy--;
      if (decoded.policyConstraints?.requireExplicitPolicy === 0) explicitPolicy = 0;
      break;
    }
    if (decoded.policyMappings !== undefined && level !== undefined)
      level = mapPolicies(level, decoded.policyMappings, policyMapping > 0, budget);
    if (!certificate.selfIssued) {
      if (explicitPolicy > 0) explicitPolicy--;
      if (policyMapping > 0) policyMapping--;
      if (inhibitAny > 0) inhibitAny--;
    }
    explicitPolicy = Math.min(explicitPolicy, decoded.policyConstraints?.requireExplicitPolicy ?? explicitPolicy);
    policyMapping = Math.min(policyMapping, decoded.policyConstraints?.inhibitPolicyMapping ?? policyMapping);
    inhibitAny = Math.min(inhibitAny, decoded.inhibitAnyPolicy ?? inhibitAny);
  }

  if (explicitPolicy > 0) return undefined;
  const leaf = path[0] as Certificate;
  if (level === undefined) return refused(leaf, 'no policy holds for the path down to it');
  if (acceptable === undefined || acceptable.includes(anyPolicy)) return undefined;
  for (const node of level.values()) {
    if (node.roots.has(anyPolicy) || acceptable.some((policy) => node.roots.has(policy))) return undefined;
  }
  return refused(leaf, `none of the policies asked for (${acceptable.join(', ')}) holds for it`);
}

/** RFC 9618, Section 5.2, step (d): the nodes of one certificate; `undefined` where none is left. */
function nextLevel(
  above: Level,
  policies: readonly string[] | undefined,
  mayBeAny: boolean,
  budget: Budget,
): Level | undefined {
  if (policies === undefined) return undefined;
  const level: Level = new Map();
  const add = (policy: string, parent: PolicyNode): void => {
    budget.comparison();
    let node = level.get(policy);
    if (node === undefined) {
      node = { policy, expected: new Set([policy]), roots: new Set() };
      level.set(policy, node);
    }
    if (parent.policy === anyPolicy) node.roots.add(policy);
    else for (const root of parent.roots) node.roots.add(root);
  };
  const any = above.get(anyPolicy);
  for (const policy of policies) {
    if (policy === anyPolicy) continue;
    let found = false;
    for (const parent of above.values()) {
      budget.comparison();
      if (!parent.expected.has(policy)) continue;
      add(policy, parent);
      found = true;
    }
    if (!found && any !== undefined) add(policy, any);
  }
  if (mayBeAny && policies.includes(anyPolicy)) {
    const own = new Set(level.keys());
    for (const parent of above.values()) {
      for (const policy of parent.expected) if (!own.has(policy)) add(policy, parent);
    }
  }
  return level.size === 0 ? undefined : level;
}

/** RFC 9618, Section 5.3, step (b). */
function mapPolicies(
  level: Level,
  mappings: readonly (readonly [string, string])[],
  allowed: boolean,
  budget: Budget,
): Level | undefined {
  const targets = new Map<string, Set<string>>();
  for (const [from, to] of mappings) {
    budget.comparison();
    const set = targets.get(from);
    if (set === undefined) targets.set(from, new Set([to]));
    else set.add(to);
  }
  const any = level.get(anyPolicy);
  for (const [policy, expected] of targets) {
    const node = level.get(policy);
    if (!allowed) level.delete(policy);
    else if (node !== undefined) node.expected = expected;
    else if (any !== undefined) level.set(policy, { policy, expected, roots: new Set([policy]) });
  }
  return level.size === 0 ? undefined : level;
}

function refused(certificate: Certificate, why: string): CertificateError {
  return problem(
    'ERR_TLS_CERT_POLICY',
    `the certificate ${certificate} fails the certificate policies that are required: ${why}; have it issued under one of them`,
    'RFC 9618, Section 5',
  );
}
