import { equal } from '../../bytes/bytes.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';
import type { CertificateError } from '../../errors.ts';
import type { Certificate } from '../certificate.ts';
import { type CertificateList, parseCertificateList } from '../crl.ts';
import { oids } from '../der/oid.ts';
import { keyUsageBits } from '../extensions.ts';
import { formatGeneralName } from '../general-name.ts';
import { nameKey } from '../name.ts';
import type { Budget } from './budget.ts';
import { formatTime, problem } from './problem.ts';

/** Clocks of issuers may run ahead by this much, in milliseconds. */
export const clockSkew = 5 * 60_000;

/**
 * For which certificates a revocation list must be there: all of the path but the anchor (default where lists are
 * given), the leaf alone, or none, so that lists can only refuse.
 */
export type CrlCoverage = 'all' | 'leaf' | 'ifAvailable';

/** A path, and the lists to judge it by. */
export interface CrlCheck {
  /** Leaf first, anchor last. */
  readonly path: readonly Certificate[];
  readonly crls: readonly CertificateList[];
  readonly coverage: CrlCoverage;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly crypto: CryptoProvider;
  readonly budget: Budget;
}

/** Lists as they are given: DER, or parsed before (which large ones should be, once). */
export function readLists(lists: readonly (Uint8Array | CertificateList)[]): CertificateList[] {
  return lists.map((list) => {
    if (!(list instanceof Uint8Array)) return list;
    try {
      return parseCertificateList(list);
    } catch (error) {
      throw problem(
        'ERR_TLS_CERT_CRL',
        `a revocation list doesn't parse: ${(error as Error).message}`,
        'RFC 5280, Section 5.1',
        error,
      );
    }
  });
}

/**
 * Judges a path by revocation lists (RFC 5280, Section 6.3); `undefined` where nothing speaks against it.
 *
 * Whatever revokes counts, also in a list that is stale, partial, or a delta. To say "good" a list must be fresh, complete
 * and of the certificate's own issuer: a delta list (Section 5.2.4) never is, and indirect lists (Section 5.2.5) are not
 * supported, which the error says.
 */
export function crlProblem(check: CrlCheck): CertificateError | undefined {
  const { path, crls, coverage } = check;
  for (let i = 0; i < path.length - 1; i++) {
    const certificate = path[i] as Certificate;
    const issuer = path[i + 1] as Certificate;
    let covered = false;
    const reasons: string[] = [];
    for (const list of crls) {
      if (list.issuerKey !== certificate.issuerKey) continue;
      const untrusted = authenticityProblem(list, issuer, check);
      if (untrusted !== undefined) {
        reasons.push(untrusted);
        continue;
      }
      const entry = list.find(certificate.serialNumber);
      const scope = scopeProblem(list, certificate);
      if (entry !== undefined && scope?.kind !== 'elsewhere' && entry.reason !== 'removeFromCRL') {
        return problem(
          'ERR_TLS_CERT_REVOKED',
          `the certificate ${certificate} was revoked on ${formatTime(entry.revocationDate)}${
            entry.reason === undefined ? '' : ` (${entry.reason})`
          }; it must be replaced`,
          'RFC 5280, Section 6.3',
        );
      }
      const unusable = scope?.why ?? freshnessProblem(list, check.now);
      if (unusable === undefined) covered = true;
      else reasons.push(unusable);
    }
    if (covered || coverage === 'ifAvailable' || (coverage === 'leaf' && i > 0) || hasNoRevocation(certificate))
      continue;
    return problem(
      reasons.length > 0 ? 'ERR_TLS_CERT_CRL' : 'ERR_TLS_CERT_REVOCATION_UNKNOWN',
      reasons.length > 0
        ? `no usable revocation list for ${certificate}: ${reasons.slice(0, 4).join('; ')}; fetch the current list of its issuer`
        : `there is no revocation list of the issuer of ${certificate}${delegated(certificate, crls)}; give one, or set \`policy.crls\` to "leaf" or "ifAvailable"`,
      'RFC 5280, Section 6.3',
    );
  }
  return undefined;
}

/** RFC 9608: no lists are made about certificates that are gone before a list would be seen; CAs are none of them. */
const hasNoRevocation = ({ extensions, decoded }: Certificate): boolean =>
  extensions.has(oids.noRevAvail) && decoded.basicConstraints?.ca !== true;

/** Says so where the certificate leaves its lists to another issuer, and such a list was given. */
function delegated(certificate: Certificate, crls: readonly CertificateList[]): string {
  for (const { crlIssuer } of certificate.decoded.crlDistributionPoints ?? []) {
    for (const name of crlIssuer ?? []) {
      if (name.kind !== 'directory') continue;
      const key = nameKey(name.value);
      if (key === certificate.issuerKey || !crls.some((list) => list.issuerKey === key)) continue;
      return ` itself (the one of ${formatGeneralName(name)} is an indirect list, which is not supported: RFC 5280, Section 5.2.5)`;
    }
  }
  return '';
}

const verified = new WeakMap<CertificateList, Uint8Array>();

/** Why a list can't be believed: its form, its signer's rights, its signature. */
function authenticityProblem(
  list: CertificateList,
  issuer: Certificate,
  { crypto, budget }: CrlCheck,
): string | undefined {
  const { keyUsage } = issuer.decoded;
  if (keyUsage !== undefined && (keyUsage & keyUsageBits.crlSign) === 0) {
    return `its issuer ${issuer} may not sign lists: keyUsage lacks cRLSign (RFC 5280, Section 4.2.1.3)`;
  }
  const { algorithm } = list.signatureAlgorithm;
  if (algorithm === undefined || ('hash' in algorithm && algorithm.hash === 'sha1')) {
    return `it is signed with ${list.signatureAlgorithm.oid}, which isn't accepted`;
  }
  const known = verified.get(list);
  if (known !== undefined && equal(known, issuer.spki)) return undefined;
  budget.signature();
  let good = false;
  try {
    good = crypto.importPublicKey(issuer.spki).verify(algorithm, list.tbs, list.signature);
  } catch {
    // A key that can't be imported verifies nothing.
  }
  if (!good) return `it is not signed by the key of ${issuer}`;
  verified.set(list, issuer.spki);
  return undefined;
}

const processedExtensions: ReadonlySet<string> = new Set([oids.issuingDistributionPoint, oids.deltaCrlIndicator]);

/** Why a list doesn't settle the state of a certificate: it is about others (`elsewhere`), or not about all of it. */
function scopeProblem(
  list: CertificateList,
  certificate: Certificate,
): { kind: 'elsewhere' | 'partial'; why: string } | undefined {
  const elsewhere = (why: string) => ({ kind: 'elsewhere', why }) as const;
  const partial = (why: string) => ({ kind: 'partial', why }) as const;
  const { issuingDistributionPoint: point } = list;
  if (point !== undefined) {
    const ca = certificate.decoded.basicConstraints?.ca === true;
    if (point.indirect)
      return elsewhere(
        'it is an indirect list (RFC 5280, Section 5.2.5), which is not supported: give the one that the issuer signs about its own certificates',
      );
    if (point.onlyAttributeCerts) return elsewhere('it is about attribute certificates');
    if (point.onlyUserCerts && ca) return elsewhere('it is about end-entity certificates alone');
    if (point.onlyCaCerts && !ca) return elsewhere('it is about CA certificates alone');
    if (!sameDistributionPoint(list, certificate))
      return elsewhere('it is for another distribution point than the certificate names');
  }
  for (const { oid, critical } of list.extensions.values()) {
    if (critical && !processedExtensions.has(oid))
      return partial(`it has the critical extension ${oid} (RFC 5280, Section 5.2)`);
  }
  if (list.version !== 2 || list.crlNumber === undefined)
    return partial('it has no CRL number (RFC 5280, Section 5.2.3)');
  if (list.unusable !== undefined)
    return partial(`an entry has the extension ${list.unusable}, which isn't understood`);
  if (list.baseCrlNumber !== undefined)
    return partial(
      'it is a delta list (RFC 5280, Section 5.2.4), which only adds: give the complete list of the issuer',
    );
  if (point?.onlySomeReasons !== undefined) return partial('it is about some reasons of revocation alone');
  return undefined;
}

/**
 * Whether a list and a certificate have a name of a distribution point in common, where the list has any (RFC 5280,
 * Section 6.3.3 (b)(2)(i)).
 */
export function sameDistributionPoint(list: CertificateList, certificate: Certificate): boolean {
  const point = list.issuingDistributionPoint;
  if (point?.relativeName !== undefined) return false;
  if (point?.fullName === undefined) return true;
  const names = new Set(point.fullName.map(formatGeneralName));
  const wanted = certificate.decoded.crlDistributionPoints ?? [];
  return wanted.some(({ fullName }) => fullName?.some((name) => names.has(formatGeneralName(name))));
}

function freshnessProblem(list: CertificateList, now: number): string | undefined {
  if (list.thisUpdate > now + clockSkew) return `it is from the future (${formatTime(list.thisUpdate)})`;
  if (list.nextUpdate === undefined) return 'it has no nextUpdate (RFC 5280, Section 5.1.2.5)';
  if (now > list.nextUpdate) return `it was to be replaced by ${formatTime(list.nextUpdate)}`;
  return undefined;
}
