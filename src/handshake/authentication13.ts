import { constantTimeEqual, fromText, noBytes } from '../bytes/bytes.ts';
import type { TranscriptHash } from '../crypto/provider.ts';
import { signatureScheme } from '../crypto/signature-schemes.ts';
import { decodeError, illegalParameter, PeerError } from '../errors.ts';
import { type CertificateEntry, decodeCertificate13, encodeCertificate13 } from '../wire/certificate.ts';
import type { CertificateType } from '../wire/certificate-type.ts';
import { decodeCertificateVerify, encodeCertificateVerify } from '../wire/certificate-verify.ts';
import { decodeCompressedCertificate, encodeCompressedCertificate } from '../wire/compressed-certificate.ts';
import { extensionTypes } from '../wire/extension-type.ts';
import { frameMessage, type HandshakeMessage } from '../wire/handshake-type.ts';
import { tls13 } from '../wire/versions.ts';
import type { CertificateCompression, Credential } from './config.ts';
import { decide, type HandshakeContext, type MessageContext, sendMessage } from './context.ts';
import { readDelegation, takesDelegation, unsolicitedDelegation } from './delegated-credential.ts';
import { expectMessage, type Flow, request } from './flow.ts';
import { chooseSignatureScheme } from './negotiate.ts';
import { type PeerIdentity, readPeerIdentity, readRawPublicKey, verifySignature } from './peer.ts';
import type { Transcript } from './transcript.ts';

/** The authentication messages of TLS 1.3: Certificate, CertificateVerify, Finished (RFC 9846, Section 4.4). */

/** What a peer allows in this side's Certificate. */
export interface CertificateWishes {
  ocsp: boolean;
  scts: boolean;
  /** Codes of the compressions that the peer can undo. */
  compression: readonly number[];
}

/** Framed Certificate messages by credential and variant: nothing in them changes from one handshake to the next. */
const framedCertificates = new WeakMap<Credential, Map<string, Uint8Array>>();

/** Sends Certificate, compressed where the peer can undo it; without a credential an empty one. */
export function sendCertificate(
  context: MessageContext,
  transcript: Transcript,
  credential: Credential | undefined,
  wishes: CertificateWishes,
  certificateRequestContext: Uint8Array = noBytes,
): void {
  const raw = framedCertificate(context, credential, wishes, certificateRequestContext);
  transcript.add(raw);
  context.output.sendMessage(raw[0] === 25 ? 'compressedCertificate' : 'certificate', raw);
}

function framedCertificate(
  context: MessageContext,
  credential: Credential | undefined,
  wishes: CertificateWishes,
  certificateRequestContext: Uint8Array,
): Uint8Array {
  if (credential === undefined) {
    return frameMessage('certificate', encodeCertificate13({ certificateRequestContext, certificateList: [] }));
  }
  // A bare key would not become smaller.
  const compression =
    credential.rawPublicKey !== undefined
      ? undefined
      : context.config.certificateCompression.find(
          ({ algorithm, compress }) => compress !== undefined && wishes.compression.includes(algorithm),
        );
  if (certificateRequestContext.length > 0) {
    return frame(credential, wishes, compression, certificateRequestContext);
  }
  const variant = `${wishes.ocsp} ${wishes.scts} ${compression?.algorithm}`;
  let variants = framedCertificates.get(credential);
  if (variants === undefined) framedCertificates.set(credential, (variants = new Map()));
  let raw = variants.get(variant);
  if (raw === undefined) variants.set(variant, (raw = frame(credential, wishes, compression, noBytes).slice()));
  return raw;
}

function frame(
  credential: Credential,
  wishes: CertificateWishes,
  compression: CertificateCompression | undefined,
  certificateRequestContext: Uint8Array,
): Uint8Array {
  const { rawPublicKey } = credential;
  const certificateList =
    rawPublicKey === undefined ? certificateEntries(credential, wishes) : [{ certData: rawPublicKey }];
  const body = encodeCertificate13({ certificateRequestContext, certificateList });
  if (compression?.compress === undefined) return frameMessage('certificate', body);
  const compressedCertificateMessage = compression.compress(body);
  const { algorithm } = compression;
  return frameMessage(
    'compressedCertificate',
    encodeCompressedCertificate({ algorithm, uncompressedLength: body.length, compressedCertificateMessage }),
  );
}

function certificateEntries(credential: Credential, wishes: CertificateWishes): CertificateEntry[] {
  return credential.chain.map((certData, i) => {
    if (i > 0) return { certData };
    const statusRequest = wishes.ocsp ? credential.ocspResponse : undefined;
    const signedCertificateTimestamp = wishes.scts && credential.scts?.length ? [...credential.scts] : undefined;
    const delegatedCredential = credential.delegation?.credential;
    return { certData, extensions: { statusRequest, signedCertificateTimestamp, delegatedCredential } };
  });
}

const signatureContexts = {
  server: signatureContext('TLS 1.3, server CertificateVerify'),
  client: signatureContext('TLS 1.3, client CertificateVerify'),
};

function signatureContext(text: string): Uint8Array {
  const context = new Uint8Array(64 + text.length + 1).fill(0x20, 0, 64);
  context.set(fromText(text), 64);
  return context;
}

/** What CertificateVerify signs (RFC 9846, Section 4.4.3). */
export function signedContent(role: 'server' | 'client', transcriptHash: Uint8Array): Uint8Array {
  const context = signatureContexts[role];
  const content = new Uint8Array(context.length + transcriptHash.length);
  content.set(context);
  content.set(transcriptHash, context.length);
  return content;
}

/**
 * Chooses the scheme for a credential; throws `handshake_failure` where the peer accepts none of its schemes.
 *
 * @param delegated the schemes that the peer accepts of delegated credentials.
 */
export function schemeFor(
  context: MessageContext,
  credential: Credential,
  accepted: readonly number[],
  delegated: readonly number[],
): number {
  const { delegation } = credential;
  const scheme =
    delegation === undefined
      ? chooseSignatureScheme(credential.signer, accepted, tls13)
      : takesDelegation(delegation, delegated, accepted, context.config.now())
        ? delegation.scheme
        : undefined;
  if (scheme !== undefined) {
    decide(
      context,
      'signatureScheme',
      signatureScheme(scheme)?.name ?? String(scheme),
      'first of the key that the peer accepts',
    );
    return scheme;
  }
  throw new PeerError(
    'ERR_TLS_NO_SIGNATURE_SCHEME',
    'handshakeFailure',
    `the peer accepts no signature of a key of type ${credential.signer.keyType}`,
    { rfc: 'RFC 9846, Section 4.4.2.2' },
  );
}

/** Sends CertificateVerify: the host signs the transcript. */
export function* sendCertificateVerify(
  context: MessageContext,
  transcript: Transcript,
  hash: TranscriptHash,
  role: 'server' | 'client',
  credential: Credential,
  scheme: number,
): Flow<void> {
  const data = signedContent(role, transcript.hash(hash));
  const signature = yield* request('sign', { signer: credential.signer, scheme, data });
  sendMessage(context, transcript, 'certificateVerify', encodeCertificateVerify({ algorithm: scheme, signature }));
}

/** The peer's identity with the scheme that it signed with. */
export interface ProvenIdentity extends PeerIdentity {
  readonly signatureScheme: number;
}

/**
 * Reads Certificate (or CompressedCertificate) and CertificateVerify. `undefined` for an empty Certificate, which
 * only a client may send.
 *
 * @param type what was negotiated: certificates, or a raw public key.
 * @param transcript up to the Certificate; after the handshake that of the request which its context names.
 * @param allowed the extensions that this side asked for, by type.
 */
export function* readCertificate(
  context: HandshakeContext,
  transcript: Transcript | ((certificateRequestContext: Uint8Array) => Transcript | undefined),
  hash: TranscriptHash,
  role: 'server' | 'client',
  type: CertificateType,
  allowed: readonly number[],
  first?: HandshakeMessage,
): Flow<ProvenIdentity | undefined> {
  const compressible = context.config.certificateCompression.length > 0;
  const message =
    first ??
    (yield* compressible ? expectMessage('certificate', 'compressedCertificate') : expectMessage('certificate'));
  const body = message.type === 'certificate' ? message.body : decompress(context, message.body);
  const certificate = decodeCertificate13(body, context.config.limits.certificateChain);
  const { certificateRequestContext } = certificate;
  const answered =
    typeof transcript === 'function'
      ? transcript(certificateRequestContext)
      : certificateRequestContext.length === 0
        ? transcript
        : undefined;
  if (answered === undefined) {
    throw new PeerError(
      'ERR_TLS_CERTIFICATE_CONTEXT',
      'decodeError',
      'certificate: the certificate_request_context is not the one of a request',
      { rfc: 'RFC 9846, Section 4.4.2' },
    );
  }
  answered.add(message.raw);
  const [leaf, ...issuers] = certificate.certificateList;
  if (leaf === undefined) return undefined;
  const isRaw = type === 'rawPublicKey';
  const delegates = !isRaw && context.config.delegatedCredentialSchemes.length > 0;
  for (const entry of [leaf, ...issuers]) checkEntryExtensions(entry, isRaw ? [] : allowed, delegates);
  if (isRaw && issuers.length > 0) throw severalRawPublicKeys();
  const shown = isRaw
    ? readRawPublicKey(context, leaf.certData)
    : readPeerIdentity(
        context,
        certificate.certificateList.map((entry) => entry.certData),
        leaf.extensions?.statusRequest,
        leaf.extensions?.signedCertificateTimestamp,
      );
  // "The client SHOULD ignore delegated credentials sent as extensions to any other certificate." (RFC 9345, Section 4.1.1)
  const delegated = leaf.extensions?.delegatedCredential;
  const peer = delegated === undefined ? shown : readDelegation(context, role, shown, delegated);
  const data = signedContent(role, answered.hash(hash));
  const verifyMessage = yield* expectMessage('certificateVerify');
  const verify = decodeCertificateVerify(verifyMessage.body);
  verifySignature(context, tls13, peer, verify.algorithm, data, verify.signature, 'certificateVerify');
  answered.add(verifyMessage.raw);
  return { ...peer, signatureScheme: verify.algorithm };
}

/** "… then the certificate_list MUST contain no more than one CertificateEntry" (RFC 9846, Section 4.4.2). */
function severalRawPublicKeys(): PeerError {
  return illegalParameter(
    'ERR_TLS_RAW_PUBLIC_KEY',
    'certificate: more than one entry, where a raw public key was agreed on',
    'RFC 9846, Section 4.4.2',
  );
}

/** "Extensions in the Certificate message … MUST correspond to ones from the ClientHello" (RFC 9846, Section 4.4.2). */
function checkEntryExtensions(entry: CertificateEntry, allowed: readonly number[], delegates: boolean): void {
  for (const type of entry.extensionOrder ?? []) {
    if (allowed.includes(type)) continue;
    if (type === extensionTypes.delegatedCredential) {
      if (delegates) continue;
      throw unsolicitedDelegation();
    }
    throw new PeerError(
      'ERR_TLS_UNSOLICITED_EXTENSION',
      'unsupportedExtension',
      `certificate: extension ${type} was not asked for`,
      { rfc: 'RFC 9846, Section 4.4.2' },
    );
  }
}

/** The entry extensions that a side asked for. */
export function entryExtensions(ocsp: boolean, scts: boolean): number[] {
  const types: number[] = [];
  if (ocsp) types.push(extensionTypes.statusRequest);
  if (scts) types.push(extensionTypes.signedCertificateTimestamp);
  return types;
}

function decompress(context: HandshakeContext, body: Uint8Array): Uint8Array {
  const { algorithm, uncompressedLength, compressedCertificateMessage } = decodeCompressedCertificate(body);
  const compression = context.config.certificateCompression.find((own) => own.algorithm === algorithm);
  if (compression === undefined) {
    throw new PeerError(
      'ERR_TLS_CERTIFICATE_COMPRESSION_ALGORITHM',
      'illegalParameter',
      `compressedCertificate: algorithm ${algorithm} was not offered`,
      { rfc: 'RFC 8879, Section 4' },
    );
  }
  const { handshakeMessage } = context.config.limits;
  if (uncompressedLength > handshakeMessage) {
    throw new PeerError(
      'ERR_TLS_CERTIFICATE_COMPRESSION_TOO_LARGE',
      'badCertificate',
      `compressedCertificate: it would take ${uncompressedLength} bytes, where ${handshakeMessage} are allowed`,
      { rfc: 'RFC 8879, Section 4' },
    );
  }
  let certificate: Uint8Array | undefined;
  let cause: unknown;
  try {
    certificate = compression.decompress(compressedCertificateMessage, uncompressedLength);
  } catch (error) {
    cause = error;
  }
  if (certificate?.length === uncompressedLength) return certificate;
  throw new PeerError(
    'ERR_TLS_CERTIFICATE_COMPRESSION_FAILED',
    'badCertificate',
    'compressedCertificate: it does not decompress to the length that it states',
    { rfc: 'RFC 8879, Section 4', cause },
  );
}

/** Checks the verify_data of a Finished, in constant time. */
export function checkFinished(received: Uint8Array, expected: Uint8Array): void {
  if (constantTimeEqual(received, expected)) return;
  // What ends too early cannot be parsed. Trailing bytes are taken for wrong verify_data, as other stacks do.
  if (received.length < expected.length) {
    throw decodeError(`finished: it has ${received.length} bytes, not ${expected.length}`, 'RFC 9846, Section 6.2');
  }
  throw new PeerError(
    'ERR_TLS_FINISHED',
    'decryptError',
    'finished: the verify_data is wrong: the two sides have not seen the same handshake',
    { phase: 'finished', rfc: 'RFC 9846, Section 4.4.4' },
  );
}
