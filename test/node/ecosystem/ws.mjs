import { once } from 'node:events';
import https from 'node:https';
import WebSocket, { WebSocketServer } from 'ws';
import { assert, ca, cert, done, key, listening, ours } from './kit.mjs';

const server = https.createServer({ key, cert });
const wss = new WebSocketServer({ server });
wss.on('connection', (socket, request) => {
  ours(request.socket);
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
const port = await listening(server);
const client = new WebSocket(`wss://localhost:${port}`, { ca });
await once(client, 'open');
for (const message of ['hello', Buffer.alloc(300_000, 7)]) {
  client.send(message);
  const [data] = await once(client, 'message');
  assert.ok(Buffer.from(message).equals(data));
}
client.close();
await once(client, 'close');
done();
