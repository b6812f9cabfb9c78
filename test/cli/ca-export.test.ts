import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { environment, handfast, hasProgram, hasTerminal, program, temporaryFolder } from './run.ts';

describe('handfast ca export, and the list on a narrow terminal', () => {
  const home = temporaryFolder();
  const run = (program: string, ...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(program, words, { cwd: home, encoding: 'utf8' });
    return { status, text: stdout + stderr };
  };

  test('OpenSSL, Java and NSS open the file; without a passphrase there is none', async (t) => {
    writeFileSync(join(home, 'pass.txt'), 'pässword "1"\n');
    writeFileSync(join(home, 'plain.txt'), 'changeit1\n');
    await handfast(home, ['ca', 'issue', 'alice@corp.test', '--profile', 'client', '--out', 'alice']);
    const none = await handfast(home, ['ca', 'export', 'alice.pem']);
    assert.deepEqual([none.code, /needs a passphrase/.test(none.stderr)], [2, true], none.stderr);
    const made = await handfast(home, ['ca', 'export', 'alice.pem', '--passphrase-file', 'plain.txt']);
    assert.equal(made.code, 0, made.stderr);
    const again = await handfast(home, ['ca', 'export', 'alice.pem', '--passphrase-file', 'plain.txt']);
    assert.deepEqual([again.code, /exists already/.test(again.stderr)], [3, true]);

    const opened = run('openssl', 'pkcs12', '-in', 'alice.p12', '-passin', 'file:plain.txt', '-noenc');
    assert.equal(opened.status, 0, opened.text);
    assert.equal(opened.text.match(/BEGIN CERTIFICATE/g)?.length, 2);
    assert.match(opened.text, /friendlyName: alice@corp\.test/);
    assert.match(opened.text, /BEGIN PRIVATE KEY/);
    if (hasProgram('keytool')) {
      const java = run('keytool', '-list', '-keystore', 'alice.p12', '-storepass', 'changeit1', '-v');
      assert.equal(java.status, 0, java.text);
      assert.match(java.text, /PrivateKeyEntry/);
    } else t.diagnostic('no keytool');
    if (hasProgram('pk12util')) {
      run('certutil', '-N', '-d', 'sql:.', '--empty-password');
      const nss = run('pk12util', '-i', 'alice.p12', '-d', 'sql:.', '-w', 'plain.txt', '-K', '');
      assert.equal(nss.status, 0, nss.text);
      assert.match(run('certutil', '-K', '-d', 'sql:.').text, /alice@corp\.test/);
    } else t.diagnostic('no pk12util');
  });

  test('a key that belongs to another certificate is refused', async () => {
    await handfast(home, ['ca', 'issue', 'bob@corp.test', '--profile', 'client', '--out', 'bob']);
    const words = ['ca', 'export', 'bob.pem', '--key', 'alice.key', '--passphrase-file', 'plain.txt'];
    const done = await handfast(home, words);
    assert.deepEqual([done.code, /does not belong/.test(done.stderr)], [3, true], done.stderr);
  });

  test('no line of ca list is wider than the terminal', { skip: !hasTerminal() && 'no script(1)' }, () => {
    const line = `stty cols 60; exec '${process.execPath}' '${program()}' ca list`;
    const { stdout } = spawnSync('script', ['-qec', line, '/dev/null'], {
      env: environment(home, { TERM: 'xterm', NO_COLOR: '1' }),
      encoding: 'utf8',
      input: '',
    });
    assert.match(stdout, /^alice@corp\.test\r?\n {2}client, until/m);
    for (const each of stdout.split(/\r?\n/)) assert.ok(each.length <= 60, each);
  });
});
