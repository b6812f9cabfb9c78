/** Agents of programs and packages, which inherit from Node's or take its methods, and what they connect over. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import type { Agent, AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import test from 'node:test';
import { promisify } from 'node:util';
import https from '../../src/node/https.ts';
import { listening } from '../helpers/listening.ts';
import { rootPem, testIdentity } from '../helpers/pki.ts';
import { execArgv, moduleLiteral } from '../helpers/process.ts';

const { keyPem: key, chainPem: cert } = testIdentity('ecdsa-p256');
const limit = { timeout: 30_000 };

async function ask(port: number, agent: http.Agent): Promise<[http.ClientRequest, IncomingMessage]> {
  const request = https.get({ host: '127.0.0.1', port, agent: agent as Agent, rejectUnauthorized: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  await new Promise(setImmediate);
  return [request, response];
}

test('the methods of the agent serve one of another class, as agentkeepalive has it', limit, async (t) => {
  const reused: boolean[] = [];
  const server = https.createServer({ key, cert }, ({ socket }, response) => {
    reused.push((socket as import('node:tls').TLSSocket).isSessionReused());
    response.end();
  });
  const port = await listening(t, server);
  const { createConnection, getName, _getSession, _cacheSession, _evictSession } = https.Agent.prototype as never;
  class OtherAgent extends http.Agent {
    defaultPort = 443;
    protocol = 'https:';
    maxCachedSessions = 100;
    _sessionCache = { map: {}, list: [] };
  }
  Object.assign(OtherAgent.prototype, { createConnection, getName, _getSession, _cacheSession, _evictSession });
  const agent = new OtherAgent();
  await ask(port, agent);
  await ask(port, agent);
  assert.deepEqual(reused, [false, true]);
});

test('an agent may take a free socket up again in its own way', limit, async (t) => {
  const port = await listening(
    t,
    https.createServer({ key, cert }, (_request, response) => response.end()),
  );
  class OwnAgent extends https.Agent {
    constructor(options: AgentOptions) {
      super(options);
    }
    override reuseSocket(socket: Duplex, request: http.ClientRequest): void {
      request.reusedSocket = true;
      (socket as import('node:net').Socket).ref();
    }
  }
  const agent = new OwnAgent({ keepAlive: true });
  t.after(() => agent.destroy());
  await ask(port, agent);
  for (let i = 0; i < 2; i++) {
    const [request, response] = await ask(port, agent);
    assert.deepEqual([request.reusedSocket, response.statusCode], [true, 200]);
  }
});

test('with register, an agent keeps a connection that goes over a Duplex', limit, async () => {
  const program = `
    import ${moduleLiteral('src/node/register.ts')};
    import https from 'node:https';
    import net from 'node:net';
    import tls from 'node:tls';
    import { Duplex, PassThrough } from 'node:stream';
    const over = (socket) => {
      const duplex = new Duplex({
        read() {}, write: (chunk, _encoding, done) => socket.write(chunk, done), final: (done) => socket.end(done),
        destroy: (error, done) => done(error, socket.destroy()),
      });
      socket.on('data', (chunk) => duplex.push(chunk)).on('end', () => duplex.push(null));
      return duplex;
    };
    const server = https.createServer(${JSON.stringify({ key, cert })}, (_request, response) => response.end());
    server.listen(0, '127.0.0.1', async () => {
      const { port } = server.address();
      const agent = new https.Agent({ keepAlive: true });
      agent.createConnection = () => tls.connect({ socket: over(net.connect(port, '127.0.0.1')), rejectUnauthorized: false });
      for (let i = 0; i < 2; i++) {
        await new Promise((resolve) => {
          const request = https.get({ port, agent }, (response) => {
            console.log(request.reusedSocket);
            response.resume().on('end', () => setImmediate(resolve));
          });
        });
      }
      // What got looks for before anything is connected.
      console.log(typeof new tls.TLSSocket(new PassThrough())._handle._parentWrap.constructor);
      agent.destroy();
      server.close();
    });`;
  const { stdout } = await promisify(execFile)(process.execPath, [...execArgv, '--input-type=module', '-e', program]);
  assert.deepEqual(stdout.split('\n'), ['false', 'true', 'function', '']);
});

test(
  'a check that is made anew for each request leaves no connections behind; one of the program is kept for the next',
  limit,
  async (t) => {
    const port = await listening(
      t,
      https.createServer({ key, cert }, (_request, response) => response.end()),
    );
    const agent = new https.Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const once = () => undefined;
    const visit = async (checkServerIdentity: () => undefined) => {
      const request = https.get({
        host: '127.0.0.1',
        port,
        agent,
        ca: rootPem,
        servername: 'localhost',
        checkServerIdentity,
      });
      await new Promise((resolve, reject) => {
        request
          .on('error', reject)
          .on('response', (response) => response.resume().on('end', () => setImmediate(resolve)));
      });
      return request.reusedSocket;
    };
    for (let i = 0; i < 5; i++) await visit(() => undefined);
    assert.deepEqual(Object.keys(agent.freeSockets), []);
    const reused = [await visit(once), await visit(once), await visit(once)];
    assert.deepEqual([reused, Object.keys(agent.freeSockets).length], [[false, false, true], 1]);
  },
);
