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
  const bytes = pool.slice(poolAt, end);
  pool.fill(0, poolAt, end);
  poolAt = end;
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

/** One-shot HMAC. */
export function hmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array {
  return plain(createHmac(name, keyFor(key)).update(data).digest());
}

/** An HMAC key that is used more than once. Its bytes live in OpenSSL's memory, which is wiped when it is freed. */
export function prepareHmac(name: HashName, key: Uint8Array): HmacKey {
  let object: KeyObject | undefined = createSecretKey(key);
  return {
    sign(data) {
      if (object === undefined) throw new Error('this HMAC key was destroyed');
      return plain(createHmac(name, object).update(data).digest());
    },
    destroy() {
      object = undefined;
    },
  };
}

// From Node 22 on a key given as bytes costs six times one given as KeyObject; before, the bytes are cheaper.
const nodeMajor = Number.parseInt(process.versions.node, 10);

/** Whether keys for one use are cheaper as KeyObject. */
export const preferKeyObjects = nodeMajor >= 22;

function keyFor(key: Uint8Array): Uint8Array | KeyObject {
  return preferKeyObjects ? createSecretKey(key) : key;
}
