/** The option `crl`: which list speaks about a certificate, and whether it can be believed, as OpenSSL decides it. */
import { keyUsageBits } from '../../pki/extensions.ts';
import { type Certificate, type CertificateList, oids, parseCertificateList } from '../../pki/index.ts';
import { sameDistributionPoint } from '../../pki/verify/revocation.ts';
import { nodeCrypto } from '../base/key-signer.ts';
import type { ContextState } from '../context/secure-context.ts';
import type { KnownCertificate } from './known-certificate.ts';
import type { VerifyFault } from './verify.ts';

/** Every certificate of the path but a trusted root needs a list of its issuer (X509_V_FLAG_CRL_CHECK_ALL). */
export function revocationProblem(
  path: readonly KnownCertificate[],
  context: ContextState,
  now: number,
): VerifyFault | undefined {
  let lists = context.derived.get('crls') as CertificateList[] | undefined;
  if (lists === undefined) {
    lists = context.crls.map(parseCertificateList);
    context.derived.set('crls', lists);
  }
  let found: VerifyFault | undefined;
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const own = path[depth]?.own;
    const issuer = path[Math.min(depth + 1, path.length - 1)]?.own;
    const list = own === undefined ? undefined : listAbout(own, lists, now);
    if (own === undefined || issuer === undefined || list === undefined) {
      found = 'UNABLE_TO_GET_CRL';
      continue;
    }
    found = listProblem(list, issuer, now) ?? found;
    const entry = list.find(own.serialNumber);
    if (entry !== undefined && entry.reason !== 'removeFromCRL') return 'CERT_REVOKED';
  }
  return found;
}

/** The list to go by: one that holds now before one that doesn't, then the last one made. */
function listAbout(own: Certificate, lists: readonly CertificateList[], now: number): CertificateList | undefined {
  let best: CertificateList | undefined;
  for (const list of lists) {
    if (list.issuerKey !== own.issuerKey || !isAbout(list, own)) continue;
    if (best === undefined) best = list;
    else if (holds(list, now) !== holds(best, now)) best = holds(list, now) ? list : best;
    else if (list.thisUpdate > best.thisUpdate) best = list;
  }
  return best;
}

const holds = ({ thisUpdate, nextUpdate }: CertificateList, now: number): boolean =>
  thisUpdate <= now && (nextUpdate === undefined || now <= nextUpdate);

/** Whether a list is a whole one about certificates of this kind and distribution point (RFC 5280, Sections 5.2.4, 5.2.5). */
function isAbout(list: CertificateList, own: Certificate): boolean {
  if (list.baseCrlNumber !== undefined) return false;
  const point = list.issuingDistributionPoint;
  if (point === undefined) return true;
  const ca = own.decoded.basicConstraints?.ca === true;
  if (point.indirect || point.onlyAttributeCerts || point.onlySomeReasons !== undefined) return false;
  return !(ca ? point.onlyUserCerts : point.onlyCaCerts) && sameDistributionPoint(list, own);
}

function listProblem(list: CertificateList, issuer: Certificate, now: number): VerifyFault | undefined {
  const { keyUsage } = issuer.decoded;
  if (keyUsage !== undefined && (keyUsage & keyUsageBits.crlSign) === 0) return 'KEYUSAGE_NO_CRL_SIGN';
  const { algorithm } = list.signatureAlgorithm;
  const key = nodeCrypto().importPublicKey(issuer.spki);
  if (algorithm === undefined || !key.verify(algorithm, list.tbs, list.signature)) return 'CRL_SIGNATURE_FAILURE';
  for (const { oid, critical } of list.extensions.values())
    if (critical && oid !== oids.issuingDistributionPoint) return 'UNHANDLED_CRITICAL_CRL_EXTENSION';
  if (list.unusable !== undefined) return 'UNHANDLED_CRITICAL_CRL_EXTENSION';
  if (list.thisUpdate > now) return 'CRL_NOT_YET_VALID';
  return list.nextUpdate !== undefined && list.nextUpdate < now ? 'CRL_HAS_EXPIRED' : undefined;
}
