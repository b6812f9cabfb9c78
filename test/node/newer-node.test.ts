/** Options and methods of `node:tls` that came with Node 22 to 26: Handfast has them on every version, as far as Node lets it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import tls from '../../src/node/tls.ts';
import type { TLSSocket } from '../../src/node/tls-socket.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

const identity = testIdentity('ecdsa-p256');
const credentials = { key: identity.keyPem, cert: identity.chainPem };
const trusting = { ca: rootPem, servername: 'localhost' };
const limit = { timeout: 30_000 };

async function listen(t: TestContext): Promise<{ port: number; server: ReturnType<typeof tls.createServer> }> {
  const server = tls.createServer(credentials, (socket) => socket.on('error', () => {}).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, server };
}

/** What a socket of Node has noted for when it has a handle. */
function noted(socket: net.Socket, name: string): unknown {
  const key = Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === name);
  return key === undefined ? undefined : (socket as unknown as Record<symbol, unknown>)[key];
}

test('connect hands noDelay and keepAlive to the network', limit, async (t) => {
  const { port } = await listen(t);
  const options = { port, ...trusting, noDelay: true, keepAlive: true, keepAliveInitialDelay: 7000 };
  const client = tls.connect(options) as unknown as TLSSocket;
  const transport = client.netTransport!;
  assert.equal(noted(transport, 'kSetNoDelay'), true);
  assert.equal(noted(transport, 'kSetKeepAlive'), true);
  assert.equal(noted(transport, 'kSetKeepAliveInitialDelay'), 7);
  await once(client, 'secureConnect');
  client.destroy();
});

const marks = 'setTypeOfService' in net.Socket.prototype;

test('the type of service is set before there is a connection, and read from it afterwards', limit, async (t) => {
  const { port } = await listen(t);
  const early = new tls.TLSSocket(null as unknown as net.Socket) as unknown as TLSSocket;
  assert.equal(early.getTypeOfService(), 0);
  assert.equal(early.setTypeOfService(0x10), early);
  assert.equal(early.getTypeOfService(), 0x10);
  assert.throws(() => early.setTypeOfService(256), { code: 'ERR_OUT_OF_RANGE' });
  assert.throws(() => early.setTypeOfService('8' as unknown as number), { code: 'ERR_INVALID_ARG_TYPE' });
  early.destroy();
  const client = tls.connect({
    port,
    ...trusting,
    typeOfService: 0x10,
  }) as unknown as TLSSocket;
  await once(client, 'secureConnect');
  if (marks) assert.equal(client.getTypeOfService(), 0x10);
  client.setTypeOfService(0x08);
  assert.equal(client.getTypeOfService(), 0x08);
  client.destroy();
});
