import http2 from 'node:http2';
import https from 'node:https';
import Fastify from 'fastify';
import { assert, ca, cert, done, key } from './kit.mjs';

for (const http2Too of [false, true]) {
  const app = Fastify({ https: { key, cert, allowHTTP1: true }, ...(http2Too ? { http2: true } : {}) });
  app.get('/', async (request) => ({ protocol: request.protocol, version: request.raw.httpVersion }));
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address();
  const one = await new Promise((resolve, reject) =>
    https
      .get({ host: '127.0.0.1', port, servername: 'localhost', ca, agent: false }, async (response) => {
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve(JSON.parse(text));
      })
      .on('error', reject),
  );
  assert.deepEqual(one, { protocol: 'https', version: '1.1' });
  if (http2Too) {
    const session = http2.connect(`https://localhost:${port}`, { ca });
    const stream = session.request({ ':path': '/' });
    let text = '';
    for await (const chunk of stream) text += chunk;
    assert.equal(JSON.parse(text).version, '2.0');
    assert.equal(session.alpnProtocol, 'h2');
    assert.equal(session.encrypted, true);
    session.close();
  }
  await app.close();
}
done();
