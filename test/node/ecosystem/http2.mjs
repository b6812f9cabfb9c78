import http2 from 'node:http2';
import { assert, ca, cert, done, key, listening } from './kit.mjs';

const server = http2.createSecureServer({ key, cert, allowHTTP1: true });
server.on('stream', (stream, headers) => {
  assert.equal(stream.session.encrypted, true);
  assert.equal(stream.session.alpnProtocol, 'h2');
  stream.respond({ ':status': 200, path: headers[':path'] });
  stream.pipe(stream);
});
const delays = [];
server.on('connection', (raw) => {
  const { setNoDelay } = raw;
  raw.setNoDelay = (noDelay) => {
    delays.push(noDelay);
    return setNoDelay.call(raw, noDelay);
  };
});
const port = await listening(server);
const session = http2.connect(`https://localhost:${port}`, { ca });
await Promise.all(
  Array.from({ length: 20 }, async (_, index) => {
    const stream = session.request({ ':method': 'POST', ':path': `/${index}` });
    stream.end(Buffer.alloc(100_000, index));
    let size = 0;
    for await (const chunk of stream) {
      assert.equal(chunk[0], index);
      size += chunk.length;
    }
    assert.equal(size, 100_000);
  }),
);
assert.equal(session.socket.authorized, true);
assert.equal(session.socket.getPeerCertificate().subject.CN, 'localhost');
assert.deepEqual(delays, [true]);
const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
const open = sockets();
session.unref();
assert.equal(sockets(), open - 1);
session.ref();
assert.equal(sockets(), open);
session.close();
done();
