import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type IdentityName, rootFile, testIdentity } from '../../helpers/pki.ts';
import { type Case, clientIdentity, everything, type Group, groupsOf } from '../cases.ts';
import type { Peer } from '../peer.ts';
import { programVersion, type Running, run as runToEnd, start } from '../processes.ts';
import { serverThatPrintsItsPort } from './program-server.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'rustls');
/** Kept from one run to the next: AWS-LC, which is C, takes minutes to compile. */
const target = join(folder, '..', '..', '..', '..', 'node_modules', '.cache', 'interop-rustls');
/** The compiled program, once `prepare` is done. */
export const program = join(target, 'debug', 'handfast-interop-rustls');

const codes: Partial<Record<Group, number>> = { X25519MLKEM768: 0x11ec, x25519: 29, secp256r1: 23, secp384r1: 24 };

function startRustls(run: Case, identity: IdentityName | undefined, more: string[]): Running {
  const files = identity && testIdentity(identity);
  return start(program, [
    ...['root', rootFile, 'version', run.version, 'suite', String(run.suite.code)],
    ...[
      'groups',
      groupsOf(run, run.role)
        .flatMap((group) => codes[group] ?? [])
        .join(','),
    ],
    ...(files ? ['cert', files.chainFile, 'key', files.keyFile] : []),
    ...more,
  ]);
}

/** rustls over AWS-LC. */
export const rustls: Peer = {
  name: 'rustls',
  quick: false,
  speaks: 'echo',
  async version() {
    if ((await programVersion('cargo', ['--version'], /^cargo (\S+)/m)) === undefined) return undefined;
    const lock = readFileSync(join(folder, 'Cargo.lock'), 'utf8');
    const of = (name: string) => new RegExp(`name = "${name}"\\nversion = "([^"]+)"`).exec(lock)?.[1];
    return `${of('rustls')} (aws-lc-rs ${of('aws-lc-rs')})`;
  },
  async prepare() {
    await runToEnd('cargo', ['build', '--locked', '--manifest-path', join(folder, 'Cargo.toml')], {
      env: { CARGO_TARGET_DIR: target },
      timeout: 900_000,
    });
  },
  // It has no P-521 for key exchange, so that as a client of TLS 1.2 it takes no certificates on that curve either
  // (RFC 8422, Section 5.1.1), and webpki knows no RSASSA-PSS keys.
  can: (role) => ({
    ...everything,
    groups: ['X25519MLKEM768', 'x25519', 'secp256r1', 'secp384r1'],
    keys: everything.keys.filter((key) => key !== 'rsa-pss' && !(key === 'ecdsa-p521' && role === 'client')),
  }),
  fixes: () => ['version', 'suite', 'groups'],

  async runClient(run, port, payload) {
    const running = startRustls(run, clientIdentity(run), ['role', 'client', 'port', String(port)]);
    running.stdout.resume();
    running.stdin.end(payload);
    const code = await running.exited;
    if (code !== 0) throw new Error(`the rustls client ended with ${code}: ${running.said()}`);
  },

  async runServer(run) {
    return await serverThatPrintsItsPort(
      startRustls(run, run.key, ['role', 'server', ...(run.clientKey ? ['clientAuth', 'yes'] : [])]),
    );
  },
};
