import { zeroize } from '../bytes/bytes.ts';
import type { Credential } from './config.ts';
import { type Flow, request } from './flow.ts';
import type { ServerContext } from './server.ts';

/**
 * Static RSA key exchange (opt-in): the premaster secret, without telling anybody whether the padding was right.
 *
 * RFC 5246, Section 7.4.7.1: the server makes a random premaster secret first, decrypts, and goes on with the
 * random one where anything is wrong, in the same time: the client's Finished then fails to decrypt. The unpadding
 * runs over the whole block whatever it finds; no branch and no index depends on it.
 */
export function* readRsaPremaster(
  context: ServerContext,
  { signer }: Credential,
  ciphertext: Uint8Array,
  clientVersion: number,
): Flow<Uint8Array> {
  const random = context.config.random(48).slice();
  const block = yield* request('decryptPremaster', { signer, ciphertext });
  const premaster = unpadPremaster(block ?? new Uint8Array(64), clientVersion, random);
  zeroize(block, random);
  return premaster;
}

/**
 * The last 48 bytes of a raw RSA block where it reads 00 02, non-zero padding, 00, the client's version and 46 bytes;
 * otherwise `fallback`. Constant time in the content of `block`.
 */
function unpadPremaster(block: Uint8Array, clientVersion: number, fallback: Uint8Array): Uint8Array {
  const separator = block.length - 49;
  let bad = (block[0] as number) | ((block[1] as number) ^ 2) | (block[separator] as number);
  for (let i = 2; i < separator; i++) bad |= isZero(block[i] as number);
  bad |= (block[separator + 1] as number) ^ (clientVersion >>> 8);
  bad |= (block[separator + 2] as number) ^ (clientVersion & 0xff);
  // All ones where something was wrong, else zero.
  const mask = (isZero(bad) - 1) & 0xff;
  const premaster = new Uint8Array(48);
  for (let i = 0; i < 48; i++) {
    premaster[i] = ((block[separator + 1 + i] as number) & ~mask) | ((fallback[i] as number) & mask);
  }
  return premaster;
}

/** 1 for zero, 0 for 1 … 255, without a branch. */
function isZero(value: number): number {
  return ((value - 1) >>> 31) & 1;
}
