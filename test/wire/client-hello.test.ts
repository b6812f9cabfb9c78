import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fromHex } from '../../src/bytes/bytes.ts';
import { TlsError } from '../../src/errors.ts';
import {
  type ClientHello,
  decodeClientHello,
  encodeClientHello,
  truncatedLength,
} from '../../src/wire/client-hello.ts';
import { extensionTypes } from '../../src/wire/extension-type.ts';
import { present } from './present.ts';

const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
const code = fc.integer({ min: 0, max: 0xffff });
const codes = fc.array(code, { minLength: 1, maxLength: 8 });
const name = fc.string({ unit: fc.constantFrom(...'abcxyz019-.'), minLength: 1, maxLength: 40 });

/** Any ClientHello that can be sent: each extension there or not, in any order. */
const helloes: fc.Arbitrary<ClientHello> = fc
  .record({
    random: bytes(32, 32),
    legacySessionId: bytes(0, 32),
    cipherSuites: codes,
    extensions: fc.record(
      {
        serverName: name,
        extendedMasterSecret: fc.constant(true as const),
        renegotiationInfo: bytes(0, 12),
        supportedGroups: codes,
        ecPointFormats: bytes(1, 3),
        sessionTicket: bytes(0, 60),
        alpn: fc.array(name, { minLength: 1, maxLength: 3 }),
        statusRequest: fc.constant({ type: 1 }),
        signatureAlgorithms: codes,
        signatureAlgorithmsCert: codes,
        signedCertificateTimestamp: fc.constant(true as const),
        encryptThenMac: fc.constant(true as const),
        recordSizeLimit: code,
        supportedVersions: codes,
        certificateAuthorities: fc.array(bytes(1, 20), { minLength: 1, maxLength: 3 }),
        postHandshakeAuth: fc.constant(true as const),
        keyShare: fc.uniqueArray(fc.record({ group: code, keyExchange: bytes(1, 40) }, { noNullPrototype: true }), {
          maxLength: 3,
          selector: ({ group }) => group,
        }),
        pskKeyExchangeModes: bytes(1, 2),
        ticketRequest: fc.record(
          { newSessionCount: fc.nat(255), resumptionCount: fc.nat(255) },
          { noNullPrototype: true },
        ),
        earlyData: fc.constant(true as const),
        cookie: bytes(1, 40),
        padding: fc.nat(50),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
    order: fc.infiniteStream(fc.nat(1000)),
  })
  .map(({ order, extensions, ...rest }) => ({
    ...rest,
    legacyVersion: 0x0303,
    legacyCompressionMethods: Uint8Array.of(0),
    extensions,
    extensionOrder: Object.keys(extensions)
      .map((key) => ({ type: extensionTypes[key as keyof typeof extensionTypes], rank: order.next().value }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ type }) => type),
  }));

describe('clientHello', () => {
  test('what is encoded is decoded to the same', () => {
    fc.assert(
      fc.property(helloes, (hello) => {
        const decoded = decodeClientHello(encodeClientHello(hello));
        assert.deepEqual(decoded.extensionOrder, hello.extensionOrder);
        assert.deepEqual(present(decoded.extensions), hello.extensions);
        assert.deepEqual(decoded.cipherSuites, hello.cipherSuites);
        assert.deepEqual(decoded.legacySessionId, hello.legacySessionId);
      }),
    );
  });

  test('cut anywhere, or with a byte more, it is a decode_error', () => {
    fc.assert(
      fc.property(helloes, fc.nat(), (hello, at) => {
        const encoded = encodeClientHello(hello);
        const withoutBlock = 2 + 32 + 1 + hello.legacySessionId.length + 2 + 2 * hello.cipherSuites.length + 2;
        const cut = at % encoded.length;
        // Where the extension block would begin, a TLS 1.2 hello without extensions ends.
        if (cut !== withoutBlock) assertDecodeError(encoded.subarray(0, cut));
        assertDecodeError(Uint8Array.of(...encoded, 0));
      }),
    );
  });

  test('any bytes at all give a hello or a TlsError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (body) => {
        try {
          decodeClientHello(body);
        } catch (error) {
          assert.ok(error instanceof TlsError, String(error));
        }
      }),
    );
  });

  const base: ClientHello = {
    legacyVersion: 0x0303,
    random: new Uint8Array(32),
    legacySessionId: new Uint8Array(0),
    cipherSuites: [0x1301],
    legacyCompressionMethods: Uint8Array.of(0),
    extensions: {},
    extensionOrder: [],
  };

  test('the binders cover all but their list', () => {
    const binders = [new Uint8Array(32), new Uint8Array(48)];
    const identities = binders.map(() => ({ identity: Uint8Array.of(1), obfuscatedTicketAge: 0xfedcba98 }));
    const extensions = { preSharedKey: { identities, binders } };
    const encoded = encodeClientHello({ ...base, extensions, extensionOrder: [41] });
    assert.equal(truncatedLength(encoded, binders), encoded.length - (2 + 33 + 49));
    assert.deepEqual(decodeClientHello(encoded).extensions.preSharedKey, { identities, binders });
  });

  test('names of other types in server_name are passed over', () => {
    const body = (block: string) => {
      const extensions = fromHex(block);
      const prefix = encodeClientHello(base).slice(0, -2);
      return Uint8Array.of(...prefix, extensions.length >> 8, extensions.length & 255, ...extensions);
    };
    assert.equal(decodeClientHello(body('0000000a00080700017800000162')).extensions.serverName, 'b');
    assert.equal(decodeClientHello(body('0000000a00080000016207000178')).extensions.serverName, 'b');
    assert.equal(decodeClientHello(body('00000006000407000178')).extensions.serverName, undefined);
  });

  test('as many unknown extensions as fit are passed over; a duplicate among them is found', () => {
    const types = Array.from({ length: 16_000 }, (_, i) => 0x1000 + i);
    const otherExtensions = new Map(types.map((type) => [type, new Uint8Array(0)]));
    const decoded = decodeClientHello(encodeClientHello({ ...base, otherExtensions, extensionOrder: types }));
    assert.deepEqual(decoded.extensionOrder, types);
    assert.equal(decoded.otherExtensions?.size, 200, 'bodies are kept for so many only');
    const twice = encodeClientHello({ ...base, otherExtensions, extensionOrder: [...types, 0x1000] });
    assert.throws(() => decodeClientHello(twice), { code: 'ERR_TLS_DUPLICATE_EXTENSION' });
  });

  const refused: readonly [string, string, string, string][] = [
    ['a duplicate extension', 'decodeError', 'ERR_TLS_DUPLICATE_EXTENSION', '0017000000170000'],
    ['pre_shared_key that is not last', 'illegalParameter', 'ERR_TLS_PSK_NOT_LAST', `${psk(1, 1)}00170000`],
    ['more binders than identities', 'illegalParameter', 'ERR_TLS_PSK_BINDER_COUNT', psk(1, 2)],
    ['two shares of one group', 'illegalParameter', 'ERR_TLS_DUPLICATE_KEY_SHARE', '0033000c000a001d000101001d000102'],
    ['an empty ALPN name', 'decodeError', 'ERR_TLS_DECODE', '0010000400020000'],
    ['two host names', 'illegalParameter', 'ERR_TLS_SERVER_NAME', '0000000a00080000016100000162'],
    ['a host name with a zero byte', 'illegalParameter', 'ERR_TLS_SERVER_NAME', '000000080006000003610062'],
    ['a host name with an escape character', 'illegalParameter', 'ERR_TLS_SERVER_NAME', '000000080006000003611b62'],
    ['a host name that is not ASCII', 'illegalParameter', 'ERR_TLS_SERVER_NAME', '00000007000500000261e9'],
    ['a name of another type that ends early', 'decodeError', 'ERR_TLS_DECODE', '00000006000407000361'],
    ['an odd list of versions', 'decodeError', 'ERR_TLS_DECODE', '002b000403030403'],
    ['a flag with a body', 'decodeError', 'ERR_TLS_DECODE', '0017000100'],
  ];
  for (const [what, alert, errorCode, block] of refused) {
    test(`${what} is refused with ${alert}`, () => {
      const prefix = encodeClientHello(base).slice(0, -2);
      const extensions = fromHex(block);
      const body = Uint8Array.of(...prefix, extensions.length >> 8, extensions.length & 255, ...extensions);
      assert.throws(() => decodeClientHello(body), { alert, code: errorCode });
    });
  }
});

function psk(identities: number, binders: number): string {
  const list = (count: number, item: string) => {
    const body = item.repeat(count);
    return `${(body.length / 2).toString(16).padStart(4, '0')}${body}`;
  };
  const body = list(identities, '00010100000000') + list(binders, `20${'00'.repeat(32)}`);
  return `0029${(body.length / 2).toString(16).padStart(4, '0')}${body}`;
}

function assertDecodeError(body: Uint8Array): void {
  assert.throws(() => decodeClientHello(body), { alert: 'decodeError' });
}
