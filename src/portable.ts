/** `handfast/portable`: the cryptography of the engine in JavaScript, and signatures by Web Crypto. See docs/portable.md. */
export type { MlKem } from './crypto/ml-kem.ts';
export { createPortableCrypto, type PortableCryptoOptions } from './crypto/portable.ts';
export { type WebCryptoKey, webCryptoSigner } from './engine/web-crypto-signer.ts';
