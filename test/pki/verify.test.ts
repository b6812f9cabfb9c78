import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { encodeSignatureAlgorithm } from '../../src/pki/algorithm.ts';
import {
  derBitString,
  derContext,
  derInteger,
  derOid,
  derSequence,
  derTime,
  derUtf8,
} from '../../src/pki/der/writer.ts';
import {
  buildCertificate,
  buildCertificateList,
  type CertificateError,
  createTrustAnchors,
  encodeName,
  extension,
  type GeneralName,
  ipRange,
  matchesHost,
  oids,
  parseCertificate,
  type TrustAnchorInput,
  trustAnchorsDigest,
  type Verdict,
  type VerifyOptions,
  verifyChain,
  verifyChainOrThrow,
} from '../../src/pki/index.ts';
import { dns, hasKeyType, now, type TestCertificate, type TestIssuer, testCertificate, testKey } from './support.ts';

const crypto = createNodeCrypto();
const day = 86_400_000;
const root: TestIssuer = { name: 'Root', key: testKey() };
const inter: TestIssuer = { name: 'Intermediate', key: testKey() };
const leafKey = testKey();
const rootDer = await testCertificate({ ...root, issuer: root, ca: true });
const interDer = await testCertificate({ ...inter, issuer: root, ca: true });

const leaf = (more: Partial<TestCertificate> = {}): Promise<Uint8Array> =>
  testCertificate({ name: 'leaf', key: leafKey, issuer: inter, names: dns('www.example.com'), ...more });

function verify(
  chain: readonly Uint8Array[],
  more: Partial<VerifyOptions> = {},
  anchors: readonly TrustAnchorInput[] = [rootDer],
): Verdict {
  return verifyChain({
    chain,
    anchors: createTrustAnchors(anchors),
    now,
    profile: 'server',
    name: 'www.example.com',
    crypto,
    ...more,
  });
}

function refusal(verdict: Verdict): CertificateError {
  assert.equal(verdict.ok, false);
  return verdict.error;
}

/** The verdict is a refusal with this code and alert, and the message matches. */
function refused(verdict: Verdict, code: string, alert: string, message: RegExp): void {
  const error = refusal(verdict);
  assert.equal(error.code, code);
  assert.equal(error.alert, alert);
  assert.match(error.message, message);
}

describe('verifyChain', () => {
  it('accepts a good chain, for servers and for clients, in any order behind the leaf', async () => {
    const der = await leaf();
    for (const chain of [
      [der, interDer],
      [der, rootDer, interDer],
      [der, interDer, interDer, der],
    ]) {
      const verdict = verify(chain);
      assert.equal(verdict.ok, true);
      assert.deepEqual(
        verdict.path.map(String).map((text) => text.split('"')[1]),
        ['CN=leaf', 'CN=Intermediate', 'CN=Root'],
      );
      assert.equal(verdict.work.signatures, 2);
    }
    assert.equal(verify([der, interDer], { profile: 'client', name: undefined }).ok, true);
  });

  for (const type of (['rsa', 'rsaPss', 'p384', 'p521', 'ed25519', 'mldsa65'] as const).filter(hasKeyType)) {
    it(`works with ${type} keys`, async () => {
      const authority = { name: `Root ${type}`, key: testKey(type) };
      const anchor = await testCertificate({ ...authority, issuer: authority, ca: true });
      const der = await leaf({ issuer: authority, key: testKey(type) });
      assert.equal(verify([der], {}, [anchor]).ok, true);
      der[der.length - 1] = (der[der.length - 1] as number) ^ 1;
      refused(verify([der], {}, [anchor]), 'ERR_TLS_CERT_SIGNATURE', 'badCertificate', /not signed/);
    });
  }

  it('says what is missing where no path is found', async () => {
    const der = await leaf();
    refused(verify([der]), 'ERR_TLS_CERT_UNKNOWN_CA', 'unknownCa', /issuer "CN=Intermediate" of .* was not sent/);
    refused(
      verify([der, interDer], {}, []),
      'ERR_TLS_CERT_UNKNOWN_CA',
      'unknownCa',
      /no certificate is trusted at all/,
    );
    refused(
      verify([der, interDer, rootDer], {}, [{ certificate: await leaf(), source: 'ca.pem' }]),
      'ERR_TLS_CERT_UNKNOWN_CA',
      'unknownCa',
      /ends in the root "CN=Root".*ca\.pem/,
    );
    const self = { name: 'self', key: leafKey };
    refused(
      verify([await testCertificate({ ...self, issuer: self, names: dns('www.example.com') })]),
      'ERR_TLS_CERT_SELF_SIGNED',
      'unknownCa',
      /self-signed/,
    );
    refused(verify([]), 'ERR_TLS_CERT_NONE', 'badCertificate', /no certificate/);
    refused(verify(Array.from({ length: 129 }, () => der)), 'ERR_TLS_CERT_CHAIN_LENGTH', 'badCertificate', /129/);
  });

  it('mentions a malformed intermediate where the path is missing', async () => {
    const error = refusal(verify([await leaf(), interDer.subarray(0, 100)]));
    assert.match(error.message, /malformed/);
    assert.equal(verify([await leaf(), interDer.subarray(0, 100), interDer]).ok, true);
  });

  it('takes a certificate that is itself trusted, and still judges its time, purpose and name', async () => {
    const self = { name: 'self', key: leafKey };
    const make = (more: Partial<TestCertificate> = {}) =>
      testCertificate({ ...self, issuer: self, names: dns('www.example.com'), ...more });
    const der = await make();
    assert.equal(verify([der], {}, [der]).ok, true);
    refused(
      verify([der], { name: 'other.example' }, [der]),
      'ERR_TLS_CERT_NAME',
      'badCertificate',
      /DNS:www\.example\.com/,
    );
    const old = await make({ notAfter: now - 1000 });
    refused(verify([old], {}, [old]), 'ERR_TLS_CERT_EXPIRED', 'certificateExpired', /expired on 2026-05-31T23:59:59Z/);
  });

  it('judges the validity of every certificate to the second', async () => {
    refused(
      verify([await leaf({ notAfter: now - 1000 }), interDer]),
      'ERR_TLS_CERT_EXPIRED',
      'certificateExpired',
      /renew it/,
    );
    refused(
      verify([await leaf({ notBefore: now + 1000 }), interDer]),
      'ERR_TLS_CERT_NOT_YET_VALID',
      'certificateExpired',
      /clock/,
    );
    assert.equal(verify([await leaf({ notAfter: now }), interDer], { now: now + 999 }).ok, true);
    const old = await testCertificate({ ...inter, issuer: root, ca: true, notAfter: now - day });
    refused(verify([await leaf(), old]), 'ERR_TLS_CERT_EXPIRED', 'certificateExpired', /intermediate/);
  });

  it('refuses a leaf that acts as a CA', async () => {
    const evil = { name: 'leaf', key: leafKey };
    const victim = await testCertificate({
      name: 'victim',
      key: testKey(),
      issuer: evil,
      names: dns('www.example.com'),
    });
    refused(verify([victim, await leaf(), interDer]), 'ERR_TLS_CERT_NOT_A_CA', 'badCertificate', /4\.2\.1\.9/);
  });

  it('refuses CAs by key usage, path length, purpose, criticality', async () => {
    const chainWith = async (more: Partial<TestCertificate>) => [
      await leaf(),
      await testCertificate({ ...inter, issuer: root, ca: true, ...more }),
    ];
    refused(
      verify(await chainWith({ replace: { [oids.keyUsage]: extension.keyUsage('crlSign') } })),
      'ERR_TLS_CERT_KEY_USAGE',
      'badCertificate',
      /keyCertSign/,
    );
    refused(
      verify(await chainWith({ more: [extension.extendedKeyUsage(oids.codeSigning)] })),
      'ERR_TLS_CERT_PURPOSE',
      'unsupportedCertificate',
      /serverAuth/,
    );
    assert.equal(verify(await chainWith({ more: [extension.extendedKeyUsage(oids.serverAuth)] })).ok, true);
    refused(
      verify(
        await chainWith({
          replace: { [oids.basicConstraints]: { ...extension.basicConstraints(true), critical: false } },
        }),
      ),
      'ERR_TLS_CERT_PROFILE',
      'badCertificate',
      /not marked critical/,
    );
    refused(
      verify(await chainWith({ more: [{ oid: '1.2.3.4', critical: true, value: Uint8Array.of(5, 0) }] })),
      'ERR_TLS_CERT_CRITICAL_EXTENSION',
      'unsupportedCertificate',
      /1\.2\.3\.4/,
    );
    const top = await testCertificate({ ...root, issuer: root, ca: true, pathLength: 0 });
    refused(
      verify(await chainWith({}), {}, [top]),
      'ERR_TLS_CERT_PATH_LENGTH',
      'badCertificate',
      /allows 0 intermediate/,
    );
    refused(
      verify(await chainWith({}), { policy: { maxIntermediates: 0 } }),
      'ERR_TLS_CERT_CHAIN_LENGTH',
      'badCertificate',
      /maxIntermediates/,
    );
  });

  it('refuses leaves for other uses', async () => {
    const withUse = async (...uses: string[]) => [
      await leaf({ replace: { [oids.extendedKeyUsage]: extension.extendedKeyUsage(...uses) } }),
      interDer,
    ];
    refused(verify(await withUse(oids.clientAuth)), 'ERR_TLS_CERT_PURPOSE', 'unsupportedCertificate', /TLS servers/);
    refused(
      verify(await withUse(oids.serverAuth), { profile: 'client', name: undefined }),
      'ERR_TLS_CERT_PURPOSE',
      'unsupportedCertificate',
      /TLS clients/,
    );
    refused(
      verify(await withUse(oids.serverAuth, oids.anyExtendedKeyUsage)),
      'ERR_TLS_CERT_PURPOSE',
      'unsupportedCertificate',
      /any/,
    );
    refused(
      verify([await leaf({ replace: { [oids.keyUsage]: extension.keyUsage('dataEncipherment') } }), interDer]),
      'ERR_TLS_CERT_KEY_USAGE',
      'badCertificate',
      /digitalSignature/,
    );
  });

  it('asks for key identifiers unless told not to', async () => {
    const chain = [await leaf({ replace: { [oids.authorityKeyIdentifier]: undefined } }), interDer];
    refused(verify(chain), 'ERR_TLS_CERT_PROFILE', 'badCertificate', /authorityKeyIdentifier/);
    assert.equal(verify(chain, { policy: { requireKeyIdentifiers: false } }).ok, true);
  });

  it('refuses a wrong signature, and one under the key of a namesake', async () => {
    const der = new Uint8Array(await leaf());
    der[der.length - 1] = (der[der.length - 1] as number) ^ 1;
    refused(verify([der, interDer]), 'ERR_TLS_CERT_SIGNATURE', 'badCertificate', /not signed by the key/);
    const impostor = { name: 'Intermediate', key: testKey() };
    const fake = await leaf({ issuer: impostor });
    refused(verify([fake, interDer]), 'ERR_TLS_CERT_SIGNATURE', 'badCertificate', /newer key/);
  });

  it('refuses SHA-1 and small RSA keys', async () => {
    const sha1 = await buildCertificate(
      {
        serialNumber: Uint8Array.of(7),
        issuer: encodeName([['CN', 'Intermediate']]),
        subject: encodeName([['CN', 'x']]),
        notBefore: now - day,
        notAfter: now + day,
        spki: leafKey.spki,
        extensions: [
          extension.authorityKeyIdentifier(inter.key.keyId),
          extension.subjectAltName(dns('www.example.com')),
        ],
      },
      { algorithm: { kind: 'ecdsa', hash: 'sha1' }, sign: () => new Uint8Array(70) },
    );
    refused(verify([sha1, interDer]), 'ERR_TLS_CERT_SIGNATURE_ALGORITHM', 'unsupportedCertificate', /SHA-1/);
    refused(
      verify([await leaf({ key: testKey('rsa') }), interDer], { policy: { minRsaBits: 3072 } }),
      'ERR_TLS_CERT_KEY',
      'unsupportedCertificate',
      /2048 bits; 3072/,
    );
  });

  it('refuses certificates before version 3', async () => {
    // The same certificate as version 2, without extensions; its signature is looked at later.
    const old = derSequence(
      derSequence(
        derContext(0, derInteger(1)),
        derInteger(5),
        encodeSignatureAlgorithm(inter.key.algorithm),
        encodeName([['CN', 'Intermediate']]),
        derSequence(derTime(now - day), derTime(now + day)),
        encodeName([['CN', 'www.example.com']]),
        leafKey.spki,
      ),
      encodeSignatureAlgorithm(inter.key.algorithm),
      derBitString(new Uint8Array(70)),
    );
    refused(verify([old, interDer]), 'ERR_TLS_CERT_VERSION', 'unsupportedCertificate', /version 2/);
  });

  it('goes another way where an intermediate is revoked', async () => {
    const other: TestIssuer = { name: 'Other Root', key: testKey() };
    const otherDer = await testCertificate({ ...other, issuer: other, ca: true });
    const cross = await testCertificate({ ...inter, issuer: other, ca: true });
    const list = (issuer: TestIssuer, revoked: Uint8Array[]) =>
      buildCertificateList(
        {
          issuer: encodeName([['CN', issuer.name]]),
          thisUpdate: now - day,
          nextUpdate: now + day,
          crlNumber: 1,
          authorityKeyIdentifier: issuer.key.keyId,
          revoked: revoked.map((der) => ({
            serialNumber: parseCertificate(der).serialNumber,
            revocationDate: now - day,
          })),
        },
        issuer.key,
      );
    const crls = [await list(root, [interDer]), await list(other, []), await list(inter, [])];
    const verdict = verify([await leaf(), interDer, cross], { crls }, [rootDer, otherDer]);
    assert.equal(verdict.ok, true);
    assert.match(String(verdict.path[2]), /Other Root/);
    refused(
      verify([await leaf(), interDer], { crls }, [rootDer, otherDer]),
      'ERR_TLS_CERT_REVOKED',
      'certificateRevoked',
      /revoked/,
    );
  });

  it('keeps good intermediates, and judges anew what depends on the moment', async () => {
    const anchors = createTrustAnchors([rootDer]);
    const bytes = Uint8Array.from(interDer);
    assert.equal(verify([await leaf(), bytes], { anchors }).work.signatures, 2);
    bytes.fill(0); // the kept one is a copy
    const again = verify([await leaf(), interDer], { anchors });
    assert.equal(again.ok, true);
    assert.equal(again.work.signatures, 1);
    assert.equal(verify([await leaf(), interDer], { anchors, now: now + 31 * day }).ok, false);
    // Another certificate with the same end is another certificate.
    const twin = Uint8Array.from(interDer);
    twin[60] = (twin[60] as number) ^ 1;
    assert.equal(verify([await leaf(), twin], { anchors }).ok, false);
    // No leaf is kept, and nothing that was refused.
    const forged = Uint8Array.from(await leaf());
    forged[forged.length - 1] = (forged[forged.length - 1] as number) ^ 1;
    for (let i = 0; i < 2; i++) assert.equal(verify([forged, interDer], { anchors }).work.signatures, 1);
  });

  it('throws the same error where that is wanted', async () => {
    const options = { chain: [await leaf()], anchors: createTrustAnchors([]), now, profile: 'server', crypto } as const;
    assert.throws(() => verifyChainOrThrow(options), { code: 'ERR_TLS_CERT_UNKNOWN_CA' });
  });

  it('keeps to what limits an anchor', async () => {
    const chain = [await leaf(), interDer];
    refused(
      verify(chain, {}, [{ certificate: rootDer, distrustAfter: now - 2 * day }]),
      'ERR_TLS_CERT_DISTRUSTED',
      'unknownCa',
      /distrusted/,
    );
    assert.equal(verify(chain, {}, [{ certificate: rootDer, distrustAfter: now }]).ok, true);
    const constraints = { permitted: dns('other.example'), excluded: [] };
    refused(
      verify(chain, {}, [{ certificate: rootDer, constraints }]),
      'ERR_TLS_CERT_NAME_CONSTRAINTS',
      'badCertificate',
      /other\.example/,
    );
  });

  it('digests trust anchors whatever their order', () => {
    const a = trustAnchorsDigest(createTrustAnchors([rootDer, interDer]), crypto);
    assert.deepEqual(trustAnchorsDigest(createTrustAnchors([interDer, rootDer]), crypto), a);
    assert.notDeepEqual(trustAnchorsDigest(createTrustAnchors([rootDer]), crypto), a);
  });
});

describe('path building', () => {
  it('goes around a bad way to a good one', async () => {
    // The same intermediate, expired under one root, valid under the other, and once with a signature that is wrong.
    const other = { name: 'Other Root', key: testKey() };
    const otherDer = await testCertificate({ ...other, issuer: other, ca: true });
    const expired = await testCertificate({ ...inter, issuer: root, ca: true, notAfter: now - day });
    const good = await testCertificate({ ...inter, issuer: other, ca: true });
    const broken = new Uint8Array(interDer);
    broken[broken.length - 1] = (broken[broken.length - 1] as number) ^ 1;
    const der = await leaf();
    for (const chain of [
      [der, expired, good],
      [der, broken, expired, good],
      [der, good, broken],
    ]) {
      const verdict = verify(chain, {}, [rootDer, otherDer]);
      assert.equal(verdict.ok, true);
      assert.match(String(verdict.path[2]), /Other Root/);
    }
  });

  it('finds the root through CAs that sign each other (CVE-2024-0567)', async () => {
    const names = ['A', 'B', 'C'].map((name) => ({ name, key: testKey() }));
    const cross: Uint8Array[] = [];
    for (const a of names)
      for (const b of names) if (a !== b) cross.push(await testCertificate({ ...a, issuer: b, ca: true }));
    const [a] = names as [TestIssuer];
    const verdict = verify([await leaf({ issuer: a }), ...cross], {}, [
      await testCertificate({ ...a, issuer: a, ca: true }),
    ]);
    assert.equal(verdict.ok, true);
    assert.equal(verdict.path.length, 2);
    const lost = verify([await leaf({ issuer: a }), ...cross]);
    refused(lost, 'ERR_TLS_CERT_UNKNOWN_CA', 'unknownCa', /none of the 1 trusted/);
    assert.equal(lost.work.signatures, 0);
  });

  it('stops at its budget on a graph that is made to blow up', async () => {
    // Layers of CAs that all sign all of the next layer, the link to the root alone with a wrong signature.
    const layers = Array.from({ length: 6 }, (_, i) =>
      Array.from({ length: 4 }, (_, j) => ({ name: `L${i}`, key: testKey(), j })),
    );
    const chain: Uint8Array[] = [];
    for (let i = 0; i < 5; i++) {
      for (const low of layers[i] ?? [])
        for (const high of layers[i + 1] ?? []) chain.push(await testCertificate({ ...low, issuer: high, ca: true }));
    }
    for (const top of layers[5] ?? [])
      chain.push(await testCertificate({ ...top, issuer: { name: 'Root', key: testKey() }, ca: true }));
    const der = await leaf({ issuer: (layers[0] as TestIssuer[])[0] as TestIssuer });
    const verdict = verify([der, ...chain]);
    assert.equal(verdict.ok, false);
    assert.ok(verdict.work.signatures <= 64 && verdict.work.steps <= 10_000, JSON.stringify(verdict.work));
    refused(
      verify([der, ...chain], { policy: { limits: { steps: 50 } } }),
      'ERR_TLS_CERT_BUDGET',
      'badCertificate',
      /50 attempts/,
    );
    refused(
      verify([await leaf(), interDer], { policy: { limits: { signatures: 1 } } }),
      'ERR_TLS_CERT_BUDGET',
      'badCertificate',
      /1 signature/,
    );
  });

  it('stops at its budget on constraints times names', async () => {
    const many = Array.from({ length: 1000 }, (_, i): GeneralName => ({ kind: 'dns', value: `n${i}.example.com` }));
    const constrained = await testCertificate({
      ...inter,
      issuer: root,
      ca: true,
      more: [extension.nameConstraints(many)],
    });
    const verdict = verify([await leaf({ names: many.toReversed() }), constrained], { name: 'n1.example.com' });
    refused(verdict, 'ERR_TLS_CERT_BUDGET', 'badCertificate', /comparisons/);
    assert.equal(verdict.work.comparisons, 250_000);
    assert.equal(verdict.work.signatures, 0);
  });
});

describe('name constraints', () => {
  const check = async (
    permitted: GeneralName[],
    excluded: GeneralName[],
    names: GeneralName[],
    subject?: string,
  ): Promise<boolean> => {
    const constrained = await testCertificate({
      ...inter,
      issuer: root,
      ca: true,
      more: [extension.nameConstraints(permitted, excluded)],
    });
    const verdict = verify([await leaf({ names, name: subject }), constrained], { name: undefined });
    if (!verdict.ok) assert.equal(verdict.error.code, 'ERR_TLS_CERT_NAME_CONSTRAINTS', verdict.error.message);
    return verdict.ok;
  };
  const ip = (...octets: number[]): GeneralName => ({ kind: 'ip', value: Uint8Array.from(octets) });
  const email = (value: string): GeneralName => ({ kind: 'email', value });
  const uri = (value: string): GeneralName => ({ kind: 'uri', value });
  const directory = (...rdns: [string, string][]): GeneralName => ({ kind: 'directory', value: encodeName(rdns) });

  it('judge DNS names and wildcards', async () => {
    assert.equal(await check(dns('example.com'), [], dns('example.com', 'a.b.EXAMPLE.com')), true);
    assert.equal(await check(dns('example.com'), [], dns('notexample.com')), false);
    assert.equal(await check(dns('example.com'), [], dns('*.example.com')), true);
    assert.equal(await check(dns('www.example.com'), [], dns('*.example.com')), false);
    assert.equal(await check([], dns('www.example.com'), dns('*.example.com')), false);
    assert.equal(await check([], dns('a.www.example.com'), dns('*.example.com')), true);
    assert.equal(await check([], dns('example.com'), dns('example.org')), true);
    assert.equal(await check([], dns(''), dns('example.org')), false);
    assert.equal(
      await check(dns('example.com'), dns('no.example.com'), dns('yes.example.com', 'no.example.com')),
      false,
    );
  });

  it('judge addresses', async () => {
    assert.equal(await check([ipRange('192.0.2.0/24')], [], [ip(192, 0, 2, 255)]), true);
    assert.equal(await check([ipRange('192.0.2.0/24')], [], [ip(192, 0, 3, 0)]), false);
    assert.equal(
      await check([ipRange('2001:db8::/33')], [], [ip(0x20, 1, 0xd, 0xb8, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)]),
      false,
    );
    assert.equal(
      await check([ipRange('192.0.2.0/24')], [], [ip(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1)]),
      false,
    );
    assert.equal(await check([], [ipRange('0.0.0.0/0')], [ip(8, 8, 8, 8)]), false);
  });

  it('judge mail addresses and URIs', async () => {
    assert.equal(await check([email('example.com')], [], [email('A@EXAMPLE.com')]), true);
    assert.equal(await check([email('example.com')], [], [email('a@sub.example.com')]), false);
    assert.equal(await check([email('.example.com')], [], [email('a@sub.example.com')]), true);
    assert.equal(await check([email('a@example.com')], [], [email('A@example.com')]), false);
    assert.equal(await check([uri('.example.com')], [], [uri('https://user@www.example.com:8443/x')]), true);
    assert.equal(await check([uri('example.com')], [], [uri('https://www.example.com')]), false);
    assert.equal(await check([], [uri('example.com')], [uri('urn:example:x')]), false);
    assert.equal(await check([], [uri('example.com')], [uri('https://192.0.2.1/')]), false);
  });

  it('judge internationalized mail addresses by the constraints on mail', async () => {
    const international = (text: string): GeneralName => ({
      kind: 'other',
      type: oids.smtpUtf8Mailbox,
      value: derUtf8(text),
    });
    assert.equal(await check([email('xn--mnchen-3ya.example')], [], [international('Jörg@münchen.example')]), true);
    assert.equal(await check([email('example.com')], [], [international('Jörg@münchen.example')]), false);
    assert.equal(await check([], [email('xn--mnchen-3ya.example')], [international('Jörg@MÜNCHEN.example')]), false);
    assert.equal(await check([], [email('example.com')], [international('no mailbox')]), false);
  });

  it('judge the subject and directory names', async () => {
    const acme: [string, string] = ['O', 'Acme'];
    assert.equal(await check([directory(acme)], [], [directory(acme, ['CN', 'x'])], undefined), true);
    assert.equal(await check([directory(acme)], [], dns('example.com'), 'leaf'), false);
    assert.equal(await check([], [directory(['CN', 'LEAF '])], dns('example.com'), 'leaf'), false);
  });

  it('refuse names of kinds that cannot be judged', async () => {
    const other: GeneralName = { kind: 'other', type: '1.2.3', value: Uint8Array.of(5, 0) };
    assert.equal(await check([], [other], [...dns('a.example'), other]), false);
    assert.equal(await check([], [other], dns('a.example')), true);
  });

  it('hold over several levels, but not over self-issued intermediates', async () => {
    const top = await testCertificate({
      ...root,
      issuer: root,
      ca: true,
      more: [extension.nameConstraints(dns('example.com'))],
    });
    const narrow = await testCertificate({
      ...inter,
      issuer: root,
      ca: true,
      names: dns('elsewhere.test'),
      more: [extension.nameConstraints(dns('www.example.com'))],
    });
    assert.equal(verify([await leaf(), narrow], {}, [top]).ok, false);
    const rolled = { name: 'Root', key: testKey() };
    const selfIssued = await testCertificate({ ...rolled, issuer: root, ca: true, names: dns('elsewhere.test') });
    assert.equal(verify([await leaf({ issuer: rolled }), selfIssued], {}, [top]).ok, true);
  });
});

describe('host names', () => {
  const withNames = async (...names: GeneralName[]) => parseCertificate(await leaf({ names }));

  it('match letter by letter, wildcards one whole label', async () => {
    const certificate = await withNames(
      ...dns('Example.COM', '*.wild.example.com', '*.com', 'x*.example.com', 'xn--mnchen-3ya.example'),
    );
    for (const host of [
      'example.com',
      'EXAMPLE.com.',
      'a.wild.example.com',
      'münchen.example',
      'xn--mnchen-3ya.example',
    ]) {
      assert.equal(matchesHost(certificate, host), true, host);
    }
    for (const host of [
      'www.example.com',
      'wild.example.com',
      'a.b.wild.example.com',
      '.wild.example.com',
      'other.com',
      'xy.example.com',
      '',
      '.',
      'example.com..',
      'exa mple.com',
    ]) {
      assert.equal(matchesHost(certificate, host), false, host);
    }
  });

  it('match addresses by their octets alone', async () => {
    const certificate = await withNames(
      { kind: 'ip', value: Uint8Array.of(192, 0, 2, 1) },
      { kind: 'ip', value: Uint8Array.from([0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), 1]) },
      ...dns('198.51.100.7'),
    );
    for (const host of ['192.0.2.1', '2001:db8::1', '2001:0DB8:0:0::0.0.0.1'])
      assert.equal(matchesHost(certificate, host), true, host);
    for (const host of ['192.0.2.2', '198.51.100.7', '192.0.2.01', '::ffff:192.0.2.1', '3221225985'])
      assert.equal(matchesHost(certificate, host), false, host);
  });

  it('never come from the common name', async () => {
    const certificate = parseCertificate(await leaf({ name: 'www.example.com', names: [] }));
    assert.equal(matchesHost(certificate, 'www.example.com'), false);
  });
});

describe('certificate policies', () => {
  const policy = (n: number) => `1.3.6.1.4.1.55555.${n}`;
  const constrained = (require: number) => ({
    oid: oids.policyConstraints,
    critical: true,
    value: Uint8Array.of(0x30, 3, 0x80, 1, require),
  });

  it('must hold down the path where a CA demands it', async () => {
    const demanding = await testCertificate({
      ...inter,
      issuer: root,
      ca: true,
      more: [extension.certificatePolicies(policy(1)), constrained(0)],
    });
    assert.equal(verify([await leaf({ more: [extension.certificatePolicies(policy(1))] }), demanding]).ok, true);
    refused(
      verify([await leaf({ more: [extension.certificatePolicies(policy(2))] }), demanding]),
      'ERR_TLS_CERT_POLICY',
      'badCertificate',
      /RFC 9618/,
    );
    refused(verify([await leaf(), demanding]), 'ERR_TLS_CERT_POLICY', 'badCertificate', /policy/);
  });

  it('must be among those that the caller names', async () => {
    const any = await testCertificate({
      ...inter,
      issuer: root,
      ca: true,
      more: [extension.certificatePolicies(oids.anyPolicy)],
    });
    const chain = [await leaf({ more: [extension.certificatePolicies(policy(1))] }), any];
    assert.equal(verify(chain, { policy: { certificatePolicies: [policy(1), policy(9)] } }).ok, true);
    refused(
      verify(chain, { policy: { certificatePolicies: [policy(9)] } }),
      'ERR_TLS_CERT_POLICY',
      'badCertificate',
      /55555\.9/,
    );
  });

  it('are mapped, and not where a CA above inhibits it', async () => {
    const mapping = {
      oid: oids.policyMappings,
      critical: true,
      value: derSequence(derSequence(derOid(policy(1)), derOid(policy(2)))),
    };
    const chain = async (top: Uint8Array): Promise<[Uint8Array[], TrustAnchorInput[]]> => [
      [
        await leaf({ more: [extension.certificatePolicies(policy(2))] }),
        await testCertificate({
          ...inter,
          issuer: { name: 'Middle', key: middleKey },
          ca: true,
          more: [extension.certificatePolicies(policy(1)), mapping],
        }),
        top,
      ],
      [rootDer],
    ];
    const middleKey = testKey();
    const middle = { name: 'Middle', key: middleKey };
    const open = await testCertificate({
      ...middle,
      issuer: root,
      ca: true,
      more: [extension.certificatePolicies(policy(1))],
    });
    const inhibits = { oid: oids.policyConstraints, critical: true, value: Uint8Array.of(0x30, 3, 0x81, 1, 0) };
    const closed = await testCertificate({
      ...middle,
      issuer: root,
      ca: true,
      more: [extension.certificatePolicies(policy(1)), inhibits],
    });
    const options = { policy: { certificatePolicies: [policy(1)] } };
    const [goodChain, anchors] = await chain(open);
    assert.equal(verify(goodChain, options, anchors).ok, true);
    const [badChain] = await chain(closed);
    assert.equal(refusal(verify(badChain, options, anchors)).code, 'ERR_TLS_CERT_POLICY');
  });

  it('cost no more than the budget where mappings multiply', async () => {
    const policies = Array.from({ length: 200 }, (_, i) => policy(i + 1));
    const wide = await testCertificate({
      ...inter,
      issuer: root,
      ca: true,
      more: [extension.certificatePolicies(...policies), constrained(0)],
    });
    const verdict = verify([await leaf({ more: [extension.certificatePolicies(...policies)] }), wide], {
      policy: { limits: { comparisons: 10_000 } },
    });
    assert.equal(refusal(verdict).code, 'ERR_TLS_CERT_BUDGET');
  });
});

it('random bytes are no chain', () => {
  for (let i = 0; i < 200; i++) assert.equal(verify([randomBytes(i), randomBytes(64)]).ok, false);
});
