import { noBytes } from '../bytes/bytes.ts';
import { Writer } from '../bytes/writer.ts';
import { hashLength, hkdfExpandLabel, hkdfExtract } from '../crypto/hkdf.ts';
import type { CryptoProvider, TranscriptHash } from '../crypto/provider.ts';
import { ConfigError } from '../errors.ts';

/** A pre-shared key that was agreed outside TLS (RFC 9846, Section 2.2; RFC 9257 for how to choose one). */
export interface ExternalPsk {
  /** What goes over the wire; 1 to 65,535 bytes. */
  readonly identity: Uint8Array;
  readonly secret: Uint8Array;
  /** The hash that the PSK is for: the cipher suite has to have it. */
  readonly hash: TranscriptHash;
  /** Made by {@link importPsk}: its binder has a label of its own. */
  readonly imported: boolean;
}

/** Key derivation functions that a PSK is imported for: IANA TLS KDF Identifiers. */
const targetKdfs = { sha256: 0x0001, sha384: 0x0002 } as const;

/**
 * An external PSK used as it is. It serves one hash only, and never with another protocol: prefer {@link importPsk}.
 * Throws `ConfigError` `ERR_TLS_PSK`.
 */
export function externalPsk(identity: Uint8Array, secret: Uint8Array, hash: TranscriptHash = 'sha256'): ExternalPsk {
  check(identity, secret, 0xffff);
  return { identity, secret, hash, imported: false };
}

/**
 * Imports an external PSK for TLS 1.3 (RFC 9258, Section 5): one PSK for each hash, so that it serves every cipher
 * suite and the external key itself is used with one hash only.
 *
 * @param source the identity (public) and key that were agreed on; `hash` is the one agreed on with the key, SHA-256
 *   otherwise;
 *   `context` is bound in, e.g. the name of the role.
 * @returns one PSK per target hash; offer them all. Throws `ConfigError` `ERR_TLS_PSK`.
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
  const context = source.context ?? noBytes;
  const hash = source.hash ?? 'sha256';
  check(source.identity, source.secret, 0xffff - 8 - context.length);
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

function check(identity: Uint8Array, secret: Uint8Array, longest: number): void {
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
