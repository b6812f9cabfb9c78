import type { KeyObject } from 'node:crypto';
import * as nodeCrypto from 'node:crypto';
import { ml_kem768, ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { concat, fromHex } from '../bytes/bytes.ts';
import { illegalParameter } from '../errors.ts';
import { plain } from './node-hash.ts';
import { rawKeyFunctions } from './node-raw-keys.ts';

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

type Parameters = 768 | 1024;

const sizes = {
  768: { publicKeyLength: 1184, ciphertextLength: 1088 },
  1024: { publicKeyLength: 1568, ciphertextLength: 1568 },
} as const;

/** SubjectPublicKeyInfo up to the encapsulation key; the OIDs are id-alg-ml-kem-768 and -1024. */
const spkiPrefixes: Readonly<Record<Parameters, Uint8Array>> = {
  768: fromHex('308204b2300b0609608648016503040402038204a100'),
  1024: fromHex('30820632300b06096086480165030404030382062100'),
};

/** What Node 24 adds and the types of Node 20 do not know. */
interface KemFunctions {
  encapsulate?(key: KeyObject): { sharedKey: Uint8Array; ciphertext: Uint8Array };
  decapsulate?(key: KeyObject, ciphertext: Uint8Array): Uint8Array;
  generateKeyPairSync(
    type: string,
    options: { publicKeyEncoding: { format: 'der'; type: 'spki' } },
  ): { publicKey: Uint8Array; privateKey: KeyObject };
}

/** The ML-KEM of a parameter set: OpenSSL's where this Node has it, else a portable one. */
export function mlKem(parameters: Parameters): MlKem {
  return nativeMlKem(parameters) ?? portableMlKem(parameters);
}

/** OpenSSL's ML-KEM, or `undefined` before Node 24. */
export function nativeMlKem(parameters: Parameters): MlKem | undefined {
  const { encapsulate, decapsulate } = nodeCrypto as unknown as KemFunctions;
  if (encapsulate === undefined || decapsulate === undefined) return undefined;
  const { generate, importKey } = keyCoding(parameters);
  try {
    // The functions exist also over an OpenSSL that has no ML-KEM.
    generate();
  } catch {
    return undefined;
  }
  return {
    backend: 'native',
    ...sizes[parameters],
    generate() {
      const pair = generate();
      let privateKey: KeyObject | undefined = pair.privateKey;
      return {
        publicKey: pair.publicKey,
        decapsulate(ciphertext) {
          if (privateKey === undefined) throw new Error('this ML-KEM key was destroyed');
          return plain(decapsulate(privateKey, ciphertext));
        },
        destroy() {
          privateKey = undefined;
        },
      };
    },
    encapsulate(publicKey) {
      const { ciphertext, sharedKey } = encapsulate(importKey(publicKey));
      return { ciphertext: plain(ciphertext), secret: plain(sharedKey) };
    },
  };
}

interface KeyCoding {
  generate(): { publicKey: Uint8Array; privateKey: KeyObject };
  importKey(publicKey: Uint8Array): KeyObject;
}

/** Encapsulation keys by their bare bytes where Node has that, which saves 30 µs of DER; else by DER. */
function keyCoding(parameters: Parameters): KeyCoding {
  const type = `ml-kem-${parameters}`;
  const raw = rawKeyFunctions();
  if (raw !== undefined) {
    const publicKeyEncoding = { format: 'raw-public' } as const;
    return {
      generate() {
        const { publicKey, privateKey } = raw.generateKeyPairSync(type, { publicKeyEncoding });
        return { publicKey: plain(publicKey), privateKey };
      },
      importKey: (key) => raw.createPublicKey({ key, format: 'raw-public', asymmetricKeyType: type }),
    };
  }
  const prefix = spkiPrefixes[parameters];
  const { generateKeyPairSync } = nodeCrypto as unknown as KemFunctions;
  const publicKeyEncoding = { format: 'der', type: 'spki' } as const;
  return {
    generate() {
      const { publicKey, privateKey } = generateKeyPairSync(type, { publicKeyEncoding });
      return { publicKey: plain(publicKey).slice(prefix.length), privateKey };
    },
    importKey: (key) => nodeCrypto.createPublicKey({ key: concat(prefix, key) as Buffer, format: 'der', type: 'spki' }),
  };
}

/** ML-KEM without OpenSSL. See docs/decisions/0002-ml-kem.md. */
export function portableMlKem(parameters: Parameters): MlKem {
  const kem = parameters === 768 ? ml_kem768 : ml_kem1024;
  return {
    backend: 'portable',
    ...sizes[parameters],
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
export function checkedMlKem(parameters: Parameters, kem: MlKem): MlKem {
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
function checkPublicKey(publicKey: Uint8Array, parameters: Parameters): void {
  const { publicKeyLength } = sizes[parameters];
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

function checkCiphertext(ciphertext: Uint8Array, parameters: Parameters): void {
  const { ciphertextLength } = sizes[parameters];
  if (ciphertext.length === ciphertextLength) return;
  const problem = `the ML-KEM-${parameters} ciphertext of the key share has ${ciphertext.length} bytes, not ${ciphertextLength}`;
  throw illegalParameter('ERR_TLS_KEY_SHARE', problem, 'FIPS 203, Section 7.3');
}
