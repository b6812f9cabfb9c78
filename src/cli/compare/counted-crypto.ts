import type { CryptoProvider, KeyExchange, PrivateKey, PublicKey } from '../../crypto/provider.ts';

/** Public-key operations that one side has done. */
export interface Operations {
  signatures: number;
  verifications: number;
  /** Key pairs made and secrets agreed: one of each is a key exchange. */
  keyExchanges: number;
}

/** A provider that counts its public-key operations. */
export function countedCrypto(crypto: CryptoProvider): {
  readonly crypto: CryptoProvider;
  readonly counts: Operations;
} {
  const counts: Operations = { signatures: 0, verifications: 0, keyExchanges: 0 };
  const counted: CryptoProvider = {
    ...crypto,
    keyExchange(group) {
      const exchange = crypto.keyExchange(group);
      return exchange === undefined ? undefined : countedExchange(exchange, counts);
    },
    importPublicKey: (spki) => countedPublicKey(crypto.importPublicKey(spki), counts),
    importPrivateKey: (pkcs8) => countedPrivateKey(crypto.importPrivateKey(pkcs8), counts),
  };
  return { crypto: counted, counts };
}

function countedExchange(exchange: KeyExchange, counts: Operations): KeyExchange {
  return {
    ...exchange,
    generate() {
      const pending = exchange.generate();
      return {
        group: pending.group,
        share: pending.share,
        finish(share) {
          counts.keyExchanges++;
          return pending.finish(share);
        },
        destroy: () => pending.destroy(),
      };
    },
    respond(share) {
      counts.keyExchanges++;
      return exchange.respond(share);
    },
  };
}

function countedPublicKey(key: PublicKey, counts: Operations): PublicKey {
  return {
    type: key.type,
    bits: key.bits,
    verify(algorithm, data, signature) {
      counts.verifications++;
      return key.verify(algorithm, data, signature);
    },
    encryptPkcs1: (plaintext) => key.encryptPkcs1(plaintext),
  };
}

function countedPrivateKey(key: PrivateKey, counts: Operations): PrivateKey {
  return {
    type: key.type,
    bits: key.bits,
    publicKey: key.publicKey,
    sign(algorithm, data) {
      counts.signatures++;
      return key.sign(algorithm, data);
    },
    decryptRaw: (ciphertext) => key.decryptRaw(ciphertext),
  };
}
