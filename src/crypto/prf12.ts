import { fromText, zeroize } from '../bytes/bytes.ts';
import { hashLength } from './hkdf.ts';
import type { CryptoProvider, TranscriptHash } from './provider.ts';

/** The labels of TLS itself, which every handshake uses again. */
const labels = new Map(
  ['master secret', 'extended master secret', 'key expansion', 'client finished', 'server finished'].map((label) => [
    label,
    fromText(label),
  ]),
);

/** Where label and seed are put together; filled, used and wiped within one call. An exporter may need more. */
const scratch = new Uint8Array(48 + 208);

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
  const labelBytes = labels.get(label) ?? fromText(label);
  // A(i) stands in front of label and seed, so that A(i) + label + seed is one array.
  const inputLength = block + labelBytes.length + seed.length;
  const input = inputLength <= scratch.length ? scratch.subarray(0, inputLength) : new Uint8Array(inputLength);
  input.set(labelBytes, block);
  input.set(seed, block + labelBytes.length);
  const output = new Uint8Array(length);
  let a = key.sign(input.subarray(block));
  for (let at = 0; ; ) {
    input.set(a);
    const part = key.sign(input);
    // No view of a part of it: that would move the short array off the heap.
    for (let i = 0; i < block && at < length; i++, at++) output[at] = part[i] as number;
    zeroize(part);
    if (at === length) break;
    const next = key.sign(a);
    zeroize(a);
    a = next;
  }
  zeroize(a, input);
  key.destroy();
  return output;
}
