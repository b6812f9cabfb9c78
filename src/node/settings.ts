/**
 * What programs may change about the whole module: `DEFAULT_*` and the default authorities. They live on the exported
 * object, as in Node; `register` points at Node's own object instead.
 */
import { readFileSync } from 'node:fs';
import type { checkServerIdentity } from 'node:tls';
import { rootCertificates } from 'node:tls';
import { decodePem } from '../bytes/pem.ts';
import type { HandfastContextOptions, SecureContextObject } from './secure-context.ts';

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

/** What a command line flag says (`--tls-min-v1.3`), on the command line or in NODE_OPTIONS. */
function flag(name: string): boolean {
  return process.execArgv.includes(name) || (process.env['NODE_OPTIONS'] ?? '').split(/\s+/).includes(name);
}

function flagValue(name: string): string | undefined {
  const words = [...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/), ...process.execArgv];
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
const cipherDefault =
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

let bundled: Uint8Array[] | undefined;
let replaced: Uint8Array[] | undefined;

function der(pem: string): Uint8Array[] {
  return decodePem(pem)
    .filter(({ label }) => label.endsWith('CERTIFICATE'))
    .map(({ bytes }) => bytes);
}

/** The certificates of NODE_EXTRA_CA_CERTS; a file that can't be read is a warning, as in Node. */
function extraCa(): Uint8Array[] {
  const file = process.env['NODE_EXTRA_CA_CERTS'];
  if (!file) return [];
  try {
    return der(readFileSync(file, 'latin1'));
  } catch (error) {
    process.emitWarning(`Ignoring extra certs from \`${file}\`, load failed: ${(error as Error).message}`);
    return [];
  }
}

export const settings = {
  /** The object whose `DEFAULT_*` and `checkServerIdentity` programs see and write. */
  exports: undefined as unknown as WritableSettings,

  /** The object of `handfast/https`, or Node's own after `register`. */
  https: undefined as unknown as { globalAgent: unknown },

  /** DER of the default authorities: Node's bundle with NODE_EXTRA_CA_CERTS, or what `setDefaultCACertificates` gave. */
  defaultCa(): Uint8Array[] {
    if (replaced !== undefined) return replaced;
    bundled ??= [...rootCertificates.flatMap(der), ...extraCa()];
    return bundled;
  },

  /** DER of the extra authorities alone. */
  extraCa,

  replaceDefaultCa(certificates: Uint8Array[]): void {
    replaced = certificates;
  },
};
