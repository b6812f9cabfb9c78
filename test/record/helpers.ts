import { concat } from '../../src/bytes/bytes.ts';
import { type CipherSuite, cipherSuites } from '../../src/crypto/cipher-suites.ts';
import type { ReadProtection, SequenceNumber, WriteProtection } from '../../src/record/protection.ts';
import { createReadProtection12, createWriteProtection12 } from '../../src/record/protection12.ts';
import { createReadProtection13, createWriteProtection13 } from '../../src/record/protection13.ts';
import type { PlaintextRecord, RecordReader } from '../../src/record/record-reader.ts';
import type { RecordWriter } from '../../src/record/record-writer.ts';
import { testCrypto } from '../helpers/crypto.ts';

export const crypto = testCrypto();

/** A way to protect records: a suite, and for CBC the order of encryption and MAC. */
export interface Protection {
  readonly name: string;
  readonly suite: CipherSuite;
  readonly encryptThenMac: boolean;
}

export const protections: readonly Protection[] = cipherSuites.flatMap((suite) =>
  (suite.cbc === undefined ? [false] : [false, true]).map((encryptThenMac) => ({
    name: `${suite.name}${encryptThenMac ? ' encrypt-then-MAC' : ''}`,
    suite,
    encryptThenMac,
  })),
);

export interface ProtectionPair {
  readonly read: ReadProtection;
  readonly write: WriteProtection;
}

/** Both halves of one direction, with fresh keys. */
export function protectionPair(
  protection: Protection,
  sequence?: () => SequenceNumber,
  provider = crypto,
): ProtectionPair {
  const { suite, encryptThenMac } = protection;
  if (suite.version === 0x0304) {
    const secret = crypto.random(suite.hash === 'sha256' ? 32 : 48);
    return {
      read: createReadProtection13(provider, suite, secret, sequence?.()),
      write: createWriteProtection13(provider, suite, secret, sequence?.()),
    };
  }
  const keys = {
    key: crypto.random(suite.keyLength),
    iv: crypto.random(suite.ivLength),
    ...(suite.cbc === undefined ? {} : { macKey: crypto.random(suite.cbc.macLength), encryptThenMac }),
  };
  return {
    read: createReadProtection12(provider, suite, keys, sequence?.()),
    write: createWriteProtection12(provider, suite, keys, sequence?.()),
  };
}

export function protectionNamed(name: string): Protection {
  const found = protections.find((protection) => protection.name === name);
  if (found === undefined) throw new Error(`no protection ${name}`);
  return found;
}

export const gcm13 = protectionNamed('TLS_AES_128_GCM_SHA256');
export const gcm12 = protectionNamed('TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256');

/** All that the writer has, as one array. */
export function output(writer: RecordWriter): Uint8Array {
  return concat(...writer.take());
}

/** An unprotected record. */
export function record(type: number, fragment: Uint8Array, version = 0x0303): Uint8Array {
  return concat(new Uint8Array([type, version >> 8, version, fragment.length >> 8, fragment.length]), fragment);
}

/** Every record that the reader has by now. */
export function drain(reader: RecordReader): PlaintextRecord[] {
  const records: PlaintextRecord[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) records.push(next);
  return records;
}

/** Cuts bytes into chunks of the sizes, again and again. */
export function* chunks(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] as number;
    yield bytes.slice(at, at + size);
    at += size;
  }
}
