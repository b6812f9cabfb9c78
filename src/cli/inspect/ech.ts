import { auditEch, type EchAudit, type EchFallback, type Endpoint } from '../../audit/index.ts';
import { hpkeAeads, hpkeKdfs, hpkeKems } from '../../crypto/hpke.ts';
import type { ClientOptions, DecodedEchConfig } from '../../index.ts';
import { verifyChain } from '../../pki/index.ts';
import type { Finding, Verdict } from './finding.ts';
import type { SurveyOptions } from './survey.ts';

/** What is found out of Encrypted Client Hello, as the report of `inspect` holds it. */
export interface EchSurvey {
  readonly findings: readonly Finding[];
  /** For `--json`. */
  readonly json: object;
}

/** The number that each config goes by, in the order of the report. */
const kemNames: Readonly<Record<number, string>> = {
  [hpkeKems.secp256r1]: 'P-256',
  17: 'P-384',
  18: 'P-521',
  [hpkeKems.x25519]: 'X25519',
  33: 'X448',
  25722: 'X-Wing',
};
const kdfNames: Readonly<Record<number, string>> = {
  [hpkeKdfs.sha256]: 'HKDF-SHA256',
  [hpkeKdfs.sha384]: 'HKDF-SHA384',
  [hpkeKdfs.sha512]: 'HKDF-SHA512',
};
const aeadNames: Readonly<Record<number, string>> = {
  [hpkeAeads.aes128gcm]: 'AES-128-GCM',
  [hpkeAeads.aes256gcm]: 'AES-256-GCM',
  [hpkeAeads.chacha20poly1305]: 'ChaCha20-Poly1305',
};

function nameOf(names: Readonly<Record<number, string>>, code: number): string {
  return names[code] ?? `0x${code.toString(16).padStart(4, '0')}`;
}

/**
 * Asks a server of TLS 1.3 for Encrypted Client Hello (RFC 9849) and judges what it has.
 *
 * @param published the ECHConfigList of the name in DNS, where it is known.
 * @param chainError why the chain that the server shows without the extension is refused.
 */
export async function surveyEch(
  options: Pick<SurveyOptions, 'endpoint' | 'name' | 'crypto' | 'anchors' | 'timeoutMs'> & {
    readonly client: Partial<ClientOptions>;
  },
  published: Uint8Array | undefined,
  chainError: string | undefined,
): Promise<EchSurvey> {
  const endpoint: Endpoint = options.endpoint;
  const { crypto, timeoutMs, client } = options;
  const audit = await auditEch(endpoint, { crypto, timeoutMs, client, published });
  const findings: Finding[] = [];
  const add = (verdict: Verdict, summary: string) =>
    findings.push({ section: 'extensions', check: 'ech', verdict, summary });

  if (audit.greaseError !== undefined)
    add(
      'bad',
      `clients that send GREASE for Encrypted Client Hello, as browsers do, are refused: ${audit.greaseError}`,
    );
  else if (audit.retryConfigs === undefined && audit.trials.every(({ outcome }) => outcome !== 'accepted'))
    add('info', 'no Encrypted Client Hello (RFC 9849): whoever watches the line sees the name that a client asks for');
  if (audit.retryConfigs !== undefined && audit.configs.length === 0)
    add('bad', 'Encrypted Client Hello: retry_configs hold no config of RFC 9849: no client of today can use them');
  for (const { config, outcome, error } of audit.trials) {
    const own = audit.configs.includes(config);
    const what = `Encrypted Client Hello, ${own ? 'config' : 'the published config'} ${describe(config)}`;
    add(...judge(what, outcome, error, own, audit));
    const { maximumNameLength } = config;
    const length = endpoint.serverName?.length ?? 0;
    if (outcome === 'accepted' && maximumNameLength > 0 && length > maximumNameLength)
      add('weak', `the name has ${length} bytes, and the config hides up to ${maximumNameLength}: its length shows`);
  }
  for (const fallback of audit.fallbacks) {
    const problem = publicNameProblem(fallback, options);
    if (problem !== undefined && problem !== chainError)
      add(
        'bad',
        `the public name ${fallback.publicName} is not proved: a client whose config is out of date cannot go on (RFC 9849, Section 6.1.6): ${problem}`,
      );
  }
  return { findings, json: echJson(audit) };
}

function judge(
  what: string,
  outcome: EchAudit['trials'][number]['outcome'],
  error: string | undefined,
  own: boolean,
  { retryConfigs }: EchAudit,
): [Verdict, string] {
  if (outcome === 'accepted') return ['good', `${what}: the name is hidden`];
  if (outcome === 'unusable') return [own ? 'weak' : 'bad', `${what}: cannot be used (${error})`];
  if (outcome === 'failed') return ['bad', `${what}: the handshake fails (${error})`];
  if (own) return ['bad', `${what}: the server names it, and cannot decrypt what is encrypted under it`];
  return retryConfigs === undefined
    ? ['bad', `${what}: the server cannot decrypt what is encrypted under it, and names no other`]
    : ['weak', `${what}: out of date, so that clients connect twice; publish what the server names`];
}

function describe({ configId, publicName, kem, cipherSuites, maximumNameLength }: DecodedEchConfig): string {
  const suites = cipherSuites.map(({ kdf, aead }) => `${nameOf(kdfNames, kdf)} with ${nameOf(aeadNames, aead)}`);
  const names = maximumNameLength === 0 ? '' : `, names up to ${maximumNameLength} bytes`;
  return `${configId} (public name ${publicName}, ${nameOf(kemNames, kem)}, ${suites.join(' or ')}${names})`;
}

function publicNameProblem(
  { publicName, chain }: EchFallback,
  { anchors, crypto }: Pick<SurveyOptions, 'anchors' | 'crypto'>,
): string | undefined {
  if (chain.length === 0) return 'there was no handshake for it';
  const verdict = verifyChain({ chain, anchors, name: publicName, now: Date.now(), crypto, profile: 'server' });
  return verdict.ok ? undefined : verdict.error.message;
}

function echJson({ retryConfigs, trials, configs, fallbacks }: EchAudit): object {
  return {
    retryConfigs: retryConfigs === undefined ? null : Buffer.from(retryConfigs).toString('base64'),
    configs: trials.map(({ config, outcome }) => ({
      source: configs.includes(config) ? 'server' : 'published',
      configId: config.configId,
      publicName: config.publicName,
      kem: nameOf(kemNames, config.kem),
      cipherSuites: config.cipherSuites.map(({ kdf, aead }) => ({
        kdf: nameOf(kdfNames, kdf),
        aead: nameOf(aeadNames, aead),
      })),
      maximumNameLength: config.maximumNameLength,
      outcome,
    })),
    publicNames: fallbacks.map(({ publicName, chain, retryConfigs: named }) => ({
      name: publicName,
      answered: chain.length > 0,
      retryConfigs: named,
    })),
  };
}
