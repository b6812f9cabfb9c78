import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../helpers/listening.ts';
import { rootFile, testIdentity } from '../../helpers/pki.ts';
import { type Case, clientIdentity, everything, groupsOf } from '../cases.ts';
import { checkEcho, type Peer, type PeerServer } from '../peer.ts';
import { programVersion, start, temporaryFolder } from '../processes.ts';

/** GnuTLS's priority string for a case. */
function priority(run: Case): string {
  const { name, auth } = run.suite;
  const cipher = /CHACHA20/.test(name) ? 'CHACHA20-POLY1305' : /AES_128/.test(name) ? 'AES-128-GCM' : 'AES-256-GCM';
  const exchange = run.version === '1.3' ? [] : [`+ECDHE-${auth === 'rsa' ? 'RSA' : 'ECDSA'}`];
  return [
    'NONE',
    `+VERS-TLS${run.version}`,
    ...exchange,
    `+${cipher}`,
    '+AEAD',
    '+SIGN-ALL',
    '+COMP-NULL',
    ...groupsOf(run, run.role).map((group) => `+GROUP-${group.toUpperCase()}`),
  ].join(':');
}

/** `gnutls-cli` and `gnutls-serv`. */
export const gnutls: Peer = {
  name: 'GnuTLS',
  quick: true,
  speaks: 'echo',
  version: () => programVersion('gnutls-cli', ['--version'], /^gnutls-cli (\S+)/m),
  can: () => everything,
  fixes: () => ['version', 'suite', 'groups'],

  async runClient(run, port, payload) {
    const identity = clientIdentity(run);
    const { chainFile, keyFile } = testIdentity(identity ?? 'client-ecdsa-p256');
    const folder = temporaryFolder();
    const log = join(folder, 'log');
    const echo = join(folder, 'echo');
    writeFileSync(echo, '');
    // It writes each byte by itself: into a file that is quick, into a pipe each would wake us.
    const program = start('sh', [
      ...['-c', 'file=$1; shift; exec gnutls-cli "$@" >"$file"', 'sh', echo],
      ...['--port', String(port), '--x509cafile', rootFile, '--logfile', log],
      ...['--priority', priority(run), '--single-key-share'],
      ...['--sni-hostname', 'localhost', '--verify-hostname', 'localhost'],
      ...(identity ? ['--x509certfile', chainFile, '--x509keyfile', keyFile] : []),
      '127.0.0.1',
    ]);
    try {
      program.stdin.write(payload);
      let over = false;
      void program.exited.then(() => {
        over = true;
      });
      while (!over && statSync(echo).size < payload.length) await new Promise((resolve) => setTimeout(resolve, 10));
      program.stdin.end();
      const code = await program.exited;
      checkEcho(readFileSync(echo), payload);
      if (code !== 0) throw new Error(`gnutls-cli ended with ${code}`);
    } catch (error) {
      throw new Error(`${(error as Error).message}; gnutls-cli said: ${program.said()} ${readFileSync(log, 'utf8')}`);
    } finally {
      await program.stop();
    }
  },

  async runServer(run): Promise<PeerServer> {
    const port = await freePort();
    const { chainFile, keyFile } = testIdentity(run.key);
    const program = start(
      'gnutls-serv',
      [
        ...['--echo', '--port', String(port), '--x509certfile', chainFile, '--x509keyfile', keyFile],
        ...['--priority', priority(run)],
        ...(run.clientKey
          ? ['--require-client-cert', '--verify-client-cert', '--x509cafile', rootFile]
          : ['--disable-client-cert']),
      ],
      { stdout: 'collect' },
    );
    let over = false;
    void program.exited.then(() => {
      over = true;
    });
    return { port, alive: () => !over, said: program.said, stop: program.stop };
  },
};
