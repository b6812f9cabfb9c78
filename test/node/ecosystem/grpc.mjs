import { writeFileSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import { assert, ca, cert, done, key } from './kit.mjs';

writeFileSync(
  'echo.proto',
  'syntax = "proto3"; service Echo { rpc Say (Text) returns (Text); rpc Many (Text) returns (stream Text); } message Text { string text = 1; }',
);
const { Echo } = grpc.loadPackageDefinition(loader.loadSync('echo.proto'));
const server = new grpc.Server();
server.addService(Echo.service, {
  Say: (call, answer) => answer(null, call.request),
  Many: (call) => {
    for (let i = 0; i < 100; i++) call.write({ text: `${call.request.text} ${i}` });
    call.end();
  },
});
const credentials = grpc.ServerCredentials.createSsl(null, [
  { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) },
]);
const port = await new Promise((resolve, reject) =>
  server.bindAsync('127.0.0.1:0', credentials, (error, at) => (error ? reject(error) : resolve(at))),
);
const client = new Echo(`localhost:${port}`, grpc.credentials.createSsl(Buffer.from(ca)));
const said = await new Promise((resolve, reject) =>
  client.Say({ text: 'hello' }, (error, value) => (error ? reject(error) : resolve(value))),
);
assert.equal(said.text, 'hello');
let count = 0;
for await (const { text } of client.Many({ text: 'n' })) assert.equal(text, `n ${count++}`);
assert.equal(count, 100);
client.close();
server.forceShutdown();
done();
