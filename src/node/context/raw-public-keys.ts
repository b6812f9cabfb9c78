/** Raw public keys (RFC 7250) in the options of the shell: keys without certificates, known by their pins. */
import { createHash, createPrivateKey, createPublicKey, KeyObject } from 'node:crypto';
import type { CertificateType } from '../../engine/config.ts';
import { isPinned } from '../../engine/raw-public-keys.ts';
import type { Credential } from '../base/engine-types.ts';
import { createSigner, nodeCrypto } from '../base/key-signer.ts';
import {
  type CodedError,
  invalidArgType,
  invalidArgValue,
  validateBoolean,
  validateObject,
} from '../base/node-errors.ts';
import { bytesOf } from './context-files.ts';

/** The option `rawPublicKeys` of `connect`, `createServer`, `createSecureContext` and `addContext`. */
export interface RawPublicKeyOptions {
  /**
   * Keys by which the peer is known: public keys (PEM, DER or KeyObject), or the SHA-256 of their SubjectPublicKeyInfo
   * (32 bytes, or as text in Base64 or hexadecimal). With this option the peer may show a raw key; one that is no pin is not
   * authorized. Without it no raw key is taken.
   */
  pins?: readonly (string | NodeJS.ArrayBufferView | KeyObject)[] | undefined;
  /** Takes raw keys only, and no certificates. */
  only?: boolean | undefined;
  /** A private key (PEM, DER or KeyObject) that this side shows without a certificate, to a peer that takes that. */
  key?: string | NodeJS.ArrayBufferView | KeyObject | undefined;
}

/** The option as it was read. */
export interface RawPublicKeys {
  /** What is taken from the peer, best first. */
  readonly types: readonly CertificateType[];
  /** SHA-256 of the SubjectPublicKeyInfos that are known. */
  readonly pins: readonly Uint8Array[];
  readonly credential: Credential | undefined;
}

const name = 'options.rawPublicKeys';

/** Reads the option; whatever can't be read is named. */
export function readRawPublicKeys(given: unknown, inThreadPool: boolean | undefined): RawPublicKeys {
  validateObject(given, name);
  const { pins, only, key } = given as RawPublicKeyOptions;
  if (only !== undefined) validateBoolean(only, `${name}.only`);
  if (pins !== undefined && !Array.isArray(pins)) throw invalidArgType(`${name}.pins`, 'Array', pins);
  if (only && pins === undefined) throw invalidArgValue(`${name}.only`, only, 'needs pins: else nobody could be known');
  const types: CertificateType[] = pins === undefined ? ['x509'] : ['rawPublicKey'];
  if (pins !== undefined && !only) types.push('x509');
  return {
    types,
    pins: ((pins ?? []) as unknown[]).map((pin, i) => readPin(pin, `${name}.pins[${i}]`)),
    credential: key === undefined ? undefined : readKey(key, inThreadPool),
  };
}

function readPin(pin: unknown, what: string): Uint8Array {
  if (ArrayBuffer.isView(pin) && pin.byteLength === 32) return new Uint8Array(bytesOf(pin));
  if (typeof pin === 'string') {
    if (/^[0-9a-f]{64}$/i.test(pin)) return new Uint8Array(Buffer.from(pin, 'hex'));
    if (/^[A-Za-z0-9+/]{43}=$/.test(pin)) return new Uint8Array(Buffer.from(pin, 'base64'));
  }
  try {
    return nodeCrypto().hash('sha256', spkiOf(pin));
  } catch {
    // Its value is for no message: it may be a private key that was given by mistake.
    throw invalidArgValue(what, typeof pin, 'is neither a public key nor the SHA-256 of one');
  }
}

function readKey(key: unknown, inThreadPool: boolean | undefined): Credential {
  const read = readPrivateKey(key, `${name}.key`);
  return { chain: [], rawPublicKey: spkiOf(createPublicKey(read)), signer: createSigner(read, inThreadPool) };
}

/** A private key as PEM, DER or KeyObject. */
export function readPrivateKey(key: unknown, what: string): KeyObject {
  try {
    const read = key instanceof KeyObject ? key : createPrivateKey(keyInput(key, 'pkcs8'));
    if (read.type === 'private') return read;
  } catch {
    // Its value is for no message, nor is what a parser says of it.
  }
  throw invalidArgValue(what, typeof key, 'is no private key');
}

/** SubjectPublicKeyInfo (DER) of a public key as PEM, DER or KeyObject, or of a private one. */
export function spkiOf(key: unknown): Uint8Array {
  const read = key instanceof KeyObject && key.type === 'public' ? key : createPublicKey(keyInput(key, 'spki'));
  return new Uint8Array(read.export({ format: 'der', type: 'spki' }));
}

function keyInput(key: unknown, type: 'spki' | 'pkcs8') {
  if (key instanceof KeyObject) return key as never;
  if (typeof key === 'string') return key as never;
  if (!ArrayBuffer.isView(key)) throw new Error('no key');
  const bytes = bytesOf(key);
  return (bytes.subarray(0, 5).toString('latin1') === '-----' ? bytes : { key: bytes, format: 'der', type }) as never;
}

/** Why a raw public key is not trusted; `null` where it is one of the pins. */
export function judgeRawPublicKey(spki: Uint8Array, known: RawPublicKeys | undefined): CodedError | null {
  if (known !== undefined && isPinned(nodeCrypto(), known.pins, spki)) return null;
  const pin = createHash('sha256').update(spki).digest('base64');
  // OpenSSL's word for it.
  const error = new Error(`raw public key untrusted: its SHA-256, ${pin}, is none of the pins`) as CodedError;
  error.code = 'RPK_UNTRUSTED';
  return error;
}

/** What tells two values of the option apart, for an agent's pool. */
export function rawPublicKeysName(given: unknown): string {
  const { types, pins, credential } = readRawPublicKeys(given, false);
  const hash = createHash('sha256').update(types.join());
  for (const pin of pins) hash.update(pin);
  return hash.update(credential?.rawPublicKey ?? '').digest('base64');
}
