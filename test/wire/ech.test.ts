import assert from 'node:assert/strict';
import test from 'node:test';
import { concat, fromHex, noBytes, toHex } from '../../src/bytes/bytes.ts';
import { type AlertName, PeerError } from '../../src/errors.ts';
import { type ClientHello, decodeClientHello, encodeClientHello } from '../../src/wire/client-hello.ts';
import {
  decodeEchConfig,
  decodeEchConfigList,
  encodeEchConfig,
  encodeEchConfigList,
  isPublicName,
} from '../../src/wire/ech-config.ts';
import {
  decodeEchOuter,
  echInner,
  encodeClientHelloInner,
  encodeEchOuter,
  expandClientHelloInner,
} from '../../src/wire/encrypted-client-hello.ts';
import { decodeEncryptedExtensions, encodeEncryptedExtensions } from '../../src/wire/encrypted-extensions.ts';
import { extensionTypes } from '../../src/wire/extension-type.ts';
import { decodeHelloRetryRequest } from '../../src/wire/server-hello.ts';

function refused(action: () => unknown, alert: AlertName, code?: string): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof PeerError, String(error));
    assert.equal(error.alert, alert, error.message);
    if (code !== undefined) assert.equal(error.code, code);
    return true;
  });
}

const config = {
  configId: 42,
  kem: 0x0020,
  publicKey: new Uint8Array(32).fill(9),
  cipherSuites: [{ kdf: 1, aead: 3 }],
  maximumNameLength: 16,
  publicName: 'public.example',
};

test('ECHConfigs go out and come back; the list holds several, and passes over versions that are unknown', () => {
  const encoded = encodeEchConfig(config);
  assert.equal(toHex(encoded.subarray(0, 9)), 'fe0d003d' + '2a0020' + '0020');
  const decoded = decodeEchConfig(encoded);
  assert.deepEqual(decoded, { ...config, raw: encoded, hasMandatoryExtension: false, hasExtensions: false });
  const unknown = fromHex('badd00050504030201');
  assert.equal(decodeEchConfig(unknown), undefined);
  const list = encodeEchConfigList([unknown, encoded, unknown, encoded]);
  assert.deepEqual(decodeEchConfigList(list), [decoded, decoded]);
});

test('an ECHConfigList is read strictly', () => {
  const encoded = encodeEchConfig(config);
  const list = encodeEchConfigList([encoded]);
  for (let length = 0; length < list.length; length++) {
    refused(() => decodeEchConfigList(list.subarray(0, length)), 'decodeError');
  }
  refused(() => decodeEchConfigList(concat(list, Uint8Array.of(0))), 'decodeError');
  refused(() => decodeEchConfigList(Uint8Array.of(0, 0)), 'decodeError');
  for (const broken of [
    { ...config, publicKey: noBytes },
    { ...config, cipherSuites: [] },
    { ...config, publicName: '' },
  ]) {
    refused(() => decodeEchConfigList(encodeEchConfigList([encodeEchConfig(broken)])), 'decodeError');
  }
});

/** The config with an extension block of its own. */
function extended(extensions: string): Uint8Array {
  const block = fromHex(extensions);
  const encoded = concat(encodeEchConfig(config).slice(0, -2), Uint8Array.of(0, block.length), block);
  encoded[3] = encoded.length - 4;
  return encoded;
}

test('of extensions in an ECHConfig only the mandatory ones matter, and none may stand twice', () => {
  assert.deepEqual(decodeEchConfig(extended('11110001aa')), {
    ...config,
    raw: extended('11110001aa'),
    hasMandatoryExtension: false,
    hasExtensions: true,
  });
  assert.equal(decodeEchConfig(extended('11110000' + 'aaaa0000'))?.hasMandatoryExtension, true);
  refused(() => decodeEchConfig(extended('11110000' + '11110000')), 'decodeError');
  refused(() => decodeEchConfig(extended('1111')), 'decodeError');
});

test('a public name is a host name that no browser takes for an address', () => {
  for (const name of ['public.example', 'localhost', 'a.b-c.d0', 'A.EXAMPLE', '1.example', `${'a'.repeat(63)}.b`]) {
    assert.equal(isPublicName(name), true, name);
  }
  for (const name of [
    ...['', '.', '.a', 'a.', 'a..b', '-a.b', 'a-.b', 'a_b.c', 'a b', '192.0.2.1', '127.1', 'a.0x7f', 'a.0x', 'ä.b'],
    `${'a'.repeat(64)}.b`,
    `${'a.'.repeat(127)}b`,
  ]) {
    assert.equal(isPublicName(name), false, name);
  }
});

const outerExtension = encodeEchOuter({ kdf: 1, aead: 1, configId: 42, enc: new Uint8Array(32), payload: echInner });

function hello(extensions: ClientHello['extensions'], order: readonly number[]): ClientHello {
  return {
    legacyVersion: 0x0303,
    random: new Uint8Array(32).fill(5),
    legacySessionId: new Uint8Array(32).fill(6),
    cipherSuites: [0x1301],
    legacyCompressionMethods: Uint8Array.of(0),
    extensions,
    extensionOrder: order,
  };
}

test('the forms of encrypted_client_hello in a clientHello', () => {
  const { kdf, aead, configId, enc, payload } = decodeEchOuter(outerExtension);
  assert.deepEqual({ kdf, aead, configId }, { kdf: 1, aead: 1, configId: 42 });
  assert.equal(enc.length, 32);
  assert.deepEqual(payload, echInner);
  refused(() => decodeEchOuter(outerExtension.subarray(0, -1)), 'decodeError');
  refused(() => decodeEchOuter(concat(outerExtension, echInner)), 'decodeError');
  refused(() => decodeEchOuter(outerExtension.slice(0, -1).fill(0, -2)), 'decodeError');

  const decode = (encryptedClientHello: Uint8Array) =>
    decodeClientHello(encodeClientHello(hello({ encryptedClientHello }, [extensionTypes.encryptedClientHello])));
  for (const body of [echInner, outerExtension]) assert.deepEqual(decode(body).extensions.encryptedClientHello, body);
  // What an outer one holds is for those to judge who can decrypt it.
  assert.deepEqual(decode(Uint8Array.of(0)).extensions.encryptedClientHello, Uint8Array.of(0));
  refused(() => decode(noBytes), 'decodeError');
  refused(() => decode(Uint8Array.of(1, 42)), 'decodeError');
  refused(() => decode(Uint8Array.of(2)), 'illegalParameter', 'ERR_TLS_ECH_TYPE');
});

test('encrypted_client_hello in the answers: eight bytes in a helloRetryRequest, a list in encryptedExtensions', () => {
  const list = encodeEchConfigList([encodeEchConfig(config)]);
  const message = encodeEncryptedExtensions({ extensions: { encryptedClientHello: list } });
  assert.deepEqual(decodeEncryptedExtensions(message).extensions.encryptedClientHello, list);
  const broken = encodeEncryptedExtensions({ extensions: { encryptedClientHello: list.subarray(1) } });
  refused(() => decodeEncryptedExtensions(broken), 'decodeError');
  const retry = (confirmation: string) =>
    fromHex(
      `0303${'00'.repeat(32)}00130100${'00'}${(4 + confirmation.length / 2).toString(16).padStart(2, '0')}fe0d00${(
        confirmation.length / 2
      )
        .toString(16)
        .padStart(2, '0')}${confirmation}`,
    );
  assert.deepEqual(
    decodeHelloRetryRequest(retry('0102030405060708')).extensions.encryptedClientHello,
    Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  );
  refused(() => decodeHelloRetryRequest(retry('01020304050607')), 'decodeError');
  refused(() => decodeHelloRetryRequest(retry('010203040506070809')), 'decodeError');
});

const { serverName, supportedVersions, supportedGroups, alpn, encryptedClientHello } = extensionTypes;
const common = { supportedGroups: [0x001d], alpn: ['h2'], supportedVersions: [0x0304] };
const outer = hello({ ...common, serverName: 'public.example', encryptedClientHello: outerExtension }, [
  supportedGroups,
  serverName,
  alpn,
  encryptedClientHello,
  supportedVersions,
]);
const inner = hello({ ...common, serverName: 'secret.example', encryptedClientHello: echInner }, [
  serverName,
  encryptedClientHello,
  supportedGroups,
  alpn,
  supportedVersions,
]);
const outerBody = encodeClientHello(outer);

test('a clientHelloInner comes back from its short form as it was', () => {
  for (const shared of [[supportedGroups, alpn, supportedVersions], [supportedGroups], [alpn, supportedVersions], []]) {
    const encoded = encodeClientHelloInner(inner, shared);
    for (const padding of [0, 1, 50]) {
      const body = expandClientHelloInner(concat(encoded, new Uint8Array(padding)), outerBody);
      assert.deepEqual(body, encodeClientHello(inner));
    }
  }
  assert.ok(encodeClientHelloInner(inner, [supportedGroups, alpn, supportedVersions]).length < outerBody.length - 40);
});

/** A short form with this ech_outer_extensions. */
function withList(types: readonly number[], body?: string): Uint8Array {
  const list =
    body === undefined
      ? Uint8Array.of(2 * types.length, ...types.flatMap((type) => [type >> 8, type & 0xff]))
      : fromHex(body);
  return encodeClientHello({
    ...inner,
    legacySessionId: noBytes,
    extensionOrder: [serverName, extensionTypes.echOuterExtensions],
    otherExtensions: new Map([[extensionTypes.echOuterExtensions, list]]),
  });
}

test('ech_outer_extensions names extensions of the outer hello, each once, in their order (RFC 9849, Section 5.1)', () => {
  assert.deepEqual(
    decodeClientHello(expandClientHelloInner(withList([supportedGroups, alpn]), outerBody)).extensionOrder,
    [serverName, supportedGroups, alpn],
  );
  for (const types of [
    [alpn, supportedGroups],
    [alpn, alpn],
    [0x1234],
    [encryptedClientHello],
    [extensionTypes.echOuterExtensions],
  ]) {
    refused(
      () => expandClientHelloInner(withList(types), outerBody),
      'illegalParameter',
      'ERR_TLS_ECH_OUTER_EXTENSIONS',
    );
  }
  for (const body of ['', '00', '03000a00', '04000a', '02000a00']) {
    refused(() => expandClientHelloInner(withList([], body), outerBody), 'decodeError');
  }
});

test('a clientHelloInner in its short form has no session ID, and is padded with zeros', () => {
  refused(() => expandClientHelloInner(encodeClientHello(inner), outerBody), 'illegalParameter', 'ERR_TLS_ECH_INNER');
  const encoded = encodeClientHelloInner(inner, []);
  refused(
    () => expandClientHelloInner(concat(encoded, Uint8Array.of(0, 1)), outerBody),
    'illegalParameter',
    'ERR_TLS_ECH_PADDING',
  );
  for (let length = 0; length < encoded.length; length++) {
    refused(() => expandClientHelloInner(encoded.subarray(0, length), outerBody), 'decodeError');
  }
  const twice = fromHex('fd00000302000a' + 'fd000003020010');
  const short = concat(encoded.subarray(0, 2 + 32), fromHex('00' + '00021301' + '0100' + '000e'), twice);
  refused(() => expandClientHelloInner(short, outerBody), 'illegalParameter', 'ERR_TLS_ECH_OUTER_EXTENSIONS');
});
