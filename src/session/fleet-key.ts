import { concat, equal } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { ConfigError } from '../errors.ts';
import { checkCrypto, checkFleetSecrets } from './check-options.ts';
import { createSealingKey, deriveKey, refuseWeakKey, type SealingKey } from './sealing-key.ts';

/** Length of a fleet key's name, in bytes. */
const nameLength = 8;

/**
 * The keys that a fleet shares outside its store: they seal what the store holds (sessions, ring keys). The first
 * seals; all open. To rotate: add the new key as the second everywhere, then make it the first everywhere, then drop
 * the old one when what it sealed has expired. Each is at least 32 bytes from a random source, and comes from a
 * secret manager, never from the store itself.
 */
export class FleetKeys {
  readonly #keys: readonly { readonly name: Uint8Array; readonly sealing: SealingKey }[];

  /**
   * @param purpose separates uses of the same fleet keys.
   * Throws `ConfigError` `ERR_TLS_FLEET_KEY` where none is given or one is too short, `ERR_TLS_WEAK_KEY` for one that
   * isn't random.
   */
  constructor(crypto: CryptoProvider, secrets: readonly Uint8Array[], purpose: string) {
    checkCrypto(crypto, 'FleetKeys: crypto');
    checkFleetSecrets(secrets);
    if (secrets.length === 0 || secrets.some((secret) => secret.length < 32)) {
      throw new ConfigError('a fleet key needs at least 32 bytes: make one with `openssl rand 32`', {
        code: 'ERR_TLS_FLEET_KEY',
      });
    }
    this.#keys = secrets.map((secret) => {
      refuseWeakKey(secret, 'the fleet key');
      return {
        name: deriveKey(crypto, secret, `fleet key name ${purpose}`).slice(0, nameLength),
        sealing: createSealingKey(crypto, secret, `fleet ${purpose}`),
      };
    });
  }

  /** Key name (8 bytes), then the value sealed under the first key. `context` is bound in but not contained. */
  seal(context: Uint8Array, value: Uint8Array): Uint8Array {
    const key = this.#keys[0];
    if (key === undefined) throw new ConfigError('these fleet keys were closed');
    return concat(key.name, key.sealing.seal(context, value));
  }

  /** The value, or `undefined` where no key of the fleet sealed it under this context. */
  open(context: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const name = sealed.subarray(0, nameLength);
    for (const key of this.#keys) {
      if (equal(key.name, name)) return key.sealing.open(context, sealed.subarray(nameLength));
    }
    return undefined;
  }

  /** Whether a value was sealed under an older key than the one that seals now: seal it again. */
  isStale(sealed: Uint8Array): boolean {
    const first = this.#keys[0];
    return first === undefined || !equal(first.name, sealed.subarray(0, nameLength));
  }

  /** Zeroizes the keys. */
  destroy(): void {
    for (const key of this.#keys) key.sealing.destroy();
  }
}
