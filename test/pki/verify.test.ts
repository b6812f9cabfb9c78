import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { encodeSignatureAlgorithm } from '../../src/pki/algorithm.ts';
import { derBitString, derContext, derInteger, derSequence, derTime } from '../../src/pki/der/writer.ts';
import {
  buildCertificate,
  buildCertificateList,
  createTrustAnchors,
  encodeName,
  extension,
  type GeneralName,
  oids,
  parseCertificate,
  trustAnchorsDigest,
  verifyChainOrThrow,
} from '../../src/pki/index.ts';
import { crypto, day, inter, interDer, leaf, leafKey, refusal, refused, root, rootDer, verify } from './small-chain.ts';
import { dns, hasKeyType, now, type TestCertificate, type TestIssuer, testCertificate, testKey } from './support.ts';

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
      verify(await chainWith({ replace: { [oids.keyUsage]: undefined } })),
      'ERR_TLS_CERT_PROFILE',
      'badCertificate',
      /without keyUsage.*Section 4\.2\.1\.3/,
    );
    // A root is trusted by decision; old ones have none.
    const oldRoot = await testCertificate({ ...root, issuer: root, ca: true, replace: { [oids.keyUsage]: undefined } });
    assert.equal(verify(await chainWith({}), {}, [oldRoot]).ok, true);
    refused(
      verify(await chainWith({ more: [extension.extendedKeyUsage(oids.codeSigning)] })),
      'ERR_TLS_CERT_PURPOSE',
      'unsupportedCertificate',
      /serverAuth/,
    );
    const forServers = await chainWith({ more: [extension.extendedKeyUsage(oids.serverAuth)] });
    assert.equal(verify(forServers).ok, true);
    // Trusted by itself, without its root: the limit holds, and is no fault of it.
    const [der, authority] = forServers as [Uint8Array, Uint8Array];
    assert.equal(verify([der], {}, [authority]).ok, true);
    refused(
      verify([der], { profile: 'client', name: undefined }, [authority]),
      'ERR_TLS_CERT_PURPOSE',
      'unsupportedCertificate',
      /clientAuth/,
    );
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

  it('refuses a leaf whose key is none', async () => {
    const spki = Uint8Array.from(leafKey.spki);
    const last = spki.length - 1;
    spki[last] = (spki[last] as number) ^ 1; // beside the curve
    refused(
      verify([await leaf({ key: { ...leafKey, spki } }), interDer]),
      'ERR_TLS_CERT_KEY',
      'unsupportedCertificate',
      /has a key that can't be used/,
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

  it('compares names with constraints once, however many ways there are, and writes out none that it need not', async () => {
    // 77 kB that fit into one Certificate message: CAs that could all have issued each other, each with constraints, over
    // a leaf with 53 directory names of 120 attributes. It took 18 s of CPU.
    const long = (last: string): GeneralName => ({
      kind: 'directory',
      value: encodeName([...Array.from({ length: 119 }, () => ['CN', 'x'] as const), ['CN', last]]),
    });
    const names = Array.from({ length: 53 }, (_, i) => long(String(i)));
    const der = await leaf({ names: [...dns('www.example.com'), ...names] });
    const everything = extension.nameConstraints([{ kind: 'directory', value: encodeName([]) }]);
    const { key } = inter;
    const chain: Uint8Array[] = [der];
    for (let i = 0; i < 14; i++) {
      const issuer = { name: i % 2 === 0 ? 'Root' : inter.name, key };
      chain.push(await testCertificate({ name: inter.name, key: testKey(), issuer, ca: true, more: [everything] }));
    }
    const before = process.cpuUsage();
    const verdict = verify(chain);
    const { user } = process.cpuUsage(before);
    refused(verdict, 'ERR_TLS_CERT_BUDGET', 'badCertificate', /attempts to find issuers/);
    assert.ok(verdict.work.comparisons <= 14 * 54 + 14 * 14, JSON.stringify(verdict.work));
    assert.ok(user < 5e6, `${user} µs`);
  });
});

it('random bytes are no chain', () => {
  for (let i = 0; i < 200; i++) assert.equal(verify([randomBytes(i), randomBytes(64)]).ok, false);
});
