/**
 * What programs may change about the whole module: `DEFAULT_*`. They live on the exported object, as in Node; `register`
 * points at Node's own object instead.
 */
import type { checkServerIdentity } from 'node:tls';
import type { HandfastContextOptions, SecureContextObject } from './secure-context.ts';

/** Where versions of Node differ, Handfast does what the one does that runs. */
export const nodeMajor: number = Number.parseInt(process.versions.node, 10);

/** The writable part of the module object. */
export interface WritableSettings {
  DEFAULT_CIPHERS: string;
  DEFAULT_ECDH_CURVE: string;
  DEFAULT_MIN_VERSION: string;
  DEFAULT_MAX_VERSION: string;
  CLIENT_RENEG_LIMIT: number;
  CLIENT_RENEG_WINDOW: number;
  checkServerIdentity: typeof checkServerIdentity;
  createSecureContext: (options?: HandfastContextOptions) => SecureContextObject;
}

/** Node's flags: those of NODE_OPTIONS first, since the command line overrules them. */
function flagWords(): string[] {
  return [...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/), ...process.execArgv];
}

/** Whether a flag (`--tls-min-v1.3`) is on the command line or in NODE_OPTIONS. */
function flag(name: string): boolean {
  return flagWords().includes(name);
}

/** Which of these flags was given last. */
export function lastFlag(...names: readonly string[]): string | undefined {
  return flagWords().findLast((word) => names.includes(word));
}

function flagValue(name: string): string | undefined {
  const words = flagWords();
  for (let i = words.length - 1; i >= 0; i--) {
    if (words[i]!.startsWith(`${name}=`)) return words[i]!.slice(name.length + 1);
    if (words[i] === name) return words[i + 1];
  }
  return undefined;
}

/**
 * Node's list without what a stack of today does not do unasked: static RSA, CBC and finite-field suites (RFC 10015). A
 * program that needs an old peer names its suites in `ciphers`, as in Node.
 */
export const cipherDefault =
  'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:' +
  'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:' +
  'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305';

export const defaults = {
  DEFAULT_CIPHERS: flagValue('--tls-cipher-list') ?? cipherDefault,
  DEFAULT_ECDH_CURVE: 'auto',
  DEFAULT_MIN_VERSION: flag('--tls-min-v1.0')
    ? 'TLSv1'
    : flag('--tls-min-v1.1')
      ? 'TLSv1.1'
      : flag('--tls-min-v1.3') && !flag('--tls-min-v1.2')
        ? 'TLSv1.3'
        : 'TLSv1.2',
  DEFAULT_MAX_VERSION: flag('--tls-max-v1.2') && !flag('--tls-max-v1.3') ? 'TLSv1.2' : 'TLSv1.3',
  CLIENT_RENEG_LIMIT: 3,
  CLIENT_RENEG_WINDOW: 600,
} as const;

export const settings = {
  /** The object whose `DEFAULT_*` and `checkServerIdentity` programs see and write. */
  exports: undefined as unknown as WritableSettings,

  /** The object of `handfast/https`, or Node's own after `register`. */
  https: undefined as unknown as { globalAgent: unknown },
};
