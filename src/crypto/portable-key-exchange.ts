import { x25519 as x25519Curve } from '@noble/curves/ed25519.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { zeroize } from '../bytes/bytes.ts';
import { badShare, type DiffieHellman, type DiffieHellmanFunctions, type DiffieHellmanPair } from './key-exchange.ts';

/** X25519 (RFC 7748). */
const x25519: DiffieHellman = {
  shareLength: 32,
  privateKeyLength: 32,
  generate: () => x25519Pair(x25519Curve.utils.randomSecretKey()),
  import: (privateKey) => x25519Pair(privateKey.slice()),
};

function x25519Pair(secretKey: Uint8Array): DiffieHellmanPair {
  return {
    share: x25519Curve.getPublicKey(secretKey),
    agree(peerShare) {
      try {
        // RFC 7748, Section 6.1; RFC 9846, Section 7.4.2: the all-zero value is refused inside.
        return x25519Curve.getSharedSecret(secretKey, peerShare);
      } catch (cause) {
        throw badShare('x25519', 'the X25519 key share has no usable shared secret', cause);
      }
    },
    destroy: () => zeroize(secretKey),
  };
}

/** ECDH on a NIST curve. The secret is the x-coordinate (RFC 9846, Section 7.4.2). */
function weierstrass(name: string, curve: typeof p256): DiffieHellman {
  return {
    shareLength: curve.lengths.publicKeyUncompressed as number,
    privateKeyLength: curve.lengths.secretKey as number,
    generate: () => weierstrassPair(name, curve, curve.utils.randomSecretKey()),
    import: (privateKey) => weierstrassPair(name, curve, privateKey.slice()),
  };
}

function weierstrassPair(name: string, curve: typeof p256, secretKey: Uint8Array): DiffieHellmanPair {
  return {
    share: curve.getPublicKey(secretKey, false),
    agree(peerShare) {
      // RFC 9846, Section 4.2.8.2: UncompressedPointRepresentation; legacy_form is 4.
      if (peerShare[0] !== 4) throw badShare(name, 'the key share is not an uncompressed point');
      try {
        const point = curve.getSharedSecret(secretKey, peerShare, true);
        const secret = point.slice(1);
        zeroize(point);
        return secret;
      } catch (cause) {
        throw badShare(name, 'the key share is not a point on the curve', cause);
      }
    },
    destroy: () => zeroize(secretKey),
  };
}

/** Diffie-Hellman in JavaScript. */
export const diffieHellmanFunctions: DiffieHellmanFunctions = {
  x25519,
  p256: weierstrass('prime256v1', p256),
  p384: weierstrass('secp384r1', p384),
  p521: weierstrass('secp521r1', p521),
};
