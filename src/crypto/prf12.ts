import { fromText, zeroize } from '../bytes/bytes.ts';
import { hashLength } from './hkdf.ts';
import type { CryptoProvider, TranscriptHash } from './provider.ts';

/**
 * The pseudorandom function of TLS 1.2: `P_hash(secret, label + seed)` (RFC 5246, Section 5).
 *
 * @param length bytes wanted.
 */
export function prf12(
  crypto: CryptoProvider,
  hash: TranscriptHash,
  secret: Uint8Array,
  label: string,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const block = hashLength(hash);
  const key = crypto.prepareHmac(hash, secret);
  const labelBytes = fromText(label);
  // A(i) stands in front of label and seed, so that A(i) + label + seed is one array.
  const input = new Uint8Array(block + labelBytes.length + seed.length);
  input.set(labelBytes, block);
  input.set(seed, block + labelBytes.length);
  const output = new Uint8Array(length);
  let a = key.sign(input.subarray(block));
  for (let at = 0; ; ) {
    input.set(a);
    const part = key.sign(input);
    const left = length - at;
    output.set(left < block ? part.subarray(0, left) : part, at);
    zeroize(part);
    at += block;
    if (at >= length) break;
    const next = key.sign(a);
    zeroize(a);
    a = next;
  }
  zeroize(a, input);
  key.destroy();
  return output;
}
