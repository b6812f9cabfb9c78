import https from 'node:https';
import express from 'express';
import { assert, ca, cert, done, key, listening, ours } from './kit.mjs';

const app = express();
app.use(express.json());
app.get('/hello', (request, response) => {
  ours(request.socket);
  response.json({ secure: request.secure, protocol: request.protocol });
});
app.post('/echo', (request, response) => response.json(request.body));
const port = await listening(https.createServer({ key, cert }, app));
const ask = (options, body) =>
  new Promise((resolve, reject) => {
    const request = https.request(
      { host: '127.0.0.1', port, servername: 'localhost', ca, ...options },
      async (response) => {
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve(JSON.parse(text));
      },
    );
    request.on('error', reject).end(body);
  });
assert.deepEqual(await ask({ path: '/hello' }), { secure: true, protocol: 'https' });
const big = { text: 'x'.repeat(90_000) };
const headers = { 'content-type': 'application/json' };
assert.deepEqual(await ask({ path: '/echo', method: 'POST', headers }, JSON.stringify(big)), big);
done();
