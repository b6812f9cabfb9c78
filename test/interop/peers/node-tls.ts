import { once } from 'node:events';
import { connect } from 'node:net';
import { type Case, clientIdentity, everything, type Group, groupsOf } from '../cases.ts';
import { nodeTlsVersion, nodeTls as subject } from '../node-tls.ts';
import { checkEcho, type Peer, type PeerServer } from '../peer.ts';
import { bounded, listen, readExactly } from '../processes.ts';
import type { Channel } from '../subject.ts';

/** `node:tls` of the Node that runs the tests. */
export const nodeTls: Peer = {
  name: 'node:tls',
  quick: true,
  speaks: 'echo',
  version: async () => nodeTlsVersion,
  can: () => ({
    ...everything,
    groups: [...(postQuantum ? (['X25519MLKEM768'] as Group[]) : []), ...everything.groups],
    optIns: true,
  }),
  fixes: () => ['version', 'suite', 'groups'],

  async runClient(run: Case, port: number, payload: Buffer) {
    const socket = connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    try {
      const identity = clientIdentity(run);
      const { stream } = await subject.connect(socket, {
        version: run.version,
        suite: run.suite,
        ...(run.group && { groups: groupsOf(run, run.role) }),
        ...(identity && { identity }),
      });
      stream.write(payload);
      checkEcho(await readExactly(stream, payload.length), payload);
      stream.end();
      await bounded(once(stream.resume(), 'end'), 'the end of the stream');
    } finally {
      socket.destroy();
    }
  },

  async runServer(run: Case): Promise<PeerServer> {
    let said = '';
    const server = await listen((socket) => {
      subject
        .accept(socket, {
          version: run.version,
          suite: run.suite,
          ...(run.group && { groups: groupsOf(run, run.role) }),
          identity: run.key,
          requireClientCertificate: run.clientKey !== undefined,
        })
        .then(({ stream }: Channel) => stream.pipe(stream))
        .catch((error: Error) => {
          said += error.message;
        });
    });
    return { port: server.port, alive: () => true, said: () => said, stop: async () => server.close() };
  },
};

const postQuantum = subject.lacks('X25519MLKEM768', { version: '1.3', code: 0, name: '', openssl: '' }) === undefined;
