import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type IdentityName, rootFile, testIdentity } from '../../helpers/pki.ts';
import { type Case, clientIdentity, everything, groupsOf } from '../cases.ts';
import type { Peer } from '../peer.ts';
import { programVersion, type Running, run as runToEnd, start, temporaryFolder } from '../processes.ts';
import { serverThatPrintsItsPort } from './program-server.ts';

const source = join(dirname(fileURLToPath(import.meta.url)), 'java', 'Peer.java');
/** Where the compiled program is, once `prepare` is done. */
export const classes = temporaryFolder();

function algorithm(identity: IdentityName): string {
  if (identity.endsWith('rsa-pss')) return 'RSASSA-PSS';
  if (identity.endsWith('rsa')) return 'RSA';
  return identity.endsWith('ed25519') ? 'EdDSA' : 'EC';
}

function startJava(run: Case, identity: IdentityName | undefined, more: string[]): Running {
  const files = identity && testIdentity(identity);
  return start('java', [
    ...[
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      '-Xshare:auto',
      `-Djdk.tls.namedGroups=${groupsOf(run, run.role).join(',')}`,
    ],
    ...['-cp', classes, 'Peer', 'root', rootFile, 'version', `TLSv${run.version}`, 'suite', run.suite.name],
    ...(files && identity ? ['cert', files.chainFile, 'key', files.keyFile, 'algorithm', algorithm(identity)] : []),
    ...more,
  ]);
}

/** Java's JSSE. */
export const java: Peer = {
  name: 'Java JSSE',
  quick: false,
  speaks: 'echo',
  version: () => programVersion('java', ['-version'], /version "([^"]+)"/),
  async prepare() {
    await runToEnd('javac', ['-d', classes, source], { timeout: 120_000 });
  },
  can: () => everything,
  fixes: () => ['version', 'suite', 'groups'],

  async runClient(run, port, payload) {
    const running = startJava(run, clientIdentity(run), ['role', 'client', 'port', String(port)]);
    running.stdout.resume();
    running.stdin.end(payload);
    const code = await running.exited;
    if (code !== 0) throw new Error(`the Java client ended with ${code}: ${running.said()}`);
  },

  async runServer(run) {
    return await serverThatPrintsItsPort(
      startJava(run, run.key, ['role', 'server', ...(run.clientKey ? ['clientAuth', 'yes'] : [])]),
    );
  },
};
