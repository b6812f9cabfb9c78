import { concat } from '../bytes/bytes.ts';
import type { KeyFileCrypto, KeyFileHash } from '../crypto/key-files.ts';

/** What a derived value is for (RFC 7292, Appendix B.3). */
export const pkcs12Purpose = { key: 1, initializationVector: 2, mac: 3 } as const;

/** A passphrase as BMPString with a terminator of two zero bytes (RFC 7292, Appendix B.1). */
export function bmpPassphrase(passphrase: string): Uint8Array {
  const bytes = new Uint8Array(2 * passphrase.length + 2);
  for (let i = 0; i < passphrase.length; i++) {
    bytes[2 * i] = passphrase.charCodeAt(i) >> 8;
    bytes[2 * i + 1] = passphrase.charCodeAt(i);
  }
  return bytes;
}

/**
 * The key derivation of PKCS#12 (RFC 7292, Appendix B.2).
 * @param password from {@link bmpPassphrase}.
 * @param size of the result in bytes.
 */
export function derivePkcs12(
  hash: KeyFileHash,
  purpose: (typeof pkcs12Purpose)[keyof typeof pkcs12Purpose],
  { password, salt, iterations }: { password: Uint8Array; salt: Uint8Array; iterations: number },
  size: number,
  crypto: KeyFileCrypto,
): Uint8Array {
  const block = hash === 'sha384' || hash === 'sha512' ? 128 : 64;
  const diversifier = new Uint8Array(block).fill(purpose);
  const input = concat(filled(salt, block), filled(password, block));
  const out = new Uint8Array(size);
  for (let made = 0; made < size; ) {
    let part = crypto.hash(hash, concat(diversifier, input));
    for (let i = 1; i < iterations; i++) part = crypto.hash(hash, part);
    out.set(part.subarray(0, size - made), made);
    made += part.length;
    if (made < size) addToBlocks(input, filled(part, block).subarray(0, block));
  }
  return out;
}

/** The bytes over and over, up to a multiple of the block. */
function filled(bytes: Uint8Array, block: number): Uint8Array {
  const out = new Uint8Array(block * Math.ceil(bytes.length / block));
  for (let i = 0; i < out.length; i++) out[i] = bytes[i % bytes.length] as number;
  return out;
}

/** Each block of the input becomes (block + addend + 1) mod 2^(8 * size of a block). */
function addToBlocks(input: Uint8Array, addend: Uint8Array): void {
  for (let at = 0; at < input.length; at += addend.length) {
    let carry = 1;
    for (let i = addend.length - 1; i >= 0; i--) {
      carry += (input[at + i] as number) + (addend[i] as number);
      input[at + i] = carry & 0xff;
      carry >>= 8;
    }
  }
}
