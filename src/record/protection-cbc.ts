import { constantTimeEqual, zeroize } from '../bytes/bytes.ts';
import type { CipherSuite } from '../crypto/cipher-suites.ts';
import type { BlockCipher, CryptoProvider, HashName, HmacKey } from '../crypto/provider.ts';
import {
  additionalDataLength,
  headerLength,
  maxCiphertextLength12,
  type ReadProtection,
  type SequenceNumber,
  type WriteProtection,
  writeAdditionalData,
  writeHeader,
} from './protection.ts';
import type { RecordKeys12 } from './protection12.ts';

/**
 * The CBC suites of TLS 1.2, opt-in (RFC 5246, Section 6.2.3.2; RFC 7366).
 *
 * MAC-then-encrypt leaks through time how much of a forged record was padding (Lucky Thirteen). What is done here:
 * padding and MAC are always both checked; the padding check looks at the same number of bytes whatever they say; the
 * MAC is picked out of the record without an index that depends on secrets; dummy hashing evens out how many blocks
 * the MAC compresses. What JavaScript cannot promise: that the engine compiles each branch-free line to branch-free
 * code, and that the calls into OpenSSL take the same time for inputs that differ by a few bytes. Encrypt-then-MAC
 * has none of these problems, and the AEAD suites neither: prefer them.
 */

const blockLength = 16;

type CbcSuite = NonNullable<CipherSuite['cbc']>;

interface CbcKeys {
  readonly cipher: BlockCipher;
  readonly mac: HmacKey;
}

export function createCbcReadProtection(
  crypto: CryptoProvider,
  suite: CbcSuite,
  keys: RecordKeys12,
  sequence: SequenceNumber,
): ReadProtection {
  const prepared = prepareKeys(crypto, suite, keys);
  return keys.encryptThenMac === true
    ? new EncryptThenMacRead(prepared, suite.macLength, sequence)
    : new MacThenEncryptRead(crypto, prepared, suite, sequence);
}

export function createCbcWriteProtection(
  crypto: CryptoProvider,
  suite: CbcSuite,
  keys: RecordKeys12,
  sequence: SequenceNumber,
): WriteProtection {
  const encryptThenMac = keys.encryptThenMac === true;
  return new CbcWrite(crypto, prepareKeys(crypto, suite, keys), suite.macLength, encryptThenMac, sequence);
}

function prepareKeys(crypto: CryptoProvider, suite: CbcSuite, keys: RecordKeys12): CbcKeys {
  if (keys.macKey?.length !== suite.macLength) throw new RangeError(`the MAC key has ${suite.macLength} bytes`);
  return { cipher: crypto.createCbc(suite.cipher, keys.key), mac: crypto.prepareHmac(suite.mac, keys.macKey) };
}

function destroyKeys(keys: CbcKeys): void {
  keys.cipher.destroy();
  keys.mac.destroy();
}

/** HMAC of additional data and `data`, the data being the fragment (MAC-then-encrypt) or IV and ciphertext. */
function recordMac(mac: HmacKey, sequence: SequenceNumber, type: number, data: Uint8Array): Uint8Array {
  const input = new Uint8Array(additionalDataLength + data.length);
  writeAdditionalData(input, sequence, type, data.length);
  input.set(data, additionalDataLength);
  return mac.sign(input);
}

class EncryptThenMacRead implements ReadProtection {
  readonly version = 0x0303;
  readonly maxCiphertextLength = maxCiphertextLength12;
  readonly #keys: CbcKeys;
  readonly #macLength: number;
  readonly #sequence: SequenceNumber;

  constructor(keys: CbcKeys, macLength: number, sequence: SequenceNumber) {
    this.#keys = keys;
    this.#macLength = macLength;
    this.#sequence = sequence;
  }

  open(record: Uint8Array): Uint8Array | undefined {
    this.#sequence.check();
    const macAt = record.length - this.#macLength;
    const sealed = record.subarray(headerLength, Math.max(macAt, headerLength));
    if (sealed.length < 2 * blockLength || sealed.length % blockLength !== 0) return undefined;
    const expected = recordMac(this.#keys.mac, this.#sequence, record[0] as number, sealed);
    if (!constantTimeEqual(expected, record.subarray(macAt))) return undefined;
    const plaintext = this.#keys.cipher.decrypt(sealed.subarray(0, blockLength), sealed.subarray(blockLength));
    // Authentic from here on: no need for constant time.
    const padding = plaintext[plaintext.length - 1] as number;
    const contentLength = plaintext.length - padding - 1;
    if (contentLength < 0) return undefined;
    for (let i = contentLength; i < plaintext.length; i++) if (plaintext[i] !== padding) return undefined;
    this.#sequence.advance();
    return plaintext.subarray(0, contentLength);
  }

  destroy(): void {
    destroyKeys(this.#keys);
  }
}

class MacThenEncryptRead implements ReadProtection {
  readonly version = 0x0303;
  readonly maxCiphertextLength = maxCiphertextLength12;
  readonly #crypto: CryptoProvider;
  readonly #keys: CbcKeys;
  readonly #hash: HashName;
  readonly #macLength: number;
  readonly #sequence: SequenceNumber;

  constructor(crypto: CryptoProvider, keys: CbcKeys, suite: CbcSuite, sequence: SequenceNumber) {
    this.#crypto = crypto;
    this.#keys = keys;
    this.#hash = suite.mac;
    this.#macLength = suite.macLength;
    this.#sequence = sequence;
  }

  open(record: Uint8Array): Uint8Array | undefined {
    this.#sequence.check();
    const sealed = record.subarray(headerLength);
    const length = sealed.length - blockLength;
    // All of this is public: lengths on the wire.
    if (length < this.#macLength + 1 || length % blockLength !== 0) return undefined;
    const plaintext = this.#keys.cipher.decrypt(sealed.subarray(0, blockLength), sealed.subarray(blockLength));

    const paddingLength = checkPadding(plaintext, this.#macLength);
    // RFC 5246, Section 6.2.3.2: with bad padding go on as if it were empty, so that a MAC is computed all the same.
    const good = ~(paddingLength >> 31);
    const contentLength = length - this.#macLength - 1 - (paddingLength & good);
    const received = extractMac(plaintext, contentLength, this.#macLength);
    const expected = this.#evenMac(record[0] as number, plaintext, contentLength);
    const macGood = Number(constantTimeEqual(received, expected));
    if ((good & macGood) === 0) {
      zeroize(plaintext);
      return undefined;
    }
    this.#sequence.advance();
    return plaintext.subarray(0, contentLength);
  }

  destroy(): void {
    destroyKeys(this.#keys);
  }

  /** The MAC over a content of secret length, with as many hash compressions as the longest possible content takes. */
  #evenMac(type: number, plaintext: Uint8Array, contentLength: number): Uint8Array {
    const input = new Uint8Array(additionalDataLength + plaintext.length);
    writeAdditionalData(input, this.#sequence, type, contentLength);
    input.set(plaintext, additionalDataLength);
    const mac = this.#keys.mac.sign(input.subarray(0, additionalDataLength + contentLength));
    const longest = compressions(this.#hash, plaintext.length - this.#macLength - 1);
    const missing = longest - compressions(this.#hash, contentLength);
    const block = this.#hash === 'sha384' ? 128 : 64;
    this.#crypto.hash(this.#hash, dummy.subarray(0, missing * block));
    zeroize(input);
    return mac;
  }
}

/** Up to 256 bytes of padding are at most five blocks of a hash. */
const dummy = new Uint8Array(5 * 128);

/** Blocks that the inner hash of the HMAC compresses after its key block. */
function compressions(hash: HashName, contentLength: number): number {
  const input = additionalDataLength + contentLength;
  // The hash appends a byte 0x80 and the length in 8 bytes, or 16 for SHA-384.
  return hash === 'sha384' ? (input + 17 + 127) >>> 7 : (input + 9 + 63) >>> 6;
}

/**
 * The length of the padding without its length byte, or a negative number where it is wrong. Looks at the same bytes
 * whatever they are.
 */
function checkPadding(plaintext: Uint8Array, macLength: number): number {
  const length = plaintext.length;
  const padding = plaintext[length - 1] as number;
  // Negative where padding, its length and the MAC do not fit.
  let bad = (length - macLength - 1 - padding) >> 31;
  const window = Math.min(256, length);
  for (let i = 0; i < window; i++) {
    // All ones for i <= padding.
    const inside = ~((padding - i) >> 31);
    const difference = (plaintext[length - 1 - i] as number) ^ padding;
    bad |= inside & -difference;
  }
  // -difference is negative for any difference, so the sign of `bad` tells.
  return (padding & ~(bad >> 31)) | (bad >> 31);
}

/** The MAC that starts at a secret offset, read without an index that depends on it. */
function extractMac(plaintext: Uint8Array, macStart: number, macLength: number): Uint8Array {
  const end = plaintext.length;
  const first = Math.max(0, end - macLength - 256);
  // Each byte of the MAC lands on a ring of macLength bytes, turned by an offset that is secret.
  const ring = new Uint8Array(macLength);
  let turn = 0;
  for (let i = first, slot = 0; i < end; i++) {
    const after = ~((i - macStart) >> 31);
    const before = (i - macStart - macLength) >> 31;
    ring[slot] = (ring[slot] as number) | ((plaintext[i] as number) & after & before);
    const isStart = after & ~((macStart - i) >> 31);
    turn |= slot & isStart;
    slot++;
    if (slot === macLength) slot = 0;
  }
  const mac = new Uint8Array(macLength);
  for (let i = 0; i < macLength; i++) {
    let byte = 0;
    for (let slot = 0; slot < macLength; slot++) {
      // The slot of byte i is turn + i, modulo macLength.
      const distance = slot - turn - i;
      const wrapped = distance + macLength;
      const here = ~((distance | -distance) >> 31) | ~((wrapped | -wrapped) >> 31);
      byte |= (ring[slot] as number) & here;
    }
    mac[i] = byte;
  }
  return mac;
}

class CbcWrite implements WriteProtection {
  readonly version = 0x0303;
  readonly recordsUntilLimit = Infinity;
  readonly #crypto: CryptoProvider;
  readonly #keys: CbcKeys;
  readonly #macLength: number;
  readonly #encryptThenMac: boolean;
  readonly #sequence: SequenceNumber;

  constructor(
    crypto: CryptoProvider,
    keys: CbcKeys,
    macLength: number,
    encryptThenMac: boolean,
    sequence: SequenceNumber,
  ) {
    this.#crypto = crypto;
    this.#keys = keys;
    this.#macLength = macLength;
    this.#encryptThenMac = encryptThenMac;
    this.#sequence = sequence;
  }

  recordLength(contentLength: number): number {
    const inside = this.#encryptThenMac ? contentLength : contentLength + this.#macLength;
    const outside = this.#encryptThenMac ? this.#macLength : 0;
    return headerLength + blockLength + paddedLength(inside) + outside;
  }

  seal(type: number, content: Uint8Array, _padding: number, out: Uint8Array, at: number): number {
    this.#sequence.check();
    const { cipher, mac } = this.#keys;
    const length = this.recordLength(content.length);
    writeHeader(out, at, type, 0x0303, length - headerLength);
    const bodyAt = at + headerLength;
    const inside = this.#encryptThenMac ? content.length : content.length + this.#macLength;
    const plaintext = new Uint8Array(paddedLength(inside)).fill(paddedLength(inside) - inside - 1, inside);
    plaintext.set(content);
    if (!this.#encryptThenMac) plaintext.set(recordMac(mac, this.#sequence, type, content), content.length);
    // The IV must be unpredictable: chained or counted IVs are what BEAST used.
    const iv = this.#crypto.random(blockLength);
    const ciphertext = cipher.encrypt(iv, plaintext);
    out.set(iv, bodyAt);
    out.set(ciphertext, bodyAt + blockLength);
    if (this.#encryptThenMac) {
      const sealedEnd = bodyAt + blockLength + ciphertext.length;
      out.set(recordMac(mac, this.#sequence, type, out.subarray(bodyAt, sealedEnd)), sealedEnd);
    }
    zeroize(plaintext);
    this.#sequence.advance();
    return length;
  }

  destroy(): void {
    destroyKeys(this.#keys);
  }
}

/** Length with padding and its length byte: the next whole number of blocks above. */
function paddedLength(length: number): number {
  return length + blockLength - (length % blockLength);
}
