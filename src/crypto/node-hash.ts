import * as nodeCrypto from 'node:crypto';
import { createHmac, createSecretKey, hash as hashOnce, type KeyObject, randomFillSync } from 'node:crypto';
import type { HashName, HmacKey } from './provider.ts';

/** Bytes drawn from the operating system at once: a draw costs the same 3 µs for 32 bytes as for some thousands. */
const poolSize = 8192;
const largestPooled = 1024;

let pool: Uint8Array | undefined;
let poolAt = poolSize;

/**
 * Strong random bytes. Small requests come from a pool. What is handed out is a copy whose source is wiped at once,
 * so that no byte is given twice and none stays behind.
 */
export function random(size: number): Uint8Array {
  if (size > largestPooled) return randomFillSync(new Uint8Array(size));
  // Made on first use, never at load: a start-up snapshot must not carry random bytes.
  pool ??= new Uint8Array(poolSize);
  if (poolAt + size > poolSize) {
    randomFillSync(pool);
    poolAt = 0;
  }
  const end = poolAt + size;
  const bytes = new Uint8Array(size);
  for (let i = 0; poolAt < end; i++, poolAt++) {
    bytes[i] = pool[poolAt] as number;
    pool[poolAt] = 0;
  }
  return bytes;
}

/** A plain view: `slice` of a Buffer would share memory where `slice` of a Uint8Array copies. */
export function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * One-shot hash. The digest passes through a string, which takes half the time of a Buffer but cannot be wiped:
 * transcripts and fingerprints are public. Secrets are derived by HMAC, which never does that.
 */
export const hash: (name: HashName, data: Uint8Array) => Uint8Array =
  // Deno and Bun may lack crypto.hash, which Node has since 20.12.
  typeof nodeCrypto.hash === 'function'
    ? (name, data) => fromBinary(hashOnce(name, data, binary))
    : (name, data) => plain(nodeCrypto.createHash(name).update(data).digest());

/** Node's types leave `latin1` out, Node itself never did. */
const binary = 'latin1' as 'hex';

function fromBinary(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Bytes of a hash function's input block. */
const blockLengths: Readonly<Record<HashName, number>> = { sha1: 64, sha256: 64, sha384: 128, sha512: 128 };

const hmacOf: (name: HashName, key: Uint8Array, data: Uint8Array) => Uint8Array =
  typeof nodeCrypto.hash === 'function' ? hmacOfTwoHashes : hmacObject;

/** One-shot HMAC. */
export function hmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array {
  return hmacOf(name, key, data);
}

function hmacObject(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array {
  return moved(createHmac(name, keyFor(key)).update(data).digest());
}

/**
 * What both hashes read: padded key, then data (inner) or inner digest (outer). Wiped after each use. Loops over words
 * do it, for `fill` and Buffer's methods cost a call out of JavaScript each.
 */
const innerInput = new Uint8Array(128 + 1024);
const outerInput = new Uint8Array(128 + 64);
const innerWords = new Uint32Array(innerInput.buffer);
const outerWords = new Uint32Array(outerInput.buffer);

/** Views from the start, by their length: of the same few lengths a dozen are needed in each handshake. */
const innerViews: (Uint8Array | undefined)[] = [];
const outerViews: (Uint8Array | undefined)[] = [];

function view(of: Uint8Array, known: (Uint8Array | undefined)[], length: number): Uint8Array {
  return (known[length] ??= of.subarray(0, length));
}

/**
 * HMAC as two one-shot hashes (RFC 2104): Node has no one-shot HMAC, and an Hmac object is a native object that costs
 * the garbage collector more than the MAC itself (docs/decisions/0006-hmac.md). The inner digest passes through a
 * string: without the key it tells nothing of the MAC. The MAC itself never does.
 */
function hmacOfTwoHashes(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array {
  const block = blockLengths[name];
  if (key.length > block || data.length > 1024) return hmacObject(name, key, data);
  const inner = innerInput;
  const outer = outerInput;
  for (let i = 0; i < block / 4; i++) {
    innerWords[i] = 0x36363636;
    outerWords[i] = 0x5c5c5c5c;
  }
  for (let i = 0; i < key.length; i++) {
    const byte = key[i] as number;
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
  inner.set(data, block);
  const innerEnd = block + data.length;
  const digest = hashOnce(name, view(inner, innerViews, innerEnd), binary);
  const outerEnd = block + digest.length;
  for (let at = block, i = 0; at < outerEnd; at++, i++) outer[at] = digest.charCodeAt(i);
  const mac = moved(hashOnce(name, view(outer, outerViews, outerEnd), 'buffer'));
  for (let i = 0; i < innerEnd / 4; i++) innerWords[i] = 0;
  for (let i = 0; i < outerEnd / 4; i++) outerWords[i] = 0;
  return mac;
}

/**
 * Moves short bytes, which may be a secret, onto the heap, and wipes where they were: what native code writes lies outside
 * it, which costs four times the memory as long as a connection keeps them.
 */
export function moved(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes.length);
  for (let i = 0; i < copy.length; i++) {
    copy[i] = bytes[i] as number;
    bytes[i] = 0;
  }
  return copy;
}

/** An HMAC key that is used more than once. */
export function prepareHmac(name: HashName, key: Uint8Array): HmacKey {
  return new PreparedHmac(name, key.slice());
}

class PreparedHmac implements HmacKey {
  readonly #name: HashName;
  readonly #key: Uint8Array;
  #live = true;

  constructor(name: HashName, key: Uint8Array) {
    this.#name = name;
    this.#key = key;
  }

  sign(data: Uint8Array): Uint8Array {
    if (!this.#live) throw new Error('this HMAC key was destroyed');
    return hmacOf(this.#name, this.#key, data);
  }

  destroy(): void {
    this.#live = false;
    this.#key.fill(0);
  }
}

// From Node 22 on a key given as bytes costs six times one given as KeyObject; before, the bytes are cheaper.
export const nodeMajor: number = Number.parseInt(process.versions.node, 10);

/** Other runtimes have modules of their own under Node's names, of which only what is documented can be relied upon. */
export const isNode = !('bun' in process.versions || 'deno' in process.versions);

/** Whether keys for one use are cheaper as KeyObject. */
export const preferKeyObjects = nodeMajor >= 22;

function keyFor(key: Uint8Array): Uint8Array | KeyObject {
  return preferKeyObjects ? createSecretKey(key) : key;
}
