import { equal } from '../bytes/bytes.ts';
import { hpkeKems } from '../crypto/hpke.ts';
import type { ClientOptions } from '../engine/config.ts';
import { listEchConfig } from '../engine/ech-key.ts';
import {
  type DecodedEchConfig,
  decodeEchConfigList,
  encodeEchConfig,
  encodeEchConfigList,
  isPublicName,
} from '../wire/ech-config.ts';
import { type AuditCrypto, type Endpoint, type Probe, probe } from './probe.ts';

/** What came of a ClientHello that was encrypted under one config. */
export interface EchTrial {
  readonly config: DecodedEchConfig;
  /** `unusable`: no client of this stack can use the config (RFC 9849, Section 4.2 and 6.1). */
  readonly outcome: 'accepted' | 'rejected' | 'failed' | 'unusable';
  /** Why it failed. */
  readonly error: string | undefined;
}

/** What the server shows to a client whose config is out of date (RFC 9849, Section 6.1.6). */
export interface EchFallback {
  readonly publicName: string;
  /** DER, leaf first: what has to be valid for the public name. Empty where the handshake did not come so far. */
  readonly chain: readonly Uint8Array[];
  /** Whether it named the configs that a client should use. */
  readonly retryConfigs: boolean;
}

/** What a server has of Encrypted Client Hello. */
export interface EchAudit {
  /** Why there is no handshake with the extension, where there is one without it. */
  readonly greaseError: string | undefined;
  /** The configs that the server names to a client that has none; `undefined` where it names none. */
  readonly retryConfigs: Uint8Array | undefined;
  readonly configs: readonly DecodedEchConfig[];
  /** Each config of `retryConfigs`, then each that was asked about and is not among them. */
  readonly trials: readonly EchTrial[];
  /** One for each public name. */
  readonly fallbacks: readonly EchFallback[];
}

export interface EchAuditOptions {
  readonly crypto: AuditCrypto;
  readonly client?: Partial<ClientOptions>;
  readonly timeoutMs?: number | undefined;
  /** An ECHConfigList to try as well: what stands in the HTTPS record of the name (RFC 9848). */
  readonly published?: Uint8Array | undefined;
}

/** Of one list; longer ones are not tried to their end. */
const mostTrials = 8;

/**
 * Asks a server for Encrypted Client Hello (RFC 9849): by GREASE, which a server with keys answers with its configs; by a
 * hello under each of these configs; and by one under a key that nobody has, as of a client whose DNS answer is out of
 * date. Throws `decode_error` where `published` is no list; never for what a server does.
 */
export async function auditEch(endpoint: Endpoint, options: EchAuditOptions): Promise<EchAudit> {
  const published = options.published === undefined ? [] : decodeEchConfigList(options.published);
  const greased = await ask(endpoint, options, { grease: true });
  // What is refused without the extension too is refused for another reason.
  const isRefused = greased.error !== undefined && (await ask(endpoint, options, {})).error === undefined;
  const retryConfigs = greased.echRetryConfigs;
  const configs = retryConfigs === undefined ? [] : decodeEchConfigList(retryConfigs);
  const more = published.filter(({ raw }) => !configs.some((other) => equal(raw, other.raw)));
  const trials: EchTrial[] = [];
  for (const config of [...configs.slice(0, mostTrials), ...more.slice(0, mostTrials)])
    trials.push(await tryConfig(endpoint, options, config));
  const fallbacks: EchFallback[] = [];
  for (const config of new Map(trials.map((trial) => [trial.config.publicName, trial.config])).values())
    if (isPublicName(config.publicName)) fallbacks.push(await fallBack(endpoint, options, config));
  return { greaseError: isRefused ? greased.error : undefined, retryConfigs, configs, trials, fallbacks };
}

function ask(
  endpoint: Endpoint,
  { crypto, client, timeoutMs }: EchAuditOptions,
  ech: ClientOptions['ech'] & object,
  more: Partial<ClientOptions> = {},
): Promise<Probe> {
  const range = { minVersion: 0x0304, maxVersion: 0x0304 } as const;
  return probe(endpoint, { crypto, timeoutMs, ticketWaitMs: 1, client: { ...client, ...range, ...more, ech } });
}

async function tryConfig(endpoint: Endpoint, options: EchAuditOptions, config: DecodedEchConfig): Promise<EchTrial> {
  const configList = encodeEchConfigList([config.raw]);
  let done: Probe;
  try {
    done = await ask(endpoint, options, { configList });
  } catch (error) {
    return { config, outcome: 'unusable', error: (error as Error).message };
  }
  if (done.info !== undefined) return { config, outcome: 'accepted', error: undefined };
  return { config, outcome: done.echRejected ? 'rejected' : 'failed', error: done.error };
}

/** A client whose config has the right public name, and a key that the server does not have. */
async function fallBack(
  endpoint: Endpoint,
  options: EchAuditOptions,
  { configId, publicName }: DecodedEchConfig,
): Promise<EchFallback> {
  const pair = options.crypto.keyExchange('x25519')?.generate();
  const config = encodeEchConfig({
    // Not the number of the server's key: it has no key to try then.
    configId: configId ^ 0x80,
    kem: hpkeKems.x25519,
    publicKey: pair?.share ?? options.crypto.random(32),
    cipherSuites: [{ kdf: 1, aead: 1 }],
    maximumNameLength: 0,
    publicName,
  });
  pair?.destroy();
  let chain: readonly Uint8Array[] = [];
  const { echRetryConfigs } = await ask(
    endpoint,
    options,
    { configList: listEchConfig(config) },
    {
      verifyPeer: (peer) => {
        chain = peer.chain;
        return undefined;
      },
    },
  );
  return { publicName, chain, retryConfigs: echRetryConfigs !== undefined };
}
