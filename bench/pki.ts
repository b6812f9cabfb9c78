/**
 * Certificates: parsing beside node:crypto's X509Certificate (paired rounds), verification of a common chain, and what the
 * worst chains cost that the work limits let through.
 *
 *     npx tsx bench/pki.ts
 */
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { createNodeCrypto } from '../src/crypto/node.ts';
import { createTrustAnchors, extension, parseCertificate, verifyChain } from '../src/pki/index.ts';
import { dns, now, testCertificate, testKey } from '../test/pki/support.ts';

const crypto = createNodeCrypto();

/** Microseconds a call, median of rounds. The two take turns, so that the machine's mood hits both. */
function paired(rounds: number, ...tasks: { readonly calls: number; run(): void }[]): number[] {
  const times = tasks.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, task] of tasks.entries()) {
      const { user, system } = process.cpuUsage();
      task.run();
      const after = process.cpuUsage();
      times[i]?.push((after.user + after.system - user - system) / task.calls);
    }
  }
  return times.map((list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)] as number);
}

const show = (what: string, value: string): void => console.log(`${what.padEnd(58)} ${value}`);

const ders = rootCertificates.map((pem) => new X509Certificate(pem).raw);
const parseAll = (repeat: number) => () => {
  for (let i = 0; i < repeat; i++)
    for (const der of ders) parseCertificate(der, { leniencies: ['serialNumber', 'times', 'keyUsage'] });
};
parseAll(20)();
const [own, nodes] = paired(
  15,
  { calls: ders.length * 10, run: parseAll(10) },
  { calls: ders.length, run: () => ders.map((der) => new X509Certificate(der)) },
) as [number, number];
show(
  `parse, ${ders.length} roots of Node's bundle`,
  `${own.toFixed(1)} µs a certificate; X509Certificate ${nodes.toFixed(1)} µs`,
);

const root = { name: 'Root', key: testKey() };
const inter = { name: 'Intermediate', key: testKey() };
const anchors = createTrustAnchors([await testCertificate({ ...root, issuer: root, ca: true })]);
const interDer = await testCertificate({ ...inter, issuer: root, ca: true });
const leafKey = testKey();
const leafDer = await testCertificate({ name: 'leaf', key: leafKey, issuer: inter, names: dns('www.example.com') });
const common = { anchors, now, profile: 'server', name: 'www.example.com', crypto } as const;
const rootDer = anchors.list[0]?.certificate.der as Uint8Array;
const verifyMany = (fresh: boolean) => () => {
  for (let i = 0; i < 50; i++)
    verifyChain({ ...common, anchors: fresh ? createTrustAnchors([rootDer]) : anchors, chain: [leafDer, interDer] });
};
const [cold, typical] = paired(15, { calls: 50, run: verifyMany(true) }, { calls: 50, run: verifyMany(false) }) as [
  number,
  number,
];
show('verify leaf, intermediate, root (P-256), nothing known', `${cold.toFixed(0)} µs`);
show('verify leaf, intermediate, root (P-256), intermediate known', `${typical.toFixed(0)} µs`);

async function hostile(what: string, chain: readonly Uint8Array[]): Promise<void> {
  const { cpuUsage } = process;
  const start = cpuUsage();
  const verdict = verifyChain({ ...common, chain });
  const { user, system } = cpuUsage(start);
  show(
    `hostile: ${what}`,
    `${((user + system) / 1000).toFixed(0)} ms ${verdict.ok ? 'accepted' : verdict.error.code} ${JSON.stringify(verdict.work)}`,
  );
}

// Layers of CAs that all sign all of the next; at the top a wrong signature under the name of the root.
const layers = Array.from({ length: 6 }, (_, i) =>
  Array.from({ length: 4 }, () => ({ name: `L${i}`, key: testKey() })),
);
const graph: Uint8Array[] = [];
for (let i = 0; i < 5; i++) {
  for (const low of layers[i] ?? [])
    for (const high of layers[i + 1] ?? []) graph.push(await testCertificate({ ...low, issuer: high, ca: true }));
}
const fakeRoot = { name: 'Root', key: testKey() };
for (const top of layers[5] ?? []) graph.push(await testCertificate({ ...top, issuer: fakeRoot, ca: true }));
const [first] = layers[0] as [(typeof layers)[0][0]];
await hostile('84 CAs that sign each other', [
  await testCertificate({ name: 'leaf', key: leafKey, issuer: first, names: dns('www.example.com') }),
  ...graph,
]);

// 100 namesakes of an intermediate with other keys, so that each costs a signature.
for (const type of ['p256', 'p384'] as const) {
  const namesakes: Uint8Array[] = [];
  for (let i = 0; i < 100; i++) {
    const key = testKey(type);
    namesakes.push(
      await testCertificate({
        name: 'Intermediate',
        key,
        issuer: root,
        ca: true,
        replace: { '2.5.29.14': extension.subjectKeyIdentifier(inter.key.keyId) },
      }),
    );
  }
  await hostile(`${namesakes.length} namesakes of the issuer, ${type}`, [leafDer, ...namesakes]);
}

const many = dns(...Array.from({ length: 2000 }, (_, i) => `n${i}.example.com`));
const constrained = await testCertificate({
  ...inter,
  issuer: root,
  ca: true,
  more: [extension.nameConstraints(many)],
});
await hostile('2,000 names under 2,000 constraints', [
  await testCertificate({ name: 'leaf', key: leafKey, issuer: inter, names: many.toReversed() }),
  constrained,
]);
