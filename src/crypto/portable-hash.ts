import { hmac as hmacOf } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import type { CHash } from '@noble/hashes/utils.js';
import type { HashName, HmacKey } from './provider.ts';

/** The hash functions by their names here. */
export const hashes = { sha1, sha256, sha384, sha512 } as const satisfies Record<HashName, CHash>;

/** `getRandomValues` gives no more at once (Web Cryptography API, Section 10.1.1). */
const largestDraw = 65_536;

/** Strong random bytes, from the `crypto` that browsers, Workers, Deno, Bun and Node have alike. */
export function random(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += largestDraw) {
    globalThis.crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + largestDraw)));
  }
  return bytes;
}

/** One-shot hash. */
export function hash(name: HashName, data: Uint8Array): Uint8Array {
  return hashes[name](data);
}

/** One-shot HMAC. */
export function hmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array {
  return hmacOf(hashes[name], key, data);
}

/** An HMAC key that is used more than once. */
export function prepareHmac(name: HashName, key: Uint8Array): HmacKey {
  return new PreparedHmac(name, key);
}

/** Both hashes with the padded key read: what each use begins from. */
class PreparedHmac implements HmacKey {
  #keyed: ReturnType<typeof hmacOf.create> | undefined;

  constructor(name: HashName, key: Uint8Array) {
    this.#keyed = hmacOf.create(hashes[name], key);
  }

  sign(data: Uint8Array): Uint8Array {
    if (this.#keyed === undefined) throw new Error('this HMAC key was destroyed');
    return this.#keyed.clone().update(data).digest();
  }

  destroy(): void {
    this.#keyed?.destroy();
    this.#keyed = undefined;
  }
}
