import https from 'node:https';
import autocannon from 'autocannon';
import { assert, cert, done, key, listening } from './kit.mjs';

const port = await listening(https.createServer({ key, cert }, (_request, response) => response.end('hello')));
const result = await autocannon({
  url: `https://127.0.0.1:${port}`,
  connections: 10,
  // Not so many seconds: on a busy machine the first handshake alone may take them.
  amount: 500,
  tlsOptions: { rejectUnauthorized: false },
});
assert.equal(result.errors, 0);
assert.equal(result.non2xx, 0);
assert.equal(result['2xx'], 500);
done();
