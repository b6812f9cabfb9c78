import { constantTimeEqual, fromText, zeroize } from '../bytes/bytes.ts';
import { check, bytes as isBytes, text } from '../bytes/check.ts';
import type { AeadName, CryptoProvider, HmacKey } from '../crypto/provider.ts';
import { ConfigError } from '../errors.ts';
import { cryptography } from './check-options.ts';

/**
 * Seals any number of values under one key. AES-GCM alone may not: with random 96-bit nonces a key is used up after
 * 2^32 values, and tickets of a busy server come near that. So each value has a key of its own, derived from the
 * sealing key with a random seed of 24 bytes: HMAC-SHA-256(key, seed) is the AES-256 key, and the nonce is constant
 * because that key seals nothing else. (XAES-256-GCM does the same with CMAC.)
 *
 * Where a provider has ChaCha20-Poly1305 much cheaper, that seals in place of AES-256-GCM. The first bit of the seed says
 * which: every provider opens both, and another bit is another seed, and so another key.
 *
 * A sealed value: seed (24), ciphertext, tag (16).
 */
export interface SealingKey {
  seal(context: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Seals into `out` from `at`: {@link sealOverhead} bytes more than the plaintext has. */
  sealInto(context: Uint8Array, plaintext: Uint8Array, out: Uint8Array, at: number): void;
  /** The plaintext, or `undefined` where the value was not sealed by this key under this context. */
  open(context: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
  /** Zeroizes the key; it may not be used afterwards. */
  destroy(): void;
}

const seedLength = 24;
const tagLength = 16;
const chachaBit = 0x80;
const nonce = new Uint8Array(12);

/** Bytes that sealing adds to a value: seed and tag. */
export const sealOverhead: number = seedLength + tagLength;

/**
 * A key for one purpose.
 * @param secret at least 32 bytes; the caller zeroizes its own array.
 * @param purpose separates uses of one secret, e.g. `ticket tls13`.
 */
export function createSealingKey(crypto: CryptoProvider, secret: Uint8Array, purpose: string): SealingKey {
  check(cryptography, crypto, 'createSealingKey: crypto');
  check(isBytes, secret, 'createSealingKey: secret');
  check(text, purpose, 'createSealingKey: purpose');
  const key = deriveKey(crypto, secret, purpose);
  const hmac = crypto.prepareHmac('sha256', key);
  zeroize(key);
  return {
    seal(context, plaintext) {
      const sealed = new Uint8Array(plaintext.length + sealOverhead);
      sealInto(crypto, hmac, context, plaintext, sealed, 0);
      return sealed;
    },
    sealInto: (context, plaintext, out, at) => sealInto(crypto, hmac, context, plaintext, out, at),
    open: (context, sealed) => open(crypto, hmac, context, sealed),
    destroy: () => hmac.destroy(),
  };
}

/** 32 bytes that depend on the secret and on a label: HMAC-SHA-256(secret, "handfast " label). */
export function deriveKey(crypto: CryptoProvider, secret: Uint8Array, label: string): Uint8Array {
  check(cryptography, crypto, 'deriveKey: crypto');
  check(isBytes, secret, 'deriveKey: secret');
  check(text, label, 'deriveKey: label');
  return crypto.hmac('sha256', secret, fromText(`handfast ${label}`));
}

function sealInto(
  crypto: CryptoProvider,
  hmac: HmacKey,
  context: Uint8Array,
  plaintext: Uint8Array,
  out: Uint8Array,
  at: number,
): void {
  const seed = crypto.random(seedLength);
  const first = seed[0] as number;
  seed[0] = crypto.preferredAead === 'chacha20poly1305' ? first | chachaBit : first & ~chachaBit;
  out.set(seed, at);
  const key = hmac.sign(seed);
  const aead = crypto.createAead(aeadOf(seed), key);
  aead.seal(nonce, context, plaintext, out, at + seedLength);
  aead.destroy();
  zeroize(key);
}

function aeadOf(seed: Uint8Array): AeadName {
  return ((seed[0] as number) & chachaBit) === 0 ? 'aes256gcm' : 'chacha20poly1305';
}

function open(crypto: CryptoProvider, hmac: HmacKey, context: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < sealOverhead) return undefined;
  const key = hmac.sign(sealed.subarray(0, seedLength));
  const aead = crypto.createAead(aeadOf(sealed), key);
  const plaintext = aead.open(nonce, context, sealed.subarray(seedLength));
  aead.destroy();
  zeroize(key);
  return plaintext;
}

/**
 * Refuses a key that no random source makes: too short, all bytes equal (all-zero keys sealed real tickets: GnuTLS
 * CVE-2020-13777), a pattern that repeats, bytes that count up or down, or printable text.
 * Throws `ConfigError` `ERR_TLS_WEAK_KEY`.
 */
export function refuseWeakKey(secret: Uint8Array, what: string): void {
  check(isBytes, secret, 'refuseWeakKey: secret');
  if (secret.length < 16) throw weakKey(`${what} has ${secret.length} bytes; use 32 bytes from a random source`);
  for (let period = 1; period <= secret.length / 2; period++) {
    const repeats = constantTimeEqual(secret.subarray(period), secret.subarray(0, secret.length - period));
    if (repeats) throw weakKey(`${what} repeats a pattern of ${period} bytes; make one with \`openssl rand 80\``);
  }
  const step = ((secret[1] as number) - (secret[0] as number)) & 0xff;
  let counts = true;
  let text = true;
  for (let i = 0; i < secret.length; i++) {
    if (i > 0 && (((secret[i] as number) - (secret[i - 1] as number)) & 0xff) !== step) counts = false;
    if ((secret[i] as number) < 0x20 || (secret[i] as number) > 0x7e) text = false;
  }
  if (counts) throw weakKey(`${what} only counts; make one with \`openssl rand 80\``);
  if (text) throw weakKey(`${what} is printable text; decode it, or make one with \`openssl rand 80\``);
}

function weakKey(message: string): ConfigError {
  return new ConfigError(message, { code: 'ERR_TLS_WEAK_KEY' });
}
