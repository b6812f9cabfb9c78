import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import { cipherSuites } from '../crypto/cipher-suites.ts';
import { namedGroups } from '../crypto/named-groups.ts';
import { type ClientHelloExtensions, encodeClientHello } from '../wire/client-hello.ts';
import { type ExtensionName, extensionTypes } from '../wire/extension-type.ts';
import { frameMessage, handshakeTypes } from '../wire/handshake-type.ts';
import { decodeHelloRetryRequest, outlineServerHello } from '../wire/server-hello.ts';
import { firstFlight, type Heard } from './hello.ts';
import type { AuditCrypto, Endpoint } from './probe.ts';

/** What a server takes in TLS 1.3 that the engine does not have. */
export interface Foreign13 {
  /** Key exchange groups, in the server's order. */
  readonly groups: readonly string[];
  readonly cipherSuites: readonly string[];
  /** Whether it takes a group and a suite that the engine has: whatever fails then is something else. */
  readonly own: boolean;
}

/** RFC 7748, RFC 7919, RFC 8734, RFC 8998, draft-ietf-tls-mlkem. */
const foreignGroups: Readonly<Record<number, string>> = {
  30: 'x448',
  256: 'ffdhe2048',
  257: 'ffdhe3072',
  258: 'ffdhe4096',
  259: 'ffdhe6144',
  260: 'ffdhe8192',
  31: 'brainpoolP256r1tls13',
  32: 'brainpoolP384r1tls13',
  33: 'brainpoolP512r1tls13',
  41: 'curveSM2',
  512: 'MLKEM512',
  513: 'MLKEM768',
};

/** RFC 8446, Appendix B.4; RFC 8998. */
const foreignSuites: Readonly<Record<number, string>> = {
  4868: 'TLS_AES_128_CCM_SHA256',
  4869: 'TLS_AES_128_CCM_8_SHA256',
  198: 'TLS_SM4_GCM_SM3',
  199: 'TLS_SM4_CCM_SM3',
};

const ownSuites = cipherSuites.filter(({ version }) => version === 0x0304).map(({ code }) => code);
const schemes = [
  0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0807, 0x0808, 0x081a, 0x081b, 0x081c,
  0x0708, 0x0401, 0x0501, 0x0601,
];

/** What a HelloRetryRequest says. */
interface Choice {
  readonly cipherSuite: number;
  readonly group: number | undefined;
}

/**
 * Asks which groups and suites of TLS 1.3 a server takes beyond those of the engine: a hello without a key share, which
 * it answers with what it chose (RFC 9846, Section 4.2.8). Nothing is agreed.
 */
export async function foreign13(
  endpoint: Endpoint,
  options: { readonly crypto: AuditCrypto; readonly timeoutMs?: number | undefined },
): Promise<Foreign13> {
  const groups = await chosen(foreignGroups, async (left) => {
    const suites = [...ownSuites, ...codesOf(foreignSuites)];
    return (await retryOf(endpoint, suites, left, options))?.group;
  });
  const suites = await chosen(foreignSuites, async (left) => {
    const all = [...Object.values(namedGroups), ...codesOf(foreignGroups)];
    return (await retryOf(endpoint, left, all, options))?.cipherSuite;
  });
  const own = await retryOf(endpoint, ownSuites, Object.values(namedGroups), options);
  return { groups, cipherSuites: suites, own: own !== undefined };
}

function codesOf(names: Readonly<Record<number, string>>): number[] {
  return Object.keys(names).map(Number);
}

/** The names in the order in which they are chosen: what was chosen is left out the next time. */
async function chosen(
  names: Readonly<Record<number, string>>,
  ask: (left: readonly number[]) => Promise<number | undefined>,
): Promise<string[]> {
  const found: string[] = [];
  const left = new Set(codesOf(names));
  while (left.size > 0) {
    const code = await ask([...left]);
    if (code === undefined || !left.delete(code)) break;
    found.push(names[code] as string);
  }
  return found;
}

function retryOf(
  endpoint: Endpoint,
  suites: readonly number[],
  groups: readonly number[],
  { crypto, timeoutMs }: { readonly crypto: AuditCrypto; readonly timeoutMs?: number | undefined },
): Promise<Choice | undefined> {
  const extensions: ClientHelloExtensions = {
    ...(endpoint.serverName === undefined ? {} : { serverName: endpoint.serverName }),
    supportedGroups: [...groups],
    signatureAlgorithms: schemes,
    supportedVersions: [0x0304],
    keyShare: [],
  };
  const hello = encodeClientHello({
    legacyVersion: 0x0303,
    random: crypto.random(32),
    legacySessionId: crypto.random(32),
    cipherSuites: suites,
    legacyCompressionMethods: Uint8Array.of(0),
    extensions,
    extensionOrder: Object.keys(extensions).map((name) => extensionTypes[name as ExtensionName]),
  });
  const message = frameMessage('clientHello', hello);
  const record = new Writer(message.length + 5).u8(22).u16(0x0301).vector16(message).finish();
  return firstFlight(endpoint, record, readRetry, timeoutMs);
}

function readRetry(handshake: Uint8Array): Heard<Choice> {
  const reader = new Reader(handshake, 'the answer of the server');
  if (reader.remaining < 4) return { answer: undefined, done: false };
  if (reader.u8() !== handshakeTypes.serverHello) return { answer: undefined, done: true };
  const length = reader.u24();
  if (reader.remaining < length) return { answer: undefined, done: false };
  const body = reader.bytes(length);
  const { isHelloRetryRequest, selectedVersion, cipherSuite } = outlineServerHello(body);
  if (!isHelloRetryRequest || selectedVersion !== 0x0304) return { answer: undefined, done: true };
  return { answer: { cipherSuite, group: decodeHelloRetryRequest(body).extensions.keyShare }, done: true };
}
