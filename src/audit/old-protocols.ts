import { cipherSuites } from '../crypto/cipher-suites.ts';
import { type Answer, greet } from './hello.ts';
import { type OldSuite, oldSuites } from './old-suites.ts';
import type { AuditCrypto, Endpoint } from './probe.ts';

/** What a server takes of what nobody should offer any more. */
export interface OldProtocols {
  /** SSL 3.0 (0x0300), TLS 1.0 and TLS 1.1, where the server answers in them. */
  readonly versions: readonly number[];
  /** Whether it answers in TLS 1.2, whatever becomes of the handshake. */
  readonly tls12: boolean;
  /** Suites beyond those of the engine, as taken in the newest version before TLS 1.3; in the server's order. */
  readonly suites: readonly OldSuite[];
  /** The smallest prime that the server sent, in bits. */
  readonly primeBits: number | undefined;
  /** Whether it signs its key share with SHA-1 for a client that knows nothing else (TLS 1.2). */
  readonly sha1Signature: boolean;
  /** Whether it knows RFC 5746; `undefined` where it speaks nothing before TLS 1.3. */
  readonly secureRenegotiation: boolean | undefined;
  /** DER, leaf first: of the newest version before TLS 1.3 that shows one. */
  readonly chain: readonly Uint8Array[];
}

const modern = cipherSuites.filter(({ version }) => version === 0x0303).map(({ code }) => code);
const every = [...modern, ...oldSuites.map(({ code }) => code)];
const forward = cipherSuites.filter(({ keyExchange }) => keyExchange === 'ecdhe').map(({ code }) => code);

/** Asks for the versions, suites and signatures that the engine does not speak. */
export async function oldProtocols(
  endpoint: Endpoint,
  options: { readonly crypto: AuditCrypto; readonly timeoutMs?: number | undefined },
): Promise<OldProtocols> {
  const ask = (version: number, suites: readonly number[], signatureSchemes?: readonly number[]) => {
    const random = options.crypto.random(32);
    return greet(endpoint, { version, cipherSuites: suites, signatureSchemes, random, timeoutMs: options.timeoutMs });
  };
  const spoken = new Map<number, Answer>();
  for (const version of [0x0303, 0x0302, 0x0301, 0x0300]) {
    const answer = await ask(version, every);
    // A server answers with the newest version that both know, so an answer may be of one before.
    if (answer?.version === version) spoken.set(version, answer);
  }
  const [newest] = spoken.keys();
  const suites: OldSuite[] = [];
  let primeBits: number | undefined;
  if (newest !== undefined) {
    const left = new Map(oldSuites.map((suite) => [suite.code, suite]));
    while (left.size > 0) {
      const answer = await ask(newest, [...left.keys()]);
      const suite = answer === undefined ? undefined : left.get(answer.cipherSuite);
      if (answer === undefined || suite === undefined) break;
      suites.push(suite);
      left.delete(suite.code);
      if (answer.primeBits !== undefined) primeBits = Math.min(primeBits ?? answer.primeBits, answer.primeBits);
    }
  }
  const sha1 = spoken.has(0x0303) ? await ask(0x0303, forward, [0x0203, 0x0201]) : undefined;
  const first = [...spoken.values()].find(({ chain }) => chain.length > 0);
  return {
    versions: [...spoken.keys()].filter((version) => version < 0x0303),
    tls12: spoken.has(0x0303),
    suites,
    primeBits,
    sha1Signature: sha1?.signatureScheme === 0x0203 || sha1?.signatureScheme === 0x0201,
    secureRenegotiation: newest === undefined ? undefined : spoken.get(newest)?.secureRenegotiation,
    chain: first?.chain ?? [],
  };
}
