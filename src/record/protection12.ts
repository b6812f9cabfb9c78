import type { CipherSuite } from '../crypto/cipher-suites.ts';
import type { Aead, CryptoProvider } from '../crypto/provider.ts';
import {
  additionalDataLength,
  headerLength,
  maxCiphertextLength12,
  type ReadProtection,
  RecordIv,
  SequenceNumber,
  type WriteProtection,
  writeAdditionalData,
  writeHeader,
} from './protection.ts';
import { createCbcReadProtection, createCbcWriteProtection } from './protection-cbc.ts';

/** The keys of one direction, cut from the key block (RFC 5246, Section 6.3). They are copied: zeroize yours. */
export interface RecordKeys12 {
  readonly key: Uint8Array;
  /** The fixed part of the nonce: 4 bytes for GCM, 12 for ChaCha20-Poly1305, none for CBC. */
  readonly iv: Uint8Array;
  /** CBC suites only. */
  readonly macKey?: Uint8Array;
  /** CBC suites only: encrypt-then-MAC was negotiated (RFC 7366). */
  readonly encryptThenMac?: boolean;
}

/** The read half of TLS 1.2's record protection: AEAD (RFC 5288, RFC 7905) or CBC with HMAC (RFC 5246). */
export function createReadProtection12(
  crypto: CryptoProvider,
  suite: CipherSuite,
  keys: RecordKeys12,
  sequence = new SequenceNumber(),
): ReadProtection {
  if (suite.cbc !== undefined) return createCbcReadProtection(crypto, suite.cbc, keys, sequence);
  return new AeadReadProtection12(createAead(crypto, suite, keys), keys.iv, sequence);
}

/** The write half; see {@link createReadProtection12}. */
export function createWriteProtection12(
  crypto: CryptoProvider,
  suite: CipherSuite,
  keys: RecordKeys12,
  sequence = new SequenceNumber(),
): WriteProtection {
  if (suite.cbc !== undefined) return createCbcWriteProtection(crypto, suite.cbc, keys, sequence);
  return new AeadWriteProtection12(createAead(crypto, suite, keys), keys.iv, sequence);
}

/** Shared by all connections, which saves each some memory: they are filled and used within one call. */
const nonce = new Uint8Array(12);
const additionalData = new Uint8Array(additionalDataLength);

/** GCM's nonce: the fixed part, and the part that the record carries. */
function nonceOf(fixed: RecordIv, explicit: Uint8Array): void {
  fixed.writeFixed(nonce);
  nonce.set(explicit, 4);
}

function createAead(crypto: CryptoProvider, suite: CipherSuite, keys: RecordKeys12): Aead {
  if (suite.aead === undefined || suite.version !== 0x0303)
    throw new RangeError(`${suite.name} is no suite of TLS 1.2`);
  if (keys.iv.length !== suite.ivLength) throw new RangeError(`the IV of ${suite.name} has ${suite.ivLength} bytes`);
  return crypto.createAead(suite.aead, keys.key);
}

/** GCM sends eight bytes of its nonce with each record; ChaCha20-Poly1305 none (RFC 7905, Section 2). */
function explicitNonceLength(iv: Uint8Array): number {
  return iv.length === 4 ? 8 : 0;
}

class AeadReadProtection12 implements ReadProtection {
  readonly version = 0x0303;
  readonly maxCiphertextLength = maxCiphertextLength12;
  readonly #aead: Aead;
  readonly #iv: RecordIv;
  readonly #explicitLength: number;
  readonly #sequence: SequenceNumber;

  constructor(aead: Aead, iv: Uint8Array, sequence: SequenceNumber) {
    this.#aead = aead;
    this.#iv = new RecordIv(iv);
    this.#explicitLength = explicitNonceLength(iv);
    this.#sequence = sequence;
  }

  open(record: Uint8Array, mayOverwrite?: boolean): Uint8Array | undefined {
    this.#sequence.check();
    const bodyAt = headerLength + this.#explicitLength;
    const contentLength = record.length - bodyAt - this.#aead.tagLength;
    if (contentLength < 0) return undefined;
    if (this.#explicitLength === 0) this.#sequence.nonceTo(nonce, this.#iv);
    else nonceOf(this.#iv, record.subarray(headerLength, bodyAt));
    writeAdditionalData(additionalData, this.#sequence, record[0] as number, contentLength);
    const content = this.#aead.open(nonce, additionalData, record.subarray(bodyAt), mayOverwrite);
    if (content !== undefined) this.#sequence.advance();
    return content;
  }

  destroy(): void {
    this.#aead.destroy();
    this.#iv.destroy();
  }
}

class AeadWriteProtection12 implements WriteProtection {
  readonly version = 0x0303;
  // TLS 1.2 cannot change its keys; the sequence number is the only bound.
  readonly recordsUntilLimit = Infinity;
  readonly #aead: Aead;
  readonly #iv: RecordIv;
  readonly #explicitLength: number;
  readonly #sequence: SequenceNumber;

  constructor(aead: Aead, iv: Uint8Array, sequence: SequenceNumber) {
    this.#aead = aead;
    this.#iv = new RecordIv(iv);
    this.#explicitLength = explicitNonceLength(iv);
    this.#sequence = sequence;
  }

  recordLength(contentLength: number): number {
    return headerLength + this.#explicitLength + contentLength + this.#aead.tagLength;
  }

  seal(type: number, content: Uint8Array, _padding: number, out: Uint8Array, at: number): number {
    this.#sequence.check();
    const length = this.recordLength(content.length);
    writeHeader(out, at, type, 0x0303, length - headerLength);
    let bodyAt = at + headerLength;
    if (this.#explicitLength === 0) {
      this.#sequence.nonceTo(nonce, this.#iv);
    } else {
      // RFC 5288, Section 3: "The nonce_explicit MAY be the 64-bit sequence number", which never repeats.
      this.#sequence.writeTo(out, bodyAt);
      nonceOf(this.#iv, out.subarray(bodyAt, bodyAt + 8));
      bodyAt += 8;
    }
    writeAdditionalData(additionalData, this.#sequence, type, content.length);
    this.#aead.seal(nonce, additionalData, content, out, bodyAt);
    this.#sequence.advance();
    return length;
  }

  destroy(): void {
    this.#aead.destroy();
    this.#iv.destroy();
  }
}
