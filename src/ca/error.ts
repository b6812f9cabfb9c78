import { type ErrorCode, TlsError } from '../errors.ts';

/**
 * What can go wrong in an authority. `ERR_TLS_CA_LOG` means that the issue log was cut or changed, `ERR_TLS_CA_ENDED` that
 * nothing more is issued here: the intermediate has expired, or the root that would sign the next one has no key.
 */
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
    | 'ENDED'
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

/** What helps where an authority has ended, or soon will. */
export const endedAdvice =
  "where the root's key was kept: `handfast ca renew-intermediate`; else `handfast ca init --replace`, and then `handfast ca trust`";
