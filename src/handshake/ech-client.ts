import { concat, constantTimeEqual } from '../bytes/bytes.ts';
import { cipherSuite } from '../crypto/cipher-suites.ts';
import {
  type HpkeContext,
  type HpkeSuite,
  hpkeAeads,
  hpkeKdfs,
  hpkeKeyExchange,
  hpkeSuite,
  hpkeTagLength,
  setupBaseSender,
} from '../crypto/hpke.ts';
import type { CryptoProvider, PendingKeyExchange } from '../crypto/provider.ts';
import { EchRejectedError, illegalParameter } from '../errors.ts';
import {
  type ClientHello,
  type ClientHelloExtensions,
  encodeClientHello,
  truncatedLength,
} from '../wire/client-hello.ts';
import { type DecodedEchConfig, decodeEchConfigList, isPublicName } from '../wire/ech-config.ts';
import { echInner, encodeClientHelloInner, encodeEchOuter } from '../wire/encrypted-client-hello.ts';
import type { KeyShareEntry } from '../wire/extension-codecs.ts';
import { extensionName, extensionTypes } from '../wire/extension-type.ts';
import { frameMessage, type HandshakeMessage } from '../wire/handshake-type.ts';
import type { ServerHelloOutline } from '../wire/server-hello.ts';
import { isGrease, tls13 } from '../wire/versions.ts';
import type { ClientContext, Offer } from './client.ts';
import { buildClientHello, type HelloPsk, retryClientHello } from './client-hello-builder.ts';
import type { ClientHandshakeConfig, Credential } from './config.ts';
import { decide, randomU32, untilEnd } from './context.ts';
import { acceptConfirmation, confirmationInServerHello, confirmationLength } from './ech-confirmation.ts';
import { hpkeInfo } from './ech-keys.ts';
import { type Flow, request } from './flow.ts';
import type { CredentialQuery } from './host.ts';
import { type OfferedPsk, writeBinders } from './psk-client.ts';
import { Transcript } from './transcript.ts';

/**
 * The client's side of Encrypted Client Hello (RFC 9849, Section 6): the ClientHello that it means goes out encrypted
 * inside one that anybody may see. Which of both counts is known with the server's first message.
 */

/** The server to encrypt to. */
export interface EchTarget {
  readonly config: DecodedEchConfig;
  readonly suite: HpkeSuite;
}

/** What a client keeps of an encrypted offer; with it, its {@link Offer} is that of the ClientHelloInner. */
export interface OfferedEch {
  readonly target: EchTarget;
  readonly hpke: HpkeContext;
  /** The ClientHelloOuter, should it be the one that counts. */
  readonly outer: Offer;
  /** The PSKs that the outer hello pretends to have. */
  readonly greasePsks: readonly HelloPsk[];
}

/** The first config of a list that can be used here, with its first suite that can (RFC 9849, Section 6.1). */
export function selectEchTarget(crypto: CryptoProvider, configs: readonly DecodedEchConfig[]): EchTarget | undefined {
  for (const config of configs) {
    const exchange = hpkeKeyExchange(crypto, config.kem);
    if (exchange?.clientShareLength !== config.publicKey.length) continue;
    if (config.hasMandatoryExtension || !isPublicName(config.publicName)) continue;
    for (const { kdf, aead } of config.cipherSuites) {
      const suite = hpkeSuite(config.kem, kdf, aead);
      if (suite !== undefined && !crypto.missingAeads?.includes(suite.cipher)) return { config, suite };
    }
  }
  return undefined;
}

/** Sends the first ClientHello with another one inside. */
export function sendEncryptedClientHello(
  context: ClientContext,
  transcript: Transcript,
  target: EchTarget,
  exchanges: readonly PendingKeyExchange[],
  psks: readonly OfferedPsk[],
): Offer {
  const { config, crypto } = context;
  const { publicName } = target.config;
  const greasePsks = psks.map((psk) => greasePsk(config, psk));
  // What is padded is the inner hello; sessions of TLS 1.2 have no place in it, nor in sight.
  const shown = { ...config, serverName: publicName, padClientHelloTo: 0 };
  const outer = buildClientHello(shown, exchanges, greasePsks, undefined, echInner);
  const inner = innerClientHello(config, outer, psks);
  const { enc, context: hpke } = setupBaseSender(
    crypto,
    target.suite,
    target.config.publicKey,
    hpkeInfo(target.config),
  );
  untilEnd(context, hpke);
  decide(
    context,
    'encryptedClientHello',
    'offered',
    `${config.serverName ?? 'no name'} inside, ${publicName} in sight (config ${target.config.configId})`,
  );
  return send(context, transcript, { target, hpke, greasePsks }, enc, inner, outer, exchanges, psks);
}

/** Answers a HelloRetryRequest that has confirmed the ClientHelloInner (RFC 9849, Section 6.1.5). */
export function resendEncryptedClientHello(
  context: ClientContext,
  transcript: Transcript,
  first: Offer,
  ech: OfferedEch,
  exchanges: readonly PendingKeyExchange[],
  psks: readonly OfferedPsk[],
  share: KeyShareEntry | undefined,
  cookie: Uint8Array | undefined,
): Offer {
  const greasePsks = ech.greasePsks.filter((_, i) => psks.some(({ early }) => early === first.psks[i]?.early));
  const outer = retryClientHello(ech.outer.hello, share, cookie, greasePsks);
  const inner = retryClientHello(first.hello, share, cookie, psks);
  inner.extensions.keyShare = outer.extensions.keyShare;
  // "It reuses the original HPKE encryption context … and uses the empty string for enc."
  return send(context, transcript, { ...ech, greasePsks }, new Uint8Array(0), inner, outer, exchanges, psks);
}

/**
 * Reads in the server's first message which ClientHello counts: what the handshake goes on with. Where it is the outer
 * one, the handshake has the public name to authenticate, and ends once it has (RFC 9849, Sections 6.1.4 and 6.1.6).
 */
export function settleEncryptedClientHello(
  context: ClientContext,
  transcript: Transcript,
  offer: Offer,
  ech: OfferedEch,
  message: HandshakeMessage,
  outline: ServerHelloOutline,
): { context: ClientContext; transcript: Transcript; offer: Offer } {
  if (outline.selectedVersion === tls13 && isConfirmed(context, transcript, offer, message, outline)) {
    decide(context, 'encryptedClientHello', 'accepted', 'the server confirms the inner clientHello');
    return { context, transcript, offer };
  }
  const { publicName } = ech.target.config;
  decide(context, 'encryptedClientHello', 'rejected', `the server goes on with the outer one, for ${publicName}`);
  ech.hpke.destroy();
  for (const { early } of offer.psks) early.destroy();
  transcript.drop();
  const outerTranscript = new Transcript(context.crypto);
  outerTranscript.add(ech.outer.raw);
  const config: ClientHandshakeConfig = {
    ...context.config,
    serverName: publicName,
    verifyName: publicName,
    echRejected: true,
    // Nothing of the server that was meant may come from, or go to, this one.
    credentials: [],
    sessions: [],
    externalPsks: [],
    resumption: false,
  };
  return { context: { ...context, config }, transcript: outerTranscript, offer: ech.outer };
}

/** A HelloRetryRequest and the ServerHello after it must agree (RFC 9849, Section 6.1.5). */
export function requireConfirmation(
  context: ClientContext,
  transcript: Transcript,
  offer: Offer,
  message: HandshakeMessage,
  outline: ServerHelloOutline,
): void {
  if (isConfirmed(context, transcript, offer, message, outline)) return;
  throw illegalParameter(
    'ERR_TLS_ECH_INCONSISTENT',
    'serverHello: it does not confirm the inner clientHello, which the helloRetryRequest did',
    'RFC 9849, Section 6.1.5',
  );
}

/**
 * The end of a handshake with the public name: "the client MUST … abort the connection with an "ech_required" alert before
 * sending any application data to the server" (RFC 9849, Section 6.1.6). Where no config of the list has a version that is
 * known here, it is as if there were no list: the server has switched Encrypted Client Hello off.
 */
export function refuseRejectedEch({ config }: ClientContext, retryConfigs: Uint8Array | undefined): void {
  if (!config.echRejected) return;
  const isUsable = retryConfigs !== undefined && decodeEchConfigList(retryConfigs).length > 0;
  throw new EchRejectedError(config.verifyName ?? '', isUsable ? new Uint8Array(retryConfigs) : undefined);
}

/** The client's credential: none for a server that was not meant to be talked to (RFC 9849, Section 6.1.7). */
export function* requestClientCredential(
  config: ClientHandshakeConfig,
  query: CredentialQuery,
): Flow<Credential | undefined> {
  return config.echRejected ? undefined : yield* request('selectCredential', query);
}

/** An extension that looks as if something were encrypted (RFC 9849, Section 6.2.1). */
export function greaseEch({ config, crypto }: ClientContext): Uint8Array {
  const { random } = config;
  const pair = crypto.keyExchange('x25519')?.generate();
  pair?.destroy();
  const [configId, size] = random(2) as unknown as [number, number];
  // As long as the padded inner hello of a client that asks for a name of usual length.
  const payload = random(32 * (4 + (size & 3)) + hpkeTagLength);
  const enc = pair?.share ?? random(32);
  return encodeEchOuter({ kdf: hpkeKdfs.sha256, aead: hpkeAeads.aes128gcm, configId, enc, payload });
}

/** What an observer takes for the PSK of a session (RFC 9849, Section 6.1.2). */
function greasePsk(config: ClientHandshakeConfig, psk: OfferedPsk): HelloPsk {
  const { identity, binderLength, maxEarlyData } = psk;
  const obfuscatedTicketAge = randomU32(config);
  return { identity: config.random(identity.length).slice(), obfuscatedTicketAge, binderLength, maxEarlyData };
}

/** Extensions that never are the same in both hellos, even where they happen to be: that would tell that they are. */
const neverShared: readonly number[] = [
  extensionTypes.serverName,
  extensionTypes.encryptedClientHello,
  extensionTypes.preSharedKey,
];

/** What both hellos have in common, in the order of the outer one. */
function sharedExtensions(inner: ClientHello, outer: ClientHello): number[] {
  return outer.extensionOrder.filter((type) => {
    if (neverShared.includes(type)) return false;
    const name = extensionName(type) as keyof ClientHelloExtensions | undefined;
    const [ours, shown] =
      name === undefined
        ? [inner.otherExtensions?.get(type), outer.otherExtensions?.get(type)]
        : [inner.extensions[name], outer.extensions[name]];
    return ours !== undefined && ours === shown;
  });
}

/** The ClientHello that is meant: for the real name, with the real PSKs, and for nothing below TLS 1.3. */
function innerClientHello(config: ClientHandshakeConfig, outer: ClientHello, psks: readonly OfferedPsk[]): ClientHello {
  const shown = outer.extensions;
  const versions = shown.supportedVersions ?? [];
  const isNew = (version: number) => version >= tls13 || isGrease(version);
  const extensions: ClientHelloExtensions = {
    ...shown,
    serverName: config.serverName,
    supportedVersions: versions.every(isNew) ? versions : versions.filter(isNew),
    encryptedClientHello: echInner,
    extendedMasterSecret: undefined,
    renegotiationInfo: undefined,
    ecPointFormats: undefined,
    sessionTicket: undefined,
    encryptThenMac: undefined,
    preSharedKey:
      psks.length === 0
        ? undefined
        : {
            identities: psks.map(({ identity, obfuscatedTicketAge }) => ({ identity, obfuscatedTicketAge })),
            binders: psks.map(({ binderLength }) => new Uint8Array(binderLength)),
          },
  };
  const inner: ClientHello = {
    ...outer,
    random: config.random(32).slice(),
    cipherSuites: outer.cipherSuites.filter((code) => isGrease(code) || cipherSuite(code)?.version === tls13),
    extensions,
    extensionOrder: [],
  };
  const shared = sharedExtensions(inner, outer);
  const { serverName, encryptedClientHello, supportedVersions, preSharedKey } = extensionTypes;
  inner.extensionOrder = [
    ...(config.serverName === undefined ? [] : [serverName]),
    encryptedClientHello,
    ...(shared.includes(supportedVersions) ? [] : [supportedVersions]),
    ...shared,
    ...(psks.length === 0 ? [] : [preSharedKey]),
  ];
  return inner;
}

/** Encrypts the inner hello into the outer one, sends that, and notes this in the transcript. */
function send(
  context: ClientContext,
  transcript: Transcript,
  ech: Omit<OfferedEch, 'outer'>,
  enc: Uint8Array,
  inner: ClientHello,
  outer: ClientHello,
  exchanges: readonly PendingKeyExchange[],
  psks: readonly OfferedPsk[],
): Offer {
  const { config, suite } = ech.target;
  const innerRaw = frameMessage('clientHello', encodeClientHello(inner));
  writeBinders(innerRaw, psks, transcript);
  const encoded = encodeClientHelloInner(inner, sharedExtensions(inner, outer));
  // The binders stand at the end of both.
  const binders = innerRaw.length - truncatedLength(innerRaw, inner.extensions.preSharedKey?.binders ?? []);
  if (psks.length > 0) encoded.set(innerRaw.subarray(innerRaw.length - binders), encoded.length - binders);
  const padded = concat(encoded, new Uint8Array(paddingLength(ech.target, inner, encoded.length)));

  for (const binder of outer.extensions.preSharedKey?.binders ?? []) binder.set(context.config.random(binder.length));
  const fields = { kdf: suite.kdf, aead: suite.aead, configId: config.configId, enc };
  // ClientHelloOuterAAD is the outer hello with zeros in the place of the payload (RFC 9849, Section 5.2).
  const zeros = new Uint8Array(padded.length + hpkeTagLength);
  outer.extensions.encryptedClientHello = encodeEchOuter({ ...fields, payload: zeros });
  const payload = ech.hpke.seal(encodeClientHello(outer), padded);
  outer.extensions.encryptedClientHello = encodeEchOuter({ ...fields, payload });
  const outerRaw = frameMessage('clientHello', encodeClientHello(outer)).slice();

  transcript.add(innerRaw);
  context.output.sendMessage('clientHello', outerRaw);
  const outerOffer = { hello: outer, raw: outerRaw, exchanges, psks: [], session12: undefined, ech: undefined };
  return { hello: inner, raw: innerRaw, exchanges, psks, session12: undefined, ech: { ...ech, outer: outerOffer } };
}

/** So much that a name does not show by its length, and the whole only in steps (RFC 9849, Section 6.1.3). */
function paddingLength({ config }: EchTarget, inner: ClientHello, length: number): number {
  const { serverName } = inner.extensions;
  // Without a name, room for the whole extension.
  const hidden = serverName === undefined ? 9 + config.maximumNameLength : config.maximumNameLength - serverName.length;
  const unrounded = length + Math.max(0, hidden);
  return Math.ceil(unrounded / 32) * 32 - length;
}

/** Whether the server confirms the ClientHelloInner in a ServerHello or HelloRetryRequest. */
function isConfirmed(
  { crypto }: ClientContext,
  transcript: Transcript,
  { hello }: Offer,
  message: HandshakeMessage,
  outline: ServerHelloOutline,
): boolean {
  const suite = cipherSuite(outline.cipherSuite);
  const { isHelloRetryRequest, echConfirmation } = outline;
  if (suite === undefined || (isHelloRetryRequest && echConfirmation === undefined)) return false;
  const { body } = message;
  const at = echConfirmation === undefined ? confirmationInServerHello : echConfirmation.byteOffset - body.byteOffset;
  const received = body.subarray(at, at + confirmationLength);
  // Not by `slice`, which of a Buffer gives a view.
  const zeroed = new Uint8Array(body).fill(0, at, at + confirmationLength);
  const framed = frameMessage('serverHello', zeroed);
  const hash = isHelloRetryRequest
    ? crypto.hash(suite.hash, concat(frameMessage('messageHash', transcript.hash(suite.hash)), framed))
    : transcript.hashWith(suite.hash, framed);
  const kind = isHelloRetryRequest ? 'helloRetryRequest' : 'serverHello';
  return constantTimeEqual(received, acceptConfirmation(crypto, suite.hash, kind, hello.random, hash));
}
