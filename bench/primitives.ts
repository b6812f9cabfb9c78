// Microseconds of CPU (user and system, all threads of the process, garbage collection included) per operation of the
// crypto provider and the record layer. `node --import tsx bench/primitives.ts [filter]`
import { concat } from '../src/bytes/bytes.ts';
import { cipherSuite } from '../src/crypto/cipher-suites.ts';
import { hkdfExpandLabel } from '../src/crypto/hkdf.ts';
import { portableMlKem } from '../src/crypto/ml-kem.ts';
import { namedGroups } from '../src/crypto/named-groups.ts';
import { createNodeCrypto } from '../src/crypto/node.ts';
import { mlKem } from '../src/crypto/node-ml-kem.ts';
import { prf12 } from '../src/crypto/prf12.ts';
import type { AeadName, GroupName, SignatureAlgorithm } from '../src/crypto/provider.ts';
import { createReadProtection13, createWriteProtection13 } from '../src/record/protection13.ts';
import { RecordReader } from '../src/record/record-reader.ts';
import { RecordWriter } from '../src/record/record-writer.ts';
import { generateDer } from './primitives-keys.ts';

const crypto = createNodeCrypto();
const filter = process.argv[2];

/** Runs for about 250 ms, after a warm-up, and takes the median of five slices. */
function measure(name: string, operation: () => unknown, bytes = 0): void {
  if (filter !== undefined && !name.includes(filter)) return;
  const now = () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  };
  const warmUntil = now() + 50_000;
  let perSlice = 0;
  while (now() < warmUntil) {
    operation();
    perSlice++;
  }
  perSlice = Math.max(1, perSlice);
  const slices: number[] = [];
  for (let slice = 0; slice < 5; slice++) {
    const start = now();
    for (let i = 0; i < perSlice; i++) operation();
    slices.push((now() - start) / perSlice);
  }
  const typical = slices.sort((a, b) => a - b)[2] as number;
  const rate = bytes === 0 ? '' : `  ${(bytes / typical).toFixed(0).padStart(6)} MB/s`;
  console.log(`${name.padEnd(44)}${typical.toFixed(2).padStart(10)} µs${rate}`);
}

console.log(
  `Node ${process.version}, ${crypto.name}, OpenSSL ${process.versions.openssl}, ML-KEM ${mlKem(768).backend}`,
);

const data = crypto.random(200);
const large = crypto.random(16384);
const secret = crypto.random(32);
measure('random 32', () => crypto.random(32));
measure('hash sha256 200 B', () => crypto.hash('sha256', data));
measure('hash sha256 3 KiB', () => crypto.hash('sha256', large.subarray(0, 3072)));
measure('hmac sha256', () => crypto.hmac('sha256', secret, data));
const prepared = crypto.prepareHmac('sha256', secret);
measure('hmac sha256, prepared key', () => prepared.sign(data));
measure('hmac sha256, prepare and destroy', () => crypto.prepareHmac('sha256', secret).destroy());
measure('hkdfExpandLabel', () => hkdfExpandLabel(crypto, 'sha256', secret, 'derived', secret, 32));
measure('hkdfExpandLabel, prepared key', () => hkdfExpandLabel(crypto, 'sha256', prepared, 'derived', secret, 32));
measure('prf12 key block', () => prf12(crypto, 'sha256', secret, 'key expansion', data.subarray(0, 64), 40));

for (const group of Object.keys(namedGroups) as GroupName[]) {
  const exchange = crypto.keyExchange(group);
  if (exchange === undefined) continue;
  const { share } = exchange.generate();
  measure(`${group} generate`, () => exchange.generate());
  measure(`${group} respond`, () => exchange.respond(share));
}
const portable = portableMlKem(768);
const pair = portable.generate();
const { ciphertext } = portable.encapsulate(pair.publicKey);
measure('ML-KEM-768 portable generate', () => portable.generate());
measure('ML-KEM-768 portable encapsulate', () => portable.encapsulate(pair.publicKey));
measure('ML-KEM-768 portable decapsulate', () => pair.decapsulate(ciphertext));

const keys: readonly [name: string, type: string, options: object, algorithm: SignatureAlgorithm][] = [
  ['ECDSA P-256', 'ec', { namedCurve: 'P-256' }, { kind: 'ecdsa', hash: 'sha256' }],
  ['ECDSA P-384', 'ec', { namedCurve: 'P-384' }, { kind: 'ecdsa', hash: 'sha384' }],
  ['RSA-PSS 2048', 'rsa', { modulusLength: 2048 }, { kind: 'rsaPss', hash: 'sha256', saltLength: 32 }],
  ['Ed25519', 'ed25519', {}, { kind: 'ed25519' }],
];
for (const [name, type, options, algorithm] of keys) {
  const der = generateDer(type, options);
  const privateKey = crypto.importPrivateKey(der.privateKey);
  const publicKey = crypto.importPublicKey(der.publicKey);
  const signature = privateKey.sign(algorithm, data);
  measure(`${name} sign`, () => privateKey.sign(algorithm, data));
  measure(`${name} verify`, () => publicKey.verify(algorithm, data, signature));
  measure(`${name} import known key and verify`, () =>
    crypto.importPublicKey(der.publicKey).verify(algorithm, data, signature),
  );
  // More keys than are kept: each is imported anew.
  const others = Array.from({ length: type === 'rsa' ? 0 : 150 }, () => generateDer(type, options).publicKey);
  if (others.length === 0) continue;
  let next = 0;
  measure(`${name} import new key and verify`, () =>
    crypto.importPublicKey(others[next++ % others.length] as Uint8Array).verify(algorithm, data, signature),
  );
}

const nonce = crypto.random(12);
const header = crypto.random(5);
for (const name of ['aes128gcm', 'aes256gcm', 'chacha20poly1305'] satisfies AeadName[]) {
  const key = crypto.random(name === 'aes128gcm' ? 16 : 32);
  const aead = crypto.createAead(name, key);
  measure(`${name} create`, () => crypto.createAead(name, key));
  for (const size of [64, 16384]) {
    const out = new Uint8Array(size + 16);
    const plaintext = large.subarray(0, size);
    measure(`${name} seal ${size}`, () => aead.seal(nonce, header, plaintext, out, 0), size);
    aead.seal(nonce, header, plaintext, out, 0);
    measure(`${name} open ${size}`, () => aead.open(nonce, header, out), size);
  }
}

const suite = cipherSuite(0x1301);
if (suite === undefined) throw new Error('no TLS_AES_128_GCM_SHA256');
measure('keys of a direction, TLS 1.3', () => createWriteProtection13(crypto, suite, secret));
const bulk = crypto.random(1024 * 1024);
const writer = new RecordWriter();
writer.setProtection(createWriteProtection13(crypto, suite, secret));
const write = (bytes: Uint8Array) => {
  writer.write(23, bytes);
  const chunks = writer.take();
  for (const chunk of chunks) writer.release(chunk);
  return chunks;
};
measure('record write 64 B', () => write(data.subarray(0, 64)), 64);
measure('record write 1 KiB', () => write(large.subarray(0, 1024)), 1024);
measure('record write 1 MiB', () => write(bulk), bulk.length);

// Reading: records that are sealed once and opened again and again need a reader of their own each time.
const readBulk = (sealed: readonly Uint8Array[]) => {
  const reader = new RecordReader();
  reader.setProtection(createReadProtection13(crypto, suite, secret));
  for (const slab of sealed) reader.push(slab);
  while (reader.next() !== undefined);
};
const once = new RecordWriter();
once.setProtection(createWriteProtection13(crypto, suite, secret));
once.write(23, bulk);
const slabs = once.take();
measure('record read 1 MiB', () => readBulk(slabs), bulk.length);
const stream = concat(...slabs);
const chunked = Array.from({ length: Math.ceil(stream.length / 65536) }, (_, i) =>
  stream.subarray(i * 65536, (i + 1) * 65536),
);
measure('record read 1 MiB in chunks of 64 KiB', () => readBulk(chunked), bulk.length);
