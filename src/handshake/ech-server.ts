import { type HpkeContext, hpkeSuite, setupBaseReceiver } from '../crypto/hpke.ts';
import type { CryptoProvider, TranscriptHash } from '../crypto/provider.ts';
import { illegalParameter, PeerError } from '../errors.ts';
import type { ClientHello } from '../wire/client-hello.ts';
import { decodeEchOuter, type EchOuter, expandClientHelloInner, isEchInner } from '../wire/encrypted-client-hello.ts';
import { frameMessage, type HandshakeMessage } from '../wire/handshake-type.ts';
import { isGrease, tls13 } from '../wire/versions.ts';
import { decide, untilEnd } from './context.ts';
import { acceptConfirmation, confirmationInServerHello, confirmationLength } from './ech-confirmation.ts';
import type { EchServerKey } from './ech-keys.ts';
import { type ReceivedClientHello, readClientHello, type ServerContext } from './server.ts';
import type { Transcript } from './transcript.ts';

/**
 * The server's side of Encrypted Client Hello (RFC 9849, Section 7). A server with keys is client-facing and backend in
 * one ("shared mode"); one without keys still confirms a ClientHelloInner that a client-facing server passed on to it.
 */

/** What became of a client's offer. */
export interface ServerEch {
  /** Whether the handshake goes on with the ClientHelloInner, which the ServerHello then confirms. */
  readonly accepted: boolean;
  /** How the first ClientHello was decrypted; absent where it was none of ours to decrypt. */
  readonly opened: { readonly hpke: HpkeContext; readonly outer: EchOuter } | undefined;
  /** After a rejection: the configs to try instead. */
  readonly retryConfigs: Uint8Array | undefined;
}

const backend: ServerEch = { accepted: true, opened: undefined, retryConfigs: undefined };

/** The first ClientHello that counts: the inner one where it can be decrypted, else the one that came. */
export function openClientHello(context: ServerContext, received: ReceivedClientHello): ReceivedClientHello {
  const body = received.hello.extensions.encryptedClientHello;
  if (body === undefined) return received;
  const { ech, maxVersion } = context.config;
  const decrypts = ech !== undefined && maxVersion >= tls13;
  if (isEchInner(body)) {
    if (decrypts) throw innerInClear();
    return { ...received, ech: backend };
  }
  if (!decrypts) return received;

  const outer = decodeEchOuter(body);
  for (const key of ech.keys) {
    const hpke = receiver(context.crypto, key, outer);
    const encoded = hpke?.open(additionalData(received.message, outer), outer.payload);
    if (hpke === undefined || encoded === undefined) {
      hpke?.destroy();
      continue;
    }
    untilEnd(context, hpke);
    const inner = readInner(received, encoded, { accepted: true, opened: { hpke, outer }, retryConfigs: undefined });
    const name = inner.hello.extensions.serverName ?? 'no name';
    decide(context, 'encryptedClientHello', 'accepted', `key ${key.configId} opens it: the client asks for ${name}`);
    return inner;
  }
  decide(context, 'encryptedClientHello', 'rejected', `no key opens it: config ${outer.configId}, old or GREASE`);
  return { ...received, ech: { accepted: false, opened: undefined, retryConfigs: ech.retryConfigs } };
}

/** The second ClientHello that counts, after a HelloRetryRequest (RFC 9849, Section 7.1.1). */
export function openSecondClientHello(
  { config }: ServerContext,
  ech: ServerEch | undefined,
  received: ReceivedClientHello,
): ReceivedClientHello {
  const body = received.hello.extensions.encryptedClientHello;
  if (ech === undefined || !ech.accepted) {
    // What a rejected one hides is not looked at; that the inner form may not come in clear holds all the same.
    if (isEchInner(body) && (ech !== undefined || config.ech !== undefined)) throw innerInClear();
    return { ...received, ech };
  }
  if (ech.opened === undefined) {
    checkInner(received.hello);
    return { ...received, ech };
  }
  if (body === undefined) {
    throw new PeerError(
      'ERR_TLS_MISSING_EXTENSION',
      'missingExtension',
      'clientHello after helloRetryRequest: the extension encrypted_client_hello is missing',
      { rfc: 'RFC 9849, Section 7.1.1' },
    );
  }
  const { hpke, outer: first } = ech.opened;
  const outer = isEchInner(body) ? undefined : decodeEchOuter(body);
  const same = outer?.configId === first.configId && outer.kdf === first.kdf && outer.aead === first.aead;
  if (outer === undefined || !same || outer.enc.length > 0) {
    throw illegalParameter(
      'ERR_TLS_ECH_SECOND_CLIENT_HELLO',
      'clientHello after helloRetryRequest: encrypted_client_hello changes what may not change',
      'RFC 9849, Section 7.1.1',
    );
  }
  const encoded = hpke.open(additionalData(received.message, outer), outer.payload);
  if (encoded === undefined) {
    throw new PeerError(
      'ERR_TLS_ECH_DECRYPT',
      'decryptError',
      'clientHello after helloRetryRequest: encrypted_client_hello does not decrypt',
      { rfc: 'RFC 9849, Section 7.1.1' },
    );
  }
  return readInner(received, encoded, ech);
}

/** Writes the confirmation into the body of a ServerHello. @param transcript of the messages before it. */
export function confirmServerHello(
  crypto: CryptoProvider,
  hash: TranscriptHash,
  transcript: Transcript,
  inner: ClientHello,
  body: Uint8Array,
): void {
  confirm(crypto, hash, transcript, 'serverHello', inner, body, confirmationInServerHello);
}

/** Writes the confirmation into the body of a HelloRetryRequest, where it stands last. */
export function confirmHelloRetryRequest(
  crypto: CryptoProvider,
  hash: TranscriptHash,
  transcript: Transcript,
  inner: ClientHello,
  body: Uint8Array,
): void {
  confirm(crypto, hash, transcript, 'helloRetryRequest', inner, body, body.length - confirmationLength);
}

function confirm(
  crypto: CryptoProvider,
  hash: TranscriptHash,
  transcript: Transcript,
  message: 'serverHello' | 'helloRetryRequest',
  { random }: ClientHello,
  body: Uint8Array,
  at: number,
): void {
  body.fill(0, at, at + confirmationLength);
  const transcriptHash = transcript.hashWith(hash, frameMessage('serverHello', body));
  body.set(acceptConfirmation(crypto, hash, message, random, transcriptHash), at);
}

function receiver(crypto: CryptoProvider, key: EchServerKey, outer: EchOuter): HpkeContext | undefined {
  const { configId, kdf, aead, enc } = outer;
  if (key.configId !== configId) return undefined;
  const offered = key.cipherSuites.some((suite) => suite.kdf === kdf && suite.aead === aead);
  const suite = offered ? hpkeSuite(key.kem, kdf, aead) : undefined;
  if (suite === undefined) return undefined;
  try {
    return setupBaseReceiver(crypto, suite, key.keyPair, enc, key.info);
  } catch (error) {
    // An encapsulated key that is none is no error of the protocol: it is what GREASE may send.
    if (error instanceof PeerError) return undefined;
    throw error;
  }
}

/** ClientHelloOuterAAD: the outer hello with zeros in the place of the payload (RFC 9849, Section 5.2). */
function additionalData({ body }: HandshakeMessage, { payload }: EchOuter): Uint8Array {
  const at = payload.byteOffset - body.byteOffset;
  // Not by `slice`, which of a Buffer gives a view.
  return new Uint8Array(body).fill(0, at, at + payload.length);
}

/**
 * "A shared mode server which receives a ClientHello with ECHClientHello.type of inner MUST abort with an
 * "illegal_parameter" alert" (RFC 9849, Section 7).
 */
function innerInClear(): Error {
  return illegalParameter(
    'ERR_TLS_ECH_INNER',
    'clientHello: the inner form of encrypted_client_hello came in clear',
    'RFC 9849, Section 7',
  );
}

function readInner(outer: ReceivedClientHello, encoded: Uint8Array, ech: ServerEch): ReceivedClientHello {
  const body = expandClientHelloInner(encoded, outer.message.body);
  const raw = frameMessage('clientHello', body).slice();
  const inner = readClientHello({ type: 'clientHello', body: raw.subarray(4), raw });
  checkInner(inner.hello);
  return { ...inner, ech };
}

/**
 * A ClientHelloInner has the inner form of the extension, and offers nothing below TLS 1.3: "the client-facing server
 * MUST abort with an "illegal_parameter" alert" (RFC 9849, Section 7.1).
 */
function checkInner({ extensions }: ClientHello): void {
  const versions = extensions.supportedVersions ?? [];
  const old = versions.some((version) => version < tls13 && !isGrease(version));
  if (isEchInner(extensions.encryptedClientHello) && versions.includes(tls13) && !old) return;
  throw illegalParameter(
    'ERR_TLS_ECH_INNER',
    'clientHelloInner: it lacks the inner encrypted_client_hello, or does not offer TLS 1.3 alone',
    'RFC 9849, Section 7.1',
  );
}
