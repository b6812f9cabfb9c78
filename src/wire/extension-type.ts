import { namesOf } from '../bytes/code-names.ts';

/** Extension types (IANA TLS ExtensionType Values), by their RFC names in camelCase. */
export const extensionTypes = {
  serverName: 0,
  statusRequest: 5,
  supportedGroups: 10,
  ecPointFormats: 11,
  signatureAlgorithms: 13,
  alpn: 16,
  signedCertificateTimestamp: 18,
  clientCertificateType: 19,
  serverCertificateType: 20,
  padding: 21,
  encryptThenMac: 22,
  extendedMasterSecret: 23,
  compressCertificate: 27,
  recordSizeLimit: 28,
  delegatedCredential: 34,
  sessionTicket: 35,
  preSharedKey: 41,
  earlyData: 42,
  supportedVersions: 43,
  cookie: 44,
  pskKeyExchangeModes: 45,
  certificateAuthorities: 47,
  oidFilters: 48,
  postHandshakeAuth: 49,
  signatureAlgorithmsCert: 50,
  keyShare: 51,
  ticketRequest: 58,
  echOuterExtensions: 0xfd00,
  encryptedClientHello: 0xfe0d,
  renegotiationInfo: 0xff01,
} as const;

/** The name of an extension that this stack knows. */
export type ExtensionName = keyof typeof extensionTypes;

/** The name of an extension type, or `undefined` for one that is not known here. */
export const extensionName: (type: number) => ExtensionName | undefined = namesOf(extensionTypes);
