/** `handfast/ca`: a certificate authority in a folder. */
export {
  type Authority,
  type IssuedCertificate,
  type IssueOptions,
  type Issuer,
  type PublishedCrl,
  serialOf,
} from './authority.ts';
export type { CaErrorCode } from './error.ts';
export { type IssueRecord, type Revocation, type RevocationReason, revocationReasons } from './log.ts';
export { privateNames } from './names.ts';
export { type Profile, standardProfiles } from './profiles.ts';
export { maxOcspRequest, type PublishRequest, type PublishResponse, publishedResponse } from './publish.ts';
export { type Signer, signatureAlgorithmOf } from './signer.ts';
export { type AuthorityEnd, authorityEnd, putAsideAuthority } from './storage/ending.ts';
export {
  type CreateOptions,
  checkLog,
  createAuthority,
  type OpenOptions,
  openAuthority,
  openOrCreateAuthority,
  renewIntermediate,
} from './storage/folder.ts';
export type { JournalHead } from './storage/journal.ts';
export type { NewKeyType } from './storage/keys.ts';
export { type DoctorOptions, diagnose, type Finding } from './stores/doctor.ts';
export { type Host, type RunResult, thisHost } from './stores/host.ts';
export type { RootToTrust, TrustStore } from './stores/store.ts';
export {
  findTrustedRoots,
  findTrustStores,
  type TrustedRoot,
  type TrustOptions,
  type TrustOutcome,
  trustLines,
  trustRoot,
  untrustRoot,
} from './stores/trust.ts';
