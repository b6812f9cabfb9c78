import { type ErrorCode, TlsError } from '../errors.ts';

/** What can go wrong in an authority. `ERR_TLS_CA_LOG` means that the issue log was cut or changed. */
export type CaErrorCode = ErrorCode &
  `ERR_TLS_CA_${
    | 'CONFIG'
    | 'EXISTS'
    | 'MISSING'
    | 'LOCKED'
    | 'STORAGE'
    | 'LOG'
    | 'KEY'
    | 'PASSPHRASE'
    | 'PROFILE'
    | 'NAME'
    | 'LIFETIME'
    | 'CSR'
    | 'LINT'
    | 'SERIAL'
    | 'REVOKED'
    | 'SIGNER'
    | 'TRUST'}`;

/** An error of the authority: nothing of it ever reaches a TLS peer but `internal_error`. */
export function caError(code: CaErrorCode, message: string, cause?: unknown): TlsError {
  return new TlsError(code, 'internalError', message, cause === undefined ? {} : { cause });
}
