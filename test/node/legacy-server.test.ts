import assert from 'node:assert/strict';
import { constants } from 'node:crypto';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import test from 'node:test';
import tls from '../../src/node/tls.ts';
import { decodeServerHello12, encodeServerHello12 } from '../../src/wire/server-hello.ts';
import { firstBody, message, server, turn } from '../engine/speak.ts';

test('a server without secure renegotiation is refused, and taken with SSL_OP_LEGACY_SERVER_CONNECT, as in Node', async (t) => {
  const old = net.createServer((socket) => {
    const connection = server();
    socket.on('error', () => {});
    socket.once('data', (hello) => {
      const decoded = decodeServerHello12(firstBody(turn(connection, new Uint8Array(hello))));
      decoded.extensions.renegotiationInfo = undefined;
      socket.end(message('serverHello', encodeServerHello12(decoded)));
    });
  });
  old.listen(0, '127.0.0.1');
  await once(old, 'listening');
  t.after(() => old.close());
  const { port } = old.address() as AddressInfo;
  const codeOf = async (secureOptions: number | undefined) => {
    const socket = tls.connect({ host: '127.0.0.1', port, maxVersion: 'TLSv1.2', secureOptions });
    const [error] = (await once(socket, 'error').catch((caught) => [caught])) as [Error & { code: string }];
    return error.code;
  };
  assert.equal(await codeOf(undefined), 'ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED');
  assert.equal(await codeOf(constants.SSL_OP_LEGACY_SERVER_CONNECT), 'ECONNRESET');
});
