import { equal } from '../../bytes/bytes.ts';
import type { CryptoProvider, PublicKey } from '../../crypto/provider.ts';
import type { CertificateError } from '../../errors.ts';
import type { Certificate } from '../certificate.ts';
import { formatName } from '../name.ts';
import type { TrustAnchor, TrustAnchors } from './anchors.ts';
import type { Budget } from './budget.ts';
import { isGoodLink, noteGoodLink, publicKeyOf } from './issuer-cache.ts';
import {
  type PreparedConstraints,
  type PreparedNames,
  prepareConstraints,
  prepareNames,
  violation,
} from './name-constraints.ts';
import { formatTime, problem } from './problem.ts';
import { type CertificateRules, certificateProblem } from './profile.ts';

/** A path that holds, leaf first, the anchor last. */
export interface Path {
  readonly certificates: readonly Certificate[];
  readonly anchor: TrustAnchor;
}

/** What to find a path for, and by what rules. */
export interface PathSearch {
  readonly leaf: Certificate;
  /** What else the peer sent, in its order. */
  readonly pool: readonly Certificate[];
  readonly anchors: TrustAnchors;
  readonly rules: CertificateRules;
  /** Intermediates that aren't self-issued. */
  readonly maxIntermediates: number;
  readonly crypto: CryptoProvider;
  readonly budget: Budget;
  /** What remains to be judged about a whole path (policies); a problem sends the search on. */
  readonly judge: (path: Path) => CertificateError | undefined;
}

/** A certificate with what the search has found out about it. */
interface Node {
  readonly certificate: Certificate;
  readonly anchor: TrustAnchor | undefined;
  issuers?: readonly Node[];
  names?: PreparedNames;
  /** What the name constraints of an issuer have against this certificate; null where nothing. */
  violations?: Map<Node, string | null>;
  constraints?: readonly PreparedConstraints[];
  issuerProblem?: CertificateError | null;
  keyProblem?: CertificateError;
  /** Issuers whose key was tried on this certificate's signature. */
  signatures?: Map<Node, boolean>;
}

/**
 * Finds a path from the leaf to an anchor (RFC 5280, Section 6), backtracking over all issuers that fit by name, in
 * three tiers by cost: what the certificates say of themselves, what binds them to each other, and, for paths that
 * reach an anchor alone, the signatures. Certificates from which no anchor can be reached are never looked at.
 * @returns the path, or why the one that came furthest failed.
 */
export function findPath(search: PathSearch): Path | CertificateError {
  const { leaf, anchors, budget } = search;
  const poolBySubject = reachable(search);
  const leafNode: Node = { certificate: leaf, anchor: undefined };
  const stack: { node: Node; issuers: readonly Node[]; next: number }[] = [
    { node: leafNode, issuers: issuersOf(leafNode, anchors, poolBySubject), next: 0 },
  ];
  let best: { error: CertificateError; depth: number } | undefined;
  const note = (error: CertificateError): void => {
    if (best === undefined || stack.length > best.depth) best = { error, depth: stack.length };
  };

  while (stack.length > 0) {
    const frame = stack[stack.length - 1] as (typeof stack)[number];
    const issuer = frame.issuers[frame.next++];
    if (issuer === undefined) {
      stack.pop();
      continue;
    }
    budget.step();
    if (frame.node.signatures?.get(issuer) === false) continue;
    if (stack.some(({ node }) => sameEntity(node.certificate, issuer.certificate))) continue;
    const nodes = stack.map(({ node }) => node);
    const error = issuerProblem(issuer, search) ?? bindingProblem(issuer, nodes, search);
    if (error !== undefined) {
      note(error);
      continue;
    }
    if (issuer.anchor === undefined) {
      stack.push({ node: issuer, issuers: issuersOf(issuer, anchors, poolBySubject), next: 0 });
      continue;
    }
    const path: Path = {
      certificates: [...nodes, issuer].map(({ certificate }) => certificate),
      anchor: issuer.anchor,
    };
    const failed = firstBadSignature([...nodes, issuer], search);
    if (failed !== undefined) {
      note(failed.error);
      stack.length = failed.index + 1; // Nothing above the bad link can help.
      continue;
    }
    const judged = search.judge(path);
    if (judged === undefined) return path;
    note(judged);
  }
  return best?.error ?? noPath(search);
}

/** Certificates of the pool by subject, without those that no chain of names links to an anchor. */
function reachable({ pool, anchors }: PathSearch): ReadonlyMap<string, readonly Node[]> {
  const byIssuer = new Map<string, Certificate[]>();
  for (const certificate of pool) {
    const list = byIssuer.get(certificate.issuerKey);
    if (list === undefined) byIssuer.set(certificate.issuerKey, [certificate]);
    else list.push(certificate);
  }
  const bySubject = new Map<string, Node[]>();
  const queue = [...byIssuer.keys()].filter((key) => anchors.bySubject(key).length > 0);
  const done = new Set<string>();
  for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
    if (done.has(key)) continue;
    done.add(key);
    for (const certificate of byIssuer.get(key) ?? []) {
      const node: Node = { certificate, anchor: undefined };
      const list = bySubject.get(certificate.subjectKey);
      if (list === undefined) bySubject.set(certificate.subjectKey, [node]);
      else list.push(node);
      queue.push(certificate.subjectKey);
    }
  }
  return bySubject;
}

const anchorNodes = new WeakMap<TrustAnchor, Node>();

// Anchors keep their node, so that key and constraints of a root are decoded once, not once a handshake.
function anchorNode(anchor: TrustAnchor): Node {
  let node = anchorNodes.get(anchor);
  if (node === undefined) {
    node = { certificate: anchor.certificate, anchor };
    anchorNodes.set(anchor, node);
  }
  return node;
}

/** All that may have issued a certificate by name: anchors first, then the pool; matching key identifiers first in each. */
function issuersOf(node: Node, anchors: TrustAnchors, pool: ReadonlyMap<string, readonly Node[]>): readonly Node[] {
  if (node.issuers !== undefined) return node.issuers;
  const { certificate } = node;
  const found = [
    ...anchors.bySubject(certificate.issuerKey).map(anchorNode),
    ...(pool.get(certificate.issuerKey) ?? []),
  ];
  const wanted = certificate.decoded.authorityKeyIdentifier?.keyIdentifier;
  if (found.length > 1 && wanted !== undefined) {
    const rank = (issuer: Node): number => {
      const id = issuer.certificate.decoded.subjectKeyIdentifier;
      const match = id === undefined ? 1 : equal(id, wanted) ? 0 : 2;
      return 2 * match + (issuer.anchor === undefined ? 1 : 0);
    };
    found.sort((a, b) => rank(a) - rank(b));
  }
  node.issuers = found;
  return found;
}

// A name and key that stand in the path already add nothing: the path without the loop proves the same.
function sameEntity(a: Certificate, b: Certificate): boolean {
  return a === b || (equal(a.spki, b.spki) && a.subjectKey === b.subjectKey);
}

function issuerProblem(issuer: Node, search: PathSearch): CertificateError | undefined {
  // Not kept on anchors, whose nodes outlive this moment.
  if (issuer.anchor !== undefined) {
    return certificateProblem(issuer.certificate, issuer.anchor.vetted ? 'vettedAnchor' : 'anchor', search.rules);
  }
  if (issuer.issuerProblem === undefined) {
    issuer.issuerProblem = certificateProblem(issuer.certificate, 'intermediate', search.rules) ?? null;
  }
  return issuer.issuerProblem ?? undefined;
}

/** Path length, TLS features and name constraints of an issuer over what stands below it, leaf first. */
function bindingProblem(issuer: Node, below: readonly Node[], search: PathSearch): CertificateError | undefined {
  const { certificate } = issuer;
  let intermediates = 0;
  for (let i = 1; i < below.length; i++) if (!(below[i] as Node).certificate.selfIssued) intermediates++;
  const limit = certificate.decoded.basicConstraints?.pathLength;
  if (limit !== undefined && intermediates > limit) {
    return problem(
      'ERR_TLS_CERT_PATH_LENGTH',
      `the CA ${certificate} allows ${limit} intermediate certificates below it, and there are ${intermediates}; have the leaf issued further up, or the CA with a longer path`,
      'RFC 5280, Section 4.2.1.9',
    );
  }
  const leaf = below[0]?.certificate as Certificate;
  const counted = issuer.anchor === undefined && !certificate.selfIssued ? intermediates + 1 : intermediates;
  if (counted > search.maxIntermediates) {
    return problem(
      'ERR_TLS_CERT_CHAIN_LENGTH',
      `the chain of ${leaf} has more than ${search.maxIntermediates} intermediate certificates; raise \`policy.maxIntermediates\` if it should`,
    );
  }
  const distrustAfter = issuer.anchor?.distrustAfter;
  if (distrustAfter !== undefined && leaf.notBefore > distrustAfter) {
    return problem(
      'ERR_TLS_CERT_DISTRUSTED',
      `the trusted root ${certificate} is distrusted for certificates issued after ${formatTime(distrustAfter)}, and ${leaf} is one; have it issued by another CA`,
    );
  }
  const child = (below[below.length - 1] as Node).certificate;
  const missing = certificate.decoded.tlsFeature?.find((one) => child.decoded.tlsFeature?.includes(one) !== true);
  if (missing !== undefined) {
    // Certificates below have the same features or more: must-staple is handed down.
    return problem(
      'ERR_TLS_CERT_PROFILE',
      `the CA ${certificate} stands for certificates with the TLS feature ${missing} alone, and ${child} lacks it; have it issued with the feature`,
      'RFC 7633, Section 4.2.2',
    );
  }
  for (const [i, node] of below.entries()) {
    // RFC 5280, Section 6.1.3 (b): self-issued certificates but the leaf are exempt.
    if (i > 0 && node.certificate.selfIssued) continue;
    const violated = violationBy(issuer, node, search.budget);
    if (violated === undefined) continue;
    return problem(
      'ERR_TLS_CERT_NAME_CONSTRAINTS',
      `the CA ${certificate} may not stand for the certificate ${node.certificate}: ${violated}; have it issued without that name, or by a CA that may`,
      'RFC 5280, Section 4.2.1.10',
    );
  }
  return undefined;
}

/** What an issuer's name constraints have against a certificate below it; judged once in a search, whatever the paths. */
function violationBy(issuer: Node, node: Node, budget: Budget): string | undefined {
  const all = constraintsOf(issuer);
  if (all.length === 0) return undefined;
  node.violations ??= new Map();
  let found = node.violations.get(issuer);
  if (found === undefined) {
    node.names ??= prepareNames(node.certificate);
    found = null;
    for (const constraints of all) found ??= violation(constraints, node.names, budget) ?? null;
    node.violations.set(issuer, found);
  }
  return found ?? undefined;
}

function constraintsOf(issuer: Node): readonly PreparedConstraints[] {
  if (issuer.constraints === undefined) {
    const own = issuer.certificate.decoded.nameConstraints;
    const added = issuer.anchor?.constraints;
    issuer.constraints = [...(own ? [prepareConstraints(own)] : []), ...(added ? [prepareConstraints(added)] : [])];
  }
  return issuer.constraints;
}

/** Checks the links from the anchor down; each link once in a search. */
function firstBadSignature(
  nodes: readonly Node[],
  search: PathSearch,
): { error: CertificateError; index: number } | undefined {
  for (let i = nodes.length - 2; i >= 0; i--) {
    const child = nodes[i] as Node;
    const issuer = nodes[i + 1] as Node;
    const known = child.signatures?.get(issuer);
    if (known === true) continue;
    if (!verifyLink(child, issuer, search)) return { error: badSignature(child, issuer), index: i };
  }
  return undefined;
}

function verifyLink(child: Node, issuer: Node, search: PathSearch): boolean {
  const { certificate } = child;
  let good = isGoodLink(certificate, issuer.certificate);
  if (!good) {
    search.budget.signature();
    const { algorithm } = certificate.signatureAlgorithm;
    const key = importKey(issuer, search.crypto);
    good = algorithm !== undefined && key?.verify(algorithm, certificate.tbs, certificate.signature) === true;
    if (good) noteGoodLink(certificate, issuer.certificate);
  }
  child.signatures ??= new Map();
  child.signatures.set(issuer, good);
  return good;
}

function importKey(issuer: Node, crypto: CryptoProvider): PublicKey | undefined {
  if (issuer.keyProblem !== undefined) return undefined;
  try {
    return publicKeyOf(issuer.certificate, crypto);
  } catch (error) {
    issuer.keyProblem = problem(
      'ERR_TLS_CERT_KEY',
      `the key of the CA ${issuer.certificate} can't be used: ${(error as Error).message}`,
      undefined,
      error,
    );
    return undefined;
  }
}

function badSignature(child: Node, issuer: Node): CertificateError {
  if (issuer.keyProblem !== undefined) return issuer.keyProblem;
  return problem(
    'ERR_TLS_CERT_SIGNATURE',
    `the certificate ${child.certificate} is not signed by the key of ${issuer.certificate}, though it names it as its issuer; ` +
      'the CA may have a newer key: send the matching intermediate, or trust the new root',
    'RFC 5280, Section 6.1.3 (a)',
  );
}

function noPath(search: PathSearch): CertificateError {
  const { leaf, pool, anchors } = search;
  const trusted =
    anchors.list.length === 0
      ? 'no certificate is trusted at all'
      : `none of the ${anchors.list.length} trusted certificates${
          anchors.sources.length > 0 ? ` (from ${anchors.sources.join(', ')})` : ''
        } is it`;
  if (leaf.selfIssued) {
    return problem(
      'ERR_TLS_CERT_SELF_SIGNED',
      `the certificate ${leaf} is self-signed and ${trusted}; to trust it, add it to the trusted certificates`,
      'RFC 5280, Section 6.1',
    );
  }
  // The last certificate that names lead to from the leaf.
  let top = leaf;
  const seen = new Set<Certificate>([leaf]);
  for (;;) {
    const next = pool.find((other) => other.subjectKey === top.issuerKey && !seen.has(other));
    if (next === undefined) break;
    seen.add(next);
    top = next;
  }
  const wanted = `"${formatName(top.issuer)}"`;
  return problem(
    'ERR_TLS_CERT_UNKNOWN_CA',
    top.selfIssued
      ? `the chain ends in the root ${wanted}, and ${trusted}; if you trust that CA, add its certificate to the trusted ones`
      : `the issuer ${wanted} of ${top} was not sent, and ${trusted}; the peer must send its intermediate certificates, or you add the CA to the trusted ones`,
    'RFC 5280, Section 6.1',
  );
}
