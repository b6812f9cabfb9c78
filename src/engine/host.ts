import { check, object } from '../bytes/check.ts';
import { cipherSuite } from '../crypto/cipher-suites.ts';
import type { CommonHandshakeConfig, ServerHandshakeConfig } from '../handshake/config.ts';
import type { ChosenPsk, HostRequests, PskLookup, PskQuery, SessionBinding, SessionLookup } from '../handshake/host.ts';
import { chooseCredential } from '../handshake/negotiate.ts';
import { earlyDataContext } from '../session/policy.ts';
import { servesVersion } from '../session/psk-importer.ts';
import type { ServerSessions } from '../session/resumption.ts';
import type { FoundPsk, Miss, SessionExpectation } from '../session/resumption-request.ts';
import { tls12 } from '../wire/versions.ts';
import { type Awaitable, type ClientOptions, optionsOf, type ServerOptions, serverConfig } from './config.ts';
import { isPinned } from './raw-public-keys.ts';

/** Answers to the requests of a handshake, now or later. */
export type Host = {
  readonly [K in keyof HostRequests]: (input: HostRequests[K]['input']) => Awaitable<HostRequests[K]['answer']>;
};

const serverHosts = new WeakMap<ServerOptions, Host>();

/** The host that answers a server's handshakes from its options. */
export function serverHost(options: ServerOptions): Host {
  check(object, options, 'serverHost: options');
  let host = serverHosts.get(options);
  if (host === undefined) serverHosts.set(options, (host = makeServerHost(options)));
  return host;
}

function makeServerHost(options: ServerOptions): Host {
  const own = ownHost(options);
  // Once selectConfig has chosen other options, theirs are the trust, the credentials and the sessions that count.
  const inForce = (config: CommonHandshakeConfig | undefined): OwnHost => {
    const other = optionsOf(config);
    return other === undefined || other === options ? own : ownHost(other);
  };
  return {
    ...own,
    selectConfig: (hello) => after(options.selectConfig?.(hello), (other) => other && serverConfig(other)),
    selectCredential: (query) => inForce(query.config).selectCredential(query),
    verifyPeer: (peer) => inForce(peer.config).verifyPeer(peer),
    lookupSession: (input) => inForce(input.binding.config).lookupSession(input),
    openTicket: (input) => inForce(input.binding.config).openTicket(input),
    lookupPsk: (input) => inForce(input.binding.config).lookupPsk(input),
    claimEarlyData: (input) => inForce(input.binding.config).claimEarlyData(input),
    storeSession: (input) => inForce(input.config).storeSession(input),
    sealTicket: (input) => inForce(input.config).sealTicket(input),
  };
}

type OwnHost = Omit<Host, 'selectConfig'>;
const ownHosts = new WeakMap<ServerOptions, OwnHost>();

/** What these options answer by themselves. */
function ownHost(options: ServerOptions): OwnHost {
  let host = ownHosts.get(options);
  if (host === undefined) {
    host = {
      ...commonHost(options),
      ...sessionHost(options.sessions, options.now ?? Date.now),
      selectPsk: () => undefined,
    };
    ownHosts.set(options, host);
  }
  return host;
}

/** The host that answers a client's handshakes from its options. */
export function clientHost(options: ClientOptions): Host {
  check(object, options, 'clientHost: options');
  const { selectCredential, sign, decryptPremaster, verifyPeer } = commonHost(options);
  const { lookupSession, openTicket, lookupPsk, storeSession, sealTicket, claimEarlyData } = withoutSessions;
  return {
    selectConfig: () => undefined,
    selectCredential,
    sign,
    decryptPremaster,
    verifyPeer,
    lookupSession,
    openTicket,
    lookupPsk,
    storeSession,
    sealTicket,
    claimEarlyData,
    selectPsk: options.selectPsk ?? choosePsk,
  };
}

const known = { rawPublicKey: 'known' } as const;

function commonHost(options: ServerOptions | ClientOptions) {
  return {
    selectCredential: options.selectCredential ?? chooseCredential,
    sign: ({ signer, scheme, data }) => signer.sign(scheme, data),
    decryptPremaster: ({ signer, ciphertext }) => signer.decryptRaw?.(ciphertext),
    // Both configurations refuse to be made without a verifier where a peer shows a certificate.
    verifyPeer: (peer) => {
      const { verifyPeer, rawPublicKeyPins, crypto } = options;
      if (peer.rawPublicKey !== undefined) {
        // A pin says whose key it is, but not that it is the public name's, which counts once ECH was rejected.
        if (
          rawPublicKeyPins !== undefined &&
          !peer.echRejected &&
          isPinned(crypto, rawPublicKeyPins, peer.rawPublicKey)
        ) {
          return known;
        }
        // The handshake refuses a key of which nobody says that it is known.
        return verifyPeer?.(peer);
      }
      if (verifyPeer === undefined) throw new Error('no verifyPeer');
      return verifyPeer(peer);
    },
  } satisfies Partial<Host>;
}

function sessionHost(sessions: ServerSessions | undefined, now: () => number) {
  const none = { miss: 'disabled' };
  return {
    lookupSession: ({ sessionId, binding }): Awaitable<SessionLookup> =>
      sessions === undefined ? none : sessions.lookupSession(Object.assign(expectation(binding, now()), { sessionId })),
    openTicket: ({ ticket, binding }): Awaitable<SessionLookup> =>
      sessions === undefined ? none : sessions.openTicket(Object.assign(expectation(binding, now()), { ticket })),
    lookupPsk: ({ identity, binding }): Awaitable<PskLookup> =>
      sessions === undefined
        ? none
        : after(sessions.lookupPsk(Object.assign(expectation(binding, now()), { identity })), asPskLookup),
    storeSession: ({ sessionId, state }) => sessions?.storeSession({ sessionId, state, now: now() }) ?? false,
    sealTicket: ({ state }) =>
      sessions === undefined
        ? undefined
        : after(sessions.sealTicket({ state, now: now() }), (issued) => ('ticket' in issued ? issued : undefined)),
    claimEarlyData: ({ identity, state, obfuscatedTicketAge, binding, alpnProtocol }) => {
      if (sessions === undefined) return { accepted: false, refusal: 'disabled' as const };
      const { serverName, config } = binding;
      const context = earlyDataContext(config.crypto, { alpnProtocol, cipherSuite: state.cipherSuite, serverName });
      return sessions.claimEarlyData({ identity, state, obfuscatedTicketAge, context, now: now() });
    },
  } satisfies Partial<Host>;
}

/** A client has no sessions to give. */
const withoutSessions = sessionHost(undefined, Date.now);

/** What the session of this connection must have been made under: a new object for each request. */
function expectation(binding: SessionBinding, now: number): SessionExpectation {
  const { version, serverName, config, cipherHash, cipherSuites, extendedMasterSecret, misfit } = binding;
  return {
    version,
    now,
    cipherHash,
    cipherSuites,
    extendedMasterSecret,
    policy: policyOf(config, serverName, binding),
    misfit,
  };
}

function policyOf(
  { resumption }: ServerHandshakeConfig,
  serverName: string | undefined,
  { version, extendedMasterSecret }: SessionBinding,
): SessionExpectation['policy'] {
  return (state) =>
    resumption.policyDigest({
      serverName,
      version,
      cipherHash: cipherSuite(state.cipherSuite)?.hash ?? 'sha256',
      extendedMasterSecret: extendedMasterSecret ?? true,
      pskIdentity: state.psk?.identity,
    });
}

/** The default answer to `selectPsk`: the first PSK that is for TLS 1.2 and the suite's hash. */
function choosePsk({ hash, config }: PskQuery): ChosenPsk | undefined {
  return config.externalPsks.find((psk) => psk.hash === hash && servesVersion(psk, tls12));
}

function asPskLookup(found: FoundPsk | Miss): PskLookup {
  if ('miss' in found) return found;
  const { secret, hash, binderLabel, state } = found;
  return {
    key: secret,
    hash,
    kind: binderLabel === 'res binder' ? 'res' : binderLabel === 'ext binder' ? 'ext' : 'imp',
    state,
  };
}

/** Maps a value now where it is there, and later where it is promised. */
function after<T, U>(value: Awaitable<T>, map: (value: T) => U): Awaitable<U> {
  return isPromise(value) ? value.then(map) : map(value as T);
}

/** Whether a value is a promise, of this realm or another library's. */
export function isPromise<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
