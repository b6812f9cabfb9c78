import { ml_kem768, ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { illegalParameter } from '../errors.ts';

/** ML-KEM (FIPS 203) of one parameter set. It may trust its input: see {@link checkedMlKem}. All sizes in bytes; the shared secret has 32. */
export interface MlKem {
  /** Names the implementation: `native` is OpenSSL's, `portable` that in JavaScript. */
  readonly backend: string;
  readonly publicKeyLength: number;
  readonly ciphertextLength: number;
  /** A key pair. `destroy` wipes what can be wiped. */
  generate(): { readonly publicKey: Uint8Array; decapsulate(ciphertext: Uint8Array): Uint8Array; destroy(): void };
  encapsulate(publicKey: Uint8Array): { readonly ciphertext: Uint8Array; readonly secret: Uint8Array };
}

/** The parameter sets that TLS uses. */
export type MlKemParameters = 768 | 1024;

/** Bytes of an encapsulation key and of a ciphertext. */
export const mlKemSizes = {
  768: { publicKeyLength: 1184, ciphertextLength: 1088 },
  1024: { publicKeyLength: 1568, ciphertextLength: 1568 },
} as const;

/** ML-KEM without OpenSSL. See docs/decisions/0002-ml-kem.md. */
export function portableMlKem(parameters: MlKemParameters): MlKem {
  const kem = parameters === 768 ? ml_kem768 : ml_kem1024;
  return {
    backend: 'portable',
    ...mlKemSizes[parameters],
    generate() {
      const { publicKey, secretKey } = kem.keygen();
      return {
        publicKey,
        decapsulate(ciphertext) {
          return kem.decapsulate(ciphertext, secretKey);
        },
        destroy() {
          secretKey.fill(0);
        },
      };
    },
    encapsulate(publicKey) {
      const { cipherText, sharedSecret } = kem.encapsulate(publicKey);
      return { ciphertext: cipherText, secret: sharedSecret };
    },
  };
}

/**
 * An ML-KEM that checks its input: throws `illegal_parameter` (`ERR_TLS_KEY_SHARE`) for a ciphertext of wrong length, and
 * for a key of wrong length or with a coefficient that is not reduced. Done around the back ends, so that each refuses
 * the same input with the same error.
 */
export function checkedMlKem(parameters: MlKemParameters, kem: MlKem): MlKem {
  return {
    ...kem,
    generate() {
      const pair = kem.generate();
      return {
        publicKey: pair.publicKey,
        decapsulate(ciphertext) {
          checkCiphertext(ciphertext, parameters);
          return pair.decapsulate(ciphertext);
        },
        destroy: () => pair.destroy(),
      };
    },
    encapsulate(publicKey) {
      checkPublicKey(publicKey, parameters);
      return kem.encapsulate(publicKey);
    },
  };
}

/**
 * The checks of FIPS 203, Section 7.2, that an encapsulation key needs: its length, and the modulus check (every
 * 12-bit coefficient is below q = 3329).
 */
function checkPublicKey(publicKey: Uint8Array, parameters: MlKemParameters): void {
  const { publicKeyLength } = mlKemSizes[parameters];
  if (publicKey.length !== publicKeyLength) {
    const problem = `the ML-KEM-${parameters} key of the key share has ${publicKey.length} bytes, not ${publicKeyLength}`;
    throw illegalParameter('ERR_TLS_KEY_SHARE', problem, 'FIPS 203, Section 7.2');
  }
  // The last 32 bytes are the seed of the matrix.
  for (let i = 0; i < publicKeyLength - 32; i += 3) {
    const b = publicKey[i + 1] as number;
    const first = (publicKey[i] as number) | ((b & 0xf) << 8);
    const second = (b >>> 4) | ((publicKey[i + 2] as number) << 4);
    if (first >= 3329 || second >= 3329) {
      const problem = `the ML-KEM-${parameters} key of the key share has a coefficient that is not reduced modulo 3329`;
      throw illegalParameter('ERR_TLS_KEY_SHARE', problem, 'FIPS 203, Section 7.2');
    }
  }
}

function checkCiphertext(ciphertext: Uint8Array, parameters: MlKemParameters): void {
  const { ciphertextLength } = mlKemSizes[parameters];
  if (ciphertext.length === ciphertextLength) return;
  const problem = `the ML-KEM-${parameters} ciphertext of the key share has ${ciphertext.length} bytes, not ${ciphertextLength}`;
  throw illegalParameter('ERR_TLS_KEY_SHARE', problem, 'FIPS 203, Section 7.3');
}
