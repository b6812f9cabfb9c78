import https from 'node:https';
import axios from 'axios';
import got from 'got';
import { assert, ca, cert, done, key, listening, ours } from './kit.mjs';

const server = https.createServer({ key, cert }, (request, response) => {
  ours(request.socket);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ path: request.url }));
});
const port = await listening(server);
const url = `https://localhost:${port}/x`;
assert.deepEqual(await got(url, { https: { certificateAuthority: ca } }).json(), { path: '/x' });
const answer = await axios.get(url, { httpsAgent: new https.Agent({ ca, keepAlive: true }) });
assert.deepEqual(answer.data, { path: '/x' });
await assert.rejects(axios.get(url), { code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' });
await assert.rejects(got(url, { retry: { limit: 0 } }), { code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' });
done();
