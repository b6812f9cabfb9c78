import { concat, equal, noBytes, toHex } from '../../bytes/bytes.ts';
import { check as checkArgument, checkOptions, bytes as isBytes } from '../../bytes/check.ts';
import { Reader } from '../../bytes/reader.ts';
import { Writer } from '../../bytes/writer.ts';
import type { CryptoProvider, SignatureAlgorithm } from '../../crypto/provider.ts';
import type { Certificate } from '../certificate.ts';
import { sctRules } from '../check-arguments.ts';
import { oids } from '../der/oid.ts';
import { contextTag, DerReader, tags } from '../der/reader.ts';
import { derContext, derSequence } from '../der/writer.ts';
import { type Budget, createBudget, defaultLimits } from './budget.ts';
import { problem } from './problem.ts';
import { clockSkew } from './revocation.ts';

/** A Certificate Transparency log that counts. */
export interface CtLog {
  /** Encoded SubjectPublicKeyInfo; its SHA-256 is the log's ID. */
  readonly key: Uint8Array;
  readonly description?: string;
  /** Who runs it: timestamps of one operator count once for {@link SctPolicy.operators}. */
  readonly operator?: string;
  /** Timestamps after this moment (ms since 1970) don't count: the log is retired. */
  readonly retiredAt?: number;
}

/** Which logs count, and how many of them must have seen a certificate. */
export interface SctPolicy {
  readonly logs: readonly CtLog[];
  /** Distinct logs that must vouch; 2. */
  readonly minimum?: number;
  /** Distinct operators among them; 1. */
  readonly operators?: number;
}

/** One SignedCertificateTimestamp (RFC 6962, Section 3.2). */
export interface SignedCertificateTimestamp {
  readonly version: number;
  readonly logId: Uint8Array;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly extensions: Uint8Array;
  readonly hash: number;
  readonly signatureType: number;
  readonly signature: Uint8Array;
}

const maxTimestamps = 32;

/** Reads a SignedCertificateTimestampList (RFC 6962, Section 3.3). Versions that aren't known are left out. Throws `decode_error`. */
export function parseSctList(bytes: Uint8Array): SignedCertificateTimestamp[] {
  checkArgument(isBytes, bytes, 'parseSctList: bytes');
  const outer = new Reader(bytes, 'SCT list');
  const list = new Reader(outer.vector16(1), 'SCT list');
  outer.end();
  const timestamps: SignedCertificateTimestamp[] = [];
  for (let i = 0; list.remaining > 0; i++) {
    if (i === maxTimestamps) throw list.error(`more than ${maxTimestamps} timestamps`);
    const item = new Reader(list.vector16(1), 'SCT');
    const version = item.u8();
    if (version !== 0) continue;
    const logId = item.bytes(32);
    const timestamp = item.u32() * 2 ** 32 + item.u32();
    const extensions = item.vector16();
    const hash = item.u8();
    const signatureType = item.u8();
    const signature = item.vector16(1);
    item.end();
    timestamps.push({ version, logId, timestamp, extensions, hash, signatureType, signature });
  }
  return timestamps;
}

/** A certificate whose timestamps are to be judged, and by what. */
export interface SctCheck {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
  readonly policy: SctPolicy;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly crypto: CryptoProvider;
  /** The list of the TLS extension signed_certificate_timestamp, beside the one in the certificate. */
  readonly tlsExtension?: Uint8Array;
  readonly budget?: Budget;
}

/** Throws `ERR_TLS_CERT_SCT` unless enough logs of the list vouch for the certificate (RFC 6962, Section 3). */
export function checkScts(check: SctCheck): void {
  checkOptions(check, 'the options of checkScts', sctRules, ['certificate', 'issuer', 'policy', 'now', 'crypto']);
  const { certificate, issuer, policy, tlsExtension } = check;
  const minimum = policy.minimum ?? 2;
  const operators = policy.operators ?? 1;
  const good = new Set<string>();
  const goodOperators = new Set<string>();
  const judge = (list: Uint8Array, entry: Uint8Array): void => {
    for (const timestamp of parseSctList(list)) {
      const log = policy.logs.find(({ key }) => equal(check.crypto.hash('sha256', key), timestamp.logId));
      if (log === undefined || !isGood(timestamp, entry, log, check)) continue;
      good.add(toHex(timestamp.logId));
      goodOperators.add(log.operator ?? toHex(timestamp.logId));
    }
  };
  const embedded = certificate.decoded.signedCertificateTimestamps;
  try {
    if (embedded !== undefined) judge(embedded, precertificateEntry(certificate, issuer, check.crypto));
    if (tlsExtension !== undefined) judge(tlsExtension, x509Entry(certificate));
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_TLS_CERT_BUDGET') throw error;
    throw problem(
      'ERR_TLS_CERT_SCT',
      `the certificate ${certificate} has certificate timestamps that don't parse: ${(error as Error).message}`,
      'RFC 6962, Section 3.3',
      error,
    );
  }
  if (good.size >= minimum && goodOperators.size >= operators) return;
  throw problem(
    'ERR_TLS_CERT_SCT',
    `the certificate ${certificate} has valid timestamps of ${good.size} known logs (${goodOperators.size} operators), and ${minimum} (${operators}) are asked for; ` +
      'have it issued by a CA that logs, or bring the list of logs up to date',
    'RFC 6962, Section 3',
  );
}

function isGood(timestamp: SignedCertificateTimestamp, entry: Uint8Array, log: CtLog, check: SctCheck): boolean {
  if (timestamp.timestamp > check.now + clockSkew) return false;
  if (log.retiredAt !== undefined && timestamp.timestamp > log.retiredAt) return false;
  // RFC 6962, Section 2.1.4: ECDSA on P-256 or RSA, with SHA-256.
  const algorithm: SignatureAlgorithm | undefined =
    timestamp.hash !== 4
      ? undefined
      : timestamp.signatureType === 3
        ? { kind: 'ecdsa', hash: 'sha256' }
        : timestamp.signatureType === 1
          ? { kind: 'rsaPkcs1', hash: 'sha256' }
          : undefined;
  if (algorithm === undefined) return false;
  const head = new Writer(16)
    .u8(0)
    .u8(0)
    .u32(Math.floor(timestamp.timestamp / 2 ** 32))
    .u32(timestamp.timestamp % 2 ** 32);
  const tail = new Writer(2 + timestamp.extensions.length).vector16(timestamp.extensions);
  const data = concat(head.finish(), entry, tail.finish());
  (check.budget ?? createBudget(defaultLimits)).signature();
  return check.crypto.importPublicKey(log.key).verify(algorithm, data, timestamp.signature);
}

const x509Entry = (certificate: Certificate): Uint8Array =>
  new Writer(certificate.der.length + 5).u16(0).vector24(certificate.der).finish();

// RFC 6962, Section 3.2: the TBSCertificate without the timestamps, under the hash of the issuer's key.
function precertificateEntry(certificate: Certificate, issuer: Certificate, crypto: CryptoProvider): Uint8Array {
  const tbs = withoutTimestamps(certificate.tbs);
  return new Writer(tbs.length + 40).u16(1).bytes(crypto.hash('sha256', issuer.spki)).vector24(tbs).finish();
}

/** A TBSCertificate without the extension of embedded timestamps (RFC 6962, Section 3.2). */
export function withoutTimestamps(tbs: Uint8Array): Uint8Array {
  const fields = new DerReader(tbs, 'tbsCertificate').enter(tags.sequence, 'SEQUENCE');
  const start = fields.at;
  while (fields.more && fields.peek() !== contextTag(3)) fields.next();
  const before = tbs.subarray(start, fields.at);
  if (!fields.optional(contextTag(3))) return tbs;
  const list = fields.inside('extensions').enter(tags.sequence, 'extensions');
  const kept: Uint8Array[] = [];
  while (list.more) {
    const item = list.enter(tags.sequence, 'extension');
    if (item.oid('identifier') !== oids.signedCertificateTimestamps) kept.push(list.raw());
  }
  return derSequence(before, kept.length === 0 ? noBytes : derContext(3, derSequence(...kept)));
}
