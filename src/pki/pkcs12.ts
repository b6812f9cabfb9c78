import { concat, constantTimeEqual, noBytes, zeroize } from '../bytes/bytes.ts';
import { oids } from './der/oid.ts';
import { contextPrimitiveTag, contextTag, DerReader, tags } from './der/reader.ts';
import { stringText } from './der/strings.ts';
import {
  der,
  derContext,
  derContextPrimitive,
  derInteger,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derSet,
} from './der/writer.ts';
import {
  type KeyFileCrypto,
  type KeyFileHash,
  keyFileError,
  maxIterations,
  passphraseError,
} from './key-file-crypto.ts';
import { decryptPbes2, type EncryptionChoice, encryptPbes2 } from './pbes2.ts';
import { checkedPkcs8, decryptPkcs8 } from './private-key.ts';

/** What a PKCS#12 file holds (RFC 7292). */
export interface Pkcs12 {
  readonly keys: readonly Pkcs12Entry[];
  /** DER certificates in the order of the file. */
  readonly certificates: readonly Pkcs12Entry[];
}

export interface Pkcs12Entry {
  /** PKCS#8 or the certificate. */
  readonly der: Uint8Array;
  readonly friendlyName: string | undefined;
  /** Links a key to its certificate. */
  readonly localKeyId: Uint8Array | undefined;
}

const maxFileBytes = 1 << 24;
const maxBags = 256;

const digests: Readonly<Record<string, KeyFileHash>> = {
  [oids.sha1]: 'sha1',
  [oids.sha256]: 'sha256',
  [oids.sha384]: 'sha384',
  [oids.sha512]: 'sha512',
};

/**
 * Opens a file in DER. The integrity check comes first. Throws `ConfigError`: `ERR_TLS_PASSPHRASE` for a wrong
 * passphrase, `ERR_TLS_KEY_FILE` for what is broken, in BER, or encrypted by schemes before PBES2.
 */
export function openPkcs12(file: Uint8Array, passphrase: string, crypto: KeyFileCrypto): Pkcs12 {
  try {
    return open(file, passphrase, crypto);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_TLS_DER') throw error;
    throw keyFileError(
      `the PKCS#12 file doesn't parse (BER is converted by "openssl pkcs12 -in old.p12 -nodes | openssl pkcs12 -export -out new.p12"): ${(error as Error).message}`,
      error,
    );
  }
}

function open(file: Uint8Array, passphrase: string, crypto: KeyFileCrypto): Pkcs12 {
  const outer = new DerReader(file, 'PKCS#12 file');
  if (file.length > maxFileBytes) throw outer.error(`${file.length} bytes, where ${maxFileBytes} are allowed`);
  const fields = outer.enter(tags.sequence, 'SEQUENCE');
  outer.done();
  if (fields.smallInteger('version') !== 3) throw fields.error('the version is not 3');
  const authSafe = readData(fields);
  if (!fields.more) throw keyFileError('the PKCS#12 file has no integrity check by passphrase');
  checkMac(fields, authSafe, passphrase, crypto);
  fields.done();

  const keys: Pkcs12Entry[] = [];
  const certificates: Pkcs12Entry[] = [];
  const list = new DerReader(authSafe, 'PKCS#12 contents');
  const safes = list.enter(tags.sequence, 'SEQUENCE');
  list.done();
  let count = 0;
  while (safes.more) {
    const content = safes.enter(tags.sequence, 'content');
    const type = content.oid('type');
    const explicit = content.enter(contextTag(0), 'content');
    content.done();
    let safe: Uint8Array;
    if (type === oids.data) safe = explicit.octetString('data');
    else if (type === oids.encryptedData) safe = decryptSafe(explicit, passphrase, crypto);
    else throw keyFileError(`the PKCS#12 file has content of the type ${type}, which isn't supported`);
    const bags = new DerReader(safe, 'PKCS#12 contents').enter(tags.sequence, 'SEQUENCE');
    while (bags.more) {
      if (++count > maxBags) throw bags.error(`more than ${maxBags} entries`);
      readBag(bags, keys, certificates, passphrase, crypto);
    }
  }
  return { keys, certificates };
}

function readData(fields: DerReader): Uint8Array {
  const content = fields.enter(tags.sequence, 'content');
  const type = content.oid('type');
  if (type !== oids.data) throw keyFileError('the PKCS#12 file is protected by a public key, not by a passphrase');
  const explicit = content.enter(contextTag(0), 'content');
  content.done();
  const data = explicit.octetString('data');
  explicit.done();
  return data;
}

function decryptSafe(explicit: DerReader, passphrase: string, crypto: KeyFileCrypto): Uint8Array {
  const encrypted = explicit.enter(tags.sequence, 'encrypted data');
  encrypted.smallInteger('version');
  const info = encrypted.enter(tags.sequence, 'encrypted content');
  info.oid('type');
  const algorithm = info.enter(tags.sequence, 'algorithm');
  info.expect(contextPrimitiveTag(0), 'ciphertext');
  const plaintext = decryptPbes2(algorithm, info.value(), passphrase, crypto);
  if (plaintext === undefined) throw passphraseError('the passphrase does not open the PKCS#12 file');
  return plaintext;
}

function readBag(
  bags: DerReader,
  keys: Pkcs12Entry[],
  certificates: Pkcs12Entry[],
  passphrase: string,
  crypto: KeyFileCrypto,
): void {
  const bag = bags.enter(tags.sequence, 'entry');
  const type = bag.oid('type');
  const explicit = bag.enter(contextTag(0), 'value');
  const attributes = bag.more ? readAttributes(bag) : { friendlyName: undefined, localKeyId: undefined };
  bag.done();
  if (type === oids.keyBag || type === oids.shroudedKeyBag) {
    explicit.expect(tags.sequence, 'key');
    const value = explicit.raw();
    keys.push({
      der: type === oids.keyBag ? checkedPkcs8(value) : decryptPkcs8(value, { passphrase, crypto }),
      ...attributes,
    });
  } else if (type === oids.certBag) {
    const certificate = explicit.enter(tags.sequence, 'certificate');
    if (certificate.oid('type') !== oids.x509Certificate) return;
    const value = certificate.enter(contextTag(0), 'certificate');
    certificates.push({ der: value.octetString('certificate'), ...attributes });
  }
}

function readAttributes(bag: DerReader): Pick<Pkcs12Entry, 'friendlyName' | 'localKeyId'> {
  const set = bag.enter(tags.set, 'attributes');
  let friendlyName: string | undefined;
  let localKeyId: Uint8Array | undefined;
  while (set.more) {
    const attribute = set.enter(tags.sequence, 'attribute');
    const type = attribute.oid('type');
    const values = attribute.enter(tags.set, 'values');
    attribute.done();
    if (!values.more) continue;
    const tag = values.next();
    if (type === oids.friendlyName && tag === tags.bmpString) friendlyName = stringText(tag, values.value());
    if (type === oids.localKeyId && tag === tags.octetString) localKeyId = values.value();
  }
  return { friendlyName, localKeyId };
}

function checkMac(fields: DerReader, data: Uint8Array, passphrase: string, crypto: KeyFileCrypto): void {
  const mac = fields.enter(tags.sequence, 'macData');
  const info = mac.enter(tags.sequence, 'mac');
  const algorithm = info.enter(tags.sequence, 'digestAlgorithm');
  const oid = algorithm.oid('digestAlgorithm');
  const hash = digests[oid];
  if (hash === undefined) throw keyFileError(`the PKCS#12 file is authenticated by ${oid}, which isn't supported`);
  const expected = info.octetString('digest');
  const salt = mac.octetString('salt');
  const iterations = mac.more ? mac.smallInteger('iterations', maxIterations) : 1;
  mac.done();
  // The empty passphrase is written both as nothing and as a lone terminator.
  const forms = passphrase === '' ? [bmpPassphrase(''), noBytes] : [bmpPassphrase(passphrase)];
  for (const form of forms) {
    const key = deriveMacKey(hash, form, salt, iterations, crypto);
    if (constantTimeEqual(crypto.hmac(hash, key, data), expected)) return;
  }
  throw passphraseError('the passphrase does not open the PKCS#12 file');
}

/** A passphrase as BMPString with a terminator (RFC 7292, Appendix B.1). */
function bmpPassphrase(passphrase: string): Uint8Array {
  const bytes = new Uint8Array(2 * passphrase.length + 2);
  for (let i = 0; i < passphrase.length; i++) {
    bytes[2 * i] = passphrase.charCodeAt(i) >> 8;
    bytes[2 * i + 1] = passphrase.charCodeAt(i);
  }
  return bytes;
}

/** The key derivation of RFC 7292, Appendix B.2 for one hash's length of output and the purpose "MAC". */
function deriveMacKey(
  hash: KeyFileHash,
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number,
  crypto: KeyFileCrypto,
): Uint8Array {
  const block = hash === 'sha384' || hash === 'sha512' ? 128 : 64;
  const stretched = (bytes: Uint8Array): Uint8Array => {
    const out = new Uint8Array(block * Math.ceil(bytes.length / block));
    for (let i = 0; i < out.length; i++) out[i] = bytes[i % bytes.length] as number;
    return out;
  };
  let key = crypto.hash(hash, concat(new Uint8Array(block).fill(3), stretched(salt), stretched(password)));
  for (let i = 1; i < iterations; i++) key = crypto.hash(hash, key);
  return key;
}

export interface Pkcs12Input {
  /** PKCS#8. */
  readonly key?: Uint8Array;
  /** DER: the certificate of the key first, then its issuers. */
  readonly certificates: readonly Uint8Array[];
  readonly friendlyName?: string;
}

/**
 * Writes a file that OpenSSL 3, Java, Windows 10, macOS 15 and phones read: AES-256 under PBKDF2, the integrity check
 * with HMAC-SHA-256.
 */
export function encodePkcs12(
  input: Pkcs12Input,
  passphrase: string,
  crypto: KeyFileCrypto,
  choice: EncryptionChoice = {},
): Uint8Array {
  const encryption: EncryptionChoice = { derivation: 'pbkdf2', iterations: 100_000, ...choice };
  const localKeyId = crypto.hash('sha1', input.certificates[0] ?? noBytes);
  const attributes = (own: boolean): Uint8Array[] => {
    const list: Uint8Array[] = [];
    if (input.friendlyName !== undefined && own) {
      const name = bmpPassphrase(input.friendlyName).subarray(0, -2);
      list.push(derSequence(derOid(oids.friendlyName), derSet(der(tags.bmpString, name))));
    }
    if (own && input.key !== undefined)
      list.push(derSequence(derOid(oids.localKeyId), derSet(derOctetString(localKeyId))));
    return list.length === 0 ? [] : [derSet(...list)];
  };
  const bags = input.certificates.map((certificate, i) =>
    derSequence(
      derOid(oids.certBag),
      derContext(0, derSequence(derOid(oids.x509Certificate), derContext(0, derOctetString(certificate)))),
      ...attributes(i === 0),
    ),
  );
  const safe = encryptPbes2(derSequence(...bags), passphrase, crypto, encryption);
  const contents = [
    derSequence(
      derOid(oids.encryptedData),
      derContext(
        0,
        derSequence(
          derInteger(0),
          derSequence(derOid(oids.data), safe.algorithm, derContextPrimitive(0, safe.ciphertext)),
        ),
      ),
    ),
  ];
  if (input.key !== undefined) {
    const { algorithm, ciphertext } = encryptPbes2(input.key, passphrase, crypto, encryption);
    const bag = derSequence(
      derOid(oids.shroudedKeyBag),
      derContext(0, derSequence(algorithm, derOctetString(ciphertext))),
      ...attributes(true),
    );
    contents.push(derSequence(derOid(oids.data), derContext(0, derOctetString(derSequence(bag)))));
  }
  const authSafe = derSequence(...contents);
  const salt = crypto.random(16);
  const iterations = Math.min(encryption.iterations ?? 10_000, 10_000);
  const macKey = deriveMacKey('sha256', bmpPassphrase(passphrase), salt, iterations, crypto);
  const mac = crypto.hmac('sha256', macKey, authSafe);
  zeroize(macKey);
  return derSequence(
    derInteger(3),
    derSequence(derOid(oids.data), derContext(0, derOctetString(authSafe))),
    derSequence(
      derSequence(derSequence(derOid(oids.sha256), derNull()), derOctetString(mac)),
      derOctetString(salt),
      derInteger(iterations),
    ),
  );
}
