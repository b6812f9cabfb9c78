import {
  type AuditCrypto,
  type Endpoint,
  type Foreign13,
  foreign13,
  type OldProtocols,
  oldProtocols,
  type Probe,
  probe,
} from '../../audit/index.ts';
import { equal } from '../../bytes/bytes.ts';
import { cipherSuite, cipherSuites } from '../../crypto/cipher-suites.ts';
import { namedGroups } from '../../crypto/named-groups.ts';
import type { ClientOptions, ConnectionInfo, GroupName } from '../../index.ts';
import {
  type Certificate,
  checkHost,
  checkOcspResponse,
  formatName,
  parseCertificate,
  type TrustAnchors,
  verifyChain,
} from '../../pki/index.ts';

/** `good`: as it should be. `bad`: somebody can exploit it, or clients refuse it. `weak`: worse than needed. */
export type Verdict = 'good' | 'bad' | 'weak' | 'info' | 'unknown';

export interface Finding {
  readonly section: 'versions' | 'certificate' | 'extensions' | 'resumption';
  readonly check: string;
  readonly verdict: Verdict;
  readonly summary: string;
}

export interface VersionSurvey {
  readonly version: 0x0303 | 0x0304;
  /** In the order in which the server takes them. */
  readonly cipherSuites: readonly string[];
  readonly groups: readonly GroupName[];
  readonly info: ConnectionInfo;
}

export interface Survey {
  readonly versions: readonly VersionSurvey[];
  /** Why there was no handshake at all. */
  readonly error: string | undefined;
  /** No byte came back in time. */
  readonly silent: boolean;
  readonly findings: readonly Finding[];
  readonly chain: readonly Certificate[];
  readonly alpn: readonly string[];
}

export interface SurveyOptions {
  readonly endpoint: Endpoint;
  /** What the certificate must be for. */
  readonly name: string;
  readonly crypto: AuditCrypto;
  readonly anchors: TrustAnchors;
  /** For every connection: the certificate that a client shows. */
  readonly client?: Pick<ClientOptions, 'credentials'>;
  readonly timeoutMs: number;
  readonly progress: (text: string) => void;
}

/** Asks a server which versions, suites and groups it speaks, and judges its certificate. */
export async function survey(options: SurveyOptions): Promise<Survey> {
  const versions: VersionSurvey[] = [];
  let error: string | undefined;
  const errors: { 0x0303?: string | undefined; 0x0304?: string | undefined } = {};
  let silent = true;
  let wantsCertificate = false;
  for (const version of [0x0304, 0x0303] as const) {
    options.progress(version === 0x0304 ? 'TLS 1.3' : 'TLS 1.2');
    const first = await ask(options, { ...range(version), cipherSuites: suitesOf(version, false) });
    silent &&= first.silent;
    errors[version] = first.error;
    wantsCertificate ||= first.certificateRequested;
    const withRsa = { ...range(version), cipherSuites: suitesOf(version, true) };
    const info = first.info ?? (first.silent ? undefined : (await ask(options, withRsa)).info);
    // That a version is not spoken is no reason, where there is another.
    if (info === undefined) error = error === undefined || isVersionAlert(error) ? first.error : error;
    else versions.push(await surveyVersion(options, version, info));
  }
  if (silent) return { versions, error, silent, findings: [], chain: [], alpn: [] };
  options.progress('what is too old');
  const old = await oldProtocols(options.endpoint, options);
  const [best] = versions;
  const chainSeen = best?.info.peerCertificates ?? old.chain;
  const foreign = await foreign13(options.endpoint, options);
  const isSpoken =
    old.tls12 || old.versions.length + foreign.groups.length + foreign.cipherSuites.length > 0 || foreign.own;
  if (best === undefined && !isSpoken)
    return { versions, error: error ?? 'no handshake', silent, findings: [], chain: [], alpn: [] };
  options.progress('ALPN and certificate');
  const alpn = await alpnOf(options);
  const judged = wantsCertificate && best !== undefined ? await judgedClient(options, best.version) : undefined;
  const certificate = judgeCertificate(options, chainSeen, best?.info.ocspResponse);
  return {
    versions,
    error: undefined,
    silent,
    findings: [
      ...versionFindings(versions, old, foreign, errors[0x0304]),
      ...clientCertificateFindings(versions, old, { wantsCertificate, judged, error: errors[0x0303] }),
      ...certificate.findings,
      ...extensionFindings(versions, alpn),
    ],
    chain: certificate.chain,
    alpn,
  };
}

function ask(options: SurveyOptions, client: Partial<ClientOptions>): Promise<Probe> {
  const { crypto, endpoint, timeoutMs } = options;
  return probe(endpoint, {
    crypto,
    timeoutMs,
    ticketWaitMs: 1,
    client: { ...options.client, requestOcsp: true, requestScts: true, groups: allGroups, ...client },
  });
}

/** Every group of the engine: what is not offered can't be found. */
export const allGroups = Object.keys(namedGroups) as GroupName[];

/** With or without those that have static RSA key exchange. */
function suitesOf(version: number, staticRsa: boolean): number[] {
  return cipherSuites
    .filter((suite) => suite.version === version && (staticRsa || suite.keyExchange !== 'rsa'))
    .map(({ code }) => code);
}

function range(version: 0x0303 | 0x0304): Partial<ClientOptions> {
  return { minVersion: version, maxVersion: version };
}

async function surveyVersion(
  options: SurveyOptions,
  version: 0x0303 | 0x0304,
  info: ConnectionInfo,
): Promise<VersionSurvey> {
  const found = await enumerateSuites(options, version, suitesOf(version, false));
  if (version === 0x0303) {
    const rsa = suitesOf(version, true).filter((code) => cipherSuite(code)?.keyExchange === 'rsa');
    const { error } = await ask(options, { ...range(version), cipherSuites: rsa });
    // A server may take the suites though its certificate forbids this use of its key.
    if (error?.includes('keyEncipherment')) found.push('TLS_RSA_… (against the key usage of the certificate)');
    else found.push(...(await enumerateSuites(options, version, rsa)));
  }
  const groups: GroupName[] = [];
  for (const group of allGroups) {
    // In TLS 1.2 the curve of an ECDSA certificate has to be offered too, so what was chosen tells.
    const rest: GroupName[] = version === 0x0303 ? [group, ...ecdsaCurves.filter((curve) => curve !== group)] : [group];
    const { info: with1 } = await ask(options, { ...range(version), groups: rest, keyShares: rest.slice(0, 1) });
    if (with1?.group === group) groups.push(group);
  }
  return { version, cipherSuites: found, groups, info };
}

/** What the server takes of these, in its order: what it chose is left out the next time. */
async function enumerateSuites(
  options: SurveyOptions,
  version: 0x0303 | 0x0304,
  codes: readonly number[],
): Promise<string[]> {
  const found: string[] = [];
  const left = new Set(codes);
  while (left.size > 0) {
    const { info } = await ask(options, { ...range(version), cipherSuites: [...left] });
    if (info === undefined) break;
    found.push(info.cipherSuiteName);
    left.delete(info.cipherSuite);
  }
  return found;
}

const ecdsaCurves: readonly GroupName[] = ['secp256r1', 'secp384r1', 'secp521r1'];

async function alpnOf(options: SurveyOptions): Promise<string[]> {
  const found: string[] = [];
  for (const protocol of ['h2', 'http/1.1', 'http/1.0']) {
    const { info } = await ask(options, { alpnProtocols: [protocol] });
    if (info?.alpnProtocol === protocol) found.push(protocol);
  }
  return found;
}

function isVersionAlert(error: string): boolean {
  return error.includes('protocolVersion');
}

function versionFindings(
  versions: readonly VersionSurvey[],
  old: OldProtocols,
  foreign: Foreign13,
  error13: string | undefined,
): Finding[] {
  const section = 'versions';
  const of = (version: number) => versions.find((each) => each.version === version);
  const [v13, v12] = [of(0x0304), of(0x0303)];
  const findings: Finding[] = [
    { section, check: 'tls13', ...tls13Finding(v13 !== undefined, foreign, error13) },
    ...rareFinding(v13 === undefined ? [] : [...foreign.groups, ...foreign.cipherSuites], old),
  ];
  const suites = v12?.cipherSuites ?? [];
  findings.push(...oldFindings(old));
  const also = (fault: string) => old.suites.filter((suite) => suite.fault === fault).map(({ name }) => name);
  const rsa = [...suites.filter((name) => name.startsWith('TLS_RSA_')), ...also('staticRsa')];
  const cbc = [...suites, ...also('cbc'), ...also('finiteField')].filter((name) => name.includes('_CBC_'));
  if (rsa.length > 0) {
    findings.push({
      section,
      check: 'staticRsa',
      verdict: 'bad',
      summary: `key exchange without forward secrecy is allowed (${rsa.join(', ')}): who gets the key later reads what was recorded`,
    });
  }
  if (cbc.length > 0) {
    findings.push({
      section,
      check: 'cbc',
      verdict: 'weak',
      summary: `CBC suites are allowed (${cbc.join(', ')}): they had one padding oracle after the other`,
    });
  }
  if (v12 !== undefined && rsa.length === 0 && cbc.length === 0 && old.suites.every(isForward)) {
    findings.push({
      section,
      check: 'tls12Suites',
      verdict: 'good',
      summary: 'TLS 1.2 only with forward secrecy and authenticated encryption',
    });
  }
  if (v12 !== undefined && !v12.info.extendedMasterSecret) {
    findings.push({
      section,
      check: 'extendedMasterSecret',
      verdict: 'weak',
      summary: 'no extended master secret (RFC 7627): sessions of two connections can be made to agree',
    });
  }
  const groups = new Set(versions.flatMap((each) => each.groups));
  const hybrid = [...groups, ...foreign.groups].some((name) => name.includes('MLKEM'));
  // Where nothing of TLS 1.3 was looked at, nobody knows.
  if (v13 === undefined && (foreign.own || foreign.groups.length + foreign.cipherSuites.length > 0)) return findings;
  findings.push({
    section,
    check: 'postQuantum',
    verdict: hybrid ? 'good' : 'info',
    summary: hybrid
      ? 'hybrid post-quantum key exchange is spoken'
      : 'no post-quantum key exchange: what is recorded today can be read by a quantum computer',
  });
  return findings;
}

/** What becomes of a client where a certificate is asked for: whether one was shown, and why the connection ends. */
interface JudgedClient {
  readonly shown: boolean;
  readonly endedBy: string | undefined;
}

async function judgedClient(options: SurveyOptions, version: 0x0303 | 0x0304): Promise<JudgedClient> {
  const { client, crypto, endpoint, timeoutMs } = options;
  const seen = await probe(endpoint, {
    crypto,
    timeoutMs,
    client: { ...client, ...range(version), groups: allGroups },
  });
  return { shown: (client?.credentials ?? []).length > 0, endedBy: seen.endedBy };
}

function clientCertificateFinding(judged: JudgedClient | undefined): Omit<Finding, 'section' | 'check'> {
  if (judged === undefined || (!judged.shown && judged.endedBy === undefined)) {
    const summary = 'a client certificate is asked for; none was shown, so that what comes behind it was not looked at';
    return { verdict: 'info', summary };
  }
  const { shown, endedBy } = judged;
  if (!shown) {
    const summary = `a client certificate is required (${endedBy}): show one with --cert and --key to see what comes behind it`;
    return { verdict: 'info', summary };
  }
  if (endedBy === undefined)
    return { verdict: 'info', summary: 'a client certificate is asked for; the one shown is taken' };
  return { verdict: 'unknown', summary: `the client certificate that was shown is refused: ${endedBy}` };
}

function clientCertificateFindings(
  versions: readonly VersionSurvey[],
  old: OldProtocols,
  seen: {
    readonly wantsCertificate: boolean;
    readonly judged: JudgedClient | undefined;
    readonly error?: string | undefined;
  },
): Finding[] {
  const section = 'versions';
  const { wantsCertificate, judged, error } = seen;
  const findings: Finding[] = [];
  if (wantsCertificate) findings.push({ section, check: 'clientCertificate', ...clientCertificateFinding(judged) });
  if (old.tls12 && !versions.some(({ version }) => version === 0x0303)) {
    const without =
      judged?.shown === true ? 'with the client certificate that was shown' : 'without a client certificate';
    const taken = old.suites.map(({ name }) => name).join(', ');
    const nothing = error === undefined || error.includes('handshakeFailure');
    const why = wantsCertificate
      ? `not ${without}`
      : nothing
        ? `with nothing that handfast has${taken === '' ? '' : ` (${taken})`}`
        : `no handshake comes to its end (${error})`;
    const summary = `TLS 1.2 is answered, but ${why}: its suites of today were not asked about`;
    findings.push({ section, check: 'tls12Suites', verdict: 'unknown', summary });
  }
  return findings;
}

/** Of TLS 1.3, which may be spoken with nothing that the engine has. */
function tls13Finding(
  spoken: boolean,
  { groups, cipherSuites: suites, own }: Foreign13,
  error: string | undefined,
): Omit<Finding, 'section' | 'check'> {
  if (spoken) return { verdict: 'good', summary: 'TLS 1.3 is spoken' };
  if (own) return { verdict: 'bad', summary: `TLS 1.3 is spoken, but no handshake comes to its end: ${error}` };
  const taken = [...groups, ...suites].join(', ');
  const summary =
    taken === ''
      ? 'TLS 1.3 is not spoken: handshakes take a round trip more, and show certificates to listeners'
      : `TLS 1.3 is spoken, but with no suite and group that handfast has (few clients have what it takes: ${taken}): what is behind it was not looked at`;
  return { verdict: 'weak', summary };
}

function rareFinding(in13: readonly string[], old: OldProtocols): Finding[] {
  const names = [...in13, ...old.suites.filter(({ fault }) => fault === 'rare').map(({ name }) => name)];
  if (names.length === 0) return [];
  const summary = `few clients have what is taken here too: ${names.join(', ')}`;
  return [{ section: 'versions', check: 'rare', verdict: 'info', summary }];
}

function isForward({ fault, name }: OldProtocols['suites'][number]): boolean {
  return fault === 'rare' || (fault === 'finiteField' && !name.includes('_CBC_'));
}

const oldNames: Readonly<Record<number, string>> = { 768: 'SSL 3.0', 769: 'TLS 1.0', 770: 'TLS 1.1' };

const suiteFaults = [
  ['noEncryption', 'suites without encryption are allowed', 'whoever listens reads everything'],
  ['anonymous', 'suites without a certificate are allowed', 'whoever is in the middle can be the server'],
  ['export', 'export suites are allowed', 'their keys of 40 bits are found in minutes'],
  ['brokenCipher', 'broken ciphers are allowed', 'RC4, DES and 3DES give plaintext away (RFC 7465, Sweet32)'],
] as const;

function oldFindings(old: OldProtocols): Finding[] {
  const section = 'versions';
  const findings: Finding[] = [];
  if (old.versions.length > 0) {
    const names = old.versions.map((version) => oldNames[version]).join(', ');
    const summary = `${names} must not be spoken any more (RFC 8996, RFC 7568)`;
    findings.push({ section, check: 'oldVersions', verdict: 'bad', summary });
  }
  for (const [fault, what, why] of suiteFaults) {
    const names = old.suites.filter((suite) => suite.fault === fault).map(({ name }) => name);
    if (names.length === 0) continue;
    findings.push({ section, check: fault, verdict: 'bad', summary: `${what} (${names.join(', ')}): ${why}` });
  }
  if (old.primeBits !== undefined && old.primeBits < 2048) {
    const summary = `Diffie-Hellman with a prime of ${old.primeBits} bits: 2048 are the least (Logjam, RFC 9325)`;
    findings.push({ section, check: 'smallPrime', verdict: 'bad', summary });
  }
  if (old.sha1Signature) {
    const summary =
      'the key exchange is signed with SHA-1 where a client asks for it: collisions can be made (RFC 9155)';
    findings.push({ section, check: 'sha1Signature', verdict: 'weak', summary });
  }
  if (old.secureRenegotiation === false) {
    const summary = 'no secure renegotiation (RFC 5746): data can be put before that of a client, and clients refuse';
    findings.push({ section, check: 'secureRenegotiation', verdict: 'bad', summary });
  }
  return findings;
}

function extensionFindings(versions: readonly VersionSurvey[], alpn: readonly string[]): Finding[] {
  const stapled = versions.some(({ info }) => info.ocspResponse !== undefined);
  return [
    {
      section: 'extensions',
      check: 'alpn',
      verdict: 'info',
      summary: alpn.length === 0 ? 'ALPN: none of h2, http/1.1' : `ALPN: ${alpn.join(', ')}`,
    },
    ...(stapled
      ? []
      : [{ section: 'extensions', check: 'ocsp', verdict: 'info', summary: 'no OCSP answer is stapled' } as const]),
  ];
}

function judgeCertificate(
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
  const chain = shown.flatMap((der) => {
    try {
      return [parseCertificate(der)];
    } catch {
      return [];
    }
  });
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
  const [leaf, issuer] = chain;
  if (leaf === undefined) return { findings, chain };
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
