/** PKCS #12 files (RFC 7292): a certificate chain with its key, as `pfx` takes them. */
import {
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  type KeyObject,
  pbkdf2Sync,
  timingSafeEqual,
  X509Certificate,
} from 'node:crypto';
import { CertificateError } from '../errors.ts';
import { contextTag, DerReader, tags } from '../pki/der/reader.ts';
import { nodeError } from './node-errors.ts';

export interface OpenedPkcs12 {
  readonly key: KeyObject;
  /** DER, the certificate of the key first. */
  readonly chain: Uint8Array[];
}

const oid = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  safeContentsBag: '1.2.840.113549.1.12.10.1.6',
  x509: '1.2.840.113549.1.9.22.1',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  tripleDes: '1.2.840.113549.1.12.1.3',
} as const;

const hashes: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};

const ciphers: Readonly<Record<string, { name: string; keyLength: number }>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyLength: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyLength: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyLength: 32 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyLength: 24 },
};

const hashBlock: Readonly<Record<string, number>> = { sha1: 64, sha256: 64, sha384: 128, sha512: 128 };
const maxIterations = 10_000_000;

interface Bags {
  keys: KeyObject[];
  certificates: Uint8Array[];
}

/** Opens a file. Throws Node's errors: `mac verify failure`, `Unsupported PKCS12 PFX data`, … */
export function openPkcs12(file: Uint8Array, passphrase: Buffer | undefined): OpenedPkcs12 {
  const bags: Bags = { keys: [], certificates: [] };
  try {
    const pfx = new DerReader(file, 'PKCS #12 file').enter(tags.sequence, 'PFX');
    pfx.smallInteger('version');
    const authSafe = readData(pfx);
    checkMac(pfx, authSafe, passphrase);
    const list = new DerReader(authSafe, 'PKCS #12 contents').enter(tags.sequence, 'AuthenticatedSafe');
    while (list.more) {
      const info = list.enter(tags.sequence, 'ContentInfo');
      readBags(contentOf(info, passphrase), passphrase, bags);
    }
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    throw nodeError('ERR_CRYPTO_OPERATION_FAILED', 'Unable to load PFX certificate', Error, error);
  }
  const key = bags.keys[0];
  if (key === undefined) throw nodeError('ERR_CRYPTO_OPERATION_FAILED', 'Unable to load private key from PFX data');
  const leaf = bags.certificates.find((der) => new X509Certificate(der).checkPrivateKey(key));
  if (leaf === undefined) throw nodeError('ERR_CRYPTO_OPERATION_FAILED', 'Unable to load PFX certificate');
  return { key, chain: [leaf, ...bags.certificates.filter((der) => der !== leaf)] };
}

/** ContentInfo of type data. */
function readData(reader: DerReader): Uint8Array {
  const info = reader.enter(tags.sequence, 'ContentInfo');
  if (info.oid('contentType') !== oid.data) throw unsupported();
  return info.enter(contextTag(0), 'content').octetString('data');
}

function contentOf(info: DerReader, passphrase: Buffer | undefined): Uint8Array {
  const type = info.oid('contentType');
  const content = info.enter(contextTag(0), 'content');
  if (type === oid.data) return content.octetString('data');
  if (type !== oid.encryptedData) throw unsupported();
  const encrypted = content.enter(tags.sequence, 'EncryptedData');
  encrypted.smallInteger('version');
  const inner = encrypted.enter(tags.sequence, 'EncryptedContentInfo');
  inner.oid('contentType');
  const algorithm = inner.enter(tags.sequence, 'algorithm');
  inner.expect(0x80, 'encryptedContent');
  return decrypt(algorithm, inner.value(), passphrase);
}

function readBags(der: Uint8Array, passphrase: Buffer | undefined, into: Bags): void {
  const list = new DerReader(der, 'PKCS #12 bags').enter(tags.sequence, 'SafeContents');
  while (list.more) {
    const bag = list.enter(tags.sequence, 'SafeBag');
    const type = bag.oid('bagId');
    const value = bag.enter(contextTag(0), 'bagValue');
    if (type === oid.keyBag) {
      value.expect(tags.sequence, 'PrivateKeyInfo');
      into.keys.push(importKey(value.raw()));
    } else if (type === oid.shroudedKeyBag) {
      const shrouded = value.enter(tags.sequence, 'EncryptedPrivateKeyInfo');
      const algorithm = shrouded.enter(tags.sequence, 'algorithm');
      into.keys.push(importKey(decrypt(algorithm, shrouded.octetString('encryptedData'), passphrase)));
    } else if (type === oid.certBag) {
      const certificate = value.enter(tags.sequence, 'CertBag');
      if (certificate.oid('certId') === oid.x509) {
        into.certificates.push(certificate.enter(contextTag(0), 'certValue').octetString('x509Certificate').slice());
      }
    } else if (type === oid.safeContentsBag) {
      value.expect(tags.sequence, 'SafeContents');
      readBags(value.raw(), passphrase, into);
    }
  }
}

function importKey(pkcs8: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
}

function unsupported(): Error {
  return nodeError('ERR_CRYPTO_UNSUPPORTED_OPERATION', 'Unsupported PKCS12 PFX data');
}

function macFailure(): Error {
  return nodeError('ERR_CRYPTO_OPERATION_FAILED', 'mac verify failure');
}

function checkMac(pfx: DerReader, content: Uint8Array, passphrase: Buffer | undefined): void {
  if (!pfx.more) return;
  const mac = pfx.enter(tags.sequence, 'macData');
  const digestInfo = mac.enter(tags.sequence, 'mac');
  const hash = hashes[digestInfo.enter(tags.sequence, 'digestAlgorithm').oid('algorithm')];
  if (hash === undefined) throw unsupported();
  const digest = digestInfo.octetString('digest');
  const salt = mac.octetString('macSalt');
  const iterations = !mac.more ? 1 : boundedIterations(mac);
  // Without a passphrase there are two customs: an empty string with its terminator, and nothing at all.
  const tried =
    passphrase === undefined || passphrase.length === 0
      ? [bmpString(''), Buffer.alloc(0)]
      : [bmpString(passphrase.toString('utf8'))];
  for (const secret of tried) {
    const key = pkcs12Kdf(hash, secret, salt, 3, iterations, digest.length);
    const expected = createHmac(hash, key).update(content).digest();
    if (expected.length === digest.length && timingSafeEqual(expected, digest)) return;
  }
  throw macFailure();
}

function boundedIterations(reader: DerReader): number {
  const iterations = reader.smallInteger('iterations');
  if (iterations > maxIterations) throw unsupported();
  return iterations;
}

function decrypt(algorithm: DerReader, data: Uint8Array, passphrase: Buffer | undefined): Uint8Array {
  const type = algorithm.oid('algorithm');
  const secret = passphrase ?? Buffer.alloc(0);
  if (type === oid.tripleDes) {
    const parameters = algorithm.enter(tags.sequence, 'parameters');
    const salt = parameters.octetString('salt');
    const iterations = boundedIterations(parameters);
    const bmp = bmpString(secret.toString('utf8'));
    const key = pkcs12Kdf('sha1', bmp, salt, 1, iterations, 24);
    const iv = pkcs12Kdf('sha1', bmp, salt, 2, iterations, 8);
    return run('des-ede3-cbc', key, iv, data);
  }
  if (type !== oid.pbes2) throw unsupported();
  const parameters = algorithm.enter(tags.sequence, 'PBES2-params');
  const derivation = parameters.enter(tags.sequence, 'keyDerivationFunc');
  if (derivation.oid('algorithm') !== oid.pbkdf2) throw unsupported();
  const pbkdf2 = derivation.enter(tags.sequence, 'PBKDF2-params');
  const salt = pbkdf2.octetString('salt');
  const iterations = boundedIterations(pbkdf2);
  if (pbkdf2.more && pbkdf2.peek() === tags.integer) pbkdf2.smallInteger('keyLength');
  const hash = !pbkdf2.more ? 'sha1' : hashes[pbkdf2.enter(tags.sequence, 'prf').oid('algorithm')];
  const scheme = parameters.enter(tags.sequence, 'encryptionScheme');
  const cipher = ciphers[scheme.oid('algorithm')];
  if (hash === undefined || cipher === undefined) throw unsupported();
  return run(cipher.name, pbkdf2Sync(secret, salt, iterations, cipher.keyLength, hash), scheme.octetString('iv'), data);
}

function run(cipher: string, key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  const decipher = createDecipheriv(cipher, key, iv);
  return Buffer.concat([decipher.update(data), decipher.final()]);
}

/** RFC 7292, Appendix B.1: UTF-16BE with a terminator of two zero octets. */
function bmpString(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf16le').swap16();
}

/** RFC 7292, Appendix B.2. `purpose`: 1 key, 2 IV, 3 MAC key. */
function pkcs12Kdf(
  hash: string,
  secret: Uint8Array,
  salt: Uint8Array,
  purpose: number,
  iterations: number,
  length: number,
): Buffer {
  const v = hashBlock[hash]!;
  const fill = (source: Uint8Array) => {
    const out = Buffer.alloc(v * Math.ceil(source.length / v));
    for (let i = 0; i < out.length; i++) out[i] = source[i % source.length]!;
    return out;
  };
  const diversifier = Buffer.alloc(v, purpose);
  const input = Buffer.concat([fill(salt), fill(secret)]);
  const out: Buffer[] = [];
  for (let made = 0; made < length; ) {
    let a = createHash(hash).update(diversifier).update(input).digest();
    for (let i = 1; i < iterations; i++) a = createHash(hash).update(a).digest();
    out.push(a);
    made += a.length;
    const b = fill(a).subarray(0, v);
    // Each block of the input becomes (block + b + 1) mod 2^v.
    for (let at = 0; at < input.length; at += v) {
      let carry = 1;
      for (let i = v - 1; i >= 0; i--) {
        carry += input[at + i]! + b[i]!;
        input[at + i] = carry & 0xff;
        carry >>= 8;
      }
    }
  }
  return Buffer.concat(out).subarray(0, length);
}
