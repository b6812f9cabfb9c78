import https from 'node:https';
import autocannon from 'autocannon';
import { assert, cert, done, key, listening } from './kit.mjs';

const port = await listening(https.createServer({ key, cert }, (_request, response) => response.end('hello')));
const result = await autocannon({
  url: `https://127.0.0.1:${port}`,
  connections: 10,
  duration: 2,
  tlsOptions: { rejectUnauthorized: false },
});
assert.equal(result.errors, 0);
assert.equal(result.non2xx, 0);
assert.ok(result.requests.total > 50);
done();
