import { check, text } from '../../bytes/check.ts';
import { checkDer, checkTrustOptions } from '../check-options.ts';
import { type Host, thisHost } from './host.ts';
import { javaStores } from './java.ts';
import { nssStores } from './nss.ts';
import { rootToTrust, type TrustStore } from './store.ts';
import { systemStore } from './system.ts';

/** Which stores, of which machine. */
export interface TrustOptions {
  /** Stores to act on; all that are found where absent. */
  readonly kinds?: readonly TrustStore['kind'][] | undefined;
  /** The root as a PEM file, for the lines that a person types; may be gone where a root is taken out. */
  readonly rootFile?: string | undefined;
  readonly host?: Host | undefined;
}

/** What became of one store. */
export interface TrustOutcome {
  readonly store: TrustStore;
  readonly outcome: 'added' | 'was there' | 'removed' | 'was not there' | 'failed';
  readonly why?: string;
  /** Where it failed: commands that do it, with the rights they need. */
  readonly byHand?: readonly string[];
}

/** The trust stores of this machine and user. */
export function findTrustStores(options: Pick<TrustOptions, 'kinds' | 'host'> = {}): TrustStore[] {
  checkTrustOptions(options);
  const host = options.host ?? thisHost();
  const system = systemStore(host);
  // The system first: on Debian it renews Java's store, so that Java is not asked in vain.
  const all = [...(system === undefined ? [] : [system]), ...nssStores(host), ...javaStores(host)];
  return all.filter(({ kind }) => options.kinds?.includes(kind) ?? true);
}

/** A root that Handfast put into a store. */
export interface TrustedRoot {
  readonly der: Uint8Array;
  /** Its name in the stores: `handfast-` and the first digits of its SHA-256. */
  readonly id: string;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly stores: readonly TrustStore[];
}

/**
 * What the stores hold of Handfast: also where the authority's folder is gone. A store that can't be read counts as empty
 * and is named in `unread`.
 */
export async function findTrustedRoots(
  options: Pick<TrustOptions, 'kinds' | 'host'> = {},
): Promise<{ readonly roots: TrustedRoot[]; readonly unread: { readonly store: TrustStore; readonly why: string }[] }> {
  checkTrustOptions(options);
  const found = new Map<string, TrustedRoot & { readonly stores: TrustStore[] }>();
  const unread: { store: TrustStore; why: string }[] = [];
  for (const store of findTrustStores(options)) {
    try {
      for (const { der, id, sha256 } of await store.list()) {
        const known = found.get(sha256) ?? { der, id, sha256, stores: [] };
        known.stores.push(store);
        found.set(sha256, known);
      }
    } catch (error) {
      unread.push({ store, why: error instanceof Error ? error.message : String(error) });
    }
  }
  return { roots: [...found.values()], unread };
}

/** Puts a root into the trust stores. A store that fails doesn't keep the others from it. */
export async function trustRoot(
  root: Uint8Array,
  options: TrustOptions & { readonly rootFile: string },
): Promise<TrustOutcome[]> {
  checkDer(root, 'trustRoot: root');
  checkTrustOptions(options);
  return eachStore(root, options, 'add', async (store, it) => {
    if (await store.has(it)) return 'was there';
    await store.add(it);
    if (!(await store.has(it))) throw new Error('the tool reported success, but the root is not in the store');
    return 'added';
  });
}

/** Takes a root out of the trust stores: this one certificate, by its fingerprint, and nothing else. */
export async function untrustRoot(root: Uint8Array, options: TrustOptions): Promise<TrustOutcome[]> {
  checkDer(root, 'untrustRoot: root');
  checkTrustOptions(options);
  return eachStore(root, options, 'remove', async (store, it) => {
    if (!(await store.has(it))) return 'was not there';
    await store.remove(it);
    if (await store.has(it)) throw new Error('the tool reported success, but the root is still in the store');
    return 'removed';
  });
}

async function eachStore(
  der: Uint8Array,
  options: TrustOptions,
  what: 'add' | 'remove',
  act: (store: TrustStore, root: ReturnType<typeof rootToTrust>) => Promise<TrustOutcome['outcome']>,
): Promise<TrustOutcome[]> {
  const root = rootToTrust(der);
  const outcomes: TrustOutcome[] = [];
  // One after the other: tools of one store don't like company.
  for (const store of findTrustStores(options)) {
    try {
      outcomes.push({ store, outcome: await act(store, root) });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      outcomes.push({ store, outcome: 'failed', why, byHand: store.byHand(root, what, options.rootFile) });
    }
  }
  return outcomes;
}

/** How programs that look into no store are told of the root: what a person types, or does. */
export function trustLines(rootFile: string): { readonly program: string; readonly line: string }[] {
  check(text, rootFile, 'trustLines: rootFile');
  const file = /[\s'"$]/.test(rootFile) ? `"${rootFile}"` : rootFile;
  return [
    { program: 'Node', line: `export NODE_EXTRA_CA_CERTS=${file}` },
    { program: 'Node 22.15 and later, from the system store', line: 'node --use-system-ca …' },
    { program: 'Deno', line: `export DENO_CERT=${file}` },
    { program: 'Bun', line: `export NODE_EXTRA_CA_CERTS=${file}` },
    { program: 'curl', line: `curl --cacert ${file} https://…` },
    // What these two are told takes the place of all other roots: so it is said for one program, and for one site.
    { program: 'Python requests', line: `REQUESTS_CA_BUNDLE=${file} python …` },
    { program: 'git', line: `git config --global http.https://HOST/.sslCAInfo ${file}` },
    {
      program: 'iPhone, iPad',
      line: 'send the file to the device, install the profile in Settings, then switch it on under General > About > Certificate Trust Settings',
    },
    {
      program: 'Android',
      line: 'copy the file to the device; Settings > Security > Encryption & credentials > Install a certificate > CA certificate (browsers trust it, apps only where they say so)',
    },
  ];
}
