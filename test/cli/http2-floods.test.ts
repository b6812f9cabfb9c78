/** What clients of HTTP/2 can send without end: the server ends it, and none of it reaches the app in numbers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { createCounters } from '../../src/cli/server/counters.ts';
import { Http2Guard } from '../../src/cli/server/http2-guard.ts';
import { loadCredential } from '../../src/cli/server/local-authority.ts';
import { endWith, SecureServer } from '../../src/cli/server/secure-server.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

const types = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
  unknown: 0xbb,
};

function frame(type: keyof typeof types, flags: number, id: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = types[type];
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

const uint32 = (value: number) => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value]);

/** A field without compression, which stays out of the table or (0x40) goes into it; short texts. */
function field(name: string, value: string, kind = 0): Buffer {
  const long = value.length - 127;
  const length = long < 0 ? [value.length] : [127, (long & 127) | 128, long >> 7];
  return Buffer.concat([Buffer.from([kind, name.length]), Buffer.from(name), Buffer.from(length), Buffer.from(value)]);
}

const pseudo = (method = 'GET') =>
  Buffer.concat([field(':method', method), field(':scheme', 'https'), field(':path', '/'), field(':authority', 'a')]);

const repeat = (bytes: Buffer, times: number) => Buffer.concat(Array<Buffer>(times).fill(bytes));

/** A flood by parts, each for a stream of its own where it needs one. */
function streams(make: (id: number) => Buffer[]): (turn: number) => Buffer {
  return (turn) => Buffer.concat(Array.from({ length: 100 }, (_, i) => make(2 * (100 * turn + i) + 1)).flat());
}

interface Flood {
  readonly name: string;
  readonly first?: Buffer;
  readonly part: (turn: number) => Buffer;
  /** What may be handled of it. */
  readonly handled: number;
}

const post = frame('headers', 4, 1, pseudo('POST'));
const floods: readonly Flood[] = [
  { name: 'SETTINGS', part: () => repeat(frame('settings', 0, 0, Buffer.from([0, 3, 0, 0, 0, 9])), 500), handled: 0 },
  { name: 'PING', part: () => repeat(frame('ping', 0, 0, Buffer.alloc(8)), 500), handled: 0 },
  { name: 'PRIORITY', part: () => repeat(frame('priority', 0, 1, Buffer.alloc(5)), 500), handled: 0 },
  { name: 'frames of an unknown type', part: () => repeat(frame('unknown', 0, 0, Buffer.alloc(20)), 500), handled: 0 },
  {
    name: 'requests that are reset at once (CVE-2023-44487)',
    part: streams((id) => [frame('headers', 5, id, pseudo()), frame('reset', 0, id, uint32(8))]),
    handled: 0,
  },
  {
    name: 'requests that make the server reset them (CVE-2025-8671)',
    part: streams((id) => [frame('headers', 5, id, pseudo()), frame('window', 0, id, uint32(0))]),
    handled: 0,
  },
  {
    name: 'CONTINUATION (CVE-2024-27316)',
    first: frame('headers', 1, 1, pseudo()),
    part: () => repeat(frame('continuation', 0, 1, field('a', 'b'.repeat(1000))), 16),
    handled: 0,
  },
  {
    name: 'CONTINUATION without content',
    first: frame('headers', 1, 1, pseudo()),
    part: () => repeat(frame('continuation', 0, 1), 500),
    handled: 0,
  },
  { name: 'DATA without content', first: post, part: () => repeat(frame('data', 0, 1), 500), handled: 1 },
  { name: 'WINDOW_UPDATE', first: post, part: () => repeat(frame('window', 0, 0, uint32(1)), 500), handled: 1 },
  { name: 'WINDOW_UPDATE beyond 2^31', first: post, part: () => frame('window', 0, 0, uint32(0x7fffffff)), handled: 1 },
];

describe('floods of HTTP/2 are ended by the server', async () => {
  const crypto = createNodeCrypto();
  const { chainFile, keyFile } = testIdentity('ecdsa-p256');
  const { credential } = await loadCredential(crypto, chainFile, keyFile, {});
  const counters = createCounters();
  const server = new SecureServer({
    tls: () => ({ crypto, credentials: [credential], alpnProtocols: ['h2', 'http/1.1'] }),
    counters,
    handler: (request, response) => {
      (request as NodeJS.ReadableStream).resume();
      if (request.method === 'GET') endWith(response, 'here');
    },
  });
  const [bound] = await server.listen(0, ['127.0.0.1']);
  after(() => server.close(0));

  async function open(): Promise<TLSSocket> {
    const trust = { host: '127.0.0.1', servername: 'localhost', ca: rootPem };
    const socket = connect({ ...trust, port: bound?.port as number, ALPNProtocols: ['h2'] });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame('settings', 0, 0)]));
    return socket;
  }

  for (const { name, first, part, handled } of floods)
    test(name, async () => {
      const before = counters.requests;
      const socket = await open();
      socket.resume();
      let ended = false;
      for (const event of ['end', 'close', 'error']) socket.on(event, () => (ended = true));
      if (first !== undefined) socket.write(first);
      for (let turn = 0; turn < 400 && !ended; turn++) {
        socket.write(part(turn));
        await new Promise((done) => setTimeout(done, 2));
      }
      assert.ok(ended, 'it is still there');
      assert.ok(counters.requests - before <= handled, String(counters.requests - before));
      socket.destroy();
    });

  test('a field list that is large by its table alone, or by its number, is no request', async () => {
    const socket = await open();
    socket.resume();
    const before = counters.requests;
    socket.write(frame('headers', 5, 1, Buffer.concat([pseudo(), field('a', 'b'.repeat(3800), 0x40)])));
    for (let i = 1; i < 40; i++)
      // Each byte names the field of 3.8 KB again: 15 MB.
      socket.write(frame('headers', 5, 2 * i + 1, Buffer.concat([pseudo(), Buffer.alloc(4000, 0xbe)])));
    for (let i = 40; i < 80; i++)
      socket.write(frame('headers', 5, 2 * i + 1, Buffer.concat([pseudo(), repeat(field('a', 'b'), 2000)])));
    await new Promise((done) => setTimeout(done, 500));
    assert.ok(counters.requests - before <= 1, String(counters.requests - before));
    socket.destroy();
  });
});

describe('who uses HTTP/2 as it is meant is let alone', () => {
  const watch = () => {
    let [now, ended] = [0, ''];
    const guard = new Http2Guard(
      (why) => (ended = why),
      () => now,
    );
    return { guard, ended: () => ended, pass: (seconds: number) => (now += 1000 * seconds) };
  };

  test('a PING each second for a day, a WINDOW_UPDATE for each piece of a large answer, ACKs, small pieces of bodies', () => {
    const { guard, ended, pass } = watch();
    const ping = frame('ping', 0, 0, Buffer.alloc(8));
    for (let i = 0; i < 86_400; i++) {
      guard.received(ping);
      pass(1);
    }
    const piece = frame('data', 0, 1, Buffer.alloc(16_384));
    for (let i = 0; i < 20_000; i++) {
      guard.sent(piece);
      guard.received(frame('window', 0, 1, uint32(16_384)));
      guard.received(frame('window', 0, 0, uint32(16_384)));
    }
    for (let i = 0; i < 20_000; i++) guard.received(Buffer.concat([frame('data', 0, 1, Buffer.from('x')), ping]));
    assert.equal(ended(), '');
  });

  test('frames are found in whatever pieces they come; GOAWAY with a code ends, without one it does not', () => {
    const bytes = Buffer.concat([
      frame('data', 0, 1, Buffer.alloc(20_000)),
      frame('goaway', 0, 0, Buffer.concat([uint32(1), uint32(0), Buffer.from('bye')])),
      frame('settings', 1, 0),
    ]);
    const wrong = frame('goaway', 0, 0, Buffer.concat([uint32(1), uint32(11)]));
    for (const size of [1, 7, 9, 4096, 100_000]) {
      const { guard, ended } = watch();
      const give = (all: Buffer) => {
        for (let at = 0; at < all.length; at += size) guard.sent(all.subarray(at, at + size));
      };
      give(bytes);
      assert.equal(ended(), '');
      give(wrong);
      assert.match(ended(), /against the rules/);
    }
  });
});
