/**
 * `tls.createSecureContext`: keys, certificates, trust anchors, versions and algorithms out of the options that Node
 * documents, checked once, in the form that the engine takes.
 */
import { type KeyObject, X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { preferAead } from '../../crypto/cipher-suites.ts';
import type { GroupName } from '../../crypto/provider.ts';
import type { CertificateCompression, EchKey } from '../../engine/config.ts';
import type { Credential } from '../base/engine-types.ts';
import { createSigner, nodeCrypto } from '../base/key-signer.ts';
import {
  invalidArgType,
  invalidArgValue,
  nodeError,
  opensslError,
  unsupportedOption,
  validateBuffer,
  validateInteger,
  validateObject,
  validateString,
} from '../base/node-errors.ts';
import { parseEcdhCurve, parseSigalgs } from './algorithm-names.ts';
import { type CompressionName, readCertificateCompression } from './certificate-compression.ts';
import { parseCiphers } from './ciphers.ts';
import { asList, bytesOf, checked, readCertificates, readCrls, readKeys, readLeaf } from './context-files.ts';
import { defaultCa } from './default-ca.ts';
import { type DelegatedCredentialOptions, delegatedSchemes, readDelegatedCredential } from './delegated-credentials.ts';
import { readEchKeys } from './ech-options.ts';
import { openPfx } from './pkcs12.ts';
import { type RawPublicKeyOptions, type RawPublicKeys, readRawPublicKeys } from './raw-public-keys.ts';
import { cipherDefault, settings } from './settings.ts';
import { readVersions } from './versions.ts';

/** The options of `createSecureContext`: Node's, and what it lacks. */
export interface HandfastContextOptions extends SecureContextOptions {
  /** Accepts a chain that ends at a certificate of `ca` which is not self-signed. */
  allowPartialTrustChain?: boolean | undefined;
  /** Signs with a key that lives elsewhere (a KMS, an HSM), for the certificate in `cert`. */
  sign?: ((scheme: number, data: Uint8Array) => Uint8Array | Promise<Uint8Array>) | undefined;
  /** Signs in the thread pool instead of on the main thread. */
  signInThreadPool?: boolean | undefined;
  /** In `addContext`: asks clients of this server name for a certificate, whatever the server's own option says. */
  requestCert?: boolean | undefined;
  /** In `addContext`: beside `requestCert`, whether a client without a trusted certificate is refused. */
  rejectUnauthorized?: boolean | undefined;
  /** Key exchange groups, most wanted first; takes the place of `ecdhCurve`. */
  groups?: readonly GroupName[] | undefined;
  /** Name of the credential set that sessions are bound to; survives the renewal of the certificate. */
  identity?: string | undefined;
  /**
   * Server: keys for encrypted ClientHellos (RFC 9849), of `createEchKey()`, or files of them (RFC 9934);
   * `setSecureContext` changes them while connections go on. Those of the server count, not those of `addContext` or `SNICallback`: the name is not known before.
   */
  echKeys?: readonly (EchKey | string | Buffer)[] | undefined;
  /** A key that a certificate of `cert` lets speak for some days (RFC 9345), for peers that take that; TLS 1.3. */
  delegatedCredential?: DelegatedCredentialOptions | undefined;
  /** Whether the peer may show a delegated credential. */
  acceptDelegatedCredentials?: boolean | undefined;
  /** Raw public keys (RFC 7250): keys without certificates, known by their pins. */
  rawPublicKeys?: RawPublicKeyOptions | undefined;
  /** Certificate compression (RFC 8879), most wanted first; an option of Node 26, here on every version. */
  certificateCompression?: readonly CompressionName[] | undefined;
}

/** What `secureContext.context` holds: everything that was read out of the options. Not part of the public interface. */
export class ContextState {
  minVersion: 0x0303 | 0x0304 = 0x0303;
  maxVersion: 0x0303 | 0x0304 = 0x0304;
  cipherSuites: readonly number[] = [];
  groups: readonly GroupName[] = [];
  signatureSchemes: readonly number[] | undefined;
  credentials: Credential[] = [];
  /** Trusted certificates (DER) of `ca` and `pfx`, or `undefined` for the default ones. */
  ca: Uint8Array[] | undefined;
  crls: Uint8Array[] = [];
  /** Only TLS 1.1 or older is allowed: no handshake is possible (RFC 8996). */
  tooOld = false;
  preferServerOrder = false;
  noTickets = false;
  /** Client: whether a server without secure renegotiation (RFC 5746) is taken. */
  legacyServers = false;
  partialChains = false;
  ticketKeys: Buffer | undefined;
  sessionTimeout: number | undefined;
  sessionIdContext: string | undefined;
  identity: string | undefined;
  echKeys: readonly EchKey[] = [];
  certificateCompression: readonly CertificateCompression[] | undefined;
  rawPublicKeys: RawPublicKeys | undefined;
  delegatedSchemes: readonly number[] | undefined;
  /** Client certificates by server name; `undefined` leaves it to the server. */
  clientCertificate: 'none' | 'request' | 'require' | undefined;
  /** What others derive from this context and keep with it, e.g. its trust anchors or the server's configuration. */
  readonly derived = new Map<unknown, unknown>();

  /** Adds a trusted certificate (PEM) to those of `ca` or the default ones, as the method of Node's own context does. */
  addCACert(pem: string | NodeJS.ArrayBufferView): void {
    this.ca = [...(this.ca ?? defaultCa()), ...readCertificates(pem, 'ca')];
    this.derived.clear();
  }

  /** Changes the cipher list, as the method of Node's own context does. */
  setCiphers(list: string): void {
    this.cipherSuites = parseCiphers(list).codes;
    this.derived.clear();
  }

  /** Trusts the default authorities too. */
  addRootCerts(): void {
    if (this.ca !== undefined) this.ca = [...this.ca, ...defaultCa()];
    this.derived.clear();
  }

  /** DER of the first certificate. */
  getCertificate(): Buffer | null {
    const leaf = this.credentials.find(({ rawPublicKey }) => rawPublicKey === undefined)?.chain[0];
    return leaf === undefined ? null : Buffer.from(leaf);
  }

  /** DER of the certificate that issued the first one, where it is known. */
  getIssuer(): Buffer | null {
    const chain = this.credentials.find(({ rawPublicKey }) => rawPublicKey === undefined)?.chain;
    if (chain === undefined) return null;
    const leaf = new X509Certificate(chain[0]!);
    for (const candidate of [...chain.slice(1), ...(this.ca ?? []), chain[0]!]) {
      if (leaf.checkIssued(new X509Certificate(candidate))) return Buffer.from(candidate);
    }
    return null;
  }

  readonly #external = {};

  /** As in Node: something that only a context itself has. */
  get _external(): object {
    return this.#external;
  }

  getTicketKeys(): Buffer | undefined {
    return this.ticketKeys;
  }

  close(): void {
    this.derived.clear();
  }
}

/** Node's `tls.SecureContext`. */
export class SecureContextObject {
  context: ContextState;

  constructor(secureProtocol?: string, secureOptions?: number, minVersion?: string, maxVersion?: string) {
    this.context = new ContextState();
    readVersions(this.context, { secureProtocol, secureOptions, minVersion, maxVersion });
  }
}

/** Everything `tls.createSecureContext(options)` does. */
export function createSecureContext(options: HandfastContextOptions = {}): SecureContextObject {
  options ||= {};
  const { secureProtocol, minVersion, maxVersion } = options;
  const made = new SecureContextObject(secureProtocol, options.secureOptions, minVersion, maxVersion);
  if (options.honorCipherOrder) made.context.preferServerOrder = true;
  configure(made.context, options);
  return made;
}

type Loose = Record<string, unknown>;

function configure(context: ContextState, options: HandfastContextOptions): void {
  validateObject(options, 'options');
  const loose = options as unknown as Loose;
  const { ciphers } = options;
  if (ciphers !== undefined && ciphers !== null) validateString(ciphers, 'options.ciphers');
  readCiphers(context, ciphers || settings.exports.DEFAULT_CIPHERS);

  const { ca, cert, crl, passphrase } = options;
  if (ca) context.ca = (asList(ca) as unknown[]).flatMap((item) => readCertificates(checked(item, 'options.ca'), 'ca'));
  if (options.allowPartialTrustChain) context.partialChains = true;
  const { securityLevel } = parseCiphers(ciphers || settings.exports.DEFAULT_CIPHERS);
  const chains = cert
    ? (asList(cert) as unknown[]).map((item) => readCertificates(checked(item, 'options.cert'), 'cert'))
    : [];
  const keys = readKeys(options.key as unknown, passphrase);
  const leaves = chains.map((chain, i) => readLeaf(chain, chains.length === 1 ? 'options.cert' : `options.cert[${i}]`));
  for (const leaf of leaves) checkKeySize(leaf.publicKey, securityLevel);
  if (options.sign !== undefined) addExternal(context, chains, leaves, options);
  else pair(context, chains, leaves, keys, options.signInThreadPool);

  if (options.sigalgs !== undefined && options.sigalgs !== null) {
    validateString(options.sigalgs, 'options.sigalgs');
    if (options.sigalgs === '') throw invalidArgValue('options.sigalgs', options.sigalgs);
    const schemes = parseSigalgs(options.sigalgs);
    context.signatureSchemes = schemes;
    context.credentials = context.credentials.map((credential) => limitTo(credential, schemes));
  }
  refuseEngines(loose);
  const curve = loose['ecdhCurve'] === undefined ? settings.exports.DEFAULT_ECDH_CURVE || 'auto' : loose['ecdhCurve'];
  validateString(curve, 'options.ecdhCurve');
  context.groups = options.groups ?? parseEcdhCurve(curve);
  if (options.dhparam !== undefined && options.dhparam !== null && options.dhparam !== 'auto') {
    checked(options.dhparam, 'options.dhparam');
  }
  if (crl !== undefined && crl !== null) {
    context.crls = (asList(crl) as unknown[]).flatMap((item) => readCrls(checked(item, 'options.crl')));
  }
  if (options.sessionIdContext !== undefined && options.sessionIdContext !== null) {
    validateString(options.sessionIdContext, 'options.sessionIdContext');
    if (options.sessionIdContext.length > 32)
      throw new TypeError('error:0A000111:SSL routines::ssl session id context too long: at most 32 characters');
    context.sessionIdContext = options.sessionIdContext;
  }
  if (options.pfx !== undefined && options.pfx !== null) readPfx(context, options.pfx as unknown, passphrase);
  if (options.ticketKeys !== undefined && options.ticketKeys !== null) {
    validateBuffer(options.ticketKeys, 'options.ticketKeys');
    if (options.ticketKeys.byteLength !== 48) {
      throw invalidArgValue('options.ticketKeys', options.ticketKeys.byteLength, 'must be exactly 48 bytes');
    }
    context.ticketKeys = Buffer.from(options.ticketKeys);
  }
  if (options.sessionTimeout !== undefined && options.sessionTimeout !== null) {
    validateInteger(options.sessionTimeout, 'options.sessionTimeout', 0, 2 ** 31 - 1);
    context.sessionTimeout = options.sessionTimeout;
  }
  context.identity = options.identity;
  if (options.echKeys !== undefined && options.echKeys !== null) {
    context.echKeys = readEchKeys(options.echKeys);
  }
  if (options.certificateCompression !== undefined && options.certificateCompression !== null) {
    const algorithms = readCertificateCompression(options.certificateCompression);
    if (algorithms.length > 0 && context.maxVersion !== 0x0304) {
      throw nodeError(
        'ERR_INVALID_ARG_VALUE',
        'certificateCompression requires a TLS protocol range that includes TLSv1.3',
        TypeError,
      );
    }
    context.certificateCompression = algorithms;
  }
  if (options.acceptDelegatedCredentials) context.delegatedSchemes = delegatedSchemes(context.signatureSchemes);
  if (options.delegatedCredential !== undefined && options.delegatedCredential !== null) {
    const { credentials } = context;
    // First: who does not take it is shown the certificate with its own key.
    credentials.unshift(readDelegatedCredential(options.delegatedCredential, credentials, options.signInThreadPool));
  }
  if (options.rawPublicKeys !== undefined && options.rawPublicKeys !== null) {
    context.rawPublicKeys = readRawPublicKeys(options.rawPublicKeys, options.signInThreadPool);
    const { credential } = context.rawPublicKeys;
    const { signatureSchemes } = context;
    // First of all: who takes raw keys knows them, and everybody else does not see it.
    if (credential !== undefined) {
      context.credentials.unshift(signatureSchemes === undefined ? credential : limitTo(credential, signatureSchemes));
    }
  }
  for (const credential of context.credentials) completeChain(credential, context.ca);
}

function readCiphers(context: ContextState, list: string): void {
  if (list.split(':').every((word) => word === '')) throw invalidArgValue('options.ciphers', list.split(':'));
  const choice = parseCiphers(list);
  // Who names no suites gets those first that cost least here.
  context.cipherSuites = list === cipherDefault ? preferAead(choice.codes, nodeCrypto().preferredAead) : choice.codes;
  // Only suites of TLS 1.3: then TLS 1.2 has nothing to negotiate.
  if (!choice.tls12 && context.maxVersion === 0x0304) context.minVersion = 0x0304;
}

/** Joins keys and certificates by their public keys, in whatever order they came. */
function pair(
  context: ContextState,
  chains: readonly Uint8Array[][],
  leaves: readonly X509Certificate[],
  keys: readonly KeyObject[],
  inThreadPool = false,
): void {
  for (const key of keys) {
    const index = leaves.findIndex((leaf) => leaf.checkPrivateKey(key));
    if (index >= 0) {
      context.credentials.push(credentialOf(chains[index]!, key, inThreadPool));
    } else if (leaves.some((leaf) => leaf.publicKey.asymmetricKeyType === key.asymmetricKeyType)) {
      const error = nodeError(
        'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
        'error:05800074:x509 certificate routines::key values mismatch',
      );
      throw Object.assign(error, { library: 'x509 certificate routines', reason: 'key values mismatch' });
    }
  }
}

function credentialOf(chain: readonly Uint8Array[], key: KeyObject, inThreadPool = false): Credential {
  return { chain: [...chain], signer: createSigner(key, inThreadPool) };
}

function addExternal(
  context: ContextState,
  [chain]: readonly Uint8Array[][],
  [leaf]: readonly X509Certificate[],
  options: HandfastContextOptions,
): void {
  if (chain === undefined || leaf === undefined)
    throw invalidArgValue('options.sign', options.sign, 'needs the certificate of its key in options.cert');
  const signer = createSigner(leaf.publicKey);
  context.credentials.push({ chain, signer: { ...signer, sign: options.sign! } });
}

/** A key that signs by the algorithms of `sigalgs` only. */
function limitTo(credential: Credential, schemes: readonly number[]): Credential {
  const { signer } = credential;
  return { ...credential, signer: { ...signer, schemes: signer.schemes.filter((scheme) => schemes.includes(scheme)) } };
}

/** Bits of security that OpenSSL's levels ask of RSA keys. */
const leastRsaBits = [0, 1024, 2048, 3072, 7680, 15_360] as const;

/** `@SECLEVEL` of the cipher list: keys below it are refused at once. */
function checkKeySize(key: KeyObject, level: number): void {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < (leastRsaBits[level] ?? 0)) {
    throw opensslError(
      'ee key too small',
      `an RSA key of ${bits} bits; at @SECLEVEL=${level} it has at least ${leastRsaBits[level]}`,
    );
  }
}

/** As OpenSSL does: a certificate without its chain is completed out of `ca`. */
function completeChain(credential: Credential, ca: readonly Uint8Array[] | undefined): void {
  const chain = credential.chain as Uint8Array[];
  if (chain.length !== 1 || ca === undefined) return;
  let last = new X509Certificate(chain[0]!);
  const known = ca.map((der) => ({ der, certificate: new X509Certificate(der) }));
  for (let depth = 0; depth < 10 && !last.checkIssued(last); depth++) {
    const issuer = known.find(({ certificate }) => last.checkIssued(certificate));
    if (issuer === undefined) return;
    chain.push(issuer.der);
    last = issuer.certificate;
  }
}

function readPfx(context: ContextState, pfx: unknown, passphrase: unknown): void {
  for (const item of asList(pfx)) {
    const { buf, passphrase: own } = (item ?? {}) as { buf?: unknown; passphrase?: unknown };
    const raw = Array.isArray(pfx) && buf !== undefined ? buf : item;
    const secret = (Array.isArray(pfx) ? own : undefined) || passphrase;
    const bytes = typeof raw === 'string' ? Buffer.from(raw) : bytesOf(checked(raw, 'options.pfx'));
    const opened = openPfx(
      bytes,
      secret === undefined || secret === null ? undefined : Buffer.from(secret as string).toString(),
    );
    context.credentials.push(credentialOf(opened.chain, opened.key));
    // OpenSSL trusts the authorities that come in the file.
    if (opened.chain.length > 1) context.ca = [...(context.ca ?? defaultCa()), ...opened.chain.slice(1)];
  }
}

function refuseEngines(options: Loose): void {
  const { privateKeyIdentifier, privateKeyEngine, clientCertEngine } = options;
  if (privateKeyIdentifier !== undefined && privateKeyIdentifier !== null) {
    if (privateKeyEngine === undefined || privateKeyEngine === null)
      throw invalidArgValue('options.privateKeyEngine', privateKeyEngine);
    if (options['key']) throw invalidArgValue('options.privateKeyIdentifier', privateKeyIdentifier);
    if (typeof privateKeyIdentifier !== 'string') {
      throw invalidArgType('options.privateKeyIdentifier', ['string', 'null', 'undefined'], privateKeyIdentifier);
    }
    if (typeof privateKeyEngine !== 'string') {
      throw invalidArgType('options.privateKeyEngine', ['string', 'null', 'undefined'], privateKeyEngine);
    }
    throw noEngine();
  }
  if (typeof clientCertEngine === 'string') throw noEngine();
  if (clientCertEngine !== undefined && clientCertEngine !== null) {
    throw invalidArgType('options.clientCertEngine', ['string', 'null', 'undefined'], clientCertEngine);
  }
}

function noEngine(): Error {
  return nodeError(
    'ERR_CRYPTO_CUSTOM_ENGINE_NOT_SUPPORTED',
    // Node's words; in Handfast a key that lives elsewhere signs through the option `sign`.
    'Custom engines not supported by this OpenSSL',
  );
}

/** A server can't honour `dhparam`. A client ignores it in Node too: the server chooses the group. */
export function refuseDhParam(dhparam: unknown): void {
  if (dhparam === undefined || dhparam === null) return;
  throw unsupportedOption('dhparam', 'finite-field Diffie-Hellman is not spoken; leave the option out, ECDHE is used');
}

/** For who makes a context of its own: the same error that OpenSSL gives. */
export function invalidContext(name: string): Error {
  return nodeError('ERR_TLS_INVALID_CONTEXT', `${name} must be a SecureContext`, TypeError);
}
