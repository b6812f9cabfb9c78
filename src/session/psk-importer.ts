import { concat, fromText, noBytes, zeroize } from '../bytes/bytes.ts';
import { check, bytes as isBytes, object } from '../bytes/check.ts';
import { Writer } from '../bytes/writer.ts';
import { hashLength, hkdfExpandLabel, hkdfExtract } from '../crypto/hkdf.ts';
import type { CryptoProvider, TranscriptHash } from '../crypto/provider.ts';
import { ConfigError } from '../errors.ts';
import { checkCrypto, checkPskSource, cryptography } from './check-options.ts';

/** A pre-shared key that was agreed outside TLS (RFC 9846, Section 2.2; RFC 9257 for how to choose one). */
export interface ExternalPsk {
  /** What goes over the wire; 1 to 65,535 bytes. */
  readonly identity: Uint8Array;
  readonly secret: Uint8Array;
  /** The hash that the PSK is for: the cipher suite has to have it. */
  readonly hash: TranscriptHash;
  /** Made by {@link importPsk}: its binder has a label of its own, and it is for TLS 1.3 alone. */
  readonly imported?: boolean | undefined;
  /**
   * Whether the key serves TLS 1.2 (RFC 4279), alone or beside TLS 1.3. Without a word it is for TLS 1.3 alone: one key in
   * both versions was hardly analyzed, and "Implementations can ensure safety from cross-protocol related output by not
   * reusing PSKs between TLS 1.3 and TLS 1.2." (RFC 8446, Appendix E.7)
   */
  readonly tls12?: 'only' | 'also' | undefined;
}

/** Key derivation functions that a PSK is imported for: IANA TLS KDF Identifiers. */
const targetKdfs = { sha256: 0x0001, sha384: 0x0002 } as const;

/** The longest identity, and hint, of TLS 1.2; RFC 4279, Section 5.3 asks for 128 bytes at least. OpenSSL's limit. */
export const maxPskIdentity12 = 256;

/**
 * An external PSK used as it is. It serves one hash only, and one version: TLS 1.3 unless `tls12` says otherwise. Prefer
 * {@link importPsk}. Throws `ConfigError` `ERR_TLS_PSK`.
 */
export function externalPsk(
  identity: Uint8Array,
  secret: Uint8Array,
  hash: TranscriptHash = 'sha256',
  tls12?: ExternalPsk['tls12'],
): ExternalPsk {
  checkPskSource({ identity, secret, hash, tls12 });
  checkLengths(identity, secret, tls12 === undefined ? 0xffff : maxPskIdentity12);
  return { identity, secret, hash, imported: false, tls12 };
}

/**
 * Imports an external PSK for TLS 1.3 (RFC 9258, Section 5): one PSK for each hash, so that it serves every cipher
 * suite and the external key itself is used with one hash only.
 *
 * @param source the identity (public) and key that were agreed on; `hash` is the one agreed on with the key, SHA-256
 *   otherwise;
 *   `context` is bound in, e.g. the name of the role.
 * @returns one PSK per target hash; offer them all. Throws `ConfigError` `ERR_TLS_PSK`. None of them is for TLS 1.2, which
 *   wants a key of its own (RFC 9258, Sections 5.1 and 7): see {@link externalPsk}.
 */
export function importPsk(
  crypto: CryptoProvider,
  source: {
    readonly identity: Uint8Array;
    readonly secret: Uint8Array;
    readonly context?: Uint8Array;
    readonly hash?: TranscriptHash;
  },
  targets: readonly TranscriptHash[] = ['sha256', 'sha384'],
): ExternalPsk[] {
  checkCrypto(crypto, 'importPsk: crypto');
  checkPskSource(source, targets);
  const context = source.context ?? noBytes;
  const hash = source.hash ?? 'sha256';
  checkLengths(source.identity, source.secret, 0xffff - 8 - context.length);
  const extracted = hkdfExtract(crypto, hash, new Uint8Array(hashLength(hash)), source.secret);
  return targets.map((target) => {
    const identity = new Writer(source.identity.length + context.length + 8)
      .vector16(source.identity)
      .vector16(context)
      .u16(0x0304)
      .u16(targetKdfs[target])
      .finish();
    const digest = crypto.hash(hash, identity);
    const secret = hkdfExpandLabel(crypto, hash, extracted, 'derived psk', digest, hashLength(target));
    return { identity, secret, hash: target, imported: true };
  });
}

/** Whether a PSK is for a version. */
export function servesVersion(psk: ExternalPsk, version: 0x0303 | 0x0304): boolean {
  check(object, psk, 'servesVersion: psk');
  const { imported, tls12 } = psk;
  return version === 0x0304 ? tls12 !== 'only' : tls12 !== undefined && !imported;
}

/** What a session that was made by a PSK is bound to: sealed in its state. */
export interface PskBinding {
  readonly identity: Uint8Array;
  /** 32 bytes that another key does not have: a session ends with the key that it was made by. */
  readonly check: Uint8Array;
}

const checkLabel = fromText('handfast psk 1\0');

/** The binding of a session to the PSK that it is made by. */
export function pskBinding(crypto: CryptoProvider, identity: Uint8Array, secret: Uint8Array): PskBinding {
  check(cryptography, crypto, 'pskBinding: crypto');
  check(isBytes, identity, 'pskBinding: identity');
  check(isBytes, secret, 'pskBinding: secret');
  const input = concat(checkLabel, secret);
  const digest = crypto.hash('sha256', input);
  zeroize(input);
  return { identity: identity.slice(), check: digest };
}

function checkLengths(identity: Uint8Array, secret: Uint8Array, longest: number): void {
  if (identity.length === 0 || identity.length > longest) {
    throw new ConfigError(`a PSK identity has ${identity.length} bytes; 1 to ${longest} are possible`, {
      code: 'ERR_TLS_PSK',
      rfc: 'RFC 9846, Section 4.2.11',
    });
  }
  if (secret.length < 16) {
    throw new ConfigError(`an external PSK has ${secret.length} bytes; use at least 16 from a random source`, {
      code: 'ERR_TLS_PSK',
      rfc: 'RFC 9257, Section 6',
    });
  }
}
