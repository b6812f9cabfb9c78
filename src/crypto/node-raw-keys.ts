import type { KeyObject } from 'node:crypto';
import * as nodeCrypto from 'node:crypto';

/** What Node 24 adds to `node:crypto`, and the types of Node 20 do not know: public keys as their bare bytes. */
export interface RawKeyFunctions {
  generateKeyPairSync(
    type: string,
    options: { publicKeyEncoding: { format: 'raw-public' } },
  ): { publicKey: Uint8Array; privateKey: KeyObject };
  createPublicKey(key: { key: Uint8Array; format: 'raw-public'; asymmetricKeyType: string }): KeyObject;
}

let known: RawKeyFunctions | null | undefined;

/** The functions for bare public keys, or `undefined` where this runtime lacks them. Found out on first use. */
export function rawKeyFunctions(): RawKeyFunctions | undefined {
  if (known === undefined) {
    const functions = nodeCrypto as unknown as RawKeyFunctions;
    try {
      const format = 'raw-public';
      const { publicKey } = functions.generateKeyPairSync('x25519', { publicKeyEncoding: { format } });
      functions.createPublicKey({ key: publicKey, format, asymmetricKeyType: 'x25519' });
      known = publicKey.length === 32 ? functions : null;
    } catch {
      known = null;
    }
  }
  return known ?? undefined;
}
