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
import { illegalParameter, type PeerError, TlsError } from '../errors.ts';
import { plain } from './node-hash.ts';
import { checkedMlKem, type MlKem } from './node-ml-kem.ts';
import { rawKeyFunctions } from './node-raw-keys.ts';
import type { GroupName, KeyExchange, PendingKeyExchange, StaticKeyPair } from './provider.ts';

/** A Diffie-Hellman function: both sides make a key pair and send its public half. */
export interface DiffieHellman {
  readonly shareLength: number;
  readonly privateKeyLength: number;
  generate(): DiffieHellmanPair;
  /** Throws whatever OpenSSL throws where the private key is none. */
  import(privateKey: Uint8Array): DiffieHellmanPair;
}

export interface DiffieHellmanPair {
  readonly share: Uint8Array;
  /** Throws `TlsError` `illegal_parameter` where the peer's share is none. */
  agree(peerShare: Uint8Array): Uint8Array;
  /** Wipes the private half, where that is possible. */
  destroy?(): void;
}

/** The implementations that there is a choice of. */
interface Implementations {
  readonly mlKem: (parameters: 768 | 1024) => MlKem;
  readonly x25519: DiffieHellman;
}

/** The key exchanges. Each is made when it is first asked for, and kept. */
export function keyExchanges(implementations: Implementations): (group: GroupName) => KeyExchange | undefined {
  const made = new Map<GroupName, KeyExchange>();
  return (group) => {
    const known = made.get(group);
    if (known !== undefined) return known;
    const exchange = createKeyExchange(group, implementations);
    if (exchange !== undefined) made.set(group, exchange);
    return exchange;
  };
}

function createKeyExchange(group: GroupName, { mlKem, x25519 }: Implementations): KeyExchange | undefined {
  switch (group) {
    case 'x25519':
      return plainExchange(group, x25519);
    case 'secp256r1':
      return plainExchange(group, p256);
    case 'secp384r1':
      return plainExchange(group, p384);
    case 'secp521r1':
      return plainExchange(group, p521);
    // RFC 10024: only X25519MLKEM768 puts the post-quantum half first.
    case 'X25519MLKEM768':
      return hybridExchange(group, x25519, checkedMlKem(768, mlKem(768)), 'kemFirst');
    case 'SecP256r1MLKEM768':
      return hybridExchange(group, p256, checkedMlKem(768, mlKem(768)), 'kemLast');
    case 'SecP384r1MLKEM1024':
      return hybridExchange(group, p384, checkedMlKem(1024, mlKem(1024)), 'kemLast');
    case 'MLKEM1024':
      return kemExchange(group, checkedMlKem(1024, mlKem(1024)));
    default:
      return undefined;
  }
}

function plainExchange(group: GroupName, dh: DiffieHellman): KeyExchange {
  return {
    group,
    clientShareLength: dh.shareLength,
    serverShareLength: dh.shareLength,
    generate: () => pendingExchange(group, dh.generate()),
    respond(clientShare) {
      checkLength(group, clientShare, dh.shareLength);
      const pair = dh.generate();
      return { share: pair.share, secret: agreeOnce(pair, clientShare) };
    },
    importKeyPair: (privateKey) => staticKeyPair(group, dh, privateKey),
  };
}

function staticKeyPair(group: GroupName, dh: DiffieHellman, privateKey: Uint8Array): StaticKeyPair {
  let pair: DiffieHellmanPair | undefined = importPair(group, dh, privateKey);
  return {
    group,
    publicKey: pair.share,
    agree(publicKey) {
      if (pair === undefined) throw new Error('this key pair was destroyed');
      checkLength(group, publicKey, dh.shareLength);
      return pair.agree(publicKey);
    },
    destroy() {
      pair?.destroy?.();
      pair = undefined;
    },
  };
}

/** For a key pair of one use. */
function agreeOnce(pair: DiffieHellmanPair, peerShare: Uint8Array): Uint8Array {
  try {
    return pair.agree(peerShare);
  } finally {
    pair.destroy?.();
  }
}

function importPair(group: GroupName, dh: DiffieHellman, privateKey: Uint8Array): DiffieHellmanPair {
  try {
    if (privateKey.length === dh.privateKeyLength) return dh.import(privateKey);
  } catch {
    // OpenSSL's words may quote the key.
  }
  throw new RangeError(`not a private key of ${group}: it has ${dh.privateKeyLength} bytes, within the group's order`);
}

function pendingExchange(group: GroupName, made: DiffieHellmanPair): PendingKeyExchange {
  let pair: DiffieHellmanPair | undefined = made;
  return {
    group,
    share: made.share,
    finish(serverShare) {
      if (pair === undefined) throw usedTwice();
      pair = undefined;
      checkLength(group, serverShare, made.share.length);
      return agreeOnce(made, serverShare);
    },
    destroy() {
      pair?.destroy?.();
      pair = undefined;
    },
  };
}

/** ML-KEM alone: the client's share is an encapsulation key, the server's a ciphertext. */
function kemExchange(group: GroupName, kem: MlKem): KeyExchange {
  return {
    group,
    clientShareLength: kem.publicKeyLength,
    serverShareLength: kem.ciphertextLength,
    generate() {
      const pair = kem.generate();
      let live = true;
      return {
        group,
        share: pair.publicKey,
        finish(serverShare) {
          if (!live) throw usedTwice();
          live = false;
          checkLength(group, serverShare, kem.ciphertextLength);
          const secret = pair.decapsulate(serverShare);
          pair.destroy();
          return secret;
        },
        destroy() {
          live = false;
          pair.destroy();
        },
      };
    },
    respond(clientShare) {
      checkLength(group, clientShare, kem.publicKeyLength);
      const { ciphertext, secret } = kem.encapsulate(clientShare);
      return { share: ciphertext, secret };
    },
  };
}

function hybridExchange(group: GroupName, dh: DiffieHellman, kem: MlKem, order: 'kemFirst' | 'kemLast'): KeyExchange {
  const join = (dhPart: Uint8Array, kemPart: Uint8Array) =>
    order === 'kemFirst' ? concat(kemPart, dhPart) : concat(dhPart, kemPart);
  const split = (share: Uint8Array, kemLength: number): [dhPart: Uint8Array, kemPart: Uint8Array] =>
    order === 'kemFirst'
      ? [share.subarray(kemLength), share.subarray(0, kemLength)]
      : [share.subarray(0, dh.shareLength), share.subarray(dh.shareLength)];
  const joinSecrets = (dhSecret: Uint8Array, kemSecret: Uint8Array) => {
    const secret = join(dhSecret, kemSecret);
    zeroize(dhSecret, kemSecret);
    return secret;
  };
  const clientShareLength = dh.shareLength + kem.publicKeyLength;
  const serverShareLength = dh.shareLength + kem.ciphertextLength;
  return {
    group,
    clientShareLength,
    serverShareLength,
    generate() {
      const pair = dh.generate();
      const kemPair = kem.generate();
      let live = true;
      return {
        group,
        share: join(pair.share, kemPair.publicKey),
        finish(serverShare) {
          if (!live) throw usedTwice();
          live = false;
          checkLength(group, serverShare, serverShareLength);
          const [dhShare, ciphertext] = split(serverShare, kem.ciphertextLength);
          const dhSecret = agreeOnce(pair, dhShare);
          const kemSecret = kemPair.decapsulate(ciphertext);
          kemPair.destroy();
          return joinSecrets(dhSecret, kemSecret);
        },
        destroy() {
          live = false;
          pair.destroy?.();
          kemPair.destroy();
        },
      };
    },
    respond(clientShare) {
      checkLength(group, clientShare, clientShareLength);
      const [dhShare, publicKey] = split(clientShare, kem.publicKeyLength);
      const { ciphertext, secret: kemSecret } = kem.encapsulate(publicKey);
      const pair = dh.generate();
      const dhSecret = agreeOnce(pair, dhShare);
      return { share: join(pair.share, ciphertext), secret: joinSecrets(dhSecret, kemSecret) };
    },
  };
}

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

const p256 = weierstrass('prime256v1', 65, 32);
const p384 = weierstrass('secp384r1', 97, 48);
const p521 = weierstrass('secp521r1', 133, 66);

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

function checkLength(group: GroupName, share: Uint8Array, length: number): void {
  if (share.length === length) return;
  throw badShare(group, `the key share for ${group} has ${share.length} bytes, not ${length}`);
}

export function badShare(group: string, problem: string, cause?: unknown): PeerError {
  const error = illegalParameter('ERR_TLS_KEY_SHARE', problem, 'RFC 9846, Section 4.2.8');
  error.phase = `keyShare ${group}`;
  if (cause !== undefined) error.cause = cause;
  return error;
}

function usedTwice(): TlsError {
  return new TlsError(
    'ERR_TLS_KEY_SHARE_REUSED',
    'internalError',
    'a key exchange was finished twice, or after destroy',
  );
}

function decodeBase64Url(text: string): Uint8Array {
  return plain(Buffer.from(text, 'base64url'));
}
