import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../helpers/listening.ts';
import { type IdentityName, rootFile, testIdentity } from '../../helpers/pki.ts';
import { type Case, clientIdentity, everything, groupsOf } from '../cases.ts';
import { checkEcho, type Peer, type PeerServer } from '../peer.ts';
import {
  bounded,
  connectWhenReady,
  listen,
  programVersion,
  type Running,
  readExactly,
  start,
  temporaryFolder,
} from '../processes.ts';
import { groupList } from './openssl.ts';

function fixed(run: Case): string {
  const version = `ssl-min-ver TLSv${run.version} ssl-max-ver TLSv${run.version}`;
  return `${version} ${run.version === '1.3' ? 'ciphersuites' : 'ciphers'} ${run.suite.openssl}`;
}

/** HAProxy wants chain and key in one file. */
export function pemFile(folder: string, name: IdentityName): string {
  const { chainPem, keyPem } = testIdentity(name);
  const file = join(folder, `${name}.pem`);
  writeFileSync(file, chainPem + keyPem, { mode: 0o600 });
  return file;
}

function startHaproxy(folder: string, frontend: string, backend: string): { program: Running; alive: () => boolean } {
  return startConfigured(
    folder,
    `defaults
  mode tcp
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend here
  bind 127.0.0.1:${frontend}
  default_backend there
backend there
  server there 127.0.0.1:${backend}
`,
  );
}

/** Starts HAProxy with a configuration. */
export function startConfigured(folder: string, config: string): { program: Running; alive: () => boolean } {
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, config);
  const program = start('haproxy', ['-db', '-f', file], { stdout: 'collect' });
  let over = false;
  void program.exited.then(() => {
    over = true;
  });
  return { program, alive: () => !over };
}

/** HAProxy in TCP mode: as a server it ends TLS before a plain echo server, as a client it wraps a plain connection. */
export const haproxy: Peer = {
  name: 'HAProxy',
  quick: false,
  speaks: 'echo',
  version: () => programVersion('haproxy', ['-v'], /version (\S+)/),
  can: () => everything,
  // Up to 2.9 it has no setting for the groups of a connection to a server.
  fixes: (role) => (role === 'client' ? ['version', 'suite'] : ['version', 'suite', 'groups']),

  async runClient(run, port, payload) {
    const plain = await freePort();
    const folder = temporaryFolder();
    const identity = clientIdentity(run);
    const { program, alive } = startHaproxy(
      folder,
      String(plain),
      `${port} ssl verify required ca-file ${rootFile} verifyhost localhost sni str(localhost) ${fixed(run)}${
        identity ? ` crt ${pemFile(folder, identity)}` : ''
      }`,
    );
    try {
      const socket = await connectWhenReady(plain, alive);
      socket.write(payload);
      checkEcho(await readExactly(socket, payload.length), payload);
      socket.end();
      await bounded(once(socket.resume(), 'end'), 'the end of the stream');
      socket.destroy();
    } catch (error) {
      throw new Error(`${(error as Error).message}; haproxy said: ${program.said()}`);
    } finally {
      await program.stop();
    }
  },

  async runServer(run): Promise<PeerServer> {
    const port = await freePort();
    const folder = temporaryFolder();
    const backend = await listen((socket) => socket.pipe(socket));
    const { program, alive } = startHaproxy(
      folder,
      `${port} ssl crt ${pemFile(folder, run.key)} ${fixed(run)} ${run.group ? `curves ${groupList(groupsOf(run, run.role))}` : ''} ${
        run.clientKey ? `ca-file ${rootFile} verify required` : ''
      }`,
      String(backend.port),
    );
    return {
      port,
      alive,
      said: program.said,
      async stop() {
        backend.close();
        await program.stop();
      },
    };
  },
};
