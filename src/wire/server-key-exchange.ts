import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import { illegalParameter } from '../errors.ts';

/** The ServerKeyExchange of ECDHE suites (RFC 8422, Section 5.4). */
export interface ServerKeyExchange {
  /** NamedGroup code. */
  group: number;
  publicKey: Uint8Array;
  /** SignatureScheme code. */
  algorithm: number;
  signature: Uint8Array;
}

/** The ServerECDHParams: what the signature covers, after both randoms. */
export function encodeServerEcdhParams(group: number, publicKey: Uint8Array): Uint8Array {
  return Writer.passing(publicKey.length + 4)
    .u8(3)
    .u16(group)
    .vector8(publicKey)
    .finish();
}

export function encodeServerKeyExchange(message: ServerKeyExchange): Uint8Array {
  return Writer.passing(message.publicKey.length + message.signature.length + 8)
    .bytes(encodeServerEcdhParams(message.group, message.publicKey))
    .u16(message.algorithm)
    .vector16(message.signature)
    .finish();
}

export function decodeServerKeyExchange(body: Uint8Array): ServerKeyExchange & { params: Uint8Array } {
  const reader = new Reader(body, 'serverKeyExchange');
  const { group, publicKey } = curveParams(reader);
  const params = body.subarray(0, reader.offset);
  const message = { group, publicKey, params, algorithm: reader.u16(), signature: reader.vector16() };
  reader.end();
  return message;
}

/** Reads ServerECDHParams: a named curve, and the server's share on it. */
export function curveParams(reader: Reader): { group: number; publicKey: Uint8Array } {
  const curveType = reader.u8();
  if (curveType !== 3) {
    throw illegalParameter(
      'ERR_TLS_CURVE_TYPE',
      `serverKeyExchange: curve type ${curveType} is not named_curve`,
      'RFC 8422, Section 5.4',
    );
  }
  return { group: reader.u16(), publicKey: reader.vector8(1) };
}
