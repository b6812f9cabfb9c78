/** A key of Node as the signer that the handshake asks. */
import { constants, type KeyObject, sign as signWith } from 'node:crypto';
import { createNodeCrypto } from '../../crypto/node.ts';
import type { CryptoProvider, PrivateKey, SignatureAlgorithm } from '../../crypto/provider.ts';
import { schemesForKey, signatureScheme } from '../../crypto/signature-schemes.ts';
import { localSigner } from '../../engine/signer.ts';
import { ConfigError } from '../../errors.ts';
import type { Signer } from './engine-types.ts';

let provider: CryptoProvider | undefined;

/** The cryptography of this process: one provider for all connections. */
export function nodeCrypto(): CryptoProvider {
  provider ??= createNodeCrypto();
  return provider;
}

/**
 * A signer for a key. For a public key its `sign` throws: the caller puts its own in that place.
 *
 * @param inThreadPool signs off the main thread; the answer is a promise then.
 */
export function createSigner(key: KeyObject, inThreadPool = false): Signer {
  if (key.type === 'public') return withoutKey(key);
  const signer = localSigner(importKey(key));
  if (!inThreadPool) return signer;
  return { ...signer, sign: (code, data) => signLater(key, code, data) };
}

/** A private key of Node as the engine's. */
export function importKey(key: KeyObject): PrivateKey {
  return nodeCrypto().importPrivateKey(key.export({ format: 'der', type: 'pkcs8' }));
}

function withoutKey(key: KeyObject): Signer {
  const { type, bits } = nodeCrypto().importPublicKey(key.export({ format: 'der', type: 'spki' }));
  return {
    keyType: type,
    schemes: [...new Set([...schemesForKey(type, bits, 0x0304), ...schemesForKey(type, bits, 0x0303)])],
    sign() {
      throw new ConfigError('this credential has no private key');
    },
  };
}

function signLater(key: KeyObject, code: number, data: Uint8Array): Promise<Uint8Array> {
  const algorithm = signatureScheme(code)?.algorithm;
  if (algorithm === undefined) throw new ConfigError(`the signature scheme 0x${code.toString(16)} is not known`);
  return new Promise((resolve, reject) => {
    signWith(hashOf(algorithm), data, { key, ...paddingOf(algorithm) }, (error, signature) =>
      error === null ? resolve(new Uint8Array(signature)) : reject(error),
    );
  });
}

function hashOf(algorithm: SignatureAlgorithm): string | null {
  return 'hash' in algorithm ? algorithm.hash : null;
}

function paddingOf(algorithm: SignatureAlgorithm): { padding?: number; saltLength?: number } {
  if (algorithm.kind === 'rsaPkcs1') return { padding: constants.RSA_PKCS1_PADDING };
  if (algorithm.kind === 'rsaPss')
    return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: algorithm.saltLength };
  return {};
}
