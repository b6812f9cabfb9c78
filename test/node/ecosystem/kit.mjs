// What the programs of this folder share. They run outside the project, beside the packages that they use.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import tls from 'node:tls';
import handfast from 'handfast/tls';

const pki = process.env.HANDFAST_PKI;
export const key = readFileSync(join(pki, 'ecdsa-p256.key'), 'utf8');
export const cert = readFileSync(join(pki, 'ecdsa-p256.chain.crt'), 'utf8');
export const keyFile = join(pki, 'ecdsa-p256.key');
export const certFile = join(pki, 'ecdsa-p256.chain.crt');
export const caFile = join(pki, 'root.crt');
export const ca = readFileSync(caFile, 'utf8');
export { assert };

// `--import handfast/register` has done its work.
assert.equal(tls.connect, handfast.connect);

/** Asserts that a socket is one of ours, encrypted. */
export function ours(socket) {
  assert.ok(socket instanceof handfast.TLSSocket, `${socket?.constructor?.name} is not Handfast's`);
  assert.equal(socket.encrypted, true);
}

export const listening = (server) =>
  new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });

/** The end of a program that went well. */
export function done() {
  console.log('ok');
  process.exit(0);
}
