import { constants } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { rootPem, testIdentity } from '../../../helpers/pki.ts';
import { nodeTls as base } from '../../peers/node-tls.ts';
import { bounded } from '../../processes.ts';
import { type Kind, line, type ResumptionPeer, versionOf } from '../kinds.ts';

const versions = (kind: Kind) => {
  const version = `TLSv${versionOf(kind)}` as const;
  return { minVersion: version, maxVersion: version };
};

async function visit(kind: Kind, port: number, session?: Buffer): Promise<{ reused: boolean; session?: Buffer }> {
  const transport = connectTcp({ port, host: '127.0.0.1' });
  await once(transport, 'connect');
  const socket = connect({
    socket: transport,
    servername: 'localhost',
    ca: rootPem,
    ...versions(kind),
    ...(session && { session }),
  });
  let given: Buffer | undefined;
  socket.on('session', (each: Buffer) => {
    given = each;
  });
  await bounded(once(socket, 'secureConnect'), 'the handshake');
  const reused = socket.isSessionReused();
  socket.write(line);
  let output = '';
  socket.on('data', (data: Buffer) => {
    output += data;
    if (output === line) socket.end();
  });
  await bounded(once(socket, 'close'), 'the end');
  if (output !== line) throw new Error(`the echo differs: ${output}`);
  return { reused, ...(given && { session: given }) };
}

/** `node:tls` of the Node that runs the tests. */
export const nodeTls: ResumptionPeer = {
  name: base.name,
  quick: true,
  speaks: () => 'echo',
  version: base.version,
  lacks: (role, kind) =>
    kind === 'earlyData'
      ? 'node:tls has no early data'
      : role === 'server' && kind === 'pskStateful'
        ? 'resumeSession of node:tls gets an ID that never matches in TLS 1.3'
        : undefined,

  async runClient(kind, port) {
    const first = await visit(kind, port);
    if (first.session === undefined) throw new Error('node:tls got no session');
    return { resumed: (await visit(kind, port, first.session)).reused };
  },

  async runServer(kind) {
    const { chainPem, keyPem } = testIdentity('ecdsa-p256');
    const reused: boolean[] = [];
    let said = '';
    const server = createServer(
      {
        cert: chainPem,
        key: keyPem,
        ...versions(kind),
        ...(kind === 'sessionId' && { secureOptions: constants.SSL_OP_NO_TICKET }),
      },
      (socket: TLSSocket) => {
        reused.push(socket.isSessionReused());
        socket.on('error', () => {});
        socket.pipe(socket);
      },
    );
    if (kind === 'sessionId') {
      const sessions = new Map<string, Buffer>();
      server.on('newSession', (id: Buffer, data: Buffer, done: () => void) => {
        sessions.set(id.toString('hex'), data);
        done();
      });
      server.on('resumeSession', (id: Buffer, done: (error: null, data: Buffer | null) => void) => {
        done(null, sessions.get(id.toString('hex')) ?? null);
      });
    }
    server.on('tlsClientError', (error) => {
      said += error.message;
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      port: (server.address() as AddressInfo).port,
      alive: () => true,
      said: () => said,
      word: () => ({ resumed: reused[1] }),
      stop: async () => void server.close(),
    };
  },
};
