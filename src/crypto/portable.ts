import { callable, checkOptions, type Rules } from '../bytes/check.ts';
import { ConfigError } from '../errors.ts';
import { keyExchanges } from './key-exchange.ts';
import { type MlKem, portableMlKem } from './ml-kem.ts';
import { createAead, createCbc } from './portable-cipher.ts';
import { hash, hmac, prepareHmac, random } from './portable-hash.ts';
import { diffieHellmanFunctions } from './portable-key-exchange.ts';
import { importPublicKey } from './portable-keys.ts';
import { importPrivateKey } from './portable-private-keys.ts';
import type { CryptoProvider } from './provider.ts';

/** Faster implementations that a program brings along. */
export interface PortableCryptoOptions {
  /** ML-KEM to use in place of the built-in one, e.g. a WebAssembly build; see `createNodeCrypto`. */
  readonly mlKem?: (parameters: 768 | 1024) => MlKem | undefined;
}

const rules: Rules<PortableCryptoOptions> = { mlKem: callable };

/**
 * Cryptography in JavaScript, for where there is no `node:crypto`: a browser tab, a Web Worker, an edge Worker. All of
 * it is synchronous; random bytes come from `crypto.getRandomValues`. RSA verifies and never signs: see
 * `webCryptoSigner`. What it costs, and what of it is not constant in time: docs/portable.md.
 *
 * Throws {@link ConfigError} `ERR_TLS_NO_RANDOM` where the runtime has no `crypto.getRandomValues`.
 */
export function createPortableCrypto(options: PortableCryptoOptions = {}): CryptoProvider {
  checkOptions(options, 'the options of createPortableCrypto', rules);
  if (typeof globalThis.crypto?.getRandomValues !== 'function') {
    const problem = 'this runtime has no crypto.getRandomValues: without strong random bytes there is no TLS';
    throw new ConfigError(problem, { code: 'ERR_TLS_NO_RANDOM' });
  }
  return {
    name: 'portable',
    // Beside what it costs: AES in JavaScript works by tables, whose timing tells of the key where caches are shared.
    preferredAead: 'chacha20poly1305',
    random,
    hash,
    hmac,
    prepareHmac,
    createAead,
    createCbc,
    keyExchange: keyExchanges(
      diffieHellmanFunctions,
      (parameters) => options.mlKem?.(parameters) ?? portableMlKem(parameters),
    ),
    importPublicKey,
    importPrivateKey,
  };
}
