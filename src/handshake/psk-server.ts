import { constantTimeEqual, zeroize } from '../bytes/bytes.ts';
import type { CipherSuite } from '../crypto/cipher-suites.ts';
import { PeerError } from '../errors.ts';
import type { MissReason } from '../session/miss-reason.ts';
import { type PskBinding, pskBinding } from '../session/psk-importer.ts';
import { isAnonymous, type SessionState } from '../session/state.ts';
import { type ClientHello, truncatedLength } from '../wire/client-hello.ts';
import type { PskIdentity } from '../wire/extension-codecs.ts';
import { tls13 } from '../wire/versions.ts';
import { clientTakesSession } from './certificate-types.ts';
import { decide, untilEnd } from './context.ts';
import { type Flow, request } from './flow.ts';
import { EarlySecrets } from './key-schedule.ts';
import { chooseCipherSuite } from './negotiate.ts';
import { missed, type ReceivedClientHello, type ServerContext } from './server.ts';
import type { Transcript } from './transcript.ts';

/** A PSK that the server goes on with. */
export interface SelectedPsk {
  /** Its place among the client's identities. */
  readonly index: number;
  readonly identity: Uint8Array;
  /** The cipher suite to go on with: of the PSK's hash. */
  readonly suite: CipherSuite;
  /** The key schedule, begun with this PSK. */
  readonly early: EarlySecrets;
  /** Which label its binder has: a resumption PSK, an external one, or an imported one. */
  readonly kind: 'res' | 'ext' | 'imp';
  /** The session, for a resumption PSK. */
  readonly state: SessionState | undefined;
  /** What its sessions are bound to, for an external PSK and for a session that one made. */
  readonly psk: PskBinding | undefined;
  readonly keyExchange: 'psk_dhe_ke' | 'psk_ke';
  /** As the client sent it (RFC 9846, Section 4.2.11.1). */
  readonly obfuscatedTicketAge: number;
}

const pskKe = 0;
const pskDheKe = 1;

/**
 * Goes through the client's identities, takes the first that is known here and fits, and checks its binder. Without
 * one the handshake is a full one; a wrong binder ends it (RFC 9846, Section 4.2.11).
 *
 * "The server MUST ensure that it selects a compatible PSK (if any) and cipher suite": a PSK of the other hash takes the
 * first common suite of that hash, unless HelloRetryRequest has named the suite already. So a session outlives a change of
 * the server's order of suites, and servers of a fleet may differ in it.
 */
export function* selectPsk(
  context: ServerContext,
  transcript: Transcript,
  received: ReceivedClientHello,
  preferred: CipherSuite,
  retried: boolean,
): Flow<SelectedPsk | undefined> {
  const { config } = context;
  const { cipherSuites, extensions } = received.hello;
  const offer = extensions.preSharedKey;
  if (offer === undefined) return undefined;
  if (!config.resumption.psk) {
    missed(context, 'psk', 'disabled');
    return undefined;
  }
  const keyExchange = chooseMode(context, received);
  if (keyExchange === undefined) {
    missed(context, 'psk', 'modeMismatch');
    return undefined;
  }
  const other = retried
    ? undefined
    : chooseCipherSuite(cipherSuites, config, ({ version, hash }) => version === tls13 && hash !== preferred.hash);
  const looked = Math.min(offer.identities.length, config.limits.pskIdentities);
  for (let index = 0; index < looked; index++) {
    const identity = offer.identities[index] as PskIdentity;
    const known = yield* lookUp(context, received.hello, identity, preferred, other);
    if ('miss' in known) {
      decide(context, 'resumption', 'miss', known.miss);
      continue;
    }
    const { suite } = known;
    const early = untilEnd(context, new EarlySecrets(context.crypto, suite.hash, known.key));
    const psk = known.kind === 'res' ? known.state?.psk : pskBinding(context.crypto, identity.identity, known.key);
    // That of an external PSK belongs to the host, which uses it again.
    if (known.kind === 'res') zeroize(known.key);
    if (suite !== preferred) decide(context, 'cipherSuite', suite.name, "the first of the PSK's hash");
    checkBinder(early.binder(known.kind, boundHash(transcript, received, suite)), received, index);
    decide(
      context,
      'resumption',
      known.kind === 'res' ? 'psk' : 'externalPsk',
      'known, valid and bound to the same policy',
    );
    const { kind, state } = known;
    const { obfuscatedTicketAge } = identity;
    return { index, identity: identity.identity, suite, early, keyExchange, kind, state, psk, obfuscatedTicketAge };
  }
  return undefined;
}

function chooseMode(context: ServerContext, { hello }: ReceivedClientHello): 'psk_dhe_ke' | 'psk_ke' | undefined {
  const modes = hello.extensions.pskKeyExchangeModes;
  if (modes?.includes(pskDheKe) && hello.extensions.keyShare !== undefined) return 'psk_dhe_ke';
  if (modes?.includes(pskKe) && context.config.resumption.allowPskOnly) return 'psk_ke';
  return undefined;
}

type KnownPsk = Pick<SelectedPsk, 'kind' | 'state' | 'suite'> & { key: Uint8Array };

function* lookUp(
  context: ServerContext,
  hello: ClientHello,
  { identity }: PskIdentity,
  preferred: CipherSuite,
  other: CipherSuite | undefined,
): Flow<KnownPsk | { miss: string }> {
  const { config } = context;
  const { serverName } = hello.extensions;
  const cipherHash = other === undefined ? preferred.hash : undefined;
  const misfit = (state: SessionState) => misfit13(context, hello, state);
  const binding = { version: tls13, serverName, config, cipherHash, misfit } as const;
  const found = yield* request('lookupPsk', { identity, binding });
  if ('miss' in found) return found;
  const { key, kind, hash, state } = found;
  const miss = (reason: string) => {
    if (kind === 'res') zeroize(key);
    return { miss: reason };
  };
  const suite = hash === preferred.hash ? preferred : other;
  if (suite === undefined) return miss('cipherMismatch');
  // A host that is not ours may not have asked.
  const reason = state === undefined ? undefined : misfit13(context, hello, state);
  return reason === undefined ? { key, kind, state, suite } : miss(reason);
}

/** Why a session that was found may not go on under this ClientHello. */
function misfit13({ config }: ServerContext, hello: ClientHello, state: SessionState): MissReason | undefined {
  if (state.version !== tls13) return 'versionMismatch';
  if (state.psk !== undefined && config.psk === undefined) return 'policyMismatch';
  if (!clientTakesSession(hello, state)) return 'policyMismatch';
  // A session without the client certificate that is required now would be a weaker authentication.
  return config.clientCertificate === 'require' && isAnonymous(state) ? 'policyMismatch' : undefined;
}

/** The hash that binders cover: all messages so far, and this ClientHello without its binders. */
function boundHash(transcript: Transcript, { hello, message }: ReceivedClientHello, suite: CipherSuite): Uint8Array {
  const binders = hello.extensions.preSharedKey?.binders ?? [];
  return transcript.hashWith(suite.hash, message.raw.subarray(0, truncatedLength(message.raw, binders)));
}

/**
 * "the server MUST validate the corresponding binder value … If this value is not present or does not validate, the
 * server MUST abort the handshake." (RFC 9846, Section 4.2.11)
 */
function checkBinder(expected: Uint8Array, { hello }: ReceivedClientHello, index: number): void {
  const binder = hello.extensions.preSharedKey?.binders[index];
  if (binder !== undefined && constantTimeEqual(binder, expected)) return;
  throw new PeerError(
    'ERR_TLS_PSK_BINDER',
    'decryptError',
    'clientHello: the PSK binder is wrong: the client does not hold the key of the identity that it names',
    { rfc: 'RFC 9846, Section 4.2.11.2' },
  );
}
