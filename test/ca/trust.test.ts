import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import {
  createAuthority,
  diagnose,
  findTrustedRoots,
  findTrustStores,
  type Host,
  type IssuedCertificate,
  thisHost,
  trustLines,
  trustRoot,
  untrustRoot,
} from '../../src/ca/index.ts';
import { findProgram, realPath } from '../../src/ca/stores/host.ts';
import { temporaryFolder } from './helpers/temporary-folder.ts';

const here = thisHost();
const has = (program: string) => findProgram(here, program) !== undefined;

/** A machine whose stores are all in one folder, with the real tools. */
function machine(folder: string): Host {
  const etc = join(folder, 'etc');
  const localCertificates = join(folder, 'usr', 'local', 'share', 'ca-certificates');
  mkdirSync(join(folder, 'home'), { recursive: true });
  mkdirSync(localCertificates, { recursive: true });
  mkdirSync(etc);
  writeFileSync(join(etc, 'ca-certificates.conf'), '');
  return {
    ...here,
    home: join(folder, 'home'),
    env: { PATH: here.env['PATH'] },
    prefix: folder,
    run(program, args) {
      const words =
        program === 'update-ca-certificates'
          ? [
              '--certsconf',
              join(etc, 'ca-certificates.conf'),
              '--localcertsdir',
              localCertificates,
              '--etccertsdir',
              etc,
              '--hooksdir',
              join(folder, 'no-hooks'),
              ...args,
            ]
          : args;
      return here.run(program, words);
    },
  };
}

async function authority(folder: string): Promise<{ root: Uint8Array; rootFile: string; site: IssuedCertificate }> {
  const ca = await createAuthority({ folder, name: 'Test' });
  const site = await ca.issue({ names: ['localhost', '127.0.0.1'] });
  await ca.close();
  return { root: ca.root.der, rootFile: join(folder, 'root.pem'), site };
}

async function serve(
  t: { after(done: () => void): void },
  { chainPem, keyPem }: { chainPem: string; keyPem?: string },
): Promise<number> {
  const server = createServer({ cert: chainPem, key: keyPem as string }, (_, response) => response.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

describe('trust', () => {
  test('curl refuses a site before, accepts it after, and refuses it again when the root is taken out', {
    skip: !has('update-ca-certificates') && 'no update-ca-certificates here',
  }, async (t) => {
    const folder = temporaryFolder(t);
    const host = machine(folder);
    const { root, rootFile, site } = await authority(join(folder, 'ca'));
    const url = `https://localhost:${await serve(t, site)}/`;
    const curl = () => {
      const bundle = join(folder, 'etc', 'ca-certificates.crt');
      if (!existsSync(bundle)) writeFileSync(bundle, '');
      const env = { ...process.env, CURL_CA_BUNDLE: bundle, SSL_CERT_FILE: bundle };
      return promisify(execFile)(
        'curl',
        ['-sS', '-m', '10', '--noproxy', '*', '--resolve', 'localhost:0:127.0.0.1', url],
        { env },
      );
    };
    const options = { kinds: ['system'], rootFile, host } as const;
    // A store with nothing in it is never renewed by Debian's tool.
    const another = await authority(join(folder, 'another'));
    copyFileSync(another.rootFile, join(folder, 'usr', 'local', 'share', 'ca-certificates', 'another.crt'));
    await assert.rejects(curl());
    assert.deepEqual(
      (await trustRoot(root, options)).map(({ outcome }) => outcome),
      ['added'],
    );
    assert.equal((await curl()).stdout, 'hello');
    assert.deepEqual(
      (await trustRoot(root, options)).map(({ outcome }) => outcome),
      ['was there'],
    );
    assert.deepEqual(
      (await untrustRoot(root, options)).map(({ outcome }) => outcome),
      ['removed'],
    );
    await assert.rejects(curl());
    assert.deepEqual(readdirSync(join(folder, 'usr', 'local', 'share', 'ca-certificates')), ['another.crt']);
    assert.deepEqual(
      (await untrustRoot(root, options)).map(({ outcome }) => outcome),
      ['was not there'],
    );
  });

  // Changes the machine it runs on, and puts it back.
  const real = process.env['HANDFAST_TEST_SYSTEM_STORE'] === '1';
  test('the real store of this machine', { skip: !real && 'HANDFAST_TEST_SYSTEM_STORE is not 1' }, async (t) => {
    const folder = temporaryFolder(t);
    const { root, rootFile, site } = await authority(folder);
    const url = `https://localhost:${await serve(t, site)}/`;
    const curl = () => promisify(execFile)('curl', ['-sS', '-m', '10', '--noproxy', '*', url]);
    const options = { kinds: ['system'], rootFile } as const;
    await assert.rejects(curl());
    try {
      assert.deepEqual(
        (await trustRoot(root, options)).map(({ outcome }) => outcome),
        ['added'],
      );
      assert.equal((await curl()).stdout, 'hello');
    } finally {
      await untrustRoot(root, options);
    }
    await assert.rejects(curl());
  });

  test('NSS databases: made where Chromium wants one, and exactly undone', {
    skip: !has('certutil') && 'no certutil here',
  }, async (t) => {
    const folder = temporaryFolder(t);
    const host = machine(folder);
    const { root, rootFile } = await authority(join(folder, 'ca'));
    const profile = join(host.home, '.mozilla', 'firefox', 'abc.default');
    mkdirSync(profile, { recursive: true });
    execFileSync('certutil', ['-N', '-d', `sql:${profile}`, '--empty-password']);
    const options = { kinds: ['nss'], rootFile, host } as const;
    const stores = findTrustStores(options);
    assert.ok(stores.some(({ where }) => where === profile));
    const list = () => execFileSync('certutil', ['-L', '-d', `sql:${profile}`], { encoding: 'utf8' });
    const before = list();
    assert.ok((await trustRoot(root, options)).every(({ outcome }) => outcome === 'added'));
    assert.match(list(), /handfast-[0-9a-f]{16}\s+C,,/);
    assert.ok((await untrustRoot(root, options)).every(({ outcome }) => outcome === 'removed'));
    assert.equal(list(), before);
  });

  test('the Java store', { skip: !has('keytool') && 'no keytool here' }, async (t) => {
    const folder = temporaryFolder(t);
    const { root, rootFile } = await authority(join(folder, 'ca'));
    const javaHome = join(folder, 'java');
    mkdirSync(join(javaHome, 'lib', 'security'), { recursive: true });
    const [real] = findTrustStores({ kinds: ['java'] });
    copyFileSync(real?.where as string, join(javaHome, 'lib', 'security', 'cacerts'));
    const base = machine(join(folder));
    // Not the machine's own: only that of JAVA_HOME.
    const host: Host = { ...base, env: { PATH: join(folder, 'bin'), JAVA_HOME: javaHome } };
    mkdirSync(join(javaHome, 'bin'));
    const keytool = realPath(findProgram(here, 'keytool') as string);
    writeFileSync(join(javaHome, 'bin', 'keytool'), `#!/bin/sh\nexec ${keytool} "$@"\n`, { mode: 0o755 });
    const options = { kinds: ['java'], rootFile, host } as const;
    assert.deepEqual(
      (await trustRoot(root, options)).map(({ outcome, why }) => why ?? outcome),
      ['added'],
    );
    assert.deepEqual(
      (await trustRoot(root, options)).map(({ outcome }) => outcome),
      ['was there'],
    );
    assert.deepEqual(
      (await findTrustedRoots(options)).roots.map(({ der }) => Buffer.from(der)),
      [Buffer.from(root)],
    );
    assert.deepEqual(
      (await untrustRoot(root, options)).map(({ outcome }) => outcome),
      ['removed'],
    );
  });

  const chromium = findProgram(here, 'chromium', 'chromium-browser', 'google-chrome');
  test('Chromium refuses a site before, and accepts it after', {
    skip: (chromium === undefined || !has('certutil')) && 'no chromium or no certutil here',
    timeout: 90_000,
  }, async (t) => {
    const folder = temporaryFolder(t);
    const host = { ...machine(folder), env: here.env };
    const { root, rootFile, site } = await authority(join(folder, 'ca'));
    const url = `https://localhost:${await serve(t, site)}/`;
    const browse = async () => {
      const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-proxy-server', '--disable-dev-shm-usage'];
      const env = { ...process.env, HOME: host.home, XDG_CONFIG_HOME: join(host.home, '.config') };
      const options = { env, timeout: 40_000, maxBuffer: 64 << 20 };
      const words = [...flags, `--user-data-dir=${join(host.home, `profile-${Date.now()}`)}`, '--dump-dom', url];
      return (await promisify(execFile)(chromium as string, words, options)).stdout;
    };
    assert.doesNotMatch(await browse(), /<body>hello<\/body>|>hello</);
    const outcomes = await trustRoot(root, { kinds: ['nss'], rootFile, host });
    assert.deepEqual(
      outcomes.map(({ outcome, why }) => why ?? outcome),
      ['added'],
    );
    assert.match(await browse(), />hello</);
  });

  test('what the stores hold is found and taken out also where the folder of the authority is gone', {
    skip: !(has('certutil') && has('update-ca-certificates')) && 'no certutil or no update-ca-certificates here',
  }, async (t) => {
    const folder = temporaryFolder(t);
    const host = machine(folder);
    const profile = join(host.home, '.mozilla', 'firefox', 'abc.default');
    mkdirSync(profile, { recursive: true });
    execFileSync('certutil', ['-N', '-d', `sql:${profile}`, '--empty-password']);
    const kinds = ['system', 'nss'] as const;
    assert.deepEqual((await findTrustedRoots({ kinds, host })).roots, []);
    const one = await authority(join(folder, 'one'));
    const two = await authority(join(folder, 'two'));
    await trustRoot(one.root, { kinds, rootFile: one.rootFile, host });
    await trustRoot(two.root, { kinds: ['nss'], rootFile: two.rootFile, host });
    // Somebody else's, under a name that looks like ours.
    const local = join(folder, 'usr', 'local', 'share', 'ca-certificates');
    writeFileSync(join(local, 'handfast-0123456789abcdef.crt'), readFileSync(two.rootFile));
    rmSync(join(folder, 'one'), { recursive: true });
    const { roots } = await findTrustedRoots({ kinds, host });
    const found = roots.map(({ der, stores }) => [Buffer.from(der), stores.length]);
    const nss = findTrustStores({ kinds: ['nss'], host }).length;
    assert.deepEqual(
      new Map(found as [Buffer, number][]),
      new Map([
        [Buffer.from(one.root), nss + 1],
        [Buffer.from(two.root), nss],
      ]),
    );
    const gone = roots.find(({ der }) => Buffer.compare(der, one.root) === 0);
    assert.ok((await untrustRoot(gone!.der, { kinds, host })).every(({ outcome }) => outcome === 'removed'));
    assert.deepEqual(
      (await findTrustedRoots({ kinds, host })).roots.map(({ der }) => Buffer.from(der)),
      [Buffer.from(two.root)],
    );
  });

  test('macOS and Windows tell what they hold under the name of an authority', async (t) => {
    const folder = temporaryFolder(t);
    const ca = await createAuthority({ folder: join(folder, 'ca') });
    await ca.close();
    const { der } = ca.root;
    const sha1 = createHash('sha1').update(der).digest('hex');
    const pem = readFileSync(join(folder, 'ca', 'root.pem'));
    const text = [
      'Root "Trusted Root Certification Authorities"',
      '================ Certificate 0 ================',
      'Issuer: CN=Some other root',
      `Cert Hash(sha1): ${'ab'.repeat(20)}`,
      '================ Certificate 1 ================',
      `Antragsteller: ${ca.root.toString().replaceAll('"', '')}`,
      `Zertifikathash(sha1): ${sha1.match(/../g)!.join(' ')}`,
    ].join('\r\n');
    for (const platform of ['darwin', 'win32'] as const) {
      const host: Host = {
        platform,
        home: folder,
        env: {},
        prefix: '',
        async run(_program, args) {
          const [, , , hash, file] = args;
          if (platform === 'win32' && file !== undefined && hash === sha1) writeFileSync(file, der);
          return { status: 0, stdout: platform === 'darwin' ? pem : Buffer.from(text), stderr: '' };
        },
      };
      const { roots } = await findTrustedRoots({ kinds: ['system'], host });
      assert.deepEqual(
        roots.map((root) => Buffer.from(root.der)),
        [Buffer.from(der)],
        platform,
      );
    }
  });

  test('a tool that fails is reported with what to type, and keeps no other store from it', async (t) => {
    const folder = temporaryFolder(t);
    const { root, rootFile } = await authority(join(folder, 'ca'));
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'update-ca-certificates'), '');
    const base = machine(folder);
    const host: Host = {
      ...base,
      platform: 'linux',
      env: { PATH: bin },
      run: async () => ({ status: 1, stdout: new Uint8Array(0), stderr: 'no rights' }),
    };
    const [outcome] = await trustRoot(root, { kinds: ['system'], rootFile, host });
    assert.equal(outcome?.outcome, 'failed');
    assert.match(outcome?.why ?? '', /no rights/);
    assert.match(outcome?.byHand?.join('\n') ?? '', /sudo cp .*root\.pem[\s\S]*sudo update-ca-certificates/);
    // Nothing half done stays behind, neither way.
    const store = join(folder, 'usr', 'local', 'share', 'ca-certificates');
    assert.deepEqual(readdirSync(store), []);
    const working: Host = { ...host, run: async () => ({ status: 0, stdout: new Uint8Array(0), stderr: '' }) };
    assert.equal((await trustRoot(root, { kinds: ['system'], rootFile, host: working }))[0]?.outcome, 'added');
    const [stays] = await untrustRoot(root, { kinds: ['system'], rootFile, host });
    assert.equal(stays?.outcome, 'failed');
    assert.match(stays?.byHand?.join('\n') ?? '', /^sudo rm .*handfast-[\s\S]*sudo update-ca-certificates --fresh$/);
    assert.equal(readdirSync(store).length, 1);
    assert.equal((await untrustRoot(root, { kinds: ['system'], rootFile, host: working }))[0]?.outcome, 'removed');
  });

  test('macOS and Windows are asked by their tools', async (t) => {
    const folder = temporaryFolder(t);
    const { root, rootFile } = await authority(join(folder, 'ca'));
    for (const platform of ['darwin', 'win32'] as const) {
      const said: string[] = [];
      const host: Host = {
        platform,
        home: folder,
        env: {},
        prefix: '',
        async run(program, args) {
          said.push([program, ...args].join(' '));
          return { status: 1, stdout: new Uint8Array(0), stderr: '' };
        },
      };
      await trustRoot(root, { kinds: ['system'], rootFile, host });
      assert.match(
        said.join('\n'),
        platform === 'darwin' ? /security add-trusted-cert -d -r trustRoot/ : /certutil -user -addstore -f Root/,
      );
    }
  });

  test('prints lines for programs that look into no store', () => {
    const lines = trustLines('/home/ann/root.pem')
      .map(({ line }) => line)
      .join('\n');
    assert.match(lines, /export NODE_EXTRA_CA_CERTS=\/home\/ann\/root\.pem/);
    // Nobody loses the other roots.
    assert.doesNotMatch(lines, /export REQUESTS_CA_BUNDLE|global http\.sslCAInfo/);
    assert.match(trustLines('/home/my ann/root.pem')[0]?.line ?? '', /="\/home\/my ann\/root\.pem"/);
  });
});

describe('the doctor', () => {
  test('finds nothing wrong with a new authority but stores that lack it', async (t) => {
    const folder = temporaryFolder(t);
    await authority(folder);
    const host: Host = {
      platform: 'aix',
      home: folder,
      env: { NODE_EXTRA_CA_CERTS: join(folder, 'root.pem') },
      prefix: '',
      run: here.run,
    };
    assert.deepEqual(
      (await diagnose({ folder, host })).filter(({ level }) => level !== 'ok'),
      [],
    );
    const later = await diagnose({ folder, host, now: () => Date.now() + 6 * 365 * 24 * 3_600_000 });
    assert.ok(later.some(({ level, what }) => level === 'problem' && /the root expired/.test(what)));
    writeFileSync(
      join(folder, 'log.jsonl'),
      readFileSync(join(folder, 'log.jsonl'), 'utf8').replace('localhost', 'elsewhere'),
    );
    execFileSync('chmod', ['644', join(folder, 'log.key')]);
    writeFileSync(join(folder, 'issuing-2.key'), '', { mode: 0o644 });
    const problems = (await diagnose({ folder, host }))
      .filter(({ level }) => level === 'problem')
      .map(({ what }) => what);
    assert.equal(problems.length, 3);
    assert.match(problems.join('\n'), /line \d+[\s\S]*issuing-2\.key[\s\S]*log\.key/);
  });

  test('says what is wrong with a variable', async (t) => {
    const folder = temporaryFolder(t);
    await authority(folder);
    writeFileSync(join(folder, 'other.pem'), '');
    const env = { SSL_CERT_FILE: join(folder, 'other.pem'), NODE_EXTRA_CA_CERTS: join(folder, 'nothing.pem') };
    const host: Host = { platform: 'aix', home: folder, env, prefix: '', run: here.run };
    const problems = (await diagnose({ folder, host }))
      .filter(({ level }) => level === 'problem')
      .map(({ what }) => what);
    assert.match(
      problems.join('\n'),
      /NODE_EXTRA_CA_CERTS names .* cannot be read[\s\S]*SSL_CERT_FILE .* lacks the root/,
    );
  });

  test('says what is wrong with a site', async (t) => {
    const folder = temporaryFolder(t);
    const { site } = await authority(folder);
    const other = await authority(join(folder, 'other'));
    const host: Host = {
      platform: 'aix',
      home: folder,
      env: { NODE_EXTRA_CA_CERTS: join(folder, 'root.pem') },
      prefix: '',
      run: here.run,
    };
    const about = async (name: string, chain: { chainPem: string; keyPem?: string }) => {
      const port = await serve(t, chain);
      return (await diagnose({ folder, host, site: `${name}:${port}` })).at(-1);
    };
    assert.equal((await about('127.0.0.1', site))?.level, 'ok');
    const leafAlone = site.chainPem.slice(0, site.chainPem.indexOf('-----BEGIN', 10));
    assert.match((await about('127.0.0.1', { ...site, chainPem: leafAlone }))?.advice ?? '', /whole chain/);
    assert.match((await about('127.0.0.1', other.site))?.advice ?? '', /another authority/);
    assert.equal((await diagnose({ folder, host, site: '127.0.0.1:1' })).at(-1)?.level, 'problem');
  });
});
