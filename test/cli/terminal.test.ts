import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { handfast, hasTerminal, onTerminal, temporaryFolder } from './run.ts';

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
    assert.match((await handfast(home, ['help', 'exit-codes'])).stdout, /^ {2}0 {2}success$/m);
    assert.equal((await handfast(home, [])).code, 2);
    const unknown = await handfast(home, ['sevre']);
    assert.deepEqual([unknown.code, /Did you mean `handfast serve`/.test(unknown.stderr)], [2, true]);
  });
});
