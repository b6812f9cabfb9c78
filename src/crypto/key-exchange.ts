import { concat, zeroize } from '../bytes/bytes.ts';
import { illegalParameter, type PeerError, TlsError } from '../errors.ts';
import { checkedMlKem, type MlKem, type MlKemParameters } from './ml-kem.ts';
import type { GroupName, KeyExchange, PendingKeyExchange, StaticKeyPair } from './provider.ts';

/** A Diffie-Hellman function: both sides make a key pair and send its public half. */
export interface DiffieHellman {
  readonly shareLength: number;
  readonly privateKeyLength: number;
  generate(): DiffieHellmanPair;
  /** Throws anything where the private key is none. */
  import(privateKey: Uint8Array): DiffieHellmanPair;
}

export interface DiffieHellmanPair {
  readonly share: Uint8Array;
  /** Throws `TlsError` `illegal_parameter` where the peer's share is none. */
  agree(peerShare: Uint8Array): Uint8Array;
  /** Wipes the private half, where that is possible. */
  destroy?(): void;
}

/** What a provider computes by itself; the rest of each group is the same for all. */
export interface DiffieHellmanFunctions {
  readonly x25519: DiffieHellman;
  readonly p256: DiffieHellman;
  readonly p384: DiffieHellman;
  /** `undefined` where the runtime has not this curve. */
  readonly p521: DiffieHellman | undefined;
}

type MlKemSource = (parameters: MlKemParameters) => MlKem;

/** The key exchanges over a provider's functions. Each is made when it is first asked for, and kept. */
export function keyExchanges(
  functions: DiffieHellmanFunctions,
  mlKem: MlKemSource,
): (group: GroupName) => KeyExchange | undefined {
  const made = new Map<GroupName, KeyExchange>();
  return (group) => {
    const known = made.get(group);
    if (known !== undefined) return known;
    const exchange = createKeyExchange(group, functions, mlKem);
    if (exchange !== undefined) made.set(group, exchange);
    return exchange;
  };
}

function createKeyExchange(
  group: GroupName,
  { x25519, p256, p384, p521 }: DiffieHellmanFunctions,
  mlKem: MlKemSource,
): KeyExchange | undefined {
  switch (group) {
    case 'x25519':
      return plainExchange(group, x25519);
    case 'secp256r1':
      return plainExchange(group, p256);
    case 'secp384r1':
      return plainExchange(group, p384);
    case 'secp521r1':
      return p521 && plainExchange(group, p521);
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
    // The words of what refused it may quote the key.
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
      // What has the wrong length leaves the key for `destroy`.
      checkLength(group, serverShare, made.share.length);
      pair = undefined;
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

function checkLength(group: GroupName, share: Uint8Array, length: number): void {
  if (share.length === length) return;
  throw badShare(group, `the key share for ${group} has ${share.length} bytes, not ${length}`);
}

/** The error for a share that is none. */
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
