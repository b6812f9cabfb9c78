import assert from 'node:assert/strict';
import * as nodeCrypto from 'node:crypto';
import { describe, it } from 'node:test';
import { concat } from '../../src/bytes/bytes.ts';
import { Writer } from '../../src/bytes/writer.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import type { CertificateError } from '../../src/errors.ts';
import { encodeSignatureAlgorithm } from '../../src/pki/algorithm.ts';
import { type ExtensionInput, encodeExtensions, signed } from '../../src/pki/build.ts';
import {
  derContext,
  derContextPrimitive,
  derEnumerated,
  derInteger,
  derOctetString,
  derOid,
  derSequence,
  derTime,
} from '../../src/pki/der/writer.ts';
import {
  buildCertificateList,
  buildOcspResponse,
  type CertificateListTemplate,
  type CertStatus,
  checkOcspResponse,
  createTrustAnchors,
  crlReasons,
  encodeCertId,
  encodeName,
  encodeOcspError,
  extension,
  oids,
  parseCertificate,
  parseCertificateList,
  type VerifyOptions,
  verifyChain,
} from '../../src/pki/index.ts';
import { withoutTimestamps } from '../../src/pki/verify/sct.ts';
import { dns, now, type TestCertificate, type TestKey, testCertificate, testKey } from './support.ts';

const crypto = createNodeCrypto();
const hour = 3_600_000;
const root = { name: 'Root', key: testKey() };
const inter = { name: 'Intermediate', key: testKey() };
const rootDer = await testCertificate({ ...root, issuer: root, ca: true });
const interDer = await testCertificate({ ...inter, issuer: root, ca: true });
const leaf = (more: Partial<TestCertificate> = {}) =>
  testCertificate({ name: 'leaf', key: testKey(), issuer: inter, names: dns('example.com'), ...more });
const leafDer = await leaf();
const issuer = parseCertificate(interDer);

function problemOf(
  more: Partial<VerifyOptions>,
  chain: readonly Uint8Array[] = [leafDer, interDer],
): CertificateError | undefined {
  const verdict = verifyChain({
    chain,
    anchors: createTrustAnchors([rootDer]),
    now,
    profile: 'server',
    crypto,
    ...more,
  });
  return verdict.ok ? undefined : verdict.error;
}
const codeOf = (...args: Parameters<typeof problemOf>): string => problemOf(...args)?.code ?? 'good';

function crl(by: typeof root, more: Partial<CertificateListTemplate> = {}, key: TestKey = by.key): Promise<Uint8Array> {
  return buildCertificateList(
    {
      issuer: parseCertificate(by === root ? rootDer : interDer).subject,
      thisUpdate: now - hour,
      nextUpdate: now + hour,
      crlNumber: 1,
      authorityKeyIdentifier: by.key.keyId,
      revoked: [],
      ...more,
    },
    key,
  );
}
const entry = (der: Uint8Array) =>
  ({
    serialNumber: parseCertificate(der).serialNumber,
    revocationDate: now - 2 * hour,
    reason: 'keyCompromise',
  }) as const;

describe('revocation lists', () => {
  it('are needed for the whole path unless the policy says otherwise', async () => {
    const both = [await crl(inter), await crl(root)];
    assert.equal(codeOf({ crls: both }), 'good');
    assert.equal(codeOf({ crls: both.slice(0, 1) }), 'ERR_TLS_CERT_REVOCATION_UNKNOWN');
    assert.equal(codeOf({ crls: both.slice(0, 1), policy: { crls: 'leaf' } }), 'good');
    assert.equal(codeOf({ crls: both.slice(1), policy: { crls: 'leaf' } }), 'ERR_TLS_CERT_REVOCATION_UNKNOWN');
    assert.equal(codeOf({ crls: [], policy: { crls: 'ifAvailable' } }), 'good');
    assert.equal(codeOf({ crls: both.map((der) => parseCertificateList(der)) }), 'good');
  });

  it('are not needed for a leaf that says that there are none (RFC 9608), and count where there are', async () => {
    const noRevAvail = { oid: oids.noRevAvail, value: Uint8Array.of(5, 0) };
    const short = await leaf({ more: [noRevAvail] });
    const crls = [await crl(root)];
    assert.equal(codeOf({ crls }), 'ERR_TLS_CERT_REVOCATION_UNKNOWN');
    assert.equal(codeOf({ crls }, [short, interDer]), 'good');
    assert.equal(codeOf({ crls: [] }, [short, interDer]), 'ERR_TLS_CERT_REVOCATION_UNKNOWN', 'the intermediate');
    const revoked = await crl(inter, { revoked: [entry(short)] });
    assert.equal(codeOf({ crls: [...crls, revoked] }, [short, interDer]), 'ERR_TLS_CERT_REVOKED');
    const authority = await testCertificate({ ...inter, issuer: root, ca: true, more: [noRevAvail] });
    assert.equal(codeOf({ crls: [await crl(inter)] }, [leafDer, authority]), 'ERR_TLS_CERT_REVOCATION_UNKNOWN');
  });

  it('refuse what they name, leaf or intermediate, with the reason', async () => {
    const error = problemOf({ crls: [await crl(inter, { revoked: [entry(leafDer)] }), await crl(root)] });
    assert.equal(error?.code, 'ERR_TLS_CERT_REVOKED');
    assert.equal(error?.alert, 'certificateRevoked');
    assert.match(error?.message ?? '', /keyCompromise/);
    assert.equal(
      codeOf({ crls: [await crl(inter), await crl(root, { revoked: [entry(interDer)] })] }),
      'ERR_TLS_CERT_REVOKED',
    );
    // The serial number on another issuer's list says nothing.
    assert.equal(codeOf({ crls: [await crl(inter), await crl(root, { revoked: [entry(leafDer)] })] }), 'good');
    // A stale list still revokes.
    assert.equal(
      codeOf({
        crls: [await crl(inter, { revoked: [entry(leafDer)], nextUpdate: now - 1 })],
        policy: { crls: 'ifAvailable' },
      }),
      'ERR_TLS_CERT_REVOKED',
    );
  });

  it('must be fresh, signed by the issuer, and about this kind of certificate', async () => {
    const tops = [await crl(root)];
    const withList = async (more: Partial<CertificateListTemplate>, key?: TestKey) =>
      codeOf({ crls: [await crl(inter, more, key), ...tops] });
    assert.equal(await withList({ nextUpdate: now - 1000 }), 'ERR_TLS_CERT_CRL');
    assert.equal(await withList({ thisUpdate: now + hour, nextUpdate: now + 2 * hour }), 'ERR_TLS_CERT_CRL');
    assert.equal(await withList({}, root.key), 'ERR_TLS_CERT_CRL');
    assert.equal(await withList({ revoked: [entry(leafDer)] }, root.key), 'ERR_TLS_CERT_CRL');
    assert.equal(await withList({ distributionPoint: { only: 'cas' } }), 'ERR_TLS_CERT_CRL');
    assert.equal(await withList({ distributionPoint: { only: 'users' } }), 'good');
    assert.equal(await withList({ distributionPoint: { uris: ['http://a.example/1.crl'] } }), 'ERR_TLS_CERT_CRL');
    assert.equal(codeOf({ crls: [new Uint8Array(10)] }), 'ERR_TLS_CERT_CRL');
  });

  it('of a distribution point count for the certificates that name it', async () => {
    const der = await leaf({ more: [extension.crlDistributionPoints('http://a.example/1.crl')] });
    const lists = async (uri: string) => [await crl(inter, { distributionPoint: { uris: [uri] } }), await crl(root)];
    assert.equal(codeOf({ crls: await lists('http://a.example/1.crl') }, [der, interDer]), 'good');
    assert.equal(codeOf({ crls: await lists('http://a.example/2.crl') }, [der, interDer]), 'ERR_TLS_CERT_CRL');
  });

  // Lists of kinds that `buildCertificateList` has no word for.
  async function listWith(
    revoked: readonly Uint8Array[],
    extensions: readonly ExtensionInput[],
    reason?: number,
  ): Promise<Uint8Array> {
    const why =
      reason === undefined
        ? []
        : [derSequence(derSequence(derOid(oids.reasonCode), derOctetString(derEnumerated(reason))))];
    const entries = revoked.map((der) =>
      derSequence(derInteger(parseCertificate(der).serialNumber), derTime(now - 2 * hour), ...why),
    );
    const all = [
      extension.authorityKeyIdentifier(inter.key.keyId),
      { oid: oids.crlNumber, value: derInteger(7) },
      ...extensions,
    ];
    const tbs = derSequence(
      derInteger(1),
      encodeSignatureAlgorithm(inter.key.algorithm),
      issuer.subject,
      derTime(now - hour),
      derTime(now + hour),
      ...(entries.length === 0 ? [] : [derSequence(...entries)]),
      derContext(0, encodeExtensions(all)),
    );
    return signed(tbs, inter.key);
  }
  const delta = { oid: oids.deltaCrlIndicator, critical: true, value: derInteger(6) };
  const indirect = {
    oid: oids.issuingDistributionPoint,
    critical: true,
    value: derSequence(derContextPrimitive(4, Uint8Array.of(0xff))),
  };

  it('that are deltas revoke, and take nothing back; alone they show nothing', async () => {
    const tops = [await crl(root)];
    const alone = problemOf({ crls: [await listWith([], [delta]), ...tops] });
    assert.equal(alone?.code, 'ERR_TLS_CERT_CRL');
    assert.match(alone?.message ?? '', /delta list .*Section 5\.2\.4.*complete list/);
    const base = await crl(inter);
    assert.equal(codeOf({ crls: [base, await listWith([], [delta]), ...tops] }), 'good');
    assert.equal(codeOf({ crls: [base, await listWith([leafDer], [delta]), ...tops] }), 'ERR_TLS_CERT_REVOKED');
    const takenBack = await listWith([leafDer], [delta], crlReasons.removeFromCRL);
    assert.equal(codeOf({ crls: [base, takenBack, ...tops] }), 'good');
    const held = await crl(inter, { revoked: [entry(leafDer)] });
    assert.equal(codeOf({ crls: [held, takenBack, ...tops] }), 'ERR_TLS_CERT_REVOKED');
  });

  it('that are indirect are refused by name', async () => {
    const tops = [await crl(root)];
    const error = problemOf({ crls: [await listWith([], [indirect]), ...tops] });
    assert.equal(error?.code, 'ERR_TLS_CERT_CRL');
    assert.match(error?.message ?? '', /indirect list .*Section 5\.2\.5.*not supported/);
    // What it names may be another issuer's certificate with the same serial number.
    assert.equal(codeOf({ crls: [await listWith([leafDer], [indirect]), await crl(inter), ...tops] }), 'good');
    // A certificate that leaves its lists to somebody else: here to the root.
    const crlIssuer = derContext(2, derContext(4, parseCertificate(rootDer).subject));
    const delegating = await leaf({
      more: [{ oid: oids.crlDistributionPoints, value: derSequence(derSequence(crlIssuer)) }],
    });
    const unknown = problemOf({ crls: tops }, [delegating, interDer]);
    assert.equal(unknown?.code, 'ERR_TLS_CERT_REVOCATION_UNKNOWN');
    assert.match(unknown?.message ?? '', /the one of .*CN=Root.* is an indirect list/);
  });

  it('do not count where the issuer may not sign lists', async () => {
    const der = await testCertificate({
      ...inter,
      issuer: root,
      ca: true,
      replace: { [oids.keyUsage]: extension.keyUsage('keyCertSign') },
    });
    assert.equal(codeOf({ crls: [await crl(inter), await crl(root)] }, [leafDer, der]), 'ERR_TLS_CERT_CRL');
  });
});

interface OcspInput {
  readonly status?: CertStatus;
  /** Another answer about the same certificate, behind it. */
  readonly second?: CertStatus;
  readonly about?: Uint8Array;
  readonly thisUpdate?: number;
  readonly nextUpdate?: number | null;
  readonly key?: TestKey;
  readonly responder?: { name: Uint8Array } | { keyHash: Uint8Array };
  readonly certificates?: Uint8Array[];
}

function ocsp(input: OcspInput = {}): Promise<Uint8Array> {
  const nextUpdate = input.nextUpdate === null ? {} : { nextUpdate: input.nextUpdate ?? now + hour };
  const certId = encodeCertId(parseCertificate(input.about ?? leafDer).serialNumber, issuer, crypto);
  const statuses = [input.status ?? ({ kind: 'good' } as const), ...(input.second === undefined ? [] : [input.second])];
  return buildOcspResponse(
    {
      responder: input.responder ?? { name: issuer.subject },
      producedAt: now - hour,
      responses: statuses.map((status) => ({
        certId,
        status,
        thisUpdate: input.thisUpdate ?? now - hour,
        ...nextUpdate,
      })),
      certificates: input.certificates,
    },
    input.key ?? inter.key,
  );
}

describe('stapled OCSP answers', () => {
  const judged = async (input: OcspInput) => problemOf({ ocspResponse: await ocsp(input) });
  const code = async (input: OcspInput) => (await judged(input))?.code ?? 'good';

  it('are accepted where they say good about this certificate', async () => {
    assert.equal(await code({}), 'good');
    assert.equal(await code({ responder: { keyHash: inter.key.keyId } }), 'good');
    const good = checkOcspResponse({
      response: await ocsp(),
      certificate: parseCertificate(leafDer),
      issuer,
      now,
      crypto,
    });
    assert.equal(good.nextUpdate, now + hour);
  });

  it('refuse a revoked certificate', async () => {
    assert.equal(await code({ second: { kind: 'revoked', revocationTime: now - hour } }), 'ERR_TLS_CERT_REVOKED');
    assert.equal(await code({ second: { kind: 'unknown' } }), 'ERR_TLS_CERT_OCSP');
    assert.equal(await code({ second: { kind: 'good' } }), 'good');
    const error = await judged({ status: { kind: 'revoked', revocationTime: now - hour, reason: 'superseded' } });
    assert.equal(error?.code, 'ERR_TLS_CERT_REVOKED');
    assert.match(error?.message ?? '', /superseded/);
  });

  it('are refused where they are unknown, stale, early, endless, about another, badly signed or no answer', async () => {
    const other = await leaf();
    for (const input of [
      { status: { kind: 'unknown' } },
      { nextUpdate: now - 1000 },
      { thisUpdate: now + hour },
      { nextUpdate: null },
      { about: other },
      { key: root.key },
      { responder: { name: parseCertificate(rootDer).subject } },
    ] satisfies OcspInput[]) {
      const error = await judged(input);
      assert.equal(error?.code, 'ERR_TLS_CERT_OCSP', JSON.stringify(input));
      assert.equal(error?.alert, 'badCertificateStatusResponse');
    }
    assert.equal(codeOf({ ocspResponse: encodeOcspError('tryLater') }), 'ERR_TLS_CERT_OCSP');
    assert.equal(codeOf({ ocspResponse: Uint8Array.of(1, 2, 3) }), 'ERR_TLS_CERT_OCSP');
    assert.equal(codeOf({ ocspResponse: concat(await ocsp(), Uint8Array.of(0)) }), 'ERR_TLS_CERT_OCSP');
  });

  it('may come from a delegate whom the issuer itself named', async () => {
    const key = testKey();
    const make = (more: Partial<TestCertificate>) =>
      testCertificate({
        name: 'Responder',
        key,
        issuer: inter,
        replace: { [oids.extendedKeyUsage]: extension.extendedKeyUsage(oids.ocspSigning) },
        ...more,
      });
    const answer = async (more: Partial<TestCertificate>) =>
      code({ key, responder: { keyHash: key.keyId }, certificates: [await make(more)] });
    assert.equal(await answer({}), 'good');
    assert.equal(await answer({ replace: {} }), 'ERR_TLS_CERT_OCSP');
    assert.equal(await answer({ issuer: root }), 'ERR_TLS_CERT_OCSP');
    assert.equal(await answer({ issuer: { name: 'Intermediate', key: root.key } }), 'ERR_TLS_CERT_OCSP');
    assert.equal(await answer({ notAfter: now - 1000 }), 'ERR_TLS_CERT_OCSP');
    const strange = { oid: '1.2.3.4', critical: true, value: Uint8Array.of(5, 0) };
    assert.equal(await answer({ more: [strange] }), 'ERR_TLS_CERT_OCSP');
    assert.equal(await answer({ more: [{ ...strange, critical: false }] }), 'good');
    assert.equal(await code({ key, responder: { keyHash: key.keyId } }), 'ERR_TLS_CERT_OCSP');

    // While a delegate's key or certificate changes there are several of one name; one of them is good.
    const responder = { name: encodeName([['CN', 'Responder']]) };
    const own = await make({});
    const among = async (...certificates: Uint8Array[]) => code({ key, responder, certificates });
    assert.equal(await among(await make({ key: testKey() }), own), 'good');
    assert.equal(await among(await make({ notAfter: now - 1000 }), own), 'good');
    assert.equal(await among(await make({ issuer: root }), own), 'good');
    assert.equal(await among(await make({ key: testKey() }), await make({ issuer: root })), 'ERR_TLS_CERT_OCSP');
    // One that bears the issuer's own name.
    const namesake = await make({ name: inter.name });
    assert.equal(await code({ key, certificates: [namesake] }), 'good');
  });

  it('may not come from a delegate with a small key or with none', async () => {
    const { publicKey, privateKey } = nodeCrypto.generateKeyPairSync('rsa', { modulusLength: 1024 });
    const small: TestKey = {
      ...testKey('rsa'),
      spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
      sign: (data) => new Uint8Array(nodeCrypto.sign('sha256', data, privateKey)),
    };
    const point = testKey();
    const broken = point.spki.slice();
    broken[broken.length - 1] = (broken[broken.length - 1] as number) ^ 1;
    for (const key of [small, { ...point, spki: broken }]) {
      const replace = { [oids.extendedKeyUsage]: extension.extendedKeyUsage(oids.ocspSigning) };
      const certificate = await testCertificate({ name: 'Responder', key, issuer: inter, replace });
      const responder = { name: encodeName([['CN', 'Responder']]) };
      assert.equal(await code({ key, responder, certificates: [certificate] }), 'ERR_TLS_CERT_OCSP');
    }
  });

  it('are demanded by must-staple and by the policy', async () => {
    const must = await leaf({ more: [extension.mustStaple()] });
    const error = problemOf({}, [must, interDer]);
    assert.equal(error?.code, 'ERR_TLS_CERT_MUST_STAPLE');
    assert.equal(error?.alert, 'badCertificateStatusResponse');
    assert.equal(codeOf({ ocspResponse: await ocsp({ about: must }) }, [must, interDer]), 'good');
    assert.equal(codeOf({ policy: { requireStaple: true } }), 'ERR_TLS_CERT_MUST_STAPLE');
    assert.equal(codeOf({ profile: 'client' }, [must, interDer]), 'good');
    // A CA that has the feature hands it down (RFC 7633, Section 4.2.2).
    const demanding = await testCertificate({ ...inter, issuer: root, ca: true, more: [extension.mustStaple()] });
    assert.equal(codeOf({}, [leafDer, demanding]), 'ERR_TLS_CERT_PROFILE');
    assert.equal(codeOf({ ocspResponse: await ocsp({ about: must }) }, [must, demanding]), 'good');
  });
});

describe('certificate timestamps', () => {
  const logs = [testKey(), testKey(), testKey()];
  const known = logs.slice(0, 2).map((key, i) => ({ key: key.spki, operator: `operator ${i}` }));

  /** A list of timestamps over a precertificate's TBSCertificate. */
  async function timestamps(tbs: Uint8Array, signers: readonly TestKey[], at = now - hour): Promise<Uint8Array> {
    const list = new Writer();
    const mark = list.open(2);
    for (const key of signers) {
      const head = new Writer()
        .u8(0)
        .u8(0)
        .u32(Math.floor(at / 2 ** 32))
        .u32(at % 2 ** 32);
      const signedData = concat(
        head.finish(),
        new Writer().u16(1).bytes(crypto.hash('sha256', inter.key.spki)).vector24(tbs).u16(0).finish(),
      );
      const item = new Writer()
        .u8(0)
        .bytes(crypto.hash('sha256', key.spki))
        .bytes(head.finish().subarray(2))
        .u16(0)
        .u8(4)
        .u8(3)
        .vector16(await key.sign(signedData));
      list.vector16(item.finish());
    }
    return list.close(mark, 2).finish();
  }

  /** A leaf with embedded timestamps of these logs. */
  async function logged(signers: readonly TestKey[], at?: number): Promise<Uint8Array> {
    const key = testKey();
    const serialNumber = Uint8Array.of(0x55, 1);
    const make = (list?: Uint8Array) =>
      leaf({
        key,
        serialNumber,
        more:
          list === undefined
            ? []
            : [
                {
                  oid: oids.signedCertificateTimestamps,
                  value: derOctetString(list),
                },
              ],
      });
    const pre = parseCertificate(await make());
    const list = await timestamps(pre.tbs, signers, at);
    const der = await make(list);
    assert.deepEqual(Buffer.from(withoutTimestamps(parseCertificate(der).tbs)), Buffer.from(pre.tbs));
    return der;
  }

  it('must be there from enough known logs and operators', async () => {
    const sct = { logs: known };
    assert.equal(codeOf({ policy: { sct } }, [await logged(logs.slice(0, 2)), interDer]), 'good');
    assert.equal(codeOf({ policy: { sct } }, [await logged(logs.slice(1)), interDer]), 'ERR_TLS_CERT_SCT');
    assert.equal(codeOf({ policy: { sct: { ...sct, minimum: 1 } } }, [await logged(logs.slice(1)), interDer]), 'good');
    assert.equal(codeOf({ policy: { sct } }), 'ERR_TLS_CERT_SCT');
    const same = known.map((log) => ({ ...log, operator: 'one' }));
    assert.equal(
      codeOf({ policy: { sct: { logs: same, operators: 2 } } }, [await logged(logs.slice(0, 2)), interDer]),
      'ERR_TLS_CERT_SCT',
    );
  });

  it('do not count from the future, from retired logs, or twice', async () => {
    const sct = { logs: known };
    assert.equal(
      codeOf({ policy: { sct } }, [await logged(logs.slice(0, 2), now + hour), interDer]),
      'ERR_TLS_CERT_SCT',
    );
    const retired = known.map((log) => ({ ...log, retiredAt: now - 2 * hour }));
    assert.equal(
      codeOf({ policy: { sct: { logs: retired } } }, [await logged(logs.slice(0, 2)), interDer]),
      'ERR_TLS_CERT_SCT',
    );
    const [first] = logs as [TestKey];
    assert.equal(codeOf({ policy: { sct } }, [await logged([first, first]), interDer]), 'ERR_TLS_CERT_SCT');
  });
});
