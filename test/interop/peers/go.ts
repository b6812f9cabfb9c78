import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type IdentityName, rootFile, testIdentity } from '../../helpers/pki.ts';
import { type Case, clientIdentity, everything, type Group, groupsOf } from '../cases.ts';
import type { Peer } from '../peer.ts';
import { programVersion, type Running, run as runToEnd, start, temporaryFolder } from '../processes.ts';
import { serverThatPrintsItsPort } from './program-server.ts';

const source = join(dirname(fileURLToPath(import.meta.url)), 'go', 'main.go');
/** The compiled program, once `prepare` is done. */
export const program = join(temporaryFolder(), 'peer');

const codes: Record<Group, number> = {
  X25519MLKEM768: 0x11ec,
  x25519: 29,
  secp256r1: 23,
  secp384r1: 24,
  secp521r1: 25,
};

function startGo(run: Case, identity: IdentityName | undefined, more: string[]): Running {
  const files = identity && testIdentity(identity);
  const words = [
    ...['-root', rootFile, '-version', run.version === '1.3' ? '0x0304' : '0x0303', '-suite', String(run.suite.code)],
    ...groupsOf(run, run.role).flatMap((group) => ['-group', String(codes[group])]),
    ...(files ? ['-cert', files.chainFile, '-key', files.keyFile] : []),
    ...more,
  ];
  // A program outside a module gets the defaults of an old Go, without ML-KEM.
  return start(program, words, { env: { GODEBUG: 'tlsmlkem=1' } });
}

/** Go's crypto/tls. */
export const go: Peer = {
  name: 'Go crypto/tls',
  quick: false,
  speaks: 'echo',
  version: () => programVersion('go', ['version'], /go version go(\S+)/),
  async prepare() {
    await runToEnd('go', ['build', '-o', program, source], {
      env: { GO111MODULE: 'off', GOTOOLCHAIN: 'local', CGO_ENABLED: '0' },
      timeout: 240_000,
    });
  },
  // crypto/x509 knows no RSASSA-PSS keys.
  can: () => ({
    ...everything,
    groups: ['X25519MLKEM768', ...everything.groups],
    keys: everything.keys.filter((key) => key !== 'rsa-pss'),
  }),
  // The TLS 1.3 suite and, since Go 1.23, the order of the groups are its own business.
  fixes: () => ['version', 'groups'],

  async runClient(run, port, payload) {
    const running = startGo(run, clientIdentity(run), ['-role', 'client', '-port', String(port)]);
    running.stdout.resume();
    running.stdin.end(payload);
    const code = await running.exited;
    if (code !== 0) throw new Error(`the Go client ended with ${code}: ${running.said()}`);
  },

  async runServer(run) {
    return await serverThatPrintsItsPort(
      startGo(run, run.key, ['-role', 'server', ...(run.clientKey ? ['-client-auth'] : [])]),
    );
  },
};
