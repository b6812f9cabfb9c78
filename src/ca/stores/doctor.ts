import { readdir, readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { equal } from '../../bytes/bytes.ts';
import { decodePem } from '../../bytes/pem.ts';
import { createNodeCrypto } from '../../crypto/node.ts';
import { type Certificate, parseCertificate } from '../../pki/certificate.ts';
import { parseCertificateList } from '../../pki/crl.ts';
import { createTrustAnchors } from '../../pki/verify/anchors.ts';
import { verifyChain } from '../../pki/verify/verify-chain.ts';
import { checkDoctorOptions } from '../check-options.ts';
import { endedAdvice } from '../error.ts';
import { checkLog } from '../storage/folder.ts';
import { type Host, thisHost } from './host.ts';
import { type RootToTrust, rootToTrust } from './store.ts';
import { findTrustStores } from './trust.ts';

/** One thing that was looked at. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'problem';
  readonly what: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** What is looked at. */
export interface DoctorOptions {
  /** The authority's folder. */
  readonly folder: string;
  /** A site that a client doesn't trust: `localhost:8443`. */
  readonly site?: string | undefined;
  readonly host?: Host | undefined;
  readonly now?: (() => number) | undefined;
}

const day = 24 * 3_600_000;

/** Says why a client doesn't trust a certificate of this authority: the authority itself, the stores, the variables, the site. */
export async function diagnose(options: DoctorOptions): Promise<Finding[]> {
  checkDoctorOptions(options);
  const { folder, site, host = thisHost(), now = Date.now } = options;
  const rootFile = join(folder, 'root.pem');
  const read = await readFile(rootFile, 'utf8').catch(() => undefined);
  const der = read === undefined ? undefined : decodePem(read)[0]?.bytes;
  if (der === undefined) {
    return [
      {
        level: 'problem',
        what: `${rootFile} is missing or holds no certificate`,
        advice: 'create the authority first',
      },
    ];
  }
  const root = parseCertificate(der);
  return [
    ...(await authorityFindings(folder, root, now())),
    ...(await storeFindings(host, rootToTrust(der), rootFile)),
    ...(await variableFindings(host, der)),
    ...(site === undefined ? [] : await siteFindings(site, root, now())),
  ];
}

async function authorityFindings(folder: string, root: Certificate, now: number): Promise<Finding[]> {
  const findings: Finding[] = [validityFinding('the root', root, now)];
  for (let number = 1; ; number++) {
    const der = await readFile(join(folder, `issuing-${number}.crt`)).catch(() => undefined);
    if (der === undefined) break;
    findings.push(validityFinding(`intermediate ${number}`, parseCertificate(new Uint8Array(der)), now));
    const crl = await readFile(join(folder, `issuing-${number}.crl`)).catch(() => undefined);
    if (crl === undefined) continue;
    const { nextUpdate = 0 } = parseCertificateList(new Uint8Array(crl));
    if (nextUpdate < now) {
      const what = `the CRL of intermediate ${number} ended on ${date(nextUpdate)}`;
      findings.push({
        level: 'problem',
        what,
        advice: 'run the authority: it renews its CRLs; clients that check refuse until then',
      });
    }
  }
  try {
    const { entries } = await checkLog(folder);
    findings.push({ level: 'ok', what: `the issue log is whole: ${entries} entries` });
  } catch (error) {
    const advice = 'find out who wrote there; compare with a copy, and with heads that were noted elsewhere';
    findings.push({ level: 'problem', what: (error as Error).message, advice });
  }
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names.filter((one) => one.endsWith('.key')).sort()) {
    const { mode } = await stat(join(folder, name)).catch(() => ({ mode: 0 }));
    if (process.platform === 'win32' || (mode & 0o077) === 0) continue;
    const path = join(folder, name);
    findings.push({ level: 'problem', what: `others may read ${path}`, advice: `chmod 600 ${path}` });
  }
  return findings;
}

function validityFinding(what: string, certificate: Certificate, now: number): Finding {
  if (now > certificate.notAfter) {
    return {
      level: 'problem',
      what: `${what} expired on ${date(certificate.notAfter)}`,
      advice: endedAdvice,
    };
  }
  if (now < certificate.notBefore) {
    const advice = 'set the clock of this machine';
    return { level: 'problem', what: `${what} is valid from ${date(certificate.notBefore)} only`, advice };
  }
  const found = `${what} is valid until ${date(certificate.notAfter)}`;
  if (certificate.notAfter - now >= 30 * day) return { level: 'ok', what: found };
  return { level: 'warning', what: found, advice: endedAdvice };
}

async function storeFindings(host: Host, root: RootToTrust, rootFile: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const store of findTrustStores({ host })) {
    const has = await store.has(root).catch((error: Error) => error);
    if (has === true) findings.push({ level: 'ok', what: `${store.name} trusts the root` });
    else if (has === false) {
      const advice = `run trust, or: ${store.byHand(root, 'add', rootFile).join(' && ')}`;
      findings.push({ level: 'warning', what: `${store.name} does not have the root (${store.usedBy})`, advice });
    } else findings.push({ level: 'warning', what: `${store.name} could not be read`, advice: has.message });
  }
  return findings;
}

/** Variables that name a file of roots, and the programs that obey them. */
const variables: Readonly<Record<string, string>> = {
  NODE_EXTRA_CA_CERTS: 'Node and Bun',
  DENO_CERT: 'Deno',
  SSL_CERT_FILE: 'OpenSSL, curl, Python, Ruby, Go',
  CURL_CA_BUNDLE: 'curl',
  REQUESTS_CA_BUNDLE: 'Python requests',
  GIT_SSL_CAINFO: 'git',
};

/** Files that the system's tools make from its store. */
const systemBundles: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

async function variableFindings(host: Host, der: Uint8Array): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, programs] of Object.entries(variables)) {
    const path = host.env[name];
    if (path === undefined || path === '') continue;
    const blocks = await readFile(path, 'utf8')
      .then(decodePem)
      .catch(() => undefined);
    if (blocks === undefined) {
      findings.push({ level: 'problem', what: `${name} names ${path}, which cannot be read`, advice: `unset ${name}` });
    } else if (blocks.some(({ bytes }) => equal(bytes, der))) {
      findings.push({ level: 'ok', what: `${name} names a file with the root (${programs})` });
    } else if (systemBundles.includes(path)) {
      const what = `${name} names the bundle of the system, which lacks the root (${programs})`;
      findings.push({ level: 'warning', what, advice: 'run trust: the bundle is made from the system store' });
    } else {
      const what = `${name} names ${path}, which lacks the root (${programs})`;
      findings.push({ level: 'problem', what, advice: `unset ${name}, or add the root to the file` });
    }
  }
  if (host.env['NODE_EXTRA_CA_CERTS'] === undefined) {
    const advice = 'export NODE_EXTRA_CA_CERTS with the root, or run node --use-system-ca (Node 22.15 and later)';
    findings.push({
      level: 'warning',
      what: 'NODE_EXTRA_CA_CERTS is not set: Node looks into no store by itself',
      advice,
    });
  }
  return findings;
}

async function siteFindings(site: string, root: Certificate, now: number): Promise<Finding[]> {
  const { hostname, port } = new URL(`https://${site.replace(/^https:\/\//, '')}`);
  const name = hostname.replace(/^\[|\]$/g, '');
  let chain: Uint8Array[];
  try {
    chain = await chainOf(name, Number(port || 443));
  } catch (error) {
    return [{ level: 'problem', what: `${site}: no TLS connection: ${(error as Error).message}` }];
  }
  const anchors = createTrustAnchors([root.der], { source: 'this authority' });
  const verdict = verifyChain({ chain, anchors, now, profile: 'server', name, crypto: createNodeCrypto() });
  if (verdict.ok) {
    const advice = 'if a client still refuses, it has not been told of the root: see the stores above, and restart it';
    return [{ level: 'ok', what: `${site}: its chain is good under this root`, advice }];
  }
  const [leaf, ...issuers] = chain.map(readable);
  const { message } = verdict.error;
  const known = issuers.filter((one) => one !== undefined);
  const advice = leaf === undefined ? {} : adviceFor(leaf, root, known, now);
  return [{ level: 'problem', what: `${site}: ${message}`, ...advice }];
}

/** The certificate, or `undefined` where it is malformed, which the verdict says. */
function readable(der: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(der);
  } catch {
    return undefined;
  }
}

function adviceFor(
  leaf: Certificate,
  root: Certificate,
  issuers: readonly Certificate[],
  now: number,
): { advice?: string } {
  if (now > leaf.notAfter) return { advice: 'its certificate has expired: renew it, and reload the server' };
  if (leaf.selfIssued)
    return { advice: 'the server sends a self-signed certificate: give it the chain that this authority issued' };
  if (leaf.issuerKey !== root.subjectKey && !issuers.some((one) => one.subjectKey === leaf.issuerKey)) {
    return {
      advice:
        'the server sends its certificate without the intermediate: configure the whole chain (chainPem), not the leaf alone',
    };
  }
  const rootKey = root.decoded.subjectKeyIdentifier ?? new Uint8Array(0);
  if (!issuers.some((one) => equal(one.decoded.authorityKeyIdentifier?.keyIdentifier ?? new Uint8Array(0), rootKey)))
    return { advice: 'the chain leads to another authority than this one' };
  return {};
}

/** What a server sends, leaf first. */
function chainOf(host: string, port: number): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const options = {
      host,
      port,
      rejectUnauthorized: false,
      timeout: 5000,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    };
    const socket = connect(options, () => {
      const chain: Uint8Array[] = [];
      const seen = new Set<string>();
      let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
      while (certificate?.raw !== undefined && !seen.has(certificate.fingerprint256)) {
        seen.add(certificate.fingerprint256);
        chain.push(new Uint8Array(certificate.raw));
        certificate = certificate.issuerCertificate;
      }
      socket.destroy();
      if (chain.length > 0) resolve(chain);
      else reject(new Error('it sent no certificate'));
    });
    socket.on('timeout', () => socket.destroy(new Error('it does not answer')));
    socket.on('error', reject);
  });
}

function date(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
