import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { handfast, hasTerminal, onTerminal, startServe, temporaryFolder } from './run.ts';

const esc = String.fromCharCode(0x1b);
const skip = hasTerminal() ? false : 'the program `script` (util-linux) is missing';

describe('on a terminal', { skip }, () => {
  test('help has colours; with NO_COLOR and through a pipe it has none', async () => {
    const home = temporaryFolder();
    assert.ok((await onTerminal(home, ['--help'])).screen.includes(`${esc}[36mserve`));
    assert.ok(!(await onTerminal(home, ['--help'], undefined, { env: { NO_COLOR: '1' } })).screen.includes(`${esc}[3`));
    const piped = await handfast(home, ['--help']);
    assert.equal(piped.code, 0);
    assert.ok(!piped.stdout.includes(esc));
  });

  test('serve shows a status line, and Ctrl-C ends it in good order', async () => {
    const home = temporaryFolder();
    const { code, screen } = await onTerminal(home, ['serve', '--port', '0', '--metrics', 'off'], {
      when: /0 open · 0 handshakes/,
      type: '\u0003',
    });
    assert.ok(screen.includes(`\r${esc}[2K`));
    assert.match(screen, /SIGINT: ending/);
    assert.equal(code, 0);
  });

  test('compare shows progress on the terminal and a table at the end', async () => {
    const { code, screen } = await onTerminal(temporaryFolder(), ['compare', '--rtt', '0', '--repeat', '2']);
    assert.equal(code, 0, screen);
    assert.match(screen, /measuring/);
    assert.match(screen, /TLS 1\.2 session ticket/);
  });
});

describe('the other commands on a terminal', { skip }, () => {
  test('get, inspect, ca, bench, completion: colours and progress on the screen, the same words through a pipe', async () => {
    const home = temporaryFolder();
    const server = await startServe(home);
    const at = `localhost:${server.port}`;
    const cases: [words: string[], screen: RegExp, progress?: RegExp][] = [
      [
        ['get', server.url, '--trace'],
        /ClientHello.*Chooses TLS 1\.3.*The handshake is done.*This page came over HTTPS/s,
      ],
      [['inspect', at, '--patience', '1'], /TLS 1\.3 is spoken.*No fault found/s, /auditing resumption: lifetime/],
      [['compare', server.url, '--repeat', '1'], /TLS 1\.2 session ticket/, /measuring/],
      [['ca', 'issue', 'a.test', '--force'], /Issued a\.test until/],
      [['ca', 'list'], /a\.test.*valid/],
      [['ca', 'check'], /The log is whole/],
      [['bench', '--repeat', '3', '--bulk', '1'], /TLS 1\.3 PSK.*bulk data/s, /TLS 1\.2/],
      [['completion', 'bash'], /complete .*handfast/],
    ];
    for (const [words, wanted, progress] of cases) {
      const { code, screen } = await onTerminal(home, words);
      assert.equal(code, 0, `${words.join(' ')}: ${screen}`);
      assert.match(stripVTControlCharacters(screen), wanted, words.join(' '));
      if (progress !== undefined)
        assert.match(screen, new RegExp(`\r${esc}\\[2K[^\r]*${progress.source}`), words.join(' '));
      const piped = await handfast(home, words);
      assert.equal(piped.code, 0, `${words.join(' ')}: ${piped.stderr}`);
      assert.match(piped.stderr + piped.stdout, wanted, words.join(' '));
      assert.ok(
        !`${piped.stdout}${piped.stderr}`.includes(esc),
        `${words.join(' ')}: a pipe gets no control characters`,
      );
    }
    await server.end();
  });

  test('proxy shows a status line, and Ctrl-C ends it, with one process and with workers', async () => {
    const home = temporaryFolder();
    const proxy = ['proxy', '--to', 'http://127.0.0.1:9', '--listen', '0', '--metrics', 'off'];
    const alone = await onTerminal(home, proxy, { when: /0 open/, type: '\u0003' });
    assert.equal(alone.code, 0, alone.screen);
    assert.match(alone.screen, /SIGINT: ending/);
    const workers = await onTerminal(home, [...proxy, '--workers', '2'], { when: /Ctrl-C ends it/, type: '\u0003' });
    assert.equal(workers.code, 0, workers.screen);
    assert.match(workers.screen, /2 workers.*SIGINT: ending/s);
  });
});

describe('help and other words', () => {
  test('every command has help with an example, and completion knows it', async () => {
    const home = temporaryFolder();
    for (const name of ['serve', 'proxy', 'get', 'ca', 'inspect', 'compare', 'bench', 'completion']) {
      const done = await handfast(home, [name, '--help']);
      assert.equal(done.code, 0, name);
      assert.match(done.stdout, new RegExp(`^handfast ${name}[^]*Examples`), name);
    }
    for (const shell of ['bash', 'zsh', 'fish']) {
      const done = await handfast(home, ['completion', shell]);
      for (const word of ['inspect', 'early-data', 'doctor'])
        assert.ok(done.stdout.includes(word), `${shell}: ${word}`);
    }
    assert.match((await handfast(home, ['help', 'exit-codes'])).stdout, /^ +0 {2}success$/m);
    assert.equal((await handfast(home, [])).code, 2);
    const unknown = await handfast(home, ['sevre']);
    assert.deepEqual([unknown.code, /Did you mean `handfast serve`/.test(unknown.stderr)], [2, true]);
  });
});
