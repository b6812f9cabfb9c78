import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodePem } from '../../bytes/pem.ts';
import { parseCertificate } from '../../pki/certificate.ts';
import { caError } from '../error.ts';
import { findProgram, type Host } from './host.ts';
import { type RootToTrust, rootId, rootNamed, rootsIn, rootToTrust, type TrustStore } from './store.ts';

interface LinuxFlavour {
  readonly name: string;
  /** Where administrators put roots. */
  readonly folder: string;
  readonly extension: string;
  /** What makes the bundle that programs read. */
  readonly update: readonly [string, ...string[]];
  /** The same where a root was taken out: without it Debian leaves links behind that lead nowhere. */
  readonly refresh: readonly [string, ...string[]];
}

const linuxFlavours: readonly LinuxFlavour[] = [
  {
    name: 'Debian, Ubuntu, Alpine',
    folder: '/usr/local/share/ca-certificates',
    extension: 'crt',
    update: ['update-ca-certificates'],
    refresh: ['update-ca-certificates', '--fresh'],
  },
  {
    name: 'RHEL, Fedora',
    folder: '/etc/pki/ca-trust/source/anchors',
    extension: 'pem',
    update: ['update-ca-trust', 'extract'],
    refresh: ['update-ca-trust', 'extract'],
  },
  {
    name: 'Arch',
    folder: '/etc/ca-certificates/trust-source/anchors',
    extension: 'crt',
    update: ['trust', 'extract-compat'],
    refresh: ['trust', 'extract-compat'],
  },
  {
    name: 'SUSE',
    folder: '/etc/pki/trust/anchors',
    extension: 'pem',
    update: ['update-ca-certificates'],
    refresh: ['update-ca-certificates', '-f'],
  },
];

/** The store of the operating system, or `undefined` for a system that is not known. */
export function systemStore(host: Host): TrustStore | undefined {
  if (host.platform === 'darwin') return macStore(host);
  if (host.platform === 'win32') return windowsStore(host);
  if (host.platform !== 'linux') return undefined;
  const flavour = linuxFlavours.find(
    ({ folder, update }) => existsSync(host.prefix + folder) && findProgram(host, update[0]) !== undefined,
  );
  // Alpine and slim images have the tool before they have the folder.
  const fallback = findProgram(host, 'update-ca-certificates') === undefined ? undefined : linuxFlavours[0];
  const chosen = flavour ?? fallback;
  return chosen === undefined ? undefined : linuxStore(host, chosen);
}

function linuxStore(host: Host, flavour: LinuxFlavour): TrustStore {
  const folder = host.prefix + flavour.folder;
  const fileOf = (root: RootToTrust) => join(folder, `${root.id}.${flavour.extension}`);
  const run = async ([program, ...words]: LinuxFlavour['update']) => {
    const { status, stderr } = await host.run(program, words);
    if (status !== 0) throw failed(`${[program, ...words].join(' ')} failed`, stderr);
  };
  return {
    kind: 'system',
    name: `system store (${flavour.name})`,
    where: folder,
    usedBy: 'curl, wget, git, Python, Go, Rust and most other programs',
    async has(root) {
      try {
        return sameCertificate(await readFile(fileOf(root)), root);
      } catch {
        return false;
      }
    },
    async list() {
      const names = await readdir(folder).catch((): string[] => []);
      const ids = names.flatMap(
        (name) => new RegExp(`^(${rootId.source})\\.${flavour.extension}$`).exec(name)?.[1] ?? [],
      );
      const files = await Promise.all(
        ids.map(async (id) => rootNamed(id, await readFile(join(folder, `${id}.${flavour.extension}`)))),
      );
      return files.flat();
    },
    async add(root) {
      await mkdir(folder, { recursive: true });
      await writeFile(fileOf(root), root.pem, { mode: 0o644 });
      try {
        await run(flavour.update);
      } catch (error) {
        // A file that no bundle was made from would look like a root that is in.
        await rm(fileOf(root), { force: true });
        throw error;
      }
    },
    async remove(root) {
      await rm(fileOf(root), { force: true });
      try {
        await run(flavour.refresh);
      } catch (error) {
        // The bundle still has it: so it can be taken out another time.
        await writeFile(fileOf(root), root.pem, { mode: 0o644 });
        throw error;
      }
    },
    byHand: (root, what, file) =>
      what === 'add'
        ? [`sudo cp ${file} ${fileOf(root)}`, `sudo ${flavour.update.join(' ')}`]
        : [`sudo rm ${fileOf(root)}`, `sudo ${flavour.refresh.join(' ')}`],
  };
}

const macKeychain = '/Library/Keychains/System.keychain';

function macStore(host: Host): TrustStore {
  return {
    kind: 'system',
    name: 'system keychain (macOS)',
    where: macKeychain,
    usedBy: 'Safari, Chrome, curl and every program that asks macOS',
    async has(root) {
      const { stdout } = await host.run('security', ['find-certificate', '-a', '-Z', macKeychain]);
      return Buffer.from(stdout).toString().toLowerCase().includes(root.sha256);
    },
    async list() {
      const { stdout } = await host.run('security', ['find-certificate', '-a', '-p', '-c', defaultName, macKeychain]);
      return rootsIn(stdout).filter(hasDefaultName);
    },
    add: (root) =>
      withFile(root, async (file) => {
        const args = ['add-trusted-cert', '-d', '-r', 'trustRoot', '-k', macKeychain, file];
        const { status, stderr } = await host.run('security', args);
        if (status !== 0) throw failed('security add-trusted-cert failed', stderr);
      }),
    remove: (root) =>
      withFile(root, async (file) => {
        await host.run('security', ['remove-trusted-cert', '-d', file]);
        const { status, stderr } = await host.run('security', ['delete-certificate', '-Z', root.sha1, macKeychain]);
        if (status !== 0) throw failed('security delete-certificate failed', stderr);
      }),
    byHand: (root, what, file) =>
      what === 'add'
        ? [`sudo security add-trusted-cert -d -r trustRoot -k ${macKeychain} ${file}`]
        : [
            ...(file === undefined ? [] : [`sudo security remove-trusted-cert -d ${file}`]),
            `sudo security delete-certificate -Z ${root.sha1} ${macKeychain}`,
          ],
  };
}

function windowsStore(host: Host): TrustStore {
  return {
    kind: 'system',
    name: 'root store of the user (Windows)',
    where: 'CurrentUser\\Root',
    usedBy: 'Edge, Chrome, curl and every program that asks Windows',
    async has(root) {
      return (await host.run('certutil', ['-user', '-verifystore', 'Root', root.sha1])).status === 0;
    },
    async list() {
      const { stdout } = await host.run('certutil', ['-user', '-store', 'Root']);
      // Certificates are divided by lines of "="; what else is said is in the language of the machine.
      const entries = Buffer.from(stdout)
        .toString('latin1')
        .split(/^=.*=\s*$/m);
      const hashes = entries.flatMap((text) => {
        if (!text.includes(`CN=${defaultName} `)) return [];
        return /\(sha1\): *((?:[0-9a-f]{2} ?){20})/i.exec(text)?.[1]?.replaceAll(' ', '') ?? [];
      });
      const folder = await mkdtemp(join(tmpdir(), 'handfast-'));
      try {
        const roots: RootToTrust[] = [];
        for (const hash of hashes) {
          const file = join(folder, `${hash}.crt`);
          await host.run('certutil', ['-user', '-store', 'Root', hash, file]);
          roots.push(rootToTrust(new Uint8Array(await readFile(file))));
        }
        return roots.filter(hasDefaultName);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    add: (root) =>
      withFile(root, async (file) => {
        const { status, stderr } = await host.run('certutil', ['-user', '-addstore', '-f', 'Root', file]);
        if (status !== 0) throw failed('certutil -addstore failed', stderr);
      }),
    async remove(root) {
      const { status, stderr } = await host.run('certutil', ['-user', '-delstore', 'Root', root.sha1]);
      if (status !== 0) throw failed('certutil -delstore failed', stderr);
    },
    byHand: (root, what, file) => [
      what === 'add' ? `certutil -user -addstore -f Root ${file}` : `certutil -user -delstore Root ${root.sha1}`,
    ],
  };
}

/** How the name of an authority begins that was given none; six digits follow. */
const defaultName = 'Handfast authority';

function hasDefaultName({ der }: RootToTrust): boolean {
  try {
    const { subject, selfIssued } = parseCertificate(der);
    return selfIssued && new RegExp(`${defaultName} [0-9a-f]{6}$`).test(Buffer.from(subject).toString('latin1'));
  } catch {
    return false;
  }
}

/** Gives the root to a tool that wants a file. */
export async function withFile<T>(root: RootToTrust, use: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'handfast-'));
  try {
    const file = join(folder, `${root.id}.pem`);
    await writeFile(file, root.pem);
    return await use(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whether a PEM file holds this certificate. */
export function sameCertificate(pem: Uint8Array, root: RootToTrust): boolean {
  return decodePem(Buffer.from(pem).toString()).some(({ bytes }) => Buffer.compare(bytes, root.der) === 0);
}

/** `ERR_TLS_CA_TRUST` with the last lines of what a tool said. */
export function failed(what: string, stderr: string): Error {
  const why = stderr.trim().split('\n').slice(-3).join(' ');
  return caError('ERR_TLS_CA_TRUST', why === '' ? what : `${what}: ${why}`);
}
