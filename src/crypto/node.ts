import { createAead, createCbc } from './node-cipher.ts';
import { hash, hmac, prepareHmac, random } from './node-hash.ts';
import { keyExchanges } from './node-key-exchange.ts';
import { importPrivateKey, importPublicKey } from './node-keys.ts';
import { type MlKem, mlKem } from './node-ml-kem.ts';
import type { CryptoProvider } from './provider.ts';

/** Faster implementations that a program brings along. */
export interface NodeCryptoOptions {
  /**
   * ML-KEM to use in place of the built-in ones, e.g. a WebAssembly build on Node 20 and 22. `undefined` for a
   * parameter set means the built-in one. See docs/decisions/0002-ml-kem.md.
   */
  readonly mlKem?: (parameters: 768 | 1024) => MlKem | undefined;
}

/**
 * The cryptography of `node:crypto` (OpenSSL). What the running version lacks is filled in (ML-KEM) or reported as
 * unsupported (ML-DSA). One provider serves any number of connections.
 */
export function createNodeCrypto(options: NodeCryptoOptions = {}): CryptoProvider {
  const keyExchange = keyExchanges((parameters) => options.mlKem?.(parameters) ?? mlKem(parameters));
  return {
    name: 'node:crypto',
    random,
    hash,
    hmac,
    prepareHmac,
    createAead,
    createCbc,
    keyExchange,
    importPublicKey,
    importPrivateKey,
  };
}
