import type { KeyObject } from 'node:crypto';
import * as nodeCrypto from 'node:crypto';
import { concat, fromHex } from '../bytes/bytes.ts';
import { type MlKem, mlKemSizes, type MlKemParameters as Parameters, portableMlKem } from './ml-kem.ts';
import { plain } from './node-hash.ts';
import { rawKeyFunctions } from './node-raw-keys.ts';

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
    ...mlKemSizes[parameters],
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
