import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findProgram, type Host, realPath } from './host.ts';
import { type RootToTrust, rootId, rootNamed, type TrustStore } from './store.ts';
import { failed, sameCertificate, withFile } from './system.ts';

/** The password that every JDK ships its trust store with; it protects nothing. */
const storePassword = 'changeit';

/** The trust stores of the Java installations: that of `JAVA_HOME`, and that of the `java` in the PATH. */
export function javaStores(host: Host): TrustStore[] {
  const homes = new Set<string>();
  const named = host.env['JAVA_HOME'];
  if (named !== undefined && named !== '') homes.add(realPath(named));
  const tool = findProgram(host, 'keytool');
  if (tool !== undefined) homes.add(dirname(dirname(realPath(tool))));
  const stores = new Map<string, TrustStore>();
  for (const home of homes) {
    const keystore = [join(home, 'lib', 'security', 'cacerts'), join(home, 'jre', 'lib', 'security', 'cacerts')].find(
      (path) => existsSync(path),
    );
    const own = join(home, 'bin', host.platform === 'win32' ? 'keytool.exe' : 'keytool');
    const program = existsSync(own) ? own : tool;
    if (keystore === undefined || program === undefined) continue;
    // On Debian all of them are links to one file.
    const where = realPath(keystore);
    stores.set(where, javaStore(host, program, where));
  }
  return [...stores.values()];
}

function javaStore(host: Host, keytool: string, where: string): TrustStore {
  const store = ['-keystore', where, '-storepass', storePassword];
  return {
    kind: 'java',
    name: `Java trust store ${where}`,
    where,
    usedBy: 'Java programs',
    async has(root) {
      const { status, stdout } = await host.run(keytool, ['-exportcert', '-rfc', '-alias', root.id, ...store]);
      return status === 0 && sameCertificate(stdout, root);
    },
    async list() {
      const { stdout } = await host.run(keytool, ['-list', ...store]);
      const lines = Buffer.from(stdout).toString().split('\n');
      const roots: RootToTrust[] = [];
      for (const id of lines.flatMap((line) => new RegExp(`^${rootId.source}(?=,)`).exec(line) ?? [])) {
        roots.push(...rootNamed(id, (await host.run(keytool, ['-exportcert', '-rfc', '-alias', id, ...store])).stdout));
      }
      return roots;
    },
    add: (root) =>
      withFile(root, async (file) => {
        const args = ['-importcert', '-noprompt', '-trustcacerts', '-alias', root.id, '-file', file, ...store];
        const { status, stdout, stderr } = await host.run(keytool, args);
        if (status !== 0) throw failed('keytool -importcert failed', Buffer.from(stdout).toString() + stderr);
      }),
    async remove(root) {
      const { status, stdout, stderr } = await host.run(keytool, ['-delete', '-noprompt', '-alias', root.id, ...store]);
      if (status !== 0) throw failed('keytool -delete failed', Buffer.from(stdout).toString() + stderr);
    },
    byHand: (root, what, file) => {
      const words = what === 'add' ? `-importcert -noprompt -trustcacerts -file ${file}` : '-delete -noprompt';
      return [`sudo keytool ${words} -alias ${root.id} -keystore "${where}" -storepass ${storePassword}`];
    },
  };
}
