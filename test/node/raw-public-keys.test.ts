/** The option `rawPublicKeys`: keys without certificates, known by their pins (RFC 7250). */
import assert from 'node:assert/strict';
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import test, { describe, type TestContext } from 'node:test';
import type nodeTls from 'node:tls';
import type { RawPublicKeyOptions } from '../../src/node/context/raw-public-keys.ts';
import https from '../../src/node/https.ts';
import type { HandfastConnectOptions } from '../../src/node/socket/tls-connect.ts';
import type { HandfastServerOptions } from '../../src/node/socket/tls-server.ts';
import type { TLSSocket } from '../../src/node/socket/tls-socket.ts';
import tls from '../../src/node/tls.ts';
import { listening } from '../helpers/listening.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

const identity = testIdentity('ecdsa-p256');
const certificate = { key: identity.keyPem, cert: identity.chainPem };
const own = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const clientKey = createPrivateKey(testIdentity('rsa').keyPem);
const clientPublic = createPublicKey(clientKey);

const der = (key: KeyObject) => key.export({ format: 'der', type: 'spki' });
const sha256 = (key: KeyObject) => createHash('sha256').update(der(key)).digest();

/** A server that tells each client what it thinks of it. */
function telling(t: TestContext, options: HandfastServerOptions): Promise<number> {
  const server = tls.createServer(options, (socket: nodeTls.TLSSocket) => {
    const { authorized, authorizationError } = socket;
    const shown = (socket as unknown as TLSSocket).getPeerRawPublicKey();
    socket.on('error', () => {});
    socket.end(`${authorized} ${authorizationError} ${shown?.asymmetricKeyType} ${socket.isSessionReused()}`);
  });
  return listening(t, server);
}

async function visit(port: number, options: HandfastConnectOptions) {
  const given = { host: '127.0.0.1', port, servername: 'localhost', ca: rootPem, ...options };
  const socket = tls.connect(given) as unknown as TLSSocket;
  const seen: { key: KeyObject | undefined; certificate: object; authorized: boolean; reused: boolean }[] = [];
  const sessions: Buffer[] = [];
  socket.on('session', (session: Buffer) => sessions.push(session));
  socket.once('secureConnect', () => {
    const { authorized } = socket;
    const [key, shown] = [socket.getPeerRawPublicKey(), socket.getPeerCertificate()];
    seen.push({ key, certificate: shown, authorized, reused: socket.isSessionReused() });
  });
  let text = '';
  let error: (Error & { code?: string }) | undefined;
  try {
    for await (const chunk of socket) text += chunk;
  } catch (caught) {
    error = caught as Error;
  }
  return { text, error, sessions, socket, ...seen[0] };
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  describe(maxVersion, () => {
    test('a server that is known by its pin is authorized, without authority and name', async (t) => {
      const port = await telling(t, { maxVersion, rawPublicKeys: { key: own.privateKey } });
      const pins: readonly (readonly [string, NonNullable<RawPublicKeyOptions['pins']>[number]])[] = [
        ['KeyObject', own.publicKey],
        ['PEM', own.publicKey.export({ format: 'pem', type: 'spki' }) as string],
        ['DER', der(own.publicKey)],
        ['SHA-256', sha256(own.publicKey)],
        ['SHA-256 in Base64', sha256(own.publicKey).toString('base64')],
        ['SHA-256 in hexadecimal', sha256(own.publicKey).toString('hex')],
      ];
      for (const [kind, pin] of pins) {
        const met = await visit(port, {
          servername: 'any.example',
          rawPublicKeys: { pins: [sha256(other.publicKey), pin] },
        });
        assert.equal(met.error, undefined, `${kind}: ${met.error?.stack}`);
        assert.equal(met.authorized, true);
        assert.ok(met.key?.equals(own.publicKey));
        assert.deepEqual(met.certificate, {});
      }
    });

    test('a key that is no pin is refused, or seen where nothing is refused', async (t) => {
      const port = await telling(t, { maxVersion, rawPublicKeys: { key: own.privateKey } });
      const rawPublicKeys = { pins: [other.publicKey] };
      const refused = await visit(port, { rawPublicKeys });
      assert.equal(refused.error?.code, 'RPK_UNTRUSTED');
      assert.match(refused.error.message, new RegExp(sha256(own.publicKey).toString('base64').replace(/[+]/g, '\\+')));
      const seen = await visit(port, { rawPublicKeys: { pins: [] }, rejectUnauthorized: false });
      assert.equal(seen.error, undefined);
      assert.equal(seen.authorized, false);
      assert.equal(seen.socket.authorizationError as unknown, 'RPK_UNTRUSTED');
      assert.ok(seen.key?.equals(own.publicKey));
    });

    test('a server with both shows its certificate to who has no pins', async (t) => {
      const port = await telling(t, { ...certificate, maxVersion, rawPublicKeys: { key: own.privateKey } });
      const met = await visit(port, {});
      assert.equal(met.error, undefined, met.error?.stack);
      assert.equal(met.key, undefined);
      assert.equal(met.authorized, true);
      const raw = await visit(port, { rawPublicKeys: { pins: [own.publicKey] } });
      assert.ok(raw.key?.equals(own.publicKey));
    });

    test('pins do not make a certificate trusted, and `only` takes none', async (t) => {
      const port = await telling(t, { ...certificate, maxVersion });
      const pins = [createPublicKey(identity.keyPem)];
      assert.equal(
        (await visit(port, { ca: [], rawPublicKeys: { pins } })).error?.code,
        'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      );
      assert.equal((await visit(port, { rawPublicKeys: { pins } })).error, undefined);
      const { error } = await visit(port, { rawPublicKeys: { pins, only: true } });
      assert.match(String(error?.message), /unsupported certificate/);
    });

    test('clients with keys', async (t) => {
      const port = await telling(t, {
        ...certificate,
        maxVersion,
        requestCert: true,
        rawPublicKeys: { pins: [clientPublic] },
      });
      assert.equal((await visit(port, { rawPublicKeys: { key: clientKey } })).text, 'true null rsa false');
      const stranger = await visit(port, { rawPublicKeys: { key: other.privateKey } });
      assert.equal(stranger.text, '');
      const lenient = await telling(t, {
        ...certificate,
        maxVersion,
        requestCert: true,
        rejectUnauthorized: false,
        rawPublicKeys: { pins: [clientPublic] },
      });
      assert.equal(
        (await visit(lenient, { rawPublicKeys: { key: other.privateKey } })).text,
        'false RPK_UNTRUSTED ec false',
      );
      assert.equal((await visit(lenient, { ...certificate })).text.split(' ').at(-2), 'undefined');
    });

    test('a session keeps both keys, and pins are judged anew', async (t) => {
      const port = await telling(t, {
        maxVersion,
        requestCert: true,
        rawPublicKeys: { key: own.privateKey, pins: [clientPublic] },
      });
      const rawPublicKeys = { key: clientKey, pins: [own.publicKey] };
      const [session] = (await visit(port, { rawPublicKeys })).sessions;
      const again = await visit(port, { rawPublicKeys, session });
      assert.equal(again.text, 'true null rsa true');
      assert.equal(again.reused, true);
      assert.ok(again.key?.equals(own.publicKey));
      const { error } = await visit(port, { rawPublicKeys: { key: clientKey, pins: [other.publicKey] }, session });
      assert.equal(error?.code, 'RPK_UNTRUSTED');
    });
  });
}

test('https: an agent tells pins apart', async (t) => {
  const server = https.createServer({ rawPublicKeys: { key: own.privateKey } } as never, (_request, response) => {
    response.end('hello');
  });
  const port = await listening(t, server);
  const agent = new https.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const get = (rawPublicKeys: RawPublicKeyOptions | undefined) =>
    new Promise<string>((resolve, reject) => {
      const options = { host: '127.0.0.1', port, agent, rawPublicKeys } as object;
      const request = https.get(options, async (response) => {
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve(text);
      });
      request.on('error', reject);
    });
  assert.equal(await get({ pins: [own.publicKey] }), 'hello');
  assert.equal(await get({ pins: [own.publicKey] }), 'hello');
  await assert.rejects(get({ pins: [other.publicKey] }), { code: 'RPK_UNTRUSTED' });
  await assert.rejects(get(undefined));
});

test('what the option cannot be is named', () => {
  const refuse = (rawPublicKeys: unknown, pattern: RegExp) =>
    assert.throws(() => tls.createSecureContext({ rawPublicKeys: rawPublicKeys as RawPublicKeyOptions }), {
      message: pattern,
    });
  refuse('yes', /options\.rawPublicKeys/);
  refuse({ pins: 'a' }, /rawPublicKeys\.pins/);
  refuse({ pins: ['no key'] }, /rawPublicKeys\.pins\[0\]/);
  refuse({ pins: [new Uint8Array(31)] }, /rawPublicKeys\.pins\[0\]/);
  refuse({ only: true }, /rawPublicKeys\.only/);
  refuse({ key: own.publicKey }, /rawPublicKeys\.key/);
  refuse({ key: 'secret text' }, /^(?!.*secret text)/);
});
