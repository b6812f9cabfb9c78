import { callable, checkOptions, flag, type Rules } from '../bytes/check.ts';
import { keyExchanges } from './key-exchange.ts';
import type { MlKem } from './ml-kem.ts';
import { type Accelerator, accelerator } from './node-accelerator.ts';
import { createAead, createCbc, missingAeads } from './node-cipher.ts';
import { hash, hmac, prepareHmac, random } from './node-hash.ts';
import { opensslFunctions } from './node-key-exchange.ts';
import { importPrivateKey, importPublicKey } from './node-keys.ts';
import { mlKem } from './node-ml-kem.ts';
import type { Aead, AeadName, CryptoProvider } from './provider.ts';

/** Faster implementations that a program brings along. */
export interface NodeCryptoOptions {
  /**
   * ML-KEM to use in place of the built-in ones, e.g. a WebAssembly build on Node 20 and 22. `undefined` for a
   * parameter set means the built-in one. See docs/decisions/0002-ml-kem.md.
   */
  readonly mlKem?: (parameters: 768 | 1024) => MlKem | undefined;
  /**
   * Whether to use native code beside OpenSSL that the program has installed: `sodium-native`, for X25519 and
   * ChaCha20-Poly1305. Default: yes, unless the environment says `HANDFAST_ACCELERATOR=off`. See
   * docs/decisions/0010-accelerator.md.
   */
  readonly accelerator?: boolean;
}

const rules: Rules<NodeCryptoOptions> = { mlKem: callable, accelerator: flag };

/**
 * The cryptography of `node:crypto` (OpenSSL). What the running version lacks is filled in (ML-KEM) or reported as
 * unsupported (ML-DSA). One provider serves any number of connections.
 */
export function createNodeCrypto(options: NodeCryptoOptions = {}): CryptoProvider {
  checkOptions(options, 'the options of createNodeCrypto', rules);
  const native = (options.accelerator ?? true) ? accelerator() : undefined;
  const keyExchange = keyExchanges(
    native === undefined ? opensslFunctions : { ...opensslFunctions, x25519: native.x25519 },
    (parameters) => options.mlKem?.(parameters) ?? mlKem(parameters),
  );
  return {
    name: native === undefined ? 'node:crypto' : `node:crypto, ${native.name}`,
    preferredAead: native && 'chacha20poly1305',
    missingAeads: native === undefined ? missingAeads() : undefined,
    random,
    hash,
    hmac,
    prepareHmac,
    createAead: native === undefined ? createAead : aeadsWith(native),
    createCbc,
    keyExchange,
    importPublicKey,
    importPrivateKey,
  };
}

function aeadsWith(native: Accelerator): (name: AeadName, key: Uint8Array) => Aead {
  return (name, key) => (name === 'chacha20poly1305' ? native.createChaCha20Poly1305(key) : createAead(name, key));
}
