import { equal } from '../../bytes/bytes.ts';
import {
  type Certificate,
  checkHost,
  checkOcspResponse,
  formatName,
  parseCertificate,
  verifyChain,
} from '../../pki/index.ts';
import type { Finding } from './finding.ts';
import type { SurveyOptions } from './survey.ts';

/** Judges the chain that a server shows, and the OCSP answer with it. */
export function judgeCertificate(
  options: SurveyOptions,
  shown: readonly Uint8Array[],
  ocspResponse: Uint8Array | undefined,
): { findings: Finding[]; chain: Certificate[] } {
  const { crypto, anchors, name } = options;
  const now = Date.now();
  const section = 'certificate';
  const findings: Finding[] = [];
  if (shown.length === 0) {
    const summary = 'no certificate was seen';
    return { findings: [{ section, check: 'chain', verdict: 'unknown', summary }], chain: [] };
  }
  const read = shown.map(readable);
  const chain = read.filter((certificate) => certificate !== undefined);
  const verdict = verifyChain({
    chain: shown,
    anchors,
    name,
    now,
    crypto,
    profile: 'server',
    ...(ocspResponse === undefined ? {} : { ocspResponse }),
  });
  if (verdict.ok) {
    const source = verdict.anchor.source ?? 'a trusted root';
    findings.push({
      section,
      check: 'chain',
      verdict: 'good',
      summary: `the chain leads to a trusted root (${source}) and is for ${name}`,
    });
  } else findings.push({ section, check: 'chain', verdict: 'bad', summary: verdict.error.message });
  // One that can't be read is not replaced by the next.
  const [leaf] = read;
  if (leaf === undefined) return { findings, chain };
  const issuer = chain.find((each) => each !== leaf && equal(each.subject, leaf.issuer));
  const days = Math.trunc((leaf.notAfter - now) / 86_400_000);
  const expired = leaf.notAfter < now;
  // What the chain is refused for first may hide what comes next.
  if (expired) {
    const ago = days === 0 ? 'today' : `${-days} day${days === -1 ? '' : 's'} ago`;
    findings.push({ section, check: 'expiry', verdict: 'bad', summary: `the certificate expired ${ago}: renew it` });
  } else {
    const short = leaf.notAfter - leaf.notBefore < 20 * 86_400_000;
    const late = days < (short ? 1 : 14);
    findings.push({
      section,
      check: 'expiry',
      verdict: late ? 'weak' : 'good',
      summary: `the certificate is valid for ${days} more days${late ? ': renew it' : ''}`,
    });
  }
  findings.push(...weakParts(chain));
  const astray = chain.findIndex((each, i) => i > 0 && !equal((chain[i - 1] as Certificate).issuer, each.subject));
  if (astray > 0) {
    const summary = `certificate ${astray} of the chain did not issue the one before it: TLS 1.2 wants them in order, and some clients refuse others (RFC 5246, Section 7.4.2)`;
    findings.push({ section, check: 'chainOrder', verdict: 'weak', summary });
  }
  if (!verdict.ok) {
    const forName = checkName(leaf, name);
    if (forName !== undefined) findings.push({ section, check: 'name', verdict: 'bad', summary: forName });
  }
  if (ocspResponse !== undefined && issuer !== undefined) {
    try {
      const { nextUpdate } = checkOcspResponse({ response: ocspResponse, certificate: leaf, issuer, now, crypto });
      findings.push({
        section: 'extensions',
        check: 'ocsp',
        verdict: 'good',
        summary: `the stapled OCSP answer says good until ${new Date(nextUpdate).toISOString().slice(0, 16)}Z`,
      });
    } catch (error) {
      findings.push({
        section: 'extensions',
        check: 'ocsp',
        verdict: 'bad',
        summary: `the stapled OCSP answer: ${(error as Error).message}`,
      });
    }
  }
  return { findings, chain };
}

/** Signatures and keys that are too weak, whatever else is wrong with the chain. A root's own signature counts nothing. */
function weakParts(chain: readonly Certificate[]): Finding[] {
  const section = 'certificate';
  const findings: Finding[] = [];
  for (const [i, certificate] of chain.entries()) {
    const what = i === 0 ? 'the certificate' : `the certificate of ${formatName(certificate.subject)}`;
    const { algorithm, oid } = certificate.signatureAlgorithm;
    const selfSigned = equal(certificate.subject, certificate.issuer);
    const sha1 = algorithm !== undefined && 'hash' in algorithm && algorithm.hash === 'sha1';
    if (!selfSigned && (sha1 || md5Signatures.has(oid))) {
      const summary = `${what} is signed with ${sha1 ? 'SHA-1' : 'MD5'}: others can be made with the same signature`;
      findings.push({ section, check: 'weakSignature', verdict: 'bad', summary });
    }
    const { type, bits } = certificate.publicKeyInfo;
    if (type?.startsWith('rsa') === true && bits < 2048) {
      const summary = `${what} has an RSA key of ${bits} bits: 2048 are the least`;
      findings.push({ section, check: 'weakKey', verdict: 'bad', summary });
    }
  }
  return findings;
}

const md5Signatures: ReadonlySet<string> = new Set(['1.2.840.113549.1.1.2', '1.2.840.113549.1.1.4']);

function checkName(leaf: Certificate, name: string): string | undefined {
  try {
    checkHost(leaf, name);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function readable(der: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(der);
  } catch {
    return undefined;
  }
}
