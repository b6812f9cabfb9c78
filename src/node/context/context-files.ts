/** Keys, certificates and lists out of the options of programs: what can't be read is named by its option and its number. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { decodePem, type PemBlock } from '../../bytes/pem.ts';
import { nameCertificate, parseCertificate, parseCertificateList } from '../../pki/index.ts';
import { invalidArgType, nodeError, validateString } from '../base/node-errors.ts';

/** One value, or a list of them, as a list. */
export function asList<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** A text or bytes; anything else is an error of Node's. */
export function checked(value: unknown, name: string): string | NodeJS.ArrayBufferView {
  if (typeof value === 'string' || ArrayBuffer.isView(value)) return value as string | NodeJS.ArrayBufferView;
  throw invalidArgType(name, ['string', 'Buffer', 'TypedArray', 'DataView'], value);
}

/** The bytes of a text or of any view. */
export function bytesOf(value: string | ArrayBufferView): Buffer {
  return typeof value === 'string'
    ? Buffer.from(value, 'latin1')
    : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

const certificateLabels = new Set(['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE']);

/** DER of the certificates in a PEM text. */
export function readCertificates(value: string | NodeJS.ArrayBufferView, what: 'ca' | 'cert'): Uint8Array[] {
  const text = typeof value === 'string' ? value : bytesOf(value).toString('latin1');
  const certificates = text.replaceAll(
    /-----BEGIN [^-]*(?:PRIVATE KEY|PARAMETERS)-----[\s\S]*?-----END [^-]*-----/g,
    '',
  );
  const blocks = what === 'ca' ? readableBlocks(certificates) : allBlocks(certificates);
  const found = blocks.filter(({ label }) => certificateLabels.has(label)).map(({ bytes }) => firstElement(bytes));
  if (found.length === 0 && what === 'cert') throw fileError('no start line', 'a certificate in PEM is needed');
  return found;
}

function allBlocks(text: string): PemBlock[] {
  try {
    return decodePem(text);
  } catch (error) {
    const { message } = error as Error;
    throw fileError(/Base64/.test(message) ? 'bad base64 decode' : 'bad end line', `options.cert: ${message}`, error);
  }
}

/** As Node, what can't be read in `ca` is left out; but here it is said. */
function readableBlocks(text: string): PemBlock[] {
  try {
    return decodePem(text);
  } catch (error) {
    warnOfCa((error as Error).message);
    return text.split(/(?=-----BEGIN )/).flatMap((part) => {
      try {
        return decodePem(part);
      } catch {
        return [];
      }
    });
  }
}

/** Says that something in `ca` is not trusted, because it can't be read. */
export function warnOfCa(what: string): void {
  process.emitWarning(`what can't be read in the option "ca" is not trusted: ${what}`, {
    code: 'HANDFAST_CA_UNREADABLE',
    detail: 'Was a file cut or edited? Get the certificate again from whoever issued it.',
  });
}

/** The first certificate of a chain. Throws where something in the chain is no certificate, as OpenSSL sees it. */
export function readLeaf(chain: readonly Uint8Array[], option: string): X509Certificate {
  const [leaf] = chain.map((der, i) => {
    try {
      return new X509Certificate(der);
    } catch (error) {
      const words = `${nameCertificate(der, i, chain.length)} in ${option} is malformed${reasonOf(der)}`;
      throw fileError('nested asn1 error', words, error);
    }
  });
  return leaf as X509Certificate;
}

/** What this stack says of a malformed certificate: more than OpenSSL does. */
function reasonOf(der: Uint8Array): string {
  try {
    parseCertificate(der);
    return '';
  } catch (error) {
    return `: ${(error as Error).message}`;
  }
}

/** OpenSSL's numbers of what it calls so. */
const opensslNumbers = {
  'no start line': '0480006C:PEM',
  'bad end line': '04800066:PEM',
  'bad base64 decode': '04800064:PEM',
  'nested asn1 error': '0680003A:asn1 encoding',
  unsupported: '1E08010C:DECODER',
} as const;

/** How Node's codes name a library. */
const codeParts: Readonly<Record<string, string>> = { PEM: 'PEM_', 'asn1 encoding': 'ASN1_', DECODER: '' };

/** An error in OpenSSL's form, with words that say what it is about. */
function fileError(reason: keyof typeof opensslNumbers, words: string, cause?: unknown): Error {
  const library = opensslNumbers[reason].slice(9);
  const code = `ERR_OSSL_${codeParts[library]}${reason.toUpperCase().replaceAll(' ', '_')}`;
  const error = nodeError(code, `error:${opensslNumbers[reason]} routines::${reason}: ${words}`, Error, cause);
  return Object.assign(error, { library: `${library} routines`, reason });
}

/** A TRUSTED CERTIFICATE has OpenSSL's own notes behind the certificate. */
function firstElement(der: Uint8Array): Uint8Array {
  if (der[0] !== 0x30 || der[1] === undefined || der[1] < 0x80) return der;
  const size = der[1] & 0x7f;
  let length = 0;
  for (let i = 0; i < size; i++) length = length * 256 + (der[2 + i] ?? 0);
  return der.subarray(0, 2 + size + length);
}

/** DER of the revocation lists in a PEM text. */
export function readCrls(value: string | NodeJS.ArrayBufferView): Uint8Array[] {
  const text = typeof value === 'string' ? value : bytesOf(value).toString('latin1');
  const fail = (why: string, cause?: unknown) =>
    nodeError('ERR_CRYPTO_OPERATION_FAILED', `Failed to parse CRL${why}`, Error, cause);
  let blocks: PemBlock[];
  try {
    blocks = decodePem(text);
  } catch (error) {
    throw fail(`: options.crl: ${(error as Error).message}`, error);
  }
  const found = blocks.filter(({ label }) => label === 'X509 CRL').map(({ bytes }) => bytes);
  if (found.length === 0) throw fail('');
  for (const [i, der] of found.entries()) {
    try {
      parseCertificateList(der);
    } catch (error) {
      throw fail(`: list ${i + 1} of ${found.length} in options.crl: ${(error as Error).message}`, error);
    }
  }
  return found;
}

/** The private keys of the option `key`, in every form that it may have. */
export function readKeys(key: unknown, passphrase: unknown): KeyObject[] {
  if (!key) return [];
  return asList(key).map((item, i) => {
    const inner = Array.isArray(key) ? (item as { pem?: unknown } | undefined) : undefined;
    const pem = inner?.pem !== undefined ? inner.pem : item;
    const own = (inner as { passphrase?: unknown } | undefined)?.passphrase;
    return readKey(pem, own !== undefined ? own : passphrase, Array.isArray(key) ? `options.key[${i}]` : 'options.key');
  });
}

function readKey(pem: unknown, passphrase: unknown, name: string): KeyObject {
  const value = checked(pem, 'options.key');
  if (passphrase !== undefined && passphrase !== null) validateString(passphrase, 'options.passphrase');
  const text = typeof value === 'string' ? value : bytesOf(value).toString('latin1');
  const block = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/.exec(text);
  if (block === null) throw fileError('unsupported', `${name}: a private key in PEM is needed`);
  try {
    // An encrypted key without a passphrase has to fail as one with a wrong one does, not with a question on the terminal.
    return createPrivateKey({
      key: block[0],
      format: 'pem',
      passphrase: (passphrase as string | null | undefined) ?? '',
    });
  } catch (error) {
    const encrypted = /ENCRYPTED/.test(block[0]);
    const why = !encrypted
      ? "can't be read: was it cut or edited?"
      : passphrase === undefined || passphrase === null
        ? 'is encrypted, and options.passphrase is missing'
        : 'is encrypted, and options.passphrase does not open it';
    // OpenSSL's error stays, for who looks at its code.
    const cause = error as Error;
    cause.message += `: the key in ${name} ${why}`;
    throw cause;
  }
}
