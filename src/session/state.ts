import { fromText, isBytes, noBytes, toLatin1 } from '../bytes/bytes.ts';
import { check, bytes as isBytesRule, kind, object } from '../bytes/check.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import type { PskBinding } from './psk-importer.ts';

/** Seven days, the longest that a session may live: RFC 9846, Section 4.6.1. */
export const maxLifetimeSeconds = 604_800;

/** The largest encoded state. It fits a ticket of 2^16 - 1 bytes with its seal, and one store value. */
export const maxStateBytes = 60_000;

/** Everything that a server needs to resume a session; what a ticket seals and a store holds. */
export interface SessionState {
  readonly version: 0x0303 | 0x0304;
  readonly cipherSuite: number;
  /** TLS 1.2: the master secret (48 bytes). TLS 1.3: the PSK, as long as the cipher suite's hash (32 or 48). */
  readonly secret: Uint8Array;
  /** What the session is bound to; 32 bytes, from `policyDigest`. */
  readonly policyDigest: Uint8Array;
  /** Time of the *first* full authentication, in milliseconds since the epoch. A renewal copies it. */
  readonly createdAt: number;
  /** When this ticket or entry was made, in milliseconds since the epoch. */
  readonly issuedAt: number;
  /** Seconds from `createdAt` after which the session is over; at most {@link maxLifetimeSeconds}. */
  readonly lifetime: number;
  readonly extendedMasterSecret: boolean;
  readonly serverName?: string | undefined;
  readonly alpnProtocol?: string | undefined;
  /** The peer's certificate chain, DER, leaf first; empty where the peer showed none. */
  readonly peerCertificates: readonly Uint8Array[];
  /** SubjectPublicKeyInfo of the peer's raw public key (RFC 7250), where it showed that instead. */
  readonly peerRawPublicKey?: Uint8Array | undefined;
  /** Server: whether it showed a raw public key itself. Only a client that takes one may go on with the session. */
  readonly ownRawPublicKey: boolean;
  /** The external PSK that authenticated both sides, where one did; no certificate was shown then. */
  readonly psk?: PskBinding | undefined;
  /** When the first certificate of the verified chain expires, in milliseconds since the epoch. */
  readonly peerNotAfter?: number | undefined;
  /** TLS 1.3 `ticket_age_add`, 32 bits; 0 for TLS 1.2. */
  readonly ticketAgeAdd: number;
  /** Bytes of early data that the ticket allows; 0 for none. */
  readonly maxEarlyDataSize: number;
  /** What early data is bound to besides the policy: from `earlyDataContext`; empty for none. At most 255 bytes. */
  readonly earlyDataContext: Uint8Array;
  /**
   * The key exchange group (IANA code), or 0: in TLS 1.2 that of the full handshake, at a client of TLS 1.3 that of the connection
   * that the ticket came in. A client sends its key share for it.
   */
  readonly group: number;
  /** The signature scheme that the peer authenticated with (IANA code), or 0. For information only. */
  readonly peerSignatureScheme: number;
}

/** The parts of {@link SessionState} that have no natural default. */
export type SessionStateInput = Pick<
  SessionState,
  'version' | 'cipherSuite' | 'secret' | 'policyDigest' | 'createdAt' | 'lifetime'
> &
  Partial<SessionState>;

/** A state with defaults for whatever a session of its kind does not have. `issuedAt` defaults to `createdAt`. */
export function sessionState(input: SessionStateInput): SessionState {
  check(object, input, 'sessionState: input');
  // Field by field, in the order of the decoder: all states have one shape.
  return {
    version: input.version,
    cipherSuite: input.cipherSuite,
    secret: input.secret,
    policyDigest: input.policyDigest,
    createdAt: input.createdAt,
    issuedAt: input.issuedAt ?? input.createdAt,
    lifetime: input.lifetime,
    extendedMasterSecret: input.extendedMasterSecret ?? input.version === 0x0304,
    serverName: input.serverName,
    alpnProtocol: input.alpnProtocol,
    peerCertificates: input.peerCertificates ?? [],
    peerRawPublicKey: input.peerRawPublicKey,
    ownRawPublicKey: input.ownRawPublicKey ?? false,
    psk: input.psk,
    peerNotAfter: input.peerNotAfter,
    ticketAgeAdd: input.ticketAgeAdd ?? 0,
    maxEarlyDataSize: input.maxEarlyDataSize ?? 0,
    earlyDataContext: input.earlyDataContext ?? noBytes,
    group: input.group ?? 0,
    peerSignatureScheme: input.peerSignatureScheme ?? 0,
  };
}

/** The parts whose absence would show late. */
const aState = kind('a SessionState: sessionState({ … })', (value) => {
  const { secret, peerCertificates, policyDigest } = (value ?? {}) as Partial<SessionState>;
  return isBytes(secret) && isBytes(policyDigest) && Array.isArray(peerCertificates);
});

/** Whether the peer showed neither a certificate nor a raw public key, and was not known by a PSK either. */
export function isAnonymous(state: SessionState): boolean {
  check(aState, state, 'isAnonymous: state');
  return state.peerCertificates.length === 0 && state.peerRawPublicKey === undefined && state.psk === undefined;
}

/** When the session is over, in milliseconds since the epoch, whatever was renewed meanwhile. */
export function sessionEnd(state: SessionState): number {
  check(aState, state, 'sessionEnd: state');
  const end = state.createdAt + 1000 * Math.min(state.lifetime, maxLifetimeSeconds);
  return state.peerNotAfter === undefined ? end : Math.min(end, state.peerNotAfter);
}

/** The hash of a TLS 1.3 cipher suite: TLS_AES_256_GCM_SHA384 has SHA-384, every other one SHA-256. */
export function pskHash(state: SessionState): 'sha256' | 'sha384' {
  check(aState, state, 'pskHash: state');
  return state.secret.length === 48 ? 'sha384' : 'sha256';
}

const format = 1;
const flagEms = 1;
const flagServerName = 2;
const flagAlpn = 4;
const flagNotAfter = 8;
const flagPeerRawPublicKey = 16;
const flagOwnRawPublicKey = 32;
const flagPsk = 64;
const knownFlags =
  flagEms | flagServerName | flagAlpn | flagNotAfter | flagPeerRawPublicKey | flagOwnRawPublicKey | flagPsk;

/**
 * The state as bytes: a format number, then fields of fixed order (see the code). `undefined` where it does not
 * fit {@link maxStateBytes} or a field does not fit its length (a very long client certificate chain): such a
 * session is not resumable, which is never an error.
 * @param room where to write, as far as it is large enough.
 */
export function encodeSessionState(state: SessionState, room?: Uint8Array): Uint8Array | undefined {
  check(aState, state, 'encodeSessionState: state');
  const serverName = state.serverName === undefined ? noBytes : fromText(state.serverName);
  const alpn = state.alpnProtocol === undefined ? noBytes : latin1(state.alpnProtocol);
  const rawPublicKey = state.peerRawPublicKey;
  let certificateBytes = rawPublicKey === undefined ? 0 : 2 + rawPublicKey.length;
  const { psk } = state;
  if (psk !== undefined) certificateBytes += 34 + psk.identity.length;
  for (const certificate of state.peerCertificates) certificateBytes += 3 + certificate.length;
  const size = 123 + state.secret.length + serverName.length + alpn.length + certificateBytes;
  if (size > maxStateBytes || serverName.length > 255 || alpn.length > 255) return undefined;
  if (state.earlyDataContext.length > 255 || state.policyDigest.length !== 32) return undefined;
  if (!secretFits(state.version, state.secret.length)) return undefined;

  const length = size + state.earlyDataContext.length;
  const writer = new Writer(room !== undefined && length <= room.length ? room : length);
  writer
    .u8(format)
    .u8(
      (state.extendedMasterSecret ? flagEms : 0) |
        (state.serverName === undefined ? 0 : flagServerName) |
        (state.alpnProtocol === undefined ? 0 : flagAlpn) |
        (state.peerNotAfter === undefined ? 0 : flagNotAfter) |
        (rawPublicKey === undefined ? 0 : flagPeerRawPublicKey) |
        (state.ownRawPublicKey ? flagOwnRawPublicKey : 0) |
        (psk === undefined ? 0 : flagPsk),
    )
    .u16(state.version)
    .u16(state.cipherSuite)
    .vector8(state.secret)
    .bytes(state.policyDigest);
  writeTime(writer, state.createdAt);
  writeTime(writer, state.issuedAt);
  writer.u32(Math.min(state.lifetime, maxLifetimeSeconds)).u32(state.ticketAgeAdd).u32(state.maxEarlyDataSize);
  writer.vector8(state.earlyDataContext).u16(state.group).u16(state.peerSignatureScheme);
  if (state.serverName !== undefined) writer.vector8(serverName);
  if (state.alpnProtocol !== undefined) writer.vector8(alpn);
  if (state.peerNotAfter !== undefined) writeTime(writer, state.peerNotAfter);
  if (rawPublicKey !== undefined) writer.vector16(rawPublicKey);
  if (psk !== undefined) writer.vector16(psk.identity).bytes(psk.check);
  const mark = writer.open(3);
  for (const certificate of state.peerCertificates) writer.vector24(certificate);
  return writer.close(mark, 3).finish();
}

/**
 * The state that {@link encodeSessionState} wrote, or `undefined` for anything else: another format, a value out
 * of range, a byte too many. Never throws. The result shares no memory with `bytes`.
 */
export function decodeSessionState(bytes: Uint8Array): SessionState | undefined {
  check(isBytesRule, bytes, 'decodeSessionState: bytes');
  return bytes.length > maxStateBytes ? undefined : takeSessionState(bytes.slice());
}

/** As {@link decodeSessionState}, of bytes that are given away: the result is made of views of them. */
export function takeSessionState(bytes: Uint8Array): SessionState | undefined {
  check(isBytesRule, bytes, 'takeSessionState: bytes');
  if (bytes.length > maxStateBytes || bytes[0] !== format) return undefined;
  try {
    return readState(new Reader(bytes, 'session state', 1));
  } catch {
    return undefined;
  }
}

function readState(reader: Reader): SessionState | undefined {
  const flags = reader.u8();
  if ((flags & ~knownFlags) !== 0) return undefined;
  const version = reader.u16();
  if (version !== 0x0303 && version !== 0x0304) return undefined;
  const cipherSuite = reader.u16();
  const secret = reader.vector8(32, 48);
  if (!secretFits(version, secret.length)) return undefined;
  const policyDigest = reader.bytes(32);
  const createdAt = readTime(reader);
  const issuedAt = readTime(reader);
  const lifetime = reader.u32();
  if (lifetime > maxLifetimeSeconds || issuedAt < createdAt) return undefined;
  const ticketAgeAdd = reader.u32();
  const maxEarlyDataSize = reader.u32();
  const earlyDataContext = reader.vector8();
  const group = reader.u16();
  const peerSignatureScheme = reader.u16();
  const serverName = flags & flagServerName ? decodeUtf8(reader.vector8()) : undefined;
  const alpnProtocol = flags & flagAlpn ? toLatin1(reader.vector8()) : undefined;
  const peerNotAfter = flags & flagNotAfter ? readTime(reader) : undefined;
  const peerRawPublicKey = flags & flagPeerRawPublicKey ? reader.vector16(1) : undefined;
  const psk = flags & flagPsk ? { identity: reader.vector16(), check: reader.bytes(32) } : undefined;
  const list = new Reader(reader.vector24(), 'certificates of a session state');
  reader.end();
  const peerCertificates: Uint8Array[] = [];
  while (list.remaining > 0) peerCertificates.push(list.vector24(1));
  return {
    version,
    cipherSuite,
    secret,
    policyDigest,
    createdAt,
    issuedAt,
    lifetime,
    extendedMasterSecret: (flags & flagEms) !== 0,
    serverName,
    alpnProtocol,
    peerCertificates,
    peerRawPublicKey,
    ownRawPublicKey: (flags & flagOwnRawPublicKey) !== 0,
    psk,
    peerNotAfter,
    ticketAgeAdd,
    maxEarlyDataSize,
    earlyDataContext,
    group,
    peerSignatureScheme,
  };
}

const utf8Decoder = new TextDecoder('utf-8', { fatal: true });

/** Server names are ASCII but for a program's own; a decoder costs more than reading that. Throws where it is no UTF-8. */
function decodeUtf8(bytes: Uint8Array): string {
  for (let i = 0; i < bytes.length; i++) if ((bytes[i] as number) >= 0x80) return utf8Decoder.decode(bytes);
  return toLatin1(bytes);
}

function secretFits(version: number, length: number): boolean {
  return length === 48 || (version === 0x0304 && length === 32);
}

/** Milliseconds since the epoch in 48 bits: enough until the year 10889. */
function writeTime(writer: Writer, milliseconds: number): void {
  const whole = Math.min(Math.max(0, Math.floor(milliseconds)), 2 ** 48 - 1);
  writer.u16(Math.floor(whole / 2 ** 32)).u32(whole % 2 ** 32);
}

function readTime(reader: Reader): number {
  return reader.u16() * 2 ** 32 + reader.u32();
}

function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
