/** Certificates out of files and options of people: what is wrong with one is said of that one. */

import { toLatin1 } from '../bytes/bytes.ts';
import { check, text } from '../bytes/check.ts';
import { decodePem, type PemBlock } from '../bytes/pem.ts';
import { ConfigError } from '../errors.ts';
import { type Certificate, type ParseOptions, parseCertificate } from './certificate.ts';
import { der as isDer, file as isFile } from './check-arguments.ts';
import { formatName, nameKey } from './name.ts';

/** What {@link readCertificates} is told besides the content. */
export interface CertificateFileOptions {
  /** For the certificates behind the first one; strict where absent. */
  readonly issuers?: ParseOptions | undefined;
}

/**
 * The certificates of a file: PEM (other blocks are passed over) or one in DER. Throws `ConfigError`
 * `ERR_TLS_CERTIFICATE_FILE`, which names the file, which of its certificates, and its subject where that can be read.
 * @param where the file or the option, for messages.
 */
export function readCertificates(
  content: Uint8Array | string,
  where: string,
  options: CertificateFileOptions = {},
): Certificate[] {
  check(isFile, content, 'readCertificates: content');
  check(text, where, 'readCertificates: where');
  const ders = certificateBlocks(content, where);
  return ders.map((der, i) => {
    try {
      return parseCertificate(der, i === 0 ? undefined : options.issuers);
    } catch (error) {
      const message = `${nameCertificate(der, i, ders.length)} in ${where} is malformed: ${(error as Error).message}`;
      throw fileError(message, error);
    }
  });
}

/** DER of the certificates of a file, unread. Throws as {@link readCertificates}; never gives none. */
function certificateBlocks(content: Uint8Array | string, where: string): Uint8Array[] {
  const text = typeof content === 'string' ? content : toLatin1(content);
  if (typeof content !== 'string' && content[0] === 0x30 && !text.includes('-----BEGIN ')) return [content];
  let blocks: PemBlock[];
  try {
    blocks = decodePem(text);
  } catch (error) {
    throw fileError(`${where} can't be read: ${(error as Error).message}`, error);
  }
  const found = blocks.filter(({ label }) => label.endsWith('CERTIFICATE')).map(({ bytes }) => bytes);
  if (found.length === 0) throw fileError(`${where} holds no certificate`);
  return found;
}

function fileError(message: string, cause?: unknown): ConfigError {
  return new ConfigError(message, { code: 'ERR_TLS_CERTIFICATE_FILE', cause });
}

/** `certificate 2 of 3 (CN=…)`: which one it is among others, also where it is malformed. */
export function nameCertificate(der: Uint8Array, index: number, count: number): string {
  check(isDer, der, 'nameCertificate: der');
  const subject = subjectHint(der);
  const number = count === 1 ? 'the certificate' : `certificate ${index + 1} of ${count}`;
  return subject === undefined ? number : `${number} (${subject})`;
}

/** The subject of a certificate that may be damaged behind it; `undefined` where it can't be made out. */
function subjectHint(der: Uint8Array): string | undefined {
  return ofSubject(der, formatName);
}

/**
 * The key of a certificate's subject (as `Certificate.subjectKey`), without reading the rest; `undefined` where it can't be made
 * out.
 */
export function subjectKeyOf(der: Uint8Array): string | undefined {
  return ofSubject(der, nameKey);
}

function ofSubject(der: Uint8Array, make: (name: Uint8Array) => string): string | undefined {
  // Certificate, tbsCertificate: whatever their lengths say, the fields follow (RFC 5280, Section 4.1).
  let at = headerEnd(der, headerEnd(der, 0, 0x30), 0x30);
  if (der[at] === 0xa0) at = elementEnd(der, at);
  // serialNumber, signature, issuer, validity
  for (const tag of [0x02, 0x30, 0x30, 0x30]) at = der[at] === tag ? elementEnd(der, at) : Number.NaN;
  const end = elementEnd(der, at);
  if (!(end <= der.length)) return undefined;
  try {
    return make(der.subarray(at, end));
  } catch {
    return undefined;
  }
}

/** Where the content of an element begins; NaN where there is none of this tag. */
function headerEnd(der: Uint8Array, at: number, tag: number | undefined): number {
  const length = der[at + 1];
  if (length === undefined || (tag !== undefined && der[at] !== tag)) return Number.NaN;
  return at + 2 + (length < 0x80 ? 0 : length & 0x7f);
}

function elementEnd(der: Uint8Array, at: number): number {
  const start = headerEnd(der, at, undefined);
  let length = der[at + 1] as number;
  if (length >= 0x80) {
    length = 0;
    for (let i = at + 2; i < start; i++) length = length * 256 + (der[i] as number);
  }
  return start + length;
}
