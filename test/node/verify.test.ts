import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import nodeTls from 'node:tls';
import tls from '../../src/node/tls.ts';
import { DerReader, tags } from '../../src/pki/der/reader.ts';
import {
  derBitString,
  derBoolean,
  derContext,
  der as derElement,
  derNull,
  derOid,
  derSequence,
} from '../../src/pki/der/writer.ts';
import {
  buildCertificateList,
  type CertificateListTemplate,
  type ExtensionInput,
  encodeName,
  encodePem,
  extension,
  oids,
  parseCertificate,
} from '../../src/pki/index.ts';
import { dns, type TestCertificate, type TestIssuer, type TestKey, testCertificate, testKey } from '../pki/support.ts';

// Which chains are accepted: as node:tls does it, unless a case says otherwise.

const hour = 3_600_000;
const now = Date.now();
const leafKey = testKey();
const root: TestIssuer = { name: 'Root', key: testKey() };
const inter: TestIssuer = { name: 'Intermediate', key: testKey() };
const make = (more: TestCertificate) =>
  testCertificate({ notBefore: now - 24 * hour, notAfter: now + 24 * hour, ...more });
const rootWith = (more: Partial<TestCertificate> = {}) => make({ ...root, issuer: root, ca: true, ...more });
const interWith = (more: Partial<TestCertificate> = {}) => make({ ...inter, issuer: root, ca: true, ...more });
const leafWith = (more: Partial<TestCertificate> = {}) =>
  make({ name: 'leaf', key: leafKey, issuer: inter, names: dns('localhost'), ...more });
const [rootDer, interDer, leafDer] = await Promise.all([rootWith(), interWith(), leafWith()]);

interface Case {
  readonly chain: readonly Uint8Array[];
  readonly anchor?: Uint8Array;
  readonly crls?: readonly Uint8Array[];
  readonly servername?: string;
}

const pem = (label: string, ders: readonly Uint8Array[]) => ders.map((der) => encodePem(label, der));
const servers: nodeTls.Server[] = [];
after(() => {
  for (const server of servers) server.close();
});

/** The codes of node:tls and of Handfast, `secure` where a connection is made. */
async function outcomes({
  chain,
  anchor = rootDer,
  crls = [],
  servername = 'localhost',
}: Case): Promise<[string, string]> {
  const key = leafKey.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  // A server that shows also what no client should take.
  const cert = pem('CERTIFICATE', chain).join('');
  const server = nodeTls.createServer({ key, cert, ciphers: 'DEFAULT@SECLEVEL=0' }, (socket) => socket.end());
  server.on('tlsClientError', () => undefined);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const options = { host: '127.0.0.1', port, servername, ca: pem('CERTIFICATE', [anchor]) };
  const lists = crls.length === 0 ? {} : { crl: pem('X509 CRL', crls) };
  const told: string[] = [];
  for (const connect of [nodeTls.connect, tls.connect] as const) {
    const socket = connect({ ...options, ...lists });
    told.push(
      await new Promise<string>((resolve) => {
        socket.once('secureConnect', () => resolve('secure'));
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      }),
    );
    socket.destroy();
  }
  return told as [string, string];
}

function same(name: string, expected: 'secure' | 'refused', build: () => Promise<Case>): void {
  test(name, { timeout: 20_000 }, async () => {
    const [node, handfast] = await outcomes(await build());
    const verdicts = [node, handfast].map((code) => (code === 'secure' ? code : 'refused'));
    assert.deepEqual(verdicts, [expected, expected], `node:tls: ${node}, Handfast: ${handfast}`);
  });
}

const critical = (oid: string, value: Uint8Array = Uint8Array.of(5, 0)): ExtensionInput => ({
  oid,
  critical: true,
  value,
});

same('a good chain', 'secure', async () => ({ chain: [leafDer, interDer] }));

for (const oid of ['1.2.3.4', oids.ctPoison, oids.acmeIdentifier]) {
  const more = [critical(oid)];
  same(`a leaf with the critical extension ${oid}`, 'refused', async () => ({
    chain: [await leafWith({ more }), interDer],
  }));
  same(`an intermediate with the critical extension ${oid}`, 'refused', async () => ({
    chain: [leafDer, await interWith({ more })],
  }));
  same(`a root with the critical extension ${oid}`, 'refused', async () => ({
    chain: [leafDer, interDer],
    anchor: await rootWith({ more }),
  }));
}
same('critical extensions that are understood', 'secure', async () => ({
  chain: [
    await leafWith({
      more: [
        critical(oids.ocspNoCheck),
        { ...extension.certificatePolicies('1.2.3'), critical: true },
        { ...extension.crlDistributionPoints('http://a.test/'), critical: true },
      ],
    }),
    interDer,
  ],
}));

/** A leaf whose signature is made over another digest than the support knows. */
async function signedOver(hash: string, oid: string): Promise<Case> {
  const key: TestKey = testKey('rsa');
  const authority = { name: 'RSA', key };
  const fields = new DerReader(await leafWith({ issuer: authority }), 'certificate').enter(tags.sequence, 'SEQUENCE');
  const tbs = fields.enter(tags.sequence, 'tbsCertificate');
  const algorithm = derSequence(derOid(oid), derNull());
  const parts: Uint8Array[] = [];
  while (tbs.more) {
    tbs.next();
    parts.push(parts.length === 2 ? algorithm : tbs.raw());
  }
  const changed = derSequence(...parts);
  const signature = new Uint8Array(sign(hash, changed, key.privateKey));
  return {
    chain: [derSequence(changed, algorithm, derBitString(signature))],
    anchor: await make({ ...authority, issuer: authority, ca: true }),
  };
}
same('a leaf signed over MD5', 'refused', () => signedOver('md5', '1.2.840.113549.1.1.4'));
same('a leaf signed over SHA-1', 'refused', () => signedOver('sha1', oids.sha1WithRsa));
same('a leaf signed over SHA-224', 'secure', () => signedOver('sha224', '1.2.840.113549.1.1.14'));

for (const namedCurve of ['secp112r1', 'secp224r1']) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
  const key: TestKey = {
    ...testKey(),
    privateKey,
    spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    sign: (data) => new Uint8Array(sign('sha256', data, privateKey)),
  };
  same(`an intermediate with a key on ${namedCurve}`, namedCurve === 'secp112r1' ? 'refused' : 'secure', async () => ({
    chain: [await leafWith({ issuer: { ...inter, key } }), await interWith({ key })],
  }));
}

/** The certificate with another validity, signed again by its issuer. */
function ending(der: Uint8Array, notAfter: string, key: TestKey): Uint8Array {
  const fields = new DerReader(der, 'certificate').enter(tags.sequence, 'SEQUENCE');
  const tbs = fields.enter(tags.sequence, 'tbsCertificate');
  fields.next();
  const algorithm = fields.raw();
  const time = (text: string) => derElement(tags.utcTime, Buffer.from(text));
  const parts: Uint8Array[] = [];
  while (tbs.more) {
    tbs.next();
    parts.push(parts.length === 4 ? derSequence(time('200101000000Z'), time(notAfter)) : tbs.raw());
  }
  const changed = derSequence(...parts);
  return derSequence(changed, algorithm, derBitString(key.sign(changed) as Uint8Array));
}
for (const notAfter of ['abcdefghijklZ', '401301000000Z', '401231235960Z']) {
  same(`a root that ends at ${notAfter}`, 'refused', async () => ({
    chain: [leafDer, interDer],
    anchor: ending(rootDer, notAfter, root.key),
  }));
}
same('a root that ends in 2040', 'secure', async () => ({
  chain: [leafDer, interDer],
  anchor: ending(rootDer, '400101000000Z', root.key),
}));

const gated = '1.3.6.1.4.1.311.10.3.3';
for (const [purpose, expected] of [
  [oids.anyExtendedKeyUsage, 'refused'],
  [oids.clientAuth, 'refused'],
  [oids.serverAuth, 'secure'],
  [gated, 'secure'],
] as const) {
  const usage = extension.extendedKeyUsage(purpose);
  same(`a leaf for the purpose ${purpose}`, expected, async () => ({
    chain: [await leafWith({ replace: { [oids.extendedKeyUsage]: usage } }), interDer],
  }));
  same(`an intermediate for the purpose ${purpose}`, expected, async () => ({
    chain: [leafDer, await interWith({ more: [usage] })],
  }));
}

const rolled: TestIssuer = { name: root.name, key: testKey() };
same('an authority whose new key is certified by its old one', 'secure', async () => ({
  chain: [
    leafDer,
    await interWith({ issuer: rolled }),
    // Constraints are not for self-issued certificates.
    await make({ ...rolled, issuer: root, ca: true, names: dns('elsewhere.test') }),
  ],
  anchor: await rootWith({ more: [extension.nameConstraints([], dns('elsewhere.test'))] }),
}));

// What a lenient reading can't make out, and OpenSSL can, is not passed over.
const dnsName = (text: string) => derElement(0x82, Buffer.from(text, 'latin1'));
const namesOf = (...names: Uint8Array[]): ExtensionInput => ({
  oid: oids.subjectAltName,
  value: derSequence(...names),
});
const subtrees = (critical: boolean, n: 0 | 1, ...bases: Uint8Array[]): ExtensionInput => ({
  oid: oids.nameConstraints,
  critical,
  value: derSequence(derContext(n, ...bases.map((base) => derSequence(base)))),
});
const forExample = () => interWith({ more: [subtrees(true, 0, dnsName('example.com'))] });
for (const odd of [dnsName('no name'), dnsName('a.test.'), dnsName(''), derElement(0x81, Uint8Array.of(0x61))]) {
  const replace = { [oids.subjectAltName]: namesOf(dnsName('localhost'), odd) };
  const shown = JSON.stringify(Buffer.from(odd.subarray(2)).toString());
  same(`a leaf that the constraints forbid, with the broken name ${shown}`, 'refused', async () => ({
    chain: [await leafWith({ replace }), await forExample()],
  }));
}
for (const isCritical of [true, false]) {
  const mark = isCritical ? 'critical' : 'plain';
  for (const base of ['.example.com', '.localhost']) {
    same(`${mark} constraints to names below ${base}`, 'refused', async () => ({
      chain: [leafDer, await interWith({ more: [subtrees(isCritical, 0, dnsName(base))] })],
    }));
    same(`${mark} constraints of a root to names below ${base}`, 'refused', async () => ({
      chain: [leafDer, interDer],
      anchor: await rootWith({ more: [subtrees(isCritical, 0, dnsName(base))] }),
    }));
    same(`${mark} constraints that exclude names below ${base}`, 'secure', async () => ({
      chain: [leafDer, await interWith({ more: [subtrees(isCritical, 1, dnsName(base))] })],
    }));
  }
  const broken = subtrees(isCritical, 0, dnsName('no name'));
  same(`${mark} constraints that don't parse, of a root`, 'refused', async () => ({
    chain: [leafDer, interDer],
    anchor: await rootWith({ more: [broken] }),
  }));
  const noCa = { oid: oids.basicConstraints, critical: isCritical, value: derSequence(derBoolean(false)) };
  same(`an intermediate whose ${mark} basicConstraints writes cA FALSE`, 'refused', async () => ({
    chain: [leafDer, await interWith({ replace: { [oids.basicConstraints]: noCa } })],
  }));
  const otherUse = { oid: oids.keyUsage, critical: isCritical, value: Uint8Array.of(3, 5, 0, 0x10, 0, 0, 1) };
  same(`a leaf with a long ${mark} keyUsage for other things`, 'refused', async () => ({
    chain: [await leafWith({ replace: { [oids.keyUsage]: otherUse } }), interDer],
  }));
}
// OpenSSL takes keyUsage for it in a root alone.
const notSaid = { [oids.basicConstraints]: undefined };
same('an intermediate without basicConstraints', 'refused', async () => ({
  chain: [leafDer, await interWith({ replace: notSaid })],
}));
same('a root without basicConstraints', 'secure', async () => ({
  chain: [leafDer, interDer],
  anchor: await rootWith({ replace: notSaid }),
}));

// Where a certificate has no DNS name, the common name is one.
for (const names of [[], [{ kind: 'ip', value: Uint8Array.of(127, 0, 0, 1) }]] as const) {
  const evil = () => leafWith({ name: 'www.evil.test', names });
  const what = `a common name that the constraints forbid, beside ${names.length} addresses`;
  same(what, 'refused', async () => ({ servername: 'www.evil.test', chain: [await evil(), await forExample()] }));
  same(`the same without constraints (${names.length})`, 'secure', async () => ({
    servername: 'www.evil.test',
    chain: [await evil(), interDer],
  }));
}

const list = (by: TestIssuer, more: Partial<CertificateListTemplate> = {}) =>
  buildCertificateList(
    {
      issuer: encodeName([['CN', by.name]]),
      thisUpdate: now - 2 * hour,
      nextUpdate: now + hour,
      crlNumber: 1,
      authorityKeyIdentifier: by.key.keyId,
      revoked: [],
      ...more,
    },
    by.key,
  );
const revoked = [{ serialNumber: parseCertificate(leafDer).serialNumber, revocationDate: now - 3 * hour }];
const judgedBy = async (...lists: Promise<Uint8Array>[]): Promise<Case> => ({
  chain: [leafDer, interDer],
  crls: await Promise.all([list(root), ...lists]),
});
same('lists that revoke nothing', 'secure', () => judgedBy(list(inter)));
same('a list that revokes', 'refused', () => judgedBy(list(inter, { revoked })));
same('a later list that revokes, behind one that does not', 'refused', () =>
  judgedBy(list(inter), list(inter, { thisUpdate: now - hour, crlNumber: 2, revoked })),
);
same('a fresh list behind one that is over', 'secure', () =>
  judgedBy(list(inter, { nextUpdate: now - 1000 }), list(inter, { crlNumber: 2 })),
);
same('a list that is over', 'refused', () => judgedBy(list(inter, { nextUpdate: now - 1000 })));
same('a list about users alone', 'secure', () => judgedBy(list(inter, { distributionPoint: { only: 'users' } })));
same('a list about authorities alone', 'refused', () => judgedBy(list(inter, { distributionPoint: { only: 'cas' } })));
same('a list of a distribution point that the certificate does not name', 'refused', () =>
  judgedBy(list(inter, { distributionPoint: { uris: ['http://a.test/'] } })),
);
same('a list of an issuer that may not sign any', 'refused', async () => ({
  chain: [leafDer, await interWith({ replace: { [oids.keyUsage]: extension.keyUsage('keyCertSign') } })],
  crls: await Promise.all([list(root), list(inter)]),
}));
