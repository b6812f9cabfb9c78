import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type IdentityName, rootFile, testIdentity } from '../../helpers/pki.ts';
import { type Case, clientIdentity, everything, type Group, groupsOf } from '../cases.ts';
import { checkEcho, type Peer } from '../peer.ts';
import { programVersion, run as runToEnd, start, temporaryFolder } from '../processes.ts';

const groups: Record<Group, string> = {
  X25519MLKEM768: 'mlkem768x25519',
  x25519: 'x25519',
  secp256r1: 'P256',
  secp384r1: 'P384',
  secp521r1: 'P521',
};

const databases = new Map<IdentityName, Promise<string>>();

/** A database of NSS, in which the test root is trusted and the identity has the nickname `own`. */
export function database(name: IdentityName): Promise<string> {
  const made = databases.get(name) ?? makeDatabase(name);
  databases.set(name, made);
  return made;
}

async function makeDatabase(name: IdentityName): Promise<string> {
  const folder = temporaryFolder();
  const { chainFile, keyFile } = testIdentity(name);
  const [bundle, noise] = [join(folder, 'own.p12'), join(folder, 'noise')];
  writeFileSync(noise, String(Math.random()).repeat(8));
  const at = ['-d', `sql:${folder}`];
  await runToEnd('certutil', ['-N', ...at, '--empty-password', '-z', noise]);
  await runToEnd('certutil', ['-A', ...at, '-n', 'root', '-t', 'CT,C,C', '-i', rootFile]);
  const from = ['-inkey', keyFile, '-in', chainFile, '-name', 'own', '-passout', 'pass:pw', '-out', bundle];
  await runToEnd('openssl', ['pkcs12', '-export', ...from]);
  await runToEnd('pk12util', ['-i', bundle, ...at, '-W', 'pw']);
  return folder;
}

/** What NSS is, by the library that its programs load: they don't say. */
export async function nssVersion(): Promise<string | undefined> {
  if ((await programVersion('tstclnt', [], /Usage: +(tstclnt)/)) === undefined) return undefined;
  const find =
    'for f in $(ldd "$(command -v tstclnt)" | grep -o "/[^ ]*libnss3[.]so"); do strings "$f" | grep "^3[.]"; done';
  return (await programVersion('sh', ['-c', find], /^(3\.\d+[.\d]*)$/m)) ?? 'of unknown version';
}

function common(run: Case): string[] {
  const version = `tls${run.version}`;
  return [
    ...['-V', `${version}:${version}`, '-c', `:${run.suite.code.toString(16).padStart(4, '0')}`],
    ...(run.group
      ? [
          '-I',
          groupsOf(run, run.role)
            .map((group) => groups[group])
            .join(','),
        ]
      : []),
  ];
}

/** NSS's `tstclnt`; its `selfserv` takes no megabyte and sends none back. */
export const nss: Peer = {
  name: 'NSS',
  quick: false,
  speaks: 'http',
  version: nssVersion,
  // Its TLS has no Ed25519, and by default it takes no RSASSA-PSS keys.
  can: (role) => {
    const without = everything.keys.filter((key) => key !== 'ed25519' && key !== 'rsa-pss');
    return role === 'server' ? undefined : { ...everything, keys: without, clientKeys: ['ecdsa-p256', 'rsa'] };
  },
  fixes: () => ['version', 'suite', 'groups'],

  async runClient(run, port, payload) {
    const identity = clientIdentity(run);
    const folder = await database(identity ?? 'client-ecdsa-p256');
    const program = start('tstclnt', [
      ...['-h', '127.0.0.1', '-p', String(port), '-a', 'localhost', '-4', '-d', `sql:${folder}`, ...common(run)],
      ...(identity ? ['-n', 'own'] : []),
    ]);
    try {
      const head = `POST /echo HTTP/1.0\r\nhost: localhost\r\ncontent-length: ${payload.length}\r\n\r\n`;
      const parts: Buffer[] = [];
      program.stdout.on('data', (part: Buffer) => parts.push(part));
      // It ends when the server does.
      program.stdin.end(Buffer.concat([Buffer.from(head), payload]));
      const code = await program.exited;
      const answer = Buffer.concat(parts);
      checkEcho(answer.subarray(answer.indexOf('\r\n\r\n') + 4), payload);
      if (code !== 0) throw new Error(`tstclnt ended with ${code}`);
    } catch (error) {
      throw new Error(`${(error as Error).message}; tstclnt said: ${program.said()}`);
    } finally {
      await program.stop();
    }
  },
};
