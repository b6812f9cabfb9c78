import { equal, toHex } from '../../src/bytes/bytes.ts';
import { signatureSchemeCodes } from '../../src/crypto/signature-schemes.ts';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { ClientOptions, CommonOptions, ServerOptions } from '../../src/engine/config.ts';
import type { Connection } from '../../src/engine/connection.ts';
import { clientHost, type Host, serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { type AlertName, alertCodes, CertificateError, TlsError } from '../../src/errors.ts';
import type { CertificateCompression, Credential } from '../../src/handshake/config.ts';
import type {
  ClientHelloInfo,
  CredentialQuery,
  HostRequest,
  PeerCertificates,
  PskQuery,
  VerifiedPeer,
} from '../../src/handshake/host.ts';
import { chooseCredential } from '../../src/handshake/negotiate.ts';
import type { Direction, TraceEvent } from '../../src/handshake/trace.ts';
import type { ClientSession } from '../../src/session/client-session.ts';
import { claimedTicketAge } from '../../src/session/early-data.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import type { ExternalPsk } from '../../src/session/psk-importer.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import type { SessionState } from '../../src/session/state.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { decodeCertificateRequest12 } from '../../src/wire/certificate-request.ts';
import { type CertificateType, certificateTypes } from '../../src/wire/certificate-type.ts';
import { decodeClientHello } from '../../src/wire/client-hello.ts';
import type { PskIdentity } from '../../src/wire/extension-codecs.ts';
import { decodeServerHello12, outlineServerHello } from '../../src/wire/server-hello.ts';
import { cryptoNamed } from '../helpers/crypto.ts';
import { loadCredential, loadPsk12, loadPsks } from './credentials.ts';
import type { Options } from './flags.ts';
import { preferences, versionRange } from './policy.ts';

/** An expectation of the runner that the engine does not meet: a failure, whatever the test wants. */
export class Mismatch extends Error {}

/** What was seen of a connection beside its info. */
export interface Facts {
  /** Index of the credential that was chosen; -1 for the default one or none. */
  selectedCredential: number;
  serverName: string | undefined;
  advertisedAlpn: readonly string[];
  /** Traffic secrets by their key log label, hexadecimal. */
  secrets: Map<string, string>;
  verified: number;
  /** Server: whether a TLS 1.2 session was kept under its ID. */
  sessionKept: boolean;
  /** Why early data was not accepted, in the engine's words. */
  earlyDataDecision: string;
  /** Messages and alerts in the words of BoringSSL's shim. */
  messages: string;
  /** The type of the handshake message that was read last. */
  lastRead: number;
  /** Server: by how many seconds the client's age of the ticket differs from ours; 0 where it resumed nothing. */
  ticketAgeSkew: number;
  secureRenegotiation: boolean;
  /** Client, TLS 1.2: what the server's CertificateRequest lists. */
  certificateTypes: Uint8Array | undefined;
}

/** One connection of the engine, with the host that answers it. */
export interface Subject {
  connection: Connection;
  facts: Facts;
  /** Answers a request of the engine, perhaps later; may throw what the handshake is to fail with. */
  answer(request: HostRequest): unknown;
}

/** `HANDFAST_BOGO_CRYPTO=portable` runs it all over the portable provider. */
const crypto = cryptoNamed(process.env['HANDFAST_BOGO_CRYPTO']);

/** The algorithms that the runner's certificate compression tests invent. */
const compressions: readonly CertificateCompression[] = [
  {
    algorithm: 0xff02,
    compress: (bytes) => Uint8Array.of(1, 2, 3, 4, ...bytes),
    decompress(bytes, length) {
      if (toHex(bytes.subarray(0, 4)) !== '01020304' || bytes.length - 4 !== length) throw new Error('not 0xff02');
      return bytes.slice(4);
    },
  },
  {
    algorithm: 0xff01,
    compress: (bytes) => bytes.slice(2),
    decompress(bytes, length) {
      if (bytes.length + 2 !== length) throw new Error('not 0xff01');
      return Uint8Array.of(0, 0, ...bytes);
    },
  },
  {
    algorithm: 0xff03,
    compress: (bytes) => Uint8Array.of(crypto.random(1)[0]!, ...bytes),
    decompress(bytes, length) {
      if (bytes.length - 1 !== length) throw new Error('not 0xff03');
      return bytes.slice(1);
    },
  },
];

function names(list: string): Uint8Array[] {
  if (list === '<NULL>' || list === '<EMPTY>') return [];
  return list.split(',').map((hex) => new Uint8Array(Buffer.from(hex, 'hex')));
}

function hostError(code: `ERR_TLS_${string}`, alert: AlertName): TlsError {
  return new TlsError(code, alert, 'the runner wants the host to refuse');
}

/** What the runner's callbacks would say, as the callbacks of the engine's options. */
class Callbacks {
  readonly facts: Facts = {
    selectedCredential: -1,
    serverName: undefined,
    advertisedAlpn: [],
    secrets: new Map(),
    verified: 0,
    sessionKept: false,
    earlyDataDecision: '',
    messages: '',
    lastRead: -1,
    ticketAgeSkew: 0,
    secureRenegotiation: false,
    certificateTypes: undefined,
  };
  #ticketAges: readonly PskIdentity[] = [];
  #innerRead = false;
  readonly #options: Options;
  readonly #verification: Options;
  readonly #credentials: readonly (Credential | undefined)[];

  /** @param credentials by their number, without the PSKs; a default credential beside them counts as -1. */
  constructor(options: Options, verification: Options, credentials: readonly (Credential | undefined)[]) {
    this.#options = options;
    this.#verification = verification;
    this.#credentials = credentials;
  }

  selectConfig(hello: ClientHelloInfo): undefined {
    this.facts.serverName = hello.serverName;
    this.facts.advertisedAlpn = hello.alpnProtocols;
    this.#ticketAges = decodeClientHello(hello.raw.subarray(4)).extensions.preSharedKey?.identities ?? [];
    if (this.#options.failDdosCallback) throw hostError('ERR_TLS_HOST_CONFIG', 'internalError');
    if (this.#options.failEarlyCallback) throw hostError('ERR_TLS_HOST_CONFIG', 'handshakeFailure');
  }

  selectCredential(query: CredentialQuery): Credential | undefined {
    const options = this.#options;
    if (options.failCertCallback) throw hostError('ERR_TLS_HOST_CREDENTIAL', 'internalError');
    if (query.role === 'server' && options.useOcspCallback && options.failOcspCallback) {
      throw hostError('ERR_TLS_HOST_OCSP', 'internalError');
    }
    const wanted = options.expectPeerVerifyPref;
    if (wanted.length > 0 && wanted.join() !== query.signatureSchemes.join()) {
      throw new Mismatch(`the peer's signature schemes are ${query.signatureSchemes}, not ${wanted}`);
    }
    if (options.expectClientCaList !== undefined) {
      const expected = names(options.expectClientCaList).map(toHex).join();
      const got = query.certificateAuthorities.map(toHex).join();
      if (expected !== got) throw new Mismatch(`certificate authorities ${got}, not ${expected}`);
    }
    const chosen = chooseCredential(query);
    this.facts.selectedCredential = chosen === undefined ? -1 : this.#credentials.indexOf(chosen);
    if (query.role === 'client' && chosen === undefined && query.credentials.length > 0) {
      // BoringSSL ends the handshake where a client has credentials and none fits; Handfast leaves that to the host.
      throw hostError('ERR_TLS_HOST_NO_CREDENTIAL', 'handshakeFailure');
    }
    if (chosen !== undefined && options.useOcspCallback && options.declineOcspCallback) {
      const { ocspResponse: _, ...unstapled } = chosen;
      return unstapled;
    }
    return chosen;
  }

  verifyPeer(peer: PeerCertificates): VerifiedPeer | undefined {
    const options = this.#verification;
    this.facts.verified++;
    // BoringSSL's name override: the name to verify, where it is not the one that was asked for.
    const override = options.expectEchNameOverride ?? (options.expectNoEchNameOverride ? options.hostName : undefined);
    if ((options.expectNoEchNameOverride || override !== undefined) && peer.serverName !== override) {
      throw new Mismatch(`the certificate is verified for ${peer.serverName}, not ${override}`);
    }
    if (this.facts.verified > 1) throw new Mismatch('the certificate was verified twice');
    if (options.expectOcspResponse !== undefined && peer.ocspResponse === undefined) {
      throw new Mismatch('no OCSP response for the verification');
    }
    if (peer.role === 'server' && options.useOcspCallback && options.failOcspCallback) {
      throw new CertificateError('ERR_TLS_HOST_OCSP', 'badCertificateStatusResponse', 'the runner refuses the staple');
    }
    if (peer.rawPublicKey !== undefined) return this.#judgeRawPublicKey(peer.rawPublicKey);
    // BoringSSL's SSL_VERIFY_NONE: verification is run, and its result counts for nothing.
    const enforced = options.verifyPeer || options.requireAnyClientCertificate;
    if (!options.verifyFail || !enforced) return undefined;
    const alert = options.useCustomVerifyCallback ? 'certificateUnknown' : 'handshakeFailure';
    throw new CertificateError('ERR_TLS_HOST_VERIFY', alert, 'the runner refuses the certificate');
  }

  #judgeRawPublicKey(spki: Uint8Array): VerifiedPeer | undefined {
    const { verifyFail, expectPeerRpkSha256: wanted } = this.#verification;
    if (verifyFail)
      throw new CertificateError('ERR_TLS_HOST_VERIFY', 'certificateUnknown', 'the runner refuses the key');
    if (wanted !== undefined && !sameBytes(crypto.hash('sha256', spki), wanted)) throw new Mismatch('another raw key');
    return { rawPublicKey: 'known' };
  }

  trace(event: TraceEvent): void {
    if (event.kind === 'decision' && event.about === 'earlyData') this.facts.earlyDataDecision = event.reason;
    if (event.kind === 'decision' && event.about === 'encryptedClientHello' && event.choice === 'accepted') {
      this.#innerRead = true;
      if (this.#options.server) this.facts.messages += 'read clienthelloinner\n';
    }
    if (event.kind === 'alert') {
      const description = typeof event.alert === 'number' ? event.alert : alertCodes[event.alert];
      this.#note(event.direction, `alert ${event.level} ${description}`);
    }
    if (event.kind === 'message') this.#traceMessage(event);
  }

  #note(direction: Direction, what: string): void {
    this.facts.messages += `${direction === 'sent' ? 'write' : 'read'} ${what}\n`;
  }

  #traceMessage({ direction, type, raw }: TraceEvent & { kind: 'message' }): void {
    const { facts } = this;
    if (type === 'changeCipherSpec') return this.#note(direction, 'ccs');
    // The inner hello has no message of its own here: it is told of where BoringSSL tells of it.
    const isHello = type === 'clientHello';
    if (isHello && direction === 'sent' && this.#options.echConfigList !== undefined) {
      facts.messages += 'write clienthelloinner\n';
    }
    this.#note(direction, `hs ${raw[0]}`);
    if (isHello && direction === 'received' && this.#innerRead) facts.messages += 'read clienthelloinner\n';
    if (direction === 'sent') return;
    facts.lastRead = raw[0]!;
    try {
      this.#readFacts(type, raw.subarray(4));
    } catch (error) {
      // What can't be read is the engine's to refuse, by its own rule.
      if (!(error instanceof TlsError)) throw error;
    }
  }

  #readFacts(type: string, body: Uint8Array): void {
    const { facts } = this;
    if (type === 'serverHello') {
      const { selectedVersion } = outlineServerHello(body);
      facts.secureRenegotiation =
        selectedVersion !== undefined || decodeServerHello12(body).extensions.renegotiationInfo !== undefined;
    }
    if (type === 'certificateRequest' && this.#options.expectCertificateTypes !== undefined) {
      facts.certificateTypes = decodeCertificateRequest12(body).certificateTypes;
    }
  }

  keyLog(line: string): void {
    const [label, , secret] = line.split(' ');
    this.facts.secrets.set(label!, secret!);
  }

  #noteTicketAge(identity: Uint8Array, { ticketAgeAdd, issuedAt }: SessionState): void {
    const offered = this.#ticketAges.find((own) => equal(own.identity, identity));
    if (offered === undefined) return;
    const age = claimedTicketAge(offered.obfuscatedTicketAge, ticketAgeAdd);
    this.facts.ticketAgeSkew = Math.round((age - (clock.now() - issuedAt)) / 1000);
  }

  /** The engine's own host, but for what the ticket flags change. */
  answer(host: Host, request: HostRequest): unknown {
    if (request.name === 'storeSession') this.facts.sessionKept = true;
    if (request.name === 'lookupPsk') {
      const { identity } = request.input;
      const number = this.#options.credentials.findIndex(({ pskImporterIdentity: known }) => {
        // An imported identity begins with the one that was agreed on (RFC 9258, Section 3.1).
        return known !== undefined && equal(identity.subarray(2, 2 + known.length), known);
      });
      const answer = host.lookupPsk(request.input);
      if (number >= 0 && 'kind' in answer) this.facts.selectedCredential = number;
      if ('kind' in answer && answer.state !== undefined) this.#noteTicketAge(identity, answer.state);
      return answer;
    }
    if (request.name === 'sealTicket' && this.#options.skipTicket) return undefined;
    const answer = (host[request.name] as (input: unknown) => unknown)(request.input);
    if (request.name === 'openTicket' && this.#options.renewTicket && typeof answer === 'object') {
      return { ...answer, renew: true };
    }
    return answer;
  }
}

function certificateTypeNames(codes: readonly number[]): CertificateType[] {
  return codes.map((code) => (code === certificateTypes.rawPublicKey ? 'rawPublicKey' : 'x509'));
}

function alpnList(encoded: string): string[] {
  const list: string[] = [];
  for (let at = 0; at < encoded.length; ) {
    const length = encoded.charCodeAt(at);
    list.push(encoded.slice(at + 1, at + 1 + length));
    at += 1 + length;
  }
  return list;
}

/** Milliseconds that the runner's -resumption-delay has moved the clock forward. */
let clockOffset = 0;
const started = Date.now();
/** Stands still but for the runner's jumps: it compares ticket ages to the millisecond. */
const clock = { now: () => started + clockOffset };

export function advanceClock(seconds: number): void {
  clockOffset += seconds * 1000;
}

/** What a server keeps from one connection to the next. */
const keyring = new TicketKeyring({ crypto, clock });
const store = new MemoryStore({ clock });

/** BoringSSL bounds a chain by its bytes alone, and skips early data of 16,384 bytes with content type and tag. */
const limits = { certificateChain: 1000, skippedEarlyData: 16_384 - 17 };

/** As much early data as BoringSSL's tickets allow. */
const maxEarlyDataSize = 14_336;

/**
 * A connection of the engine as the options describe it. Throws `TlsError` for what cannot be configured.
 *
 * @param verification the options that the verification of the peer goes by.
 * @param session what a client resumes.
 */
export function createSubject(options: Options, verification: Options, session: ClientSession | undefined): Subject {
  const wanted = preferences(options);
  const versions = versionRange(options);
  if (versions === undefined) throw new TlsError('ERR_TLS_CONFIG_VERSIONS', 'internalError', 'no version is left');
  const numbered = options.credentials.map((flags) => loadCredential(crypto, flags, wanted.signSchemes));
  const credentials = numbered.filter((credential) => credential !== undefined);
  const psks = [...loadPsks(crypto, options.credentials), ...loadPsk12(options)];
  const fallback = loadCredential(crypto, options.credential, wanted.signSchemes);
  const callbacks = new Callbacks(options, verification, numbered);

  const common = {
    crypto,
    now: clock.now,
    minVersion: versions.min,
    maxVersion: versions.max,
    cipherSuites: wanted.cipherSuites,
    groups: wanted.groups,
    signatureSchemes: wanted.verifySchemes,
    credentials: fallback === undefined ? credentials : [...credentials, fallback],
    certificateCompression: compressions.filter(
      ({ algorithm }) => options.installCertCompressionAlgs || options.installOneCertCompressionAlg === algorithm,
    ),
    limits: { ...limits, ...(options.maxCertList === undefined ? {} : { handshakeMessage: options.maxCertList }) },
    maxSendFragment: options.maxSendFragment,
    // As BoringSSL does; Handfast's own default is that of RFC 7627.
    resumeWithoutExtendedMasterSecret: true,
    trace: (event: TraceEvent) => callbacks.trace(event),
    keyLog: (line: string) => callbacks.keyLog(line),
    selectCredential: (query: CredentialQuery) => callbacks.selectCredential(query),
    verifyPeer: (peer: PeerCertificates) => callbacks.verifyPeer(peer),
  } satisfies CommonOptions & Partial<ServerOptions>;
  const { facts } = callbacks;
  if (options.server) {
    const server = {
      ...common,
      ...serverOptions(options, wanted.preferServerOrder, psks),
      signatureSchemes: [...wanted.verifySchemes, ...signedSha1(options, common.credentials)],
      selectConfig: (hello: ClientHelloInfo) => callbacks.selectConfig(hello),
      // Each connection has functions of its own, and yet sessions are shared.
      clientTrustDigest: new Uint8Array(0),
    };
    const host = serverHost(server);
    return { connection: new ServerConnection(server), facts, answer: (request) => callbacks.answer(host, request) };
  }
  const client = { ...common, ...clientOptions(options, session), keyShares: wanted.keyShares, externalPsks: psks };
  const host = clientHost(client);
  return { connection: new ClientConnection(client), facts, answer: (request) => callbacks.answer(host, request) };
}

/**
 * A server signs with SHA-1 only where its configuration names it (RFC 9155), and that is the list of what it accepts, too:
 * where it asks for no certificate the one does not mean the other.
 */
function signedSha1(options: Options, credentials: readonly Credential[]): number[] {
  if (options.verifyPeer || options.requireAnyClientCertificate) return [];
  return credentials.flatMap(({ signer }) => signer.schemes.filter((code) => sha1Schemes.includes(code)));
}

const sha1Schemes: readonly number[] = [signatureSchemeCodes.rsa_pkcs1_sha1, signatureSchemeCodes.ecdsa_sha1];

function serverOptions(
  options: Options,
  preferServerOrder: boolean,
  psks: readonly ExternalPsk[],
): Partial<ServerOptions> {
  const selects = (options.selectAlpn ?? '') !== '' || options.rejectAlpn;
  return {
    preferServerOrder,
    ...(options.acceptedPeerCertTypes.length > 0 && {
      clientCertificateTypes: certificateTypeNames(options.acceptedPeerCertTypes),
    }),
    // BoringSSL's server always sends it.
    grease: true,
    clientCertificate: options.requireAnyClientCertificate ? 'require' : options.verifyPeer ? 'request' : 'none',
    certificateAuthorities: options.useClientCaList === undefined ? [] : names(options.useClientCaList),
    echKeys: options.echServerConfig.map((config, i) => ({
      config,
      privateKey: options.echServerKey[i]!,
      retry: options.echIsRetryConfig[i] !== 0,
    })),
    selectAlpn: selects ? () => (options.rejectAlpn ? undefined : options.selectAlpn) : undefined,
    psk: { identityHint: new Uint8Array(Buffer.from(options.pskIdentity ?? '', 'latin1')) },
    sessions: new ServerSessions({
      crypto,
      keyring,
      store,
      tls12Tickets: !options.noTicket,
      tls13Tickets: options.noTicket ? 'none' : 'stateless',
      maxEarlyDataSize: options.enableEarlyData ? maxEarlyDataSize : 0,
      // BoringSSL's window.
      freshness: { toleranceMs: 60_000 },
      externalPsk: (identity) => psks.find((psk) => equal(psk.identity, identity)),
    }),
  };
}

function clientOptions(options: Options, session: ClientSession | undefined): Partial<ClientOptions> {
  return {
    serverName: options.hostName,
    ...(options.acceptedPeerCertTypes.length > 0 && {
      serverCertificateTypes: certificateTypeNames(options.acceptedPeerCertTypes),
    }),
    ...(options.availableClientCertTypes.length > 0 && {
      clientCertificateTypes: certificateTypeNames(options.availableClientCertTypes),
    }),
    ...(options.psk !== undefined && { selectPsk: (query) => selectPsk(options, query) }),
    alpnProtocols: options.advertiseAlpn === undefined ? [] : alpnList(options.advertiseAlpn),
    requestOcsp: options.enableOcspStapling,
    requestScts: options.enableSignedCertTimestamps,
    grease: options.enableGrease,
    ech: {
      ...(options.echConfigList === undefined ? {} : { configList: options.echConfigList }),
      required: options.rejectUnusableEchConfig,
      grease: options.enableEchGrease,
    },
    permuteExtensions: options.permuteExtensions,
    fallback: options.fallbackScsv,
    requireSecureRenegotiation: options.noLegacyServerConnect,
    resumption: !options.noTicket,
    sessions: session === undefined || (options.noTicket && session.ticket.length > 0) ? [] : [session],
    earlyData: options.enableEarlyData,
    verifyResumed: options.reverifyOnResume,
  };
}

/** The identity that is to be used is what the runner gives as the hint. */
function selectPsk(options: Options, { identityHint }: PskQuery): ExternalPsk | undefined {
  const hint = identityHint && Buffer.from(identityHint).toString('latin1');
  if (hint !== options.pskIdentity) throw new Mismatch(`the hint is ${hint}, not ${options.pskIdentity}`);
  return loadPsk12(options)[0];
}

/** Whether two byte strings are the same; `undefined` is no byte string. */
export function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && equal(a, b);
}
