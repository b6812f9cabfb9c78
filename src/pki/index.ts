/**
 * `handfast/pki`: certificates, certificate requests, revocation lists and OCSP answers, keys in their files, and
 * the verification of chains.
 */
export { decodePem, encodePem, type PemBlock } from '../bytes/pem.ts';
export type { KeyFileCrypto, KeyFileHash, ScryptCost } from '../crypto/key-files.ts';
export { CertificateError } from '../errors.ts';
export type { PublicKeyInfo, SignatureIdentifier } from './algorithm.ts';
export {
  buildCertificate,
  type CertificateTemplate,
  type ExtensionInput,
  encodeTbsCertificate,
  extension,
  ipRange,
  type Signer,
} from './build.ts';
export {
  type AnchorLeniency,
  type Certificate,
  leafPublicKey,
  type ParseOptions,
  parseCertificate,
} from './certificate.ts';
export { type CertificateFileOptions, nameCertificate, readCertificates } from './certificate-file.ts';
export {
  buildCertificateList,
  type CertificateList,
  type CertificateListTemplate,
  type CrlReason,
  crlReasons,
  type IssuingDistributionPoint,
  parseCertificateList,
  type RevokedCertificate,
} from './crl.ts';
export { oids } from './der/oid.ts';
export {
  type AccessDescription,
  type AuthorityKeyIdentifier,
  type BasicConstraints,
  type DecodedExtensions,
  type DistributionPoint,
  type Extension,
  keyUsageBits,
  type NameConstraints,
  type PolicyConstraints,
} from './extensions.ts';
export { formatGeneralName, type GeneralName, hostGeneralName } from './general-name.ts';
export { formatIp, parseIp } from './ip.ts';
export { commonName, encodeName, formatName, type NameAttribute, type NameInput, nameAttributes } from './name.ts';
export {
  type BasicOcspResponse,
  buildOcspResponse,
  type CertId,
  type CertStatus,
  certIdMatches,
  encodeCertId,
  encodeOcspError,
  encodeOcspRequest,
  type OcspRequest,
  type OcspResponse,
  type OcspResponseTemplate,
  type OcspStatus,
  parseOcspRequest,
  parseOcspResponse,
  publicKeyBits,
  type SingleResponse,
} from './ocsp.ts';
export type { EncryptionChoice } from './pbes2.ts';
export {
  encodePkcs12,
  openPkcs12,
  type Pkcs12,
  type Pkcs12Entry,
  type Pkcs12Input,
  type Pkcs12Options,
} from './pkcs12.ts';
export { decodePrivateKey, encodePrivateKey, type KeyFileOptions } from './private-key.ts';
export {
  buildCertificateRequest,
  type CertificateRequest,
  type CertificateRequestTemplate,
  parseCertificateRequest,
  verifyCertificateRequest,
} from './request.ts';
export {
  createTrustAnchors,
  type TrustAnchor,
  type TrustAnchorInput,
  type TrustAnchorOptions,
  type TrustAnchors,
  trustAnchorsDigest,
} from './verify/anchors.ts';
export type { WorkLimits } from './verify/budget.ts';
export { checkHost, matchesEmail, matchesHost } from './verify/host.ts';
export { checkOcspResponse, type OcspCheck, type OcspGood } from './verify/ocsp-check.ts';
export { type CertificateProblem, certificateProblems } from './verify/problem.ts';
export type { Purpose } from './verify/profile.ts';
export type { CrlCoverage } from './verify/revocation.ts';
export {
  type CtLog,
  checkScts,
  parseSctList,
  type SctCheck,
  type SctPolicy,
  type SignedCertificateTimestamp,
} from './verify/sct.ts';
export {
  type Verdict,
  type Verified,
  type VerifyOptions,
  type VerifyPolicy,
  verifyChain,
  verifyChainOrThrow,
} from './verify/verify-chain.ts';
