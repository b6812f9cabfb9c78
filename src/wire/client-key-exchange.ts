import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';

/** The ClientKeyExchange of ECDHE suites: the client's public key (RFC 8422, Section 5.7). */
export function encodeClientKeyExchangeEcdhe(publicKey: Uint8Array): Uint8Array {
  return new Writer(publicKey.length + 1).vector8(publicKey).finish();
}

export function decodeClientKeyExchangeEcdhe(body: Uint8Array): Uint8Array {
  const reader = new Reader(body, 'clientKeyExchange');
  const publicKey = reader.vector8(1);
  reader.end();
  return publicKey;
}

/** The ClientKeyExchange of static RSA: the encrypted premaster secret (RFC 5246, Section 7.4.7.1). */
export function encodeClientKeyExchangeRsa(encryptedPremasterSecret: Uint8Array): Uint8Array {
  return new Writer(encryptedPremasterSecret.length + 2).vector16(encryptedPremasterSecret).finish();
}

export function decodeClientKeyExchangeRsa(body: Uint8Array): Uint8Array {
  const reader = new Reader(body, 'clientKeyExchange');
  const encrypted = reader.vector16(1);
  reader.end();
  return encrypted;
}
