import { equal } from '../../bytes/bytes.ts';
import { check, checkOptions, list as listOf } from '../../bytes/check.ts';
import { decodePem } from '../../bytes/pem.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';
import { ConfigError } from '../../errors.ts';
import { type AnchorLeniency, type Certificate, parseCertificate } from '../certificate.ts';
import { nameCertificate } from '../certificate-file.ts';
import { anchorInput, anchorOptions, trustAnchors, verifying } from '../check-arguments.ts';
import type { NameConstraints } from '../extensions.ts';

/** A certificate that is trusted by decision, with what limits the trust. */
export interface TrustAnchor {
  readonly certificate: Certificate;
  /** Where it comes from, for messages: a file, `Node's bundled roots` … */
  readonly source: string | undefined;
  /** Leaf certificates whose validity begins after this moment (ms since 1970) aren't accepted under it. */
  readonly distrustAfter: number | undefined;
  /** Constraints beside those in the certificate. */
  readonly constraints: NameConstraints | undefined;
  /** A root program has vetted it: small faults of its form are let pass. */
  readonly vetted: boolean;
}

/** What {@link createTrustAnchors} takes: DER, a PEM text of one or many, or either with limits. */
export type TrustAnchorInput =
  | Uint8Array
  | string
  | {
      readonly certificate: Uint8Array | string;
      readonly source?: string;
      /** As {@link TrustAnchorOptions.vetted}, for this input. */
      readonly vetted?: boolean;
      readonly distrustAfter?: number;
      readonly constraints?: NameConstraints;
    };

/** What holds for all inputs of {@link createTrustAnchors}. */
export interface TrustAnchorOptions {
  /** Source of inputs that name none. */
  readonly source?: string;
  /**
   * The anchors are those of a root program (Mozilla's, the system's), which judged their form: two of those in use
   * lack a subjectKeyIdentifier or the critical mark on basicConstraints. False for anchors that one names oneself.
   */
  readonly vetted?: boolean;
  /** What becomes of an input that doesn't parse: an error (default), or a note in `skipped`. */
  readonly invalid?: 'throw' | 'skip';
}

/** Trust anchors with their indexes. Build them once; they are immutable. */
export interface TrustAnchors {
  readonly list: readonly TrustAnchor[];
  /** Inputs that didn't parse. */
  readonly skipped: readonly { readonly source: string | undefined; readonly reason: string }[];
  /** Where the anchors come from, for messages. */
  readonly sources: readonly string[];
  /** Anchors whose subject is this name (`Certificate.subjectKey`). */
  bySubject(subjectKey: string): readonly TrustAnchor[];
  /** The anchor that is this very certificate. */
  find(certificate: Certificate): TrustAnchor | undefined;
}

// What anchors in use get wrong; see AnchorLeniency. `names` and `extensions` are not needed by any of them.
const leniencies: readonly AnchorLeniency[] = ['serialNumber', 'times', 'keyUsage'];

/**
 * Reads and indexes trust anchors (RFC 5280, Section 6.1.1 (d)); doubles count once. Throws `ConfigError` `ERR_TLS_TRUST_ANCHOR` for an input that is
 * no certificate, unless `invalid` is `skip`.
 */
export function createTrustAnchors(
  inputs: readonly TrustAnchorInput[],
  options: TrustAnchorOptions = {},
): TrustAnchors {
  check(listOf(anchorInput), inputs, 'createTrustAnchors: inputs', 'ERR_TLS_TRUST_ANCHOR');
  checkOptions(options, 'the options of createTrustAnchors', anchorOptions, [], 'ERR_TLS_TRUST_ANCHOR');
  const list: TrustAnchor[] = [];
  const skipped: { source: string | undefined; reason: string }[] = [];
  const index = new Map<string, TrustAnchor[]>();

  const add = (anchor: TrustAnchor): void => {
    const key = anchor.certificate.subjectKey;
    const same = index.get(key);
    if (same === undefined) index.set(key, [anchor]);
    else if (same.some((other) => equal(other.certificate.der, anchor.certificate.der))) return;
    else same.push(anchor);
    list.push(anchor);
  };

  for (const [i, input] of inputs.entries()) {
    const item = input instanceof Uint8Array || typeof input === 'string' ? { certificate: input } : input;
    const source = item.source ?? options.source;
    try {
      const ders = derOf(item.certificate);
      for (const [at, der] of ders.entries()) {
        try {
          add({
            certificate: parseCertificate(der, { leniencies }),
            source,
            distrustAfter: item.distrustAfter,
            constraints: item.constraints,
            vetted: item.vetted ?? options.vetted ?? false,
          });
        } catch (error) {
          const reason = `${nameCertificate(der, at, ders.length)} is malformed: ${(error as Error).message}`;
          if (options.invalid !== 'skip') throw new SyntaxError(reason, { cause: error });
          skipped.push({ source, reason });
        }
      }
    } catch (error) {
      const reason = (error as Error).message;
      if (options.invalid !== 'skip') {
        throw new ConfigError(
          `trust anchor ${i + 1}${source === undefined ? '' : ` (${source})`} can't be read: ${reason}`,
          {
            code: 'ERR_TLS_TRUST_ANCHOR',
            cause: (error as Error).cause ?? error,
          },
        );
      }
      skipped.push({ source, reason });
    }
  }

  return {
    list,
    skipped,
    sources: [...new Set(list.flatMap((anchor) => anchor.source ?? []))],
    bySubject: (subjectKey) => index.get(subjectKey) ?? none,
    find: (certificate) =>
      index.get(certificate.subjectKey)?.find((anchor) => equal(anchor.certificate.der, certificate.der)),
  };
}

const none: readonly TrustAnchor[] = [];

function derOf(input: Uint8Array | string): Uint8Array[] {
  if (typeof input !== 'string') return [input];
  const blocks = decodePem(input).filter(
    ({ label }) => label === 'CERTIFICATE' || label === 'X509 CERTIFICATE' || label === 'TRUSTED CERTIFICATE',
  );
  if (blocks.length === 0) throw new SyntaxError('it holds no "-----BEGIN CERTIFICATE-----"');
  if (blocks.some(({ label }) => label === 'TRUSTED CERTIFICATE')) {
    throw new SyntaxError('"TRUSTED CERTIFICATE" is a form of OpenSSL alone: convert it with "openssl x509"');
  }
  return blocks.map(({ bytes }) => bytes);
}

/** SHA-256 over the set of anchors: the same for the same certificates in any order. For policy digests of sessions. */
export function trustAnchorsDigest(anchors: TrustAnchors, crypto: CryptoProvider): Uint8Array {
  check(trustAnchors, anchors, 'trustAnchorsDigest: anchors');
  check(verifying, crypto, 'trustAnchorsDigest: crypto');
  const hashes = anchors.list.map(({ certificate }) => crypto.hash('sha256', certificate.der));
  hashes.sort((a, b) => {
    for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
    return 0;
  });
  const joined = new Uint8Array(hashes.length * 32);
  for (const [i, hash] of hashes.entries()) joined.set(hash, i * 32);
  return crypto.hash('sha256', joined);
}
