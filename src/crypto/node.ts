import { createAead, createCbc } from './node-cipher.ts';
import { hash, hmac, prepareHmac, random } from './node-hash.ts';
import { keyExchange } from './node-key-exchange.ts';
import { importPrivateKey, importPublicKey } from './node-keys.ts';
import type { CryptoProvider } from './provider.ts';

/**
 * The cryptography of `node:crypto` (OpenSSL). What the running version lacks is filled in (ML-KEM) or reported as
 * unsupported (ML-DSA). The provider has no state of its own: one serves any number of connections.
 */
export function createNodeCrypto(): CryptoProvider {
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
