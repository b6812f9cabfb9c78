/** What is wrong with the options of a connection is told before any byte is sent. */
import { isBytes } from '../bytes/bytes.ts';
import {
  anything,
  bound,
  bytes,
  callable,
  checkOptions,
  fields,
  filled,
  flag,
  having,
  isCount,
  kind,
  list,
  named,
  oneOf,
  type Rule,
  type Rules,
  text,
  whole,
} from '../bytes/check.ts';
import { namedGroups } from '../crypto/named-groups.ts';
import type { Limits } from '../handshake/config.ts';
import type { ClientEchOptions, ClientOptions, CommonOptions, ServerOptions, ServerPskOptions } from './config.ts';

const secret = kind('a Uint8Array of a byte or more', (value) => isBytes(value) && value.length > 0);
const code = kind('a number of two bytes', (value) => isCount(value) && value <= 0xffff);
const version = kind('0x0303 (TLS 1.2) or 0x0304 (TLS 1.3)', (value) => value === 0x0303 || value === 0x0304);
const padding = kind('a whole number up to 65535', (value) => isCount(value) && value <= 0xffff);
const hash = kind("'sha256' or 'sha384'", (value) => value === 'sha256' || value === 'sha384');
const group = kind(
  'the name of a group, such as x25519, secp256r1 or X25519MLKEM768',
  (value) => typeof value === 'string' && Object.hasOwn(namedGroups, value),
);
/** Whole keys are longer than their digest: no SubjectPublicKeyInfo has fewer bytes. */
const pin = kind(
  'a Uint8Array: a SubjectPublicKeyInfo (DER), or its SHA-256 of 32 bytes',
  (value) => isBytes(value) && value.length >= 32,
);
const ticketCount = whole(0, 0xff);
export const cryptography: Rule = having(
  ['keyExchange', 'hash', 'random'],
  'createNodeCrypto() of handfast/pki/node, or createPortableCrypto() of handfast/portable',
);
/** A private key of the provider. */
export const privateKey: Rule = having(['sign'], 'a PrivateKey: crypto.importPrivateKey(pkcs8)');

const credential: Rule = (value, name) => {
  const { chain, signer } = fields(value, name);
  list(bytes)(chain, `${name}.chain`);
  const { sign, schemes } = fields(signer, `${name}.signer`);
  callable(sign, `${name}.signer.sign`);
  list(code)(schemes, `${name}.signer.schemes`);
};

const externalPsk: Rule = (value, name) => {
  const psk = fields(value, name);
  // That of TLS 1.2 may be empty (RFC 4279, Section 2).
  bytes(psk['identity'], `${name}.identity`);
  secret(psk['secret'], `${name}.secret`);
  hash(psk['hash'], `${name}.hash`);
};

const limits: Rules<Limits> = {
  handshakeMessage: bound,
  certificateChain: bound,
  handshakeMessages: bound,
  warningAlerts: bound,
  keyUpdates: bound,
  pendingInput: bound,
  skippedEarlyData: bound,
  pskIdentities: bound,
};

const ech: Rules<ClientEchOptions> = { configList: bytes, required: flag, grease: flag };
const psk: Rules<ServerPskOptions> = { identityHint: bytes, unknownIdentity: oneOf('hide', 'alert') };

const common: Rules<CommonOptions> = {
  crypto: cryptography,
  random: callable,
  now: callable,
  minVersion: version,
  maxVersion: version,
  cipherSuites: list(code),
  groups: list(group),
  signatureSchemes: filled(code),
  certificateSignatureSchemes: filled(code),
  delegatedCredentialSchemes: list(code),
  alpnProtocols: list(text),
  // "Endpoints MUST NOT send a "record_size_limit" extension with a value smaller than 64." (RFC 8449, Section 4)
  recordSizeLimit: whole(64, 0xffff),
  maxSendFragment: whole(1, 2 ** 14),
  certificateCompression: list(having(['decompress'], 'an algorithm with its functions')),
  encryptThenMac: flag,
  grease: flag,
  requireExtendedMasterSecret: flag,
  resumeWithoutExtendedMasterSecret: flag,
  limits: named(limits),
  trace: callable,
  keyLog: callable,
};

const serverRules: Rules<ServerOptions> = {
  ...common,
  credentials: list(credential),
  clientCertificate: oneOf('none', 'request', 'require'),
  certificateAuthorities: list(bytes),
  preferServerOrder: flag,
  selectAlpn: callable,
  retryCookie: flag,
  selectConfig: callable,
  selectCredential: callable,
  verifyPeer: callable,
  clientCertificateTypes: anything,
  rawPublicKeyPins: list(pin),
  sessions: having(['lookupSession', 'openTicket', 'lookupPsk'], 'new ServerSessions(…) of handfast/session'),
  credentialIdentity: text,
  clientTrustDigest: bytes,
  echKeys: list(fields),
  tenant: text,
  psk: named(psk),
  allowPskOnly: flag,
};

const clientRules: Rules<ClientOptions> = {
  ...common,
  serverName: text,
  verifyName: text,
  credentials: list(credential),
  serverCertificateTypes: anything,
  clientCertificateTypes: filled(oneOf('x509', 'rawPublicKey')),
  keyShares: list(group),
  requestOcsp: flag,
  requestScts: flag,
  permuteExtensions: flag,
  ech: named(ech),
  padClientHelloTo: padding,
  fallback: flag,
  postHandshakeAuth: flag,
  certificateAuthorities: list(bytes),
  sessions: list((value, name) => void fields(fields(value, name)['state'], `${name}.state`)),
  externalPsks: list(externalPsk),
  earlyData: flag,
  ticketRequest: (value, name) => {
    const { newSessionCount, resumptionCount } = fields(value, name);
    for (const count of [newSessionCount, resumptionCount]) if (count !== undefined) ticketCount(count, name);
  },
  resumption: flag,
  verifyResumed: flag,
  requireSecureRenegotiation: flag,
  allowPskOnly: flag,
  verifyPeer: callable,
  selectCredential: callable,
  selectPsk: callable,
  rawPublicKeyPins: list(pin),
};

/** Throws a `ConfigError` for a name that is no option of a client, and for a value of the wrong kind. */
export function checkClientOptions(options: ClientOptions): void {
  checkOptions(options, 'the options of a client', clientRules, ['crypto']);
}

/** The same for a server. */
export function checkServerOptions(options: ServerOptions): void {
  checkOptions(options, 'the options of a server', serverRules, ['crypto']);
}
