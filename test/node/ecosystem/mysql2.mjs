import net from 'node:net';
import tls from 'node:tls';
import mysql from 'mysql2';
import { assert, ca, cert, done, key, listening, ours } from './kit.mjs';

// As much of a MySQL server as a login inside TLS and a ping need: greeting, SSLRequest, TLS on the same socket.
const packet = (sequence, body) =>
  Buffer.concat([Buffer.from([body.length & 255, body.length >> 8, 0, sequence]), body]);
const ok = (sequence) => packet(sequence, Buffer.from([0, 0, 0, 2, 0, 0, 0]));
const capabilities = 0x0008_0000 | 0x8000 | 0x0200 | 0x0800 | 0x0008 | 0x0001;
const half = (value) => Buffer.from([value & 255, (value >> 8) & 255]);
const greeting = Buffer.concat([
  Buffer.from([10]),
  Buffer.from('8.0.0\0'),
  Buffer.from([1, 0, 0, 0]),
  Buffer.from('12345678\0'),
  half(capabilities & 0xffff),
  Buffer.from([33, 2, 0]),
  half(capabilities >>> 16),
  Buffer.from([21]),
  Buffer.alloc(10),
  Buffer.from('123456789012\0'),
  Buffer.from('mysql_native_password\0'),
]);
let secured = 0;
const server = net.createServer((raw) => {
  raw.write(packet(0, greeting));
  raw.once('data', (bytes) => {
    // SSLRequest has 36 bytes; the ClientHello may be right behind it.
    assert.ok(bytes.length >= 36);
    raw.pause();
    if (bytes.length > 36) raw.unshift(bytes.subarray(36));
    const socket = new tls.TLSSocket(raw, { isServer: true, secureContext: tls.createSecureContext({ key, cert }) });
    socket.on('error', () => {});
    let first = true;
    socket.on('data', (bytes) => {
      if (first) secured++;
      socket.write(ok(first ? bytes[3] + 1 : 1));
      first = false;
    });
  });
});
const port = await listening(server);
const client = mysql.createConnection({ host: 'localhost', port, user: 'u', password: 'p', ssl: { ca } });
await new Promise((resolve, reject) => client.connect((error) => (error ? reject(error) : resolve())));
ours(client.stream);
await new Promise((resolve, reject) => client.ping((error) => (error ? reject(error) : resolve())));
assert.equal(secured, 1);
client.destroy();
done();
