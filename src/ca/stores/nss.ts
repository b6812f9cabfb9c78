import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { findProgram, foldersIn, type Host } from './host.ts';
import { type RootToTrust, rootId, rootNamed, rootsIn, type TrustStore } from './store.ts';
import { failed, withFile } from './system.ts';

/** Programs that keep their roots in `~/.pki/nssdb`. */
const chromiums = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'microsoft-edge',
  'brave-browser',
];

/** The NSS databases of this user: Chromium's (Linux) and each Firefox profile's. */
export function nssStores(host: Host): TrustStore[] {
  const { home } = host;
  const shared = join(home, '.pki', 'nssdb');
  const places: [string, string][] = [];
  const chromium = host.platform === 'linux' && findProgram(host, ...chromiums) !== undefined;
  if (existsSync(join(shared, 'cert9.db')) || chromium) places.push([shared, 'Chromium, Chrome, Edge, Brave']);
  const snap = join(home, 'snap', 'chromium', 'current', '.pki', 'nssdb');
  if (existsSync(join(snap, 'cert9.db'))) places.push([snap, 'Chromium (snap)']);
  for (const folder of [
    join(home, '.mozilla', 'firefox'),
    join(home, 'snap', 'firefox', 'common', '.mozilla', 'firefox'),
    join(home, '.var', 'app', 'org.mozilla.firefox', '.mozilla', 'firefox'),
    join(home, 'Library', 'Application Support', 'Firefox', 'Profiles'),
    join(home, 'AppData', 'Roaming', 'Mozilla', 'Firefox', 'Profiles'),
  ]) {
    for (const profile of foldersIn(folder)) {
      if (existsSync(join(profile, 'cert9.db'))) places.push([profile, `Firefox (profile ${basename(profile)})`]);
    }
  }
  return places.map(([where, usedBy]) => nssStore(host, where, usedBy));
}

/** Windows has a `certutil` of its own, which is another program. */
function nssTool(host: Host): string {
  const tool = host.platform === 'win32' ? undefined : findProgram(host, 'certutil');
  if (tool !== undefined) return tool;
  throw failed(
    'NSS certutil is missing',
    'install libnss3-tools (Debian), nss-tools (Fedora, Alpine) or nss (Homebrew)',
  );
}

function nssStore(host: Host, where: string, usedBy: string): TrustStore {
  const database = `sql:${where}`;
  /** PEM of the certificate under a nickname, and of every other one with the same subject: certutil gives all. */
  const named = async (id: string) => (await host.run(nssTool(host), ['-L', '-d', database, '-n', id, '-a'])).stdout;
  return {
    kind: 'nss',
    name: `NSS database of ${usedBy}`,
    where,
    usedBy,
    async has(root) {
      if (!existsSync(join(where, 'cert9.db'))) return false;
      return rootsIn(await named(root.id)).some(({ sha256 }) => sha256 === root.sha256);
    },
    async list() {
      if (!existsSync(join(where, 'cert9.db'))) return [];
      const { stdout } = await host.run(nssTool(host), ['-L', '-d', database]);
      const lines = Buffer.from(stdout).toString().split('\n');
      const roots: RootToTrust[] = [];
      for (const id of lines.flatMap((line) => new RegExp(`^${rootId.source}(?=\\s)`).exec(line) ?? [])) {
        roots.push(...rootNamed(id, await named(id)));
      }
      return roots;
    },
    async add(root) {
      const tool = nssTool(host);
      if (!existsSync(join(where, 'cert9.db'))) {
        await mkdir(where, { recursive: true, mode: 0o700 });
        const made = await host.run(tool, ['-N', '-d', database, '--empty-password']);
        if (made.status !== 0) throw failed('certutil -N failed', made.stderr);
      }
      await withFile(root, async (file) => {
        // C: a trusted authority for servers; not for e-mail, not for code.
        const args = ['-A', '-d', database, '-t', 'C,,', '-n', root.id, '-i', file];
        const { status, stderr } = await host.run(tool, args);
        if (status !== 0) throw failed('certutil -A failed', stderr);
      });
    },
    async remove(root) {
      const { status, stderr } = await host.run(nssTool(host), ['-D', '-d', database, '-n', root.id]);
      if (status !== 0) throw failed('certutil -D failed', stderr);
    },
    byHand: (root, what, file) => [
      what === 'add'
        ? `certutil -A -d "${database}" -t C,, -n ${root.id} -i ${file}`
        : `certutil -D -d "${database}" -n ${root.id}`,
    ],
  };
}
