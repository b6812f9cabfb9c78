/** `pskCallback` and `pskIdentityHint` of the drop-in: what a program may answer, and what comes of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { parseCiphers } from '../../src/node/context/ciphers.ts';
import { nodeMajor } from '../../src/node/context/settings.ts';
import type { TLSSocket } from '../../src/node/socket/tls-socket.ts';
import tls from '../../src/node/tls.ts';
import { listening } from '../helpers/listening.ts';

const key = Buffer.alloc(32, 7);
const ciphers = 'PSK+HIGH';
const checkServerIdentity = () => undefined;
const tls12 = { ciphers, maxVersion: 'TLSv1.2' } as const;

interface Outcome {
  /** What the server saw: the identity, or the code of its error. */
  readonly server: (string | undefined)[];
  /** The client's socket, secure or failed. */
  readonly client: TLSSocket;
  readonly error: NodeJS.ErrnoException | undefined;
}

type Options = Record<string, unknown>;

async function meet(t: TestContext, server: Options, client: Options): Promise<Outcome> {
  const seen: (string | undefined)[] = [];
  const options = {
    ...tls12,
    pskCallback(socket: TLSSocket, identity: string) {
      assert.ok(socket instanceof tls.TLSSocket);
      seen.push(identity);
      return key;
    },
    ...server,
  };
  const listener = tls.createServer(options as never, (socket) => {
    socket.on('error', () => {});
    socket.end('hello');
  });
  listener.on('tlsClientError', ({ code, message }: NodeJS.ErrnoException) => seen.push(code ?? message));
  const port = await listening(t, listener);
  const pskCallback = () => ({ psk: key, identity: 'ann' });
  const socket = tls.connect({
    ...{ host: '127.0.0.1', port, checkServerIdentity, pskCallback, ...tls12 },
    ...client,
  } as never) as unknown as TLSSocket;
  let error: NodeJS.ErrnoException | undefined;
  socket.on('error', (given) => {
    error = given;
  });
  socket.resume();
  await once(socket, 'close').catch(() => {});
  if (error !== undefined && seen.length === 0) await once(listener, 'tlsClientError');
  return { server: seen, client: socket, error };
}

describe('what a client answers', () => {
  const refused: [string, unknown, { code?: string; message: RegExp }][] = [
    ['no object', 'x', { code: 'ERR_INVALID_ARG_TYPE', message: /^The "ret" argument must be of type object/ }],
    [
      'no key',
      { identity: 'ann' },
      { code: 'ERR_INVALID_ARG_TYPE', message: /^The "psk" argument must be an instance/ },
    ],
    [
      'no identity',
      { psk: key },
      { code: 'ERR_INVALID_ARG_TYPE', message: /^The "identity" argument must be of type/ },
    ],
    [
      'a long key',
      { psk: Buffer.alloc(513), identity: 'ann' },
      { code: 'ERR_INVALID_ARG_VALUE', message: /'psk' Pre-shared key exceeds 512 bytes/ },
    ],
    [
      'a long identity',
      { psk: key, identity: 'ü'.repeat(129) },
      { code: 'ERR_INVALID_ARG_VALUE', message: /'identity' PSK identity exceeds 256 bytes/ },
    ],
  ];
  for (const [what, answer, expected] of refused) {
    test(what, async (t) => {
      const { server, error } = await meet(t, {}, { pskCallback: () => answer });
      assert.deepEqual([error?.code, server], [expected.code, ['ECONNRESET']]);
      assert.match(error!.message, expected.message);
    });
  }

  test('an error of its own', async (t) => {
    const mine = new Error('mine');
    const { error } = await meet(t, {}, { pskCallback: () => assert.fail(mine) });
    assert.equal(error, mine);
  });

  for (const [what, answer] of [
    ['nothing', null],
    ['an empty key', { psk: Buffer.alloc(0), identity: 'ann' }],
  ] as const) {
    test(what, async (t) => {
      const { server, error } = await meet(t, {}, { pskCallback: () => answer });
      assert.equal(error?.code, 'ERR_SSL_PSK_IDENTITY_NOT_FOUND');
      assert.match(server[0]!, /ALERT_HANDSHAKE_FAILURE$/);
    });
  }

  test('an empty identity, and a key in another kind of array', async (t) => {
    const psk = new DataView(new Uint8Array(key).buffer);
    const { server, error } = await meet(t, {}, { pskCallback: () => ({ psk, identity: '' }) });
    assert.deepEqual([error, server], [undefined, ['']]);
  });

  test('without a callback there is no suite to offer', async (t) => {
    const { error } = await meet(t, {}, { pskCallback: undefined });
    assert.equal(error?.code, 'ERR_SSL_NO_CIPHERS_AVAILABLE');
  });

  test('the default check of the name fails for want of a certificate, as in Node', async (t) => {
    const { error } = await meet(t, {}, { checkServerIdentity: tls.checkServerIdentity });
    assert.equal(error?.code, 'ERR_TLS_CERT_ALTNAME_INVALID');
  });
});

describe('what a server answers', () => {
  test('a key, or an object with it', async (t) => {
    const { server, error } = await meet(t, { pskCallback: () => ({ psk: key }) }, {});
    assert.deepEqual([error, server], [undefined, []]);
  });

  for (const [what, answer, code] of [
    ['no object', 'x', 'ERR_INVALID_ARG_TYPE'],
    ['no key', { psk: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['a promise, which Node does not wait for either', Promise.resolve(key), 'ERR_INVALID_ARG_TYPE'],
    ['a long key', Buffer.alloc(513), 'ERR_INVALID_ARG_VALUE'],
  ] as const) {
    test(what, async (t) => {
      const { server, error } = await meet(t, { pskCallback: () => answer }, {});
      assert.deepEqual([error?.code, server], ['ECONNRESET', [code]]);
    });
  }

  test('nothing: the client hears that the identity is not known', async (t) => {
    const { server, error } = await meet(t, { pskCallback: () => null }, {});
    assert.equal(error?.code, 'ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY');
    assert.deepEqual(server, ['ERR_SSL_PSK_IDENTITY_NOT_FOUND']);
  });

  test('it is asked for text only', async (t) => {
    // A client of ours says nothing but text: one with a NUL, where a C string would end.
    const { server } = await meet(t, {}, { pskCallback: () => ({ psk: key, identity: 'admin\0guest' }) });
    assert.deepEqual(server, ['ERR_SSL_PSK_IDENTITY_NOT_FOUND']);
  });

  test('without a callback there is no suite to share', async (t) => {
    const { server } = await meet(t, { pskCallback: undefined }, {});
    assert.deepEqual(server, ['ERR_SSL_NO_SHARED_CIPHER']);
  });
});

test('a hint that is too long ends each connection, with the code that this Node has for it', async (t) => {
  const { server, error } = await meet(t, { pskIdentityHint: 'a'.repeat(257) }, {});
  const code = nodeMajor < 24 ? 'ERR_TLS_PSK_SET_IDENTIY_HINT_FAILED' : 'ERR_TLS_PSK_SET_IDENTITY_HINT_FAILED';
  assert.deepEqual([error?.code, server], ['ECONNRESET', [code]]);
});

test('the options are checked at once', () => {
  assert.throws(() => tls.createServer({ pskCallback: 1 } as never), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => tls.createServer({ pskCallback: () => key, pskIdentityHint: 1 } as never), {
    code: 'ERR_INVALID_ARG_TYPE',
  });
  assert.throws(() => tls.connect({ port: 1, pskCallback: 1 } as never), { code: 'ERR_INVALID_ARG_TYPE' });
});

test('a server that asks for a certificate: who has a PSK has none', async (t) => {
  const { error } = await meet(t, { requestCert: true }, {});
  // From Node 24 on that is not enough.
  assert.equal(error?.code, nodeMajor >= 24 ? 'ECONNRESET' : undefined);
});

test('the cipher list speaks of PSKs as that of OpenSSL does', () => {
  const names = (list: string) => parseCiphers(list).codes.filter((code) => code >> 8 !== 0x13);
  assert.deepEqual(names('kECDHEPSK:-SHA1:-AES256:-SHA256:-SHA384'), [0xccac, 0xd001]);
  assert.deepEqual(names('kPSK+AESGCM'), [0x00a9, 0x00a8]);
  // OpenSSL has these, and Handfast does not.
  assert.deepEqual(names('DHE-PSK-AES128-GCM-SHA256'), []);
  assert.deepEqual(names('PSK:!kPSK:!kECDHEPSK'), []);
  assert.deepEqual(names('PSK-AES128-CBC-SHA:ECDHE-PSK-AES256-CBC-SHA384'), [0x008c, 0xc038]);
  assert.equal(
    names('HIGH:!PSK').some((code) => names('PSK').includes(code)),
    false,
  );
});
