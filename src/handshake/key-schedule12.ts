import { concat, zeroize } from '../bytes/bytes.ts';
import { Writer } from '../bytes/writer.ts';
import type { CipherSuite } from '../crypto/cipher-suites.ts';
import { prf12 } from '../crypto/prf12.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { ConfigError, TlsError } from '../errors.ts';
import type { KeyChange12 } from './context.ts';

/** The randoms of both hellos. */
export interface Randoms {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/**
 * The master secret from the premaster secret, which is zeroized.
 *
 * @param sessionHash the transcript hash through ClientKeyExchange, for the extended master secret (RFC 7627,
 *   Section 4); `undefined` for the plain one (RFC 5246, Section 8.1).
 */
export function masterSecret(
  crypto: CryptoProvider,
  suite: CipherSuite,
  premasterSecret: Uint8Array,
  randoms: Randoms,
  sessionHash: Uint8Array | undefined,
): Uint8Array {
  const secret =
    sessionHash === undefined
      ? prf12(crypto, suite.hash, premasterSecret, 'master secret', concat(randoms.client, randoms.server), 48)
      : prf12(crypto, suite.hash, premasterSecret, 'extended master secret', sessionHash, 48);
  zeroize(premasterSecret);
  return secret;
}

/** The secrets of a TLS 1.2 connection: everything comes from the master secret (RFC 5246, Section 6.3). */
export class MasterSecret {
  readonly #crypto: CryptoProvider;
  readonly #suite: CipherSuite;
  readonly #secret: Uint8Array;
  readonly #randoms: Randoms;
  readonly extended: boolean;

  /** @param secret 48 bytes, owned by this object from now on. */
  constructor(crypto: CryptoProvider, suite: CipherSuite, secret: Uint8Array, randoms: Randoms, extended: boolean) {
    this.#crypto = crypto;
    this.#suite = suite;
    this.#secret = secret;
    this.#randoms = randoms;
    this.extended = extended;
  }

  /** The key block, cut into what each direction uses. Who takes it wipes what is not put to use. */
  keys(encryptThenMac: boolean): KeyBlock {
    const suite = this.#suite;
    const macLength = suite.cbc?.macLength ?? 0;
    const length = 2 * (macLength + suite.keyLength + suite.ivLength);
    const seed = concat(this.#randoms.server, this.#randoms.client);
    const block = prf12(this.#crypto, suite.hash, this.#secret, 'key expansion', seed, length);
    const keysAt = 2 * macLength;
    const ivsAt = keysAt + 2 * suite.keyLength;
    // The client's first of each.
    const side = (i: 0 | 1): KeyChange12 => ({
      version: 0x0303,
      suite,
      epoch: 'application',
      secretName: 'masterSecret',
      key: cut(block, keysAt + i * suite.keyLength, suite.keyLength),
      iv: cut(block, ivsAt + i * suite.ivLength, suite.ivLength),
      macKey: macLength === 0 ? undefined : cut(block, i * macLength, macLength),
      encryptThenMac: macLength !== 0 && encryptThenMac,
    });
    const keys = new KeyBlock(side(0), side(1));
    zeroize(block);
    return keys;
  }

  /** The verify_data of a Finished: 12 bytes (RFC 5246, Section 7.4.9). */
  finished(side: 'client' | 'server', transcriptHash: Uint8Array): Uint8Array {
    return prf12(this.#crypto, this.#suite.hash, this.#secret, `${side} finished`, transcriptHash, 12);
  }

  /** Keying material for a program (RFC 5705, Section 4). An absent context is not an empty one. */
  exportKeyingMaterial(length: number, label: string, context: Uint8Array | undefined): Uint8Array {
    // Without the extended master secret somebody in between may share it with both sides: "it MUST disable [RFC5705]"
    // (RFC 7627, Section 5.4).
    if (!this.extended) {
      throw new TlsError(
        'ERR_TLS_NO_EXTENDED_MASTER_SECRET',
        'internalError',
        'exportKeyingMaterial: this connection has no extended master secret, so what came out would not be its own',
        { rfc: 'RFC 7627, Section 5.4' },
      );
    }
    if (
      ['client finished', 'server finished', 'master secret', 'key expansion', 'extended master secret'].includes(label)
    ) {
      throw new ConfigError(
        `exportKeyingMaterial: the label ${JSON.stringify(label)} is one of TLS itself; choose another`,
      );
    }
    const seed = new Writer(128).bytes(this.#randoms.client).bytes(this.#randoms.server);
    if (context !== undefined) seed.vector16(context);
    return prf12(this.#crypto, this.#suite.hash, this.#secret, label, seed.finish(), length);
  }

  /** A copy of the secret, for a session that can be resumed. */
  forSession(): Uint8Array {
    return this.#secret.slice();
  }

  destroy(): void {
    zeroize(this.#secret);
  }
}

/** The keys of both directions (RFC 5246, Section 6.3), until the record layer has taken them over. */
export class KeyBlock {
  readonly client: KeyChange12;
  readonly server: KeyChange12;

  constructor(client: KeyChange12, server: KeyChange12) {
    this.client = client;
    this.server = server;
  }

  destroy(): void {
    const { client, server } = this;
    zeroize(client.key, client.iv, client.macKey, server.key, server.iv, server.macKey);
  }
}

/** A part of the key block: a copy, since views would move the short block off the heap. */
function cut(block: Uint8Array, at: number, length: number): Uint8Array {
  return block.slice(at, at + length);
}
