import { namesOf } from '../bytes/code-names.ts';
import { passingBytes } from '../bytes/passing.ts';

/** Handshake message types (RFC 9846, Section 4; RFC 5246, Section 7.4; RFC 8879; RFC 6066). */
export const handshakeTypes = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  newSessionTicket: 4,
  endOfEarlyData: 5,
  encryptedExtensions: 8,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
  certificateStatus: 22,
  keyUpdate: 24,
  compressedCertificate: 25,
  messageHash: 254,
} as const;

/** The name of a handshake message, as the RFC spells it, in camelCase. */
export type HandshakeType = keyof typeof handshakeTypes;

/** The name of a message type, or `undefined` for an unassigned code. */
export const handshakeTypeName: (code: number) => HandshakeType | undefined = namesOf(handshakeTypes);

/** A handshake message as it came or goes: its type, its body, and the whole with the four-byte header. */
export interface HandshakeMessage {
  readonly type: HandshakeType;
  readonly body: Uint8Array;
  readonly raw: Uint8Array;
}

/** Puts the header (type, 24-bit length) before a message body. What it gives soon passes; see {@link passingBytes}. */
export function frameMessage(type: HandshakeType, body: Uint8Array): Uint8Array {
  const raw = passingBytes(4 + body.length);
  raw[0] = handshakeTypes[type];
  raw[1] = body.length >>> 16;
  raw[2] = body.length >>> 8;
  raw[3] = body.length;
  raw.set(body, 4);
  return raw;
}
