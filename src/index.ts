/** `handfast`: the TLS engine without I/O, for any runtime. */
export { defaultCipherSuites, pskCipherSuites } from './crypto/cipher-suites.ts';
export type { CryptoProvider, GroupName, PrivateKey, PublicKey } from './crypto/provider.ts';
export { ClientConnection } from './engine/client-connection.ts';
export {
  type Awaitable,
  type CertificateCompression,
  type CertificateType,
  type ChosenPsk,
  type ClientEchOptions,
  type ClientHelloInfo,
  type ClientOptions,
  type CommonOptions,
  type Credential,
  type CredentialQuery,
  defaultLimits,
  type EchKey,
  type ExternalPsk,
  type HostRequest,
  type Limits,
  type PeerCertificates,
  type PskQuery,
  type ServerOptions,
  type ServerPskOptions,
  type Signer,
  type TraceEvent,
  type VerifiedPeer,
  type VerifyPeer,
} from './engine/config.ts';
export type { Connection, Progress } from './engine/connection.ts';
export type { ConnectionInfo } from './engine/connection-info.ts';
export { createDelegatedCredential, delegatedCredential, type NewDelegation } from './engine/delegated-credential.ts';
export { drive } from './engine/driver.ts';
export { createEchKey, type NewEchKey } from './engine/ech-key.ts';
export { clientHost, type Host, serverHost } from './engine/host.ts';
export { ServerConnection } from './engine/server-connection.ts';
export { localSigner } from './engine/signer.ts';
export {
  type AlertName,
  AlertReceivedError,
  alertCodes,
  CertificateError,
  ConfigError,
  EchRejectedError,
  type ErrorCode,
  PeerError,
  TlsError,
} from './errors.ts';
export { type DecodedEchConfig, decodeEchConfigList, type EchConfig, encodeEchConfigList } from './wire/ech-config.ts';
