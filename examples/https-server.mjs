// An HTTPS server on the drop-in for node:https, with a certificate of an authority made on the spot.
// Run it after `npm install`: node examples/https-server.mjs
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from 'handfast/ca';
import { createServer } from 'handfast/https';

const folder = await mkdtemp(join(tmpdir(), 'handfast-example-'));
const authority = await createAuthority({ folder: join(folder, 'ca') });
const { chainPem, keyPem } = await authority.issue({ names: ['localhost'] });
await writeFile(join(folder, 'root.pem'), authority.rootPem);
await authority.close();

const server = createServer({ cert: chainPem, key: keyPem }, (request, response) => {
  const { socket } = request;
  response.end(`${socket.getProtocol()}, ${socket.isSessionReused() ? 'resumed' : 'a full handshake'}\n`);
});
server.listen(0, () => {
  console.log(`curl --cacert ${join(folder, 'root.pem')} https://localhost:${server.address().port}`);
});
