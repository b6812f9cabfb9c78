import { equal } from '../../bytes/bytes.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';
import { CertificateError } from '../../errors.ts';
import { type Certificate, parseCertificate } from '../certificate.ts';
import { checkVerifyOptions } from '../check-arguments.ts';
import type { CertificateList } from '../crl.ts';
import type { TrustAnchor, TrustAnchors } from './anchors.ts';
import { type Budget, createBudget, defaultLimits, type WorkLimits } from './budget.ts';
import { checkHost } from './host.ts';
import { keepIssuers, keptIssuer, publicKeyOf } from './issuer-cache.ts';
import { checkOcspResponse } from './ocsp-check.ts';
import { findPath, type Path } from './path.ts';
import { policyProblem } from './policies.ts';
import { problem } from './problem.ts';
import { type CertificateRules, certificateProblem, type Purpose } from './profile.ts';
import { type CrlCoverage, crlProblem, readLists } from './revocation.ts';
import { checkScts, type SctPolicy } from './sct.ts';

/** What one may want otherwise than the default. Every default is the strict choice. */
export interface VerifyPolicy {
  /** Least size of RSA keys in bits; 2048. */
  readonly minRsaBits?: number;
  /** Intermediate certificates in a path, not counting self-issued ones; 16. */
  readonly maxIntermediates?: number;
  /** Whether authority and subject key identifiers must be where RFC 5280 prescribes them; true. */
  readonly requireKeyIdentifiers?: boolean;
  /** Dotted certificate policies of which one must hold for the whole path. */
  readonly certificatePolicies?: readonly string[];
  /** For which certificates a revocation list must be there, once `crls` are given; `all`. */
  readonly crls?: CrlCoverage;
  /** Whether an OCSP answer must be stapled even where the certificate doesn't demand it; false. */
  readonly requireStaple?: boolean;
  /** Certificate Transparency; not asked for by default. */
  readonly sct?: SctPolicy;
  readonly limits?: Partial<WorkLimits>;
}

/** A chain and what it is judged by. */
export interface VerifyOptions {
  /** What the peer sent: DER, leaf first; the others in any order. */
  readonly chain: readonly Uint8Array[];
  readonly anchors: TrustAnchors;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly profile: Purpose;
  /** Server profile: the DNS name or IP literal that was connected to. */
  readonly name?: string;
  readonly crypto: CryptoProvider;
  /** Revocation lists: DER, or from `parseCertificateList` (large ones should be parsed once). */
  readonly crls?: readonly (Uint8Array | CertificateList)[];
  /** The stapled OCSP answer about the leaf, DER. */
  readonly ocspResponse?: Uint8Array;
  /** The TLS extension signed_certificate_timestamp, where `policy.sct` is set. */
  readonly scts?: Uint8Array;
  readonly policy?: VerifyPolicy;
}

/** A chain that holds. */
export interface Verified {
  readonly ok: true;
  readonly leaf: Certificate;
  /** Leaf first, anchor last; the leaf alone where it is itself trusted. */
  readonly path: readonly Certificate[];
  readonly anchor: TrustAnchor;
  readonly work: Readonly<Budget['used']>;
}

/** What became of a chain; the work is counted either way. */
export type Verdict =
  | Verified
  | { readonly ok: false; readonly error: CertificateError; readonly work: Readonly<Budget['used']> };

/** Certificates in what a peer sends. */
const maxChain = 128;

/**
 * Verifies a chain (RFC 5280, Section 6; RFC 9525 for names) and says why not, with the alert to send. Never throws
 * for what a peer can send.
 */
export function verifyChain(options: VerifyOptions): Verdict {
  checkVerifyOptions(options);
  const budget = createBudget({ ...defaultLimits, ...options.policy?.limits });
  try {
    return { ok: true, ...verify(options, budget), work: budget.used };
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return { ok: false, error, work: budget.used };
  }
}

/** As {@link verifyChain}, but throws the `CertificateError`. */
export function verifyChainOrThrow(options: VerifyOptions): Verified {
  const verdict = verifyChain(options);
  if (!verdict.ok) throw verdict.error;
  return verdict;
}

function verify(options: VerifyOptions, budget: Budget): Omit<Verified, 'ok' | 'work'> {
  const { anchors, policy = {}, name, now, crypto } = options;
  const lists = options.crls === undefined ? undefined : readLists(options.crls);
  const { leaf, pool, broken } = readChain(options.chain, anchors);
  const rules: CertificateRules = {
    now,
    purpose: options.profile,
    minRsaBits: policy.minRsaBits ?? 2048,
    requireKeyIdentifiers: policy.requireKeyIdentifiers ?? true,
  };
  const trusted = anchors.find(leaf);
  const error = certificateProblem(leaf, trusted === undefined ? 'leaf' : 'trustedLeaf', rules);
  if (error !== undefined) throw error;
  const path: Path | CertificateError =
    trusted !== undefined
      ? { certificates: [leaf], anchor: trusted }
      : findPath({
          leaf,
          pool,
          anchors,
          rules,
          maxIntermediates: policy.maxIntermediates ?? 16,
          crypto,
          budget,
          judge: ({ certificates }) =>
            policyProblem(certificates, policy.certificatePolicies, budget) ??
            (lists === undefined
              ? undefined
              : crlProblem({ path: certificates, crls: lists, coverage: policy.crls ?? 'all', now, crypto, budget })),
        });
  if (path instanceof CertificateError)
    throw broken !== undefined && path.alert === 'unknownCa' ? withCause(path, broken) : path;
  if (name !== undefined) checkHost(leaf, name);
  checkKey(leaf, crypto);
  if (trusted === undefined) {
    checkStatus(path.certificates, options, budget);
    keepIssuers(anchors, path.certificates);
  }
  return { leaf, path: path.certificates, anchor: path.anchor };
}

/** The key that the certificate is about must be one: a point on its curve, of a kind that the provider knows. */
function checkKey(leaf: Certificate, crypto: CryptoProvider): void {
  try {
    publicKeyOf(leaf, crypto);
  } catch (error) {
    throw problem(
      'ERR_TLS_CERT_KEY',
      `the certificate ${leaf} has a key that can't be used: ${(error as Error).message}; have it issued again with a fresh key`,
      'RFC 5280, Section 4.1.2.7',
      error,
    );
  }
}

/** The tls feature that RFC 7633 calls status_request: "must-staple". */
const statusRequest = 5;

function checkStatus(path: readonly Certificate[], options: VerifyOptions, budget: Budget): void {
  const [leaf, issuer] = path as readonly [Certificate, Certificate];
  const { policy = {}, ocspResponse: response, now, crypto } = options;
  if (response !== undefined) {
    checkOcspResponse({ response, certificate: leaf, issuer, now, crypto, budget, minRsaBits: policy.minRsaBits });
  } else if (options.profile === 'server') {
    const mustStaple = leaf.decoded.tlsFeature?.includes(statusRequest) === true;
    if (mustStaple || policy.requireStaple === true) {
      throw problem(
        'ERR_TLS_CERT_MUST_STAPLE',
        `the certificate ${leaf} came without an OCSP answer, which ${
          mustStaple ? 'it demands (must-staple)' : '`policy.requireStaple` demands'
        }; turn on OCSP stapling on the server`,
        'RFC 7633, Section 4.2.3.1',
      );
    }
  }
  if (policy.sct !== undefined) {
    checkScts({ certificate: leaf, issuer, policy: policy.sct, now, crypto, tlsExtension: options.scts, budget });
  }
}

function readChain(
  chain: readonly Uint8Array[],
  anchors: TrustAnchors,
): {
  leaf: Certificate;
  pool: Certificate[];
  broken: Error | undefined;
} {
  const [first, ...others] = chain;
  if (first === undefined)
    throw problem(
      'ERR_TLS_CERT_NONE',
      'the peer sent no certificate; it must have one, with its intermediates',
      'RFC 9846, Section 4.4.2',
    );
  if (chain.length > maxChain) {
    throw problem(
      'ERR_TLS_CERT_CHAIN_LENGTH',
      `the peer sent ${chain.length} certificates, and ${maxChain} are read at most; it must send its own and the intermediates up to a root`,
    );
  }
  const leaf = readLeaf(first);
  const pool: Certificate[] = [];
  let broken: Error | undefined;
  for (const der of others) {
    if (equal(der, first) || pool.some((other) => equal(other.der, der))) continue;
    try {
      pool.push(keptIssuer(anchors, der) ?? parseCertificate(der));
    } catch (error) {
      // One that isn't needed may be broken; where it is needed, the path is missing.
      broken ??= error as Error;
    }
  }
  return { leaf, pool, broken };
}

function readLeaf(der: Uint8Array): Certificate {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    throw new CertificateError(
      error.code,
      error.alert,
      `the peer's own certificate is malformed and must be issued again: ${error.message}`,
      { rfc: error.rfc, phase: 'certificate', cause: error },
    );
  }
}

function withCause(error: CertificateError, broken: Error): CertificateError {
  return new CertificateError(
    error.code,
    error.alert,
    `${error.message}; besides, a certificate in the chain is malformed: ${broken.message}`,
    {
      rfc: error.rfc,
      phase: error.phase,
      cause: broken,
    },
  );
}
