/** Whom the proxy believes: revocation lists of clients, balancers that name a client, proxies that forward for one. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { readPeers, withoutMapping } from '../../src/cli/proxy/peers.ts';
import { crc32c, parseProxyHeader } from '../../src/cli/proxy/proxy-protocol.ts';
import { handfast, type Running, start, temporaryFolder } from './run.ts';

const app = createServer((request, response) => response.end(JSON.stringify(request.headers)));
await once(app.listen(0, '127.0.0.1'), 'listening');
const to = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
after(() => {
  app.closeAllConnections();
  app.close();
});

async function startProxy(home: string, ...words: string[]): Promise<Running & { port: number }> {
  const running = start(home, ['proxy', '--to', to, '--listen', '127.0.0.1:0', '--metrics', 'off', ...words]);
  return { ...running, port: Number((await running.until(/\(port (\d+)\)/))[1]) };
}

interface Asking {
  readonly name?: string;
  readonly before?: Buffer | string;
  readonly fields?: string;
  readonly session?: Buffer | undefined;
}

/** The fields that the app saw, and a session to resume; `undefined` where the proxy let nobody in. */
async function ask(home: string, port: number, { name, before, fields = '', session }: Asking = {}) {
  const file = (end: string) => readFileSync(join(home, `${name}${end}`));
  const raw = connectTcp(port, '127.0.0.1');
  if (before !== undefined) raw.write(before);
  const socket = connect({
    socket: raw,
    servername: 'localhost',
    ca: readFileSync(join(home, 'ca', 'root.pem')),
    ...(name === undefined ? {} : { cert: file('.pem'), key: file('.key') }),
    ...(session === undefined ? {} : { session }),
  });
  let ticket: Buffer | undefined;
  socket.on('session', (bytes: Buffer) => (ticket = bytes));
  socket.write(`GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${fields}\r\n`);
  let heard = '';
  try {
    for await (const part of socket) heard += part;
  } catch {}
  const body = /\r\n\r\n(\{.*)/s.exec(heard)?.[1];
  if (body === undefined) return undefined;
  return { headers: JSON.parse(body) as IncomingHttpHeaders, ticket };
}

describe('client certificates and revocation lists', () => {
  test('a client that is revoked gets in no more after SIGHUP, not by its session either; others do', async () => {
    const home = temporaryFolder();
    for (const who of ['alice', 'bob'])
      await handfast(home, ['ca', 'issue', `${who}@corp.test`, '--profile', 'client', '--out', who]);
    const update = async () => {
      const { stdout, stderr, code } = await handfast(home, ['ca', 'crl']);
      assert.equal(code, 0, stderr);
      writeFileSync(join(home, 'lists.pem'), stdout);
    };
    await update();
    const proxy = await startProxy(home, '--client-ca', 'ca/root.pem', '--client-crl', 'lists.pem');
    const [alice, bob] = [await ask(home, proxy.port, { name: 'alice' }), await ask(home, proxy.port, { name: 'bob' })];
    assert.match(String(alice?.headers['client-cert']), /^:MII[A-Za-z0-9+/]+=*:$/);
    const resumed = await ask(home, proxy.port, { name: 'alice', session: alice?.ticket });
    assert.equal(resumed?.headers['x-tls-resumption'], 'psk');
    const revoked = await handfast(home, ['ca', 'revoke', 'alice.pem']);
    assert.equal(revoked.code, 0, revoked.stderr);
    await update();
    proxy.child.kill('SIGHUP');
    await proxy.until(/certificates were read again/);
    assert.equal(await ask(home, proxy.port, { name: 'alice' }), undefined);
    assert.equal(await ask(home, proxy.port, { name: 'alice', session: alice?.ticket }), undefined);
    const again = await ask(home, proxy.port, { name: 'bob', session: bob?.ticket });
    assert.equal(again?.headers['x-tls-resumption'], 'none', 'it shows its certificate again, to the new list');
    assert.equal(await proxy.end(), 0);
  });

  test('what is no list is told; so is --client-crl without --client-ca', async () => {
    const home = temporaryFolder();
    await handfast(home, ['ca', 'issue', 'alice@corp.test', '--profile', 'client', '--out', 'alice']);
    const words = ['proxy', '--to', to, '--metrics', 'off', '--client-crl', 'alice.pem'];
    const done = await handfast(home, [...words, '--client-ca', 'ca/root.pem']);
    assert.deepEqual([done.code, /alice\.pem has no revocation list/.test(done.stderr)], [3, true], done.stderr);
    assert.match((await handfast(home, words)).stderr, /--client-crl needs --client-ca/);
  });
});

describe('balancers and proxies before this one', () => {
  const v1 = 'PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n';

  test('are believed by their address', async () => {
    const home = temporaryFolder();
    const forwarded =
      'x-forwarded-for: 198.51.100.1\r\nforwarded: for=198.51.100.1\r\nx-ssl-client-verify: SUCCESS\r\n';
    const ours = await startProxy(home, '--proxy-protocol', '--trust-forwarded', '--trusted', '127.0.0.0/8');
    const named = (await ask(home, ours.port, { before: v1, fields: forwarded }))?.headers;
    assert.equal(named?.['x-forwarded-for'], '192.0.2.7', 'the client of the balancer is no proxy');
    assert.equal(named?.['forwarded'], 'for=192.0.2.7;host="localhost";proto=https');
    assert.equal(named?.['x-ssl-client-verify'], undefined);
    await ours.end();
    const theirs = await startProxy(home, '--proxy-protocol', '--trusted', '10.0.0.0/8');
    assert.equal(await ask(home, theirs.port, { before: v1 }), undefined);
    await theirs.end();
    const behind = await startProxy(home, '--trust-forwarded', '--trusted', '127.0.0.1');
    const added = (await ask(home, behind.port, { fields: forwarded }))?.headers;
    assert.equal(added?.['x-forwarded-for'], '198.51.100.1, 127.0.0.1');
    assert.equal(added?.['forwarded'], 'for=198.51.100.1, for=127.0.0.1;host="localhost";proto=https');
    await behind.end();
  });

  test('addresses: one, a net, both families, IPv4 as IPv6', () => {
    const trusts = readPeers(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32']);
    for (const address of ['10.255.0.1', '192.0.2.1', '2001:db8::5', '::ffff:10.1.2.3'])
      assert.ok(trusts(address), address);
    for (const address of ['11.0.0.1', '192.0.2.2', '2001:db9::1', '', 'unknown', '::ffff:11.0.0.1'])
      assert.ok(!trusts(address), address);
    for (const text of ['10.0.0.0/33', 'x', '10.0.0', '::1/129', '1.2.3.4/', 'fe80::1%eth0'])
      assert.throws(() => readPeers([text]), /is no address/, text);
    assert.equal(withoutMapping('::FFFF:c000:0207'), '192.0.2.7');
    assert.equal(withoutMapping('::1'), '::1');
  });

  const signature = '0d0a0d0a000d0a515549540a';
  const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
  const v4 = 'c0000207 7f000001 0001 01bb';
  const v6 = '00000000000000000000ffffc0000207 00000000000000000000000000000001 0001 01bb';
  const header = (rest: string) => parseProxyHeader(hex(signature + rest));

  test('version 2: addresses, what may follow them, and a checksum', () => {
    assert.deepEqual(header(`21 11 000c ${v4}`), { length: 28, address: '192.0.2.7' });
    assert.deepEqual(header(`21 21 0024 ${v6}`), { length: 52, address: '192.0.2.7' }, 'IPv4 as IPv6');
    assert.deepEqual(header(`21 11 0013 ${v4} 04 0004 00000000`), { length: 35, address: '192.0.2.7' });
    assert.deepEqual(header('20 00 0000'), { length: 16, address: undefined }, 'LOCAL');
    assert.deepEqual(header(`20 11 000c ${v4}`), { length: 28, address: undefined }, 'LOCAL with an address');
    assert.deepEqual(header('21 00 0003 010203'), { length: 19, address: undefined }, 'UNSPEC: the rest is skipped');
    assert.deepEqual(header(`21 31 00d8 ${'00'.repeat(216)}`), { length: 232, address: undefined }, 'UNIX');
    const sum = crc32c(hex(`${signature} 21 11 0013 ${v4} 03 0004 00000000`));
    const withSum = (value: number) => header(`21 11 0013 ${v4} 03 0004 ${value.toString(16).padStart(8, '0')}`);
    assert.deepEqual(withSum(sum), { length: 35, address: '192.0.2.7' });
    assert.equal(withSum((sum ^ 1) >>> 0), 'wrong');
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
    for (const [text, why] of [
      [`31 11 000c ${v4}`, 'version 3'],
      [`22 11 000c ${v4}`, 'an unknown command'],
      [`21 41 000c ${v4}`, 'an unknown family'],
      [`21 13 000c ${v4}`, 'an unknown protocol'],
      ['21 11 0004 c0000207', 'too short for its addresses'],
      [`21 11 000e ${v4} 0400`, 'half a field'],
      [`21 11 0010 ${v4} 04 0002 00`, 'a field that goes beyond'],
      [`21 11 0012 ${v4} 03 0003 000000`, 'a checksum of three bytes'],
      [`21 11 ffff ${v4}`, 'longer than any'],
    ] as const)
      assert.equal(header(text), 'wrong', why);
    const whole = hex(`${signature} 21 11 0013 ${v4} 04 0004 00000000`);
    for (let i = 0; i < whole.length; i++)
      assert.equal(parseProxyHeader(whole.subarray(0, i)), 'incomplete', String(i));
  });
});
