import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { brotliCompressSync, deflateSync } from 'node:zlib';
import { readCertificateCompression } from '../../src/node/context/certificate-compression.ts';
import tls from '../../src/node/tls.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';

const limit = { timeout: 20_000 };
const identity = testIdentity('rsa');
type Names = ('zlib' | 'brotli' | 'zstd')[];

/** Bytes that a client reads until its handshake is done. */
async function flight(t: TestContext, offered: Names | undefined, served: Names | undefined): Promise<number> {
  const server = tls.createServer(
    { key: identity.keyPem, cert: identity.chainPem, certificateCompression: served, secureOptions: noTickets },
    (socket) => socket.on('error', () => {}),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const raw = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(raw, 'connect');
  const client = tls.connect({ socket: raw, ca: rootPem, servername: 'localhost', certificateCompression: offered });
  await once(client, 'secureConnect');
  assert.equal(client.authorized, true);
  assert.equal(client.getPeerCertificate().raw.equals(Buffer.from(identity.chain[0] as Uint8Array)), true);
  const { bytesRead } = raw;
  client.destroy();
  return bytesRead;
}

/** SSL_OP_NO_TICKET: nothing follows the handshake. */
const noTickets = 0x4000;

for (const name of tls.getCertificateCompressionAlgorithms()) {
  test(`certificates travel compressed with ${name} where both sides want it`, limit, async (t) => {
    const plain = await flight(t, undefined, undefined);
    const compressed = await flight(t, [name], [name]);
    assert.ok(compressed < plain - 100, `${compressed} bytes compressed, ${plain} plain`);
    for (const other of [await flight(t, [name], undefined), await flight(t, undefined, [name])]) {
      assert.ok(Math.abs(other - plain) < 20, `${other} bytes where only one side compresses, ${plain} plain`);
    }
  });
}

test('what unpacks to another length than announced is refused, and unknown names are', () => {
  const [zlib, brotli] = readCertificateCompression(['zlib', 'brotli']);
  const bomb = new Uint8Array(1 << 20);
  assert.deepEqual(zlib?.decompress(deflateSync(bomb.subarray(0, 9)), 9), bomb.subarray(0, 9));
  assert.throws(() => zlib?.decompress(deflateSync(bomb), 1000));
  assert.throws(() => brotli?.decompress(brotliCompressSync(bomb), 1000));
  assert.throws(() => zlib?.decompress(deflateSync(bomb.subarray(0, 999)), 1000), RangeError);
  assert.throws(() => tls.createSecureContext({ certificateCompression: ['lzma'] as unknown as Names }), {
    code: 'ERR_INVALID_ARG_VALUE',
  });
});
