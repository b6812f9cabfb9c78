/** Bad input of every kind, through a pipe and on a terminal: what was wrong, what to do, and the exit code. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decodePem, encodePem } from '../../src/bytes/pem.ts';
import { makeCertificate } from '../audit/faulty/certificates.ts';
import { rootFile } from '../helpers/pki.ts';
import { handfast, hasProgram, hasTerminal, onTerminal, type RunOptions, startServe, temporaryFolder } from './run.ts';

const esc = String.fromCharCode(0x1b);
const skip = hasProgram('openssl') ? false : 'openssl is not installed';
const home = temporaryFolder();
const file = (name: string) => join(home, name);
const proxy = ['proxy', '--to', 'http://127.0.0.1:9', '--metrics', 'off'];
let taken: Server;
let port = '';

before(async () => {
  if (skip !== false) return;
  assert.equal((await handfast(home, ['ca', 'issue', 'localhost'])).code, 0);
  const encrypt = ['pkcs8', '-topk8', '-in', file('localhost.key'), '-out', file('locked.key')];
  execFileSync('openssl', [...encrypt, '-passout', 'pass:correct horse', '-v2', 'aes-256-cbc'], { stdio: 'ignore' });
  makeCertificate(home, 'expired');
  for (const [name, text] of Object.entries({
    'wrong.txt': 'battery staple\n',
    text: 'x\n',
    'broken.json': '{ "serve": { "port": } }',
    'unknown.json': '{ "serve": { "prot": 1 } }',
    'type.json': '{ "proxy": { "workers": {} } }',
    'choice.json': '{ "proxy": { "tls": "1.1" } }',
    'list.json': '[]',
    'bool.json': '{ "serve": { "noEarlyData": "yes" } }',
    'section.json': '{ "server": {} }',
    'broken.mjs': 'export default {',
  }))
    writeFileSync(file(name), text);
  const [leaf, issuer] = decodePem(readFileSync(file('localhost.pem'), 'latin1')).map(({ bytes }) => bytes);
  const damaged = encodePem('CERTIFICATE', leaf!) + encodePem('CERTIFICATE', issuer!.subarray(0, -9));
  writeFileSync(file('damaged.pem'), damaged);
  writeFileSync(file('cut.pem'), damaged.slice(0, 300));
  writeFileSync(file('short.key'), Buffer.alloc(31, 1));
  writeFileSync(file('fleet.key'), randomBytes(32));
  taken = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => taken.once('listening', done));
  port = String((taken.address() as { port: number }).port);
});
after(() => taken?.close());

type Case = readonly [words: readonly string[], code: number, message: RegExp];

/** One line of red words, one of advice, no stack, and the same exit code both ways. */
async function check([words, code, message]: Case, options: RunOptions = {}, folder = home): Promise<void> {
  const what = words.join(' ');
  const piped = await handfast(folder, words, options);
  assert.equal(piped.code, code, `${what}: ${piped.stderr}`);
  assert.match(piped.stderr, message, what);
  assert.match(piped.stderr, /^→ \S/m, `${what}: it says what to do`);
  assert.doesNotMatch(piped.stderr, /^ +at /m, `${what}: no stack for people`);
  assert.ok(!piped.stderr.includes(esc), `${what}: colours are for terminals`);
  if (!hasTerminal()) return;
  const { code: there, screen } = await onTerminal(folder, words, undefined, options);
  assert.equal(there, code, `${what}, on a terminal: ${screen}`);
  assert.match(screen.replaceAll('\r', ''), message, `${what}, on a terminal`);
  assert.ok(screen.includes(`${esc}[31mhandfast${esc}[`), `${what}: red on a terminal`);
}

function cases(name: string, list: () => readonly Case[]): void {
  test(name, { skip }, async () => {
    for (const each of list()) await check(each);
  });
}

describe('bad input, through a pipe and on a terminal', () => {
  cases('missing files and folders', () => [
    [['serve', 'nowhere'], 3, /folder nowhere does not exist/],
    [['serve', '--cert', 'gone.pem', '--key', 'localhost.key'], 3, /gone\.pem does not exist/],
    [[...proxy, '--client-ca', 'gone.pem'], 3, /gone\.pem does not exist/],
    [[...proxy, '--redis', 'redis://127.0.0.1:1', '--fleet-key', 'gone.key'], 3, /gone\.key does not exist/],
    [['get', 'https://localhost:1', '--cacert', 'gone.pem'], 3, /gone\.pem does not exist/],
    [['inspect', `localhost:${port}`, '--cacert', 'gone.pem'], 3, /gone\.pem does not exist/],
    [['compare', `https://localhost:${port}`, '--cacert', 'gone.pem'], 3, /gone\.pem does not exist/],
    [['ca', 'show', 'gone.pem'], 3, /gone\.pem does not exist/],
    [['ca', 'sign', 'no/such/a.csr'], 3, /the folder no\/such does not exist/],
  ]);

  cases('passphrases that are wrong, or not given', () => [
    [
      ['serve', '--cert', 'localhost.pem', '--key', 'locked.key', '--passphrase-file', 'wrong.txt'],
      3,
      /passphrase of locked\.key is wrong/,
    ],
    [['serve', '--cert', 'localhost.pem', '--key', 'locked.key'], 3, /key in locked\.key is encrypted/],
    [
      [...proxy, '--cert', 'localhost.pem', '--key', 'locked.key', '--passphrase-file', 'wrong.txt'],
      3,
      /passphrase of locked\.key is wrong/,
    ],
    [
      [...proxy, '--workers', '2', '--cert', 'localhost.pem', '--key', 'locked.key'],
      3,
      /key in locked\.key is encrypted/,
    ],
    [['get', 'https://localhost:1', '--cert', 'localhost.pem', '--key', 'locked.key'], 3, /is encrypted/],
  ]);

  cases('ports that are taken', () => [
    [
      ['serve', '--port', port, '--host', '127.0.0.1', '--metrics', 'off'],
      3,
      /port \d+ on 127\.0\.0\.1 is taken.*--port N/s,
    ],
    [['serve', '--port', '0', '--metrics', port], 3, /is taken.*--metrics PORT/s],
    [[...proxy, '--listen', `127.0.0.1:${port}`], 3, /is taken.*--listen \[HOST:\]PORT/s],
    [[...proxy, '--listen', `127.0.0.1:${port}`, '--workers', '2'], 3, /is taken.*--listen \[HOST:\]PORT/s],
    [['proxy', '--to', 'http://127.0.0.1:9', '--listen', '0', '--metrics', port], 3, /is taken.*--metrics PORT/s],
    [
      ['proxy', '--to', 'http://127.0.0.1:9', '--listen', '0', '--metrics', port, '--workers', '2'],
      3,
      /is taken.*--metrics PORT/s,
    ],
    [['ca', 'acme', '--port', port, '--host', '127.0.0.1'], 3, /is taken.*--port N/s],
    [['ca', 'acme', '--port', '0', '--publish-port', port, '--host', '127.0.0.1'], 3, /is taken.*--publish-port N/s],
  ]);

  cases('malformed configuration', () => [
    [['serve', '--config', 'broken.json'], 3, /broken\.json is no JSON/],
    [['serve', '--config', 'broken.mjs'], 3, /broken\.mjs can't be loaded/],
    [['serve', '--config', 'unknown.json'], 3, /no setting "serve\.prot".*Did you mean "port"/s],
    [['serve', '--config', 'section.json'], 3, /no setting "server".*Did you mean "serve"/s],
    [['serve', '--config', 'list.json'], 3, /is a list, not an object/],
    [['serve', '--config', 'bool.json'], 3, /serve\.noEarlyData is string "yes", not true or false/],
    [['proxy', '--config', 'type.json'], 3, /proxy\.workers is an object, not a text or a number/],
    [['proxy', '--config', 'choice.json'], 3, /proxy\.tls is "1\.1".*1\.2, 1\.3/s],
    [['proxy', '--config', 'gone.json'], 3, /gone\.json does not exist/],
  ]);

  cases('certificates that are damaged: which file, which of them, whose', () => [
    [
      ['serve', '--cert', 'damaged.pem', '--key', 'localhost.key'],
      3,
      /certificate 2 of 2 \(CN=.*issuing 1\) in damaged\.pem/,
    ],
    [[...proxy, '--cert', 'damaged.pem', '--key', 'localhost.key'], 3, /certificate 2 of 2 \(CN=.*\) in damaged\.pem/],
    [[...proxy, '--client-ca', 'damaged.pem'], 3, /\(damaged\.pem\) can't be read: certificate 2 of 2 \(CN=/],
    [
      ['get', 'https://localhost:1', '--cacert', 'damaged.pem'],
      3,
      /\(damaged\.pem\) can't be read: certificate 2 of 2/,
    ],
    [['ca', 'show', 'damaged.pem'], 3, /certificate 2 of 2 \(CN=/],
    [
      ['serve', '--cert', 'cut.pem', '--key', 'localhost.key'],
      3,
      /cut\.pem can't be read: the PEM block .* in line 1 has no/,
    ],
    [['ca', 'show', 'cut.pem'], 3, /cut\.pem can't be read/],
    [['ca', 'revoke', 'cut.pem'], 3, /cut\.pem can't be read/],
    [['ca', 'sign', 'cut.pem', '--out', 'new'], 3, /cut\.pem can't be read/],
  ]);

  cases('a fleet that can not be', () => [
    [[...proxy, '--redis', 'nonsense', '--fleet-key', 'fleet.key'], 2, /no URL of Redis/],
    [[...proxy, '--redis', 'redis://127.0.0.1:1', '--fleet-key', 'short.key'], 3, /at least 32 bytes/],
    [
      [...proxy, '--workers', '2', '--redis', 'redis://127.0.0.1:1', '--fleet-key', 'short.key'],
      3,
      /at least 32 bytes/,
    ],
  ]);

  cases('command lines and servers that are wrong', () => [
    [['sevre'], 2, /no command "sevre".*handfast serve/s],
    [['serve', '--prot', '1'], 2, /--prot/],
    [['inspect', 'localhost:1'], 4, /nothing listens/],
    [['inspect', 'nothing.invalid'], 4, /has no address/],
    [['inspect', `localhost:${port}`, '--timeout', '1'], 4, /takes connections, and says nothing.*--starttls/s],
    [['inspect', `localhost:${port}`, '--history', 'text'], 3, /no history of handfast inspect/],
    [['compare', 'http://localhost'], 2, /not encrypted/],
    [['compare', '--rtt', 'x'], 2, /whole number/],
    [['compare', '--repeat', '1', '--rtt', '0', '--svg', 'no/such/x.svg'], 3, /the folder no\/such does not exist/],
    [['bench', '--repeat', 'x'], 2, /whole number/],
    [['bench', '--groups', 'foo'], 2, /no group "foo"/],
    [['completion', 'tcsh'], 2, /no completion for "tcsh"/],
    [['ca', 'show', 'text'], 3, /malformed|no certificate/],
  ]);
});

test('no permission: for keys, folders, and low ports', { skip }, async () => {
  const root = process.getuid?.() === 0;
  const user = root ? 65_534 : undefined;
  const own = temporaryFolder();
  const locked = join(own, 'locked');
  mkdirSync(locked);
  writeFileSync(join(own, 'secret.key'), readFileSync(file('localhost.key')), { mode: 0 });
  writeFileSync(join(own, 'localhost.pem'), readFileSync(file('localhost.pem')));
  if (root) chownSync(own, 65_534, 65_534);
  chmodSync(locked, 0);
  const key = ['--cert', 'localhost.pem', '--key', 'secret.key'];
  const list: Case[] = [
    [['serve', ...key, '--metrics', 'off'], 3, /may not use secret\.key/],
    [['serve', 'locked', '--port', '0', '--metrics', 'off'], 3, /may not use locked/],
    [['serve', '--state', 'locked/state', '--metrics', 'off'], 3, /may not use .*locked\/state/],
    [[...proxy, ...key], 3, /may not use secret\.key/],
    [[...proxy, ...key, '--workers', '2'], 3, /may not use secret\.key/],
    [['get', 'https://localhost:1', ...key], 3, /may not use secret\.key/],
    [['ca', 'issue', 'a.test', '--out', 'locked/a'], 3, /may not use locked\/a/],
    [['ca', 'issue', 'a.test', '--folder', 'locked/ca'], 3, /may not use .*locked\/ca/],
  ];
  if (Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1')) > 81) {
    list.push(
      [['serve', '--port', '81', '--metrics', 'off'], 3, /may not listen on port 81.*--port N/s],
      [[...proxy, '--listen', '0.0.0.0:81'], 3, /may not listen on port 81.*--listen \[HOST:\]PORT/s],
      [[...proxy, '--listen', '0.0.0.0:81', '--workers', '2'], 3, /may not listen on port 81/],
    );
  }
  for (const each of list) await check(each, { user }, own);
  chmodSync(locked, 0o700);
});

describe('what is served all the same, with a warning', { skip }, () => {
  const expired = ['--cert', 'expired.crt', '--key', 'expired.key'];

  test('an expired certificate: serve and proxy warn, every client refuses it', async () => {
    const server = await startServe(home, expired);
    assert.match(server.output(), /warning: the certificate in expired\.crt expired on/);
    await server.until(/Certificate expired 10 days ago/);
    await check([['get', server.url, '--cacert', rootFile], 5, /expired on .*Renew the certificate/s]);
    await check([['compare', server.url, '--cacert', rootFile], 5, /expired on .*Renew the certificate/s]);
    const at = `localhost:${server.port}`;
    const inspected = await handfast(home, ['inspect', at, '--cacert', rootFile, '--no-resume']);
    assert.deepEqual([inspected.code, /✗ the certificate expired 10 days ago/.test(inspected.stdout)], [1, true]);
    const doctor = await handfast(home, ['ca', 'doctor', at]);
    assert.deepEqual([doctor.code, /its certificate has expired: renew it/.test(doctor.stdout)], [1, true]);
    assert.equal(await server.end(), 0);
    for (const workers of ['1', '2']) {
      const words = [...proxy, '--listen', '0', '--workers', workers, ...expired];
      if (!hasTerminal()) continue;
      const { code, screen } = await onTerminal(home, words, { when: /Ctrl-C ends it/, type: '\u0003' });
      assert.equal(code, 0, screen);
      assert.match(screen, /warning: the certificate in expired\.crt expired on .*HTTPS on/s);
    }
  });

  test('Redis that can not be reached: the proxy says so, and goes on', async () => {
    if (!hasTerminal()) return;
    const fleet = ['--redis', 'redis://127.0.0.1:1', '--fleet-key', 'fleet.key'];
    const words = [...proxy, '--listen', '0', ...fleet];
    const { code, screen } = await onTerminal(home, words, { when: /Ctrl-C ends it/, type: '\u0003' });
    assert.equal(code, 0, screen);
    assert.match(screen, /Redis: unreachable; new clients get full handshakes, the service goes on/);
  });
});
