import { noBytes, zeroize } from '../bytes/bytes.ts';
import type { CipherSuite } from '../crypto/cipher-suites.ts';
import { hkdfExpandLabel } from '../crypto/hkdf.ts';
import type { Aead, AeadName, CryptoProvider } from '../crypto/provider.ts';
import {
  headerLength,
  maxContentLength,
  type ReadProtection,
  RecordIv,
  SequenceNumber,
  type WriteProtection,
  writeHeader,
} from './protection.ts';

/**
 * Full-size records under one AES-GCM key: 2^24.5 (RFC 9846, Section 5.5). For ChaCha20-Poly1305 the sequence
 * number would wrap first.
 */
const gcmRecordLimit = 23_726_566;

/** Shared by all connections, which saves each some memory: they are filled and used within one call. */
const nonce = new Uint8Array(12);
const header = new Uint8Array(headerLength);

/** Where content, type and padding are joined for sealing; shared likewise. */
let scratch: Uint8Array | undefined;

/**
 * The read half of TLS 1.3's record protection (RFC 9846, Section 5.2), with the keys of a traffic secret
 * (Section 7.3).
 */
export function createReadProtection13(
  crypto: CryptoProvider,
  suite: CipherSuite,
  trafficSecret: Uint8Array,
  sequence = new SequenceNumber(),
): ReadProtection {
  const { aead, iv } = trafficKeys(crypto, suite, trafficSecret);
  return new ReadProtection13(aead, iv, sequence);
}

/** The write half; see {@link createReadProtection13}. */
export function createWriteProtection13(
  crypto: CryptoProvider,
  suite: CipherSuite,
  trafficSecret: Uint8Array,
  sequence = new SequenceNumber(),
): WriteProtection {
  const { aead, iv, name } = trafficKeys(crypto, suite, trafficSecret);
  return new WriteProtection13(aead, iv, sequence, name === 'chacha20poly1305' ? Infinity : gcmRecordLimit);
}

function trafficKeys(
  crypto: CryptoProvider,
  suite: CipherSuite,
  trafficSecret: Uint8Array,
): { aead: Aead; iv: RecordIv; name: AeadName } {
  const name = suite.aead;
  if (name === undefined || suite.version !== 0x0304) throw new RangeError(`${suite.name} is no suite of TLS 1.3`);
  const key = hkdfExpandLabel(crypto, suite.hash, trafficSecret, 'key', noBytes, suite.keyLength);
  const iv = hkdfExpandLabel(crypto, suite.hash, trafficSecret, 'iv', noBytes, suite.ivLength);
  const aead = crypto.createAead(name, key);
  const recordIv = new RecordIv(iv);
  zeroize(key, iv);
  return { aead, iv: recordIv, name };
}

class ReadProtection13 implements ReadProtection {
  readonly version = 0x0304;
  // "the length MUST NOT exceed 2^14 + 256 bytes" (RFC 9846, Section 5.2)
  readonly maxCiphertextLength = maxContentLength + 256;
  readonly #aead: Aead;
  readonly #iv: RecordIv;
  readonly #sequence: SequenceNumber;

  constructor(aead: Aead, iv: RecordIv, sequence: SequenceNumber) {
    this.#aead = aead;
    this.#iv = iv;
    this.#sequence = sequence;
  }

  open(record: Uint8Array, mayOverwrite?: boolean): Uint8Array | undefined {
    this.#sequence.check();
    this.#sequence.nonceTo(nonce, this.#iv);
    for (let i = 0; i < headerLength; i++) header[i] = record[i] as number;
    const inner = this.#aead.open(nonce, header, record.subarray(headerLength), mayOverwrite);
    if (inner !== undefined) this.#sequence.advance();
    return inner;
  }

  destroy(): void {
    this.#aead.destroy();
    this.#iv.destroy();
  }
}

class WriteProtection13 implements WriteProtection {
  readonly version = 0x0304;
  readonly #aead: Aead;
  readonly #iv: RecordIv;
  readonly #sequence: SequenceNumber;
  #recordsUntilLimit: number;

  constructor(aead: Aead, iv: RecordIv, sequence: SequenceNumber, recordLimit: number) {
    this.#aead = aead;
    this.#iv = iv;
    this.#sequence = sequence;
    this.#recordsUntilLimit = recordLimit;
  }

  get recordsUntilLimit(): number {
    return this.#recordsUntilLimit;
  }

  recordLength(contentLength: number, padding: number): number {
    return headerLength + contentLength + 1 + padding + this.#aead.tagLength;
  }

  seal(type: number, content: Uint8Array, padding: number, out: Uint8Array, at: number): number {
    this.#sequence.check();
    const innerLength = content.length + 1 + padding;
    scratch ??= new Uint8Array(maxContentLength + 1);
    scratch.set(content);
    scratch[content.length] = type;
    if (padding > 0) scratch.fill(0, content.length + 1, innerLength);
    writeHeader(header, 0, 23, 0x0303, innerLength + this.#aead.tagLength);
    out.set(header, at);
    this.#sequence.nonceTo(nonce, this.#iv);
    const sealed = this.#aead.seal(nonce, header, scratch.subarray(0, innerLength), out, at + headerLength);
    this.#sequence.advance();
    this.#recordsUntilLimit--;
    return headerLength + sealed;
  }

  destroy(): void {
    this.#aead.destroy();
    this.#iv.destroy();
  }
}
