import { freePort } from '../../helpers/listening.ts';
import { rootFile, testIdentity } from '../../helpers/pki.ts';
import { type Case, clientIdentity, everything, type Group, groupsOf } from '../cases.ts';
import { checkEcho, type Peer, type PeerServer } from '../peer.ts';
import { programVersion, readExactly, start } from '../processes.ts';

const opensslGroups: Partial<Record<Group, string>> = {
  x25519: 'X25519',
  secp256r1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

/** OpenSSL's list of groups, as its programs and those built on it take it. */
export function groupList(groups: readonly Group[]): string {
  return groups.map((group) => opensslGroups[group] ?? group).join(':');
}

function common(run: Case): string[] {
  const suite = run.version === '1.3' ? ['-ciphersuites', run.suite.openssl] : ['-cipher', run.suite.openssl];
  return [
    run.version === '1.3' ? '-tls1_3' : '-tls1_2',
    ...suite,
    '-CAfile',
    rootFile,
    '-verify_return_error',
    '-quiet',
  ];
}

/** `openssl s_client` and `openssl s_server`. */
export const openssl: Peer = {
  name: 'OpenSSL',
  quick: true,
  speaks: 'echo',
  version: () => programVersion('openssl', ['version'], /^OpenSSL (\S+)/m),
  can: () => ({ ...everything, optIns: true }),
  fixes: () => ['version', 'suite', 'groups'],

  async runClient(run, port, payload) {
    const identity = clientIdentity(run);
    const { leafFile, issuerFile, keyFile } = testIdentity(identity ?? 'client-ecdsa-p256');
    const program = start('openssl', [
      's_client',
      ...common(run),
      '-no_ign_eof', // -quiet means -ign_eof: the end of our input shall end the connection.
      ...['-connect', `127.0.0.1:${port}`, '-servername', 'localhost', '-verify_hostname', 'localhost'],
      ...(run.group ? ['-groups', groupList(groupsOf(run, run.role))] : []),
      ...(identity ? ['-cert', leafFile, '-key', keyFile, '-cert_chain', issuerFile] : []),
    ]);
    try {
      program.stdin.write(payload);
      checkEcho(await readExactly(program.stdout, payload.length), payload);
      program.stdin.end();
      const code = await program.exited;
      if (code !== 0) throw new Error(`s_client ended with ${code}`);
    } catch (error) {
      throw new Error(`${(error as Error).message}; s_client said: ${program.said()}`);
    } finally {
      await program.stop();
    }
  },

  async runServer(run): Promise<PeerServer> {
    const port = await freePort();
    const { leafFile, issuerFile, keyFile } = testIdentity(run.key);
    const program = start('openssl', [
      's_server',
      ...common(run),
      ...['-accept', `127.0.0.1:${port}`, '-naccept', '1'],
      ...['-cert', leafFile, '-key', keyFile, '-cert_chain', issuerFile],
      ...(run.group ? ['-groups', groupList(groupsOf(run, run.role))] : []),
      ...(run.clientKey ? ['-Verify', '5'] : []),
    ]);
    let over = false;
    void program.exited.then(() => {
      over = true;
    });
    // s_server is no echo server: it prints what it gets, and sends what it is told. What it prints is always taken, or
    // it would wait to print while we wait for it to read.
    program.stdout.on('data', (data: Buffer) => program.stdin.write(data));
    return { port, alive: () => !over, said: program.said, stop: program.stop };
  },
};
