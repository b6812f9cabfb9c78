import { equal } from '../bytes/bytes.ts';
import type { CryptoProvider, SignatureAlgorithm } from '../crypto/provider.ts';
import { encodeSignatureAlgorithm } from '../pki/algorithm.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { derBitString, derSequence } from '../pki/der/writer.ts';
import { caError } from './error.ts';

/**
 * Reads what is about to be signed as a client will: the bytes with a stand-in for the signature go through the strict
 * parser. Throws `ERR_TLS_CA_LINT`; no key has signed anything then.
 */
export function lintBeforeSigning(crypto: CryptoProvider, tbs: Uint8Array, algorithm: SignatureAlgorithm): void {
  const draft = derSequence(tbs, encodeSignatureAlgorithm(algorithm), derBitString(crypto.random(64)));
  try {
    const certificate = parseCertificate(draft);
    if (!equal(certificate.tbs, tbs)) throw new Error('it reads differently from what was written');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw caError(
      'ERR_TLS_CA_LINT',
      `the certificate would be refused by clients, so it was not signed: ${why}`,
      error,
    );
  }
}
