/** A private key of Node as the signer that the handshake asks. */
import type { KeyObject } from 'node:crypto';
import { createNodeCrypto } from '../crypto/node.ts';
import type { CryptoProvider, KeyType } from '../crypto/provider.ts';
import { schemesForKey, signatureScheme } from '../crypto/signature-schemes.ts';
import { ConfigError } from '../errors.ts';
import type { Signer } from './engine-types.ts';

let provider: CryptoProvider | undefined;

/** The cryptography of this process: one provider for all connections. */
export function nodeCrypto(): CryptoProvider {
  provider ??= createNodeCrypto();
  return provider;
}

function allSchemes(type: KeyType, bits: number): number[] {
  return [...new Set([...schemesForKey(type, bits, 0x0304), ...schemesForKey(type, bits, 0x0303)])];
}

/** A signer for a key. For a public key its `sign` throws: the caller puts its own in that place. */
export function createSigner(key: KeyObject): Signer {
  if (key.type === 'public') {
    const { type, bits } = nodeCrypto().importPublicKey(key.export({ format: 'der', type: 'spki' }));
    return {
      keyType: type,
      schemes: allSchemes(type, bits),
      sign() {
        throw new ConfigError('this credential has no private key');
      },
    };
  }
  const privateKey = nodeCrypto().importPrivateKey(key.export({ format: 'der', type: 'pkcs8' }));
  return {
    keyType: privateKey.type,
    schemes: allSchemes(privateKey.type, privateKey.bits),
    sign(code, data) {
      const scheme = signatureScheme(code);
      if (scheme === undefined) throw new ConfigError(`the signature scheme 0x${code.toString(16)} is not known`);
      return privateKey.sign(scheme.algorithm, data);
    },
    decryptRaw: (ciphertext) => privateKey.decryptRaw(ciphertext),
  };
}
