import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { derOid, derSequence, derUtf8 } from '../../src/pki/der/writer.ts';
import {
  encodeName,
  extension,
  type GeneralName,
  ipRange,
  matchesHost,
  oids,
  parseCertificate,
  type TrustAnchorInput,
} from '../../src/pki/index.ts';
import { inter, leaf, refusal, refused, root, rootDer, verify } from './small-chain.ts';
import { dns, testCertificate, testKey } from './support.ts';

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
    // Browsers go to evil.test, others to example.com.
    assert.equal(await check([uri('example.com')], [], [uri('http://evil.test\\@example.com/')]), false);
    // The same mailbox, with and without quotes.
    assert.equal(await check([], [email('a@example.com')], [email('"a"@example.com')]), false);
    assert.equal(await check([], [email('a@example.com')], [email('"b"@example.com')]), true);
  });

  it('judge mail addresses in the subject, and refuse there what is none', async () => {
    const [permitted, excluded] = [[email('example.com')], [email('example.com')]];
    const judged = async (subject: string, allowed: GeneralName[], forbidden: GeneralName[]) => {
      const more = [extension.nameConstraints(allowed, forbidden)];
      const constrained = await testCertificate({ ...inter, issuer: root, ca: true, more });
      const names = dns('www.example.com');
      return verify([await leaf({ names, subject: encodeName([['emailAddress', subject]]) }), constrained]).ok;
    };
    assert.equal(await judged('a@example.com', permitted, []), true);
    assert.equal(await judged('a@example.com', [], excluded), false);
    assert.equal(await judged('a@example.org', permitted, []), false);
    assert.equal(await judged('a@example.org', [], excluded), true);
    // A host alone would look like one at that host; the others would look like none of the excluded ones.
    for (const none of ['example.com', '@example.com', 'a@example.org@example.com', 'a b@example.com', '']) {
      assert.equal(await judged(none, permitted, []), false, none);
    }
    for (const none of ['a@example.com.', 'a@example.com ', 'a@[192.0.2.1]']) {
      assert.equal(await judged(none, [], excluded), false, none);
    }
    assert.equal(await judged('no mailbox', dns('example.com'), []), true);
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

  it('are none where other scripts spell an address', async () => {
    const certificate = parseCertificate(await leaf({ names: dns('127.0.0.1', 'www.example.com') }));
    for (const host of ['127.0.0.1', '\uff11\uff12\uff17.0.0.1', '\uff11\uff12\uff17\u30020.0.1'])
      assert.equal(matchesHost(certificate, host), false, host);
    assert.equal(matchesHost(certificate, '\uff57\uff57\uff57.example.com'), true);
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

  it('are not mapped to or from anyPolicy, whoever asks for policies', async () => {
    for (const pair of [
      [oids.anyPolicy, policy(1)],
      [policy(1), oids.anyPolicy],
    ]) {
      const value = derSequence(derSequence(...pair.map(derOid)));
      const more = [{ oid: oids.policyMappings, critical: true, value }];
      const verdict = verify([await leaf(), await testCertificate({ ...inter, issuer: root, ca: true, more })]);
      assert.match(refusal(verdict).message, /maps anyPolicy/);
    }
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
