/**
 * What is wrong with the options of a connection is told before any byte is sent. An option that nobody knows may be a
 * misspelt safeguard, and a value of the wrong kind one that is off: neither is passed over.
 */
import { isBytes } from '../bytes/bytes.ts';
import { namedGroups } from '../crypto/named-groups.ts';
import { ConfigError } from '../errors.ts';
import type { Limits } from '../handshake/config.ts';
import type { ClientEchOptions, ClientOptions, CommonOptions, ServerOptions, ServerPskOptions } from './config.ts';

/** Throws a `ConfigError` where the value, which has this name, will not do. */
type Rule = (value: unknown, name: string) => void;
type Rules<Options> = { readonly [K in keyof Required<Options>]: Rule };
type Fields = Readonly<Record<string, unknown>>;

const flag = kind('true or false', (value) => typeof value === 'boolean');
const callable = kind('a function', (value) => typeof value === 'function');
const text = kind('a string', (value) => typeof value === 'string');
const bytes = kind('a Uint8Array', (value) => isBytes(value));
const secret = kind('a Uint8Array of a byte or more', (value) => isBytes(value) && value.length > 0);
const code = kind('a number of two bytes', (value) => isCount(value) && value <= 0xffff);
const version = kind('0x0303 (TLS 1.2) or 0x0304 (TLS 1.3)', (value) => value === 0x0303 || value === 0x0304);
const bound = kind('a whole number, or Infinity', (value) => value === Infinity || isCount(value));
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
const checkedElsewhere: Rule = () => undefined;
const ticketCount = whole(0, 0xff);

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
  crypto: having(
    ['keyExchange', 'hash', 'random'],
    'createNodeCrypto() of handfast/pki/node, or createPortableCrypto()',
  ),
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
  clientCertificateTypes: checkedElsewhere,
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
  serverCertificateTypes: checkedElsewhere,
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
  checkFields(options, 'the options of a client', '', clientRules);
}

/** The same for a server. */
export function checkServerOptions(options: ServerOptions): void {
  checkFields(options, 'the options of a server', '', serverRules);
}

function checkFields(value: unknown, name: string, prefix: string, rules: Readonly<Record<string, Rule>>): void {
  const given = fields(value, name);
  for (const option of Object.keys(given)) {
    const field = given[option];
    // What a program works out may come to nothing: that is the default, whatever the name.
    if (field === undefined) continue;
    const rule = Object.hasOwn(rules, option) ? rules[option] : undefined;
    if (rule === undefined) throw new ConfigError(unknown(prefix + option, option, name, rules));
    rule(field, prefix + option);
  }
  if (prefix === '') rules['crypto']?.(given['crypto'], 'crypto');
}

function unknown(shown: string, option: string, name: string, rules: object): string {
  const near = Object.keys(rules).find((other) => isNear(option.toLowerCase(), other.toLowerCase()));
  return `${shown} is none of ${name}${near === undefined ? '' : `: is ${near} meant?`}`;
}

/** Whether one name is in the other, or they differ in the letters between one beginning and one end. */
function isNear(a: string, b: string): boolean {
  if (a.includes(b) || b.includes(a)) return true;
  let from = 0;
  while (from < a.length && a[from] === b[from]) from++;
  let to = 0;
  while (to < Math.min(a.length, b.length) - from && a.at(-1 - to) === b.at(-1 - to)) to++;
  return Math.max(a.length, b.length) - from - to <= 2;
}

function kind(what: string, test: (value: unknown) => boolean): Rule {
  return (value, name) => {
    if (!test(value)) refuse(value, name, what);
  };
}

function whole(least: number, most: number): Rule {
  return kind(`a whole number from ${least} to ${most}`, (value) => isCount(value) && value >= least && value <= most);
}

function oneOf(...values: readonly string[]): Rule {
  return kind(values.map((value) => `'${value}'`).join(' or '), (value) => values.includes(value as string));
}

function having(methods: readonly string[], what: string): Rule {
  return kind(what, (value) => {
    return isObject(value) && methods.every((method) => typeof (value as Fields)[method] === 'function');
  });
}

function list(rule: Rule): Rule {
  return (value, name) => {
    if (!Array.isArray(value)) refuse(value, name, 'an array');
    for (let i = 0; i < value.length; i++) {
      try {
        rule(value[i], name);
      } catch (error) {
        // The place is told only where it matters: names made for each entry would cost every handshake.
        if (error instanceof ConfigError) rule(value[i], `${name}[${i}]`);
        throw error;
      }
    }
  };
}

function filled(rule: Rule): Rule {
  const each = list(rule);
  return (value, name) => {
    each(value, name);
    if ((value as readonly unknown[]).length === 0)
      throw new ConfigError(`${name} is an empty array: give one at least`);
  };
}

function named(rules: Readonly<Record<string, Rule>>): Rule {
  return (value, name) => checkFields(value, name, `${name}.`, rules);
}

function fields(value: unknown, name: string): Fields {
  if (!isObject(value) || Array.isArray(value) || isBytes(value)) refuse(value, name, 'an object');
  return value as Fields;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function refuse(value: unknown, name: string, what: string): never {
  throw new ConfigError(`${name} is ${shown(value, name)}; give ${what}`);
}

/** A value for a message. What may be a secret is told by its kind alone. */
function shown(value: unknown, name: string): string {
  if (isBytes(value)) return `a Uint8Array of ${value.length} bytes`;
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'string')
    return /secret|identity|signer|Psk/.test(name) ? 'a string' : JSON.stringify(value.slice(0, 80));
  if (typeof value === 'object' || typeof value === 'function')
    return value === null ? 'null' : `a${typeof value === 'object' ? 'n object' : ' function'}`;
  return String(value);
}
