import { ConfigError } from '../errors.ts';

/** Iterations of a key derivation that a file may ask for: some seconds of work. */
export const maxIterations = 10_000_000;

/** A key file that can't be used: `ERR_TLS_KEY_FILE`. */
export function keyFileError(message: string, cause?: unknown): ConfigError {
  return new ConfigError(message, { code: 'ERR_TLS_KEY_FILE', cause });
}

/** A passphrase that doesn't open the file: `ERR_TLS_PASSPHRASE`. */
export function passphraseError(message: string): ConfigError {
  return new ConfigError(message, { code: 'ERR_TLS_PASSPHRASE' });
}
