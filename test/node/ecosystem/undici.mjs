import https from 'node:https';
import { undiciConnector } from 'handfast/https';
import { Agent, fetch, request } from 'undici';
import { assert, ca, cert, done, key, listening, ours } from './kit.mjs';

let sockets = 0;
const server = https.createServer({ key, cert }, async (incoming, response) => {
  ours(incoming.socket);
  let size = 0;
  for await (const chunk of incoming) size += chunk.length;
  response.end(JSON.stringify({ size, resumed: incoming.socket.isSessionReused() }));
});
server.on('secureConnection', () => sockets++);
const port = await listening(server);
// By the connector, and by undici's own one, which takes node:tls.
for (const connect of [undiciConnector({ ca }), { ca }]) {
  const dispatcher = new Agent({ connect });
  const posted = await fetch(`https://localhost:${port}/`, { method: 'POST', body: 'x'.repeat(100_000), dispatcher });
  assert.equal((await posted.json()).size, 100_000);
  const { statusCode, body } = await request(`https://localhost:${port}/`, { dispatcher });
  assert.equal(statusCode, 200);
  await body.text();
  await dispatcher.close();
}
assert.ok(sockets >= 2);
await assert.rejects(fetch(`https://localhost:${port}/`, { dispatcher: new Agent() }));
done();
