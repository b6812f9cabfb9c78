/** What a server asks of an encrypted ClientHello, and a client of the answer (RFC 9849), rule by rule. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { concat, noBytes } from '../../src/bytes/bytes.ts';
import { type HpkeContext, hpkeSuite, setupBaseSender } from '../../src/crypto/hpke.ts';
import { createEchKey } from '../../src/engine/ech-key.ts';
import type { AlertName } from '../../src/errors.ts';
import { hpkeInfo } from '../../src/handshake/ech-keys.ts';
import { MemoryStore } from '../../src/session/memory-store.ts';
import { ServerSessions } from '../../src/session/resumption.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { type ClientHello, decodeClientHello, encodeClientHello } from '../../src/wire/client-hello.ts';
import { decodeEchConfig, encodeEchConfigList } from '../../src/wire/ech-config.ts';
import { echInner, encodeClientHelloInner, encodeEchOuter } from '../../src/wire/encrypted-client-hello.ts';
import { extensionTypes } from '../../src/wire/extension-type.ts';
import {
  decodeHelloRetryRequest,
  decodeServerHello13,
  encodeHelloRetryRequest,
  encodeServerHello13,
} from '../../src/wire/server-hello.ts';
import { tls12, tls13 } from '../../src/wire/versions.ts';
import { createPair, crypto } from '../handshake/pair.ts';
import { assertRefused, bytes, client, firstBody, message, server, turn, without } from './speak.ts';

const clock = { now: () => Date.now() };
const key = createEchKey(crypto, { publicName: 'public.example', configId: 7 });
const config = decodeEchConfig(key.config);
const suite = hpkeSuite(0x0020, 1, 1);
const fields = { kdf: 1, aead: 1, configId: 7 };
const { encryptedClientHello } = extensionTypes;

/** A client whose every word can be chosen: the hello that it means, and how it is wrapped. */
class Speaker {
  readonly inner: ClientHello;
  readonly outer: ClientHello;
  readonly #hpke: HpkeContext;
  #enc: Uint8Array;

  constructor() {
    assert.ok(config !== undefined && suite !== undefined);
    const plain = decodeClientHello(firstBody(turn(client({ minVersion: tls13, keyShares: ['x25519'] }))));
    const order = [...plain.extensionOrder, encryptedClientHello];
    const inner = { ...plain.extensions, encryptedClientHello: echInner };
    this.inner = { ...plain, random: bytes(32, 1), extensions: inner, extensionOrder: order };
    this.outer = { ...plain, extensions: { ...plain.extensions, serverName: 'public.example' }, extensionOrder: order };
    const { enc, context } = setupBaseSender(crypto, suite, config.publicKey, hpkeInfo(config));
    this.#hpke = context;
    this.#enc = enc;
  }

  /** The next clientHello. @param encoded the inner one in its short form, where it is not made from `inner`. */
  hello(
    encoded = encodeClientHelloInner(this.inner, []),
    extension: Partial<Parameters<typeof encodeEchOuter>[0]> = {},
  ) {
    const { extensions } = this.outer;
    const wrap = (payload: Uint8Array) => encodeEchOuter({ ...fields, enc: this.#enc, payload, ...extension });
    extensions.encryptedClientHello = wrap(bytes(encoded.length + 16));
    extensions.encryptedClientHello = wrap(this.#hpke.seal(encodeClientHello(this.outer), encoded));
    this.#enc = noBytes;
    return message('clientHello', encodeClientHello(this.outer));
  }
}

/** A server that has asked for another share, and the client that is to answer. */
function retried(): { connection: ReturnType<typeof server>; speaker: Speaker } {
  const connection = server({ echKeys: [key], groups: ['secp256r1'] });
  const speaker = new Speaker();
  const answer = turn(connection, speaker.hello());
  const { extensions } = decodeHelloRetryRequest(firstBody(answer));
  assert.equal(extensions.encryptedClientHello?.length, 8);
  const share = crypto.keyExchange('secp256r1')?.generate().share as Uint8Array;
  for (const hello of [speaker.inner, speaker.outer]) {
    hello.extensions.keyShare = [{ group: 0x0017, keyExchange: share }];
  }
  return { connection, speaker };
}

describe('a server that decrypts', () => {
  test('what is well said is understood, also after a helloRetryRequest', () => {
    const connection = server({ echKeys: [key] });
    turn(connection, new Speaker().hello());
    assert.equal(connection.error, undefined, connection.error?.stack);
    const second = retried();
    turn(second.connection, second.speaker.hello());
    assert.equal(second.connection.error, undefined, second.connection.error?.stack);
  });

  const inner: readonly [string, (hello: ClientHello) => void, string, AlertName][] = [
    ['without the inner form', (h) => without(h, 'encryptedClientHello'), 'ERR_TLS_ECH_INNER', 'illegalParameter'],
    [
      'with the outer form',
      (h) => void (h.extensions.encryptedClientHello = encodeEchOuter({ ...fields, enc: noBytes, payload: echInner })),
      'ERR_TLS_ECH_INNER',
      'illegalParameter',
    ],
    [
      'whose inner form has a body',
      (h) => void (h.extensions.encryptedClientHello = Uint8Array.of(1, 0)),
      'ERR_TLS_ECH_INNER',
      'illegalParameter',
    ],
    [
      'with an empty extension',
      (h) => void (h.extensions.encryptedClientHello = noBytes),
      'ERR_TLS_ECH_INNER',
      'illegalParameter',
    ],
    [
      'that offers TLS 1.2 too',
      (h) => void (h.extensions.supportedVersions = [tls13, tls12]),
      'ERR_TLS_ECH_INNER',
      'illegalParameter',
    ],
    ['without TLS 1.3', (h) => without(h, 'supportedVersions'), 'ERR_TLS_ECH_INNER', 'illegalParameter'],
    [
      'without compression methods',
      (h) => void (h.legacyCompressionMethods = Uint8Array.of(1)),
      'ERR_TLS_COMPRESSION',
      'illegalParameter',
    ],
    ['without a share', (h) => without(h, 'keyShare'), 'ERR_TLS_MISSING_KEY_SHARE', 'missingExtension'],
  ];
  for (const [what, change, code, alert] of inner) {
    test(`an inner clientHello ${what}`, () => {
      const speaker = new Speaker();
      change(speaker.inner);
      const connection = server({ echKeys: [key] });
      assertRefused(connection, turn(connection, speaker.hello()), code, alert);
    });
  }

  test('what is decrypted and malformed', () => {
    const encoded = encodeClientHelloInner(new Speaker().inner, []);
    const cases: readonly [Uint8Array, string, AlertName][] = [
      [encoded.subarray(0, 50), 'ERR_TLS_DECODE', 'decodeError'],
      [concat(encoded, Uint8Array.of(1)), 'ERR_TLS_ECH_PADDING', 'illegalParameter'],
      [encodeClientHello(new Speaker().inner), 'ERR_TLS_ECH_INNER', 'illegalParameter'],
    ];
    for (const [one, code, alert] of cases) {
      const connection = server({ echKeys: [key] });
      assertRefused(connection, turn(connection, new Speaker().hello(one)), code, alert);
    }
  });

  test('the extension itself', () => {
    const malformed = new Speaker();
    malformed.hello();
    malformed.outer.extensions.encryptedClientHello = Uint8Array.of(0, 1, 2);
    const connection = server({ echKeys: [key] });
    const answer = turn(connection, message('clientHello', encodeClientHello(malformed.outer)));
    assertRefused(connection, answer, 'ERR_TLS_DECODE', 'decodeError');
    // Without keys it is nobody's business.
    const other = server();
    turn(other, message('clientHello', encodeClientHello(malformed.outer)));
    assert.equal(other.error, undefined, other.error?.stack);
  });

  const second: readonly [string, (speaker: Speaker) => Uint8Array, string, AlertName][] = [
    [
      'without the extension',
      ({ outer }) => {
        without(outer, 'encryptedClientHello');
        return message('clientHello', encodeClientHello(outer));
      },
      'ERR_TLS_MISSING_EXTENSION',
      'missingExtension',
    ],
    [
      'with the inner form in clear',
      ({ outer }) => {
        outer.extensions.encryptedClientHello = echInner;
        return message('clientHello', encodeClientHello(outer));
      },
      'ERR_TLS_ECH_SECOND_CLIENT_HELLO',
      'illegalParameter',
    ],
    [
      'with another config',
      (speaker) => speaker.hello(undefined, { configId: 8 }),
      'ERR_TLS_ECH_SECOND_CLIENT_HELLO',
      'illegalParameter',
    ],
    [
      'with another suite',
      (speaker) => speaker.hello(undefined, { aead: 3 }),
      'ERR_TLS_ECH_SECOND_CLIENT_HELLO',
      'illegalParameter',
    ],
    [
      'with a key again',
      (speaker) => speaker.hello(undefined, { enc: bytes(32, 9) }),
      'ERR_TLS_ECH_SECOND_CLIENT_HELLO',
      'illegalParameter',
    ],
    [
      'that does not decrypt',
      (speaker) => speaker.hello(undefined, { payload: bytes(200) }),
      'ERR_TLS_ECH_DECRYPT',
      'decryptError',
    ],
    [
      'with another inner random',
      (speaker) => {
        speaker.inner.random = bytes(32, 2);
        return speaker.hello();
      },
      'ERR_TLS_SECOND_CLIENT_HELLO',
      'illegalParameter',
    ],
    [
      'for another name inside',
      (speaker) => {
        speaker.inner.extensions.serverName = 'other.example';
        return speaker.hello();
      },
      'ERR_TLS_SECOND_CLIENT_HELLO',
      'illegalParameter',
    ],
  ];
  for (const [what, speak, code, alert] of second) {
    test(`a second clientHello ${what}`, () => {
      const { connection, speaker } = retried();
      assertRefused(connection, turn(connection, speak(speaker)), code, alert);
    });
  }

  test('the inner form in clear is for a backend server alone', () => {
    const connection = server({ echKeys: [key] });
    const answer = turn(connection, message('clientHello', encodeClientHello(new Speaker().inner)));
    assertRefused(connection, answer, 'ERR_TLS_ECH_INNER', 'illegalParameter');
    const backend = server({ echKeys: [key], maxVersion: tls12 });
    const { inner } = new Speaker();
    inner.extensions.supportedVersions = [tls13, tls12];
    turn(backend, message('clientHello', encodeClientHello(inner)));
    assert.notEqual(backend.error?.code, 'ERR_TLS_ECH_INNER');
  });

  test('a backend server is given the inner form both times', () => {
    for (const changed of [false, true]) {
      const connection = server({ groups: ['secp256r1'] });
      const { inner: hello } = new Speaker();
      turn(connection, message('clientHello', encodeClientHello(hello)));
      const share = crypto.keyExchange('secp256r1')?.generate().share as Uint8Array;
      hello.extensions.keyShare = [{ group: 0x0017, keyExchange: share }];
      if (changed) without(hello, 'encryptedClientHello');
      const answer = turn(connection, message('clientHello', encodeClientHello(hello)));
      if (changed) assertRefused(connection, answer, 'ERR_TLS_ECH_INNER', 'illegalParameter');
      else assert.equal(connection.error, undefined, connection.error?.stack);
    }
  });
});

describe('a client that hides its hello', () => {
  const ech = { configList: encodeEchConfigList([key.config]) };

  test('a serverHello that does not confirm what the helloRetryRequest did', () => {
    const one = client({ ech, keyShares: ['x25519'] });
    const connection = server({ echKeys: [key], groups: ['secp256r1'] });
    const second = turn(one, turn(connection, turn(one)));
    const flight = turn(connection, second);
    // The last byte of the random.
    flight[5 + 4 + 2 + 31] = (flight[5 + 4 + 2 + 31] as number) ^ 1;
    const answer = turn(one, flight);
    assert.equal(one.error?.code, 'ERR_TLS_ECH_INCONSISTENT', one.error?.stack);
    assert.equal(one.error.alert, 'illegalParameter');
    assert.ok(answer.length > 0);
  });

  test('a serverHello that rejects, and takes the PSK that stands in the outer hello', async () => {
    const keyring = new TicketKeyring({ crypto, clock });
    const sessions = new ServerSessions({ crypto, keyring, store: new MemoryStore({ clock }) });
    const visit = createPair({ client: { ech }, server: { echKeys: [key], sessions } });
    await visit.run();
    const one = client({ ech, sessions: visit.client.takeSessions(), keyShares: ['x25519'] });
    const { extensionOrder: _, ...hello } = decodeServerHello13(
      firstBody(turn(server({ groups: ['x25519'] }), turn(one))),
    );
    hello.extensions.preSharedKey = 0;
    assertRefused(
      one,
      turn(one, message('serverHello', encodeServerHello13(hello))),
      'ERR_TLS_PSK_INDEX',
      'illegalParameter',
    );
  });

  test('a confirmation that nobody asked for, or of another length', () => {
    for (const [options, confirmation, code, alert] of [
      [{}, bytes(8), 'ERR_TLS_UNSOLICITED_EXTENSION', 'unsupportedExtension'],
      [{ ech }, bytes(7), 'ERR_TLS_DECODE', 'decodeError'],
    ] as const) {
      const one = client({ ...options, keyShares: ['x25519'] });
      const connection = server({ echKeys: [key], groups: ['secp256r1'] });
      const request = decodeHelloRetryRequest(firstBody(turn(connection, turn(one))));
      request.extensions.encryptedClientHello = confirmation;
      const { extensionOrder: _, ...rest } = request;
      const changed = message('serverHello', encodeHelloRetryRequest(rest));
      assertRefused(one, turn(one, changed), code, alert);
    }
  });
});

test('GREASE is repeated after a helloRetryRequest (RFC 9849, Section 6.2.1)', () => {
  const one = client({ ech: { grease: true }, keyShares: ['x25519'] });
  const extension = (flight: Uint8Array) => decodeClientHello(firstBody(flight)).extensions.encryptedClientHello;
  const connection = server({ echKeys: [key], groups: ['secp256r1'] });
  const first = turn(one);
  // What comes first is a change_cipher_spec, six bytes.
  const second = turn(one, turn(connection, first)).subarray(6);
  assert.ok(extension(first) !== undefined);
  assert.deepEqual(extension(second), extension(first));
});
