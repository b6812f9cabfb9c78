/** Options that cannot be meant are told before any byte is sent: where, what, and what to give. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import { type ClientOptions, clientConfig, type ServerOptions, serverConfig } from '../../src/engine/config.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { ConfigError } from '../../src/errors.ts';

const crypto = createNodeCrypto();
const verifyPeer = () => undefined;

/** Options as a program without types may give them. */
const client = (options: object): ClientConnection => {
  return new ClientConnection({ crypto, verifyPeer, ...options } as ClientOptions);
};
const server = (options: object): ServerConnection => {
  return new ServerConnection({ crypto, verifyPeer, ...options } as unknown as ServerOptions);
};

function refused(make: (options: object) => unknown, cases: readonly (readonly [object, RegExp])[]): void {
  for (const [options, message] of cases) {
    assert.throws(
      () => make(options),
      (error) => {
        assert.ok(error instanceof ConfigError, `${Object.keys(options)}: ${error}`);
        assert.match(error.message, message);
        return true;
      },
      Object.keys(options).join(),
    );
  }
}

test('a name that is no option is refused, with the one that is meant', () => {
  refused(client, [
    [{ alpnProtocol: ['h2'] }, /^alpnProtocol is none of the options of a client: is alpnProtocols meant\?$/],
    [{ requireExtendedMasterSecrets: true }, /is requireExtendedMasterSecret meant/],
    [{ verifypeer: verifyPeer }, /is verifyPeer meant/],
    [{ clientCertificate: 'require' }, /none of the options of a client/],
    [{ limits: { handshakeMesage: 1 } }, /^limits\.handshakeMesage is none of limits: is handshakeMessage meant\?$/],
    [{ ech: { requierd: true } }, /^ech\.requierd is none of ech: is required meant\?$/],
    [{ constructor: 1 }, /^constructor is none of the options of a client$/],
  ]);
  refused(server, [
    [{ clientCertificates: 'require' }, /none of the options of a server: is clientCertificate meant\?$/],
  ]);
});

test('what a program left undefined is the default', () => {
  const given = { crypto, verifyPeer, nothing: undefined, alpnProtocols: undefined, limits: { keyUpdates: undefined } };
  assert.equal(clientConfig(given as unknown as ClientOptions).limits.keyUpdates, 32);
  assert.equal(serverConfig(given as unknown as ServerOptions).limits.keyUpdates, 32);
});

test('client certificates that are asked for by another word are no option, and not an open door', () => {
  refused(server, [
    [{ clientCertificate: 'required' }, /^clientCertificate is "required"; give 'none' or 'request' or 'require'$/],
    [{ clientCertificate: true }, /^clientCertificate is true; give/],
    [{ clientCertificate: null }, /^clientCertificate is null; give/],
  ]);
});

test('values of the wrong kind are refused', () => {
  refused(client, [
    [{ alpnProtocols: 'h2' }, /^alpnProtocols is "h2"; give an array$/],
    [{ alpnProtocols: [Buffer.from('h2')] }, /^alpnProtocols\[0\] is a Uint8Array of 2 bytes; give a string$/],
    [{ minVersion: 'TLSv1.2' }, /^minVersion is "TLSv1\.2"; give 0x0303 \(TLS 1\.2\) or 0x0304/],
    [{ minVersion: 1.2 }, /^minVersion is 1\.2/],
    [{ maxVersion: Number.NaN }, /^maxVersion is NaN/],
    [{ cipherSuites: ['TLS_AES_128_GCM_SHA256'] }, /^cipherSuites\[0\] is "TLS_AES_128_GCM_SHA256"; give a number/],
    [{ cipherSuites: [-1] }, /^cipherSuites\[0\] is -1/],
    [{ groups: ['x25519', 'p256'] }, /^groups\[1\] is "p256"; give the name of a group/],
    [{ groups: ['constructor'] }, /^groups\[0\]/],
    [{ keyShares: ['X25519'] }, /^keyShares\[0\] is "X25519"/],
    [{ signatureSchemes: [] }, /^signatureSchemes is an empty array: give one at least$/],
    [{ signatureSchemes: ['ed25519'] }, /^signatureSchemes\[0\]/],
    [
      { limits: { handshakeMessage: Number.NaN } },
      /^limits\.handshakeMessage is NaN; give a whole number, or Infinity$/,
    ],
    [{ limits: { pendingInput: -1 } }, /^limits\.pendingInput is -1/],
    [{ limits: { keyUpdates: '5' } }, /^limits\.keyUpdates is "5"/],
    [{ verifyPeer: true }, /^verifyPeer is true; give a function$/],
    [{ keyLog: true }, /^keyLog is true; give a function$/],
    [{ serverName: 5 }, /^serverName is 5; give a string$/],
    [{ serverName: 'https://a.example' }, /^serverName: "https:\/\/a\.example" .*name alone/],
    [{ serverName: 'a.example:443' }, /^serverName: "a\.example:443" .*name alone/],
    [{ credentials: {} }, /^credentials is an object; give an array$/],
    [{ credentials: [{ cert: '', key: '' }] }, /^credentials\[0\]\.chain is undefined; give an array$/],
    [{ credentials: [{ chain: ['-----BEGIN'] }] }, /^credentials\[0\]\.chain\[0\] is "-----BEGIN"; give a Uint8Array$/],
    [{ credentials: [{ chain: [new Uint8Array(3)] }] }, /^credentials\[0\]\.signer is undefined; give an object$/],
    [{ sessions: [Buffer.alloc(3)] }, /^sessions\[0\] is a Uint8Array of 3 bytes; give an object$/],
    [{ ech: Buffer.alloc(3) }, /^ech is a Uint8Array of 3 bytes; give an object$/],
    [{ ech: { configList: 'AEX' } }, /^ech\.configList is "AEX"; give a Uint8Array$/],
    [{ padClientHelloTo: 1e9 }, /^padClientHelloTo is 1000000000/],
    [{ rawPublicKeyPins: ['aa'] }, /^rawPublicKeyPins\[0\]/],
    [{ rawPublicKeyPins: [Buffer.alloc(5)] }, /^rawPublicKeyPins\[0\] is a Uint8Array of 5 bytes/],
    [{ clientCertificateTypes: ['nope'] }, /^clientCertificateTypes\[0\]/],
    [{ grease: 'false' }, /^grease is "false"; give true or false$/],
    [{ earlyData: Buffer.from('GET /') }, /^earlyData is a Uint8Array/],
    [{ ticketRequest: 5 }, /^ticketRequest is 5/],
    [{ crypto: undefined }, /^crypto is undefined; give createNodeCrypto\(\)/],
  ]);
  refused(server, [
    [{ sessions: true }, /^sessions is true; give new ServerSessions/],
    [{ sessions: {} }, /^sessions is an object; give new ServerSessions/],
    [{ clientTrustDigest: 'abc' }, /^clientTrustDigest is "abc"; give a Uint8Array$/],
    [{ tenant: 5 }, /^tenant is 5; give a string$/],
    [{ psk: { unknownIdentity: 'Hide' } }, /^psk\.unknownIdentity is "Hide"; give 'hide' or 'alert'$/],
    [{ limits: 5 }, /^limits is 5; give an object$/],
  ]);
  for (const nothing of [undefined, null, 'options']) {
    assert.throws(() => new ServerConnection(nothing as unknown as ServerOptions), ConfigError);
    assert.throws(() => new ClientConnection(nothing as unknown as ClientOptions), ConfigError);
  }
});

test('a secret of the wrong kind is in no message', () => {
  for (const psk of [
    { identity: 'anna', secret: 'tops3cret', hash: 'sha256' },
    { identity: Buffer.from('anna'), secret: 'tops3cret', hash: 'sha256' },
    { identity: Buffer.from('anna'), secret: Buffer.alloc(0), hash: 'sha256' },
    { identity: Buffer.from('anna'), secret: Buffer.from('tops3cret'), hash: 'md5' },
    'tops3cret',
  ]) {
    assert.throws(
      () => client({ externalPsks: [psk] }),
      (error) =>
        error instanceof ConfigError &&
        /^externalPsks\[0\]/.test(error.message) &&
        !/tops3cret|anna/.test(error.message),
    );
  }
});

test('a PSK of TLS 1.2 may have an empty identity', () => {
  client({ externalPsks: [{ identity: new Uint8Array(0), secret: new Uint8Array(16), hash: 'sha256' }] });
});

test('what comes in has to be bytes', () => {
  const connection = client({ serverName: 'a.example' });
  for (const wrong of ['text', new ArrayBuffer(5), [22, 3, 1], new Uint16Array(3), undefined]) {
    assert.throws(() => connection.receive(wrong as unknown as Uint8Array), /^TypeError: receive: .*Uint8Array/);
  }
  assert.equal(connection.closed, false);
});
