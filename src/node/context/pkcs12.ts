/** PKCS#12 files as `pfx` takes them: a certificate chain with its key, and Node's words where one can't be opened. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createKeyFileCrypto } from '../../crypto/node-key-files.ts';
import { CertificateError, ConfigError } from '../../errors.ts';
import { openPkcs12, type Pkcs12 } from '../../pki/pkcs12.ts';
import { nodeError } from '../base/node-errors.ts';

export interface OpenedPfx {
  readonly key: KeyObject;
  /** DER, the certificate of the key first. */
  readonly chain: Uint8Array[];
}

/** Opens a file in DER, as `tls.createSecureContext({ pfx, passphrase })` does. Throws with Node's codes. */
export function openPfx(file: Uint8Array, passphrase: string | undefined): OpenedPfx {
  const { keys, certificates } = opened(file, passphrase ?? '');
  const first = keys[0];
  if (first === undefined) throw operationFailed('Unable to load private key from PFX data');
  const key = createPrivateKey({ key: Buffer.from(first.der), format: 'der', type: 'pkcs8' });
  const chain = certificates.map(({ der }) => der.slice());
  const leaf = chain.find((der) => new X509Certificate(der).checkPrivateKey(key));
  if (leaf === undefined) throw operationFailed('Unable to load PFX certificate');
  return { key, chain: [leaf, ...chain.filter((der) => der !== leaf)] };
}

function opened(file: Uint8Array, passphrase: string): Pkcs12 {
  try {
    return openPkcs12(file, passphrase, createKeyFileCrypto(), { allowUnauthenticated: true });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (error.code === 'ERR_TLS_PASSPHRASE') throw operationFailed('mac verify failure', error);
    if (error.cause instanceof CertificateError) throw operationFailed('Unable to load PFX certificate', error);
    throw nodeError('ERR_CRYPTO_UNSUPPORTED_OPERATION', 'Unsupported PKCS12 PFX data', Error, error);
  }
}

function operationFailed(message: string, cause?: unknown): Error {
  return nodeError('ERR_CRYPTO_OPERATION_FAILED', message, Error, cause);
}
