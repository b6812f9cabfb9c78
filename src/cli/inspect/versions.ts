import type { Foreign13, OldProtocols } from '../../audit/index.ts';
import type { Finding, VersionSurvey } from './finding.ts';

/** What the versions, suites and groups of a server say. @param error13 why there is no handshake in TLS 1.3. */
export function versionFindings(
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
export interface JudgedClient {
  readonly shown: boolean;
  readonly endedBy: string | undefined;
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

/** What a server does with clients whose certificates it asks for. */
export function clientCertificateFindings(
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
