import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import type { ClientSession } from '../session/client-session.ts';
import { type AuditCrypto, type Endpoint, type Probe, type ProbeOptions, probe } from './probe.ts';

/**
 * Cryptography whose random bytes and key pair are the same on every use of `restart`: two clients that use it one
 * after the other send the same bytes, as somebody would who recorded the first and plays it back, and yet can read
 * the answer.
 */
function repeatable(crypto: AuditCrypto): { crypto: AuditCrypto; restart(): void } {
  const bytes: Uint8Array[] = [];
  let at = 0;
  const exchange = repeatableX25519();
  return {
    restart() {
      at = 0;
    },
    crypto: {
      ...bound(crypto),
      random: (size) => {
        const known = bytes[at];
        if (known === undefined || known.length !== size) bytes[at] = crypto.random(size);
        return (bytes[at++] as Uint8Array).slice();
      },
      keyExchange: (group) => (group === 'x25519' ? exchange : undefined),
    },
  };
}

/** X25519 with one key pair that can be used again and again, which the provider's own refuses with good reason. */
function repeatableX25519(): NonNullable<ReturnType<AuditCrypto['keyExchange']>> {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const share = new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).x as string, 'base64url'));
  const finish = (theirs: Uint8Array) => {
    const x = Buffer.from(theirs).toString('base64url');
    const peer = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
    return new Uint8Array(diffieHellman({ privateKey, publicKey: peer }));
  };
  return {
    group: 'x25519',
    clientShareLength: 32,
    serverShareLength: 32,
    generate: () => ({ group: 'x25519', share, finish, destroy: () => {} }),
    respond: (theirs) => ({ share, secret: finish(theirs) }),
  };
}

/** All calls of a provider, also where it is a class. */
function bound(crypto: AuditCrypto): AuditCrypto {
  return {
    name: crypto.name,
    random: (size) => crypto.random(size),
    hash: (name, data) => crypto.hash(name, data),
    hmac: (name, key, data) => crypto.hmac(name, key, data),
    prepareHmac: (name, key) => crypto.prepareHmac(name, key),
    createAead: (name, key) => crypto.createAead(name, key),
    createCbc: (name, key) => crypto.createCbc(name, key),
    keyExchange: (group) => crypto.keyExchange(group),
    importPublicKey: (spki) => crypto.importPublicKey(spki),
    importPrivateKey: (pkcs8) => crypto.importPrivateKey(pkcs8),
  };
}

/**
 * Sends the same ClientHello with the same early data to each endpoint, one after the other.
 * @returns what each said; `info.earlyData` is `accepted` where the server took it.
 */
export async function replayEarlyData(
  endpoints: readonly Endpoint[],
  session: ClientSession,
  options: ProbeOptions & { readonly earlyData: Uint8Array },
): Promise<Probe[]> {
  const now = Date.now();
  const { crypto, restart } = repeatable(options.crypto);
  const probes: Probe[] = [];
  for (const endpoint of endpoints) {
    restart();
    probes.push(
      await probe(endpoint, {
        ...options,
        crypto,
        client: {
          groups: ['x25519'],
          ...options.client,
          sessions: [session],
          earlyData: true,
          now: () => now,
        },
      }),
    );
  }
  return probes;
}
