import { concat, fromText, noBytes, zeroize } from '../bytes/bytes.ts';
import { hashLength, hkdfExpand, hkdfExtract } from './hkdf.ts';
import type { Aead, AeadName, CryptoProvider, GroupName, HashName, KeyExchange, StaticKeyPair } from './provider.ts';

/**
 * Hybrid Public Key Encryption (RFC 9180) in base mode: what Encrypted Client Hello needs of it. Exports, and the modes
 * that authenticate the sender, are left out.
 */

/** KEM identifiers (RFC 9180, Section 7.1). Both hash with SHA-256. */
export const hpkeKems = { secp256r1: 0x0010, x25519: 0x0020 } as const satisfies Partial<Record<GroupName, number>>;
/** KDF identifiers (RFC 9180, Section 7.2). */
export const hpkeKdfs = { sha256: 0x0001, sha384: 0x0002, sha512: 0x0003 } as const satisfies Partial<
  Record<HashName, number>
>;
/** AEAD identifiers (RFC 9180, Section 7.3). */
export const hpkeAeads = { aes128gcm: 0x0001, aes256gcm: 0x0002, chacha20poly1305: 0x0003 } as const satisfies Record<
  AeadName,
  number
>;

const kemNames = new Map<number, keyof typeof hpkeKems>([
  [hpkeKems.secp256r1, 'secp256r1'],
  [hpkeKems.x25519, 'x25519'],
]);
const kdfNames = new Map<number, keyof typeof hpkeKdfs>([
  [hpkeKdfs.sha256, 'sha256'],
  [hpkeKdfs.sha384, 'sha384'],
  [hpkeKdfs.sha512, 'sha512'],
]);
const aeadNames = new Map<number, AeadName>([
  [hpkeAeads.aes128gcm, 'aes128gcm'],
  [hpkeAeads.aes256gcm, 'aes256gcm'],
  [hpkeAeads.chacha20poly1305, 'chacha20poly1305'],
]);

const keyLengths: Readonly<Record<AeadName, number>> = { aes128gcm: 16, aes256gcm: 32, chacha20poly1305: 32 };
const nonceLength = 12;
/** Bytes that every AEAD here adds to a plaintext. */
export const hpkeTagLength = 16;

/** One choice of algorithms, each by its code and by its name here. */
export interface HpkeSuite {
  readonly kem: number;
  readonly kdf: number;
  readonly aead: number;
  readonly group: keyof typeof hpkeKems;
  readonly hash: keyof typeof hpkeKdfs;
  readonly cipher: AeadName;
}

/** The suite of three codes; `undefined` where one of them is unknown here. */
export function hpkeSuite(kem: number, kdf: number, aead: number): HpkeSuite | undefined {
  const group = kemNames.get(kem);
  const hash = kdfNames.get(kdf);
  const cipher = aeadNames.get(aead);
  if (group === undefined || hash === undefined || cipher === undefined) return undefined;
  return { kem, kdf, aead, group, hash, cipher };
}

/** The key exchange of a KEM; `undefined` where the code, or the group in this runtime, is unknown. */
export function hpkeKeyExchange(
  crypto: CryptoProvider,
  kem: number,
): (KeyExchange & Required<Pick<KeyExchange, 'importKeyPair'>>) | undefined {
  const group = kemNames.get(kem);
  const exchange = group === undefined ? undefined : crypto.keyExchange(group);
  return exchange?.importKeyPair === undefined
    ? undefined
    : (exchange as KeyExchange & Required<Pick<KeyExchange, 'importKeyPair'>>);
}

/**
 * SetupBaseS (RFC 9180, Section 5.1.1): what a sender encrypts with, and the encapsulated key that tells the recipient.
 * Throws `illegal_parameter` (`ERR_TLS_KEY_SHARE`) where `publicKey` is none.
 *
 * @param ephemeral the sender's key pair, for test vectors; else a fresh one.
 */
export function setupBaseSender(
  crypto: CryptoProvider,
  suite: HpkeSuite,
  publicKey: Uint8Array,
  info: Uint8Array,
  ephemeral?: StaticKeyPair,
): { enc: Uint8Array; context: HpkeContext } {
  const exchange = requireExchange(crypto, suite.kem);
  const { share: enc, secret: dh } =
    ephemeral === undefined
      ? exchange.respond(publicKey)
      : { share: ephemeral.publicKey, secret: ephemeral.agree(publicKey) };
  return { enc, context: keySchedule(crypto, suite, sharedSecret(crypto, suite, dh, enc, publicKey), info) };
}

/**
 * SetupBaseR (RFC 9180, Section 5.1.1): what a recipient decrypts with. Throws `illegal_parameter`
 * (`ERR_TLS_KEY_SHARE`) where `enc` is no public key.
 */
export function setupBaseReceiver(
  crypto: CryptoProvider,
  suite: HpkeSuite,
  keyPair: StaticKeyPair,
  enc: Uint8Array,
  info: Uint8Array,
): HpkeContext {
  const dh = keyPair.agree(enc);
  return keySchedule(crypto, suite, sharedSecret(crypto, suite, dh, enc, keyPair.publicKey), info);
}

/** DeriveKeyPair (RFC 9180, Section 7.1.3): a private key from at least 32 bytes of good randomness. */
export function deriveHpkeKey(crypto: CryptoProvider, kem: number, ikm: Uint8Array): Uint8Array {
  const exchange = requireExchange(crypto, kem);
  const labels = new Labels(crypto, 'sha256', kemSuiteId(kem));
  const prk = labels.extract(noBytes, 'dkp_prk', ikm);
  try {
    if (kem === hpkeKems.x25519) return labels.expand(prk, 'sk', noBytes, 32);
    for (let counter = 0; counter < 256; counter++) {
      const candidate = labels.expand(prk, 'candidate', Uint8Array.of(counter), 32);
      if (isPrivateKey(exchange, candidate)) return candidate;
      zeroize(candidate);
    }
    throw new RangeError('HPKE: DeriveKeyPair found no private key');
  } finally {
    zeroize(prk);
  }
}

/** One direction of an HPKE context: seals, or opens, message after message in order (RFC 9180, Section 5.2). */
export class HpkeContext {
  readonly suite: HpkeSuite;
  readonly #aead: Aead;
  readonly #baseNonce: Uint8Array;
  #sequence = 0;

  constructor(suite: HpkeSuite, aead: Aead, baseNonce: Uint8Array) {
    this.suite = suite;
    this.#aead = aead;
    this.#baseNonce = baseNonce;
  }

  /** Ciphertext with its tag, {@link hpkeTagLength} bytes longer than the plaintext. */
  seal(additionalData: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const out = new Uint8Array(plaintext.length + this.#aead.tagLength);
    this.#aead.seal(this.#nonce(), additionalData, plaintext, out, 0);
    this.#sequence++;
    return out;
  }

  /** The plaintext; `undefined` where it does not authenticate, and the context waits for the same message. */
  open(additionalData: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
    const plaintext = this.#aead.open(this.#nonce(), additionalData, ciphertext);
    if (plaintext !== undefined) this.#sequence++;
    return plaintext;
  }

  destroy(): void {
    this.#aead.destroy();
    zeroize(this.#baseNonce);
  }

  #nonce(): Uint8Array {
    const nonce = this.#baseNonce.slice();
    for (let i = nonceLength - 1, left = this.#sequence; left > 0; i--, left = Math.floor(left / 256)) {
      nonce[i] = (nonce[i] as number) ^ (left & 0xff);
    }
    return nonce;
  }
}

function requireExchange(crypto: CryptoProvider, kem: number) {
  const exchange = hpkeKeyExchange(crypto, kem);
  if (exchange !== undefined) return exchange;
  throw new RangeError(`HPKE: this runtime has no KEM 0x${kem.toString(16).padStart(4, '0')}`);
}

function isPrivateKey(exchange: Required<Pick<KeyExchange, 'importKeyPair'>>, candidate: Uint8Array): boolean {
  try {
    exchange.importKeyPair(candidate).destroy();
    return true;
  } catch {
    return false;
  }
}

/** LabeledExtract and LabeledExpand (RFC 9180, Section 4) for one suite. */
class Labels {
  readonly #crypto: CryptoProvider;
  readonly #hash: HashName;
  readonly #suiteId: Uint8Array;

  constructor(crypto: CryptoProvider, hash: HashName, suiteId: Uint8Array) {
    this.#crypto = crypto;
    this.#hash = hash;
    this.#suiteId = suiteId;
  }

  extract(salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array {
    const labeledIkm = concat(version, this.#suiteId, fromText(label), ikm);
    const prk = hkdfExtract(this.#crypto, this.#hash, salt, labeledIkm);
    zeroize(labeledIkm);
    return prk;
  }

  expand(prk: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array {
    const labeledInfo = concat(uint16(length), version, this.#suiteId, fromText(label), info);
    return hkdfExpand(this.#crypto, this.#hash, prk, labeledInfo, length);
  }
}

const version = fromText('HPKE-v1');

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff);
}

function kemSuiteId(kem: number): Uint8Array {
  return concat(fromText('KEM'), uint16(kem));
}

/** ExtractAndExpand (RFC 9180, Section 4.1); zeroizes `dh`. */
function sharedSecret(
  crypto: CryptoProvider,
  { kem }: HpkeSuite,
  dh: Uint8Array,
  enc: Uint8Array,
  publicKey: Uint8Array,
): Uint8Array {
  const labels = new Labels(crypto, 'sha256', kemSuiteId(kem));
  const prk = labels.extract(noBytes, 'eae_prk', dh);
  const secret = labels.expand(prk, 'shared_secret', concat(enc, publicKey), hashLength('sha256'));
  zeroize(dh, prk);
  return secret;
}

/** KeySchedule in mode_base (RFC 9180, Section 5.1); zeroizes `shared`. */
function keySchedule(crypto: CryptoProvider, suite: HpkeSuite, shared: Uint8Array, info: Uint8Array): HpkeContext {
  const { kem, kdf, aead, hash, cipher } = suite;
  const suiteId = concat(fromText('HPKE'), uint16(kem), uint16(kdf), uint16(aead));
  const labels = new Labels(crypto, hash, suiteId);
  const modeBase = Uint8Array.of(0);
  const pskIdHash = labels.extract(noBytes, 'psk_id_hash', noBytes);
  const infoHash = labels.extract(noBytes, 'info_hash', info);
  const context = concat(modeBase, pskIdHash, infoHash);
  const secret = labels.extract(shared, 'secret', noBytes);
  const key = labels.expand(secret, 'key', context, keyLengths[cipher]);
  const baseNonce = labels.expand(secret, 'base_nonce', context, nonceLength);
  const result = new HpkeContext(suite, crypto.createAead(cipher, key), baseNonce);
  zeroize(shared, secret, key);
  return result;
}
