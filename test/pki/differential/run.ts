/**
 * Our verifier beside OpenSSL's, Go's and @peculiar/x509's, on generated chains and on mutated certificates.
 *
 *     npx tsx test/pki/differential/run.ts [--chains=2000] [--changed=2000] [--mutations=20000] [--seed=1]
 */
import 'reflect-metadata';
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as peculiar from '@peculiar/x509';
import { toHex } from '../../../src/bytes/bytes.ts';
import { createNodeCrypto } from '../../../src/crypto/node.ts';
import { createTrustAnchors, encodePem, keyUsageBits, parseCertificate, verifyChain } from '../../../src/pki/index.ts';
import { now } from '../support.ts';
import { type ChainCase, mutatedChain, randomChain, randomFrom } from './cases.ts';

const crypto = createNodeCrypto();

export type Verifier = 'handfast' | 'openssl' | 'go' | 'peculiar';

/** For each case what each verifier said; `undefined` where the verifier isn't on this machine. */
export interface ChainResult<T = ChainCase> {
  readonly test: T;
  readonly accepted: Readonly<Record<Verifier, boolean | undefined>>;
  readonly reason: string;
  /** What the others had against it. */
  readonly complaints: { readonly go: string; readonly openssl: string };
}

export async function compareChains(count: number, seed: number): Promise<ChainResult[]> {
  const random = randomFrom(seed);
  const cases: ChainCase[] = [];
  for (let i = 0; i < count; i++) cases.push(await randomChain(random, i));
  return judgeAll(cases);
}

/** Good chains with one certificate changed and signed again: does anybody refuse what we accept? */
export async function compareMutatedChains(count: number, seed: number): Promise<ChainResult<MutatedChain>[]> {
  const random = randomFrom(seed);
  const cases: MutatedChain[] = [];
  for (let i = 0; i < count; i++) cases.push(await mutatedChain(random));
  return judgeAll(cases);
}

/**
 * Whether we accept what OpenSSL or Go refuses. Two rules of theirs are none of RFC 5280: OpenSSL takes no issuer whose key
 * identifier is another than the one named (Section 4.2.1.1 gives it to find issuers by), Go compares names byte by byte
 * (Section 7.1 folds case and white space).
 */
export function acceptedByUsAlone({ accepted, complaints }: ChainResult<MutatedChain>): boolean {
  if (!accepted.handfast) return false;
  const openssl = accepted.openssl === false && !complaints.openssl.includes('unable to get local issuer certificate');
  const go = accepted.go === false && !complaints.go.includes('signed by unknown authority');
  return openssl || go || (accepted.openssl === false && accepted.go === false);
}

type MutatedChain = Omit<ChainCase, 'good'>;

async function judgeAll<T extends MutatedChain>(cases: readonly T[]): Promise<ChainResult<T>[]> {
  const go = goVerdicts(cases.map(({ chain, roots, name }) => ({ chain, roots, name })));
  const openssl = opensslComplaints(cases);
  const results: ChainResult<T>[] = [];
  for (const [i, test] of cases.entries()) {
    const verdict = verifyChain({
      chain: test.chain,
      anchors: createTrustAnchors(test.roots),
      now,
      profile: 'server',
      name: test.name,
      crypto,
    });
    results.push({
      test,
      accepted: {
        handfast: verdict.ok,
        openssl: openssl === undefined ? undefined : openssl[i] === '',
        go: go?.[i]?.accepted,
        peculiar: await peculiarVerdict(test),
      },
      reason: verdict.ok ? '' : verdict.error.message,
      complaints: { go: go?.[i]?.error ?? '', openssl: openssl?.[i] ?? '' },
    });
  }
  return results;
}

interface GoRequest {
  readonly chain: readonly Uint8Array[];
  readonly roots: readonly Uint8Array[];
  readonly name: string;
}

interface GoAnswer {
  readonly parsed: boolean;
  readonly accepted: boolean;
  readonly error: string;
  readonly serial: string;
}

function goVerdicts(requests: readonly GoRequest[]): GoAnswer[] | undefined {
  const base64 = (list: readonly Uint8Array[]) => list.map((der) => Buffer.from(der).toString('base64'));
  const input = requests.map(({ chain, roots, name }) =>
    JSON.stringify({ chain: base64(chain), roots: base64(roots), name, time: now / 1000 }),
  );
  const source = fileURLToPath(new URL('verify.go', import.meta.url));
  const ran = spawnSync('go', ['run', source], {
    input: `${input.join('\n')}\n`,
    maxBuffer: 1 << 28,
    timeout: 300_000,
    encoding: 'utf8',
  });
  if (ran.error !== undefined || ran.status !== 0) return undefined;
  return ran.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as GoAnswer);
}

/** What OpenSSL has against each; empty where nothing. */
function opensslComplaints(cases: readonly MutatedChain[]): string[] | undefined {
  try {
    execFileSync('openssl', ['version'], { timeout: 10_000, stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'handfast-differential-'));
  try {
    return cases.map(({ chain: [leaf, ...others], roots, name }) => {
      const put = (file: string, ders: readonly Uint8Array[]): string => {
        writeFileSync(join(folder, file), ders.map((der) => encodePem('CERTIFICATE', der)).join(''));
        return join(folder, file);
      };
      const words = [
        'verify',
        '-x509_strict',
        '-attime',
        String(now / 1000),
        '-purpose',
        'sslserver',
        '-no-CApath',
        '-no-CAstore',
      ];
      words.push('-CAfile', put('roots.pem', roots), '-verify_hostname', name);
      if (others.length > 0) words.push('-untrusted', put('others.pem', others));
      const file = put('leaf.pem', [leaf as Uint8Array]);
      const { status, stderr } = spawnSync('openssl', [...words, file], { timeout: 10_000, encoding: 'utf8' });
      if (status === 0) return '';
      return /^error \d+.*/m.exec(stderr)?.[0] ?? stderr.split('\n')[0] ?? 'refused';
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// The package builds chains by names and signatures; a caller compares the end with its roots.
async function peculiarVerdict({ chain, roots }: MutatedChain): Promise<boolean> {
  try {
    const [leaf, ...others] = [...chain, ...roots].map((der) => new peculiar.X509Certificate(Buffer.from(der)));
    const built = await new peculiar.X509ChainBuilder({ certificates: others }).build(leaf as peculiar.X509Certificate);
    const end = built.at(-1);
    if (end === undefined || !roots.some((der) => Buffer.from(der).equals(Buffer.from(end.rawData)))) return false;
    for (const [i, certificate] of built.entries()) {
      const { publicKey } = built[i + 1] ?? certificate;
      if (!(await certificate.verify({ publicKey, date: new Date(now) }))) return false;
    }
    return true;
  } catch {
    return false;
  }
}

export interface MutationResult {
  readonly der: Uint8Array;
  readonly accepted: Readonly<Record<Verifier, boolean | undefined>>;
  /** What Go had against it. */
  readonly goError: string;
  /** Fields that another parser reads otherwise than we do. */
  readonly differences: readonly string[];
}

/** Good certificates with fresh keys. */
export async function freshOriginals(seed: number): Promise<Uint8Array[]> {
  const random = randomFrom(seed);
  const originals: Uint8Array[] = [];
  for (let i = 0; i < 20; i++) originals.push(...(await randomChain(random, 2 * i)).chain);
  return originals;
}

/** The same certificates each time, made by {@link freshOriginals} once: a test must not fail by chance. */
export function fixedOriginals(): Uint8Array[] {
  const text = readFileSync(new URL('../../vectors/pki/originals.txt', import.meta.url), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => new Uint8Array(Buffer.from(line, 'base64')));
}

/** Certificates with one to three bytes changed, removed or doubled: who still reads them, and do they read the same? */
export function compareMutations(originals: readonly Uint8Array[], count: number, seed: number): MutationResult[] {
  const random = randomFrom(seed);
  const mutated = Array.from({ length: count }, () =>
    mutate(originals[random(originals.length)] as Uint8Array, random),
  );
  const go = goVerdicts(mutated.map((der) => ({ chain: [der], roots: [], name: '' })));
  return mutated.map((der, i) => compareParsers(der, go?.[i]));
}

function mutate(der: Uint8Array, random: (below: number) => number): Uint8Array {
  const bytes = [...der];
  for (let i = 1 + random(3); i > 0; i--) {
    const at = random(bytes.length);
    const kind = random(10);
    if (kind === 0) bytes.splice(at, 1);
    else if (kind === 1) bytes.splice(at, 0, bytes[at] as number);
    else if (kind < 6) bytes[at] = (bytes[at] as number) ^ (1 << random(8));
    else bytes[at] = random(256);
  }
  return Uint8Array.from(bytes);
}

function compareParsers(der: Uint8Array, go: GoAnswer | undefined): MutationResult {
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch {
      return undefined;
    }
  };
  // The others look into the key as they parse; we do where it is needed.
  const own = attempt(() => {
    const certificate = parseCertificate(der);
    if (certificate.publicKeyInfo.type === undefined) throw new Error(certificate.publicKeyInfo.oid);
    crypto.importPublicKey(certificate.spki);
    return certificate;
  });
  const node = attempt(() => new X509Certificate(Buffer.from(der)));
  const other = attempt(() => new peculiar.X509Certificate(Buffer.from(der)));
  const differences: string[] = [];
  if (own !== undefined) {
    const serial = trimmed(toHex(own.serialNumber));
    if (node !== undefined) {
      if (trimmed(node.serialNumber.toLowerCase()) !== serial)
        differences.push(`OpenSSL reads the serial number ${node.serialNumber}`);
      if (Date.parse(node.validFrom) !== own.notBefore) differences.push(`OpenSSL reads notBefore ${node.validFrom}`);
      if (Date.parse(node.validTo) !== own.notAfter) differences.push(`OpenSSL reads notAfter ${node.validTo}`);
      const { basicConstraints, keyUsage = keyUsageBits.keyCertSign } = own.decoded;
      const ca = basicConstraints?.ca === true && (keyUsage & keyUsageBits.keyCertSign) !== 0;
      if (node.ca !== ca) differences.push(`OpenSSL reads cA ${node.ca}`);
      const dns = (own.decoded.subjectAltName ?? []).filter(({ kind }) => kind === 'dns').length;
      const theirs = node.subjectAltName?.match(/DNS:/g)?.length ?? 0;
      if (dns !== theirs) differences.push(`OpenSSL reads ${theirs} DNS names, we ${dns}`);
    }
    if (go?.parsed === true && trimmed(go.serial) !== serial)
      differences.push(`Go reads the serial number ${go.serial}`);
    if (other !== undefined && trimmed(other.serialNumber) !== serial)
      differences.push(`peculiar reads the serial number ${other.serialNumber}`);
  }
  return {
    der,
    accepted: {
      handfast: own !== undefined,
      openssl: node !== undefined,
      go: go?.parsed,
      peculiar: other !== undefined,
    },
    goError: go?.error ?? '',
    differences,
  };
}

const trimmed = (hex: string): string => hex.replace(/^(00)+(?=.)/, '').replace(/^0(?=.)/, '');

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const option = (name: string, otherwise: number): number =>
    Number(process.argv.find((word) => word.startsWith(`--${name}=`))?.split('=')[1] ?? otherwise);
  const seed = option('seed', 1);
  const verifiers = ['handfast', 'openssl', 'go', 'peculiar'] as const;
  const chains = await compareChains(option('chains', 2000), seed);
  for (const verifier of verifiers) {
    const judged = chains.filter(({ accepted }) => accepted[verifier] !== undefined);
    const badAccepts = judged.filter(({ test, accepted }) => !test.good && accepted[verifier] === true);
    const goodRejects = judged.filter(({ test, accepted }) => test.good && accepted[verifier] === false);
    console.log(
      `${verifier.padEnd(9)} ${judged.length} chains: ${badAccepts.length} bad accepted, ${goodRejects.length} good refused`,
    );
    const kinds = new Map<string, number>();
    for (const { test } of badAccepts) {
      const kind = test.what.slice(test.what.indexOf('BAD'));
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    for (const [kind, number] of kinds) console.log(`          accepts ${kind} (${number})`);
    for (const { test, reason } of goodRejects.slice(0, 5)) console.log(`          refuses ${test.what} ${reason}`);
  }
  const changed = await compareMutatedChains(option('changed', 2000), seed);
  for (const verifier of verifiers) {
    const accepting = changed.filter(({ accepted }) => accepted[verifier] === true).length;
    console.log(`${verifier.padEnd(9)} accepts ${accepting} of ${changed.length} chains with a changed certificate`);
  }
  const lonely = changed.filter(acceptedByUsAlone);
  console.log(`accepted by us, and refused by OpenSSL or Go for another reason than theirs alone: ${lonely.length}`);
  for (const { test, complaints } of lonely.slice(0, 40)) {
    console.log(
      `          ${test.what}; OpenSSL: ${complaints.openssl || 'accepted'}; Go: ${complaints.go || 'accepted'}`,
    );
    console.log(test.chain.map((der) => Buffer.from(der).toString('base64')).join(' '));
  }
  const mutations = compareMutations(await freshOriginals(seed), option('mutations', 20_000), seed);
  for (const verifier of verifiers) {
    console.log(
      `${verifier.padEnd(9)} reads ${mutations.filter(({ accepted }) => accepted[verifier] === true).length} of ${mutations.length} mutated certificates`,
    );
  }
  const alone = mutations.filter(
    ({ accepted }) => accepted.handfast && (accepted.openssl === false || accepted.go === false),
  );
  console.log(`read by us and refused by OpenSSL or Go: ${alone.length}`);
  const reasons = new Map<string, number>();
  for (const { accepted, goError } of alone) {
    const reason = accepted.openssl === false ? 'refused by OpenSSL' : `Go: ${goError.replace(/\d+/g, 'N')}`;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  for (const [reason, number] of reasons) console.log(`          ${reason} (${number})`);
  for (const { der, accepted, goError } of alone.slice(0, 10)) {
    console.log(JSON.stringify(accepted), goError, Buffer.from(der).toString('base64'));
  }
  const different = mutations.filter(({ differences }) => differences.length > 0);
  console.log(`read differently: ${different.length}`);
  for (const { der, differences } of different.slice(0, 10))
    console.log(differences.join('; '), Buffer.from(der).toString('base64'));
}
