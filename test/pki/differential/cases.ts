/** Chains whose verdict is known by construction: good ones in many shapes, and each with one thing wrong. */
import { encodeSignatureAlgorithm } from '../../../src/pki/algorithm.ts';
import { derBitString, derSequence } from '../../../src/pki/der/writer.ts';
import { extension, type GeneralName, ipRange, oids, parseCertificate } from '../../../src/pki/index.ts';
import { mutateBytes, mutateTree } from '../../fuzz/mutate-der.ts';
import { dns, now, type TestCertificate, type TestIssuer, type TestKey, testCertificate, testKey } from '../support.ts';

export interface ChainCase {
  readonly what: string;
  /** Whether RFC 5280 and 9525 let it stand. */
  readonly good: boolean;
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly roots: readonly Uint8Array[];
  readonly name: string;
}

/** Small, fast, and the same for the same seed (mulberry32). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

type Part = { -readonly [K in keyof TestCertificate]?: TestCertificate[K] };

interface Draft {
  root: Part;
  inters: Part[];
  leaf: Part;
  /** Which keys really sign: the issuer of the leaf, of the first intermediate, … */
  forgedAt?: number;
  /** A certificate whose content is changed before it is signed: the leaf is 0, the first intermediate 1, … */
  change?: { readonly at: number; how(tbs: Uint8Array): Uint8Array };
  name: string;
  missing?: boolean;
  untrusted?: boolean;
  shuffled?: boolean;
  unrelated?: boolean;
}

const day = 86_400_000;
const critical = { oid: '1.3.6.1.4.1.55555.7', critical: true, value: Uint8Array.of(5, 0) };

const shapes: Readonly<Record<string, (draft: Draft) => void>> = {
  plain: () => {},
  shuffled: (draft) => (draft.shuffled = true),
  'with strangers': (draft) => (draft.unrelated = true),
  wildcard: (draft) => (draft.leaf.names = dns('*.example.com')),
  'many names': (draft) =>
    (draft.leaf.names = dns(...Array.from({ length: 50 }, (_, i) => `h${i}.example.com`), 'www.example.com')),
  'empty subject': (draft) => (draft.leaf.name = undefined),
  'no key usage': (draft) => (draft.leaf.replace = { ...draft.leaf.replace, [oids.keyUsage]: undefined }),
  'permitted names': (draft) =>
    addTo(draft.inters[0], extension.nameConstraints([...dns('example.com'), ipRange('192.0.2.0/24')])),
  'excluded others': (draft) => addTo(draft.inters[0], extension.nameConstraints([], dns('example.org'))),
  'path length enough': (draft) => (draft.root.pathLength = draft.inters.length),
  'CA for servers': (draft) => addTo(draft.inters[0], extension.extendedKeyUsage(oids.serverAuth, oids.clientAuth)),
  policies: (draft) => {
    addTo(draft.inters[0], extension.certificatePolicies(oids.anyPolicy));
    addTo(draft.leaf, extension.certificatePolicies(oids.domainValidated));
  },
};

function addTo(certificate: Part | undefined, more: NonNullable<TestCertificate['more']>[number]): void {
  if (certificate === undefined || certificate.more?.some(({ oid }) => oid === more.oid)) return;
  Object.assign(certificate, { more: [...(certificate.more ?? []), more] });
}

const faults: Readonly<Record<string, (draft: Draft) => void>> = {
  'leaf expired': (draft) => (draft.leaf.notAfter = now - day),
  'leaf not yet valid': (draft) => (draft.leaf.notBefore = now + day),
  'intermediate expired': (draft) => Object.assign(draft.inters[0] as object, { notAfter: now - 1000 }),
  'another name': (draft) => (draft.name = 'www.example.net'),
  'name one label too deep for the wildcard': (draft) => {
    draft.leaf.names = dns('*.example.com');
    draft.name = 'a.b.example.com';
  },
  'no subjectAltName': (draft) => Object.assign(draft.leaf, { names: [], name: 'www.example.com' }),
  'intermediate missing': (draft) => (draft.missing = true),
  'root not trusted': (draft) => (draft.untrusted = true),
  'intermediate is no CA': (draft) => Object.assign(draft.inters[0] as object, { ca: false }),
  'intermediate without basicConstraints': (draft) =>
    Object.assign(draft.inters[0] as object, { replace: { [oids.basicConstraints]: undefined } }),
  'intermediate may not sign certificates': (draft) =>
    Object.assign(draft.inters[0] as object, { replace: { [oids.keyUsage]: extension.keyUsage('crlSign') } }),
  'path too long': (draft) => (draft.root.pathLength = draft.inters.length - 1),
  'name excluded': (draft) => replaceIn(draft.inters[0], extension.nameConstraints([], dns('example.com'))),
  'name not permitted': (draft) => replaceIn(draft.inters[0], extension.nameConstraints(dns('example.org'))),
  'address not permitted': (draft) => {
    replaceIn(draft.inters[0], extension.nameConstraints([ipRange('192.0.2.0/25')]));
    const address: GeneralName = { kind: 'ip', value: Uint8Array.of(192, 0, 2, 200) };
    draft.leaf.names = [...(draft.leaf.names ?? []), address];
  },
  'leaf for clients': (draft) =>
    (draft.leaf.replace = {
      ...draft.leaf.replace,
      [oids.extendedKeyUsage]: extension.extendedKeyUsage(oids.clientAuth),
    }),
  'CA for code alone': (draft) => replaceIn(draft.inters[0], extension.extendedKeyUsage(oids.codeSigning)),
  'unknown critical extension in the leaf': (draft) => addTo(draft.leaf, critical),
  'unknown critical extension in a CA': (draft) => addTo(draft.inters[0], critical),
  'leaf signed by another key': (draft) => (draft.forgedAt = 0),
  'intermediate signed by another key': (draft) => (draft.forgedAt = 1),
};

function replaceIn(certificate: Part | undefined, more: NonNullable<TestCertificate['more']>[number]): void {
  Object.assign(certificate as object, {
    more: [...(certificate?.more ?? []).filter(({ oid }) => oid !== more.oid), more],
  });
}

export const faultNames: readonly string[] = Object.keys(faults);

const keyPool: TestKey[] = [];
const keyTypes = ['p256', 'p256', 'p384', 'ed25519', 'rsa'] as const;

function poolKey(random: (below: number) => number): TestKey {
  while (keyPool.length < 12) keyPool.push(testKey(keyTypes[keyPool.length % keyTypes.length]));
  return keyPool[random(keyPool.length)] as TestKey;
}

function goodDraft(random: (below: number) => number): { draft: Draft; what: string[] } {
  const depth = 1 + random(3);
  const draft: Draft = {
    root: {},
    inters: Array.from({ length: depth }, () => ({})),
    leaf: { name: 'leaf', names: dns('www.example.com') },
    name: 'www.example.com',
  };
  const what: string[] = [];
  const names = Object.keys(shapes);
  for (let i = 1 + random(3); i > 0; i--) {
    const shape = names[random(names.length)] as string;
    if (what.includes(shape)) continue;
    what.push(shape);
    shapes[shape]?.(draft);
  }
  return { draft, what };
}

/**
 * A good chain in which one certificate says something else than it did, under a signature that is right: who accepts it
 * has judged the change. Whether it is still good nobody knows.
 */
export async function mutatedChain(random: (below: number) => number): Promise<Omit<ChainCase, 'good'>> {
  const { draft, what } = goodDraft(random);
  const at = random(1 + draft.inters.length);
  draft.change = { at, how: (tbs) => (random(4) === 0 ? mutateBytes(tbs, random) : mutateTree(tbs, random)) };
  return build(draft, `${what.join(', ')}, certificate ${at} changed`, true, random);
}

/** A random chain: one to three shapes together, and for every second one a fault. */
export async function randomChain(random: (below: number) => number, index: number): Promise<ChainCase> {
  const { draft, what } = goodDraft(random);
  const good = index % 2 === 0;
  if (!good) {
    const fault = faultNames[(index >> 1) % faultNames.length] as string;
    what.push(`BAD: ${fault}`);
    faults[fault]?.(draft);
  }
  return build(draft, what.join(', '), good, random);
}

async function build(draft: Draft, what: string, good: boolean, random: (below: number) => number): Promise<ChainCase> {
  const root: TestIssuer = { name: 'Differential Root', key: poolKey(random) };
  const rootDer = await testCertificate({ ...root, issuer: root, ca: true, ...draft.root });
  let issuer = root;
  const ders: Uint8Array[] = [];
  for (let i = draft.inters.length - 1; i >= 0; i--) {
    const own: TestIssuer = { name: `Differential CA ${i}`, key: freshKey(random, [root, issuer]) };
    const der = await testCertificate({
      ...own,
      issuer: forged(issuer, draft.forgedAt === i + 1),
      ca: true,
      ...draft.inters[i],
    });
    ders.unshift(await changed(der, issuer, draft, i + 1));
    issuer = own;
  }
  const leafKey = freshKey(random, [root, issuer]);
  const leafDer = await changed(
    await testCertificate({ key: leafKey, issuer: forged(issuer, draft.forgedAt === 0), ...draft.leaf }),
    issuer,
    draft,
    0,
  );
  const others = draft.missing === true ? ders.slice(1) : ders;
  if (draft.unrelated === true) {
    const stranger: TestIssuer = { name: 'Stranger', key: poolKey(random) };
    others.push(await testCertificate({ ...stranger, issuer: stranger, ca: true }));
  }
  if (draft.shuffled === true) others.reverse();
  const elsewhere: TestIssuer = { name: 'Elsewhere', key: poolKey(random) };
  const roots =
    draft.untrusted === true ? [await testCertificate({ ...elsewhere, issuer: elsewhere, ca: true })] : [rootDer];
  return { what, good, chain: [leafDer, ...others], roots, name: draft.name };
}

/** The certificate, or where it is the one to be changed: changed, and signed again by its issuer. */
async function changed(der: Uint8Array, issuer: TestIssuer, { change }: Draft, at: number): Promise<Uint8Array> {
  if (change?.at !== at) return der;
  const tbs = change.how(parseCertificate(der).tbs);
  const { key } = issuer;
  return derSequence(tbs, encodeSignatureAlgorithm(key.algorithm), derBitString(await key.sign(tbs)));
}

function freshKey(random: (below: number) => number, used: readonly TestIssuer[]): TestKey {
  for (;;) {
    const key = poolKey(random);
    if (!used.some((issuer) => issuer.key === key)) return key;
  }
}

/** The issuer with its name and key identifier, but a signature that isn't by its key. */
function forged(issuer: TestIssuer, forge: boolean): TestIssuer {
  if (!forge) return issuer;
  const sign = async (data: Uint8Array): Promise<Uint8Array> =>
    issuer.key.sign(Uint8Array.from(data, (byte) => byte ^ 1));
  return { name: issuer.name, key: { ...issuer.key, sign } };
}
