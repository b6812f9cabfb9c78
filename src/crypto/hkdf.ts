import { zeroize } from '../bytes/bytes.ts';
import type { CryptoProvider, HashName, HmacKey } from './provider.ts';

const hashLengths: Readonly<Record<HashName, number>> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };

/** Bytes of a hash's output. */
export function hashLength(hash: HashName): number {
  return hashLengths[hash];
}

/** HKDF-Extract (RFC 5869, Section 2.2). An empty `salt` counts as a string of zeros. */
export function hkdfExtract(crypto: CryptoProvider, hash: HashName, salt: Uint8Array, ikm: Uint8Array): Uint8Array {
  return crypto.hmac(hash, salt, ikm);
}

/**
 * HKDF-Expand (RFC 5869, Section 2.3).
 *
 * @param secret the pseudorandom key, or an HMAC key prepared from it.
 * @param length bytes wanted, at most 255 times the hash length.
 */
export function hkdfExpand(
  crypto: CryptoProvider,
  hash: HashName,
  secret: Uint8Array | HmacKey,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const block = hashLengths[hash];
  if (length > 255 * block) throw new RangeError(`HKDF-Expand yields at most ${255 * block} bytes, not ${length}`);
  if (length <= block) {
    const input = new Uint8Array(info.length + 1);
    input.set(info);
    input[info.length] = 1;
    return firstBlock(crypto, hash, secret, input, length);
  }
  const key = secret instanceof Uint8Array ? crypto.prepareHmac(hash, secret) : secret;
  const output = new Uint8Array(length);
  const input = new Uint8Array(block + info.length + 1);
  input.set(info, block);
  for (let at = 0, counter = 1; at < length; at += block, counter++) {
    input[block + info.length] = counter;
    const part = key.sign(counter === 1 ? input.subarray(block) : input);
    output.set(length - at < block ? part.subarray(0, length - at) : part, at);
    input.set(part);
    zeroize(part);
  }
  zeroize(input);
  if (secret instanceof Uint8Array) key.destroy();
  return output;
}

const encodedLabels = new Map<string, Uint8Array>();

/**
 * Where HkdfLabel is put together; nothing in it is secret. Filled and used within one call: a dozen arrays of 70 bytes
 * a handshake would lie outside the heap and cost a microsecond each.
 */
const hkdfLabel = new Uint8Array(2 + 256 + 256 + 1);

/** Its first bytes as views, by their length. */
const hkdfLabels: (Uint8Array | undefined)[] = [];

/**
 * HKDF-Expand-Label (RFC 9846, Section 7.1).
 *
 * @param secret the secret, or an HMAC key prepared from it where several values are derived from one secret.
 * @param label without the prefix `tls13 `; 7 to 249 bytes of ASCII. Labels are cached: pass constants.
 * @param length bytes wanted.
 */
export function hkdfExpandLabel(
  crypto: CryptoProvider,
  hash: HashName,
  secret: Uint8Array | HmacKey,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const encoded = encodedLabel(label);
  const contextAt = 2 + encoded.length;
  const end = contextAt + 1 + context.length;
  // struct HkdfLabel, with room for the counter of HKDF-Expand's only block.
  const input = (hkdfLabels[end + 1] ??= hkdfLabel.subarray(0, end + 1));
  input[0] = length >>> 8;
  input[1] = length;
  input.set(encoded, 2);
  input[contextAt] = context.length;
  input.set(context, contextAt + 1);
  if (length > hashLengths[hash]) return hkdfExpand(crypto, hash, secret, input.subarray(0, end), length);
  input[end] = 1;
  return firstBlock(crypto, hash, secret, input, length);
}

function firstBlock(
  crypto: CryptoProvider,
  hash: HashName,
  secret: Uint8Array | HmacKey,
  input: Uint8Array,
  length: number,
): Uint8Array {
  const block = secret instanceof Uint8Array ? crypto.hmac(hash, secret, input) : secret.sign(input);
  if (length === block.length) return block;
  const output = block.slice(0, length);
  zeroize(block);
  return output;
}

function encodedLabel(label: string): Uint8Array {
  const known = encodedLabels.get(label);
  if (known !== undefined) return known;
  const text = `tls13 ${label}`;
  if (text.length > 255) throw new RangeError('a label of HKDF-Expand-Label has at most 249 bytes');
  const encoded = new Uint8Array(1 + text.length);
  encoded[0] = text.length;
  for (let i = 0; i < text.length; i++) encoded[1 + i] = text.charCodeAt(i);
  // Exporter labels come from the program: bound what a careless one can pile up.
  if (encodedLabels.size < 256) encodedLabels.set(label, encoded);
  return encoded;
}
