import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootFile, testIdentity } from '../../helpers/pki.ts';
import { clientIdentity, everything, groupsOf } from '../cases.ts';
import { checkEcho, type Peer } from '../peer.ts';
import { programVersion, start, temporaryFolder } from '../processes.ts';
import { groupList } from './openssl.ts';

const folder = temporaryFolder();

/** `curl`, as a client. */
export const curl: Peer = {
  name: 'curl',
  quick: true,
  speaks: 'http',
  version: () => programVersion('curl', ['--version'], /^curl (\S+)/m),
  can: (role) => (role === 'client' ? everything : undefined),
  fixes: () => ['version', 'suite', 'groups'],

  async runClient(run, port, payload) {
    const body = join(folder, 'payload');
    writeFileSync(body, payload);
    const identity = clientIdentity(run);
    const { chainFile, keyFile } = testIdentity(identity ?? 'client-ecdsa-p256');
    const program = start('curl', [
      ...['--silent', '--show-error', '--fail', '--max-time', '25', '--noproxy', '*', '--http1.1'],
      ...['--cacert', rootFile, '--resolve', `localhost:${port}:127.0.0.1`],
      ...(run.version === '1.3' ? ['--tlsv1.3', '--tls13-ciphers'] : ['--tlsv1.2', '--tls-max', '1.2', '--ciphers']),
      ...[run.suite.openssl, '--curves', groupList(groupsOf(run, run.role))],
      ...(identity ? ['--cert', chainFile, '--key', keyFile] : []),
      ...['--header', 'content-type: text/plain', '--data-binary', `@${body}`, `https://localhost:${port}/echo`],
    ]);
    const parts: Buffer[] = [];
    program.stdout.on('data', (part: Buffer) => parts.push(part));
    const code = await program.exited;
    if (code !== 0) throw new Error(`curl ended with ${code}: ${program.said()}`);
    checkEcho(Buffer.concat(parts), payload);
  },
};
