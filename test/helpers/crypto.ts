/** The crypto providers that tests run over. */
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { createPortableCrypto } from '../../src/crypto/portable.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { ConfigError } from '../../src/errors.ts';

/** That of OpenSSL first. */
export const providers: readonly CryptoProvider[] = [createNodeCrypto(), createPortableCrypto()];

/** The portable provider, with RSA private keys from `node:crypto`: they stand for what Web Crypto signs. */
export function portableWithRsaKeys(): CryptoProvider {
  const node = createNodeCrypto();
  const portable = createPortableCrypto();
  return {
    ...portable,
    importPrivateKey(pkcs8) {
      try {
        return portable.importPrivateKey(pkcs8);
      } catch (error) {
        if (!(error instanceof ConfigError) || error.code !== 'ERR_TLS_PRIVATE_KEY_UNSUPPORTED') throw error;
        return node.importPrivateKey(pkcs8);
      }
    },
  };
}

/** `portable`, or that of this Node. */
export function cryptoNamed(name: string | undefined): CryptoProvider {
  return name === 'portable' ? portableWithRsaKeys() : createNodeCrypto();
}

/** The provider that a whole test run uses: `HANDFAST_TEST_CRYPTO=portable` for the portable one. */
export function testCrypto(): CryptoProvider {
  return cryptoNamed(process.env['HANDFAST_TEST_CRYPTO']);
}
