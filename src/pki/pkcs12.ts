import { constantTimeEqual, noBytes, zeroize } from '../bytes/bytes.ts';
import { check, checkOptions, flag, text } from '../bytes/check.ts';
import type { KeyFileCrypto, KeyFileHash } from '../crypto/key-files.ts';
import { encryptionRules, der as isDer, keyFiles, pkcs12Rules } from './check-arguments.ts';
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
import { keyFileError, maxIterations, passphraseError } from './key-file-error.ts';
import { decryptByPassphrase, type EncryptionChoice, encryptPbes2 } from './pbes2.ts';
import { bmpPassphrase, derivePkcs12, pkcs12Purpose } from './pkcs12-kdf.ts';
import { checkedPkcs8, decryptPkcs8 } from './private-key.ts';

/** What a PKCS#12 file holds (RFC 7292). */
export interface Pkcs12 {
  readonly keys: readonly Pkcs12Entry[];
  /** DER certificates in the order of the file. */
  readonly certificates: readonly Pkcs12Entry[];
}

/** A key or a certificate with its attributes (RFC 7292, Section 4.2). */
export interface Pkcs12Entry {
  /** PKCS#8 or the certificate. */
  readonly der: Uint8Array;
  readonly friendlyName: string | undefined;
  /** Links a key to its certificate. */
  readonly localKeyId: Uint8Array | undefined;
}

/** What may be let pass in a file. */
export interface Pkcs12Options {
  /**
   * Takes a file without the integrity check by passphrase (RFC 7292, Section 4: macData is optional), which anybody can
   * have changed; false.
   */
  readonly allowUnauthenticated?: boolean;
}

const maxFileBytes = 1 << 24;
const maxBags = 256;
/** How deep SafeContents may stand in SafeContents. */
const maxDepth = 8;

const digests: Readonly<Record<string, { hash: KeyFileHash; size: number }>> = {
  [oids.sha1]: { hash: 'sha1', size: 20 },
  [oids.sha256]: { hash: 'sha256', size: 32 },
  [oids.sha384]: { hash: 'sha384', size: 48 },
  [oids.sha512]: { hash: 'sha512', size: 64 },
};

/**
 * Opens a file in DER (RFC 7292). The integrity check comes first. Throws `ConfigError`: `ERR_TLS_PASSPHRASE` for a wrong
 * passphrase, `ERR_TLS_KEY_FILE` for what is broken, in BER, or encrypted with RC2 or single DES.
 */
export function openPkcs12(
  file: Uint8Array,
  passphrase: string,
  crypto: KeyFileCrypto,
  options: Pkcs12Options = {},
): Pkcs12 {
  check(isDer, file, 'openPkcs12: file');
  check(text, passphrase, 'openPkcs12: passphrase');
  check(keyFiles, crypto, 'openPkcs12: crypto');
  checkOptions(options, 'the options of openPkcs12', { allowUnauthenticated: flag });
  try {
    return open(file, passphrase, crypto, options);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_TLS_DER') throw error;
    throw keyFileError(
      `the PKCS#12 file doesn't parse (BER is converted by "openssl pkcs12 -in old.p12 -nodes | openssl pkcs12 -export -out new.p12"): ${(error as Error).message}`,
      error,
    );
  }
}

/** What is being read, and what came out of it so far. */
interface Opening {
  readonly passphrase: string;
  readonly crypto: KeyFileCrypto;
  readonly keys: Pkcs12Entry[];
  readonly certificates: Pkcs12Entry[];
  bags: number;
}

function open(file: Uint8Array, passphrase: string, crypto: KeyFileCrypto, options: Pkcs12Options): Pkcs12 {
  const outer = new DerReader(file, 'PKCS#12 file');
  if (file.length > maxFileBytes) throw outer.error(`${file.length} bytes, where ${maxFileBytes} are allowed`);
  const fields = outer.enter(tags.sequence, 'SEQUENCE');
  outer.done();
  if (fields.smallInteger('version') !== 3) throw fields.error('the version is not 3');
  const authSafe = readData(fields);
  if (fields.more) checkMac(fields, authSafe, passphrase, crypto);
  else if (options.allowUnauthenticated !== true)
    throw keyFileError('the PKCS#12 file has no integrity check by passphrase');
  fields.done();

  const opening: Opening = { passphrase, crypto, keys: [], certificates: [], bags: 0 };
  const list = new DerReader(authSafe, 'PKCS#12 contents');
  const safes = list.enter(tags.sequence, 'SEQUENCE');
  list.done();
  while (safes.more) {
    const content = safes.enter(tags.sequence, 'content');
    const type = content.oid('type');
    const explicit = content.enter(contextTag(0), 'content');
    content.done();
    let safe: Uint8Array;
    if (type === oids.data) safe = explicit.octetString('data');
    else if (type === oids.encryptedData) safe = decryptSafe(explicit, opening);
    else throw keyFileError(`the PKCS#12 file has content of the type ${type}, which isn't supported`);
    readBags(new DerReader(safe, 'PKCS#12 contents').enter(tags.sequence, 'SEQUENCE'), opening, 1);
  }
  return { keys: opening.keys, certificates: opening.certificates };
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

function decryptSafe(explicit: DerReader, { passphrase, crypto }: Opening): Uint8Array {
  const encrypted = explicit.enter(tags.sequence, 'encrypted data');
  encrypted.smallInteger('version');
  const info = encrypted.enter(tags.sequence, 'encrypted content');
  info.oid('type');
  const algorithm = info.enter(tags.sequence, 'algorithm');
  info.expect(contextPrimitiveTag(0), 'ciphertext');
  const plaintext = decryptByPassphrase(algorithm, info.value(), passphrase, crypto);
  if (plaintext === undefined) throw passphraseError('the passphrase does not open the PKCS#12 file');
  return plaintext;
}

function readBags(bags: DerReader, opening: Opening, depth: number): void {
  while (bags.more) {
    if (++opening.bags > maxBags) throw bags.error(`more than ${maxBags} entries`);
    readBag(bags, opening, depth);
  }
}

function readBag(bags: DerReader, opening: Opening, depth: number): void {
  const { keys, certificates, passphrase, crypto } = opening;
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
  } else if (type === oids.safeContentsBag) {
    if (depth === maxDepth) throw bags.error(`contents inside contents, more than ${maxDepth} deep`);
    readBags(explicit.enter(tags.sequence, 'SafeContents'), opening, depth + 1);
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

/** RFC 7292, Section 5.1: an HMAC over the contents, under a key from the passphrase. */
function checkMac(fields: DerReader, data: Uint8Array, passphrase: string, crypto: KeyFileCrypto): void {
  const mac = fields.enter(tags.sequence, 'macData');
  const info = mac.enter(tags.sequence, 'mac');
  const algorithm = info.enter(tags.sequence, 'digestAlgorithm');
  const oid = algorithm.oid('digestAlgorithm');
  const digest = digests[oid];
  if (digest === undefined) throw keyFileError(`the PKCS#12 file is authenticated by ${oid}, which isn't supported`);
  const expected = info.octetString('digest');
  const salt = mac.octetString('salt');
  const iterations = mac.more ? mac.smallInteger('iterations', maxIterations) : 1;
  mac.done();
  // The empty passphrase is written both as nothing and as a lone terminator.
  const forms = passphrase === '' ? [bmpPassphrase(''), noBytes] : [bmpPassphrase(passphrase)];
  for (const form of forms) {
    const from = { password: form, salt, iterations };
    const key = derivePkcs12(digest.hash, pkcs12Purpose.mac, from, digest.size, crypto);
    if (constantTimeEqual(crypto.hmac(digest.hash, key, data), expected)) return;
  }
  throw passphraseError('the passphrase does not open the PKCS#12 file');
}

/** What goes into a file. */
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
  checkOptions(input, 'the input of encodePkcs12', pkcs12Rules, ['certificates']);
  check(text, passphrase, 'encodePkcs12: passphrase');
  check(keyFiles, crypto, 'encodePkcs12: crypto');
  checkOptions(choice, 'the encryption of encodePkcs12', encryptionRules);
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
  const from = { password: bmpPassphrase(passphrase), salt, iterations };
  const macKey = derivePkcs12('sha256', pkcs12Purpose.mac, from, 32, crypto);
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
