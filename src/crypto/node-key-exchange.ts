import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type ECDH,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { concat, fromHex, zeroize } from '../bytes/bytes.ts';
import { badShare, type DiffieHellman, type DiffieHellmanFunctions, type DiffieHellmanPair } from './key-exchange.ts';
import { plain } from './node-hash.ts';
import { rawKeyFunctions } from './node-raw-keys.ts';

const x25519Options = { publicKeyEncoding: { format: 'jwk' } } as const;

/** What `generateKeyPairSync` returns with these options; its types know no JWK. */
type GenerateX25519 = (
  type: 'x25519',
  options: typeof x25519Options,
) => { publicKey: { readonly x: string }; privateKey: KeyObject };

/**
 * X25519 (RFC 7748). The public half is asked for as JWK: up to Node 24 OpenSSL's DER coders cost twice the whole key
 * agreement. It is asked for in the generation and not by `export()` afterwards: that export deadlocks when the garbage
 * collector strikes inside it, since the job that made the key then wants the lock that the export holds (Node 20).
 */
export const opensslX25519: DiffieHellman = {
  shareLength: 32,
  privateKeyLength: 32,
  generate() {
    const { publicKey, privateKey } = (generateKeyPairSync as unknown as GenerateX25519)('x25519', x25519Options);
    return x25519Pair(decodeBase64Url(publicKey.x), privateKey);
  },
  import(bytes) {
    const key = concat(x25519PrivateKeyInfo, bytes);
    const privateKey = createPrivateKey({ key: Buffer.from(key.buffer), format: 'der', type: 'pkcs8' });
    zeroize(key);
    return x25519Pair(decodeBase64Url(createPublicKey(privateKey).export({ format: 'jwk' }).x as string), privateKey);
  },
};

/** PrivateKeyInfo of an X25519 key up to its 32 bytes (RFC 8410, Section 7). */
const x25519PrivateKeyInfo = fromHex('302e020100300506032b656e04220420');

function x25519Pair(share: Uint8Array, privateKey: KeyObject): DiffieHellmanPair {
  return {
    share,
    agree(peerShare) {
      let secret: Uint8Array;
      try {
        secret = plain(diffieHellman({ privateKey, publicKey: importX25519(peerShare) }));
      } catch (cause) {
        // OpenSSL refuses the points of small order itself.
        throw badShare('x25519', 'the X25519 key share has no usable shared secret', cause);
      }
      // RFC 7748, Section 6.1; RFC 9846, Section 7.4.2: "MUST check … and abort if … the all-zero value".
      let any = 0;
      for (const byte of secret) any |= byte;
      if (any === 0) throw badShare('x25519', 'the X25519 key share yields the all-zero shared secret');
      return secret;
    },
  };
}

function importX25519(share: Uint8Array): KeyObject {
  const raw = rawKeyFunctions();
  if (raw !== undefined) return raw.createPublicKey({ key: share, format: 'raw-public', asymmetricKeyType: 'x25519' });
  const x = Buffer.from(share.buffer, share.byteOffset, share.length).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
}

/**
 * ECDH on a NIST curve. A fresh ECDH object for each exchange costs 11 µs more than a shared one (of 130), and no
 * private key outlives its handshake in it.
 */
function weierstrass(curve: string, shareLength: number, privateKeyLength: number): DiffieHellman {
  return {
    shareLength,
    privateKeyLength,
    generate() {
      const ecdh = createECDH(curve);
      return weierstrassPair(curve, ecdh, ecdh.generateKeys());
    },
    import(privateKey) {
      const ecdh = createECDH(curve);
      ecdh.setPrivateKey(privateKey);
      return weierstrassPair(curve, ecdh, ecdh.getPublicKey());
    },
  };
}

function weierstrassPair(curve: string, ecdh: ECDH, share: Uint8Array): DiffieHellmanPair {
  return {
    share: plain(share),
    agree(peerShare) {
      // RFC 9846, Section 4.2.8.2: UncompressedPointRepresentation; legacy_form is 4.
      if (peerShare[0] !== 4) throw badShare(curve, 'the key share is not an uncompressed point');
      try {
        // OpenSSL checks that the point is on the curve, and not at infinity.
        return plain(ecdh.computeSecret(peerShare));
      } catch (cause) {
        throw badShare(curve, 'the key share is not a point on the curve', cause);
      }
    },
  };
}

function decodeBase64Url(text: string): Uint8Array {
  return plain(Buffer.from(text, 'base64url'));
}

/** Deno's `node:crypto` has not all curves of OpenSSL. */
function hasCurve(curve: string): boolean {
  try {
    createECDH(curve);
    return true;
  } catch {
    return false;
  }
}

/** Diffie-Hellman by OpenSSL. */
export const opensslFunctions: DiffieHellmanFunctions = {
  x25519: opensslX25519,
  p256: weierstrass('prime256v1', 65, 32),
  p384: weierstrass('secp384r1', 97, 48),
  p521: hasCurve('secp521r1') ? weierstrass('secp521r1', 133, 66) : undefined,
};
