import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { freePort } from '../helpers/listening.ts';
import { handfast, start, temporaryFolder } from './run.ts';

const port = /at https:\/\/\S+:(\d+)/;

describe('handfast ech', () => {
  test('makes a key that `serve` reads and `get` hides the name by; an old one names the new', async () => {
    const home = temporaryFolder();
    const made = await handfast(home, ['ech', 'public.test']);
    assert.equal(made.code, 0, made.stderr);
    const file = join(home, 'ech.pem');
    assert.match(readFileSync(file, 'utf8'), /BEGIN PRIVATE KEY[\s\S]+BEGIN ECHCONFIG/);
    if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o077, 0);
    const [, list = ''] = /ech="([^"]+)"/.exec(made.stdout) ?? [];
    const again = await handfast(home, ['ech', 'public.test']);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /is there already/);

    const words = ['serve', '--name', 'public.test', '--name', 'secret.test', '--port', '0', '--metrics', 'off'];
    const server = start(home, [...words, '--ech', file]);
    const [, at = ''] = await server.until(port);
    const ask = (ech: string, ...more: string[]) =>
      handfast(home, ['get', `https://secret.test:${at}/`, '--connect', `127.0.0.1:${at}`, '--ech', ech, ...more]);
    for (const ech of [file, list]) {
      const done = await ask(ech, '--json');
      assert.equal(done.code, 0, done.stderr);
      const { connection } = JSON.parse(done.stdout) as { connection: { echAccepted: boolean; serverName: string } };
      assert.equal(connection.echAccepted, true);
      assert.equal(connection.serverName, 'secret.test');
    }
    const told = await ask(file, '--trace');
    assert.match(told.stderr, /Encrypted Client Hello: offered, secret\.test inside, public\.test in sight/);
    assert.match(told.stderr, /Encrypted Client Hello: accepted/);
    assert.match(told.stderr, /asks for "public\.test"/);
    assert.match(told.stderr, /Inside is another ClientHello/);
    assert.match(told.stderr, /name hidden \(ECH\)/);
    assert.match((await ask(file, '--trace', '--lang', 'ko')).stderr, /이름 숨김/);

    const other = await handfast(home, ['ech', 'public.test', '--p256', '--output', 'old.pem']);
    assert.equal(other.code, 0, other.stderr);
    const refused = await ask(join(home, 'old.pem'));
    assert.notEqual(refused.code, 0);
    assert.ok(refused.stderr.includes(`--ech ${list}`), refused.stderr);
    await server.end();
  });

  test('a proxy with several names hides them, on each worker, and takes another key on SIGHUP', async (t) => {
    const home = temporaryFolder();
    const app = createServer((request, response) => response.end(`for ${request.headers.host}`));
    await once(app.listen(0, '127.0.0.1'), 'listening');
    t.after(() => app.close());
    const { port: behind } = app.address() as AddressInfo;
    assert.equal((await handfast(home, ['ech', 'public.test'])).code, 0);
    const routes = ['one.test', 'two.test'].flatMap((name) => ['--to', `${name}=http://127.0.0.1:${behind}`]);
    const at = await freePort();
    const words = ['--listen', `127.0.0.1:${at}`, '--name', 'public.test', '--workers', '2', '--metrics', 'off'];
    const server = start(home, ['proxy', ...routes, ...words, '--ech', 'ech.pem']);
    await server.until(/2 workers/);
    const ask = (name: string, ech: string) =>
      handfast(home, ['get', `https://${name}:${at}/`, '--connect', `127.0.0.1:${at}`, '--ech', ech, '--json']);
    for (const name of ['one.test', 'two.test']) {
      const done = await ask(name, 'ech.pem');
      assert.equal(done.code, 0, done.stderr);
      const { connection, response } = JSON.parse(done.stdout) as {
        connection: { echAccepted: boolean };
        response: { body: string };
      };
      assert.equal(connection.echAccepted, true);
      assert.equal(response.body, `for ${name}:${at}`);
    }
    renameSync(join(home, 'ech.pem'), join(home, 'old.pem'));
    assert.equal((await handfast(home, ['ech', 'public.test'])).code, 0);
    server.child.kill('SIGHUP');
    await server.until(/read again[\s\S]+read again/);
    const refused = await ask('one.test', 'old.pem');
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /--ech /, 'it names the new config');
    assert.equal((await ask('one.test', 'ech.pem')).code, 0);
    await server.end();
  });

  test('what is no such file is named', async () => {
    const home = temporaryFolder();
    writeFileSync(join(home, 'empty.pem'), '');
    for (const [words, pattern] of [
      [['ech'], /the public name/],
      [['ech', 'no_name'], /no_name/],
      [['serve', '--ech', 'empty.pem', '--port', '0'], /--ech empty\.pem: no PEM block/],
      [['get', 'https://localhost:1/', '--ech', '#'], /--ech #: neither PEM nor Base64/],
    ] as const) {
      const done = await handfast(home, [...words]);
      assert.notEqual(done.code, 0, words.join(' '));
      assert.match(done.stderr, pattern);
      assert.doesNotMatch(done.stderr, /fault of handfast/);
    }
  });
});
