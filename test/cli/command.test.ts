import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseTarget } from '../../src/cli/client/target.ts';
import { type Command, helpOf, lifetime, nearest, type Option, type Options, parse } from '../../src/cli/command.ts';
import { sumMetrics } from '../../src/cli/commands/proxy.ts';
import { withConfig } from '../../src/cli/config-file.ts';
import { CliError, humanError } from '../../src/cli/errors.ts';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { commandNames, loadCommand } from '../../src/cli/main.ts';
import { stateFolder } from '../../src/cli/paths.ts';
import { parseProxyHeader } from '../../src/cli/proxy/proxy-protocol.ts';
import { proxyOptions } from '../../src/cli/proxy/settings.ts';
import { pathOf } from '../../src/cli/server/files.ts';
import { clip, foldedTable, printable, table, wantsColour, width } from '../../src/cli/ui/terminal.ts';
import { handfast, program, temporaryFolder } from './run.ts';

const options = {
  port: { value: 'N', short: 'p', help: '' },
  name: { value: 'NAME', multiple: true, help: '' },
  tls: { value: 'V', choices: ['1.2', '1.3'], help: '' },
  quiet: { short: 'q', help: '' },
  cert: { value: 'FILE', help: '' },
} as const satisfies Options;

function refusal(work: () => unknown): CliError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof CliError, String(error));
    return error;
  }
  throw new Error('it was not refused');
}

describe('command lines', () => {
  test('options, their short forms, repetition, and words', () => {
    const { values, positionals } = parse(options, ['a', '-p', '80', '--name=x', '--name', 'y', '-q', '--', '--b'], {
      max: 2,
    });
    assert.deepEqual({ ...values }, { port: '80', name: ['x', 'y'], quiet: true });
    assert.deepEqual(positionals, ['a', '--b']);
  });

  test('what is wrong is named, with advice', () => {
    const cases: [string[], RegExp, RegExp?][] = [
      [['--prt', '1'], /no option --prt/, /--port/],
      [['--port'], /--port needs a value/, /--port N/],
      [['--port', '--quiet'], /--port needs a value/],
      [['--quiet=1'], /--quiet takes no value/],
      [['--port', '1', '--port', '2'], /given twice/],
      [['--tls', '1.1'], /no such choice/, /1\.2, 1\.3/],
      [['a', 'b'], /"b" is one word too many/],
    ];
    for (const [words, message, hint] of cases) {
      const error = refusal(() => parse(options, words, { max: 1 }));
      assert.match(error.message, message);
      if (hint !== undefined) assert.match(error.hint ?? '', hint);
      assert.equal(error.exitCode, exitCodes.usage);
    }
    assert.match(
      refusal(() => parse(options, [], { min: 1, max: 1, names: ['the URL'] })).message,
      /the URL is missing/,
    );
  });

  test('near misses are found, far ones are not', () => {
    assert.equal(nearest('serv', ['serve', 'get']), 'serve');
    assert.equal(nearest('prxoy', ['serve', 'proxy']), 'proxy');
    assert.equal(nearest('xyzzy', ['serve', 'get']), undefined);
  });

  test('help fits a terminal of 40 columns: only examples, which are there to be copied, are longer', async () => {
    for (const name of commandNames) {
      const command = await loadCommand(name);
      for (const one of [command, ...(command?.words ?? [])] as Command[]) {
        const lines = helpOf(one, (_, text) => text, 40).split('\n');
        const examples = one.examples.map(([example]) => `  ${example}`);
        for (const line of lines.slice(1)) assert.ok(width(line) <= 40 || examples.includes(line), line);
      }
    }
  });

  test('lifetimes have a unit', () => {
    assert.equal(lifetime('lifetime', '12h'), 43_200_000);
    assert.match(refusal(() => lifetime('lifetime', '12')).message, /a number with a unit/);
  });
});

describe('addresses', () => {
  test('URLs, hosts and ports, IPv6', () => {
    assert.deepEqual(parseTarget('https://Example.test/a?b#c'), {
      host: 'example.test',
      port: 443,
      path: '/a?b',
      authority: 'example.test',
    });
    assert.deepEqual(parseTarget('localhost:8443'), {
      host: 'localhost',
      port: 8443,
      path: '/',
      authority: 'localhost:8443',
    });
    assert.equal(parseTarget('::1').host, '::1');
    assert.equal(parseTarget('[::1]:8443').authority, '[::1]:8443');
    assert.equal(parseTarget('mail.test', 25).port, 25);
  });

  test('what is no HTTPS address is refused', () => {
    for (const word of [
      'http://a.test',
      'ftp://a.test',
      'https://',
      'https://user:secret@a.test',
      'a b',
      'https://a.test:99999',
    ]) {
      assert.equal(refusal(() => parseTarget(word)).exitCode, exitCodes.usage, word);
    }
  });
});

describe('terminal', () => {
  test('wide characters count twice, control characters are shown', () => {
    assert.equal(width('한글 ab'), 7);
    assert.equal(printable('a\u001b[31mb\u0007'), 'a\\x1b[31mb\\x07');
    assert.equal(clip('한글한글', 5), '한글…');
    assert.equal(
      table(
        [{ title: 'a' }, { title: 'n', align: 'right' }],
        [
          ['한글', '1'],
          ['x', '22'],
        ],
      ),
      'a      n\n한글   1\nx     22',
    );
  });

  test('a table that is too wide becomes several, each with the first column', () => {
    const columns = ['name', 'one', 'two'].map((title) => ({ title }));
    const rows = [['a', '1'.repeat(10), '2'.repeat(10)]];
    const plain = (_: unknown, text: string) => text;
    assert.equal(foldedTable(columns, rows, plain, 80), table(columns, rows));
    assert.equal(foldedTable(columns, rows, plain), table(columns, rows), 'no terminal, no limit');
    assert.equal(
      foldedTable(columns, rows, plain, 20),
      `name  one\na     ${'1'.repeat(10)}\n\nname  two\na     ${'2'.repeat(10)}`,
    );
  });

  test('NO_COLOR, FORCE_COLOR and TERM are heeded', () => {
    const terminal = { isTTY: true } as NodeJS.WriteStream;
    const pipe = { isTTY: false } as NodeJS.WriteStream;
    assert.equal(wantsColour(terminal, {}), true);
    assert.equal(wantsColour(pipe, {}), false);
    assert.equal(wantsColour(terminal, { NO_COLOR: '1' }), false);
    assert.equal(wantsColour(pipe, { FORCE_COLOR: '1' }), true);
    assert.equal(wantsColour(terminal, { TERM: 'dumb' }), false);
  });
});

describe('state folder', () => {
  test('HANDFAST_HOME first, then the place of the system', () => {
    assert.equal(stateFolder({ HANDFAST_HOME: '/h' }, 'linux'), '/h');
    assert.equal(stateFolder({ HOME: '/home/u' }, 'linux'), '/home/u/.local/share/handfast');
    assert.equal(stateFolder({ HOME: '/home/u', XDG_DATA_HOME: '/x' }, 'linux'), '/x/handfast');
    assert.equal(stateFolder({ HOME: '/Users/u' }, 'darwin'), '/Users/u/Library/Application Support/handfast');
  });
});

describe('configuration files', () => {
  const folder = temporaryFolder();
  const load = (content: string, values: Record<string, unknown> = {}) => {
    const file = join(folder, 'handfast.config.json');
    writeFileSync(file, content);
    return withConfig('serve', options, values, file);
  };

  test('settings complete the command line, which has precedence; paths count from the file', async () => {
    const merged = await load('{"serve":{"port":8000,"name":["a.test"],"cert":"c.pem","quiet":true},"proxy":{}}', {
      port: '9',
    });
    assert.deepEqual(merged, { port: '9', name: ['a.test'], cert: join(folder, 'c.pem'), quiet: true });
  });

  test('every option of the proxy that is a path counts from the file', async () => {
    const isPath = ({ value }: Option) => value === 'FILE' || value === 'FOLDER';
    const names = Object.entries(proxyOptions).flatMap(([name, option]) => (isPath(option) ? [name] : []));
    assert.ok(names.includes('ech') && names.includes('state'), String(names));
    const own = names.filter((name) => name !== 'config');
    const camel = (name: string) => name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const file = join(folder, 'proxy.json');
    writeFileSync(file, JSON.stringify({ proxy: Object.fromEntries(own.map((name) => [camel(name), 'x'])) }));
    const merged: Record<string, unknown> = await withConfig('proxy', proxyOptions, {}, file);
    for (const name of own) assert.deepEqual([merged[name]].flat(), [join(folder, 'x')], name);
  });

  test('what is wrong is named by its place', async () => {
    const cases: [string, RegExp][] = [
      ['{"serve":{"prot":1}}', /no setting "serve\.prot"/],
      ['{"serv":{}}', /no setting "serv"/],
      ['{"serve":{"port":true}}', /serve\.port is boolean true, not a text or a number/],
      ['{"serve":{"quiet":"yes"}}', /serve\.quiet is string "yes", not true or false/],
      ['{"serve":{"name":[{}]}}', /serve\.name is a list, not a list of texts/],
      ['{"serve":{"tls":"1.1"}}', /serve\.tls is "1\.1"/],
      ['{"serve":[]}', /serve is a list, not an object/],
      ['[]', /the configuration is a list/],
      ['{', /is no JSON/],
    ];
    for (const [content, message] of cases) {
      await assert.rejects(
        load(content),
        (error: Error) => error instanceof CliError && message.test(error.message),
        content,
      );
    }
  });
});

describe('configuration in TypeScript', () => {
  const readsTypes = (process.features as { typescript?: unknown }).typescript !== undefined;
  const serveWith = async (name: string, content: string) => {
    const home = temporaryFolder();
    writeFileSync(join(home, name), content);
    const { code, stderr } = await handfast(home, ['serve']);
    assert.equal(code, exitCodes.setup);
    return stderr;
  };

  test('Node 22.18 and later read it by themselves, older ones say so', async () => {
    const words = await serveWith(
      'handfast.config.ts',
      'const serve: object = { prot: 1 };\nexport default { serve };\n',
    );
    assert.match(words, readsTypes ? /no setting "serve\.prot"/ : /can't read TypeScript\n.*22\.18/);
  });

  test('what Node does not translate, and a file that it takes for CommonJS, are said with advice', async () => {
    if (!readsTypes) return;
    assert.match(await serveWith('handfast.config.mts', 'enum A { x }\nexport default A;\n'), /leave out enum/);
    const home = temporaryFolder();
    writeFileSync(join(home, 'package.json'), '{"type":"commonjs"}');
    writeFileSync(join(home, 'handfast.config.ts'), 'export default {};\n');
    assert.match((await handfast(home, ['serve'])).stderr, /name it \.mts/);
  });
});

describe('PROXY protocol', () => {
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));
  const v2 = (hex: string) => new Uint8Array(Buffer.from(`0d0a0d0a000d0a515549540a${hex}`, 'hex'));

  test('version 1 and 2 name the client', () => {
    assert.deepEqual(parseProxyHeader(bytes('PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n\x16')), {
      length: 41,
      address: '192.0.2.1',
    });
    assert.deepEqual(parseProxyHeader(bytes('PROXY UNKNOWN\r\n')), { length: 15, address: undefined });
    assert.deepEqual(parseProxyHeader(v2('2111000cc0000201c000020204d201bb')), { length: 28, address: '192.0.2.1' });
    assert.deepEqual(parseProxyHeader(v2('20000000')), { length: 16, address: undefined });
  });

  test('pieces wait, anything else is refused', () => {
    const header = 'PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n';
    for (let i = 1; i < header.length; i++) assert.equal(parseProxyHeader(bytes(header.slice(0, i))), 'incomplete');
    for (const text of ['\x16\x03\x01', 'GET / HTTP/1.1\r\n', 'PROXY TCP4 x y 1 2\r\n', `PROXY ${'a'.repeat(120)}`]) {
      assert.equal(parseProxyHeader(bytes(text)), 'wrong', text);
    }
    assert.equal(parseProxyHeader(v2('3111000c')), 'wrong');
    assert.equal(parseProxyHeader(v2('21110001ff')), 'wrong');
    assert.equal(parseProxyHeader(v2('2111ffff')), 'wrong');
  });
});

test('paths of URLs: what no file has is refused', () => {
  assert.equal(pathOf('/a%20b?x#y'), '/a b');
  assert.equal(pathOf('https://a.test/b'), '/b');
  for (const url of ['/%', '/a%00', '/a\\b', 'a', '/%5c']) assert.equal(pathOf(url), undefined, url);
});

test('metrics of workers are added, keys are not', () => {
  const a = '# TYPE x counter\nx{k="a b"} 2\nhandfast_ticket_key_age_seconds{key="1"} 5\n';
  assert.equal(sumMetrics([a, a]), '# TYPE x counter\nx{k="a b"} 4\nhandfast_ticket_key_age_seconds{key="1"} 5\n');
});

test('errors of the system have words and a hint', () => {
  const error = Object.assign(new Error('x'), { code: 'EADDRINUSE', syscall: 'listen', address: '::1', port: 8443 });
  assert.deepEqual(
    [humanError(error).message, humanError(error).exitCode],
    ['the port 8443 on ::1 is taken by another program', exitCodes.setup],
  );
  assert.equal(humanError(new TypeError('bug')).exitCode, exitCodes.internal);
});

test('who stops reading what is printed (`| head`) ends the command, without a word', async () => {
  const child = spawn(process.execPath, [program(), 'help', 'serve'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (text) => (stderr += text));
  const [code] = await once(child, 'close');
  assert.deepEqual([code, stderr], [0, '']);
});
