import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { TlsError } from '../../src/errors.ts';
import { decodeAlert, encodeAlert } from '../../src/wire/alert.ts';
import {
  decodeCertificate12,
  decodeCertificate13,
  encodeCertificate12,
  encodeCertificate13,
} from '../../src/wire/certificate.ts';
import {
  decodeCertificateRequest12,
  decodeCertificateRequest13,
  encodeCertificateRequest12,
  encodeCertificateRequest13,
} from '../../src/wire/certificate-request.ts';
import { decodeCertificateStatus, encodeCertificateStatus } from '../../src/wire/certificate-status.ts';
import { decodeCertificateVerify, encodeCertificateVerify } from '../../src/wire/certificate-verify.ts';
import {
  decodeClientKeyExchangeEcdhe,
  decodeClientKeyExchangeRsa,
  encodeClientKeyExchangeEcdhe,
  encodeClientKeyExchangeRsa,
} from '../../src/wire/client-key-exchange.ts';
import { decodeCompressedCertificate, encodeCompressedCertificate } from '../../src/wire/compressed-certificate.ts';
import { decodeEncryptedExtensions, encodeEncryptedExtensions } from '../../src/wire/encrypted-extensions.ts';
import { decodeKeyUpdate, encodeKeyUpdate } from '../../src/wire/key-update.ts';
import {
  decodeNewSessionTicket12,
  decodeNewSessionTicket13,
  encodeNewSessionTicket12,
  encodeNewSessionTicket13,
} from '../../src/wire/new-session-ticket.ts';
import {
  decodeHelloRetryRequest,
  decodeServerHello12,
  decodeServerHello13,
  encodeHelloRetryRequest,
  encodeServerHello12,
  encodeServerHello13,
  helloRetryRequestRandom,
  outlineServerHello,
} from '../../src/wire/server-hello.ts';
import { decodeServerKeyExchange, encodeServerKeyExchange } from '../../src/wire/server-key-exchange.ts';
import { present } from './present.ts';

const bytes = (length: number, value = 7) => new Uint8Array(length).fill(value);
const fields = {
  legacyVersion: 0x0303,
  random: bytes(32),
  legacySessionIdEcho: bytes(32, 1),
  cipherSuite: 0x1301,
  legacyCompressionMethod: 0,
};

/** Each message: an example, its encoder and its decoder. What is decoded must contain the example. */
const messages: readonly {
  name: string;
  encoded: Uint8Array;
  decode: (body: Uint8Array) => unknown;
  example: object;
}[] = [
  message(
    'serverHello (1.3)',
    {
      ...fields,
      extensions: { supportedVersions: 0x0304, keyShare: { group: 29, keyExchange: bytes(32) }, preSharedKey: 1 },
    },
    encodeServerHello13,
    decodeServerHello13,
  ),
  message(
    'helloRetryRequest',
    {
      ...fields,
      random: helloRetryRequestRandom,
      extensions: { supportedVersions: 0x0304, keyShare: 23, cookie: bytes(9) },
    },
    encodeHelloRetryRequest,
    decodeHelloRetryRequest,
  ),
  message(
    'serverHello (1.2)',
    { ...fields, extensions: { renegotiationInfo: bytes(0), extendedMasterSecret: true as const, alpn: 'h2' } },
    encodeServerHello12,
    decodeServerHello12,
  ),
  message(
    'encryptedExtensions',
    { extensions: { alpn: 'http/1.1', serverName: true as const, recordSizeLimit: 16385, earlyData: true as const } },
    encodeEncryptedExtensions,
    decodeEncryptedExtensions,
  ),
  message(
    'certificate (1.3)',
    {
      certificateRequestContext: bytes(3),
      certificateList: [
        {
          certData: bytes(40),
          extensions: { statusRequest: bytes(5), signedCertificateTimestamp: [bytes(4), bytes(6)] },
        },
        { certData: bytes(41), extensions: {} },
      ],
    },
    encodeCertificate13,
    (body) => decodeCertificate13(body, 2),
  ),
  message('certificate (1.2)', [bytes(40), bytes(41)], encodeCertificate12, (body) => decodeCertificate12(body, 2)),
  message(
    'compressedCertificate',
    { algorithm: 2, uncompressedLength: 70_000, compressedCertificateMessage: bytes(50) },
    encodeCompressedCertificate,
    decodeCompressedCertificate,
  ),
  message(
    'certificateRequest (1.3)',
    {
      certificateRequestContext: bytes(2),
      extensions: { signatureAlgorithms: [0x0403], certificateAuthorities: [bytes(9)] },
    },
    encodeCertificateRequest13,
    decodeCertificateRequest13,
  ),
  message(
    'certificateRequest (1.2)',
    { certificateTypes: Uint8Array.of(1, 64), signatureAlgorithms: [0x0403], certificateAuthorities: [bytes(9)] },
    encodeCertificateRequest12,
    decodeCertificateRequest12,
  ),
  message(
    'certificateVerify',
    { algorithm: 0x0403, signature: bytes(70) },
    encodeCertificateVerify,
    decodeCertificateVerify,
  ),
  message('certificateStatus', bytes(30), encodeCertificateStatus, decodeCertificateStatus),
  message(
    'serverKeyExchange',
    { group: 29, publicKey: bytes(32), algorithm: 0x0804, signature: bytes(256) },
    encodeServerKeyExchange,
    decodeServerKeyExchange,
  ),
  message('clientKeyExchange (ECDHE)', bytes(65), encodeClientKeyExchangeEcdhe, decodeClientKeyExchangeEcdhe),
  message('clientKeyExchange (RSA)', bytes(256), encodeClientKeyExchangeRsa, decodeClientKeyExchangeRsa),
  message(
    'newSessionTicket (1.3)',
    {
      ticketLifetime: 604_800,
      ticketAgeAdd: 0xfedcba98,
      ticketNonce: bytes(1),
      ticket: bytes(99),
      extensions: { earlyData: 2 ** 32 - 1 },
    },
    encodeNewSessionTicket13,
    decodeNewSessionTicket13,
  ),
  message(
    'newSessionTicket (1.2)',
    { ticketLifetimeHint: 300, ticket: bytes(0) },
    encodeNewSessionTicket12,
    decodeNewSessionTicket12,
  ),
];

function message<T extends object>(
  name: string,
  example: T,
  encode: (value: T) => Uint8Array,
  decode: (body: Uint8Array) => unknown,
) {
  return { name, encoded: encode(example), decode, example };
}

for (const { name, encoded, decode, example } of messages) {
  describe(name, () => {
    test('what is encoded is decoded to the same', () => {
      const decoded = decode(encoded) as Record<string, unknown>;
      for (const [key, value] of Object.entries(example)) {
        if (key === 'certificateList') continue;
        const actual = key === 'extensions' ? present(decoded[key] as object) : decoded[key];
        assert.deepEqual(actual, value, key);
      }
    });
    test('cut anywhere it is a decode_error', () => {
      const blockless = 2 + 32 + 1 + 32 + 2 + 1;
      for (let length = 0; length < encoded.length; length++) {
        // A TLS 1.2 ServerHello may end without an extension block.
        if (length === blockless && 'legacySessionIdEcho' in example) continue;
        assert.throws(() => decode(encoded.subarray(0, length)), { alert: 'decodeError' }, `${length} bytes`);
      }
    });
    test('with a byte more it is a decode_error', () => {
      assert.throws(() => decode(Uint8Array.of(...encoded, 0)), { alert: 'decodeError' });
    });
    test('changed anywhere it decodes or throws a TlsError', () => {
      fc.assert(
        fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, change) => {
          const changed = encoded.slice();
          const index = at % changed.length;
          changed[index] = (changed[index] as number) ^ change;
          try {
            decode(changed);
          } catch (error) {
            assert.ok(error instanceof TlsError, String(error));
          }
        }),
      );
    });
  });
}

test('a serverHello tells what it is before its extensions are decoded', () => {
  const retry = messages.find(({ name }) => name === 'helloRetryRequest');
  const outline = outlineServerHello(retry?.encoded ?? bytes(0));
  assert.equal(outline.isHelloRetryRequest, true);
  assert.equal(outline.selectedVersion, 0x0304);
  const older = messages.find(({ name }) => name === 'serverHello (1.2)');
  assert.equal(outlineServerHello(older?.encoded ?? bytes(0)).selectedVersion, undefined);
});

test('a chain longer than allowed is refused', () => {
  assert.throws(() => decodeCertificate12(encodeCertificate12([bytes(1), bytes(1)]), 1), { alert: 'decodeError' });
});

test('keyUpdate is 0 or 1', () => {
  assert.equal(decodeKeyUpdate(encodeKeyUpdate(true)), true);
  assert.equal(decodeKeyUpdate(encodeKeyUpdate(false)), false);
  assert.throws(() => decodeKeyUpdate(Uint8Array.of(2)), { alert: 'illegalParameter' });
  assert.throws(() => decodeKeyUpdate(bytes(0)), { alert: 'decodeError' });
});

test('alerts are two bytes, and closing ones are warnings', () => {
  assert.deepEqual(encodeAlert('closeNotify'), Uint8Array.of(1, 0));
  assert.deepEqual(encodeAlert('handshakeFailure'), Uint8Array.of(2, 40));
  assert.deepEqual(decodeAlert(Uint8Array.of(2, 255)), { level: 2, description: 255, name: undefined });
  assert.throws(() => decodeAlert(bytes(3)), { alert: 'decodeError' });
});
