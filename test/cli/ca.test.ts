import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { opensslRequest } from '../helpers/pki.ts';
import { handfast, hasProgram, temporaryFolder } from './run.ts';

describe('handfast ca', () => {
  test('issue, show, renew, revoke, list; OpenSSL agrees', async () => {
    const home = temporaryFolder();
    const ca = async (...words: string[]) => {
      const done = await handfast(home, ['ca', ...words]);
      assert.equal(done.code, 0, done.stderr);
      return done.stdout;
    };
    await ca('issue', 'app.test', '*.app.test', '10.0.0.7');
    assert.equal(statSync(join(home, 'app.test.key')).mode & 0o777, 0o600);
    const verify = (...more: string[]) =>
      execFileSync(
        'openssl',
        ['verify', '-CAfile', 'ca/root.pem', '-untrusted', 'app.test.pem', ...more, 'app.test.pem'],
        { cwd: home, encoding: 'utf8', stdio: 'pipe' },
      );
    assert.match(verify('-verify_hostname', 'x.app.test'), /OK/);
    const [leaf] = JSON.parse(await ca('show', 'app.test.pem', '--json')) as { names: string[]; serial: string }[];
    assert.deepEqual(leaf?.names, ['DNS:app.test', 'DNS:*.app.test', 'IP:10.0.0.7']);
    await ca('renew', 'app.test.pem', '--force');
    const [renewed] = JSON.parse(await ca('show', 'app.test.pem', '--json')) as { serial: string }[];
    assert.notEqual(renewed?.serial, leaf?.serial);
    await ca('revoke', 'app.test.pem', '--reason', 'superseded');
    writeFileSync(join(home, 'crl.pem'), await ca('crl'));
    assert.throws(() => verify('-crl_check', '-CRLfile', 'crl.pem'), /certificate revoked/);
    const list = JSON.parse(await ca('list', '--json')) as { serial: string; state: string }[];
    assert.deepEqual(
      list.map(({ serial, state }) => [serial, state]),
      [
        [leaf?.serial, 'valid'],
        [renewed?.serial, 'revoked (superseded)'],
      ],
    );
    assert.match(await ca('check'), /The log is whole/);
    assert.equal(await ca('root'), readFileSync(join(home, 'ca', 'root.pem'), 'utf8'));
  });

  test('a root key that was kept elsewhere signs the next intermediate', async () => {
    const home = temporaryFolder();
    const stick = temporaryFolder();
    writeFileSync(join(home, 'pass.txt'), 'correct horse battery staple\n');
    const ca = async (...words: string[]) => {
      const done = await handfast(home, ['ca', ...words, '--folder', join(home, 'own')]);
      return { ...done, all: done.stdout + done.stderr };
    };
    const passphrase = ['--root-passphrase-file', join(home, 'pass.txt')];
    const key = ['--root-key-file', join(stick, 'root.key')];
    const made = await ca('init', '--ca', 'Own', ...passphrase, ...key);
    assert.equal(made.code, 0, made.all);
    assert.match(readFileSync(join(stick, 'root.key'), 'utf8'), /ENCRYPTED PRIVATE KEY/);
    const without = await ca('renew-intermediate', ...passphrase);
    assert.notEqual(without.code, 0);
    assert.match(without.all, /bring it back/);
    assert.equal((await ca('issue', 'old.test', '--out', join(home, 'old'))).code, 0);
    const renewed = await ca('renew-intermediate', ...passphrase, ...key);
    assert.equal(renewed.code, 0, renewed.all);
    assert.match(renewed.stdout, /Own - issuing 2/);

    // What the intermediate before issued is revoked in its own list; a check of the whole chain wants the root's too.
    assert.equal((await ca('revoke', join(home, 'old.pem'))).code, 0);
    assert.equal((await ca('crl', '--output', join(home, 'crl.pem'))).code, 0);
    const printed = await ca('crl');
    assert.equal(printed.stdout, readFileSync(join(home, 'crl.pem'), 'utf8'));
    assert.equal(printed.stdout.match(/BEGIN X509 CRL/g)?.length, 3);
    assert.equal((await ca('issue', 'new.test', '--out', join(home, 'new'))).code, 0);
    const verify = (name: string) =>
      execFileSync(
        'openssl',
        [
          ...[
            'verify',
            '-CAfile',
            'own/root.pem',
            '-untrusted',
            `${name}.pem`,
            '-crl_check_all',
            '-CRLfile',
            'crl.pem',
          ],
          `${name}.pem`,
        ],
        { cwd: home, encoding: 'utf8', stdio: 'pipe' },
      );
    assert.match(verify('new'), /OK/);
    assert.throws(() => verify('old'), /certificate revoked/);
  });

  test('a name that is none, and a request without one, are told apart from names that are not allowed', async () => {
    const home = temporaryFolder();
    const issue = async (...words: string[]) => (await handfast(home, ['ca', ...words])).stderr;
    assert.match(await issue('issue', 'no name'), /Names are host names/);
    assert.doesNotMatch(await issue('issue', 'no name'), /only issues for names that nobody owns/);
    assert.match(await issue('issue', 'www.example.com'), /only issues for names that nobody owns/);
    execFileSync('openssl', [...opensslRequest, '-keyout', 'k.pem', '-out', 'r.csr', '-subj', '/CN=app.test'], {
      cwd: home,
      stdio: 'ignore',
    });
    assert.match(await issue('sign', 'r.csr'), /at least one name\n.*subjectAltName/);
  });

  test('untrust works without the folder of the authority: by what the stores hold', {
    skip: !hasProgram('certutil') && 'no certutil here',
  }, async () => {
    const home = temporaryFolder();
    mkdirSync(join(home, '.pki', 'nssdb'), { recursive: true });
    execFileSync('certutil', ['-N', '-d', `sql:${join(home, '.pki', 'nssdb')}`, '--empty-password']);
    const ca = async (...words: string[]) => {
      const done = await handfast(home, ['ca', ...words, '--store', 'nss']);
      return { code: done.code, all: done.stdout + done.stderr };
    };
    const trusted = async () => {
      assert.equal((await ca('trust')).code, 0);
      rmSync(join(home, 'ca'), { recursive: true });
    };
    await trusted();
    const only = await ca('untrust');
    assert.equal(only.code, 0, only.all);
    assert.match(only.all, /handfast-[0-9a-f]{16} \(.*Handfast authority [0-9a-f]{6}.*\):\n.*NSS.*: removed/);
    const none = await ca('untrust');
    assert.equal(none.code, 0, none.all);
    assert.match(none.all, /holds a root that handfast put there/);
    // Which of two is meant, it can't know.
    await trusted();
    await trusted();
    const which = await ca('untrust');
    assert.equal(which.code, 2, which.all);
    const [first, second] = which.all.match(/handfast-[0-9a-f]{16}/g) ?? [];
    assert.ok(first !== undefined && second !== undefined && first !== second, which.all);
    assert.match((await ca('untrust', '--root', 'handfast-0')).all, /no trust store here holds a root "handfast-0"/);
    const named = await ca('untrust', '--root', first, '--json');
    assert.deepEqual(
      (JSON.parse(named.all) as { root: string; outcome: string }[]).map(({ root, outcome }) => [root, outcome]),
      [[first, 'removed']],
    );
    const elsewhere = await ca('untrust', '--folder', 'nowhere');
    assert.equal(elsewhere.code, 2, elsewhere.all);
    assert.match(elsewhere.all, new RegExp(second));
    // What other authorities have left is said, and taken out when asked.
    assert.equal((await ca('trust')).code, 0);
    assert.match((await ca('untrust')).all, new RegExp(`Other roots of handfast stay: ${second}`));
    const all = await ca('untrust', '--all');
    assert.deepEqual([all.code, all.all.includes(second)], [0, true], all.all);
    assert.match((await ca('untrust', '--all', '--json')).all, /was not there/);
  });

  test('an authority without a root key that has ended makes place for a new one', async () => {
    const home = temporaryFolder();
    const clock = join(home, 'clock.mjs');
    writeFileSync(
      clock,
      `const Real = Date;
      const later = 86_400_000 * Number(process.env.DAYS_LATER);
      globalThis.Date = class extends Real {
        constructor(...given) { super(...(given.length === 0 ? [Real.now() + later] : given)); }
        static now() { return Real.now() + later; }
      };`,
    );
    const after = async (days: number, ...words: string[]) => {
      const env = { NODE_OPTIONS: `--import ${pathToFileURL(clock)}`, DAYS_LATER: String(days) };
      const done = await handfast(home, words, { env });
      return { ...done, all: done.stdout + done.stderr };
    };
    const root = () => readFileSync(join(home, 'ca', 'root.pem'), 'utf8');
    assert.equal((await after(0, 'ca', 'issue', 'a.test')).code, 0);
    const first = root();
    const doctor = await after(1810, 'ca', 'doctor');
    assert.match(doctor.all, /! the root is valid until.*\n.*handfast ca init --replace/);
    assert.equal((await after(1820, 'ca', 'issue', 'b.test')).code, 0);
    assert.equal(root(), first);
    // Three at once: one of them makes the new one.
    const made = await Promise.all(['c', 'd', 'e'].map((name) => after(1826, 'ca', 'issue', `${name}.test`)));
    for (const each of made) assert.equal(each.code, 0, each.all);
    const said = made.filter(({ stderr }) => /has ended: it is now in .*ca-until-.*handfast ca trust/.test(stderr));
    assert.equal(said.length, 1, made.map(({ all }) => all).join('\n'));
    assert.notEqual(root(), first);
    const [aside, ...more] = readdirSync(home).filter((name) => name.startsWith('ca-until-'));
    assert.deepEqual(more, []);
    assert.equal(readFileSync(join(home, aside as string, 'root.pem'), 'utf8'), first);
    // What somebody made with settings of his own, he replaces himself.
    const own = ['--folder', join(home, 'own')];
    assert.equal((await after(0, 'ca', 'init', ...own)).code, 0);
    const ended = await after(1830, 'ca', 'issue', 'f.test', ...own);
    assert.equal(ended.code, 3, ended.all);
    assert.match(ended.all, /has expired.*\n.*handfast ca init --replace/);
    const renewed = await after(1830, 'ca', 'renew-intermediate', ...own);
    assert.match(renewed.all, /was discarded.*\n.*handfast ca init --replace/);
    assert.match((await after(1830, 'ca', 'init', ...own)).all, /--replace/);
    assert.equal((await after(1830, 'ca', 'init', '--replace', ...own)).code, 0);
    assert.equal((await after(1830, 'ca', 'issue', 'f.test', ...own)).code, 0);
  });

  test('a request whose key stays away is signed', async () => {
    const home = temporaryFolder();
    execFileSync(
      'openssl',
      [...opensslRequest, '-keyout', 'a.key', '-out', 'a.csr', '-subj', '/', '-addext', 'subjectAltName=DNS:a.test'],
      { cwd: home, stdio: 'ignore' },
    );
    const done = await handfast(home, ['ca', 'sign', 'a.csr']);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, /Issued a\.test/);
  });

  test('a log that was changed is found', async () => {
    const home = temporaryFolder();
    await handfast(home, ['ca', 'issue', 'a.test']);
    const log = join(home, 'ca', 'log.jsonl');
    writeFileSync(log, readFileSync(log, 'utf8').replace('a.test', 'b.test'));
    const done = await handfast(home, ['ca', 'check']);
    assert.deepEqual([done.code, /tampered with/.test(done.stdout)], [1, true], done.stdout + done.stderr);
  });

  test('what is wrong is said, with the exit code', async () => {
    const home = temporaryFolder();
    await handfast(home, ['ca', 'issue', 'a.test']);
    writeFileSync(join(home, 'text'), 'x');
    writeFileSync(join(home, 'short'), 'x\n');
    const cases: [string[], number, RegExp][] = [
      [[], 2, /needs a word/],
      [['lst'], 2, /knows no "lst"/],
      [['issue'], 2, /a name is missing/],
      [['issue', 'a.test'], 3, /a\.test\.pem exists already/],
      [['issue', 'example.com'], 3, /clients would refuse/],
      [['issue', 'b.test', '--lifetime', '5'], 2, /a number with a unit/],
      [['issue', 'b.test', '--lifetime', '5000d'], 3, /lifetime|398|days/i],
      [['issue', 'b.test', '--profile', 'sever'], 3, /no profile "sever"/],
      [['issue', 'b.test', '--folder', 'nowhere'], 3, /no authority in/],
      [['issue', 'a b'], 3, /a b/],
      [['sign', 'text'], 3, /no certificate request/],
      [['revoke', 'gone.pem'], 2, /neither a file nor a serial/],
      [['revoke', 'abcdef'], 3, /issued no certificate/],
      [['revoke', 'a.test.pem', '--reason', 'mood'], 2, /no such choice/],
      [['show', 'text'], 3, /text holds no certificate/],
      [['init'], 3, /holds an authority already/],
      [['init', '--folder', 'new', '--root-passphrase-file', 'short'], 3, /fewer than 12 characters/],
      [['check', '--folder', 'nowhere'], 3, /does not exist/],
      [['trust', '--store', 'none'], 2, /no such choice/],
    ];
    for (const [words, code, message] of cases) {
      const done = await handfast(home, ['ca', ...words]);
      assert.deepEqual(
        [done.code, message.test(done.stderr)],
        [code, true],
        `${words.join(' ')}: ${done.code} ${done.stderr}`,
      );
    }
  });
});
