import { generateKeyPairSync } from 'node:crypto';

export interface DerPair {
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  /** PKCS#8. */
  readonly privateKey: Uint8Array;
}

/** A key pair in DER, encoded while it is generated: `export()` of a fresh KeyObject can deadlock on Node 20. */
export function generateDer(type: string, options: object): DerPair {
  const generate = generateKeyPairSync as unknown as (type: string, options: object) => DerPair;
  return generate(type, {
    ...options,
    publicKeyEncoding: { format: 'der', type: 'spki' },
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
  });
}
