/**
 * `handfast/pki`: certificates, certificate requests, revocation lists and OCSP answers, keys in their files, and
 * the verification of chains.
 */
export { decodePem, encodePem, type PemBlock } from '../bytes/pem.ts';
export { CertificateError } from '../errors.ts';
export type { PublicKeyInfo, SignatureIdentifier } from './algorithm.ts';
export {
  type AnchorLeniency,
  type Certificate,
  leafPublicKey,
  type ParseOptions,
  parseCertificate,
} from './certificate.ts';
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
