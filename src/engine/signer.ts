import { check } from '../bytes/check.ts';
import type { PrivateKey } from '../crypto/provider.ts';
import { schemesForKey, signatureScheme } from '../crypto/signature-schemes.ts';
import { ConfigError } from '../errors.ts';
import type { Signer } from '../handshake/config.ts';
import { tls12, tls13 } from '../wire/versions.ts';
import { privateKey } from './check-options.ts';

/**
 * A signer for a key of this process: `localSigner(crypto.importPrivateKey(pkcs8))`. A key that is elsewhere (KMS, HSM) has
 * a {@link Signer} of its own, whose `sign` may answer with a promise.
 */
export function localSigner(key: PrivateKey): Signer {
  check(privateKey, key, 'localSigner: key');
  const { type, bits } = key;
  const schemes = [...new Set([...schemesForKey(type, bits, tls13), ...schemesForKey(type, bits, tls12)])];
  return {
    keyType: type,
    schemes,
    sign(code, data) {
      const scheme = signatureScheme(code);
      if (scheme === undefined) throw new ConfigError(`0x${code.toString(16)} is no signature scheme of this stack`);
      return key.sign(scheme.algorithm, data);
    },
    decryptRaw: (ciphertext) => key.decryptRaw(ciphertext),
  };
}
