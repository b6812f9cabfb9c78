import assert from 'node:assert/strict';
import { createPrivateKey, sign } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import https from '../../src/node/https.ts';
import type { HandfastConnectOptions } from '../../src/node/socket/tls-connect.ts';
import tls from '../../src/node/tls.ts';
import { buildOcspResponse, type CertStatus, encodeCertId, parseCertificate } from '../../src/pki/index.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

// The option `revocation`: what the server staples is judged.

const limit = { timeout: 20_000 };
const identity = testIdentity('ecdsa-p256');
const leaf = parseCertificate(identity.chain[0] as Uint8Array);
const issuer = parseCertificate(identity.chain[1] as Uint8Array);
const day = 86_400_000;

/** A response of the intermediate authority about the leaf. */
async function response(status: CertStatus, nextUpdate = Date.now() + day): Promise<Buffer> {
  const key = createPrivateKey(readFileSync(identity.issuerFile.replace(/\.crt$/, '.key')));
  const signer = {
    algorithm: { kind: 'ecdsa', hash: 'sha256' } as const,
    sign: async (data: Uint8Array) => new Uint8Array(sign('sha256', data, key)),
  };
  const certId = encodeCertId(leaf.serialNumber, issuer, createNodeCrypto());
  const template = {
    responder: { name: issuer.subject },
    producedAt: nextUpdate - 2 * day,
    responses: [{ certId, status, thisUpdate: nextUpdate - 2 * day, nextUpdate }],
  };
  return Buffer.from(await buildOcspResponse(template, signer));
}

async function listen(t: TestContext, stapled: Buffer | null): Promise<number> {
  const server = tls.createServer({ key: identity.keyPem, cert: identity.chainPem }, (socket) => {
    socket.on('error', () => {});
    socket.write('x');
  });
  server.on('OCSPRequest', (_certificate: Buffer, _issuer: Buffer, done: (e: null, r: Buffer | null) => void) =>
    done(null, stapled),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** The code of the error, or `secure`. */
async function outcome(port: number, options: HandfastConnectOptions): Promise<string> {
  const client = tls.connect({ host: '127.0.0.1', port, ca: rootPem, servername: 'localhost', ...options });
  const first = await new Promise<string>((resolve) => {
    client.once('data', () => resolve('secure'));
    client.once('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
  });
  client.destroy();
  return first;
}

const cases: [string, () => Promise<Buffer | null>, string, string][] = [
  ['good', () => response({ kind: 'good' }), 'secure', 'secure'],
  [
    'revoked',
    () => response({ kind: 'revoked', revocationTime: Date.now() - day, reason: 'keyCompromise' }),
    'CERT_REVOKED',
    'CERT_REVOKED',
  ],
  ['out of date', () => response({ kind: 'good' }, Date.now() - day), 'OCSP_VERIFY_FAILED', 'OCSP_VERIFY_FAILED'],
  ['no response at all', async () => Buffer.from('nonsense'), 'OCSP_VERIFY_FAILED', 'OCSP_VERIFY_FAILED'],
  ['missing', async () => null, 'secure', 'OCSP_VERIFY_NEEDED'],
];

for (const [name, stapled, whenThere, whenRequired] of cases) {
  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    test(`a stapled response that is ${name}, ${maxVersion}`, limit, async (t) => {
      const port = await listen(t, await stapled());
      const common = { maxVersion };
      assert.equal(await outcome(port, common), 'secure');
      assert.equal(await outcome(port, { ...common, revocation: 'stapled' }), whenThere);
      assert.equal(await outcome(port, { ...common, revocation: 'required' }), whenRequired);
    });
  }
}

test('other words are refused, and the agent keeps such connections apart', () => {
  const options = { port: 1, revocation: 'always' } as unknown as HandfastConnectOptions;
  assert.throws(() => tls.connect(options), { code: 'ERR_INVALID_ARG_VALUE' });
  const agent = new https.Agent() as unknown as { getName(options: object): string };
  assert.notEqual(agent.getName({ host: 'a' }), agent.getName({ host: 'a', revocation: 'required' }));
});
