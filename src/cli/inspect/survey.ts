import { type AuditCrypto, type Endpoint, foreign13, oldProtocols, type Probe, probe } from '../../audit/index.ts';
import { cipherSuite, cipherSuites } from '../../crypto/cipher-suites.ts';
import { namedGroups } from '../../crypto/named-groups.ts';
import type { ClientOptions, ConnectionInfo, GroupName } from '../../index.ts';
import type { Certificate, TrustAnchors } from '../../pki/index.ts';
import { judgeCertificate } from './certificate.ts';
import type { Finding, VersionSurvey } from './finding.ts';
import { clientCertificateFindings, type JudgedClient, versionFindings } from './versions.ts';

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

async function judgedClient(options: SurveyOptions, version: 0x0303 | 0x0304): Promise<JudgedClient> {
  const { client, crypto, endpoint, timeoutMs } = options;
  const seen = await probe(endpoint, {
    crypto,
    timeoutMs,
    client: { ...client, ...range(version), groups: allGroups },
  });
  return { shown: (client?.credentials ?? []).length > 0, endedBy: seen.endedBy };
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
