import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import nodeTls from 'node:tls';
import tls, { type TlsOptions } from '../../src/node/tls.ts';
import { buildCertificateList, encodeName, encodePem, parseCertificate } from '../../src/pki/index.ts';
import { listening } from '../helpers/listening.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';
import { type TestIssuer, testCertificate, testKey } from '../pki/support.ts';

// Which sessions outlive a change of the server's context: as with node:tls, which runs the same program beside it.

const limit = { timeout: 30_000 };
const pair = (name: 'ecdsa-p256' | 'rsa') => ({ key: testIdentity(name).keyPem, cert: testIdentity(name).chainPem });
const ticketKeys = randomBytes(48);

type Server = nodeTls.Server;

/** One visit of a client of node:tls, the same for both servers. */
async function visit(port: number, more: nodeTls.ConnectionOptions) {
  const client = nodeTls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca: rootPem, ...more });
  let session: Buffer | undefined;
  client.on('session', (fresh: Buffer) => {
    session = fresh;
  });
  await once(client, 'secureConnect');
  const [data] = await once(client, 'data');
  // The event of a ticket may come after what was sent behind it.
  await new Promise((resolve) => setTimeout(resolve, 30));
  const result = { reused: client.isSessionReused(), session: session ?? client.getSession(), said: String(data) };
  client.destroy();
  return result;
}

const changes: Record<string, { options?: object; before?: (server: Server) => void; act: (server: Server) => void }> =
  {
    'another certificate': { act: (server) => server.setSecureContext(pair('rsa')) },
    'the same certificate': { act: (server) => server.setSecureContext(pair('ecdsa-p256')) },
    'ticketKeys among the options, another certificate': {
      options: { ticketKeys },
      act: (server) => server.setSecureContext(pair('rsa')),
    },
    'setTicketKeys, then another certificate': {
      before: (server) => server.setTicketKeys(ticketKeys),
      act: (server) => server.setSecureContext(pair('rsa')),
    },
    'getTicketKeys alone': { act: (server) => void server.getTicketKeys() },
    'keys that are read, and set again under another certificate': {
      act: (server) => {
        const keys = server.getTicketKeys();
        server.setSecureContext(pair('rsa'));
        server.setTicketKeys(keys);
      },
    },
    'another sessionIdContext': {
      options: { ticketKeys, sessionIdContext: 'one' },
      act: (server) => server.setSecureContext({ ...pair('ecdsa-p256'), sessionIdContext: 'two' }),
    },
  };

for (const [name, { options, before, act }] of Object.entries(changes)) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${version}, ${name}: sessions go on or end as with node:tls`, limit, async (t) => {
      const reused: boolean[][] = [];
      for (const { createServer } of [nodeTls, tls]) {
        const server = createServer({ ...pair('ecdsa-p256'), ...options }, (socket) => socket.write('x'));
        before?.(server as Server);
        const port = await listening(t, server);
        const client = { minVersion: version, maxVersion: version };
        const first = await visit(port, client);
        const second = await visit(port, { ...client, session: first.session });
        act(server as Server);
        const third = await visit(port, { ...client, session: second.session ?? first.session });
        const fourth = await visit(port, { ...client, session: third.session });
        reused.push([second.reused, third.reused, fourth.reused]);
      }
      assert.deepEqual(reused[1], reused[0]);
      assert.equal(reused[0]?.[0], true);
      assert.equal(reused[0]?.[2], true);
    });
  }
}

test(
  'sessions with an identity of their own outlive another certificate, and the reading of keys',
  limit,
  async (t) => {
    const named: TlsOptions = { ...pair('ecdsa-p256'), identity: 'www' };
    const server = tls.createServer(named, (socket) => socket.write('x'));
    const port = await listening(t, server);
    const { session } = await visit(port, {});
    server.setSecureContext({ ...pair('rsa'), identity: 'www' } as TlsOptions);
    assert.equal((await visit(port, { session })).reused, true);
    server.setSecureContext({ ...pair('rsa'), identity: 'api' } as TlsOptions);
    assert.equal((await visit(port, { session })).reused, false);
  },
);

test('a list that revokes a client ends its session, whatever the identity', limit, async (t) => {
  const now = Date.now();
  const hour = 3_600_000;
  const times = { notBefore: now - hour, notAfter: now + hour };
  const issuer: TestIssuer = { name: 'Clients', key: testKey() };
  const key = testKey();
  const [ca, leaf] = await Promise.all([
    testCertificate({ ...issuer, ...times, issuer, ca: true }),
    testCertificate({ ...times, name: 'somebody', key, issuer }),
  ]);
  const list = async (revoked: boolean) => {
    const serial = { serialNumber: parseCertificate(leaf).serialNumber, revocationDate: now - hour };
    const template = {
      issuer: encodeName([['CN', issuer.name]]),
      thisUpdate: now - hour,
      nextUpdate: now + hour,
      crlNumber: revoked ? 2 : 1,
      authorityKeyIdentifier: issuer.key.keyId,
      revoked: revoked ? [serial] : [],
    };
    return encodePem('X509 CRL', await buildCertificateList(template, issuer.key));
  };
  const common = { ...pair('ecdsa-p256'), ca: encodePem('CERTIFICATE', ca), identity: 'www' };
  const asks = { requestCert: true, rejectUnauthorized: false };
  const server = tls.createServer({ ...common, ...asks, crl: await list(false) }, (socket) =>
    socket.write(`${socket.authorized} ${socket.authorizationError}`),
  );
  const port = await listening(t, server);
  const pem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    server.setSecureContext({ ...common, crl: await list(false) } as TlsOptions);
    const client = { minVersion: version, maxVersion: version, key: pem, cert: encodePem('CERTIFICATE', leaf) };
    const first = await visit(port, client);
    const { reused, said } = await visit(port, { ...client, session: first.session });
    assert.deepEqual([first.said, reused, said], ['true null', true, 'true null']);
    server.setSecureContext({ ...common, crl: await list(true) } as TlsOptions);
    const after = await visit(port, { ...client, session: first.session });
    assert.deepEqual([after.reused, after.said], [false, 'false CERT_REVOKED']);
  }
});
