import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import { curveParams } from './server-key-exchange.ts';

/** The messages of key exchange by pre-shared key (RFC 4279, Section 2), and with ECDHE beside it (RFC 5489, Section 2). */

/** What the server says: a hint of which identity is meant, and its share where there is a key exchange. */
export interface ServerKeyExchangePsk {
  /** Empty where there is none. */
  readonly identityHint: Uint8Array;
  readonly share: { readonly group: number; readonly publicKey: Uint8Array } | undefined;
}

export function encodeServerKeyExchangePsk({ identityHint, share }: ServerKeyExchangePsk): Uint8Array {
  const writer = new Writer(identityHint.length + (share?.publicKey.length ?? 0) + 6).vector16(identityHint);
  if (share !== undefined) writer.u8(3).u16(share.group).vector8(share.publicKey);
  return writer.finish();
}

/** @param ecdhe whether the suite has a key exchange. */
export function decodeServerKeyExchangePsk(body: Uint8Array, ecdhe: boolean): ServerKeyExchangePsk {
  const reader = new Reader(body, 'serverKeyExchange');
  const identityHint = reader.vector16();
  const share = ecdhe ? curveParams(reader) : undefined;
  reader.end();
  return { identityHint, share };
}

/** What the client says: its identity, and its share where there is a key exchange. */
export interface ClientKeyExchangePsk {
  readonly identity: Uint8Array;
  readonly publicKey: Uint8Array | undefined;
}

export function encodeClientKeyExchangePsk({ identity, publicKey }: ClientKeyExchangePsk): Uint8Array {
  const writer = new Writer(identity.length + (publicKey?.length ?? 0) + 3).vector16(identity);
  if (publicKey !== undefined) writer.vector8(publicKey);
  return writer.finish();
}

/** @param ecdhe whether the suite has a key exchange. */
export function decodeClientKeyExchangePsk(body: Uint8Array, ecdhe: boolean): ClientKeyExchangePsk {
  const reader = new Reader(body, 'clientKeyExchange');
  const identity = reader.vector16();
  const publicKey = ecdhe ? reader.vector8(1) : undefined;
  reader.end();
  return { identity, publicKey };
}
