/** `handfast/acme`: an ACME server (RFC 8555) over an authority of `handfast/ca`. */
export { certificateId } from './certificates.ts';
export type { AcmeLimits, ExternalAccounts } from './context.ts';
export { type AcmeListener, acmeListener, publishListener, type RequestListener } from './http.ts';
export { AcmeProblem, type ProblemDocument, type ProblemType } from './problem.ts';
export type { AcmeRequest, AcmeResponse } from './request.ts';
export { type AcmeService, type AcmeServiceOptions, openAcmeService } from './service.ts';
export type { ChallengeType, Identifier } from './state.ts';
export {
  type AcmeResolver,
  networkValidators,
  systemResolver,
  type ValidationInput,
  type Validator,
  type ValidatorOptions,
} from './validators.ts';
