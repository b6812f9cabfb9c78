/**
 * `handfast/pki/node`: what `handfast/pki` is given in Node: cryptography, the trusted roots of this machine, and the
 * primitives for encrypted key files.
 */
export { createNodeCrypto } from '../crypto/node.ts';
export { createKeyFileCrypto } from '../crypto/node-key-files.ts';
export {
  bundledRoots,
  loadTrustStore,
  type NativeAccess,
  type RootSource,
  type TrustStoreOptions,
} from './context/trust-store.ts';
