/** A good call of every public function and class: what `public-exports.test.ts` spoils, one value after the other. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAcmeService } from '../src/acme/service.ts';
import { createAuthority } from '../src/ca/storage/folder.ts';
import { createNodeCrypto } from '../src/crypto/node.ts';
import { createKeyFileCrypto } from '../src/crypto/node-key-files.ts';
import { ClientConnection } from '../src/engine/client-connection.ts';
import { createEchKey } from '../src/engine/ech-key.ts';
import { clientHost } from '../src/engine/host.ts';
import { parseCertificate } from '../src/pki/certificate.ts';
import { encodeName } from '../src/pki/name.ts';
import { encodeCertId, encodeOcspRequest, parseOcspRequest } from '../src/pki/ocsp.ts';
import { encodePkcs12 } from '../src/pki/pkcs12.ts';
import { buildCertificateRequest, parseCertificateRequest } from '../src/pki/request.ts';
import { createTrustAnchors } from '../src/pki/verify/anchors.ts';
import { createSessionCounters } from '../src/session/counters.ts';
import { memoryRing } from '../src/session/memory-ring.ts';
import { MemoryStore } from '../src/session/memory-store.ts';
import { sessionState } from '../src/session/state.ts';
import { TicketKeyring } from '../src/session/ticket-keyring.ts';
import { rootDer, rootPem, testCertificate, testIdentity } from './helpers/pki.ts';

/** What is spoiled, and what may be given all the same. */
export interface PublicCall {
  readonly args: readonly unknown[];
  /** Paths (`0`, `1.name`) that take other kinds of values too, or all of which is checked by what it is given to. */
  readonly free?: readonly string[];
  /** Paths that may be left out. */
  readonly optional?: readonly string[];
}

const crypto = createNodeCrypto();
const keyFileCrypto = createKeyFileCrypto();
const clock = { now: Date.now };
const timers = {
  set: (callback: () => void, milliseconds: number): unknown => setTimeout(callback, milliseconds).unref(),
  clear: (handle: unknown): void => clearTimeout(handle as NodeJS.Timeout),
};
const { chain, key, keyPem, chainPem } = testIdentity('ecdsa-p256');
const leaf = chain[0] as Uint8Array;
const certificate = parseCertificate(leaf);
const issuer = parseCertificate(testCertificate('intermediate.crt'));
const privateKey = crypto.importPrivateKey(key);
const anchors = createTrustAnchors([rootDer]);
const name = encodeName([['CN', 'someone']]);
const secret = crypto.random(32);
const bytes = crypto.random(16);
const algorithm = { kind: 'ecdsa', hash: 'sha256' } as const;
const signer = { algorithm, sign: (data: Uint8Array) => privateKey.sign(algorithm, data) };
const template = {
  serialNumber: bytes.map((byte) => byte & 0x7f),
  issuer: name,
  subject: name,
  notBefore: Date.now(),
  notAfter: Date.now() + 1000,
  spki: privateKey.publicKey,
  extensions: [],
};
const request = parseCertificateRequest(
  await buildCertificateRequest({ subject: name, spki: privateKey.publicKey }, signer),
);
const encodedCertId = encodeCertId(certificate.serialNumber, issuer, crypto);
const certId = parseOcspRequest(encodeOcspRequest([encodedCertId])).certIds[0];
const state = sessionState({
  version: 0x0304,
  cipherSuite: 0x1301,
  secret,
  policyDigest: crypto.random(32),
  createdAt: Date.now(),
  lifetime: 60,
});
const session = { state, ticket: bytes, sessionId: new Uint8Array(0), lifetimeHint: 60 };
const store = new MemoryStore({ clock });
const keyring = new TicketKeyring({ crypto, clock });
const counters = createSessionCounters();
const expected = { version: 0x0304, now: Date.now(), policy: () => state.policyDigest };
const policy = { credentialIdentity: 'www', clientAuth: { mode: 'none' }, version: 0x0304, cipherHash: 'sha256' };
const freshness = { toleranceMs: 10_000, clockSkewMs: 2_000 };
const verifyPeer = (): undefined => undefined;
const client = { crypto, serverName: 'a.example', verifyPeer };
const clientHostOf = clientHost(client);
const connection = { command: async () => null, onConnect: () => {}, close: () => {} };
const redisClient = { sendCommand: async () => null, on: () => {}, destroy: () => {} };
const folder = mkdtempSync(join(tmpdir(), 'handfast-public-'));
// Some of what is spoiled is a name that will do, and then something is made under it.
process.chdir(folder);
const ca = await createAuthority({ folder: join(folder, 'ca') });
const service = await openAcmeService({ ca, folder: join(folder, 'ca'), baseUrl: 'https://ca.test/acme' });
export async function closeAll(): Promise<void> {
  await service.close();
  await ca.close();
  process.chdir(tmpdir());
  rmSync(folder, { recursive: true, force: true });
}
const echKey = createEchKey(crypto, { publicName: 'public.example' });
const webKey = await globalThis.crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
const meter = {
  createObservableCounter: () => ({ addCallback: () => {} }),
  createObservableGauge: () => ({ addCallback: () => {} }),
  createHistogram: () => ({ record: () => {} }),
};

/** What the package or a program made as a whole: no field of it is spoiled. */
export const made: ReadonlySet<unknown> = new Set([
  crypto,
  keyFileCrypto,
  anchors,
  request,
  privateKey,
  state,
  session,
  counters,
  connection,
  meter,
  clientHostOf,
  expected,
  certId,
  algorithm,
  signer,
]);

/** By entry of the package, and name. A text says why a name is not called: what it does is Node's, or takes anything. */
export const publicCalls: Readonly<Record<string, Readonly<Record<string, PublicCall | string>>>> = {
  '.': {
    ClientConnection: { args: [client], optional: ['0.serverName'] },
    ServerConnection: { args: [{ crypto, credentials: [] }], optional: ['0.credentials'] },
    clientHost: { args: [client], free: ['0'] },
    serverHost: { args: [{ crypto }], free: ['0'] },
    drive: { args: [new ClientConnection(client), clientHostOf, () => {}] },
    localSigner: { args: [privateKey] },
    createEchKey: {
      args: [crypto, { publicName: 'a.example', configId: 1, maximumNameLength: 64, group: 'x25519' }],
      optional: ['1.configId', '1.maximumNameLength', '1.group'],
    },
    createDelegatedCredential: {
      args: [crypto, { certificate: leaf, key: privateKey, publicKey: privateKey.publicKey, seconds: 60 }],
    },
    delegatedCredential: { args: [crypto, chain, bytes, privateKey, 'server'], optional: ['4'] },
    decodeEchConfigList: { args: [bytes] },
    encodeEchConfigList: { args: [[echKey.config]] },
    TlsError: 'an error: what it is made of is for a message',
    PeerError: 'an error',
    CertificateError: 'an error',
    ConfigError: 'an error',
    AlertReceivedError: 'an error',
    EchRejectedError: 'an error',
  },
  './portable': {
    createPortableCrypto: { args: [{ mlKem: () => undefined }], optional: ['0', '0.mlKem'] },
    webCryptoSigner: { args: [webKey.privateKey] },
  },
  './pki': {
    decodePem: { args: [chainPem] },
    encodePem: { args: ['CERTIFICATE', leaf] },
    CertificateError: 'an error',
    parseCertificate: { args: [leaf] },
    leafPublicKey: { args: [certificate] },
    readCertificates: { args: [chainPem, 'a file', {}], optional: ['2'], free: ['0', '2'] },
    nameCertificate: { args: [leaf, 0, 1], free: ['1', '2'] },
    parseCertificateRequest: { args: [request.der] },
    verifyCertificateRequest: { args: [request, crypto] },
    buildCertificateRequest: {
      args: [{ subject: name, spki: privateKey.publicKey, extensions: [] }, signer],
      optional: ['0.extensions'],
    },
    buildCertificate: { args: [template, signer] },
    encodeTbsCertificate: { args: [template, algorithm] },
    parseCertificateList: { args: [bytes] },
    buildCertificateList: {
      args: [
        { issuer: name, thisUpdate: 1, nextUpdate: 2, crlNumber: 1, authorityKeyIdentifier: bytes, revoked: [] },
        signer,
      ],
    },
    formatGeneralName: { args: [{ kind: 'dns', value: 'a.example' }], free: ['0.value'] },
    hostGeneralName: { args: ['a.example'] },
    ipRange: { args: ['10.0.0.0/8'] },
    formatIp: { args: [bytes] },
    parseIp: { args: ['10.0.0.1'] },
    commonName: { args: [name] },
    encodeName: { args: [[['CN', 'someone']]] },
    formatName: { args: [name] },
    nameAttributes: { args: [name] },
    parseOcspResponse: { args: [bytes] },
    parseOcspRequest: { args: [encodeOcspRequest([encodedCertId])] },
    certIdMatches: { args: [certId, certificate, issuer, crypto] },
    encodeCertId: { args: [certificate.serialNumber, issuer, crypto, 'sha1'], optional: ['3'] },
    encodeOcspRequest: { args: [[encodedCertId], bytes], optional: ['1'] },
    encodeOcspError: { args: ['tryLater'] },
    publicKeyBits: { args: [privateKey.publicKey] },
    buildOcspResponse: {
      args: [
        {
          responder: { keyHash: bytes },
          producedAt: Date.now(),
          responses: [{ certId: encodedCertId, status: { kind: 'good' }, thisUpdate: Date.now() }],
        },
        signer,
      ],
    },
    openPkcs12: {
      args: [encodePkcs12({ certificates: chain }, 'secret', keyFileCrypto), 'secret', keyFileCrypto, {}],
      optional: ['3'],
    },
    encodePkcs12: {
      args: [{ certificates: chain }, 'secret', keyFileCrypto, { derivation: 'pbkdf2', iterations: 10 }],
      optional: ['3', '3.derivation', '3.iterations'],
    },
    decodePrivateKey: { args: [keyPem, {}], free: ['0'], optional: ['1'] },
    encodePrivateKey: { args: [key, {}], optional: ['1'] },
    createTrustAnchors: { args: [[rootPem], { source: 'a file' }], optional: ['1', '1.source'] },
    trustAnchorsDigest: { args: [anchors, crypto] },
    checkHost: { args: [certificate, 'localhost'] },
    matchesHost: { args: [certificate, 'localhost'] },
    matchesEmail: { args: [certificate, 'a@b.example'] },
    verifyChain: {
      args: [{ chain, anchors, now: Date.now(), profile: 'server', name: 'localhost', crypto }],
      optional: ['0.name'],
    },
    verifyChainOrThrow: {
      args: [{ chain, anchors, now: Date.now(), profile: 'server', name: 'localhost', crypto }],
      optional: ['0.name'],
    },
    checkOcspResponse: { args: [{ response: bytes, certificate, issuer, now: Date.now(), crypto }] },
    checkScts: { args: [{ certificate, issuer, policy: { logs: [] }, now: Date.now(), crypto }] },
    parseSctList: { args: [bytes] },
  },
  './pki/node': {
    createNodeCrypto: { args: [{ accelerator: false }], optional: ['0', '0.accelerator'] },
    createKeyFileCrypto: { args: [] },
    bundledRoots: { args: [] },
    loadTrustStore: { args: [{ roots: ['node'], extra: [rootPem] }], optional: ['0', '0.roots', '0.extra'] },
  },
  './ca': {
    createAuthority: {
      args: [{ folder: join(folder, 'other'), name: 'A', permitted: ['a.example'], keyType: 'p256' }],
      optional: ['0.name', '0.permitted', '0.keyType'],
    },
    openAuthority: { args: [{ folder: join(folder, 'none') }] },
    openOrCreateAuthority: { args: [{ folder: join(folder, 'another') }] },
    renewIntermediate: { args: [{ folder: join(folder, 'none') }] },
    checkLog: { args: [join(folder, 'ca')] },
    authorityEnd: { args: [join(folder, 'none')] },
    putAsideAuthority: { args: [join(folder, 'none')] },
    serialOf: { args: [leaf] },
    signatureAlgorithmOf: { args: ['p256'] },
    publishedResponse: { args: [ca, { method: 'GET', path: '/root.crt' }], free: ['1.method'] },
    diagnose: { args: [{ folder: join(folder, 'none') }] },
    findTrustStores: 'of this machine',
    findTrustedRoots: 'of this machine',
    trustRoot: 'of this machine',
    untrustRoot: 'of this machine',
    thisHost: { args: [] },
    trustLines: { args: ['root.pem'] },
  },
  './acme': {
    AcmeProblem: 'an error',
    openAcmeService: { args: [{ ca, folder: join(folder, 'none'), baseUrl: 'https://ca.test/acme' }] },
    acmeListener: { args: [service] },
    publishListener: { args: [{ ca }, ''], optional: ['1'] },
    certificateId: { args: [leaf] },
    systemResolver: { args: [['127.0.0.1']], optional: ['0'] },
    networkValidators: { args: [{ httpPort: 80, timeout: 1000 }], optional: ['0', '0.httpPort', '0.timeout'] },
  },
  './session': {
    TicketKeyring: {
      args: [{ crypto, clock, timers, rotation: 'local', rotateEvery: 60, keepFor: 60, label: 'a' }],
      optional: ['0.timers', '0.rotation', '0.rotateEvery', '0.keepFor', '0.label'],
    },
    MemoryStore: {
      args: [{ clock, timers, maxEntries: 10, maxBytes: 10_000, seed: 1 }],
      optional: ['0.timers', '0.maxEntries', '0.maxBytes', '0.seed'],
    },
    ResilientStore: {
      args: [store, { clock, timers, deadlineMs: 50, hedgeAfterMs: 10, failuresToOpen: 5, maxPending: 10 }],
      optional: ['1.deadlineMs', '1.hedgeAfterMs', '1.failuresToOpen', '1.maxPending'],
    },
    SealedStore: { args: [store, { crypto, fleetKeys: [secret] }] },
    FleetKeys: { args: [crypto, [secret], 'a purpose'], free: ['2'] },
    FleetKeyring: {
      args: [{ crypto, clock, timers, channel: memoryRing(clock), keyring, fleetKeys: [secret], rotateEvery: 60 }],
      optional: ['0.rotateEvery'],
    },
    ServerSessions: {
      args: [{ crypto, keyring, store, lifetime: 60, ticketCount: 1, maxEarlyDataSize: 0, tls13Tickets: 'stateless' }],
      optional: ['0.keyring', '0.store', '0.lifetime', '0.ticketCount', '0.maxEarlyDataSize', '0.tls13Tickets'],
    },
    ClientSessionCache: {
      args: [{ maxPolicies: 1, maxSessionsPerPolicy: 1, maxBytes: 1000 }],
      optional: ['0', '0.maxPolicies', '0.maxSessionsPerPolicy', '0.maxBytes'],
    },
    StoreError: 'an error',
    canonicalName: { args: ['a.example'] },
    claimedTicketAge: 'of two numbers',
    obfuscatedTicketAge: 'of two numbers',
    clientPolicyDigest: { args: [crypto, { host: 'a.example', port: 443, trust: secret }] },
    clientSessionEnd: { args: [session], free: ['0.state', '0.ticket', '0.sessionId', '0.lifetimeHint'] },
    encodeClientSession: { args: [session], free: ['0.state', '0.ticket', '0.sessionId', '0.lifetimeHint'] },
    decodeClientSession: { args: [bytes] },
    compare: { args: [state, expected], free: ['0', '1'] },
    count: { args: [counters, { type: 'earlyDataAccepted' }], free: ['0', '1'] },
    createSessionCounters: { args: [] },
    createSealingKey: { args: [crypto, secret, 'a purpose'] },
    deriveKey: { args: [crypto, secret, 'a label'] },
    refuseWeakKey: { args: [secret, 'the key'], free: ['1'] },
    earlyDataContext: { args: [crypto, { cipherSuite: 0x1301 }] },
    policyDigest: { args: [crypto, policy], free: ['1.clientAuth', '1.version', '1.cipherHash'] },
    sessionState: { args: [state], free: ['0'] },
    isAnonymous: { args: [state], free: ['0'] },
    sessionEnd: { args: [state], free: ['0'] },
    pskHash: { args: [state], free: ['0'] },
    encodeSessionState: { args: [state], free: ['0'] },
    decodeSessionState: { args: [bytes] },
    takeSessionState: { args: [bytes] },
    isFresh: { args: [state, 0, 0, freshness], free: ['0', '1', '2', '3'] },
    replaySpan: { args: [freshness], free: ['0'] },
    externalPsk: { args: [bytes, secret, 'sha256', 'only'], optional: ['2', '3'] },
    importPsk: {
      args: [crypto, { identity: bytes, secret, hash: 'sha256' }, ['sha256']],
      optional: ['1.hash', '2'],
    },
    servesVersion: { args: [{ identity: bytes, secret, hash: 'sha256' }, 0x0304], free: ['0', '1'] },
    pskBinding: { args: [crypto, bytes, secret] },
    importTicketKeyFile: { args: [crypto, crypto.random(80), { sealFrom: 0 }], optional: ['2', '2.sealFrom'] },
    isPromise: 'of anything',
  },
  './redis': {
    connectRedis: 'makes a connection; its options are in test/fleet',
    redisConnection: { args: [{ client: redisClient }] },
    createRedisFleet: 'makes timers; its options are in test/fleet',
    RedisStore: { args: [{ connection, prefix: 'a:' }], optional: ['0.prefix'] },
    redisRingChannel: { args: [{ connection, name: 'a', prefix: 'a:' }], optional: ['0.name', '0.prefix'] },
  },
  './metrics': {
    registerSessionMetrics: 'of a registry that takes each name once; see readSessionMetrics',
    readSessionMetrics: { args: [{ sessions: { counters }, keyring }], optional: ['0.sessions', '0.keyring'] },
    observeSessionMetrics: { args: [{ keyring }, meter], optional: ['0.keyring'] },
  },
  './metrics/otel': {
    observeSessionMetrics: { args: [{ keyring }, meter], optional: ['0.keyring'] },
  },
  './workers': {
    createWorkerFleet: { args: [] },
    joinWorkerFleet: { args: [{ maxEarlyDataSize: 0 }], optional: ['0', '0.maxEarlyDataSize'] },
  },
};
