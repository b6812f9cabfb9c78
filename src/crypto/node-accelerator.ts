import { createRequire } from 'node:module';
import { equal, zeroize } from '../bytes/bytes.ts';
import { badShare, type DiffieHellman, type DiffieHellmanPair } from './key-exchange.ts';
import { createAead } from './node-cipher.ts';
import { moved, plain, random } from './node-hash.ts';
import { opensslX25519 } from './node-key-exchange.ts';
import type { Aead } from './provider.ts';

/**
 * Native code that is used where a program has it installed, and never required: libsodium's X25519 and
 * ChaCha20-Poly1305. `node:crypto` makes an object outside JavaScript's heap for every record, which costs ten times the
 * encryption of a small one; libsodium writes from array to array. See docs/decisions/0010-accelerator.md.
 */
export interface Accelerator {
  /** Package and version, e.g. `sodium-native 5.1.0`. */
  readonly name: string;
  readonly x25519: DiffieHellman;
  createChaCha20Poly1305(key: Uint8Array): Aead;
}

/** The functions of `sodium-native` that are used here. Those without a result throw where libsodium refuses. */
export interface Sodium {
  crypto_scalarmult_base(publicKey: Uint8Array, scalar: Uint8Array): void;
  crypto_scalarmult(secret: Uint8Array, scalar: Uint8Array, publicKey: Uint8Array): void;
  crypto_aead_chacha20poly1305_ietf_encrypt(
    ciphertext: Uint8Array,
    message: Uint8Array,
    additionalData: Uint8Array,
    nsec: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  crypto_aead_chacha20poly1305_ietf_decrypt(
    message: Uint8Array,
    nsec: null,
    ciphertext: Uint8Array,
    additionalData: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
}

let found: Accelerator | null | undefined;

/**
 * The accelerator of this process, or `undefined` where none is installed or `HANDFAST_ACCELERATOR` is `off`. It is looked
 * for on the first call, and must agree with OpenSSL before it is used.
 */
export function accelerator(): Accelerator | undefined {
  if (found === undefined) found = process.env['HANDFAST_ACCELERATOR'] === 'off' ? null : (load() ?? null);
  return found ?? undefined;
}

function load(): Accelerator | undefined {
  const require = createRequire(import.meta.url);
  let name: string;
  let sodium: Sodium;
  try {
    sodium = require('sodium-native') as Sodium;
    name = `sodium-native ${(require('sodium-native/package.json') as { version: string }).version}`;
  } catch {
    // Not installed, or not built for this platform.
    return undefined;
  }
  const accelerator = accelerate(name, sodium);
  if (agreesWithOpenssl(accelerator)) return accelerator;
  process.emitWarning(`${name} does not compute what OpenSSL computes, and is not used`, {
    code: 'HANDFAST_ACCELERATOR',
  });
  return undefined;
}

/** Exported for tests. */
export function accelerate(name: string, sodium: Sodium): Accelerator {
  return { name, x25519: x25519(sodium), createChaCha20Poly1305: (key) => new ChaCha20Poly1305(sodium, key) };
}

/** Whether an accelerator and OpenSSL understand each other, and it refuses what it must. Exported for tests. */
export function agreesWithOpenssl({ x25519, createChaCha20Poly1305 }: Accelerator): boolean {
  try {
    const ours = x25519.generate();
    const theirs = opensslX25519.generate();
    if (!equal(ours.agree(theirs.share), theirs.agree(ours.share))) return false;
    const [key, nonce, header, text] = [random(32), random(12), random(5), random(100)];
    const [mine, openssl] = [createChaCha20Poly1305(key), createAead('chacha20poly1305', key)];
    const [sealed, expected] = [new Uint8Array(116), new Uint8Array(116)];
    mine.seal(nonce, header, text, sealed, 0);
    openssl.seal(nonce, header, text, expected, 0);
    const opened = mine.open(nonce, header, expected);
    expected[0]! ^= 1;
    const forged = mine.open(nonce, header, expected);
    expected[0]! ^= 1;
    return equal(sealed, expected) && opened !== undefined && equal(opened, text) && forged === undefined;
  } catch {
    return false;
  }
}

function x25519(sodium: Sodium): DiffieHellman {
  const pair = (scalar: Uint8Array): DiffieHellmanPair => {
    const share = new Uint8Array(32);
    sodium.crypto_scalarmult_base(share, scalar);
    return {
      share,
      agree(peerShare) {
        const secret = new Uint8Array(32);
        try {
          // Refuses the points of small order, whose product is zero (RFC 7748, Section 6.1).
          sodium.crypto_scalarmult(secret, scalar, peerShare);
        } catch (cause) {
          throw badShare('x25519', 'the X25519 key share has no usable shared secret', cause);
        }
        return secret;
      },
      destroy: () => zeroize(scalar),
    };
  };
  return {
    shareLength: 32,
    privateKeyLength: 32,
    generate: () => pair(random(32)),
    import: (privateKey) => pair(privateKey.slice()),
  };
}

/** Where a key stands while libsodium reads it, and a short plaintext while it writes it; wiped after each use. */
const keyPlace = new Uint8Array(32);
const shortPlaces: (Uint8Array | undefined)[] = [];

const tagLength = 16;

/** What V8 keeps on its heap as long as no native code sees it. */
const shortest = 64;

class ChaCha20Poly1305 implements Aead {
  readonly keyLength = 32;
  readonly tagLength = tagLength;
  readonly #sodium: Sodium;
  readonly #key: Uint8Array;
  #live = true;

  constructor(sodium: Sodium, key: Uint8Array) {
    if (key.length !== 32) throw new RangeError(`a key of chacha20poly1305 has 32 bytes, not ${key.length}`);
    this.#sodium = sodium;
    this.#key = key.slice();
  }

  seal(nonce: Uint8Array, additionalData: Uint8Array, plaintext: Uint8Array, out: Uint8Array, at: number): number {
    const length = plaintext.length + tagLength;
    const place = out.subarray(at, at + length);
    const encrypt = this.#sodium.crypto_aead_chacha20poly1305_ietf_encrypt;
    const key = this.#liveKey();
    try {
      encrypt(place, plaintext, additionalData, null, nonce, key);
    } finally {
      zeroize(keyPlace);
    }
    return length;
  }

  open(
    nonce: Uint8Array,
    additionalData: Uint8Array,
    ciphertext: Uint8Array,
    mayOverwrite = false,
  ): Uint8Array | undefined {
    const length = ciphertext.length - tagLength;
    if (length < 0) return undefined;
    if (nonce.length !== 12) throw new RangeError(`a nonce of chacha20poly1305 has 12 bytes, not ${nonce.length}`);
    const short = length <= shortest;
    const place = short
      ? (shortPlaces[length] ??= new Uint8Array(length))
      : mayOverwrite
        ? ciphertext.subarray(0, length)
        : unfilled(length);
    const decrypt = this.#sodium.crypto_aead_chacha20poly1305_ietf_decrypt;
    const key = this.#liveKey();
    try {
      // What does not authenticate is not written: libsodium fills the place with zeros.
      decrypt(place, null, ciphertext, additionalData, nonce, key);
    } catch {
      return undefined;
    } finally {
      zeroize(keyPlace);
    }
    return short ? moved(place) : place;
  }

  destroy(): void {
    zeroize(this.#key);
    this.#live = false;
  }

  #liveKey(): Uint8Array {
    if (!this.#live) throw new Error('this AEAD key was destroyed');
    const key = this.#key;
    for (let i = 0; i < 32; i++) keyPlace[i] = key[i] as number;
    return keyPlace;
  }
}

/** An array of its own that is not zeroed first: it is written to its end, or dropped. */
function unfilled(length: number): Uint8Array {
  return plain(Buffer.allocUnsafeSlow(length));
}
